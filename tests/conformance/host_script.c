/*
 * An object that a host implements, for the cases about such objects: see host_script.h.
 *
 * Every slot notes what it was asked and ends in answered(), which gives the next answer; `during`
 * runs once, inside the slot.
 */
#include "host_script.h"

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

const struct abio_read_impl script_tries_reading = { HEAD(read, READ), .try_read = on_try_read };
const struct abio_read_impl script_tries_pieces = { HEAD(read, READ), .try_read = on_try_read,
						    .try_readv = on_try_readv };
const struct abio_read_impl script_starts_reading = { HEAD(read, READ),
						      .start_read = on_start_read };
const struct abio_write_impl script_tries_writing = { HEAD(write, WRITE),
						      .try_write = on_try_write };
const struct abio_write_impl script_tries_flushing = { HEAD(write, WRITE),
						       .try_write = on_try_write,
						       .try_flush = on_flush };
const struct abio_write_impl script_starts_writing = { HEAD(write, WRITE),
						       .start_write = on_start_write,
						       .start_shutdown = on_start_flush };
const struct abio_write_impl script_starts_flushing = { HEAD(write, WRITE),
							.start_write = on_start_write,
							.start_flush = on_start_flush };
const struct abio_object_impl script_cancels = { HEAD(object, OBJECT), .cancel = on_cancel };
const struct abio_object_impl script_closes = { HEAD(object, OBJECT), .close = on_close };
const struct abio_object_impl script_is_told = { HEAD(object, OBJECT), .interest = on_interest };
const struct abio_buf_read_impl script_fills = { HEAD(buf_read, BUF_READ), .try_fill_buf = on_fill,
						 .consume = on_consume };
const struct abio_seek_impl script_seeks = { HEAD(seek, SEEK), .start_seek = on_seek };
const struct abio_read_at_impl script_reads_at = { HEAD(read_at, READ_AT),
						   .start_read_at = on_start_read_at };
const struct abio_write_at_impl script_writes_at = { HEAD(write_at, WRITE_AT),
						     .start_write_at = on_start_write_at };
const struct abio_accept_impl script_tries_accepting = { HEAD(accept, ACCEPT),
							 .try_accept = on_accept };
const struct abio_accept_impl script_starts_accepting = { HEAD(accept, ACCEPT),
							  .start_accept = on_start_accept };

int32_t script_create(struct test *t, const void *first, const void *second, const void *third,
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

struct scripted *script_make(struct test *t, const void *first, const void *second,
			     const void *third)
{
	struct scripted *host = test_memory(t, sizeof(*host));

	host->t = t;
	host->later = ABIO_WOULD_BLOCK;
	assert_int_equal(script_create(t, first, second, third, host), 0);
	test_owed(t, (uintptr_t)host);
	test_own(t, host->io);
	return host;
}

uint64_t script_reading(struct scripted *host, uint32_t length)
{
	return START(host->t, abio_read, host->io, test_memory(host->t, length), length, 0);
}

uint64_t script_writing(struct scripted *host, uint32_t length)
{
	return START(host->t, abio_write, host->io, test_memory(host->t, length), length, 0);
}
