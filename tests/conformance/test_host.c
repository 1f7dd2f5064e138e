/*
 * Objects that a host implements: what is asked of its tables, what it may do inside their slots,
 * and how they end.  What the slots answer is in test_host_try.c, test_host_start.c and
 * test_host_traits.c; streams of a host's are of harness/hosts.c, under the cases of every stream.
 */
#include <errno.h>

#include "host_script.h"

/* ---- tables ---------------------------------------------------------------------------------- */

static void tables_that_cannot_be_are_refused(struct test *t)
{
	struct scripted *host = test_memory(t, sizeof(*host));
	struct abio_read_impl read = script_tries_reading;

	assert_int_equal(script_create(t, NULL, NULL, NULL, host), ABIO_E_ARGUMENT);
	assert_int_equal(script_create(t, &script_tries_reading, &script_tries_pieces, NULL, host),
			 ABIO_E_ARGUMENT);
	read.try_read = NULL;
	assert_int_equal(script_create(t, &read, NULL, NULL, host), ABIO_E_ARGUMENT);
	read = script_tries_reading;
	read.head.trait = 99;
	assert_int_equal(script_create(t, &read, NULL, NULL, host), ABIO_E_ARGUMENT);
	read.head.trait = ABIO_TRAIT_SPLIT;
	assert_int_equal(script_create(t, &read, NULL, NULL, host), ABIO_E_ARGUMENT);
	read = script_tries_reading;
	read.head.size = 15;
	assert_int_equal(script_create(t, &read, NULL, NULL, host), ABIO_E_ARGUMENT);
	read.head.size = 1 << 20;
	assert_int_equal(script_create(t, &read, NULL, NULL, host), ABIO_E_ARGUMENT);
	read = script_tries_reading;
	read.head.caps = 1;
	assert_int_equal(script_create(t, &read, NULL, NULL, host), ABIO_E_ARGUMENT);
	test_quiet(t);
}

static void a_table_of_an_older_header_lacks_what_came_later(struct test *t)
{
	struct abio_read_impl read = script_tries_pieces;
	struct scripted *host;
	char data[4];
	struct abio_iovec pieces[2] = { { data, 2 }, { data + 2, 2 } };

	read.head.size = sizeof(read.head) + sizeof(void *);
	read.start_read = script_starts_reading.start_read;
	host = script_make(t, &read, NULL, NULL);
	host->answer = 2;
	assert_int_equal(abio_try_readv(host->io, pieces, 2, 0), 2);
	assert_int_equal(host->pieces, 0);
}

static void a_table_of_a_newer_header_is_taken_when_the_rest_is_zero(struct test *t)
{
	struct {
		struct abio_read_impl read;
		void *more;
	} newer = { .read = script_tries_reading };
	struct scripted *host;

	newer.read.head.size = sizeof(newer);
	host = script_make(t, &newer, NULL, NULL);
	host->answer = 1;
	assert_int_equal(abio_try_read(host->io, host->memory, 1, 0), 1);
	newer.more = host;
	assert_int_equal(script_create(t, &newer, NULL, NULL, test_memory(t, sizeof(*host))),
			 ABIO_E_TOO_NEW);
}

static void tables_are_copied(struct test *t)
{
	struct abio_read_impl read = script_tries_reading;
	struct scripted *host = script_make(t, &read, NULL, NULL);

	memset(&read, 0, sizeof(read));
	host->answer = 2;
	assert_int_equal(test_result(t, script_reading(host, 10)), 2);
}

static uint32_t caps_of(abio_io io, uint32_t trait)
{
	struct abio_trait_info info = { .size = sizeof(info) };
	int32_t error = abio_query(io, trait, &info);

	return error < 0 ? UINT32_MAX : info.caps;
}

