/*
 * A read is cancelled; the bytes that come later are all there for
 * the next.
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
	struct abio_event event;
	abio_driver driver;
	abio_io reader;
	abio_io writer;
	char text[16];

	if (abio_driver_create(NULL, &driver) < 0 ||
	    abio_pipe(driver, 0, &reader, &writer) < 0)
		return 1;
	abio_read(reader, text, sizeof(text), 0, 1);
	printf("asked: %d\n", abio_cancel(reader, 1));
	/* `text` is still the library's: it is given back here. */
	event = finish(driver);
	printf("first: %s\n",
	       abio_error_name((int32_t)event.result));
	abio_try_write(writer, "every byte", 10, 0);
	abio_read(reader, text, sizeof(text), 0, 2);
	event = finish(driver);
	printf("second: %.*s\n", (int)event.result, text);
	abio_release(reader);
	abio_release(writer);
	abio_driver_shutdown(driver);
	while (abio_driver_close(driver) == ABIO_E_BUSY)
		finish(driver);
	return 0;
}
