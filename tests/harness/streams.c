/*
 * Objects of a case and the raw descriptors at their other ends: see harness.h.
 *
 * Invariants: whatever is made here is released, closed and removed with the case, whether it
 * passed or not; raw descriptors block, so a test only waits on one for what must come.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "private.h"

#ifndef F_SETPIPE_SZ
#define F_SETPIPE_SZ 1031
#endif

/* ---- what a case owns ------------------------------------------------------------------------ */

void test_own(struct test *t, abio_io io)
{
	struct test_private *own = t->own;

	own->ios = grown(own->ios, own->io_count, &own->io_room, sizeof(*own->ios));
	own->ios[own->io_count++] = io;
}

int test_own_fd(struct test *t, int fd)
{
	struct test_private *own = t->own;

	assert_true(fd >= 0);
	own->own_fds = grown(own->own_fds, own->fd_count, &own->fd_room, sizeof(*own->own_fds));
	own->own_fds[own->fd_count++] = fd;
	return fd;
}

static bool disown_fd(struct test *t, int fd)
{
	struct test_private *own = t->own;

	for (size_t i = 0; i < own->fd_count; i++) {
		if (own->own_fds[i] != fd)
			continue;
		own->own_fds[i] = own->own_fds[--own->fd_count];
		return true;
	}
	return false;
}

void test_close_fd(struct test *t, int fd)
{
	assert_true(disown_fd(t, fd));
	assert_int_equal(close(fd), 0);
}

/* A handle the test has released itself is refused here, and that is right. */
void streams_release(struct test *t)
{
	struct test_private *own = t->own;

	while (own->io_count > 0) {
		uint64_t handle = own->ios[--own->io_count];

		if (abio_release(handle) == ABIO_E_HANDLE)
			abio_buffer_release(handle);
	}
}

void streams_close(struct test *t)
{
	struct test_private *own = t->own;

	while (own->fd_count > 0)
		close(own->own_fds[--own->fd_count]);
	for (size_t i = 0; i < own->path_count; i++) {
		unlink(own->paths[i]);
		free(own->paths[i]);
	}
	free(own->paths);
	own->paths = NULL;
	own->path_count = 0;
}

/* ---- pairs ----------------------------------------------------------------------------------- */

static void tcp_pair(int fds[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int one = 1;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(listener >= 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fds[1], (struct sockaddr *)&address, length), 0);
	fds[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fds[0] >= 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)),
				 0);
	close(listener);
}

void test_raw_pair(struct test *t, uint32_t kind, int fds[2])
{
	if (kind == ABIO_KIND_TCP)
		tcp_pair(fds);
	else if (kind == ABIO_KIND_UNIX || kind == ABIO_KIND_HOST)
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	else
		assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	test_own_fd(t, fds[0]);
	test_own_fd(t, fds[1]);
	for (int i = 0; i < 2; i++) {
		if ((size_t)fds[i] < sizeof(t->own->host_fd))
			t->own->host_fd[fds[i]] = kind == ABIO_KIND_HOST;
	}
}

abio_io test_adopt(struct test *t, abio_driver driver, int fd)
{
	abio_io io = 0;

	assert_int_equal(abio_adopt(driver, fd, ABIO_KIND_AUTO, 0, &io), 0);
	disown_fd(t, fd);
	if ((size_t)fd < sizeof(t->own->host_fd) && t->own->host_fd[fd])
		return hosts_wrap(t, driver, io);
	test_own(t, io);
	return io;
}

void test_stream(struct test *t, abio_io *reader, abio_io *writer)
{
	int fds[2];

	test_raw_pair(t, t->kind, fds);
	*reader = test_adopt(t, t->driver, fds[0]);
	*writer = test_adopt(t, t->driver, fds[1]);
}

int test_reader(struct test *t, abio_io *reader)
{
	int fds[2];

	test_raw_pair(t, t->kind, fds);
	*reader = test_adopt(t, t->driver, fds[0]);
	return fds[1];
}

