/*
 * Every allocation, every system call and every request handed to an io_uring fails in turn: once,
 * from then on until the program cleans up, and from then on for good.
 *
 * Each injection runs the scenario in a child of its own.  It must end with an error code, unless
 * the library is right to do without (excused below, with the reason), in no case by a signal or a
 * hang; then everything can be closed, and descriptors and allocations are what they were.  The
 * calls of an entry are failed one after the other until one run has none left to fail, so that new
 * ones need no change here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "faults.h"
#include "scenario.h"

#define WATCHDOG_SECONDS     60
#define PATIENCE_MS          5000u
#define PATIENCE_EXCUSED_MS  60u
#define CLOSING_TRIES        400u
#define CLOSING_TRIES_FAULTY 6u
#define CALLS_MAX            2000u

enum mode {
	ONCE,
	UNTIL_CLEANUP,
	FOR_GOOD,
	MODES
};
static const char *const mode_names[MODES] = { "once", "until cleanup", "for good" };

/* What the scenario may do without noticing. */
enum excuse {
	NONE,
	UNNOTICED = 1,      /* there is another way, or nobody who could be told */
	UNNOTICED_ONCE = 2, /* tried again */
	ONLY_TWO = 8,       /* of all calls, that is */
	SILENT = 4,         /* when it goes on, nothing can be done but to wait */
};

struct injection {
	enum fault_entry entry;
	int32_t error;
	uint32_t excuse;
};

