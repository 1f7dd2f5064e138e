/*
 * Buffered readers over files, and what many fills do to the pool: what is particular to one kind
 * of object.  What all have in common is in test_buf_read.c.
 */
#include <sys/resource.h>

#include "filled.h"

/* ---- buffered readers over files ----------------------------------------------------------------
 */

static abio_io file_reader(struct test *t, const void *data, uint32_t length, uint32_t capacity,
			   abio_io *file)
{
	abio_io reader;

	*file = test_file(t, test_path(t), ABIO_OPEN_CREATE, 0);
	assert_int_equal(test_result(t, START(t, abio_write_at_all, *file, data, length, 0, 0)),
			 length);
	assert_int_equal(abio_buf_reader(*file, capacity, 0, &reader), 0);
	test_own(t, reader);
	return reader;
}

static uint64_t position_of(abio_io io)
{
	uint64_t position;

	assert_int_equal(abio_stream_position(io, &position), 0);
	return position;
}

static int64_t seek_relative(struct test *t, abio_io io, int64_t offset)
{
	return test_result(t, START(t, abio_seek_relative, io, offset, 0));
}

static void a_file_is_read_line_by_line_with_any_capacity(struct test *t)
{
	static const uint32_t capacities[] = { 1, 2, 3, 7, 64, 4096, 0 };
	static const char text[] = "first\nsecond line\n\nlast";

	for (size_t i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++) {
		abio_io file;
		abio_io reader = file_reader(t, text, sizeof(text) - 1, capacities[i], &file);
		abio_buffer buffer = filled_buffer(t, 100);
		static const int64_t lines[] = { 6, 12, 1, 4, 0 };

		for (size_t n = 0; n < 5; n++) {
			struct abio_event event = filled_home(
				t, START(t, abio_read_line, reader, buffer, 0), buffer);

			assert_int_equal(event.result, lines[n]);
			assert_int_equal(position_of(reader), filled_state(buffer).filled);
		}
		filled_holds(buffer, text, sizeof(text) - 1);
		abio_buffer_release(buffer);
	}
}

static void a_file_gets_readiness_and_try_by_a_reader(struct test *t)
{
	abio_io file;
	abio_io reader = file_reader(t, "abcdef", 6, 4, &file);
	char data[8];

	assert_int_equal(abio_try_read(reader, data, 2, 0), ABIO_WOULD_BLOCK);
	assert_int_equal(abio_ready_now(reader, ABIO_INTEREST_READ), 0);
	assert_int_equal(test_result(t, START(t, abio_ready, reader, ABIO_INTEREST_READ, 0)),
			 ABIO_READY_READ);
	assert_int_equal(abio_ready_now(reader, ABIO_INTEREST_READ), ABIO_READY_READ);
	assert_int_equal(abio_try_read(reader, data, 8, 0), 4);
	assert_memory_equal(data, "abcd", 4);
	assert_int_equal(test_result(t, START(t, abio_ready, reader, ABIO_INTEREST_READ, 0)),
			 ABIO_READY_READ);
	assert_int_equal(abio_try_read(reader, data, 8, 0), 2);
	assert_int_equal(test_result(t, START(t, abio_ready, reader, ABIO_INTEREST_READ, 0)),
			 ABIO_READY_READ | ABIO_READY_READ_CLOSED);
	assert_int_equal(test_result(t, START(t, abio_read, reader, data, 8, 0)), 0);
}

static int64_t wait_to_read(struct test *t, abio_io io)
{
	return test_result(t, START(t, abio_ready, io, ABIO_INTEREST_READ, 0));
}

