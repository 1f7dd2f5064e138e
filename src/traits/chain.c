/* Stub. */
#include "adapter.h"

int32_t impl_chain(struct object *io, abio_io next, uint32_t flags, abio_io *chained)
{
	(void)io, (void)next, (void)flags, (void)chained;
	return ABIO_E_UNSUPPORTED;
}
