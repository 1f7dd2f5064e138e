/*
 * Of two timers the one that is due first comes first, and the
 * other is given up.
 */
#include <abio.h>
#include <stdio.h>

enum {
	SOON = 1,
	LATE = 2
};

int main(void)
{
	struct abio_event event;
	abio_driver driver;

	if (abio_driver_create(NULL, &driver) < 0)
		return 1;
	abio_timer(driver, INT64_C(3600) * 1000000000, 0, LATE);
	abio_timer(driver, 1000000, 0, SOON);
	for (int i = 0; i < 2; i++) {
		if (abio_driver_wait(driver, &event, sizeof(event),
				     1, -1) != 1)
			return 1;
		printf("%s: %s\n",
		       event.token == SOON ? "soon" : "late",
		       event.result == 0
			       ? "due"
			       : abio_error_name(
					 (int32_t)event.result));
		if (event.token == SOON)
			abio_cancel(driver, LATE);
	}
	return abio_driver_close(driver) < 0;
}
