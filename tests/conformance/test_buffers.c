/*
 * Buffers by themselves: made, wrapped, drawn; what they hold; who may let go of them, when and on
 * which thread.  What operations do with them stands in test_owned.c.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lent.h"

#define GIBIBYTE (1u << 30)

/* ---- made by the library --------------------------------------------------------------------- */

static void a_fresh_buffer_is_empty(struct test *t)
{
	abio_buffer buffer = lent_buffer(t, 1000);
	struct abio_buffer_state state = lent_state(buffer);

	assert_non_null(state.data);
	assert_int_equal(state.capacity, 1000);
	assert_int_equal(state.filled, 0);
	assert_int_equal(state.initialized, 0);
	assert_int_equal(state.lent, 0);
	assert_int_equal(state.flags, 0);
	memset(state.data, 'x', 1000);
	assert_int_equal(abio_buffer_set(buffer, 10, 1000), 0);
	assert_int_equal(lent_state(buffer).filled, 10);
	assert_int_equal(lent_state(buffer).initialized, 1000);
	assert_ptr_equal(lent_data(buffer), state.data);
}

static void a_buffer_begins_at_its_alignment(struct test *t)
{
	for (uint32_t alignment = 1; alignment <= 1u << 20; alignment *= 2) {
		abio_buffer buffer = 0;

		assert_int_equal(abio_buffer_alloc(100, alignment, 0, &buffer), 0);
		test_own(t, buffer);
		assert_int_equal((uintptr_t)lent_data(buffer) % alignment, 0);
	}
}

static void shapes_out_of_range_are_refused(struct test *t)
{
	abio_buffer buffer = 0;

	(void)t;
	assert_int_equal(abio_buffer_alloc(0, 0, 0, &buffer), ABIO_E_ARGUMENT);
	assert_int_equal(abio_buffer_alloc(0x7ffff001u, 0, 0, &buffer), ABIO_E_ARGUMENT);
	assert_int_equal(abio_buffer_alloc(10, 3, 0, &buffer), ABIO_E_ARGUMENT);
	assert_int_equal(abio_buffer_alloc(10, 1u << 21, 0, &buffer), ABIO_E_ARGUMENT);
	assert_int_equal(abio_buffer_alloc(10, 0, 1, &buffer), ABIO_E_ARGUMENT);
	assert_int_equal(abio_buffer_alloc(10, 0, 0, NULL), ABIO_E_ARGUMENT);
	assert_int_equal(buffer, 0);
}

static void what_a_buffer_holds_is_checked(struct test *t)
{
	abio_buffer buffer = lent_buffer(t, 100);

	assert_int_equal(abio_buffer_set(buffer, 101, 101), ABIO_E_ARGUMENT);
	assert_int_equal(abio_buffer_set(buffer, 10, 9), ABIO_E_ARGUMENT);
	assert_int_equal(abio_buffer_set(buffer, 0, UINT32_MAX), ABIO_E_ARGUMENT);
	assert_int_equal(lent_state(buffer).filled, 0);
	assert_int_equal(abio_buffer_set(buffer, 100, 100), 0);
	assert_int_equal(abio_buffer_set(buffer, 0, 0), 0);
}

static long resident_pages(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long size = 0;
	long resident = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%ld %ld", &size, &resident), 2);
	fclose(file);
	return resident;
}

/* A limit is not memory. */
static void a_large_capacity_costs_nothing_before_it_is_filled(struct test *t)
{
	long before = resident_pages();
	abio_buffer buffers[4];

	for (int i = 0; i < 4; i++)
		buffers[i] = lent_buffer(t, GIBIBYTE);
	lent_data(buffers[3])[GIBIBYTE - 1] = 'x';
	/* Four gibibytes are a million pages; the sanitizer's own books take some. */
	assert_in_range(resident_pages() - before, 0, 20000);
	for (int i = 0; i < 4; i++)
		assert_int_equal(abio_buffer_release(buffers[i]), 0);
}

/* ---- references ------------------------------------------------------------------------------ */

