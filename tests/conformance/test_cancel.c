/*
 * Cancelling: a request, not a result.  What was moved stays moved and is counted, what was not
 * moved is neither lost nor sent, and a host makes its timeouts of it.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

#define LARGE       (1u << 20)
#define MILLISECOND INT64_C(1000000)

/* ---- streams --------------------------------------------------------------------------------- */

static void cancelling_a_waiting_read_eats_nothing(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 10);
	struct abio_event event;
	uint64_t token = test_read(t, reader, data, 10);

	test_quiet(t);
	assert_int_equal(abio_cancel(reader, token), 1);
	assert_int_equal(abio_cancel(reader, token), 0);
	event = test_finish(t, token);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_int_equal(event.progress, 0);
	assert_int_equal(abio_cancel(reader, token), 0);
	test_send(peer, "later", 5);
	test_quiet(t);
	assert_int_equal(data[0], 0);
	assert_int_equal(test_result(t, test_read(t, reader, data, 10)), 5);
	assert_memory_equal(data, "later", 5);
}

static void an_unsubmitted_read_can_be_cancelled(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 10);
	struct abio_event event;
	uint64_t token;

	test_send(peer, "abc", 3);
	token = test_read(t, reader, data, 10);
	assert_int_equal(abio_cancel(t->driver, token), 1);
	event = test_finish(t, token);
	if (event.result == 3) {
		assert_int_equal(event.progress, 3);
		return;
	}
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_int_equal(event.progress, 0);
	assert_int_equal(abio_try_read(reader, data, 10, 0), 3);
}

static void a_cancelled_read_is_in_flight_until_the_host_has_its_event(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 10);

	for (uint32_t submitted = 0; submitted < 2; submitted++) {
		uint64_t token = test_read(t, reader, data, 10);

		if (submitted != 0)
			test_quiet(t);
		assert_int_equal(abio_cancel(reader, token), 1);
		assert_int_equal(abio_read(reader, data, 10, 0, token + 1), ABIO_E_BUSY);
		assert_int_equal(abio_try_read(reader, data, 10, 0), ABIO_E_BUSY);
		assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	}
	test_send(peer, "abc", 3);
	assert_int_equal(test_result(t, test_read(t, reader, data, 10)), 3);
}

static void a_cancelled_write_is_in_flight_until_the_host_has_its_event(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	uint64_t stuffed;
	uint64_t token;
	char *got;

	test_make_small(test_fd_of(writer));
	stuffed = test_stuff(writer);
	token = START(t, abio_write, writer, "never", 5, 0);
	test_quiet(t);
	assert_int_equal(abio_cancel(writer, token), 1);
	assert_int_equal(abio_write(writer, "nor", 3, 0, token + 1), ABIO_E_BUSY);
	assert_int_equal(abio_try_write(writer, "this", 4, 0), ABIO_E_BUSY);
	assert_int_equal(abio_shutdown(writer, 0, token + 1), ABIO_E_BUSY);
	assert_int_equal(abio_put(writer, "ab", 2), 2);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	token = START(t, abio_write, writer, "cd", 2, 0);
	got = test_memory(t, stuffed + 4);
	test_pull(t, peer, got, stuffed + 4);
	assert_int_equal(test_result(t, token), 2);
	assert_memory_equal(got + stuffed, "abcd", 4);
}

static void the_event_of_a_cancelled_read_may_come_when_its_object_is_gone(struct test *t)
{
	abio_io reader;
	uint64_t token;

	test_reader(t, &reader);
	token = test_read(t, reader, test_memory(t, 10), 10);
	assert_int_equal(abio_cancel(reader, token), 1);
	assert_int_equal(abio_release(reader), 0);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
}

