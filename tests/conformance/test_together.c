/* What the parts do to each other: a copy and a receive, a buffered writer and what closes under
 * it. */
#include <sys/socket.h>

#include "harness.h"

#define LARGE (1u << 20)

/* Copies into a pipe nobody reads until it is full, and is cancelled; how much was written. */
static uint64_t copy_and_cancel(struct test *t, abio_io source, int peer, char *data)
{
	abio_io reader;
	abio_io writer;
	struct abio_event event;
	uint64_t token;
	ssize_t sent;

	assert_int_equal(abio_pipe(t->driver, 0, &reader, &writer), 0);
	test_own(t, reader);
	test_own(t, writer);
	sent = send(peer, data, LARGE, MSG_DONTWAIT);
	assert_true(sent > 0);
	token = START(t, abio_copy, source, writer, UINT64_MAX, 0);
	for (int i = 0; i < 100; i++)
		test_gather(t);
	assert_int_equal(abio_cancel(t->driver, token), 1);
	event = test_finish(t, token);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_true(event.progress < (uint64_t)sent);
	return event.progress;
}

static void what_a_copy_gave_back_is_received(struct test *t)
{
	char *data = test_memory(t, LARGE);
	abio_io source;
	int peer = test_reader(t, &source);
	uint64_t written;
	uint64_t token;
	struct abio_event event;

	test_fill(data, LARGE, 0);
	written = copy_and_cancel(t, source, peer, data);
	token = START(t, abio_receive, source, 0);
	event = test_event(t);
	assert_int_equal(event.token, token);
	assert_true(event.result > 0);
	assert_pattern((const void *)(uintptr_t)event.data, (size_t)event.result, written);
	assert_int_equal(abio_cancel(t->driver, token), 1);
	while ((event.flags & ABIO_EVENT_MORE) != 0)
		event = test_event(t);
	assert_int_equal(event.result, ABIO_E_CANCELED);
}

static void a_buffered_writer_ends_over_a_closed_stream(struct test *t)
{
	abio_io inner;
	abio_io writer;
	uint64_t token;

	test_writer(t, &inner);
	assert_int_equal(abio_buf_writer(inner, 0, 0, &writer), 0);
	test_own(t, writer);
	assert_int_equal(abio_put(writer, "x", 1), 1);
	token = START(t, abio_close, inner, 0);
	assert_int_equal(abio_release(writer), 0);
	assert_int_equal(test_result(t, token), 0);
	test_quiet(t);
}

static void nothing_is_committed_while_a_reserve_waits(struct test *t)
{
	char *data = test_memory(t, LARGE);
	abio_io writer;
	uint32_t total = 0;
	uint64_t token;
	int32_t count;
	int peer;

	peer = test_writer(t, &writer);
	test_make_small(test_fd_of(writer));
	while ((count = abio_put(writer, data, LARGE / 16)) > 0 && total < 64 * LARGE) {
		total += (uint32_t)count;
		test_quiet(t);
	}
	assert_int_equal(count, ABIO_WOULD_BLOCK);
	token = START(t, abio_reserve, writer, LARGE / 8, 0);
	test_gather(t);
	if (test_has_come(t, token))
		test_skip(t, "the system took it all");
	assert_int_equal(abio_commit(writer, 0), 0);
	assert_int_equal(abio_commit(writer, 1), ABIO_E_ARGUMENT);
	while (!test_has_come(t, token) && recv(peer, data, LARGE / 16, 0) > 0)
		;
	assert_true(test_result(t, token) >= LARGE / 8);
	assert_int_equal(abio_commit(writer, 0), 0);
}

static const struct test_case cases[] = {
	SOCKETS(what_a_copy_gave_back_is_received),
	NATIVE(a_buffered_writer_ends_over_a_closed_stream),
	SOCKETS(nothing_is_committed_while_a_reserve_waits),
};

TEST_MAIN("together", cases)
