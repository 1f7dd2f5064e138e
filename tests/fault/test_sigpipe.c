/*
 * Writing to what nobody reads gives an error, never a SIGPIPE, whatever the host has done with
 * that signal, by every form of writing, on every backend, and on kernels that cannot be asked not
 * to send it: this program's own pwritev2 pretends to be such a kernel's.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "child.h"
#include "faults.h"

static _Atomic bool old_kernel;
static _Atomic int refused_count;
static _Atomic int handled;

ssize_t pwritev2(int fd, const struct iovec *iovecs, int count, off_t offset, int flags)
{
	if (old_kernel) {
		refused_count++;
		errno = EOPNOTSUPP;
		return -1;
	}
	return syscall(SYS_pwritev2, fd, iovecs, count, offset, 0, flags);
}

/* ---- the forms of writing -------------------------------------------------------------------- */

enum form {
	TRY_WRITE,
	TRY_WRITEV,
	WRITE,
	WRITEV,
	WRITE_ALL,
	WRITE_INLINE,
	PUT_AND_FLUSH,
	PUT_AND_SHUTDOWN,
	PUT_AND_CLOSE,
	PUT_AND_RELEASE,
	FORMS
};

static int64_t ended(abio_driver driver, int32_t started)
{
	return started < 0 && started != ABIO_PENDING ? started : finish(driver, 1).result;
}

static int64_t write_by(enum form form, abio_driver driver, abio_io io)
{
	struct abio_iovec pieces[2] = { { (void *)(uintptr_t) "ab", 2 },
					{ (void *)(uintptr_t) "cd", 2 } };

	if (form >= PUT_AND_FLUSH)
		need_equal(abio_put(io, "abcd", 4), 4);
	switch (form) {
	case TRY_WRITE:
		return abio_try_write(io, "abcd", 4, 0);
	case TRY_WRITEV:
		return abio_try_writev(io, pieces, 2, 0);
	case WRITE:
		return ended(driver, abio_write(io, "abcd", 4, 0, 1));
	case WRITEV:
		return ended(driver, abio_writev(io, pieces, 2, 0, 1));
	case WRITE_ALL:
		return ended(driver, abio_write_all(io, "abcd", 4, 0, 1));
	case WRITE_INLINE:
		return ended(driver, abio_write(io, "abcd", 4, ABIO_START_INLINE, 1));
	case PUT_AND_FLUSH:
		return ended(driver, abio_flush(io, 0, 1));
	case PUT_AND_SHUTDOWN:
		return ended(driver, abio_shutdown(io, 0, 1));
	case PUT_AND_CLOSE:
		return ended(driver, abio_close(io, 0, 1));
	default:
		return -EPIPE; /* nobody is told; the sending happens at the end of the driver */
	}
}

/* An io whose peer is gone. */
static abio_io dead_end(abio_driver driver, uint32_t kind)
{
	struct linger reset = { .l_onoff = 1 };
	abio_io io = 0;
	int fds[2];

	raw_pair(kind, fds);
	need_equal(abio_adopt(driver, fds[1], ABIO_KIND_AUTO, 0, &io), 0);
	if (kind == ABIO_KIND_TCP)
		need(setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) == 0);
	close(fds[0]);
	/* The reset itself is told once, without a signal; only what comes after it could raise
	 * one. */
	if (kind == ABIO_KIND_TCP)
		need_equal(abio_try_write(io, "x", 1, 0), -ECONNRESET);
	return io;
}

static void write_everything(const struct variant *variant)
{
	/* On an old kernel io_uring's own write of a pipe is refused the flag as well. */
	struct fault refusal = { FAULT_request, 1, EOPNOTSUPP, false };
	static const uint32_t kinds[] = { ABIO_KIND_PIPE, ABIO_KIND_UNIX, ABIO_KIND_TCP };

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (int form = 0; form < FORMS; form++) {
			abio_driver driver = new_driver(variant);
			abio_io io = dead_end(driver, kinds[k]);
			struct abio_event event;

			if (old_kernel && kinds[k] == ABIO_KIND_PIPE)
				faults_plan(&refusal);
			need_equal(write_by((enum form)form, driver, io), -EPIPE);
			need_equal(abio_release(io), 0);
			need(abio_driver_poll(driver, &event, sizeof(event), 1) == 0);
			end_driver(driver);
			faults_lift();
		}
}

