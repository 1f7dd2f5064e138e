/* See transfer.h.  Freestanding; talks to the system only through requests and class primitives. */
#include "transfer.h"

#include <string.h>

#include "buffer.h"
#include "check.h"
#include "inbuf.h"
#include "platform.h"

static void step(struct operation *operation);

/* Of an exact vectored transfer, at the head of its extra memory. */
struct pieces {
	const struct abio_iovec *left;
	uint32_t count;
	struct abio_iovec all[];
};

static void drop_pieces(struct operation *operation, uint64_t moved)
{
	struct pieces *pieces = operation->extra;

	vector_advance(pieces->all, &pieces->left, &pieces->count, moved);
}

static bool reads(enum request_code code)
{
	return code == REQUEST_READ || code == REQUEST_READ_AT;
}

static void advance_cursor(struct operation *operation, int64_t moved)
{
	if (operation->uses_cursor && moved > 0)
		operation->object->cursor += (uint64_t)moved;
}

static void step_done(struct request *request, int64_t result)
{
	struct operation *operation = operation_of(request);

	if (result > 0)
		operation->progress += (uint64_t)result;
	if (result > 0 && operation->buffer != NULL && reads(request->code))
		buffer_fill(operation->buffer, (uint32_t)result);
	advance_cursor(operation, result);
	if (!operation->exact || result < 0) {
		operation_finish(operation, result);
	} else if (operation->progress == operation->length) {
		operation_finish(operation, operation->length);
	} else if (result == 0) {
		operation_finish(operation,
				 reads(request->code) ? ABIO_E_UNEXPECTED_EOF : ABIO_E_WRITE_ZERO);
	} else if (operation->canceled) {
		operation_finish(operation, ABIO_E_CANCELED);
	} else {
		operation->driver->moved += (uint32_t)result;
		if (operation->in_pieces)
			drop_pieces(operation, (uint64_t)result);
		else
			request->data = (uint8_t *)request->data + result;
		step(operation);
	}
}

/* What was read ahead goes first. */
static int64_t from_inbuf(const struct operation *operation)
{
	const struct request *request = &operation->request;
	struct abio_iovec one = { request->data, request->length };

	if (request->iovecs == NULL)
		return inbuf_read(operation->object, &one, 1);
	return inbuf_read(operation->object, request->iovecs, request->count);
}

/* Of an exact vectored transfer: what one step may move. */
static void next_pieces(struct operation *operation)
{
	struct request *request = &operation->request;
	const struct pieces *pieces = operation->extra;
	struct abio_iovec first;
	uint64_t total;

	vector_clamp(pieces->left, pieces->count, transfer_limit(operation->object),
		     &request->count, &first, &total);
	request->iovecs = request->count == 0 ? NULL : pieces->left;
	request->data = first.base;
	request->length = (uint32_t)first.length;
}

static void step(struct operation *operation)
{
	struct request *request = &operation->request;
	uint32_t left = operation->length - (uint32_t)operation->progress;
	uint32_t limit = transfer_limit(operation->object);

	request->offset = operation->offset + operation->progress;
	if (operation->in_pieces)
		next_pieces(operation);
	else if (request->iovecs == NULL)
		request->length = left < limit ? left : limit;
	if (request->code == REQUEST_READ && inbuf_left(operation->object) > 0) {
		step_done(request, from_inbuf(operation));
		return;
	}
	operation_submit(operation, (enum request_code)request->code, step_done);
}

static void parked_abort(struct operation *operation)
{
	operation_finish(operation, ABIO_E_CANCELED);
}

void writer_resume(struct operation *operation)
{
	int32_t error = outbox_error(operation->object);

	if (error != 0)
		operation_finish(operation, error);
	else
		operation->resume(operation);
}

void writer_park(struct operation *operation)
{
	struct object *object = operation->object;

	operation->parked = true;
	operation->abort = parked_abort;
	operation->offset = outbox_taken(object);
	outbox_seal(object);
	outbox_continue(object);
}

void writer_start(struct operation *operation)
{
	struct object *object = operation->object;

	outbox_unreserve(object);
	if (outbox_idle(object))
		writer_resume(operation);
	else
		writer_park(operation);
}

