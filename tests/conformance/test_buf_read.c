/*
 * BufRead: filling, showing, consuming, lines, and how all of that mixes with reads.  The same
 * cases run over TCP, Unix socket and pipe natively, through one half, and through buffered readers
 * of several capacities.
 */
#include <errno.h>
#include <sys/socket.h>

#include "filled.h"
#include "poison.h"
#include "pool.h"

#define LARGE (1u << 20)
#define LINE  (3u * POOL_BUFFER_SIZE + 17)

/* How the io under test is made of a stream. */
static struct {
	bool reader;
	bool half;
	uint32_t capacity;
} through;

static abio_io wrap(struct test *t, abio_io inner)
{
	abio_io outer = inner;
	abio_io other;

	if (through.half) {
		assert_int_equal(abio_split(inner, &outer, &other), 0);
		test_own(t, outer);
		test_own(t, other);
		inner = outer;
	}
	if (through.reader) {
		assert_int_equal(abio_buf_reader(inner, through.capacity, 0, &outer), 0);
		test_own(t, outer);
	}
	return outer;
}

static int open_reader(struct test *t, abio_io *reader)
{
	abio_io inner;
	int peer = test_reader(t, &inner);

	*reader = wrap(t, inner);
	return peer;
}

/* At most so much is shown at once. */
static uint32_t window(void)
{
	return through.reader && through.capacity != 0 ? through.capacity : POOL_BUFFER_SIZE;
}

/* ---- fill and consume ------------------------------------------------------------------------ */

static void fill_shows_what_waits(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	struct abio_event event;

	test_send(peer, "hello", 5);
	event = filled_show(t, reader);
	assert_in_range(event.result, 1, 5);
	assert_int_equal(event.flags, ABIO_EVENT_VIEW);
	assert_int_equal(event.progress, 0);
	assert_int_equal(event.handle, 0);
	assert_memory_equal(filled_at(&event), "hello", (size_t)event.result);
}

static void fill_waits_for_the_first_byte(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	uint64_t token = START(t, abio_fill_buf, reader, 0);
	struct abio_event event;

	assert_false(test_has_come(t, token));
	test_send(peer, "x", 1);
	event = test_finish(t, token);
	assert_int_equal(event.result, 1);
	assert_memory_equal(filled_at(&event), "x", 1);
}

static void fill_again_shows_the_same_bytes(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	struct abio_event first;
	struct abio_event second;

	test_send(peer, "abc", 3);
	first = filled_show(t, reader);
	test_send(peer, "def", 3);
	second = filled_show(t, reader);
	assert_int_equal(second.result, first.result);
	assert_int_equal(second.data, first.data);
	filled_expect(t, reader, "abcdef", 6);
}

static void consuming_in_steps_moves_the_view(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);

	test_send(peer, "abcdef", 6);
	filled_expect(t, reader, "a", 1);
	filled_expect(t, reader, "bc", 2);
	filled_expect(t, reader, "def", 3);
	test_send(peer, "g", 1);
	filled_expect(t, reader, "g", 1);
}

static void consuming_nothing_is_allowed(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);

	assert_int_equal(abio_consume(reader, 0), 0);
	test_send(peer, "ab", 2);
	assert_true(filled_show(t, reader).result > 0);
	assert_int_equal(abio_consume(reader, 0), 0);
	filled_expect(t, reader, "ab", 2);
	assert_int_equal(abio_consume(reader, 0), 0);
}

static void consuming_more_than_there_is_consumes_nothing(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	struct abio_event event;

	assert_int_equal(abio_consume(reader, 1), ABIO_E_ARGUMENT);
	test_send(peer, "ab", 2);
	event = filled_show(t, reader);
	assert_int_equal(abio_consume(reader, (uint32_t)event.result + 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_consume(reader, UINT32_MAX), ABIO_E_ARGUMENT);
	filled_expect(t, reader, "ab", 2);
	assert_int_equal(abio_consume(reader, 1), ABIO_E_ARGUMENT);
}

static void fill_at_the_end_gives_nothing_again_and_again(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);

	test_send(peer, "ab", 2);
	test_close_fd(t, peer);
	filled_expect(t, reader, "ab", 2);
	for (int i = 0; i < 3; i++) {
		struct abio_event event = filled_show(t, reader);
		const void *data = &event;

		assert_int_equal(event.result, 0);
		assert_int_equal(event.flags, 0);
		assert_int_equal(event.data, 0);
		assert_int_equal(abio_try_fill_buf(reader, &data), 0);
		assert_null(data);
	}
}

