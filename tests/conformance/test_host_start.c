/*
 * Objects that a host implements by starting: operations that its slots begin and it completes, how
 * they are cancelled, and readiness found out by reading ahead.
 */
#include <errno.h>

#include "host_script.h"

/* ---- completion style ------------------------------------------------------------------------ */

static void a_pending_read_ends_when_the_host_completes_it(struct test *t)
{
	struct scripted *host = script_make(t, &script_starts_reading, NULL, NULL);
	char *data = test_memory(t, 10);
	uint64_t token;

	host->answer = ABIO_PENDING;
	token = START(t, abio_read, host->io, data, 10, 0);
	test_quiet(t);
	memcpy(data, "abc", 3);
	assert_int_equal(abio_object_complete(host->io, host->op, 3, 0), 0);
	assert_int_equal(test_result(t, token), 3);
	assert_int_equal(abio_object_complete(host->io, host->op, 3, 0), ABIO_E_ARGUMENT);
}

static void a_cancelled_operation_ends_when_the_host_ends_it(struct test *t)
{
	struct scripted *host = script_make(t, &script_starts_reading, &script_cancels, NULL);
	uint64_t token;

	host->answer = ABIO_PENDING;
	token = START(t, abio_read, host->io, test_memory(t, 10), 10, 0);
	test_quiet(t);
	assert_int_equal(abio_cancel(host->io, token), 1);
	assert_int_equal(host->canceled, 0);
	test_quiet(t);
	assert_int_equal(host->canceled, host->op);
	assert_int_equal(abio_object_complete(host->io, host->op, ABIO_E_CANCELED, 0), 0);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
}

static void a_completion_that_cannot_be_is_an_error_of_the_host(struct test *t)
{
	struct scripted *host = script_make(t, &script_starts_reading, NULL, NULL);
	uint64_t token;

	host->answer = ABIO_PENDING;
	host->later = ABIO_PENDING;
	token = script_reading(host, 10);
	test_quiet(t);
	assert_int_equal(abio_object_complete(host->io, host->op + 1, 1, 0), ABIO_E_ARGUMENT);
	assert_int_equal(abio_object_complete(host->io, 0, 1, 0), ABIO_E_ARGUMENT);
	assert_int_equal(abio_object_complete(host->io, host->op, 11, 0), ABIO_E_ARGUMENT);
	assert_int_equal(test_result(t, token), ABIO_E_HOST);
	token = script_reading(host, 10);
	test_quiet(t);
	assert_int_equal(abio_object_complete(host->io, host->op, 0, 0), 0);
	assert_int_equal(test_result(t, token), ABIO_E_HOST);
	token = script_reading(host, 10);
	test_quiet(t);
	assert_int_equal(abio_object_complete(host->io, host->op, ABIO_HOST_EOF, 0), 0);
	assert_int_equal(test_result(t, token), 0);
}

static void the_number_of_one_object_means_nothing_to_another(struct test *t)
{
	struct scripted *host = script_make(t, &script_starts_reading, NULL, NULL);
	struct scripted *other = script_make(t, &script_starts_reading, NULL, NULL);
	uint64_t tokens[2];

	host->answer = ABIO_PENDING;
	other->answer = ABIO_PENDING;
	tokens[0] = script_reading(host, 10);
	tokens[1] = script_reading(other, 10);
	test_quiet(t);
	assert_int_not_equal(host->op, other->op);
	assert_int_equal(abio_object_complete(other->io, host->op, 1, 0), ABIO_E_ARGUMENT);
	assert_int_equal(abio_object_complete(other->io, other->op, 2, 0), 0);
	assert_int_equal(abio_object_complete(host->io, host->op, 1, 0), 0);
	assert_int_equal(test_result(t, tokens[0]), 1);
	assert_int_equal(test_result(t, tokens[1]), 2);
}

static void complete_now(struct scripted *host)
{
	assert_int_equal(abio_object_complete(host->io, host->op, 3, 0), 0);
	assert_int_equal(abio_object_complete(host->io, host->op, 3, 0), ABIO_E_ARGUMENT);
}

