/*
 * BufWrite: reserving, committing, putting and flushing, natively (over the outbox of a stream) and
 * through buffered writers of several capacities, over streams and files.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "harness.h"

#define LARGE      (1u << 20)
#define HIGH_WATER (256u << 10)

/* How the io under test is made of a stream. */
static struct {
	bool writer;
	uint32_t capacity;
} through;

static abio_io wrap(struct test *t, abio_io inner)
{
	abio_io outer = inner;

	if (through.writer) {
		assert_int_equal(abio_buf_writer(inner, through.capacity, 0, &outer), 0);
		test_own(t, outer);
	}
	return outer;
}

static int open_writer(struct test *t, abio_io *writer)
{
	abio_io inner;
	int peer = test_writer(t, &inner);

	*writer = wrap(t, inner);
	return peer;
}

/* One whose peer soon has to read for it to go on. */
static int open_small_writer(struct test *t, abio_io *writer)
{
	abio_io inner;
	int peer = test_writer(t, &inner);

	test_make_small(peer);
	test_make_small(test_fd_of(inner));
	*writer = wrap(t, inner);
	return peer;
}

static uint32_t capacity(void)
{
	if (!through.writer)
		return HIGH_WATER;
	return through.capacity == 0 ? 8192 : through.capacity;
}

static void flush(struct test *t, abio_io io)
{
	assert_int_equal(test_result(t, START(t, abio_flush, io, 0)), 0);
}

/* Puts all of it, flushing where it has to. */
static void put_all(struct test *t, abio_io io, const char *data, uint32_t length)
{
	while (length > 0) {
		int32_t count = abio_put(io, data, length);

		if (count == ABIO_WOULD_BLOCK) {
			flush(t, io);
			continue;
		}
		assert_in_range(count, 1, length);
		data += count;
		length -= (uint32_t)count;
	}
}

static char *reserved(struct test *t, abio_io io, uint32_t minimum, uint32_t *room)
{
	struct abio_event event = test_finish(t, START(t, abio_reserve, io, minimum, 0));

	assert_in_range(event.result, minimum, capacity());
	assert_int_equal(event.flags, ABIO_EVENT_VIEW);
	assert_int_equal(event.handle, 0);
	*room = (uint32_t)event.result;
	return (char *)(uintptr_t)event.data;
}

static void expect_peer(struct test *t, int peer, const void *data, uint32_t length)
{
	char *got = test_memory(t, length);

	test_pull(t, peer, got, length);
	assert_memory_equal(got, data, length);
}

/* ---- reserve and commit ------------------------------------------------------------------------
 */

static void what_is_committed_is_written(struct test *t)
{
	abio_io writer;
	int peer = open_writer(t, &writer);
	uint32_t room;
	char *place = reserved(t, writer, 1, &room);

	place[0] = 'a';
	assert_int_equal(abio_commit(writer, 1), 0);
	flush(t, writer);
	expect_peer(t, peer, "a", 1);
}

static void try_reserve_lends_without_waiting(struct test *t)
{
	abio_io writer;
	int peer = open_writer(t, &writer);
	void *place = NULL;
	int32_t room = abio_try_reserve(writer, 1, &place);

	assert_in_range(room, 1, capacity());
	memset(place, 'x', (size_t)room);
	memcpy(place, "h", 1);
	assert_int_equal(abio_commit(writer, 1), 0);
	assert_in_range(abio_commit(writer, 0), 0, 0);
	flush(t, writer);
	expect_peer(t, peer, "h", 1);
}

static void all_that_is_lent_can_be_written(struct test *t)
{
	abio_io writer;
	int peer = open_writer(t, &writer);
	uint32_t room;
	char *place = reserved(t, writer, 1, &room);
	char *sent = test_memory(t, room);

	test_fill(place, room, 3);
	memcpy(sent, place, room);
	assert_int_equal(abio_commit(writer, room), 0);
	expect_peer(t, peer, sent, room);
	flush(t, writer);
}

