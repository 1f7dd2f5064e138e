/*
 * Objects that a host implements, beside the streams: positions, seeking, bytes in memory, and
 * connections that it hands on.
 */
#include "host_script.h"

/* ---- other traits -----------------------------------------------------------------------------
 */

static void positional_operations_may_overtake(struct test *t)
{
	struct scripted *host = script_make(t, &script_reads_at, &script_writes_at, NULL);
	char *data = test_memory(t, 30);
	uint64_t tokens[3];
	uint64_t ops[3];

	host->later = ABIO_PENDING;
	host->answer = ABIO_PENDING;
	for (uint32_t i = 0; i < 3; i++) {
		tokens[i] = START(t, abio_read_at, host->io, data + 10 * i, 10, i * 100, 0);
		test_quiet(t);
		ops[i] = host->op;
		assert_int_equal(host->offset, i * 100);
	}
	for (int i = 2; i >= 0; i--) {
		assert_int_equal(abio_object_complete(host->io, ops[i], i + 1, 0), 0);
		assert_int_equal(test_result(t, tokens[i]), i + 1);
	}
	host->answer = 4;
	assert_int_equal(test_result(t, START(t, abio_write_at, host->io, "data", 4, 7, 0)), 4);
	assert_int_equal(host->offset, 7);
	host->answer = ABIO_HOST_EOF;
	assert_int_equal(test_result(t, START(t, abio_read_at, host->io, data, 10, 0, 0)), 0);
}

/* From one slot each: the exact forms ask again, the vectored ones for their first piece. */
static void positional_forms_are_provided(struct test *t)
{
	struct scripted *host = script_make(t, &script_reads_at, &script_writes_at, NULL);
	char *data = test_memory(t, 30);
	struct abio_iovec iovecs[] = { { data, 4 }, { data + 10, 10 } };

	host->answer = 5;
	host->later = 5;
	assert_int_equal(test_result(t, START(t, abio_read_at_exact, host->io, data, 10, 100, 0)),
			 10);
	assert_int_equal(host->offset, 105);
	assert_int_equal(
		test_result(t, START(t, abio_write_at_all, host->io, "0123456789", 10, 200, 0)),
		10);
	assert_int_equal(host->offset, 205);
	host->answer = 4;
	host->later = 4;
	assert_int_equal(test_result(t, START(t, abio_readv_at, host->io, iovecs, 2, 300, 0)), 4);
	assert_int_equal(host->offset, 300);
	assert_int_equal(host->length, 4);
	assert_int_equal(test_result(t, START(t, abio_writev_at, host->io, iovecs, 2, 400, 0)), 4);
	assert_int_equal(host->offset, 400);
	assert_ptr_equal(host->data, data);
}

static void seeks_move_the_position(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_reading, &script_seeks, NULL);
	uint64_t position;
	uint64_t token;

	assert_int_equal(abio_stream_position(host->io, &position), 0);
	assert_int_equal(position, 0);
	host->answer = 4;
	assert_int_equal(test_result(t, script_reading(host, 10)), 4);
	assert_int_equal(abio_stream_position(host->io, &position), 0);
	assert_int_equal(position, 4);
	host->answer = 1;
	host->value = 100;
	assert_int_equal(test_result(t, START(t, abio_seek, host->io, ABIO_SEEK_END, -5, 0)), 100);
	assert_int_equal(host->whence, ABIO_SEEK_END);
	assert_int_equal(host->offset, -5);
	host->answer = ABIO_PENDING;
	token = START(t, abio_seek, host->io, ABIO_SEEK_CURRENT, 7, 0);
	test_quiet(t);
	assert_int_equal(abio_object_complete(host->io, host->op, 1, 107), 0);
	assert_int_equal(test_result(t, token), 107);
	/* The length: to the end and back to where it was. */
	host->answer = 1;
	host->later = 1;
	host->value = 5000;
	assert_int_equal(test_result(t, START(t, abio_stream_len, host->io, 0)), 5000);
	assert_int_equal(host->whence, ABIO_SEEK_START);
	assert_int_equal(host->offset, 107);
	host->value = UINT64_MAX;
	assert_int_equal(test_result(t, START(t, abio_rewind, host->io, 0)), ABIO_E_HOST);
}

