/*
 * try_ slots of objects that a host implements, called on the spot: from abio_try_read and the
 * like, and from starts with ABIO_START_INLINE.  See host.h.
 *
 * Meanwhile the direction has an operation, as everybody else sees it, and what the host does to
 * the object in there takes effect when the caller is done with it: in the next turn.
 */
#include "host.h"

#include <errno.h>
#include <string.h>

#include "inbuf.h"
#include "transfer.h"

/* Who reads or writes while a slot is tried on the spot. */
static struct operation on_the_spot;

static bool inside(const struct host *host, enum host_lane lane)
{
	return (host->inside & 1u << lane) != 0;
}

static struct operation **side(struct host *host, enum host_lane lane)
{
	return lane == LANE_READ ? &host->object->reader : &host->object->writer;
}

static void begin(struct visit *visit)
{
	struct operation **who = side(visit->host, visit->lane);

	host_enter(visit);
	if (*who == NULL)
		*who = &on_the_spot;
	visit->host->news &= ~host_bits(visit->lane);
	visit->asked = INT32_MAX;
}

static void left(struct visit *visit)
{
	struct host *host = visit->host;
	struct object *object = host->object;
	struct operation **who = side(host, visit->lane);

	if (*who == &on_the_spot) {
		*who = NULL;
		if (visit->lane == LANE_WRITE)
			outbox_continue(object);
	}
	/* Whoever called still uses it. */
	if (object->state != OBJECT_OPEN)
		host_has_chores(host);
	host_leave(visit);
}

/* What a try_ function answers. */
static int64_t answer(struct visit *visit)
{
	struct host *host = visit->host;
	uint32_t bits = host_bits(visit->lane);

	if (visit->result == ABIO_WOULD_BLOCK || visit->result == -EAGAIN) {
		if ((host->news & bits) == 0)
			host->ready &= ~bits;
		return ABIO_WOULD_BLOCK;
	}
	return host_verdict(visit->result, visit->asked);
}

static uint64_t total(const struct abio_iovec *iovecs, uint32_t count)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < count; i++)
		sum += iovecs[i].length;
	return sum;
}

/* ---- reading ------------------------------------------------------------------------------- */

int64_t host_call_fill(struct visit *visit)
{
	const struct host *host = visit->host;
	const void *data = NULL;
	int32_t result = host->as_buf_read.try_fill_buf(host->user, &data);

	if (result > 0 && data == NULL)
		return 0;
	if (result > 0)
		inbuf_show(host->object, writable(data), (uint32_t)result);
	return result;
}

int64_t host_try_fill(struct object *object)
{
	struct visit visit VISIT(left) = { .host = host_of(object), .lane = LANE_READ };

	begin(&visit);
	visit.result = host_call_fill(&visit);
	return visit.result == ABIO_HOST_EOF ? 0 : answer(&visit);
}

/* The bytes are gone from the inbuf whatever the host says. */
int32_t host_consumed(struct object *object, uint32_t count)
{
	struct host *host = host_of(object);
	struct visit visit VISIT(left) = { .host = host, .lane = LANE_READ };

	if (object->driver == NULL || host->closed)
		return 0;
	begin(&visit);
	visit.result = host->as_buf_read.consume(host->user, count);
	object->cursor += count;
	return visit.result > 0 ? 0 : host_error(visit.result);
}

/* Read of a host that has its bytes in memory and no try_read. */
static int64_t read_by_fill(struct host *host, const struct abio_iovec *piece)
{
	const void *data = NULL;
	int64_t result = host->as_buf_read.try_fill_buf(host->user, &data);
	int32_t consumed;

	if (result <= 0 || data == NULL)
		return result <= 0 ? result : 0;
	if ((uint64_t)result > piece->length)
		result = (int64_t)piece->length;
	memcpy(piece->base, data, (size_t)result);
	consumed = host->as_buf_read.consume(host->user, (uint32_t)result);
	return consumed > 0 ? result : consumed;
}

int64_t host_call_read(struct visit *visit, const struct abio_iovec *iovecs, uint32_t count)
{
	const struct abio_read_impl *read = &visit->host->as_read;

	if (read->try_readv != NULL && (count > 1 || read->try_read == NULL)) {
		visit->asked = total(iovecs, count);
		return read->try_readv(visit->host->user, iovecs, count);
	}
	while (count > 1 && iovecs->length == 0) {
		iovecs++;
		count--;
	}
	visit->asked = iovecs->length;
	if (read->try_read == NULL)
		return read_by_fill(visit->host, iovecs);
	return read->try_read(visit->host->user, iovecs->base, (uint32_t)iovecs->length);
}

