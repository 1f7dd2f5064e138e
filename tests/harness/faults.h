/*
 * Faults: every entry of the table of system calls, the allocator, and every request handed to an
 * io_uring, counted, and failed when a plan says so.
 *
 * `faults_install` puts itself in front of what `sys` and `platform_memory` are at that moment;
 * `faults_remove` puts that back.  A plan is for one entry (or all system calls together) and says
 * from which call on, once or for ever, and with which errno.  Counting starts when a plan is made.
 *
 * What fails is not done, with one exception: close really closes, as it does on Linux.  A request
 * of an io_uring fails without side effect: the kernel gets a no-operation in its place, and the
 * completion carries the error.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdbool.h>
#include <stdint.h>

/* Entries that simply fail with a negative code.  A new entry of struct sys_table belongs here. */
#define FAULTS_SIMPLE(X)                                                                           \
	X(fstat, (int fd, struct stat *stat), (fd, stat))                                          \
	X(get_flags, (int fd), (fd))                                                               \
	X(set_flags, (int fd, int flags), (fd, flags))                                             \
	X(duplicate, (int fd), (fd))                                                               \
	X(seek, (int fd, int64_t offset, int whence), (fd, offset, whence))                        \
	X(poll, (int fd, int16_t events, int64_t timeout_ns), (fd, events, timeout_ns))            \
	X(open, (const char *path, int flags, mode_t mode), (path, flags, mode))                   \
	X(sync, (int fd, int data_only), (fd, data_only))                                          \
	X(send_file, (int fd, int source, int64_t from, size_t length),                            \
	  (fd, source, from, length))                                                              \
	X(copy_range, (int fd, int64_t to, int source, int64_t from, size_t length),               \
	  (fd, to, source, from, length))                                                          \
	X(length, (int fd), (fd))                                                                  \
	X(pipe, (int fds[2]), (fds))                                                               \
	X(socket, (int family, int type, int protocol), (family, type, protocol))                  \
	X(bind, (int fd, const struct sockaddr *address, socklen_t length), (fd, address, length)) \
	X(listen, (int fd, int backlog), (fd, backlog))                                            \
	X(connect, (int fd, const struct sockaddr *address, socklen_t length),                     \
	  (fd, address, length))                                                                   \
	X(accept, (int fd), (fd))                                                                  \
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
	X(timer_set, (int fd, int64_t deadline_ns), (fd, deadline_ns))                             \
	X(ring_create,                                                                             \
	  (uint32_t entries, struct io_uring * ring, struct io_uring_params * params),             \
	  (entries, ring, params))                                                                 \
	X(ring_enable, (struct io_uring * ring), (ring))                                           \
	X(ring_register, (struct io_uring * ring), (ring))                                         \
	X(ring_event, (struct io_uring * ring, int fd), (ring, fd))                                \
	X(ring_probe, (struct io_uring * ring, struct io_uring_probe * probe, uint32_t count),     \
	  (ring, probe, count))                                                                    \
	X(ring_buffers, (struct io_uring * ring, struct io_uring_buf_reg * registration),          \
	  (ring, registration))                                                                    \
	X(thread_start, (void *(*main)(void *), void *argument), (main, argument))                 \
	X(thread_alive, (int32_t number), (number))                                                \
	X(names,                                                                                   \
	  (const char *name, const char *service, const struct addrinfo *hints,                    \
	   struct addrinfo **result),                                                              \
	  (name, service, hints, result))                                                          \
	X(mark_page, (void **page), (page))

/* Transfers: they can also be cut short. */
#define FAULTS_VECTORS(X)    X(readv) X(writev)
#define FAULTS_VECTORS_AT(X) X(preadv) X(preadv_nowait) X(pwritev)
#define FAULTS_MESSAGES(X)   X(receive, struct msghdr) X(send, const struct msghdr)

/* Written by hand in faults.c: they cannot fail, do their work all the same, or need more. */
#define FAULTS_SPECIAL(X) X(close) X(ring_destroy) X(ring_enter) X(clock)

#define FAULTS_ENUMERATE(name, ...) FAULT_##name,
enum fault_entry {
	FAULTS_SIMPLE(FAULTS_ENUMERATE)
	FAULTS_VECTORS(FAULTS_ENUMERATE) FAULTS_VECTORS_AT(FAULTS_ENUMERATE)
		FAULTS_MESSAGES(FAULTS_ENUMERATE)
			FAULTS_SPECIAL(FAULTS_ENUMERATE) FAULT_SYSTEM_CALLS,
	FAULT_memory = FAULT_SYSTEM_CALLS, /* an allocation */
	FAULT_request, /* an entry of a submission queue; cancels do not count */
	FAULT_ENTRIES,
	FAULT_ANY_SYSTEM_CALL = FAULT_ENTRIES,
	FAULT_COUNTERS
};
#undef FAULTS_ENUMERATE

struct fault {
	enum fault_entry entry;
	uint64_t nth;  /* from 1 */
	int32_t error; /* a positive errno */
	bool forever;
};

/* How much every transfer moves at most. */
enum fault_cut {
	FAULT_CUT_NONE,
	FAULT_CUT_ONE_BYTE,
	FAULT_CUT_ONE_LESS
};

void faults_install(void);
void faults_remove(void);

/* Counts anew; NULL only counts. */
void faults_plan(const struct fault *fault);
/* Nothing fails any more; counting goes on. */
void faults_lift(void);
void faults_cut(enum fault_cut cut);

/* Since the last plan. */
uint64_t faults_count(enum fault_entry entry);
uint64_t faults_hits(void);
/* How many allocations are alive, of those made since install. */
int64_t faults_live(void);

const char *faults_name(enum fault_entry entry);
/* False for what has no way to fail: the clock, destroying a ring. */
bool faults_can_fail(enum fault_entry entry);

#endif
