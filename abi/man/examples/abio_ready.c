/*
 * One buffer for many streams that are mostly idle: it is lent to
 * none of them while they wait.
 */
#include <abio.h>

static char shared[65536];

void have_read(abio_io io, const char *data, int32_t length);

/* Called with the event of abio_ready, whose token is the io. */
void readable(const struct abio_event *event)
{
	abio_io io = event->token;
	int32_t got;

	while ((got = abio_try_read(io, shared, sizeof(shared),
				    0)) > 0)
		have_read(io, shared, got);
	if (got != ABIO_WOULD_BLOCK ||
	    abio_ready(io, ABIO_INTEREST_READ, 0, io) < 0)
		abio_release(io); /* the end, or an error */
}