static void resume(struct operation *operation)
{
	operation->offset = 0; /* of a parked writer: what it waited for */
	step(operation);
}

uint32_t transfer_limit(const struct object *object)
{
	return object->class->positional ? FILE_STEP : TRANSFER_MAX;
}

static struct operation *create_copying(const struct transfer *transfer, uint32_t whole)
{
	struct object *object = transfer->object;
	size_t head = transfer->exact ? sizeof(struct pieces) : 0;
	size_t size = whole * sizeof(struct abio_iovec);
	struct operation *operation = operation_create_with(object->driver, object, transfer->token,
							    head + size);
	struct pieces *pieces;
	void *copy;

	if (operation == NULL)
		return NULL;
	copy = (uint8_t *)operation->extra + head;
	memcpy(copy, transfer->iovecs, size);
	operation->request.iovecs = copy;
	if (transfer->exact) {
		pieces = operation->extra;
		pieces->left = copy;
		pieces->count = whole;
	}
	return operation;
}

static struct operation *create(const struct transfer *transfer, uint32_t whole,
				const struct abio_iovec *first, uint64_t total)
{
	struct object *object = transfer->object;
	struct operation *operation = transfer->given;

	if (operation != NULL) {
		operation_prepare(operation, object, transfer->reply, transfer->owner);
		operation->request.data = first->base;
		operation->length = whole == 0 ? (uint32_t)first->length : (uint32_t)total;
		operation->request.iovecs = whole == 0 ? NULL : transfer->iovecs;
		operation->request.count = whole;
		return operation;
	}
	if (whole == 0) {
		operation = operation_create(object->driver, object, transfer->token);
		if (operation == NULL)
			return NULL;
		operation->request.data = first->base;
		operation->length = (uint32_t)first->length;
	} else {
		operation = create_copying(transfer, whole);
		if (operation == NULL)
			return NULL;
		operation->request.count = whole;
		operation->length = (uint32_t)total;
	}
	return operation;
}

bool transfer_busy(const struct transfer *transfer)
{
	const struct object *object = transfer->object;

	/* One cursor serves both directions of a file. */
	if (transfer->cursor)
		return object->reader != NULL || object->writer != NULL;
	if (transfer->side == SIDE_READ)
		return object->reader != NULL;
	return transfer->side == SIDE_WRITE && object->writer != NULL;
}

int64_t transfer_try(const struct transfer *transfer)
{
	struct object *object = transfer->object;
	const struct object_class *class = object->class;
	struct abio_iovec given = { transfer->data, transfer->length };
	const struct abio_iovec *iovecs = transfer->iovecs == NULL ? &given : transfer->iovecs;
	struct abio_iovec first;
	uint32_t count = transfer->iovecs == NULL ? 1 : transfer->count;
	uint32_t whole;
	uint64_t total;
	uint64_t offset = transfer->cursor ? object->cursor : transfer->offset;
	int64_t moved;

	vector_clamp(iovecs, count, transfer_limit(transfer->object), &whole, &first, &total);
	if (total == 0)
		return 0;
	if (whole == 0) {
		iovecs = &first;
		whole = 1;
	}
	if (transfer->code == REQUEST_READ && inbuf_left(object) > 0)
		return inbuf_read(object, iovecs, whole);
	if (transfer->code == REQUEST_READ)
		return class->try_readv == NULL ? ABIO_WOULD_BLOCK
						: class->try_readv(object, iovecs, whole);
	if (transfer->code == REQUEST_WRITE)
		outbox_unreserve(object);
	if (transfer->code == REQUEST_WRITE && outbox_error(object) != 0)
		return outbox_error(object);
	if (transfer->code == REQUEST_WRITE)
		return outbox_idle(object) && class->try_writev != NULL
			       ? class->try_writev(object, iovecs, whole)
			       : ABIO_WOULD_BLOCK;
	if (transfer->code == REQUEST_WRITE_AT || class->try_readv_at == NULL)
		return ABIO_WOULD_BLOCK;
	moved = class->try_readv_at(object, iovecs, whole, offset);
	if (transfer->cursor && moved > 0)
		object->cursor += (uint64_t)moved;
	return moved;
}

