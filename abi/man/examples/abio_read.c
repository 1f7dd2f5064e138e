/*
 * Reads again and again.
 * The memory belongs to the library between the start and the
 * event, also when the read is cancelled meanwhile.
 */
#include <abio.h>

struct stream {
	abio_io io;
	char memory[4096];
};

void have_read(struct stream *stream, uint32_t length);

int32_t start_reading(struct stream *stream)
{
	return abio_read(stream->io, stream->memory,
			 sizeof(stream->memory), 0,
			 (uintptr_t)stream);
}

/* Called with the event. */
void read_ended(struct stream *stream,
		const struct abio_event *event)
{
	if (event->progress > 0)
		have_read(stream, (uint32_t)event->progress);
	if (event->result <= 0 || start_reading(stream) < 0)
		abio_release(stream->io); /* the end, or an error */
}
