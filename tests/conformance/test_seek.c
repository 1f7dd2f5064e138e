/*
 * Seek: the position of a handle and the length of a file, what a seek excludes, and what it makes
 * of numbers that are none.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "harness.h"

#define STEP (1u << 20)

static uint64_t position_of(abio_io io)
{
	uint64_t position = 99;

	assert_int_equal(abio_stream_position(io, &position), 0);
	return position;
}

static int64_t seek(struct test *t, abio_io io, uint32_t whence, int64_t offset)
{
	struct abio_event event = test_finish(t, START(t, abio_seek, io, whence, offset, 0));

	assert_int_equal(event.progress, 0);
	assert_int_equal(event.flags, 0);
	return event.result;
}

static int64_t length_of(struct test *t, abio_io io)
{
	return test_result(t, START(t, abio_stream_len, io, 0));
}

static abio_io ten_bytes(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);

	assert_int_equal(test_result(t, START(t, abio_write_at_all, file, "0123456789", 10, 0, 0)),
			 10);
	return file;
}

static void assert_next(struct test *t, abio_io io, const char *bytes)
{
	uint32_t length = (uint32_t)strlen(bytes);
	char *data = test_memory(t, 16);

	/* Not lent as the harness lends: what was read ahead is copied at the start. */
	assert_int_equal(test_result(t, START(t, abio_read_exact, io, data, length, 0)), length);
	assert_memory_equal(data, bytes, length);
}

static void a_seek_from_the_start_moves_reads_and_writes(struct test *t)
{
	abio_io file = ten_bytes(t);

	assert_int_equal(position_of(file), 0);
	assert_int_equal(seek(t, file, ABIO_SEEK_START, 4), 4);
	assert_int_equal(position_of(file), 4);
	assert_next(t, file, "456");
	assert_int_equal(position_of(file), 7);
	assert_int_equal(seek(t, file, ABIO_SEEK_START, 2), 2);
	assert_int_equal(test_result(t, START(t, abio_write, file, "ab", 2, 0)), 2);
	assert_int_equal(seek(t, file, ABIO_SEEK_START, 0), 0);
	assert_next(t, file, "01ab456789");
}

static void a_seek_from_the_position_goes_both_ways(struct test *t)
{
	abio_io file = ten_bytes(t);

	assert_int_equal(seek(t, file, ABIO_SEEK_CURRENT, 0), 0);
	assert_int_equal(seek(t, file, ABIO_SEEK_CURRENT, 8), 8);
	assert_int_equal(seek(t, file, ABIO_SEEK_CURRENT, -3), 5);
	assert_next(t, file, "567");
	assert_int_equal(seek(t, file, ABIO_SEEK_CURRENT, -8), 0);
}

static void a_seek_from_the_end_asks_where_that_is(struct test *t)
{
	abio_io file = ten_bytes(t);

	assert_int_equal(seek(t, file, ABIO_SEEK_END, 0), 10);
	assert_int_equal(seek(t, file, ABIO_SEEK_END, -4), 6);
	assert_next(t, file, "6789");
	assert_int_equal(test_result(t, START(t, abio_write_at_all, file, "xyz", 3, 10, 0)), 3);
	assert_int_equal(seek(t, file, ABIO_SEEK_END, -3), 10);
	assert_next(t, file, "xyz");
}

static void rewind_goes_to_the_start(struct test *t)
{
	abio_io file = ten_bytes(t);

	assert_next(t, file, "0123");
	assert_int_equal(test_result(t, START(t, abio_rewind, file, 0)), 0);
	assert_int_equal(position_of(file), 0);
	assert_next(t, file, "0123");
}

static void behind_the_end_is_allowed_and_a_write_fills_the_gap(struct test *t)
{
	abio_io file = ten_bytes(t);
	char *data = test_memory(t, 16);

	assert_int_equal(seek(t, file, ABIO_SEEK_END, 3), 13);
	assert_int_equal(test_result(t, test_read(t, file, data, 8)), 0);
	assert_int_equal(length_of(t, file), 10);
	assert_int_equal(test_result(t, START(t, abio_write, file, "x", 1, 0)), 1);
	assert_int_equal(length_of(t, file), 14);
	assert_int_equal(test_result(t, test_read_at(t, file, data, 4, 10)), 4);
	assert_memory_equal(data, "\0\0\0x", 4);
}

