/*
 * What a copy had read and gives back, on a stream with two handles: it comes in front of what the
 * other handle read meanwhile, nothing of either is lost, and no memory is needed for it.
 */
#include <errno.h>
#include <fcntl.h>

#include "faults.h"
#include "filled.h"

#define GIVEN 1000u
#define LATER 500u
#define ALL   (GIVEN + LATER)

/* A copy from `half` to a sink that takes nothing holds the first GIVEN bytes of `sent`. */
struct shared {
	abio_io whole;
	abio_io half;
	abio_io sink;
	int peer;
	uint64_t copying;
	uint8_t *sent;
};

static abio_io full_sink(struct test *t)
{
	int fds[2];
	abio_io sink;

	test_raw_pair(t, ABIO_KIND_PIPE, fds);
	assert_int_equal(fcntl(fds[1], F_SETFL, O_WRONLY | O_NONBLOCK), 0);
	sink = test_adopt(t, t->driver, fds[1]);
	test_stuff(sink);
	return sink;
}

/* Of what is there itself, or of a buffered reader over it.  Skips what does not split. */
static struct shared share(struct test *t, bool buffered)
{
	struct shared s = { .sent = test_memory(t, ALL), .sink = full_sink(t) };
	abio_io writer;

	for (uint32_t i = 0; i < ALL; i++)
		s.sent[i] = (uint8_t)('a' + i * 7 % 23 + i / 200);
	s.peer = test_reader(t, &s.whole);
	if (buffered) {
		assert_int_equal(abio_buf_reader(s.whole, 0, 0, &s.whole), 0);
		test_own(t, s.whole);
	}
	if (abio_split(s.whole, &s.half, &writer) < 0)
		test_skip(t, "does not split");
	test_own(t, s.half);
	test_own(t, writer);
	test_send(s.peer, s.sent, GIVEN);
	s.copying = START(t, abio_copy, s.half, s.sink, UINT64_MAX, 0);
	test_quiet(t);
	return s;
}

/* The copy ends without having written a byte. */
static void give_back(struct test *t, struct shared *s)
{
	struct abio_event event;

	assert_int_equal(abio_cancel(s->half, s->copying), 1);
	event = test_finish(t, s->copying);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_int_equal(event.progress, 0);
}

static void send_later(const struct shared *s)
{
	test_send(s->peer, s->sent + GIVEN, LATER);
}

static void no_memory_from_here_on(void)
{
	static const struct fault fault = { FAULT_memory, 1, ENOMEM, true };

	faults_install();
	faults_plan(&fault);
}

/* One call has all of it. */
static void expect_all(struct test *t, const struct shared *s, abio_io io)
{
	uint8_t *data = test_memory(t, ALL);

	assert_int_equal(abio_try_read(io, data, ALL, 0), ALL);
	assert_memory_equal(data, s->sent, ALL);
}

/* The other handle has filled when the copy ends. */
static struct shared filled_before(struct test *t, bool buffered)
{
	struct shared s = share(t, buffered);
	struct abio_event event;

	send_later(&s);
	event = filled_show(t, s.whole);
	assert_int_equal(event.result, LATER);
	no_memory_from_here_on();
	give_back(t, &s);
	faults_remove();
	return s;
}

/* It is still filling then. */
static struct shared filled_after(struct test *t, bool buffered)
{
	struct shared s = share(t, buffered);
	struct abio_event event;
	uint64_t token = START(t, abio_fill_buf, s.whole, 0);

	test_quiet(t);
	no_memory_from_here_on();
	give_back(t, &s);
	send_later(&s);
	event = test_finish(t, token);
	faults_remove();
	assert_int_equal(event.result, GIVEN);
	assert_memory_equal(filled_at(&event), s.sent, GIVEN);
	return s;
}

/* Filled before the copy ends or after it; where a host's object cannot fill, by a reader alone. */
#define WAYS 4

static struct shared both(struct test *t, uint32_t way)
{
	bool buffered = way % 2 == 1 || t->kind == ABIO_KIND_HOST;

	return way / 2 == 0 ? filled_before(t, buffered) : filled_after(t, buffered);
}

static void a_try_read_takes_both(struct test *t)
{
	for (uint32_t way = 0; way < WAYS; way++) {
		struct shared s = both(t, way);

		expect_all(t, &s, s.whole);
	}
}

static void the_half_reads_the_same(struct test *t)
{
	for (uint32_t way = 0; way < WAYS; way++) {
		struct shared s = both(t, way);

		expect_all(t, &s, s.half);
		assert_int_equal(abio_try_read(s.whole, s.sent, 1, 0), ABIO_WOULD_BLOCK);
	}
}