static void an_operation_may_be_completed_inside_its_own_slot(struct test *t)
{
	struct scripted *host = script_make(t, &script_starts_reading, NULL, NULL);

	host->answer = ABIO_PENDING;
	host->during = complete_now;
	assert_int_equal(test_result(t, script_reading(host, 10)), 3);
	/* Completed and answered: one of them is wrong. */
	host->answer = 4;
	host->during = complete_now;
	assert_int_equal(test_result(t, script_reading(host, 10)), ABIO_E_HOST);
}

static void exact_forms_ask_again(struct test *t)
{
	struct scripted *host = script_make(t, &script_starts_reading, NULL, NULL);
	char *data = test_memory(t, 10);
	uint64_t token;
	struct abio_event event;

	host->answer = 4;
	host->later = ABIO_PENDING;
	token = START(t, abio_read_exact, host->io, data, 10, 0);
	test_quiet(t);
	assert_int_equal(host->length, 6);
	assert_ptr_equal(host->data, data + 4);
	assert_int_equal(abio_object_complete(host->io, host->op, 5, 0), 0);
	test_quiet(t);
	assert_int_equal(host->length, 1);
	assert_int_equal(abio_object_complete(host->io, host->op, -EIO, 0), 0);
	event = test_finish(t, token);
	assert_int_equal(event.result, -EIO);
	assert_int_equal(event.progress, 9);
}

static void data_wins_over_a_cancel(struct test *t)
{
	struct scripted *host = script_make(t, &script_starts_reading, &script_cancels, NULL);
	uint64_t token;

	host->answer = ABIO_PENDING;
	token = script_reading(host, 10);
	test_quiet(t);
	assert_int_equal(abio_cancel(host->io, token), 1);
	assert_int_equal(abio_object_complete(host->io, host->op, 7, 0), 0);
	assert_int_equal(test_result(t, token), 7);
	test_quiet(t);
	assert_int_equal(host->cancels, 0);
}

static void without_a_cancel_slot_the_host_ends_it(struct test *t)
{
	struct scripted *host = script_make(t, &script_starts_reading, NULL, NULL);
	uint64_t read;
	uint64_t closed;

	host->answer = ABIO_PENDING;
	read = script_reading(host, 10);
	test_quiet(t);
	closed = START(t, abio_close, host->io, 0);
	test_quiet(t);
	assert_int_equal(abio_object_complete(host->io, host->op, 2, 0), 0);
	assert_int_equal(test_result(t, read), 2);
	assert_int_equal(test_result(t, closed), 0);
}

static void writes_and_flushes_of_a_stream_are_started_one_by_one(struct test *t)
{
	struct scripted *host = script_make(t, &script_starts_flushing, NULL, NULL);
	uint64_t tokens[3];

	host->answer = ABIO_PENDING;
	host->later = ABIO_PENDING;
	tokens[0] = script_writing(host, 10);
	tokens[1] = START(t, abio_flush, host->io, 0);
	tokens[2] = START(t, abio_flush, host->io, 0);
	test_quiet(t);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(host->calls, i + 1);
		assert_int_equal(abio_object_complete(host->io, host->op, i == 0 ? 10 : 1, 0), 0);
		assert_int_equal(test_result(t, tokens[i]), i == 0 ? 10 : 0);
		test_quiet(t);
	}
}

static void shutdown_is_the_hosts(struct test *t)
{
	struct scripted *host = script_make(t, &script_starts_writing, NULL, NULL);
	uint64_t token;

	host->answer = ABIO_PENDING;
	token = START(t, abio_shutdown, host->io, 0);
	test_quiet(t);
	assert_int_equal(abio_object_complete(host->io, host->op, 1, 0), 0);
	assert_int_equal(test_result(t, token), 0);
}

