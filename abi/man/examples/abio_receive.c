/*
 * A stream as it arrives, in memory of the library's.
 */
#include <abio.h>
#include <stdio.h>

int main(void)
{
	struct abio_event event;
	abio_driver driver;
	abio_io reader;
	abio_io writer;

	if (abio_driver_create(NULL, &driver) < 0 ||
	    abio_pipe(driver, 0, &reader, &writer) < 0)
		return 1;
	abio_receive(reader, 0, 1);
	abio_try_write(writer, "as it comes", 11, 0);
	abio_release(writer);
	do {
		if (abio_driver_wait(driver, &event, sizeof(event),
				     1, -1) != 1)
			return 1;
		if ((event.flags & ABIO_EVENT_VIEW) != 0)
			printf("piece: %.*s\n", (int)event.result,
			       (const char *)(uintptr_t)event.data);
	} while ((event.flags & ABIO_EVENT_MORE) != 0);
	printf("end: %d, after %d bytes\n", (int)event.result,
	       (int)event.progress);
	abio_release(reader);
	return abio_driver_close(driver) < 0;
}
