/* Stub. */
#include "resource.h"

int32_t impl_object_create(struct driver *driver, const struct abio_table_head *const *impls,
			   uint32_t count, void *user, uint64_t token, abio_io *io)
{
	(void)driver, (void)impls, (void)count, (void)user, (void)token, (void)io;
	return ABIO_E_UNSUPPORTED;
}

int32_t impl_object_notify(struct object *io, uint32_t readiness)
{
	(void)io, (void)readiness;
	return ABIO_E_UNSUPPORTED;
}

int32_t impl_object_complete(struct object *io, uint64_t op, int32_t result, uint64_t value)
{
	(void)io, (void)op, (void)result, (void)value;
	return ABIO_E_UNSUPPORTED;
}
