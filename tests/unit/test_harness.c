/*
 * The harness itself: what must fail does.  Each bad case runs in a child process, whose report is
 * read back.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "operation.h"
#include "platform.h"
#include "private.h"
#include "sys.h"

#define REPORT_MAX 16384

struct outcome {
	int status; /* of waitpid */
	char report[REPORT_MAX];
};

/* ---- bad cases ------------------------------------------------------------------------------- */

static void leaks_a_descriptor(struct test *t)
{
	(void)t;
	assert_true(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
}

static void leaks_an_allocation(struct test *t)
{
	(void)t;
	assert_non_null(platform_allocate(10));
}

static void leaks_a_reference(struct test *t)
{
	abio_io reader;
	abio_io writer;

	assert_int_equal(abio_pipe(t->driver, 0, &reader, &writer), 0);
	test_own(t, reader);
	test_own(t, writer);
	assert_int_equal(abio_retain(reader), 0);
}

static void hangs(struct test *t)
{
	(void)t;
	for (;;)
		pause();
}

/* As a defect would: the same event is queued again. */
static void has_a_second_terminal_event(struct test *t)
{
	struct driver *driver = handle_find(t->driver, HANDLE_DRIVER)->object;
	struct operation *again;
	uint64_t token = START(t, abio_timer, t->driver, 0, 0);

	assert_int_equal(test_result(t, token), 0);
	again = operation_create(driver, NULL, token);
	operation_accept(again, SIDE_NONE);
	operation_finish(again, 0);
	assert_int_equal(test_event(t).token, token);
}

static void has_a_second_terminal_event_unseen(struct test *t)
{
	struct driver *driver = handle_find(t->driver, HANDLE_DRIVER)->object;
	struct operation *again;
	uint64_t token = START(t, abio_timer, t->driver, 0, 0);

	assert_int_equal(test_result(t, token), 0);
	again = operation_create(driver, NULL, token);
	operation_accept(again, SIDE_NONE);
	operation_finish(again, 0);
}

static void misses_an_event(struct test *t)
{
	test_owed(t, 99);
}

static void fails(struct test *t)
{
	(void)t;
	assert_int_equal(1, 2);
}

static void touches_lent_memory(struct test *t)
{
	char *memory = test_memory(t, 64);
	abio_io reader;
	abio_io writer;

	assert_int_equal(abio_pipe(t->driver, 0, &reader, &writer), 0);
	test_own(t, reader);
	test_own(t, writer);
	test_read(t, reader, memory, 64);
	*(volatile char *)memory = 1;
	/* Only poison stops this case. */
	assert_int_equal(test_live_allocations() >= 0, 1);
}

static void passes(struct test *t)
{
	char *memory = test_memory(t, 64);
	abio_io reader;
	abio_io writer;
	uint64_t token;

	assert_int_equal(abio_pipe(t->driver, 0, &reader, &writer), 0);
	test_own(t, reader);
	test_own(t, writer);
	token = test_read(t, reader, memory, 64);
	assert_int_equal(abio_try_write(writer, "abc", 3, 0), 3);
	assert_int_equal(test_result(t, token), 3);
	assert_memory_equal(memory, "abc", 3);
}

static void is_skipped(struct test *t)
{
	test_skip(t, "for the test of it");
}

/* ---- running them ---------------------------------------------------------------------------- */

enum bad {
	DESCRIPTOR,
	ALLOCATION,
	REFERENCE,
	HANG,
	SECOND_EVENT,
	SECOND_EVENT_UNSEEN,
	MISSED_EVENT,
	FAILURE,
	LENT_MEMORY,
	GOOD,
	SKIPPED,
	BAD_COUNT
};

static const struct test_case bad_cases[BAD_COUNT] = {
	[DESCRIPTOR] = ONCE(leaks_a_descriptor),
	[ALLOCATION] = ONCE(leaks_an_allocation),
	[REFERENCE] = CASE(leaks_a_reference),
	[HANG] = ONCE(hangs),
	[SECOND_EVENT] = CASE(has_a_second_terminal_event),
	[SECOND_EVENT_UNSEEN] = CASE(has_a_second_terminal_event_unseen),
	[MISSED_EVENT] = CASE(misses_an_event),
	[FAILURE] = ONCE(fails),
	[LENT_MEMORY] = CASE(touches_lent_memory),
	[GOOD] = CASE(passes),
	[SKIPPED] = ONCE(is_skipped),
};

static struct outcome outcomes[BAD_COUNT];

static void run_child(const struct test_case *bad, int output)
{
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	unsetenv("ABIO_TEST");
	test_watchdog_seconds = bad == &bad_cases[HANG] ? 1 : 60;
	_exit(test_run("must fail", bad, 1) == 0 ? 0 : 1);
}

static void run_bad(const struct test_case *bad, struct outcome *outcome)
{
	size_t filled = 0;
	ssize_t got;
	int fds[2];
	pid_t child;

	if (pipe2(fds, O_CLOEXEC) < 0)
		abort();
	child = fork();
	if (child < 0)
		abort();
	if (child == 0)
		run_child(bad, fds[1]);
	close(fds[1]);
	while ((got = read(fds[0], outcome->report + filled, REPORT_MAX - 1 - filled)) > 0)
		filled += (size_t)got;
	close(fds[0]);
	waitpid(child, &outcome->status, 0);
}

static void assert_failed(enum bad which, const char *because)
{
	const struct outcome *outcome = &outcomes[which];

	if (!WIFEXITED(outcome->status) || WEXITSTATUS(outcome->status) == 0 ||
	    strstr(outcome->report, because) == NULL)
		fail_msg("status %x, report:\n%s", (unsigned int)outcome->status, outcome->report);
	assert_null(strstr(outcome->report, " 0 failed"));
}

static void a_leaked_descriptor_fails(struct test *t)
{
	(void)t;
	assert_failed(DESCRIPTOR, "left open: ");
	assert_failed(DESCRIPTOR, "0 passed, 1 failed");
}

static void a_leaked_allocation_fails(struct test *t)
{
	(void)t;
	assert_failed(ALLOCATION, "live allocations before");
	assert_failed(ALLOCATION, "0 passed, 1 failed");
}

static void a_leaked_reference_fails(struct test *t)
{
	(void)t;
	assert_failed(REFERENCE, "live allocations before");
	assert_failed(REFERENCE, "0 passed, ");
}

static void a_hang_ends_with_a_count(struct test *t)
{
	(void)t;
	assert_failed(HANG, "HANG in hangs");
	assert_failed(HANG, "0 passed, 1 failed");
}

static void a_second_terminal_event_fails(struct test *t)
{
	(void)t;
	assert_failed(SECOND_EVENT, "a terminal event nobody is owed");
	assert_failed(SECOND_EVENT, "0 passed, ");
}

static void a_second_terminal_event_at_the_end_fails(struct test *t)
{
	(void)t;
	assert_failed(SECOND_EVENT_UNSEEN, "a terminal event nobody is owed");
	assert_failed(SECOND_EVENT_UNSEEN, "0 passed, ");
}

static void a_missing_terminal_event_fails(struct test *t)
{
	(void)t;
	assert_failed(MISSED_EVENT, "had no terminal event");
	assert_failed(MISSED_EVENT, "0 passed, ");
}

static void a_failed_assertion_fails(struct test *t)
{
	(void)t;
	assert_failed(FAILURE, "0 passed, 1 failed");
}

static void lent_memory_is_poisoned(struct test *t)
{
	if (!TEST_ASAN)
		test_skip(t, "needs ASan");
	assert_true(WIFEXITED(outcomes[LENT_MEMORY].status) ||
		    WIFSIGNALED(outcomes[LENT_MEMORY].status));
	if (strstr(outcomes[LENT_MEMORY].report, "use-after-poison") == NULL)
		fail_msg("no poison: %s", outcomes[LENT_MEMORY].report);
}

static void a_good_case_passes(struct test *t)
{
	(void)t;
	if (outcomes[GOOD].status != 0)
		fail_msg("%s", outcomes[GOOD].report);
	assert_non_null(strstr(outcomes[GOOD].report, " 0 failed"));
}

static void a_skipped_case_is_counted_apart(struct test *t)
{
	(void)t;
	assert_int_equal(outcomes[SKIPPED].status, 0);
	assert_non_null(strstr(outcomes[SKIPPED].report, "0 passed, 0 failed, 1 skipped"));
}

static const struct test_case cases[] = {
	ONCE(a_leaked_descriptor_fails),       ONCE(a_leaked_allocation_fails),
	ONCE(a_leaked_reference_fails),        ONCE(a_hang_ends_with_a_count),
	ONCE(a_second_terminal_event_fails),   ONCE(a_second_terminal_event_at_the_end_fails),
	ONCE(a_missing_terminal_event_fails),  ONCE(a_failed_assertion_fails),
	ONCE(lent_memory_is_poisoned),         ONCE(a_good_case_passes),
	ONCE(a_skipped_case_is_counted_apart),
};

int main(void)
{
	for (size_t i = 0; i < BAD_COUNT; i++)
		run_bad(&bad_cases[i], &outcomes[i]);
	return test_run("harness", cases, sizeof(cases) / sizeof(cases[0])) == 0 ? 0 : 1;
}
