/*
 * Objects that a host implements by trying: what a try_ slot may answer and what that becomes, and
 * when it is asked again.  With the answers that no slot, trying or starting, may give.
 */
#include <errno.h>

#include "host_script.h"

/* ---- try style ------------------------------------------------------------------------------- */

static void a_read_is_what_try_read_answers(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_reading, NULL, NULL);
	char *data = test_memory(t, 10);
	struct abio_event event;

	host->answer = 4;
	event = test_finish(t, START(t, abio_read, host->io, data, 10, 0));
	assert_int_equal(event.result, 4);
	assert_int_equal(event.progress, 4);
	assert_memory_equal(data, "rrrr", 5);
	assert_ptr_equal(host->data, data);
	assert_int_equal(host->length, 10);
}

static void would_block_waits_for_a_notification(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_reading, NULL, NULL);
	char *data = test_memory(t, 10);
	uint64_t token;

	host->answer = ABIO_WOULD_BLOCK;
	token = START(t, abio_read, host->io, data, 10, 0);
	test_quiet(t);
	test_quiet(t);
	assert_int_equal(host->calls, 1);
	host->answer = 3;
	assert_int_equal(abio_object_notify(host->io, ABIO_READY_READ), 0);
	assert_int_equal(host->calls, 1);
	assert_int_equal(test_result(t, token), 3);
	assert_int_equal(host->calls, 2);
}

static void the_end_is_a_read_of_zero(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_reading, NULL, NULL);
	char *data = test_memory(t, 10);

	host->answer = ABIO_HOST_EOF;
	assert_int_equal(test_result(t, START(t, abio_read, host->io, data, 10, 0)), 0);
	host->answer = ABIO_HOST_EOF;
	assert_int_equal(abio_try_read(host->io, data, 10, 0), 0);
	host->answer = ABIO_HOST_EOF;
	assert_int_equal(test_result(t, START(t, abio_read_exact, host->io, data, 10, 0)),
			 ABIO_E_UNEXPECTED_EOF);
}

static void notifying_early_is_not_forgotten(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_reading, &script_is_told, NULL);

	assert_int_equal(abio_ready_now(host->io, ABIO_INTEREST_READ), 0);
	assert_int_equal(abio_object_notify(host->io, ABIO_READY_READ), 0);
	assert_int_equal(abio_ready_now(host->io, ABIO_INTEREST_READ), ABIO_READY_READ);
	assert_int_equal(test_result(t, START(t, abio_ready, host->io, ABIO_INTEREST_READ, 0)),
			 ABIO_READY_READ);
	host->answer = ABIO_WOULD_BLOCK;
	assert_int_equal(abio_try_read(host->io, host->memory, 1, 0), ABIO_WOULD_BLOCK);
	assert_int_equal(abio_ready_now(host->io, ABIO_INTEREST_READ), 0);
}

static void notify_now(struct scripted *host)
{
	host->answer = 2;
	assert_int_equal(abio_object_notify(host->io, ABIO_READY_READ), 0);
}

static void a_notification_inside_the_slot_is_not_lost(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_reading, NULL, NULL);

	host->answer = ABIO_WOULD_BLOCK;
	host->during = notify_now;
	assert_int_equal(test_result(t, script_reading(host, 10)), 2);
	assert_int_equal(host->calls, 2);
}

static void every_waiter_for_readiness_is_told(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_reading, &script_is_told, NULL);
	uint64_t tokens[3];

	for (int i = 0; i < 3; i++)
		tokens[i] = START(t, abio_ready, host->io, ABIO_INTEREST_READ, 0);
	test_quiet(t);
	assert_int_equal(host->interest, ABIO_INTEREST_READ);
	assert_int_equal(abio_object_notify(host->io, ABIO_READY_READ | ABIO_READY_HUP), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(test_result(t, tokens[i]), ABIO_READY_READ | ABIO_READY_HUP);
	test_quiet(t);
	assert_int_equal(host->interest, 0);
	assert_int_equal(host->interests, 2);
}

static void interest_follows_what_waits(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_reading, &script_tries_writing,
					    &script_is_told);
	uint64_t read;
	uint64_t written;

	host->answer = ABIO_WOULD_BLOCK;
	read = script_reading(host, 10);
	test_quiet(t);
	assert_int_equal(host->interest, ABIO_INTEREST_READ);
	written = script_writing(host, 10);
	test_quiet(t);
	assert_int_equal(host->interest, ABIO_INTEREST_READ | ABIO_INTEREST_WRITE);
	assert_int_equal(abio_cancel(host->io, read), 1);
	assert_int_equal(test_result(t, read), ABIO_E_CANCELED);
	host->answer = 10;
	assert_int_equal(abio_object_notify(host->io, ABIO_READY_WRITE), 0);
	assert_int_equal(test_result(t, written), 10);
	test_quiet(t);
	assert_int_equal(host->interest, 0);
}

static void inline_starts_try_at_once(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_reading, NULL, NULL);
	char *data = test_memory(t, 10);
	uint64_t token;

	host->answer = 4;
	assert_int_equal(START_INLINE(t, &token, abio_read, host->io, data, 10), 4);
	host->answer = ABIO_WOULD_BLOCK;
	assert_int_equal(START_INLINE(t, &token, abio_read, host->io, data, 10), ABIO_PENDING);
	host->answer = 5;
	assert_int_equal(abio_object_notify(host->io, ABIO_READY_READ), 0);
	assert_int_equal(test_result(t, token), 5);
}

