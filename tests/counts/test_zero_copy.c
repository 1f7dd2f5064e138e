/*
 * Sending owned buffers without a copy (io_uring, TCP): what the kernel is asked for, how the
 * result comes ahead of the buffer, and that the buffer is away for exactly as long as the kernel
 * needs it.
 *
 * Loopback makes the kernel copy all the same, and say so; what it says is changed here where a
 * case wants a network that does not.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compat.h"
#include "counting.h"
#include "handle.h"
#include "harness.h"
#include "sys.h"
#include "uring.h"

#define LARGE  (4u << 20)
#define MEDIUM (64u << 10)

/* ---- what the kernel is asked and what it says ------------------------------------------------
 */

static uint32_t without_copy; /* requests to send so */
static uint32_t copying;
static uint32_t notified;
static const void *address; /* of the last */
static bool says_copied;    /* what notifications are changed to say */
static bool refuses;        /* the kernel does not know one of the flags */

static void look_at_entries(struct io_uring *ring)
{
	for (unsigned int i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++) {
		struct io_uring_sqe *sqe = &ring->sq.sqes[i & *ring->sq.kring_mask];

		copying += sqe->opcode == IORING_OP_SEND;
		if (sqe->opcode != IORING_OP_SEND_ZC)
			continue;
		without_copy++;
		address = (const void *)(uintptr_t)sqe->addr;
		assert_int_equal(sqe->ioprio, COMPAT_SEND_ZC_REPORT_USAGE);
		if (refuses)
			sqe->ioprio |= 1u << 15;
	}
}

static void change_notifications(const struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	unsigned int head;

	io_uring_for_each_cqe(ring, head, cqe)
	{
		if ((cqe->flags & IORING_CQE_F_NOTIF) == 0)
			continue;
		notified++;
		cqe->res = says_copied ? (int32_t)COMPAT_NOTIF_COPIED : 0;
	}
}

static int64_t enter(struct io_uring *ring)
{
	int64_t result;

	look_at_entries(ring);
	result = sys_linux.ring_enter(ring);
	change_notifications(ring);
	return result;
}

static void watch(struct test *t, bool copied)
{
	if (!test_is_uring(t))
		test_skip(t, "io_uring alone sends so");
	if (!uring_sends_without_copy())
		test_skip(t, "this kernel does not send so");
	t->kind = ABIO_KIND_TCP;
	without_copy = copying = notified = 0;
	says_copied = copied;
	refuses = false;
	sys.ring_enter = enter;
}

/* Cooperative completions come on the way back from any call, and are not seen here. */
static void watch_notifications(struct test *t, bool copied)
{
	watch(t, copied);
	if ((t->variant->flags & ABIO_DRIVER_COOPERATIVE) != 0)
		test_skip(t, "what the kernel says is changed inside enter");
}

static abio_buffer pattern(struct test *t, uint32_t length)
{
	struct abio_buffer_state state = { .size = sizeof(state) };
	abio_buffer buffer = 0;

	assert_int_equal(abio_buffer_alloc(length, 0, 0, &buffer), 0);
	test_own(t, buffer);
	assert_int_equal(abio_buffer_info(buffer, &state), 0);
	test_fill(state.data, length, 0);
	assert_int_equal(abio_buffer_set(buffer, length, length), 0);
	return buffer;
}

static struct abio_buffer_state state_of(abio_buffer buffer)
{
	struct abio_buffer_state state = { .size = sizeof(state) };

	assert_int_equal(abio_buffer_info(buffer, &state), 0);
	return state;
}

static struct abio_event expect_ahead(struct test *t, uint64_t token, int64_t result)
{
	struct abio_event event = test_ahead(t, token);

	assert_int_equal(event.flags, ABIO_EVENT_MORE);
	assert_int_equal(event.handle, 0);
	assert_int_equal(event.data, 0);
	assert_int_equal(event.result, result);
	return event;
}

static void expect_home(struct test *t, const struct abio_event *ahead, abio_buffer buffer)
{
	struct abio_event event = test_finish(t, ahead->token);

	assert_int_equal(event.flags, ABIO_EVENT_BUFFER);
	assert_int_equal(event.handle, buffer);
	assert_int_equal(event.result, ahead->result);
	assert_int_equal(event.progress, ahead->progress);
}