static void try_fill_does_not_wait(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	const void *data = NULL;
	const void *again = NULL;
	int32_t result;

	assert_int_equal(abio_try_fill_buf(reader, &data), ABIO_WOULD_BLOCK);
	test_send(peer, "abc", 3);
	assert_int_equal(test_result(t, START(t, abio_ready, reader, ABIO_INTEREST_READ, 0)),
			 ABIO_READY_READ);
	result = abio_try_fill_buf(reader, &data);
	assert_in_range(result, 1, 3);
	assert_memory_equal(data, "abc", (size_t)result);
	assert_int_equal(abio_try_fill_buf(reader, &again), result);
	assert_ptr_equal(again, data);
	filled_expect(t, reader, "abc", 3);
}

static void fill_inline_answers_at_once_when_it_can(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	uint64_t token;
	const void *data = NULL;
	int32_t result;

	assert_int_equal(START_INLINE(t, &token, abio_fill_buf, reader), ABIO_PENDING);
	test_send(peer, "abc", 3);
	assert_in_range(test_result(t, token), 1, 3);
	result = START_INLINE(t, &token, abio_fill_buf, reader);
	assert_in_range(result, 1, 3);
	assert_int_equal(abio_try_fill_buf(reader, &data), result);
	assert_memory_equal(data, "abc", (size_t)result);
	test_quiet(t);
}

static void a_fill_in_flight_is_the_only_reader(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	uint64_t token = START(t, abio_fill_buf, reader, 0);
	abio_buffer buffer = filled_buffer(t, 10);
	char *memory = test_memory(t, 10);
	const void *data;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(abio_fill_buf(reader, 0, 1), ABIO_E_BUSY);
		assert_int_equal(abio_fill_buf(reader, ABIO_START_INLINE, 1), ABIO_E_BUSY);
		assert_int_equal(abio_try_fill_buf(reader, &data), ABIO_E_BUSY);
		assert_int_equal(abio_consume(reader, 1), ABIO_E_BUSY);
		assert_int_equal(abio_has_data_left(reader, 0, 1), ABIO_E_BUSY);
		assert_int_equal(abio_read_line(reader, buffer, 0, 1), ABIO_E_BUSY);
		assert_int_equal(abio_receive(reader, 0, 1), ABIO_E_BUSY);
		assert_int_equal(abio_receive_pause(reader), ABIO_E_ARGUMENT);
		assert_int_equal(abio_read(reader, memory, 10, 0, 1), ABIO_E_BUSY);
		assert_int_equal(abio_try_read(reader, memory, 10, 0), ABIO_E_BUSY);
		test_quiet(t);
	}
	filled_holds(buffer, "", 0);
	test_send(peer, "a", 1);
	assert_int_equal(test_result(t, token), 1);
	filled_expect(t, reader, "a", 1);
	abio_buffer_release(buffer);
}

static void nobody_reads_what_an_event_on_its_way_shows(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	char *memory = test_memory(t, 10);
	uint64_t token;
	struct abio_event event;

	test_send(peer, "abc", 3);
	filled_expect(t, reader, "a", 1);
	if (through.capacity == 1)
		assert_true(filled_show(t, reader).result == 1);
	/* Done on the spot, and the host does not know yet. */
	token = START(t, abio_fill_buf, reader, 0);
	assert_int_equal(abio_try_read(reader, memory, 10, 0), ABIO_E_BUSY);
	assert_int_equal(abio_consume(reader, 1), ABIO_E_BUSY);
	event = test_finish(t, token);
	assert_memory_equal(filled_at(&event), "bc", (size_t)event.result);
	filled_expect(t, reader, "bc", 2);
}

