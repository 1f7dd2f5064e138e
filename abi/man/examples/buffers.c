/*
 * A buffer goes on a journey and comes home, and memory of the
 * program's own is given back.
 */
#include <abio.h>
#include <stdio.h>

static char memory[32];

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
	abio_buffer buffer;
	abio_driver driver;
	abio_io reader;
	abio_io writer;

	if (abio_driver_create(NULL, &driver) < 0 ||
	    abio_pipe(driver, 0, &reader, &writer) < 0 ||
	    abio_buffer_wrap(driver, memory, sizeof(memory), 0, 7,
			     &buffer) < 0)
		return 1;
	abio_try_write(writer, "kept until it is home", 21, 0);
	abio_read_owned(reader, buffer, 0, 1);
	event = finish(driver);
	if ((event.flags & ABIO_EVENT_BUFFER) == 0)
		return 1;
	abio_buffer_info(buffer, &state);
	printf("home: %.*s\n", (int)state.filled, memory);
	abio_buffer_release(buffer);
	event = finish(driver);
	if ((event.flags & ABIO_EVENT_RELEASED) != 0)
		printf("released: token %d, %s\n", (int)event.token,
		       event.data == (uintptr_t)memory ? "memory"
						       : "?");
	abio_release(reader);
	abio_release(writer);
	abio_driver_shutdown(driver);
	while (abio_driver_close(driver) == ABIO_E_BUSY)
		finish(driver);
	return 0;
}
