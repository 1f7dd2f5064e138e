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
	int32_t answer; /* of the next slot */
	int32_t later;  /* of those after it */
	void (*during)(struct scripted *host);
	uint64_t op;       /* of the last start_ slot */
	uint64_t canceled; /* the last one asked to end */
	uint32_t interest;
	uint32_t calls;
	uint32_t closes;
	uint32_t cancels;
	uint32_t interests;
	uint32_t fills;
	uint32_t consumed;
	const void *data;
	uint32_t length;
	uint32_t pieces;
	uint32_t whence;
	int64_t offset;
	uint64_t value; /* a position, or an io */
	int64_t seen;   /* by `during` */
	uint64_t token;
	char memory[32];
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

static int32_t on_try_readv(void *user, const struct abio_iovec *iovecs, uint32_t count)
{
	struct scripted *host = user;

	host->pieces = count;
	return on_try_read(user, iovecs[0].base, (uint32_t)iovecs[0].length);
}

static int32_t on_start_read(void *user, uint64_t op, void *data, uint32_t length)
{
	((struct scripted *)user)->op = op;
	return on_try_read(user, data, length);
}

static int32_t on_start_read_at(void *user, uint64_t op, void *data, uint32_t length,
				uint64_t offset)
{
	((struct scripted *)user)->offset = (int64_t)offset;
	return on_start_read(user, op, data, length);
}

static int32_t on_try_write(void *user, const void *data, uint32_t length)
{
	struct scripted *host = user;

	host->data = data;
	host->length = length;
	return answered(host);
}

static int32_t on_start_write(void *user, uint64_t op, const void *data, uint32_t length)
{
	((struct scripted *)user)->op = op;
	return on_try_write(user, data, length);
}

static int32_t on_start_write_at(void *user, uint64_t op, const void *data, uint32_t length,
				 uint64_t offset)
{
	((struct scripted *)user)->offset = (int64_t)offset;
	return on_start_write(user, op, data, length);
}

static int32_t on_flush(void *user)
{
	return answered(user);
}

static int32_t on_start_flush(void *user, uint64_t op)
{
	((struct scripted *)user)->op = op;
	return answered(user);
}

static int32_t on_close(void *user, uint64_t op)
{
	((struct scripted *)user)->closes++;
	return on_start_flush(user, op);
}

static int32_t on_cancel(void *user, uint64_t op)
{
	struct scripted *host = user;

	host->canceled = op;
	host->cancels++;
	return 1;
}

static int32_t on_interest(void *user, uint32_t interest)
{
	struct scripted *host = user;

	host->interest = interest;
	host->interests++;
	return 1;
}

static int32_t on_fill(void *user, const void **data)
{
	struct scripted *host = user;

	host->fills++;
	*data = host->memory + host->consumed;
	return answered(host);
}

static int32_t on_consume(void *user, uint32_t count)
{
	((struct scripted *)user)->consumed += count;
	return 1;
}

static int32_t on_seek(void *user, uint64_t op, uint32_t whence, int64_t offset, uint64_t *position)
{
	struct scripted *host = user;

	host->whence = whence;
	host->offset = offset;
	*position = host->value;
	return on_start_flush(user, op);
}

static int32_t on_accept(void *user, abio_io *accepted)
{
	*accepted = ((struct scripted *)user)->value;
	return answered(user);
}

static int32_t on_start_accept(void *user, uint64_t op, abio_io *accepted)
{
	((struct scripted *)user)->op = op;
	return on_accept(user, accepted);
}