static void the_last_release_ends_the_handle(struct test *t)
{
	abio_buffer buffer = 0;
	struct abio_buffer_state state = { .size = sizeof(state) };
	int64_t live = test_live_allocations();

	(void)t;
	assert_int_equal(abio_buffer_alloc(100, 0, 0, &buffer), 0);
	assert_int_equal(abio_buffer_retain(buffer), 0);
	assert_int_equal(abio_buffer_release(buffer), 0);
	assert_int_equal(abio_buffer_info(buffer, &state), 0);
	assert_int_equal(abio_buffer_release(buffer), 0);
	assert_int_equal(test_live_allocations(), live);
	assert_int_equal(abio_buffer_release(buffer), ABIO_E_HANDLE);
	assert_int_equal(abio_buffer_retain(buffer), ABIO_E_HANDLE);
	assert_int_equal(abio_buffer_info(buffer, &state), ABIO_E_HANDLE);
	assert_int_equal(abio_buffer_set(buffer, 0, 0), ABIO_E_HANDLE);
}

static void a_buffer_is_no_io_and_an_io_no_buffer(struct test *t)
{
	abio_buffer buffer = lent_buffer(t, 10);
	struct abio_buffer_state state = { .size = sizeof(state) };
	char data[1];

	assert_int_equal(abio_try_read(buffer, data, 1, 0), ABIO_E_HANDLE);
	assert_int_equal(abio_release(buffer), ABIO_E_HANDLE);
	assert_int_equal(abio_buffer_info(t->driver, &state), ABIO_E_HANDLE);
	assert_int_equal(abio_buffer_release(t->driver), ABIO_E_HANDLE);
}

struct juggler {
	pthread_t thread;
	abio_buffer buffer;
	_Atomic bool *go;
};

static void *juggle(void *argument)
{
	struct juggler *juggler = argument;
	struct abio_buffer_state state = { .size = sizeof(state) };

	while (!atomic_load(juggler->go))
		;
	for (int i = 0; i < 2000; i++) {
		int32_t set;

		if (abio_buffer_retain(juggler->buffer) != 0)
			return "retain";
		if (abio_buffer_info(juggler->buffer, &state) != 0)
			return "info";
		set = abio_buffer_set(juggler->buffer, 3, 5);
		if (set != 0 && set != ABIO_E_BUSY)
			return "set";
		if (abio_buffer_release(juggler->buffer) != 0)
			return "release";
	}
	return abio_buffer_release(juggler->buffer) == 0 ? NULL : "last release";
}

/* Retained, asked, set and released by four threads while operations borrow it. */
static void any_thread_may_hold_a_buffer(struct test *t)
{
	struct juggler jugglers[4];
	_Atomic bool go = false;
	abio_buffer buffer = lent_buffer(t, 8);
	abio_io reader;
	int peer;

	t->kind = ABIO_KIND_UNIX;
	peer = test_reader(t, &reader);
	for (int i = 0; i < 4; i++) {
		jugglers[i] = (struct juggler){ .buffer = buffer, .go = &go };
		assert_int_equal(abio_buffer_retain(buffer), 0);
		assert_int_equal(pthread_create(&jugglers[i].thread, NULL, juggle, &jugglers[i]),
				 0);
	}
	atomic_store(&go, true);
	for (int i = 0; i < 200; i++) {
		uint64_t token = test_token(t);
		int32_t error = abio_read_owned(reader, buffer, 0, token);

		if (error == ABIO_E_BUSY)
			continue;
		test_started(t, error);
		test_send(peer, "x", 1);
		assert_int_equal(test_finish(t, token).handle, buffer);
	}
	for (int i = 0; i < 4; i++) {
		void *complaint = NULL;

		assert_int_equal(pthread_join(jugglers[i].thread, &complaint), 0);
		if (complaint != NULL)
			fail_msg("%s", (const char *)complaint);
	}
	assert_int_equal(abio_buffer_set(buffer, 0, 0), 0);
	assert_int_equal(abio_buffer_release(buffer), 0);
	assert_int_equal(abio_buffer_release(buffer), ABIO_E_HANDLE);
}

static void *release(void *argument)
{
	abio_buffer *buffer = argument;

	return abio_buffer_release(*buffer) == 0 ? NULL : argument;
}

static void release_elsewhere(abio_buffer buffer)
{
	pthread_t thread;
	void *complaint = NULL;

	assert_int_equal(pthread_create(&thread, NULL, release, &buffer), 0);
	assert_int_equal(pthread_join(thread, &complaint), 0);
	assert_null(complaint);
}

