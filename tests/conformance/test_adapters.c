/*
 * Take and chain, and what is true of every adapter: over each other, over what closes, without
 * memory, in the child of a fork.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"
#include "harness.h"

#define DEEP 10

/* A host that only starts has read ahead when it was asked whether it is ready: what it has is
 * copied into memory that is not lent. */
static uint64_t read_into(struct test *t, abio_io io, void *data, uint32_t length)
{
	return t->kind == ABIO_KIND_HOST ? START(t, abio_read, io, data, length, 0)
					 : test_read(t, io, data, length);
}

static uint64_t read_exactly(struct test *t, abio_io io, void *data, uint32_t length)
{
	return t->kind == ABIO_KIND_HOST ? START(t, abio_read_exact, io, data, length, 0)
					 : test_read_exact(t, io, data, length);
}

static abio_io take(struct test *t, abio_io io, uint64_t limit)
{
	abio_io taken = 0;

	assert_int_equal(abio_take(io, limit, 0, &taken), 0);
	test_own(t, taken);
	return taken;
}

static abio_io chain(struct test *t, abio_io io, abio_io next)
{
	abio_io chained = 0;

	assert_int_equal(abio_chain(io, next, 0, &chained), 0);
	test_own(t, chained);
	return chained;
}

static uint32_t kind_of(abio_io io)
{
	struct abio_io_info info = { .size = sizeof(info) };

	assert_int_equal(abio_info(io, &info), 0);
	assert_int_equal(info.fd, -1);
	return info.kind;
}

static uint64_t slots_of(abio_io io, uint32_t trait)
{
	struct abio_trait_info info = { .size = sizeof(info) };

	return abio_query(io, trait, &info) == 0 ? info.slots : 0;
}

static abio_io file_with(struct test *t, const char *text)
{
	const char *path = test_path(t);
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	test_send(fd, text, strlen(text));
	close(fd);
	return test_file(t, path, 0, 0);
}

/* ---- take ------------------------------------------------------------------------------------ */

static void take_ends_at_its_limit(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 16);
	abio_io taken = take(t, reader, 6);

	assert_int_equal(kind_of(taken), ABIO_KIND_TAKE);
	test_send(peer, "0123456789", 10);
	assert_int_equal(test_result(t, read_into(t, taken, data, 4)), 4);
	assert_int_equal(test_result(t, read_into(t, taken, data + 4, 12)), 2);
	assert_int_equal(test_result(t, read_into(t, taken, data + 6, 10)), 0);
	assert_int_equal(test_result(t, read_into(t, reader, data + 6, 10)), 4);
	assert_memory_equal(data, "0123456789", 10);
}

static void take_of_nothing_is_at_its_end(struct test *t)
{
	abio_io reader;
	char *data = test_memory(t, 4);
	abio_io taken;

	test_reader(t, &reader);
	taken = take(t, reader, 0);
	assert_int_equal(abio_try_read(taken, data, 4, 0), 0);
	assert_int_equal(test_result(t, read_into(t, taken, data, 4)), 0);
	assert_int_equal(test_result(t, read_exactly(t, taken, data, 4)), ABIO_E_UNEXPECTED_EOF);
	assert_int_equal(abio_ready_now(taken, ABIO_INTEREST_READ),
			 ABIO_READY_READ | ABIO_READY_READ_CLOSED);
	assert_int_equal(test_result(t, START(t, abio_ready, taken, ABIO_INTEREST_READ, 0)),
			 ABIO_READY_READ | ABIO_READY_READ_CLOSED);
}

static void take_ends_where_the_stream_does(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 8);
	abio_io taken = take(t, reader, 100);
	struct abio_event event;

	test_send(peer, "abc", 3);
	test_close_fd(t, peer);
	event = test_finish(t, read_exactly(t, taken, data, 8));
	assert_int_equal(event.result, ABIO_E_UNEXPECTED_EOF);
	assert_int_equal(event.progress, 3);
	assert_int_equal(test_result(t, read_into(t, taken, data, 8)), 0);
}