static void it_has_the_traits_of_its_tables_and_the_provided_ones(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_reading, &script_tries_writing, NULL);
	struct abio_io_info info = { .size = sizeof(info) };
	int32_t fd;
	abio_io moved;

	assert_int_equal(caps_of(host->io, ABIO_TRAIT_READ), ABIO_CAP_CALLS_HOST);
	assert_int_equal(caps_of(host->io, ABIO_TRAIT_WRITE), ABIO_CAP_CALLS_HOST);
	assert_int_equal(caps_of(host->io, ABIO_TRAIT_READY), ABIO_CAP_CALLS_HOST);
	assert_int_equal(caps_of(host->io, ABIO_TRAIT_OWNED_READ), ABIO_CAP_CALLS_HOST);
	assert_int_equal(caps_of(host->io, ABIO_TRAIT_BUF_WRITE), ABIO_CAP_CALLS_HOST);
	assert_int_equal(caps_of(host->io, ABIO_TRAIT_SPLIT), ABIO_CAP_CALLS_HOST);
	assert_int_equal(caps_of(host->io, ABIO_TRAIT_SEEK), UINT32_MAX);
	assert_int_equal(caps_of(host->io, ABIO_TRAIT_ACCEPT), UINT32_MAX);
	assert_int_equal(abio_info(host->io, &info), 0);
	assert_int_equal(info.kind, ABIO_KIND_HOST);
	assert_int_equal(info.fd, -1);
	assert_int_equal(abio_detach(host->io, &fd), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_move(host->io, test_driver(t, 0), &moved), ABIO_E_UNSUPPORTED);
	host = script_make(t, &script_tries_pieces, NULL, NULL);
	assert_int_equal(caps_of(host->io, ABIO_TRAIT_READ),
			 ABIO_CAP_CALLS_HOST | ABIO_CAP_VECTORED);
	assert_int_equal(caps_of(host->io, ABIO_TRAIT_SPLIT), UINT32_MAX);
}

static void others_are_not_notified_or_completed(struct test *t)
{
	abio_io reader;
	abio_io writer;

	assert_int_equal(abio_pipe(t->driver, 0, &reader, &writer), 0);
	test_own(t, reader);
	test_own(t, writer);
	assert_int_equal(abio_object_notify(reader, ABIO_READY_READ), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_object_complete(reader, 1, 1, 0), ABIO_E_UNSUPPORTED);
}

/* ---- inside a slot ----------------------------------------------------------------------------
 */

static void poll_and_close(struct scripted *host)
{
	struct abio_event event;
	abio_driver driver = host->t->driver;

	assert_int_equal(abio_driver_poll(driver, &event, sizeof(event), 1), ABIO_E_REENTERED);
	assert_int_equal(abio_driver_wait(driver, &event, sizeof(event), 1, 0), ABIO_E_REENTERED);
	assert_int_equal(abio_driver_submit(driver), ABIO_E_REENTERED);
	assert_int_equal(abio_driver_close(driver), ABIO_E_REENTERED);
	assert_int_equal(abio_driver_abandon(driver), ABIO_E_REENTERED);
	host->seen++;
}

static void inside_a_slot_the_driver_is_not_polled_or_closed(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_reading, &script_closes, NULL);

	host->answer = 1;
	host->during = poll_and_close;
	assert_int_equal(test_result(t, script_reading(host, 10)), 1);
	host->answer = 1;
	host->during = poll_and_close;
	assert_int_equal(abio_try_read(host->io, host->memory, 1, 0), 1);
	host->answer = 1;
	host->during = poll_and_close;
	assert_int_equal(test_result(t, START(t, abio_close, host->io, 0)), 0);
	assert_int_equal(host->seen, 3);
}

static void read_again(struct scripted *host)
{
	assert_int_equal(abio_try_read(host->io, host->memory, 1, 0), ABIO_E_BUSY);
	assert_int_equal(abio_read(host->io, host->memory, 1, 0, 1), ABIO_E_BUSY);
	host->seen++;
}

static void a_slot_is_not_entered_twice(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_reading, NULL, NULL);

	host->answer = 1;
	host->during = read_again;
	assert_int_equal(abio_try_read(host->io, host->memory, 1, 0), 1);
	host->answer = 1;
	host->during = read_again;
	assert_int_equal(test_result(t, script_reading(host, 10)), 1);
	assert_int_equal(host->seen, 2);
}

static void start_another(struct scripted *host)
{
	host->token = script_writing(host, 5);
	host->answer = 5;
}