/* Let go of by everybody while it is lent: the memory stays until the operation has ended. */
static void a_lent_buffer_outlives_its_handle(struct test *t)
{
	struct abio_buffer_state state = { .size = sizeof(state) };
	abio_buffer buffer = 0;
	struct abio_event event;
	uint64_t token;
	int64_t live;
	abio_io reader;
	int peer = test_reader(t, &reader);

	test_send(peer, "a", 1);
	assert_int_equal(test_result(t, START(t, abio_read_owned, reader, lent_buffer(t, 1), 0)),
			 1);
	live = test_live_allocations();
	for (int round = 0; round < 2; round++) {
		assert_int_equal(abio_buffer_alloc(100, 0, 0, &buffer), 0);
		token = START(t, abio_read_owned, reader, buffer, 0);
		test_quiet(t);
		if (round == 0)
			assert_int_equal(abio_buffer_release(buffer), 0);
		else
			release_elsewhere(buffer);
		assert_int_equal(abio_buffer_info(buffer, &state), ABIO_E_HANDLE);
		assert_int_equal(abio_buffer_release(buffer), ABIO_E_HANDLE);
		test_send(peer, "hello", 5);
		event = test_finish(t, token);
		assert_int_equal(event.result, 5);
		assert_int_equal(event.flags, ABIO_EVENT_BUFFER);
		assert_int_equal(event.handle, buffer);
		assert_int_equal(abio_buffer_info(buffer, &state), ABIO_E_HANDLE);
		assert_int_equal(test_live_allocations(), live);
	}
}

/* ---- wrapped --------------------------------------------------------------------------------- */

static abio_buffer wrap(struct test *t, void *data, uint32_t capacity, uint64_t token)
{
	abio_buffer buffer = 0;

	assert_int_equal(abio_buffer_wrap(t->driver, data, capacity, 0, token, &buffer), 0);
	test_own(t, buffer);
	return buffer;
}

static void expect_released(struct test *t, uint64_t token, const void *data)
{
	struct abio_event event = test_finish(t, token);

	assert_int_equal(event.flags, ABIO_EVENT_RELEASED);
	assert_int_equal(event.token, token);
	assert_int_equal(event.data, (uintptr_t)data);
	assert_int_equal(event.result, 0);
	assert_int_equal(event.handle, 0);
}

static void wrapped_memory_comes_back_in_an_event(struct test *t)
{
	char *data = test_memory(t, 100);
	uint64_t token = test_token(t);
	abio_buffer buffer = wrap(t, data, 100, token);
	struct abio_buffer_state state = lent_state(buffer);

	assert_ptr_equal(state.data, data);
	assert_int_equal(state.capacity, 100);
	assert_int_equal(state.filled, 0);
	assert_int_equal(state.initialized, 100);
	test_owed(t, token);
	assert_int_equal(abio_buffer_retain(buffer), 0);
	assert_int_equal(abio_buffer_release(buffer), 0);
	test_quiet(t);
	assert_int_equal(abio_buffer_release(buffer), 0);
	expect_released(t, token, data);
	assert_int_equal(abio_buffer_release(buffer), ABIO_E_HANDLE);
}

static void another_thread_gives_wrapped_memory_back(struct test *t)
{
	char *data = test_memory(t, 100);

	for (int i = 0; i < 3; i++) {
		uint64_t token = test_token(t);
		abio_buffer buffer = wrap(t, data + i, 10, token);

		test_owed(t, token);
		release_elsewhere(buffer);
		expect_released(t, token, data + i);
	}
}

static void wrapped_memory_that_is_lent_comes_back_after_its_operation(struct test *t)
{
	char *data = test_memory(t, 100);
	uint64_t token = test_token(t);
	abio_buffer buffer = wrap(t, data, 100, token);
	struct abio_event event;
	uint64_t reading;
	abio_io reader;
	int peer = test_reader(t, &reader);

	test_owed(t, token);
	reading = START(t, abio_read_owned, reader, buffer, 0);
	assert_int_equal(abio_buffer_release(buffer), 0);
	test_quiet(t);
	test_send(peer, "hello", 5);
	/* In this order: one event brings the result, the next the memory. */
	event = test_event(t);
	assert_int_equal(event.token, reading);
	assert_int_equal(event.result, 5);
	event = test_event(t);
	assert_int_equal(event.token, token);
	assert_int_equal(event.flags, ABIO_EVENT_RELEASED);
	assert_memory_equal(data, "hello", 5);
}