static void readable_is_found_out_by_reading_ahead(struct test *t)
{
	struct scripted *host = script_make(t, &script_starts_reading, NULL, NULL);
	char *data = test_memory(t, 10);
	uint64_t token = START(t, abio_ready, host->io, ABIO_INTEREST_READ, 0);

	host->answer = ABIO_PENDING;
	test_quiet(t);
	assert_int_equal(host->calls, 1);
	memcpy((void *)(uintptr_t)host->data, "abcdef", 6);
	assert_int_equal(abio_object_complete(host->io, host->op, 6, 0), 0);
	assert_int_equal(test_result(t, token), ABIO_READY_READ);
	assert_int_equal(abio_try_read(host->io, data, 4, 0), 4);
	assert_int_equal(test_result(t, START(t, abio_read, host->io, data + 4, 6, 0)), 2);
	assert_memory_equal(data, "abcdef", 6);
	assert_int_equal(host->calls, 1);
	/* The end is found the same way, and told once. */
	host->answer = ABIO_HOST_EOF;
	token = START(t, abio_ready, host->io, ABIO_INTEREST_READ, 0);
	assert_int_equal(test_result(t, token), ABIO_READY_READ);
	assert_int_equal(abio_try_read(host->io, data, 4, 0), 0);
}

static void a_read_waits_for_the_read_ahead(struct test *t)
{
	struct scripted *host = script_make(t, &script_starts_reading, &script_cancels, NULL);
	uint64_t ready = START(t, abio_ready, host->io, ABIO_INTEREST_READ, 0);
	uint64_t read;

	host->answer = ABIO_PENDING;
	test_quiet(t);
	assert_int_equal(abio_cancel(host->io, ready), 1);
	assert_int_equal(test_result(t, ready), ABIO_E_CANCELED);
	read = script_reading(host, 10);
	test_quiet(t);
	assert_int_equal(host->calls, 1);
	assert_int_equal(abio_object_complete(host->io, host->op, 5, 0), 0);
	assert_int_equal(test_result(t, read), 5);
}

static void closing_ends_the_read_ahead(struct test *t)
{
	struct scripted *host = script_make(t, &script_starts_reading, &script_cancels, NULL);
	uint64_t ready = START(t, abio_ready, host->io, ABIO_INTEREST_READ, 0);
	uint64_t closed;

	host->answer = ABIO_PENDING;
	test_quiet(t);
	closed = START(t, abio_close, host->io, 0);
	assert_int_equal(test_result(t, ready), ABIO_E_CANCELED);
	test_quiet(t);
	assert_int_equal(host->canceled, host->op);
	assert_int_equal(abio_object_complete(host->io, host->op, ABIO_E_CANCELED, 0), 0);
	assert_int_equal(test_result(t, closed), 0);
}

static void try_write_copies_and_one_at_a_time(struct test *t)
{
	struct scripted *host = script_make(t, &script_starts_writing, NULL, NULL);
	uint64_t token;

	host->answer = ABIO_PENDING;
	assert_int_equal(abio_try_write(host->io, "hello", 5, 0), 5);
	assert_int_equal(abio_try_write(host->io, "again", 5, 0), ABIO_WOULD_BLOCK);
	token = START(t, abio_ready, host->io, ABIO_INTEREST_WRITE, 0);
	test_quiet(t);
	assert_memory_equal(host->data, "hello", 5);
	assert_int_equal(abio_object_complete(host->io, host->op, 5, 0), 0);
	assert_int_equal(test_result(t, token), ABIO_READY_WRITE);
	host->answer = 1;
	assert_int_equal(abio_try_write(host->io, "x", 1, 0), 1);
	test_quiet(t);
}

static const struct test_case cases[] = {
	CASE(a_pending_read_ends_when_the_host_completes_it),
	CASE(a_cancelled_operation_ends_when_the_host_ends_it),
	CASE(a_completion_that_cannot_be_is_an_error_of_the_host),
	CASE(the_number_of_one_object_means_nothing_to_another),
	CASE(an_operation_may_be_completed_inside_its_own_slot),
	CASE(exact_forms_ask_again),
	CASE(data_wins_over_a_cancel),
	CASE(without_a_cancel_slot_the_host_ends_it),
	CASE(writes_and_flushes_of_a_stream_are_started_one_by_one),
	CASE(shutdown_is_the_hosts),
	CASE(readable_is_found_out_by_reading_ahead),
	CASE(a_read_waits_for_the_read_ahead),
	CASE(closing_ends_the_read_ahead),
	CASE(try_write_copies_and_one_at_a_time),
};

TEST_MAIN("objects that a host implements, starting", cases)
