/*
 * Reading streams: full, short, at the end, exact, vectored, at once, refused.  Every case runs
 * over TCP, Unix socket and pipe.
 */
#include <errno.h>
#include <sys/socket.h>

#include "harness.h"

#define VAST ((size_t)2 << 30)

/* ---- read ------------------------------------------------------------------------------------ */

static void read_takes_all_that_fits(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 5);
	struct abio_event event;

	test_send(peer, "hello", 5);
	event = test_finish(t, test_read(t, reader, data, 5));
	assert_int_equal(event.result, 5);
	assert_int_equal(event.progress, 5);
	assert_int_equal(event.flags, 0);
	assert_int_equal(event.handle, 0);
	assert_int_equal(event.data, 0);
	assert_int_equal(event.reserved, 0);
	assert_memory_equal(data, "hello", 5);
}

static void read_gives_a_short_count(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 100);
	struct abio_event event;

	data[3] = 'x';
	test_send(peer, "abc", 3);
	event = test_finish(t, test_read(t, reader, data, 100));
	assert_int_equal(event.result, 3);
	assert_int_equal(event.progress, 3);
	assert_memory_equal(data, "abcx", 4);
}

static void read_leaves_what_does_not_fit(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 8);

	test_send(peer, "abcdefgh", 8);
	assert_int_equal(test_result(t, test_read(t, reader, data, 3)), 3);
	assert_int_equal(test_result(t, test_read(t, reader, data + 3, 5)), 5);
	assert_memory_equal(data, "abcdefgh", 8);
}

static void read_waits_for_data(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 10);
	uint64_t token = test_read(t, reader, data, 10);

	test_quiet(t);
	test_send(peer, "late", 4);
	assert_int_equal(test_result(t, token), 4);
	assert_memory_equal(data, "late", 4);
}

static void read_is_zero_at_the_end_and_stays_so(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 10);

	test_send(peer, "abc", 3);
	test_close_fd(t, peer);
	assert_int_equal(test_result(t, test_read(t, reader, data, 10)), 3);
	for (int i = 0; i < 3; i++) {
		struct abio_event event = test_finish(t, test_read(t, reader, data, 10));

		assert_int_equal(event.result, 0);
		assert_int_equal(event.progress, 0);
	}
}

static void peer_closing_ends_a_waiting_read(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	uint64_t token = test_read(t, reader, test_memory(t, 10), 10);

	test_quiet(t);
	test_close_fd(t, peer);
	assert_int_equal(test_result(t, token), 0);
}

static void read_of_nothing_never_waits(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 8);

	assert_int_equal(test_result(t, START(t, abio_read, reader, NULL, 0, 0)), 0);
	assert_int_equal(test_result(t, START(t, abio_read, reader, data, 0, 0)), 0);
	assert_int_equal(test_result(t, START(t, abio_read_exact, reader, NULL, 0, 0)), 0);
	assert_int_equal(test_result(t, START(t, abio_readv, reader, NULL, 0, 0)), 0);
	assert_int_equal(abio_try_read(reader, NULL, 0, 0), 0);
	assert_int_equal(abio_try_readv(reader, NULL, 0, 0), 0);
	test_send(peer, "still here", 10);
	assert_int_equal(test_result(t, test_read(t, reader, data, 5)), 5);
}

static void read_of_two_gibibytes_is_short(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_vast_memory(t, VAST);

	test_send(peer, "two gibibytes", 13);
	assert_int_equal(test_result(t, START(t, abio_read, reader, data, 0x80000000u, 0)), 13);
	test_send(peer, "four", 4);
	assert_int_equal(test_result(t, START(t, abio_read, reader, data, UINT32_MAX, 0)), 4);
	assert_memory_equal(data, "four", 4);
	test_send(peer, "try", 3);
	assert_int_equal(abio_try_read(reader, data, UINT32_MAX, 0), 3);
}

