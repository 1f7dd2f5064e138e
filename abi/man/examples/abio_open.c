/*
 * A file to append to, made where there is none.
 */
#include <abio.h>
#include <string.h>

/* 0: the event will bring the io; or a code. */
int32_t open_log(abio_driver driver, const char *path,
		 uint64_t token)
{
	struct abio_open_options options = {
		.size = sizeof(options),
		.flags = ABIO_OPEN_CREATE | ABIO_OPEN_APPEND,
		.access = ABIO_ACCESS_WRITE,
		.mode = 0600,
	};

	return abio_open(driver, path, (uint32_t)strlen(path),
			 &options, token);
}
