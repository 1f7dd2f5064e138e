/*
 * Driver variants, and kinds of host that know nothing of a driver but its fd, or the socket it
 * rings; the last does not even look at that.
 */
#include "soak.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

const struct variant variants[VARIANT_COUNT] = {
	{ "deferred", ABIO_BACKEND_URING, 0 },
	{ "cooperative", ABIO_BACKEND_URING, ABIO_DRIVER_COOPERATIVE },
	{ "epoll", ABIO_BACKEND_EPOLL, 0 },
};

const char *const host_names[HOST_COUNT] = { "level",  "edge",     "edge-flag", "poll",
					     "select", "doorbell", "spin" };

abio_driver variant_driver(const struct variant *variant, uint32_t more_flags, uint32_t completions)
{
	struct abio_driver_options options = {
		.size = sizeof(options),
		.backend = variant->backend,
		.flags = variant->flags | more_flags,
		.entries = completions,
		.completions = completions,
	};
	abio_driver driver = 0;

	return abio_driver_create(&options, &driver) < 0 ? 0 : driver;
}

bool fd_readable(int fd)
{
	struct pollfd one = { .fd = fd, .events = POLLIN };

	return poll(&one, 1, 0) > 0;
}

static bool hang_bell(struct host *host, abio_driver driver)
{
	int fds[2];
	int32_t result;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return false;
	host->bell = fds[0];
	result = abio_driver_doorbell(driver, fds[1], 0);
	close(fds[1]);
	return result == 0;
}

bool host_open(struct host *host, enum host_kind kind, abio_driver driver)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = abio_driver_fd(driver);

	*host = (struct host){ .kind = kind, .fd = fd, .epoll = -1, .bell = -1 };
	if (kind == HOST_DOORBELL)
		return hang_bell(host, driver);
	if (kind == HOST_SELECT)
		return fd < FD_SETSIZE;
	if (kind != HOST_LEVEL && kind != HOST_EDGE && kind != HOST_EDGE_FLAG)
		return true;
	if (kind != HOST_LEVEL)
		event.events |= EPOLLET;
	host->epoll = epoll_create1(EPOLL_CLOEXEC);
	return host->epoll >= 0 && epoll_ctl(host->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

void host_close(struct host *host)
{
	if (host->epoll >= 0)
		close(host->epoll);
	if (host->bell >= 0)
		close(host->bell);
	host->epoll = -1;
	host->bell = -1;
}

/* What is read is what the poll that follows answers. */
static int listen_for(int bell, int timeout_ms)
{
	struct pollfd one = { .fd = bell, .events = POLLIN };
	int count = poll(&one, 1, timeout_ms);
	char bytes[64];

	while (count > 0 && recv(bell, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	return count;
}

static int sleep_once(const struct host *host, int timeout_ms)
{
	struct pollfd one = { .fd = host->fd, .events = POLLIN };
	struct timeval time = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };
	struct epoll_event event;
	fd_set set;

	switch (host->kind) {
	case HOST_LEVEL:
	case HOST_EDGE:
	case HOST_EDGE_FLAG:
		return epoll_wait(host->epoll, &event, 1, timeout_ms);
	case HOST_SELECT:
		FD_ZERO(&set);
		FD_SET(host->fd, &set);
		return select(host->fd + 1, &set, NULL, NULL, &time);
	case HOST_DOORBELL:
		return listen_for(host->bell, timeout_ms);
	default:
		return poll(&one, 1, timeout_ms);
	}
}

bool host_sleep(const struct host *host, int timeout_ms)
{
	int64_t end = clock_ns() + (int64_t)timeout_ms * 1000000;
	int count;

	do {
		count = sleep_once(host, timeout_ms);
	} while (count < 0 && errno == EINTR && clock_ns() < end);
	return count > 0;
}
