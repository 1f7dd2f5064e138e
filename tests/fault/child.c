/* See child.h. */
#include "child.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

#define PATIENCE_NS      60000000000
#define WATCHDOG_SECONDS 120

const struct variant variants[VARIANTS] = {
	{ "io_uring deferred", ABIO_BACKEND_URING, 0 },
	{ "io_uring cooperative", ABIO_BACKEND_URING, ABIO_DRIVER_COOPERATIVE },
	{ "epoll", ABIO_BACKEND_EPOLL, 0 },
};

static char *said;
static uint32_t passed_count;
static uint32_t failed_count;
static uint32_t skipped_count;

#define SAID_SIZE 1024u

static void prepare(void)
{
	if (said != NULL)
		return;
	said = mmap(NULL, SAID_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (said == MAP_FAILED)
		abort();
}

const char *child_said(void)
{
	prepare();
	return said;
}

void child_fail(const char *format, ...)
{
	va_list arguments;

	prepare();
	va_start(arguments, format);
	vsnprintf(said, SAID_SIZE, format, arguments);
	va_end(arguments);
	_exit(1);
}

static int verdict(int status)
{
	if (WIFEXITED(status) && (WEXITSTATUS(status) != 1 || said[0] != 0))
		return WEXITSTATUS(status);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		snprintf(said, SAID_SIZE, "hung");
	else if (WIFSIGNALED(status))
		snprintf(said, SAID_SIZE, "died of signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(said, SAID_SIZE, "ended with status %d", WEXITSTATUS(status));
	return CHILD_DIED;
}

int child_run(unsigned int seconds, int (*body)(void *argument), void *argument)
{
	int status = 0;
	pid_t child;

	prepare();
	said[0] = 0;
	fflush(NULL);
	child = fork();
	if (child < 0) {
		snprintf(said, SAID_SIZE, "fork: %s", strerror(errno));
		return CHILD_DIED;
	}
	if (child == 0) {
		alarm(seconds);
		_exit(body(argument));
	}
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			abort();
	}
	return verdict(status);
}

/* ---- counting ------------------------------------------------------------------------------ */

void tally(bool passed, const char *format, ...)
{
	va_list arguments;

	if (passed)
		passed_count++;
	else
		failed_count++;
	if (passed && getenv("ABIO_TEST_VERBOSE") == NULL)
		return;
	va_start(arguments, format);
	printf("%s ", passed ? "ok    " : "FAILED");
	vprintf(format, arguments);
	putchar('\n');
	va_end(arguments);
	fflush(stdout);
}

void tally_skip(const char *format, ...)
{
	va_list arguments;

	skipped_count++;
	va_start(arguments, format);
	printf("skipped ");
	vprintf(format, arguments);
	putchar('\n');
	va_end(arguments);
}

int tally_end(void)
{
	printf("%u passed, %u failed, %u skipped\n", passed_count, failed_count, skipped_count);
	return failed_count == 0 && passed_count > 0 ? 0 : 1;
}

/* ---- descriptors --------------------------------------------------------------------------- */

static int each_fd(char *text, size_t size)
{
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;
	int count = 0;

	if (directory == NULL)
		child_fail("/proc/self/fd: %s", strerror(errno));
	while ((entry = readdir(directory)) != NULL) {
		char target[128];
		ssize_t length;

		if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(directory))
			continue;
		count++;
		if (text == NULL)
			continue;
		length = readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);
		target[length < 0 ? 0 : length] = 0;
		snprintf(text + strlen(text), size - strlen(text), " %s=%s", entry->d_name, target);
	}
	closedir(directory);
	return count;
}

int open_fds(void)
{
	return each_fd(NULL, 0);
}

void describe_fds(char *text, size_t size)
{
	text[0] = 0;
	each_fd(text, size);
}

int threads(void)
{
	DIR *directory = opendir("/proc/self/task");
	struct dirent *entry;
	int count = 0;

	if (directory == NULL)
		child_fail("/proc/self/task: %s", strerror(errno));
	while ((entry = readdir(directory)) != NULL)
		count += entry->d_name[0] != '.';
	closedir(directory);
	return count;
}

/* ---- a test over a variant ----------------------------------------------------------------- */

struct run {
	const struct variant *variant;
	void (*body)(const struct variant *variant);
};

