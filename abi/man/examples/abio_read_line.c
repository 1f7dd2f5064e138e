/*
 * Lines of a pipe, the last of them without an end.
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
	struct abio_buffer_state state = { .size = sizeof(state) };
	struct abio_event event;
	abio_driver driver;
	abio_buffer line;
	abio_io reader;
	abio_io writer;

	if (abio_driver_create(NULL, &driver) < 0 ||
	    abio_buffer_alloc(4096, 0, 0, &line) < 0 ||
	    abio_pipe(driver, 0, &reader, &writer) < 0)
		return 1;
	abio_try_write(writer, "one\ntwo\nthree", 13, 0);
	abio_release(writer);
	for (;;) {
		abio_buffer_set(line, 0, 0);
		abio_read_line(reader, line, 0, 1);
		event = finish(driver);
		if (event.result <= 0)
			break;
		abio_buffer_info(line, &state);
		printf("%d bytes: %.3s\n", (int)event.result,
		       (const char *)state.data);
	}
	abio_buffer_release(line);
	abio_release(reader);
	abio_driver_shutdown(driver);
	while (abio_driver_close(driver) == ABIO_E_BUSY)
		finish(driver);
	return event.result < 0;
}
