/* The traits, over an object of memory: what one writes there is what one reads. */
#include "loop.h"

enum {
	BULK = 10000
};

static uint8_t out[BULK];
static uint8_t in[BULK];

static void fill(void)
{
	for (uint32_t i = 0; i < BULK; i++)
		out[i] = (uint8_t)(i * 7 + i / 256);
	memset(in, 0, sizeof(in));
}

static bool same(uint32_t length)
{
	return memcmp(in, out, length) == 0;
}

static void a_read_waits_for_bytes(abio_driver driver)
{
	struct loop loop;
	abio_io io = make_loop(driver, &loop, 64, 64);
	uint64_t waiting;
	struct abio_event event;

	fill();
	EXPECT_EQUAL(abio_try_read(io, in, 8, 0), ABIO_WOULD_BLOCK);
	waiting = START(abio_read, io, in, 8, 0);
	quiet(driver);
	EXPECT_EQUAL(abio_read(io, in, 8, 0, 1), ABIO_E_BUSY);
	EXPECT_EQUAL(abio_try_write(io, out, 5, 0), 5);
	event = finish(driver, waiting);
	EXPECT_EQUAL(event.result, 5);
	EXPECT_EQUAL(event.progress, 5);
	EXPECT(same(5));
}

static void all_is_written_and_exactly_read(abio_driver driver)
{
	struct loop loop;
	abio_io io = make_loop(driver, &loop, 37, 11);
	uint64_t reading;

	fill();
	reading = START(abio_read_exact, io, in, BULK, 0);
	EXPECT_EQUAL(result_of(driver, START(abio_write_all, io, out, BULK, 0)), BULK);
	EXPECT_EQUAL(result_of(driver, reading), BULK);
	EXPECT(same(BULK));
}

static void the_end_comes_too_early(abio_driver driver)
{
	struct loop loop;
	abio_io io = make_loop(driver, &loop, 64, 64);
	uint64_t reading = START(abio_read_exact, io, in, 10, 0);
	struct abio_event event;

	EXPECT_EQUAL(result_of(driver, START(abio_write, io, out, 4, 0)), 4);
	EXPECT_EQUAL(result_of(driver, START(abio_shutdown, io, 0)), 0);
	event = finish(driver, reading);
	EXPECT_EQUAL(event.result, ABIO_E_UNEXPECTED_EOF);
	EXPECT_EQUAL(event.progress, 4);
	EXPECT_EQUAL(result_of(driver, START(abio_read, io, in, 10, 0)), 0);
}

static void a_cancelled_read_eats_nothing(abio_driver driver)
{
	struct loop loop;
	abio_io io = make_loop(driver, &loop, 64, 64);
	uint64_t waiting = START(abio_read_exact, io, in, 6, 0);
	struct abio_event event;

	fill();
	EXPECT_EQUAL(abio_try_write(io, out, 2, 0), 2);
	quiet(driver);
	EXPECT_EQUAL(abio_cancel(io, waiting), 1);
	event = finish(driver, waiting);
	EXPECT_EQUAL(event.result, ABIO_E_CANCELED);
	EXPECT_EQUAL(event.progress, 2);
	EXPECT_EQUAL(abio_try_write(io, out + 2, 4, 0), 4);
	EXPECT_EQUAL(result_of(driver, START(abio_read_exact, io, in + 2, 4, 0)), 4);
	EXPECT(same(6));
}

static void several_pieces_are_one_transfer(abio_driver driver)
{
	struct loop loop;
	abio_io io = make_loop(driver, &loop, 256, 256);
	struct abio_iovec from[2] = { { out, 3 }, { out + 3, 7 } };
	struct abio_iovec to[2] = { { in, 6 }, { in + 6, 4 } };

	fill();
	EXPECT_EQUAL(result_of(driver, START(abio_write_allv, io, from, 2, 0)), 10);
	EXPECT_EQUAL(result_of(driver, START(abio_readv, io, to, 2, 0)), 6);
	EXPECT_EQUAL(result_of(driver, START(abio_read_exact, io, in + 6, 4, 0)), 4);
	EXPECT(same(10));
}

static void memory_that_is_not_initialised_is_filled(abio_driver driver)
{
	struct loop loop;
	abio_io io = make_loop(driver, &loop, 64, 64);
	struct abio_readbuf buf = { .data = in, .capacity = 8, .filled = 2, .initialized = 2 };

	fill();
	EXPECT_EQUAL(abio_try_write(io, out, 4, 0), 4);
	EXPECT_EQUAL(abio_try_read_buf(io, &buf, 0), 4);
	EXPECT_EQUAL(buf.filled, 6);
	EXPECT_EQUAL(buf.initialized, 6);
	EXPECT_EQUAL(memcmp(in + 2, out, 4), 0);
}

