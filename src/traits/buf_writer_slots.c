/*
 * What a host calls of an abio_buf_writer: what is answered at once, put, reserve and commit, which
 * traits it has, how it comes and goes.  The bytes themselves are in the hands of buf_writer.c.
 *
 * Invariants: `start` and `sending` change in buf_writer.c only; at most one reserve waits, and it
 * is the writer of the object.
 */
#include "buf_writer.h"

#include "inbuf.h"
#include "platform.h"

#define CAPACITY_DEFAULT 8192u
#define CAPACITY_MAX     (1u << 30)
#define PAGE             4096u
#define ALIGNMENT_SMALL  64u

static void grant(struct operation *operation);

/* What was reserved is not any more; but the reserve that is in flight stays as it is. */
static void unreserve(struct object *object)
{
	if (object->writer == NULL || object->writer->resume != grant)
		buf_writer_of(object)->reserved = 0;
}

/* ---- at once ------------------------------------------------------------------------------- */

static int64_t try_writev(struct object *object, const struct abio_iovec *iovecs, uint32_t count)
{
	struct buf_writer *writer = buf_writer_of(object);
	uint32_t taken;

	writer->reserved = 0;
	if (writer->error != 0)
		return writer->error;
	if (buf_writer_goes_past(writer, iovecs, count))
		return adapter_try_writev(object, iovecs, count);
	taken = buf_writer_collect(writer, iovecs, count);
	if (taken > 0)
		return taken;
	buf_writer_send(writer);
	return writer->error != 0 ? writer->error : ABIO_WOULD_BLOCK;
}

static int64_t try_readv(struct object *object, const struct abio_iovec *iovecs, uint32_t count)
{
	if (adapter_of(object)->inner->class->seek != NULL &&
	    !buf_writer_empty(buf_writer_of(object)))
		return ABIO_WOULD_BLOCK;
	return adapter_try_readv(object, iovecs, count);
}

static int32_t try_flush(struct object *object)
{
	struct buf_writer *writer = buf_writer_of(object);

	unreserve(object);
	buf_writer_send(writer);
	if (writer->error != 0)
		return writer->error;
	return writer->sending || !buf_writer_empty(writer) ? ABIO_WOULD_BLOCK
							    : adapter_try_flush(object);
}

static int32_t ready_now(struct object *object, uint32_t interest)
{
	struct buf_writer *writer = buf_writer_of(object);
	int32_t bits = 0;

	if (writer->adapter.inner->class->ready != NULL)
		bits = adapter_ready_now(object, interest);
	if (bits >= 0 && (interest & ABIO_INTEREST_WRITE) != 0 &&
	    (writer->error != 0 || writer->end - writer->start < writer->capacity))
		bits |= ABIO_READY_WRITE;
	return bits;
}

/* ---- reserving ----------------------------------------------------------------------------- */

static void grant(struct operation *operation)
{
	struct buf_writer *writer = buf_writer_of(operation->object);
	struct abio_event *event = operation_event(operation);

	writer->reserved = buf_writer_room(writer);
	event->data = (uint64_t)(uintptr_t)(writer->data + writer->end);
	event->flags |= ABIO_EVENT_VIEW;
	operation->keeps_side = true;
	operation_finish(operation, writer->reserved);
}

static void give_up(struct operation *operation)
{
	operation_finish(operation, ABIO_E_CANCELED);
}

/* The reserve that waits for room. */
struct operation *buf_writer_reserver(const struct buf_writer *writer)
{
	struct operation *operation = writer->adapter.object->writer;

	return operation != NULL && operation->resume == grant && operation->parked ? operation
										    : NULL;
}

void buf_writer_answer_reserver(struct buf_writer *writer)
{
	struct operation *operation = buf_writer_reserver(writer);

	if (operation == NULL)
		return;
	if (writer->error == 0 && buf_writer_room(writer) < operation->length)
		return;
	operation->parked = false;
	if (writer->error != 0)
		operation_finish(operation, writer->error);
	else
		grant(operation);
}

/* ---- BufWrite ------------------------------------------------------------------------------ */

static int32_t put(struct object *self, const void *data, uint32_t length)
{
	struct buf_writer *writer = buf_writer_of(self);
	struct abio_iovec one = { writable(data), length };
	uint32_t count;

	if (self->writer != NULL)
		return ABIO_E_BUSY;
	if (writer->error != 0)
		return writer->error;
	count = buf_writer_collect(writer, &one, 1);
	if (count > 0 || length == 0)
		return (int32_t)count;
	buf_writer_send(writer);
	return writer->error != 0 ? writer->error : ABIO_WOULD_BLOCK;
}

static int32_t reservable(const struct object *self, uint32_t minimum)
{
	if (minimum == 0)
		return ABIO_E_ARGUMENT;
	if (self->writer != NULL)
		return ABIO_E_BUSY;
	return minimum > buf_writer_of(self)->capacity ? ABIO_E_LIMIT : 0;
}

