/*
 * The requirements of the specification, by their numbers in docs/specification.md: each is shown
 * once, in few lines, on every backend.  The suites of the traits say the rest.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "sys.h"

enum {
	ROOM = 64,
	BULK = 4 << 20,
	MANY = 200,
	ROUNDS = 300
};

/* ---- R2, R3: the variations of synchronous IO --------------------------------------------------
 */

static void r2_several_pieces_are_one_transfer(struct test *t)
{
	char *data = test_memory(t, ROOM);
	const struct abio_iovec out[3] = { { "ab", 2 }, { NULL, 0 }, { "cdef", 4 } };
	const struct abio_iovec in[3] = { { data, 1 }, { data + 8, 0 }, { data + 16, 30 } };
	struct abio_trait_info info = { .size = sizeof(info) };
	abio_io reader;
	abio_io writer;

	test_stream(t, &reader, &writer);
	assert_int_equal(test_result(t, START(t, abio_writev, writer, out, 3, 0)), 6);
	assert_int_equal(test_result(t, test_readv(t, reader, in, 3)), 6);
	assert_memory_equal(data, "a", 2);
	assert_memory_equal(data + 16, "bcdef", 6);
	assert_int_equal(abio_query(reader, ABIO_TRAIT_READ, &info), 0);
	assert_int_equal(info.caps & ABIO_CAP_VECTORED, ABIO_CAP_VECTORED);
}

static void r3_memory_that_is_not_initialised_is_only_written(struct test *t)
{
	uint8_t *data = test_memory(t, ROOM);
	struct abio_readbuf buf = { .data = data, .capacity = ROOM, .filled = 3, .initialized = 5 };
	abio_io reader;
	int peer = test_reader(t, &reader);

	memset(data, 0xa5, ROOM);
	test_send(peer, "xyz", 3);
	assert_int_equal(test_result(t, START(t, abio_read_buf, reader, &buf, 0)), 3);
	for (int i = 0; i < ROOM; i++)
		assert_int_equal(data[i], i >= 3 && i < 6 ? "xyz"[i - 3] : 0xa5);
	/* The struct was copied: what it says now is the host's to say. */
	assert_int_equal(buf.filled, 3);
	buf.filled = 6;
	buf.initialized = 6;
	test_send(peer, "!", 1);
	assert_int_equal(test_result(t, START(t, abio_ready, reader, ABIO_INTEREST_READ, 0)) & 1,
			 1);
	assert_int_equal(abio_try_read_buf(reader, &buf, 0), 1);
	assert_int_equal(buf.initialized, 7);
}

/* ---- R4, R5: generic use -----------------------------------------------------------------------
 */

/* Knows nothing but the handle. */
static void both_ways(struct test *t, abio_io reads, abio_io writes, int peer)
{
	uint8_t *out = test_memory(t, BULK);
	uint8_t *in = test_memory(t, BULK);
	char *parked = test_memory(t, 1);
	uint64_t reading = test_read(t, reads, parked, 1);
	uint64_t writing;

	test_fill(out, BULK, 0);
	test_quiet(t);
	writing = START(t, abio_write_all, writes, out, BULK, 0);
	test_pull(t, peer, in, BULK);
	assert_int_equal(test_result(t, writing), BULK);
	assert_pattern(in, BULK, 0);
	test_send(peer, "r", 1);
	assert_int_equal(test_result(t, reading), 1);
}

static void r4_reading_and_writing_do_not_wait_for_each_other(struct test *t)
{
	abio_io io;
	abio_io halves[2] = { 0, 0 };
	int peer = test_reader(t, &io);

	both_ways(t, io, io, peer);
	assert_int_equal(abio_split(io, &halves[0], &halves[1]), 0);
	test_own(t, halves[0]);
	test_own(t, halves[1]);
	both_ways(t, halves[0], halves[1], peer);
}

static void r5_one_caller_serves_every_kind_of_object(struct test *t)
{
	static const uint32_t kinds[] = { ABIO_KIND_TCP, ABIO_KIND_UNIX, ABIO_KIND_PIPE };
	const struct abio_read_ops *table = abio_read_table();

	assert_int_equal(table->head.trait, ABIO_TRAIT_READ);
	assert_true(table->head.size >= offsetof(struct abio_read_ops, read) + sizeof(table->read));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct abio_trait_info info = { .size = sizeof(info) };
		char *data = test_memory(t, ROOM);
		int fds[2];
		abio_io io;

		test_raw_pair(t, kinds[i], fds);
		io = test_adopt(t, t->driver, fds[0]);
		test_send(fds[1], "object", 6);
		assert_int_equal(abio_query(io, ABIO_TRAIT_READ, &info), 0);
		assert_ptr_equal(info.table, table);
		assert_int_equal(test_result(t, START(t, table->read, io, data, ROOM, 0)), 6);
	}
}

/* ---- R6: both models ---------------------------------------------------------------------------
 */

static const void *kernel_was_given;

