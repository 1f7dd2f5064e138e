/*
 * A fixed amount of memory for any number of streams: when it is
 * out, whoever wants to read waits for a buffer.
 */
#include <abio.h>

/* ABIO_WOULD_BLOCK: all buffers are out; try again when one is
 * back. */
int32_t read_pooled(abio_driver driver, abio_io io, uint64_t token)
{
	abio_buffer buffer;
	int32_t error = abio_buffer_draw(driver, &buffer);

	if (error < 0)
		return error;
	error = abio_read_owned(io, buffer, 0, token);
	if (error < 0)
		abio_buffer_release(buffer);
	return error;
}

/* Called with the event, which brings the buffer home. */
void have_read(const struct abio_event *event)
{
	if ((event->flags & ABIO_EVENT_BUFFER) != 0)
		abio_buffer_release(event->handle);
}
