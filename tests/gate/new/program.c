/*
 * A C program of a later release: built from the header of tests/gate/future.py, and run with the
 * library of today and with the one of its own day.  It has linked nothing: what is not there yet
 * is found out by the sizes of tables, before it is called.
 */
#include <abio.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static unsigned int passed, failed;
static const struct abio_api_table *abio;
static abio_driver driver;

#define CHECK(what, condition)                                     \
	do {                                                       \
		bool good = (condition);                           \
		passed += good;                                    \
		failed += !good;                                   \
		printf("%s - %s\n", good ? "ok" : "not ok", what); \
	} while (0)

/* A slot is there when the table's size reaches past it. */
#define HAS(table, slot) \
	((table)->head.size >= offsetof(__typeof__(*(table)), slot) + sizeof(void *))

static struct abio_event event_of(uint64_t token)
{
	struct abio_event event = { 0 };

	while (event.token != token)
		abio->driver_wait(driver, &event, sizeof(event), 1, -1);
	return event;
}

static void what_is_there_is_known(bool later)
{
	const struct abio_read_ops *read = abio->read_table();
	struct abio_trait_info info = { .size = sizeof(info), .future = 7 };
	abio_io reader = 0, writer = 0;

	CHECK("the root table tells what it has", HAS(abio, future_answer) == later);
	CHECK("a trait's table too", HAS(read, read_twice) == later);
	CHECK("pipe", abio->pipe(driver, 0, &reader, &writer) == 0);
	CHECK("what an old library does not know is zero",
	      abio->query(reader, ABIO_TRAIT_READ, &info) == 0 && info.future == 0 &&
		      (info.slots & 1));
	if (later) {
		char byte;

		CHECK("the new function answers", abio->future_answer(6) == 42);
		CHECK("an object without the new slot says so",
		      read->read_twice(reader, &byte, 1, 0, 1) == ABIO_E_UNSUPPORTED &&
			      !(info.slots >> 11));
	}
	CHECK("releases", abio->release(reader) >= 0 && abio->release(writer) >= 0);
}

static void longer_structs_are_read(bool later)
{
	struct abio_open_options options = { .size = sizeof(options),
					     .flags = ABIO_OPEN_CREATE,
					     .access = ABIO_ACCESS_READ | ABIO_ACCESS_WRITE };
	struct abio_event event;

	CHECK("zeros behind what is known are welcome",
	      abio->open(driver, "new.txt", 7, &options, 1) == 0);
	event = event_of(1);
	CHECK("it is opened", event.result >= 0 && abio->release(event.handle) >= 0);
	unlink("new.txt");
	options.future = 1;
	if (later) {
		CHECK("its own day takes the rest",
		      abio->open(driver, "new.txt", 7, &options, 2) == 0);
		event = event_of(2);
		CHECK("it is opened", event.result >= 0 && abio->release(event.handle) >= 0);
		unlink("new.txt");
		return;
	}
	CHECK("anything else is too new",
	      abio->open(driver, "new.txt", 7, &options, 2) == ABIO_E_TOO_NEW);
	options.future = 0;
	options.flags |= ABIO_OPEN_FUTURE;
	CHECK("a flag that is not known is refused",
	      abio->open(driver, "new.txt", 7, &options, 2) == ABIO_E_ARGUMENT);
}

static int32_t give(void *user, void *data, uint32_t length)
{
	(void)user;
	(void)length;
	*(char *)data = 'x';
	return 1;
}

static int32_t never(void *user, uint64_t op)
{
	(void)user;
	(void)op;
	return 1;
}

static void longer_tables_are_read(bool later)
{
	struct abio_read_impl read = { .head = { .size = sizeof(read), .trait = ABIO_TRAIT_READ },
				       .try_read = give };
	const struct abio_table_head *tables[] = { &read.head };
	abio_io io = 0;
	char byte = 0;

	CHECK("a table with a slot too many that is empty serves",
	      abio->object_create(driver, tables, 1, NULL, 3, &io) == 0 &&
		      abio->try_read(io, &byte, 1, 0) == 1 && byte == 'x');
	CHECK("release", abio->release(io) >= 0 && (event_of(3).flags & ABIO_EVENT_RELEASED));
	read.future = never;
	io = 0;
	CHECK("one that is filled is too new, or known",
	      abio->object_create(driver, tables, 1, NULL, 4, &io) == (later ? 0 : ABIO_E_TOO_NEW));
	if (later)
		CHECK("release", abio->release(io) >= 0);
	else
		CHECK("nothing was made", io == 0);
}

int main(int count, char **arguments)
{
	struct abio_driver_options options = { .size = sizeof(options) };
	const struct abio_api_table *(*find)(uint32_t);
	struct abio_abi abi = { .size = sizeof(abi), .future = 7 };
	struct abio_event event;
	bool later;
	void *library = count == 2 ? dlopen(arguments[1], RTLD_NOW) : NULL;

	if (!library) {
		printf("%s\n", count == 2 ? dlerror() : "program LIBRARY");
		return 2;
	}
	*(void **)&find = dlsym(library, "abio_api");
	abio = find(0);
	CHECK("abi_info", abio->abi_info(&abi) == 0 && abi.future == 0);
	later = abi.minor >= abio->head.minor && HAS(abio, future_answer);
	printf("# version 0.%d, %s\n", abi.minor, later ? "of its own day" : "older");
	CHECK("driver_create", abio->driver_create(&options, &driver) == 0);
	what_is_there_is_known(later);
	longer_structs_are_read(later);
	longer_tables_are_read(later);
	abio->driver_shutdown(driver);
	while (abio->driver_close(driver) == ABIO_E_BUSY)
		abio->driver_wait(driver, &event, sizeof(event), 1, -1);
	CHECK("everything ends", abio->driver_fd(driver) == ABIO_E_HANDLE);
	printf("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}
