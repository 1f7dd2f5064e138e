/*
 * Every misuse of every public function, on every driver variant: the rows of the generated
 * misuse.h against the real library.  It knows no function by name, so a new one cannot be
 * forgotten.
 *
 * Each row runs in a child process with fresh handles of its own: a row may end any of them, and a
 * crash is the failure of one row.  The child asserts nothing; it tells its parent what is wrong.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "misuse.h"

enum {
	SECONDS_MAX = 60,
	RELEASES_MAX = 8,
	RANDOM = 0x12345,
	BUFFER_SIZE = 64
};

/* In the child: what went wrong, and the end. */
static int report_fd = -1;

static _Noreturn void give_up(const char *what, int64_t result)
{
	dprintf(report_fd, "%s: %lld %s", what, (long long)result,
		abio_error_name(result < 0 ? (int32_t)result : 0));
	_exit(1);
}

static void need(const char *what, int64_t result)
{
	if (result < 0)
		give_up(what, result);
}

/* The handle or result that the operation with this token brings. */
static uint64_t finish(abio_driver driver, uint64_t token)
{
	struct abio_event event = { 0 };

	while (event.token != token || (event.flags & ABIO_EVENT_MORE) != 0) {
		int32_t count = abio_driver_wait(driver, &event, sizeof(event), 1, -1);

		if (count != 1)
			give_up("waiting for an event", count);
	}
	need("an operation of the fixture", event.result);
	return event.handle;
}

/* ---- the handles of a row -------------------------------------------------------------------- */

static abio_driver make_driver(const struct test_variant *variant)
{
	struct abio_driver_options options = { .size = sizeof(options),
					       .backend = variant->backend,
					       .flags = variant->flags };
	abio_driver driver = 0;

	need("abio_driver_create", abio_driver_create(&options, &driver));
	return driver;
}

static void end_driver(abio_driver driver)
{
	struct abio_event event;

	if (abio_driver_shutdown(driver) < 0)
		return; /* the row ended it */
	while (abio_driver_close(driver) == ABIO_E_BUSY)
		need("draining", abio_driver_wait(driver, &event, sizeof(event), 1, -1));
}

static abio_io open_file(abio_driver driver, const char *path)
{
	struct abio_open_options options = { .size = sizeof(options),
					     .access = ABIO_ACCESS_READ | ABIO_ACCESS_WRITE,
					     .flags = ABIO_OPEN_CREATE };

	need("abio_open", abio_open(driver, path, (uint32_t)strlen(path), &options, 1));
	return finish(driver, 1);
}

static abio_io close_file(abio_driver driver, abio_io io)
{
	need("abio_close", abio_close(io, 0, 1));
	finish(driver, 1);
	return io;
}

/* The reader keeps what it reads from. */
static abio_io reader_of(abio_io io)
{
	abio_io reader = 0;

	need("abio_buf_reader", abio_buf_reader(io, 0, 0, &reader));
	need("abio_release", abio_release(io));
	return reader;
}

static void make_handles(struct misuse_handles *all, const struct test_variant *variant,
			 const char *path)
{
	struct abio_address local = { .size = sizeof(local),
				      .family = ABIO_FAMILY_IPV4,
				      .length = 4,
				      .data = { 127, 0, 0, 1 } };
	struct abio_io_info info = { .size = sizeof(info) };

	all->driver = make_driver(variant);
	all->shut_driver = make_driver(variant);
	need("abio_driver_shutdown", abio_driver_shutdown(all->shut_driver));
	all->gone_driver = make_driver(variant);
	end_driver(all->gone_driver);
	all->file = open_file(all->driver, path);
	all->closed_io = close_file(all->driver, open_file(all->driver, path));
	all->gone_io = close_file(all->driver, open_file(all->driver, path));
	need("abio_release", abio_release(all->gone_io));
	need("abio_listen", abio_listen(all->driver, &local, NULL, &all->listener));
	need("abio_info", abio_info(all->listener, &info));
	need("abio_connect", abio_connect(all->driver, &info.local, NULL, 1));
	all->stream = finish(all->driver, 1);
	need("abio_datagram", abio_datagram(all->driver, &local, NULL, 0, &all->datagram));
	all->reader = reader_of(open_file(all->driver, path));
	need("abio_buffer_alloc", abio_buffer_alloc(BUFFER_SIZE, 0, 0, &all->buffer));
	need("abio_buffer_alloc", abio_buffer_alloc(BUFFER_SIZE, 0, 0, &all->gone_buffer));
	need("abio_buffer_release", abio_buffer_release(all->gone_buffer));
	all->random = RANDOM;
}

