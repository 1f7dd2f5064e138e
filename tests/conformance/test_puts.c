/*
 * Buffered writing: put, flush and shutdown; their order among writes, the high-water mark, errors
 * that stick, and what closing does with bytes that wait.  Over TCP, Unix socket and pipe.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness.h"

#define HIGH_WATER (256u << 10)

static int available(int fd)
{
	int count = -1;

	assert_int_equal(ioctl(fd, FIONREAD, &count), 0);
	return count;
}

static bool at_end(int fd)
{
	char byte;

	return read(fd, &byte, 1) == 0;
}

static void put_pattern(abio_io writer, char *scratch, uint32_t length, uint64_t position)
{
	test_fill(scratch, length, position);
	assert_int_equal(abio_put(writer, scratch, length), length);
	memset(scratch, 0, length); /* the memory is the host's again */
}

/* ---- put ------------------------------------------------------------------------------------- */

static void puts_of_a_turn_go_at_the_next_poll(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	char data[9];

	assert_int_equal(abio_put(writer, "abc", 3), 3);
	assert_int_equal(abio_put(writer, "def", 3), 3);
	assert_int_equal(abio_put(writer, "ghi", 3), 3);
	assert_int_equal(available(peer), 0);
	test_quiet(t);
	assert_int_equal(available(peer), 9);
	test_receive(peer, data, 9);
	assert_memory_equal(data, "abcdefghi", 9);
}

static void submit_sends_what_was_put(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	char data[3];

	assert_int_equal(abio_put(writer, "abc", 3), 3);
	assert_int_equal(abio_driver_submit(t->driver), 0);
	test_receive(peer, data, 3);
	assert_memory_equal(data, "abc", 3);
	test_quiet(t);
}

static void put_of_nothing_is_nothing(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);

	assert_int_equal(abio_put(writer, NULL, 0), 0);
	assert_int_equal(abio_put(writer, "", 0), 0);
	test_quiet(t);
	assert_int_equal(abio_try_flush(writer), 0);
	assert_int_equal(available(peer), 0);
}

static void many_puts_keep_their_order(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	char *scratch = test_memory(t, 9000);
	char *got = test_memory(t, HIGH_WATER);
	uint32_t length = 1;
	uint32_t total = 0;

	test_make_small(test_fd_of(writer));
	while (total + length < HIGH_WATER) {
		put_pattern(writer, scratch, length, total);
		total += length;
		length = length * 7 % 8999 + 1;
		if (total % 5 == 0)
			test_quiet(t);
	}
	test_pull(t, peer, got, total);
	assert_pattern(got, total, 0);
}

static void put_stops_at_the_high_water_mark(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	char *data = test_memory(t, HIGH_WATER * 2);
	char *got = test_memory(t, HIGH_WATER * 2);
	uint64_t token;

	test_fill(data, HIGH_WATER * 2, 0);
	assert_int_equal(abio_put(writer, data, HIGH_WATER - 100), HIGH_WATER - 100);
	assert_int_equal(abio_put(writer, data + HIGH_WATER - 100, 500), 100);
	assert_int_equal(abio_put(writer, "x", 1), ABIO_WOULD_BLOCK);
	assert_int_equal(abio_try_flush(writer), ABIO_WOULD_BLOCK);
	token = START(t, abio_flush, writer, 0);
	test_pull(t, peer, got, HIGH_WATER);
	assert_int_equal(test_result(t, token), 0);
	assert_int_equal(abio_try_flush(writer), 0);
	assert_int_equal(abio_put(writer, data + HIGH_WATER, HIGH_WATER), HIGH_WATER);
	assert_int_equal(abio_put(writer, "x", 1), ABIO_WOULD_BLOCK);
	test_pull(t, peer, got + HIGH_WATER, HIGH_WATER);
	assert_pattern(got, HIGH_WATER * 2, 0);
}

static void a_vast_put_takes_what_it_can(struct test *t)
{
	abio_io writer;
	char *data = test_vast_memory(t, (size_t)2 << 30);

	test_writer(t, &writer);
	assert_int_equal(abio_put(writer, data, 0x80000000u), HIGH_WATER);
	assert_int_equal(abio_put(writer, data, 1), ABIO_WOULD_BLOCK);
}

/* ---- flush ----------------------------------------------------------------------------------- */

static void flush_of_nothing_is_done(struct test *t)
{
	abio_io writer;
	uint64_t token;

	test_writer(t, &writer);
	assert_int_equal(test_result(t, START(t, abio_flush, writer, 0)), 0);
	assert_int_equal(START_INLINE(t, &token, abio_flush, writer), 0);
	assert_int_equal(abio_try_flush(writer), 0);
	test_quiet(t);
}

