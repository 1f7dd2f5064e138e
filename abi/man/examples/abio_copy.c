/*
 * Sends a file to whoever is connected. Both ios are kept until the
 * event: the last release of one would cancel the copy.
 */
#include <abio.h>

#define TO_THE_END UINT64_MAX

/* The event's result is how many bytes were sent. */
int32_t send_file(abio_io file, abio_io peer, uint64_t token)
{
	return abio_copy(file, peer, TO_THE_END, 0, token);
}