static void take_cuts_vectors(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 30);
	struct abio_iovec iovecs[3] = { { data, 4 }, { data + 4, 0 }, { data + 4, 20 } };
	abio_io taken = take(t, reader, 10);
	size_t got = 0;

	test_send(peer, "0123456789abcdef", 16);
	while (got < 10) {
		iovecs[0].base = data + got;
		iovecs[2].base = data + got + 4;
		got += (size_t)test_result(t, START(t, abio_readv, taken, iovecs, 3, 0));
	}
	assert_int_equal(test_result(t, START(t, abio_readv, taken, iovecs, 3, 0)), 0);
	assert_memory_equal(data, "0123456789", 10);
	assert_int_equal(test_result(t, read_exactly(t, reader, data, 6)), 6);
	assert_memory_equal(data, "abcdef", 6);
}

static void take_tries(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 8);
	struct abio_iovec iovecs[2] = { { data, 1 }, { data + 1, 7 } };
	abio_io taken = take(t, reader, 5);
	uint64_t token;

	assert_int_equal(abio_try_read(taken, data, 8, 0), ABIO_WOULD_BLOCK);
	test_send(peer, "0123456789", 10);
	test_result(t, START(t, abio_ready, taken, ABIO_INTEREST_READ, 0));
	assert_int_equal(abio_try_read(taken, data, 2, 0), 2);
	assert_int_equal(START_INLINE(t, &token, abio_read, taken, data + 2, 1), 1);
	assert_memory_equal(data, "012", 3);
	assert_int_equal(abio_try_readv(taken, iovecs, 2, 0), 1);
	assert_int_equal(abio_try_read(taken, data + 1, 7, 0), 1);
	assert_memory_equal(data, "34", 2);
	assert_int_equal(abio_try_read(taken, data, 8, 0), 0);
}

static void a_canceled_take_counts_what_it_got(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 16);
	abio_io taken = take(t, reader, 6);
	uint64_t token = read_exactly(t, taken, data, 6);
	struct abio_event event;

	test_send(peer, "0123", 4);
	do {
		test_quiet(t);
	} while (abio_ready_now(reader, ABIO_INTEREST_READ) > 0);
	assert_int_equal(abio_cancel(taken, token), 1);
	event = test_finish(t, token);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_int_equal(event.progress, 4);
	test_send(peer, "456789", 6);
	assert_int_equal(test_result(t, read_into(t, taken, data + 4, 12)), 2);
	assert_int_equal(test_result(t, read_into(t, taken, data + 6, 10)), 0);
	assert_memory_equal(data, "012345", 6);
}

static void take_of_a_file_has_what_files_have(struct test *t)
{
	abio_io file = file_with(t, "0123456789");
	abio_io taken = take(t, file, 4);
	char *data = test_memory(t, 10);

	assert_int_equal(slots_of(taken, ABIO_TRAIT_READY), 0);
	assert_int_equal(slots_of(taken, ABIO_TRAIT_READ),
			 slots_of(take(t, file, 1), ABIO_TRAIT_READ));
	assert_int_equal(slots_of(taken, ABIO_TRAIT_READ) & ~slots_of(file, ABIO_TRAIT_READ), 0);
	assert_int_equal(abio_try_read(taken, data, 4, 0), ABIO_E_UNSUPPORTED);
	assert_int_equal(test_result(t, START(t, abio_read, taken, data, 10, 0)), 4);
	assert_int_equal(test_result(t, START(t, abio_read, taken, data, 10, 0)), 0);
	assert_int_equal(test_result(t, START(t, abio_read, file, data + 4, 6, 0)), 6);
	assert_memory_equal(data, "0123456789", 10);
}

static void adapters_read_only_what_reads(struct test *t)
{
	abio_io reader;
	abio_io writer;
	abio_io out;

	assert_int_equal(abio_pipe(t->driver, 0, &reader, &writer), 0);
	test_own(t, reader);
	test_own(t, writer);
	assert_int_equal(abio_take(writer, 1, 0, &out), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_chain(reader, writer, 0, &out), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_chain(writer, reader, 0, &out), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_chain(reader, 0, 0, &out), ABIO_E_HANDLE);
	assert_int_equal(abio_take(reader, 1, 1, &out), ABIO_E_ARGUMENT);
	assert_int_equal(test_result(t, START(t, abio_close, writer, 0)), 0);
	assert_int_equal(abio_chain(reader, writer, 0, &out), ABIO_E_CLOSED);
}

static void chain_refuses_another_driver_s(struct test *t)
{
	abio_driver second = test_driver(t, 0);
	abio_io reader;
	abio_io out;
	int fds[2];

	test_reader(t, &reader);
	test_raw_pair(t, ABIO_KIND_UNIX, fds);
	assert_int_equal(abio_chain(reader, test_adopt(t, second, fds[0]), 0, &out),
			 ABIO_E_ARGUMENT);
}

