/*
 * Descriptors coming in and going out: adopting, detaching, moving to another driver.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

static struct abio_io_info info_of(abio_io io)
{
	struct abio_io_info info = { .size = sizeof(info) };

	assert_int_equal(abio_info(io, &info), 0);
	return info;
}

/* ---- adopting -------------------------------------------------------------------------------- */

static void adopt_finds_out_the_kind(struct test *t)
{
	struct abio_address address = { .size = sizeof(address),
					.family = ABIO_FAMILY_IPV4,
					.length = 4,
					.data = { 127, 0, 0, 1 } };
	int fds[2];
	abio_io listener;
	abio_io io;

	test_raw_pair(t, ABIO_KIND_TCP, fds);
	assert_int_equal(info_of(test_adopt(t, t->driver, fds[0])).kind, ABIO_KIND_TCP);
	test_raw_pair(t, ABIO_KIND_UNIX, fds);
	assert_int_equal(info_of(test_adopt(t, t->driver, fds[0])).kind, ABIO_KIND_UNIX);
	test_raw_pair(t, ABIO_KIND_PIPE, fds);
	assert_int_equal(info_of(test_adopt(t, t->driver, fds[0])).kind, ABIO_KIND_PIPE);
	assert_int_equal(info_of(test_adopt(t, t->driver, fds[1])).kind, ABIO_KIND_PIPE);
	io = test_adopt(t, t->driver, test_own_fd(t, open("/", O_RDONLY | O_CLOEXEC)));
	assert_int_equal(info_of(io).kind, ABIO_KIND_FILE);
	io = test_adopt(t, t->driver, test_own_fd(t, open("/dev/zero", O_RDWR | O_CLOEXEC)));
	assert_int_equal(info_of(io).kind, ABIO_KIND_PIPE);
	assert_int_equal(abio_listen(t->driver, &address, NULL, &listener), 0);
	test_own(t, listener);
	assert_int_equal(abio_adopt(t->driver, test_fd_of(listener), 0, ABIO_ADOPT_DUPLICATE, &io),
			 0);
	test_own(t, io);
	assert_int_equal(info_of(io).kind, ABIO_KIND_TCP_LISTENER);
	assert_int_equal(info_of(io).local.port, info_of(listener).local.port);
}