static void a_finished_read_is_not_cancelled(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	struct abio_event event;
	uint64_t token = test_read(t, reader, test_memory(t, 10), 10);
	uint64_t other = START(t, abio_timer, t->driver, 0, 0);

	test_send(peer, "abc", 3);
	/* One of the two is delivered; both are finished when the other is there, or on its way. */
	event = test_event(t);
	test_gather(t);
	assert_int_equal(abio_cancel(t->driver, token), 0);
	assert_int_equal(abio_cancel(reader, event.token), 0);
	if (event.token != token)
		event = test_finish(t, token);
	else
		assert_int_equal(test_result(t, other), 0);
	assert_int_equal(event.result, 3);
}

static void a_cancelled_read_exact_continues_where_it_was(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 10);
	struct abio_event event;
	uint64_t token = test_read_exact(t, reader, data, 10);

	test_send(peer, "abcd", 4);
	test_quiet(t);
	assert_int_equal(abio_cancel(reader, token), 1);
	event = test_finish(t, token);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_int_equal(event.progress, 4);
	test_send(peer, "efghij", 6);
	event = test_finish(t, test_read_exact(t, reader, data + 4, 6));
	assert_int_equal(event.result, 6);
	assert_memory_equal(data, "abcdefghij", 10);
}

static void a_cancelled_write_all_counts_what_went(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	char *data = test_memory(t, LARGE);
	char *got = test_memory(t, LARGE);
	struct abio_event event;
	uint64_t token;

	test_make_small(test_fd_of(writer));
	test_fill(data, LARGE, 0);
	token = START(t, abio_write_all, writer, data, LARGE, 0);
	test_pull(t, peer, got, 20000);
	test_gather(t);
	assert_int_equal(abio_cancel(writer, token), 1);
	event = test_finish(t, token);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_in_range(event.progress, 20000, LARGE - 1);
	/* The rest goes on from there: nothing twice, nothing left out. */
	token = START(t, abio_write_all, writer, data + event.progress,
		      (uint32_t)(LARGE - event.progress), 0);
	test_pull(t, peer, got + 20000, LARGE - 20000);
	assert_int_equal(test_result(t, token), LARGE - event.progress);
	assert_pattern(got, LARGE, 0);
}

static void a_cancelled_write_sends_nothing(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	struct abio_event event;
	uint64_t stuffed;
	uint64_t token;
	char *got;

	test_make_small(test_fd_of(writer));
	stuffed = test_stuff(writer);
	token = START(t, abio_write, writer, "never", 5, 0);
	test_quiet(t);
	assert_int_equal(abio_cancel(writer, token), 1);
	event = test_finish(t, token);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_int_equal(event.progress, 0);
	got = test_memory(t, stuffed + 4);
	token = START(t, abio_write, writer, "next", 4, 0);
	test_pull(t, peer, got, stuffed + 4);
	assert_int_equal(test_result(t, token), 4);
	assert_memory_equal(got + stuffed, "next", 4);
}

static void a_write_parked_behind_puts_can_be_cancelled(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	struct abio_event event;
	uint64_t stuffed;
	uint64_t token;
	char *got;

	test_make_small(test_fd_of(writer));
	stuffed = test_stuff(writer);
	assert_int_equal(abio_put(writer, "ab", 2), 2);
	token = START(t, abio_write, writer, "never", 5, 0);
	assert_int_equal(abio_put(writer, "cd", 2), 2);
	test_quiet(t);
	assert_int_equal(abio_cancel(writer, token), 1);
	event = test_finish(t, token);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_int_equal(event.progress, 0);
	got = test_memory(t, stuffed + 4);
	test_pull(t, peer, got, stuffed + 4);
	assert_memory_equal(got + stuffed, "abcd", 4);
}

static void a_parked_shutdown_can_be_cancelled(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	uint64_t stuffed;
	uint64_t token;
	char *got;

	test_make_small(test_fd_of(writer));
	stuffed = test_stuff(writer);
	assert_int_equal(abio_put(writer, "ab", 2), 2);
	token = START(t, abio_shutdown, writer, 0);
	test_quiet(t);
	assert_int_equal(abio_cancel(writer, token), 1);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	got = test_memory(t, stuffed + 4);
	test_pull(t, peer, got, stuffed + 2);
	assert_int_equal(test_result(t, START(t, abio_write_all, writer, "cd", 2, 0)), 2);
	test_pull(t, peer, got, 2);
	assert_memory_equal(got, "cd", 2);
}

