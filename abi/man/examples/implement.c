/*
 * A stream that counts, implemented by one function; the lines are
 * the library's work.
 */
#include <abio.h>
#include <stdio.h>

struct counter {
	int next;
};

/* One number a call, until three are told. */
static int32_t count(void *user, void *data, uint32_t length)
{
	struct counter *counter = user;
	int32_t made;

	if (counter->next > 3)
		return ABIO_HOST_EOF;
	made = snprintf(data, length, "line %d\n", counter->next++);
	return made < (int32_t)length ? made : ABIO_E_LIMIT;
}

static const struct abio_read_impl reading = {
	.head = { .size = sizeof(reading),
		  .trait = ABIO_TRAIT_READ },
	.try_read = count,
};

static struct abio_event finish(abio_driver driver)
{
	struct abio_event event = { .result = ABIO_E_CLOSED };

	abio_driver_wait(driver, &event, sizeof(event), 1, -1);
	return event;
}

int main(void)
{
	const struct abio_table_head *tables[] = { &reading.head };
	struct abio_buffer_state state = { .size = sizeof(state) };
	struct counter counter = { .next = 1 };
	struct abio_event event;
	abio_buffer line;
	abio_driver driver;
	abio_io reader;
	abio_io object;

	if (abio_driver_create(NULL, &driver) < 0 ||
	    abio_buffer_alloc(80, 0, 0, &line) < 0 ||
	    abio_object_create(driver, tables, 1, &counter, 9,
			       &object) < 0 ||
	    abio_buf_reader(object, 0, 0, &reader) < 0)
		return 1;
	abio_release(object); /* the reader holds it */
	for (;;) {
		abio_buffer_set(line, 0, 0);
		abio_read_line(reader, line, 0, 1);
		event = finish(driver);
		if (event.result <= 0)
			break;
		abio_buffer_info(line, &state);
		printf("%.*s", (int)state.filled,
		       (const char *)state.data);
	}
	abio_buffer_release(line);
	abio_release(reader);
	event = finish(driver);
	if ((event.flags & ABIO_EVENT_RELEASED) != 0 &&
	    event.data == (uintptr_t)&counter)
		puts("the counter is the program's again");
	while (abio_driver_close(driver) == ABIO_E_BUSY)
		finish(driver);
	return 0;
}
