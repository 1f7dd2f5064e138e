/*
 * Files, written as straight code: each step waits for its event by turning the loop.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario.h"

enum {
	LINES = 10000,
	LINE_BYTES = 11 /* "line 00000\n" */
};

static void line_number(unsigned int number, char line[LINE_BYTES + 1])
{
	snprintf(line, LINE_BYTES + 1, "line %05u\n", number % 100000);
}

static abio_io open_file(struct loop *loop, const char *path, uint32_t access, uint32_t flags)
{
	struct abio_open_options options = {
		.size = sizeof(options), .access = access, .flags = flags, .mode = 0644
	};
	struct operation opening = { 0 };

	expect("open", 0,
	       loop_await(loop, &opening,
			  abio->open(loop->driver, path, (uint32_t)strlen(path), &options,
				     loop_begin(&opening))));
	return opening.event.handle;
}

static void write_lines(struct loop *loop, const char *path)
{
	const uint32_t length = LINES * LINE_BYTES;
	abio_io file = open_file(loop, path, ABIO_ACCESS_WRITE,
				 ABIO_OPEN_CREATE | ABIO_OPEN_TRUNCATE);
	struct operation operation = { 0 };
	/* One byte more, for the zero that snprintf writes. */
	char *text = malloc(length + 1);

	for (unsigned int i = 0; i < LINES; i++)
		line_number(i, text + i * LINE_BYTES);
	expect("write_all", length,
	       loop_await(loop, &operation,
			  abio->write_all(file, text, length, 0, loop_begin(&operation))));
	/* The memory was lent until the event came.  It is ours again now, not earlier. */
	free(text);
	expect("close", 0,
	       loop_await(loop, &operation, abio->close(file, 0, loop_begin(&operation))));
	abio->release(file);
}

static void read_by_offset(struct loop *loop, abio_io file)
{
	static const unsigned int numbers[] = { 9999, 0, 4711 };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		char expected[LINE_BYTES + 1], got[LINE_BYTES];
		struct operation reading = { 0 };

		line_number(numbers[i], expected);
		expect("read_at_exact", LINE_BYTES,
		       loop_await(loop, &reading,
				  abio->read_at_exact(file, got, LINE_BYTES,
						      (uint64_t)numbers[i] * LINE_BYTES, 0,
						      loop_begin(&reading))));
		expect("the line at that offset", 0, memcmp(got, expected, LINE_BYTES));
	}
}

static void read_by_lines(struct loop *loop, abio_io file)
{
	struct abio_buffer_state state = { .size = sizeof(state) };
	struct operation reading = { 0 };
	char expected[LINE_BYTES + 1];
	unsigned int right = 0;
	abio_io reader = 0;
	abio_buffer line = 0;

	expect("buf_reader", 0, abio->buf_reader(file, 0, 0, &reader));
	expect("buffer_alloc", 0, abio->buffer_alloc(4096, 0, 0, &line));
	while (loop_await(loop, &reading, abio->read_line(reader, line, 0, loop_begin(&reading))) >
	       0) {
		line_number(right, expected);
		abio->buffer_info(line, &state);
		if (state.filled == LINE_BYTES && memcmp(state.data, expected, LINE_BYTES) == 0)
			right++;
		/* read_line appends: the buffer is emptied by whoever has used the line. */
		abio->buffer_set(line, 0, 0);
	}
	expect("the end of the file", 0, reading.event.result);
	expect("lines that are right", LINES, right);
	expect("buffer_release", 0, abio->buffer_release(line));
	expect("release of the reader", 0, abio->release(reader));
}

void show_files(struct loop *loop)
{
	abio_io file;

	write_lines(loop, "lines");
	file = open_file(loop, "lines", ABIO_ACCESS_READ, 0);
	read_by_offset(loop, file);
	read_by_lines(loop, file);
	expect("release of the file", 0, abio->release(file));
}
