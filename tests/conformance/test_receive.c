/*
 * The stream of chunks: receive, its views, pausing, ending, and more streams than the pool has
 * buffers.  Over TCP, Unix socket and pipe.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "pool.h"

#define LARGE (4u << 20)

/* The next piece of a receive, appended to `data`; false at its terminal event. */
static bool next_piece(struct test *t, uint64_t token, char *data, uint64_t *total,
		       struct abio_event *event)
{
	*event = test_event(t);
	assert_int_equal(event->token, token);
	if ((event->flags & ABIO_EVENT_MORE) == 0) {
		assert_int_equal(event->flags, 0);
		assert_int_equal(event->data, 0);
		return false;
	}
	assert_int_equal(event->flags, ABIO_EVENT_MORE | ABIO_EVENT_VIEW);
	assert_in_range(event->result, 1, POOL_BUFFER_SIZE);
	memcpy(data + *total, (const void *)(uintptr_t)event->data, (size_t)event->result);
	*total += (uint64_t)event->result;
	assert_int_equal(event->progress, *total);
	return true;
}

static void gather_pieces(struct test *t, uint64_t token, char *data, uint64_t *total,
			  uint64_t upto)
{
	struct abio_event event;

	while (*total < upto)
		assert_true(next_piece(t, token, data, total, &event));
}

static void receive_delivers_as_it_arrives(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 100);
	uint64_t token = START(t, abio_receive, reader, 0);
	uint64_t total = 0;
	struct abio_event event;

	test_quiet(t);
	for (uint64_t i = 0; i < 5; i++) {
		test_send(peer, "abcd", 4);
		gather_pieces(t, token, data, &total, (i + 1) * 4);
		test_quiet(t);
	}
	assert_memory_equal(data, "abcdabcdabcdabcdabcd", 20);
	test_close_fd(t, peer);
	assert_false(next_piece(t, token, data, &total, &event));
	assert_int_equal(event.result, 0);
	assert_int_equal(event.progress, 20);
	assert_int_equal(test_result(t, START(t, abio_receive, reader, 0)), 0);
}

static void receive_takes_what_waited_already(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 100);
	uint64_t total = 0;
	struct abio_event event;
	uint64_t token;

	test_send(peer, "abcd", 4);
	test_close_fd(t, peer);
	token = START(t, abio_receive, reader, 0);
	gather_pieces(t, token, data, &total, 4);
	assert_false(next_piece(t, token, data, &total, &event));
	assert_int_equal(event.result, 0);
	assert_int_equal(event.progress, 4);
	assert_memory_equal(data, "abcd", 4);
}

static void receive_keeps_order_and_bytes(struct test *t)
{
	abio_io reader;
	abio_io writer;
	char *sent = test_memory(t, LARGE);
	char *got = test_memory(t, LARGE);
	uint64_t total = 0;
	uint64_t receiving;
	uint64_t writing;

	test_stream(t, &reader, &writer);
	test_fill(sent, LARGE, 3);
	receiving = START(t, abio_receive, reader, 0);
	writing = START(t, abio_write_all, writer, sent, LARGE, 0);
	while (total < LARGE) {
		struct abio_event event = test_event(t);

		if (event.token == writing) {
			assert_int_equal(event.result, LARGE);
			continue;
		}
		assert_int_equal(event.token, receiving);
		assert_true(event.result > 0);
		memcpy(got + total, (const void *)(uintptr_t)event.data, (size_t)event.result);
		total += (uint64_t)event.result;
	}
	assert_pattern(got, LARGE, 3);
}