static void a_stream_is_read_to_its_end(abio_driver driver)
{
	struct loop loop;
	abio_io io = make_loop(driver, &loop, 64, 64);
	abio_buffer into = buffer_with("> ", 64);
	uint64_t reading = START(abio_read_to_end, io, into, 0);
	struct abio_event event;

	EXPECT_EQUAL(result_of(driver, START(abio_write_all, io, "the whole", 9, 0)), 9);
	EXPECT_EQUAL(result_of(driver, START(abio_shutdown, io, 0)), 0);
	event = finish(driver, reading);
	EXPECT_EQUAL(event.result, 9);
	EXPECT_EQUAL(event.handle, into);
	EXPECT_EQUAL(memcmp(state_of_buffer(into).data, "> the whole", 11), 0);
	abio_buffer_release(into);
}

static void buffers_come_home(abio_driver driver)
{
	struct loop loop;
	abio_io io = make_loop(driver, &loop, 64, 64);
	abio_buffer from = buffer_with("owned", 16);
	abio_buffer into = buffer_with("", 16);
	uint64_t reading = START(abio_read_owned_exact, io, into, 5, 0);
	struct abio_event event;

	EXPECT_EQUAL(abio_buffer_set(into, 0, 0), ABIO_E_BUSY);
	event = finish(driver, START(abio_write_owned_all, io, from, 0, 0));
	EXPECT_EQUAL(event.result, 5);
	EXPECT_EQUAL(event.handle, from);
	event = finish(driver, reading);
	EXPECT_EQUAL(event.result, 5);
	EXPECT_EQUAL(event.handle, into);
	EXPECT_EQUAL(memcmp(state_of_buffer(into).data, "owned", 5), 0);
	abio_buffer_release(from);
	abio_buffer_release(into);
}

static void lines_are_read_through_a_buffer(abio_driver driver)
{
	struct loop loop;
	abio_io io = make_loop(driver, &loop, 64, 64);
	abio_buffer line;
	abio_io reader = 0;

	EXPECT_EQUAL(abio_buf_reader(io, 8, 0, &reader), 0);
	own(reader);
	line = buffer_with("", 16);
	EXPECT_EQUAL(abio_try_write(io, "one\ntwo\nrest", 12, 0), 12);
	EXPECT_EQUAL(result_of(driver, START(abio_read_line, reader, line, 0)), 4);
	EXPECT_EQUAL(memcmp(state_of_buffer(line).data, "one\n", 4), 0);
	EXPECT_EQUAL(abio_buffer_set(line, 0, 0), 0);
	EXPECT_EQUAL(result_of(driver, START(abio_read_until, reader, 'o', line, 0)), 3);
	EXPECT_EQUAL(result_of(driver, START(abio_has_data_left, reader, 0)), 1);
	EXPECT_EQUAL(result_of(driver, START(abio_read_exact, reader, in, 5, 0)), 5);
	EXPECT_EQUAL(memcmp(in, "\nrest", 5), 0);
	abio_buffer_release(line);
}

static void what_is_filled_is_seen_until_it_is_consumed(abio_driver driver)
{
	struct loop loop;
	abio_io io = make_loop(driver, &loop, 64, 64);
	abio_io reader = 0;
	const void *data = NULL;
	struct abio_event event;

	EXPECT_EQUAL(abio_buf_reader(io, 16, 0, &reader), 0);
	own(reader);
	EXPECT_EQUAL(abio_try_fill_buf(reader, &data), ABIO_WOULD_BLOCK);
	EXPECT_EQUAL(abio_try_write(io, "abcdef", 6, 0), 6);
	event = finish(driver, START(abio_fill_buf, reader, 0));
	EXPECT_EQUAL(event.result, 6);
	EXPECT_EQUAL(event.flags, ABIO_EVENT_VIEW);
	EXPECT_EQUAL(memcmp((const void *)(uintptr_t)event.data, "abcdef", 6), 0);
	EXPECT_EQUAL(abio_consume(reader, 2), 0);
	EXPECT_EQUAL(abio_try_fill_buf(reader, &data), 4);
	EXPECT_EQUAL(memcmp(data, "cdef", 4), 0);
	EXPECT_EQUAL(abio_consume(reader, 5), ABIO_E_ARGUMENT);
	EXPECT_EQUAL(abio_try_read(reader, in, 8, 0), 4);
}

