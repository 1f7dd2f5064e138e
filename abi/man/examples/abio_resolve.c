/*
 * The addresses are shown in the event; those that are wanted for
 * longer are copied before the next poll.
 */
#include <abio.h>
#include <stdio.h>

int main(void)
{
	const struct abio_address *first;
	struct abio_event event;
	abio_driver driver;

	if (abio_driver_create(NULL, &driver) < 0)
		return 1;
	abio_resolve(driver, "127.0.0.1", 9, 80, 0, 1);
	if (abio_driver_wait(driver, &event, sizeof(event), 1,
			     -1) != 1)
		return 1;
	if (event.result > 0) {
		first = (const void *)(uintptr_t)event.data;
		printf("%d address, port %u: %d.%d.%d.%d\n",
		       (int)event.result, first->port,
		       first->data[0], first->data[1],
		       first->data[2], first->data[3]);
	}
	return abio_driver_close(driver) < 0;
}
