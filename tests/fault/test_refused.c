/*
 * io_uring refused by a seccomp filter, as containers do, by each of its system calls and with each
 * error; by a lack of memory; and a lack of descriptors, which is no reason to do worse in silence.
 */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"
#include "faults.h"
#include "scenario.h"

#define WATCHDOG_SECONDS 60
#define DESCRIPTORS_MAX  64

struct refusal {
	const char *name;
	int calls[3]; /* -1: none */
	int error;
};

static const struct refusal refusals[] = {
	{ "all, EPERM", { SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register }, EPERM },
	{ "all, ENOSYS",
	  { SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register },
	  ENOSYS },
	{ "setup, EPERM", { SYS_io_uring_setup, -1, -1 }, EPERM },
	{ "enter, EPERM", { SYS_io_uring_enter, -1, -1 }, EPERM },
	{ "enter, ENOSYS", { SYS_io_uring_enter, -1, -1 }, ENOSYS },
	{ "register, EPERM", { SYS_io_uring_register, -1, -1 }, EPERM },
	{ "register, EACCES", { SYS_io_uring_register, -1, -1 }, EACCES },
};

static void refuse(const struct refusal *refusal)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	need(filter != NULL);
	for (int i = 0; i < 3; i++)
		if (refusal->calls[i] >= 0)
			need_equal(seccomp_rule_add(filter,
						    SCMP_ACT_ERRNO((uint32_t)refusal->error),
						    refusal->calls[i], 0),
				   0);
	need_equal(seccomp_load(filter), 0);
	seccomp_release(filter);
	/* A filter that refuses nothing would let everything here pass for nothing. */
	errno = 0;
	need(syscall(refusal->calls[0], -1, 0, 0, 0, NULL, 0) == -1 && errno == refusal->error);
}

static void run_scenario(uint32_t backend)
{
	struct scenario scenario = { .backend = backend, .patience_ms = 60000 };

	scenario_run(&scenario);
	need(!scenario.silent);
	need_equal(scenario.first_error, 0);
	need(scenario_clean(&scenario, 1000));
}

/* What the driver says it stands on. */
static struct abio_driver_state state_of(uint32_t backend)
{
	struct abio_driver_options options = { .size = sizeof(options), .backend = backend };
	struct abio_driver_state state = { .size = sizeof(state) };
	abio_driver driver = 0;

	need_equal(abio_driver_create(&options, &driver), 0);
	need_equal(abio_driver_info(driver, &state), 0);
	need_equal(abio_driver_close(driver), 0);
	need(memchr(state.reason, 0, sizeof(state.reason)) != NULL && state.reason[0] != 0);
	return state;
}

static int32_t created(uint32_t backend)
{
	struct abio_driver_options options = { .size = sizeof(options), .backend = backend };
	abio_driver driver = 0;
	int32_t result = abio_driver_create(&options, &driver);

	if (result == 0)
		need_equal(abio_driver_close(driver), 0);
	else
		need_equal((int64_t)driver, 0);
	return result;
}

static void need_fallen_back(int32_t error)
{
	struct abio_driver_state state = state_of(ABIO_BACKEND_AUTO);
	const char *reason = (const char *)state.reason;

	need_equal(state.backend, ABIO_BACKEND_EPOLL);
	need_equal(state.fallback_error, error);
	need(strstr(reason, "epoll") != NULL && strstr(reason, "io_uring") != NULL);
	need(strstr(reason, abio_error_name(error)) != NULL);
}

static int run_refused(void *argument)
{
	const struct refusal *refusal = argument;
	char before[400];
	int fds;

	unsetenv("ABIO_BACKEND");
	refuse(refusal);
	fds = open_fds();
	describe_fds(before, sizeof(before));
	faults_install();
	need_fallen_back(-refusal->error);
	need_equal(created(ABIO_BACKEND_URING), ABIO_E_UNSUPPORTED);
	setenv("ABIO_BACKEND", "uring", 1);
	need_equal(created(ABIO_BACKEND_AUTO), ABIO_E_UNSUPPORTED);
	setenv("ABIO_BACKEND", "epoll", 1);
	need_equal(state_of(ABIO_BACKEND_AUTO).fallback_error, 0);
	unsetenv("ABIO_BACKEND");
	run_scenario(ABIO_BACKEND_AUTO);
	run_scenario(ABIO_BACKEND_EPOLL);
	need_nothing_left(fds, before);
	return CHILD_OK;
}