static void large_data_comes_in_pieces_of_the_window(struct test *t)
{
	abio_io reader;
	abio_io inner;
	abio_io writer;
	uint32_t length = window() < 64 ? 4000 : LARGE;
	char *data = test_memory(t, length);
	uint64_t writing;
	uint32_t taken = 0;

	test_stream(t, &inner, &writer);
	reader = wrap(t, inner);
	test_fill(data, length, 7);
	writing = START(t, abio_write_all, writer, data, length, 0);
	while (taken < length) {
		struct abio_event event = filled_show(t, reader);

		assert_in_range(event.result, 1, window());
		assert_pattern(filled_at(&event), (size_t)event.result, 7 + taken);
		taken += (uint32_t)event.result;
		assert_int_equal(abio_consume(reader, (uint32_t)event.result), 0);
	}
	assert_int_equal(test_result(t, writing), length);
}

static void an_error_of_the_transport_is_reported_behind_the_data(struct test *t)
{
	abio_io reader;
	int peer;
	int64_t result;

	if (t->kind != ABIO_KIND_TCP)
		test_skip(t, "only TCP is reset");
	peer = open_reader(t, &reader);
	test_send(peer, "ab", 2);
	assert_in_range(filled_show(t, reader).result, 1, 2);
	test_reset(t, peer);
	filled_expect(t, reader, "a", 1);
	filled_expect(t, reader, "b", 1);
	result = filled_show(t, reader).result;
	assert_int_equal(result, -ECONNRESET);
}

/* ---- fill and the other readers -------------------------------------------------------------- */

static void reads_take_what_was_read_ahead_first(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	char *data = test_memory(t, 16);
	uint32_t ahead;
	int64_t moved;

	test_send(peer, "abcd", 4);
	ahead = (uint32_t)filled_show(t, reader).result;
	test_send(peer, "efgh", 4);
	moved = filled_read(t, reader, data, 2);
	assert_int_equal(moved, ahead < 2 ? ahead : 2);
	assert_int_equal(filled_read_exact(t, reader, data + moved, (uint32_t)(8 - moved)),
			 8 - moved);
	assert_memory_equal(data, "abcdefgh", 8);
}

static void try_reads_take_what_was_read_ahead_first(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	char data[4];
	struct abio_iovec pieces[2] = { { data + 1, 1 }, { data + 2, 2 } };
	int64_t ahead;

	test_send(peer, "abcd", 4);
	ahead = filled_show(t, reader).result;
	assert_int_equal(abio_try_read(reader, data, 1, 0), 1);
	if (ahead == 4) {
		assert_int_equal(abio_try_readv(reader, pieces, 2, 0), 3);
		assert_memory_equal(data, "abcd", 4);
		assert_int_equal(abio_try_read(reader, data, 4, 0), ABIO_WOULD_BLOCK);
	} else {
		filled_expect(t, reader, "bcd", 3);
	}
	assert_memory_equal(data, "a", 1);
}

static void receive_delivers_what_was_read_ahead_first(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	char data[8];
	size_t total = 0;
	uint64_t token;

	test_send(peer, "abcd", 4);
	assert_true(filled_show(t, reader).result > 0);
	assert_int_equal(abio_consume(reader, 1), 0);
	token = START(t, abio_receive, reader, 0);
	test_send(peer, "efgh", 4);
	while (total < 7) {
		struct abio_event event = test_event(t);

		assert_int_equal(event.token, token);
		assert_int_equal(event.flags, ABIO_EVENT_MORE | ABIO_EVENT_VIEW);
		memcpy(data + total, filled_at(&event), (size_t)event.result);
		total += (size_t)event.result;
		assert_int_equal(event.progress, total);
	}
	assert_memory_equal(data, "bcdefgh", 7);
	assert_int_equal(abio_cancel(reader, token), 1);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
}

