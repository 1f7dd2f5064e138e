/*
 * Reads into memory that is not initialised, reads to the end, and vectored transfers of all and at
 * an offset.
 */
#include <errno.h>
#include <unistd.h>

#include "lent.h"
#include "platform.h"
#include "sys.h"

#define LARGE  (1u << 20)
#define CANARY 0x5a

static struct abio_readbuf readbuf(struct test *t, uint32_t capacity)
{
	struct abio_readbuf buf = { .data = test_memory(t, capacity), .capacity = capacity };

	memset(buf.data, CANARY, capacity);
	return buf;
}

static void expect_canaries(const struct abio_readbuf *buf)
{
	const uint8_t *data = buf->data;

	for (uint32_t i = buf->filled; i < buf->capacity; i++)
		assert_int_equal(data[i], CANARY);
}

/* ---- read_buf -------------------------------------------------------------------------------- */

static void try_read_buf_appends_and_touches_nothing_else(struct test *t)
{
	struct abio_readbuf buf = readbuf(t, 8);
	abio_io reader;
	int peer = test_reader(t, &reader);

	assert_int_equal(abio_try_read_buf(reader, &buf, 0), ABIO_WOULD_BLOCK);
	assert_int_equal(buf.filled + buf.initialized, 0);
	test_send(peer, "abc", 3);
	assert_int_equal(abio_try_read_buf(reader, &buf, 0), 3);
	assert_int_equal(buf.filled, 3);
	assert_int_equal(buf.initialized, 3);
	expect_canaries(&buf);
	buf.initialized = 6;
	test_send(peer, "de", 2);
	assert_int_equal(abio_try_read_buf(reader, &buf, 0), 2);
	assert_int_equal(buf.filled, 5);
	assert_int_equal(buf.initialized, 6);
	test_send(peer, "fghij", 5);
	assert_int_equal(abio_try_read_buf(reader, &buf, 0), 3);
	assert_int_equal(buf.filled, 8);
	assert_int_equal(buf.initialized, 8);
	assert_memory_equal(buf.data, "abcdefgh", 8);
	/* Without room it is 0, and the end it is not. */
	assert_int_equal(abio_try_read_buf(reader, &buf, 0), 0);
	buf.filled = 0;
	assert_int_equal(abio_try_read_buf(reader, &buf, 0), 2);
	assert_memory_equal(buf.data, "ijcdefgh", 8);
	test_close_fd(t, peer);
	assert_int_equal(abio_try_read_buf(reader, &buf, 0), 0);
	assert_int_equal(buf.filled, 2);
}

static void read_buf_reads_behind_what_it_holds(struct test *t)
{
	struct abio_readbuf buf = readbuf(t, 10);
	struct abio_event event;
	uint64_t token;
	abio_io reader;
	int peer = test_reader(t, &reader);

	memcpy(buf.data, "ab", 2);
	buf.filled = buf.initialized = 2;
	test_lend(t, (char *)buf.data + 2, 8);
	token = START(t, abio_read_buf, reader, &buf, 0);
	test_quiet(t);
	buf.filled = 9; /* the struct was copied */
	test_send(peer, "cdef", 4);
	event = test_finish(t, token);
	assert_int_equal(event.result, 4);
	assert_int_equal(event.progress, 4);
	assert_memory_equal(buf.data, "abcdefZZZZ", 10);
	test_close_fd(t, peer);
	buf.filled = buf.initialized = 6;
	assert_int_equal(test_result(t, START(t, abio_read_buf, reader, &buf, 0)), 0);
	expect_canaries(&buf);
}

static void read_buf_answers_at_once_when_it_can(struct test *t)
{
	struct abio_readbuf buf = readbuf(t, 10);
	uint64_t token;
	abio_io reader;
	int peer = test_reader(t, &reader);

	test_send(peer, "now", 3);
	assert_int_equal(START_INLINE(t, &token, abio_read_buf, reader, &buf), 3);
	assert_memory_equal(buf.data, "now", 3);
	assert_int_equal(buf.filled, 0); /* the host counts */
	test_lend(t, buf.data, 10);
	assert_int_equal(START_INLINE(t, &token, abio_read_buf, reader, &buf), ABIO_PENDING);
	test_send(peer, "then", 4);
	assert_int_equal(test_result(t, token), 4);
	assert_memory_equal(buf.data, "then", 4);
}

