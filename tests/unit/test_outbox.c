/*
 * The arithmetic of the outbox, with a system that takes as little as it likes: whatever is cut
 * short, refused for now or broken off, every byte goes once and in order, and the counts agree.
 *
 * On the readiness backend, whose sends go through the table of system calls.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "handle.h"
#include "harness.h"
#include "sys.h"
#include "traits.h"

#define HIGH_WATER (256u << 10)
#define SINK       (4u << 20)

/* The other end of the wire: what the "kernel" took. */
static struct {
	uint8_t *data;
	uint64_t length;
	uint64_t calls;
	uint64_t random;
	uint64_t fail_at; /* after so many bytes: -EPIPE */
	uint32_t most;    /* bytes of one call */
	uint64_t stop_at; /* after so many bytes: -EAGAIN */
} wire;

static int64_t take_some(int fd, const struct msghdr *message)
{
	const struct iovec *iovecs = message->msg_iov;
	size_t length = iovecs[0].iov_len;

	(void)fd;
	wire.calls++;
	wire.random = wire.random * 6364136223846793005u + 1442695040888963407u;
	if (wire.length >= wire.stop_at)
		return -EAGAIN;
	if (wire.length >= wire.fail_at)
		return -EPIPE;
	/* Now and then not at once: the socket has room, so the wait is short. */
	if (wire.random >> 61 == 0)
		return -EAGAIN;
	if (length > wire.most)
		length = wire.random >> 40 & 1 ? wire.most : (wire.random >> 41) % wire.most + 1;
	if (length > wire.stop_at - wire.length)
		length = wire.stop_at - wire.length;
	if (length > wire.fail_at - wire.length)
		length = wire.fail_at - wire.length;
	assert_true(wire.length + length <= SINK);
	memcpy(wire.data + wire.length, iovecs[0].iov_base, length);
	wire.length += length;
	return (int64_t)length;
}

static abio_io open_wire(struct test *t, abio_driver *driver, uint32_t most)
{
	struct abio_driver_options options = { .size = sizeof(options),
					       .backend = ABIO_BACKEND_EPOLL };
	int fds[2];

	memset(&wire, 0, sizeof(wire));
	wire.data = test_memory(t, SINK);
	wire.random = 5;
	wire.most = most;
	wire.fail_at = UINT64_MAX;
	wire.stop_at = UINT64_MAX;
	sys.send = take_some;
	*driver = test_driver_with(t, &options);
	t->driver = *driver;
	test_raw_pair(t, ABIO_KIND_UNIX, fds);
	return test_adopt(t, *driver, fds[0]);
}

static const struct object *object_of(abio_io io)
{
	return handle_find(io, HANDLE_IO)->object;
}

static void flush(struct test *t, abio_io io, int64_t wanted)
{
	assert_int_equal(test_result(t, START(t, abio_flush, io, 0)), wanted);
}

static void short_sends_lose_no_byte(struct test *t)
{
	static const uint32_t most[] = { 1, 7, 4096, 100000 };
	uint8_t *data = test_memory(t, HIGH_WATER);

	for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++) {
		abio_driver driver;
		abio_io io = open_wire(t, &driver, most[i]);
		uint64_t total = 0;
		uint64_t state = 9;

		for (uint32_t round = 0; round < 300 && total < (most[i] == 1 ? 5000u : 1000000u);
		     round++) {
			uint32_t length;
			int32_t taken;

			state = state * 6364136223846793005u + 1442695040888963407u;
			length = (uint32_t)(state >> 40) % (round % 10 == 0 ? 70000 : 300);
			test_fill(data, length, total);
			taken = abio_put(io, data, length);
			if (taken == ABIO_WOULD_BLOCK) {
				flush(t, io, 0);
				continue;
			}
			assert_in_range(taken, 0, length);
			total += (uint32_t)taken;
			assert_int_equal(outbox_taken(object_of(io)), total);
			assert_true(outbox_gone(object_of(io)) <= total);
			if (round % 3 == 0)
				test_quiet(t);
		}
		flush(t, io, 0);
		assert_int_equal(outbox_gone(object_of(io)), total);
		assert_true(outbox_idle(object_of(io)));
		assert_int_equal(wire.length, total);
		assert_pattern(wire.data, total, 0);
	}
}

