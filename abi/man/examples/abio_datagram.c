/*
 * One socket sends a message to another and is told who it was by
 * the address.
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
	struct abio_address loopback = {
		.size = sizeof(loopback),
		.family = ABIO_FAMILY_IPV4,
		.length = 4,
		.data = { 127, 0, 0, 1 },
	};
	struct abio_io_info server = { .size = sizeof(server) };
	struct abio_io_info client = { .size = sizeof(client) };
	struct abio_address from = { .size = sizeof(from) };
	struct abio_event event;
	abio_driver driver;
	abio_io to;
	abio_io by;
	char text[16];

	if (abio_driver_create(NULL, &driver) < 0 ||
	    abio_datagram(driver, &loopback, NULL, 0, &to) < 0 ||
	    abio_datagram(driver, &loopback, NULL, 0, &by) < 0 ||
	    abio_info(to, &server) < 0 ||
	    abio_info(by, &client) < 0)
		return 1;
	abio_receive_from(to, text, sizeof(text), &from, 0, 1);
	abio_try_send_to(by, "a message", 9, &server.local, 0);
	event = finish(driver);
	printf("%.*s, from %s\n", (int)event.result, text,
	       from.port == client.local.port ? "the other"
					      : "whom?");
	abio_release(to);
	abio_release(by);
	abio_driver_shutdown(driver);
	while (abio_driver_close(driver) == ABIO_E_BUSY)
		finish(driver);
	return 0;
}
