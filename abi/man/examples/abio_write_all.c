/*
 * All of a message, and what to do with the rest of one that was
 * interrupted.
 */
#include <abio.h>

static const char message[] =
	"all of it, or none of it is wasted\n";

int32_t send_from(abio_io io, uint64_t sent)
{
	return abio_write_all(
		io, message + sent,
		(uint32_t)(sizeof(message) - 1 - sent), 0, sent);
}

/* The token is how much was sent before. */
int32_t continue_after(abio_io io, const struct abio_event *event)
{
	if (event->result >= 0)
		return 0;
	return send_from(io, event->token + event->progress);
}