static void pieces_of_a_vector_are_filled_across_both(struct test *t)
{
	for (uint32_t way = 0; way < WAYS; way++) {
		struct shared s = both(t, way);
		uint8_t *data = test_memory(t, ALL);
		struct abio_iovec pieces[2] = { { data, GIVEN + 1 }, { data + GIVEN + 1, ALL } };

		assert_int_equal(abio_try_readv(s.whole, pieces, 2, 0), ALL);
		assert_memory_equal(data, s.sent, ALL);
	}
}

static void a_read_takes_what_it_wants_of_both(struct test *t)
{
	for (uint32_t way = 0; way < WAYS; way++) {
		struct shared s = both(t, way);
		uint8_t *data = test_memory(t, ALL);

		assert_int_equal(filled_read(t, s.whole, data, GIVEN - 1), GIVEN - 1);
		assert_int_equal(filled_read_exact(t, s.half, data + GIVEN - 1, 2), 2);
		assert_int_equal(filled_read(t, s.whole, data + GIVEN + 1, ALL), LATER - 1);
		assert_memory_equal(data, s.sent, ALL);
	}
}

static void they_are_shown_one_after_the_other(struct test *t)
{
	for (uint32_t way = 0; way < WAYS; way++) {
		struct shared s = both(t, way);
		struct abio_event event = filled_show(t, s.whole);

		assert_int_equal(event.result, GIVEN);
		assert_memory_equal(filled_at(&event), s.sent, GIVEN);
		assert_int_equal(abio_consume(s.whole, GIVEN + 1), ABIO_E_ARGUMENT);
		assert_int_equal(abio_consume(s.whole, GIVEN), 0);
		event = filled_show(t, s.whole);
		assert_int_equal(event.result, LATER);
		assert_memory_equal(filled_at(&event), s.sent + GIVEN, LATER);
		assert_int_equal(abio_consume(s.whole, LATER), 0);
		assert_int_equal(abio_try_read(s.whole, s.sent, 1, 0), ABIO_WOULD_BLOCK);
	}
}

static void a_line_goes_through_both(struct test *t)
{
	for (uint32_t way = 0; way < WAYS; way++) {
		struct shared s = both(t, way);
		abio_buffer buffer = filled_buffer(t, 2 * ALL);
		uint64_t token = START(t, abio_read_line, s.whole, buffer, 0);

		test_send(s.peer, "\n", 1);
		assert_int_equal(filled_home(t, token, buffer).result, ALL + 1);
		assert_memory_equal(filled_state(buffer).data, s.sent, ALL);
		abio_buffer_release(buffer);
	}
}

static void a_receive_brings_both(struct test *t)
{
	for (uint32_t way = 0; way < WAYS; way++) {
		struct shared s = both(t, way);
		uint64_t token = START(t, abio_receive, s.whole, 0);
		uint32_t got = 0;

		while (got < ALL) {
			struct abio_event event = test_event(t);

			assert_int_equal(event.token, token);
			assert_true(event.result > 0 && got + event.result <= ALL);
			assert_memory_equal(filled_at(&event), s.sent + got, (size_t)event.result);
			got += (uint32_t)event.result;
			assert_int_equal(event.progress, got);
		}
		assert_int_equal(abio_cancel(s.whole, token), 1);
		assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	}
}

static void another_copy_takes_both_and_gives_them_back(struct test *t)
{
	for (uint32_t way = 0; way < WAYS; way++) {
		struct shared s = both(t, way);

		s.copying = START(t, abio_copy, s.half, s.sink, GIVEN + 1, 0);
		test_quiet(t);
		no_memory_from_here_on();
		give_back(t, &s);
		faults_remove();
		expect_all(t, &s, s.whole);
	}
}

/* Nothing comes any more that could tell them. */
static void who_waits_for_readiness_hears_of_it(struct test *t)
{
	for (uint32_t way = 0; way < 2; way++) {
		struct shared s = share(t, way == 1);
		uint64_t token = START(t, abio_ready, s.whole, ABIO_INTEREST_READ, 0);
		uint64_t other = START(t, abio_ready, s.half, ABIO_INTEREST_READ, 0);
		uint8_t *data = test_memory(t, GIVEN);

		test_quiet(t);
		no_memory_from_here_on();
		give_back(t, &s);
		assert_int_equal(test_result(t, token) & ABIO_READY_READ, ABIO_READY_READ);
		assert_int_equal(test_result(t, other) & ABIO_READY_READ, ABIO_READY_READ);
		faults_remove();
		assert_int_equal(abio_try_read(s.whole, data, GIVEN, 0), GIVEN);
		/* The next wait is for what comes next. */
		token = START(t, abio_ready, s.whole, ABIO_INTEREST_READ, 0);
		test_quiet(t);
		send_later(&s);
		assert_int_equal(test_result(t, token) & ABIO_READY_READ, ABIO_READY_READ);
	}
}