static void a_refused_read_touches_nothing(struct test *t)
{
	abio_io reader;
	char *data = test_memory(t, 10);

	test_reader(t, &reader);
	assert_int_equal(abio_read(reader, NULL, 10, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_read(reader, data, 10, 2, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_read(reader, data, 10, 0x80000000u, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_read_exact(reader, NULL, 10, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_try_read(reader, NULL, 10, 0), ABIO_E_ARGUMENT);
	assert_int_equal(abio_try_read(reader, data, 10, ABIO_START_INLINE), ABIO_E_ARGUMENT);
	assert_int_equal(abio_readv(reader, NULL, 1, 0, 1), ABIO_E_ARGUMENT);
	test_quiet(t);
}

/* ---- read_exact ------------------------------------------------------------------------------ */

static void read_exact_gathers_pieces(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 9);
	uint64_t token = test_read_exact(t, reader, data, 9);
	struct abio_event event;

	for (int i = 0; i < 3; i++) {
		test_quiet(t);
		test_send(peer, &"abcdefghi"[i * 3], 3);
	}
	event = test_finish(t, token);
	assert_int_equal(event.result, 9);
	assert_int_equal(event.progress, 9);
	assert_memory_equal(data, "abcdefghi", 9);
}

static void read_exact_reports_progress_at_the_end(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 10);
	uint64_t token;
	struct abio_event event;

	test_send(peer, "abcd", 4);
	token = test_read_exact(t, reader, data, 10);
	test_quiet(t);
	test_close_fd(t, peer);
	event = test_finish(t, token);
	assert_int_equal(event.result, ABIO_E_UNEXPECTED_EOF);
	assert_int_equal(event.progress, 4);
	assert_memory_equal(data, "abcd", 4);
}

static void read_exact_at_the_end_has_no_progress(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	struct abio_event event;

	test_close_fd(t, peer);
	event = test_finish(t, test_read_exact(t, reader, test_memory(t, 10), 10));
	assert_int_equal(event.result, ABIO_E_UNEXPECTED_EOF);
	assert_int_equal(event.progress, 0);
}

static void read_exact_leaves_the_rest(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 10);

	test_send(peer, "abcdefgh", 8);
	assert_int_equal(test_result(t, test_read_exact(t, reader, data, 5)), 5);
	assert_int_equal(test_result(t, test_read(t, reader, data + 5, 5)), 3);
	assert_memory_equal(data, "abcdefgh", 8);
}

/* ---- vectored -------------------------------------------------------------------------------- */

static void readv_fills_pieces_in_turn(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 12);
	struct abio_iovec iovecs[3] = { { data + 8, 4 }, { data, 4 }, { data + 4, 4 } };
	struct abio_event event;
	uint64_t token;

	test_send(peer, "abcdefghij", 10);
	token = test_readv(t, reader, iovecs, 3);
	memset(iovecs, 0, sizeof(iovecs)); /* the array was copied */
	event = test_finish(t, token);
	assert_int_equal(event.result, 10);
	assert_int_equal(event.progress, 10);
	assert_memory_equal(data, "efghij\0\0abcd", 12);
}

static void readv_passes_over_empty_pieces(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 8);
	struct abio_iovec iovecs[6] = { { NULL, 0 }, { data, 3 },     { NULL, 0 },
					{ data, 0 }, { data + 3, 5 }, { NULL, 0 } };

	test_send(peer, "abcdefgh", 8);
	assert_int_equal(test_result(t, test_readv(t, reader, iovecs, 6)), 8);
	assert_memory_equal(data, "abcdefgh", 8);
	test_send(peer, "12345678", 8);
	assert_int_equal(abio_try_readv(reader, iovecs, 6, 0), 8);
	assert_memory_equal(data, "12345678", 8);
}