static void a_cancelled_flush_leaves_the_puts(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	uint64_t stuffed;
	uint64_t tokens[2];
	char *got;

	test_make_small(test_fd_of(writer));
	stuffed = test_stuff(writer);
	assert_int_equal(abio_put(writer, "ab", 2), 2);
	tokens[0] = START(t, abio_flush, writer, 0);
	tokens[1] = START(t, abio_flush, writer, 0);
	assert_int_equal(abio_cancel(writer, tokens[0]), 1);
	assert_int_equal(test_result(t, tokens[0]), ABIO_E_CANCELED);
	test_quiet(t);
	got = test_memory(t, stuffed + 2);
	test_pull(t, peer, got, stuffed + 2);
	assert_int_equal(test_result(t, tokens[1]), 0);
	assert_memory_equal(got + stuffed, "ab", 2);
}

static void a_cancelled_ready_is_over(struct test *t)
{
	abio_io reader;
	uint64_t tokens[2];

	test_reader(t, &reader);
	tokens[0] = START(t, abio_ready, reader, ABIO_INTEREST_READ, 0);
	tokens[1] = START(t, abio_ready, reader, ABIO_INTEREST_READ, 0);
	test_quiet(t);
	assert_int_equal(abio_cancel(reader, tokens[0]), 1);
	assert_int_equal(test_result(t, tokens[0]), ABIO_E_CANCELED);
	test_quiet(t);
	assert_int_equal(abio_cancel(t->driver, tokens[1]), 1);
	assert_int_equal(test_result(t, tokens[1]), ABIO_E_CANCELED);
}

static void both_directions_are_cancelled_apart(struct test *t)
{
	abio_io io;
	int peer = test_writer(t, &io);
	char *data = test_memory(t, 10);
	uint64_t reading;
	uint64_t writing;
	uint64_t stuffed;
	char *got;

	test_make_small(test_fd_of(io));
	stuffed = test_stuff(io);
	reading = test_read(t, io, data, 10);
	writing = START(t, abio_write, io, "x", 1, 0);
	test_quiet(t);
	assert_int_equal(abio_cancel(io, reading), 1);
	assert_int_equal(test_result(t, reading), ABIO_E_CANCELED);
	test_quiet(t);
	got = test_memory(t, stuffed + 1);
	test_pull(t, peer, got, stuffed + 1);
	assert_int_equal(test_result(t, writing), 1);
}

/* ---- a racing writer ------------------------------------------------------------------------- */

static void racing_cancels_lose_no_byte(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 64);
	uint64_t sent = 0;
	uint64_t got = 0;
	uint32_t canceled = 0;

	for (uint32_t round = 0; round < 1500; round++) {
		struct abio_event event;
		uint64_t token = test_read(t, reader, data, 64);
		char bytes[3];

		if (round % 2 == 0)
			test_has_come(t, token);
		test_fill(bytes, sizeof(bytes), sent);
		test_send(peer, bytes, sizeof(bytes));
		sent += sizeof(bytes);
		if (round % 3 == 0)
			test_has_come(t, token);
		abio_cancel(reader, token);
		event = test_finish(t, token);
		if (event.result == ABIO_E_CANCELED) {
			canceled++;
			assert_int_equal(event.progress, 0);
			continue;
		}
		assert_true(event.result > 0);
		assert_pattern(data, (size_t)event.result, got);
		got += (uint64_t)event.result;
	}
	while (got < sent) {
		int32_t count = abio_try_read(reader, data, 64, 0);

		assert_true(count > 0);
		assert_pattern(data, (size_t)count, got);
		got += (uint32_t)count;
	}
	assert_int_equal(got, sent);
	assert_true(canceled < 1500);
}

