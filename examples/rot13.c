/*
 * A stream of one's own: letters turned by 13 on their way from standard input.
 *
 * The stream has one slot, start_read, and passes it on to the io underneath; everything else is
 * the library's: the buffered reader over it, and read_line on that.  The program prints its lines
 * with a number before each.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abio.h"

#define LINE_MAX_BYTES (1u << 20)

enum {
	TOKEN_INNER = 1, /* the read under the stream */
	TOKEN_LINE,
	TOKEN_OUTPUT,
	TOKEN_RELEASED
};

struct rot13 {
	abio_io io;    /* the stream itself */
	abio_io inner; /* what it reads from */
	uint64_t op;   /* the read it is asked for */
	uint8_t *data;
};

static int32_t checked(int32_t result, const char *what)
{
	if (result >= 0)
		return result;
	fprintf(stderr, "%s: %s\n", what, abio_error_text(result));
	exit(1);
}

static uint8_t turned(uint8_t byte)
{
	uint8_t base = byte >= 'a' ? 'a' : 'A';

	if (byte < base || byte >= base + 26)
		return byte;
	return (uint8_t)(base + (byte - base + 13) % 26);
}

/* ---- the stream ------------------------------------------------------------------------------ */

/* The memory of whoever reads goes down as it is: there is no buffer here. */
static int32_t start_read(void *user, uint64_t op, void *data, uint32_t length)
{
	struct rot13 *stream = user;
	int32_t error = abio_read(stream->inner, data, length, 0, TOKEN_INNER);

	stream->op = op;
	stream->data = data;
	return error < 0 ? error : ABIO_PENDING;
}

static int32_t cancel(void *user, uint64_t op)
{
	struct rot13 *stream = user;

	(void)op;
	return abio_cancel(stream->inner, TOKEN_INNER);
}

static void inner_has_read(struct rot13 *stream, int64_t result)
{
	for (int64_t i = 0; i < result; i++)
		stream->data[i] = turned(stream->data[i]);
	checked(abio_object_complete(stream->io, stream->op,
				     result == 0 ? ABIO_HOST_EOF : (int32_t)result, 0),
		"complete");
}

static const struct abio_object_impl as_object = {
	.head = { .size = sizeof(as_object), .trait = ABIO_TRAIT_OBJECT },
	.cancel = cancel,
};
static const struct abio_read_impl as_read = {
	.head = { .size = sizeof(as_read), .trait = ABIO_TRAIT_READ },
	.start_read = start_read,
};

/* ---- the program ----------------------------------------------------------------------------- */

/* Waits for one event of the program's own; those of the stream are dealt with on the way. */
static struct abio_event finished(abio_driver driver, struct rot13 *stream, uint64_t token)
{
	struct abio_event event;

	for (;;) {
		checked(abio_driver_wait(driver, &event, sizeof(event), 1, -1), "wait");
		if (event.token == TOKEN_INNER)
			inner_has_read(stream, event.result);
		else if (event.token == token)
			return event;
	}
}

/* Prints the line that a buffer holds, which is the program's while no operation has it. */
static void print_line(abio_driver driver, struct rot13 *stream, abio_io output, abio_buffer line,
		       unsigned int number)
{
	struct abio_buffer_state state = { .size = sizeof(state) };
	char prefix[32];
	int length = snprintf(prefix, sizeof(prefix), "%u\t", number);
	struct abio_iovec pieces[2] = { { prefix, (uint64_t)length } };

	checked(abio_buffer_info(line, &state), "line");
	pieces[1].base = (void *)(uintptr_t)state.data;
	pieces[1].length = state.filled;
	checked(abio_write_allv(output, pieces, 2, 0, TOKEN_OUTPUT), "write");
	checked((int32_t)finished(driver, stream, TOKEN_OUTPUT).result, "write");
	checked(abio_buffer_set(line, 0, 0), "line");
}

static void end(abio_driver driver, struct rot13 *stream)
{
	checked(abio_driver_shutdown(driver), "shutdown");
	finished(driver, stream, TOKEN_RELEASED);
	while (abio_driver_close(driver) == ABIO_E_BUSY) {
		struct abio_event event;

		checked(abio_driver_wait(driver, &event, sizeof(event), 1, -1), "wait");
	}
}

int main(void)
{
	const struct abio_table_head *impls[] = { &as_object.head, &as_read.head };
	struct rot13 stream = { 0 };
	abio_driver driver;
	abio_io output;
	abio_io reader;
	abio_buffer line;
	unsigned int lines = 0;

	checked(abio_driver_create(NULL, &driver), "driver");
	checked(abio_adopt(driver, 0, ABIO_KIND_AUTO, ABIO_ADOPT_DUPLICATE, &stream.inner),
		"input");
	checked(abio_adopt(driver, 1, ABIO_KIND_AUTO, ABIO_ADOPT_DUPLICATE, &output), "output");
	checked(abio_object_create(driver, impls, 2, &stream, TOKEN_RELEASED, &stream.io),
		"stream");
	checked(abio_buf_reader(stream.io, 0, 0, &reader), "reader");
	checked(abio_buffer_alloc(LINE_MAX_BYTES, 0, 0, &line), "line");
	for (;;) {
		struct abio_event event;

		checked(abio_read_line(reader, line, 0, TOKEN_LINE), "read_line");
		event = finished(driver, &stream, TOKEN_LINE);
		if (checked((int32_t)event.result, "read_line") == 0)
			break;
		print_line(driver, &stream, output, line, ++lines);
	}
	abio_buffer_release(line);
	abio_release(reader);
	end(driver, &stream);
	return 0;
}