static void what_is_reserved_and_committed_is_sent(abio_driver driver)
{
	struct loop loop;
	abio_io io = make_loop(driver, &loop, 64, 5);
	abio_io writer = 0;
	void *data = NULL;
	int32_t room;

	EXPECT_EQUAL(abio_buf_writer(io, 32, 0, &writer), 0);
	own(writer);
	room = abio_try_reserve(writer, 4, &data);
	EXPECT(room >= 4);
	if (room < 4)
		return;
	memcpy(data, "put ", 4);
	EXPECT_EQUAL(abio_commit(writer, 4), 0);
	EXPECT_EQUAL(abio_put(writer, "more", 4), 4);
	EXPECT_EQUAL(result_of(driver, START(abio_flush, writer, 0)), 0);
	EXPECT_EQUAL(result_of(driver, START(abio_read_exact, io, in, 8, 0)), 8);
	EXPECT_EQUAL(memcmp(in, "put more", 8), 0);
}

static void take_ends_where_it_was_told(abio_driver driver)
{
	struct loop loop;
	abio_io io = make_loop(driver, &loop, 64, 64);
	abio_io taken = 0;

	EXPECT_EQUAL(abio_take(io, 4, 0, &taken), 0);
	own(taken);
	EXPECT_EQUAL(abio_try_write(io, "headbody", 8, 0), 8);
	EXPECT_EQUAL(result_of(driver, START(abio_read, taken, in, 100, 0)), 4);
	EXPECT_EQUAL(result_of(driver, START(abio_read, taken, in, 100, 0)), 0);
	EXPECT_EQUAL(result_of(driver, START(abio_read, io, in, 100, 0)), 4);
	EXPECT_EQUAL(memcmp(in, "body", 4), 0);
}

static void chain_reads_one_after_the_other(abio_driver driver)
{
	struct loop first;
	struct loop second;
	abio_io one = make_loop(driver, &first, 64, 64);
	abio_io two = make_loop(driver, &second, 64, 64);
	abio_io chained = 0;

	EXPECT_EQUAL(abio_chain(one, two, 0, &chained), 0);
	own(chained);
	EXPECT_EQUAL(abio_try_write(one, "ab", 2, 0), 2);
	EXPECT_EQUAL(abio_try_write(two, "cd", 2, 0), 2);
	EXPECT_EQUAL(result_of(driver, START(abio_shutdown, one, 0)), 0);
	EXPECT_EQUAL(result_of(driver, START(abio_shutdown, two, 0)), 0);
	EXPECT_EQUAL(result_of(driver, START(abio_read_exact, chained, in, 4, 0)), 4);
	EXPECT_EQUAL(memcmp(in, "abcd", 4), 0);
	EXPECT_EQUAL(result_of(driver, START(abio_read, chained, in, 4, 0)), 0);
}

static void copy_moves_all_there_is(abio_driver driver)
{
	struct loop first;
	struct loop second;
	abio_io from = make_loop(driver, &first, 4096, 100);
	abio_io to = make_loop(driver, &second, 64, 7);
	uint64_t reading;
	uint64_t copying;

	fill();
	EXPECT_EQUAL(result_of(driver, START(abio_write_all, from, out, 3000, 0)), 3000);
	EXPECT_EQUAL(result_of(driver, START(abio_shutdown, from, 0)), 0);
	copying = START(abio_copy, from, to, UINT64_MAX, 0);
	reading = START(abio_read_exact, to, in, 3000, 0);
	EXPECT_EQUAL(result_of(driver, copying), 3000);
	EXPECT_EQUAL(result_of(driver, reading), 3000);
	EXPECT(same(3000));
}

static void halves_outlive_the_whole(abio_driver driver)
{
	static struct loop loop;
	abio_io io = make_loop(driver, &loop, 64, 64);
	abio_io reader = 0;
	abio_io writer = 0;
	uint64_t reading;

	EXPECT_EQUAL(abio_split(io, &reader, &writer), 0);
	own(reader);
	EXPECT_EQUAL(abio_release(io), 0);
	reading = START(abio_read, reader, in, 8, 0);
	quiet(driver);
	EXPECT_EQUAL(abio_read(writer, in, 8, 0, 1), ABIO_E_UNSUPPORTED);
	EXPECT_EQUAL(result_of(driver, START(abio_write, writer, "half", 4, 0)), 4);
	EXPECT_EQUAL(result_of(driver, reading), 4);
	reading = START(abio_read, reader, in, 8, 0);
	EXPECT_EQUAL(abio_release(writer), 0);
	EXPECT_EQUAL(result_of(driver, reading), 0);
}