/* ---- timeouts of the host -------------------------------------------------------------------- */

static void a_timer_and_a_cancel_make_a_timeout(struct test *t)
{
	abio_io reader;
	char *data = test_memory(t, 10);
	uint64_t reading;
	uint64_t timer;
	struct abio_event event;
	int peer = test_reader(t, &reader);

	reading = test_read_exact(t, reader, data, 10);
	timer = START(t, abio_timer, t->driver, 2 * MILLISECOND, 0);
	test_send(peer, "abc", 3);
	event = test_event(t);
	assert_int_equal(event.token, timer);
	assert_int_equal(event.result, 0);
	assert_int_equal(abio_cancel(reader, reading), 1);
	event = test_event(t);
	assert_int_equal(event.token, reading);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_int_equal(event.progress, 3);
}

static void a_timeout_that_was_not_needed_is_cancelled(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	uint64_t reading = test_read(t, reader, test_memory(t, 10), 10);
	uint64_t timer = START(t, abio_timer, t->driver, 3600 * 1000 * MILLISECOND, 0);

	test_send(peer, "abc", 3);
	assert_int_equal(test_result(t, reading), 3);
	assert_int_equal(abio_cancel(t->driver, timer), 1);
	assert_int_equal(test_result(t, timer), ABIO_E_CANCELED);
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static void cancel_of_what_is_not_there_is_zero(struct test *t)
{
	abio_io reader;

	test_reader(t, &reader);
	assert_int_equal(abio_cancel(t->driver, 12345), 0);
	assert_int_equal(abio_cancel(reader, 12345), 0);
	assert_int_equal(abio_cancel(reader, 0), 0);
	assert_int_equal(abio_cancel(0, 1), ABIO_E_HANDLE);
	assert_int_equal(abio_cancel(reader ^ (1u << 30), 1), ABIO_E_HANDLE);
	test_quiet(t);
}

static void token_zero_is_a_token_like_others(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 4);
	struct abio_event event;

	assert_int_equal(abio_read(reader, data, 4, 0, 0), 0);
	test_owed(t, 0);
	test_send(peer, "abcd", 4);
	event = test_event(t);
	assert_int_equal(event.token, 0);
	assert_int_equal(event.result, 4);
	assert_int_equal(event.flags, 0);
	assert_int_equal(abio_read(reader, data, 4, 0, 0), 0);
	test_owed(t, 0);
	test_quiet(t);
	assert_int_equal(abio_cancel(reader, 0), 1);
	assert_int_equal(test_event(t).result, ABIO_E_CANCELED);
	assert_int_equal(abio_read(reader, data, 4, 0, UINT64_MAX), 0);
	test_owed(t, UINT64_MAX);
	assert_int_equal(abio_cancel(reader, UINT64_MAX), 1);
	assert_int_equal(test_finish(t, UINT64_MAX).result, ABIO_E_CANCELED);
}

static void equal_tokens_are_cancelled_together(struct test *t)
{
	abio_io first;
	abio_io second;
	uint64_t token = UINT64_C(0xfeedfacecafebeef);

	test_reader(t, &first);
	test_reader(t, &second);
	assert_int_equal(abio_read(first, test_memory(t, 4), 4, 0, token), 0);
	assert_int_equal(abio_read(second, test_memory(t, 4), 4, 0, token), 0);
	assert_int_equal(abio_ready(first, ABIO_INTEREST_READ, 0, token), 0);
	assert_int_equal(abio_timer(t->driver, 3600 * 1000 * MILLISECOND, 0, token), 0);
	for (int i = 0; i < 4; i++)
		test_owed(t, token);
	test_quiet(t);
	assert_int_equal(abio_cancel(first, token), 2);
	assert_int_equal(test_event(t).result, ABIO_E_CANCELED);
	assert_int_equal(test_event(t).result, ABIO_E_CANCELED);
	test_quiet(t);
	assert_int_equal(abio_cancel(t->driver, token), 2);
	assert_int_equal(test_event(t).result, ABIO_E_CANCELED);
	assert_int_equal(test_event(t).result, ABIO_E_CANCELED);
	assert_int_equal(abio_cancel(t->driver, token), 0);
}