static void flushes_wait_for_what_was_put_before(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	uint64_t stuffed;
	uint64_t tokens[3];
	char *sink;

	test_make_small(test_fd_of(writer));
	stuffed = test_stuff(writer);
	assert_int_equal(abio_put(writer, "a", 1), 1);
	tokens[0] = START(t, abio_flush, writer, 0);
	assert_int_equal(abio_put(writer, "b", 1), 1);
	assert_int_equal(START_INLINE(t, &tokens[1], abio_flush, writer), ABIO_PENDING);
	tokens[2] = START(t, abio_flush, writer, 0);
	test_quiet(t);
	assert_int_equal(abio_try_flush(writer), ABIO_WOULD_BLOCK);
	sink = test_memory(t, stuffed + 2);
	test_receive(peer, sink, stuffed);
	for (int i = 0; i < 3; i++) {
		struct abio_event event = test_event(t);

		assert_int_equal(event.token, tokens[i]);
		assert_int_equal(event.result, 0);
	}
	test_receive(peer, sink, 2);
	assert_memory_equal(sink, "ab", 2);
}

/* ---- order ----------------------------------------------------------------------------------- */

static void puts_and_writes_keep_their_order(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	uint64_t stuffed;
	uint64_t writing;
	uint64_t flushing;
	char *sink;

	test_make_small(test_fd_of(writer));
	stuffed = test_stuff(writer);
	assert_int_equal(abio_put(writer, "1", 1), 1);
	assert_int_equal(abio_put(writer, "2", 1), 1);
	writing = START(t, abio_write, writer, "3", 1, 0);
	assert_int_equal(abio_put(writer, "4", 1), 1);
	assert_int_equal(abio_write(writer, "x", 1, 0, 1), ABIO_E_BUSY);
	test_quiet(t);
	assert_int_equal(abio_put(writer, "5", 1), 1);
	flushing = START(t, abio_flush, writer, 0);
	sink = test_memory(t, stuffed);
	test_receive(peer, sink, stuffed);
	assert_int_equal(test_result(t, writing), 1);
	assert_int_equal(test_result(t, flushing), 0);
	test_receive(peer, sink, 5);
	assert_memory_equal(sink, "12345", 5);
}

static void a_write_after_puts_goes_after_them(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	uint64_t token;
	char data[8];

	assert_int_equal(abio_put(writer, "ab", 2), 2);
	assert_int_equal(abio_try_write(writer, "no", 2, 0), ABIO_E_BUSY);
	assert_int_equal(START_INLINE(t, &token, abio_write, writer, "cd", 2), ABIO_PENDING);
	assert_int_equal(abio_put(writer, "ef", 2), 2);
	assert_int_equal(test_result(t, token), 2);
	test_quiet(t);
	assert_int_equal(START_INLINE(t, &token, abio_write, writer, "gh", 2), 2);
	test_receive(peer, data, 8);
	assert_memory_equal(data, "abcdefgh", 8);
}

static void puts_during_a_write_go_after_it(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	char *large = test_memory(t, 300000);
	char *scratch = test_memory(t, 5000);
	char *got = test_memory(t, 310000);
	uint64_t token;

	test_make_small(test_fd_of(writer));
	test_fill(large, 300000, 0);
	token = START(t, abio_write_all, writer, large, 300000, 0);
	put_pattern(writer, scratch, 5000, 300000);
	test_quiet(t);
	put_pattern(writer, scratch, 5000, 305000);
	test_pull(t, peer, got, 310000);
	assert_int_equal(test_result(t, token), 300000);
	assert_pattern(got, 310000, 0);
}

static void puts_and_writes_mixed_lose_nothing(struct test *t)
{
	abio_io reader;
	abio_io writer;
	char *got = test_memory(t, 2 << 20);
	char *sent = test_memory(t, 2 << 20);
	uint64_t writing = 0;
	uint64_t reading;
	uint32_t at = 0;
	uint32_t turn = 0;

	test_stream(t, &reader, &writer);
	test_fill(sent, 2 << 20, 0);
	reading = test_read_exact(t, reader, got, 2 << 20);
	while (at < 2 << 20) {
		uint32_t length = turn++ * 7919 % 30000 + 1;
		int32_t taken;

		if (length > (2 << 20) - at)
			length = (2 << 20) - at;
		if (turn % 3 == 0 && writing == 0) {
			writing = START(t, abio_write_all, writer, sent + at, length, 0);
			at += length;
			continue;
		}
		taken = abio_put(writer, sent + at, length);
		assert_true(taken > 0 || taken == ABIO_WOULD_BLOCK);
		at += taken > 0 ? (uint32_t)taken : 0;
		if (taken == ABIO_WOULD_BLOCK)
			assert_int_equal(test_result(t, START(t, abio_flush, writer, 0)), 0);
		if (writing != 0 && test_has_come(t, writing)) {
			assert_true(test_result(t, writing) > 0);
			writing = 0;
		}
	}
	assert_int_equal(test_result(t, reading), 2 << 20);
	assert_pattern(got, 2 << 20, 0);
	if (writing != 0)
		assert_true(test_result(t, writing) > 0);
}