/* A write whose result has come and whose memory the kernel keeps: the peer does not take it. */
static struct abio_event hold(struct test *t, abio_io writer, abio_buffer buffer)
{
	uint64_t token = START(t, abio_write_owned_all, writer, buffer, 0, 0);
	struct abio_event event;

	test_quiet(t);
	assert_int_equal(abio_cancel(writer, token), 1);
	event = expect_ahead(t, token, ABIO_E_CANCELED);
	assert_true(event.progress < LARGE);
	test_quiet(t);
	assert_int_equal(state_of(buffer).lent, 1);
	return event;
}

/* ---- the cases ------------------------------------------------------------------------------- */

static void large_owned_writes_are_sent_from_where_they_are(struct test *t)
{
	abio_buffer buffer = pattern(t, MEDIUM);
	uint8_t *got = test_memory(t, MEDIUM);
	struct abio_event ahead;
	abio_io writer;
	int peer;

	watch_notifications(t, false);
	peer = test_writer(t, &writer);
	ahead = expect_ahead(t, START(t, abio_write_owned, writer, buffer, 0, 0), MEDIUM);
	assert_int_equal(ahead.progress, MEDIUM);
	assert_int_equal(without_copy, 1);
	assert_int_equal(copying, 0);
	assert_ptr_equal(address, state_of(buffer).data);
	test_receive(peer, got, MEDIUM);
	expect_home(t, &ahead, buffer);
	assert_int_equal(notified, 1);
	assert_pattern(got, MEDIUM, 0);
	ahead = expect_ahead(t, START(t, abio_write_owned_all, writer, buffer, 100, 0),
			     MEDIUM - 100);
	assert_ptr_equal(address, (uint8_t *)state_of(buffer).data + 100);
	test_receive(peer, got, MEDIUM - 100);
	expect_home(t, &ahead, buffer);
}

static void small_and_borrowed_writes_are_copied(struct test *t)
{
	abio_buffer buffer = pattern(t, URING_HOLD_LEAST);
	uint8_t *got = test_memory(t, MEDIUM);
	uint8_t *data = test_memory(t, MEDIUM);
	struct abio_event event;
	struct abio_event ahead;
	abio_io writer;
	int peer;

	watch(t, false);
	peer = test_writer(t, &writer);
	event = test_ahead(t, START(t, abio_write_owned, writer, buffer, 1, 0));
	assert_int_equal(event.flags, ABIO_EVENT_BUFFER);
	assert_int_equal(event.result, URING_HOLD_LEAST - 1);
	test_receive(peer, got, URING_HOLD_LEAST - 1);
	assert_int_equal(test_result(t, START(t, abio_write_all, writer, data, MEDIUM, 0)), MEDIUM);
	test_receive(peer, got, MEDIUM);
	assert_int_equal(without_copy, 0);
	assert_true(copying >= 2);
	ahead = expect_ahead(t, START(t, abio_write_owned, writer, buffer, 0, 0), URING_HOLD_LEAST);
	assert_int_equal(without_copy, 1);
	test_receive(peer, got, URING_HOLD_LEAST);
	expect_home(t, &ahead, buffer);
}

static void a_write_of_many_pieces_comes_home_once(struct test *t)
{
	abio_buffer buffer = pattern(t, LARGE);
	uint8_t *got = test_memory(t, LARGE);
	struct abio_event ahead;
	uint64_t token;
	abio_io writer;
	int peer;

	watch_notifications(t, false);
	peer = test_writer(t, &writer);
	token = START(t, abio_write_owned_all, writer, buffer, 0, 0);
	test_pull(t, peer, got, LARGE);
	ahead = expect_ahead(t, token, LARGE);
	expect_home(t, &ahead, buffer);
	assert_pattern(got, LARGE, 0);
	assert_true(without_copy >= 2);
	assert_int_equal(notified, without_copy);
	test_quiet(t);
}