static void the_length_leaves_the_position(struct test *t)
{
	abio_io file = ten_bytes(t);

	assert_int_equal(length_of(t, file), 10);
	assert_int_equal(position_of(file), 0);
	assert_next(t, file, "012");
	assert_int_equal(length_of(t, file), 10);
	assert_int_equal(position_of(file), 3);
	assert_int_equal(length_of(t, test_file(t, test_path(t), 0, 0)), 0);
}

static void lengths_over_four_gibibytes_are_whole(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	int64_t far = ((int64_t)5 << 30) + 7;

	assert_int_equal(ftruncate(test_fd_of(file), far), 0);
	assert_int_equal(length_of(t, file), far);
	assert_int_equal(seek(t, file, ABIO_SEEK_END, -3), far - 3);
	assert_int_equal(position_of(file), far - 3);
}

static void a_seek_before_the_start_moves_nothing(struct test *t)
{
	abio_io file = ten_bytes(t);

	assert_int_equal(seek(t, file, ABIO_SEEK_START, 5), 5);
	assert_int_equal(seek(t, file, ABIO_SEEK_START, -1), ABIO_E_ARGUMENT);
	assert_int_equal(seek(t, file, ABIO_SEEK_CURRENT, -6), ABIO_E_ARGUMENT);
	assert_int_equal(seek(t, file, ABIO_SEEK_END, -11), ABIO_E_ARGUMENT);
	assert_int_equal(seek(t, file, ABIO_SEEK_CURRENT, INT64_MIN), ABIO_E_ARGUMENT);
	assert_int_equal(position_of(file), 5);
	assert_next(t, file, "567");
}

static void a_seek_over_the_limit_moves_nothing(struct test *t)
{
	abio_io file = ten_bytes(t);

	assert_int_equal(seek(t, file, ABIO_SEEK_START, INT64_MAX), INT64_MAX);
	assert_int_equal(seek(t, file, ABIO_SEEK_CURRENT, 1), ABIO_E_ARGUMENT);
	assert_int_equal(seek(t, file, ABIO_SEEK_END, INT64_MAX), ABIO_E_ARGUMENT);
	assert_int_equal(position_of(file), INT64_MAX);
	assert_int_equal(seek(t, file, ABIO_SEEK_CURRENT, -INT64_MAX), 0);
}

