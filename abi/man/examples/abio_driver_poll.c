/*
 * What a host does when the driver's descriptor is readable:
 * everything that finished goes to whoever started it. Here a token
 * is the address of what waits, which is a number like any other.
 */
#include <abio.h>
#include <stddef.h>

struct waiter {
	void (*done)(struct waiter *waiter,
		     const struct abio_event *event);
};

static void give(const struct abio_event *event)
{
	struct waiter *waiter = (void *)(uintptr_t)event->token;

	if (waiter != NULL) /* a wake has no token */
		waiter->done(waiter, event);
}

/* Returns 0, or a code when the driver cannot go on now. */
int32_t pump(abio_driver driver)
{
	struct abio_event events[64];
	int32_t count;

	do {
		count = abio_driver_poll(driver, events,
					 sizeof(events[0]), 64);
		for (int32_t i = 0; i < count; i++)
			give(&events[i]);
	} while (count > 0);
	return count;
}