/* ---- errors that stick ----------------------------------------------------------------------- */

static void an_error_of_put_sticks(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	int64_t error;
	uint64_t token;

	if (t->kind == ABIO_KIND_TCP)
		test_reset(t, peer);
	else
		test_close_fd(t, peer);
	assert_int_equal(abio_put(writer, "abc", 3), 3);
	error = test_result(t, START(t, abio_flush, writer, 0));
	assert_true(error == -EPIPE || error == -ECONNRESET);
	assert_int_equal(abio_put(writer, "abc", 3), error);
	assert_int_equal(abio_try_flush(writer), error);
	assert_int_equal(START_INLINE(t, &token, abio_flush, writer), error);
	assert_int_equal(test_result(t, START(t, abio_flush, writer, 0)), error);
	assert_int_equal(test_result(t, START(t, abio_shutdown, writer, 0)), error);
	assert_int_equal(test_result(t, START(t, abio_close, writer, 0)), error);
}

static void an_error_ends_every_flush(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	uint64_t tokens[2];
	int64_t error;

	test_make_small(test_fd_of(writer));
	test_stuff(writer);
	assert_int_equal(abio_put(writer, "a", 1), 1);
	tokens[0] = START(t, abio_flush, writer, 0);
	assert_int_equal(abio_put(writer, "b", 1), 1);
	tokens[1] = START(t, abio_flush, writer, 0);
	test_quiet(t);
	test_close_fd(t, peer);
	error = test_result(t, tokens[0]);
	assert_true(error == -EPIPE || error == -ECONNRESET);
	assert_int_equal(test_result(t, tokens[1]), error);
	assert_int_equal(abio_put(writer, "c", 1), error);
}

/* ---- shutdown -------------------------------------------------------------------------------- */

static void shutdown_flushes_and_ends_the_stream(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	char data[6];

	assert_int_equal(abio_put(writer, "last", 4), 4);
	assert_int_equal(test_result(t, START(t, abio_shutdown, writer, 0)), 0);
	test_receive(peer, data, 4);
	assert_memory_equal(data, "last", 4);
	assert_true(at_end(peer));
	test_send(peer, "reply", 5);
	assert_int_equal(test_result(t, test_read(t, writer, test_memory(t, 5), 5)), 5);
	assert_int_equal(test_result(t, START(t, abio_write, writer, "x", 1, 0)), -EPIPE);
	assert_int_equal(abio_try_write(writer, "x", 1, 0), -EPIPE);
	assert_int_equal(test_result(t, START(t, abio_shutdown, writer, 0)), 0);
	assert_int_equal(abio_put(writer, "x", 1), 1);
	assert_int_equal(test_result(t, START(t, abio_flush, writer, 0)), -EPIPE);
}

static void shutdown_of_a_pipe_only_flushes(struct test *t)
{
	abio_io reader;
	abio_io writer;
	char data[8];

	assert_int_equal(abio_pipe(t->driver, 0, &reader, &writer), 0);
	test_own(t, reader);
	test_own(t, writer);
	assert_int_equal(abio_put(writer, "abcd", 4), 4);
	assert_int_equal(test_result(t, START(t, abio_shutdown, writer, 0)), 0);
	assert_int_equal(abio_try_read(reader, data, 8, 0), 4);
	assert_int_equal(abio_try_read(reader, data, 8, 0), ABIO_WOULD_BLOCK);
	assert_int_equal(abio_try_write(writer, "more", 4, 0), 4);
}

