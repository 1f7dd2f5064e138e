/*
 * A Unix socket by its path.
 */
#include <abio.h>
#include <string.h>

/* 0: the event will bring the io; or a code. */
int32_t connect_to(abio_driver driver, const char *path,
		   uint64_t token)
{
	struct abio_address address = {
		.size = sizeof(address), .family = ABIO_FAMILY_UNIX
	};
	size_t length = strlen(path);

	if (length > sizeof(address.data))
		return ABIO_E_ARGUMENT;
	memcpy(address.data, path, length);
	address.length = (uint32_t)length;
	return abio_connect(driver, &address, NULL, token);
}
