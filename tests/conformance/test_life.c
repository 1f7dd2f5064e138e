/*
 * The life of a driver: whose thread it is, migrating, shutdown, close, abandon, fork, and an owner
 * that died.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#define HOUR INT64_C(3600000000000)

/* ---- threads --------------------------------------------------------------------------------- */

/* Something to do on another thread, with what it found. */
struct errand {
	abio_driver driver;
	abio_io io;
	void *data;
	int32_t answers[32];
	uint32_t count;
};

static void note(struct errand *errand, int32_t answer)
{
	errand->answers[errand->count++] = answer;
}

static void on_thread(void *(*run)(void *), struct errand *errand)
{
	pthread_t thread;

	errand->count = 0;
	assert_int_equal(pthread_create(&thread, NULL, run, errand), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void *trespass(void *argument)
{
	struct errand *errand = argument;
	struct abio_event event;
	struct abio_io_info info = { .size = sizeof(info) };
	struct abio_trait_info trait = { .size = sizeof(trait) };
	abio_io io = 0;
	char data[4];

	note(errand, abio_driver_poll(errand->driver, &event, sizeof(event), 1));
	note(errand, abio_driver_wait(errand->driver, &event, sizeof(event), 1, 0));
	note(errand, abio_driver_submit(errand->driver));
	note(errand, abio_driver_shutdown(errand->driver));
	note(errand, abio_driver_close(errand->driver));
	note(errand, abio_driver_abandon(errand->driver));
	note(errand, abio_timer(errand->driver, 0, 0, 1));
	note(errand, abio_open(errand->driver, "/", 1, NULL, 1));
	note(errand, abio_resolve(errand->driver, "::1", 3, 80, 0, 1));
	note(errand, abio_pipe(errand->driver, 0, &io, &io));
	note(errand, abio_cancel(errand->driver, 1));
	note(errand, abio_cancel(errand->io, 1));
	note(errand, abio_read(errand->io, data, 4, 0, 1));
	note(errand, abio_try_read(errand->io, data, 4, 0));
	note(errand, abio_receive(errand->io, 0, 1));
	note(errand, abio_ready_now(errand->io, ABIO_INTEREST_READ));
	note(errand, abio_close(errand->io, 0, 1));
	note(errand, abio_query(errand->io, ABIO_TRAIT_READ, &trait));
	note(errand, abio_info(errand->io, &info));
	return NULL;
}

static void another_thread_is_turned_away(struct test *t)
{
	abio_io reader;
	abio_io writer;
	struct errand errand = { .driver = t->driver };
	uint64_t token;

	assert_int_equal(abio_pipe(t->driver, 0, &reader, &writer), 0);
	test_own(t, reader);
	test_own(t, writer);
	errand.io = reader;
	token = test_read(t, reader, test_memory(t, 4), 4);
	on_thread(trespass, &errand);
	assert_true(errand.count > 15);
	for (uint32_t i = 0; i < errand.count; i++) {
		if (errand.answers[i] != ABIO_E_WRONG_THREAD)
			fail_msg("call %u answered %s", i, abio_error_name(errand.answers[i]));
	}
	test_quiet(t);
	assert_int_equal(abio_try_write(writer, "abcd", 4, 0), 4);
	assert_int_equal(test_result(t, token), 4);
}

static void *look(void *argument)
{
	struct errand *errand = argument;
	struct abio_driver_state state = { .size = sizeof(state) };

	note(errand, abio_driver_fd(errand->driver) >= 0 ? 0 : -1);
	note(errand, abio_driver_info(errand->driver, &state));
	note(errand, abio_driver_wake(errand->driver));
	note(errand, abio_retain(errand->io));
	note(errand, abio_release(errand->io));
	return NULL;
}

static void some_calls_are_for_any_thread(struct test *t)
{
	abio_io reader;
	abio_io writer;
	struct errand errand = { .driver = t->driver };

	assert_int_equal(abio_pipe(t->driver, 0, &reader, &writer), 0);
	test_own(t, reader);
	test_own(t, writer);
	errand.io = reader;
	on_thread(look, &errand);
	for (uint32_t i = 0; i < errand.count; i++)
		assert_int_equal(errand.answers[i], 0);
	assert_int_equal(test_event(t).flags, ABIO_EVENT_WAKE);
}

static void *release_it(void *argument)
{
	struct errand *errand = argument;

	note(errand, abio_release(errand->io));
	return NULL;
}

static void the_last_release_may_come_from_any_thread(struct test *t)
{
	struct pollfd watched = { .fd = abio_driver_fd(t->driver), .events = POLLIN };
	abio_io reader;
	abio_io writer;
	struct errand errand = { .driver = t->driver };
	uint64_t token;
	char byte;

	for (int i = 0; i < 20; i++) {
		assert_int_equal(abio_pipe(t->driver, 0, &reader, &writer), 0);
		test_own(t, reader);
		test_own(t, writer);
		token = test_read(t, reader, test_memory(t, 4), 4);
		test_quiet(t);
		errand.io = reader;
		on_thread(release_it, &errand);
		assert_int_equal(errand.answers[0], 0);
		assert_int_equal(abio_try_read(reader, &byte, 1, 0), ABIO_E_HANDLE);
		assert_int_equal(poll(&watched, 1, -1), 1);
		assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
		assert_int_equal(abio_try_write(writer, "x", 1, 0), -EPIPE);
		/* And what was put before is sent. */
		assert_int_equal(abio_release(writer), 0);
	}
}

static void *use_it(void *argument)
{
	struct errand *errand = argument;
	struct abio_event event;

	note(errand, abio_timer(errand->driver, 0, 0, 5));
	note(errand, abio_driver_wait(errand->driver, &event, sizeof(event), 1, TEST_PATIENCE_NS));
	note(errand, (int32_t)event.token);
	return NULL;
}

static void creating_does_not_pin(struct test *t)
{
	struct errand errand = { .driver = t->driver };
	struct abio_driver_state state = { .size = sizeof(state) };

	assert_true(abio_driver_fd(t->driver) >= 0);
	assert_int_equal(abio_driver_info(t->driver, &state), 0);
	on_thread(use_it, &errand);
	assert_int_equal(errand.answers[0], 0);
	assert_int_equal(errand.answers[1], 1);
	assert_int_equal(errand.answers[2], 5);
}

/* Two threads, and the driver is used by each in turn. */
static void *take_turns(void *argument)
{
	struct errand *errand = argument;
	struct abio_event event;

	note(errand, abio_write(errand->io, "x", 1, 0, 9));
	note(errand, abio_driver_wait(errand->driver, &event, sizeof(event), 1, TEST_PATIENCE_NS));
	note(errand, (int32_t)event.result);
	note(errand, abio_put(errand->io, "y", 1));
	note(errand, abio_timer(errand->driver, 0, 0, 10));
	note(errand, abio_driver_wait(errand->driver, &event, sizeof(event), 1, TEST_PATIENCE_NS));
	note(errand, (int32_t)event.token);
	return NULL;
}

static void a_migrating_driver_is_used_by_threads_in_turn(struct test *t)
{
	static const int32_t wanted[] = { 0, 1, 1, 1, 0, 1, 10 };
	struct abio_driver_options options = { .size = sizeof(options),
					       .flags = ABIO_DRIVER_MIGRATES };
	abio_driver driver = test_driver_with(t, &options);
	abio_io reader;
	abio_io writer;
	char *data = test_memory(t, 64);
	uint32_t total = 0;

	assert_int_equal(abio_pipe(driver, 0, &reader, &writer), 0);
	test_own(t, reader);
	test_own(t, writer);
	for (int round = 0; round < 10; round++) {
		struct errand errand = { .driver = driver, .io = writer };
		uint64_t token;

		on_thread(take_turns, &errand);
		for (uint32_t i = 0; i < errand.count; i++)
			assert_int_equal(errand.answers[i], wanted[i]);
		token = test_read_exact(t, reader, data, 2);
		assert_int_equal(test_finish_on(t, driver, token).result, 2);
		assert_memory_equal(data, "xy", 2);
		total += 2;
	}
	assert_int_equal(total, 20);
}

/* ---- an owner that died ---------------------------------------------------------------------- */

struct estate {
	abio_driver driver;
	abio_io reader;
	abio_io writer;
	abio_io file;
	char *data;
	int32_t answers[6];
};

static void *work_and_die(void *argument)
{
	struct estate *estate = argument;
	struct abio_event event;

	estate->answers[0] = abio_pipe(estate->driver, 0, &estate->reader, &estate->writer);
	estate->answers[1] = abio_read(estate->reader, estate->data, 100, 0, 1000);
	estate->answers[2] = abio_timer(estate->driver, HOUR, 0, 1001);
	estate->answers[3] = abio_driver_poll(estate->driver, &event, sizeof(event), 1);
	/* Never submitted. */
	estate->answers[4] = abio_ready(estate->reader, ABIO_INTEREST_READ, 0, 1002);
	estate->answers[5] = abio_put(estate->writer, "never sent", 10);
	return NULL;
}

static void a_dead_owner_leaves_a_driver_that_ends(struct test *t)
{
	struct estate estate = { .driver = t->driver, .data = test_memory(t, 100) };
	struct abio_event event;
	uint32_t seen = 0;
	pthread_t thread;
	int32_t in_flight;
	int32_t error;

	assert_int_equal(pthread_create(&thread, NULL, work_and_die, &estate), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(estate.answers[i], 0);
	assert_int_equal(estate.answers[5], 10);
	test_own(t, estate.reader);
	test_own(t, estate.writer);
	in_flight = abio_driver_shutdown(t->driver);
	assert_true(in_flight >= 0);
	assert_int_equal(abio_timer(t->driver, 0, 0, 1), ABIO_E_CLOSED);
	assert_int_equal(abio_read(estate.reader, estate.data, 1, 0, 1), ABIO_E_CLOSED);
	while ((error = abio_driver_close(t->driver)) == ABIO_E_BUSY) {
		assert_int_equal(
			abio_driver_wait(t->driver, &event, sizeof(event), 1, TEST_PATIENCE_NS), 1);
		assert_in_range(event.token, 1000, 1002);
		assert_int_equal(event.result, ABIO_E_CANCELED);
		assert_false(seen & (1u << (event.token - 1000)));
		seen |= 1u << (event.token - 1000);
	}
	assert_int_equal(error, 0);
	assert_int_equal(seen, 7);
	assert_int_equal(abio_driver_close(t->driver), ABIO_E_HANDLE);
	test_driver_gone(t, t->driver);
}

/* ---- shutdown and close ---------------------------------------------------------------------- */

static void close_is_busy_while_anything_is_owed(struct test *t)
{
	uint64_t token = START(t, abio_timer, t->driver, HOUR, 0);
	struct abio_driver_state state = { .size = sizeof(state) };

	assert_int_equal(abio_driver_close(t->driver), ABIO_E_BUSY);
	test_quiet(t);
	assert_int_equal(abio_driver_close(t->driver), ABIO_E_BUSY);
	assert_int_equal(abio_driver_info(t->driver, &state), 0);
	assert_int_equal(state.in_flight, 1);
	assert_int_equal(state.undelivered, 0);
	assert_int_equal(abio_cancel(t->driver, token), 1);
	assert_int_equal(abio_driver_close(t->driver), ABIO_E_BUSY);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	assert_int_equal(abio_driver_info(t->driver, &state), 0);
	assert_int_equal(state.in_flight, 0);
	assert_int_equal(abio_driver_close(t->driver), 0);
	test_driver_gone(t, t->driver);
}

static void shutdown_ends_everything(struct test *t)
{
	struct abio_address address = { .size = sizeof(address),
					.family = ABIO_FAMILY_IPV4,
					.length = 4,
					.data = { 127, 0, 0, 1 } };
	abio_io reader;
	abio_io writer;
	abio_io listener;
	uint64_t tokens[5];
	abio_io io = 0;
	int peer;

	t->kind = ABIO_KIND_UNIX;
	peer = test_reader(t, &reader);
	test_writer(t, &writer);
	assert_int_equal(abio_listen(t->driver, &address, NULL, &listener), 0);
	test_own(t, listener);
	tokens[0] = test_read(t, reader, test_memory(t, 4), 4);
	tokens[1] = START(t, abio_receive, writer, 0);
	tokens[2] = START(t, abio_accept, listener, 0);
	tokens[3] = START(t, abio_timer, t->driver, HOUR, 0);
	tokens[4] = START(t, abio_ready, reader, ABIO_INTEREST_READ, 0);
	test_quiet(t);
	assert_int_equal(abio_driver_shutdown(t->driver),
			 test_differs(t, DIFFERS_SHUTDOWN_COUNT) ? 5 : 0);
	assert_int_equal(abio_timer(t->driver, 0, 0, 1), ABIO_E_CLOSED);
	assert_int_equal(abio_open(t->driver, "/", 1, NULL, 1), ABIO_E_CLOSED);
	assert_int_equal(abio_connect(t->driver, &address, NULL, 1), ABIO_E_CLOSED);
	assert_int_equal(abio_listen(t->driver, &address, NULL, &io), ABIO_E_CLOSED);
	assert_int_equal(abio_pipe(t->driver, 0, &io, &io), ABIO_E_CLOSED);
	assert_int_equal(abio_adopt(t->driver, peer, 0, 0, &io), ABIO_E_CLOSED);
	assert_int_equal(abio_resolve(t->driver, "::1", 3, 1, 0, 1), ABIO_E_CLOSED);
	assert_int_equal(abio_put(reader, "x", 1), ABIO_E_CLOSED);
	assert_int_equal(abio_accept(listener, 0, 1), ABIO_E_CLOSED);
	assert_int_equal(abio_driver_wake(t->driver), 0);
	assert_true(abio_driver_shutdown(t->driver) >= 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(test_result(t, tokens[i]), ABIO_E_CANCELED);
	test_driver_end(t, t->driver);
}

static void a_thousand_operations_end_with_the_driver(struct test *t)
{
	abio_io *readers = test_memory(t, 250 * sizeof(*readers));
	abio_io *writers = test_memory(t, 250 * sizeof(*writers));

	for (uint32_t i = 0; i < 250; i++) {
		assert_int_equal(abio_pipe(t->driver, 0, &readers[i], &writers[i]), 0);
		test_own(t, readers[i]);
		test_own(t, writers[i]);
		test_read_exact(t, readers[i], test_memory(t, 100), 100);
		START(t, abio_ready, readers[i], ABIO_INTEREST_READ, 0);
		START(t, abio_timer, t->driver, HOUR, 0);
		START(t, abio_write, writers[i], "x", 1, 0);
	}
	/* The events of those that were done at once are taken with the rest, at the end. */
	assert_int_equal(abio_driver_submit(t->driver), 0);
	test_driver_end(t, t->driver);
}

static void closing_frees_ios_that_are_still_open(struct test *t)
{
	abio_io reader;
	int peer;
	char byte;

	t->kind = ABIO_KIND_UNIX;
	peer = test_reader(t, &reader);
	test_quiet(t);
	assert_int_equal(abio_driver_close(t->driver), 0);
	test_driver_gone(t, t->driver);
	assert_int_equal(read(peer, &byte, 1), 0);
	assert_int_equal(abio_try_read(reader, &byte, 1, 0), ABIO_E_CLOSED);
}

static void a_closed_driver_is_nobodys(struct test *t)
{
	struct abio_event event;
	struct abio_driver_state state = { .size = sizeof(state) };
	abio_driver driver = t->driver;

	test_quiet(t);
	assert_int_equal(abio_driver_close(driver), 0);
	test_driver_gone(t, driver);
	assert_int_equal(abio_driver_close(driver), ABIO_E_HANDLE);
	assert_int_equal(abio_driver_poll(driver, &event, sizeof(event), 1), ABIO_E_HANDLE);
	assert_int_equal(abio_driver_wait(driver, &event, sizeof(event), 1, -1), ABIO_E_HANDLE);
	assert_int_equal(abio_driver_fd(driver), ABIO_E_HANDLE);
	assert_int_equal(abio_driver_wake(driver), ABIO_E_HANDLE);
	assert_int_equal(abio_driver_info(driver, &state), ABIO_E_HANDLE);
	assert_int_equal(abio_driver_shutdown(driver), ABIO_E_HANDLE);
	assert_int_equal(abio_driver_abandon(driver), ABIO_E_HANDLE);
	assert_int_equal(abio_timer(driver, 0, 0, 1), ABIO_E_HANDLE);
}

/* ---- abandon and fork: in a child process, whose memory goes with it ---------------------------
 */

static int wait_for(pid_t child)
{
	int status = 0;

	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

/* In a child nothing may reach cmocka's jumps: a number says which expectation failed. */
#define EXPECT(condition)                          \
	do {                                       \
		if (!(condition))                  \
			_exit(__LINE__ % 200 + 1); \
	} while (0)

static void abandon_in_child(const struct test_variant *variant)
{
	struct abio_driver_options options = { .size = sizeof(options),
					       .flags = variant->flags,
					       .backend = variant->backend };
	int before = test_open_fds();
	static char data[64];
	abio_driver driver;
	abio_io reader;
	abio_io writer;
	struct abio_event event;

	EXPECT(abio_driver_create(&options, &driver) == 0);
	EXPECT(abio_pipe(driver, 0, &reader, &writer) == 0);
	EXPECT(abio_read(reader, data, 64, 0, 1) == 0);
	EXPECT(abio_timer(driver, HOUR, 0, 2) == 0);
	EXPECT(abio_driver_poll(driver, &event, sizeof(event), 1) == 0);
	EXPECT(abio_put(writer, "lost", 4) == 4);
	EXPECT(abio_driver_abandon(driver) == 0);
	EXPECT(abio_driver_abandon(driver) == ABIO_E_HANDLE);
	EXPECT(abio_read(reader, data, 1, 0, 3) == ABIO_E_CLOSED);
	EXPECT(abio_release(reader) == 0);
	EXPECT(abio_release(writer) == 0);
	EXPECT(abio_release(writer) == ABIO_E_HANDLE);
	EXPECT(test_open_fds() == before);
	EXPECT(abio_driver_create(&options, &driver) == 0);
	EXPECT(abio_timer(driver, 0, 0, 4) == 0);
	EXPECT(abio_driver_wait(driver, &event, sizeof(event), 1, -1) == 1 && event.token == 4);
	EXPECT(abio_driver_close(driver) == 0);
	_exit(0);
}

static void abandoning_closes_descriptors_and_nothing_else(struct test *t)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		abandon_in_child(t->variant);
	assert_int_equal(wait_for(child), 0);
}

static void live_as_a_child(const struct test *t, abio_io reader, abio_io writer, int before)
{
	struct abio_driver_options options = { .size = sizeof(options),
					       .flags = t->variant->flags,
					       .backend = t->variant->backend };
	struct abio_event event;
	abio_driver mine;
	abio_io io;
	static char data[4];

	EXPECT(abio_driver_poll(t->driver, &event, sizeof(event), 1) == ABIO_E_FORKED);
	EXPECT(abio_driver_wait(t->driver, &event, sizeof(event), 1, -1) == ABIO_E_FORKED);
	EXPECT(abio_driver_fd(t->driver) == ABIO_E_FORKED);
	EXPECT(abio_driver_wake(t->driver) == ABIO_E_FORKED);
	EXPECT(abio_driver_shutdown(t->driver) == ABIO_E_FORKED);
	EXPECT(abio_driver_close(t->driver) == ABIO_E_FORKED);
	EXPECT(abio_timer(t->driver, 0, 0, 1) == ABIO_E_FORKED);
	EXPECT(abio_read(reader, data, 4, 0, 1) == ABIO_E_FORKED);
	EXPECT(abio_try_write(writer, "x", 1, 0) == ABIO_E_FORKED);
	EXPECT(abio_close(reader, 0, 1) == ABIO_E_FORKED);
	EXPECT(abio_cancel(t->driver, 1) == ABIO_E_FORKED);
	EXPECT(abio_retain(reader) == ABIO_E_FORKED);
	EXPECT(abio_driver_create(&options, &mine) == 0);
	EXPECT(abio_pipe(mine, 0, &io, &io) == 0 && io != reader && io != writer);
	EXPECT(abio_timer(mine, 0, 0, 7) == 0);
	EXPECT(abio_driver_wait(mine, &event, sizeof(event), 1, -1) == 1 && event.token == 7);
	EXPECT(abio_driver_close(mine) == 0);
	EXPECT(abio_release(reader) == 0);
	EXPECT(abio_driver_abandon(t->driver) == 0);
	EXPECT(abio_driver_abandon(t->driver) == ABIO_E_HANDLE);
	/* All the descriptors of the parent's driver and of its pipe are closed. */
	EXPECT(test_open_fds() < before);
	_exit(0);
}

static void a_child_is_told_and_the_parent_untouched(struct test *t)
{
	abio_io reader;
	abio_io writer;
	char *data = test_memory(t, 4);
	uint64_t reading;
	uint64_t timer;
	pid_t child;
	int before;

	assert_int_equal(abio_pipe(t->driver, 0, &reader, &writer), 0);
	test_own(t, reader);
	test_own(t, writer);
	reading = test_read(t, reader, data, 4);
	timer = START(t, abio_timer, t->driver, 20000000, 0);
	test_gather(t);
	before = test_open_fds();
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		live_as_a_child(t, reader, writer, before);
	assert_int_equal(wait_for(child), 0);
	assert_int_equal(abio_try_write(writer, "abcd", 4, 0), 4);
	assert_int_equal(test_result(t, reading), 4);
	assert_memory_equal(data, "abcd", 4);
	assert_int_equal(test_result(t, timer), 0);
	assert_int_equal(test_open_fds(), before);
}

static const struct test_case cases[] = {
	CASE(another_thread_is_turned_away),
	CASE(some_calls_are_for_any_thread),
	CASE(the_last_release_may_come_from_any_thread),
	CASE(creating_does_not_pin),
	ONCE(a_migrating_driver_is_used_by_threads_in_turn),
	CASE(a_dead_owner_leaves_a_driver_that_ends),
	CASE(close_is_busy_while_anything_is_owed),
	CASE(shutdown_ends_everything),
	CASE(a_thousand_operations_end_with_the_driver),
	CASE(closing_frees_ios_that_are_still_open),
	CASE(a_closed_driver_is_nobodys),
	CASE(abandoning_closes_descriptors_and_nothing_else),
	CASE(a_child_is_told_and_the_parent_untouched),
};

TEST_MAIN("life", cases)
