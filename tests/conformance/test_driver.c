/*
 * The driver's queue: timers, poll and wait, strides and capacities, the truthful fd, wake, small
 * queues, the EDGE flag.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "harness.h"

#define MILLISECOND INT64_C(1000000)
#define LONG        (32u << 20)
#define HOUR        (INT64_C(3600000) * MILLISECOND)

static int64_t now(void)
{
	int64_t value = 0;

	assert_int_equal(abio_clock(&value), 0);
	return value;
}

static bool readable(abio_driver driver)
{
	struct pollfd watched = { .fd = abio_driver_fd(driver), .events = POLLIN };

	return poll(&watched, 1, 0) == 1;
}

/* ---- timers ---------------------------------------------------------------------------------- */

static void a_timer_is_never_early(struct test *t)
{
	int64_t before = now();
	uint64_t token = START(t, abio_timer, t->driver, 5 * MILLISECOND, 0);
	struct abio_event event;

	test_quiet(t);
	event = test_finish(t, token);
	assert_true(now() - before >= 5 * MILLISECOND);
	assert_int_equal(event.result, 0);
	assert_int_equal(event.progress, 0);
	assert_int_equal(event.flags, 0);
	before = now();
	assert_int_equal(test_result(t, START(t, abio_timer, t->driver, 0, 0)), 0);
}

static void timers_end_in_the_order_of_their_times(struct test *t)
{
	static const int64_t after[] = { 30, 10, 50, 20, 40, 0 };
	static const uint32_t order[] = { 5, 1, 3, 0, 4, 2 };
	uint64_t tokens[6];

	for (uint32_t i = 0; i < 6; i++)
		tokens[i] = START(t, abio_timer, t->driver, after[i] * MILLISECOND, 0);
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(test_event(t).token, tokens[order[i]]);
}

static void many_timers_all_end_and_none_early(struct test *t)
{
	uint64_t first = 0;
	int64_t *due = test_memory(t, 1000 * sizeof(*due));
	uint64_t state = 3;

	for (uint32_t i = 0; i < 1000; i++) {
		int64_t after;
		uint64_t token;

		state = state * 6364136223846793005u + 1442695040888963407u;
		after = (int64_t)(state >> 33) % (30 * MILLISECOND);
		due[i] = now() + after;
		token = START(t, abio_timer, t->driver, after, 0);
		first = i == 0 ? token : first;
	}
	for (uint32_t i = 0; i < 1000; i++) {
		struct abio_event event = test_event(t);

		assert_int_equal(event.result, 0);
		assert_true(now() >= due[event.token - first]);
	}
	test_quiet(t);
}