static const struct injection injections[] = {
	/* Buffers for the kernel to pick, and workers for it to copy on. */
	{ FAULT_memory, ENOMEM, UNNOTICED_ONCE | ONLY_TWO },
	{ FAULT_close, EIO, UNNOTICED }, /* not every close is somebody's */
	{ FAULT_fstat, ENOMEM, NONE },
	{ FAULT_get_flags, EBADF, NONE },
	{ FAULT_set_flags, EPERM, NONE },
	{ FAULT_duplicate, EMFILE, NONE },
	{ FAULT_seek, ESPIPE, UNNOTICED }, /* what has no position begins at its start */
	{ FAULT_poll, ENOMEM, NONE },
	{ FAULT_open, ENOMEM, NONE },
	{ FAULT_open, EMFILE, NONE },
	{ FAULT_preadv, EIO, NONE },
	{ FAULT_preadv, ENOMEM, NONE },
	{ FAULT_preadv_nowait, EAGAIN, UNNOTICED }, /* a hint */
	{ FAULT_preadv_nowait, EIO, NONE },
	{ FAULT_pwritev, EIO, NONE },
	{ FAULT_pwritev, ENOSPC, NONE },
	{ FAULT_sync, EIO, NONE },
	{ FAULT_send_file, EPIPE, NONE },
	{ FAULT_send_file, EINVAL, UNNOTICED }, /* then through a buffer */
	{ FAULT_send_file, EAGAIN, UNNOTICED_ONCE | SILENT },
	{ FAULT_copy_range, EIO, NONE },
	{ FAULT_copy_range, EXDEV, UNNOTICED },
	{ FAULT_length, EIO, NONE },
	{ FAULT_pipe, EMFILE, NONE },
	{ FAULT_pipe, ENFILE, NONE },
	{ FAULT_readv, EIO, NONE },
	{ FAULT_readv, EAGAIN, UNNOTICED_ONCE | SILENT },
	{ FAULT_writev, EPIPE, NONE },
	{ FAULT_writev, ENOMEM, NONE },
	{ FAULT_writev, EAGAIN, UNNOTICED_ONCE | SILENT },
	{ FAULT_socket, EMFILE, NONE },
	{ FAULT_socket, ENOBUFS, NONE },
	{ FAULT_bind, EADDRINUSE, NONE },
	{ FAULT_listen, EADDRINUSE, NONE },
	{ FAULT_connect, ECONNREFUSED, NONE },
	{ FAULT_connect, ENOMEM, NONE },
	{ FAULT_accept, EMFILE, NONE },
	{ FAULT_accept, ECONNABORTED, NONE },
	{ FAULT_accept, EAGAIN, UNNOTICED_ONCE | SILENT },
	{ FAULT_receive, ECONNRESET, NONE },
	{ FAULT_receive, ENOMEM, NONE },
	{ FAULT_receive, EAGAIN, UNNOTICED_ONCE | SILENT },
	{ FAULT_send, EPIPE, NONE },
	{ FAULT_send, ENOBUFS, NONE },
	{ FAULT_send, EAGAIN, UNNOTICED | SILENT }, /* try_write says WOULD_BLOCK */
	{ FAULT_receive_message, ECONNREFUSED, NONE },
	{ FAULT_receive_message, EAGAIN, UNNOTICED | SILENT }, /* the try says WOULD_BLOCK */
	{ FAULT_send_message, ENOBUFS, NONE },
	{ FAULT_send_message, EAGAIN, UNNOTICED | SILENT }, /* try_send_to says WOULD_BLOCK */
	{ FAULT_shutdown, ENOTCONN, NONE },
	{ FAULT_get_option, ENOBUFS, NONE },
	{ FAULT_set_option, ENOPROTOOPT, NONE },
	{ FAULT_local_address, ENOBUFS, NONE },
	{ FAULT_peer_address, ENOTCONN, UNNOTICED }, /* then it has no peer */
	{ FAULT_event_create, EMFILE, NONE },
	{ FAULT_event_create, ENOMEM, NONE },
	{ FAULT_event_ring, EAGAIN, UNNOTICED },  /* its counter is full: it is readable */
	{ FAULT_event_drain, EAGAIN, UNNOTICED }, /* nothing to drain */
	{ FAULT_epoll_create, EMFILE, NONE },
	{ FAULT_epoll_create, ENOMEM, NONE },
	{ FAULT_epoll_control, ENOSPC, UNNOTICED }, /* leaving the set cannot be refused */
	{ FAULT_epoll_control, ENOMEM, UNNOTICED },
	{ FAULT_epoll_take, EIO, UNNOTICED_ONCE }, /* events go first, the error when it stays */
	{ FAULT_timer_create, EMFILE, NONE },
	{ FAULT_timer_set, ENOMEM, NONE },
	{ FAULT_ring_create, ENOMEM, NONE },
	{ FAULT_ring_create, EMFILE, NONE },
	{ FAULT_ring_create, EPERM, NONE },
	{ FAULT_ring_enable, EBADFD, NONE },
	{ FAULT_ring_register, EINVAL, UNNOTICED }, /* only a shorter way */
	{ FAULT_ring_event, ENOMEM, NONE },
	{ FAULT_ring_probe, EINVAL, NONE },
	{ FAULT_ring_buffers, ENOMEM, UNNOTICED }, /* received by hand instead */
	{ FAULT_ring_enter, EIO, NONE },
	{ FAULT_ring_enter, ENOMEM, NONE },
	{ FAULT_ring_enter, EAGAIN, UNNOTICED | SILENT },
	{ FAULT_ring_enter, EBUSY, UNNOTICED | SILENT },
	{ FAULT_ring_enter, EINTR, UNNOTICED | SILENT },
	{ FAULT_thread_start, EAGAIN, UNNOTICED }, /* the threads that are there do it */
	{ FAULT_thread_start, ENOMEM, UNNOTICED },
	{ FAULT_thread_alive, EPERM, NONE },
	{ FAULT_names, ENOMEM, UNNOTICED }, /* asked again on a worker */
	{ FAULT_mark_page, ENOMEM, NONE },
	{ FAULT_request, EIO, NONE },
	{ FAULT_request, ENOMEM, UNNOTICED },
	{ FAULT_request, EINTR, UNNOTICED | SILENT },
	{ FAULT_request, EAGAIN, UNNOTICED | SILENT },
	{ FAULT_request, ECANCELED, UNNOTICED },
	{ FAULT_ANY_SYSTEM_CALL, ENOMEM, UNNOTICED },
};
#define INJECTIONS (sizeof(injections) / sizeof(injections[0]))