static void receive_pauses_resumes_and_ends(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	uint64_t token = START(t, abio_receive, reader, 0);
	char data[4];
	size_t total = 0;
	struct abio_event event;

	test_quiet(t);
	assert_int_equal(abio_receive_pause(reader), 0);
	assert_int_equal(abio_receive_pause(reader), 0);
	test_quiet(t);
	test_send(peer, "abcd", 4);
	test_quiet(t);
	assert_int_equal(abio_receive_resume(reader), 0);
	while (total < 4) {
		event = test_event(t);
		assert_true(event.result > 0);
		memcpy(data + total, filled_at(&event), (size_t)event.result);
		total += (size_t)event.result;
	}
	assert_memory_equal(data, "abcd", 4);
	test_close_fd(t, peer);
	event = test_event(t);
	assert_int_equal(event.token, token);
	assert_int_equal(event.result, 0);
	assert_int_equal(event.progress, 4);
}

static void ready_knows_what_was_read_ahead(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	uint64_t token;

	test_send(peer, "a", 1);
	assert_int_equal(filled_show(t, reader).result, 1);
	assert_true((abio_ready_now(reader, ABIO_INTEREST_READ) & ABIO_READY_READ) != 0);
	assert_true((test_result(t, START(t, abio_ready, reader, ABIO_INTEREST_READ, 0)) &
		     ABIO_READY_READ) != 0);
	assert_int_equal(abio_consume(reader, 1), 0);
	assert_int_equal(abio_ready_now(reader, ABIO_INTEREST_READ), 0);
	token = START(t, abio_ready, reader, ABIO_INTEREST_READ, 0);
	assert_false(test_has_come(t, token));
	test_send(peer, "b", 1);
	assert_int_equal(test_result(t, token), ABIO_READY_READ);
	filled_expect(t, reader, "b", 1);
}

static void reading_and_writing_at_once_is_possible(struct test *t)
{
	abio_io reader;
	char back[4];
	int peer;
	uint64_t filling;

	if (t->kind == ABIO_KIND_PIPE || through.half)
		test_skip(t, "one direction");
	peer = open_reader(t, &reader);
	filling = START(t, abio_fill_buf, reader, 0);
	assert_int_equal(test_result(t, START(t, abio_write_all, reader, "ping", 4, 0)), 4);
	test_receive(peer, back, 4);
	assert_memory_equal(back, "ping", 4);
	test_send(peer, "pong", 4);
	assert_in_range(test_result(t, filling), 1, 4);
	filled_expect(t, reader, "pong", 4);
}

/* ---- cancel and close ------------------------------------------------------------------------ */

static void a_cancelled_fill_loses_nothing(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);

	for (char c = 'a'; c < 'k'; c++) {
		uint64_t token = START(t, abio_fill_buf, reader, 0);
		struct abio_event event;

		if (c % 2 == 0)
			test_quiet(t);
		if (c % 3 == 0)
			test_send(peer, &c, 1);
		assert_int_equal(abio_cancel(reader, token), 1);
		event = test_finish(t, token);
		if (event.result != ABIO_E_CANCELED) {
			assert_int_equal(event.result, 1);
			assert_memory_equal(filled_at(&event), &c, 1);
		} else {
			assert_int_equal(event.flags, 0);
		}
		if (c % 3 != 0)
			test_send(peer, &c, 1);
		filled_expect(t, reader, &c, 1);
	}
}

static void a_view_outlives_the_close(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	struct abio_event event;
	const void *data;

	test_send(peer, "abc", 3);
	event = filled_show(t, reader);
	assert_int_equal(test_result(t, START(t, abio_close, reader, 0)), 0);
	test_quiet(t);
	assert_memory_equal(filled_at(&event), "abc", (size_t)event.result);
	assert_int_equal(abio_consume(reader, 1), ABIO_E_CLOSED);
	assert_int_equal(abio_try_fill_buf(reader, &data), ABIO_E_CLOSED);
}

static void close_cancels_a_fill(struct test *t)
{
	abio_io reader;
	uint64_t filling;
	uint64_t closing;

	open_reader(t, &reader);
	filling = START(t, abio_fill_buf, reader, 0);
	test_quiet(t);
	closing = START(t, abio_close, reader, 0);
	assert_int_equal(test_result(t, filling), ABIO_E_CANCELED);
	assert_int_equal(test_result(t, closing), 0);
}