static void the_next_write_starts_when_the_result_is_there(struct test *t)
{
	abio_buffer buffer = pattern(t, LARGE);
	uint8_t *data = state_of(buffer).data;
	uint8_t *got = test_memory(t, LARGE);
	struct abio_event ahead;
	uint64_t token;
	abio_io writer;
	int peer;

	watch(t, false);
	peer = test_writer(t, &writer);
	ahead = hold(t, writer, buffer);
	assert_int_equal(abio_buffer_set(buffer, 0, 0), ABIO_E_BUSY);
	assert_int_equal(abio_write_owned(writer, buffer, 0, 0, 1), ABIO_E_BUSY);
	token = START(t, abio_write_all, writer, data + ahead.progress,
		      LARGE - (uint32_t)ahead.progress, 0);
	assert_int_equal(abio_put(writer, "end", 3), 3);
	test_pull(t, peer, got, LARGE);
	assert_int_equal(test_result(t, token), LARGE - ahead.progress);
	expect_home(t, &ahead, buffer);
	assert_pattern(got, LARGE, 0);
	test_pull(t, peer, got, 3);
	assert_memory_equal(got, "end", 3);
	assert_int_equal(abio_buffer_set(buffer, 0, 0), 0);
}

static void what_is_held_cannot_be_cancelled(struct test *t)
{
	abio_buffer buffer = pattern(t, LARGE);
	struct abio_event ahead;
	abio_io writer;
	int peer;

	watch(t, false);
	peer = test_writer(t, &writer);
	ahead = hold(t, writer, buffer);
	abio_cancel(writer, ahead.token);
	abio_cancel(t->driver, ahead.token);
	test_quiet(t);
	assert_int_equal(state_of(buffer).lent, 1);
	test_close_fd(t, peer);
	expect_home(t, &ahead, buffer);
}

static void closing_does_not_wait_for_what_is_held(struct test *t)
{
	abio_buffer buffer = pattern(t, LARGE);
	struct abio_event ahead;
	abio_io writer;
	int peer;

	watch(t, false);
	peer = test_writer(t, &writer);
	ahead = hold(t, writer, buffer);
	assert_int_equal(test_result(t, START(t, abio_close, writer, 0)), 0);
	assert_int_equal(abio_release(writer), 0);
	test_quiet(t);
	assert_int_equal(state_of(buffer).lent, 1);
	test_close_fd(t, peer);
	expect_home(t, &ahead, buffer);
}

static void a_driver_does_not_close_while_something_is_held(struct test *t)
{
	abio_buffer buffer = pattern(t, LARGE);
	struct abio_event ahead;
	abio_io writer;
	int peer;

	watch(t, false);
	peer = test_writer(t, &writer);
	ahead = hold(t, writer, buffer);
	assert_int_equal(abio_driver_close(t->driver), ABIO_E_BUSY);
	assert_true(abio_driver_shutdown(t->driver) >= 1);
	test_quiet(t);
	assert_int_equal(abio_driver_close(t->driver), ABIO_E_BUSY);
	assert_int_equal(state_of(buffer).lent, 1);
	test_close_fd(t, peer);
	expect_home(t, &ahead, buffer);
	assert_int_equal(abio_driver_close(t->driver), 0);
	test_driver_gone(t, t->driver);
}

/* Everybody has let go of it: the kernel still has it. */
static void a_held_buffer_outlives_its_handle(struct test *t)
{
	struct abio_buffer_state state = { .size = sizeof(state) };
	abio_buffer buffer = pattern(t, LARGE);
	struct abio_event ahead;
	int64_t live;
	abio_io writer;
	int peer;

	watch(t, false);
	peer = test_writer(t, &writer);
	ahead = hold(t, writer, buffer);
	live = test_live_allocations();
	assert_int_equal(abio_buffer_release(buffer), 0);
	assert_int_equal(test_live_allocations(), live);
	assert_int_equal(abio_buffer_info(buffer, &state), ABIO_E_HANDLE);
	test_close_fd(t, peer);
	expect_home(t, &ahead, buffer);
	assert_true(test_live_allocations() < live);
}

static void write_one(struct test *t, abio_io writer, int peer, abio_buffer buffer)
{
	uint8_t got[MEDIUM];
	uint64_t token = START(t, abio_write_owned_all, writer, buffer, 0, 0);

	test_pull(t, peer, got, MEDIUM);
	assert_int_equal(test_result(t, token), MEDIUM);
	assert_pattern(got, MEDIUM, 0);
}

