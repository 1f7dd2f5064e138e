/* See counting.h. */
#include "counting.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "platform.h"

void (*counting_looks)(struct io_uring *ring);

static uint64_t calls;
static uint64_t allocations;
static uint64_t bytes;
static struct platform_memory memory;

/* X(entry, parameters, arguments) */
#define COUNTED(X)                                                                                 \
	X(close, (int fd), (fd))                                                                   \
	X(fstat, (int fd, struct stat *stat), (fd, stat))                                          \
	X(get_flags, (int fd), (fd))                                                               \
	X(set_flags, (int fd, int flags), (fd, flags))                                             \
	X(duplicate, (int fd), (fd))                                                               \
	X(seek, (int fd, int64_t offset, int whence), (fd, offset, whence))                        \
	X(poll, (int fd, int16_t events, int64_t timeout_ns), (fd, events, timeout_ns))            \
	X(open, (const char *path, int flags, mode_t mode), (path, flags, mode))                   \
	X(preadv, (int fd, const struct iovec *iovecs, int count, int64_t offset),                 \
	  (fd, iovecs, count, offset))                                                             \
	X(preadv_nowait, (int fd, const struct iovec *iovecs, int count, int64_t offset),          \
	  (fd, iovecs, count, offset))                                                             \
	X(pwritev, (int fd, const struct iovec *iovecs, int count, int64_t offset),                \
	  (fd, iovecs, count, offset))                                                             \
	X(sync, (int fd, int data_only), (fd, data_only))                                          \
	X(send_file, (int fd, int source, int64_t from, size_t length),                            \
	  (fd, source, from, length))                                                              \
	X(copy_range, (int fd, int64_t to, int source, int64_t from, size_t length),               \
	  (fd, to, source, from, length))                                                          \
	X(length, (int fd), (fd))                                                                  \
	X(pipe, (int fds[2]), (fds))                                                               \
	X(readv, (int fd, const struct iovec *iovecs, int count), (fd, iovecs, count))             \
	X(writev, (int fd, const struct iovec *iovecs, int count), (fd, iovecs, count))            \
	X(socket, (int family, int type, int protocol), (family, type, protocol))                  \
	X(bind, (int fd, const struct sockaddr *address, socklen_t length), (fd, address, length)) \
	X(listen, (int fd, int backlog), (fd, backlog))                                            \
	X(connect, (int fd, const struct sockaddr *address, socklen_t length),                     \
	  (fd, address, length))                                                                   \
	X(accept, (int fd), (fd))                                                                  \
	X(receive, (int fd, struct msghdr *message), (fd, message))                                \
	X(send, (int fd, const struct msghdr *message), (fd, message))                             \
	X(receive_message, (int fd, struct msghdr *message), (fd, message))                        \
	X(send_message, (int fd, const struct msghdr *message), (fd, message))                     \
	X(shutdown, (int fd, int how), (fd, how))                                                  \
	X(get_option, (int fd, int level, int name, int *value), (fd, level, name, value))         \
	X(set_option, (int fd, int level, int name, int value), (fd, level, name, value))          \
	X(local_address, (int fd, struct sockaddr_storage *address, socklen_t *length),            \
	  (fd, address, length))                                                                   \
	X(peer_address, (int fd, struct sockaddr_storage *address, socklen_t *length),             \
	  (fd, address, length))                                                                   \
	X(event_create, (void), ())                                                                \
	X(event_ring, (int fd), (fd))                                                              \
	X(event_drain, (int fd), (fd))                                                             \
	X(epoll_create, (void), ())                                                                \
	X(epoll_control, (int fd, int operation, int target, struct epoll_event *event),           \
	  (fd, operation, target, event))                                                          \
	X(epoll_take, (int fd, struct epoll_event *events, int count), (fd, events, count))        \
	X(timer_create, (void), ())                                                                \
	X(timer_set, (int fd, int64_t deadline_ns), (fd, deadline_ns))

#define DEFINE(entry, parameters, arguments)      \
	static int64_t counted_##entry parameters \
	{                                         \
		calls++;                          \
		return sys_linux.entry arguments; \
	}
COUNTED(DEFINE)

static int64_t counted_enter(struct io_uring *ring)
{
	calls++;
	if (counting_looks != NULL)
		counting_looks(ring);
	return sys_linux.ring_enter(ring);
}

static void *counted_allocate(size_t size, size_t alignment)
{
	allocations++;
	bytes += size;
	return memory.allocate(size, alignment);
}

void counting_begin(void)
{
	/* A case that failed may have left a count on. */
	if (platform_memory.allocate != counted_allocate)
		memory = platform_memory;
	platform_memory.allocate = counted_allocate;
#define REPLACE(entry, parameters, arguments) sys.entry = counted_##entry;
	COUNTED(REPLACE)
	sys.ring_enter = counted_enter;
	calls = allocations = bytes = 0;
}

void counting_end(void)
{
	sys = sys_linux;
	platform_memory = memory;
}

uint64_t counted_calls(void)
{
	return calls;
}

uint64_t counted_allocations(void)
{
	return allocations;
}

uint64_t counted_bytes(void)
{
	return bytes;
}

void count_one(void)
{
	calls++;
}

const char *counting_misses(void)
{
	static char text[256];
	struct sys_table left = sys;
	const struct sys_table *real = &sys_linux;
	uintptr_t mine[sizeof(left) / sizeof(uintptr_t)];
	uintptr_t theirs[sizeof(left) / sizeof(uintptr_t)];

	/* These are not made by a driver in use, or do not enter the kernel. */
	memset(&left.ring_create, 0,
	       offsetof(struct sys_table, ring_enter) - offsetof(struct sys_table, ring_create));
	memset(&left.thread_start, 0, sizeof(left) - offsetof(struct sys_table, thread_start));
	memcpy(mine, &left, sizeof(mine));
	memcpy(theirs, real, sizeof(theirs));
	text[0] = '\0';
	for (size_t i = 0; i < sizeof(mine) / sizeof(mine[0]); i++) {
		if (mine[i] == theirs[i])
			snprintf(text, sizeof(text), "entry %zu of struct sys_table", i);
	}
	return text;
}