static void a_view_lives_until_the_next_poll(struct test *t)
{
	abio_io first;
	abio_io second;
	int peers[2] = { test_reader(t, &first), test_reader(t, &second) };
	uint64_t tokens[2] = { START(t, abio_receive, first, 0),
			       START(t, abio_receive, second, 0) };
	struct abio_event events[4];
	int32_t count = 0;

	test_quiet(t);
	test_send(peers[0], "first", 5);
	test_send(peers[1], "other", 5);
	while (count < 2) {
		count = abio_driver_wait(t->driver, events, sizeof(events[0]), 4, TEST_PATIENCE_NS);
		if (count == 1) {
			/* One at a time is right too: this view is over then. */
			test_saw(t, &events[0]);
			return;
		}
	}
	assert_int_equal(count, 2);
	/* Starting and cancelling do not touch them; only the next poll does. */
	assert_int_equal(abio_cancel(first, tokens[0]), 1);
	assert_int_equal(abio_driver_submit(t->driver), 0);
	for (int32_t i = 0; i < count; i++) {
		test_saw(t, &events[i]);
		assert_int_equal(events[i].result, 5);
		assert_memory_equal((const void *)(uintptr_t)events[i].data,
				    events[i].token == tokens[0] ? "first" : "other", 5);
	}
}

static void receive_is_the_only_reader(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 10);
	struct abio_iovec iovec = { data, 10 };
	uint64_t token = START(t, abio_receive, reader, 0);

	for (int i = 0; i < 2; i++) {
		assert_int_equal(abio_receive(reader, 0, 1), ABIO_E_BUSY);
		assert_int_equal(abio_read(reader, data, 10, 0, 1), ABIO_E_BUSY);
		assert_int_equal(abio_read(reader, data, 10, ABIO_START_INLINE, 1), ABIO_E_BUSY);
		assert_int_equal(abio_read_exact(reader, data, 10, 0, 1), ABIO_E_BUSY);
		assert_int_equal(abio_readv(reader, &iovec, 1, 0, 1), ABIO_E_BUSY);
		assert_int_equal(abio_try_read(reader, data, 10, 0), ABIO_E_BUSY);
		assert_int_equal(abio_try_readv(reader, &iovec, 1, 0), ABIO_E_BUSY);
		test_quiet(t);
	}
	assert_int_equal(abio_receive_pause(reader), 0);
	assert_int_equal(abio_read(reader, data, 10, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_cancel(reader, token), 1);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	test_send(peer, "abc", 3);
	assert_int_equal(test_result(t, test_read(t, reader, data, 10)), 3);
}

static void receive_and_reads_take_turns(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 100);
	uint64_t total = 0;
	uint64_t token;
	struct abio_event event;

	for (uint64_t i = 0; i < 3; i++) {
		token = START(t, abio_receive, reader, 0);
		test_send(peer, "abcd", 4);
		total = 0;
		gather_pieces(t, token, data, &total, 4);
		assert_int_equal(abio_cancel(reader, token), 1);
		assert_false(next_piece(t, token, data, &total, &event));
		assert_int_equal(event.result, ABIO_E_CANCELED);
		assert_int_equal(event.progress, 4);
		test_send(peer, "efgh", 4);
		assert_int_equal(test_result(t, test_read_exact(t, reader, data + 4, 4)), 4);
		assert_memory_equal(data, "abcdefgh", 8);
	}
}

/* ---- pause and resume ------------------------------------------------------------------------ */

static void a_paused_receive_takes_at_most_one_piece(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, LARGE);
	char *chunk = test_memory(t, POOL_BUFFER_SIZE);
	uint64_t token = START(t, abio_receive, reader, 0);
	uint64_t total = 0;
	struct abio_event event;
	uint32_t pieces = 0;

	test_send(peer, "abcd", 4);
	gather_pieces(t, token, data, &total, 4);
	assert_int_equal(abio_receive_pause(reader), 0);
	assert_int_equal(abio_receive_pause(reader), 0);
	test_fill(chunk, 4000, 0);
	test_send(peer, chunk, 4000);
	/* What was taken already still comes, at most one piece; then nothing more. */
	while (test_has_come(t, token)) {
		assert_true(next_piece(t, token, data, &total, &event));
		pieces++;
	}
	assert_in_range(pieces, 0, 1);
	test_send(peer, chunk, 4000);
	test_quiet(t);
	test_quiet(t);
	assert_int_equal(abio_receive_resume(reader), 0);
	assert_int_equal(abio_receive_resume(reader), 0);
	gather_pieces(t, token, data, &total, 8004);
	assert_memory_equal(data, "abcd", 4);
	assert_pattern(data + 4, 4000, 0);
	assert_pattern(data + 4004, 4000, 0);
	test_quiet(t);
}