struct attempt {
	const struct variant *variant;
	const struct injection *injection;
	enum mode mode;
	uint64_t nth;
	enum fault_cut cut;
};

enum {
	NOTHING_TO_FAIL = 3,
	NOT_NOTICED = 4
};

static bool excused(const struct attempt *attempt, uint32_t excuse)
{
	return (attempt->injection->excuse & excuse) != 0;
}

/* False when nobody noticed, and that is excused. */
static bool judge(const struct attempt *attempt, const struct scenario *scenario)
{
	if (scenario->silent && !(attempt->mode != ONCE && excused(attempt, SILENT)))
		child_fail("nothing happened any more, and nobody said why");
	if (scenario->errors > 0 || scenario->silent)
		return true;
	if (!excused(attempt, UNNOTICED) &&
	    !(attempt->mode == ONCE && excused(attempt, UNNOTICED_ONCE)))
		child_fail("it failed, and no code said so");
	return false;
}

static void end(struct scenario *scenario, enum mode mode, int *fds, bool *abandoned)
{
	if (mode == FOR_GOOD && !scenario_clean(scenario, CLOSING_TRIES_FAULTY)) {
		*fds += (int)scenario_abandon(scenario);
		*abandoned = true;
		return;
	}
	faults_lift();
	if (!scenario_clean(scenario, CLOSING_TRIES))
		child_fail("it cannot be closed; first error: %s",
			   abio_error_name(scenario->first_error));
}

/*
 * After abandon, what operations in flight used is left on purpose.  Descriptors are not, but those
 * the system was opening for us at that moment.
 */
static void settle(int fds, int most, const char *before, bool abandoned)
{
	char after[400];

	for (int i = 0; i < 3000 && ((faults_live() != 0 && !abandoned) || open_fds() > most); i++)
		usleep(1000);
	if (faults_live() != 0 && !abandoned)
		child_fail("%lld allocations are left", (long long)faults_live());
	describe_fds(after, sizeof(after));
	if (open_fds() < fds || open_fds() > most)
		child_fail("descriptors%s:%s\n    before:%s", abandoned ? " (abandoned)" : "",
			   after, before);
}

static int run_attempt(void *argument)
{
	const struct attempt *attempt = argument;
	struct fault fault = { attempt->injection->entry, attempt->nth, attempt->injection->error,
			       attempt->mode != ONCE };
	struct scenario scenario = { .backend = attempt->variant->backend,
				     .flags = attempt->variant->flags };
	bool abandoned = false;
	bool noticed = true;
	char before[400];
	int fds = open_fds();
	int most = fds;

	describe_fds(before, sizeof(before));
	scenario.patience_ms = attempt->mode != ONCE && excused(attempt, SILENT)
				       ? PATIENCE_EXCUSED_MS
				       : PATIENCE_MS;
	faults_install();
	faults_plan(&fault);
	scenario_run(&scenario);
	if (faults_hits() > 0)
		noticed = judge(attempt, &scenario);
	end(&scenario, attempt->mode, &most, &abandoned);
	settle(fds, most, before, abandoned);
	if (faults_hits() == 0)
		return NOTHING_TO_FAIL;
	return noticed ? CHILD_OK : NOT_NOTICED;
}

