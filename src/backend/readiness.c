/* See readiness.h. */
#include "readiness.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>

#include "object.h"
#include "pool.h"
#include "sys.h"

/* poll and epoll bits are the same numbers, but POLLRDHUP hides behind a feature macro. */
_Static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT && POLLERR == EPOLLERR &&
		       POLLHUP == EPOLLHUP && EPOLLRDHUP == 0x2000,
	       "poll bits");

uint32_t readiness_bits(uint32_t interest)
{
	uint32_t bits = 0;

	if ((interest & ABIO_INTEREST_READ) != 0)
		bits |= EPOLLIN | EPOLLRDHUP;
	if ((interest & ABIO_INTEREST_WRITE) != 0)
		bits |= EPOLLOUT;
	return bits;
}

int32_t readiness_of(int64_t poll_bits, uint32_t interest)
{
	uint32_t bits = (uint32_t)poll_bits;
	bool reading = (interest & ABIO_INTEREST_READ) != 0;
	bool writing = (interest & ABIO_INTEREST_WRITE) != 0;
	int32_t ready = 0;

	if (reading && (bits & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
		ready |= ABIO_READY_READ;
	if (writing && (bits & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0)
		ready |= ABIO_READY_WRITE;
	if ((bits & (EPOLLRDHUP | EPOLLHUP)) != 0)
		ready |= ABIO_READY_READ_CLOSED;
	if (writing && (bits & (EPOLLHUP | EPOLLERR)) != 0)
		ready |= ABIO_READY_WRITE_CLOSED;
	if ((bits & EPOLLHUP) != 0)
		ready |= ABIO_READY_HUP;
	if ((bits & EPOLLERR) != 0)
		ready |= ABIO_READY_ERROR;
	return ready;
}

int32_t readiness_now(int32_t fd, uint32_t interest)
{
	int64_t bits = sys.poll(fd, (int16_t)readiness_bits(interest), 0);

	return bits < 0 ? (int32_t)bits : readiness_of(bits, interest);
}

static int64_t perform_receive(struct request *request)
{
	struct pool *pool = request->driver->pool;
	struct view *view = pool_take(pool);
	struct abio_iovec one;
	int64_t result;

	if (view == NULL)
		return -ENOBUFS;
	one = (struct abio_iovec){ view->data, POOL_BUFFER_SIZE };
	result = request->object->class->try_readv(request->object, &one, 1);
	if (result > 0)
		request->view = view;
	else
		pool_give(pool, view);
	return result;
}

static int64_t perform_connect(struct request *request)
{
	int error = 0;
	int64_t result;

	if (request->stage == 0) {
		result = sys.connect(request->fd, request->data, request->length);
		if (result != -EINPROGRESS)
			return result;
		request->stage = 1;
		return ABIO_WOULD_BLOCK;
	}
	result = sys.get_option(request->fd, SOL_SOCKET, SO_ERROR, &error);
	return result < 0 ? result : -(int64_t)error;
}

/*
 * A Unix socket whose peer's queue is full gives no readiness unless it is connected to it: the
 * system's own code tells the backend to ask again in a moment.
 */
static int64_t perform_send_to(struct request *request)
{
	int64_t result = sys.send_message(request->fd, request->data);

	return request->object->class->kind == ABIO_KIND_UNIX_DATAGRAM ? result
								       : would_block(result);
}

int64_t stream_perform(struct request *request)
{
	const struct object_class *class = request->object->class;
	struct abio_iovec one = { request->data, request->length };
	const struct abio_iovec *iovecs = request->iovecs != NULL ? request->iovecs : &one;
	uint32_t count = request->iovecs != NULL ? request->count : 1;
	int32_t ready;

	switch (request->code) {
	case REQUEST_READ:
		return class->try_readv(request->object, iovecs, count);
	case REQUEST_WRITE:
		return class->try_writev(request->object, iovecs, count);
	case REQUEST_RECEIVE:
		return perform_receive(request);
	case REQUEST_RECEIVE_FROM:
		return would_block(sys.receive_message(request->fd, request->data));
	case REQUEST_SEND_TO:
		return perform_send_to(request);
	case REQUEST_ACCEPT:
		return would_block(sys.accept(request->fd));
	case REQUEST_CONNECT:
		return perform_connect(request);
	default:
		ready = readiness_now(request->fd, request->flags);
		return ready == 0 ? ABIO_WOULD_BLOCK : ready;
	}
}

int32_t readiness_sleep(struct driver *driver, int64_t timeout_ns)
{
	int64_t bits = sys.poll(driver->fd, POLLIN, timeout_ns);

	return bits < 0 ? (int32_t)bits : 0;
}
