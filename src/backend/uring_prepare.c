/*
 * From a request to a submission entry.  The addresses in it are the host's own: nothing is copied
 * on the way to the kernel.
 */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "compat.h"
#include "object.h"
#include "pool.h"
#include "readiness.h"
#include "sys.h"
#include "uring.h"

#define BACKOFF_NS 1000000

_Static_assert(sizeof(struct msghdr) <= REQUEST_SCRATCH * 8, "msghdr fits");
_Static_assert(sizeof(struct __kernel_timespec) <= REQUEST_SCRATCH * 8, "timespec fits");
_Static_assert(sizeof(struct statx) <= LENGTH_ROOM, "statx fits");

static uint32_t poll_bits(const struct request *request)
{
	switch (request->code) {
	case REQUEST_READ:
	case REQUEST_RECEIVE:
	case REQUEST_RECEIVE_FROM:
	case REQUEST_ACCEPT:
		return readiness_bits(ABIO_INTEREST_READ);
	case REQUEST_READY:
		return readiness_bits(request->flags);
	default:
		return readiness_bits(ABIO_INTEREST_WRITE);
	}
}

static void prepare_timeout(struct request *request, struct io_uring_sqe *sqe, uint64_t after_ns)
{
	struct __kernel_timespec *time = (void *)request->scratch;

	time->tv_sec = (long long)(after_ns / 1000000000);
	time->tv_nsec = (long long)(after_ns % 1000000000);
	io_uring_prep_timeout(sqe, time, 0, 0);
}

static void prepare_message(struct request *request, struct io_uring_sqe *sqe)
{
	struct msghdr *message = (void *)request->scratch;

	memset(message, 0, sizeof(*message));
	memcpy(&message->msg_iov, &request->iovecs, sizeof(message->msg_iov));
	message->msg_iovlen = request->count;
	if (request->code == REQUEST_READ)
		io_uring_prep_recvmsg(sqe, request->fd, message, 0);
	else
		io_uring_prep_sendmsg(sqe, request->fd, message, MSG_NOSIGNAL);
}

static bool without_copy(const struct uring_state *state, const struct request *request)
{
	return (request->flags & REQUEST_MAY_HOLD) != 0 && request->length >= URING_HOLD_LEAST &&
	       state->copied < URING_COPIED_MAX;
}

static void prepare_socket(const struct uring_state *state, struct request *request,
			   struct io_uring_sqe *sqe)
{
	if (request->iovecs != NULL)
		prepare_message(request, sqe);
	else if (request->code == REQUEST_READ)
		io_uring_prep_recv(sqe, request->fd, request->data, request->length, 0);
	else if (without_copy(state, request))
		io_uring_prep_send_zc(sqe, request->fd, request->data, request->length,
				      MSG_NOSIGNAL, COMPAT_SEND_ZC_REPORT_USAGE);
	else
		io_uring_prep_send(sqe, request->fd, request->data, request->length, MSG_NOSIGNAL);
}

/* Pipes and files; an offset of -1 is "where the stream is". */
static void prepare_file(struct request *request, struct io_uring_sqe *sqe, uint64_t offset)
{
	const struct iovec *iovecs = (const void *)request->iovecs;
	bool reads = request->code == REQUEST_READ || request->code == REQUEST_READ_AT;

	if (iovecs != NULL && reads)
		io_uring_prep_readv(sqe, request->fd, iovecs, request->count, offset);
	else if (iovecs != NULL)
		io_uring_prep_writev(sqe, request->fd, iovecs, request->count, offset);
	else if (reads)
		io_uring_prep_read(sqe, request->fd, request->data, request->length, offset);
	else
		io_uring_prep_write(sqe, request->fd, request->data, request->length, offset);
}

/*
 * WRITE raises SIGPIPE in the submitting thread, SEND never does: so sockets SEND, and pipes say
 * RWF_NOSIGNAL (6.18).
 */
static void prepare_stream(struct uring_state *state, struct request *request,
			   struct io_uring_sqe *sqe)
{
	if (request->object->class->socket) {
		prepare_socket(state, request, sqe);
		return;
	}
	prepare_file(request, sqe, (uint64_t)-1);
	if (request->code == REQUEST_WRITE && !state->plain_writes)
		sqe->rw_flags = COMPAT_RWF_NOSIGNAL;
}

static void prepare_receive(struct request *request, struct io_uring_sqe *sqe)
{
	if (request->object->class->socket) {
		io_uring_prep_recv(sqe, request->fd, NULL, POOL_BUFFER_SIZE, 0);
		/* The last receive emptied it: asking first would only fail. */
		if (request->object->watch.emptied)
			sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
	} else {
		io_uring_prep_read(sqe, request->fd, NULL, POOL_BUFFER_SIZE, (uint64_t)-1);
	}
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = 0;
}

static void prepare_direct(struct uring_state *state, struct request *request,
			   struct io_uring_sqe *sqe)
{
	switch (request->code) {
	case REQUEST_READ:
	case REQUEST_WRITE:
		prepare_stream(state, request, sqe);
		break;
	case REQUEST_READ_AT:
	case REQUEST_WRITE_AT:
		prepare_file(request, sqe, request->offset);
		break;
	case REQUEST_RECEIVE:
		prepare_receive(request, sqe);
		break;
	case REQUEST_RECEIVE_FROM:
		io_uring_prep_recvmsg(sqe, request->fd, request->data, 0);
		break;
	case REQUEST_SEND_TO:
		/*
		 * The kernel's own retry (seen on 6.18) goes on behind the bytes that the failed
		 * try had copied already, and sends an empty message: so it must not retry.
		 */
		io_uring_prep_sendmsg(sqe, request->fd, request->data, MSG_NOSIGNAL | MSG_DONTWAIT);
		break;
	case REQUEST_READY:
		io_uring_prep_poll_add(sqe, request->fd, poll_bits(request));
		break;
	case REQUEST_ACCEPT:
		io_uring_prep_accept(sqe, request->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		break;
	case REQUEST_CONNECT:
		io_uring_prep_connect(sqe, request->fd, request->data, request->length);
		break;
	case REQUEST_OPEN:
		io_uring_prep_openat(sqe, AT_FDCWD, request->data, (int)request->flags,
				     (mode_t)request->length);
		break;
	case REQUEST_SYNC:
		io_uring_prep_fsync(sqe, request->fd,
				    (request->flags & ABIO_SYNC_DATA) != 0 ? IORING_FSYNC_DATASYNC
									   : 0);
		break;
	case REQUEST_CLOSE:
		io_uring_prep_close(sqe, request->fd);
		break;
	case REQUEST_LENGTH:
		io_uring_prep_statx(sqe, request->fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_SIZE,
				    request->data);
		break;
	default:
		prepare_timeout(request, sqe, request->offset);
		break;
	}
}

/* A device is as long as it says itself; asking it does not wait. */
int64_t uring_length(const struct request *request)
{
	const struct statx *status = request->data;

	return S_ISBLK(status->stx_mode) ? sys.length(request->fd) : (int64_t)status->stx_size;
}

void uring_prepare(struct uring_state *state, struct request *request, struct io_uring_sqe *sqe)
{
	if (request->stage == STAGE_POLLING)
		io_uring_prep_poll_add(sqe, request->fd, poll_bits(request));
	else if (request->stage == STAGE_BACKOFF)
		prepare_timeout(request, sqe, BACKOFF_NS);
	else
		prepare_direct(state, request, sqe);
	sqe->user_data = (uint64_t)(uintptr_t)request;
}
