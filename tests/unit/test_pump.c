/*
 * The pump over a backend that changes its mind: what there was to do at one look can be done by
 * the kernel before the next, and have come to nothing.
 */
#include "backend.h"
#include "driver.h"
#include "handle.h"
#include "harness.h"

/* Outlives the case: its driver is closed after it. */
static struct backend fickle;

static bool always(struct driver *driver)
{
	(void)driver;
	return true;
}

static void work_that_comes_to_nothing_takes_no_event_along(struct test *t)
{
	struct driver *driver = handle_find(t->driver, HANDLE_DRIVER)->object;
	struct abio_event events[2];
	uint64_t token;

	fickle = *driver->backend;
	fickle.collectable = always;
	driver->backend = &fickle;
	for (int i = 0; i < 3; i++) {
		token = START(t, abio_timer, t->driver, 0, 0);
		/* With room for more: a poll that is full does not look again. */
		assert_int_equal(
			abio_driver_wait(t->driver, events, sizeof(events[0]), 2, TEST_PATIENCE_NS),
			1);
		assert_int_equal(events[0].token, token);
		test_saw(t, &events[0]);
	}
}

static const struct test_case cases[] = {
	CASE(work_that_comes_to_nothing_takes_no_event_along),
};

TEST_MAIN("pump", cases)