int test_writer(struct test *t, abio_io *writer)
{
	int fds[2];

	test_raw_pair(t, t->kind, fds);
	*writer = test_adopt(t, t->driver, fds[1]);
	return fds[0];
}

int test_fd_of(abio_io io)
{
	struct abio_io_info info = { .size = sizeof(info) };

	assert_int_equal(abio_info(io, &info), 0);
	if (info.kind == ABIO_KIND_HOST && hosts_inner(io) != 0)
		return test_fd_of(hosts_inner(io));
	return info.fd;
}

/* ---- raw transfers --------------------------------------------------------------------------- */

void test_send(int fd, const void *data, size_t length)
{
	const char *bytes = data;

	while (length > 0) {
		ssize_t sent = write(fd, bytes, length);

		assert_true(sent > 0);
		bytes += sent;
		length -= (size_t)sent;
	}
}

void test_receive(int fd, void *data, size_t length)
{
	char *bytes = data;

	if (hosts_case() != NULL && hosts_case()->driver != 0) {
		test_pull(hosts_case(), fd, data, length);
		return;
	}
	while (length > 0) {
		ssize_t got = read(fd, bytes, length);

		assert_true(got > 0);
		bytes += got;
		length -= (size_t)got;
	}
}

static void wait_for_data(struct test *t, int fd)
{
	struct pollfd watched[2] = { { .fd = fd, .events = POLLIN },
				     { .fd = abio_driver_fd(t->driver), .events = POLLIN } };

	for (;;) {
		test_gather(t);
		assert_true(poll(watched, 2, -1) > 0);
		if (watched[0].revents != 0)
			return;
	}
}

void test_pull(struct test *t, int fd, void *data, size_t length)
{
	char *bytes = data;

	while (length > 0) {
		ssize_t got;

		wait_for_data(t, fd);
		got = read(fd, bytes, length);
		assert_true(got > 0);
		bytes += got;
		length -= (size_t)got;
	}
}

void test_pull_end(struct test *t, int fd)
{
	char byte;

	wait_for_data(t, fd);
	assert_int_equal(read(fd, &byte, 1), 0);
}

void test_make_small(int fd)
{
	int size = 4096;
	int family = 0;
	socklen_t length = sizeof(family);

	if (fcntl(fd, F_SETPIPE_SZ, size) >= 0)
		return;
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length), 0);
	/* A window below a segment of loopback, 64 KiB, makes TCP wait 200 ms for each. */
	if (family != AF_UNIX)
		size = 1 << 17;
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
}

uint64_t test_stuff(abio_io writer)
{
	static char data[1 << 16];
	uint64_t total = 0;
	int32_t written;

	while ((written = abio_try_write(writer, data, sizeof(data), 0)) > 0)
		total += (uint32_t)written;
	assert_int_equal(written, ABIO_WOULD_BLOCK);
	return total;
}

void test_reset(struct test *t, int fd)
{
	struct linger hard = { .l_onoff = 1, .l_linger = 0 };

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
	test_close_fd(t, fd);
}

/* ---- files ----------------------------------------------------------------------------------- */

const char *test_path(struct test *t)
{
	struct test_private *own = t->own;
	const char *directory = getenv("TMPDIR");
	char *path = malloc(256);
	int fd;

	assert_non_null(path);
	snprintf(path, 256, "%s/abio-test-XXXXXX", directory != NULL ? directory : "/tmp");
	own->paths = realloc(own->paths, (own->path_count + 1) * sizeof(*own->paths));
	assert_non_null(own->paths);
	own->paths[own->path_count++] = path;
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	return path;
}

abio_io test_file(struct test *t, const char *path, uint32_t flags, uint32_t access)
{
	struct abio_open_options options = {
		.size = sizeof(options),
		.flags = flags,
		.access = access != 0 ? access : ABIO_ACCESS_READ | ABIO_ACCESS_WRITE
	};
	struct abio_event event = test_finish(
		t, START(t, abio_open, t->driver, path, (uint32_t)strlen(path), &options));

	assert_int_equal(event.result, 0);
	assert_int_equal(event.flags, ABIO_EVENT_HANDLE);
	return event.handle;
}
