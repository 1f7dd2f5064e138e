/*
 * What things cost, in counts: system calls, empty polls, allocations, bytes; never time.  The
 * host's own epoll_wait is counted with the library's calls.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "counting.h"
#include "driver.h"
#include "harness.h"
#include "pool.h"
#include "private.h"
#include "uring.h"

#define MANY    64u
#define ROUNDS  200u
#define WARM_UP 20u
#define MESSAGE 32u
#define EVENTS  256u

/* What the specification allows, in calls for each request or round trip. */
#define MANY_MOST        0.25
#define ONE_MOST         7.0
#define ONE_MOST_UNTIL_0 5.0

enum reply {
	REPLY_PUT,
	REPLY_WRITE
};

/* A host: an epoll loop around one driver; every stream is echoed. */
struct echo {
	struct test *test;
	int epoll;
	int fd;
	bool until_0;
	enum reply reply;
	uint32_t streams;
	abio_io ios[MANY];
	int peers[MANY];
	uint8_t memory[MANY][MESSAGE];
	uint64_t requests;
	uint64_t turns; /* from a wake to an idle driver */
	uint64_t empty; /* polls that gave nothing */
	uint64_t calls;
	uint64_t allocations;
};

static void open_echo(struct test *t, struct echo *echo, uint32_t streams)
{
	struct epoll_event event = { .events = EPOLLIN };

	echo->test = t;
	echo->streams = streams;
	echo->fd = abio_driver_fd(t->driver);
	echo->epoll = test_own_fd(t, epoll_create1(EPOLL_CLOEXEC));
	assert_int_equal(epoll_ctl(echo->epoll, EPOLL_CTL_ADD, echo->fd, &event), 0);
	for (uint32_t i = 0; i < streams; i++) {
		int fds[2];

		test_raw_pair(t, ABIO_KIND_UNIX, fds);
		echo->ios[i] = test_adopt(t, t->driver, fds[0]);
		echo->peers[i] = fds[1];
		test_owed(t, i);
		assert_int_equal(abio_receive(echo->ios[i], 0, i), 0);
	}
}

static bool told(struct echo *echo)
{
	struct epoll_event event;

	if (epoll_wait(echo->epoll, &event, 1, 0) == 0)
		return false;
	count_one();
	return true;
}

static void answer(struct echo *echo, const struct abio_event *event)
{
	uint64_t stream = event->token % MANY;

	test_saw(echo->test, event);
	if ((event->flags & ABIO_EVENT_VIEW) == 0)
		return;
	assert_int_equal(event->result, MESSAGE);
	echo->requests++;
	if (echo->reply == REPLY_PUT) {
		assert_int_equal(
			abio_put(echo->ios[stream], (void *)(uintptr_t)event->data, MESSAGE),
			MESSAGE);
		return;
	}
	memcpy(echo->memory[stream], (void *)(uintptr_t)event->data, MESSAGE);
	test_owed(echo->test, MANY + stream);
	assert_int_equal(
		abio_write(echo->ios[stream], echo->memory[stream], MESSAGE, 0, MANY + stream), 0);
}

static int32_t poll_once(struct echo *echo)
{
	static struct abio_event events[EVENTS];
	int32_t count = abio_driver_poll(echo->test->driver, events, sizeof(events[0]), EVENTS);

	assert_true(count >= 0);
	for (int32_t i = 0; i < count; i++)
		answer(echo, &events[i]);
	return count;
}

/* Until epoll says that there is nothing.  A host sleeps in that call, and it returns with the wake
 * of the next turn: so it is counted there. */
static void turn(struct echo *echo)
{
	uint64_t empty = 0;
	int32_t count = 1;

	while (told(echo)) {
		do {
			count = poll_once(echo);
			empty += count == 0;
		} while (echo->until_0 && count > 0);
	}
	echo->turns++;
	echo->empty += empty;
	/* One says that the driver is idle; one more may follow completions that bring no event. */
	assert_in_range(empty, 0, 2);
}

