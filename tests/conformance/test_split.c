/*
 * Split: the halves of duplex streams, which read and write at once, end each by itself, and pass
 * everything on.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"
#include "harness.h"
#include "object.h"
#include "request.h"
#include "sys.h"

#define SMALL 4096u

struct halves {
	abio_io io;
	abio_io reader;
	abio_io writer;
	int peer;
};

static struct halves split_stream(struct test *t)
{
	struct halves halves = { 0 };

	halves.peer = test_reader(t, &halves.io);
	assert_int_equal(abio_split(halves.io, &halves.reader, &halves.writer), 0);
	test_own(t, halves.reader);
	test_own(t, halves.writer);
	return halves;
}

static uint32_t kind_of(abio_io io)
{
	struct abio_io_info info = { .size = sizeof(info) };

	assert_int_equal(abio_info(io, &info), 0);
	assert_int_equal(info.fd, -1);
	return info.kind;
}

/* ---- what they offer ------------------------------------------------------------------------- */

static uint64_t slots_of(abio_io io, uint32_t trait)
{
	struct abio_trait_info info = { .size = sizeof(info) };
	int32_t error = abio_query(io, trait, &info);

	if (error == ABIO_E_UNSUPPORTED)
		return 0;
	assert_int_equal(error, 0);
	return info.slots;
}

static void halves_offer_their_direction(struct test *t)
{
	struct halves h = split_stream(t);
	struct abio_trait_info whole = { .size = sizeof(whole) };
	struct abio_trait_info half = { .size = sizeof(half) };

	assert_int_equal(kind_of(h.reader), ABIO_KIND_READ_HALF);
	assert_int_equal(kind_of(h.writer), ABIO_KIND_WRITE_HALF);
	assert_int_equal(slots_of(h.reader, ABIO_TRAIT_READ), slots_of(h.io, ABIO_TRAIT_READ));
	assert_int_equal(slots_of(h.writer, ABIO_TRAIT_WRITE), slots_of(h.io, ABIO_TRAIT_WRITE));
	assert_int_equal(slots_of(h.reader, ABIO_TRAIT_READY), slots_of(h.io, ABIO_TRAIT_READY));
	assert_int_equal(slots_of(h.writer, ABIO_TRAIT_READY), slots_of(h.io, ABIO_TRAIT_READY));
	assert_int_equal(slots_of(h.reader, ABIO_TRAIT_WRITE), 0);
	assert_int_equal(slots_of(h.reader, ABIO_TRAIT_BUF_WRITE), 0);
	assert_int_equal(slots_of(h.writer, ABIO_TRAIT_READ), 0);
	assert_int_equal(slots_of(h.writer, ABIO_TRAIT_BUF_READ), 0);
	assert_int_equal(slots_of(h.reader, ABIO_TRAIT_SPLIT), 0);
	assert_int_equal(slots_of(h.writer, ABIO_TRAIT_SPLIT), 0);
	assert_int_equal(abio_query(h.io, ABIO_TRAIT_READ, &whole), 0);
	assert_int_equal(abio_query(h.reader, ABIO_TRAIT_READ, &half), 0);
	assert_int_equal(half.caps & ABIO_CAP_VECTORED, whole.caps & ABIO_CAP_VECTORED);
}

