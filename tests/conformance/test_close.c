/*
 * The life of an io: close, release, retain; what ends when it is closed while in flight; handles
 * that are stale, forged or of the wrong kind.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

#define LARGE   (4u << 20)
#define FOREVER INT64_C(3600000000000)

/* ---- close ----------------------------------------------------------------------------------- */

static void close_ends_the_io_and_keeps_the_handle(struct test *t)
{
	abio_io io;
	int peer = test_reader(t, &io);
	struct abio_io_info info = { .size = sizeof(info) };
	struct abio_event event;
	uint64_t token = START(t, abio_close, io, 0);
	char data[4];

	assert_int_equal(abio_read(io, data, 4, 0, 1), ABIO_E_CLOSED);
	assert_int_equal(abio_close(io, 0, 1), ABIO_E_CLOSED);
	event = test_finish(t, token);
	assert_int_equal(event.result, 0);
	assert_int_equal(event.progress, 0);
	assert_int_equal(event.handle, 0);
	assert_int_equal(event.flags, 0);
	assert_int_equal(abio_read(io, data, 4, 0, 1), ABIO_E_CLOSED);
	assert_int_equal(abio_try_read(io, data, 4, 0), ABIO_E_CLOSED);
	assert_int_equal(abio_receive(io, 0, 1), ABIO_E_CLOSED);
	assert_int_equal(abio_ready_now(io, ABIO_INTEREST_READ), ABIO_E_CLOSED);
	assert_int_equal(abio_info(io, &info), ABIO_E_CLOSED);
	assert_int_equal(abio_close(io, 0, 1), ABIO_E_CLOSED);
	assert_int_equal(abio_cancel(io, token), 0);
	assert_int_equal(abio_retain(io), 0);
	assert_int_equal(abio_release(io), 0);
	assert_int_equal(abio_release(io), 0);
	assert_int_equal(abio_release(io), ABIO_E_HANDLE);
	assert_int_equal(abio_read(io, data, 4, 0, 1), ABIO_E_HANDLE);
	(void)peer;
}

static void the_peer_sees_a_close(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	char byte;

	assert_int_equal(test_result(t, START(t, abio_close, writer, 0)), 0);
	assert_int_equal(read(peer, &byte, 1), 0);
}

static void closing_ends_a_read_in_flight_first(struct test *t)
{
	abio_io reader;
	uint64_t reading;
	uint64_t waiting;
	uint64_t closing;

	test_reader(t, &reader);
	reading = test_read_exact(t, reader, test_memory(t, 10), 10);
	waiting = START(t, abio_ready, reader, ABIO_INTEREST_READ, 0);
	test_quiet(t);
	closing = START(t, abio_close, reader, 0);
	for (int i = 0; i < 2; i++) {
		struct abio_event event = test_event(t);

		assert_true(event.token == reading || event.token == waiting);
		assert_int_equal(event.result, ABIO_E_CANCELED);
	}
	assert_int_equal(test_event(t).token, closing);
}

static void closing_keeps_progress_of_a_read(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 10);
	uint64_t reading = test_read_exact(t, reader, data, 10);
	struct abio_event event;
	uint64_t closing;

	test_send(peer, "abc", 3);
	test_quiet(t);
	closing = START(t, abio_close, reader, 0);
	event = test_finish(t, reading);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_int_equal(event.progress, 3);
	assert_memory_equal(data, "abc", 3);
	assert_int_equal(test_result(t, closing), 0);
}

static void closing_ends_a_write_in_flight(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	char *data = test_memory(t, LARGE);
	char *got = test_memory(t, LARGE);
	struct abio_event event;
	uint64_t writing;
	uint64_t closing;

	test_make_small(test_fd_of(writer));
	test_fill(data, LARGE, 0);
	writing = START(t, abio_write_all, writer, data, LARGE, 0);
	test_quiet(t);
	closing = START(t, abio_close, writer, 0);
	event = test_finish(t, writing);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_in_range(event.progress, 1, LARGE - 1);
	assert_int_equal(test_result(t, closing), 0);
	test_pull(t, peer, got, event.progress);
	assert_pattern(got, event.progress, 0);
	test_pull_end(t, peer);
}

static void closing_an_unsubmitted_start_ends_it(struct test *t)
{
	abio_io reader;
	uint64_t reading;
	uint64_t closing;

	test_reader(t, &reader);
	reading = test_read(t, reader, test_memory(t, 4), 4);
	closing = START(t, abio_close, reader, 0);
	assert_int_equal(test_result(t, reading), ABIO_E_CANCELED);
	assert_int_equal(test_result(t, closing), 0);
}