static int64_t see_receive(int fd, struct msghdr *message)
{
	kernel_was_given = message->msg_iov[0].iov_base;
	return sys_linux.receive(fd, message);
}

/* io_uring writes where the entry says; what can be seen from here is that nobody else did. */
static void r6a_the_system_writes_into_the_host_s_memory(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, BULK);
	int64_t live;
	uint64_t token;

	kernel_was_given = NULL;
	sys.receive = see_receive;
	token = START(t, abio_read_exact, reader, data, 6, 0);
	live = test_live_allocations();
	test_send(peer, "direct", 6);
	assert_int_equal(test_result(t, token), 6);
	sys.receive = sys_linux.receive;
	assert_memory_equal(data, "direct", 6);
	assert_true(test_live_allocations() <= live);
	if (!test_differs(t, DIFFERS_WHO_READS))
		assert_ptr_equal(kernel_was_given, data);
}

static void r6b_waiting_takes_no_buffer_and_one_serves_all(struct test *t)
{
	static char shared[ROOM];
	uint64_t tokens[MANY];
	abio_io ios[MANY];
	int peers[MANY];

	for (int i = 0; i < MANY; i++) {
		peers[i] = test_reader(t, &ios[i]);
		tokens[i] = START(t, abio_ready, ios[i], ABIO_INTEREST_READ, 0);
	}
	test_quiet(t);
	for (int i = 0; i < MANY; i++) {
		char letter = (char)('A' + i % 26);

		test_send(peers[i], &letter, 1);
		assert_int_equal(test_result(t, tokens[i]) & ABIO_READY_READ, ABIO_READY_READ);
		assert_int_equal(abio_try_read(ios[i], shared, ROOM, 0), 1);
		assert_int_equal(shared[0], letter);
	}
}

static void r6c_the_same_program_runs_on_both_and_is_told_which(struct test *t)
{
	struct abio_driver_state state = { .size = sizeof(state) };
	char *data = test_memory(t, ROOM);
	abio_io reader;
	abio_io writer;

	test_stream(t, &reader, &writer);
	assert_int_equal(test_result(t, START(t, abio_write, writer, "same", 4, 0)), 4);
	assert_int_equal(test_result(t, test_read(t, reader, data, ROOM)), 4);
	assert_int_equal(abio_driver_info(t->driver, &state), 0);
	assert_int_equal(state.backend, t->variant->backend);
}

/* ---- R7: any buffer ----------------------------------------------------------------------------
 */

static void r7_any_memory_is_a_buffer(struct test *t)
{
	struct larger {
		uint64_t before;
		char middle[8];
		uint64_t after;
	} *larger = test_memory(t, sizeof(*larger));
	char stack[8];
	char *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	abio_buffer buffer = 0;
	abio_io reader;
	int peer = test_reader(t, &reader);
	uint64_t wrapping = test_token(t);
	struct abio_event event;

	assert_ptr_not_equal(mapped, MAP_FAILED);
	test_send(peer, "12345678abcdefghABCDEFGH", 24);
	test_result(t, START(t, abio_ready, reader, ABIO_INTEREST_READ, 0));
	assert_int_equal(abio_try_read(reader, stack, 8, 0), 8);
	assert_memory_equal(stack, "12345678", 8);
	assert_int_equal(test_result(t, test_read_exact(t, reader, larger->middle, 8)), 8);
	assert_memory_equal(larger->middle, "abcdefgh", 8);
	assert_int_equal(larger->before + larger->after, 0);
	assert_int_equal(abio_buffer_wrap(t->driver, mapped, 4096, 0, wrapping, &buffer), 0);
	test_owed(t, wrapping);
	event = test_finish(t, START(t, abio_read_owned_exact, reader, buffer, 8, 0));
	assert_int_equal(event.result, 8);
	assert_memory_equal(mapped, "ABCDEFGH", 8);
	assert_int_equal(abio_buffer_release(buffer), 0);
	assert_int_equal(test_finish(t, wrapping).flags & ABIO_EVENT_RELEASED, ABIO_EVENT_RELEASED);
	munmap(mapped, 4096);
}

/* ---- R9, R10, R11: readiness, cancelling, hanging up -------------------------------------------
 */

static void r9_of_two_that_are_woken_by_one_byte_the_loser_waits_on(struct test *t)
{
	char data[2];
	abio_io first;
	abio_io second = 0;
	int peer = test_reader(t, &first);
	uint64_t tokens[2];

	/* Two objects on one socket: as two processes would. */
	assert_int_equal(abio_adopt(t->driver, test_fd_of(first), 0, ABIO_ADOPT_DUPLICATE, &second),
			 0);
	test_own(t, second);
	tokens[0] = START(t, abio_ready, first, ABIO_INTEREST_READ, 0);
	tokens[1] = START(t, abio_ready, second, ABIO_INTEREST_READ, 0);
	test_quiet(t);
	test_send(peer, "1", 1);
	assert_int_equal(test_result(t, tokens[0]) & ABIO_READY_READ, ABIO_READY_READ);
	assert_int_equal(test_result(t, tokens[1]) & ABIO_READY_READ, ABIO_READY_READ);
	assert_int_equal(abio_try_read(first, data, 2, 0), 1);
	assert_int_equal(abio_try_read(second, data, 2, 0), ABIO_WOULD_BLOCK);
	tokens[1] = START(t, abio_ready, second, ABIO_INTEREST_READ, 0);
	test_quiet(t);
	test_send(peer, "2", 1);
	assert_int_equal(test_result(t, tokens[1]) & ABIO_READY_READ, ABIO_READY_READ);
	assert_int_equal(abio_try_read(second, data, 2, 0), 1);
}