static void a_pause_lets_the_peer_feel_it(struct test *t)
{
	abio_io reader;
	abio_io writer;
	char *sent = test_memory(t, LARGE);
	char *got = test_memory(t, LARGE + POOL_BUFFER_SIZE);
	uint64_t total = 0;
	uint64_t receiving;
	uint64_t writing;

	test_stream(t, &reader, &writer);
	test_fill(sent, LARGE, 0);
	receiving = START(t, abio_receive, reader, 0);
	assert_int_equal(abio_receive_pause(reader), 0);
	writing = START(t, abio_write_all, writer, sent, LARGE, 0);
	assert_false(test_has_come(t, writing));
	assert_int_equal(abio_receive_resume(reader), 0);
	while (total < LARGE) {
		struct abio_event event = test_event(t);

		if (event.token == writing) {
			assert_int_equal(event.result, LARGE);
			continue;
		}
		assert_int_equal(event.token, receiving);
		memcpy(got + total, (const void *)(uintptr_t)event.data, (size_t)event.result);
		total += (uint64_t)event.result;
		/* Pausing and resuming in between loses nothing. */
		if (total % 3 == 0)
			assert_int_equal(abio_receive_pause(reader), 0);
		if (total % 6 == 0)
			test_gather(t);
		assert_int_equal(abio_receive_resume(reader), 0);
	}
	assert_pattern(got, LARGE, 0);
}

static void a_paused_receive_can_be_cancelled_or_end(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	uint64_t token = START(t, abio_receive, reader, 0);

	assert_int_equal(abio_receive_pause(reader), 0);
	test_quiet(t);
	assert_int_equal(abio_cancel(reader, token), 1);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	token = START(t, abio_receive, reader, 0);
	assert_int_equal(abio_receive_pause(reader), 0);
	test_close_fd(t, peer);
	test_quiet(t);
	assert_int_equal(abio_receive_resume(reader), 0);
	assert_int_equal(test_result(t, token), 0);
}

static void pause_without_receive_is_refused(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 4);
	uint64_t token;

	assert_int_equal(abio_receive_pause(reader), ABIO_E_ARGUMENT);
	assert_int_equal(abio_receive_resume(reader), ABIO_E_ARGUMENT);
	token = test_read(t, reader, data, 4);
	assert_int_equal(abio_receive_pause(reader), ABIO_E_ARGUMENT);
	test_quiet(t);
	assert_int_equal(abio_receive_resume(reader), ABIO_E_ARGUMENT);
	test_send(peer, "abcd", 4);
	assert_int_equal(test_result(t, token), 4);
	token = START(t, abio_receive, reader, 0);
	assert_int_equal(abio_receive_resume(reader), 0);
	test_close_fd(t, peer);
	assert_int_equal(test_result(t, token), 0);
	assert_int_equal(abio_receive_pause(reader), ABIO_E_ARGUMENT);
}

/* ---- endings --------------------------------------------------------------------------------- */

static void cancel_delivers_first_what_has_arrived(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 1000);
	uint64_t token = START(t, abio_receive, reader, 0);
	uint64_t total = 0;
	struct abio_event event;

	test_quiet(t);
	test_send(peer, "abcd", 4);
	assert_int_equal(abio_cancel(reader, token), 1);
	assert_int_equal(abio_cancel(reader, token), 0);
	while (next_piece(t, token, data, &total, &event))
		;
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_int_equal(event.progress, total);
	/* Delivered, or still in the stream: never lost. */
	if (total == 0)
		assert_int_equal(abio_try_read(reader, data, 1000, 0), 4);
	else
		assert_int_equal(total, 4);
	assert_memory_equal(data, "abcd", 4);
}