static void far_timers_wait_and_can_be_cancelled(struct test *t)
{
	uint64_t tokens[3] = { START(t, abio_timer, t->driver, INT64_MAX, 0),
			       START(t, abio_timer, t->driver, HOUR, 0),
			       START(t, abio_timer, t->driver, INT64_MAX - 1, 0) };

	test_quiet(t);
	assert_int_equal(abio_timer(t->driver, -1, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_timer(t->driver, INT64_MIN, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_timer(t->driver, 0, 1, 1), ABIO_E_ARGUMENT);
	assert_int_equal(test_result(t, START(t, abio_timer, t->driver, MILLISECOND, 0)), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(abio_cancel(t->driver, tokens[i]), 1);
		assert_int_equal(test_result(t, tokens[i]), ABIO_E_CANCELED);
	}
}

static void cancelling_the_next_timer_leaves_the_others(struct test *t)
{
	uint64_t tokens[20];

	for (uint32_t i = 0; i < 20; i++)
		tokens[i] = START(t, abio_timer, t->driver, (i + 1) * 2 * MILLISECOND, 0);
	test_gather(t);
	for (uint32_t i = 0; i < 20; i += 2)
		abio_cancel(t->driver, tokens[i]);
	for (uint32_t i = 0; i < 20; i++) {
		int64_t result = test_result(t, tokens[i]);

		assert_true(result == 0 || (i % 2 == 0 && result == ABIO_E_CANCELED));
	}
}

static void a_timer_makes_the_fd_readable(struct test *t)
{
	struct pollfd watched = { .fd = abio_driver_fd(t->driver), .events = POLLIN };
	uint64_t token = START(t, abio_timer, t->driver, 3 * MILLISECOND, 0);

	while (!test_has_come(t, token))
		assert_int_equal(poll(&watched, 1, -1), 1);
	assert_int_equal(test_result(t, token), 0);
}

/* ---- poll and wait --------------------------------------------------------------------------- */

static void events_fit_any_stride(struct test *t)
{
	static const uint32_t strides[] = { 48, 56, 64, 480 };

	for (size_t i = 0; i < sizeof(strides) / sizeof(strides[0]); i++) {
		uint32_t stride = strides[i];
		uint8_t *array = test_memory(t, 5 * stride);
		uint64_t first = test_token(t) + 1;
		uint32_t got = 0;

		for (int k = 0; k < 5; k++)
			START(t, abio_timer, t->driver, 0, 0);
		while (got < 5) {
			int32_t count;

			memset(array, 0xaa, 5 * stride);
			count = abio_driver_wait(t->driver, (struct abio_event *)(void *)array,
						 stride, 5, TEST_PATIENCE_NS);
			assert_in_range(count, 1, 5 - got);
			for (uint32_t k = 0; k < (uint32_t)count; k++) {
				struct abio_event event;

				memcpy(&event, array + k * stride, sizeof(event));
				test_saw(t, &event);
				assert_int_equal(event.token, first + got++);
				for (uint32_t b = 48; b < stride; b++)
					assert_int_equal(array[k * stride + b], 0xaa);
			}
			for (uint32_t b = (uint32_t)count * stride; b < 5 * stride; b++)
				assert_int_equal(array[b], 0xaa);
		}
	}
}

static void poll_checks_its_arguments(struct test *t)
{
	static const uint32_t strides[] = { 0, 8, 40, 47, 49, 52, 63 };
	struct abio_event events[4];

	START(t, abio_timer, t->driver, 0, 0);
	for (size_t i = 0; i < sizeof(strides) / sizeof(strides[0]); i++) {
		assert_int_equal(abio_driver_poll(t->driver, events, strides[i], 2),
				 ABIO_E_ARGUMENT);
		assert_int_equal(abio_driver_wait(t->driver, events, strides[i], 2, 0),
				 ABIO_E_ARGUMENT);
	}
	assert_int_equal(abio_driver_poll(t->driver, events, 48, 0), ABIO_E_ARGUMENT);
	assert_int_equal(abio_driver_poll(t->driver, NULL, 48, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_driver_wait(t->driver, NULL, 48, 1, 0), ABIO_E_ARGUMENT);
	assert_int_equal(abio_driver_wait(t->driver, events, 48, 1, -2), ABIO_E_ARGUMENT);
	assert_int_equal(test_event(t).result, 0);
}

/* With room for `capacity` at a time, every event comes once, in order, and the fd says so. */
static void with_capacity(struct test *t, uint32_t capacity, uint32_t total)
{
	struct abio_event *events = test_memory(t, capacity * sizeof(*events));
	uint64_t first = test_token(t) + 1;
	uint32_t got = 0;

	for (uint32_t i = 0; i < total; i++)
		START(t, abio_timer, t->driver, 0, 0);
	while (got < total) {
		int32_t count = abio_driver_wait(t->driver, events, sizeof(*events), capacity,
						 TEST_PATIENCE_NS);

		assert_in_range(count, 1, capacity);
		for (int32_t i = 0; i < count; i++) {
			test_saw(t, &events[i]);
			assert_int_equal(events[i].token, first + got++);
		}
		if (got < total)
			assert_true(count < (int32_t)capacity || readable(t->driver));
	}
	assert_int_equal(abio_driver_poll(t->driver, events, sizeof(*events), capacity), 0);
	assert_false(readable(t->driver));
}

static void capacity_one_loses_nothing(struct test *t)
{
	with_capacity(t, 1, 100);
	with_capacity(t, 7, 100);
	with_capacity(t, 500, 1000);
}

static void wait_ends_when_its_time_is_over(struct test *t)
{
	struct abio_event event;
	int64_t before = now();
	uint64_t token = START(t, abio_timer, t->driver, HOUR, 0);

	assert_int_equal(abio_driver_wait(t->driver, &event, sizeof(event), 1, 0), 0);
	assert_int_equal(abio_driver_wait(t->driver, &event, sizeof(event), 1, 3 * MILLISECOND), 0);
	assert_true(now() - before >= 3 * MILLISECOND);
	assert_int_equal(abio_cancel(t->driver, token), 1);
	assert_int_equal(abio_driver_wait(t->driver, &event, sizeof(event), 1, -1), 1);
	test_saw(t, &event);
	assert_int_equal(event.result, ABIO_E_CANCELED);
}

static void nothing(int number)
{
	(void)number;
}

static void signals_do_not_end_a_wait(struct test *t)
{
	struct sigaction action = { .sa_handler = nothing };
	struct sigaction before;
	struct abio_event event;
	timer_t ticker;
	struct sigevent notice = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec every = { .it_interval = { 0, MILLISECOND },
				    .it_value = { 0, MILLISECOND } };
	int64_t start;

	assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
	assert_int_equal(timer_create(CLOCK_MONOTONIC, &notice, &ticker), 0);
	assert_int_equal(timer_settime(ticker, 0, &every, NULL), 0);
	start = now();
	assert_int_equal(abio_driver_wait(t->driver, &event, sizeof(event), 1, 20 * MILLISECOND),
			 0);
	assert_true(now() - start >= 20 * MILLISECOND);
	assert_int_equal(test_result(t, START(t, abio_timer, t->driver, 20 * MILLISECOND, 0)), 0);
	timer_delete(ticker);
	sigaction(SIGUSR1, &before, NULL);
}

/* ---- the fd ---------------------------------------------------------------------------------- */

static void the_fd_tells_of_work_and_of_none(struct test *t)
{
	abio_io reader;
	abio_io writer;
	char *data = test_memory(t, 4);
	struct pollfd watched = { .fd = abio_driver_fd(t->driver), .events = POLLIN };
	struct abio_event event;
	uint64_t token;

	assert_int_equal(abio_pipe(t->driver, 0, &reader, &writer), 0);
	test_own(t, reader);
	test_own(t, writer);
	for (int round = 0; round < 50; round++) {
		test_quiet(t);
		assert_false(readable(t->driver));
		token = test_read(t, reader, data, 4);
		assert_true(readable(t->driver)); /* work to submit */
		test_quiet(t);
		assert_false(readable(t->driver));
		assert_int_equal(abio_try_write(writer, "abcd", 4, 0), 4);
		assert_int_equal(poll(&watched, 1, -1), 1);
		while (abio_driver_poll(t->driver, &event, sizeof(event), 1) == 0)
			assert_int_equal(poll(&watched, 1, -1), 1);
		test_saw(t, &event);
		assert_int_equal(event.token, token);
		assert_true(readable(t->driver)); /* hot, until a poll returns 0 */
		/* A start while it is hot needs no signal, and is not forgotten. */
		token = START(t, abio_timer, t->driver, 0, 0);
		assert_true(readable(t->driver));
		assert_int_equal(test_result(t, token), 0);
	}
	assert_int_equal(abio_driver_fd(t->driver), watched.fd);
}

static void submit_leaves_the_fd_truthful(struct test *t)
{
	struct pollfd watched = { .fd = abio_driver_fd(t->driver), .events = POLLIN };
	uint64_t token = START(t, abio_timer, t->driver, MILLISECOND, 0);

	assert_int_equal(abio_driver_submit(t->driver), 0);
	assert_int_equal(poll(&watched, 1, -1), 1);
	assert_int_equal(test_result(t, token), 0);
	token = START(t, abio_timer, t->driver, 0, 0);
	assert_int_equal(abio_driver_submit(t->driver), 0);
	assert_int_equal(poll(&watched, 1, -1), 1);
	assert_int_equal(test_result(t, token), 0);
	assert_int_equal(abio_driver_submit(t->driver), 0);
}

/* A host that is told only of edges, polls once for each, and has room for one event. */
static void an_edge_triggered_host_loses_nothing(struct test *t)
{
	abio_driver driver = test_driver(t, ABIO_DRIVER_EDGE);
	struct epoll_event edge = { .events = EPOLLIN | EPOLLET };
	struct abio_driver_state state = { .size = sizeof(state) };
	struct abio_event event;
	int set = test_own_fd(t, epoll_create1(EPOLL_CLOEXEC));
	uint32_t got = 0;
	uint32_t started = 0;

	assert_int_equal(abio_driver_info(driver, &state), 0);
	assert_int_equal(state.flags, t->variant->flags | ABIO_DRIVER_EDGE);
	assert_int_equal(epoll_ctl(set, EPOLL_CTL_ADD, abio_driver_fd(driver), &edge), 0);
	while (got < 500) {
		for (uint32_t i = 0; i < 5 && started < 500 && got + 10 > started; i++) {
			START(t, abio_timer, driver, started % 3 == 0 ? MILLISECOND / 2 : 0, 0);
			started++;
		}
		/* Cooperative task work may interrupt it, as any host of io_uring knows. */
		while (epoll_wait(set, &edge, 1, -1) != 1)
			assert_int_equal(errno, EINTR);
		if (abio_driver_poll(driver, &event, sizeof(event), 1) == 1) {
			test_saw(t, &event);
			got++;
		}
	}
}

/*
 * One poll moves only so many bytes of a transfer that goes on; where it stops early with nothing
 * to give, even a host that is told only of edges, and took the 0 for the end, comes back.
 */
static void a_long_transfer_outlives_a_poll_that_gives_nothing(struct test *t)
{
	struct epoll_event edge = { .events = EPOLLIN | EPOLLET };
	char *sent = test_memory(t, LONG);
	char *got = test_memory(t, LONG);
	int set = test_own_fd(t, epoll_create1(EPOLL_CLOEXEC));
	uint32_t ended = 0;
	abio_io reader;
	abio_io writer;

	assert_int_equal(abio_pipe(t->driver, 0, &reader, &writer), 0);
	test_own(t, reader);
	test_own(t, writer);
	test_fill(sent, LONG, 0);
	test_quiet(t);
	assert_int_equal(epoll_ctl(set, EPOLL_CTL_ADD, abio_driver_fd(t->driver), &edge), 0);
	START(t, abio_write_all, writer, sent, LONG, 0);
	test_read_exact(t, reader, got, LONG);
	while (ended < 2) {
		struct abio_event events[4];
		int32_t count;

		while (epoll_wait(set, &edge, 1, -1) != 1)
			assert_int_equal(errno, EINTR);
		do {
			count = abio_driver_poll(t->driver, events, sizeof(events[0]), 4);
			assert_true(count >= 0);
			for (int32_t i = 0; i < count; i++) {
				test_saw(t, &events[i]);
				assert_int_equal(events[i].result, LONG);
				ended++;
			}
		} while (count > 0);
	}
	assert_pattern(got, LONG, 0);
}

/* ---- wake ------------------------------------------------------------------------------------ */

static void wakes_are_one_event(struct test *t)
{
	struct abio_event event;

	for (int i = 0; i < 10; i++)
		assert_int_equal(abio_driver_wake(t->driver), 0);
	assert_true(readable(t->driver));
	event = test_event(t);
	assert_int_equal(event.flags, ABIO_EVENT_WAKE);
	assert_int_equal(event.token, 0);
	assert_int_equal(event.result, 0);
	assert_int_equal(event.handle, 0);
	test_quiet(t);
	assert_false(readable(t->driver));
	assert_int_equal(abio_driver_wake(t->driver), 0);
	assert_int_equal(test_event(t).flags, ABIO_EVENT_WAKE);
	assert_int_equal(abio_driver_wake(0), ABIO_E_HANDLE);
}

static void *wake_it(void *argument)
{
	abio_driver driver = *(abio_driver *)argument;

	return abio_driver_wake(driver) == 0 ? argument : NULL;
}

static void another_thread_wakes_a_wait(struct test *t)
{
	for (int i = 0; i < 20; i++) {
		pthread_t thread;
		void *answer = NULL;

		assert_int_equal(pthread_create(&thread, NULL, wake_it, &t->driver), 0);
		assert_int_equal(test_event(t).flags, ABIO_EVENT_WAKE);
		pthread_join(thread, &answer);
		assert_non_null(answer);
		test_quiet(t);
	}
}

static abio_driver woken_by_signal;

static void wake_from_signal(int number)
{
	(void)number;
	abio_driver_wake(woken_by_signal);
}

static void a_signal_handler_wakes_a_wait(struct test *t)
{
	struct sigaction action = { .sa_handler = wake_from_signal };
	struct sigaction before;
	struct itimerspec once = { .it_value = { 0, 5 * MILLISECOND } };
	struct sigevent notice = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	timer_t alarm_clock;

	woken_by_signal = t->driver;
	assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
	assert_int_equal(timer_create(CLOCK_MONOTONIC, &notice, &alarm_clock), 0);
	assert_int_equal(timer_settime(alarm_clock, 0, &once, NULL), 0);
	assert_int_equal(test_event(t).flags, ABIO_EVENT_WAKE);
	timer_delete(alarm_clock);
	sigaction(SIGUSR1, &before, NULL);
}

/* ---- sizes ----------------------------------------------------------------------------------- */

static void a_queue_of_four_loses_no_event(struct test *t)
{
	struct abio_driver_options options = { .size = sizeof(options),
					       .flags = t->variant->flags,
					       .backend = t->variant->backend,
					       .entries = 4,
					       .completions = 4,
					       .workers = 1 };
	abio_driver driver = test_driver_with(t, &options);
	abio_io readers[100];
	abio_io writers[100];
	char *data = test_memory(t, 100);

	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(abio_pipe(driver, 0, &readers[i], &writers[i]), 0);
		test_own(t, readers[i]);
		test_own(t, writers[i]);
	}
	for (int round = 0; round < 5; round++) {
		for (uint32_t i = 0; i < 100; i++)
			test_read(t, readers[i], data + i, 1);
		for (uint32_t i = 0; i < 100; i++)
			START(t, abio_write, writers[i], "x", 1, 0);
		for (uint32_t i = 0; i < 200; i++)
			assert_int_equal(test_event_on(t, driver).result, 1);
	}
}

static void bad_options_are_refused(struct test *t)
{
	struct abio_driver_options options = { .size = sizeof(options), .flags = 8 };
	abio_driver driver = 0;

	(void)t;
	assert_int_equal(abio_driver_create(&options, &driver), ABIO_E_ARGUMENT);
	options.flags = 0;
	options.backend = 3;
	assert_int_equal(abio_driver_create(&options, &driver), ABIO_E_ARGUMENT);
	options.backend = 0;
	options.workers = 1000000;
	assert_int_equal(abio_driver_create(&options, &driver), ABIO_E_ARGUMENT);
	options.workers = 0;
	options.backend = ABIO_BACKEND_URING;
	options.flags = ABIO_DRIVER_MIGRATES;
	assert_int_equal(abio_driver_create(&options, &driver), ABIO_E_UNSUPPORTED);
	assert_int_equal(driver, 0);
}

static void the_backend_is_never_a_secret(struct test *t)
{
	struct abio_driver_state state = { .size = sizeof(state) };
	struct abio_driver_options options = { .size = sizeof(options) };
	abio_driver driver = 0;

	(void)t;
	assert_int_equal(abio_driver_create(&options, &driver), 0);
	assert_int_equal(abio_driver_info(driver, &state), 0);
	assert_true(state.backend == ABIO_BACKEND_URING || state.backend == ABIO_BACKEND_EPOLL);
	assert_true(state.reason[0] != 0);
	if (state.backend == ABIO_BACKEND_URING)
		assert_int_equal(state.fallback_error, 0);
	assert_int_equal(abio_driver_close(driver), 0);
	options.flags = ABIO_DRIVER_MIGRATES;
	assert_int_equal(abio_driver_create(&options, &driver), 0);
	assert_int_equal(abio_driver_info(driver, &state), 0);
	assert_int_equal(state.backend, ABIO_BACKEND_EPOLL);
	assert_int_equal(abio_driver_close(driver), 0);
}

static void many_drivers_work_side_by_side(struct test *t)
{
	abio_driver drivers[20];
	uint64_t tokens[20];

	for (int i = 0; i < 20; i++) {
		drivers[i] = test_driver(t, 0);
		tokens[i] = START(t, abio_timer, drivers[i], MILLISECOND, 0);
	}
	for (int i = 19; i >= 0; i--)
		assert_int_equal(test_finish_on(t, drivers[i], tokens[i]).result, 0);
}

static const struct test_case cases[] = {
	CASE(a_timer_is_never_early),
	CASE(timers_end_in_the_order_of_their_times),
	CASE(many_timers_all_end_and_none_early),
	CASE(far_timers_wait_and_can_be_cancelled),
	CASE(cancelling_the_next_timer_leaves_the_others),
	CASE(a_timer_makes_the_fd_readable),
	CASE(events_fit_any_stride),
	CASE(poll_checks_its_arguments),
	CASE(capacity_one_loses_nothing),
	CASE(wait_ends_when_its_time_is_over),
	CASE(signals_do_not_end_a_wait),
	CASE(the_fd_tells_of_work_and_of_none),
	CASE(submit_leaves_the_fd_truthful),
	CASE(an_edge_triggered_host_loses_nothing),
	CASE(a_long_transfer_outlives_a_poll_that_gives_nothing),
	CASE(wakes_are_one_event),
	CASE(another_thread_wakes_a_wait),
	CASE(a_signal_handler_wakes_a_wait),
	CASE(a_queue_of_four_loses_no_event),
	ONCE(bad_options_are_refused),
	ONCE(the_backend_is_never_a_secret),
	CASE(many_drivers_work_side_by_side),
};

TEST_MAIN("driver", cases)