static void closing_a_listener_ends_its_accepts(struct test *t)
{
	struct abio_address address = { .size = sizeof(address),
					.family = ABIO_FAMILY_IPV4,
					.length = 4,
					.data = { 127, 0, 0, 1 } };
	abio_io listener;
	uint64_t tokens[5];
	uint64_t closing;

	assert_int_equal(abio_listen(t->driver, &address, NULL, &listener), 0);
	test_own(t, listener);
	for (int i = 0; i < 5; i++)
		tokens[i] = START(t, abio_accept, listener, 0);
	test_quiet(t);
	closing = START(t, abio_close, listener, 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(test_result(t, tokens[i]), ABIO_E_CANCELED);
	assert_int_equal(test_result(t, closing), 0);
}

static void closing_a_file_waits_for_what_is_in_flight(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	char *data = test_memory(t, 32 * 8192);
	uint64_t tokens[32];
	uint64_t closing;
	uint32_t ended = 0;

	for (uint32_t i = 0; i < 32; i++)
		tokens[i] = START(t, abio_write_at, file, data + i * 8192, 8192, i * 8192, 0);
	closing = START(t, abio_close, file, 0);
	for (;;) {
		struct abio_event event = test_event(t);

		if (event.token == closing) {
			assert_int_equal(event.result, 0);
			break;
		}
		assert_in_range(event.token, tokens[0], tokens[31]);
		assert_true(event.result == 8192 || event.result == ABIO_E_CANCELED);
		ended++;
	}
	assert_int_equal(ended, 32);
}

static void the_descriptor_is_closed_with_the_event(struct test *t)
{
	abio_io reader;
	abio_io file = test_file(t, test_path(t), 0, 0);
	int fds[2];

	test_reader(t, &reader);
	fds[0] = test_fd_of(reader);
	fds[1] = test_fd_of(file);
	assert_int_equal(test_result(t, START(t, abio_close, reader, 0)), 0);
	assert_int_equal(test_result(t, START(t, abio_close, file, 0)), 0);
	assert_int_equal(fcntl(fds[0], F_GETFD), -1);
	assert_int_equal(fcntl(fds[1], F_GETFD), -1);
}

static void a_released_handle_still_gets_its_close_event(struct test *t)
{
	abio_io reader;
	uint64_t closing;

	test_reader(t, &reader);
	closing = START(t, abio_close, reader, 0);
	assert_int_equal(abio_release(reader), 0);
	assert_int_equal(abio_release(reader), ABIO_E_HANDLE);
	assert_int_equal(test_result(t, closing), 0);
}

/* ---- release and retain ---------------------------------------------------------------------- */

static void the_last_release_cancels_what_is_in_flight(struct test *t)
{
	abio_io reader;
	char *data = test_memory(t, 10);
	int peer = test_reader(t, &reader);
	uint64_t reading = test_read_exact(t, reader, data, 10);
	uint64_t waiting = START(t, abio_ready, reader, ABIO_INTEREST_READ, 0);
	struct abio_event event;

	test_quiet(t);
	test_send(peer, "abc", 3);
	assert_int_equal(abio_release(reader), 0);
	event = test_finish(t, reading);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_true(event.progress == 0 || event.progress == 3);
	event = test_finish(t, waiting);
	assert_true(event.result == ABIO_E_CANCELED || event.result > 0);
	test_quiet(t);
}

static void an_idle_release_closes(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);

	assert_int_equal(abio_release(writer), 0);
	test_pull_end(t, peer);
	test_quiet(t);
}

static void a_retained_io_lives_on(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 4);

	for (int i = 0; i < 1000; i++)
		assert_int_equal(abio_retain(reader), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(abio_release(reader), 0);
	test_send(peer, "abcd", 4);
	assert_int_equal(test_result(t, test_read(t, reader, data, 4)), 4);
	assert_int_equal(abio_release(reader), 0);
	assert_int_equal(abio_retain(reader), ABIO_E_HANDLE);
}

static void a_closed_driver_leaves_handles_that_answer_closed(struct test *t)
{
	abio_driver driver = t->driver;
	abio_io file = test_file(t, test_path(t), 0, 0);
	abio_io reader;
	char data[4];

	test_reader(t, &reader);
	test_quiet(t);
	assert_int_equal(abio_driver_close(driver), 0);
	test_driver_gone(t, driver);
	assert_int_equal(abio_driver_close(driver), ABIO_E_HANDLE);
	assert_int_equal(abio_read(reader, data, 4, 0, 1), ABIO_E_CLOSED);
	assert_int_equal(abio_read_at(file, data, 4, 0, 0, 1), ABIO_E_CLOSED);
	assert_int_equal(abio_close(reader, 0, 1), ABIO_E_CLOSED);
	assert_int_equal(abio_cancel(reader, 1), 0);
	assert_int_equal(abio_retain(file), 0);
	assert_int_equal(abio_release(file), 0);
	assert_int_equal(abio_release(file), 0);
	assert_int_equal(abio_release(reader), 0);
	assert_int_equal(abio_release(reader), ABIO_E_HANDLE);
}

