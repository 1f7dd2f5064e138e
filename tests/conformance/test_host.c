/*
 * Objects that a host implements: what is asked of its tables, what its slots may answer, what it
 * may do inside them, and how they end.  Streams over such objects are in test_host_streams.c.
 */
#include <errno.h>
#include <stdlib.h>

#include "harness.h"

/* An object whose slots answer as a test says, and keep a record of what they were asked. */
struct scripted {
	struct test *t;
	abio_io io;
	int32_t answer; /* of the next try_ or start_ slot */
	int32_t later;  /* of those after it */
	void (*during)(struct scripted *host);
	uint64_t op;       /* of the last start_ slot */
	uint64_t canceled; /* the last one asked to end */
	uint32_t calls;
	uint32_t closes;
	const void *data;
	uint32_t length;
};

static int32_t answered(struct scripted *host)
{
	void (*during)(struct scripted * host) = host->during;
	int32_t answer = host->answer;

	host->calls++;
	host->answer = host->later;
	host->during = NULL;
	if (during != NULL)
		during(host);
	return answer;
}

static int32_t on_try_read(void *user, void *data, uint32_t length)
{
	struct scripted *host = user;

	host->data = data;
	host->length = length;
	if (host->answer > 0 && (uint32_t)host->answer <= length)
		memset(data, 'r', (size_t)host->answer);
	return answered(host);
}

static int32_t on_start_read(void *user, uint64_t op, void *data, uint32_t length)
{
	((struct scripted *)user)->op = op;
	return on_try_read(user, data, length);
}

static int32_t on_close(void *user, uint64_t op)
{
	struct scripted *host = user;

	host->closes++;
	host->op = op;
	return answered(host);
}

static int32_t on_cancel(void *user, uint64_t op)
{
	struct scripted *host = user;

	host->canceled = op;
	return 1;
}

#define HEAD(table, name)                                                              \
	{                                                                              \
		.size = sizeof(struct abio_##table##_impl), .trait = ABIO_TRAIT_##name \
	}

static const struct abio_read_impl tries_reading = { .head = HEAD(read, READ),
						     .try_read = on_try_read };
static const struct abio_read_impl starts_reading = { .head = HEAD(read, READ),
						      .start_read = on_start_read };
static const struct abio_object_impl cancels = { .head = HEAD(object, OBJECT),
						 .cancel = on_cancel };
static const struct abio_object_impl closes = { .head = HEAD(object, OBJECT), .close = on_close };

/* NULL-terminated tables; the RELEASED event of the object has `user` as its token. */
static struct scripted *make(struct test *t, const void *first, const void *second,
			     const void *third)
{
	const void *given[3] = { first, second, third };
	const struct abio_table_head *impls[3];
	struct scripted *host = test_memory(t, sizeof(*host));
	uint32_t count = 0;

	while (count < 3 && given[count] != NULL) {
		impls[count] = given[count];
		count++;
	}
	host->t = t;
	host->later = ABIO_WOULD_BLOCK;
	assert_int_equal(
		abio_object_create(t->driver, impls, count, host, (uintptr_t)host, &host->io), 0);
	test_owed(t, (uintptr_t)host);
	test_own(t, host->io);
	return host;
}

/* ---- try style ------------------------------------------------------------------------------- */

static void a_read_is_what_try_read_answers(struct test *t)
{
	struct scripted *host = make(t, &tries_reading, NULL, NULL);
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
	struct scripted *host = make(t, &tries_reading, NULL, NULL);
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
	struct scripted *host = make(t, &tries_reading, NULL, NULL);
	char *data = test_memory(t, 10);

	host->answer = ABIO_HOST_EOF;
	assert_int_equal(test_result(t, START(t, abio_read, host->io, data, 10, 0)), 0);
	host->answer = ABIO_HOST_EOF;
	assert_int_equal(abio_try_read(host->io, data, 10, 0), 0);
	host->answer = ABIO_HOST_EOF;
	assert_int_equal(test_result(t, START(t, abio_read_exact, host->io, data, 10, 0)),
			 ABIO_E_UNEXPECTED_EOF);
}

/* ---- completion style ------------------------------------------------------------------------ */

static void a_pending_read_ends_when_the_host_completes_it(struct test *t)
{
	struct scripted *host = make(t, &starts_reading, NULL, NULL);
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
	struct scripted *host = make(t, &starts_reading, &cancels, NULL);
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

/* ---- the end --------------------------------------------------------------------------------- */

static void user_comes_home_when_the_object_is_closed(struct test *t)
{
	struct scripted *host = make(t, &tries_reading, &closes, NULL);
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
	CASE(a_read_is_what_try_read_answers),
	CASE(would_block_waits_for_a_notification),
	CASE(the_end_is_a_read_of_zero),
	CASE(a_pending_read_ends_when_the_host_completes_it),
	CASE(a_cancelled_operation_ends_when_the_host_ends_it),
	CASE(user_comes_home_when_the_object_is_closed),
};

TEST_MAIN("objects that a host implements", cases)