/* Fails the first call, then the second, until there is none; `step` leaves some out. */
static uint64_t run_injection(const struct attempt *first, uint64_t step)
{
	struct attempt attempt = *first;
	uint64_t failed = 0;
	uint64_t done = 0;
	uint64_t unnoticed = 0;
	bool only_two = excused(first, ONLY_TWO);

	for (attempt.nth = 1; attempt.nth < CALLS_MAX; attempt.nth += step) {
		int result = child_run(WATCHDOG_SECONDS, run_attempt, &attempt);

		if (result == NOTHING_TO_FAIL)
			break;
		done++;
		if (result == NOT_NOTICED && ++unnoticed > 2 && only_two)
			tally(false, "%s: %s, call %llu: one more that nobody notices",
			      attempt.variant->name, faults_name(attempt.injection->entry),
			      (unsigned long long)attempt.nth);
		if (result == CHILD_OK || result == NOT_NOTICED)
			continue;
		if (failed++ < 3)
			printf("  %s: %s, call %llu, %s, %s: %s\n", attempt.variant->name,
			       faults_name(attempt.injection->entry),
			       (unsigned long long)attempt.nth,
			       abio_error_name(-attempt.injection->error), mode_names[attempt.mode],
			       child_said());
		fflush(stdout);
	}
	if (done > 0)
		tally(failed == 0, "%s: each of %llu %s fails with %s, %s%s", attempt.variant->name,
		      (unsigned long long)done, faults_name(attempt.injection->entry),
		      abio_error_name(-attempt.injection->error), mode_names[attempt.mode],
		      failed == 0 ? "" : " (see above)");
	return done;
}

/* ---- what must be so before failures mean anything ------------------------------------------ */

static int run_clean(void *argument)
{
	const struct attempt *attempt = argument;
	struct scenario scenario = { .backend = attempt->variant->backend,
				     .flags = attempt->variant->flags,
				     .patience_ms = 60000 };
	char before[400];
	int fds = open_fds();

	describe_fds(before, sizeof(before));
	faults_install();
	faults_cut(attempt->cut);
	scenario_run(&scenario);
	if (scenario.silent)
		child_fail("it stalled");
	if (scenario.errors > 0)
		child_fail("it failed with %s", abio_error_name(scenario.first_error));
	need(scenario_clean(&scenario, CLOSING_TRIES));
	settle(fds, fds, before, false);
	faults_remove();
	return CHILD_OK;
}

static void clean(const struct variant *variant)
{
	static const char *const names[] = { "whole transfers", "transfers of one byte",
					     "transfers of one byte less" };

	for (int cut = FAULT_CUT_NONE; cut <= FAULT_CUT_ONE_LESS; cut++) {
		struct attempt attempt = { .variant = variant, .cut = (enum fault_cut)cut };

		bool passed = child_run(WATCHDOG_SECONDS, run_clean, &attempt) == CHILD_OK;

		tally(passed, "%s: the scenario succeeds, %s%s%s", variant->name, names[cut],
		      passed ? "" : ": ", child_said());
	}
}

static bool wanted(const char *name)
{
	const char *only = getenv("ABIO_TEST");

	return only == NULL || strstr(name, only) != NULL;
}

static uint64_t fail_everything(const struct variant *variant)
{
	uint64_t done = 0;

	for (size_t i = 0; i < INJECTIONS; i++) {
		struct attempt attempt = { .variant = variant, .injection = &injections[i] };

		if (!wanted(faults_name(injections[i].entry)))
			continue;
		for (int mode = 0; mode < MODES; mode++) {
			bool slow = mode != ONCE && (injections[i].excuse & SILENT) != 0;

			attempt.mode = (enum mode)mode;
			done += run_injection(&attempt, slow ? 7 : 1);
		}
	}
	return done;
}

/* An entry nobody fails here is a hole. */
static void check_every_entry(void)
{
	for (int entry = 0; entry < FAULT_COUNTERS; entry++) {
		bool found = !faults_can_fail((enum fault_entry)entry);

		for (size_t i = 0; i < INJECTIONS; i++)
			found = found || (int)injections[i].entry == entry;
		tally(found, "there is an injection for %s", faults_name((enum fault_entry)entry));
	}
}

int main(void)
{
	static const struct variant automatic = { "automatic", ABIO_BACKEND_AUTO, 0 };
	uint64_t done = 0;

	check_every_entry();
	for (int i = 0; i < VARIANTS; i++) {
		if (!variant_works(&variants[i])) {
			tally_skip("%s does not work here", variants[i].name);
			continue;
		}
		clean(&variants[i]);
		done += fail_everything(&variants[i]);
	}
	clean(&automatic);
	printf("%llu injections\n", (unsigned long long)done);
	return tally_end();
}