static void read_buf_exact_fills_the_room(struct test *t)
{
	struct abio_readbuf buf = readbuf(t, 9);
	struct abio_event event;
	uint64_t token;
	abio_io reader;
	int peer = test_reader(t, &reader);

	memcpy(buf.data, "abc", 3);
	buf.filled = buf.initialized = 3;
	token = START(t, abio_read_buf_exact, reader, &buf, 0);
	test_send(peer, "de", 2);
	test_quiet(t);
	test_send(peer, "fghi", 4);
	event = test_finish(t, token);
	assert_int_equal(event.result, 6);
	assert_int_equal(event.progress, 6);
	assert_memory_equal(buf.data, "abcdefghi", 9);
	buf.filled = 9;
	buf.initialized = 9;
	assert_int_equal(test_result(t, START(t, abio_read_buf_exact, reader, &buf, 0)), 0);
}

static void read_buf_exact_counts_up_to_the_end_and_to_a_cancel(struct test *t)
{
	struct abio_readbuf buf = readbuf(t, 10);
	struct abio_event event;
	uint64_t token;
	abio_io reader;
	int peer = test_reader(t, &reader);

	token = START(t, abio_read_buf_exact, reader, &buf, 0);
	test_send(peer, "abc", 3);
	test_quiet(t);
	assert_int_equal(abio_cancel(reader, token), 1);
	event = test_finish(t, token);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_int_equal(event.progress, 3);
	buf.filled = buf.initialized = 3;
	test_send(peer, "de", 2);
	test_close_fd(t, peer);
	event = test_finish(t, START(t, abio_read_buf_exact, reader, &buf, 0));
	assert_int_equal(event.result, ABIO_E_UNEXPECTED_EOF);
	assert_int_equal(event.progress, 2);
	buf.filled = 5;
	assert_memory_equal(buf.data, "abcde", 5);
	expect_canaries(&buf);
}