static void wrapped_memory_is_for_its_own_driver(struct test *t)
{
	uint64_t token = test_token(t);
	abio_buffer buffer = wrap(t, test_memory(t, 10), 10, token);
	abio_driver other = test_driver(t, 0);
	abio_io reader;
	abio_io writer;

	test_owed(t, token);
	assert_int_equal(abio_pipe(other, 0, &reader, &writer), 0);
	test_own(t, reader);
	test_own(t, writer);
	assert_int_equal(abio_read_owned(reader, buffer, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_buffer_set(buffer, 5, 10), 0);
	assert_int_equal(abio_write_owned(writer, buffer, 0, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(lent_state(buffer).lent, 0);
	assert_int_equal(abio_buffer_release(buffer), 0);
	test_finish(t, token);
}

static void closing_the_driver_ends_its_wrapped_buffers(struct test *t)
{
	struct abio_buffer_state state = { .size = sizeof(state) };
	char *data = test_memory(t, 100);
	abio_driver driver = test_driver(t, 0);
	abio_buffer buffers[3];
	abio_io reader;

	test_reader(t, &reader);
	for (int i = 0; i < 3; i++)
		assert_int_equal(abio_buffer_wrap(driver, data, 100, 0, 77, &buffers[i]), 0);
	test_driver_end(t, driver);
	memset(data, 'm', 100);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(abio_buffer_info(buffers[i], &state), ABIO_E_CLOSED);
		assert_int_equal(abio_buffer_set(buffers[i], 0, 0), ABIO_E_CLOSED);
		assert_int_equal(abio_read_owned(reader, buffers[i], 0, 1), ABIO_E_CLOSED);
		assert_int_equal(abio_buffer_retain(buffers[i]), 0);
		assert_int_equal(abio_buffer_release(buffers[i]), 0);
	}
	assert_int_equal(abio_buffer_release(buffers[0]), 0);
	assert_int_equal(abio_buffer_release(buffers[0]), ABIO_E_HANDLE);
	release_elsewhere(buffers[1]);
	assert_int_equal(abio_buffer_release(buffers[2]), 0);
	test_quiet(t);
}

/* What another thread let go of is told, though the driver is shut down by then. */
static void a_driver_that_is_shut_down_still_gives_memory_back(struct test *t)
{
	char *data = test_memory(t, 100);
	uint64_t first = test_token(t);
	uint64_t second = test_token(t);
	abio_buffer one = wrap(t, data, 50, first);
	abio_buffer two = wrap(t, data + 50, 50, second);

	test_owed(t, first);
	test_owed(t, second);
	assert_int_equal(abio_buffer_release(one), 0);
	assert_int_equal(abio_driver_shutdown(t->driver), 0);
	release_elsewhere(two);
	assert_int_equal(abio_driver_close(t->driver), ABIO_E_BUSY);
	expect_released(t, first, data);
	expect_released(t, second, data + 50);
}

static void impossible_wraps_are_refused(struct test *t)
{
	abio_buffer buffer = 0;
	char data[4];

	assert_int_equal(abio_buffer_wrap(t->driver, NULL, 4, 0, 1, &buffer), ABIO_E_ARGUMENT);
	assert_int_equal(abio_buffer_wrap(t->driver, data, 0, 0, 1, &buffer), ABIO_E_ARGUMENT);
	assert_int_equal(abio_buffer_wrap(t->driver, data, 0x7ffff001u, 0, 1, &buffer),
			 ABIO_E_ARGUMENT);
	assert_int_equal(abio_buffer_wrap(t->driver, data, 4, 1, 1, &buffer), ABIO_E_ARGUMENT);
	assert_int_equal(abio_buffer_wrap(t->driver, data, 4, 0, 1, NULL), ABIO_E_ARGUMENT);
	assert_int_equal(abio_buffer_wrap(0, data, 4, 0, 1, &buffer), ABIO_E_HANDLE);
	assert_int_equal(buffer, 0);
}

/* ---- drawn from a pool ----------------------------------------------------------------------- */

static void a_pool_gives_what_it_has_and_no_more(struct test *t)
{
	abio_buffer buffers[4];
	abio_buffer more = 0;
	int64_t live;

	assert_int_equal(abio_buffer_draw(t->driver, &more), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_buffer_pool(t->driver, 4, 1000, 512), 0);
	assert_int_equal(abio_buffer_pool(t->driver, 4, 1000, 512), ABIO_E_BUSY);
	live = test_live_allocations();
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 4; i++) {
			struct abio_buffer_state state;

			assert_int_equal(abio_buffer_draw(t->driver, &buffers[i]), 0);
			state = lent_state(buffers[i]);
			assert_int_equal(state.capacity, 1000);
			assert_int_equal(state.filled, 0);
			assert_int_equal(state.initialized, round == 0 ? 0 : 1000);
			assert_int_equal((uintptr_t)state.data % 512, 0);
			memset(state.data, i, 1000);
			assert_int_equal(abio_buffer_set(buffers[i], 1000, 1000), 0);
		}
		assert_int_equal(abio_buffer_draw(t->driver, &more), ABIO_WOULD_BLOCK);
		for (int i = 0; i < 4; i++) {
			assert_int_equal(lent_data(buffers[i])[0], i);
			assert_int_equal(lent_data(buffers[i])[999], i);
			assert_int_equal(abio_buffer_release(buffers[i]), 0);
		}
	}
	assert_int_equal(test_live_allocations(), live);
	assert_int_equal(more, 0);
}