static void round_trip(struct echo *echo)
{
	uint8_t data[MESSAGE];

	for (uint32_t i = 0; i < echo->streams; i++) {
		memset(data, (int)i, sizeof(data));
		test_send(echo->peers[i], data, sizeof(data));
	}
	turn(echo);
	for (uint32_t i = 0; i < echo->streams; i++) {
		test_receive(echo->peers[i], data, sizeof(data));
		assert_int_equal(data[MESSAGE - 1], i);
	}
}

static void run(struct echo *echo, const char *what)
{
	counting_begin();
	for (uint32_t i = 0; i < WARM_UP; i++)
		round_trip(echo);
	counting_end();
	echo->requests = echo->turns = echo->empty = 0;
	counting_begin();
	for (uint32_t i = 0; i < ROUNDS; i++)
		round_trip(echo);
	counting_end();
	echo->calls = counted_calls();
	echo->allocations = counted_allocations();
	assert_int_equal(echo->requests, ROUNDS * echo->streams);
	printf("  %s, %s, %s, %s: %.3f system calls and %.3f allocations for each request, "
	       "%.2f empty polls for each turn\n",
	       echo->test->variant->name, what, echo->reply == REPLY_PUT ? "put" : "write",
	       echo->until_0 ? "polls until 0" : "polls once per wake",
	       (double)echo->calls / (double)echo->requests,
	       (double)echo->allocations / (double)echo->requests,
	       (double)echo->empty / (double)echo->turns);
}

static void echo_costs(struct test *t, uint32_t streams, bool until_0, enum reply reply,
		       double most)
{
	struct echo *echo = test_memory(t, sizeof(*echo));
	double cost;

	echo->until_0 = until_0;
	echo->reply = reply;
	open_echo(t, echo, streams);
	turn(echo);
	run(echo, streams == 1 ? "1 connection" : "64 connections");
	cost = (double)echo->calls / (double)echo->requests;
	if (test_is_uring(t) && most > 0)
		assert_true(cost <= most);
	assert_int_equal(echo->allocations, 0);
	/* At most one empty poll for each turn to idle. */
	assert_true(echo->empty <= echo->turns);
}

static void sixty_four_requests_cost_a_quarter_of_a_call_each(struct test *t)
{
	echo_costs(t, MANY, true, REPLY_PUT, MANY_MOST);
}

static void sixty_four_writes_cost_a_quarter_of_a_call_each(struct test *t)
{
	echo_costs(t, MANY, true, REPLY_WRITE, MANY_MOST);
}

static void sixty_four_requests_polled_once_per_wake(struct test *t)
{
	echo_costs(t, MANY, false, REPLY_PUT, 0);
}

static void sixty_four_writes_polled_once_per_wake(struct test *t)
{
	echo_costs(t, MANY, false, REPLY_WRITE, 0);
}

static void one_request_polled_until_0_costs_5_calls(struct test *t)
{
	echo_costs(t, 1, true, REPLY_PUT, ONE_MOST_UNTIL_0);
}

static void one_request_polled_once_per_wake_costs_7_calls(struct test *t)
{
	echo_costs(t, 1, false, REPLY_PUT, ONE_MOST);
}

static void one_write_polled_until_0(struct test *t)
{
	echo_costs(t, 1, true, REPLY_WRITE, 0);
}

static void every_system_call_is_counted(struct test *t)
{
	(void)t;
	counting_begin();
	assert_string_equal(counting_misses(), "");
	counting_end();
}

/* ---- zero copy ---------------------------------------------------------------------------------
 */

static const void *wanted;
static uint32_t found;

/* Is the host's address in one of the entries that are about to be submitted? */
static void look(struct io_uring *ring)
{
	for (unsigned int i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++) {
		const struct io_uring_sqe *sqe = &ring->sq.sqes[i & *ring->sq.kring_mask];
		const struct iovec *iovecs = (const void *)(uintptr_t)sqe->addr;

		if (sqe->opcode == IORING_OP_SENDMSG || sqe->opcode == IORING_OP_RECVMSG)
			iovecs = ((const struct msghdr *)(uintptr_t)sqe->addr)->msg_iov;
		else if (sqe->opcode != IORING_OP_READV && sqe->opcode != IORING_OP_WRITEV)
			iovecs = NULL;
		if (iovecs != NULL ? iovecs[1].iov_base == wanted
				   : sqe->addr == (uint64_t)(uintptr_t)wanted)
			found++;
	}
}

