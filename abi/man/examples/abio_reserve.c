/*
 * A message is formatted where it is sent from.
 */
#include <abio.h>
#include <stdio.h>

/* ABIO_WOULD_BLOCK: start abio_reserve, and come back by its event.
 */
int32_t say_number(abio_io io, int number)
{
	void *room;
	int32_t size = abio_try_reserve(io, 16, &room);

	if (size < 0)
		return size;
	size = snprintf(room, (size_t)size, "%d\n", number);
	return abio_commit(io, (uint32_t)size);
}