static void closing_ends_a_receive(struct test *t)
{
	abio_io reader;
	uint64_t receiving;
	uint64_t closing;
	struct abio_event event;

	test_reader(t, &reader);
	receiving = START(t, abio_receive, reader, 0);
	test_quiet(t);
	closing = START(t, abio_close, reader, 0);
	event = test_event(t);
	assert_int_equal(event.token, receiving);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	event = test_event(t);
	assert_int_equal(event.token, closing);
	assert_int_equal(event.result, 0);
}

static void a_reset_ends_a_receive(struct test *t)
{
	abio_io reader;
	int fds[2];
	uint64_t token;

	test_raw_pair(t, ABIO_KIND_TCP, fds);
	reader = test_adopt(t, t->driver, fds[0]);
	token = START(t, abio_receive, reader, 0);
	test_quiet(t);
	test_reset(t, fds[1]);
	assert_int_equal(test_result(t, token), -ECONNRESET);
}

static void receiving_and_writing_go_at_once(struct test *t)
{
	abio_io near;
	abio_io far;
	uint64_t echoing;
	uint64_t listening;
	uint64_t total = 0;
	char *got = test_memory(t, 100000);
	char *sent = test_memory(t, 100000);

	test_stream(t, &near, &far);
	test_fill(sent, 100000, 0);
	echoing = START(t, abio_receive, far, 0);
	listening = START(t, abio_receive, near, 0);
	for (uint32_t at = 0; at < 100000;) {
		int32_t taken = abio_put(near, sent + at, 100000 - at);

		assert_true(taken > 0);
		at += (uint32_t)taken;
	}
	while (total < 100000) {
		struct abio_event event = test_event(t);
		const void *view = (const void *)(uintptr_t)event.data;

		if (event.token == echoing) {
			assert_int_equal(abio_put(far, view, (uint32_t)event.result), event.result);
			continue;
		}
		assert_int_equal(event.token, listening);
		memcpy(got + total, view, (size_t)event.result);
		total += (uint64_t)event.result;
	}
	assert_pattern(got, 100000, 0);
}

/* ---- more streams than buffers --------------------------------------------------------------- */

#define STREAM_COUNT (POOL_BUFFERS + 64)
#define ROOM         (STREAM_COUNT + 192) /* events of one poll: no buffer comes back in between */

struct many {
	abio_io readers[STREAM_COUNT];
	int peers[STREAM_COUNT];
	uint64_t tokens[STREAM_COUNT];
	uint64_t got[STREAM_COUNT];
	struct abio_event events[ROOM];
};

static uint32_t index_of(const struct many *many, uint64_t token)
{
	assert_in_range(token, many->tokens[0], many->tokens[STREAM_COUNT - 1]);
	return (uint32_t)(token - many->tokens[0]);
}

/* Polls with room for all, so that no buffer comes back in between. */
static void take_round(struct test *t, struct many *many, uint64_t wanted)
{
	uint64_t total = 0;

	while (total < wanted) {
		int32_t count = abio_driver_wait(t->driver, many->events, sizeof(many->events[0]),
						 ROOM, TEST_PATIENCE_NS);

		assert_true(count > 0);
		for (int32_t i = 0; i < count; i++) {
			const struct abio_event *event = &many->events[i];
			uint32_t index = index_of(many, event->token);

			test_saw(t, event);
			assert_int_equal(event->flags, ABIO_EVENT_MORE | ABIO_EVENT_VIEW);
			assert_pattern((const void *)(uintptr_t)event->data, (size_t)event->result,
				       index * 1000 + many->got[index]);
			many->got[index] += (uint64_t)event->result;
			assert_int_equal(event->progress, many->got[index]);
			total += (uint64_t)event->result;
		}
	}
	assert_int_equal(total, wanted);
	test_quiet(t);
}