/* Every driver and io must still be closable after what the row did to it. */
static void end_handles(const struct misuse_handles *all)
{
	const abio_io ios[] = { all->file,     all->stream, all->listener,
				all->datagram, all->reader, all->closed_io };
	int32_t buffer = 0;

	end_driver(all->driver);
	end_driver(all->shut_driver);
	for (int n = 0; n < RELEASES_MAX && buffer >= 0; n++)
		buffer = abio_buffer_release(all->buffer);
	if (buffer != ABIO_E_HANDLE)
		give_up("releasing a buffer", buffer);
	for (size_t i = 0; i < sizeof(ios) / sizeof(ios[0]); i++) {
		int32_t result = 0;

		for (int n = 0; n < RELEASES_MAX && result >= 0; n++)
			result = abio_release(ios[i]);
		if (result != ABIO_E_HANDLE)
			give_up("releasing an io", result);
	}
}

/* ---- running a row --------------------------------------------------------------------------- */

struct job {
	const struct misuse_row *row;
	const struct misuse_handles *all;
	uint64_t handle;
	int32_t result;
};

static void *call(void *argument)
{
	struct job *job = argument;

	job->result = misuse_run(job->row, job->handle, job->all);
	return NULL;
}

static void call_in_thread(struct job *job)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, call, job) != 0)
		give_up("pthread_create", 0);
	pthread_join(thread, NULL);
}

static void call_in_child(struct job *job)
{
	int ends[2];
	int status = 0;
	pid_t child;

	if (pipe(ends) < 0 || (child = fork()) < 0)
		give_up("fork", 0);
	if (child == 0) {
		call(job);
		_exit(write(ends[1], &job->result, sizeof(job->result)) < 0);
	}
	close(ends[1]);
	if (read(ends[0], &job->result, sizeof(job->result)) != (ssize_t)sizeof(job->result))
		give_up("the child of the fork died", 0);
	close(ends[0]);
	waitpid(child, &status, 0);
}

static _Noreturn void run_row(const struct misuse_row *row, const struct test_variant *variant,
			      const char *path)
{
	struct misuse_handles all = { 0 };
	struct job job = { row, &all, 0, 0 };
	const char *wrong;

	signal(SIGALRM, SIG_DFL);
	alarm(SECONDS_MAX);
	make_handles(&all, variant, path);
	job.handle = misuse_handle(row, &all);
	if (row->where == MISUSE_THREAD)
		call_in_thread(&job);
	else if (row->where == MISUSE_CHILD)
		call_in_child(&job);
	else
		call(&job);
	wrong = misuse_verdict(row, job.result);
	if (wrong != NULL)
		give_up(wrong, job.result);
	end_handles(&all);
	_exit(0);
}

/* ---- cases ----------------------------------------------------------------------------------- */

enum {
	NAME_ROOM = 96
};

static char names[misuse_count][NAME_ROOM];

static const struct misuse_row *row_of(const struct test *t)
{
	for (uint32_t i = 0; i < misuse_count; i++) {
		size_t length = strlen(names[i]);

		if (strncmp(t->name, names[i], length) == 0 &&
		    strncmp(t->name + length, " [", 2) == 0)
			return &misuse_rows[i];
	}
	return NULL;
}

static void the_row_is_answered_as_documented(struct test *t)
{
	const struct misuse_row *row = row_of(t);
	const char *path = test_path(t);
	char said[256] = "";
	int ends[2];
	int status = 0;
	ssize_t length;
	pid_t child;

	assert_non_null(row);
	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		report_fd = ends[1];
		run_row(row, t->variant, path);
	}
	close(ends[1]);
	length = read(ends[0], said, sizeof(said) - 1);
	close(ends[0]);
	waitpid(child, &status, 0);
	if (length > 0)
		print_error("%s\n", said);
	if (WIFSIGNALED(status))
		print_error("killed by signal %d\n", WTERMSIG(status));
	assert_int_equal(status, 0);
}

int main(void)
{
	static struct test_case cases[misuse_count];

	for (uint32_t i = 0; i < misuse_count; i++) {
		snprintf(names[i], sizeof(names[i]), "%s %s", misuse_rows[i].function,
			 misuse_rows[i].name);
		cases[i] = (struct test_case){ names[i], the_row_is_answered_as_documented,
					       TEST_VARIANTS };
	}
	return test_run("misuse", cases, misuse_count) == 0 ? 0 : 1;
}