/* ---- chain ----------------------------------------------------------------------------------- */

struct two {
	abio_io ios[2];
	int peers[2];
	abio_io chain;
};

static struct two two_streams(struct test *t)
{
	struct two two;

	for (int i = 0; i < 2; i++)
		two.peers[i] = test_reader(t, &two.ios[i]);
	two.chain = chain(t, two.ios[0], two.ios[1]);
	assert_int_equal(kind_of(two.chain), ABIO_KIND_CHAIN);
	return two;
}

static void chain_reads_one_and_then_the_other(struct test *t)
{
	struct two two = two_streams(t);
	char *data = test_memory(t, 10);

	test_send(two.peers[0], "first", 5);
	test_send(two.peers[1], "after", 5);
	test_close_fd(t, two.peers[0]);
	test_close_fd(t, two.peers[1]);
	assert_int_equal(test_result(t, read_exactly(t, two.chain, data, 10)), 10);
	assert_memory_equal(data, "firstafter", 10);
	assert_int_equal(test_result(t, read_into(t, two.chain, data, 10)), 0);
	assert_int_equal(test_result(t, read_into(t, two.chain, data, 10)), 0);
}

static void a_waiting_read_goes_on_to_the_second(struct test *t)
{
	struct two two = two_streams(t);
	char *data = test_memory(t, 10);
	uint64_t token = read_into(t, two.chain, data, 10);

	test_quiet(t);
	test_close_fd(t, two.peers[0]);
	test_quiet(t);
	test_send(two.peers[1], "after", 5);
	assert_int_equal(test_result(t, token), 5);
	assert_memory_equal(data, "after", 5);
}

static void a_read_that_went_on_is_canceled(struct test *t)
{
	struct two two = two_streams(t);
	char *data = test_memory(t, 10);
	uint64_t token = read_into(t, two.chain, data, 10);

	test_quiet(t);
	test_close_fd(t, two.peers[0]);
	/* Wherever it is on its way. */
	assert_int_equal(abio_cancel(two.chain, token), 1);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	token = read_into(t, two.chain, data, 10);
	test_quiet(t);
	test_quiet(t);
	assert_int_equal(abio_cancel(two.chain, token), 1);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	test_send(two.peers[1], "after", 5);
	assert_int_equal(test_result(t, read_into(t, two.chain, data, 10)), 5);
}

/* Whichever of both the first's end reaches first. */
static void waiting_for_readiness_goes_on_at_the_next(struct test *t)
{
	struct two two = two_streams(t);
	char *data = test_memory(t, 10);
	uint64_t token = read_into(t, two.chain, data, 10);
	uint64_t ready = START(t, abio_ready, two.chain, ABIO_INTEREST_READ, 0);

	test_quiet(t);
	assert_int_equal(abio_release(two.ios[0]), 0);
	test_close_fd(t, two.peers[0]);
	test_gather(t);
	test_send(two.peers[1], "after", 5);
	assert_int_equal(test_result(t, token), 5);
	test_send(two.peers[1], "more", 4);
	assert_int_equal(test_result(t, ready) & ABIO_READY_READ, ABIO_READY_READ);
}

static void chain_tries(struct test *t)
{
	struct two two = two_streams(t);
	char *data = test_memory(t, 10);

	assert_int_equal(abio_try_read(two.chain, data, 10, 0), ABIO_WOULD_BLOCK);
	assert_int_equal(abio_ready_now(two.chain, ABIO_INTEREST_READ), 0);
	test_close_fd(t, two.peers[0]);
	/* The end of the first is not the chain's. */
	assert_int_equal(test_result(t, START(t, abio_ready, two.ios[0], ABIO_INTEREST_READ, 0)) &
				 ABIO_READY_READ,
			 ABIO_READY_READ);
	assert_int_equal(abio_ready_now(two.chain, ABIO_INTEREST_READ), ABIO_READY_READ);
	assert_int_equal(abio_try_read(two.chain, data, 10, 0), ABIO_WOULD_BLOCK);
	test_send(two.peers[1], "after", 5);
	assert_int_equal(test_result(t, START(t, abio_ready, two.chain, ABIO_INTEREST_READ, 0)) &
				 ABIO_READY_READ,
			 ABIO_READY_READ);
	assert_int_equal(abio_try_read(two.chain, data, 10, 0), 5);
	test_close_fd(t, two.peers[1]);
	assert_int_equal(test_result(t, read_into(t, two.chain, data, 10)), 0);
	assert_int_equal(abio_try_read(two.chain, data, 10, 0), 0);
}

