/*
 * OwnedRead and OwnedWrite: the buffer comes home in every outcome, with exactly what moved, and
 * its memory is what the kernel was given.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lent.h"
#include "platform.h"

#define LARGE   (1u << 20)
#define PAGE    4096u
#define THROUGH (1u << 30)
#define PORTION (1u << 20)
#define CANARY  0x5a

static uint64_t read_owned(struct test *t, abio_io io, abio_buffer buffer)
{
	return START(t, abio_read_owned, io, buffer, 0);
}

/* What lies behind what was read is as it was. */
static void expect_canaries(abio_buffer buffer)
{
	struct abio_buffer_state state = lent_state(buffer);
	const uint8_t *data = state.data;

	for (uint32_t i = state.filled; i < state.capacity; i++)
		assert_int_equal(data[i], CANARY);
}

static abio_buffer with_canaries(struct test *t, uint32_t capacity)
{
	abio_buffer buffer = lent_buffer(t, capacity);

	memset(lent_data(buffer), CANARY, capacity);
	return buffer;
}

/* ---- reading --------------------------------------------------------------------------------- */

static void read_owned_appends_to_what_the_buffer_holds(struct test *t)
{
	abio_buffer buffer = with_canaries(t, 10);
	struct abio_event event;
	abio_io reader;
	int peer = test_reader(t, &reader);

	test_send(peer, "abc", 3);
	event = lent_finish(t, read_owned(t, reader, buffer), buffer);
	assert_int_equal(event.result, 3);
	assert_int_equal(event.progress, 3);
	assert_int_equal(lent_state(buffer).filled, 3);
	assert_int_equal(lent_state(buffer).initialized, 3);
	expect_canaries(buffer);
	test_send(peer, "defghijkl", 9);
	event = lent_finish(t, read_owned(t, reader, buffer), buffer);
	assert_int_equal(event.result, 7);
	assert_int_equal(lent_state(buffer).filled, 10);
	assert_memory_equal(lent_data(buffer), "abcdefghij", 10);
	assert_int_equal(abio_buffer_set(buffer, 0, 10), 0);
	assert_int_equal(lent_finish(t, read_owned(t, reader, buffer), buffer).result, 2);
	assert_int_equal(lent_state(buffer).filled, 2);
	assert_int_equal(lent_state(buffer).initialized, 10);
	assert_memory_equal(lent_data(buffer), "klcdefghij", 10);
}

static void read_owned_without_room_never_waits(struct test *t)
{
	abio_buffer buffer = lent_pattern(t, 4);
	struct abio_event event;
	abio_io reader;

	test_reader(t, &reader);
	event = lent_finish(t, read_owned(t, reader, buffer), buffer);
	assert_int_equal(event.result, 0);
	event = lent_finish(t, START(t, abio_read_owned_exact, reader, buffer, 0, 0), buffer);
	assert_int_equal(event.result, 0);
	assert_int_equal(lent_state(buffer).filled, 4);
}

static void read_owned_is_zero_at_the_end(struct test *t)
{
	abio_buffer buffer = with_canaries(t, 10);
	abio_io reader;
	int peer = test_reader(t, &reader);

	test_close_fd(t, peer);
	assert_int_equal(lent_finish(t, read_owned(t, reader, buffer), buffer).result, 0);
	assert_int_equal(lent_state(buffer).filled, 0);
	expect_canaries(buffer);
}

