/* Drivers, handles, time, memory, threads and forks, on a machine that has none of them. */
#include "loop.h"

static void time_passes_while_a_driver_sleeps(abio_driver driver)
{
	int64_t before = 0;
	int64_t after = 0;
	uint64_t later = START(abio_timer, driver, 2000, 0);
	uint64_t sooner = START(abio_timer, driver, 1000, 0);
	struct abio_event event;

	EXPECT_EQUAL(abio_clock(&before), 0);
	EXPECT_EQUAL(abio_driver_wait(driver, &event, sizeof(event), 1, -1), 1);
	EXPECT_EQUAL(event.token, sooner);
	EXPECT_EQUAL(result_of(driver, later), 0);
	EXPECT_EQUAL(abio_clock(&after), 0);
	EXPECT_EQUAL(after - before, 2000);
}

static void a_timer_is_cancelled(abio_driver driver)
{
	uint64_t token = START(abio_timer, driver, 1000000, 0);

	EXPECT_EQUAL(abio_cancel(driver, token), 1);
	EXPECT_EQUAL(result_of(driver, token), ABIO_E_CANCELED);
}

static void a_wait_ends_in_time(abio_driver driver)
{
	struct abio_event event;
	int64_t before = machine.now_ns;

	EXPECT_EQUAL(abio_driver_wait(driver, &event, sizeof(event), 1, 500), 0);
	EXPECT_EQUAL(machine.now_ns - before, 500);
}

static void a_wake_is_an_event(abio_driver driver)
{
	struct abio_event event;

	EXPECT_EQUAL(abio_driver_wake(driver), 0);
	EXPECT_EQUAL(abio_driver_wake(driver), 0);
	EXPECT_EQUAL(abio_driver_wait(driver, &event, sizeof(event), 1, -1), 1);
	EXPECT_EQUAL(event.flags, ABIO_EVENT_WAKE);
	quiet(driver);
}

static void what_needs_a_system_is_not_supported(abio_driver driver)
{
	struct abio_address address = { .size = sizeof(address),
					.family = ABIO_FAMILY_IPV4,
					.length = 4 };
	abio_io one = 0;
	abio_io two = 0;

	EXPECT_EQUAL(abio_open(driver, "a", 1, NULL, 1), ABIO_E_UNSUPPORTED);
	EXPECT_EQUAL(abio_connect(driver, &address, NULL, 1), ABIO_E_UNSUPPORTED);
	EXPECT_EQUAL(abio_listen(driver, &address, NULL, &one), ABIO_E_UNSUPPORTED);
	EXPECT_EQUAL(abio_adopt(driver, 0, 0, 0, &one), ABIO_E_UNSUPPORTED);
	EXPECT_EQUAL(abio_pipe(driver, 0, &one, &two), ABIO_E_UNSUPPORTED);
}

static void codes_have_names(abio_driver driver)
{
	(void)driver;
	EXPECT_EQUAL(strcmp(abio_error_name(ABIO_E_BUSY), "ABIO_E_BUSY"), 0);
	EXPECT_EQUAL(strcmp(abio_error_name(-12), "ENOMEM"), 0);
	EXPECT_EQUAL(abio_error_kind(ABIO_WOULD_BLOCK), ABIO_CLASS_AGAIN);
	EXPECT(abio_api(0) != NULL);
	EXPECT(abio_api(0)->driver_create == abio_driver_create);
}

static void handles_are_refused_when_stale(abio_driver driver)
{
	struct loop loop;
	abio_io io = make_loop(driver, &loop, 16, 16);
	char data[4];

	EXPECT_EQUAL(abio_retain(io), 0);
	EXPECT_EQUAL(abio_release(io), 0);
	EXPECT_EQUAL(abio_try_read(io, data, 4, 0), ABIO_WOULD_BLOCK);
	EXPECT_EQUAL(abio_release(io), 0);
	EXPECT_EQUAL(abio_try_read(io, data, 4, 0), ABIO_E_HANDLE);
	EXPECT_EQUAL(abio_release(io), ABIO_E_HANDLE);
	EXPECT_EQUAL(abio_release(driver), ABIO_E_HANDLE);
}

static void another_thread_is_refused_until_the_first_is_gone(abio_driver driver)
{
	struct loop loop;
	abio_io io = make_loop(driver, &loop, 16, 16);
	char data[4];
	uint64_t waiting = START(abio_read, io, data, 4, 0);

	machine.thread = 2;
	EXPECT_EQUAL(abio_try_write(io, "x", 1, 0), ABIO_E_WRONG_THREAD);
	EXPECT_EQUAL(abio_driver_wake(driver), 0);
	machine.owner_gone = true;
	EXPECT(abio_driver_shutdown(driver) >= 0);
	EXPECT_EQUAL(result_of(driver, waiting), ABIO_E_CANCELED);
}

static void a_fork_is_told(abio_driver driver)
{
	struct loop loop;
	abio_io io = make_loop(driver, &loop, 16, 16);
	char data[4];

	machine.epoch = 2;
	EXPECT_EQUAL(abio_try_read(io, data, 4, 0), ABIO_E_FORKED);
	EXPECT_EQUAL(abio_driver_shutdown(driver), ABIO_E_FORKED);
	machine.epoch = 1;
	EXPECT_EQUAL(abio_try_read(io, data, 4, 0), ABIO_WOULD_BLOCK);
}