static void an_unknown_whence_is_refused(struct test *t)
{
	abio_io file = ten_bytes(t);

	assert_int_equal(abio_seek(file, 3, 0, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_seek(file, UINT32_MAX, 0, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_seek(file, ABIO_SEEK_START, 0, 1, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_rewind(file, ABIO_START_INLINE, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_stream_len(file, 2, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_stream_position(file, NULL), ABIO_E_ARGUMENT);
	test_quiet(t);
}

static void assert_busy(abio_io file)
{
	uint64_t position;

	assert_int_equal(abio_seek(file, ABIO_SEEK_START, 1, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_rewind(file, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_stream_len(file, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_stream_position(file, &position), ABIO_E_BUSY);
}

static void what_uses_the_position_excludes_a_seek(struct test *t)
{
	abio_io file = ten_bytes(t);
	char *data = test_memory(t, STEP);
	uint64_t token = START(t, abio_write, file, data, STEP, 0);

	assert_busy(file);
	assert_int_equal(test_result(t, token), STEP);
	assert_int_equal(position_of(file), STEP);
	assert_int_equal(seek(t, file, ABIO_SEEK_START, 0), 0);
	token = START(t, abio_read, file, data, STEP, 0);
	assert_busy(file);
	assert_int_equal(test_result(t, token), STEP);
	assert_int_equal(position_of(file), STEP);
}

static void a_seek_excludes_what_uses_the_position(struct test *t)
{
	abio_io file = ten_bytes(t);
	char *data = test_memory(t, 8);
	uint64_t token = START(t, abio_seek, file, ABIO_SEEK_END, -1, 0);

	assert_busy(file);
	assert_int_equal(abio_read(file, data, 8, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_read_exact(file, data, 8, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_write(file, data, 8, 0, 1), ABIO_E_BUSY);
	assert_int_equal(test_result(t, token), 9);
	token = START(t, abio_stream_len, file, 0);
	assert_busy(file);
	assert_int_equal(abio_read(file, data, 8, 0, 1), ABIO_E_BUSY);
	assert_int_equal(test_result(t, token), 10);
	assert_next(t, file, "9");
}

static void positional_transfers_and_seeks_do_not_meet(struct test *t)
{
	abio_io file = ten_bytes(t);
	char *data = test_memory(t, 8);
	uint64_t reading = test_read_at(t, file, data, 4, 3);
	uint64_t seeking = START(t, abio_seek, file, ABIO_SEEK_END, 0, 0);
	uint64_t writing = START(t, abio_write_at, file, "x", 1, 0, 0);

	assert_int_equal(test_result(t, seeking), 10);
	assert_int_equal(test_result(t, reading), 4);
	assert_int_equal(test_result(t, writing), 1);
	assert_memory_equal(data, "3456", 4);
	assert_int_equal(position_of(file), 10);
}

static void a_cancelled_seek_says_whether_it_moved(struct test *t)
{
	abio_io file = ten_bytes(t);
	uint64_t token = START(t, abio_seek, file, ABIO_SEEK_END, -2, 0);
	int64_t result;

	assert_int_equal(abio_cancel(file, token), 1);
	result = test_result(t, token);
	if (result == ABIO_E_CANCELED) {
		assert_int_equal(position_of(file), 0);
	} else {
		assert_int_equal(result, 8);
		assert_int_equal(position_of(file), 8);
	}
	assert_int_equal(seek(t, file, ABIO_SEEK_START, 3), 3);
	assert_next(t, file, "345");
}

static void closing_ends_a_seek(struct test *t)
{
	abio_io file = ten_bytes(t);
	uint64_t seeking = START(t, abio_seek, file, ABIO_SEEK_END, 0, 0);
	uint64_t closing = START(t, abio_close, file, 0);
	int64_t result = test_result(t, seeking);

	assert_true(result == 10 || result == ABIO_E_CANCELED);
	assert_int_equal(test_result(t, closing), 0);
	assert_int_equal(abio_rewind(file, 0, 1), ABIO_E_CLOSED);
}

static void what_is_not_seekable_has_no_seek(struct test *t)
{
	abio_io reader;
	abio_io writer;
	uint64_t position = 0;

	test_stream(t, &reader, &writer);
	assert_int_equal(abio_seek(reader, ABIO_SEEK_START, 0, 0, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_rewind(writer, 0, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_stream_len(reader, 0, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_stream_position(reader, &position), ABIO_E_UNSUPPORTED);
}

static void a_descriptor_of_a_dead_file_keeps_its_length(struct test *t)
{
	const char *path = test_path(t);
	abio_io file = test_file(t, path, 0, 0);

	assert_int_equal(test_result(t, START(t, abio_write_all, file, "abc", 3, 0)), 3);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(length_of(t, file), 3);
}

/* The system's own cursor, which duplicates share, stays where it is. */
static void the_systems_cursor_is_not_moved(struct test *t)
{
	abio_io file = ten_bytes(t);

	assert_int_equal(lseek(test_fd_of(file), 1, SEEK_SET), 1);
	assert_int_equal(seek(t, file, ABIO_SEEK_END, 0), 10);
	assert_int_equal(seek(t, file, ABIO_SEEK_START, 5), 5);
	assert_int_equal(lseek(test_fd_of(file), 0, SEEK_CUR), 1);
}

/* ---- through buffered readers ---------------------------------------------------------------- */

static abio_io buffered(struct test *t, abio_io file, uint32_t capacity)
{
	abio_io reader = 0;

	assert_int_equal(abio_buf_reader(file, capacity, 0, &reader), 0);
	test_own(t, reader);
	return reader;
}

/* What was read ahead is not what was read. */
static void a_buffered_reader_stands_where_its_next_byte_is(struct test *t)
{
	abio_io file = ten_bytes(t);
	abio_io reader = buffered(t, file, 4);

	assert_int_equal(position_of(reader), 0);
	assert_next(t, reader, "01");
	assert_int_equal(position_of(reader), 2);
	assert_int_equal(seek(t, reader, ABIO_SEEK_CURRENT, 1), 3);
	assert_int_equal(position_of(reader), 3);
	assert_next(t, reader, "3");
	assert_int_equal(seek(t, reader, ABIO_SEEK_CURRENT, -4), 0);
	assert_next(t, reader, "0");
	assert_int_equal(seek(t, reader, ABIO_SEEK_END, -2), 8);
	assert_next(t, reader, "8");
	assert_int_equal(test_result(t, START(t, abio_rewind, reader, 0)), 0);
	assert_int_equal(length_of(t, reader), 10);
	assert_next(t, reader, "0");
	assert_int_equal(seek(t, reader, ABIO_SEEK_START, 5), 5);
	assert_next(t, reader, "56");
}

static void a_refused_seek_leaves_what_was_read_ahead(struct test *t)
{
	abio_io reader = buffered(t, ten_bytes(t), 8);

	assert_next(t, reader, "012");
	assert_int_equal(seek(t, reader, ABIO_SEEK_CURRENT, -4), ABIO_E_ARGUMENT);
	assert_int_equal(seek(t, reader, ABIO_SEEK_START, -1), ABIO_E_ARGUMENT);
	assert_int_equal(seek(t, reader, ABIO_SEEK_CURRENT, INT64_MIN), ABIO_E_ARGUMENT);
	assert_int_equal(abio_seek(reader, 9, 0, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(position_of(reader), 3);
	assert_next(t, reader, "3456789");
}

static void a_seek_passes_through_two_readers(struct test *t)
{
	abio_io file = ten_bytes(t);
	abio_io reader = buffered(t, buffered(t, file, 3), 5);

	assert_next(t, reader, "0");
	assert_int_equal(position_of(reader), 1);
	assert_int_equal(seek(t, reader, ABIO_SEEK_CURRENT, 3), 4);
	assert_next(t, reader, "4");
	assert_int_equal(seek(t, reader, ABIO_SEEK_END, -1), 9);
	assert_next(t, reader, "9");
	assert_int_equal(length_of(t, reader), 10);
	assert_int_equal(position_of(reader), 10);
}

/* Its own answer is at once, that of what is underneath in the event. */
static void a_seek_of_a_reader_finds_its_file_in_use(struct test *t)
{
	abio_io file = ten_bytes(t);
	abio_io reader = buffered(t, file, 4);
	uint64_t length = START(t, abio_stream_len, file, 0);
	uint64_t position;

	assert_int_equal(abio_stream_position(reader, &position), ABIO_E_BUSY);
	assert_int_equal(seek(t, reader, ABIO_SEEK_START, 2), ABIO_E_BUSY);
	assert_int_equal(test_result(t, length), 10);
	assert_int_equal(seek(t, reader, ABIO_SEEK_START, 2), 2);
	assert_next(t, reader, "23");
}

static void a_cancelled_seek_of_a_reader_says_whether_it_moved(struct test *t)
{
	abio_io reader = buffered(t, ten_bytes(t), 4);
	uint64_t token;
	int64_t result;

	assert_next(t, reader, "01");
	token = START(t, abio_seek, reader, ABIO_SEEK_END, -2, 0);
	assert_int_equal(abio_cancel(reader, token), 1);
	result = test_result(t, token);
	assert_true(result == ABIO_E_CANCELED || result == 8);
	assert_int_equal(position_of(reader), result == 8 ? 8 : 2);
	assert_next(t, reader, result == 8 ? "89" : "23456789");
}

/* What was put is before where the writer stands, and is written before it moves. */
static void a_buffered_writer_stands_behind_what_it_took(struct test *t)
{
	abio_io file = ten_bytes(t);
	abio_io writer = 0;
	char *data = test_memory(t, 16);

	assert_int_equal(abio_buf_writer(file, 8, 0, &writer), 0);
	test_own(t, writer);
	assert_int_equal(position_of(writer), 0);
	assert_int_equal(abio_put(writer, "ab", 2), 2);
	assert_int_equal(position_of(writer), 2);
	assert_int_equal(test_result(t, START(t, abio_write_all, writer, "cd", 2, 0)), 2);
	assert_int_equal(position_of(writer), 4);
	assert_int_equal(seek(t, writer, ABIO_SEEK_CURRENT, 2), 6);
	assert_int_equal(test_result(t, test_read_at(t, file, data, 10, 0)), 10);
	assert_memory_equal(data, "abcd456789", 10);
	assert_int_equal(test_result(t, START(t, abio_write_all, writer, "xy", 2, 0)), 2);
	assert_int_equal(position_of(writer), 8);
	assert_int_equal(seek(t, writer, ABIO_SEEK_END, -1), 9);
	assert_int_equal(abio_put(writer, "!", 1), 1);
	assert_int_equal(test_result(t, START(t, abio_rewind, writer, 0)), 0);
	assert_int_equal(length_of(t, writer), 10);
	assert_int_equal(test_result(t, test_read_at(t, file, data, 10, 0)), 10);
	assert_memory_equal(data, "abcd45xy8!", 10);
}

static void a_device_has_the_length_it_says(struct test *t)
{
	static const char *const devices[] = { "/dev/vda", "/dev/sda", "/dev/nvme0n1",
					       "/dev/loop0" };
	struct abio_open_options options = { .size = sizeof(options), .access = ABIO_ACCESS_READ };

	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		struct abio_event event = test_finish(t, START(t, abio_open, t->driver, devices[i],
							       (uint32_t)strlen(devices[i]),
							       &options));
		off_t end;

		if (event.result < 0)
			continue;
		end = lseek(test_fd_of(event.handle), 0, SEEK_END);
		if (end <= 0)
			continue;
		assert_int_equal(length_of(t, event.handle), end);
		assert_int_equal(seek(t, event.handle, ABIO_SEEK_END, -512), end - 512);
		return;
	}
	test_skip(t, "no block device can be read here");
}

static const struct test_case cases[] = {
	CASE(a_seek_from_the_start_moves_reads_and_writes),
	CASE(a_seek_from_the_position_goes_both_ways),
	CASE(a_seek_from_the_end_asks_where_that_is),
	CASE(rewind_goes_to_the_start),
	CASE(behind_the_end_is_allowed_and_a_write_fills_the_gap),
	CASE(the_length_leaves_the_position),
	CASE(lengths_over_four_gibibytes_are_whole),
	CASE(a_seek_before_the_start_moves_nothing),
	CASE(a_seek_over_the_limit_moves_nothing),
	CASE(an_unknown_whence_is_refused),
	CASE(what_uses_the_position_excludes_a_seek),
	CASE(a_seek_excludes_what_uses_the_position),
	CASE(positional_transfers_and_seeks_do_not_meet),
	CASE(a_cancelled_seek_says_whether_it_moved),
	CASE(closing_ends_a_seek),
	STREAMS(what_is_not_seekable_has_no_seek),
	CASE(a_descriptor_of_a_dead_file_keeps_its_length),
	CASE(the_systems_cursor_is_not_moved),
	CASE(a_buffered_reader_stands_where_its_next_byte_is),
	CASE(a_refused_seek_leaves_what_was_read_ahead),
	CASE(a_seek_passes_through_two_readers),
	CASE(a_seek_of_a_reader_finds_its_file_in_use),
	CASE(a_cancelled_seek_of_a_reader_says_whether_it_moved),
	CASE(a_buffered_writer_stands_behind_what_it_took),
	CASE(a_device_has_the_length_it_says),
};

TEST_MAIN("seek", cases)