static void pieces_go_to_a_slot_that_takes_them(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_pieces, NULL, NULL);
	char *data = test_memory(t, 10);
	struct abio_iovec pieces[3] = { { data, 0 }, { data, 4 }, { data + 4, 6 } };

	host->answer = 0;
	host->later = 10;
	assert_int_equal(abio_try_readv(host->io, pieces, 3, 0), ABIO_E_HOST);
	assert_int_equal(abio_try_readv(host->io, pieces, 3, 0), 10);
	assert_int_equal(host->pieces, 3);
	host = script_make(t, &script_tries_reading, NULL, NULL);
	host->answer = 3;
	assert_int_equal(abio_try_readv(host->io, pieces, 3, 0), 3);
	assert_ptr_equal(host->data, data);
	assert_int_equal(host->length, 4);
}

static void flush_is_the_hosts_when_it_has_one(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_flushing, NULL, NULL);
	uint64_t token;

	host->answer = 1;
	assert_int_equal(abio_try_flush(host->io), 0);
	host->answer = ABIO_WOULD_BLOCK;
	assert_int_equal(abio_try_flush(host->io), ABIO_WOULD_BLOCK);
	token = START(t, abio_flush, host->io, 0);
	test_quiet(t);
	host->answer = 1;
	assert_int_equal(abio_object_notify(host->io, ABIO_READY_WRITE), 0);
	assert_int_equal(test_result(t, token), 0);
	/* A shutdown of a host that has no slot for it is a flush. */
	host->answer = 1;
	assert_int_equal(test_result(t, START(t, abio_shutdown, host->io, 0)), 0);
	host = script_make(t, &script_tries_writing, NULL, NULL);
	assert_int_equal(abio_try_flush(host->io), 0);
	assert_int_equal(test_result(t, START(t, abio_flush, host->io, 0)), 0);
	assert_int_equal(host->calls, 0);
}

static void what_was_put_is_written_before_the_close(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_writing, &script_closes, NULL);

	host->answer = ABIO_WOULD_BLOCK;
	assert_int_equal(abio_put(host->io, "hello", 5), 5);
	assert_int_equal(abio_release(host->io), 0);
	test_quiet(t);
	assert_int_equal(host->closes, 0);
	host->answer = 5;
	host->later = 1;
	assert_int_equal(abio_object_notify(host->io, ABIO_READY_WRITE), 0);
	test_finish(t, (uintptr_t)host);
	assert_int_equal(host->closes, 1);
	assert_int_equal(abio_object_notify(host->io, ABIO_READY_WRITE), ABIO_E_HANDLE);
}

/* ---- answers that break the contract ----------------------------------------------------------
 */

static void answers_that_cannot_be_are_errors_of_the_host(struct test *t)
{
	static const int32_t wrong[] = { 0, 11, INT32_MAX, ABIO_PENDING, -4100, -5000, INT32_MIN };
	struct scripted *host = script_make(t, &script_tries_reading, NULL, NULL);
	char *data = test_memory(t, 10);

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		host->answer = wrong[i];
		assert_int_equal(test_result(t, START(t, abio_read, host->io, data, 10, 0)),
				 ABIO_E_HOST);
		host->answer = wrong[i];
		assert_int_equal(abio_try_read(host->io, data, 10, 0), ABIO_E_HOST);
	}
	host->answer = 10;
	assert_int_equal(abio_try_read(host->io, data, 10, 0), 10);
}

static void started_answers_that_cannot_be_are_errors_of_the_host(struct test *t)
{
	static const int32_t wrong[] = { 0, 11, ABIO_WOULD_BLOCK, -4100, -5000 };
	struct scripted *host = script_make(t, &script_starts_writing, NULL, NULL);

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		host->answer = wrong[i];
		assert_int_equal(test_result(t, script_writing(host, 10)), ABIO_E_HOST);
		assert_int_equal(abio_object_complete(host->io, host->op, 1, 0), ABIO_E_ARGUMENT);
	}
	host->answer = ABIO_HOST_EOF;
	assert_int_equal(test_result(t, script_writing(host, 10)), ABIO_E_HOST);
}

static void errors_of_the_system_and_the_library_pass(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_reading, &script_tries_writing, NULL);

	host->answer = -EIO;
	assert_int_equal(test_result(t, script_reading(host, 10)), -EIO);
	host->answer = ABIO_E_LIMIT;
	assert_int_equal(abio_try_read(host->io, host->memory, 1, 0), ABIO_E_LIMIT);
	host->answer = -EPIPE;
	assert_int_equal(test_result(t, script_writing(host, 10)), -EPIPE);
	host->answer = -EAGAIN;
	assert_int_equal(abio_try_read(host->io, host->memory, 1, 0), ABIO_WOULD_BLOCK);
	host->answer = -ECANCELED;
	assert_int_equal(test_result(t, script_reading(host, 10)), ABIO_E_CANCELED);
}

static const struct test_case cases[] = {
	CASE(a_read_is_what_try_read_answers),
	CASE(would_block_waits_for_a_notification),
	CASE(the_end_is_a_read_of_zero),
	CASE(notifying_early_is_not_forgotten),
	CASE(a_notification_inside_the_slot_is_not_lost),
	CASE(every_waiter_for_readiness_is_told),
	CASE(interest_follows_what_waits),
	CASE(inline_starts_try_at_once),
	CASE(pieces_go_to_a_slot_that_takes_them),
	CASE(flush_is_the_hosts_when_it_has_one),
	CASE(what_was_put_is_written_before_the_close),
	CASE(answers_that_cannot_be_are_errors_of_the_host),
	CASE(started_answers_that_cannot_be_are_errors_of_the_host),
	CASE(errors_of_the_system_and_the_library_pass),
};

TEST_MAIN("objects that a host implements, trying", cases)
