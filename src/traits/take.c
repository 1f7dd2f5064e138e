/* Stub. */
#include "adapter.h"

int32_t impl_take(struct object *io, uint64_t limit, uint32_t flags, abio_io *taken)
{
	(void)io, (void)limit, (void)flags, (void)taken;
	return ABIO_E_UNSUPPORTED;
}