static void readiness_is_told(abio_driver driver)
{
	struct loop loop;
	abio_io io = make_loop(driver, &loop, 4, 64);
	uint64_t waiting;

	EXPECT_EQUAL(abio_try_read(io, in, 4, 0), ABIO_WOULD_BLOCK);
	waiting = START(abio_ready, io, ABIO_INTEREST_READ, 0);
	quiet(driver);
	EXPECT_EQUAL(abio_try_write(io, "abcd", 4, 0), 4);
	EXPECT(result_of(driver, waiting) & ABIO_READY_READ);
	EXPECT_EQUAL(abio_try_write(io, "x", 1, 0), ABIO_WOULD_BLOCK);
	EXPECT_EQUAL(abio_try_read(io, in, 4, 0), 4);
	EXPECT_EQUAL(abio_try_write(io, "x", 1, 0), 1);
}

static void a_wrong_answer_is_the_hosts_error(abio_driver driver)
{
	struct loop loop;
	abio_io io = make_loop(driver, &loop, 64, 64);
	uint64_t reading;

	loop.answer = 100;
	reading = START(abio_read, io, in, 8, 0);
	EXPECT_EQUAL(result_of(driver, reading), ABIO_E_HOST);
	loop.answer = 100;
	EXPECT_EQUAL(result_of(driver, START(abio_write, io, out, 8, 0)), ABIO_E_HOST);
	loop.answer = -5;
	EXPECT_EQUAL(result_of(driver, START(abio_write, io, out, 8, 0)), -5);
}

static void closing_brings_the_user_home(abio_driver driver)
{
	static struct loop loop;
	abio_io io = make_loop(driver, &loop, 64, 64);
	uint64_t reading = START(abio_read, io, in, 8, 0);
	uint64_t end = START(abio_close, io, 0);

	EXPECT_EQUAL(result_of(driver, reading), ABIO_E_CANCELED);
	EXPECT_EQUAL(result_of(driver, end), 0);
	EXPECT_EQUAL(abio_try_read(io, in, 8, 0), ABIO_E_CLOSED);
	EXPECT_EQUAL(abio_release(io), 0);
	EXPECT_EQUAL(finish(driver, reading - 1).flags, ABIO_EVENT_RELEASED);
	EXPECT_EQUAL(loop.released, 1);
}

static void puts_are_sent_in_order(abio_driver driver)
{
	struct loop loop;
	abio_io io = make_loop(driver, &loop, 16, 3);
	uint64_t reading = START(abio_read_exact, io, in, 12, 0);

	EXPECT_EQUAL(abio_put(io, "first ", 6), 6);
	EXPECT_EQUAL(abio_put(io, "second", 6), 6);
	EXPECT_EQUAL(result_of(driver, START(abio_flush, io, 0)), 0);
	EXPECT_EQUAL(result_of(driver, reading), 12);
	EXPECT_EQUAL(memcmp(in, "first second", 12), 0);
}

/* R8 of docs/specification.md: the rest of this file, too. */
static void r8_a_stream_is_served_without_a_system(abio_driver driver)
{
	all_is_written_and_exactly_read(driver);
	buffers_come_home(driver);
	several_pieces_are_one_transfer(driver);
}

#define ITEM(function)              \
	{                           \
#function, function \
	}

const struct freestanding_case stream_cases[] = {
	ITEM(r8_a_stream_is_served_without_a_system),
	ITEM(a_read_waits_for_bytes),
	ITEM(all_is_written_and_exactly_read),
	ITEM(the_end_comes_too_early),
	ITEM(a_cancelled_read_eats_nothing),
	ITEM(several_pieces_are_one_transfer),
	ITEM(memory_that_is_not_initialised_is_filled),
	ITEM(a_stream_is_read_to_its_end),
	ITEM(buffers_come_home),
	ITEM(lines_are_read_through_a_buffer),
	ITEM(what_is_filled_is_seen_until_it_is_consumed),
	ITEM(what_is_reserved_and_committed_is_sent),
	ITEM(take_ends_where_it_was_told),
	ITEM(chain_reads_one_after_the_other),
	ITEM(copy_moves_all_there_is),
	ITEM(halves_outlive_the_whole),
	ITEM(readiness_is_told),
	ITEM(a_wrong_answer_is_the_hosts_error),
	ITEM(closing_brings_the_user_home),
	ITEM(puts_are_sent_in_order),
};
const uint32_t stream_case_count = sizeof(stream_cases) / sizeof(stream_cases[0]);