static void r10_a_cancel_leaves_no_byte_and_no_memory_behind(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	uint8_t *data = test_memory(t, ROUNDS);
	uint64_t got = 0;

	for (uint64_t sent = 0; sent < ROUNDS; sent++) {
		uint8_t byte = (uint8_t)sent;
		uint64_t token = test_read(t, reader, data + got, 1);
		struct abio_event event;

		if (sent % 3 == 0)
			test_gather(t);
		test_send(peer, &byte, 1);
		if (sent % 2 == 0)
			assert_int_equal(abio_driver_submit(t->driver), 0);
		abio_cancel(reader, token);
		event = test_finish(t, token);
		assert_true(event.result == 1 || event.result == ABIO_E_CANCELED);
		assert_int_equal(event.progress, event.result == 1);
		got += event.progress;
	}
	if (got < ROUNDS)
		assert_int_equal(test_result(t, test_read_exact(t, reader, data + got,
								(uint32_t)(ROUNDS - got))),
				 ROUNDS - got);
	for (uint64_t i = 0; i < ROUNDS; i++)
		assert_int_equal(data[i], (uint8_t)i);
}

static void r11_hanging_up_is_told_unasked_and_data_comes_first(struct test *t)
{
	char *data = test_memory(t, ROOM);
	abio_io reader;
	int peer = test_reader(t, &reader);
	uint64_t waiting;
	int64_t bits;

	test_send(peer, "last", 4);
	test_close_fd(t, peer);
	waiting = START(t, abio_ready, reader, ABIO_INTEREST_READ, 0);
	bits = test_result(t, waiting);
	assert_int_equal(bits & ABIO_READY_READ, ABIO_READY_READ);
	assert_int_equal(bits & ABIO_READY_READ_CLOSED, ABIO_READY_READ_CLOSED);
	assert_int_equal(abio_try_read(reader, data, ROOM, 0), 4);
	assert_int_equal(abio_try_read(reader, data, ROOM, 0), 0);
}

/* ---- R12: positions ----------------------------------------------------------------------------
 */

static void r12_reads_at_offsets_do_not_move_the_cursor(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	uint8_t *data = test_memory(t, MANY * 16);
	uint8_t *out = test_memory(t, MANY * 16);
	uint64_t tokens[MANY];
	uint64_t position = 99;
	uint64_t token;
	int64_t result;

	test_fill(out, MANY * 16, 0);
	assert_int_equal(test_result(t, START(t, abio_write_at_all, file, out, MANY * 16, 0, 0)),
			 MANY * 16);
	assert_int_equal(test_result(t, START(t, abio_seek, file, ABIO_SEEK_START, 7, 0)), 7);
	for (uint32_t i = 0; i < MANY; i++)
		tokens[i] = test_read_at(t, file, data + i * 16, 16, (uint64_t)i * 16);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(test_result(t, tokens[i]), 16);
	assert_pattern(data, MANY * 16, 0);
	assert_int_equal(abio_stream_position(file, &position), 0);
	assert_int_equal(position, 7);
	token = START(t, abio_seek, file, ABIO_SEEK_END, -1, 0);
	abio_cancel(file, token);
	result = test_result(t, token);
	assert_int_equal(abio_stream_position(file, &position), 0);
	assert_int_equal(position, result == ABIO_E_CANCELED ? 7 : MANY * 16 - 1);
}

static const struct test_case cases[] = {
	CASE(r2_several_pieces_are_one_transfer),
	CASE(r3_memory_that_is_not_initialised_is_only_written),
	SOCKETS(r4_reading_and_writing_do_not_wait_for_each_other),
	CASE(r5_one_caller_serves_every_kind_of_object),
	SOCKETS(r6a_the_system_writes_into_the_host_s_memory),
	CASE(r6b_waiting_takes_no_buffer_and_one_serves_all),
	STREAMS(r6c_the_same_program_runs_on_both_and_is_told_which),
	SOCKETS(r7_any_memory_is_a_buffer),
	SOCKETS(r9_of_two_that_are_woken_by_one_byte_the_loser_waits_on),
	STREAMS(r10_a_cancel_leaves_no_byte_and_no_memory_behind),
	SOCKETS(r11_hanging_up_is_told_unasked_and_data_comes_first),
	CASE(r12_reads_at_offsets_do_not_move_the_cursor),
};

TEST_MAIN("requirements", cases)
