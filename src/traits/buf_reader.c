/* Stub. */
#include "adapter.h"

int32_t impl_buf_reader(struct object *io, uint32_t capacity, uint32_t flags, abio_io *reader)
{
	(void)io, (void)capacity, (void)flags, (void)reader;
	return ABIO_E_UNSUPPORTED;
}