static int32_t try_reserve(struct object *self, uint32_t minimum, void **data)
{
	struct buf_writer *writer = buf_writer_of(self);
	int32_t error = reservable(self, minimum);

	if (error == 0)
		error = writer->error;
	if (error != 0)
		return error;
	if (buf_writer_room(writer) < minimum) {
		buf_writer_send(writer);
		return writer->error != 0 ? writer->error : ABIO_WOULD_BLOCK;
	}
	writer->reserved = buf_writer_room(writer);
	*data = writer->data + writer->end;
	return (int32_t)writer->capacity - (int32_t)writer->end;
}

static int32_t commit(struct object *self, uint32_t count)
{
	struct buf_writer *writer = buf_writer_of(self);

	if (writer->error != 0)
		return writer->error;
	if (count > writer->reserved || (count > 0 && self->writer != NULL))
		return ABIO_E_ARGUMENT;
	writer->end += count;
	writer->taken += count;
	writer->reserved = 0;
	if (writer->end == writer->capacity)
		buf_writer_send(writer);
	return 0;
}

static int32_t reserve(struct object *self, uint32_t minimum, uint32_t flags, uint64_t token)
{
	struct buf_writer *writer = buf_writer_of(self);
	struct operation *operation;
	int32_t error = reservable(self, minimum);

	(void)flags;
	if (error != 0)
		return error;
	operation = operation_create(self->driver, self, token);
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	operation->length = minimum;
	operation->resume = grant;
	operation->abort = give_up;
	operation->parked = true;
	operation_accept(operation, SIDE_WRITE);
	buf_writer_answer_reserver(writer);
	if (buf_writer_reserver(writer) != NULL)
		buf_writer_send(writer);
	return 0;
}

static int32_t flush(struct object *self, uint32_t flags, uint64_t token)
{
	unreserve(self);
	return stream_write_slots.flush(self, flags, token);
}

static const struct buf_write_slots buf_write_slots = {
	.put = put,
	.try_reserve = try_reserve,
	.commit = commit,
	.reserve = reserve,
};

/* ---- life ---------------------------------------------------------------------------------- */

/* Before what is in the buffer; behind it is where the next write goes. */
static int32_t position(struct object *object, uint64_t *at)
{
	struct buf_writer *writer = buf_writer_of(object);
	int32_t error = adapter_position(object, at);

	if (error == 0)
		*at += writer->end - writer->start;
	return error;
}

static void dispose(struct object *object)
{
	struct buf_writer *writer = buf_writer_of(object);

	if (writer == NULL)
		return;
	/* Of an abandoned driver: the kernel or a worker may still read it. */
	if (writer->sending)
		writer->adapter.write = &writer->adapter.writing.request;
	else
		platform_release(writer->data);
	adapter_dispose(object);
}

static const struct object_class buf_writer_class = {
	.name = "buffered writer",
	.kind = ABIO_KIND_BUF_WRITER,
	.perform = buf_writer_perform,
	.withdraw = buf_writer_withdraw,
	.dispose = dispose,
	.forget = adapter_forget,
	.try_fill = adapter_try_fill,
	.try_readv = try_readv,
	.try_writev = try_writev,
	.try_flush = try_flush,
	.ready_now = ready_now,
	.position = position,
	.ready = &stream_ready_slots,
	.read = &stream_read_slots,
	.write = &stream_write_slots,
	.buf_read = &stream_buf_read_slots,
	.buf_write = &buf_write_slots,
	.owned_read = &owned_read_slots,
	.owned_write = &owned_write_slots,
	.seek = &seek_slots,
	.split = &split_slots,
};

/* Everything that writes through the buffer is there whatever is underneath; reading as it is. */
static bool choose_traits(struct adapter *adapter, struct object *inner)
{
	struct object_class *class = &adapter->class;

	class->ready = NULL;
	class->write = NULL;
	adapter_cut(adapter, inner);
	class->ready = &stream_ready_slots;
	adapter->write_slots = stream_write_slots;
	adapter->write_slots.flush = flush;
	if (inner->class->write->shutdown == NULL)
		adapter->write_slots.shutdown = NULL;
	class->write = &adapter->write_slots;
	if (inner->class->split == NULL)
		class->split = NULL;
	if (inner->class->buf_read == NULL)
		class->buf_read = NULL;
	return class->buf_read == NULL || inbuf_share(adapter->object, inner);
}

int32_t impl_buf_writer(struct object *io, uint32_t capacity, uint32_t flags, abio_io *out)
{
	struct buf_writer *writer;
	struct object *object;
	int32_t error;

	(void)flags;
	if (io->class->write == NULL)
		return ABIO_E_UNSUPPORTED;
	if (capacity > CAPACITY_MAX)
		return ABIO_E_ARGUMENT;
	error = adapter_create(io, &buf_writer_class, sizeof(*writer), &object);
	if (error < 0)
		return error;
	writer = buf_writer_of(object);
	list_init(&writer->waiting);
	writer->capacity = capacity == 0 ? CAPACITY_DEFAULT : capacity;
	writer->data = platform_memory.allocate(writer->capacity,
						writer->capacity < PAGE ? ALIGNMENT_SMALL : PAGE);
	if (writer->data == NULL || !choose_traits(&writer->adapter, io)) {
		object_discard(object);
		return PLATFORM_NO_MEMORY;
	}
	*out = object->id;
	return 0;
}
