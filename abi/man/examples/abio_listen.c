/*
 * A server that greets one client, and the client, in one program.
 */
#include <abio.h>
#include <stdio.h>

static struct abio_event finish(abio_driver driver)
{
	struct abio_event event = { .result = ABIO_E_CLOSED };

	abio_driver_wait(driver, &event, sizeof(event), 1, -1);
	return event;
}

int main(void)
{
	struct abio_address any_port = {
		.size = sizeof(any_port),
		.family = ABIO_FAMILY_IPV4,
		.length = 4,
		.data = { 127, 0, 0, 1 },
	};
	struct abio_io_info info = { .size = sizeof(info) };
	struct abio_event event;
	abio_driver driver;
	abio_io ends[2] = { 0, 0 };
	abio_io listener;
	char text[5];

	if (abio_driver_create(NULL, &driver) < 0 ||
	    abio_listen(driver, &any_port, NULL, &listener) < 0 ||
	    abio_info(listener, &info) < 0)
		return 1;
	abio_accept(listener, 0, 0);
	abio_connect(driver, &info.local, NULL, 1);
	for (int i = 0; i < 2; i++) {
		event = finish(driver);
		if (event.result < 0)
			return 1;
		ends[event.token] = event.handle;
	}
	abio_put(ends[0], "hello", 5);
	abio_read_exact(ends[1], text, sizeof(text), 0, 2);
	event = finish(driver);
	if (event.result == 5)
		printf("the client reads: %.5s\n", text);
	abio_release(ends[0]);
	abio_release(ends[1]);
	abio_release(listener);
	abio_driver_shutdown(driver);
	while (abio_driver_close(driver) == ABIO_E_BUSY)
		finish(driver);
	return 0;
}
