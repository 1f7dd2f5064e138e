/*
 * Every system call of the library, behind one table that tests replace: to count, to fail, to cut
 * short, to see the addresses the kernel is given.
 *
 * Every entry returns >= 0 or -errno, at once; EINTR is retried here and nowhere else.  Nothing
 * outside sys/ calls libc for anything that reaches the kernel.
 */
#ifndef ABIO_SYS_H
#define ABIO_SYS_H

#include <errno.h>
#include <liburing.h>
#include <netdb.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

#include "abio.h"

struct sys_table {
	/* descriptors */
	int64_t (*close)(int fd);
	int64_t (*fstat)(int fd, struct stat *stat);
	int64_t (*get_flags)(int fd);
	int64_t (*set_flags)(int fd, int flags);
	int64_t (*duplicate)(int fd);
	int64_t (*seek)(int fd, int64_t offset, int whence);
	int64_t (*poll)(int fd, int16_t events, int64_t timeout_ns);
	/* files */
	int64_t (*open)(const char *path, int flags, mode_t mode);
	int64_t (*preadv)(int fd, const struct iovec *iovecs, int count, int64_t offset);
	int64_t (*preadv_nowait)(int fd, const struct iovec *iovecs, int count, int64_t offset);
	int64_t (*pwritev)(int fd, const struct iovec *iovecs, int count, int64_t offset);
	int64_t (*sync)(int fd, int data_only);
	/* from a file, by the kernel alone; on workers, where SIGPIPE is blocked */
	int64_t (*send_file)(int fd, int source, int64_t from, size_t length);
	int64_t (*copy_range)(int fd, int64_t to, int source, int64_t from, size_t length);
	int64_t (*length)(int fd); /* of a block device too */
	/* pipes and other character streams; writing never raises SIGPIPE */
	int64_t (*pipe)(int fds[2]);
	int64_t (*readv)(int fd, const struct iovec *iovecs, int count);
	int64_t (*writev)(int fd, const struct iovec *iovecs, int count);
	/* sockets; never wait, never raise SIGPIPE */
	int64_t (*socket)(int family, int type, int protocol);
	int64_t (*bind)(int fd, const struct sockaddr *address, socklen_t length);
	int64_t (*listen)(int fd, int backlog);
	int64_t (*connect)(int fd, const struct sockaddr *address, socklen_t length);
	int64_t (*accept)(int fd);
	int64_t (*receive)(int fd, struct msghdr *message);
	int64_t (*send)(int fd, const struct msghdr *message);
	/* a whole message, with its address and flags */
	int64_t (*receive_message)(int fd, struct msghdr *message);
	int64_t (*send_message)(int fd, const struct msghdr *message);
	int64_t (*shutdown)(int fd, int how);
	int64_t (*get_option)(int fd, int level, int name, int *value);
	int64_t (*set_option)(int fd, int level, int name, int value);
	int64_t (*local_address)(int fd, struct sockaddr_storage *address, socklen_t *length);
	int64_t (*peer_address)(int fd, struct sockaddr_storage *address, socklen_t *length);
	/* waking */
	int64_t (*event_create)(void);
	int64_t (*event_ring)(int fd);
	int64_t (*event_drain)(int fd);
	int64_t (*epoll_create)(void);
	int64_t (*epoll_control)(int fd, int operation, int target, struct epoll_event *event);
	int64_t (*epoll_take)(int fd, struct epoll_event *events, int count);
	int64_t (*timer_create)(void);
	int64_t (*timer_set)(int fd, int64_t deadline_ns);
	/* io_uring */
	int64_t (*ring_create)(uint32_t entries, struct io_uring *ring,
			       struct io_uring_params *params);
	void (*ring_destroy)(struct io_uring *ring);
	int64_t (*ring_enable)(struct io_uring *ring);
	int64_t (*ring_register)(struct io_uring *ring);
	int64_t (*ring_event)(struct io_uring *ring, int fd);
	int64_t (*ring_probe)(struct io_uring *ring, struct io_uring_probe *probe, uint32_t count);
	int64_t (*ring_buffers)(struct io_uring *ring, struct io_uring_buf_reg *registration);
	int64_t (*ring_enter)(struct io_uring *ring);
	/* threads, names, memory, time */
	int64_t (*thread_start)(void *(*main)(void *), void *argument);
	int64_t (*thread_alive)(int32_t number);
	/* 0, -errno, or the negated (positive) number of an EAI_ code */
	int64_t (*names)(const char *name, const char *service, const struct addrinfo *hints,
			 struct addrinfo **result);
	int64_t (*mark_page)(void **page);
	int64_t (*clock)(void);
};

extern struct sys_table sys;

/* -EAGAIN never leaves the library. */
static inline int64_t would_block(int64_t result)
{
	return result == -EAGAIN ? ABIO_WOULD_BLOCK : result;
}

/* What the machine has; `sys` starts as a copy of it. */
extern const struct sys_table sys_linux;

#endif
