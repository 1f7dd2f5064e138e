/*
 * Signals interrupt system calls: no EINTR comes out, nothing is done twice, nothing is lost.
 *
 * Below the table of system calls stands libc; this program's own versions of its functions answer
 * EINTR every second time.  Two of them have done their work all the same, as on Linux: close, and
 * connect, which goes on in the background.  And real signals, many, without SA_RESTART.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "child.h"
#include "faults.h"
#include "scenario.h"

#define FUNCTIONS(X)                                                                          \
	X(open)                                                                               \
	X(close)                                                                              \
	X(fcntl) X(preadv) X(preadv2) X(pwritev) X(pwritev2) X(fdatasync) X(readv) X(connect) \
		X(accept4) X(recvmsg) X(sendmsg) X(shutdown) X(getsockopt) X(setsockopt)      \
			X(getsockname) X(epoll_ctl) X(epoll_wait) X(timerfd_settime) X(ppoll) \
				X(read) X(write)

#define ENUMERATE(name) CALL_##name,
enum call {
	FUNCTIONS(ENUMERATE) CALLS
};
#define NAME(name) #name,
static const char *const names[CALLS] = { FUNCTIONS(NAME) };

static _Atomic bool interrupting;
static _Atomic uint32_t calls[CALLS];
static _Atomic uint32_t interrupted[CALLS];

/* Every second call of each function. */
static bool interrupt(enum call call)
{
	if (!interrupting || atomic_fetch_add(&calls[call], 1) % 2 != 0)
		return false;
	interrupted[call]++;
	errno = EINTR;
	return true;
}

#define REPLACE(type, name, parameters, ...)                                     \
	type name parameters                                                     \
	{                                                                        \
		return interrupt(CALL_##name) ? -1 : (type)syscall(__VA_ARGS__); \
	}

REPLACE(ssize_t, preadv, (int fd, const struct iovec *iovecs, int count, off_t offset), SYS_preadv,
	fd, iovecs, count, offset, 0)
REPLACE(ssize_t, preadv2, (int fd, const struct iovec *iovecs, int count, off_t offset, int flags),
	SYS_preadv2, fd, iovecs, count, offset, 0, flags)
REPLACE(ssize_t, pwritev, (int fd, const struct iovec *iovecs, int count, off_t offset),
	SYS_pwritev, fd, iovecs, count, offset, 0)
REPLACE(ssize_t, pwritev2, (int fd, const struct iovec *iovecs, int count, off_t offset, int flags),
	SYS_pwritev2, fd, iovecs, count, offset, 0, flags)
REPLACE(int, fdatasync, (int fd), SYS_fdatasync, fd)
REPLACE(ssize_t, readv, (int fd, const struct iovec *iovecs, int count), SYS_readv, fd, iovecs,
	count)
REPLACE(int, accept4,
	(int fd, struct sockaddr *restrict address, socklen_t *restrict length, int flags),
	SYS_accept4, fd, address, length, flags)
REPLACE(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), SYS_recvmsg, fd, message,
	flags)
REPLACE(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), SYS_sendmsg, fd,
	message, flags)
REPLACE(int, shutdown, (int fd, int how), SYS_shutdown, fd, how)
REPLACE(int, getsockopt,
	(int fd, int level, int name, void *restrict value, socklen_t *restrict length),
	SYS_getsockopt, fd, level, name, value, length)
REPLACE(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t length),
	SYS_setsockopt, fd, level, name, value, length)
REPLACE(int, getsockname, (int fd, struct sockaddr *restrict address, socklen_t *restrict length),
	SYS_getsockname, fd, address, length)
REPLACE(int, epoll_ctl, (int fd, int operation, int target, struct epoll_event *event),
	SYS_epoll_ctl, fd, operation, target, event)
REPLACE(int, epoll_wait, (int fd, struct epoll_event *events, int count, int timeout),
	SYS_epoll_pwait, fd, events, count, timeout, NULL, 8)
REPLACE(int, timerfd_settime,
	(int fd, int flags, const struct itimerspec *value, struct itimerspec *before),
	SYS_timerfd_settime, fd, flags, value, before)
REPLACE(int, ppoll,
	(struct pollfd * entries, nfds_t count, const struct timespec *timeout,
	 const sigset_t *mask),
	SYS_ppoll, entries, count,
	timeout == NULL ? NULL : &(struct timespec){ timeout->tv_sec, timeout->tv_nsec }, mask, 8)
REPLACE(ssize_t, read, (int fd, void *data, size_t length), SYS_read, fd, data, length)
REPLACE(ssize_t, write, (int fd, const void *data, size_t length), SYS_write, fd, data, length)

