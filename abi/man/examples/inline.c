/*
 * One call that tries first and starts only when it has to.
 */
#include <abio.h>

/* Called with what was read; 0 is the end, < 0 an error. */
void have_read(void *memory, int64_t result);

void next_read(abio_io io, void *memory, uint32_t length,
	       uint64_t token)
{
	int32_t now = abio_read(io, memory, length,
				ABIO_START_INLINE, token);

	if (now != ABIO_PENDING)
		have_read(memory, now); /* done: no event follows */
}