/* At every allocation in turn: a code, and everything goes on afterwards. */
static void memory_that_is_refused_breaks_nothing(abio_driver driver)
{
	static char data[8];
	uint32_t refused = 0;

	for (int64_t nth = 0; nth < 40; nth++) {
		struct loop loop;
		abio_io io = make_loop(driver, &loop, 16, 16);
		abio_io halves[2] = { 0, 0 };
		int32_t split;
		int32_t reading;

		machine.refuse_after = nth;
		split = abio_split(io, &halves[0], &halves[1]);
		reading = abio_read(io, data, sizeof(data), 0, 1000 + (uint64_t)nth);
		machine.refuse_after = -1;
		EXPECT(split == 0 || split == -12);
		EXPECT(reading == 0 || reading == -12);
		refused += split < 0 || reading < 0;
		EXPECT_EQUAL(abio_try_write(io, "ok", 2, 0), 2);
		if (reading == 0)
			EXPECT_EQUAL(result_of(driver, 1000 + (uint64_t)nth), 2);
		for (int i = 0; i < 2 && split == 0; i++)
			EXPECT_EQUAL(abio_release(halves[i]), 0);
		abio_release(io);
		while (loop.released == 0)
			finish(driver, fresh() - 1);
		reset_cases();
	}
	EXPECT(refused > 2);
}

static void a_driver_ends_all_that_is_in_flight(abio_driver driver)
{
	struct loop loop;
	abio_io io = make_loop(driver, &loop, 16, 16);
	static char data[4];
	uint64_t reading = START(abio_read, io, data, 4, 0);
	uint64_t sleeping = START(abio_timer, driver, 1000000, 0);

	quiet(driver);
	EXPECT_EQUAL(abio_driver_close(driver), ABIO_E_BUSY);
	EXPECT(abio_driver_shutdown(driver) >= 0);
	EXPECT_EQUAL(result_of(driver, reading), ABIO_E_CANCELED);
	EXPECT_EQUAL(result_of(driver, sleeping), ABIO_E_CANCELED);
	EXPECT_EQUAL(abio_timer(driver, 1, 0, 1), ABIO_E_CLOSED);
}

static void a_pool_gives_and_takes_back(abio_driver driver)
{
	abio_buffer buffers[3] = { 0, 0, 0 };

	EXPECT_EQUAL(abio_buffer_draw(driver, &buffers[0]), ABIO_E_UNSUPPORTED);
	EXPECT_EQUAL(abio_buffer_pool(driver, 2, 64, 64), 0);
	EXPECT_EQUAL(abio_buffer_draw(driver, &buffers[0]), 0);
	EXPECT_EQUAL(abio_buffer_draw(driver, &buffers[1]), 0);
	EXPECT_EQUAL(abio_buffer_draw(driver, &buffers[2]), ABIO_WOULD_BLOCK);
	EXPECT_EQUAL((uintptr_t)state_of_buffer(buffers[0]).data % 64, 0);
	EXPECT_EQUAL(abio_buffer_release(buffers[0]), 0);
	EXPECT_EQUAL(abio_buffer_draw(driver, &buffers[2]), 0);
	EXPECT_EQUAL(abio_buffer_release(buffers[1]), 0);
	EXPECT_EQUAL(abio_buffer_release(buffers[2]), 0);
}

static void wrapped_memory_comes_back_by_an_event(abio_driver driver)
{
	static uint8_t memory[32];
	abio_buffer buffer = 0;
	uint64_t token = fresh();
	struct abio_event event;

	EXPECT_EQUAL(abio_buffer_wrap(driver, memory, sizeof(memory), 0, token, &buffer), 0);
	EXPECT(state_of_buffer(buffer).data == memory);
	quiet(driver);
	EXPECT_EQUAL(abio_buffer_release(buffer), 0);
	event = finish(driver, token);
	EXPECT_EQUAL(event.flags, ABIO_EVENT_RELEASED);
	EXPECT_EQUAL(event.data, (uintptr_t)memory);
}

const struct freestanding_case core_cases[] = {
	{ "time_passes_while_a_driver_sleeps", time_passes_while_a_driver_sleeps },
	{ "a_timer_is_cancelled", a_timer_is_cancelled },
	{ "a_wait_ends_in_time", a_wait_ends_in_time },
	{ "a_wake_is_an_event", a_wake_is_an_event },
	{ "what_needs_a_system_is_not_supported", what_needs_a_system_is_not_supported },
	{ "codes_have_names", codes_have_names },
	{ "handles_are_refused_when_stale", handles_are_refused_when_stale },
	{ "another_thread_is_refused_until_the_first_is_gone",
	  another_thread_is_refused_until_the_first_is_gone },
	{ "a_fork_is_told", a_fork_is_told },
	{ "memory_that_is_refused_breaks_nothing", memory_that_is_refused_breaks_nothing },
	{ "a_driver_ends_all_that_is_in_flight", a_driver_ends_all_that_is_in_flight },
	{ "a_pool_gives_and_takes_back", a_pool_gives_and_takes_back },
	{ "wrapped_memory_comes_back_by_an_event", wrapped_memory_comes_back_by_an_event },
};
const uint32_t core_case_count = sizeof(core_cases) / sizeof(core_cases[0]);