#define HEAD(table, name) \
	.head = { .size = sizeof(struct abio_##table##_impl), .trait = ABIO_TRAIT_##name }

static const struct abio_read_impl tries_reading = { HEAD(read, READ), .try_read = on_try_read };
static const struct abio_read_impl tries_pieces = { HEAD(read, READ), .try_read = on_try_read,
						    .try_readv = on_try_readv };
static const struct abio_read_impl starts_reading = { HEAD(read, READ),
						      .start_read = on_start_read };
static const struct abio_write_impl tries_writing = { HEAD(write, WRITE),
						      .try_write = on_try_write };
static const struct abio_write_impl tries_flushing = { HEAD(write, WRITE),
						       .try_write = on_try_write,
						       .try_flush = on_flush };
static const struct abio_write_impl starts_writing = { HEAD(write, WRITE),
						       .start_write = on_start_write,
						       .start_shutdown = on_start_flush };
static const struct abio_write_impl starts_flushing = { HEAD(write, WRITE),
							.start_write = on_start_write,
							.start_flush = on_start_flush };
static const struct abio_object_impl cancels = { HEAD(object, OBJECT), .cancel = on_cancel };
static const struct abio_object_impl closes = { HEAD(object, OBJECT), .close = on_close };
static const struct abio_object_impl is_told = { HEAD(object, OBJECT), .interest = on_interest };
static const struct abio_buf_read_impl fills = { HEAD(buf_read, BUF_READ), .try_fill_buf = on_fill,
						 .consume = on_consume };
static const struct abio_seek_impl seeks = { HEAD(seek, SEEK), .start_seek = on_seek };
static const struct abio_read_at_impl reads_at = { HEAD(read_at, READ_AT),
						   .start_read_at = on_start_read_at };
static const struct abio_write_at_impl writes_at = { HEAD(write_at, WRITE_AT),
						     .start_write_at = on_start_write_at };
static const struct abio_accept_impl tries_accepting = { HEAD(accept, ACCEPT),
							 .try_accept = on_accept };
static const struct abio_accept_impl starts_accepting = { HEAD(accept, ACCEPT),
							  .start_accept = on_start_accept };

static int32_t create(struct test *t, const void *first, const void *second, const void *third,
		      struct scripted *host)
{
	const void *given[3] = { first, second, third };
	const struct abio_table_head *impls[3];
	uint32_t count = 0;

	while (count < 3 && given[count] != NULL) {
		impls[count] = given[count];
		count++;
	}
	return abio_object_create(t->driver, impls, count, host, (uintptr_t)host, &host->io);
}

/* Up to three tables; the RELEASED event of the object has `user` as its token. */
static struct scripted *make(struct test *t, const void *first, const void *second,
			     const void *third)
{
	struct scripted *host = test_memory(t, sizeof(*host));

	host->t = t;
	host->later = ABIO_WOULD_BLOCK;
	assert_int_equal(create(t, first, second, third, host), 0);
	test_owed(t, (uintptr_t)host);
	test_own(t, host->io);
	return host;
}

static uint64_t reading(struct scripted *host, uint32_t length)
{
	return START(host->t, abio_read, host->io, test_memory(host->t, length), length, 0);
}

static uint64_t writing(struct scripted *host, uint32_t length)
{
	return START(host->t, abio_write, host->io, test_memory(host->t, length), length, 0);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void tables_that_cannot_be_are_refused(struct test *t)
{
	struct scripted *host = test_memory(t, sizeof(*host));
	struct abio_read_impl read = tries_reading;

	assert_int_equal(create(t, NULL, NULL, NULL, host), ABIO_E_ARGUMENT);
	assert_int_equal(create(t, &tries_reading, &tries_pieces, NULL, host), ABIO_E_ARGUMENT);
	read.try_read = NULL;
	assert_int_equal(create(t, &read, NULL, NULL, host), ABIO_E_ARGUMENT);
	read = tries_reading;
	read.head.trait = 99;
	assert_int_equal(create(t, &read, NULL, NULL, host), ABIO_E_ARGUMENT);
	read.head.trait = ABIO_TRAIT_SPLIT;
	assert_int_equal(create(t, &read, NULL, NULL, host), ABIO_E_ARGUMENT);
	read = tries_reading;
	read.head.size = 15;
	assert_int_equal(create(t, &read, NULL, NULL, host), ABIO_E_ARGUMENT);
	read.head.size = 1 << 20;
	assert_int_equal(create(t, &read, NULL, NULL, host), ABIO_E_ARGUMENT);
	read = tries_reading;
	read.head.caps = 1;
	assert_int_equal(create(t, &read, NULL, NULL, host), ABIO_E_ARGUMENT);
	test_quiet(t);
}

static void a_table_of_an_older_header_lacks_what_came_later(struct test *t)
{
	struct abio_read_impl read = tries_pieces;
	struct scripted *host;
	char data[4];
	struct abio_iovec pieces[2] = { { data, 2 }, { data + 2, 2 } };

	read.head.size = sizeof(read.head) + sizeof(void *);
	read.start_read = on_start_read;
	host = make(t, &read, NULL, NULL);
	host->answer = 2;
	assert_int_equal(abio_try_readv(host->io, pieces, 2, 0), 2);
	assert_int_equal(host->pieces, 0);
}

static void a_table_of_a_newer_header_is_taken_when_the_rest_is_zero(struct test *t)
{
	struct {
		struct abio_read_impl read;
		void *more;
	} newer = { .read = tries_reading };
	struct scripted *host;

	newer.read.head.size = sizeof(newer);
	host = make(t, &newer, NULL, NULL);
	host->answer = 1;
	assert_int_equal(abio_try_read(host->io, host->memory, 1, 0), 1);
	newer.more = host;
	assert_int_equal(create(t, &newer, NULL, NULL, test_memory(t, sizeof(*host))),
			 ABIO_E_TOO_NEW);
}

static void tables_are_copied(struct test *t)
{
	struct abio_read_impl read = tries_reading;
	struct scripted *host = make(t, &read, NULL, NULL);

	memset(&read, 0, sizeof(read));
	host->answer = 2;
	assert_int_equal(test_result(t, reading(host, 10)), 2);
}

static uint32_t caps_of(abio_io io, uint32_t trait)
{
	struct abio_trait_info info = { .size = sizeof(info) };
	int32_t error = abio_query(io, trait, &info);

	return error < 0 ? UINT32_MAX : info.caps;
}

static void it_has_the_traits_of_its_tables_and_the_provided_ones(struct test *t)
{
	struct scripted *host = make(t, &tries_reading, &tries_writing, NULL);
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
	host = make(t, &tries_pieces, NULL, NULL);
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

static void notifying_early_is_not_forgotten(struct test *t)
{
	struct scripted *host = make(t, &tries_reading, &is_told, NULL);

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
	struct scripted *host = make(t, &tries_reading, NULL, NULL);

	host->answer = ABIO_WOULD_BLOCK;
	host->during = notify_now;
	assert_int_equal(test_result(t, reading(host, 10)), 2);
	assert_int_equal(host->calls, 2);
}

static void every_waiter_for_readiness_is_told(struct test *t)
{
	struct scripted *host = make(t, &tries_reading, &is_told, NULL);
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
	struct scripted *host = make(t, &tries_reading, &tries_writing, &is_told);
	uint64_t read;
	uint64_t written;

	host->answer = ABIO_WOULD_BLOCK;
	read = reading(host, 10);
	test_quiet(t);
	assert_int_equal(host->interest, ABIO_INTEREST_READ);
	written = writing(host, 10);
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
	struct scripted *host = make(t, &tries_reading, NULL, NULL);
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
	struct scripted *host = make(t, &tries_pieces, NULL, NULL);
	char *data = test_memory(t, 10);
	struct abio_iovec pieces[3] = { { data, 0 }, { data, 4 }, { data + 4, 6 } };

	host->answer = 0;
	host->later = 10;
	assert_int_equal(abio_try_readv(host->io, pieces, 3, 0), ABIO_E_HOST);
	assert_int_equal(abio_try_readv(host->io, pieces, 3, 0), 10);
	assert_int_equal(host->pieces, 3);
	host = make(t, &tries_reading, NULL, NULL);
	host->answer = 3;
	assert_int_equal(abio_try_readv(host->io, pieces, 3, 0), 3);
	assert_ptr_equal(host->data, data);
	assert_int_equal(host->length, 4);
}

static void flush_is_the_hosts_when_it_has_one(struct test *t)
{
	struct scripted *host = make(t, &tries_flushing, NULL, NULL);
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
	host = make(t, &tries_writing, NULL, NULL);
	assert_int_equal(abio_try_flush(host->io), 0);
	assert_int_equal(test_result(t, START(t, abio_flush, host->io, 0)), 0);
	assert_int_equal(host->calls, 0);
}

static void what_was_put_is_written_before_the_close(struct test *t)
{
	struct scripted *host = make(t, &tries_writing, &closes, NULL);

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
	struct scripted *host = make(t, &tries_reading, NULL, NULL);
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
	struct scripted *host = make(t, &starts_writing, NULL, NULL);

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		host->answer = wrong[i];
		assert_int_equal(test_result(t, writing(host, 10)), ABIO_E_HOST);
		assert_int_equal(abio_object_complete(host->io, host->op, 1, 0), ABIO_E_ARGUMENT);
	}
	host->answer = ABIO_HOST_EOF;
	assert_int_equal(test_result(t, writing(host, 10)), ABIO_E_HOST);
}

static void errors_of_the_system_and_the_library_pass(struct test *t)
{
	struct scripted *host = make(t, &tries_reading, &tries_writing, NULL);

	host->answer = -EIO;
	assert_int_equal(test_result(t, reading(host, 10)), -EIO);
	host->answer = ABIO_E_LIMIT;
	assert_int_equal(abio_try_read(host->io, host->memory, 1, 0), ABIO_E_LIMIT);
	host->answer = -EPIPE;
	assert_int_equal(test_result(t, writing(host, 10)), -EPIPE);
	host->answer = -EAGAIN;
	assert_int_equal(abio_try_read(host->io, host->memory, 1, 0), ABIO_WOULD_BLOCK);
	host->answer = -ECANCELED;
	assert_int_equal(test_result(t, reading(host, 10)), ABIO_E_CANCELED);
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

static void a_completion_that_cannot_be_is_an_error_of_the_host(struct test *t)
{
	struct scripted *host = make(t, &starts_reading, NULL, NULL);
	uint64_t token;

	host->answer = ABIO_PENDING;
	host->later = ABIO_PENDING;
	token = reading(host, 10);
	test_quiet(t);
	assert_int_equal(abio_object_complete(host->io, host->op + 1, 1, 0), ABIO_E_ARGUMENT);
	assert_int_equal(abio_object_complete(host->io, 0, 1, 0), ABIO_E_ARGUMENT);
	assert_int_equal(abio_object_complete(host->io, host->op, 11, 0), ABIO_E_ARGUMENT);
	assert_int_equal(test_result(t, token), ABIO_E_HOST);
	token = reading(host, 10);
	test_quiet(t);
	assert_int_equal(abio_object_complete(host->io, host->op, 0, 0), 0);
	assert_int_equal(test_result(t, token), ABIO_E_HOST);
	token = reading(host, 10);
	test_quiet(t);
	assert_int_equal(abio_object_complete(host->io, host->op, ABIO_HOST_EOF, 0), 0);
	assert_int_equal(test_result(t, token), 0);
}

static void the_number_of_one_object_means_nothing_to_another(struct test *t)
{
	struct scripted *host = make(t, &starts_reading, NULL, NULL);
	struct scripted *other = make(t, &starts_reading, NULL, NULL);
	uint64_t tokens[2];

	host->answer = ABIO_PENDING;
	other->answer = ABIO_PENDING;
	tokens[0] = reading(host, 10);
	tokens[1] = reading(other, 10);
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
	struct scripted *host = make(t, &starts_reading, NULL, NULL);

	host->answer = ABIO_PENDING;
	host->during = complete_now;
	assert_int_equal(test_result(t, reading(host, 10)), 3);
	/* Completed and answered: one of them is wrong. */
	host->answer = 4;
	host->during = complete_now;
	assert_int_equal(test_result(t, reading(host, 10)), ABIO_E_HOST);
}

static void exact_forms_ask_again(struct test *t)
{
	struct scripted *host = make(t, &starts_reading, NULL, NULL);
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
	struct scripted *host = make(t, &starts_reading, &cancels, NULL);
	uint64_t token;

	host->answer = ABIO_PENDING;
	token = reading(host, 10);
	test_quiet(t);
	assert_int_equal(abio_cancel(host->io, token), 1);
	assert_int_equal(abio_object_complete(host->io, host->op, 7, 0), 0);
	assert_int_equal(test_result(t, token), 7);
	test_quiet(t);
	assert_int_equal(host->cancels, 0);
}

static void without_a_cancel_slot_the_host_ends_it(struct test *t)
{
	struct scripted *host = make(t, &starts_reading, NULL, NULL);
	uint64_t read;
	uint64_t closed;

	host->answer = ABIO_PENDING;
	read = reading(host, 10);
	test_quiet(t);
	closed = START(t, abio_close, host->io, 0);
	test_quiet(t);
	assert_int_equal(abio_object_complete(host->io, host->op, 2, 0), 0);
	assert_int_equal(test_result(t, read), 2);
	assert_int_equal(test_result(t, closed), 0);
}

static void writes_and_flushes_of_a_stream_are_started_one_by_one(struct test *t)
{
	struct scripted *host = make(t, &starts_flushing, NULL, NULL);
	uint64_t tokens[3];

	host->answer = ABIO_PENDING;
	host->later = ABIO_PENDING;
	tokens[0] = writing(host, 10);
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
	struct scripted *host = make(t, &starts_writing, NULL, NULL);
	uint64_t token;

	host->answer = ABIO_PENDING;
	token = START(t, abio_shutdown, host->io, 0);
	test_quiet(t);
	assert_int_equal(abio_object_complete(host->io, host->op, 1, 0), 0);
	assert_int_equal(test_result(t, token), 0);
}

static void readable_is_found_out_by_reading_ahead(struct test *t)
{
	struct scripted *host = make(t, &starts_reading, NULL, NULL);
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
	struct scripted *host = make(t, &starts_reading, &cancels, NULL);
	uint64_t ready = START(t, abio_ready, host->io, ABIO_INTEREST_READ, 0);
	uint64_t read;

	host->answer = ABIO_PENDING;
	test_quiet(t);
	assert_int_equal(abio_cancel(host->io, ready), 1);
	assert_int_equal(test_result(t, ready), ABIO_E_CANCELED);
	read = reading(host, 10);
	test_quiet(t);
	assert_int_equal(host->calls, 1);
	assert_int_equal(abio_object_complete(host->io, host->op, 5, 0), 0);
	assert_int_equal(test_result(t, read), 5);
}

static void closing_ends_the_read_ahead(struct test *t)
{
	struct scripted *host = make(t, &starts_reading, &cancels, NULL);
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
	struct scripted *host = make(t, &starts_writing, NULL, NULL);
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

/* ---- other traits -----------------------------------------------------------------------------
 */

static void positional_operations_may_overtake(struct test *t)
{
	struct scripted *host = make(t, &reads_at, &writes_at, NULL);
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
	struct scripted *host = make(t, &reads_at, &writes_at, NULL);
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
	struct scripted *host = make(t, &tries_reading, &seeks, NULL);
	uint64_t position;
	uint64_t token;

	assert_int_equal(abio_stream_position(host->io, &position), 0);
	assert_int_equal(position, 0);
	host->answer = 4;
	assert_int_equal(test_result(t, reading(host, 10)), 4);
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
	struct scripted *host = make(t, &fills, NULL, NULL);
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
	struct scripted *host = make(t, &fills, NULL, NULL);
	uint64_t token = START(t, abio_fill_buf, host->io, 0);

	host->answer = ABIO_WOULD_BLOCK;
	test_quiet(t);
	host->answer = 4;
	assert_int_equal(abio_object_notify(host->io, ABIO_READY_READ), 0);
	assert_int_equal(test_result(t, token), 4);
	/* Read is provided over it. */
	host->answer = 4;
	assert_int_equal(abio_consume(host->io, 4), 0);
	assert_int_equal(test_result(t, reading(host, 3)), 3);
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
	struct scripted *host = make(t, &tries_accepting, NULL, NULL);
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
	struct scripted *host = make(t, &starts_accepting, &cancels, NULL);
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
	struct scripted *host = make(t, &tries_reading, &closes, NULL);

	host->answer = 1;
	host->during = poll_and_close;
	assert_int_equal(test_result(t, reading(host, 10)), 1);
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
	struct scripted *host = make(t, &tries_reading, NULL, NULL);

	host->answer = 1;
	host->during = read_again;
	assert_int_equal(abio_try_read(host->io, host->memory, 1, 0), 1);
	host->answer = 1;
	host->during = read_again;
	assert_int_equal(test_result(t, reading(host, 10)), 1);
	assert_int_equal(host->seen, 2);
}

static void start_another(struct scripted *host)
{
	host->token = writing(host, 5);
	host->answer = 5;
}

static void operations_may_be_started_inside_a_slot(struct test *t)
{
	struct scripted *host = make(t, &tries_reading, &tries_writing, NULL);

	host->answer = 2;
	host->during = start_another;
	assert_int_equal(test_result(t, reading(host, 10)), 2);
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
	struct scripted *host = make(t, &tries_reading, NULL, NULL);
	uint64_t token;

	host->answer = 2;
	host->during = close_now;
	assert_int_equal(test_result(t, reading(host, 10)), 2);
	assert_int_equal(test_result(t, host->token), 0);
	host = make(t, &tries_reading, NULL, NULL);
	host->answer = ABIO_WOULD_BLOCK;
	host->during = close_now;
	token = reading(host, 10);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	assert_int_equal(test_result(t, host->token), 0);
	host = make(t, &tries_reading, NULL, NULL);
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
	struct scripted *host = make(t, &tries_reading, NULL, NULL);

	host->answer = 1;
	host->during = release_now;
	assert_int_equal(abio_try_read(host->io, host->memory, 1, 0), 1);
	test_finish(t, (uintptr_t)host);
	host = make(t, &starts_reading, NULL, NULL);
	host->answer = 1;
	host->during = release_now;
	assert_int_equal(test_result(t, reading(host, 10)), 1);
	test_finish(t, (uintptr_t)host);
}

static void cancel_itself(struct scripted *host)
{
	host->seen = abio_cancel(host->io, host->token);
}

static void an_operation_may_be_cancelled_inside_its_own_slot(struct test *t)
{
	struct scripted *host = make(t, &tries_reading, NULL, NULL);

	host->answer = ABIO_WOULD_BLOCK;
	host->during = cancel_itself;
	host->token = reading(host, 10);
	assert_int_equal(test_result(t, host->token), ABIO_E_CANCELED);
	assert_int_equal(host->seen, 1);
	host = make(t, &starts_reading, &cancels, NULL);
	host->answer = ABIO_PENDING;
	host->during = cancel_itself;
	host->token = reading(host, 10);
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
	struct scripted *host = make(t, &tries_reading, NULL, NULL);

	host->answer = ABIO_WOULD_BLOCK;
	host->during = shut_down_now;
	assert_int_equal(test_result(t, reading(host, 10)), ABIO_E_CANCELED);
	test_finish(t, (uintptr_t)host);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void a_close_may_take_its_time(struct test *t)
{
	struct scripted *host = make(t, &tries_reading, &closes, NULL);
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
	struct scripted *host = make(t, &starts_reading, &closes, NULL);
	uint64_t read;

	host->answer = ABIO_PENDING;
	host->later = ABIO_PENDING;
	read = reading(host, 10);
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
	host = make(t, &tries_reading, NULL, NULL);
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
	struct scripted *host = make(t, &tries_reading, &starts_writing, &closes);
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
	CASE(tables_that_cannot_be_are_refused),
	CASE(a_table_of_an_older_header_lacks_what_came_later),
	CASE(a_table_of_a_newer_header_is_taken_when_the_rest_is_zero),
	CASE(tables_are_copied),
	CASE(it_has_the_traits_of_its_tables_and_the_provided_ones),
	CASE(others_are_not_notified_or_completed),
	CASE(a_read_is_what_try_read_answers),
	CASE(positional_forms_are_provided),
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
	CASE(positional_operations_may_overtake),
	CASE(seeks_move_the_position),
	CASE(bytes_in_memory_are_shown_and_consumed),
	CASE(a_fill_waits_for_a_notification),
	CASE(connections_are_handed_on),
	CASE(any_number_may_accept),
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
