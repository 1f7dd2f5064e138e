/*
 * The end of a driver in a program that waits: what is in flight
 * ends first, and its events are taken.
 */
#include <abio.h>

/* Frees memory that was lent, releases an io that came too late. */
void take_back(const struct abio_event *event);

void end(abio_driver driver)
{
	struct abio_event event;

	abio_driver_shutdown(driver);
	while (abio_driver_close(driver) == ABIO_E_BUSY) {
		if (abio_driver_wait(driver, &event, sizeof(event),
				     1, -1) == 1)
			take_back(&event);
	}
}
