/*
 * Standard input and output as programs meet them: terminals, pipes of child processes, redirected
 * files, /dev/null, sockets, and what a shell finds when we have gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "harness.h"

enum {
	ROOM = 256,
	BULK = 300000
};

static bool blocks(int fd)
{
	return (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

static uint32_t kind_of(abio_io io)
{
	struct abio_io_info info = { .size = sizeof(info) };

	assert_int_equal(abio_info(io, &info), 0);
	return info.kind;
}

/* A terminal: the side that programs have, and the side of who shows it. */
static void terminal(struct test *t, int *screen, int *tty)
{
	struct termios settings;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	assert_true(master >= 0);
	*screen = test_own_fd(t, master);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	*tty = test_own_fd(t, open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC));
	assert_true(*tty >= 0);
	assert_int_equal(tcgetattr(*tty, &settings), 0);
	settings.c_lflag &= ~(tcflag_t)(ECHO | ECHOCTL);
	settings.c_oflag &= ~(tcflag_t)OPOST;
	assert_int_equal(tcsetattr(*tty, TCSANOW, &settings), 0);
}

static abio_io borrow(struct test *t, int fd)
{
	abio_io io = 0;

	assert_int_equal(abio_adopt(t->driver, fd, ABIO_KIND_AUTO, ABIO_ADOPT_DUPLICATE, &io), 0);
	test_own(t, io);
	return io;
}

static void close_io(struct test *t, abio_io io)
{
	assert_int_equal(test_result(t, START(t, abio_close, io, 0)), 0);
}

/* ---- terminals ------------------------------------------------------------------------------- */

static void a_terminal_gives_lines(struct test *t)
{
	char *data = test_memory(t, ROOM);
	int screen;
	int tty;
	abio_io io;
	uint64_t waiting;

	terminal(t, &screen, &tty);
	io = borrow(t, tty);
	assert_int_equal(kind_of(io), ABIO_KIND_PIPE);
	waiting = test_read(t, io, data, ROOM);
	test_quiet(t);
	/* Half a line is the terminal's own. */
	test_send(screen, "half", 4);
	test_quiet(t);
	test_send(screen, " a line\n", 8);
	assert_int_equal(test_result(t, waiting), 12);
	assert_memory_equal(data, "half a line\n", 12);
	assert_int_equal(abio_try_read(io, data, ROOM, 0), ABIO_WOULD_BLOCK);
}

static void a_terminal_shows_what_is_written(struct test *t)
{
	char data[8];
	int screen;
	int tty;
	abio_io io;

	terminal(t, &screen, &tty);
	io = borrow(t, tty);
	assert_int_equal(test_result(t, START(t, abio_write_all, io, "prompt> ", 8, 0)), 8);
	test_pull(t, screen, data, 8);
	assert_memory_equal(data, "prompt> ", 8);
}

static void the_end_on_a_terminal_is_not_for_ever(struct test *t)
{
	char *data = test_memory(t, ROOM);
	int screen;
	int tty;
	abio_io io;

	terminal(t, &screen, &tty);
	io = borrow(t, tty);
	test_send(screen, "\x04", 1);
	assert_int_equal(test_result(t, test_read(t, io, data, ROOM)), 0);
	test_send(screen, "more\n", 5);
	assert_int_equal(test_result(t, test_read(t, io, data, ROOM)), 5);
}

static void reading_and_writing_a_terminal_go_on_at_once(struct test *t)
{
	char *data = test_memory(t, ROOM);
	char shown[4];
	int screen;
	int tty;
	abio_io io;
	uint64_t waiting;

	terminal(t, &screen, &tty);
	io = borrow(t, tty);
	waiting = test_read(t, io, data, ROOM);
	test_quiet(t);
	assert_int_equal(test_result(t, START(t, abio_write_all, io, "ask?", 4, 0)), 4);
	test_pull(t, screen, shown, 4);
	test_send(screen, "yes\n", 4);
	assert_int_equal(test_result(t, waiting), 4);
}

static void cancelling_a_read_leaves_the_line_to_the_next(struct test *t)
{
	char *data = test_memory(t, ROOM);
	int screen;
	int tty;
	abio_io io;
	uint64_t waiting;

	terminal(t, &screen, &tty);
	io = borrow(t, tty);
	waiting = test_read(t, io, data, ROOM);
	test_quiet(t);
	assert_int_equal(abio_cancel(io, waiting), 1);
	assert_int_equal(test_result(t, waiting), ABIO_E_CANCELED);
	test_send(screen, "kept\n", 5);
	assert_int_equal(test_result(t, test_read(t, io, data, ROOM)), 5);
}