/* A loop of ready and try comes to an end of file that readiness has met, and is told it once. */
static void what_readiness_met_is_what_a_try_is_told(struct test *t)
{
	const int64_t end = ABIO_READY_READ | ABIO_READY_READ_CLOSED;
	abio_io file;
	abio_io reader = file_reader(t, "ab", 2, 4, &file);
	const void *view;
	char data[8];

	assert_int_equal(wait_to_read(t, reader), ABIO_READY_READ);
	assert_int_equal(abio_try_read(reader, data, 8, 0), 2);
	for (int kind = 0; kind < 4; kind++) {
		assert_int_equal(wait_to_read(t, reader), end);
		assert_int_equal(wait_to_read(t, reader), end);
		assert_int_equal(abio_ready_now(reader, ABIO_INTEREST_READ), end);
		if (kind == 0)
			assert_int_equal(abio_try_read(reader, data, 1, 0), 0);
		else if (kind == 1)
			assert_int_equal(abio_try_read(reader, data, 8, 0), 0);
		else if (kind == 2)
			assert_int_equal(abio_try_fill_buf(reader, &view), 0);
		else
			assert_int_equal(test_result(t, START(t, abio_fill_buf, reader, 0)), 0);
		assert_int_equal(abio_ready_now(reader, ABIO_INTEREST_READ), 0);
		assert_int_equal(abio_try_read(reader, data, 8, 0), ABIO_WOULD_BLOCK);
	}
	/* The file has grown. */
	assert_int_equal(test_result(t, START(t, abio_write_at_all, file, "cd", 2, 2, 0)), 2);
	assert_int_equal(wait_to_read(t, reader), ABIO_READY_READ);
	assert_int_equal(abio_try_read(reader, data, 8, 0), 2);
	assert_memory_equal(data, "cd", 2);
	/* Whoever moves away from the end is not told of it. */
	assert_int_equal(wait_to_read(t, reader), end);
	assert_int_equal(seek_relative(t, reader, -1), 3);
	assert_int_equal(abio_try_read(reader, data, 8, 0), ABIO_WOULD_BLOCK);
	assert_int_equal(wait_to_read(t, reader), ABIO_READY_READ);
	assert_int_equal(abio_try_read(reader, data, 8, 0), 1);
	assert_int_equal(wait_to_read(t, reader), end);
	assert_int_equal(test_result(t, START(t, abio_rewind, reader, 0)), 0);
	assert_int_equal(abio_try_read(reader, data, 8, 0), ABIO_WOULD_BLOCK);
	filled_expect(t, reader, "abcd", 4);
}

static void many_wait_for_a_file_and_one_gives_up(struct test *t)
{
	abio_io file;
	abio_io reader = file_reader(t, "abcdef", 6, 4, &file);
	uint64_t first = START(t, abio_ready, reader, ABIO_INTEREST_READ, 0);
	uint64_t second = START(t, abio_ready, reader, ABIO_INTEREST_READ, 0);
	uint64_t third = START(t, abio_ready, reader, ABIO_INTEREST_READ, 0);
	char *data = test_memory(t, 8);
	uint64_t reading = START(t, abio_read, reader, data, 2, 0);
	int64_t result;

	assert_int_equal(abio_driver_submit(t->driver), 0);
	assert_in_range(abio_cancel(reader, second), 0, 1);
	result = test_result(t, second);
	assert_true(result == ABIO_E_CANCELED || result == ABIO_READY_READ);
	assert_int_equal(test_result(t, reading), 2);
	assert_memory_equal(data, "ab", 2);
	assert_int_equal(test_result(t, first), ABIO_READY_READ);
	assert_int_equal(test_result(t, third), ABIO_READY_READ);
	filled_expect(t, reader, "cdef", 4);
}

static void closing_a_reader_ends_who_waits(struct test *t)
{
	abio_io file;
	abio_io reader = file_reader(t, "abcdef", 6, 4, &file);
	uint64_t waiting = START(t, abio_ready, reader, ABIO_INTEREST_READ, 0);
	uint64_t closing;
	int64_t result;

	assert_int_equal(abio_driver_submit(t->driver), 0);
	closing = START(t, abio_close, reader, 0);
	result = test_result(t, waiting);
	assert_true(result == ABIO_E_CANCELED || result == ABIO_READY_READ);
	assert_int_equal(test_result(t, closing), 0);
	/* What is underneath is only let go of. */
	assert_int_equal(test_result(t, START(t, abio_seek, file, ABIO_SEEK_START, 1, 0)), 1);
}

static void seek_relative_stays_in_the_buffer_where_it_can(struct test *t)
{
	abio_io file;
	abio_io reader = file_reader(t, "abcdefghij", 10, 4, &file);

	filled_expect(t, reader, "ab", 2);
	assert_int_equal(position_of(file), 4);
	assert_int_equal(seek_relative(t, reader, -2), 0);
	assert_int_equal(position_of(reader), 0);
	filled_expect(t, reader, "a", 1);
	assert_int_equal(seek_relative(t, reader, 3), 4);
	assert_int_equal(position_of(file), 4);
	/* All consumed, and still there to go back in. */
	assert_int_equal(seek_relative(t, reader, -1), 3);
	assert_int_equal(position_of(file), 4);
	filled_expect(t, reader, "def", 3);
	assert_int_equal(position_of(file), 8);
	assert_int_equal(seek_relative(t, reader, -5), 1);
	filled_expect(t, reader, "bcdefghij", 9);
	assert_int_equal(seek_relative(t, reader, 0), 10);
	assert_int_equal(filled_show(t, reader).result, 0);
}