static void a_drawn_buffer_is_a_new_one_each_time(struct test *t)
{
	struct abio_buffer_state state = { .size = sizeof(state) };
	abio_buffer first = 0;
	abio_buffer second = 0;

	assert_int_equal(abio_buffer_pool(t->driver, 1, 10, 0), 0);
	assert_int_equal(abio_buffer_draw(t->driver, &first), 0);
	assert_int_equal(abio_buffer_release(first), 0);
	assert_int_equal(abio_buffer_draw(t->driver, &second), 0);
	assert_int_not_equal(first, second);
	assert_int_equal(abio_buffer_info(first, &state), ABIO_E_HANDLE);
	assert_int_equal(abio_buffer_release(first), ABIO_E_HANDLE);
	assert_int_equal(abio_buffer_info(second, &state), 0);
	assert_int_equal(abio_buffer_release(second), 0);
}

static void any_thread_gives_a_drawn_buffer_back(struct test *t)
{
	abio_buffer buffer = 0;

	assert_int_equal(abio_buffer_pool(t->driver, 1, 10, 0), 0);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(abio_buffer_draw(t->driver, &buffer), 0);
		release_elsewhere(buffer);
	}
	/* While it is lent it is out. */
	assert_int_equal(abio_buffer_draw(t->driver, &buffer), 0);
	t->kind = ABIO_KIND_PIPE;
	{
		abio_io reader;
		int peer = test_reader(t, &reader);
		uint64_t token = START(t, abio_read_owned, reader, buffer, 0);
		abio_buffer other = 0;

		release_elsewhere(buffer);
		assert_int_equal(abio_buffer_draw(t->driver, &other), ABIO_WOULD_BLOCK);
		test_send(peer, "x", 1);
		assert_int_equal(test_result(t, token), 1);
		assert_int_equal(abio_buffer_draw(t->driver, &other), 0);
		assert_int_equal(abio_buffer_release(other), 0);
	}
}

