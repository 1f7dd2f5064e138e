/*
 * Setting up a ring, and finding out whether rings work here: by trying, on a throw-away ring, with
 * a round trip through an eventfd.  A kernel's version says nothing about seccomp, sysctl, security
 * modules or emulators.
 *
 * Closing a ring makes one system call of the thread that created it end with EINTR about 15 ms
 * later (the kernel's io_tctx_exit_cb); documented in the header, retried by every event loop we
 * know.
 */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "compat.h"
#include "platform.h"
#include "sys.h"
#include "uring.h"

#define TRIAL_WAIT_NS 2000000000 /* for a byte that is already in the pipe */

static const uint8_t needed[] = {
	IORING_OP_NOP,          IORING_OP_READV,   IORING_OP_WRITEV,  IORING_OP_FSYNC,
	IORING_OP_SENDMSG,      IORING_OP_RECVMSG, IORING_OP_TIMEOUT, IORING_OP_ACCEPT,
	IORING_OP_ASYNC_CANCEL, IORING_OP_CONNECT, IORING_OP_OPENAT,  IORING_OP_CLOSE,
	IORING_OP_READ,         IORING_OP_WRITE,   IORING_OP_SEND,    IORING_OP_RECV,
	IORING_OP_POLL_ADD,     IORING_OP_STATX,
};

static _Atomic bool sends_without_copy;

bool uring_sends_without_copy(void)
{
	return atomic_load_explicit(&sends_without_copy, memory_order_relaxed);
}

int32_t uring_setup(struct io_uring *ring, bool deferred, uint32_t entries, uint32_t completions,
		    int32_t event_fd)
{
	struct io_uring fresh;
	struct io_uring_params params;
	int64_t error;

	memset(&params, 0, sizeof(params));
	memset(&fresh, 0, sizeof(fresh));
	params.flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL |
		       IORING_SETUP_TASKRUN_FLAG;
	if (deferred)
		params.flags |= IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER |
				IORING_SETUP_R_DISABLED;
	else
		params.flags |= IORING_SETUP_COOP_TASKRUN;
	params.cq_entries = completions;
	error = sys.ring_create(entries, &fresh, &params);
	if (error < 0)
		return (int32_t)error;
	if ((params.features & IORING_FEAT_NODROP) == 0 ||
	    (params.features & IORING_FEAT_SUBMIT_STABLE) == 0) {
		sys.ring_destroy(&fresh);
		return -ENOSYS;
	}
	/* Registered, not the ring's own fd: under DEFER_TASKRUN epoll on that never wakes (6.18).
	 */
	error = sys.ring_event(&fresh, event_fd);
	if (error < 0) {
		sys.ring_destroy(&fresh);
		return (int32_t)error;
	}
	*ring = fresh;
	return 0;
}

static int32_t probe(struct io_uring *ring)
{
	size_t size = sizeof(struct io_uring_probe) + 256 * sizeof(struct io_uring_probe_op);
	struct io_uring_probe *answer = platform_allocate(size);
	int64_t error;

	if (answer == NULL)
		return -ENOMEM;
	error = sys.ring_probe(ring, answer, 256);
	for (size_t i = 0; error >= 0 && i < sizeof(needed); i++) {
		if (needed[i] > answer->last_op ||
		    (answer->ops[needed[i]].flags & IO_URING_OP_SUPPORTED) == 0)
			error = -ENOSYS;
	}
	if (error >= 0 && answer->last_op >= IORING_OP_SEND_ZC)
		atomic_store(&sends_without_copy,
			     (answer->ops[IORING_OP_SEND_ZC].flags & IO_URING_OP_SUPPORTED) != 0);
	platform_release(answer);
	return (int32_t)error;
}

/* A signal of the host's must not decide between backends. */
static int64_t wait_readable(int32_t fd)
{
	int64_t end = sys.clock() + TRIAL_WAIT_NS;
	int64_t left = TRIAL_WAIT_NS;
	int64_t bits = 0;

	for (; bits == 0 && left > 0; left = end - sys.clock())
		bits = sys.poll(fd, POLLIN, left);
	return bits;
}

/* A read that finds its byte only later: what a broken wake-up would lose. */
static int32_t round_trip(struct io_uring *ring, int32_t event_fd, int fds[2])
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;
	struct iovec one;
	char byte = 0;
	char other = 'a';
	int64_t error;
	int32_t result = -EIO;

	io_uring_prep_read(sqe, fds[0], &byte, 1, (uint64_t)-1);
	error = sys.ring_enter(ring);
	if (error < 0)
		return (int32_t)error;
	sys.event_drain(event_fd);
	one = (struct iovec){ &other, 1 };
	error = sys.writev(fds[1], &one, 1);
	if (error < 0)
		return (int32_t)error;
	error = wait_readable(event_fd);
	if (error <= 0)
		return error < 0 ? (int32_t)error : -EIO;
	error = sys.ring_enter(ring);
	if (error < 0)
		return (int32_t)error;
	if (io_uring_peek_cqe(ring, &cqe) == 0) {
		result = cqe->res == 1 && byte == other ? 0 : -EIO;
		io_uring_cqe_seen(ring, cqe);
	}
	return result;
}

static int32_t try_ring(bool deferred, int32_t event_fd, int fds[2])
{
	struct io_uring ring;
	int32_t error = uring_setup(&ring, deferred, 4, 8, event_fd);

	if (error < 0)
		return error;
	error = probe(&ring);
	if (error >= 0 && deferred)
		error = (int32_t)sys.ring_enable(&ring);
	if (error >= 0)
		error = round_trip(&ring, event_fd, fds);
	sys.ring_destroy(&ring);
	return error;
}

static int32_t try_once(bool deferred)
{
	int64_t event_fd = sys.event_create();
	int fds[2];
	int64_t error;

	if (event_fd < 0)
		return (int32_t)event_fd;
	error = sys.pipe(fds);
	if (error >= 0) {
		error = try_ring(deferred, (int32_t)event_fd, fds);
		sys.close(fds[0]);
		sys.close(fds[1]);
	}
	sys.close((int)event_fd);
	return (int32_t)error;
}

/* Conditions of the moment are not remembered. */
static bool lasting(int32_t error)
{
	return error == 0 || error == -EPERM || error == -ENOSYS || error == -EINVAL ||
	       error == -EACCES || error == -EOPNOTSUPP;
}

int32_t uring_trial(bool deferred)
{
	static _Atomic int32_t known[2]; /* 0 not asked, 1 works, else why not */
	int32_t error = atomic_load(&known[deferred]);

	if (error != 0)
		return error == 1 ? 0 : error;
	error = try_once(deferred);
	if (lasting(error))
		atomic_store(&known[deferred], error == 0 ? 1 : error);
	return error;
}