static void bytes_in_memory_are_shown_and_consumed(struct test *t)
{
	struct scripted *host = script_make(t, &script_fills, NULL, NULL);
	const void *data;
	char read[4];
	struct abio_event event;

	memcpy(host->memory, "abcdefgh", 8);
	host->answer = 8;
	assert_int_equal(abio_try_fill_buf(host->io, &data), 8);
	assert_ptr_equal(data, host->memory);
	assert_int_equal(abio_consume(host->io, 3), 0);
	assert_int_equal(host->consumed, 3);
	assert_int_equal(abio_try_read(host->io, read, 2, 0), 2);
	assert_memory_equal(read, "de", 2);
	assert_int_equal(host->consumed, 5);
	event = test_finish(t, START(t, abio_fill_buf, host->io, 0));
	assert_int_equal(event.result, 3);
	assert_int_equal(abio_consume(host->io, 3), 0);
	assert_int_equal(host->fills, 1);
	host->answer = ABIO_HOST_EOF;
	assert_int_equal(abio_try_fill_buf(host->io, &data), 0);
}

static void a_fill_waits_for_a_notification(struct test *t)
{
	struct scripted *host = script_make(t, &script_fills, NULL, NULL);
	uint64_t token = START(t, abio_fill_buf, host->io, 0);

	host->answer = ABIO_WOULD_BLOCK;
	test_quiet(t);
	host->answer = 4;
	assert_int_equal(abio_object_notify(host->io, ABIO_READY_READ), 0);
	assert_int_equal(test_result(t, token), 4);
	/* Read is provided over it. */
	host->answer = 4;
	assert_int_equal(abio_consume(host->io, 4), 0);
	assert_int_equal(test_result(t, script_reading(host, 3)), 3);
	assert_int_equal(host->consumed, 7);
}

static abio_io some_io(struct test *t)
{
	abio_io reader;
	abio_io writer;

	assert_int_equal(abio_pipe(t->driver, 0, &reader, &writer), 0);
	test_own(t, writer);
	return reader;
}

static void connections_are_handed_on(struct test *t)
{
	struct scripted *host = script_make(t, &script_tries_accepting, NULL, NULL);
	abio_io accepted = 0;
	struct abio_event event;
	uint64_t token;

	host->answer = 1;
	host->value = some_io(t);
	assert_int_equal(abio_try_accept(host->io, 0, &accepted), 0);
	assert_int_equal(accepted, host->value);
	test_own(t, accepted);
	host->answer = ABIO_WOULD_BLOCK;
	token = START(t, abio_accept, host->io, 0);
	test_quiet(t);
	host->answer = 1;
	host->value = some_io(t);
	assert_int_equal(abio_object_notify(host->io, ABIO_READY_READ), 0);
	event = test_finish(t, token);
	assert_int_equal(event.result, 0);
	assert_int_equal(event.flags, ABIO_EVENT_HANDLE);
	assert_int_equal(event.handle, host->value);
	host->answer = 1;
	host->value = 12345;
	assert_int_equal(abio_try_accept(host->io, 0, &accepted), ABIO_E_HOST);
	host->answer = 1;
	assert_int_equal(test_result(t, START(t, abio_accept, host->io, 0)), ABIO_E_HOST);
}

static void any_number_may_accept(struct test *t)
{
	struct scripted *host = script_make(t, &script_starts_accepting, &script_cancels, NULL);
	abio_io io = some_io(t);
	uint64_t tokens[2];
	uint64_t first;

	host->answer = ABIO_PENDING;
	host->later = ABIO_PENDING;
	tokens[0] = START(t, abio_accept, host->io, 0);
	test_quiet(t);
	first = host->op;
	tokens[1] = START(t, abio_accept, host->io, 0);
	test_quiet(t);
	assert_int_equal(abio_object_complete(host->io, host->op, 1, io), 0);
	assert_int_equal(test_finish(t, tokens[1]).handle, io);
	assert_int_equal(abio_object_complete(host->io, first, ABIO_E_CANCELED, 0), 0);
	assert_int_equal(test_result(t, tokens[0]), ABIO_E_CANCELED);
}

static const struct test_case cases[] = {
	CASE(positional_forms_are_provided),   CASE(positional_operations_may_overtake),
	CASE(seeks_move_the_position),         CASE(bytes_in_memory_are_shown_and_consumed),
	CASE(a_fill_waits_for_a_notification), CASE(connections_are_handed_on),
	CASE(any_number_may_accept),
};

TEST_MAIN("objects that a host implements, other traits", cases)