/* After its own shutdown a socket is a dead end too. */
static void write_after_shutdown(const struct variant *variant)
{
	abio_driver driver = new_driver(variant);
	abio_io pair[2];

	new_pair(driver, ABIO_KIND_TCP, pair);
	need_equal(abio_shutdown(pair[0], 0, 1), 0);
	need_equal(finish(driver, 1).result, 0);
	for (int form = 0; form < PUT_AND_FLUSH; form++)
		need_equal(write_by((enum form)form, driver, pair[0]), -EPIPE);
	need_equal(abio_release(pair[0]), 0);
	need_equal(abio_release(pair[1]), 0);
	end_driver(driver);
}

/* ---- what the host has done with the signal -------------------------------------------------- */

static void count_signal(int number)
{
	(void)number;
	handled++;
}

static bool pending(void)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, SIGPIPE) == 1;
}

static bool blocked(void)
{
	sigset_t set;

	pthread_sigmask(SIG_BLOCK, NULL, &set);
	return sigismember(&set, SIGPIPE) == 1;
}

static void block(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void default_disposition(const struct variant *variant)
{
	struct sigaction after;

	signal(SIGPIPE, SIG_DFL);
	write_everything(variant);
	write_after_shutdown(variant);
	need(sigaction(SIGPIPE, NULL, &after) == 0 && after.sa_handler == SIG_DFL);
	need(!pending() && !blocked());
}

static void handler(const struct variant *variant)
{
	signal(SIGPIPE, count_signal);
	write_everything(variant);
	need_equal(handled, 0);
	need(!pending() && !blocked());
}

static void blocked_by_the_host(const struct variant *variant)
{
	signal(SIGPIPE, SIG_DFL);
	block();
	write_everything(variant);
	need(!pending() && blocked());
	/* One that waits is the host's, and stays. */
	raise(SIGPIPE);
	write_everything(variant);
	need(pending() && blocked());
}

static void on_an_old_kernel(const struct variant *variant, void (*body)(const struct variant *))
{
	old_kernel = true;
	body(variant);
	need(refused_count > 0);
}

static void default_disposition_old_kernel(const struct variant *variant)
{
	on_an_old_kernel(variant, default_disposition);
}

static void handler_old_kernel(const struct variant *variant)
{
	on_an_old_kernel(variant, handler);
}

static void blocked_by_the_host_old_kernel(const struct variant *variant)
{
	on_an_old_kernel(variant, blocked_by_the_host);
}

/* The test can fail: a plain write to the same dead end kills. */
static int die(void *argument)
{
	int fds[2];

	(void)argument;
	signal(SIGPIPE, SIG_DFL);
	raw_pair(ABIO_KIND_PIPE, fds);
	close(fds[0]);
	return write(fds[1], "x", 1) == 1 ? 2 : 3;
}

int main(void)
{
	bool dies = child_run(10, die, NULL) == CHILD_DIED;

	tally(dies && strstr(child_said(), "signal 13") != NULL, "a plain write raises SIGPIPE");
	run_on_all("no_signal_by_default", default_disposition);
	run_on_all("no_call_of_a_handler", handler);
	run_on_all("a_blocked_signal_stays_as_it_was", blocked_by_the_host);
	run_on_all("no_signal_by_default_on_an_old_kernel", default_disposition_old_kernel);
	run_on_all("no_call_of_a_handler_on_an_old_kernel", handler_old_kernel);
	run_on_all("a_blocked_signal_stays_as_it_was_on_an_old_kernel",
		   blocked_by_the_host_old_kernel);
	return tally_end();
}
