/* Stub. */
#include "resource.h"

int32_t impl_datagram(struct driver *driver, const struct abio_address *local,
		      const struct abio_address *peer, uint32_t flags, abio_io *io)
{
	(void)driver, (void)local, (void)peer, (void)flags, (void)io;
	return ABIO_E_UNSUPPORTED;
}