static void what_is_not_committed_was_never_written(struct test *t)
{
	abio_io writer;
	int peer = open_writer(t, &writer);
	uint32_t room;

	for (int i = 0; i < 3; i++) {
		char *place = reserved(t, writer, 1, &room);

		place[0] = 'x';
		if (i == 1)
			assert_int_equal(abio_commit(writer, 0), 0);
	}
	assert_int_equal(abio_put(writer, "a", 1), 1);
	assert_int_equal(abio_commit(writer, 1), ABIO_E_ARGUMENT);
	flush(t, writer);
	expect_peer(t, peer, "a", 1);
}

static void committing_more_than_was_lent_leaves_it_lent(struct test *t)
{
	abio_io writer;
	int peer = open_writer(t, &writer);
	uint32_t room;
	char *place;

	assert_int_equal(abio_commit(writer, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_commit(writer, 0), 0);
	place = reserved(t, writer, 1, &room);
	place[0] = 'a';
	assert_int_equal(abio_commit(writer, room + 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_commit(writer, UINT32_MAX), ABIO_E_ARGUMENT);
	assert_int_equal(abio_commit(writer, 1), 0);
	assert_int_equal(abio_commit(writer, 1), ABIO_E_ARGUMENT);
	flush(t, writer);
	expect_peer(t, peer, "a", 1);
}

static void what_can_never_be_lent_is_a_limit(struct test *t)
{
	abio_io writer;
	void *place;

	open_writer(t, &writer);
	assert_int_equal(abio_try_reserve(writer, capacity() + 1, &place), ABIO_E_LIMIT);
	assert_int_equal(abio_reserve(writer, capacity() + 1, 0, 1), ABIO_E_LIMIT);
	assert_int_equal(abio_reserve(writer, UINT32_MAX, 0, 1), ABIO_E_LIMIT);
	assert_int_equal(abio_try_reserve(writer, 0, &place), ABIO_E_ARGUMENT);
	assert_int_equal(abio_reserve(writer, 0, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_try_reserve(writer, capacity(), &place), capacity());
}

static void puts_commits_and_writes_keep_their_order(struct test *t)
{
	abio_io writer;
	int peer = open_writer(t, &writer);
	char *sent = test_memory(t, 4096);
	uint32_t total = 0;

	test_fill(sent, 4096, 9);
	for (uint32_t i = 0; total < (capacity() < 64 ? 600u : 3000u); i++) {
		uint32_t length = i % 7 * 13 + 1;
		uint32_t room;
		char *place;

		switch (i % 3) {
		case 0:
			put_all(t, writer, sent + total, length);
			break;
		case 1:
			place = reserved(t, writer, 1, &room);
			if (length > room)
				length = room;
			memcpy(place, sent + total, length);
			assert_int_equal(abio_commit(writer, length), 0);
			break;
		default:
			assert_int_equal(test_result(t, START(t, abio_write_all, writer,
							      sent + total, length, 0)),
					 length);
		}
		total += length;
	}
	flush(t, writer);
	expect_peer(t, peer, sent, total);
}

static void a_reserve_waits_for_room(struct test *t)
{
	abio_io writer;
	int peer = open_small_writer(t, &writer);
	uint32_t total = 0;
	char *chunk = test_memory(t, LARGE);
	uint64_t token;
	struct abio_event event;
	void *place;
	int32_t count;
	char *got;

	test_fill(chunk, LARGE, 0);
	/* Nobody reads: until the library takes no more. */
	for (;;) {
		count = abio_put(writer, chunk + total, LARGE - total);
		if (count > 0)
			total += (uint32_t)count;
		test_quiet(t);
		if (count == ABIO_WOULD_BLOCK &&
		    abio_put(writer, chunk + total, LARGE - total) == ABIO_WOULD_BLOCK)
			break;
		assert_true(total < LARGE);
	}
	if (abio_try_reserve(writer, capacity(), &place) != ABIO_WOULD_BLOCK)
		fail_msg("there is no room");
	token = START(t, abio_reserve, writer, capacity(), 0);
	assert_int_equal(abio_reserve(writer, 1, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_try_reserve(writer, 1, &place), ABIO_E_BUSY);
	assert_int_equal(abio_put(writer, "x", 1), ABIO_E_BUSY);
	assert_int_equal(abio_write(writer, "x", 1, 0, 1), ABIO_E_BUSY);
	assert_false(test_has_come(t, token));
	got = test_memory(t, total + capacity());
	test_pull(t, peer, got, total);
	event = test_finish(t, token);
	assert_int_equal(event.result, capacity());
	test_fill((void *)(uintptr_t)event.data, capacity(), total);
	assert_int_equal(abio_commit(writer, capacity()), 0);
	test_pull(t, peer, got + total, capacity());
	assert_pattern(got, total + capacity(), 0);
	flush(t, writer);
}

static void a_cancelled_reserve_changes_nothing(struct test *t)
{
	abio_io writer;
	int peer = open_small_writer(t, &writer);
	uint32_t total = 0;
	char *chunk = test_memory(t, LARGE);
	uint64_t token;
	char *got;

	test_fill(chunk, LARGE, 0);
	while (total < LARGE) {
		int32_t count = abio_put(writer, chunk + total, LARGE - total);

		test_quiet(t);
		if (count == ABIO_WOULD_BLOCK &&
		    abio_put(writer, chunk + total, LARGE - total) == ABIO_WOULD_BLOCK)
			break;
		total += count > 0 ? (uint32_t)count : 0;
	}
	token = START(t, abio_reserve, writer, capacity(), 0);
	assert_false(test_has_come(t, token));
	assert_int_equal(abio_cancel(writer, token), 1);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	assert_int_equal(abio_commit(writer, 1), ABIO_E_ARGUMENT);
	got = test_memory(t, total + 1);
	test_pull(t, peer, got, total);
	assert_int_equal(abio_put(writer, chunk + total, 1), 1);
	flush(t, writer);
	test_pull(t, peer, got + total, 1);
	assert_pattern(got, total + 1, 0);
}

static void a_reservation_outlives_polls_and_sending(struct test *t)
{
	abio_io writer;
	int peer = open_writer(t, &writer);
	uint32_t room;
	char *place;

	if (capacity() < 8)
		put_all(t, writer, "ab", 1);
	else
		put_all(t, writer, "a", 1);
	place = reserved(t, writer, 1, &room);
	test_quiet(t);
	if (!through.writer)
		expect_peer(t, peer, "a", 1);
	test_quiet(t);
	place[0] = 'b';
	assert_int_equal(abio_commit(writer, 1), 0);
	flush(t, writer);
	expect_peer(t, peer, through.writer ? "ab" : "b", through.writer ? 2 : 1);
}

static void everything_else_that_writes_ends_a_reservation(struct test *t)
{
	abio_io writer;
	int peer = open_writer(t, &writer);
	uint32_t room;

	for (int i = 0; i < 4; i++) {
		reserved(t, writer, 1, &room)[0] = 'x';
		if (i == 0)
			assert_int_equal(abio_put(writer, "0", 1), 1);
		else if (i == 1)
			assert_int_equal(
				test_result(t, START(t, abio_write_all, writer, "1", 1, 0)), 1);
		else if (i == 2)
			flush(t, writer);
		else
			reserved(t, writer, 1, &room);
		if (i < 3)
			assert_int_equal(abio_commit(writer, 1), ABIO_E_ARGUMENT);
	}
	flush(t, writer);
	expect_peer(t, peer, "01", 2);
}

/* A flush asks for what was taken before it; memory that was not lent yet is no part of that. */
static void a_flush_leaves_alone_what_an_event_on_its_way_lends(struct test *t)
{
	abio_io writer;
	int peer = open_writer(t, &writer);
	uint64_t token = START(t, abio_reserve, writer, 1, 0);
	uint64_t flushed = START(t, abio_flush, writer, 0);
	struct abio_event event;

	abio_try_flush(writer);
	event = test_finish(t, token);
	assert_in_range(event.result, 1, capacity());
	memset((void *)(uintptr_t)event.data, 'x', (size_t)event.result);
	assert_int_equal(test_result(t, flushed), 0);
	assert_int_equal(abio_commit(writer, 1), 0);
	flush(t, writer);
	expect_peer(t, peer, "x", 1);
}

static void a_flush_that_was_started_before_ends_no_reservation(struct test *t)
{
	abio_io writer;
	int peer = open_writer(t, &writer);
	uint64_t flushed;
	void *place;

	assert_int_equal(abio_put(writer, "a", 1), 1);
	flushed = START(t, abio_flush, writer, 0);
	assert_in_range(abio_try_reserve(writer, 1, &place), 1, capacity());
	assert_int_equal(test_result(t, flushed), 0);
	memcpy(place, "b", 1);
	assert_int_equal(abio_commit(writer, 1), 0);
	flush(t, writer);
	expect_peer(t, peer, "ab", 2);
}

static void a_flush_beside_a_reserve_that_waits(struct test *t)
{
	abio_io writer;
	int peer = open_small_writer(t, &writer);
	char *chunk = test_memory(t, LARGE);
	uint32_t total = 0;
	struct abio_event event;
	uint64_t flushed;
	uint64_t token;
	char *got;

	test_fill(chunk, LARGE, 0);
	while (total < LARGE) {
		int32_t count = abio_put(writer, chunk + total, LARGE - total);

		test_quiet(t);
		if (count == ABIO_WOULD_BLOCK &&
		    abio_put(writer, chunk + total, LARGE - total) == ABIO_WOULD_BLOCK)
			break;
		total += count > 0 ? (uint32_t)count : 0;
	}
	token = START(t, abio_reserve, writer, capacity(), 0);
	flushed = START(t, abio_flush, writer, 0);
	assert_false(test_has_come(t, token));
	got = test_memory(t, total + capacity());
	test_pull(t, peer, got, total);
	event = test_finish(t, token);
	assert_int_equal(event.result, capacity());
	test_fill((void *)(uintptr_t)event.data, capacity(), total);
	assert_int_equal(test_result(t, flushed), 0);
	assert_int_equal(abio_commit(writer, capacity()), 0);
	test_pull(t, peer, got + total, capacity());
	assert_pattern(got, total + capacity(), 0);
	flush(t, writer);
}

static void nobody_writes_where_an_event_on_its_way_lends(struct test *t)
{
	abio_io writer;
	int peer = open_writer(t, &writer);
	uint64_t token = START(t, abio_reserve, writer, 1, 0);
	struct abio_event event;

	assert_int_equal(abio_put(writer, "x", 1), ABIO_E_BUSY);
	assert_int_equal(abio_try_write(writer, "x", 1, 0), ABIO_E_BUSY);
	assert_int_equal(abio_commit(writer, 1), ABIO_E_ARGUMENT);
	event = test_finish(t, token);
	memcpy((void *)(uintptr_t)event.data, "a", 1);
	assert_int_equal(abio_commit(writer, 1), 0);
	flush(t, writer);
	expect_peer(t, peer, "a", 1);
}

static void a_view_to_write_to_outlives_the_close(struct test *t)
{
	abio_io writer;
	uint32_t room;
	char *place;

	open_writer(t, &writer);
	place = reserved(t, writer, 1, &room);
	assert_int_equal(test_result(t, START(t, abio_close, writer, 0)), 0);
	memset(place, 'x', room);
	assert_int_equal(abio_commit(writer, 1), ABIO_E_CLOSED);
}

static void an_error_sticks_to_all_of_it(struct test *t)
{
	abio_io writer;
	int peer = open_writer(t, &writer);
	void *place;
	int64_t result = 0;

	test_close_fd(t, peer);
	/* The first may still be taken: that the other end is gone is only learnt by it. */
	for (int i = 0; i < 10 && result == 0; i++) {
		abio_put(writer, "x", 1);
		result = test_result(t, START(t, abio_flush, writer, 0));
	}
	assert_true(result == -EPIPE || result == -ECONNRESET);
	assert_int_equal(abio_put(writer, "x", 1), result);
	assert_int_equal(abio_try_reserve(writer, 1, &place), result);
	assert_int_equal(test_result(t, START(t, abio_reserve, writer, 1, 0)), result);
	assert_int_equal(abio_commit(writer, 0), result);
	assert_int_equal(abio_try_flush(writer), result);
	assert_int_equal(test_result(t, START(t, abio_write, writer, "x", 1, 0)), result);
	assert_int_equal(test_result(t, START(t, abio_close, writer, 0)), result);
}

static void close_flushes(struct test *t)
{
	abio_io writer;
	int peer = open_writer(t, &writer);

	put_all(t, writer, "goodbye", 7);
	assert_int_equal(test_result(t, START(t, abio_close, writer, 0)), 0);
	expect_peer(t, peer, "goodbye", 7);
}

static void large_data_arrives_whole(struct test *t)
{
	abio_io writer;
	int peer = open_writer(t, &writer);
	uint32_t length = capacity() < 64 ? 5000 : LARGE;
	char *data = test_memory(t, length);
	char *got = test_memory(t, length);
	uint64_t token;

	test_fill(data, length, 0);
	token = START(t, abio_write_all, writer, data, length, 0);
	test_pull(t, peer, got, length - (through.writer ? capacity() : 0));
	assert_int_equal(test_result(t, token), length);
	flush(t, writer);
	if (through.writer)
		test_pull(t, peer, got + length - capacity(), capacity());
	assert_pattern(got, length, 0);
}

static void a_flush_is_cancelled_at_every_step_and_repeated(struct test *t)
{
	abio_io writer;
	int peer = open_small_writer(t, &writer);
	char *data = test_memory(t, 64u << 10);
	char *got = test_memory(t, 64u << 10);
	uint32_t put = 0;
	uint32_t pulled = 0;

	test_fill(data, 64u << 10, 0);
	for (uint32_t round = 0; put < (64u << 10); round++) {
		int32_t count = abio_put(writer, data + put, (64u << 10) - put);
		uint64_t token = START(t, abio_flush, writer, 0);

		put += count > 0 ? (uint32_t)count : 0;
		for (uint32_t step = round % 3; step > 0; step--)
			test_gather(t);
		abio_cancel(writer, token);
		test_finish(t, token);
		if (count == ABIO_WOULD_BLOCK) {
			uint32_t part = put - pulled > 3000 ? 3000 : put - pulled;

			token = START(t, abio_flush, writer, 0);
			if (through.writer && capacity() < 64)
				part = put - pulled > 1 ? 1 : put - pulled;
			test_pull(t, peer, got + pulled, part);
			pulled += part;
			abio_cancel(writer, token);
			test_finish(t, token);
		}
	}
	{
		uint64_t token = START(t, abio_flush, writer, 0);

		test_pull(t, peer, got + pulled, put - pulled);
		assert_int_equal(test_result(t, token), 0);
	}
	assert_pattern(got, put, 0);
}

/* ---- what only a buffered writer does
 * ------------------------------------------------------------ */

static abio_io file_writer(struct test *t, uint32_t size, abio_io *file)
{
	abio_io writer;

	*file = test_file(t, test_path(t), ABIO_OPEN_CREATE, 0);
	assert_int_equal(abio_buf_writer(*file, size, 0, &writer), 0);
	test_own(t, writer);
	return writer;
}

static void expect_file(struct test *t, abio_io file, const char *text)
{
	uint32_t length = (uint32_t)strlen(text);
	char *data = test_memory(t, length + 10);

	assert_int_equal(test_result(t, test_read_at(t, file, data, length + 10, 0)), length);
	assert_memory_equal(data, text, length);
}

static void a_file_is_written_when_the_buffer_is_full_or_flushed(struct test *t)
{
	abio_io file;
	abio_io writer = file_writer(t, 4, &file);

	assert_int_equal(test_result(t, START(t, abio_write, writer, "abc", 3, 0)), 3);
	test_quiet(t);
	expect_file(t, file, "");
	assert_int_equal(abio_put(writer, "def", 3), 1);
	assert_int_equal(test_result(t, START(t, abio_flush, writer, 0)), 0);
	expect_file(t, file, "abcd");
	put_all(t, writer, "efghijkl", 8);
	assert_int_equal(test_result(t, START(t, abio_flush, writer, 0)), 0);
	expect_file(t, file, "abcdefghijkl");
}

static void any_capacity_writes_a_file_right(struct test *t)
{
	static const uint32_t sizes[] = { 1, 2, 3, 7, 64, 4096, 0 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		abio_io file;
		abio_io writer = file_writer(t, sizes[i], &file);

		put_all(t, writer, "one ", 4);
		assert_int_equal(test_result(t, START(t, abio_write_all, writer, "two ", 4, 0)), 4);
		put_all(t, writer, "three", 5);
		assert_int_equal(test_result(t, START(t, abio_close, writer, 0)), 0);
		expect_file(t, file, "one two three");
	}
}

static void a_seek_goes_behind_what_is_buffered(struct test *t)
{
	abio_io file;
	abio_io writer = file_writer(t, 100, &file);
	uint64_t position;

	put_all(t, writer, "abcdef", 6);
	assert_int_equal(abio_stream_position(writer, &position), 0);
	assert_int_equal(position, 6);
	assert_int_equal(test_result(t, START(t, abio_seek, writer, ABIO_SEEK_CURRENT, -4, 0)), 2);
	put_all(t, writer, "XY", 2);
	assert_int_equal(test_result(t, START(t, abio_stream_len, writer, 0)), 6);
	assert_int_equal(test_result(t, START(t, abio_rewind, writer, 0)), 0);
	expect_file(t, file, "abXYef");
	put_all(t, writer, "Z", 1);
	assert_int_equal(test_result(t, START(t, abio_seek, writer, ABIO_SEEK_END, 0, 0)), 6);
	expect_file(t, file, "ZbXYef");
}

static void a_read_through_a_writer_sees_what_was_written(struct test *t)
{
	abio_io file;
	abio_io writer = file_writer(t, 100, &file);
	char *data = test_memory(t, 10);

	assert_int_equal(test_result(t, START(t, abio_write_at_all, file, "0123456789", 10, 0, 0)),
			 10);
	put_all(t, writer, "ab", 2);
	assert_int_equal(test_result(t, START(t, abio_read, writer, data, 3, 0)), 3);
	assert_memory_equal(data, "234", 3);
	expect_file(t, file, "ab23456789");
}

static void a_large_write_goes_past_an_empty_buffer(struct test *t)
{
	abio_io file;
	abio_io writer = file_writer(t, 4, &file);

	assert_int_equal(test_result(t, START(t, abio_write, writer, "abcdefgh", 8, 0)), 8);
	expect_file(t, file, "abcdefgh");
	put_all(t, writer, "i", 1);
	assert_int_equal(test_result(t, START(t, abio_write, writer, "jklmnopq", 8, 0)), 3);
	assert_int_equal(test_result(t, START(t, abio_flush, writer, 0)), 0);
	expect_file(t, file, "abcdefghijkl");
}

static void a_file_gets_readiness_and_try_by_a_writer(struct test *t)
{
	abio_io file;
	abio_io writer = file_writer(t, 4, &file);

	assert_int_equal(abio_ready_now(writer, ABIO_INTEREST_WRITE), ABIO_READY_WRITE);
	assert_int_equal(abio_try_write(writer, "abc", 3, 0), 3);
	assert_int_equal(abio_try_write(writer, "def", 3, 0), 1);
	assert_int_equal(abio_try_write(writer, "ef", 2, 0), ABIO_WOULD_BLOCK);
	assert_int_equal(abio_ready_now(writer, ABIO_INTEREST_WRITE), 0);
	assert_int_equal(test_result(t, START(t, abio_ready, writer, ABIO_INTEREST_WRITE, 0)),
			 ABIO_READY_WRITE);
	assert_int_equal(abio_try_write(writer, "ef", 2, 0), 2);
	assert_int_equal(abio_try_flush(writer), ABIO_WOULD_BLOCK);
	assert_int_equal(test_result(t, START(t, abio_flush, writer, 0)), 0);
	assert_int_equal(abio_try_flush(writer), 0);
	expect_file(t, file, "abcdef");
}

static void letting_go_of_a_writer_flushes_it(struct test *t)
{
	abio_io file = test_file(t, test_path(t), ABIO_OPEN_CREATE, 0);
	char *data = test_memory(t, 4);
	abio_io writer;

	assert_int_equal(abio_buf_writer(file, 100, 0, &writer), 0);
	put_all(t, writer, "kept", 4);
	assert_int_equal(abio_release(writer), 0);
	/* No event tells when: it is found in the file, or never. */
	for (int i = 0; i < 100000; i++) {
		if (test_result(t, START(t, abio_read_at, file, data, 4, 0, 0)) == 4)
			break;
	}
	expect_file(t, file, "kept");
}

static void a_cancelled_close_drops_what_does_not_go_out(struct test *t)
{
	abio_io inner;
	abio_io writer;
	int peer;
	uint64_t closing;

	t->kind = ABIO_KIND_UNIX;
	peer = test_writer(t, &inner);
	test_make_small(peer);
	test_stuff(inner);
	assert_int_equal(abio_buf_writer(inner, 100, 0, &writer), 0);
	test_own(t, writer);
	put_all(t, writer, "stuck", 5);
	closing = START(t, abio_close, writer, 0);
	assert_false(test_has_come(t, closing));
	assert_int_equal(abio_cancel(t->driver, closing), 1);
	assert_int_equal(test_result(t, closing), ABIO_E_CANCELED);
}

static void a_writer_writes_through_a_writer(struct test *t)
{
	abio_io file;
	abio_io inner = file_writer(t, 5, &file);
	abio_io outer;

	assert_int_equal(abio_buf_writer(inner, 3, 0, &outer), 0);
	test_own(t, outer);
	put_all(t, outer, "abcdefghijk", 11);
	assert_int_equal(test_result(t, START(t, abio_flush, outer, 0)), 0);
	expect_file(t, file, "abcdefghijk");
}

static void a_writer_is_refused_what_makes_no_sense(struct test *t)
{
	abio_io reader;
	abio_io writer;
	abio_io buffered;

	t->kind = ABIO_KIND_PIPE;
	test_stream(t, &reader, &writer);
	assert_int_equal(abio_buf_writer(reader, 10, 0, &buffered), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_buf_writer(writer, (1u << 30) + 1, 0, &buffered), ABIO_E_ARGUMENT);
	assert_int_equal(abio_buf_writer(writer, 10, 1, &buffered), ABIO_E_ARGUMENT);
	assert_int_equal(abio_buf_writer(writer, 10, 0, &buffered), 0);
	test_own(t, buffered);
	assert_int_equal(abio_read(buffered, &(char){ 0 }, 1, 0, 1), ABIO_E_UNSUPPORTED);
}

static void a_duplex_stream_reads_through_its_writer(struct test *t)
{
	abio_io inner;
	abio_io writer;
	abio_buffer buffer;
	char back[4];
	int peer;
	uint64_t token;

	t->kind = ABIO_KIND_TCP;
	peer = test_writer(t, &inner);
	assert_int_equal(abio_buf_writer(inner, 10, 0, &writer), 0);
	test_own(t, writer);
	assert_int_equal(abio_buffer_alloc(100, 0, 0, &buffer), 0);
	token = START(t, abio_read_line, writer, buffer, 0);
	put_all(t, writer, "ping", 4);
	assert_int_equal(test_result(t, START(t, abio_flush, writer, 0)), 0);
	test_receive(peer, back, 4);
	assert_memory_equal(back, "ping", 4);
	test_send(peer, "pong\n", 5);
	assert_int_equal(test_result(t, token), 5);
	put_all(t, writer, "bye", 3);
	assert_int_equal(test_result(t, START(t, abio_shutdown, writer, 0)), 0);
	test_receive(peer, back, 3);
	assert_memory_equal(back, "bye", 3);
	test_pull_end(t, peer);
	abio_buffer_release(buffer);
}

/* ---- the same natively and through buffered writers
 * ----------------------------------------------- */

#define SHARED(X)                                              \
	X(what_is_committed_is_written)                        \
	X(try_reserve_lends_without_waiting)                   \
	X(all_that_is_lent_can_be_written)                     \
	X(what_is_not_committed_was_never_written)             \
	X(committing_more_than_was_lent_leaves_it_lent)        \
	X(what_can_never_be_lent_is_a_limit)                   \
	X(puts_commits_and_writes_keep_their_order)            \
	X(a_reserve_waits_for_room)                            \
	X(a_cancelled_reserve_changes_nothing)                 \
	X(a_reservation_outlives_polls_and_sending)            \
	X(everything_else_that_writes_ends_a_reservation)      \
	X(nobody_writes_where_an_event_on_its_way_lends)       \
	X(a_flush_leaves_alone_what_an_event_on_its_way_lends) \
	X(a_flush_that_was_started_before_ends_no_reservation) \
	X(a_flush_beside_a_reserve_that_waits)                 \
	X(a_view_to_write_to_outlives_the_close)               \
	X(an_error_sticks_to_all_of_it)                        \
	X(close_flushes)                                       \
	X(large_data_arrives_whole)                            \
	X(a_flush_is_cancelled_at_every_step_and_repeated)

#define ROUTE(name, how, ...)                                                             \
	static void name##_##how(struct test *t)                                          \
	{                                                                                 \
		memcpy(&through, &(__typeof__(through)){ __VA_ARGS__ }, sizeof(through)); \
		name(t);                                                                  \
	}

#define ROUTES(name)                                  \
	ROUTE(name, natively, .writer = false)        \
	ROUTE(name, through_a_writer, .writer = true) \
	ROUTE(name, through_a_writer_of_7, .writer = true, .capacity = 7)

SHARED(ROUTES)

#define ROUTE_CASES(name)                                           \
	STREAMS(name##_natively), STREAMS(name##_through_a_writer), \
		SOCKETS(name##_through_a_writer_of_7),

static const struct test_case cases[] = {
	SHARED(ROUTE_CASES) CASE(a_file_is_written_when_the_buffer_is_full_or_flushed),
	CASE(any_capacity_writes_a_file_right),
	CASE(a_seek_goes_behind_what_is_buffered),
	CASE(a_read_through_a_writer_sees_what_was_written),
	CASE(a_large_write_goes_past_an_empty_buffer),
	CASE(a_file_gets_readiness_and_try_by_a_writer),
	CASE(letting_go_of_a_writer_flushes_it),
	CASE(a_cancelled_close_drops_what_does_not_go_out),
	CASE(a_writer_writes_through_a_writer),
	CASE(a_writer_is_refused_what_makes_no_sense),
	CASE(a_duplex_stream_reads_through_its_writer),
};

TEST_MAIN("buf_write", cases)
