/*
 * Writing short-lived text, and waiting where the peer is slow.
 */
#include <abio.h>

enum {
	FLUSHED = 7
};

/*
 * Returns how much was taken.  Less than all: the event with the
 * token FLUSHED says when to put the rest.  < 0: the stream is
 * done.
 */
int32_t say(abio_io io, const char *text, uint32_t length)
{
	int32_t taken = abio_put(io, text, length);

	if (taken == ABIO_WOULD_BLOCK)
		taken = 0;
	if (taken >= 0 && (uint32_t)taken < length)
		abio_flush(io, 0, FLUSHED);
	return taken;
}