static void chain_lets_go_of_what_has_ended(struct test *t)
{
	struct two two = two_streams(t);
	int fd = test_fd_of(two.ios[0]);
	char *data = test_memory(t, 4);

	assert_int_equal(abio_release(two.ios[0]), 0);
	assert_int_equal(abio_release(two.ios[1]), 0);
	test_close_fd(t, two.peers[0]);
	test_send(two.peers[1], "on", 2);
	assert_int_equal(test_result(t, read_into(t, two.chain, data, 4)), 2);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void chain_of_a_stream_and_a_file(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	abio_io chained = chain(t, reader, file_with(t, "file"));
	char *data = test_memory(t, 10);

	assert_int_equal(slots_of(chained, ABIO_TRAIT_READY), 0);
	test_send(peer, "stream", 6);
	test_close_fd(t, peer);
	assert_int_equal(test_result(t, read_exactly(t, chained, data, 10)), 10);
	assert_memory_equal(data, "streamfile", 10);
}

static void chain_of_an_error_stays_there(struct test *t)
{
	struct two two = two_streams(t);
	char *data = test_memory(t, 4);

	assert_int_equal(test_result(t, START(t, abio_close, two.ios[0], 0)), 0);
	assert_int_equal(test_result(t, read_into(t, two.chain, data, 4)), ABIO_E_CLOSED);
	assert_int_equal(abio_try_read(two.chain, data, 4, 0), ABIO_E_CLOSED);
}

/* ---- over each other ------------------------------------------------------------------------- */

static abio_io pile(struct test *t, abio_io io, uint32_t height)
{
	for (uint32_t i = 0; i < height; i++)
		io = take(t, io, 1000 + i);
	return io;
}

static void ten_adapters_pass_everything_on(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	abio_io top = pile(t, reader, DEEP);
	char *data = test_memory(t, 2000);
	uint64_t token = read_into(t, top, data, 2000);
	uint64_t ready = START(t, abio_ready, top, ABIO_INTEREST_READ, 0);

	test_quiet(t);
	assert_int_equal(abio_cancel(top, ready), 1);
	assert_int_equal(test_result(t, ready), ABIO_E_CANCELED);
	assert_int_equal(abio_cancel(top, token), 1);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	ready = START(t, abio_ready, top, ABIO_INTEREST_READ, 0);
	test_send(peer, "deep", 4);
	assert_int_equal(test_result(t, ready) & ABIO_READY_READ, ABIO_READY_READ);
	assert_int_equal(test_result(t, read_into(t, top, data, 2000)), 4);
	assert_memory_equal(data, "deep", 4);
	/* The smallest limit is the lowest one's. */
	test_send(peer, test_memory(t, 2000), 2000);
	assert_int_equal(test_result(t, read_exactly(t, top, data, 996)), 996);
	assert_int_equal(test_result(t, read_into(t, top, data, 2000)), 0);
}

static void halves_of_adapters_pass_everything_on(struct test *t)
{
	abio_io ios[2];
	abio_io reader;
	abio_io writer;
	char *data = test_memory(t, 8);

	test_stream(t, &ios[0], &ios[1]);
	assert_int_equal(abio_split(ios[1], &reader, &writer), 0);
	test_own(t, reader);
	test_own(t, writer);
	assert_int_equal(abio_put(writer, "put", 3), 3);
	assert_int_equal(test_result(t, START(t, abio_flush, writer, 0)), 0);
	assert_int_equal(test_result(t, START(t, abio_shutdown, writer, 0)), 0);
	assert_int_equal(
		test_result(t, read_exactly(t, pile(t, chain(t, ios[0], ios[0]), 3), data, 3)), 3);
	assert_memory_equal(data, "put", 3);
}

static void too_many_adapters_are_refused(struct test *t)
{
	abio_io reader;
	abio_io top;
	abio_io next;
	int32_t error = 0;
	int height = 0;

	test_reader(t, &reader);
	for (top = reader; error == 0 && height < 100; top = next) {
		error = abio_take(top, 100, 0, &next);
		if (error == 0) {
			test_own(t, next);
			height++;
		} else {
			next = top;
		}
	}
	assert_int_equal(error, ABIO_E_LIMIT);
	assert_int_equal(height, 64);
	assert_int_equal(abio_chain(reader, top, 0, &next), ABIO_E_LIMIT);
	assert_int_equal(abio_chain(top, reader, 0, &next), ABIO_E_LIMIT);
}

static void a_pile_is_let_go_of_from_below(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	abio_io middle = pile(t, reader, 3);
	abio_io top = pile(t, middle, 3);
	char *data = test_memory(t, 4);

	assert_int_equal(abio_release(reader), 0);
	assert_int_equal(abio_release(middle), 0);
	test_send(peer, "up", 2);
	assert_int_equal(test_result(t, read_into(t, top, data, 4)), 2);
}

static void what_is_underneath_closes(struct test *t)
{
	abio_io reader;
	abio_io top;
	char *data = test_memory(t, 4);
	uint64_t token;

	test_reader(t, &reader);
	top = pile(t, reader, 3);
	token = read_into(t, top, data, 4);
	test_quiet(t);
	assert_int_equal(test_result(t, START(t, abio_close, reader, 0)), 0);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	assert_int_equal(test_result(t, read_into(t, top, data, 4)), ABIO_E_CLOSED);
	assert_int_equal(abio_ready_now(top, ABIO_INTEREST_READ), ABIO_E_CLOSED);
	assert_int_equal(test_result(t, START(t, abio_close, top, 0)), 0);
}

static void adapters_are_not_moved(struct test *t)
{
	struct two two = two_streams(t);
	abio_driver other = test_driver(t, 0);
	abio_io taken = take(t, two.chain, 1);
	abio_io moved;
	int32_t fd;

	assert_int_equal(abio_detach(taken, &fd), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_move(two.chain, other, &moved), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_detach(two.ios[0], &fd), ABIO_E_BUSY);
	assert_int_equal(abio_detach(two.ios[1], &fd), ABIO_E_BUSY);
	assert_int_equal(abio_release(two.chain), 0);
	assert_int_equal(abio_release(taken), 0);
	test_quiet(t);
	assert_int_equal(abio_move(two.ios[1], other, &moved), 0);
	test_own(t, moved);
}

static void *release(void *argument)
{
	abio_release(*(const abio_io *)argument);
	return NULL;
}

static void a_pile_is_released_from_another_thread(struct test *t)
{
	struct two two = two_streams(t);
	abio_io top = pile(t, two.chain, 3);
	uint64_t token = read_into(t, top, test_memory(t, 4), 4);
	pthread_t thread;

	test_quiet(t);
	assert_int_equal(abio_release(two.chain), 0);
	assert_int_equal(pthread_create(&thread, NULL, release, &top), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
}

static void without_memory_adapters_are_refused(struct test *t)
{
	struct two two = two_streams(t);
	struct fault fault = { .entry = FAULT_memory, .error = ENOMEM };

	for (int which = 0; which < 3; which++) {
		abio_io out[2] = { 0, 0 };
		int32_t error = -ENOMEM;

		for (fault.nth = 1; error == -ENOMEM && fault.nth < 20; fault.nth++) {
			faults_install();
			faults_plan(&fault);
			if (which == 0)
				error = abio_take(two.chain, 1, 0, &out[0]);
			else if (which == 1)
				error = abio_chain(two.ios[0], two.chain, 0, &out[0]);
			else
				error = t->kind == ABIO_KIND_PIPE
						? 0
						: abio_split(two.ios[0], &out[0], &out[1]);
			faults_remove();
		}
		assert_int_equal(error, 0);
		abio_release(out[0]);
		abio_release(out[1]);
	}
	/* Nothing holds what was refused. */
	assert_int_equal(abio_release(two.chain), 0);
	test_quiet(t);
	assert_int_equal(test_result(t, START(t, abio_close, two.ios[0], 0)), 0);
}

static void a_shutdown_ends_adapters_in_every_state(struct test *t)
{
	struct two two = two_streams(t);
	abio_io top = pile(t, two.chain, 4);
	struct two second = two_streams(t);

	read_exactly(t, top, test_memory(t, 4), 4);
	test_quiet(t);
	START(t, abio_ready, second.chain, ABIO_INTEREST_READ, 0);
	START(t, abio_close, pile(t, second.chain, 2), 0);
	read_into(t, second.chain, test_memory(t, 4), 4);
	test_driver_end(t, t->driver);
	assert_int_equal(abio_try_read(top, NULL, 0, 0), ABIO_E_CLOSED);
	assert_int_equal(abio_release(second.ios[0]), 0);
	assert_int_equal(abio_release(top), 0);
	assert_int_equal(abio_release(two.ios[0]), 0);
}

/* In a process of its own, whose memory goes with it. */
static void abandoned_adapters_are_released(struct test *t)
{
	struct two two = two_streams(t);
	abio_io top = pile(t, two.chain, 2);
	pid_t child = fork();
	int status = 0;

	assert_true(child >= 0);
	if (child == 0) {
		const struct abio_driver_options options = { .size = sizeof(options),
							     .backend = t->variant->backend,
							     .flags = t->variant->flags };
		static char data[4];
		abio_driver driver;
		abio_io reader;
		abio_io writer;
		abio_io taken;
		struct abio_event event;
		int before = test_open_fds();

		if (abio_driver_create(&options, &driver) != 0 ||
		    abio_pipe(driver, 0, &reader, &writer) != 0 ||
		    abio_take(reader, 4, 0, &taken) != 0 || abio_read(taken, data, 4, 0, 1) != 0 ||
		    abio_driver_poll(driver, &event, sizeof(event), 1) != 0 ||
		    abio_driver_abandon(driver) != 0)
			_exit(1);
		if (abio_release(reader) != 0 || abio_release(taken) != 0 ||
		    abio_release(writer) != 0)
			_exit(2);
		_exit(test_open_fds() == before ? 0 : 3);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(abio_release(top), 0);
}

static void a_forked_child_lets_go_of_the_descriptor(struct test *t)
{
	struct two two = two_streams(t);
	int fds[2] = { test_fd_of(two.ios[0]), test_fd_of(two.ios[1]) };
	abio_io middle = take(t, two.chain, 100);
	abio_io top = take(t, middle, 100);
	abio_io handles[3] = { two.ios[0], middle, top };
	char *data = test_memory(t, 4);
	pid_t child;
	int status = 0;

	assert_int_equal(abio_release(two.chain), 0);
	assert_int_equal(abio_release(two.ios[1]), 0);
	test_quiet(t);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		abio_io out;
		bool good = abio_take(top, 1, 0, &out) == ABIO_E_FORKED &&
			    abio_try_read(top, data, 4, 0) == ABIO_E_FORKED;

		/* All that still holds them is the pile. */
		for (size_t i = 0; i < 3; i++)
			good = good && abio_release(handles[i]) == 0;
		good = good && fcntl(fds[0], F_GETFD) == -1 && fcntl(fds[1], F_GETFD) == -1;

		_exit(good ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	test_send(two.peers[0], "here", 4);
	assert_int_equal(test_result(t, read_exactly(t, top, data, 4)), 4);
}

static const struct test_case cases[] = {
	STREAMS(take_ends_at_its_limit),
	STREAMS(take_of_nothing_is_at_its_end),
	STREAMS(take_ends_where_the_stream_does),
	STREAMS(take_cuts_vectors),
	STREAMS(take_tries),
	STREAMS(a_canceled_take_counts_what_it_got),
	CASE(take_of_a_file_has_what_files_have),
	CASE(adapters_read_only_what_reads),
	STREAMS(chain_refuses_another_driver_s),
	STREAMS(chain_reads_one_and_then_the_other),
	STREAMS(a_waiting_read_goes_on_to_the_second),
	STREAMS(a_read_that_went_on_is_canceled),
	NATIVE(waiting_for_readiness_goes_on_at_the_next),
	NATIVE(chain_tries),
	STREAMS(chain_lets_go_of_what_has_ended),
	STREAMS(chain_of_a_stream_and_a_file),
	STREAMS(chain_of_an_error_stays_there),
	STREAMS(ten_adapters_pass_everything_on),
	SOCKETS(halves_of_adapters_pass_everything_on),
	STREAMS(too_many_adapters_are_refused),
	STREAMS(a_pile_is_let_go_of_from_below),
	STREAMS(what_is_underneath_closes),
	NATIVE(adapters_are_not_moved),
	STREAMS(a_pile_is_released_from_another_thread),
	STREAMS(without_memory_adapters_are_refused),
	STREAMS(a_shutdown_ends_adapters_in_every_state),
	STREAMS(abandoned_adapters_are_released),
	NATIVE(a_forked_child_lets_go_of_the_descriptor),
};

TEST_MAIN("adapters", cases)
