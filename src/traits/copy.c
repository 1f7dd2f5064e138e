/* Stub. */
#include "adapter.h"

int32_t impl_copy(struct object *io, abio_io sink, uint64_t limit, uint32_t flags, uint64_t token)
{
	(void)io, (void)sink, (void)limit, (void)flags, (void)token;
	return ABIO_E_UNSUPPORTED;
}