/* A short count of an exact form is progress, not a result: the rest goes on asynchronously. */
static int64_t try_inline(const struct transfer *transfer, uint64_t total, uint64_t *progress)
{
	int64_t moved = transfer_try(transfer);

	if (!transfer->exact || moved < 0 || (uint64_t)moved == total)
		return moved;
	if (moved == 0)
		return reads(transfer->code) ? ABIO_E_UNEXPECTED_EOF : ABIO_E_WRITE_ZERO;
	*progress = (uint64_t)moved;
	return ABIO_WOULD_BLOCK;
}

/* An event for the result alone, should the kernel need the buffer for longer. */
static bool prepare_hold(struct operation *operation, const struct transfer *transfer,
			 uint64_t total)
{
	struct driver *driver = operation->driver;

	if (transfer->buffer == NULL || transfer->code != REQUEST_WRITE ||
	    transfer->object->class->perform != NULL || driver->backend->holds == NULL ||
	    !driver->backend->holds(transfer->object, (uint32_t)total))
		return true;
	operation->extra = operation_create(driver, NULL, 0);
	operation->may_hold = true;
	operation->request.flags = REQUEST_MAY_HOLD;
	return operation->extra != NULL;
}

/*
 * A host that is asked may itself start something, and close: the direction is taken already, and
 * the object stays until the caller settles it.
 */
static int64_t try_alone(const struct transfer *transfer, struct operation *operation,
			 uint64_t total, uint64_t *progress)
{
	struct object *object = transfer->object;
	struct operation **side = transfer->side == SIDE_READ    ? &object->reader
				  : transfer->side == SIDE_WRITE ? &object->writer
								 : NULL;
	int64_t result;

	object->hold++;
	if (side != NULL)
		*side = operation;
	result = try_inline(transfer, total, progress);
	if (side != NULL)
		*side = NULL;
	object->hold--;
	return result;
}

int32_t transfer_start(const struct transfer *transfer)
{
	struct object *object = transfer->object;
	struct abio_iovec first = { transfer->data, transfer->length };
	struct operation *operation;
	uint64_t progress = 0;
	uint64_t total;
	uint32_t whole = 0;
	bool now = (transfer->flags & ABIO_START_INLINE) != 0;

	if (transfer_busy(transfer))
		return ABIO_E_BUSY;
	if (!transfer->exact && first.length > transfer_limit(object))
		first.length = transfer_limit(object);
	total = first.length;
	if (transfer->iovecs != NULL)
		vector_clamp(transfer->iovecs, transfer->count,
			     transfer->exact ? TRANSFER_MAX : transfer_limit(transfer->object),
			     &whole, &first, &total);
	operation = create(transfer, whole, &first, total);
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	if (!prepare_hold(operation, transfer, total)) {
		operation_discard(operation);
		return PLATFORM_NO_MEMORY;
	}
	if (now) {
		int64_t result = try_alone(transfer, operation, total, &progress);

		if (result != ABIO_WOULD_BLOCK) {
			operation_discard(operation);
			object_settle(object);
			return (int32_t)result;
		}
	}
	operation->exact = transfer->exact;
	operation->uses_cursor = transfer->cursor;
	operation->offset = transfer->cursor ? object->cursor - progress : transfer->offset;
	operation->progress = progress;
	operation->buffer = transfer->buffer;
	operation->request.code = (uint8_t)transfer->code;
	operation->resume = resume;
	operation->in_pieces = transfer->exact && whole > 0;
	if (operation->in_pieces)
		drop_pieces(operation, progress);
	else if (progress > 0)
		operation->request.data = (uint8_t *)operation->request.data + progress;
	operation_accept(operation, transfer->side);
	/* A slot of the host's that was tried just now may have closed it. */
	if (object->state != OBJECT_OPEN)
		operation_finish(operation, ABIO_E_CANCELED);
	else if (total == 0)
		operation_finish(operation, 0);
	else if (transfer->code == REQUEST_WRITE)
		writer_start(operation);
	else
		step(operation);
	return now ? ABIO_PENDING : 0;
}