/* ---- the reasons the system gives for a moment ----------------------------------------------- */

static int run_short_of_memory(void *argument)
{
	struct fault fault = { FAULT_ring_create, 1, ENOMEM, true };

	(void)argument;
	faults_install();
	faults_plan(&fault);
	need_fallen_back(-ENOMEM);
	need_equal(created(ABIO_BACKEND_URING), -ENOMEM);
	run_scenario(ABIO_BACKEND_AUTO);
	/* Only for a moment: it is not remembered. */
	faults_lift();
	need_equal(state_of(ABIO_BACKEND_AUTO).backend, ABIO_BACKEND_URING);
	return CHILD_OK;
}

/* Whatever the trial stumbles over, there is a driver, and it says why. */
static int run_failing_trial(void *argument)
{
	static const enum fault_entry entries[] = { FAULT_ring_enter, FAULT_ring_enable,
						    FAULT_ring_event, FAULT_ring_probe };

	(void)argument;
	faults_install();
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		struct fault fault = { entries[i], 1, EBADFD, true };

		faults_plan(&fault);
		need_fallen_back(-EBADFD);
		need(faults_hits() > 0);
	}
	return CHILD_OK;
}

static int run_table_full(void *argument)
{
	struct fault fault = { FAULT_ring_create, 1, ENFILE, true };

	(void)argument;
	faults_install();
	faults_plan(&fault);
	need_equal(created(ABIO_BACKEND_AUTO), -ENFILE);
	need_equal(created(ABIO_BACKEND_URING), -ENFILE);
	return CHILD_OK;
}

static int highest_fd(void)
{
	int highest = 0;

	for (int fd = 0; fd < 4096; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			highest = fd;
	return highest;
}

/* With one more descriptor each time: EMFILE until there are enough, and then all of io_uring. */
static int run_few_descriptors(void *argument)
{
	struct rlimit whole;
	int refused = 0;
	int base = highest_fd();

	(void)argument;
	for (int fd = 3; fd < base; fd++)
		close(fd);
	need(getrlimit(RLIMIT_NOFILE, &whole) == 0);
	for (rlim_t most = 3; most < DESCRIPTORS_MAX; most++) {
		struct rlimit limit = { most, whole.rlim_max };
		struct abio_driver_options options = { .size = sizeof(options) };
		struct abio_driver_state state = { .size = sizeof(state) };
		abio_driver driver = 0;
		int32_t result;

		need(setrlimit(RLIMIT_NOFILE, &limit) == 0);
		result = abio_driver_create(&options, &driver);
		if (result == 0) {
			need_equal(abio_driver_info(driver, &state), 0);
			need_equal(state.backend, ABIO_BACKEND_URING);
			need_equal(abio_driver_close(driver), 0);
			need(refused > 0);
			return CHILD_OK;
		}
		need_equal(result, -EMFILE);
		refused++;
		need(setrlimit(RLIMIT_NOFILE, &whole) == 0);
	}
	child_fail("no driver with %d descriptors", DESCRIPTORS_MAX);
}

static void check(const char *name, int (*body)(void *argument), void *argument)
{
	bool passed = child_run(WATCHDOG_SECONDS, body, argument) == CHILD_OK;

	tally(passed, "%s%s%s", name, passed ? "" : ": ", child_said());
}

int main(void)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct refusal refusal = refusals[i];
		char name[80];

		snprintf(name, sizeof(name), "io_uring refused (%s)", refusal.name);
		/* Where a sandbox refuses it already, only refusing all of it says something new.
		 */
		if (refusal.calls[1] < 0 && !variant_works(&variants[0])) {
			tally_skip("%s: it does not work here anyway", name);
			continue;
		}
		check(name, run_refused, &refusal);
	}
	unsetenv("ABIO_BACKEND");
	if (!variant_works(&variants[0])) {
		tally_skip("what an io_uring that works does when refused for a moment");
		return tally_end();
	}
	check("no memory for a ring", run_short_of_memory, NULL);
	check("a trial that fails", run_failing_trial, NULL);
	check("the system's table of files is full", run_table_full, NULL);
	check("few descriptors", run_few_descriptors, NULL);
	return tally_end();
}