static void room_is_what_has_gone(struct test *t)
{
	uint8_t *data = test_memory(t, 2 * HIGH_WATER);
	abio_driver driver;
	abio_io io = open_wire(t, &driver, HIGH_WATER);

	wire.stop_at = 0;
	test_fill(data, 2 * HIGH_WATER, 0);
	assert_int_equal(abio_put(io, data, 2 * HIGH_WATER), HIGH_WATER);
	assert_int_equal(abio_put(io, data, 1), ABIO_WOULD_BLOCK);
	test_quiet(t);
	assert_int_equal(abio_put(io, data, 1), ABIO_WOULD_BLOCK);
	assert_int_equal(wire.length, 0);
	wire.most = 1000;
	wire.stop_at = 100001;
	while (wire.length < wire.stop_at)
		test_quiet(t);
	/* Exactly as much room as has gone. */
	assert_int_equal(outbox_gone(object_of(io)), 100001);
	assert_int_equal(abio_put(io, data + HIGH_WATER, HIGH_WATER), 100001);
	assert_int_equal(abio_put(io, data, 1), ABIO_WOULD_BLOCK);
	wire.stop_at = UINT64_MAX;
	flush(t, io, 0);
	assert_pattern(wire.data, wire.length, 0);
	assert_int_equal(wire.length, outbox_taken(object_of(io)));
}

static void puts_of_a_turn_are_one_send(struct test *t)
{
	abio_driver driver;
	abio_io io = open_wire(t, &driver, HIGH_WATER);

	wire.random = 1;
	for (int i = 0; i < 50; i++)
		assert_int_equal(abio_put(io, "0123456789", 10), 10);
	flush(t, io, 0);
	assert_int_equal(wire.length, 500);
	/* One that was refused for now may come before it. */
	assert_in_range(wire.calls, 1, 2);
}

static void an_error_in_the_middle_drops_the_rest(struct test *t)
{
	uint8_t *data = test_memory(t, 100000);
	abio_driver driver;
	abio_io io = open_wire(t, &driver, 3000);

	wire.fail_at = 12345;
	test_fill(data, 100000, 0);
	assert_int_equal(abio_put(io, data, 50000), 50000);
	assert_int_equal(abio_put(io, data + 50000, 50000), 50000);
	flush(t, io, -EPIPE);
	assert_int_equal(wire.length, 12345);
	assert_pattern(wire.data, 12345, 0);
	assert_true(outbox_idle(object_of(io)));
	assert_int_equal(outbox_error(object_of(io)), -EPIPE);
	assert_int_equal(abio_put(io, data, 1), -EPIPE);
	assert_int_equal(abio_try_flush(io), -EPIPE);
}

static void flushes_end_as_their_bytes_go(struct test *t)
{
	abio_driver driver;
	abio_io io = open_wire(t, &driver, 1);
	uint64_t tokens[10];

	for (int i = 0; i < 10; i++) {
		assert_int_equal(abio_put(io, "ab", 2), 2);
		tokens[i] = START(t, abio_flush, io, 0);
	}
	for (int i = 0; i < 10; i++) {
		struct abio_event event = test_event(t);

		assert_int_equal(event.token, tokens[i]);
		assert_int_equal(event.result, 0);
	}
	assert_int_equal(wire.length, 20);
}

static void a_writer_between_puts_keeps_its_place(struct test *t)
{
	uint8_t *data = test_memory(t, 300000);
	abio_driver driver;
	abio_io io = open_wire(t, &driver, 777);
	uint64_t total = 0;

	test_fill(data, 300000, 0);
	for (uint32_t i = 0; i < 20; i++) {
		uint64_t token;

		assert_int_equal(abio_put(io, data + total, 3000), 3000);
		token = START(t, abio_write_all, io, data + total + 3000, 5000, 0);
		assert_int_equal(abio_put(io, data + total + 8000, 100), 100);
		if (i % 2 == 0)
			test_has_come(t, token);
		assert_int_equal(test_result(t, token), 5000);
		total += 8100;
	}
	flush(t, io, 0);
	assert_int_equal(wire.length, total);
	assert_pattern(wire.data, total, 0);
}

static const struct test_case cases[] = {
	ONCE(short_sends_lose_no_byte),      ONCE(room_is_what_has_gone),
	ONCE(puts_of_a_turn_are_one_send),   ONCE(an_error_in_the_middle_drops_the_rest),
	ONCE(flushes_end_as_their_bytes_go), ONCE(a_writer_between_puts_keeps_its_place),
};

TEST_MAIN("outbox", cases)
