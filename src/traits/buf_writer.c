/* Stub. */
#include "adapter.h"

int32_t impl_buf_writer(struct object *io, uint32_t capacity, uint32_t flags, abio_io *writer)
{
	(void)io, (void)capacity, (void)flags, (void)writer;
	return ABIO_E_UNSUPPORTED;
}