static void readv_of_empty_pieces_never_waits(struct test *t)
{
	abio_io reader;
	struct abio_iovec iovecs[3] = { { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };

	test_reader(t, &reader);
	assert_int_equal(test_result(t, START(t, abio_readv, reader, iovecs, 3, 0)), 0);
	assert_int_equal(abio_try_readv(reader, iovecs, 3, 0), 0);
}

static void readv_refuses_length_without_memory(struct test *t)
{
	abio_io reader;
	char *data = test_memory(t, 4);
	struct abio_iovec iovecs[2] = { { data, 4 }, { NULL, 1 } };

	test_reader(t, &reader);
	assert_int_equal(abio_readv(reader, iovecs, 2, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_try_readv(reader, iovecs, 2, 0), ABIO_E_ARGUMENT);
	test_quiet(t);
}

static void readv_takes_the_first_1024_pieces(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 2048);
	char *sent = test_memory(t, 2048);
	struct abio_iovec *iovecs = test_memory(t, 1025 * sizeof(*iovecs));

	for (size_t i = 0; i < 1025; i++)
		iovecs[i] = (struct abio_iovec){ data + i, 1 };
	test_fill(sent, 2048, 0);
	test_send(peer, sent, 2048);
	assert_int_equal(test_result(t, test_readv(t, reader, iovecs, 1025)), 1024);
	assert_pattern(data, 1024, 0);
	assert_int_equal(data[1024], 0);
	assert_int_equal(abio_try_readv(reader, iovecs, 1025, 0), 1024);
	assert_pattern(data, 1024, 1024);
}

static void readv_clamps_vast_pieces(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_vast_memory(t, VAST);
	struct abio_iovec iovecs[3] = { { data, 10 }, { data + 10, VAST - 10 }, { data, VAST } };
	struct abio_iovec whole = { data, (uint64_t)1 << 40 };

	test_send(peer, "0123456789abcdef", 16);
	assert_in_range(test_result(t, START(t, abio_readv, reader, iovecs, 3, 0)), 10, 16);
	assert_memory_equal(data, "0123456789", 10);
	test_send(peer, "!", 1);
	assert_true(test_result(t, START(t, abio_readv, reader, &whole, 1, 0)) > 0);
	test_send(peer, "?", 1);
	assert_true(abio_try_readv(reader, &whole, 1, 0) > 0);
}

/* ---- at once --------------------------------------------------------------------------------- */

static void try_read_takes_what_is_there(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char data[10];

	assert_int_equal(abio_try_read(reader, data, 10, 0), ABIO_WOULD_BLOCK);
	test_send(peer, "abc", 3);
	assert_int_equal(abio_try_read(reader, data, 10, 0), 3);
	assert_memory_equal(data, "abc", 3);
	assert_int_equal(abio_try_read(reader, data, 10, 0), ABIO_WOULD_BLOCK);
	test_close_fd(t, peer);
	assert_int_equal(abio_try_read(reader, data, 10, 0), 0);
	test_quiet(t);
}

static void inline_read_answers_at_once(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 10);
	uint64_t token;

	test_send(peer, "abcdef", 6);
	test_lend(t, data, 10);
	assert_int_equal(START_INLINE(t, &token, abio_read, reader, data, 4), 4);
	assert_memory_equal(data, "abcd", 4);
	assert_int_equal(START_INLINE(t, &token, abio_read_exact, reader, data, 2), 2);
	assert_memory_equal(data, "ef", 2);
	assert_int_equal(START_INLINE(t, &token, abio_read, reader, NULL, 0), 0);
	test_quiet(t);
	test_close_fd(t, peer);
	assert_int_equal(START_INLINE(t, &token, abio_read, reader, data, 4), 0);
	assert_int_equal(START_INLINE(t, &token, abio_read_exact, reader, data, 4),
			 ABIO_E_UNEXPECTED_EOF);
	test_quiet(t);
}

static void inline_read_waits_when_it_must(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 10);
	struct abio_iovec iovec = { data, 10 };
	uint64_t token;

	test_lend(t, data, 10);
	assert_int_equal(START_INLINE(t, &token, abio_read, reader, data, 10), ABIO_PENDING);
	test_quiet(t);
	test_send(peer, "abc", 3);
	assert_int_equal(test_result(t, token), 3);
	test_lend(t, data, 10);
	assert_int_equal(START_INLINE(t, &token, abio_readv, reader, &iovec, 1), ABIO_PENDING);
	test_send(peer, "defg", 4);
	assert_int_equal(test_result(t, token), 4);
	test_send(peer, "hi", 2);
	assert_int_equal(START_INLINE(t, &token, abio_readv, reader, &iovec, 1), 2);
	assert_memory_equal(data, "hifg", 4);
}