static void a_thousand_of_one_token_end_together(struct test *t)
{
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(
			abio_timer(t->driver, (3600 + (int64_t)i) * 1000 * MILLISECOND, 0, 77), 0);
		test_owed(t, 77);
	}
	test_quiet(t);
	assert_int_equal(abio_cancel(t->driver, 77), 1000);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(test_event(t).result, ABIO_E_CANCELED);
	test_quiet(t);
}

static void a_cancel_reaches_only_its_driver(struct test *t)
{
	abio_driver other = test_driver(t, 0);
	uint64_t here = START(t, abio_timer, t->driver, 3600 * 1000 * MILLISECOND, 0);

	assert_int_equal(abio_cancel(other, here), 0);
	test_quiet(t);
	assert_int_equal(abio_cancel(t->driver, here), 1);
	assert_int_equal(test_result(t, here), ABIO_E_CANCELED);
}

/* ---- what has no io yet ---------------------------------------------------------------------- */

static void a_cancelled_connect_ends(struct test *t)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	struct abio_address address = { .size = sizeof(address),
					.family = ABIO_FAMILY_IPV4,
					.length = 4,
					.data = { 127, 0, 0, 1 } };
	int listener = test_own_fd(t, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	socklen_t length = sizeof(name);
	uint64_t tokens[16];
	uint32_t waiting = 0;

	/* Nobody accepts, and the queue of one is soon full: connects wait then. */
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)&name, length), 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&name, &length), 0);
	address.port = ntohs(name.sin_port);
	for (uint32_t i = 0; i < 16; i++) {
		tokens[i] = START(t, abio_connect, t->driver, &address, NULL);
		test_has_come(t, tokens[i]);
	}
	for (uint32_t i = 0; i < 16; i++) {
		struct abio_event event;

		waiting += (uint32_t)abio_cancel(t->driver, tokens[i]);
		event = test_finish(t, tokens[i]);
		if (event.result == 0) {
			assert_int_equal(event.flags, ABIO_EVENT_HANDLE);
			continue;
		}
		assert_int_equal(event.result, ABIO_E_CANCELED);
		assert_int_equal(event.flags, 0);
		assert_int_equal(event.handle, 0);
	}
	assert_true(waiting > 0);
}

static void a_cancelled_accept_takes_no_connection(struct test *t)
{
	struct abio_address address = { .size = sizeof(address),
					.family = ABIO_FAMILY_IPV4,
					.length = 4,
					.data = { 127, 0, 0, 1 } };
	abio_io listener;
	uint64_t tokens[3];

	assert_int_equal(abio_listen(t->driver, &address, NULL, &listener), 0);
	test_own(t, listener);
	for (int i = 0; i < 3; i++)
		tokens[i] = START(t, abio_accept, listener, 0);
	test_quiet(t);
	assert_int_equal(abio_cancel(listener, tokens[1]), 1);
	assert_int_equal(test_result(t, tokens[1]), ABIO_E_CANCELED);
	test_quiet(t);
	assert_int_equal(abio_cancel(listener, tokens[0]), 1);
	assert_int_equal(abio_cancel(t->driver, tokens[2]), 1);
	assert_int_equal(test_result(t, tokens[0]), ABIO_E_CANCELED);
	assert_int_equal(test_result(t, tokens[2]), ABIO_E_CANCELED);
}