static void more_streams_than_buffers_lose_nothing(struct test *t)
{
	struct many *many = test_memory(t, sizeof(*many));
	char data[500];

	for (uint32_t i = 0; i < STREAM_COUNT; i++) {
		int fds[2];

		test_raw_pair(t, ABIO_KIND_UNIX, fds);
		many->readers[i] = test_adopt(t, t->driver, fds[0]);
		many->peers[i] = fds[1];
		many->tokens[i] = START(t, abio_receive, many->readers[i], 0);
	}
	for (uint64_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < STREAM_COUNT; i++) {
			test_fill(data, sizeof(data), i * 1000 + round * sizeof(data));
			test_send(many->peers[i], data, sizeof(data));
		}
		take_round(t, many, (uint64_t)STREAM_COUNT * sizeof(data));
	}
	for (uint32_t i = 0; i < STREAM_COUNT; i++)
		assert_int_equal(many->got[i], 3 * sizeof(data));
}

static void starved_streams_can_be_cancelled_and_closed(struct test *t)
{
	struct many *many = test_memory(t, sizeof(*many));
	uint32_t terminal = 0;

	for (uint32_t i = 0; i < STREAM_COUNT; i++) {
		int fds[2];

		test_raw_pair(t, ABIO_KIND_UNIX, fds);
		many->readers[i] = test_adopt(t, t->driver, fds[0]);
		many->peers[i] = fds[1];
		test_send(fds[1], "data", 4);
		many->tokens[i] = START(t, abio_receive, many->readers[i], 0);
	}
	/* Every buffer is filled and undelivered now: the rest of the streams waits. */
	assert_true(abio_driver_submit(t->driver) == 0);
	for (uint32_t i = 0; i < STREAM_COUNT; i++) {
		if (i % 3 == 0)
			assert_int_equal(abio_cancel(many->readers[i], many->tokens[i]), 1);
		else if (i % 3 == 1)
			START(t, abio_close, many->readers[i], 0);
		else
			assert_int_equal(abio_release(many->readers[i]), 0);
	}
	while (terminal < STREAM_COUNT + STREAM_COUNT / 3 + 1) {
		struct abio_event event = test_event(t);

		if ((event.flags & ABIO_EVENT_MORE) == 0) {
			assert_true(event.result == ABIO_E_CANCELED || event.result == 0);
			terminal++;
		}
	}
	test_quiet(t);
	for (uint32_t i = 0; i < STREAM_COUNT; i += 3) {
		char data[8];
		int32_t left = abio_try_read(many->readers[i], data, sizeof(data), 0);

		assert_true(left == 4 || left == ABIO_WOULD_BLOCK);
	}
}

static const struct test_case cases[] = {
	NATIVE(receive_delivers_as_it_arrives),
	NATIVE(receive_takes_what_waited_already),
	NATIVE(receive_keeps_order_and_bytes),
	NATIVE(a_view_lives_until_the_next_poll),
	NATIVE(receive_is_the_only_reader),
	NATIVE(receive_and_reads_take_turns),
	NATIVE(a_paused_receive_takes_at_most_one_piece),
	NATIVE(a_pause_lets_the_peer_feel_it),
	NATIVE(a_paused_receive_can_be_cancelled_or_end),
	NATIVE(pause_without_receive_is_refused),
	NATIVE(cancel_delivers_first_what_has_arrived),
	NATIVE(closing_ends_a_receive),
	CASE(a_reset_ends_a_receive),
	SOCKETS(receiving_and_writing_go_at_once),
	CASE(more_streams_than_buffers_lose_nothing),
	CASE(starved_streams_can_be_cancelled_and_closed),
};

TEST_MAIN("receive", cases)