static void drawn_buffers_outlive_their_driver(struct test *t)
{
	abio_driver driver = test_driver(t, 0);
	abio_buffer buffers[3];
	abio_io reader;
	int peer;

	t->kind = ABIO_KIND_UNIX;
	peer = test_reader(t, &reader);
	assert_int_equal(abio_buffer_pool(driver, 3, 100, 0), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(abio_buffer_draw(driver, &buffers[i]), 0);
	assert_int_equal(abio_buffer_release(buffers[0]), 0);
	test_driver_end(t, driver);
	test_send(peer, "late", 4);
	lent_finish(t, START(t, abio_read_owned, reader, buffers[1], 0), buffers[1]);
	assert_memory_equal(lent_data(buffers[1]), "late", 4);
	assert_int_equal(abio_buffer_release(buffers[1]), 0);
	release_elsewhere(buffers[2]);
}

static void impossible_pools_are_refused(struct test *t)
{
	assert_int_equal(abio_buffer_pool(t->driver, 0, 10, 0), ABIO_E_ARGUMENT);
	assert_int_equal(abio_buffer_pool(t->driver, 65537, 10, 0), ABIO_E_ARGUMENT);
	assert_int_equal(abio_buffer_pool(t->driver, 1, 0, 0), ABIO_E_ARGUMENT);
	assert_int_equal(abio_buffer_pool(t->driver, 1, GIBIBYTE + 1, 0), ABIO_E_ARGUMENT);
	assert_int_equal(abio_buffer_pool(t->driver, 1, 10, 24), ABIO_E_ARGUMENT);
	assert_int_equal(abio_buffer_draw(t->driver, NULL), ABIO_E_ARGUMENT);
	assert_int_equal(abio_buffer_pool(0, 1, 10, 0), ABIO_E_HANDLE);
	/* A refused one is no pool. */
	assert_int_equal(abio_buffer_pool(t->driver, 1, 10, 0), 0);
}

/* ---- fork ------------------------------------------------------------------------------------ */

static int in_the_child(abio_driver driver, abio_io io, const abio_buffer buffers[3])
{
	struct abio_buffer_state state = { .size = sizeof(state) };
	abio_buffer buffer = 0;

	for (int i = 0; i < 3; i++) {
		if (abio_buffer_info(buffers[i], &state) != ABIO_E_FORKED ||
		    abio_buffer_set(buffers[i], 0, 0) != ABIO_E_FORKED ||
		    abio_buffer_retain(buffers[i]) != ABIO_E_FORKED)
			return 1;
		if (abio_read_owned(io, buffers[i], 0, 1) != ABIO_E_FORKED)
			return 2;
		if (abio_buffer_release(buffers[i]) != 0 ||
		    abio_buffer_release(buffers[i]) != ABIO_E_HANDLE)
			return 3;
	}
	if (abio_buffer_draw(driver, &buffer) != ABIO_E_FORKED ||
	    abio_buffer_pool(driver, 1, 1, 0) != ABIO_E_FORKED)
		return 4;
	/* Fresh ones work, and are none of the parent's. */
	if (abio_buffer_alloc(10, 0, 0, &buffer) != 0 || abio_buffer_info(buffer, &state) != 0)
		return 5;
	for (int i = 0; i < 3; i++)
		if (buffer == buffers[i])
			return 6;
	if (abio_buffer_release(buffer) != 0 || abio_driver_abandon(driver) != 0)
		return 7;
	return 0;
}

static void the_child_of_a_fork_can_only_let_go(struct test *t)
{
	uint64_t token = test_token(t);
	char *data = test_memory(t, 10);
	abio_buffer buffers[3];
	uint64_t reading;
	abio_io reader;
	int status = 0;
	int peer;
	pid_t child;

	t->kind = ABIO_KIND_UNIX;
	peer = test_reader(t, &reader);
	assert_int_equal(abio_buffer_pool(t->driver, 1, 10, 0), 0);
	buffers[0] = lent_buffer(t, 100);
	buffers[1] = wrap(t, data, 10, token);
	assert_int_equal(abio_buffer_draw(t->driver, &buffers[2]), 0);
	reading = START(t, abio_read_owned, reader, buffers[0], 0);
	test_quiet(t);
	child = fork();
	if (child == 0)
		_exit(in_the_child(t->driver, reader, buffers));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	test_send(peer, "parent", 6);
	lent_finish(t, reading, buffers[0]);
	assert_memory_equal(lent_data(buffers[0]), "parent", 6);
	assert_int_equal(abio_buffer_release(buffers[2]), 0);
	test_owed(t, token);
	assert_int_equal(abio_buffer_release(buffers[1]), 0);
	expect_released(t, token, data);
}

static const struct test_case cases[] = {
	ONCE(a_fresh_buffer_is_empty),
	ONCE(a_buffer_begins_at_its_alignment),
	ONCE(shapes_out_of_range_are_refused),
	ONCE(what_a_buffer_holds_is_checked),
	ONCE(a_large_capacity_costs_nothing_before_it_is_filled),
	ONCE(the_last_release_ends_the_handle),
	CASE(a_buffer_is_no_io_and_an_io_no_buffer),
	CASE(any_thread_may_hold_a_buffer),
	STREAMS(a_lent_buffer_outlives_its_handle),
	CASE(wrapped_memory_comes_back_in_an_event),
	CASE(another_thread_gives_wrapped_memory_back),
	STREAMS(wrapped_memory_that_is_lent_comes_back_after_its_operation),
	CASE(wrapped_memory_is_for_its_own_driver),
	STREAMS(closing_the_driver_ends_its_wrapped_buffers),
	CASE(a_driver_that_is_shut_down_still_gives_memory_back),
	CASE(impossible_wraps_are_refused),
	CASE(a_pool_gives_what_it_has_and_no_more),
	CASE(a_drawn_buffer_is_a_new_one_each_time),
	CASE(any_thread_gives_a_drawn_buffer_back),
	CASE(drawn_buffers_outlive_their_driver),
	CASE(impossible_pools_are_refused),
	CASE(the_child_of_a_fork_can_only_let_go),
};

TEST_MAIN("buffers", cases)
