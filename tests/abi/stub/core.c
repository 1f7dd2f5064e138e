/*
 * A core that does nothing, behind the generated dispatch, and the program that runs every row of
 * misuse.h against it.  What it finds wrong is wrong in the dispatch or in the rows, for the checks
 * here are the simplest that keep the contract.  Handles are fixed numbers; `forked` and `foreign`
 * pretend that the caller is a child or another thread.  stub_parts.h is written by the test: the
 * implementations, which all succeed, and the slot tables of four kinds of object.
 */
#include <stdio.h>
#include <string.h>

#include "dispatch.h"
#include "misuse.h"

enum {
	DRIVER = 1,
	SHUT_DRIVER = 2,
	GONE_DRIVER = 3,
	STREAM = 11,
	FILE_IO = 12,
	LISTENER = 13,
	CLOSED_IO = 14,
	GONE_IO = 15,
	DATAGRAM = 16,
	READER = 17,
	BUFFER = 21,
	GONE_BUFFER = 22,
	RANDOM = 99
};

enum {
	WANT_DRIVER = 1,
	WANT_IO = 2,
	WANT_BUFFER = 4
};

static int forked, foreign;

static int32_t look(uint64_t handle, int want, uint32_t how, int owner)
{
	int driver = handle == DRIVER || handle == SHUT_DRIVER;
	int io = handle >= STREAM && handle <= READER && handle != GONE_IO;
	int buffer = handle == BUFFER;

	if (!(driver && (want & WANT_DRIVER)) && !(io && (want & WANT_IO)) &&
	    !(buffer && (want & WANT_BUFFER)))
		return ABIO_E_HANDLE;
	if (forked && !(how & DISPATCH_FORKED_OK))
		return ABIO_E_FORKED;
	if (foreign && owner)
		return ABIO_E_WRONG_THREAD;
	if ((handle == SHUT_DRIVER || handle == CLOSED_IO) && !(how & DISPATCH_CLOSED_OK))
		return ABIO_E_CLOSED;
	return 0;
}

struct driver {
	int none;
};

#include "stub_parts.h"

int32_t dispatch_io(uint64_t handle, uint32_t how, struct object **self)
{
	static struct object stream = { &stream_class }, file = { &file_class };
	static struct object listener = { &listener_class }, datagram = { &datagram_class };
	static struct object reader = { &stream_class };
	int32_t error = look(handle, WANT_IO, how, 1);

	if (!error)
		*self = handle == FILE_IO    ? &file
			: handle == LISTENER ? &listener
			: handle == DATAGRAM ? &datagram
			: handle == READER   ? &reader
					     : &stream;
	return error;
}

int32_t dispatch_driver(uint64_t handle, uint32_t how, struct driver **self)
{
	static struct driver driver;
	int32_t error = look(handle, WANT_DRIVER, how, 1);

	if (!error)
		*self = &driver;
	return error;
}

int32_t dispatch_any(uint64_t handle, uint32_t kinds)
{
	return look(handle, (int)kinds, DISPATCH_CLOSED_OK, 0);
}

int32_t dispatch_struct(const void *given, void *local, uint32_t size, uint32_t minimum,
			int optional)
{
	uint32_t own, i;

	memset(local, 0, size);
	memcpy(local, &size, sizeof(size));
	if (!given)
		return optional ? 0 : ABIO_E_ARGUMENT;
	memcpy(&own, given, sizeof(own));
	for (i = size; i < own; i++)
		if (((const char *)given)[i])
			return ABIO_E_TOO_NEW;
	memcpy(local, given, own < size ? own : size);
	memcpy(local, &size, sizeof(size));
	return own < minimum ? ABIO_E_ARGUMENT : 0;
}

int32_t dispatch_out(const void *given, uint32_t minimum)
{
	uint32_t own;

	if (!given)
		return ABIO_E_ARGUMENT;
	memcpy(&own, given, sizeof(own));
	return own < minimum ? ABIO_E_ARGUMENT : 0;
}

void dispatch_fill(void *given, const void *full, uint32_t size)
{
	uint32_t own;

	memcpy(&own, given, sizeof(own));
	memset(given, 0, own);
	memcpy(given, full, own < size ? own : size);
	memcpy(given, &own, sizeof(own));
}

int main(void)
{
	struct misuse_handles all = { .driver = DRIVER,
				      .shut_driver = SHUT_DRIVER,
				      .gone_driver = GONE_DRIVER,
				      .file = FILE_IO,
				      .stream = STREAM,
				      .listener = LISTENER,
				      .datagram = DATAGRAM,
				      .reader = READER,
				      .buffer = BUFFER,
				      .gone_buffer = GONE_BUFFER,
				      .closed_io = CLOSED_IO,
				      .gone_io = GONE_IO,
				      .random = RANDOM };
	const char *wrong;
	uint32_t i, failed = 0;

	for (i = 0; i < misuse_count; i++) {
		const struct misuse_row *row = &misuse_rows[i];
		uint64_t handle = misuse_handle(row, &all);
		int32_t result;

		forked = row->where == MISUSE_CHILD;
		foreign = row->where == MISUSE_THREAD;
		result = misuse_run(row, handle, &all);
		forked = foreign = 0;
		wrong = misuse_verdict(row, result);
		if (wrong) {
			printf("%s %s: %s: %d\n", row->function, row->name, wrong, (int)result);
			failed++;
		}
	}
	printf("%u rows, %u wrong\n", (unsigned)misuse_count, (unsigned)failed);
	return failed != 0;
}
