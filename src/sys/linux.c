/*
 * The system calls themselves: see sys.h.  Each function is one call, its errno turned into a code
 * at once.
 */
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "compat.h"
#include "platform.h"

#define THREAD_EXITING 0x4u /* the kernel's PF_EXITING, as /proc shows it */

_Static_assert(PLATFORM_NO_MEMORY == -ENOMEM, "platform.h has another ENOMEM");
_Static_assert(PLATFORM_INVALID == -EINVAL, "platform.h has another EINVAL");
_Static_assert(PLATFORM_NOT_CONNECTED == -ENOTCONN, "platform.h has another ENOTCONN");

/* The value of a call, or -errno; again while a signal interrupts it. */
#define CALL(expression)                               \
	__extension__({                                \
		int64_t value_;                        \
		do                                     \
			value_ = (expression);         \
		while (value_ < 0 && errno == EINTR);  \
		value_ < 0 ? -(int64_t)errno : value_; \
	})

/* close is never repeated: on Linux the descriptor is gone even when a signal interrupted it. */
static int64_t do_close(int fd)
{
	return close(fd) < 0 && errno != EINTR ? -(int64_t)errno : 0;
}

static int64_t do_fstat(int fd, struct stat *stat)
{
	return CALL(fstat(fd, stat));
}

static int64_t do_get_flags(int fd)
{
	return CALL(fcntl(fd, F_GETFL));
}

static int64_t do_set_flags(int fd, int flags)
{
	return CALL(fcntl(fd, F_SETFL, flags));
}