static void inline_read_exact_keeps_what_it_got(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 10);
	struct abio_event event;
	uint64_t token;

	test_send(peer, "abcd", 4);
	test_lend(t, data, 10);
	assert_int_equal(START_INLINE(t, &token, abio_read_exact, reader, data, 10), ABIO_PENDING);
	test_quiet(t);
	test_send(peer, "efghij", 6);
	event = test_finish(t, token);
	assert_int_equal(event.result, 10);
	assert_int_equal(event.progress, 10);
	assert_memory_equal(data, "abcdefghij", 10);

	test_send(peer, "xyz", 3);
	test_lend(t, data, 10);
	assert_int_equal(START_INLINE(t, &token, abio_read_exact, reader, data, 10), ABIO_PENDING);
	test_close_fd(t, peer);
	event = test_finish(t, token);
	assert_int_equal(event.result, ABIO_E_UNEXPECTED_EOF);
	assert_int_equal(event.progress, 3);
	assert_memory_equal(data, "xyzd", 4);
}

/* ---- one at a time --------------------------------------------------------------------------- */

static void a_second_reader_is_busy(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 10);
	char *other = test_memory(t, 10);
	struct abio_iovec iovec = { other, 10 };
	uint64_t token = test_read(t, reader, data, 10);

	for (int i = 0; i < 2; i++) {
		assert_int_equal(abio_read(reader, other, 10, 0, 1), ABIO_E_BUSY);
		assert_int_equal(abio_read(reader, other, 10, ABIO_START_INLINE, 1), ABIO_E_BUSY);
		assert_int_equal(abio_read(reader, other, 0, 0, 1), ABIO_E_BUSY);
		assert_int_equal(abio_readv(reader, &iovec, 1, 0, 1), ABIO_E_BUSY);
		assert_int_equal(abio_read_exact(reader, other, 10, 0, 1), ABIO_E_BUSY);
		assert_int_equal(abio_receive(reader, 0, 1),
				 t->kind == ABIO_KIND_HOST ? ABIO_E_UNSUPPORTED : ABIO_E_BUSY);
		assert_int_equal(abio_try_read(reader, other, 10, 0), ABIO_E_BUSY);
		assert_int_equal(abio_try_readv(reader, &iovec, 1, 0), ABIO_E_BUSY);
		test_quiet(t);
	}
	test_send(peer, "abc", 3);
	assert_int_equal(test_result(t, token), 3);
	assert_int_equal(other[0], 0);
	test_send(peer, "def", 3);
	assert_int_equal(test_result(t, test_read(t, reader, other, 10)), 3);
}