static void assert_seen(struct test *t, uint64_t token, const void *address)
{
	wanted = address;
	found = 0;
	counting_looks = look;
	counting_begin();
	assert_true(test_result(t, token) > 0);
	counting_end();
	counting_looks = NULL;
	assert_true(found >= 1);
}

static void needs_uring(struct test *t)
{
	if (!test_is_uring(t))
		test_skip(t, "io_uring's entries");
}

static void the_kernel_gets_the_addresses_of_the_host(struct test *t)
{
	uint8_t *data = test_memory(t, 4096);
	struct abio_iovec pieces[2] = { { data, 100 }, { data + 200, 100 } };
	abio_io reader;
	abio_io writer;
	abio_io file;

	needs_uring(t);
	test_stream(t, &reader, &writer);
	assert_seen(t, START(t, abio_write, writer, data + 8, 1000, 0), data + 8);
	assert_seen(t, test_read(t, reader, data + 16, 100), data + 16);
	assert_seen(t, test_readv(t, reader, pieces, 2), pieces[1].base);
	assert_seen(t, test_read_exact(t, reader, data + 24, 100), data + 24);
	assert_seen(t, START(t, abio_writev, writer, pieces, 2, 0), pieces[1].base);
	assert_seen(t, START(t, abio_write_all, writer, data + 32, 100, 0), data + 32);
	file = test_file(t, test_path(t), ABIO_OPEN_CREATE, 0);
	assert_seen(t, START(t, abio_write_at, file, data + 40, 2000, 0, 0), data + 40);
	assert_seen(t, test_read_at(t, file, data + 48, 500, 7), data + 48);
	assert_seen(t, START(t, abio_readv_at, file, pieces, 2, 0, 0), pieces[1].base);
	assert_seen(t, START(t, abio_write_at_all, file, data + 56, 100, 0, 0), data + 56);
}

/* ---- many idle streams --------------------------------------------------------------------------
 */

#define IDLE      10000u
#define IDLE_MOST 512