static void seek_relative_is_refused_out_of_range(struct test *t)
{
	abio_io file;
	abio_io reader = file_reader(t, "abcdef", 6, 4, &file);

	filled_expect(t, reader, "ab", 2);
	assert_int_equal(seek_relative(t, reader, -3), ABIO_E_ARGUMENT);
	assert_int_equal(seek_relative(t, reader, INT64_MIN), ABIO_E_ARGUMENT);
	assert_int_equal(seek_relative(t, reader, INT64_MAX), ABIO_E_ARGUMENT);
	assert_int_equal(position_of(reader), 2);
	filled_expect(t, reader, "cdef", 4);
}

static void a_seek_counts_from_the_next_byte_and_drops_the_buffer(struct test *t)
{
	abio_io file;
	abio_io reader = file_reader(t, "abcdefghij", 10, 4, &file);

	filled_expect(t, reader, "a", 1);
	assert_int_equal(test_result(t, START(t, abio_seek, reader, ABIO_SEEK_CURRENT, 2, 0)), 3);
	filled_expect(t, reader, "de", 2);
	assert_int_equal(test_result(t, START(t, abio_seek, reader, ABIO_SEEK_END, -1, 0)), 9);
	assert_int_equal(position_of(reader), 9);
	filled_expect(t, reader, "j", 1);
	assert_int_equal(test_result(t, START(t, abio_rewind, reader, 0)), 0);
	filled_expect(t, reader, "abc", 3);
	assert_int_equal(test_result(t, START(t, abio_stream_len, reader, 0)), 10);
	filled_expect(t, reader, "d", 1);
}

/* It shows what the reader has read ahead, and leaves it to the reader to count it. */
static void a_writer_over_a_reader_is_where_that_is(struct test *t)
{
	abio_io file;
	abio_io reader = file_reader(t, "abcdefgh", 8, 0, &file);
	char *data = test_memory(t, 2);
	abio_io writer;

	assert_int_equal(abio_buf_writer(reader, 0, 0, &writer), 0);
	test_own(t, writer);
	assert_int_equal(test_result(t, START(t, abio_read, writer, data, 2, 0)), 2);
	assert_int_equal(position_of(reader), 2);
	assert_int_equal(position_of(writer), 2);
	assert_int_equal(test_result(t, START(t, abio_seek, writer, ABIO_SEEK_CURRENT, 1, 0)), 3);
	assert_int_equal(position_of(writer), 3);
	assert_int_equal(test_result(t, START(t, abio_read, writer, data, 2, 0)), 2);
	assert_memory_equal(data, "de", 2);
}

static void a_large_read_goes_past_an_empty_buffer(struct test *t)
{
	abio_io file;
	abio_io reader;
	char *data = test_memory(t, 10000);
	char *got = test_memory(t, 10000);

	test_fill(data, 10000, 1);
	reader = file_reader(t, data, 10000, 100, &file);
	filled_expect(t, reader, data, 3);
	/* First what is there, then the rest at once. */
	assert_int_equal(filled_read(t, reader, got, 5000), 97);
	assert_int_equal(test_result(t, test_read(t, reader, got + 97, 5000)), 5000);
	assert_int_equal(position_of(file), 5100);
	assert_int_equal(filled_read_exact(t, reader, got + 5097, 50), 50);
	assert_int_equal(position_of(file), 5200);
	assert_pattern(got, 5147, 4);
}

static void a_reader_reads_through_a_reader(struct test *t)
{
	abio_io file;
	abio_io inner = file_reader(t, "one\ntwo\nthree", 13, 5, &file);
	abio_buffer buffer = filled_buffer(t, 100);
	abio_io outer;

	assert_int_equal(abio_buf_reader(inner, 3, 0, &outer), 0);
	test_own(t, outer);
	assert_int_equal(filled_home(t, START(t, abio_read_line, outer, buffer, 0), buffer).result,
			 4);
	assert_int_equal(filled_home(t, START(t, abio_read_line, outer, buffer, 0), buffer).result,
			 4);
	assert_int_equal(position_of(outer), 8);
	assert_int_equal(seek_relative(t, outer, -4), 4);
	filled_expect(t, outer, "two\nthree", 9);
	abio_buffer_release(buffer);
}