static void whoever_is_left_reads_both(struct test *t)
{
	for (uint32_t way = 0; way < WAYS; way++) {
		struct shared s = both(t, way);

		assert_int_equal(abio_release(s.whole), 0);
		expect_all(t, &s, s.half);
	}
}

static void nobody_reads_them(struct test *t)
{
	for (uint32_t way = 0; way < WAYS; way++) {
		struct shared s = both(t, way);

		assert_int_equal(test_result(t, START(t, abio_close, s.whole, 0)), 0);
	}
}

/* The harness closes the driver, and counts. */
static void the_driver_goes_before_they_are_read(struct test *t)
{
	for (uint32_t way = 0; way < WAYS; way++)
		both(t, way);
}

/* ---- a buffered reader that seeks ------------------------------------------------------------ */

/* A reader over a file has given SMALL bytes: BEFORE to the host, the rest to a copy, and has them
 * back from that. */
#define SMALL  100u
#define BEFORE 30u

static abio_io file_given_back(struct test *t, const uint8_t *sent)
{
	abio_io file = test_file(t, test_path(t), ABIO_OPEN_CREATE, 0);
	abio_io reader;
	abio_io sink = full_sink(t);
	uint64_t token;

	assert_int_equal(test_result(t, START(t, abio_write_at_all, file, sent, ALL, 0, 0)), ALL);
	assert_int_equal(abio_buf_reader(file, SMALL, 0, &reader), 0);
	test_own(t, reader);
	assert_int_equal(filled_show(t, reader).result, SMALL);
	assert_int_equal(abio_consume(reader, BEFORE), 0);
	token = START(t, abio_copy, reader, sink, UINT64_MAX, 0);
	assert_int_equal(abio_cancel(reader, token), 1);
	assert_int_equal(test_finish(t, token).progress, 0);
	return reader;
}

static void expect_at(struct test *t, abio_io reader, const uint8_t *sent, uint32_t position,
		      uint32_t length)
{
	uint8_t *data = test_memory(t, length);
	uint64_t at;

	assert_int_equal(abio_stream_position(reader, &at), 0);
	assert_int_equal(at, position);
	assert_int_equal(filled_read_exact(t, reader, data, length), length);
	assert_memory_equal(data, sent + position, length);
}

static int64_t seek_by(struct test *t, abio_io reader, int64_t offset)
{
	return test_result(t, START(t, abio_seek_relative, reader, offset, 0));
}

static void a_reader_seeks_in_what_it_has_back(struct test *t)
{
	uint8_t *sent = test_memory(t, ALL);
	abio_io reader;

	test_fill(sent, ALL, 1);
	reader = file_given_back(t, sent);
	assert_int_equal(seek_by(t, reader, 10), 40);
	expect_at(t, reader, sent, 40, 10);
	assert_int_equal(seek_by(t, reader, -25), 25);
	expect_at(t, reader, sent, 25, SMALL);
}

static void a_reader_seeks_to_the_end_of_what_it_has_back(struct test *t)
{
	uint8_t *sent = test_memory(t, ALL);
	abio_io reader;

	test_fill(sent, ALL, 1);
	reader = file_given_back(t, sent);
	assert_int_equal(seek_by(t, reader, SMALL - BEFORE), SMALL);
	expect_at(t, reader, sent, SMALL, 10);
	assert_int_equal(seek_by(t, reader, -20), SMALL - 10);
	expect_at(t, reader, sent, SMALL - 10, ALL - SMALL);
}

static void a_reader_seeks_past_what_it_has_back(struct test *t)
{
	uint8_t *sent = test_memory(t, ALL);
	abio_io reader;

	test_fill(sent, ALL, 1);
	reader = file_given_back(t, sent);
	assert_int_equal(seek_by(t, reader, SMALL), BEFORE + SMALL);
	expect_at(t, reader, sent, BEFORE + SMALL, SMALL);
}

static const struct test_case cases[] = {
	CASE(a_reader_seeks_in_what_it_has_back),
	CASE(a_reader_seeks_to_the_end_of_what_it_has_back),
	CASE(a_reader_seeks_past_what_it_has_back),
	STREAMS(a_try_read_takes_both),
	STREAMS(the_half_reads_the_same),
	STREAMS(pieces_of_a_vector_are_filled_across_both),
	STREAMS(a_read_takes_what_it_wants_of_both),
	STREAMS(they_are_shown_one_after_the_other),
	STREAMS(a_line_goes_through_both),
	STREAMS(a_receive_brings_both),
	STREAMS(another_copy_takes_both_and_gives_them_back),
	STREAMS(who_waits_for_readiness_hears_of_it),
	STREAMS(whoever_is_left_reads_both),
	STREAMS(nobody_reads_them),
	STREAMS(the_driver_goes_before_they_are_read),
};

TEST_MAIN("given_back", cases)
