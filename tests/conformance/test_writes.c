/*
 * Writing streams: full, short, all, vectored, at once, refused, to peers that are gone.  Every
 * case runs over TCP, Unix socket and pipe.
 */
#include <errno.h>
#include <signal.h>

#include "harness.h"

#define VAST  ((size_t)2 << 30)
#define LARGE (8u << 20)

static bool is_broken(int64_t result)
{
	return result == -EPIPE || result == -ECONNRESET;
}

/* ---- write ----------------------------------------------------------------------------------- */

static void write_moves_all_that_fits(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	struct abio_event event;
	char data[5];

	event = test_finish(t, START(t, abio_write, writer, "hello", 5, 0));
	assert_int_equal(event.result, 5);
	assert_int_equal(event.progress, 5);
	assert_int_equal(event.flags, 0);
	test_receive(peer, data, 5);
	assert_memory_equal(data, "hello", 5);
}

static void write_gives_a_short_count(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	char *data = test_memory(t, LARGE);
	char *got = test_memory(t, LARGE);
	struct abio_event event;

	test_make_small(test_fd_of(writer));
	test_fill(data, LARGE, 0);
	event = test_finish(t, START(t, abio_write, writer, data, LARGE, 0));
	assert_in_range(event.result, 1, LARGE - 1);
	assert_int_equal(event.progress, event.result);
	test_receive(peer, got, (size_t)event.result);
	assert_pattern(got, (size_t)event.result, 0);
}

static void write_waits_for_room(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	uint64_t stuffed;
	uint64_t token;
	char *sink;
	char data[4];

	test_make_small(test_fd_of(writer));
	stuffed = test_stuff(writer);
	token = START(t, abio_write, writer, "tail", 4, 0);
	test_quiet(t);
	sink = test_memory(t, stuffed);
	test_receive(peer, sink, stuffed);
	assert_int_equal(test_result(t, token), 4);
	test_receive(peer, data, 4);
	assert_memory_equal(data, "tail", 4);
}

static void write_of_nothing_never_waits(struct test *t)
{
	abio_io writer;

	test_writer(t, &writer);
	test_make_small(test_fd_of(writer));
	test_stuff(writer);
	assert_int_equal(test_result(t, START(t, abio_write, writer, NULL, 0, 0)), 0);
	assert_int_equal(test_result(t, START(t, abio_write, writer, "", 0, 0)), 0);
	assert_int_equal(test_result(t, START(t, abio_write_all, writer, NULL, 0, 0)), 0);
	assert_int_equal(test_result(t, START(t, abio_writev, writer, NULL, 0, 0)), 0);
	assert_int_equal(abio_try_write(writer, NULL, 0, 0), 0);
	assert_int_equal(abio_try_writev(writer, NULL, 0, 0), 0);
}

static void write_of_two_gibibytes_is_short(struct test *t)
{
	abio_io writer;
	char *data = test_vast_memory(t, VAST);
	struct abio_event event;

	test_writer(t, &writer);
	event = test_finish(t, START(t, abio_write, writer, data, 0x80000000u, 0));
	assert_in_range(event.result, 1, 0x7ffff000);
	assert_int_equal(event.progress, event.result);
}