static void a_cancelled_open_gives_a_handle_or_none(struct test *t)
{
	const char *path = test_path(t);

	for (int i = 0; i < 50; i++) {
		uint64_t token = START(t, abio_open, t->driver, path, (uint32_t)strlen(path), NULL);
		struct abio_event event;

		if (i % 2 == 1)
			test_has_come(t, token);
		abio_cancel(t->driver, token);
		event = test_finish(t, token);
		if (event.result == 0) {
			assert_int_equal(event.flags, ABIO_EVENT_HANDLE);
			assert_int_equal(abio_release(event.handle), 0);
			continue;
		}
		assert_int_equal(event.result, ABIO_E_CANCELED);
		assert_int_equal(event.handle, 0);
		assert_int_equal(event.flags, 0);
	}
}

static void a_cancelled_resolve_ends_at_once(struct test *t)
{
	uint64_t token = START(t, abio_resolve, t->driver, "localhost", 9, 80, 0);
	int64_t result;

	abio_cancel(t->driver, token);
	result = test_result(t, token);
	assert_true(result > 0 || result == ABIO_E_CANCELED);
	token = START(t, abio_resolve, t->driver, "localhost", 9, 80, 0);
	assert_true(test_result(t, token) > 0);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void cancelled_file_reads_end_once_each(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	char *data = test_memory(t, 64 * 4096);
	uint64_t tokens[64];

	test_fill(data, 64 * 4096, 0);
	assert_int_equal(test_result(t, START(t, abio_write_at_all, file, data, 64 * 4096, 0, 0)),
			 64 * 4096);
	memset(data, 0, 64 * 4096);
	for (uint32_t i = 0; i < 64; i++)
		tokens[i] = test_read_at(t, file, data + i * 4096, 4096, i * 4096);
	for (uint32_t i = 0; i < 64; i += 2)
		abio_cancel(file, tokens[i]);
	for (uint32_t i = 0; i < 64; i++) {
		struct abio_event event = test_finish(t, tokens[i]);

		if (i % 2 == 0 && event.result == ABIO_E_CANCELED) {
			assert_int_equal(event.progress, 0);
			continue;
		}
		assert_int_equal(event.result, 4096);
		assert_pattern(data + i * 4096, 4096, i * 4096);
	}
}

static const struct test_case cases[] = {
	STREAMS(cancelling_a_waiting_read_eats_nothing),
	STREAMS(an_unsubmitted_read_can_be_cancelled),
	STREAMS(a_cancelled_read_is_in_flight_until_the_host_has_its_event),
	STREAMS(a_cancelled_write_is_in_flight_until_the_host_has_its_event),
	CASE(the_event_of_a_cancelled_read_may_come_when_its_object_is_gone),
	STREAMS(a_finished_read_is_not_cancelled),
	STREAMS(a_cancelled_read_exact_continues_where_it_was),
	STREAMS(a_cancelled_write_all_counts_what_went),
	STREAMS(a_cancelled_write_sends_nothing),
	STREAMS(a_write_parked_behind_puts_can_be_cancelled),
	STREAMS(a_parked_shutdown_can_be_cancelled),
	STREAMS(a_cancelled_flush_leaves_the_puts),
	STREAMS(a_cancelled_ready_is_over),
	SOCKETS(both_directions_are_cancelled_apart),
	STREAMS(racing_cancels_lose_no_byte),
	STREAMS(a_timer_and_a_cancel_make_a_timeout),
	STREAMS(a_timeout_that_was_not_needed_is_cancelled),
	STREAMS(cancel_of_what_is_not_there_is_zero),
	STREAMS(token_zero_is_a_token_like_others),
	STREAMS(equal_tokens_are_cancelled_together),
	CASE(a_thousand_of_one_token_end_together),
	CASE(a_cancel_reaches_only_its_driver),
	CASE(a_cancelled_connect_ends),
	CASE(a_cancelled_accept_takes_no_connection),
	CASE(a_cancelled_open_gives_a_handle_or_none),
	CASE(a_cancelled_resolve_ends_at_once),
	CASE(cancelled_file_reads_end_once_each),
};

TEST_MAIN("cancel", cases)