static void shutdown_waits_for_what_was_put(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	uint64_t stuffed;
	uint64_t token;
	char *sink;

	test_make_small(test_fd_of(writer));
	stuffed = test_stuff(writer);
	assert_int_equal(abio_put(writer, "ab", 2), 2);
	token = START(t, abio_shutdown, writer, 0);
	assert_int_equal(abio_write(writer, "x", 1, 0, 1), ABIO_E_BUSY);
	test_quiet(t);
	sink = test_memory(t, stuffed);
	test_receive(peer, sink, stuffed);
	assert_int_equal(test_result(t, token), 0);
	test_receive(peer, sink, 2);
	assert_true(at_end(peer));
}

static void shutdown_after_a_reset_is_not_connected(struct test *t)
{
	abio_io writer;
	int fds[2];

	test_raw_pair(t, ABIO_KIND_TCP, fds);
	writer = test_adopt(t, t->driver, fds[0]);
	test_reset(t, fds[1]);
	assert_int_equal(test_result(t, START(t, abio_shutdown, writer, 0)), -ENOTCONN);
}

/* ---- closing --------------------------------------------------------------------------------- */

static void close_sends_what_was_put(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	char *data = test_memory(t, HIGH_WATER);
	char *got = test_memory(t, HIGH_WATER);
	uint64_t token;

	test_make_small(test_fd_of(writer));
	put_pattern(writer, data, HIGH_WATER, 0);
	token = START(t, abio_close, writer, 0);
	assert_int_equal(abio_put(writer, "x", 1), ABIO_E_CLOSED);
	test_pull(t, peer, got, HIGH_WATER);
	test_pull_end(t, peer);
	assert_int_equal(test_result(t, token), 0);
	assert_pattern(got, HIGH_WATER, 0);
}

static void cancelling_the_close_drops_what_was_put(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	uint64_t stuffed;
	uint64_t flushing;
	uint64_t token;

	test_make_small(test_fd_of(writer));
	stuffed = test_stuff(writer);
	assert_int_equal(abio_put(writer, "dropped", 7), 7);
	flushing = START(t, abio_flush, writer, 0);
	test_quiet(t);
	token = START(t, abio_close, writer, 0);
	assert_int_equal(test_result(t, flushing), ABIO_E_CANCELED);
	test_quiet(t);
	assert_int_equal(abio_cancel(t->driver, token), 1);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	test_receive(peer, test_memory(t, stuffed), stuffed);
	assert_true(at_end(peer));
}

static void release_sends_what_was_put(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	char *data = test_memory(t, HIGH_WATER);
	char *got = test_memory(t, HIGH_WATER);

	test_make_small(test_fd_of(writer));
	put_pattern(writer, data, HIGH_WATER, 0);
	assert_int_equal(abio_release(writer), 0);
	assert_int_equal(abio_put(writer, "x", 1), ABIO_E_HANDLE);
	test_pull(t, peer, got, HIGH_WATER);
	assert_pattern(got, HIGH_WATER, 0);
	test_pull_end(t, peer);
}

static void driver_shutdown_drops_what_was_put(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	uint64_t stuffed;

	test_make_small(test_fd_of(writer));
	stuffed = test_stuff(writer);
	assert_int_equal(abio_put(writer, "dropped", 7), 7);
	test_driver_end(t, t->driver);
	test_receive(peer, test_memory(t, stuffed), stuffed);
	assert_true(at_end(peer));
	assert_int_equal(abio_put(writer, "x", 1), ABIO_E_CLOSED);
}

static const struct test_case cases[] = {
	STREAMS(puts_of_a_turn_go_at_the_next_poll),
	STREAMS(submit_sends_what_was_put),
	STREAMS(put_of_nothing_is_nothing),
	STREAMS(many_puts_keep_their_order),
	STREAMS(put_stops_at_the_high_water_mark),
	STREAMS(a_vast_put_takes_what_it_can),
	STREAMS(flush_of_nothing_is_done),
	STREAMS(flushes_wait_for_what_was_put_before),
	STREAMS(puts_and_writes_keep_their_order),
	STREAMS(a_write_after_puts_goes_after_them),
	STREAMS(puts_during_a_write_go_after_it),
	STREAMS(puts_and_writes_mixed_lose_nothing),
	STREAMS(an_error_of_put_sticks),
	STREAMS(an_error_ends_every_flush),
	SOCKETS(shutdown_flushes_and_ends_the_stream),
	CASE(shutdown_of_a_pipe_only_flushes),
	SOCKETS(shutdown_waits_for_what_was_put),
	CASE(shutdown_after_a_reset_is_not_connected),
	STREAMS(close_sends_what_was_put),
	STREAMS(cancelling_the_close_drops_what_was_put),
	STREAMS(release_sends_what_was_put),
	STREAMS(driver_shutdown_drops_what_was_put),
};

TEST_MAIN("puts", cases)