static void operations_may_be_started_inside_a_slot(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_reading, &script_tries_writing, NULL);

	host->answer = 2;
	host->during = start_another;
	assert_int_equal(test_result(t, script_reading(host, 10)), 2);
	assert_int_equal(test_result(t, host->token), 5);
}

static void close_now(struct scripted *host)
{
	host->token = START(host->t, abio_close, host->io, 0);
}

static void release_now(struct scripted *host)
{
	assert_int_equal(abio_release(host->io), 0);
}

static void an_object_may_be_closed_inside_its_own_slot(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_reading, NULL, NULL);
	uint64_t token;

	host->answer = 2;
	host->during = close_now;
	assert_int_equal(test_result(t, script_reading(host, 10)), 2);
	assert_int_equal(test_result(t, host->token), 0);
	host = script_make(t, &script_tries_reading, NULL, NULL);
	host->answer = ABIO_WOULD_BLOCK;
	host->during = close_now;
	token = script_reading(host, 10);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	assert_int_equal(test_result(t, host->token), 0);
	host = script_make(t, &script_tries_reading, NULL, NULL);
	host->answer = ABIO_WOULD_BLOCK;
	host->during = close_now;
	/* The close has the token after it. */
	token = test_token(t);
	assert_int_equal(abio_read(host->io, host->memory, 1, ABIO_START_INLINE, token),
			 ABIO_PENDING);
	test_owed(t, token);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	assert_int_equal(test_result(t, host->token), 0);
}

static void an_object_may_be_released_inside_its_own_slot(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_reading, NULL, NULL);

	host->answer = 1;
	host->during = release_now;
	assert_int_equal(abio_try_read(host->io, host->memory, 1, 0), 1);
	test_finish(t, (uintptr_t)host);
	host = script_make(t, &script_starts_reading, NULL, NULL);
	host->answer = 1;
	host->during = release_now;
	assert_int_equal(test_result(t, script_reading(host, 10)), 1);
	test_finish(t, (uintptr_t)host);
}

static void cancel_itself(struct scripted *host)
{
	host->seen = abio_cancel(host->io, host->token);
}

static void an_operation_may_be_cancelled_inside_its_own_slot(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_reading, NULL, NULL);

	host->answer = ABIO_WOULD_BLOCK;
	host->during = cancel_itself;
	host->token = script_reading(host, 10);
	assert_int_equal(test_result(t, host->token), ABIO_E_CANCELED);
	assert_int_equal(host->seen, 1);
	host = script_make(t, &script_starts_reading, &script_cancels, NULL);
	host->answer = ABIO_PENDING;
	host->during = cancel_itself;
	host->token = script_reading(host, 10);
	test_quiet(t);
	assert_int_equal(host->canceled, host->op);
	assert_int_equal(abio_object_complete(host->io, host->op, ABIO_E_CANCELED, 0), 0);
	assert_int_equal(test_result(t, host->token), ABIO_E_CANCELED);
}

static void shut_down_now(struct scripted *host)
{
	assert_true(abio_driver_shutdown(host->t->driver) >= 0);
}

static void the_driver_may_be_shut_down_inside_a_slot(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_reading, NULL, NULL);

	host->answer = ABIO_WOULD_BLOCK;
	host->during = shut_down_now;
	assert_int_equal(test_result(t, script_reading(host, 10)), ABIO_E_CANCELED);
	test_finish(t, (uintptr_t)host);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void a_close_may_take_its_time(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_reading, &script_closes, NULL);
	uint64_t token = START(t, abio_close, host->io, 0);

	host->answer = ABIO_PENDING;
	test_quiet(t);
	assert_int_equal(abio_driver_close(t->driver), ABIO_E_BUSY);
	assert_int_equal(abio_object_complete(host->io, host->op, -EIO, 0), 0);
	assert_int_equal(test_result(t, token), -EIO);
	test_finish(t, (uintptr_t)host);
}