static bool ended(const void *data, uint32_t length)
{
#ifdef POISON_ASAN
	int __asan_address_is_poisoned(void const volatile *address);

	return __asan_address_is_poisoned(data) &&
	       __asan_address_is_poisoned((const char *)data + length - 1);
#else
	const uint8_t *bytes = data;

	return bytes[0] == POISON_BYTE && bytes[length - 1] == POISON_BYTE;
#endif
}

static void a_debug_build_takes_a_view_that_ended_away(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	struct abio_event event;

#ifndef ABIO_DEBUG
	test_skip(t, "a release build spends nothing on it");
#endif
#ifndef POISON_ASAN
	if (through.reader)
		test_skip(t, "its buffer is kept for going back in it");
#endif
	test_send(peer, "abc", 3);
	do {
		event = filled_show(t, reader);
		assert_false(ended(filled_at(&event), (uint32_t)event.result));
		assert_int_equal(abio_consume(reader, (uint32_t)event.result), 0);
		assert_true(ended(filled_at(&event), (uint32_t)event.result));
	} while (event.result == 0);
}

static void a_debug_build_takes_a_piece_that_ended_away(struct test *t)
{
	abio_io reader;
	struct abio_event event;
	uint64_t token;
	int32_t count;
	int peer;

#ifndef ABIO_DEBUG
	test_skip(t, "a release build spends nothing on it");
#endif
	if (t->kind == ABIO_KIND_HOST)
		test_skip(t, "it polls by itself, and a host has events of its own");
	peer = open_reader(t, &reader);
	token = START(t, abio_receive, reader, 0);
	test_quiet(t);
	test_send(peer, "a", 1);
	count = abio_driver_wait(t->driver, &event, sizeof(event), 1, TEST_PATIENCE_NS);
	assert_int_equal(count, 1);
	test_saw(t, &event);
	assert_int_equal(event.token, token);
	assert_memory_equal(filled_at(&event), "a", 1);
	test_quiet(t);
	assert_true(ended(filled_at(&event), 1));
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void read_line_gives_line_after_line(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	abio_buffer buffer = filled_buffer(t, 100);
	struct abio_event event;

	test_send(peer, "one\ntwo\n\nthree\n", 15);
	event = filled_home(t, START(t, abio_read_line, reader, buffer, 0), buffer);
	assert_int_equal(event.result, 4);
	assert_int_equal(event.progress, 4);
	filled_holds(buffer, "one\n", 4);
	event = filled_home(t, START(t, abio_read_line, reader, buffer, 0), buffer);
	assert_int_equal(event.result, 4);
	filled_holds(buffer, "one\ntwo\n", 8);
	assert_int_equal(abio_buffer_set(buffer, 0, 0), 0);
	assert_int_equal(filled_home(t, START(t, abio_read_line, reader, buffer, 0), buffer).result,
			 1);
	filled_holds(buffer, "\n", 1);
	assert_int_equal(filled_home(t, START(t, abio_read_line, reader, buffer, 0), buffer).result,
			 6);
	filled_holds(buffer, "\nthree\n", 7);
	abio_buffer_release(buffer);
}

static void a_line_comes_in_many_pieces(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	abio_buffer buffer = filled_buffer(t, 100);
	uint64_t token = START(t, abio_read_line, reader, buffer, 0);

	for (const char *c = "split line\nrest"; *c != 0; c++) {
		assert_int_equal(filled_state(buffer).lent,
				 *c != '\n' && *c != 'r' ? 1 : filled_state(buffer).lent);
		test_send(peer, c, 1);
		if (*c == '\n')
			break;
		assert_false(test_has_come(t, token));
	}
	assert_int_equal(filled_home(t, token, buffer).result, 11);
	filled_holds(buffer, "split line\n", 11);
	test_send(peer, "rest", 4);
	filled_expect(t, reader, "rest", 4);
	abio_buffer_release(buffer);
}

static void a_line_is_longer_than_the_buffers_of_the_pool(struct test *t)
{
	abio_io inner;
	abio_io reader;
	abio_io writer;
	uint32_t length = window() < 64 ? 3000 : LINE;
	char *data = test_memory(t, length + 4);
	abio_buffer buffer = filled_buffer(t, LINE + 100);
	uint64_t writing;
	uint64_t token;

	test_stream(t, &inner, &writer);
	reader = wrap(t, inner);
	memset(data, 'x', length);
	memcpy(data + length - 1, "\nabcd", 5);
	token = START(t, abio_read_line, reader, buffer, 0);
	writing = START(t, abio_write_all, writer, data, length + 4, 0);
	assert_int_equal(filled_home(t, token, buffer).result, length);
	filled_holds(buffer, data, length);
	assert_int_equal(test_result(t, writing), length + 4);
	filled_expect(t, reader, "abcd", 4);
	abio_buffer_release(buffer);
}

static void the_end_gives_a_line_without_its_end(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	abio_buffer buffer = filled_buffer(t, 100);
	struct abio_event event;

	test_send(peer, "a\nbc", 4);
	test_close_fd(t, peer);
	assert_int_equal(filled_home(t, START(t, abio_read_line, reader, buffer, 0), buffer).result,
			 2);
	event = filled_home(t, START(t, abio_read_line, reader, buffer, 0), buffer);
	assert_int_equal(event.result, 2);
	assert_int_equal(event.progress, 2);
	for (int i = 0; i < 2; i++) {
		event = filled_home(t, START(t, abio_read_line, reader, buffer, 0), buffer);
		assert_int_equal(event.result, 0);
		assert_int_equal(event.progress, 0);
	}
	filled_holds(buffer, "a\nbc", 4);
	abio_buffer_release(buffer);
}

static void a_full_buffer_is_a_limit_and_loses_nothing(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	abio_buffer small = filled_buffer(t, 4);
	abio_buffer large = filled_buffer(t, 100);
	struct abio_event event;

	test_send(peer, "abcdefg\nh", 9);
	event = filled_home(t, START(t, abio_read_line, reader, small, 0), small);
	assert_int_equal(event.result, ABIO_E_LIMIT);
	assert_int_equal(event.progress, 4);
	filled_holds(small, "abcd", 4);
	event = filled_home(t, START(t, abio_read_line, reader, small, 0), small);
	assert_int_equal(event.result, ABIO_E_LIMIT);
	assert_int_equal(event.progress, 0);
	assert_int_equal(filled_home(t, START(t, abio_read_line, reader, large, 0), large).result,
			 4);
	filled_holds(large, "efg\n", 4);
	filled_expect(t, reader, "h", 1);
	abio_buffer_release(small);
	abio_buffer_release(large);
}

static void a_line_that_fits_exactly_is_no_limit(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	abio_buffer buffer = filled_buffer(t, 4);

	test_send(peer, "abc\n", 4);
	assert_int_equal(filled_home(t, START(t, abio_read_line, reader, buffer, 0), buffer).result,
			 4);
	filled_holds(buffer, "abc\n", 4);
	abio_buffer_release(buffer);
}

static void any_byte_delimits(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	abio_buffer buffer = filled_buffer(t, 100);

	test_send(peer, "ab\0c\377d", 6);
	assert_int_equal(
		filled_home(t, START(t, abio_read_until, reader, 0, buffer, 0), buffer).result, 3);
	filled_holds(buffer, "ab\0", 3);
	assert_int_equal(
		filled_home(t, START(t, abio_read_until, reader, 255, buffer, 0), buffer).result,
		2);
	filled_holds(buffer, "ab\0c\377", 5);
	assert_int_equal(abio_read_until(reader, 256, buffer, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_read_until(reader, UINT32_MAX, buffer, 0, 1), ABIO_E_ARGUMENT);
	filled_expect(t, reader, "d", 1);
	abio_buffer_release(buffer);
}

static void a_lent_buffer_is_refused(struct test *t)
{
	abio_io first;
	abio_io second;
	int peers[2] = { open_reader(t, &first), open_reader(t, &second) };
	abio_buffer buffer = filled_buffer(t, 100);
	uint64_t token = START(t, abio_read_line, first, buffer, 0);

	assert_int_equal(abio_read_line(second, buffer, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_buffer_set(buffer, 0, 0), ABIO_E_BUSY);
	test_send(peers[1], "x", 1);
	filled_expect(t, second, "x", 1);
	test_send(peers[0], "\n", 1);
	assert_int_equal(filled_home(t, token, buffer).result, 1);
	abio_buffer_release(buffer);
}

static void a_buffer_let_go_of_meanwhile_still_comes_home(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	abio_buffer buffer = filled_buffer(t, 100);
	uint64_t token = START(t, abio_read_line, reader, buffer, 0);

	test_send(peer, "abc", 3);
	test_quiet(t);
	assert_int_equal(abio_buffer_retain(buffer), 0);
	assert_int_equal(abio_buffer_release(buffer), 0);
	test_send(peer, "\n", 1);
	assert_int_equal(filled_home(t, token, buffer).result, 4);
	abio_buffer_release(buffer);
}

static void a_line_is_cancelled_at_every_step_and_continued(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	static const char text[] = "a longer line of text\n";
	uint32_t length = sizeof(text) - 1;
	abio_buffer buffer = filled_buffer(t, 100);

	/* Cancelled when `cut` bytes have come, and with it the rest, or behind it. */
	for (uint32_t cut = 0; cut < length; cut++) {
		uint64_t token = START(t, abio_read_line, reader, buffer, 0);
		struct abio_event event;
		bool with = cut % 2 == 0;

		if (cut > 0)
			test_send(peer, text, cut);
		while (cut % 3 != 0 && filled_state(buffer).filled < cut &&
		       filled_state(buffer).lent)
			test_quiet(t);
		if (with)
			test_send(peer, text + cut, length - cut);
		assert_int_equal(abio_cancel(reader, token), 1);
		event = filled_home(t, token, buffer);
		assert_int_equal(filled_state(buffer).filled, event.progress);
		assert_true(event.result == ABIO_E_CANCELED || event.result == length);
		if (!with)
			test_send(peer, text + cut, length - cut);
		if (event.result == ABIO_E_CANCELED) {
			uint64_t rest = length - event.progress;

			event = filled_home(t, START(t, abio_read_line, reader, buffer, 0), buffer);
			assert_int_equal(event.result, rest);
			assert_int_equal(event.progress, rest);
		}
		filled_holds(buffer, text, length);
		assert_int_equal(abio_buffer_set(buffer, 0, 0), 0);
	}
	abio_buffer_release(buffer);
}

static void lines_and_reads_and_fills_mix(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	abio_buffer buffer = filled_buffer(t, 100);
	char *data = test_memory(t, 16);

	test_send(peer, "head\nbody-line\ntail", 19);
	assert_int_equal(filled_home(t, START(t, abio_read_line, reader, buffer, 0), buffer).result,
			 5);
	assert_int_equal(filled_read_exact(t, reader, data, 5), 5);
	assert_memory_equal(data, "body-", 5);
	filled_expect(t, reader, "li", 2);
	assert_int_equal(filled_home(t, START(t, abio_read_line, reader, buffer, 0), buffer).result,
			 3);
	filled_holds(buffer, "head\nne\n", 8);
	assert_int_equal(filled_read_exact(t, reader, data, 4), 4);
	assert_memory_equal(data, "tail", 4);
	abio_buffer_release(buffer);
}

/* ---- has_data_left --------------------------------------------------------------------------- */

static void has_data_left_tells_and_takes_nothing(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	uint64_t token = START(t, abio_has_data_left, reader, 0);
	struct abio_event event;

	assert_false(test_has_come(t, token));
	test_send(peer, "ab", 2);
	event = test_finish(t, token);
	assert_int_equal(event.result, 1);
	assert_int_equal(event.flags, 0);
	assert_int_equal(test_result(t, START(t, abio_has_data_left, reader, 0)), 1);
	assert_int_equal(START_INLINE(t, &token, abio_has_data_left, reader), 1);
	test_close_fd(t, peer);
	filled_expect(t, reader, "ab", 2);
	assert_int_equal(test_result(t, START(t, abio_has_data_left, reader, 0)), 0);
	assert_int_equal(START_INLINE(t, &token, abio_has_data_left, reader), 0);
}

static void has_data_left_can_be_cancelled(struct test *t)
{
	abio_io reader;
	int peer = open_reader(t, &reader);
	uint64_t token = START(t, abio_has_data_left, reader, 0);

	test_quiet(t);
	assert_int_equal(abio_cancel(reader, token), 1);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	assert_int_equal(START_INLINE(t, &token, abio_has_data_left, reader), ABIO_PENDING);
	test_send(peer, "a", 1);
	assert_int_equal(test_result(t, token), 1);
	filled_expect(t, reader, "a", 1);
}

/* ---- the same natively, through a half, and through buffered readers ---------------------------
 */

#define SHARED(X)                                                \
	X(fill_shows_what_waits)                                 \
	X(fill_waits_for_the_first_byte)                         \
	X(fill_again_shows_the_same_bytes)                       \
	X(consuming_in_steps_moves_the_view)                     \
	X(consuming_nothing_is_allowed)                          \
	X(consuming_more_than_there_is_consumes_nothing)         \
	X(fill_at_the_end_gives_nothing_again_and_again)         \
	X(try_fill_does_not_wait)                                \
	X(fill_inline_answers_at_once_when_it_can)               \
	X(a_fill_in_flight_is_the_only_reader)                   \
	X(nobody_reads_what_an_event_on_its_way_shows)           \
	X(large_data_comes_in_pieces_of_the_window)              \
	X(an_error_of_the_transport_is_reported_behind_the_data) \
	X(reads_take_what_was_read_ahead_first)                  \
	X(try_reads_take_what_was_read_ahead_first)              \
	X(receive_delivers_what_was_read_ahead_first)            \
	X(receive_pauses_resumes_and_ends)                       \
	X(ready_knows_what_was_read_ahead)                       \
	X(reading_and_writing_at_once_is_possible)               \
	X(a_cancelled_fill_loses_nothing)                        \
	X(a_view_outlives_the_close)                             \
	X(close_cancels_a_fill)                                  \
	X(a_debug_build_takes_a_view_that_ended_away)            \
	X(a_debug_build_takes_a_piece_that_ended_away)           \
	X(read_line_gives_line_after_line)                       \
	X(a_line_comes_in_many_pieces)                           \
	X(a_line_is_longer_than_the_buffers_of_the_pool)         \
	X(the_end_gives_a_line_without_its_end)                  \
	X(a_full_buffer_is_a_limit_and_loses_nothing)            \
	X(a_line_that_fits_exactly_is_no_limit)                  \
	X(any_byte_delimits)                                     \
	X(a_lent_buffer_is_refused)                              \
	X(a_buffer_let_go_of_meanwhile_still_comes_home)         \
	X(a_line_is_cancelled_at_every_step_and_continued)       \
	X(lines_and_reads_and_fills_mix)                         \
	X(has_data_left_tells_and_takes_nothing)                 \
	X(has_data_left_can_be_cancelled)

#define ROUTE(name, how, ...)                                                             \
	static void name##_##how(struct test *t)                                          \
	{                                                                                 \
		memcpy(&through, &(__typeof__(through)){ __VA_ARGS__ }, sizeof(through)); \
		name(t);                                                                  \
	}

#define ROUTES(name)                                                      \
	ROUTE(name, natively, .reader = false)                            \
	ROUTE(name, through_a_half, .half = true)                         \
	ROUTE(name, through_a_reader, .reader = true)                     \
	ROUTE(name, through_a_reader_of_1, .reader = true, .capacity = 1) \
	ROUTE(name, through_a_reader_of_7, .reader = true, .capacity = 7) \
	ROUTE(name, through_a_reader_of_a_half, .half = true, .reader = true, .capacity = 4096)

SHARED(ROUTES)

#define ROUTE_CASES(name)                                                                          \
	NATIVE(name##_natively), SOCKETS(name##_through_a_half), STREAMS(name##_through_a_reader), \
		SOCKETS(name##_through_a_reader_of_1), STREAMS(name##_through_a_reader_of_7),      \
		SOCKETS(name##_through_a_reader_of_a_half),

static const struct test_case cases[] = { SHARED(ROUTE_CASES) };

TEST_MAIN("buf_read", cases)