int64_t host_call_write(struct visit *visit, const struct abio_iovec *iovecs, uint32_t count)
{
	const struct abio_write_impl *write = &visit->host->as_write;

	if (write->try_writev != NULL && (count > 1 || write->try_write == NULL)) {
		visit->asked = total(iovecs, count);
		return write->try_writev(visit->host->user, iovecs, count);
	}
	while (count > 1 && iovecs->length == 0) {
		iovecs++;
		count--;
	}
	visit->asked = iovecs->length;
	return write->try_write(visit->host->user, iovecs->base, (uint32_t)iovecs->length);
}

int64_t host_try_readv(struct object *object, const struct abio_iovec *iovecs, uint32_t count)
{
	struct host *host = host_of(object);
	struct visit visit VISIT(left) = { .host = host, .lane = LANE_READ };
	int64_t result;

	begin(&visit);
	visit.result = host_call_read(&visit, iovecs, count);
	if (visit.result == ABIO_HOST_EOF)
		return 0;
	result = answer(&visit);
	if (result > 0)
		object->cursor += (uint64_t)result;
	return result;
}

int64_t host_try_writev(struct object *object, const struct abio_iovec *iovecs, uint32_t count)
{
	struct visit visit VISIT(left) = { .host = host_of(object), .lane = LANE_WRITE };
	int64_t result;

	begin(&visit);
	visit.result = host_call_write(&visit, iovecs, count);
	result = answer(&visit);
	if (result > 0) {
		object->cursor += (uint64_t)result;
		visit.host->unflushed = true;
	}
	return result;
}

static int32_t flush_now(struct host *host)
{
	struct visit visit VISIT(left) = { .host = host, .lane = LANE_WRITE };
	int64_t result;

	begin(&visit);
	visit.result = host->as_write.try_flush(host->user);
	result = answer(&visit);
	return result > 0 ? 0 : (int32_t)result;
}

int32_t host_try_flush(struct object *object)
{
	struct host *host = host_of(object);

	if (host->as_write.try_flush == NULL)
		return host->as_write.start_flush == NULL ? 0 : host_flush_ahead(host);
	return inside(host, LANE_WRITE) ? ABIO_E_BUSY : flush_now(host);
}

int32_t host_ready_now(struct object *object, uint32_t interest)
{
	uint32_t bits = 0;

	if ((interest & ABIO_INTEREST_READ) != 0)
		bits |= host_bits(LANE_READ);
	if ((interest & ABIO_INTEREST_WRITE) != 0)
		bits |= host_bits(LANE_WRITE);
	return (int32_t)((host_of(object)->ready | host_ahead_bits(host_of(object))) & bits);
}

/* ---- accept ---------------------------------------------------------------------------------- */

static int32_t accept_now(struct host *host, abio_io *accepted)
{
	struct visit visit VISIT(left) = { .host = host, .lane = LANE_READ };
	int64_t result;

	begin(&visit);
	visit.result = host->as_accept.try_accept(host->user, &visit.value);
	result = answer(&visit);
	if (result <= 0)
		return (int32_t)result;
	if (handle_find(visit.value, HANDLE_IO) == NULL)
		return ABIO_E_HOST;
	*accepted = visit.value;
	return 0;
}

static int32_t try_accept(struct object *self, uint32_t flags, abio_io *accepted)
{
	struct host *host = host_of(self);

	(void)flags;
	if (host->as_accept.try_accept == NULL)
		return ABIO_WOULD_BLOCK;
	return inside(host, LANE_READ) ? ABIO_E_BUSY : accept_now(host, accepted);
}

static void accept_done(struct request *request, int64_t result)
{
	operation_finish(operation_of(request), result);
}

static int32_t start_accept(struct object *self, uint32_t flags, uint64_t token)
{
	struct operation *operation = operation_create(self->driver, self, token);

	(void)flags;
	if (operation == NULL)
		return -ENOMEM;
	operation_accept(operation, SIDE_NONE);
	operation_submit(operation, REQUEST_ACCEPT, accept_done);
	return 0;
}

const struct accept_slots host_accept_slots = {
	.try_accept = try_accept,
	.accept = start_accept,
};
