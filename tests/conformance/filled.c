/* See filled.h. */
#include "filled.h"

struct abio_event filled_show(struct test *t, abio_io io)
{
	return test_finish(t, START(t, abio_fill_buf, io, 0));
}

const char *filled_at(const struct abio_event *event)
{
	return (const char *)(uintptr_t)event->data;
}

/* Fills and consumes `length` bytes that are `data`, whatever the pieces. */
void filled_expect(struct test *t, abio_io io, const void *data, uint32_t length)
{
	uint32_t taken = 0;

	while (taken < length) {
		struct abio_event event = filled_show(t, io);
		uint32_t count;

		assert_true(event.result > 0);
		assert_int_equal(event.flags, ABIO_EVENT_VIEW);
		count = event.result < length - taken ? (uint32_t)event.result : length - taken;
		assert_memory_equal(filled_at(&event), (const char *)data + taken, count);
		assert_int_equal(abio_consume(io, count), 0);
		taken += count;
	}
}

abio_buffer filled_buffer(struct test *t, uint32_t capacity)
{
	abio_buffer buffer;

	(void)t;
	assert_int_equal(abio_buffer_alloc(capacity, 0, 0, &buffer), 0);
	return buffer;
}

struct abio_buffer_state filled_state(abio_buffer buffer)
{
	struct abio_buffer_state state = { .size = sizeof(state) };

	assert_int_equal(abio_buffer_info(buffer, &state), 0);
	return state;
}

void filled_holds(abio_buffer buffer, const void *data, uint32_t length)
{
	struct abio_buffer_state state = filled_state(buffer);

	assert_int_equal(state.lent, 0);
	assert_int_equal(state.filled, length);
	assert_true(state.initialized >= length);
	if (length > 0)
		assert_memory_equal(state.data, data, length);
}

/* The terminal event of a read into `buffer`, which comes home in every outcome. */
struct abio_event filled_home(struct test *t, uint64_t token, abio_buffer buffer)
{
	struct abio_event event = test_finish(t, token);

	assert_int_equal(event.flags, ABIO_EVENT_BUFFER);
	assert_int_equal(event.handle, buffer);
	return event;
}

/* Not lent as the harness lends: what was read ahead is copied at the start. */
int64_t filled_read(struct test *t, abio_io io, void *data, uint32_t length)
{
	return test_result(t, START(t, abio_read, io, data, length, 0));
}

int64_t filled_read_exact(struct test *t, abio_io io, void *data, uint32_t length)
{
	return test_result(t, START(t, abio_read_exact, io, data, length, 0));
}