/* ---- handles --------------------------------------------------------------------------------- */

#define MANY 10000u

static void ten_thousand_stale_handles_are_refused(struct test *t)
{
	abio_io *stale = test_memory(t, MANY * sizeof(*stale));

	for (uint32_t i = 0; i < MANY; i += 2) {
		assert_int_equal(abio_pipe(t->driver, 0, &stale[i], &stale[i + 1]), 0);
		assert_true(stale[i] < UINT64_C(1) << 53 && stale[i + 1] < UINT64_C(1) << 53);
		if (i % 4 == 0)
			START(t, abio_close, stale[i], 0);
		assert_int_equal(abio_release(stale[i]), 0);
		assert_int_equal(abio_release(stale[i + 1]), 0);
		if (i % 100 == 0)
			test_gather(t);
	}
	test_gather(t);
	for (uint32_t i = 0; i < MANY; i++) {
		assert_int_equal(abio_ready_now(stale[i], ABIO_INTEREST_READ), ABIO_E_HANDLE);
		assert_int_equal(abio_retain(stale[i]), ABIO_E_HANDLE);
		assert_int_equal(abio_release(stale[i]), ABIO_E_HANDLE);
		assert_int_equal(abio_cancel(stale[i], 1), ABIO_E_HANDLE);
	}
}

static void many_ios_at_once_all_work(struct test *t)
{
	abio_io *readers = test_memory(t, 2000 * sizeof(*readers));
	abio_io *writers = test_memory(t, 2000 * sizeof(*writers));
	uint8_t *data = test_memory(t, 2000);
	uint64_t first = 0;

	for (uint32_t i = 0; i < 2000; i++) {
		uint64_t token;

		assert_int_equal(abio_pipe(t->driver, 0, &readers[i], &writers[i]), 0);
		test_own(t, readers[i]);
		test_own(t, writers[i]);
		token = test_read(t, readers[i], data + i, 1);
		first = i == 0 ? token : first;
	}
	test_quiet(t);
	for (uint32_t i = 0; i < 2000; i++)
		assert_int_equal(abio_try_write(writers[i], "x", 1, 0), 1);
	for (uint32_t i = 0; i < 2000; i++)
		assert_int_equal(test_event(t).result, 1);
	for (uint32_t i = 0; i < 2000; i++)
		assert_int_equal(data[i], 'x');
}

static void no_other_number_is_a_handle(struct test *t)
{
	abio_io reader;
	uint64_t state = 1;
	char data[4];

	test_reader(t, &reader);
	assert_int_equal(abio_read(0, data, 4, 0, 1), ABIO_E_HANDLE);
	assert_int_equal(abio_read(UINT64_MAX, data, 4, 0, 1), ABIO_E_HANDLE);
	assert_int_equal(abio_read(t->driver, data, 4, 0, 1), ABIO_E_HANDLE);
	assert_int_equal(abio_timer(reader, 0, 0, 1), ABIO_E_HANDLE);
	assert_int_equal(abio_release(t->driver), ABIO_E_HANDLE);
	assert_int_equal(abio_retain(t->driver), ABIO_E_HANDLE);
	for (uint32_t bit = 0; bit < 64; bit++)
		assert_int_equal(abio_ready_now(reader ^ (UINT64_C(1) << bit), 1), ABIO_E_HANDLE);
	for (uint32_t i = 0; i < 100000; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		if (state != reader)
			assert_int_equal(abio_ready_now(state, 1), ABIO_E_HANDLE);
	}
	test_quiet(t);
}

static const struct test_case cases[] = {
	STREAMS(close_ends_the_io_and_keeps_the_handle),
	STREAMS(the_peer_sees_a_close),
	STREAMS(closing_ends_a_read_in_flight_first),
	STREAMS(closing_keeps_progress_of_a_read),
	STREAMS(closing_ends_a_write_in_flight),
	STREAMS(closing_an_unsubmitted_start_ends_it),
	CASE(closing_a_listener_ends_its_accepts),
	CASE(closing_a_file_waits_for_what_is_in_flight),
	STREAMS(the_descriptor_is_closed_with_the_event),
	STREAMS(a_released_handle_still_gets_its_close_event),
	STREAMS(the_last_release_cancels_what_is_in_flight),
	STREAMS(an_idle_release_closes),
	STREAMS(a_retained_io_lives_on),
	STREAMS(a_closed_driver_leaves_handles_that_answer_closed),
	CASE(ten_thousand_stale_handles_are_refused),
	CASE(many_ios_at_once_all_work),
	CASE(no_other_number_is_a_handle),
};

TEST_MAIN("close", cases)
