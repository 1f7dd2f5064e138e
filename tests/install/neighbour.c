/*
 * A program, C and C++, that has names of its own which are those inside the library and inside
 * liburing: neither must take the other's.  It prints the file it is given, and the library's
 * version.
 */
#include <abio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Whoever calls one of these has taken the wrong one. */
void handle_find(void);
void operation_finish(void);
void driver_signal(void);
void io_uring_queue_exit(void);
void io_uring_setup(void);
extern int sys, pool_give;

void handle_find(void)
{
	abort();
}

void operation_finish(void)
{
	abort();
}

void driver_signal(void)
{
	abort();
}

void io_uring_queue_exit(void)
{
	abort();
}

void io_uring_setup(void)
{
	abort();
}

int sys = 1, pool_give = 2;

#ifdef __cplusplus
}
#endif

static int64_t await(abio_driver driver, int32_t started, struct abio_event *event)
{
	if (started < 0)
		return started;
	started = abio_driver_wait(driver, event, sizeof(*event), 1, -1);
	return started < 0 ? started : event->result;
}

int main(int count, char **words)
{
	struct abio_event event;
	struct abio_abi abi;
	abio_driver driver;
	abio_io file;
	char text[256];
	int64_t length;

	memset(&event, 0, sizeof(event));
	memset(&abi, 0, sizeof(abi));
	abi.size = sizeof(abi);
	if (count != 2 || abio_abi_info(&abi) < 0 || abio_driver_create(NULL, &driver) < 0)
		return 2;
	if (await(driver, abio_open(driver, words[1], (uint32_t)strlen(words[1]), NULL, 1),
		  &event) < 0)
		return 3;
	file = event.handle;
	length = await(driver, abio_read(file, text, sizeof(text), 0, 2), &event);
	if (length < 0 || await(driver, abio_close(file, 0, 3), &event) < 0)
		return 4;
	abio_release(file);
	abio_driver_shutdown(driver);
	if (abio_driver_close(driver) < 0)
		return 5;
	printf("%u.%u.%u %.*s", abi.major, abi.minor, abi.patch, (int)length, text);
	return sys + pool_give == 3 ? 0 : 6;
}
