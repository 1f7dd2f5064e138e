/*
 * Writes a file and reads it back, in a program without a loop of
 * its own.
 */
#include <abio.h>
#include <stdio.h>

/* Waits for the one operation that is in flight. */
static int64_t finish(abio_driver driver, struct abio_event *event)
{
	if (abio_driver_wait(driver, event, sizeof(*event), 1,
			     -1) != 1)
		return ABIO_E_CANCELED;
	return event->result;
}

static int64_t run(abio_driver driver)
{
	struct abio_open_options options = {
		.size = sizeof(options),
		.flags = ABIO_OPEN_CREATE | ABIO_OPEN_TRUNCATE,
		.access = ABIO_ACCESS_READ | ABIO_ACCESS_WRITE,
	};
	struct abio_event event;
	char text[64];
	int64_t got;
	abio_io file;

	got = abio_open(driver, "hello.txt", 9, &options, 1);
	if (got == 0)
		got = finish(driver, &event);
	if (got < 0)
		return got;
	file = event.handle;
	got = abio_write_all(file, "hello, file\n", 12, 0, 2);
	if (got == 0)
		got = finish(driver, &event);
	if (got >= 0)
		got = abio_read_at(file, text, sizeof(text), 0, 0,
				   3);
	if (got == 0)
		got = finish(driver, &event);
	if (got > 0)
		fwrite(text, 1, (size_t)got, stdout);
	abio_release(file);
	return got;
}

int main(void)
{
	struct abio_event event;
	abio_driver driver;
	int64_t got = abio_driver_create(NULL, &driver);

	if (got == 0)
		got = run(driver);
	if (got < 0)
		fprintf(stderr, "%s\n",
			abio_error_text((int32_t)got));
	abio_driver_shutdown(driver);
	while (abio_driver_close(driver) == ABIO_E_BUSY)
		finish(driver, &event);
	return got < 0;
}