static void a_terminal_that_hangs_up_ends(struct test *t)
{
	char *data = test_memory(t, ROOM);
	int screen;
	int tty;
	abio_io io;
	uint64_t waiting;

	terminal(t, &screen, &tty);
	io = borrow(t, tty);
	waiting = test_read(t, io, data, ROOM);
	test_quiet(t);
	test_close_fd(t, screen);
	assert_int_equal(test_result(t, waiting), 0);
	assert_int_equal(test_result(t, START(t, abio_write, io, "x", 1, 0)), -EIO);
}

/* The screen of a program that has ended: what it wrote comes first. */
static void a_screen_whose_programs_are_gone_says_so(struct test *t)
{
	char *data = test_memory(t, ROOM);
	int screen;
	int tty;
	abio_io io;

	terminal(t, &screen, &tty);
	io = borrow(t, screen);
	test_send(tty, "last words", 10);
	test_close_fd(t, tty);
	assert_int_equal(test_result(t, test_read_exact(t, io, data, 10)), 10);
	assert_memory_equal(data, "last words", 10);
	assert_int_equal(test_result(t, test_read(t, io, data, ROOM)), -EIO);
}

/* ---- what a shell finds afterwards ------------------------------------------------------------
 */

static void closing_gives_back_a_terminal_that_blocks(struct test *t)
{
	int screen;
	int tty;
	abio_io io;

	terminal(t, &screen, &tty);
	assert_true(blocks(tty));
	io = borrow(t, tty);
	assert_false(blocks(tty));
	close_io(t, io);
	assert_true(blocks(tty));
}

static void releasing_gives_back_a_terminal_that_blocks(struct test *t)
{
	int screen;
	int tty;
	abio_io io = 0;

	terminal(t, &screen, &tty);
	assert_int_equal(abio_adopt(t->driver, tty, 0, ABIO_ADOPT_DUPLICATE, &io), 0);
	assert_int_equal(abio_release(io), 0);
	assert_true(blocks(tty));
	/* Also where the descriptor itself was the library's: another has the same open file. */
	assert_int_equal(
		abio_adopt(t->driver, test_own_fd(t, dup(tty)), 0, ABIO_ADOPT_DUPLICATE, &io), 0);
	assert_false(blocks(tty));
	assert_int_equal(abio_release(io), 0);
	assert_true(blocks(tty));
}

static void a_driver_that_closes_gives_back_a_terminal_that_blocks(struct test *t)
{
	abio_driver driver = test_driver(t, 0);
	int screen;
	int tty;
	abio_io io = 0;

	terminal(t, &screen, &tty);
	assert_int_equal(abio_adopt(driver, tty, 0, ABIO_ADOPT_DUPLICATE, &io), 0);
	test_own(t, io);
	assert_false(blocks(tty));
	test_driver_end(t, driver);
	assert_true(blocks(tty));
}

static void detaching_gives_back_a_terminal_that_blocks(struct test *t)
{
	int screen;
	int tty;
	int fd = -1;
	abio_io io;

	terminal(t, &screen, &tty);
	io = borrow(t, tty);
	assert_int_equal(abio_detach(io, &fd), 0);
	test_own_fd(t, fd);
	assert_true(blocks(tty));
	assert_true(blocks(fd));
}

/* Input, output and errors of a shell's program are one open file. */
static void the_last_of_several_gives_the_terminal_back(struct test *t)
{
	int screen;
	int tty;
	abio_io ios[3];
	char data[4];

	terminal(t, &screen, &tty);
	for (int i = 0; i < 3; i++)
		ios[i] = borrow(t, tty);
	close_io(t, ios[0]);
	assert_false(blocks(tty));
	assert_int_equal(abio_try_read(ios[1], data, 4, 0), ABIO_WOULD_BLOCK);
	close_io(t, ios[2]);
	assert_false(blocks(tty));
	close_io(t, ios[1]);
	assert_true(blocks(tty));
}

static void what_did_not_block_before_does_not_afterwards(struct test *t)
{
	int screen;
	int tty;

	terminal(t, &screen, &tty);
	assert_int_equal(fcntl(tty, F_SETFL, O_NONBLOCK), 0);
	close_io(t, borrow(t, tty));
	assert_false(blocks(tty));
}

/* ---- files, and what is no stream --------------------------------------------------------------
 */

static void a_redirected_file_goes_on_where_it_was(struct test *t)
{
	const char *path = test_path(t);
	int fd = test_own_fd(t, open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
	char data[16] = { 0 };
	abio_io io;

	assert_int_equal(write(fd, "first ", 6), 6);
	io = borrow(t, fd);
	assert_int_equal(kind_of(io), ABIO_KIND_FILE);
	assert_int_equal(test_result(t, START(t, abio_write_all, io, "second ", 7, 0)), 7);
	close_io(t, io);
	/* As a shell's next command does. */
	assert_int_equal(write(fd, "third", 5), 5);
	assert_int_equal(pread(fd, data, 16, 0), 16);
	assert_memory_equal(data, "first second thi", 16);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 18);
}