static void impossible_readbufs_are_refused(struct test *t)
{
	struct abio_readbuf good = readbuf(t, 10);
	struct abio_readbuf bad[4] = { good, good, good, { .capacity = 1 } };
	struct abio_readbuf nothing = { 0 };
	abio_io reader;
	int peer = test_reader(t, &reader);

	bad[0].filled = 1;
	bad[1].initialized = 11;
	bad[2].filled = bad[2].initialized = UINT32_MAX;
	test_send(peer, "x", 1);
	for (int i = 0; i < 4; i++) {
		struct abio_readbuf pair[2] = { good, bad[i] };

		assert_int_equal(abio_try_read_buf(reader, &bad[i], 0), ABIO_E_ARGUMENT);
		assert_int_equal(abio_read_buf(reader, &bad[i], 0, 1), ABIO_E_ARGUMENT);
		assert_int_equal(abio_read_buf_exact(reader, &bad[i], 0, 1), ABIO_E_ARGUMENT);
		assert_int_equal(abio_try_read_bufv(reader, pair, 2, 0), ABIO_E_ARGUMENT);
		assert_int_equal(abio_read_bufv(reader, pair, 2, 0, 1), ABIO_E_ARGUMENT);
		assert_int_equal(pair[0].filled, 0);
	}
	assert_int_equal(abio_try_read_buf(reader, NULL, 0), ABIO_E_ARGUMENT);
	assert_int_equal(abio_read_bufv(reader, NULL, 1, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_try_read_buf(reader, &nothing, 0), 0);
	assert_int_equal(test_result(t, START(t, abio_read_buf, reader, &nothing, 0)), 0);
	assert_int_equal(test_result(t, START(t, abio_read_bufv, reader, NULL, 0, 0)), 0);
	assert_int_equal(abio_try_read_bufv(reader, NULL, 0, 0), 0);
	assert_int_equal(abio_try_read_buf(reader, &good, 0), 1);
}

static void a_read_in_flight_makes_read_buf_busy(struct test *t)
{
	struct abio_readbuf buf = readbuf(t, 10);
	uint64_t token;
	abio_io reader;
	int peer = test_reader(t, &reader);

	token = START(t, abio_read_buf, reader, &buf, 0);
	assert_int_equal(abio_try_read_buf(reader, &buf, 0), ABIO_E_BUSY);
	assert_int_equal(abio_try_read_bufv(reader, &buf, 1, 0), ABIO_E_BUSY);
	assert_int_equal(abio_read_buf(reader, &buf, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_read_bufv(reader, &buf, 1, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_read_buf_exact(reader, &buf, 0, 1), ABIO_E_BUSY);
	test_send(peer, "x", 1);
	assert_int_equal(test_result(t, token), 1);
}

/* ---- several --------------------------------------------------------------------------------- */

static void try_read_bufv_fills_them_in_turn(struct test *t)
{
	struct abio_readbuf bufs[4] = { readbuf(t, 4), { 0 }, readbuf(t, 3), readbuf(t, 5) };
	abio_io reader;
	int peer = test_reader(t, &reader);

	memcpy(bufs[0].data, "ab", 2);
	bufs[0].filled = bufs[0].initialized = 2;
	bufs[2].initialized = 3;
	assert_int_equal(abio_try_read_bufv(reader, bufs, 4, 0), ABIO_WOULD_BLOCK);
	test_send(peer, "cdefghi", 7);
	assert_int_equal(abio_try_read_bufv(reader, bufs, 4, 0), 7);
	assert_memory_equal(bufs[0].data, "abcd", 4);
	assert_memory_equal(bufs[2].data, "efg", 3);
	assert_memory_equal(bufs[3].data, "hi", 2);
	assert_int_equal(bufs[0].filled, 4);
	assert_int_equal(bufs[0].initialized, 4);
	assert_int_equal(bufs[1].filled, 0);
	assert_int_equal(bufs[2].filled, 3);
	assert_int_equal(bufs[3].filled, 2);
	assert_int_equal(bufs[3].initialized, 2);
	expect_canaries(&bufs[3]);
}

static void read_bufv_fills_them_in_turn(struct test *t)
{
	struct abio_readbuf bufs[3] = { readbuf(t, 4), readbuf(t, 3), readbuf(t, 5) };
	struct abio_event event;
	uint64_t token;
	abio_io reader;
	int peer = test_reader(t, &reader);

	bufs[0].filled = bufs[0].initialized = 2;
	token = START(t, abio_read_bufv, reader, bufs, 3, 0);
	memset(&bufs[1].filled, 0xff, sizeof(bufs[1].filled)); /* the structs were copied */
	test_quiet(t);
	test_send(peer, "cdefghi", 7);
	event = test_finish(t, token);
	assert_int_equal(event.result, 7);
	assert_memory_equal(bufs[0].data, "ZZcd", 4);
	assert_memory_equal(bufs[1].data, "efg", 3);
	assert_memory_equal(bufs[2].data, "hiZZZ", 5);
}

/* Whatever moves bytes of a stream, counted. */
static struct sys_table before;
static uint32_t calls;

static int64_t count_receive(int fd, struct msghdr *message)
{
	calls++;
	return before.receive(fd, message);
}

static int64_t count_readv(int fd, const struct iovec *iovecs, int count)
{
	calls++;
	return before.readv(fd, iovecs, count);
}

static int64_t count_pwritev(int fd, const struct iovec *iovecs, int count, int64_t offset)
{
	calls++;
	return before.pwritev(fd, iovecs, count, offset);
}

static int64_t count_enter(struct io_uring *ring)
{
	for (unsigned int i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++) {
		uint8_t opcode = ring->sq.sqes[i & *ring->sq.kring_mask].opcode;

		calls += opcode == IORING_OP_READV || opcode == IORING_OP_RECVMSG ||
			 opcode == IORING_OP_WRITEV || opcode == IORING_OP_READ ||
			 opcode == IORING_OP_RECV || opcode == IORING_OP_WRITE;
	}
	return before.ring_enter(ring);
}

static void count_calls(void)
{
	before = sys;
	calls = 0;
	sys.receive = count_receive;
	sys.readv = count_readv;
	sys.pwritev = count_pwritev;
	sys.ring_enter = count_enter;
}

static uint32_t calls_made(void)
{
	sys = before;
	return calls;
}

static void several_are_one_system_call_and_1024_at_most(struct test *t)
{
	enum {
		MANY = 1030
	};
	struct abio_readbuf *bufs = test_memory(t, MANY * sizeof(*bufs));
	uint8_t *data = test_memory(t, MANY * 2);
	uint8_t sent[MANY * 2];
	abio_io reader;
	int peer = test_reader(t, &reader);
	uint64_t token;

	test_fill(sent, sizeof(sent), 0);
	for (uint32_t i = 0; i < MANY; i++)
		bufs[i] = (struct abio_readbuf){ .data = data + 2 * i, .capacity = 2 };
	test_send(peer, sent, sizeof(sent));
	count_calls();
	assert_int_equal(abio_try_read_bufv(reader, bufs, MANY, 0), 2048);
	assert_int_equal(calls_made(), 1);
	assert_int_equal(bufs[1023].filled, 2);
	assert_int_equal(bufs[1024].filled, 0);
	assert_pattern(data, 2048, 0);
	count_calls();
	token = START(t, abio_read_bufv, reader, bufs + 1024, MANY - 1024, 0);
	assert_int_equal(test_result(t, token), 12);
	assert_int_equal(calls_made(), 1);
	assert_pattern(data, 2060, 0);
}

static void files_have_read_buf_at_the_cursor(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	struct abio_readbuf bufs[2] = { readbuf(t, 4), readbuf(t, 100) };
	struct abio_event event;

	assert_int_equal(test_result(t, START(t, abio_write_at, file, "0123456789", 10, 0, 0)), 10);
	assert_int_equal(abio_try_read_buf(file, &bufs[0], 0), ABIO_E_UNSUPPORTED);
	assert_int_equal(test_result(t, START(t, abio_read_buf, file, &bufs[0], 0)), 4);
	assert_memory_equal(bufs[0].data, "0123", 4);
	assert_int_equal(test_result(t, START(t, abio_read_bufv, file, bufs, 2, 0)), 6);
	assert_memory_equal(bufs[0].data, "4567", 4);
	assert_memory_equal(bufs[1].data, "89Z", 3);
	assert_int_equal(test_result(t, START(t, abio_read_buf, file, &bufs[0], 0)), 0);
	assert_int_equal(test_result(t, START(t, abio_rewind, file, 0)), 0);
	event = test_finish(t, START(t, abio_read_buf_exact, file, &bufs[1], 0));
	assert_int_equal(event.result, ABIO_E_UNEXPECTED_EOF);
	assert_int_equal(event.progress, 10);
	bufs[1].filled = 10;
	expect_canaries(&bufs[1]);
}

/* ---- read_to_end ----------------------------------------------------------------------------- */

static uint64_t to_end(struct test *t, abio_io io, abio_buffer buffer)
{
	return START(t, abio_read_to_end, io, buffer, 0);
}

static void read_to_end_gathers_everything(struct test *t)
{
	abio_buffer buffer = lent_buffer(t, 100);
	struct abio_event event;
	uint64_t token;
	abio_io reader;
	int peer = test_reader(t, &reader);

	memcpy(lent_data(buffer), "> ", 2);
	assert_int_equal(abio_buffer_set(buffer, 2, 2), 0);
	token = to_end(t, reader, buffer);
	for (int i = 0; i < 3; i++) {
		test_quiet(t);
		test_send(peer, &"abcdefghi"[i * 3], 3);
	}
	test_quiet(t);
	test_close_fd(t, peer);
	event = lent_finish(t, token, buffer);
	assert_int_equal(event.result, 9);
	assert_int_equal(event.progress, 9);
	assert_int_equal(lent_state(buffer).filled, 11);
	assert_memory_equal(lent_data(buffer), "> abcdefghi", 11);
	/* The end again. */
	assert_int_equal(lent_finish(t, to_end(t, reader, buffer), buffer).result, 0);
}

static void a_buffer_that_is_just_large_enough_is_no_limit(struct test *t)
{
	abio_buffer buffer = lent_buffer(t, 9);
	struct abio_event event;
	uint64_t token;
	abio_io reader;
	int peer = test_reader(t, &reader);

	token = to_end(t, reader, buffer);
	test_send(peer, "abcdefghi", 9);
	test_quiet(t);
	test_close_fd(t, peer);
	event = lent_finish(t, token, buffer);
	assert_int_equal(event.result, 9);
	assert_memory_equal(lent_data(buffer), "abcdefghi", 9);
}

static void over_the_limit_no_byte_is_lost(struct test *t)
{
	abio_buffer buffer = lent_buffer(t, 9);
	abio_buffer rest = lent_buffer(t, 9);
	struct abio_event event;
	char byte[1];
	abio_io reader;
	int peer = test_reader(t, &reader);

	test_send(peer, "abcdefghijkl", 12);
	event = lent_finish(t, to_end(t, reader, buffer), buffer);
	assert_int_equal(event.result, ABIO_E_LIMIT);
	assert_int_equal(event.progress, 9);
	assert_memory_equal(lent_data(buffer), "abcdefghi", 9);
	/* Full from the start: the same answer, however often. */
	for (int i = 0; i < 3; i++) {
		event = lent_finish(t, to_end(t, reader, buffer), buffer);
		assert_int_equal(event.result, ABIO_E_LIMIT);
		assert_int_equal(event.progress, 0);
	}
	assert_int_equal(abio_try_read(reader, byte, 1, 0), 1);
	assert_int_equal(byte[0], 'j');
	test_close_fd(t, peer);
	event = lent_finish(t, to_end(t, reader, rest), rest);
	assert_int_equal(event.result, 2);
	assert_memory_equal(lent_data(rest), "kl", 2);
}

static void the_byte_behind_the_limit_goes_to_whoever_reads_next(struct test *t)
{
	abio_buffer buffer = lent_buffer(t, 1);
	char *data = test_memory(t, 10);
	struct abio_iovec pieces[2] = { { data, 1 }, { data + 1, 4 } };
	struct abio_readbuf buf = { .data = data, .capacity = 10 };
	abio_io reader;
	int peer = test_reader(t, &reader);
	uint64_t token;

	test_send(peer, "abcdefghijkl", 12);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(abio_buffer_set(buffer, 0, 0), 0);
		assert_int_equal(lent_finish(t, to_end(t, reader, buffer), buffer).result,
				 ABIO_E_LIMIT);
		assert_int_equal(lent_data(buffer)[0], "acg"[i]);
		if (i == 0) {
			assert_int_equal(abio_ready_now(reader, ABIO_INTEREST_READ) &
						 ABIO_READY_READ,
					 ABIO_READY_READ);
			assert_int_equal(test_result(t, START(t, abio_read, reader, data, 10, 0)),
					 1);
			assert_int_equal(data[0], 'b');
		} else if (i == 1) {
			/* What is there is given, without asking for more. */
			assert_int_equal(abio_try_readv(reader, pieces, 2, 0), 1);
			assert_int_equal(data[0], 'd');
			assert_int_equal(abio_try_read(reader, data, 2, 0), 2);
			assert_memory_equal(data, "ef", 2);
		} else {
			buf.capacity = 5;
			token = START(t, abio_read_buf_exact, reader, &buf, 0);
			assert_int_equal(test_result(t, token), 5);
			assert_memory_equal(data, "hijkl", 5);
		}
	}
}

static void read_to_end_can_be_cancelled_and_continued(struct test *t)
{
	abio_buffer buffer = lent_buffer(t, 20);
	struct abio_event event;
	uint64_t token;
	abio_io reader;
	int peer = test_reader(t, &reader);

	token = to_end(t, reader, buffer);
	test_send(peer, "abc", 3);
	test_quiet(t);
	assert_int_equal(abio_cancel(reader, token), 1);
	event = lent_finish(t, token, buffer);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_int_equal(event.progress, 3);
	assert_int_equal(lent_state(buffer).filled, 3);
	test_send(peer, "def", 3);
	test_close_fd(t, peer);
	event = lent_finish(t, to_end(t, reader, buffer), buffer);
	assert_int_equal(event.result, 3);
	assert_memory_equal(lent_data(buffer), "abcdef", 6);
}

static void a_full_buffer_that_waits_for_the_end_can_be_cancelled(struct test *t)
{
	abio_buffer buffer = lent_buffer(t, 3);
	struct abio_event event;
	uint64_t token;
	abio_io reader;
	int peer = test_reader(t, &reader);

	token = to_end(t, reader, buffer);
	test_send(peer, "abc", 3);
	test_quiet(t);
	assert_int_equal(abio_cancel(reader, token), 1);
	event = lent_finish(t, token, buffer);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_int_equal(event.progress, 3);
	test_send(peer, "d", 1);
	assert_int_equal(lent_finish(t, to_end(t, reader, buffer), buffer).result, ABIO_E_LIMIT);
	assert_int_equal(abio_buffer_set(buffer, 0, 3), 0);
	test_close_fd(t, peer);
	assert_int_equal(lent_finish(t, to_end(t, reader, buffer), buffer).result, 1);
	assert_int_equal(lent_data(buffer)[0], 'd');
}

static void closing_ends_read_to_end(struct test *t)
{
	abio_buffer buffer = lent_buffer(t, 3);
	uint64_t token;
	uint64_t closing;
	abio_io reader;
	int peer = test_reader(t, &reader);

	test_send(peer, "abc", 3);
	token = to_end(t, reader, buffer);
	test_quiet(t);
	closing = START(t, abio_close, reader, 0);
	assert_int_equal(lent_finish(t, token, buffer).result, ABIO_E_CANCELED);
	assert_int_equal(lent_state(buffer).filled, 3);
	assert_int_equal(test_result(t, closing), 0);
}

static void a_large_stream_is_read_to_its_end(struct test *t)
{
	abio_buffer buffer = lent_buffer(t, 1u << 30);
	abio_buffer source = lent_pattern(t, 8 * LARGE + 3);
	uint64_t reading;
	uint64_t writing;
	abio_io reader;
	abio_io writer;

	test_stream(t, &reader, &writer);
	reading = to_end(t, reader, buffer);
	writing = START(t, abio_write_owned_all, writer, source, 0, 0);
	assert_int_equal(lent_finish(t, writing, source).result, 8 * LARGE + 3);
	assert_int_equal(abio_release(writer), 0);
	assert_int_equal(lent_finish(t, reading, buffer).result, 8 * LARGE + 3);
	assert_pattern(lent_data(buffer), 8 * LARGE + 3, 0);
}

static void half_streams_are_read_to_their_end(struct test *t)
{
	abio_buffer buffer = lent_buffer(t, 3);
	struct abio_event event;
	char *data = test_memory(t, 8);
	abio_io stream;
	abio_io halves[2];
	int peer = test_reader(t, &stream);

	assert_int_equal(abio_split(stream, &halves[0], &halves[1]), 0);
	test_own(t, halves[0]);
	test_own(t, halves[1]);
	test_send(peer, "abcdef", 6);
	event = lent_finish(t, to_end(t, halves[0], buffer), buffer);
	assert_int_equal(event.result, ABIO_E_LIMIT);
	assert_memory_equal(lent_data(buffer), "abc", 3);
	assert_int_equal(test_result(t, START(t, abio_read_exact, halves[0], data, 3, 0)), 3);
	assert_memory_equal(data, "def", 3);
	test_close_fd(t, peer);
	assert_int_equal(lent_finish(t, to_end(t, halves[0], buffer), buffer).result, 0);
}

static void buffered_readers_are_read_to_their_end(struct test *t)
{
	abio_buffer buffer = lent_buffer(t, 5);
	struct abio_event event;
	char *data = test_memory(t, 16);
	const void *view = NULL;
	abio_io stream;
	abio_io reader = 0;
	int peer = test_reader(t, &stream);

	assert_int_equal(abio_buf_reader(stream, 4, 0, &reader), 0);
	test_own(t, reader);
	test_send(peer, "abcdefghijkl", 12);
	assert_int_equal(test_result(t, START(t, abio_read_exact, reader, data, 1, 0)), 1);
	event = lent_finish(t, to_end(t, reader, buffer), buffer);
	assert_int_equal(event.result, ABIO_E_LIMIT);
	assert_memory_equal(lent_data(buffer), "bcdef", 5);
	/* In order, through whatever is asked next. */
	assert_true(abio_try_fill_buf(reader, &view) > 0);
	assert_memory_equal(view, "g", 1);
	assert_int_equal(test_result(t, START(t, abio_read_exact, reader, data, 6, 0)), 6);
	assert_memory_equal(data, "ghijkl", 6);
	test_close_fd(t, peer);
	assert_int_equal(abio_buffer_set(buffer, 0, 0), 0);
	assert_int_equal(lent_finish(t, to_end(t, reader, buffer), buffer).result, 0);
}

static void files_are_read_to_the_end_from_the_cursor(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	abio_buffer content = lent_pattern(t, 3 * LARGE + 7);
	abio_buffer buffer = lent_buffer(t, 4 * LARGE);
	abio_buffer exact = lent_buffer(t, 3 * LARGE);
	struct abio_event event;
	uint64_t position = 0;

	lent_finish(t, START(t, abio_write_owned_all, file, content, 0, 0), content);
	assert_int_equal(test_result(t, START(t, abio_seek, file, ABIO_SEEK_START, 7, 0)), 7);
	event = lent_finish(t, to_end(t, file, buffer), buffer);
	assert_int_equal(event.result, 3 * LARGE);
	assert_pattern(lent_data(buffer), 3 * LARGE, 7);
	assert_int_equal(lent_finish(t, to_end(t, file, buffer), buffer).result, 0);
	/* Full at the end, and full before it: then the byte behind is still there. */
	assert_int_equal(test_result(t, START(t, abio_seek, file, ABIO_SEEK_START, 7, 0)), 7);
	assert_int_equal(lent_finish(t, to_end(t, file, exact), exact).result, 3 * LARGE);
	assert_int_equal(test_result(t, START(t, abio_seek, file, ABIO_SEEK_START, 6, 0)), 6);
	assert_int_equal(abio_buffer_set(exact, 0, 0), 0);
	event = lent_finish(t, to_end(t, file, exact), exact);
	assert_int_equal(event.result, ABIO_E_LIMIT);
	assert_int_equal(event.progress, 3 * LARGE);
	assert_int_equal(abio_stream_position(file, &position), 0);
	assert_int_equal(position, 3 * LARGE + 6);
	assert_int_equal(lent_finish(t, to_end(t, file, exact), exact).result, ABIO_E_LIMIT);
	assert_int_equal(abio_buffer_set(exact, 0, 0), 0);
	assert_int_equal(lent_finish(t, to_end(t, file, exact), exact).result, 1);
}

/* Their length is 0, and they have content all the same. */
static void files_that_lie_about_their_length_are_read_to_the_end(struct test *t)
{
	abio_io file = test_file(t, "/proc/self/status", 0, ABIO_ACCESS_READ);
	abio_buffer small = lent_buffer(t, 10);
	abio_buffer large = lent_buffer(t, 1u << 16);
	struct abio_event event;

	assert_int_equal(test_result(t, START(t, abio_stream_len, file, 0)), 0);
	event = lent_finish(t, to_end(t, file, small), small);
	assert_int_equal(event.result, ABIO_E_LIMIT);
	assert_memory_equal(lent_data(small), "Name:", 5);
	assert_true(lent_finish(t, to_end(t, file, large), large).result > 0);
}

/* ---- writing several ------------------------------------------------------------------------- */

static void write_allv_writes_all_pieces(struct test *t)
{
	uint8_t *data = test_memory(t, LARGE);
	uint8_t *got = test_memory(t, LARGE);
	struct abio_iovec pieces[5] = { { NULL, 0 },
					{ data, 1 },
					{ data + 1, LARGE / 2 },
					{ NULL, 0 },
					{ data + 1 + LARGE / 2, LARGE / 2 - 1 } };
	struct abio_event event;
	uint64_t token;
	abio_io writer;
	int peer = test_writer(t, &writer);

	test_fill(data, LARGE, 0);
	token = START(t, abio_write_allv, writer, pieces, 5, 0);
	memset(pieces, 0, sizeof(pieces)); /* the array was copied */
	assert_int_equal(abio_write_allv(writer, pieces, 5, 0, 1), ABIO_E_BUSY);
	test_pull(t, peer, got, LARGE);
	event = test_finish(t, token);
	assert_int_equal(event.result, LARGE);
	assert_int_equal(event.progress, LARGE);
	assert_pattern(got, LARGE, 0);
}

static void write_allv_says_what_is_gone_when_cancelled(struct test *t)
{
	uint8_t *data = test_memory(t, 4 * LARGE);
	uint8_t *got = test_memory(t, 4 * LARGE);
	struct abio_iovec pieces[1000];
	struct abio_event event;
	uint64_t token;
	abio_io writer;
	int peer = test_writer(t, &writer);

	test_fill(data, 4 * LARGE, 0);
	for (uint32_t i = 0; i < 1000; i++)
		pieces[i] = (struct abio_iovec){ data + i * 4000, 4000 };
	token = START(t, abio_write_allv, writer, pieces, 1000, 0);
	test_gather(t);
	assert_int_equal(abio_cancel(writer, token), 1);
	event = test_finish(t, token);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_true(event.progress < 4000000);
	token = START(t, abio_write_all, writer, data + event.progress,
		      (uint32_t)(4000000 - event.progress), 0);
	test_pull(t, peer, got, 4000000);
	test_finish(t, token);
	assert_pattern(got, 4000000, 0);
}

static void write_allv_goes_on_where_a_try_stopped(struct test *t)
{
	uint8_t *data = test_memory(t, 4 * LARGE);
	uint8_t *got = test_memory(t, 4 * LARGE);
	struct abio_iovec pieces[3] = { { data, 10 },
					{ data + 10, 2 * LARGE },
					{ data + 10 + 2 * LARGE, 2 * LARGE - 10 } };
	uint64_t token;
	abio_io writer;
	int peer = test_writer(t, &writer);

	test_fill(data, 4 * LARGE, 0);
	assert_int_equal(START_INLINE(t, &token, abio_write_allv, writer, pieces, 1), 10);
	test_receive(peer, got, 10);
	assert_int_equal(START_INLINE(t, &token, abio_write_allv, writer, pieces, 3), ABIO_PENDING);
	test_pull(t, peer, got, 4 * LARGE);
	assert_int_equal(test_result(t, token), 4 * LARGE);
	assert_pattern(got, 4 * LARGE, 0);
}

static void write_allv_has_limits(struct test *t)
{
	struct abio_iovec pieces[1025] = { { "x", 1 } };
	struct abio_iovec vast[2] = { { "x", 0x7ffff000u }, { "x", 1 } };
	struct abio_iovec wrapping[2] = { { "x", UINT64_MAX }, { "x", 2 } };
	abio_io writer;
	int peer = test_writer(t, &writer);

	assert_int_equal(abio_write_allv(writer, pieces, 1025, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_write_allv(writer, vast, 2, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_write_allv(writer, wrapping, 2, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_write_allv(writer, NULL, 1, 0, 1), ABIO_E_ARGUMENT);
	vast[0].base = NULL;
	assert_int_equal(abio_write_allv(writer, vast, 1, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(test_result(t, START(t, abio_write_allv, writer, pieces, 1024, 0)), 1);
	assert_int_equal(test_result(t, START(t, abio_write_allv, writer, NULL, 0, 0)), 0);
	assert_int_equal(test_result(t, START(t, abio_write_allv, writer, pieces + 1, 9, 0)), 0);
	test_close_fd(t, peer);
}

static void write_allv_of_a_file_moves_its_cursor(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	uint8_t *data = test_memory(t, 5 * LARGE);
	uint8_t *got = test_memory(t, 5 * LARGE);
	struct abio_iovec pieces[4] = { { data, 3 },
					{ data + 3, 2 * LARGE },
					{ data + 3 + 2 * LARGE, LARGE / 2 },
					{ data + 3 + 2 * LARGE + LARGE / 2, LARGE } };
	uint32_t total = 3 + 3 * LARGE + LARGE / 2;
	uint64_t position = 0;

	test_fill(data, 5 * LARGE, 0);
	assert_int_equal(test_result(t, START(t, abio_write_allv, file, pieces, 4, 0)), total);
	assert_int_equal(abio_stream_position(file, &position), 0);
	assert_int_equal(position, total);
	assert_int_equal(test_result(t, START(t, abio_read_at_exact, file, got, total, 0, 0)),
			 total);
	assert_pattern(got, total, 0);
}

static void writev_at_is_one_call_at_its_offset(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	struct abio_iovec pieces[4] = { { "abc", 3 }, { NULL, 0 }, { "defgh", 5 }, { "ij", 2 } };
	char *got = test_memory(t, 20);
	uint64_t position = 99;
	uint64_t token;

	count_calls();
	token = START(t, abio_writev_at, file, pieces, 4, 5, 0);
	memset(pieces, 0, sizeof(pieces));
	assert_int_equal(test_result(t, token), 10);
	assert_int_equal(calls_made(), 1);
	assert_int_equal(abio_stream_position(file, &position), 0);
	assert_int_equal(position, 0);
	assert_int_equal(test_result(t, test_read_at(t, file, got, 20, 0)), 15);
	assert_memory_equal(got, "\0\0\0\0\0abcdefghij", 15);
	assert_int_equal(abio_writev_at(file, pieces, 1, UINT64_MAX, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_writev_at(file, NULL, 1, 0, 0, 1), ABIO_E_ARGUMENT);
}

static void writev_at_is_clamped_and_any_number_are_in_flight(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	uint8_t *data = test_memory(t, 1030);
	uint8_t *got = test_memory(t, 4096);
	struct abio_iovec pieces[1030];
	uint64_t tokens[3];

	test_fill(data, 1030, 0);
	for (uint32_t i = 0; i < 1030; i++)
		pieces[i] = (struct abio_iovec){ data + i, 1 };
	for (uint32_t i = 0; i < 3; i++)
		tokens[i] = START(t, abio_writev_at, file, pieces, 1030, i * 1024, 0);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(test_result(t, tokens[i]), 1024);
	assert_int_equal(test_result(t, test_read_at(t, file, got, 4096, 0)), 3072);
	for (uint32_t i = 0; i < 3; i++)
		assert_pattern(got + i * 1024, 1024, 0);
}

static const struct test_case cases[] = {
	STREAMS(try_read_buf_appends_and_touches_nothing_else),
	STREAMS(read_buf_reads_behind_what_it_holds),
	STREAMS(read_buf_answers_at_once_when_it_can),
	STREAMS(read_buf_exact_fills_the_room),
	STREAMS(read_buf_exact_counts_up_to_the_end_and_to_a_cancel),
	STREAMS(impossible_readbufs_are_refused),
	STREAMS(a_read_in_flight_makes_read_buf_busy),
	STREAMS(try_read_bufv_fills_them_in_turn),
	STREAMS(read_bufv_fills_them_in_turn),
	STREAMS(several_are_one_system_call_and_1024_at_most),
	CASE(files_have_read_buf_at_the_cursor),
	STREAMS(read_to_end_gathers_everything),
	STREAMS(a_buffer_that_is_just_large_enough_is_no_limit),
	STREAMS(over_the_limit_no_byte_is_lost),
	STREAMS(the_byte_behind_the_limit_goes_to_whoever_reads_next),
	STREAMS(read_to_end_can_be_cancelled_and_continued),
	STREAMS(a_full_buffer_that_waits_for_the_end_can_be_cancelled),
	STREAMS(closing_ends_read_to_end),
	STREAMS(a_large_stream_is_read_to_its_end),
	SOCKETS(half_streams_are_read_to_their_end),
	STREAMS(buffered_readers_are_read_to_their_end),
	CASE(files_are_read_to_the_end_from_the_cursor),
	CASE(files_that_lie_about_their_length_are_read_to_the_end),
	STREAMS(write_allv_writes_all_pieces),
	STREAMS(write_allv_says_what_is_gone_when_cancelled),
	STREAMS(write_allv_goes_on_where_a_try_stopped),
	STREAMS(write_allv_has_limits),
	CASE(write_allv_of_a_file_moves_its_cursor),
	CASE(writev_at_is_one_call_at_its_offset),
	CASE(writev_at_is_clamped_and_any_number_are_in_flight),
};

TEST_MAIN("readbuf", cases)