static void eight_copied_in_a_row_end_it(struct test *t)
{
	abio_buffer buffer = pattern(t, MEDIUM);
	abio_io writer;
	int peer;

	watch_notifications(t, true);
	peer = test_writer(t, &writer);
	while (notified < URING_COPIED_MAX - 1) {
		assert_int_equal(without_copy, notified);
		write_one(t, writer, peer, buffer);
	}
	/* One that was not copied begins the row anew. */
	says_copied = false;
	write_one(t, writer, peer, buffer);
	says_copied = true;
	notified = without_copy = copying = 0;
	while (notified < URING_COPIED_MAX)
		write_one(t, writer, peer, buffer);
	assert_int_equal(without_copy, notified);
	assert_int_equal(copying, 0);
	without_copy = 0;
	for (int i = 0; i < 3; i++)
		write_one(t, writer, peer, buffer);
	assert_int_equal(without_copy, 0);
	assert_true(copying >= 3);
}

static void it_goes_on_for_as_long_as_nothing_is_copied(struct test *t)
{
	abio_buffer buffer = pattern(t, MEDIUM);
	abio_io writer;
	int peer;

	watch_notifications(t, false);
	peer = test_writer(t, &writer);
	for (uint32_t i = 0; i < 3 * URING_COPIED_MAX; i++)
		write_one(t, writer, peer, buffer);
	assert_true(without_copy >= 3 * URING_COPIED_MAX);
	assert_int_equal(copying, 0);
}

static void a_kernel_that_refuses_it_gets_a_copy(struct test *t)
{
	abio_buffer buffer = pattern(t, MEDIUM);
	abio_io writer;
	int peer;

	watch(t, false);
	peer = test_writer(t, &writer);
	refuses = true;
	write_one(t, writer, peer, buffer);
	assert_int_equal(without_copy, 1);
	assert_true(copying >= 1);
	/* It is not asked again. */
	write_one(t, writer, peer, buffer);
	assert_int_equal(without_copy, 1);
}

static void steady_sending_allocates_nothing(struct test *t)
{
	abio_buffer buffer = pattern(t, MEDIUM);
	uint64_t allocations;
	abio_io writer;
	int peer;

	watch(t, false);
	peer = test_writer(t, &writer);
	write_one(t, writer, peer, buffer);
	counting_begin();
	sys.ring_enter = enter;
	for (int i = 0; i < 20; i++)
		write_one(t, writer, peer, buffer);
	allocations = counted_allocations();
	counting_end();
	assert_int_equal(allocations, 0);
}

/* The memory is leaked, and the process goes on. */
static int abandon_in_the_child(struct test *t)
{
	struct abio_driver_options options = { .size = sizeof(options),
					       .backend = t->variant->backend,
					       .flags = t->variant->flags };
	abio_buffer buffer = pattern(t, LARGE);
	struct abio_event ahead;
	abio_io writer;

	if (abio_driver_create(&options, &t->driver) != 0)
		return 1;
	test_writer(t, &writer);
	ahead = hold(t, writer, buffer);
	if (ahead.result != ABIO_E_CANCELED || abio_driver_abandon(t->driver) != 0)
		return 2;
	if (abio_buffer_set(buffer, 0, 0) != ABIO_E_BUSY || abio_buffer_release(buffer) != 0)
		return 3;
	return 0;
}