void need_nothing_left(int fds, const char *before)
{
	char after[400];

	for (int i = 0; i < 5000 && (faults_live() != 0 || open_fds() > fds); i++)
		usleep(1000);
	if (faults_live() != 0)
		child_fail("%lld allocations are left", (long long)faults_live());
	describe_fds(after, sizeof(after));
	if (open_fds() != fds)
		child_fail("descriptors before:%.300s\n  after:%s", before, after);
}

static int run_child(void *argument)
{
	const struct run *run = argument;
	char before[400];
	int fds = open_fds();

	describe_fds(before, sizeof(before));
	faults_install();
	run->body(run->variant);
	need_nothing_left(fds, before);
	return CHILD_OK;
}

static int try_variant(void *argument)
{
	const struct variant *variant = argument;
	struct abio_driver_options options = { .size = sizeof(options),
					       .backend = variant->backend,
					       .flags = variant->flags };
	abio_driver driver;

	return abio_driver_create(&options, &driver) == 0 ? 0 : 2;
}

bool variant_works(const struct variant *variant)
{
	struct variant copy = *variant;

	return child_run(WATCHDOG_SECONDS, try_variant, &copy) == CHILD_OK;
}

void run_on(const struct variant *variant, const char *name, void (*body)(const struct variant *))
{
	struct run run = { variant, body };
	const char *only = getenv("ABIO_TEST");
	bool passed;

	if (only != NULL && strstr(name, only) == NULL)
		return;
	if (!variant_works(variant)) {
		tally_skip("%s (%s): does not work here", name, variant->name);
		return;
	}
	passed = child_run(WATCHDOG_SECONDS, run_child, &run) == CHILD_OK;
	tally(passed, "%s (%s)%s%s", name, variant->name, passed ? "" : ": ", child_said());
}

void run_on_all(const char *name, void (*body)(const struct variant *))
{
	for (int i = 0; i < VARIANTS; i++)
		run_on(&variants[i], name, body);
}

/* ---- drivers and what is on them ----------------------------------------------------------- */

abio_driver new_driver(const struct variant *variant)
{
	struct abio_driver_options options = { .size = sizeof(options),
					       .backend = variant->backend,
					       .flags = variant->flags };
	abio_driver driver = 0;

	need_equal(abio_driver_create(&options, &driver), 0);
	return driver;
}

void end_driver(abio_driver driver)
{
	struct abio_event events[16];
	int32_t count = 1;

	need(abio_driver_shutdown(driver) >= 0);
	for (;;) {
		int32_t result = abio_driver_close(driver);

		if (result == 0)
			return;
		need_equal(result, ABIO_E_BUSY);
		count = abio_driver_wait(driver, events, sizeof(events[0]), 16, PATIENCE_NS);
		need(count > 0 || abio_driver_close(driver) == 0);
		if (count <= 0)
			return;
	}
}

struct abio_event next_event(abio_driver driver)
{
	struct abio_event event;

	need_equal(abio_driver_wait(driver, &event, sizeof(event), 1, PATIENCE_NS), 1);
	return event;
}

struct abio_event finish(abio_driver driver, uint64_t token)
{
	struct abio_event event;

	do
		event = next_event(driver);
	while (event.token != token || (event.flags & (ABIO_EVENT_MORE | ABIO_EVENT_WAKE)) != 0);
	return event;
}

static void tcp_pair(int fds[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	need(listener >= 0);
	need(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0);
	need(listen(listener, 1) == 0);
	need(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	need(connect(fds[0], (struct sockaddr *)&address, sizeof(address)) == 0);
	fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	need(fds[1] >= 0);
	close(listener);
}

void raw_pair(uint32_t kind, int fds[2])
{
	if (kind == ABIO_KIND_TCP)
		tcp_pair(fds);
	else if (kind == ABIO_KIND_UNIX)
		need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	else
		need(pipe2(fds, O_CLOEXEC) == 0);
}

void new_pair(abio_driver driver, uint32_t kind, abio_io ios[2])
{
	int fds[2];

	raw_pair(kind, fds);
	for (int i = 0; i < 2; i++)
		need_equal(abio_adopt(driver, fds[i], ABIO_KIND_AUTO, 0, &ios[i]), 0);
}

abio_io new_file(abio_driver driver)
{
	char path[] = "/tmp/abio-fault-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);
	abio_io file = 0;

	need(fd >= 0);
	unlink(path);
	need_equal(abio_adopt(driver, fd, ABIO_KIND_FILE, 0, &file), 0);
	return file;
}
