/* See lent.h. */
#include "lent.h"

#include "sys.h"

abio_buffer lent_buffer(struct test *t, uint32_t capacity)
{
	abio_buffer buffer = 0;

	assert_int_equal(abio_buffer_alloc(capacity, 0, 0, &buffer), 0);
	test_own(t, buffer);
	return buffer;
}

abio_buffer lent_pattern(struct test *t, uint32_t length)
{
	abio_buffer buffer = lent_buffer(t, length);

	test_fill(lent_data(buffer), length, 0);
	assert_int_equal(abio_buffer_set(buffer, length, length), 0);
	return buffer;
}

struct abio_buffer_state lent_state(abio_buffer buffer)
{
	struct abio_buffer_state state = { .size = sizeof(state) };

	assert_int_equal(abio_buffer_info(buffer, &state), 0);
	assert_true(state.filled <= state.initialized && state.initialized <= state.capacity);
	return state;
}

uint8_t *lent_data(abio_buffer buffer)
{
	return lent_state(buffer).data;
}

struct abio_event lent_finish(struct test *t, uint64_t token, abio_buffer buffer)
{
	struct abio_event event = test_finish(t, token);

	assert_int_equal(event.flags, ABIO_EVENT_BUFFER);
	assert_int_equal(event.handle, buffer);
	assert_int_equal(lent_state(buffer).lent, 0);
	return event;
}

struct abio_event lent_result(struct test *t, uint64_t token, abio_buffer buffer)
{
	struct abio_event event = test_ahead(t, token);

	if ((event.flags & ABIO_EVENT_MORE) == 0) {
		assert_int_equal(event.flags, ABIO_EVENT_BUFFER);
		assert_int_equal(event.handle, buffer);
	} else {
		assert_int_equal(event.flags, ABIO_EVENT_MORE);
		assert_int_equal(event.handle, 0);
	}
	return event;
}

void lent_return(struct test *t, struct abio_event *ahead, abio_buffer buffer)
{
	struct abio_event event;

	if ((ahead->flags & ABIO_EVENT_MORE) == 0)
		return;
	event = lent_finish(t, ahead->token, buffer);
	assert_int_equal(event.result, ahead->result);
	assert_int_equal(event.progress, ahead->progress);
	ahead->flags = event.flags;
}

/* ---- addresses ------------------------------------------------------------------------------- */

static uintptr_t first;
static uintptr_t last;
static uint64_t seen;
static struct sys_table before;

static void look_at(const void *address, size_t length)
{
	uintptr_t place = (uintptr_t)address;

	if (length > 0 && place >= first && place + length <= last)
		seen++;
}

static void look_at_all(const struct iovec *iovecs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		look_at(iovecs[i].iov_base, iovecs[i].iov_len);
}

static int64_t watched_receive(int fd, struct msghdr *message)
{
	look_at_all(message->msg_iov, message->msg_iovlen);
	return before.receive(fd, message);
}

static int64_t watched_send(int fd, const struct msghdr *message)
{
	look_at_all(message->msg_iov, message->msg_iovlen);
	return before.send(fd, message);
}

static int64_t watched_readv(int fd, const struct iovec *iovecs, int count)
{
	look_at_all(iovecs, (size_t)count);
	return before.readv(fd, iovecs, count);
}

static int64_t watched_writev(int fd, const struct iovec *iovecs, int count)
{
	look_at_all(iovecs, (size_t)count);
	return before.writev(fd, iovecs, count);
}

static int64_t watched_preadv(int fd, const struct iovec *iovecs, int count, int64_t offset)
{
	look_at_all(iovecs, (size_t)count);
	return before.preadv(fd, iovecs, count, offset);
}

static int64_t watched_pwritev(int fd, const struct iovec *iovecs, int count, int64_t offset)
{
	look_at_all(iovecs, (size_t)count);
	return before.pwritev(fd, iovecs, count, offset);
}

static void look_at_entry(const struct io_uring_sqe *sqe)
{
	const void *address = (const void *)(uintptr_t)sqe->addr;
	const struct msghdr *message = address;

	switch (sqe->opcode) {
	case IORING_OP_SENDMSG:
	case IORING_OP_RECVMSG:
		look_at_all(message->msg_iov, message->msg_iovlen);
		break;
	case IORING_OP_READV:
	case IORING_OP_WRITEV:
		look_at_all(address, sqe->len);
		break;
	default:
		look_at(address, sqe->len);
		break;
	}
}

static int64_t watched_enter(struct io_uring *ring)
{
	for (unsigned int i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++)
		look_at_entry(&ring->sq.sqes[i & *ring->sq.kring_mask]);
	return before.ring_enter(ring);
}

void lent_watch(const void *address, size_t length)
{
	first = (uintptr_t)address;
	last = first + length;
	seen = 0;
	before = sys;
	sys.receive = watched_receive;
	sys.send = watched_send;
	sys.readv = watched_readv;
	sys.writev = watched_writev;
	sys.preadv = watched_preadv;
	sys.pwritev = watched_pwritev;
	sys.ring_enter = watched_enter;
}

uint64_t lent_seen(void)
{
	sys = before;
	return seen;
}