static void an_abandoned_driver_leaves_what_is_held(struct test *t)
{
	int status = 0;
	pid_t child;

	watch(t, false);
	fflush(NULL);
	child = fork();
	if (child == 0)
		_exit(abandon_in_the_child(t));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

struct sender {
	struct test *t;
	abio_driver driver;
	abio_buffer buffer;
	int fd;
	int peer;
	abio_io writer;
	uint64_t token;
	int32_t error;
};

/* Writes until the peer takes no more, and ends with the memory in the kernel. */
static void *send_and_end(void *argument)
{
	struct sender *sender = argument;
	struct abio_event event = { 0 };
	abio_io writer = 0;

	sender->error = abio_adopt(sender->driver, sender->fd, ABIO_KIND_AUTO, 0, &writer);
	if (sender->error == 0)
		sender->error = abio_write_owned_all(writer, sender->buffer, 0, 0, sender->token);
	if (sender->error == 0)
		sender->error = abio_driver_poll(sender->driver, &event, sizeof(event), 1);
	abio_cancel(writer, sender->token);
	while (sender->error == 0)
		sender->error = abio_driver_wait(sender->driver, &event, sizeof(event), 1,
						 TEST_PATIENCE_NS);
	if (sender->error == 1)
		sender->error = (event.flags & ABIO_EVENT_MORE) != 0 ? 0 : -1;
	abio_release(writer);
	return NULL;
}

/* Some has gone and is held, the rest waits for room; ends like that. */
static void *send_some_and_end(void *argument)
{
	struct sender *sender = argument;
	struct abio_event event;

	sender->error = abio_adopt(sender->driver, sender->fd, ABIO_KIND_AUTO, 0, &sender->writer);
	if (sender->error == 0)
		sender->error = abio_write_owned_all(sender->writer, sender->buffer, 0, 0,
						     sender->token);
	if (sender->error == 0)
		sender->error = abio_driver_poll(sender->driver, &event, sizeof(event), 1);
	return NULL;
}

/* The same, and the next result is in the ring's queue, where nobody has looked. */
static void *send_more_and_end(void *argument)
{
	struct sender *sender = argument;
	struct driver *driver = handle_find(sender->driver, HANDLE_DRIVER)->object;
	struct io_uring *ring = &uring_state_of(driver)->ring;

	send_some_and_end(sender);
	while (sender->error == 0 && io_uring_cq_ready(ring) == 0) {
		char taken[65536];

		if (recv(sender->peer, taken, sizeof(taken), 0) <= 0)
			sender->error = -1;
		else
			sys_linux.ring_enter(ring);
	}
	return NULL;
}

static void inherit(struct test *t, void *(*dies)(void *sender))
{
	struct sender sender = { .t = t, .token = test_token(t) };
	struct abio_event event;
	pthread_t thread;
	int fds[2];

	watch(t, false);
	test_raw_pair(t, ABIO_KIND_TCP, fds);
	sender.buffer = pattern(t, LARGE);
	sender.driver = test_driver(t, 0);
	sender.peer = fds[0];
	test_make_small(fds[1]);
	sender.fd = dup(fds[1]);
	test_close_fd(t, fds[1]);
	assert_int_equal(pthread_create(&thread, NULL, dies, &sender), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(sender.error, 0);
	if (sender.writer != 0)
		test_own(t, sender.writer);
	test_owed(t, sender.token);
	assert_true(abio_driver_shutdown(sender.driver) >= 0);
	event = test_finish_on(t, sender.driver, sender.token);
	assert_int_equal(event.flags, ABIO_EVENT_BUFFER);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_int_equal(state_of(sender.buffer).lent, 0);
	assert_int_equal(abio_driver_close(sender.driver), 0);
	test_driver_gone(t, sender.driver);
}

static void the_heir_of_a_dead_thread_gets_the_buffer(struct test *t)
{
	inherit(t, send_and_end);
}

static void the_heir_gets_the_buffer_of_what_waited(struct test *t)
{
	inherit(t, send_some_and_end);
}

static void the_heir_gets_the_buffer_of_what_was_going_on(struct test *t)
{
	inherit(t, send_more_and_end);
}

static const struct test_case cases[] = {
	CASE(large_owned_writes_are_sent_from_where_they_are),
	CASE(small_and_borrowed_writes_are_copied),
	CASE(a_write_of_many_pieces_comes_home_once),
	CASE(the_next_write_starts_when_the_result_is_there),
	CASE(what_is_held_cannot_be_cancelled),
	CASE(closing_does_not_wait_for_what_is_held),
	CASE(a_driver_does_not_close_while_something_is_held),
	CASE(a_held_buffer_outlives_its_handle),
	CASE(eight_copied_in_a_row_end_it),
	CASE(it_goes_on_for_as_long_as_nothing_is_copied),
	CASE(a_kernel_that_refuses_it_gets_a_copy),
	CASE(steady_sending_allocates_nothing),
	CASE(an_abandoned_driver_leaves_what_is_held),
	CASE(the_heir_of_a_dead_thread_gets_the_buffer),
	CASE(the_heir_gets_the_buffer_of_what_waited),
	CASE(the_heir_gets_the_buffer_of_what_was_going_on),
};

TEST_MAIN("zero copy", cases)