static void the_other_direction_is_unsupported(struct test *t)
{
	struct halves h = split_stream(t);
	char byte = 0;

	assert_int_equal(abio_write(h.reader, &byte, 1, 0, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_put(h.reader, &byte, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_shutdown(h.reader, 0, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_read(h.writer, &byte, 1, 0, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_try_read(h.writer, &byte, 1, 0), ABIO_E_UNSUPPORTED);
	test_quiet(t);
}

static void only_duplex_streams_split(struct test *t)
{
	abio_io reader;
	abio_io writer;
	abio_io half;

	assert_int_equal(abio_pipe(t->driver, 0, &reader, &writer), 0);
	test_own(t, reader);
	test_own(t, writer);
	assert_int_equal(abio_split(reader, &half, &half), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_split(writer, &half, &half), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_split(test_file(t, test_path(t), 0, 0), &half, &half),
			 ABIO_E_UNSUPPORTED);
}

static void the_host_cannot_release_what_the_halves_hold(struct test *t)
{
	char *data = test_memory(t, 5);
	abio_io stream;
	abio_io peer;
	abio_io reader;
	abio_io writer;

	test_stream(t, &stream, &peer);
	assert_int_equal(abio_split(stream, &reader, &writer), 0);
	test_own(t, reader);
	test_own(t, writer);
	assert_int_equal(abio_release(stream), 0);
	/* Its own reference is gone; what the halves need is not the host's to give back. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(abio_release(stream), ABIO_E_HANDLE);
	assert_int_equal(test_result(t, START(t, abio_write_all, writer, "hello", 5, 0)), 5);
	assert_int_equal(test_result(t, test_read_exact(t, peer, data, 5)), 5);
	assert_int_equal(test_result(t, START(t, abio_write_all, peer, "world", 5, 0)), 5);
	assert_int_equal(test_result(t, test_read_exact(t, reader, data, 5)), 5);
	assert_memory_equal(data, "world", 5);
}

static void a_fifo_open_both_ways_splits(struct test *t)
{
	const char *path = test_path(t);
	char *data = test_memory(t, 5);
	abio_io io;
	abio_io reader;
	abio_io writer;
	int fd;

	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	io = test_adopt(t, t->driver, test_own_fd(t, fd));
	assert_int_equal(abio_split(io, &reader, &writer), 0);
	test_own(t, reader);
	test_own(t, writer);
	assert_int_equal(abio_release(io), 0);
	assert_int_equal(test_result(t, START(t, abio_write_all, writer, "hello", 5, 0)), 5);
	assert_int_equal(test_result(t, START(t, abio_close, writer, 0)), 0);
	assert_int_equal(test_result(t, test_read_exact(t, reader, data, 5)), 5);
	assert_memory_equal(data, "hello", 5);
}

static void a_terminal_splits(struct test *t)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	char *data = test_memory(t, 6);
	abio_io reader;
	abio_io writer;
	uint64_t token;
	int slave;

	if (master < 0)
		test_skip(t, "no terminals here");
	test_own_fd(t, master);
	assert_int_equal(grantpt(master) | unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		test_skip(t, "no terminals here");
	assert_int_equal(
		abio_split(test_adopt(t, t->driver, test_own_fd(t, slave)), &reader, &writer), 0);
	test_own(t, reader);
	test_own(t, writer);
	token = test_read(t, reader, data, 6);
	assert_int_equal(test_result(t, START(t, abio_write_all, writer, "ask", 3, 0)), 3);
	assert_int_equal(write(master, "answer\n", 7), 7);
	assert_int_equal(test_result(t, token), 6);
	assert_memory_equal(data, "answer", 6);
}

static void whatever_is_duplex_splits(struct test *t)
{
	struct halves h = { 0 };
	char *data = test_memory(t, 4);

	h.peer = test_reader(t, &h.io);
	if (slots_of(h.io, ABIO_TRAIT_SPLIT) == 0) {
		assert_int_equal(t->kind, ABIO_KIND_PIPE);
		return;
	}
	assert_int_equal(abio_split(h.io, &h.reader, &h.writer), 0);
	test_own(t, h.reader);
	test_own(t, h.writer);
	assert_int_equal(abio_release(h.io), 0);
	assert_int_equal(test_result(t, START(t, abio_write_all, h.writer, "ping", 4, 0)), 4);
	test_pull(t, h.peer, data, 4);
	assert_memory_equal(data, "ping", 4);
	assert_int_equal(test_result(t, START(t, abio_close, h.writer, 0)), 0);
	test_pull_end(t, h.peer);
	test_send(h.peer, "pong", 4);
	assert_int_equal(test_result(t, START(t, abio_read_exact, h.reader, data, 4, 0)), 4);
	assert_memory_equal(data, "pong", 4);
}

/* ---- one dies, the other lives --------------------------------------------------------------- */

static void halves_outlive_the_handle(struct test *t)
{
	struct halves h = split_stream(t);
	char *data = test_memory(t, 4);

	assert_int_equal(abio_release(h.io), 0);
	test_send(h.peer, "ping", 4);
	assert_int_equal(test_result(t, test_read_exact(t, h.reader, data, 4)), 4);
	assert_int_equal(test_result(t, START(t, abio_write_all, h.writer, "pong", 4, 0)), 4);
	test_receive(h.peer, data, 4);
	assert_memory_equal(data, "pong", 4);
}

static void dropping_the_write_half_shuts_writing_down(struct test *t)
{
	struct halves h = split_stream(t);
	char *data = test_memory(t, 5);
	char *last = test_memory(t, 4);
	uint64_t token = test_read_exact(t, h.reader, data, 5);

	assert_int_equal(abio_put(h.writer, "last", 4), 4);
	assert_int_equal(abio_release(h.writer), 0);
	test_pull(t, h.peer, last, 4);
	test_pull_end(t, h.peer);
	test_send(h.peer, "still", 5);
	assert_int_equal(test_result(t, token), 5);
	assert_memory_equal(data, "still", 5);
	assert_int_equal(test_result(t, START(t, abio_write, h.io, "no", 2, 0)), -EPIPE);
}

static void closing_the_write_half_tells_when_all_is_out(struct test *t)
{
	struct halves h = split_stream(t);
	char *data = test_memory(t, 4);

	assert_int_equal(abio_put(h.writer, "last", 4), 4);
	assert_int_equal(test_result(t, START(t, abio_close, h.writer, 0)), 0);
	test_receive(h.peer, data, 4);
	test_pull_end(t, h.peer);
	assert_int_equal(abio_write(h.writer, "no", 2, 0, 1), ABIO_E_CLOSED);
}

/* ---- the write half goes while somebody else writes ----------------------------------------- */

#define LARGE (4u << 20)

/* A write on the stream itself that waits for its peer. */
static uint64_t write_on_the_stream(struct test *t, const struct halves *h, uint8_t *data)
{
	uint64_t token;

	test_fill(data, LARGE, 1);
	token = START(t, abio_write_all, h->io, data, LARGE, 0);
	test_quiet(t);
	return token;
}

static void expect_it_and_the_end(struct test *t, const struct halves *h, uint64_t token)
{
	uint8_t *got = test_memory(t, LARGE);

	test_pull(t, h->peer, got, LARGE);
	assert_pattern(got, LARGE, 1);
	assert_int_equal(test_result(t, token), LARGE);
	test_pull_end(t, h->peer);
}

static void no_memory_from_here_on(void)
{
	static const struct fault fault = { FAULT_memory, 1, ENOMEM, true };

	faults_install();
	faults_plan(&fault);
}

static void dropping_the_write_half_shuts_down_behind_another_writer(struct test *t)
{
	struct halves h = split_stream(t);
	uint64_t token = write_on_the_stream(t, &h, test_memory(t, LARGE));

	no_memory_from_here_on();
	assert_int_equal(abio_release(h.writer), 0);
	test_quiet(t);
	faults_remove();
	expect_it_and_the_end(t, &h, token);
	assert_int_equal(test_result(t, START(t, abio_write, h.io, "no", 2, 0)), -EPIPE);
}

static void closing_the_write_half_waits_for_another_writer(struct test *t)
{
	struct halves h = split_stream(t);
	uint64_t token = write_on_the_stream(t, &h, test_memory(t, LARGE));
	uint64_t closing = START(t, abio_close, h.writer, 0);

	test_quiet(t);
	expect_it_and_the_end(t, &h, token);
	assert_int_equal(test_result(t, closing), 0);
}

static void nobody_writes_between_another_writer_and_the_shutdown(struct test *t)
{
	struct halves h = split_stream(t);
	char *data = test_memory(t, LARGE);
	uint64_t token = write_on_the_stream(t, &h, (uint8_t *)data);
	uint64_t closing = START(t, abio_close, h.writer, 0);

	test_quiet(t);
	assert_int_equal(abio_cancel(h.io, token), 1);
	while (!test_has_come(t, token))
		;
	assert_true(abio_try_write(h.io, "no", 2, 0) < 0);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	assert_int_equal(test_result(t, closing), 0);
	assert_int_equal(test_result(t, START(t, abio_write, h.io, "no", 2, 0)), -EPIPE);
}

static void both_write_halves_of_a_stream_wait_for_another_writer(struct test *t)
{
	struct halves h = split_stream(t);
	uint64_t token = write_on_the_stream(t, &h, test_memory(t, LARGE));
	uint64_t closing[2];
	abio_io reader;
	abio_io writer;

	assert_int_equal(abio_split(h.io, &reader, &writer), 0);
	test_own(t, reader);
	test_own(t, writer);
	closing[0] = START(t, abio_close, h.writer, 0);
	closing[1] = START(t, abio_close, writer, 0);
	test_quiet(t);
	expect_it_and_the_end(t, &h, token);
	assert_int_equal(test_result(t, closing[0]), 0);
	assert_int_equal(test_result(t, closing[1]), 0);
}

static void a_close_that_waits_for_another_writer_is_canceled(struct test *t)
{
	struct halves h = split_stream(t);
	uint8_t *got = test_memory(t, LARGE);
	uint64_t token = write_on_the_stream(t, &h, test_memory(t, LARGE));
	uint64_t closing = START(t, abio_close, h.writer, 0);

	test_quiet(t);
	assert_int_equal(abio_cancel(t->driver, closing), 1);
	assert_int_equal(test_result(t, closing), ABIO_E_CANCELED);
	test_pull(t, h.peer, got, LARGE);
	assert_int_equal(test_result(t, token), LARGE);
	assert_int_equal(test_result(t, START(t, abio_write_all, h.io, "on", 2, 0)), 2);
}

static void the_stream_closes_while_the_write_half_waits(struct test *t)
{
	struct halves h = split_stream(t);
	uint64_t token = write_on_the_stream(t, &h, test_memory(t, LARGE));
	uint64_t closing[2];

	closing[0] = START(t, abio_close, h.writer, 0);
	test_quiet(t);
	closing[1] = START(t, abio_close, h.io, 0);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	assert_int_equal(test_result(t, closing[0]), ABIO_E_CANCELED);
	assert_int_equal(test_result(t, closing[1]), 0);
}

static void the_driver_shuts_down_while_the_write_half_waits(struct test *t)
{
	struct halves h = split_stream(t);

	write_on_the_stream(t, &h, test_memory(t, LARGE));
	assert_int_equal(abio_release(h.writer), 0);
	test_quiet(t);
	test_driver_end(t, t->driver);
}

static void the_write_half_waits_for_a_copy(struct test *t)
{
	struct halves h = split_stream(t);
	abio_io source;
	int from = test_reader(t, &source);
	char *got = test_memory(t, 4);
	uint64_t token = START(t, abio_copy, source, h.io, UINT64_MAX, 0);

	test_quiet(t);
	assert_int_equal(abio_release(h.writer), 0);
	test_send(from, "data", 4);
	test_pull(t, h.peer, got, 4);
	test_close_fd(t, from);
	assert_int_equal(test_result(t, token), 4);
	test_pull_end(t, h.peer);
}

static void the_write_half_waits_for_who_reserved(struct test *t)
{
	struct halves h = split_stream(t);
	uint64_t token = START(t, abio_reserve, h.io, 4, 0);
	uint64_t closing = START(t, abio_close, h.writer, 0);
	struct abio_event event = test_finish(t, token);

	assert_true(event.result >= 4);
	memset((void *)(uintptr_t)event.data, 'x', 4);
	assert_int_equal(test_result(t, closing), 0);
	memset((void *)(uintptr_t)event.data, 'y', 4);
	abio_commit(h.io, 4);
	test_pull_end(t, h.peer);
}

static void dropping_the_read_half_leaves_the_writer_alone(struct test *t)
{
	struct halves h = split_stream(t);
	char *data = test_memory(t, 4);

	test_make_small(test_fd_of(h.io));
	test_stuff(h.writer);
	assert_int_equal(abio_release(h.io), 0);
	assert_int_equal(abio_release(h.reader), 0);
	test_quiet(t);
	assert_int_equal(recv(h.peer, data, 4, 0), 4);
	assert_int_equal(test_result(t, START(t, abio_flush, h.writer, 0)), 0);
}

static void dropping_a_half_cancels_what_it_waits_for(struct test *t)
{
	struct halves h = split_stream(t);
	char *data = test_memory(t, 4);
	uint64_t token = test_read(t, h.reader, data, 4);

	test_quiet(t);
	assert_int_equal(abio_release(h.reader), 0);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	/* And the stream reads on by itself. */
	test_send(h.peer, "more", 4);
	assert_int_equal(test_result(t, test_read_exact(t, h.io, data, 4)), 4);
}

static void the_descriptor_goes_with_the_last_half(struct test *t)
{
	struct halves h = split_stream(t);
	int fd = test_fd_of(h.io);

	assert_int_equal(abio_release(h.io), 0);
	assert_int_equal(abio_release(h.writer), 0);
	test_quiet(t);
	assert_int_not_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(abio_release(h.reader), 0);
	test_quiet(t);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void closing_the_stream_ends_the_halves(struct test *t)
{
	struct halves h = split_stream(t);
	char *data = test_memory(t, 4);
	uint64_t token = test_read(t, h.reader, data, 4);

	test_quiet(t);
	assert_int_equal(test_result(t, START(t, abio_close, h.io, 0)), 0);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	assert_int_equal(abio_try_read(h.reader, data, 4, 0), ABIO_E_CLOSED);
	assert_int_equal(abio_try_write(h.writer, data, 4, 0), ABIO_E_CLOSED);
	assert_int_equal(abio_ready_now(h.reader, ABIO_INTEREST_READ), ABIO_E_CLOSED);
	assert_int_equal(test_result(t, test_read(t, h.reader, data, 4)), ABIO_E_CLOSED);
	assert_int_equal(test_result(t, START(t, abio_write, h.writer, data, 4, 0)), ABIO_E_CLOSED);
	assert_int_equal(test_result(t, START(t, abio_flush, h.writer, 0)), ABIO_E_CLOSED);
	assert_int_equal(test_result(t, START(t, abio_ready, h.reader, ABIO_INTEREST_READ, 0)),
			 ABIO_E_CLOSED);
	assert_int_equal(test_result(t, START(t, abio_close, h.writer, 0)), 0);
}

static void shutting_the_stream_down_ends_the_write_half(struct test *t)
{
	struct halves h = split_stream(t);
	char *data = test_memory(t, 2);

	assert_int_equal(test_result(t, START(t, abio_shutdown, h.io, 0)), 0);
	assert_int_equal(test_result(t, START(t, abio_write, h.writer, "no", 2, 0)), -EPIPE);
	test_send(h.peer, "in", 2);
	assert_int_equal(test_result(t, test_read_exact(t, h.reader, data, 2)), 2);
	assert_int_equal(test_result(t, START(t, abio_close, h.writer, 0)), 0);
}

static void *release(void *argument)
{
	abio_release(*(const abio_io *)argument);
	return NULL;
}

static void a_half_is_released_from_another_thread(struct test *t)
{
	struct halves h = split_stream(t);
	pthread_t thread;
	char *data = test_memory(t, 4);

	assert_int_equal(abio_put(h.writer, "last", 4), 4);
	assert_int_equal(pthread_create(&thread, NULL, release, &h.writer), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	test_pull(t, h.peer, data, 4);
	test_pull_end(t, h.peer);
}

static void what_halves_hold_is_not_moved(struct test *t)
{
	struct halves h = split_stream(t);
	abio_driver other = test_driver(t, 0);
	abio_io moved;
	int32_t fd;

	assert_int_equal(abio_detach(h.reader, &fd), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_move(h.writer, other, &moved), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_detach(h.io, &fd), ABIO_E_BUSY);
	assert_int_equal(abio_move(h.io, other, &moved), ABIO_E_BUSY);
	assert_int_equal(abio_release(h.reader), 0);
	test_quiet(t);
	assert_int_equal(abio_detach(h.io, &fd), ABIO_E_BUSY);
	assert_int_equal(abio_release(h.writer), 0);
	test_quiet(t);
	assert_int_equal(abio_detach(h.io, &fd), 0);
	test_own_fd(t, fd);
}

/* ---- cancelling ------------------------------------------------------------------------------ */

static void every_request_of_a_half_is_canceled(struct test *t)
{
	struct halves h = split_stream(t);
	char *data = test_memory(t, 64);
	struct abio_iovec iovecs[2] = { { data, 8 }, { data + 8, 8 } };
	uint64_t tokens[4];

	test_make_small(test_fd_of(h.io));
	test_stuff(h.writer);
	tokens[0] = test_readv(t, h.reader, iovecs, 2);
	tokens[1] = START(t, abio_ready, h.reader, ABIO_INTEREST_READ, 0);
	tokens[2] = START(t, abio_write_all, h.writer, data + 32, 32, 0);
	tokens[3] = START(t, abio_ready, h.writer, ABIO_INTEREST_WRITE, 0);
	test_quiet(t);
	for (int i = 0; i < 4; i++) {
		abio_io io = i < 2 ? h.reader : h.writer;
		struct abio_event event;

		assert_int_equal(abio_cancel(io, tokens[i]), 1);
		event = test_finish(t, tokens[i]);
		assert_int_equal(event.result, ABIO_E_CANCELED);
		assert_int_equal(event.progress, 0);
	}
}

static void flush_and_shutdown_of_a_half_are_canceled(struct test *t)
{
	struct halves h = split_stream(t);
	uint64_t flush;
	uint64_t shutdown;

	test_make_small(test_fd_of(h.io));
	test_stuff(h.writer);
	/* On the stream itself, so that the half's have to wait for it. */
	assert_int_equal(abio_put(h.io, "waits", 5), 5);
	flush = START(t, abio_flush, h.writer, 0);
	shutdown = START(t, abio_shutdown, h.writer, 0);
	test_quiet(t);
	assert_int_equal(abio_cancel(h.writer, flush), 1);
	assert_int_equal(test_result(t, flush), ABIO_E_CANCELED);
	assert_int_equal(abio_cancel(h.writer, shutdown), 1);
	assert_int_equal(test_result(t, shutdown), ABIO_E_CANCELED);
	assert_int_equal(abio_cancel(h.writer, shutdown), 0);
}

static void canceled_before_it_was_passed_on(struct test *t)
{
	struct halves h = split_stream(t);
	uint64_t token = test_read(t, h.reader, test_memory(t, 4), 4);

	assert_int_equal(abio_cancel(h.reader, token), 1);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	token = START(t, abio_flush, h.writer, 0);
	abio_cancel(h.writer, token);
	test_finish(t, token);
}

static void a_close_that_waits_for_others_is_canceled(struct test *t)
{
	struct halves h = split_stream(t);
	char *data = test_memory(t, SMALL);
	uint64_t stuffed;
	uint64_t token;

	test_make_small(test_fd_of(h.io));
	stuffed = test_stuff(h.writer);
	assert_int_equal(abio_put(h.io, "waits", 5), 5);
	token = START(t, abio_close, h.writer, 0);
	test_quiet(t);
	assert_int_equal(abio_cancel(t->driver, token), 1);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	/* What others put is theirs, and goes out. */
	while (stuffed > 0) {
		uint32_t part = stuffed > SMALL ? SMALL : (uint32_t)stuffed;

		test_pull(t, h.peer, data, part);
		stuffed -= part;
	}
	test_pull(t, h.peer, data, 5);
	assert_memory_equal(data, "waits", 5);
	assert_int_equal(test_result(t, START(t, abio_write_all, h.io, "on", 2, 0)), 2);
}

static void a_close_canceled_at_once_still_shuts_down(struct test *t)
{
	struct halves h = split_stream(t);
	uint64_t token = START(t, abio_close, h.writer, 0);

	assert_int_equal(abio_cancel(t->driver, token), 1);
	assert_int_equal(test_result(t, token), 0);
	test_pull_end(t, h.peer);
}

static void reads_of_two_readers_are_busy(struct test *t)
{
	struct halves h = split_stream(t);
	char *data = test_memory(t, 8);
	uint64_t token = test_read(t, h.reader, data, 4);

	test_quiet(t);
	assert_int_equal(abio_read(h.reader, data, 4, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_read(h.io, data, 4, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_try_read(h.reader, data, 4, 0), ABIO_E_BUSY);
	test_send(h.peer, "data", 4);
	assert_int_equal(test_result(t, token), 4);
	token = test_read(t, h.io, data, 4);
	test_quiet(t);
	assert_int_equal(abio_try_read(h.reader, data, 4, 0), ABIO_E_BUSY);
	assert_int_equal(test_result(t, test_read(t, h.reader, data, 4)), ABIO_E_BUSY);
	test_send(h.peer, "data", 4);
	assert_int_equal(test_result(t, token), 4);
}

static void inline_forms_pass_through(struct test *t)
{
	struct halves h = split_stream(t);
	char *data = test_memory(t, 8);
	uint64_t token;

	assert_int_equal(START_INLINE(t, &token, abio_write_all, h.writer, "out", 3), 3);
	test_receive(h.peer, data, 3);
	test_send(h.peer, "in", 2);
	assert_int_equal(test_result(t, START(t, abio_ready, h.reader, ABIO_INTEREST_READ, 0)) &
				 ABIO_READY_READ,
			 ABIO_READY_READ);
	assert_int_equal(abio_ready_now(h.reader, ABIO_INTEREST_READ) & ABIO_READY_READ,
			 ABIO_READY_READ);
	assert_int_equal(START_INLINE(t, &token, abio_read, h.reader, data, 8), 2);
	assert_int_equal(abio_try_read(h.reader, data, 8, 0), ABIO_WOULD_BLOCK);
	assert_int_equal(START_INLINE(t, &token, abio_read, h.reader, data, 8), ABIO_PENDING);
	test_send(h.peer, "later", 5);
	assert_int_equal(test_result(t, token), 5);
}

static void what_to_watch_is_the_stream_s(struct test *t)
{
	struct halves h = split_stream(t);
	int32_t fd = -1;
	uint32_t events = 0;

	assert_int_equal(abio_ready_fd(h.reader, ABIO_INTEREST_READ, &fd, &events), 0);
	assert_int_equal(fd, test_fd_of(h.io));
	assert_int_equal(events & POLLIN, POLLIN);
}

/* ---- the end of the driver ------------------------------------------------------------------- */

static void a_shutdown_ends_halves_in_every_state(struct test *t)
{
	struct halves h = split_stream(t);
	struct halves closing = split_stream(t);
	uint64_t tokens[4];

	test_make_small(test_fd_of(closing.io));
	test_stuff(closing.writer);
	assert_int_equal(abio_put(closing.io, "waits", 5), 5);
	assert_int_equal(abio_put(closing.writer, "waits", 5), 5);
	tokens[0] = START(t, abio_close, closing.writer, 0);
	tokens[1] = test_read(t, h.reader, test_memory(t, 4), 4);
	tokens[2] = START(t, abio_ready, closing.reader, ABIO_INTEREST_READ, 0);
	test_quiet(t);
	tokens[3] = test_read(t, closing.reader, test_memory(t, 4), 4);
	test_driver_end(t, t->driver);
	(void)tokens;
	assert_int_equal(abio_read(h.reader, NULL, 0, 0, 1), ABIO_E_CLOSED);
	assert_int_equal(abio_release(h.io), 0);
	assert_int_equal(abio_release(h.writer), 0);
	assert_int_equal(abio_release(h.reader), 0);
	assert_int_equal(abio_release(closing.writer), 0);
}

static void a_close_of_an_idle_driver_leaves_halves_to_release(struct test *t)
{
	struct halves h = split_stream(t);
	abio_driver driver = t->driver;

	test_quiet(t);
	assert_int_equal(abio_driver_close(driver), 0);
	test_driver_gone(t, driver);
	assert_int_equal(abio_ready_now(h.reader, ABIO_INTEREST_READ), ABIO_E_CLOSED);
	assert_int_equal(abio_release(h.writer), 0);
	assert_int_equal(abio_release(h.io), 0);
	assert_int_equal(abio_release(h.reader), 0);
}

/* ---- zero copy ------------------------------------------------------------------------------- */

static const void *seen_address;

static int64_t see_receive(int fd, struct msghdr *message)
{
	seen_address = message->msg_iov[0].iov_base;
	return sys_linux.receive(fd, message);
}

static int64_t see_enter(struct io_uring *ring)
{
	for (unsigned int i = *ring->sq.khead; i != ring->sq.sqe_tail; i++) {
		const struct io_uring_sqe *sqe = &ring->sq.sqes[i & *ring->sq.kring_mask];

		if (sqe->opcode == IORING_OP_RECV)
			seen_address = (const void *)(uintptr_t)sqe->addr;
	}
	return sys_linux.ring_enter(ring);
}

static void the_kernel_reads_into_the_host_s_memory(struct test *t)
{
	struct halves h = split_stream(t);
	char *data = test_memory(t, 64);
	uint64_t token;

	seen_address = NULL;
	sys.receive = see_receive;
	sys.ring_enter = see_enter;
	test_send(h.peer, "data", 4);
	token = START(t, abio_read, h.reader, data + 7, 4, 0);
	assert_int_equal(test_result(t, token), 4);
	sys.receive = sys_linux.receive;
	sys.ring_enter = sys_linux.ring_enter;
	assert_ptr_equal(seen_address, data + 7);
	assert_memory_equal(data + 7, "data", 4);
}

/* ---- reading and writing at once ------------------------------------------------------------- */

#define MUCH  ((size_t)64 << 20)
#define STALL 200 /* milliseconds without any progress: only a deliberate fault gets there */

/*
 * The peer answers only when it has got everything, so the reader, which was there first, waits
 * through all of it.  False: nothing goes on any more.
 */
static bool both_ways(struct test *t, abio_io reader, abio_io writer, int peer, bool patient)
{
	char *out = test_vast_memory(t, MUCH);
	char *in = test_vast_memory(t, MUCH);
	char *echo = test_vast_memory(t, MUCH);
	uint64_t reading;
	uint64_t writing;
	size_t got = 0;
	size_t sent = 0;
	bool wrote = false;
	bool read_all = false;

	test_fill(out, MUCH, 1);
	assert_int_equal(fcntl(peer, F_SETFL, O_NONBLOCK), 0);
	reading = START(t, abio_read_exact, reader, in, (uint32_t)MUCH, 0);
	test_quiet(t);
	writing = START(t, abio_write_all, writer, out, (uint32_t)MUCH, 0);
	while (!wrote || !read_all) {
		struct pollfd fds[2] = { { .fd = peer,
					   .events = got < MUCH    ? POLLIN
						     : sent < MUCH ? POLLOUT
								   : 0 },
					 { .fd = abio_driver_fd(t->driver), .events = POLLIN } };
		ssize_t moved = -1;

		wrote = wrote || test_has_come(t, writing);
		read_all = read_all || test_has_come(t, reading);
		if (got < MUCH)
			moved = recv(peer, echo + got, MUCH - got, 0);
		if (moved > 0)
			got += (size_t)moved;
		moved = got == MUCH && sent < MUCH ? send(peer, echo + sent, MUCH - sent, 0) : -1;
		if (moved > 0)
			sent += (size_t)moved;
		if (!(wrote && read_all) && poll(fds, 2, patient ? 60000 : STALL) == 0) {
			assert_false(patient);
			return false;
		}
	}
	assert_int_equal(test_result(t, writing), MUCH);
	assert_int_equal(test_result(t, reading), MUCH);
	assert_pattern(echo, MUCH, 1);
	assert_pattern(in, MUCH, 1);
	return true;
}

static void one_handle_reads_and_writes_at_once(struct test *t)
{
	abio_io io;
	int peer = test_reader(t, &io);

	assert_true(both_ways(t, io, io, peer, true));
}

static void halves_read_and_write_at_once(struct test *t)
{
	struct halves h = split_stream(t);

	assert_int_equal(abio_release(h.io), 0);
	assert_true(both_ways(t, h.reader, h.writer, h.peer, true));
}

/* Code that was given an io, whatever it is, and splits it when it splits. */
static bool generic(struct test *t, abio_io io, int peer)
{
	struct abio_trait_info info = { .size = sizeof(info) };
	const struct abio_split_ops *ops;
	abio_io reader = io;
	abio_io writer = io;

	if (abio_query(io, ABIO_TRAIT_SPLIT, &info) == 0) {
		ops = info.table;
		assert_int_equal(ops->split(io, &reader, &writer), 0);
		test_own(t, reader);
		test_own(t, writer);
	}
	return both_ways(t, reader, writer, peer, true);
}

static void generic_code_reads_and_writes_at_once(struct test *t)
{
	abio_io io;
	int peer = test_reader(t, &io);

	assert_true(generic(t, io, peer));
}

/*
 * The negative control: a lock that whoever reads or writes holds until it is done, across its
 * wait, makes the same transfer stand still.
 */
static struct {
	void (*perform)(struct request *request);
	void (*write)(struct request *request);
	struct object *reader;
} lock;

static void locked_write(struct request *request)
{
	if (request->code == REQUEST_WRITE && lock.reader->reader != NULL)
		request->state = REQUEST_SUBMITTED; /* waits for the lock */
	else
		lock.write(request);
}

static void locked_withdraw(struct request *request)
{
	request_finish(request, ABIO_E_CANCELED);
}

static struct object *object_of(abio_io io)
{
	return handle_find(io, HANDLE_IO)->object;
}

static void a_lock_across_the_wait_is_noticed(struct test *t)
{
	struct halves h = split_stream(t);
	struct object *writer = object_of(h.writer);
	struct object_class class = *writer->class;
	const struct object_class *real = writer->class;

	lock.reader = object_of(h.reader);
	lock.write = class.perform;
	class.perform = locked_write;
	class.withdraw = locked_withdraw;
	writer->class = &class;
	assert_false(both_ways(t, h.reader, h.writer, h.peer, false));
	test_driver_end(t, t->driver);
	writer->class = real;
	abio_release(h.writer);
}

/* ---- a child of a fork ----------------------------------------------------------------------- */

static const struct test_case cases[] = {
	SOCKETS(halves_offer_their_direction),
	SOCKETS(the_other_direction_is_unsupported),
	CASE(only_duplex_streams_split),
	STREAMS(whatever_is_duplex_splits),
	SOCKETS(the_host_cannot_release_what_the_halves_hold),
	CASE(a_fifo_open_both_ways_splits),
	CASE(a_terminal_splits),
	SOCKETS(halves_outlive_the_handle),
	SOCKETS(dropping_the_write_half_shuts_writing_down),
	SOCKETS(closing_the_write_half_tells_when_all_is_out),
	SOCKETS(dropping_the_write_half_shuts_down_behind_another_writer),
	SOCKETS(closing_the_write_half_waits_for_another_writer),
	SOCKETS(nobody_writes_between_another_writer_and_the_shutdown),
	SOCKETS(both_write_halves_of_a_stream_wait_for_another_writer),
	SOCKETS(a_close_that_waits_for_another_writer_is_canceled),
	SOCKETS(the_stream_closes_while_the_write_half_waits),
	SOCKETS(the_driver_shuts_down_while_the_write_half_waits),
	SOCKETS(the_write_half_waits_for_a_copy),
	SOCKETS(the_write_half_waits_for_who_reserved),
	SOCKETS(dropping_the_read_half_leaves_the_writer_alone),
	SOCKETS(dropping_a_half_cancels_what_it_waits_for),
	SOCKETS(the_descriptor_goes_with_the_last_half),
	SOCKETS(closing_the_stream_ends_the_halves),
	SOCKETS(shutting_the_stream_down_ends_the_write_half),
	SOCKETS(a_half_is_released_from_another_thread),
	SOCKETS(what_halves_hold_is_not_moved),
	SOCKETS(every_request_of_a_half_is_canceled),
	SOCKETS(flush_and_shutdown_of_a_half_are_canceled),
	SOCKETS(canceled_before_it_was_passed_on),
	SOCKETS(a_close_that_waits_for_others_is_canceled),
	SOCKETS(a_close_canceled_at_once_still_shuts_down),
	SOCKETS(reads_of_two_readers_are_busy),
	SOCKETS(inline_forms_pass_through),
	SOCKETS(what_to_watch_is_the_stream_s),
	SOCKETS(a_shutdown_ends_halves_in_every_state),
	SOCKETS(a_close_of_an_idle_driver_leaves_halves_to_release),
	SOCKETS(the_kernel_reads_into_the_host_s_memory),
	SOCKETS(one_handle_reads_and_writes_at_once),
	SOCKETS(halves_read_and_write_at_once),
	SOCKETS(generic_code_reads_and_writes_at_once),
	SOCKETS(a_lock_across_the_wait_is_noticed),
};

TEST_MAIN("split", cases)