static int64_t do_duplicate(int fd)
{
	return CALL(fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

static int64_t do_seek(int fd, int64_t offset, int whence)
{
	return CALL(lseek(fd, offset, whence));
}

static int64_t do_poll(int fd, int16_t events, int64_t timeout_ns)
{
	struct pollfd entry = { .fd = fd, .events = events };
	struct timespec time = { .tv_sec = timeout_ns / 1000000000,
				 .tv_nsec = timeout_ns % 1000000000 };
	int count = ppoll(&entry, 1, timeout_ns < 0 ? NULL : &time, NULL);

	/* A signal ends the sleep: the caller looks at the clock and decides. */
	if (count < 0)
		return errno == EINTR ? 0 : -(int64_t)errno;
	return count == 0 ? 0 : entry.revents;
}

static int64_t do_open(const char *path, int flags, mode_t mode)
{
	return CALL(open(path, flags, mode));
}

static int64_t do_preadv(int fd, const struct iovec *iovecs, int count, int64_t offset)
{
	return CALL(preadv(fd, iovecs, count, offset));
}

static int64_t do_preadv_nowait(int fd, const struct iovec *iovecs, int count, int64_t offset)
{
	return CALL(preadv2(fd, iovecs, count, offset, RWF_NOWAIT));
}

static int64_t do_pwritev(int fd, const struct iovec *iovecs, int count, int64_t offset)
{
	return CALL(pwritev(fd, iovecs, count, offset));
}

static int64_t do_send_file(int fd, int source, int64_t from, size_t length)
{
	off_t at = from;

	return CALL(sendfile(fd, source, &at, length));
}

static int64_t do_copy_range(int fd, int64_t to, int source, int64_t from, size_t length)
{
	off_t in = from;
	off_t out = to;

	return CALL(copy_file_range(source, &in, fd, &out, length, 0));
}

static int64_t do_sync(int fd, int data_only)
{
	return CALL(data_only ? fdatasync(fd) : fsync(fd));
}

static int64_t do_length(int fd)
{
	struct stat stat;
	uint64_t size = 0;
	int64_t error = CALL(fstat(fd, &stat));

	if (error < 0 || !S_ISBLK(stat.st_mode))
		return error < 0 ? error : stat.st_size;
	error = CALL(ioctl(fd, BLKGETSIZE64, &size));
	return error < 0 ? error : (int64_t)size;
}

static int64_t do_pipe(int fds[2])
{
	return CALL(pipe2(fds, O_CLOEXEC | O_NONBLOCK));
}

static int64_t do_readv(int fd, const struct iovec *iovecs, int count)
{
	return CALL(readv(fd, iovecs, count));
}

/*
 * Linux before 6.18 has no RWF_NOSIGNAL: the signal is held back around the call and taken away
 * when it was raised by it.  A SIGPIPE that was pending before is the host's and stays.
 */
static int64_t write_masked(int fd, const struct iovec *iovecs, int count)
{
	sigset_t pipe_set;
	sigset_t before;
	sigset_t pending;
	struct timespec now = { 0, 0 };
	int64_t value;

	sigemptyset(&pipe_set);
	sigaddset(&pipe_set, SIGPIPE);
	sigpending(&pending);
	if (sigismember(&pending, SIGPIPE))
		return CALL(writev(fd, iovecs, count));
	pthread_sigmask(SIG_BLOCK, &pipe_set, &before);
	value = CALL(writev(fd, iovecs, count));
	if (value == -EPIPE)
		sigtimedwait(&pipe_set, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return value;
}

static int64_t do_writev(int fd, const struct iovec *iovecs, int count)
{
	int64_t value = CALL(pwritev2(fd, iovecs, count, -1, COMPAT_RWF_NOSIGNAL));

	if (value == -EOPNOTSUPP || value == -EINVAL)
		return write_masked(fd, iovecs, count);
	return value;
}

static int64_t do_socket(int family, int type, int protocol)
{
	return CALL(socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
}

static int64_t do_bind(int fd, const struct sockaddr *address, socklen_t length)
{
	return CALL(bind(fd, address, length));
}

static int64_t do_listen(int fd, int backlog)
{
	return CALL(listen(fd, backlog));
}

/* An interrupted connect goes on in the background; calling again would say EALREADY. */
static int64_t do_connect(int fd, const struct sockaddr *address, socklen_t length)
{
	if (connect(fd, address, length) == 0)
		return 0;
	return errno == EINTR ? -(int64_t)EINPROGRESS : -(int64_t)errno;
}

static int64_t do_accept(int fd)
{
	return CALL(accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

static int64_t do_receive(int fd, struct msghdr *message)
{
	const struct iovec *one = message->msg_iov;

	if (message->msg_iovlen == 1)
		return CALL(recv(fd, one->iov_base, one->iov_len, MSG_DONTWAIT));
	return CALL(recvmsg(fd, message, MSG_DONTWAIT));
}

static int64_t do_receive_message(int fd, struct msghdr *message)
{
	return CALL(recvmsg(fd, message, MSG_DONTWAIT));
}

static int64_t do_send_message(int fd, const struct msghdr *message)
{
	return CALL(sendmsg(fd, message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static int64_t do_send(int fd, const struct msghdr *message)
{
	const struct iovec *one = message->msg_iov;

	if (message->msg_iovlen == 1)
		return CALL(send(fd, one->iov_base, one->iov_len, MSG_DONTWAIT | MSG_NOSIGNAL));
	return CALL(sendmsg(fd, message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static int64_t do_shutdown(int fd, int how)
{
	return CALL(shutdown(fd, how));
}

static int64_t do_get_option(int fd, int level, int name, int *value)
{
	socklen_t length = sizeof(*value);

	return CALL(getsockopt(fd, level, name, value, &length));
}

static int64_t do_set_option(int fd, int level, int name, int value)
{
	return CALL(setsockopt(fd, level, name, &value, sizeof(value)));
}

static int64_t do_local_address(int fd, struct sockaddr_storage *address, socklen_t *length)
{
	return CALL(getsockname(fd, (struct sockaddr *)address, length));
}

static int64_t do_peer_address(int fd, struct sockaddr_storage *address, socklen_t *length)
{
	return CALL(getpeername(fd, (struct sockaddr *)address, length));
}

static int64_t do_event_create(void)
{
	return CALL(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
}

static int64_t do_event_ring(int fd)
{
	uint64_t one = 1;

	return CALL(write(fd, &one, sizeof(one)));
}

static int64_t do_event_drain(int fd)
{
	uint64_t count;

	return CALL(read(fd, &count, sizeof(count)));
}

static int64_t do_epoll_create(void)
{
	return CALL(epoll_create1(EPOLL_CLOEXEC));
}

static int64_t do_epoll_control(int fd, int operation, int target, struct epoll_event *event)
{
	return CALL(epoll_ctl(fd, operation, target, event));
}

static int64_t do_epoll_take(int fd, struct epoll_event *events, int count)
{
	return CALL(epoll_wait(fd, events, count, 0));
}

static int64_t do_timer_create(void)
{
	return CALL(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
}

static int64_t do_timer_set(int fd, int64_t deadline_ns)
{
	struct itimerspec when = { .it_value = { .tv_sec = deadline_ns / 1000000000,
						 .tv_nsec = deadline_ns % 1000000000 } };

	return CALL(timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL));
}

static int64_t do_ring_create(uint32_t entries, struct io_uring *ring,
			      struct io_uring_params *params)
{
	return io_uring_queue_init_params(entries, ring, params);
}

static void do_ring_destroy(struct io_uring *ring)
{
	io_uring_queue_exit(ring);
}

static int64_t do_ring_enable(struct io_uring *ring)
{
	return io_uring_enable_rings(ring);
}

static int64_t do_ring_register(struct io_uring *ring)
{
	return io_uring_register_ring_fd(ring);
}

static int64_t do_ring_event(struct io_uring *ring, int fd)
{
	return io_uring_register_eventfd(ring, fd);
}

static int64_t do_ring_probe(struct io_uring *ring, struct io_uring_probe *probe, uint32_t count)
{
	return io_uring_register_probe(ring, probe, count);
}

static int64_t do_ring_buffers(struct io_uring *ring, struct io_uring_buf_reg *registration)
{
	return io_uring_register_buf_ring(ring, registration, 0);
}

static int64_t do_ring_enter(struct io_uring *ring)
{
	return io_uring_submit_and_get_events(ring);
}

/* Signals are the host's: a worker takes none of them. */
static int64_t do_thread_start(void *(*start)(void *), void *argument)
{
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all;
	sigset_t before;
	int error;

	error = pthread_attr_init(&attributes);
	if (error != 0)
		return -(int64_t)error;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, &attributes, start, argument);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return -(int64_t)error;
}

/*
 * Whether a thread that still has its number has begun to end.  pthread_join returns before the
 * kernel has taken the number back; by the time it sets this flag it has ended what the thread had
 * with io_uring.
 */
static int is_exiting(int32_t number)
{
	char path[64];
	char text[512];
	const char *rest;
	unsigned int flags = 0;
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", number);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0; /* no /proc here: only its number going tells */
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length <= 0)
		return length < 0 && errno == ESRCH;
	text[length] = 0;
	/* The name in brackets may hold anything; the flags are the seventh field behind it. */
	rest = strrchr(text, ')');
	if (rest == NULL || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %u", &flags) != 1)
		return 0;
	return (flags & THREAD_EXITING) != 0;
}

static int64_t do_thread_alive(int32_t number)
{
	int64_t alive = CALL(syscall(SYS_tgkill, getpid(), number, 0));

	if (alive == 0 && is_exiting(number))
		return -(int64_t)ESRCH;
	/* One that went between the two is not in /proc, as on a machine without. */
	return alive == 0 ? CALL(syscall(SYS_tgkill, getpid(), number, 0)) : alive;
}

static int64_t do_names(const char *name, const char *service, const struct addrinfo *hints,
			struct addrinfo **result)
{
	int error = getaddrinfo(name, service, hints, result);

	return error == EAI_SYSTEM ? -(int64_t)errno : -(int64_t)error;
}

static int64_t do_mark_page(void **page)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -(int64_t)errno;
	if (madvise(memory, 4096, MADV_WIPEONFORK) < 0) {
		int error = errno;

		munmap(memory, 4096);
		return -(int64_t)error;
	}
	*page = memory;
	return 0;
}

static int64_t do_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#define LINUX_TABLE                                                                               \
	{                                                                                         \
		.close = do_close, .fstat = do_fstat, .get_flags = do_get_flags,                  \
		.set_flags = do_set_flags, .duplicate = do_duplicate, .seek = do_seek,            \
		.poll = do_poll, .open = do_open, .preadv = do_preadv,                            \
		.preadv_nowait = do_preadv_nowait, .pwritev = do_pwritev, .sync = do_sync,        \
		.send_file = do_send_file, .copy_range = do_copy_range, .length = do_length,      \
		.pipe = do_pipe, .readv = do_readv, .writev = do_writev, .socket = do_socket,     \
		.bind = do_bind, .listen = do_listen, .connect = do_connect, .accept = do_accept, \
		.receive = do_receive, .send = do_send, .receive_message = do_receive_message,    \
		.send_message = do_send_message, .shutdown = do_shutdown,                         \
		.get_option = do_get_option, .set_option = do_set_option,                         \
		.local_address = do_local_address, .peer_address = do_peer_address,               \
		.event_create = do_event_create, .event_ring = do_event_ring,                     \
		.event_drain = do_event_drain, .epoll_create = do_epoll_create,                   \
		.epoll_control = do_epoll_control, .epoll_take = do_epoll_take,                   \
		.timer_create = do_timer_create, .timer_set = do_timer_set,                       \
		.ring_create = do_ring_create, .ring_destroy = do_ring_destroy,                   \
		.ring_enable = do_ring_enable, .ring_register = do_ring_register,                 \
		.ring_event = do_ring_event, .ring_probe = do_ring_probe,                         \
		.ring_buffers = do_ring_buffers, .ring_enter = do_ring_enter,                     \
		.thread_start = do_thread_start, .thread_alive = do_thread_alive,                 \
		.names = do_names, .mark_page = do_mark_page, .clock = do_clock,                  \
	}

const struct sys_table sys_linux = LINUX_TABLE;
struct sys_table sys = LINUX_TABLE;