static void a_close_is_completed_when_nobody_holds_the_io(struct test *t)
{
	struct scripted *host = script_make(t, &script_starts_reading, &script_closes, NULL);
	uint64_t read;

	host->answer = ABIO_PENDING;
	host->later = ABIO_PENDING;
	read = script_reading(host, 10);
	test_quiet(t);
	assert_int_equal(abio_release(host->io), 0);
	assert_int_equal(abio_retain(host->io), ABIO_E_HANDLE);
	test_quiet(t);
	assert_int_equal(abio_object_complete(host->io, host->op, 1, 0), 0);
	assert_int_equal(test_result(t, read), 1);
	test_quiet(t);
	assert_int_equal(host->closes, 1);
	assert_int_equal(abio_object_complete(host->io, host->op, 1, 0), 0);
	test_finish(t, (uintptr_t)host);
	assert_int_equal(abio_object_complete(host->io, host->op, 1, 0), ABIO_E_HANDLE);
}

static void a_driver_with_an_open_object_is_busy(struct test *t)
{
	abio_driver driver = test_driver(t, 0);
	abio_driver first = t->driver;
	struct scripted *host;
	struct abio_event event;

	t->driver = driver;
	host = script_make(t, &script_tries_reading, NULL, NULL);
	t->driver = first;
	assert_int_equal(abio_driver_close(driver), ABIO_E_BUSY);
	assert_true(abio_driver_shutdown(driver) >= 0);
	assert_int_equal(abio_driver_close(driver), ABIO_E_BUSY);
	event = test_finish_on(t, driver, (uintptr_t)host);
	assert_int_equal(event.flags, ABIO_EVENT_RELEASED);
	assert_int_equal(abio_driver_close(driver), 0);
	test_driver_gone(t, driver);
	assert_int_equal(abio_object_notify(host->io, ABIO_READY_READ), ABIO_E_CLOSED);
	assert_int_equal(abio_object_complete(host->io, 1, 1, 0), ABIO_E_CLOSED);
}

static void halves_keep_the_object(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_reading, &script_starts_writing,
					    &script_closes);
	abio_io read_half;
	abio_io write_half;
	char *data = test_memory(t, 10);

	assert_int_equal(abio_split(host->io, &read_half, &write_half), 0);
	assert_int_equal(abio_release(host->io), 0);
	host->answer = 3;
	assert_int_equal(test_result(t, START(t, abio_read, read_half, data, 10, 0)), 3);
	host->answer = 1;
	assert_int_equal(abio_release(write_half), 0);
	test_quiet(t);
	assert_int_equal(host->calls, 2);
	host->answer = 1;
	assert_int_equal(abio_release(read_half), 0);
	test_finish(t, (uintptr_t)host);
	assert_int_equal(host->closes, 1);
}

static void user_comes_home_when_the_object_is_closed(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_reading, &script_closes, NULL);
	uint64_t token = START(t, abio_close, host->io, 0);
	struct abio_event event;

	host->answer = 1;
	assert_int_equal(test_result(t, token), 0);
	assert_int_equal(host->closes, 1);
	event = test_finish(t, (uintptr_t)host);
	assert_int_equal(event.flags, ABIO_EVENT_RELEASED);
	assert_int_equal(event.data, (uintptr_t)host);
	assert_int_equal(event.result, 0);
}

static const struct test_case cases[] = {
	CASE(tables_that_cannot_be_are_refused),
	CASE(a_table_of_an_older_header_lacks_what_came_later),
	CASE(a_table_of_a_newer_header_is_taken_when_the_rest_is_zero),
	CASE(tables_are_copied),
	CASE(it_has_the_traits_of_its_tables_and_the_provided_ones),
	CASE(others_are_not_notified_or_completed),
	CASE(inside_a_slot_the_driver_is_not_polled_or_closed),
	CASE(a_slot_is_not_entered_twice),
	CASE(operations_may_be_started_inside_a_slot),
	CASE(an_object_may_be_closed_inside_its_own_slot),
	CASE(an_object_may_be_released_inside_its_own_slot),
	CASE(an_operation_may_be_cancelled_inside_its_own_slot),
	CASE(the_driver_may_be_shut_down_inside_a_slot),
	CASE(a_close_may_take_its_time),
	CASE(a_close_is_completed_when_nobody_holds_the_io),
	CASE(a_driver_with_an_open_object_is_busy),
	CASE(halves_keep_the_object),
	CASE(user_comes_home_when_the_object_is_closed),
};

TEST_MAIN("objects that a host implements", cases)