static bool enough_descriptors(void)
{
	struct rlimit limit = { .rlim_cur = IDLE + 500, .rlim_max = IDLE + 500 };
	struct rlimit now;

	if (getrlimit(RLIMIT_NOFILE, &now) < 0)
		return false;
	if (now.rlim_cur >= limit.rlim_cur)
		return true;
	if (now.rlim_max > limit.rlim_max)
		limit.rlim_max = now.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static uint32_t pool_free(struct test *t)
{
	struct driver *driver = handle_find(t->driver, HANDLE_DRIVER)->object;

	if (driver->pool == NULL)
		return 0;
	return test_is_uring(t) ? uring_state_of(driver)->buffers_free : driver->pool->free_count;
}

enum waits {
	WAITS_READY,
	WAITS_RECEIVE,
	WAITS_FILL
};
static const char *const waits_names[] = { "ready", "receive", "fill_buf" };

static void start_idle(struct test *t, enum waits waits, int fd, uint64_t token, abio_io *io)
{
	assert_int_equal(abio_adopt(t->driver, fd, ABIO_KIND_UNIX, 0, io), 0);
	test_owed(t, token);
	if (waits == WAITS_RECEIVE)
		assert_int_equal(abio_receive(*io, 0, token), 0);
	else if (waits == WAITS_FILL)
		assert_int_equal(abio_fill_buf(*io, 0, token), 0);
	else
		assert_int_equal(abio_ready(*io, ABIO_INTEREST_READ, 0, token), 0);
}

/* Each says its number to the other end of its pair; one piece of memory serves all who read. */
static void hear(struct test *t, enum waits waits, abio_io *ios, uint64_t first)
{
	uint8_t *heard = test_memory(t, IDLE);
	uint32_t left = IDLE;
	uint32_t number;

	for (uint32_t i = 0; i < IDLE; i++) {
		number = i ^ 1;
		assert_int_equal(abio_try_write(ios[i], &number, sizeof(number), 0),
				 sizeof(number));
	}
	while (left > 0) {
		struct abio_event event = test_event(t);
		uint64_t i = event.token - first;

		assert_true(i < IDLE && !heard[i]);
		heard[i] = 1;
		left--;
		if (waits == WAITS_READY) {
			assert_int_equal(event.result, ABIO_READY_READ);
			assert_int_equal(abio_try_read(ios[i], &number, sizeof(number), 0),
					 sizeof(number));
		} else {
			assert_int_equal(event.result, sizeof(number));
			memcpy(&number, (const void *)(uintptr_t)event.data, sizeof(number));
		}
		assert_int_equal(number, i);
		if (waits == WAITS_FILL)
			assert_int_equal(abio_consume(ios[i], sizeof(number)), 0);
	}
}

/* Both ends of each pair are streams of the driver: silent, and open. */
static uint64_t idle_bytes(struct test *t, enum waits waits, abio_io *ios, uint64_t *first)
{
	*first = test_token(t);
	t->own->last_token += IDLE;

	counting_begin();
	for (uint32_t i = 0; i < IDLE; i += 2) {
		int fds[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
		start_idle(t, waits, fds[0], *first + i, &ios[i]);
		start_idle(t, waits, fds[1], *first + i + 1, &ios[i + 1]);
	}
	test_quiet(t);
	counting_end();
	return counted_bytes();
}

static void idle(struct test *t, enum waits waits)
{
	abio_io *ios = test_memory(t, IDLE * sizeof(*ios));
	uint64_t pool = sizeof(struct pool) + POOL_BUFFERS * POOL_BUFFER_SIZE;
	uint64_t first;
	uint64_t bytes;

	if (!enough_descriptors())
		test_skip(t, "10,500 descriptors cannot be had");
	if (test_is_uring(t))
		pool += POOL_BUFFERS * sizeof(struct io_uring_buf);
	if (waits == WAITS_READY)
		pool = 0;
	bytes = idle_bytes(t, waits, ios, &first) - pool;
	printf("  %s, %u streams, %s: %llu bytes each%s\n", t->variant->name, IDLE,
	       waits_names[waits], (unsigned long long)(bytes / IDLE),
	       waits != WAITS_READY ? ", beside the pool of a driver" : "");
	/* The pool is as large for ten thousand as for one, and nobody holds a piece of it. */
	if (waits != WAITS_READY)
		assert_int_equal(pool_free(t), POOL_BUFFERS);
	assert_true(bytes / IDLE < IDLE_MOST);
	hear(t, waits, ios, first);
	if (waits != WAITS_READY) {
		test_quiet(t);
		assert_int_equal(pool_free(t), POOL_BUFFERS);
	}
	test_driver_end(t, t->driver);
	for (uint32_t i = 0; i < IDLE; i++)
		abio_release(ios[i]);
}

static void ten_thousand_idle_ready_cost_less_than_half_a_kibibyte_each(struct test *t)
{
	idle(t, WAITS_READY);
}

static void ten_thousand_idle_receive_cost_less_than_half_a_kibibyte_each(struct test *t)
{
	idle(t, WAITS_RECEIVE);
}

static void ten_thousand_idle_fills_cost_less_than_half_a_kibibyte_each(struct test *t)
{
	idle(t, WAITS_FILL);
}

static const struct test_case cases[] = {
	ONCE(every_system_call_is_counted),
	CASE(sixty_four_requests_cost_a_quarter_of_a_call_each),
	CASE(sixty_four_writes_cost_a_quarter_of_a_call_each),
	CASE(sixty_four_requests_polled_once_per_wake),
	CASE(sixty_four_writes_polled_once_per_wake),
	CASE(one_request_polled_until_0_costs_5_calls),
	CASE(one_request_polled_once_per_wake_costs_7_calls),
	CASE(one_write_polled_until_0),
	SOCKETS(the_kernel_gets_the_addresses_of_the_host),
	CASE(ten_thousand_idle_ready_cost_less_than_half_a_kibibyte_each),
	CASE(ten_thousand_idle_receive_cost_less_than_half_a_kibibyte_each),
	CASE(ten_thousand_idle_fills_cost_less_than_half_a_kibibyte_each),
};

TEST_MAIN("counts", cases)
