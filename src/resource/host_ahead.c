/*
 * What a host that only starts operations makes of readiness: it has no try_ slot to ask, and no
 * way to say that a read would not wait but by reading.  See host.h.
 *
 * Readable: one read of a few bytes goes ahead of the host's own, into memory of the object; what
 * it brought is read first, be it bytes, the end or an error.  It is begun only when somebody waits
 * for readiness, and stays with the host when nobody does any more: what it brings is not lost.
 * Writable: nothing is being written.  What try_write is given is copied, as by abio_put, one such
 * write at a time; so a loop of ready and try_write moves on here as it does on a socket. try_flush
 * starts a flush unless all is flushed.
 */
#include "host.h"

#include "check.h"
#include "inbuf.h"
#include "poison.h"
#include "request.h"
#include "transfer.h"

/* ---- reading --------------------------------------------------------------------------------- */

bool host_only_starts_reading(const struct host *host)
{
	return host->as_read.start_read != NULL && host->as_read.try_read == NULL &&
	       host->as_read.try_readv == NULL && host->as_buf_read.try_fill_buf == NULL;
}

static bool writing(const struct object *object)
{
	return object->writer != NULL || !outbox_idle(object);
}

uint32_t host_ahead_bits(const struct host *host)
{
	const struct object *object = host->object;
	uint32_t bits = 0;

	if (host_only_starts_reading(host) && (inbuf_left(object) > 0 || host->came))
		bits |= ABIO_READY_READ;
	if (host->as_write.start_write != NULL && host->as_write.try_write == NULL &&
	    !writing(object) && !host->flush_out)
		bits |= ABIO_READY_WRITE;
	return bits;
}

static void ahead_done(struct request *request, int64_t result)
{
	struct host *host = container_of(request, struct host, ahead);
	struct object *object = host->object;

	host->ahead_out = false;
	if (result > 0) {
		inbuf_show(object, host->ahead_memory, (uint32_t)result);
	} else if (result != ABIO_E_CANCELED) {
		host->came = true;
		host->outcome = (int32_t)result;
	}
	host_start_again(object->driver, &host->pollers);
	host_start_again(object->driver, &host->closers);
}

void host_go_ahead(struct host *host)
{
	struct request *request = &host->ahead;

	if (host->ahead_out || host->came || host->lane[LANE_READ] != NULL ||
	    inbuf_left(host->object) > 0)
		return;
	host->ahead_out = true;
	request->code = REQUEST_READ;
	request->object = host->object;
	request->driver = host->object->driver;
	request->data = host->ahead_memory;
	poison_begin(host->ahead_memory, sizeof(host->ahead_memory));
	request->length = sizeof(host->ahead_memory);
	request->canceled = false;
	request->done = ahead_done;
	request_start(request);
	driver_signal(request->driver);
}

static void end(struct request *request)
{
	if (request->canceled)
		return;
	request->canceled = true;
	request_cancel(request);
}

bool host_end_ahead(struct host *host)
{
	if (host->ahead_out)
		end(&host->ahead);
	if (host->flush_out)
		end(&host->flush);
	return host->ahead_out || host->flush_out;
}

bool host_take_outcome(struct host *host, int64_t *result)
{
	if (!host->came)
		return false;
	host->came = false;
	*result = host->outcome;
	return true;
}

int64_t host_try_ahead(struct object *object, const struct abio_iovec *iovecs, uint32_t count)
{
	int64_t result;

	(void)iovecs, (void)count;
	return host_take_outcome(host_of(object), &result) ? result : ABIO_WOULD_BLOCK;
}

/* ---- writing --------------------------------------------------------------------------------- */

static uint64_t length_of(const struct abio_iovec *iovecs, uint32_t count)
{
	uint64_t length = 0;

	for (uint32_t i = 0; i < count; i++)
		length += iovecs[i].length;
	return length;
}

/* What abio_put took before makes it busy, as elsewhere; what it took itself, not yet writable. */
static int32_t try_writev(struct object *self, const struct abio_iovec *iovecs, uint32_t count,
			  uint32_t flags)
{
	struct host *host = host_of(self);
	int32_t total = 0;
	int32_t taken = 0;

	(void)flags;
	if (vector_check(iovecs, count) < 0)
		return ABIO_E_ARGUMENT;
	if (self->writer != NULL)
		return ABIO_E_BUSY;
	if (outbox_error(self) != 0)
		return outbox_error(self);
	if (length_of(iovecs, count) == 0)
		return 0;
	if (!outbox_idle(self))
		return outbox_taken(self) == host->tried ? ABIO_WOULD_BLOCK : ABIO_E_BUSY;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t length = iovecs[i].length;

		if (length > TRANSFER_MAX)
			length = TRANSFER_MAX;
		taken = outbox_put(self, iovecs[i].base, (uint32_t)length);
		if (taken < 0)
			break;
		total += taken;
		host->tried = outbox_taken(self);
		if ((uint64_t)taken < length)
			break;
	}
	return total > 0 ? total : taken;
}

static int32_t try_write(struct object *self, const void *data, uint32_t length, uint32_t flags)
{
	struct abio_iovec one = { writable(data), length };

	return try_writev(self, &one, 1, flags);
}

static void flush_done(struct request *request, int64_t result)
{
	struct host *host = container_of(request, struct host, flush);

	host->flush_out = false;
	if (result < 0)
		host->flush_error = (int32_t)result;
	host_start_again(host->object->driver, &host->pollers);
	host_start_again(host->object->driver, &host->closers);
}

int32_t host_flush_ahead(struct host *host)
{
	struct request *request = &host->flush;
	int32_t error = host->flush_error;

	host->flush_error = 0;
	if (error < 0 || (!host->unflushed && !host->flush_out))
		return error;
	if (host->flush_out)
		return ABIO_WOULD_BLOCK;
	host->flush_out = true;
	request->code = REQUEST_FLUSH;
	request->object = host->object;
	request->driver = host->object->driver;
	request->canceled = false;
	request->done = flush_done;
	request_start(request);
	driver_signal(request->driver);
	return ABIO_WOULD_BLOCK;
}

void host_offer_trying(struct write_slots *slots)
{
	slots->try_write = try_write;
	slots->try_writev = try_writev;
}