int open(const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = va_arg(arguments, mode_t);
	va_end(arguments);
	return interrupt(CALL_open) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int fcntl(int fd, int command, ...)
{
	va_list arguments;
	long argument;

	va_start(arguments, command);
	argument = va_arg(arguments, long);
	va_end(arguments);
	return interrupt(CALL_fcntl) ? -1 : (int)syscall(SYS_fcntl, fd, command, argument);
}

int close(int fd)
{
	int result = (int)syscall(SYS_close, fd);

	return interrupt(CALL_close) ? -1 : result;
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	int result = (int)syscall(SYS_connect, fd, address, length);

	return interrupt(CALL_connect) ? -1 : result;
}

/* ---- what is interrupted --------------------------------------------------------------------- */

static void run_scenario(const struct variant *variant)
{
	struct scenario scenario = { .backend = variant->backend,
				     .flags = variant->flags,
				     .patience_ms = 60000 };

	scenario_run(&scenario);
	interrupting = false;
	need(!scenario.silent);
	need_equal(scenario.first_error, 0);
	need(scenario_clean(&scenario, 1000));
}

/* What the scenario does not do. */
static void adopt_and_detach(const struct variant *variant)
{
	abio_driver driver = new_driver(variant);
	abio_io ios[2];
	int32_t fd = -1;
	int fds[2];

	raw_pair(ABIO_KIND_PIPE, fds);
	for (int i = 0; i < 2; i++) {
		need_equal(
			abio_adopt(driver, fds[i], ABIO_KIND_AUTO, ABIO_ADOPT_DUPLICATE, &ios[i]),
			0);
		need_equal(abio_detach(ios[i], &fd), 0);
		close(fd);
		close(fds[i]);
		need_equal(abio_release(ios[i]), 0);
	}
	end_driver(driver);
}

static void every_second_call(const struct variant *variant)
{
	uint32_t total = 0;

	interrupting = true;
	adopt_and_detach(variant);
	run_scenario(variant);
	for (int i = 0; i < CALLS; i++) {
		total += interrupted[i];
		/* What io_uring does itself, it does not ask libc for. */
		if (variant->backend == ABIO_BACKEND_EPOLL && interrupted[i] == 0)
			child_fail("%s was never interrupted", names[i]);
	}
	need(total > 10);
}

/* A descriptor closed twice would be somebody else's. */
static void closes_are_not_repeated(const struct variant *variant)
{
	abio_driver driver = new_driver(variant);
	abio_io pair[2];

	new_pair(driver, ABIO_KIND_UNIX, pair);
	for (int i = 0; i < 2; i++) {
		faults_plan(NULL);
		interrupting = true;
		need_equal(abio_close(pair[i], 0, 1), 0);
		interrupting = false;
		need_equal(finish(driver, 1).result, 0);
		need_equal(abio_release(pair[i]), 0);
		need_equal((int64_t)faults_count(FAULT_close), 1);
	}
	need(interrupted[CALL_close] > 0);
	end_driver(driver);
}

static _Atomic uint32_t alarms;

static void count_alarm(int number)
{
	(void)number;
	alarms++;
}

static void real_signals(const struct variant *variant)
{
	struct sigaction action = { .sa_handler = count_alarm };
	struct itimerval often = { { 0, 150 }, { 0, 150 } };
	struct itimerval never = { { 0, 0 }, { 0, 0 } };

	need(sigaction(SIGVTALRM, &action, NULL) == 0 && sigaction(SIGPROF, &action, NULL) == 0 &&
	     sigaction(SIGALRM, &action, NULL) == 0);
	for (int i = 0; i < 10; i++) {
		struct scenario scenario = { .backend = variant->backend,
					     .flags = variant->flags,
					     .patience_ms = 60000 };

		need(setitimer(ITIMER_REAL, &often, NULL) == 0);
		scenario_run(&scenario);
		need(setitimer(ITIMER_REAL, &never, NULL) == 0);
		need(!scenario.silent);
		need_equal(scenario.first_error, 0);
		need(scenario_clean(&scenario, 1000));
	}
	need(alarms > 10);
}

/* A wait that signals interrupt again and again lasts as long as it was asked to. */
static void waits_are_not_cut_short(const struct variant *variant)
{
	struct sigaction action = { .sa_handler = count_alarm };
	struct itimerval often = { { 0, 500 }, { 0, 500 } };
	struct itimerval never = { { 0, 0 }, { 0, 0 } };
	abio_driver driver = new_driver(variant);
	struct abio_event event;
	int64_t before = 0;
	int64_t after = 0;

	need(sigaction(SIGALRM, &action, NULL) == 0);
	need(setitimer(ITIMER_REAL, &often, NULL) == 0);
	need_equal(abio_clock(&before), 0);
	need_equal(abio_driver_wait(driver, &event, sizeof(event), 1, 50000000), 0);
	need_equal(abio_clock(&after), 0);
	need(setitimer(ITIMER_REAL, &never, NULL) == 0);
	need(after - before >= 50000000);
	need(alarms > 0);
	end_driver(driver);
}

int main(void)
{
	run_on_all("every_second_call_is_interrupted", every_second_call);
	run_on_all("closes_are_not_repeated", closes_are_not_repeated);
	run_on_all("real_signals_change_nothing", real_signals);
	run_on_all("waits_are_not_cut_short", waits_are_not_cut_short);
	return tally_end();
}