static void a_file_as_input_is_read_from_its_position_to_its_end(struct test *t)
{
	const char *path = test_path(t);
	int fd = test_own_fd(t, open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
	char *data = test_memory(t, ROOM);
	int out = -1;
	abio_io io;

	assert_int_equal(write(fd, "header\nbody", 11), 11);
	assert_int_equal(lseek(fd, 7, SEEK_SET), 7);
	io = borrow(t, fd);
	assert_int_equal(test_result(t, test_read(t, io, data, ROOM)), 4);
	assert_memory_equal(data, "body", 4);
	assert_int_equal(test_result(t, test_read(t, io, data, ROOM)), 0);
	assert_int_equal(abio_detach(io, &out), 0);
	test_own_fd(t, out);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 11);
}

static void a_log_that_is_appended_to_stays_in_order(struct test *t)
{
	const char *path = test_path(t);
	int fd = test_own_fd(t,
			     open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600));
	abio_io io = borrow(t, fd);
	struct stat stat;

	assert_int_equal(write(fd, "one\n", 4), 4);
	assert_int_equal(test_result(t, START(t, abio_write_all, io, "two\n", 4, 0)), 4);
	assert_int_equal(write(fd, "three\n", 6), 6);
	close_io(t, io);
	assert_int_equal(fstat(fd, &stat), 0);
	assert_int_equal(stat.st_size, 14);
}

static void nothing_comes_from_the_null_device(struct test *t)
{
	int fd = test_own_fd(t, open("/dev/null", O_RDWR | O_CLOEXEC));
	char *data = test_memory(t, ROOM);
	abio_io io = borrow(t, fd);

	assert_int_equal(kind_of(io), ABIO_KIND_PIPE);
	assert_int_equal(test_result(t, test_read(t, io, data, ROOM)), 0);
	assert_int_equal(abio_try_read(io, data, ROOM, 0), 0);
	assert_int_equal(test_result(t, test_read_exact(t, io, data, ROOM)), ABIO_E_UNEXPECTED_EOF);
	assert_int_equal(test_result(t, START(t, abio_write_all, io, data, ROOM, 0)), ROOM);
	assert_int_equal(abio_put(io, data, ROOM), ROOM);
	assert_int_equal(test_result(t, START(t, abio_flush, io, 0)), 0);
	assert_true(test_result(t, START(t, abio_ready, io, ABIO_INTEREST_READ, 0)) > 0);
	close_io(t, io);
	assert_true(blocks(fd));
}

static void a_closed_descriptor_is_told(struct test *t)
{
	int fd = dup(STDERR_FILENO);
	abio_io io = 0;

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(abio_adopt(t->driver, fd, 0, 0, &io), -EBADF);
	assert_int_equal(abio_adopt(t->driver, fd, 0, ABIO_ADOPT_DUPLICATE, &io), -EBADF);
	assert_int_equal(abio_adopt(t->driver, -1, 0, 0, &io), -EBADF);
	assert_int_equal(io, 0);
}

static void the_wrong_direction_is_told(struct test *t)
{
	int in = test_own_fd(t, open("/dev/zero", O_RDONLY | O_CLOEXEC));
	int out = test_own_fd(t, open("/dev/null", O_WRONLY | O_CLOEXEC));
	char data[4];

	assert_int_equal(abio_try_write(borrow(t, in), "x", 1, 0), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_try_read(borrow(t, out), data, 4, 0), ABIO_E_UNSUPPORTED);
}

/* ---- child processes ---------------------------------------------------------------------------
 */

/* `cat` with these as its input and output. */
static pid_t spawn_cat(int in, int out)
{
	pid_t child = fork();

	if (child == 0) {
		dup2(in, STDIN_FILENO);
		dup2(out, STDOUT_FILENO);
		execlp("cat", "cat", (char *)NULL);
		_exit(127);
	}
	assert_true(child > 0);
	return child;
}

