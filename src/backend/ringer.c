/*
 * See ringer.h.
 *
 * Why nothing is missed.  The thread is told of every edge of the driver's fd, and sends a byte
 * when it takes `rung` from 0 to 1.  A poll takes it back to 0 before it looks at anything: what
 * came before is found by that poll, and what comes later is an edge that sends a byte, which the
 * host, who reads before it polls, has not read.  (Not only before the fd is drained: epoll is
 * asked once in a poll, and what comes after that is left to the fd.)  A socket that takes no byte
 * is full of bytes that nobody has read, and one of them is as good as another.
 *
 * Invariants: a byte is sent by the thread alone; descriptors are closed by whoever lets go last;
 * the host's own descriptor, and its flags, are never touched.
 */
#include "ringer.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "driver.h"
#include "platform.h"
#include "slots.h"
#include "sys.h"

#define AGAIN_NS 10000000 /* the system had no memory for one byte: how long until the next try */

struct ringer {
	_Atomic uint32_t references;
	_Atomic uint32_t rung;
	_Atomic uint32_t stopped;
	int32_t edges;  /* an epoll of the driver's fd and of `stop` */
	int32_t stop;   /* an eventfd */
	int32_t socket; /* the library's own duplicate */
};

static void destroy(struct ringer *ringer)
{
	if (ringer->edges >= 0)
		sys.close(ringer->edges);
	if (ringer->stop >= 0)
		sys.close(ringer->stop);
	if (ringer->socket >= 0)
		sys.close(ringer->socket);
	platform_release(ringer);
}

static void let_go(struct ringer *ringer)
{
	if (atomic_fetch_sub(&ringer->references, 1) == 1)
		destroy(ringer);
}

/* False: there was no memory, and the byte is still owed.  A socket whose peer is gone takes none.
 */
static bool send_byte(const struct ringer *ringer)
{
	char byte = 1;
	struct iovec one = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &one, .msg_iovlen = 1 };
	int64_t sent = sys.send(ringer->socket, &message);

	return sent != -ENOMEM && sent != -ENOBUFS;
}

static void *ringer_main(void *argument)
{
	struct ringer *ringer = argument;
	struct epoll_event events[2];
	bool owed = false;

	for (;;) {
		sys.poll(ringer->edges, POLLIN, owed ? AGAIN_NS : -1);
		if (atomic_load(&ringer->stopped) != 0)
			break;
		/* Nothing when it was drained meanwhile. */
		if (sys.epoll_take(ringer->edges, events, 2) != 0 &&
		    atomic_exchange(&ringer->rung, 1) == 0)
			owed = true;
		if (owed)
			owed = !send_byte(ringer);
	}
	let_go(ringer);
	return NULL;
}

static int32_t watch(const struct ringer *ringer, int32_t fd, uint32_t how)
{
	struct epoll_event event = { .events = EPOLLIN | how };

	return (int32_t)sys.epoll_control(ringer->edges, EPOLL_CTL_ADD, fd, &event);
}

/* Whether a byte can be sent to somebody: -EBADF, -ENOTSOCK, -ENOTCONN. */
static int32_t check_socket(int32_t fd)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	return (int32_t)sys.peer_address(fd, &address, &length);
}

static int32_t fill(struct ringer *ringer, const struct driver *driver, int32_t fd)
{
	int32_t error = check_socket(fd);

	if (error < 0)
		return error;
	ringer->socket = (int32_t)sys.duplicate(fd);
	if (ringer->socket < 0)
		return ringer->socket;
	ringer->stop = (int32_t)sys.event_create();
	if (ringer->stop < 0)
		return ringer->stop;
	ringer->edges = (int32_t)sys.epoll_create();
	if (ringer->edges < 0)
		return ringer->edges;
	error = watch(ringer, ringer->stop, 0);
	if (error < 0)
		return error;
	return watch(ringer, driver->fd, EPOLLET);
}

static int32_t create(const struct driver *driver, int32_t fd, struct ringer **out)
{
	struct ringer *ringer = platform_allocate(sizeof(*ringer));
	int64_t error;

	if (ringer == NULL)
		return PLATFORM_NO_MEMORY;
	ringer->edges = -1;
	ringer->stop = -1;
	ringer->socket = -1;
	atomic_store(&ringer->references, 2); /* the driver's and the thread's */
	error = fill(ringer, driver, fd);
	if (error >= 0)
		error = sys.thread_start(ringer_main, ringer);
	if (error < 0) {
		destroy(ringer);
		/* EAGAIN is how the system says that there is no room for a thread. */
		return error == -EAGAIN ? PLATFORM_NO_MEMORY : (int32_t)error;
	}
	*out = ringer;
	return 0;
}

void ringer_listen(struct ringer *ringer)
{
	/* An exchange: who reads the thread's 1 also sees what it was told of. */
	atomic_exchange(&ringer->rung, 0);
}

void ringer_release(struct ringer *ringer)
{
	if (ringer == NULL)
		return;
	atomic_store(&ringer->stopped, 1);
	sys.event_ring(ringer->stop);
	let_go(ringer);
}

void ringer_forget(struct ringer *ringer)
{
	if (ringer != NULL)
		destroy(ringer);
}

int32_t impl_driver_doorbell(struct driver *driver, int32_t fd, uint32_t flags)
{
	struct ringer *ringer = NULL;
	int32_t error = 0;

	(void)flags;
	if (fd < -1)
		return ABIO_E_ARGUMENT;
	if (fd >= 0)
		error = create(driver, fd, &ringer);
	if (error < 0)
		return error;
	ringer_release(driver->ringer);
	driver->ringer = ringer;
	return 0;
}