static void a_lent_buffer_is_busy(struct test *t)
{
	abio_buffer buffer = lent_buffer(t, 10);
	abio_buffer other = lent_buffer(t, 10);
	uint64_t token;
	abio_io reader;
	abio_io second;
	int peer = test_reader(t, &reader);

	test_reader(t, &second);
	token = read_owned(t, reader, buffer);
	assert_int_equal(lent_state(buffer).lent, 1);
	assert_int_equal(abio_buffer_set(buffer, 0, 0), ABIO_E_BUSY);
	assert_int_equal(abio_read_owned(second, buffer, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_read_to_end(second, buffer, 0, 1), ABIO_E_BUSY);
	/* The direction is taken too, and a refused start lends nothing. */
	assert_int_equal(abio_read_owned(reader, other, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_read_owned_exact(reader, other, 5, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_read_to_end(reader, other, 0, 1), ABIO_E_BUSY);
	assert_int_equal(lent_state(other).lent, 0);
	test_send(peer, "x", 1);
	lent_finish(t, token, buffer);
	assert_int_equal(abio_buffer_set(buffer, 0, 0), 0);
}

/* One event, and no more of what has ended with it. */
static struct abio_event next_alone(struct test *t)
{
	struct abio_event event = { 0 };

	assert_int_equal(abio_driver_wait(t->driver, &event, sizeof(event), 1, TEST_PATIENCE_NS),
			 1);
	test_saw(t, &event);
	return event;
}

/* From acceptance until the event is delivered, not until the operation has ended. */
static void a_buffer_is_lent_until_its_event_is_delivered(struct test *t)
{
	abio_buffer buffers[2];

	for (int i = 0; i < 2; i++) {
		abio_io reader;
		int peer = test_reader(t, &reader);

		buffers[i] = lent_buffer(t, 10);
		test_send(peer, "x", 1);
		read_owned(t, reader, buffers[i]);
	}
	for (int i = 0; i < 2; i++) {
		struct abio_event event = next_alone(t);
		abio_buffer other = event.handle == buffers[0] ? buffers[1] : buffers[0];

		assert_int_equal(lent_state(event.handle).lent, 0);
		assert_int_equal(lent_state(other).lent, i == 0);
		assert_int_equal(abio_buffer_set(other, 0, 0), i == 0 ? ABIO_E_BUSY : 0);
	}
}

static void read_owned_exact_gathers_pieces(struct test *t)
{
	abio_buffer buffer = with_canaries(t, 20);
	struct abio_event event;
	uint64_t token;
	abio_io reader;
	int peer = test_reader(t, &reader);

	token = START(t, abio_read_owned_exact, reader, buffer, 9, 0);
	for (int i = 0; i < 3; i++) {
		test_quiet(t);
		test_send(peer, &"abcdefghi"[i * 3], 3);
	}
	event = lent_finish(t, token, buffer);
	assert_int_equal(event.result, 9);
	assert_int_equal(event.progress, 9);
	assert_int_equal(lent_state(buffer).filled, 9);
	assert_memory_equal(lent_data(buffer), "abcdefghi", 9);
	expect_canaries(buffer);
}

static void read_owned_exact_needs_room(struct test *t)
{
	abio_buffer buffer = lent_buffer(t, 10);
	abio_io reader;

	test_reader(t, &reader);
	assert_int_equal(abio_buffer_set(buffer, 4, 4), 0);
	assert_int_equal(abio_read_owned_exact(reader, buffer, 7, 0, 1), ABIO_E_LIMIT);
	assert_int_equal(abio_read_owned_exact(reader, buffer, UINT32_MAX, 0, 1), ABIO_E_LIMIT);
	assert_int_equal(lent_state(buffer).lent, 0);
	test_quiet(t);
}

static void read_owned_exact_keeps_what_came_before_the_end(struct test *t)
{
	abio_buffer buffer = with_canaries(t, 20);
	struct abio_event event;
	abio_io reader;
	int peer = test_reader(t, &reader);

	test_send(peer, "abcd", 4);
	test_close_fd(t, peer);
	event = lent_finish(t, START(t, abio_read_owned_exact, reader, buffer, 9, 0), buffer);
	assert_int_equal(event.result, ABIO_E_UNEXPECTED_EOF);
	assert_int_equal(event.progress, 4);
	assert_int_equal(lent_state(buffer).filled, 4);
	expect_canaries(buffer);
}

static void a_cancelled_read_brings_the_buffer_home_with_what_came(struct test *t)
{
	abio_buffer buffer = with_canaries(t, 20);
	struct abio_event event;
	uint64_t token;
	abio_io reader;
	int peer = test_reader(t, &reader);

	token = read_owned(t, reader, buffer);
	test_quiet(t);
	assert_int_equal(abio_cancel(reader, token), 1);
	event = lent_finish(t, token, buffer);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_int_equal(lent_state(buffer).filled, 0);
	token = START(t, abio_read_owned_exact, reader, buffer, 10, 0);
	test_send(peer, "abcde", 5);
	test_quiet(t);
	assert_int_equal(abio_cancel(reader, token), 1);
	event = lent_finish(t, token, buffer);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_int_equal(event.progress, 5);
	assert_int_equal(lent_state(buffer).filled, 5);
	expect_canaries(buffer);
	/* And goes on where it stopped. */
	test_send(peer, "fghij", 5);
	lent_finish(t, START(t, abio_read_owned_exact, reader, buffer, 5, 0), buffer);
	assert_memory_equal(lent_data(buffer), "abcdefghij", 10);
}

/* At every moment: before it is submitted, while it waits, when the data is there. */
static void a_cancel_at_any_moment_loses_no_byte(struct test *t)
{
	abio_buffer buffer = lent_buffer(t, 4096);
	uint64_t sent = 0;
	uint64_t had = 0;
	uint8_t piece[512];
	abio_io reader;
	int peer = test_reader(t, &reader);

	for (int round = 0; round < 60; round++) {
		uint32_t length = 1 + (uint32_t)round * 8;
		struct abio_event event;
		uint64_t token;

		if (round % 3 == 0) {
			test_fill(piece, length, sent);
			test_send(peer, piece, length);
			sent += length;
		}
		assert_int_equal(abio_buffer_set(buffer, 0, 0), 0);
		token = START(t, abio_read_owned_exact, reader, buffer, 4000, 0);
		if (round % 4 != 0)
			test_gather(t);
		if (round % 3 == 1) {
			test_fill(piece, length, sent);
			test_send(peer, piece, length);
			sent += length;
		}
		if (round % 2 == 0)
			test_gather(t);
		abio_cancel(reader, token);
		event = lent_finish(t, token, buffer);
		assert_int_equal(event.progress, lent_state(buffer).filled);
		assert_pattern(lent_data(buffer), event.progress, had);
		had += event.progress;
	}
	assert_int_equal(abio_buffer_set(buffer, 0, 0), 0);
	while (had < sent) {
		struct abio_event event = lent_finish(t, read_owned(t, reader, buffer), buffer);

		assert_true(event.result > 0);
		assert_pattern(lent_data(buffer), (size_t)event.result, had);
		had += (uint64_t)event.result;
		assert_int_equal(abio_buffer_set(buffer, 0, 0), 0);
	}
	assert_int_equal(had, sent);
}

static void closing_brings_the_buffer_home(struct test *t)
{
	abio_buffer in = lent_buffer(t, 10);
	abio_io reader;
	uint64_t token;
	uint64_t closing;

	test_reader(t, &reader);
	token = read_owned(t, reader, in);
	test_quiet(t);
	closing = START(t, abio_close, reader, 0);
	assert_int_equal(lent_finish(t, token, in).result, ABIO_E_CANCELED);
	assert_int_equal(test_result(t, closing), 0);
	assert_int_equal(abio_read_owned(reader, in, 0, 1), ABIO_E_CLOSED);
	assert_int_equal(lent_state(in).lent, 0);
}

static void the_last_release_of_the_io_brings_the_buffer_home(struct test *t)
{
	abio_buffer in = lent_buffer(t, 10);
	abio_io reader;
	uint64_t token;

	test_reader(t, &reader);
	token = read_owned(t, reader, in);
	test_quiet(t);
	assert_int_equal(abio_release(reader), 0);
	assert_int_equal(lent_finish(t, token, in).result, ABIO_E_CANCELED);
}

static void shutting_the_driver_down_brings_buffers_home(struct test *t)
{
	abio_buffer in = lent_buffer(t, 10);
	abio_io reader;
	uint64_t token;

	test_reader(t, &reader);
	token = read_owned(t, reader, in);
	test_quiet(t);
	assert_true(abio_driver_shutdown(t->driver) >= 0);
	assert_int_equal(lent_finish(t, token, in).result, ABIO_E_CANCELED);
}

static void a_reset_brings_the_buffer_home(struct test *t)
{
	abio_buffer in = lent_buffer(t, 10);
	abio_io reader;
	uint64_t token;
	int peer;

	t->kind = ABIO_KIND_TCP;
	peer = test_reader(t, &reader);
	token = read_owned(t, reader, in);
	test_quiet(t);
	test_reset(t, peer);
	assert_int_equal(lent_finish(t, token, in).result, -ECONNRESET);
	assert_int_equal(lent_state(in).filled, 0);
}

/* Without memory nothing is lent: checked at every allocation of a start. */
static void *(*allocate_before)(size_t size, size_t alignment);
static uint32_t allocations_left;

static void *allocate_few(size_t size, size_t alignment)
{
	return allocations_left-- > 0 ? allocate_before(size, alignment) : NULL;
}

static int32_t start_with(uint32_t allocations, abio_io io, abio_buffer buffer, uint64_t token)
{
	int32_t error;

	allocations_left = allocations;
	allocate_before = platform_memory.allocate;
	platform_memory.allocate = allocate_few;
	error = abio_read_to_end(io, buffer, 0, token);
	platform_memory.allocate = allocate_before;
	return error;
}

static void without_memory_nothing_is_lent(struct test *t)
{
	abio_buffer buffer = lent_buffer(t, 10);
	uint32_t allocations = 0;
	int32_t error;
	abio_io reader;
	int peer = test_reader(t, &reader);

	while ((error = start_with(allocations, reader, buffer, test_token(t))) == -ENOMEM) {
		assert_int_equal(lent_state(buffer).lent, 0);
		assert_int_equal(lent_state(buffer).filled, 0);
		assert_true(++allocations < 10);
	}
	test_close_fd(t, peer);
	assert_int_equal(lent_finish(t, test_started(t, error), buffer).result, 0);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void write_owned_sends_from_an_offset(struct test *t)
{
	abio_buffer buffer = lent_buffer(t, 20);
	struct abio_event event;
	char got[8];
	abio_io writer;
	int peer = test_writer(t, &writer);

	memcpy(lent_data(buffer), "0123456789", 10);
	assert_int_equal(abio_buffer_set(buffer, 10, 10), 0);
	event = lent_finish(t, START(t, abio_write_owned, writer, buffer, 3, 0), buffer);
	assert_int_equal(event.result, 7);
	assert_int_equal(event.progress, 7);
	assert_int_equal(lent_state(buffer).filled, 10);
	test_receive(peer, got, 7);
	assert_memory_equal(got, "3456789", 7);
	/* At its end there is nothing, and nothing waits. */
	event = lent_finish(t, START(t, abio_write_owned, writer, buffer, 10, 0), buffer);
	assert_int_equal(event.result, 0);
	event = lent_finish(t, START(t, abio_write_owned_all, writer, buffer, 10, 0), buffer);
	assert_int_equal(event.result, 0);
	assert_int_equal(abio_write_owned(writer, buffer, 11, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_write_owned_all(writer, buffer, UINT32_MAX, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(lent_state(buffer).lent, 0);
}

static void write_owned_all_sends_all(struct test *t)
{
	abio_buffer buffer = lent_pattern(t, LARGE);
	uint8_t *got = test_memory(t, LARGE);
	struct abio_event event;
	uint64_t token;
	abio_io writer;
	int peer = test_writer(t, &writer);

	token = START(t, abio_write_owned_all, writer, buffer, 7, 0);
	assert_int_equal(abio_buffer_set(buffer, 0, 0), ABIO_E_BUSY);
	assert_int_equal(abio_write(writer, "x", 1, 0, 1), ABIO_E_BUSY);
	test_pull(t, peer, got, LARGE - 7);
	event = lent_finish(t, token, buffer);
	assert_int_equal(event.result, LARGE - 7);
	assert_int_equal(event.progress, LARGE - 7);
	assert_pattern(got, LARGE - 7, 7);
}

static void owned_writes_go_behind_what_was_put(struct test *t)
{
	abio_buffer buffer = lent_buffer(t, 10);
	char got[10];
	uint64_t token;
	abio_io writer;
	int peer = test_writer(t, &writer);

	memcpy(lent_data(buffer), "owned", 5);
	assert_int_equal(abio_buffer_set(buffer, 5, 5), 0);
	assert_int_equal(abio_put(writer, "put", 3), 3);
	token = START(t, abio_write_owned_all, writer, buffer, 0, 0);
	assert_int_equal(abio_put(writer, "!!", 2), 2);
	assert_int_equal(lent_finish(t, token, buffer).result, 5);
	assert_int_equal(test_result(t, START(t, abio_flush, writer, 0)), 0);
	test_receive(peer, got, 10);
	assert_memory_equal(got, "putowned!!", 10);
}

static void a_cancelled_write_says_what_is_gone(struct test *t)
{
	abio_buffer buffer = lent_pattern(t, 4 * LARGE);
	uint8_t *data = lent_data(buffer);
	uint8_t *got = test_memory(t, 4 * LARGE);
	struct abio_event event;
	uint64_t token;
	abio_io writer;
	int peer = test_writer(t, &writer);

	token = START(t, abio_write_owned_all, writer, buffer, 0, 0);
	test_gather(t);
	assert_int_equal(abio_cancel(writer, token), 1);
	event = lent_result(t, token, buffer);
	assert_true(event.result == ABIO_E_CANCELED);
	assert_true(event.progress < 4 * LARGE);
	/* The rest is exactly what is missing. */
	token = START(t, abio_write_all, writer, data + event.progress,
		      4 * LARGE - (uint32_t)event.progress, 0);
	test_pull(t, peer, got, 4 * LARGE);
	assert_int_equal(test_result(t, token), 4 * LARGE - event.progress);
	assert_pattern(got, 4 * LARGE, 0);
	lent_return(t, &event, buffer);
}

/* Turns that deliver nothing of what has ended. */
static void turn_without_events(struct test *t)
{
	struct abio_event event;

	for (int i = 0; i < 16; i++) {
		assert_int_equal(abio_driver_wake(t->driver), 0);
		assert_int_equal(abio_driver_poll(t->driver, &event, sizeof(event), 1), 1);
		assert_int_equal(event.flags, ABIO_EVENT_WAKE);
	}
}

/* Whether its event brings the buffer or comes ahead of it. */
static void a_cancelled_write_is_in_flight_until_the_host_has_its_result(struct test *t)
{
	abio_buffer buffer = lent_pattern(t, 4 * LARGE);
	uint8_t *got = test_memory(t, 4 * LARGE);
	struct abio_event event;
	uint64_t token;
	abio_io writer;
	int peer = test_writer(t, &writer);

	token = START(t, abio_write_owned_all, writer, buffer, 0, 0);
	test_gather(t);
	assert_int_equal(abio_cancel(writer, token), 1);
	turn_without_events(t);
	assert_int_equal(abio_write(writer, "x", 1, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_shutdown(writer, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_put(writer, "puts", 4), 4);
	event = lent_result(t, token, buffer);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	token = START(t, abio_write, writer, "!", 1, 0);
	test_pull(t, peer, got, event.progress + 5);
	assert_int_equal(test_result(t, token), 1);
	assert_pattern(got, event.progress, 0);
	assert_memory_equal(got + event.progress, "puts!", 5);
	lent_return(t, &event, buffer);
}

static void a_cancelled_write_s_result_may_come_when_the_io_is_gone(struct test *t)
{
	abio_buffer buffer = lent_pattern(t, 4 * LARGE);
	struct abio_event event;
	uint64_t token;
	abio_io writer;
	int peer = test_writer(t, &writer);

	token = START(t, abio_write_owned_all, writer, buffer, 0, 0);
	test_gather(t);
	assert_int_equal(abio_cancel(writer, token), 1);
	turn_without_events(t);
	assert_int_equal(abio_release(writer), 0);
	event = lent_result(t, token, buffer);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	test_close_fd(t, peer);
	lent_return(t, &event, buffer);
}

/* A peer that reads what it likes when it likes. */
static size_t read_some(int peer, uint8_t *got, size_t most)
{
	ssize_t count;

	if (most == 0)
		return 0;
	count = recv(peer, got, most, MSG_DONTWAIT);
	if (count < 0 && errno == ENOTSOCK) {
		assert_true(fcntl(peer, F_SETFL, O_NONBLOCK) >= 0);
		count = read(peer, got, most);
	}
	assert_true(count != 0 && (count > 0 || errno == EAGAIN));
	return count > 0 ? (size_t)count : 0;
}

static uint32_t random_below(uint64_t *state, uint32_t limit)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33) % limit;
}

/*
 * Cancelled at random moments and continued from another buffer (the first may be the kernel's
 * still): the bytes arrive in order, each once.
 */
static void run_schedule(struct test *t, uint64_t seed, uint8_t *got)
{
	enum {
		BUFFERS = 4,
		LENGTH = LARGE
	};
	abio_buffer buffers[BUFFERS];
	struct abio_event ahead[BUFFERS] = { { 0 } };
	uint64_t state = seed;
	uint32_t sent = 0;
	size_t arrived = 0;
	abio_io writer;
	int peer = test_writer(t, &writer);
	int room = 1 << 16;

	/* TCP would take all of it at once; a pipe has little room anyway. */
	setsockopt(test_fd_of(writer), SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	setsockopt(peer, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	for (int i = 0; i < BUFFERS; i++)
		buffers[i] = lent_pattern(t, LENGTH);
	for (int round = 0; sent < LENGTH; round++) {
		int i = round % BUFFERS;
		uint64_t token;

		/* What the kernel has of this one is what the peer has not read. */
		while (lent_state(buffers[i]).lent != 0) {
			arrived += read_some(peer, got + arrived, LENGTH - arrived);
			test_gather(t);
		}
		lent_return(t, &ahead[i], buffers[i]);
		token = START(t, abio_write_owned_all, writer, buffers[i], sent, 0);
		for (uint32_t n = random_below(&state, 4); n > 0; n--) {
			if (random_below(&state, 2) != 0)
				arrived += read_some(peer, got + arrived,
						     1 + random_below(&state, LENGTH - sent));
			test_gather(t);
		}
		if (random_below(&state, 8) != 0)
			abio_cancel(writer, token);
		else
			arrived += read_some(peer, got + arrived, LENGTH - arrived);
		while (!test_has_come(t, token))
			arrived += read_some(peer, got + arrived, LENGTH - arrived);
		ahead[i] = lent_result(t, token, buffers[i]);
		sent += (uint32_t)ahead[i].progress;
		assert_true(sent <= LENGTH);
	}
	while (arrived < LENGTH) {
		arrived += read_some(peer, got + arrived, LENGTH - arrived);
		test_gather(t);
	}
	assert_pattern(got, LENGTH, 0);
	for (int i = 0; i < BUFFERS; i++) {
		lent_return(t, &ahead[i], buffers[i]);
		assert_int_equal(abio_buffer_release(buffers[i]), 0);
	}
	assert_int_equal(abio_release(writer), 0);
	test_close_fd(t, peer);
}

static void cancels_at_random_moments_lose_and_double_nothing(struct test *t)
{
	uint8_t *got = test_memory(t, LARGE);

	for (uint64_t seed = 1; seed <= 40; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		run_schedule(t, seed, got);
	}
}

static void a_dead_peer_brings_the_buffer_home(struct test *t)
{
	abio_buffer buffer = lent_pattern(t, 4 * LARGE);
	struct abio_event event;
	uint64_t token;
	abio_io writer;
	int peer = test_writer(t, &writer);

	token = START(t, abio_write_owned_all, writer, buffer, 0, 0);
	test_quiet(t);
	test_close_fd(t, peer);
	event = lent_finish(t, token, buffer);
	assert_true(event.result == -EPIPE || event.result == -ECONNRESET);
	assert_true(event.progress < 4 * LARGE);
	event = lent_finish(t, START(t, abio_write_owned, writer, buffer, 0, 0), buffer);
	assert_true(event.result == -EPIPE || event.result == -ECONNRESET);
}

static void closing_brings_a_buffer_home_that_is_written(struct test *t)
{
	abio_buffer buffer = lent_pattern(t, 4 * LARGE);
	uint64_t token;
	uint64_t closing;
	struct abio_event event;
	abio_io writer;
	int peer = test_writer(t, &writer);

	token = START(t, abio_write_owned_all, writer, buffer, 0, 0);
	test_quiet(t);
	closing = START(t, abio_close, writer, 0);
	event = lent_result(t, token, buffer);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_int_equal(test_result(t, closing), 0);
	/* What the peer has not taken the kernel may still need. */
	test_close_fd(t, peer);
	lent_return(t, &event, buffer);
}

static void both_directions_are_owned_at_once(struct test *t)
{
	abio_buffer in = lent_buffer(t, LARGE);
	abio_buffer out = lent_pattern(t, LARGE);
	uint64_t reading;
	uint64_t writing;
	abio_io first;
	abio_io second;

	test_stream(t, &first, &second);
	reading = START(t, abio_read_owned_exact, first, in, LARGE, 0);
	writing = START(t, abio_write_owned_all, second, out, 0, 0);
	assert_int_equal(lent_finish(t, writing, out).result, LARGE);
	assert_int_equal(lent_finish(t, reading, in).result, LARGE);
	assert_pattern(lent_data(in), LARGE, 0);
}

/* Which of both events brings the result depends on the backend; what they say does not. */
static void a_result_may_come_ahead_of_its_buffer(struct test *t)
{
	abio_buffer buffer = lent_pattern(t, 1u << 16);
	uint8_t *got = test_memory(t, 1u << 16);
	struct abio_event event;
	uint64_t token;
	abio_io writer;
	int peer = test_writer(t, &writer);

	token = START(t, abio_write_owned_all, writer, buffer, 0, 0);
	test_pull(t, peer, got, 1u << 16);
	event = lent_result(t, token, buffer);
	assert_int_equal(event.result, 1u << 16);
	assert_int_equal(event.progress, 1u << 16);
	if (t->kind != ABIO_KIND_TCP || !test_differs(t, DIFFERS_RESULT_AHEAD))
		assert_int_equal(event.flags, ABIO_EVENT_BUFFER);
	/* The next write does not wait for the buffer. */
	assert_int_equal(test_result(t, START(t, abio_write, writer, "x", 1, 0)), 1);
	lent_return(t, &event, buffer);
	assert_pattern(got, 1u << 16, 0);
}

/* One buffer through a ring of streams: what came is what goes. */
static void a_buffer_travels_without_a_copy(struct test *t)
{
	abio_buffer buffer = lent_buffer(t, 100);
	char got[5];
	abio_io reader;
	abio_io writer;
	int from = test_reader(t, &reader);
	int to = test_writer(t, &writer);

	test_send(from, "hello", 5);
	lent_watch(lent_data(buffer), 100);
	lent_finish(t, read_owned(t, reader, buffer), buffer);
	lent_finish(t, START(t, abio_write_owned_all, writer, buffer, 0, 0), buffer);
	assert_true(lent_seen() >= 2);
	test_receive(to, got, 5);
	assert_memory_equal(got, "hello", 5);
}

/* ---- halves and files ------------------------------------------------------------------------ */

static void halves_pass_buffers_down_as_they_are(struct test *t)
{
	abio_buffer in = lent_buffer(t, 100);
	abio_buffer out = lent_pattern(t, 50);
	abio_io first;
	abio_io second;
	abio_io halves[4];

	test_stream(t, &first, &second);
	assert_int_equal(abio_split(first, &halves[0], &halves[1]), 0);
	assert_int_equal(abio_split(second, &halves[2], &halves[3]), 0);
	for (int i = 0; i < 4; i++)
		test_own(t, halves[i]);
	lent_watch(lent_data(out), 100);
	lent_finish(t, START(t, abio_write_owned_all, halves[1], out, 0, 0), out);
	assert_true(lent_seen() >= 1);
	lent_watch(lent_data(in), 100);
	lent_finish(t, START(t, abio_read_owned_exact, halves[2], in, 50, 0), in);
	assert_true(lent_seen() >= 1);
	assert_pattern(lent_data(in), 50, 0);
	assert_int_equal(abio_read_owned(halves[1], in, 0, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_write_owned(halves[0], out, 0, 0, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(lent_state(in).lent + lent_state(out).lent, 0);
}

static void files_are_read_and_written_at_the_cursor(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	abio_buffer out = lent_pattern(t, 3 * LARGE + 5);
	abio_buffer in = with_canaries(t, 4 * LARGE);
	struct abio_event event;
	uint64_t position = 0;
	uint64_t token;

	lent_watch(lent_data(out), 3 * LARGE + 5);
	event = lent_finish(t, START(t, abio_write_owned_all, file, out, 0, 0), out);
	assert_true(lent_seen() >= 1);
	assert_int_equal(event.result, 3 * LARGE + 5);
	assert_int_equal(abio_stream_position(file, &position), 0);
	assert_int_equal(position, 3 * LARGE + 5);
	assert_int_equal(lent_finish(t, read_owned(t, file, in), in).result, 0);
	assert_int_equal(test_result(t, START(t, abio_rewind, file, 0)), 0);
	lent_watch(lent_data(in), 4 * LARGE);
	event = lent_finish(t, read_owned(t, file, in), in);
	assert_true(lent_seen() >= 1);
	assert_int_equal(event.result, LARGE); /* one step */
	event = lent_finish(t, START(t, abio_read_owned_exact, file, in, 2 * LARGE, 0), in);
	assert_int_equal(event.result, 2 * LARGE);
	event = lent_finish(t, START(t, abio_read_owned_exact, file, in, LARGE, 0), in);
	assert_int_equal(event.result, ABIO_E_UNEXPECTED_EOF);
	assert_int_equal(event.progress, 5);
	assert_int_equal(lent_state(in).filled, 3 * LARGE + 5);
	assert_pattern(lent_data(in), 3 * LARGE + 5, 0);
	expect_canaries(in);
	token = read_owned(t, file, in);
	assert_int_equal(abio_write_owned(file, out, 0, 0, 1), ABIO_E_BUSY);
	assert_int_equal(lent_state(out).lent, 0);
	lent_finish(t, token, in);
}

/* A directory whose files take direct IO: that of the sources is on a disk where /tmp may not be.
 */
static abio_io direct_file(struct test *t)
{
	static const char *const folders[] = { ".", "/var/tmp", "/tmp" };
	struct abio_open_options options = { .size = sizeof(options),
					     .flags = ABIO_OPEN_DIRECT,
					     .access = ABIO_ACCESS_READ | ABIO_ACCESS_WRITE };

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		char path[64];
		struct abio_event event;
		int fd;

		snprintf(path, sizeof(path), "%s/abio-direct-XXXXXX", folders[i]);
		fd = mkstemp(path);
		if (fd < 0)
			continue;
		close(fd);
		event = test_finish(
			t, START(t, abio_open, t->driver, path, (uint32_t)strlen(path), &options));
		unlink(path);
		if (event.result == 0)
			return event.handle;
	}
	test_skip(t, "no directory here takes direct IO");
	return 0;
}

static void aligned_buffers_serve_direct_io(struct test *t)
{
	abio_io file = direct_file(t);
	abio_buffer out = 0;
	abio_buffer in = 0;
	struct abio_event event;

	assert_int_equal(abio_buffer_alloc(16 * PAGE, PAGE, 0, &out), 0);
	test_own(t, out);
	assert_int_equal(abio_buffer_pool(t->driver, 2, 16 * PAGE, PAGE), 0);
	assert_int_equal(abio_buffer_draw(t->driver, &in), 0);
	test_own(t, in);
	test_fill(lent_data(out), 16 * PAGE, 0);
	assert_int_equal(abio_buffer_set(out, 16 * PAGE, 16 * PAGE), 0);
	event = lent_finish(t, START(t, abio_write_owned_all, file, out, 0, 0), out);
	assert_int_equal(event.result, 16 * PAGE);
	assert_int_equal(test_result(t, START(t, abio_rewind, file, 0)), 0);
	event = lent_finish(t, read_owned(t, file, in), in);
	assert_int_equal(event.result, 16 * PAGE);
	assert_pattern(lent_data(in), 16 * PAGE, 0);
	/* To the end: the buffer is exactly full, and no single byte can be asked for. */
	assert_int_equal(test_result(t, START(t, abio_rewind, file, 0)), 0);
	assert_int_equal(abio_buffer_set(in, 0, 16 * PAGE), 0);
	event = lent_finish(t, START(t, abio_read_to_end, file, in, 0), in);
	assert_int_equal(event.result, 16 * PAGE);
	assert_int_equal(test_result(t, START(t, abio_seek, file, ABIO_SEEK_START, 0, 0)), 0);
	assert_int_equal(abio_buffer_set(in, 8 * PAGE, 16 * PAGE), 0);
	event = lent_finish(t, START(t, abio_read_to_end, file, in, 0), in);
	assert_int_equal(event.result, ABIO_E_LIMIT);
	assert_int_equal(event.progress, 8 * PAGE);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static uint64_t allocations;

static void *allocate_counted(size_t size, size_t alignment)
{
	allocations++;
	return allocate_before(size, alignment);
}

static void turn_the_wheel(struct test *t, abio_io ends[2], abio_buffer in, abio_buffer out)
{
	uint64_t reading = START(t, abio_read_owned_exact, ends[0], in, PORTION, 0);
	uint64_t writing = START(t, abio_write_owned_all, ends[1], out, 0, 0);
	struct abio_event event;

	assert_int_equal(test_result(t, writing), PORTION);
	event = test_finish(t, reading);
	assert_int_equal(event.result, PORTION);
	assert_int_equal(event.handle, in);
	assert_int_equal(abio_buffer_set(in, 0, PORTION), 0);
}

static void memory_stays_flat_while_a_gibibyte_passes(struct test *t)
{
	abio_buffer in = lent_buffer(t, PORTION);
	abio_buffer out = lent_pattern(t, PORTION);
	abio_io ends[2];
	int64_t live;

	t->kind = ABIO_KIND_UNIX;
	test_stream(t, &ends[0], &ends[1]);
	turn_the_wheel(t, ends, in, out);
	live = test_live_allocations();
	allocations = 0;
	allocate_before = platform_memory.allocate;
	platform_memory.allocate = allocate_counted;
	for (uint32_t i = 0; i < THROUGH / PORTION; i++)
		turn_the_wheel(t, ends, in, out);
	platform_memory.allocate = allocate_before;
	assert_int_equal(allocations, 0);
	assert_int_equal(test_live_allocations(), live);
	assert_pattern(lent_data(in), PORTION, 0);
}

static const struct test_case cases[] = {
	STREAMS(read_owned_appends_to_what_the_buffer_holds),
	STREAMS(read_owned_without_room_never_waits),
	STREAMS(read_owned_is_zero_at_the_end),
	STREAMS(a_lent_buffer_is_busy),
	STREAMS(a_buffer_is_lent_until_its_event_is_delivered),
	STREAMS(read_owned_exact_gathers_pieces),
	STREAMS(read_owned_exact_needs_room),
	STREAMS(read_owned_exact_keeps_what_came_before_the_end),
	STREAMS(a_cancelled_read_brings_the_buffer_home_with_what_came),
	STREAMS(a_cancel_at_any_moment_loses_no_byte),
	STREAMS(closing_brings_the_buffer_home),
	STREAMS(the_last_release_of_the_io_brings_the_buffer_home),
	STREAMS(shutting_the_driver_down_brings_buffers_home),
	CASE(a_reset_brings_the_buffer_home),
	STREAMS(without_memory_nothing_is_lent),
	STREAMS(write_owned_sends_from_an_offset),
	STREAMS(write_owned_all_sends_all),
	STREAMS(owned_writes_go_behind_what_was_put),
	STREAMS(a_cancelled_write_says_what_is_gone),
	STREAMS(a_cancelled_write_is_in_flight_until_the_host_has_its_result),
	STREAMS(a_cancelled_write_s_result_may_come_when_the_io_is_gone),
	STREAMS(cancels_at_random_moments_lose_and_double_nothing),
	STREAMS(a_dead_peer_brings_the_buffer_home),
	STREAMS(closing_brings_a_buffer_home_that_is_written),
	SOCKETS(both_directions_are_owned_at_once),
	STREAMS(a_result_may_come_ahead_of_its_buffer),
	STREAMS(a_buffer_travels_without_a_copy),
	SOCKETS(halves_pass_buffers_down_as_they_are),
	CASE(files_are_read_and_written_at_the_cursor),
	CASE(aligned_buffers_serve_direct_io),
	CASE(memory_stays_flat_while_a_gibibyte_passes),
};

TEST_MAIN("owned", cases)
