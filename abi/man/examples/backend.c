/*
 * Says which backend a driver has, and why.
 */
#include <abio.h>
#include <stdio.h>

int main(void)
{
	struct abio_driver_options options = {
		.size = sizeof(options),
		.backend = ABIO_BACKEND_EPOLL,
	};
	struct abio_driver_state state = { .size = sizeof(state) };
	abio_driver driver;
	int32_t error = abio_driver_create(&options, &driver);

	if (error == 0)
		error = abio_driver_info(driver, &state);
	if (error < 0) {
		fprintf(stderr, "%s\n", abio_error_text(error));
		return 1;
	}
	puts((const char *)state.reason);
	if (state.fallback_error < 0)
		puts("slower than it could be");
	return abio_driver_close(driver) < 0;
}