static void assert_ended(pid_t child)
{
	int status = -1;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* Ends ours blocking, as most languages make them. */
static void make_pipe(struct test *t, int fds[2])
{
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	test_own_fd(t, fds[0]);
	test_own_fd(t, fds[1]);
}

static void a_child_gives_back_all_it_was_given(struct test *t)
{
	uint8_t *out = test_memory(t, BULK);
	uint8_t *in = test_memory(t, BULK);
	int to[2];
	int from[2];
	abio_io writer;
	abio_io reader;
	uint64_t reading;
	pid_t child;

	make_pipe(t, to);
	make_pipe(t, from);
	child = spawn_cat(to[0], from[1]);
	test_close_fd(t, to[0]);
	test_close_fd(t, from[1]);
	writer = test_adopt(t, t->driver, to[1]);
	reader = test_adopt(t, t->driver, from[0]);
	test_fill(out, BULK, 0);
	reading = test_read_exact(t, reader, in, BULK);
	assert_int_equal(test_result(t, START(t, abio_write_all, writer, out, BULK, 0)), BULK);
	assert_int_equal(test_result(t, reading), BULK);
	assert_pattern(in, BULK, 0);
	close_io(t, writer);
	assert_int_equal(test_result(t, test_read(t, reader, in, BULK)), 0);
	assert_ended(child);
}

/* The end our child has is not made non-blocking by what we do with ours. */
static void a_child_keeps_a_pipe_that_blocks(struct test *t)
{
	int fds[2];
	abio_io io;

	make_pipe(t, fds);
	io = test_adopt(t, t->driver, fds[1]);
	assert_false(blocks(test_fd_of(io)));
	assert_true(blocks(fds[0]));
}

static void a_child_talks_over_one_socket(struct test *t)
{
	char *data = test_memory(t, ROOM);
	int fds[2];
	abio_io io;
	pid_t child;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	test_own_fd(t, fds[0]);
	test_own_fd(t, fds[1]);
	child = spawn_cat(fds[1], fds[1]);
	test_close_fd(t, fds[1]);
	io = test_adopt(t, t->driver, fds[0]);
	assert_int_equal(kind_of(io), ABIO_KIND_UNIX);
	assert_int_equal(test_result(t, START(t, abio_write_all, io, "echo", 4, 0)), 4);
	assert_int_equal(test_result(t, test_read_exact(t, io, data, 4)), 4);
	assert_memory_equal(data, "echo", 4);
	assert_int_equal(test_result(t, START(t, abio_shutdown, io, 0)), 0);
	assert_int_equal(test_result(t, test_read(t, io, data, ROOM)), 0);
	assert_ended(child);
}

static void a_child_on_a_terminal_is_driven_like_a_person(struct test *t)
{
	char *data = test_memory(t, ROOM);
	int screen;
	int tty;
	abio_io io;
	pid_t child;

	terminal(t, &screen, &tty);
	io = borrow(t, screen);
	child = spawn_cat(tty, tty);
	test_close_fd(t, tty);
	assert_int_equal(test_result(t, START(t, abio_write_all, io, "typed\n\x04", 7, 0)), 7);
	assert_int_equal(test_result(t, test_read_exact(t, io, data, 6)), 6);
	assert_memory_equal(data, "typed\n", 6);
	assert_ended(child);
	assert_int_equal(test_result(t, test_read(t, io, data, ROOM)), -EIO);
}

static void a_child_that_dies_breaks_the_pipe(struct test *t)
{
	uint8_t *out = test_memory(t, BULK);
	int to[2];
	int from[2];
	abio_io writer;
	uint64_t writing;
	pid_t child;
	int status = 0;

	make_pipe(t, to);
	make_pipe(t, from);
	child = spawn_cat(to[0], from[1]);
	test_close_fd(t, to[0]);
	test_close_fd(t, from[1]);
	writer = test_adopt(t, t->driver, to[1]);
	/* Nobody takes what it says, so it stands still before it has read all. */
	writing = START(t, abio_write_all, writer, out, BULK, 0);
	test_quiet(t);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(test_result(t, writing), -EPIPE);
}

static const struct test_case cases[] = {
	CASE(a_terminal_gives_lines),
	CASE(a_terminal_shows_what_is_written),
	CASE(the_end_on_a_terminal_is_not_for_ever),
	CASE(reading_and_writing_a_terminal_go_on_at_once),
	CASE(cancelling_a_read_leaves_the_line_to_the_next),
	CASE(a_terminal_that_hangs_up_ends),
	CASE(a_screen_whose_programs_are_gone_says_so),
	CASE(closing_gives_back_a_terminal_that_blocks),
	CASE(releasing_gives_back_a_terminal_that_blocks),
	CASE(a_driver_that_closes_gives_back_a_terminal_that_blocks),
	CASE(detaching_gives_back_a_terminal_that_blocks),
	CASE(the_last_of_several_gives_the_terminal_back),
	CASE(what_did_not_block_before_does_not_afterwards),
	CASE(a_redirected_file_goes_on_where_it_was),
	CASE(a_file_as_input_is_read_from_its_position_to_its_end),
	CASE(a_log_that_is_appended_to_stays_in_order),
	CASE(nothing_comes_from_the_null_device),
	CASE(a_closed_descriptor_is_told),
	CASE(the_wrong_direction_is_told),
	CASE(a_child_gives_back_all_it_was_given),
	CASE(a_child_keeps_a_pipe_that_blocks),
	CASE(a_child_talks_over_one_socket),
	CASE(a_child_on_a_terminal_is_driven_like_a_person),
	CASE(a_child_that_dies_breaks_the_pipe),
};

TEST_MAIN("standard input and output", cases)