static void a_refused_write_sends_nothing(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	char data[4];

	assert_int_equal(abio_write(writer, NULL, 4, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_write(writer, "bad!", 4, 2, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_write_all(writer, NULL, 4, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_writev(writer, NULL, 1, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_try_write(writer, NULL, 4, 0), ABIO_E_ARGUMENT);
	assert_int_equal(abio_try_write(writer, "bad!", 4, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_put(writer, NULL, 4), ABIO_E_ARGUMENT);
	assert_int_equal(abio_shutdown(writer, 1, 1), ABIO_E_ARGUMENT);
	test_quiet(t);
	assert_int_equal(abio_try_write(writer, "good", 4, 0), 4);
	test_receive(peer, data, 4);
	assert_memory_equal(data, "good", 4);
}

/* ---- write_all and large transfers ----------------------------------------------------------- */

static void write_all_moves_megabytes_in_order(struct test *t)
{
	abio_io reader;
	abio_io writer;
	char *sent = test_memory(t, LARGE);
	char *got = test_memory(t, LARGE);
	struct abio_event event;
	uint64_t reading;
	uint64_t writing;

	test_stream(t, &reader, &writer);
	if (t->kind != ABIO_KIND_TCP)
		test_make_small(test_fd_of(writer));
	test_fill(sent, LARGE, 7);
	writing = START(t, abio_write_all, writer, sent, LARGE, 0);
	reading = test_read_exact(t, reader, got, LARGE);
	event = test_finish(t, writing);
	assert_int_equal(event.result, LARGE);
	assert_int_equal(event.progress, LARGE);
	event = test_finish(t, reading);
	assert_int_equal(event.result, LARGE);
	assert_pattern(got, LARGE, 7);
}

/* Lengths from a fixed sequence, so that a failure can be repeated. */
static uint32_t next_length(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 44) % 200000 + 1;
}

static void mixed_transfers_keep_order_and_bytes(struct test *t)
{
	abio_io reader;
	abio_io writer;
	char *sent = test_memory(t, LARGE);
	char *got = test_memory(t, LARGE);
	uint64_t state = 42;
	uint64_t reading = 0;
	uint64_t writing = 0;
	uint64_t read_total = 0;
	uint64_t write_total = 0;

	test_stream(t, &reader, &writer);
	test_fill(sent, LARGE, 0);
	while (read_total < LARGE) {
		uint32_t length = next_length(&state);
		struct abio_event event;

		if (writing == 0 && write_total < LARGE) {
			if (length > LARGE - write_total)
				length = (uint32_t)(LARGE - write_total);
			writing = length % 2 == 0 ? START(t, abio_write, writer, sent + write_total,
							  length, 0)
						  : START(t, abio_write_all, writer,
							  sent + write_total, length, 0);
		}
		length = next_length(&state);
		if (reading == 0)
			reading = test_read(t, reader, got + read_total,
					    length > LARGE - read_total
						    ? (uint32_t)(LARGE - read_total)
						    : length);
		event = test_event(t);
		assert_true(event.result > 0);
		if (event.token == writing) {
			write_total += event.progress;
			writing = 0;
		} else {
			assert_int_equal(event.token, reading);
			read_total += event.progress;
			reading = 0;
		}
	}
	assert_int_equal(write_total, LARGE);
	assert_pattern(got, LARGE, 0);
}

/* ---- vectored -------------------------------------------------------------------------------- */

static void writev_gathers_pieces_in_turn(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	char *data = test_memory(t, 12);
	struct abio_iovec iovecs[6] = { { NULL, 0 }, { data + 8, 4 }, { data, 4 },
					{ data, 0 }, { data + 4, 4 }, { NULL, 0 } };
	struct abio_event event;
	uint64_t token;
	char got[12];

	memcpy(data, "efghijklabcd", 12);
	token = START(t, abio_writev, writer, iovecs, 6, 0);
	memset(iovecs, 0, sizeof(iovecs));
	event = test_finish(t, token);
	assert_int_equal(event.result, 12);
	assert_int_equal(event.progress, 12);
	test_receive(peer, got, 12);
	assert_memory_equal(got, "abcdefghijkl", 12);
}

static void writev_of_empty_pieces_never_waits(struct test *t)
{
	abio_io writer;
	struct abio_iovec iovecs[3] = { { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };

	test_writer(t, &writer);
	test_make_small(test_fd_of(writer));
	test_stuff(writer);
	assert_int_equal(test_result(t, START(t, abio_writev, writer, iovecs, 3, 0)), 0);
	assert_int_equal(abio_try_writev(writer, iovecs, 3, 0), 0);
}

static void writev_takes_the_first_1024_pieces(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	char *data = test_memory(t, 1025);
	char *got = test_memory(t, 2048);
	struct abio_iovec *iovecs = test_memory(t, 1025 * sizeof(*iovecs));

	test_fill(data, 1025, 0);
	for (size_t i = 0; i < 1025; i++)
		iovecs[i] = (struct abio_iovec){ data + i, 1 };
	assert_int_equal(test_result(t, START(t, abio_writev, writer, iovecs, 1025, 0)), 1024);
	assert_int_equal(abio_try_writev(writer, iovecs, 1025, 0), 1024);
	test_receive(peer, got, 2048);
	assert_pattern(got, 1024, 0);
	assert_pattern(got + 1024, 1024, 0);
}

static void writev_refuses_length_without_memory(struct test *t)
{
	abio_io writer;
	char data[4] = "abc";
	struct abio_iovec iovecs[2] = { { data, 4 }, { NULL, 1 } };

	test_writer(t, &writer);
	assert_int_equal(abio_writev(writer, iovecs, 2, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_try_writev(writer, iovecs, 2, 0), ABIO_E_ARGUMENT);
	test_quiet(t);
}

static void writev_clamps_vast_pieces(struct test *t)
{
	abio_io writer;
	char *data = test_vast_memory(t, VAST);
	struct abio_iovec iovecs[2] = { { data, VAST - 1 }, { data, VAST } };
	struct abio_iovec whole = { data, (uint64_t)1 << 40 };

	test_writer(t, &writer);
	assert_in_range(test_result(t, START(t, abio_writev, writer, iovecs, 2, 0)), 1, 0x7ffff000);
	test_stuff(writer);
	assert_int_equal(abio_try_writev(writer, &whole, 1, 0), ABIO_WOULD_BLOCK);
}

/* ---- at once --------------------------------------------------------------------------------- */

static void try_write_takes_what_fits(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	uint64_t stuffed;
	char *sink;

	test_make_small(test_fd_of(writer));
	stuffed = test_stuff(writer);
	assert_true(stuffed > 0);
	assert_int_equal(abio_try_write(writer, "x", 1, 0), ABIO_WOULD_BLOCK);
	sink = test_memory(t, stuffed);
	test_receive(peer, sink, stuffed);
	assert_int_equal(test_result(t, START(t, abio_ready, writer, ABIO_INTEREST_WRITE, 0)),
			 ABIO_READY_WRITE);
	assert_int_equal(abio_try_write(writer, "x", 1, 0), 1);
	test_receive(peer, sink, 1);
	assert_int_equal(sink[0], 'x');
}

static void inline_write_answers_at_once(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	struct abio_iovec iovec = { "ghi", 3 };
	uint64_t token;
	char data[9];

	assert_int_equal(START_INLINE(t, &token, abio_write, writer, "abc", 3), 3);
	assert_int_equal(START_INLINE(t, &token, abio_write_all, writer, "def", 3), 3);
	assert_int_equal(START_INLINE(t, &token, abio_writev, writer, &iovec, 1), 3);
	assert_int_equal(START_INLINE(t, &token, abio_write, writer, NULL, 0), 0);
	test_quiet(t);
	test_receive(peer, data, 9);
	assert_memory_equal(data, "abcdefghi", 9);
}

static void inline_write_waits_when_it_must(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	uint64_t stuffed;
	uint64_t token;
	char *sink;

	test_make_small(test_fd_of(writer));
	stuffed = test_stuff(writer);
	assert_int_equal(START_INLINE(t, &token, abio_write, writer, "tail", 4), ABIO_PENDING);
	test_quiet(t);
	sink = test_memory(t, stuffed);
	test_receive(peer, sink, stuffed);
	assert_int_equal(test_result(t, token), 4);
	test_receive(peer, sink, 4);
	assert_memory_equal(sink, "tail", 4);
}

static void inline_write_all_keeps_what_went(struct test *t)
{
	abio_io reader;
	abio_io writer;
	char *sent = test_memory(t, LARGE);
	char *got = test_memory(t, LARGE);
	struct abio_event event;
	uint64_t reading;
	uint64_t token;

	test_stream(t, &reader, &writer);
	test_fill(sent, LARGE, 0);
	assert_int_equal(START_INLINE(t, &token, abio_write_all, writer, sent, LARGE),
			 ABIO_PENDING);
	reading = test_read_exact(t, reader, got, LARGE);
	event = test_finish(t, token);
	assert_int_equal(event.result, LARGE);
	assert_int_equal(event.progress, LARGE);
	assert_int_equal(test_result(t, reading), LARGE);
	assert_pattern(got, LARGE, 0);
}

/* ---- one at a time --------------------------------------------------------------------------- */

static void a_second_writer_is_busy(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	struct abio_iovec iovec = { "abc", 3 };
	uint64_t stuffed;
	uint64_t token;

	test_make_small(test_fd_of(writer));
	stuffed = test_stuff(writer);
	token = START(t, abio_write, writer, "1", 1, 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(abio_write(writer, "abc", 3, 0, 1), ABIO_E_BUSY);
		assert_int_equal(abio_write(writer, "abc", 3, ABIO_START_INLINE, 1), ABIO_E_BUSY);
		assert_int_equal(abio_write(writer, NULL, 0, 0, 1), ABIO_E_BUSY);
		assert_int_equal(abio_write_all(writer, "abc", 3, 0, 1), ABIO_E_BUSY);
		assert_int_equal(abio_writev(writer, &iovec, 1, 0, 1), ABIO_E_BUSY);
		assert_int_equal(abio_try_write(writer, "abc", 3, 0), ABIO_E_BUSY);
		assert_int_equal(abio_try_writev(writer, &iovec, 1, 0), ABIO_E_BUSY);
		assert_int_equal(abio_shutdown(writer, 0, 1), ABIO_E_BUSY);
		test_quiet(t);
	}
	test_receive(peer, test_memory(t, stuffed + 1), stuffed);
	assert_int_equal(test_result(t, token), 1);
	assert_int_equal(test_result(t, START(t, abio_write, writer, "2", 1, 0)), 1);
}

/* ---- peers that are gone --------------------------------------------------------------------- */

/* A pipe and a Unix socket tell at once; TCP only after the first bytes were answered by a reset.
 */
static void break_off(struct test *t, int peer)
{
	if (t->kind == ABIO_KIND_TCP)
		test_reset(t, peer);
	else
		test_close_fd(t, peer);
}

static void writing_to_nobody_is_an_error_without_a_signal(struct test *t)
{
	abio_io writer;
	abio_io trying;
	int first = test_writer(t, &writer);
	int second = test_writer(t, &trying);
	struct abio_iovec iovec = { "x", 1 };
	struct abio_event event;
	sigset_t pending;

	break_off(t, first);
	break_off(t, second);
	event = test_finish(t, START(t, abio_write, writer, "x", 1, 0));
	assert_true(is_broken(event.result));
	assert_int_equal(event.progress, 0);
	assert_int_equal(test_result(t, START(t, abio_write_all, writer, "x", 1, 0)), -EPIPE);
	assert_int_equal(test_result(t, START(t, abio_writev, writer, &iovec, 1, 0)), -EPIPE);
	assert_true(is_broken(abio_try_write(trying, "x", 1, 0)));
	assert_int_equal(abio_try_write(trying, "x", 1, 0), -EPIPE);
	assert_int_equal(abio_try_writev(trying, &iovec, 1, 0), -EPIPE);
	assert_int_equal(abio_write(trying, "x", 1, ABIO_START_INLINE, 1), -EPIPE);
	sigpending(&pending);
	assert_false(sigismember(&pending, SIGPIPE));
	test_quiet(t);
}

static void peer_closing_ends_a_waiting_write(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	uint64_t token;

	test_make_small(test_fd_of(writer));
	test_stuff(writer);
	token = START(t, abio_write, writer, "x", 1, 0);
	test_quiet(t);
	test_close_fd(t, peer); /* with unread bytes: a reset on TCP */
	assert_true(is_broken(test_result(t, token)));
}

static void an_error_in_write_all_keeps_progress(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	char *data = test_memory(t, LARGE);
	char *got = test_memory(t, 5000);
	struct abio_event event;
	uint64_t token;

	test_make_small(test_fd_of(writer));
	test_fill(data, LARGE, 0);
	token = START(t, abio_write_all, writer, data, LARGE, 0);
	test_quiet(t);
	test_pull(t, peer, got, 5000);
	assert_pattern(got, 5000, 0);
	test_quiet(t);
	test_close_fd(t, peer);
	event = test_finish(t, token);
	assert_true(is_broken(event.result));
	assert_in_range(event.progress, 5000, LARGE - 1);
}

static const struct test_case cases[] = {
	STREAMS(write_moves_all_that_fits),
	STREAMS(write_gives_a_short_count),
	STREAMS(write_waits_for_room),
	STREAMS(write_of_nothing_never_waits),
	STREAMS(write_of_two_gibibytes_is_short),
	STREAMS(a_refused_write_sends_nothing),
	STREAMS(write_all_moves_megabytes_in_order),
	STREAMS(mixed_transfers_keep_order_and_bytes),
	STREAMS(writev_gathers_pieces_in_turn),
	STREAMS(writev_of_empty_pieces_never_waits),
	STREAMS(writev_takes_the_first_1024_pieces),
	STREAMS(writev_refuses_length_without_memory),
	STREAMS(writev_clamps_vast_pieces),
	STREAMS(try_write_takes_what_fits),
	STREAMS(inline_write_answers_at_once),
	STREAMS(inline_write_waits_when_it_must),
	STREAMS(inline_write_all_keeps_what_went),
	STREAMS(a_second_writer_is_busy),
	STREAMS(writing_to_nobody_is_an_error_without_a_signal),
	STREAMS(peer_closing_ends_a_waiting_write),
	STREAMS(an_error_in_write_all_keeps_progress),
};

TEST_MAIN("writes", cases)