static void wrong_directions_of_a_pipe_are_unsupported(struct test *t)
{
	abio_io reader;
	abio_io writer;
	char data[4];

	assert_int_equal(abio_pipe(t->driver, 0, &reader, &writer), 0);
	test_own(t, reader);
	test_own(t, writer);
	assert_int_equal(abio_read(writer, data, 4, 0, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_try_read(writer, data, 4, 0), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_receive(writer, 0, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_write(reader, data, 4, 0, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_put(reader, data, 4), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_shutdown(reader, 0, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_read_at(reader, data, 4, 0, 0, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_accept(reader, 0, 1), ABIO_E_UNSUPPORTED);
	test_quiet(t);
}

static void two_directions_go_at_once(struct test *t)
{
	int fds[2];
	abio_io io;
	char *in = test_memory(t, 6);
	uint64_t reading;

	test_raw_pair(t, t->kind, fds);
	io = test_adopt(t, t->driver, fds[0]);
	reading = test_read_exact(t, io, in, 6);
	test_quiet(t);
	assert_int_equal(test_result(t, START(t, abio_write, io, "out", 3, 0)), 3);
	assert_int_equal(abio_try_write(io, "!", 1, 0), 1);
	test_receive(fds[1], test_memory(t, 4), 4);
	test_send(fds[1], "inside", 6);
	assert_int_equal(test_result(t, reading), 6);
	assert_memory_equal(in, "inside", 6);
}

/* ---- the peer -------------------------------------------------------------------------------- */

static void a_half_closed_peer_still_reads(struct test *t)
{
	abio_io io;
	int peer = test_reader(t, &io);
	char data[4];

	assert_int_equal(shutdown(peer, SHUT_WR), 0);
	assert_int_equal(test_result(t, test_read(t, io, test_memory(t, 4), 4)), 0);
	assert_int_equal(test_result(t, START(t, abio_write_all, io, "more", 4, 0)), 4);
	test_receive(peer, data, 4);
	assert_memory_equal(data, "more", 4);
}

static void a_reset_is_an_error(struct test *t)
{
	abio_io waiting;
	abio_io trying;
	int first = test_reader(t, &waiting);
	int second = test_reader(t, &trying);
	uint64_t token = test_read(t, waiting, test_memory(t, 4), 4);
	struct abio_event event;
	char data[4];

	test_quiet(t);
	if (t->kind == ABIO_KIND_TCP) {
		test_reset(t, first);
		test_reset(t, second);
	} else {
		/* A Unix socket is reset when its peer goes without having read all. */
		assert_int_equal(test_result(t, START(t, abio_write, waiting, "x", 1, 0)), 1);
		assert_int_equal(abio_try_write(trying, "x", 1, 0), 1);
		test_close_fd(t, first);
		test_close_fd(t, second);
	}
	event = test_finish(t, token);
	assert_int_equal(event.result, -ECONNRESET);
	assert_int_equal(event.progress, 0);
	assert_int_equal(abio_try_read(trying, data, 4, 0), -ECONNRESET);
}

static void an_error_in_read_exact_keeps_progress(struct test *t)
{
	abio_io io;
	int peer = test_reader(t, &io);
	char *data = test_memory(t, 10);
	uint64_t token = test_read_exact(t, io, data, 10);
	struct abio_event event;

	test_send(peer, "abc", 3);
	test_quiet(t);
	if (t->kind == ABIO_KIND_TCP) {
		test_reset(t, peer);
	} else {
		assert_int_equal(test_result(t, START(t, abio_write, io, "x", 1, 0)), 1);
		test_close_fd(t, peer);
	}
	event = test_finish(t, token);
	assert_int_equal(event.result, -ECONNRESET);
	assert_int_equal(event.progress, 3);
	assert_memory_equal(data, "abc", 3);
}

static const struct test_case cases[] = {
	STREAMS(read_takes_all_that_fits),
	STREAMS(read_gives_a_short_count),
	STREAMS(read_leaves_what_does_not_fit),
	STREAMS(read_waits_for_data),
	STREAMS(read_is_zero_at_the_end_and_stays_so),
	STREAMS(peer_closing_ends_a_waiting_read),
	STREAMS(read_of_nothing_never_waits),
	STREAMS(read_of_two_gibibytes_is_short),
	STREAMS(a_refused_read_touches_nothing),
	STREAMS(read_exact_gathers_pieces),
	STREAMS(read_exact_reports_progress_at_the_end),
	STREAMS(read_exact_at_the_end_has_no_progress),
	STREAMS(read_exact_leaves_the_rest),
	STREAMS(readv_fills_pieces_in_turn),
	STREAMS(readv_passes_over_empty_pieces),
	STREAMS(readv_of_empty_pieces_never_waits),
	STREAMS(readv_refuses_length_without_memory),
	STREAMS(readv_takes_the_first_1024_pieces),
	STREAMS(readv_clamps_vast_pieces),
	STREAMS(try_read_takes_what_is_there),
	STREAMS(inline_read_answers_at_once),
	STREAMS(inline_read_waits_when_it_must),
	STREAMS(inline_read_exact_keeps_what_it_got),
	STREAMS(a_second_reader_is_busy),
	CASE(wrong_directions_of_a_pipe_are_unsupported),
	SOCKETS(two_directions_go_at_once),
	SOCKETS(a_half_closed_peer_still_reads),
	SOCKETS(a_reset_is_an_error),
	SOCKETS(an_error_in_read_exact_keeps_progress),
};

TEST_MAIN("reads", cases)