static void adopt_refuses_what_it_cannot_be(struct test *t)
{
	int fds[2];
	int other = test_own_fd(t, eventfd(0, EFD_CLOEXEC));
	int packets = test_own_fd(t, socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
	int epoll = test_own_fd(t, epoll_create1(EPOLL_CLOEXEC));
	abio_io io = 0;

	test_raw_pair(t, ABIO_KIND_PIPE, fds);
	assert_int_equal(abio_adopt(t->driver, fds[0], ABIO_KIND_TCP, 0, &io), ABIO_E_ARGUMENT);
	assert_int_equal(abio_adopt(t->driver, fds[0], 99, 0, &io), ABIO_E_ARGUMENT);
	assert_int_equal(abio_adopt(t->driver, fds[0], ABIO_KIND_PIPE, 2, &io), ABIO_E_ARGUMENT);
	assert_int_equal(abio_adopt(t->driver, fds[0], ABIO_KIND_PIPE, 0, NULL), ABIO_E_ARGUMENT);
	assert_int_equal(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(abio_adopt(t->driver, other, 0, 0, &io), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_adopt(t->driver, packets, 0, 0, &io), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_adopt(t->driver, epoll, 0, 0, &io), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_adopt(t->driver, -1, 0, 0, &io), -EBADF);
	assert_int_equal(abio_adopt(t->driver, 1 << 20, 0, 0, &io), -EBADF);
	assert_int_equal(io, 0);
}

static void a_duplicate_leaves_the_host_its_own(struct test *t)
{
	int fds[2];
	abio_io io;
	char data[4];

	test_raw_pair(t, t->kind, fds);
	assert_int_equal(abio_adopt(t->driver, fds[1], t->kind, ABIO_ADOPT_DUPLICATE, &io), 0);
	test_own(t, io);
	assert_int_not_equal(test_fd_of(io), fds[1]);
	assert_int_equal(test_result(t, START(t, abio_write, io, "ab", 2, 0)), 2);
	assert_int_equal(test_result(t, START(t, abio_close, io, 0)), 0);
	test_send(fds[1], "cd", 2);
	test_receive(fds[0], data, 4);
	assert_memory_equal(data, "abcd", 4);
}

static void detach_gives_the_descriptor_back(struct test *t)
{
	int fds[2];
	abio_io io;
	int32_t fd = -1;
	char data[4];

	test_raw_pair(t, t->kind, fds);
	io = test_adopt(t, t->driver, fds[1]);
	assert_int_equal(test_result(t, START(t, abio_write, io, "ab", 2, 0)), 2);
	assert_int_equal(abio_detach(io, &fd), 0);
	assert_int_equal(fd, fds[1]);
	test_own_fd(t, fd);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(abio_try_write(io, "x", 1, 0), ABIO_E_CLOSED);
	assert_int_equal(abio_detach(io, &fd), ABIO_E_CLOSED);
	assert_int_equal(abio_release(io), 0);
	test_send(fd, "cd", 2);
	test_receive(fds[0], data, 4);
	assert_memory_equal(data, "abcd", 4);
	/* And it can come in again. */
	io = test_adopt(t, t->driver, fd);
	assert_int_equal(test_result(t, START(t, abio_write, io, "ef", 2, 0)), 2);
}

static void only_an_idle_io_is_detached_or_moved(struct test *t)
{
	abio_io reader;
	abio_io writer;
	abio_driver other = test_driver(t, 0);
	abio_io moved = 0;
	int32_t fd = -1;
	int peer = test_reader(t, &reader);
	int drain = test_writer(t, &writer);
	uint64_t token = test_read(t, reader, test_memory(t, 4), 4);
	uint64_t stuffed;

	assert_int_equal(abio_detach(reader, &fd), ABIO_E_BUSY);
	assert_int_equal(abio_move(reader, other, &moved), ABIO_E_BUSY);
	test_quiet(t);
	assert_int_equal(abio_detach(reader, &fd), ABIO_E_BUSY);
	test_send(peer, "abcd", 4);
	assert_int_equal(test_result(t, token), 4);
	test_make_small(test_fd_of(writer));
	stuffed = test_stuff(writer);
	assert_int_equal(abio_put(writer, "abc", 3), 3);
	assert_int_equal(abio_detach(writer, &fd), ABIO_E_BUSY);
	assert_int_equal(abio_move(writer, other, &moved), ABIO_E_BUSY);
	assert_int_equal(fd, -1);
	assert_int_equal(moved, 0);
	test_pull(t, drain, test_memory(t, stuffed + 3), stuffed + 3);
	test_gather(t);
	assert_int_equal(abio_detach(writer, &fd), 0);
	test_own_fd(t, fd);
}

/* On every backend, whenever the operation itself has ended. */
static void an_io_is_not_idle_before_the_event_of_a_cancel_was_delivered(struct test *t)
{
	abio_io reader;
	abio_driver other = test_driver(t, 0);
	abio_io moved = 0;
	int32_t fd = -1;
	uint64_t token;

	test_reader(t, &reader);
	token = test_read(t, reader, test_memory(t, 4), 4);
	test_quiet(t);
	assert_int_equal(abio_cancel(reader, token), 1);
	assert_int_equal(abio_detach(reader, &fd), ABIO_E_BUSY);
	assert_int_equal(abio_move(reader, other, &moved), ABIO_E_BUSY);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	assert_int_equal(abio_detach(reader, &fd), 0);
	test_own_fd(t, fd);
}

/* ---- moving ---------------------------------------------------------------------------------- */

static void a_moved_stream_works_on_its_new_driver(struct test *t)
{
	abio_driver other = test_driver(t, 0);
	abio_io reader;
	abio_io moved = 0;
	abio_io back = 0;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 4);
	uint64_t token = test_read(t, reader, data, 4);

	test_send(peer, "1234", 4);
	assert_int_equal(test_result(t, token), 4);
	assert_int_equal(abio_move(reader, t->driver ^ (1u << 30), &moved), ABIO_E_HANDLE);
	assert_int_equal(abio_move(reader, reader, &moved), ABIO_E_HANDLE);
	assert_int_equal(abio_move(reader, other, &moved), 0);
	test_own(t, moved);
	assert_int_not_equal(moved, reader);
	assert_int_equal(abio_try_read(reader, data, 4, 0), ABIO_E_CLOSED);
	assert_int_equal(abio_release(reader), 0);
	assert_int_equal(info_of(moved).driver, other);
	token = test_read(t, moved, data, 4);
	test_send(peer, "abcd", 4);
	assert_int_equal(test_finish_on(t, other, token).result, 4);
	assert_memory_equal(data, "abcd", 4);
	assert_int_equal(abio_move(moved, t->driver, &back), 0);
	test_own(t, back);
	test_send(peer, "efgh", 4);
	assert_int_equal(test_result(t, test_read(t, back, data, 4)), 4);
	assert_memory_equal(data, "efgh", 4);
	test_quiet(t);
}

static void a_moved_file_keeps_its_cursor(struct test *t)
{
	abio_driver other = test_driver(t, 0);
	abio_io file = test_file(t, test_path(t), 0, 0);
	abio_io moved = 0;
	char *data = test_memory(t, 4);

	assert_int_equal(test_result(t, START(t, abio_write_at_all, file, "abcdefgh", 8, 0, 0)), 8);
	assert_int_equal(test_result(t, test_read(t, file, data, 3)), 3);
	assert_int_equal(abio_move(file, other, &moved), 0);
	test_own(t, moved);
	assert_int_equal(test_finish_on(t, other, test_read(t, moved, data, 4)).result, 4);
	assert_memory_equal(data, "defg", 4);
}

static const struct test_case cases[] = {
	CASE(adopt_finds_out_the_kind),
	CASE(adopt_refuses_what_it_cannot_be),
	NATIVE(a_duplicate_leaves_the_host_its_own),
	NATIVE(detach_gives_the_descriptor_back),
	NATIVE(only_an_idle_io_is_detached_or_moved),
	NATIVE(an_io_is_not_idle_before_the_event_of_a_cancel_was_delivered),
	NATIVE(a_moved_stream_works_on_its_new_driver),
	CASE(a_moved_file_keeps_its_cursor),
};

TEST_MAIN("adopting", cases)