static void a_reader_is_refused_what_makes_no_sense(struct test *t)
{
	abio_io reader;
	abio_io writer;
	abio_io buffered;

	t->kind = ABIO_KIND_PIPE;
	test_stream(t, &reader, &writer);
	assert_int_equal(abio_buf_reader(writer, 10, 0, &buffered), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_buf_reader(reader, (1u << 30) + 1, 0, &buffered), ABIO_E_ARGUMENT);
	assert_int_equal(abio_buf_reader(reader, 10, 1, &buffered), ABIO_E_ARGUMENT);
	assert_int_equal(abio_buf_reader(reader, 10, 0, &buffered), 0);
	test_own(t, buffered);
	assert_int_equal(abio_seek_relative(buffered, 0, 0, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_seek_relative(reader, 0, 0, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_write(buffered, "x", 1, 0, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_detach(reader, &(int32_t){ 0 }), ABIO_E_BUSY);
}

static void an_io_with_bytes_read_ahead_stays_where_it_is(struct test *t)
{
	abio_io reader;
	abio_io moved;
	int32_t fd;
	int peer;

	t->kind = ABIO_KIND_UNIX;
	peer = test_reader(t, &reader);
	test_send(peer, "ab", 2);
	assert_int_equal(filled_show(t, reader).result, 2);
	assert_int_equal(abio_detach(reader, &fd), ABIO_E_BUSY);
	assert_int_equal(abio_move(reader, test_driver(t, 0), &moved), ABIO_E_BUSY);
	assert_int_equal(abio_consume(reader, 2), 0);
	assert_int_equal(abio_detach(reader, &fd), 0);
	test_own_fd(t, fd);
}

/* ---- the pool
 * ------------------------------------------------------------------------------------ */

#define HOLDERS 1500u

static void make_room_for_fds(struct test *t, uint32_t count)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max < count)
		test_skip(t, "too few descriptors");
	if (limit.rlim_cur < count)
		limit.rlim_cur = count;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Everyone has a view that is not consumed, more than there are buffers: nobody waits for anybody.
 */
static void views_that_are_held_starve_nobody(struct test *t)
{
	static abio_io readers[HOLDERS];
	static uint64_t tokens[HOLDERS];
	static int peers[HOLDERS];
	uint32_t count = 0;

	t->kind = ABIO_KIND_UNIX;
	make_room_for_fds(t, 2 * HOLDERS + 200);
	for (; count < HOLDERS; count++) {
		peers[count] = test_reader(t, &readers[count]);
		tokens[count] = START(t, abio_fill_buf, readers[count], 0);
	}
	test_quiet(t);
	for (uint32_t i = 0; i < count; i++)
		test_send(peers[i], &(char[]){ 'a', (char)i, (char)(i >> 8) }, 3);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(test_result(t, tokens[i]), 3);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(abio_consume(readers[i], 1), 0);
		test_send(peers[i], "z", 1);
	}
	/* A stream of chunks needs a buffer of the pool while all these are held. */
	{
		abio_io other;
		int peer = test_reader(t, &other);
		uint64_t token = START(t, abio_receive, other, 0);
		struct abio_event event;

		test_send(peer, "through", 7);
		event = test_event(t);
		assert_int_equal(event.token, token);
		assert_int_equal(event.result, 7);
		assert_int_equal(abio_cancel(other, token), 1);
		assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	}
	for (uint32_t i = 0; i < count; i++) {
		filled_expect(t, readers[i], &(char[]){ (char)i, (char)(i >> 8) }, 2);
		filled_expect(t, readers[i], "z", 1);
	}
}

static const struct test_case cases[] = {
	CASE(a_file_is_read_line_by_line_with_any_capacity),
	CASE(a_file_gets_readiness_and_try_by_a_reader),
	CASE(what_readiness_met_is_what_a_try_is_told),
	CASE(many_wait_for_a_file_and_one_gives_up),
	CASE(closing_a_reader_ends_who_waits),
	CASE(seek_relative_stays_in_the_buffer_where_it_can),
	CASE(seek_relative_is_refused_out_of_range),
	CASE(a_seek_counts_from_the_next_byte_and_drops_the_buffer),
	CASE(a_writer_over_a_reader_is_where_that_is),
	CASE(a_large_read_goes_past_an_empty_buffer),
	CASE(a_reader_reads_through_a_reader),
	CASE(a_reader_is_refused_what_makes_no_sense),
	CASE(an_io_with_bytes_read_ahead_stays_where_it_is),
	CASE(views_that_are_held_starve_nobody),
};

TEST_MAIN("buf_reader", cases)
