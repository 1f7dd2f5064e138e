/*
 * A loop of the program's own, here poll(2), which watches a timer
 * of its own beside the driver.
 */
#include <abio.h>
#include <poll.h>
#include <stdio.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
	READING = 1
};

static char line[64];

/* Everything that finished; returns 1 when the program is done. */
static int pump(abio_driver driver)
{
	struct abio_event events[16];
	int done = 0;
	int32_t count;

	do {
		count = abio_driver_poll(driver, events,
					 sizeof(events[0]), 16);
		for (int32_t i = 0; i < count; i++) {
			if (events[i].token != READING)
				continue;
			printf("read: %.*s", (int)events[i].result,
			       line);
			done = 1;
		}
	} while (count > 0);
	return count < 0 || done;
}

int main(void)
{
	struct itimerspec soon = { .it_value = { .tv_nsec = 1 } };
	struct pollfd watched[2] = { { .events = POLLIN },
				     { .events = POLLIN } };
	abio_driver driver;
	abio_io reader;
	abio_io writer;
	int done = 0;

	if (abio_driver_create(NULL, &driver) < 0 ||
	    abio_pipe(driver, 0, &reader, &writer) < 0)
		return 1;
	watched[0].fd = abio_driver_fd(driver);
	watched[1].fd = timerfd_create(CLOCK_MONOTONIC,
				       TFD_CLOEXEC);
	timerfd_settime(watched[1].fd, 0, &soon, NULL);
	abio_read(reader, line, sizeof(line), 0, READING);
	while (!done && poll(watched, 2, -1) > 0) {
		if (watched[1].revents != 0) {
			puts("the program's own timer");
			close(watched[1].fd);
			watched[1].fd = -1;
			watched[1].revents = 0;
			abio_put(writer, "sent by the timer\n", 18);
		}
		if (watched[0].revents != 0)
			done = pump(driver);
	}
	abio_release(reader);
	abio_release(writer);
	abio_driver_shutdown(driver);
	while (abio_driver_close(driver) == ABIO_E_BUSY)
		if (poll(watched, 1, -1) > 0)
			pump(driver);
	return 0;
}
