/*
 * abio_buf_writer: BufWrite over anything that writes, through one buffer.
 *
 * What is written, put or committed is collected and goes to what is underneath, one operation at a
 * time, when the buffer is full or somebody needs it out: a flush, shutdown, seek or close, who
 * waits for room.  A write at least as large as the buffer goes past it when it is empty.
 *
 * Invariants: data[start, end) is taken and not gone, in order; while `sending`, the operation
 * underneath has bytes from `start` on, and they do not move; nothing moves either while memory
 * behind `end` is reserved; the first error sticks and empties the buffer.
 */
#include <string.h>

#include "adapter.h"
#include "check.h"
#include "inbuf.h"
#include "platform.h"
#include "request.h"

#define CAPACITY_DEFAULT 8192u
#define CAPACITY_MAX     (1u << 30)
#define PAGE             4096u
#define ALIGNMENT_SMALL  64u

struct buf_writer {
	struct adapter adapter;
	uint8_t *data;
	uint32_t capacity;
	uint32_t start;
	uint32_t end;
	uint32_t reserved; /* bytes behind `end` that the host may write to */
	uint32_t taken;    /* both modulo 2^32 */
	uint32_t gone;
	int32_t error;
	bool sending;
	struct request *closing;
	struct list waiting; /* requests for which bytes must be gone first, in order */
};

static void go_on(struct buf_writer *writer);

static struct buf_writer *writer_of(const struct object *object)
{
	return object->own;
}

static bool is_empty(const struct buf_writer *writer)
{
	return writer->start == writer->end;
}

/* ---- the buffer ---------------------------------------------------------------------------- */

/* How much fits behind what is there.  Whoever asks ends the reservation. */
static uint32_t room(struct buf_writer *writer)
{
	writer->reserved = 0;
	if (!writer->sending && writer->start > 0) {
		memmove(writer->data, writer->data + writer->start, writer->end - writer->start);
		writer->end -= writer->start;
		writer->start = 0;
	}
	return writer->capacity - writer->end;
}

static void fail(struct buf_writer *writer, int32_t error)
{
	if (writer->error == 0)
		writer->error = error;
	writer->start = writer->end;
	writer->gone = writer->taken;
}

static void sent(struct operation *operation, int64_t result)
{
	struct buf_writer *writer = operation->owner;

	writer->sending = false;
	if (result > 0) {
		writer->start += (uint32_t)result;
		writer->gone += (uint32_t)result;
	} else {
		fail(writer, result == 0 ? ABIO_E_WRITE_ZERO : (int32_t)result);
	}
	if (writer->adapter.object->abort && !is_empty(writer))
		fail(writer, ABIO_E_CANCELED);
	go_on(writer);
}

static void send(struct buf_writer *writer)
{
	struct abio_iovec piece = { writer->data + writer->start, writer->end - writer->start };

	if (writer->sending || is_empty(writer) || writer->error != 0)
		return;
	writer->sending = true;
	inner_write(writer->adapter.inner, &writer->adapter.writing, &piece, 1, sent, writer);
}

static uint32_t collect(struct buf_writer *writer, const void *data, uint64_t length)
{
	uint32_t count = room(writer);

	if (length < count)
		count = (uint32_t)length;
	if (count > 0)
		memcpy(writer->data + writer->end, data, count);
	writer->end += count;
	writer->taken += count;
	return count;
}

static uint32_t collect_all(struct buf_writer *writer, const struct abio_iovec *iovecs,
			    uint32_t count)
{
	uint32_t total = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t part = collect(writer, iovecs[i].base, iovecs[i].length);

		total += part;
		if (part < iovecs[i].length)
			break;
	}
	if (writer->end == writer->capacity)
		send(writer);
	return total;
}

static bool goes_past(const struct buf_writer *writer, const struct abio_iovec *iovecs,
		      uint32_t count)
{
	uint64_t total = 0;

	if (writer->sending || !is_empty(writer))
		return false;
	for (uint32_t i = 0; i < count && total < writer->capacity; i++)
		total += iovecs[i].length;
	return total >= writer->capacity;
}

/* ---- reserving ----------------------------------------------------------------------------- */

static void grant(struct operation *operation)
{
	struct buf_writer *writer = writer_of(operation->object);
	struct abio_event *event = operation_event(operation);

	writer->reserved = room(writer);
	event->data = (uint64_t)(uintptr_t)(writer->data + writer->end);
	event->flags |= ABIO_EVENT_VIEW;
	operation->shows = true;
	operation_finish(operation, writer->reserved);
}

static void give_up(struct operation *operation)
{
	operation_finish(operation, ABIO_E_CANCELED);
}

/* The reserve that waits for room. */
static struct operation *reserver(const struct buf_writer *writer)
{
	struct operation *operation = writer->adapter.object->writer;

	return operation != NULL && operation->resume == grant && operation->parked ? operation
										    : NULL;
}

static void answer_reserver(struct buf_writer *writer)
{
	struct operation *operation = reserver(writer);

	if (operation == NULL)
		return;
	if (writer->error == 0 && room(writer) < operation->length)
		return;
	operation->parked = false;
	if (writer->error != 0)
		operation_finish(operation, writer->error);
	else
		grant(operation);
}

/* ---- who waits ----------------------------------------------------------------------------- */

static void answer_writer(struct buf_writer *writer)
{
	struct request *request = writer->adapter.write;
	struct abio_iovec one;
	int64_t result = writer->error;

	if (request == NULL || request->state != REQUEST_WAITING)
		return;
	if (result == 0 && room(writer) == 0)
		return;
	writer->adapter.write = NULL;
	one = (struct abio_iovec){ request->data, request->length };
	if (result == 0 && request->iovecs == NULL)
		result = collect_all(writer, &one, 1);
	else if (result == 0)
		result = collect_all(writer, request->iovecs, request->count);
	request_finish(request, result);
}

static bool is_out(const struct buf_writer *writer, const struct request *request)
{
	if (request->code == REQUEST_READ || request->code == REQUEST_FILL)
		return is_empty(writer);
	return (int32_t)(writer->gone - request->length) >= 0;
}

static void answer_waiting(struct buf_writer *writer)
{
	while (!list_empty(&writer->waiting)) {
		struct request *request = container_of(writer->waiting.next, struct request, link);

		if (writer->error == 0 && !is_out(writer, request))
			break;
		list_remove(&request->link);
		if (writer->error != 0)
			request_finish(request, writer->error);
		else if (request->code == REQUEST_READY)
			request_finish(request, ABIO_READY_WRITE);
		else
			adapter_perform(request);
	}
}

static bool is_wanted_out(const struct buf_writer *writer)
{
	const struct request *request = writer->adapter.write;

	return writer->end == writer->capacity || writer->closing != NULL ||
	       !list_empty(&writer->waiting) || reserver(writer) != NULL ||
	       (request != NULL && request->state == REQUEST_WAITING);
}

static void finish_closing(struct buf_writer *writer)
{
	struct request *request = writer->closing;

	if (request == NULL || writer->sending || !is_empty(writer))
		return;
	writer->closing = NULL;
	adapter_let_go(&writer->adapter);
	request_finish(request, writer->error);
}

static void go_on(struct buf_writer *writer)
{
	answer_waiting(writer);
	answer_writer(writer);
	answer_reserver(writer);
	if (is_wanted_out(writer))
		send(writer);
	finish_closing(writer);
}

/* ---- requests ------------------------------------------------------------------------------ */

static void wait_for(struct buf_writer *writer, struct request *request, uint32_t gone)
{
	request->state = REQUEST_WAITING;
	if (request->code != REQUEST_READ && request->code != REQUEST_FILL)
		request->length = gone;
	list_append(&writer->waiting, &request->link);
	send(writer);
}

static void write_or_wait(struct buf_writer *writer, struct request *request)
{
	struct abio_iovec one = { request->data, request->length };
	const struct abio_iovec *iovecs = request->iovecs == NULL ? &one : request->iovecs;
	uint32_t count = request->iovecs == NULL ? 1 : request->count;

	check(writer->adapter.write == NULL);
	writer->reserved = 0;
	if (writer->error != 0) {
		request_finish(request, writer->error);
	} else if (goes_past(writer, iovecs, count)) {
		adapter_perform(request);
	} else if (room(writer) > 0) {
		request_finish(request, collect_all(writer, iovecs, count));
	} else {
		request->state = REQUEST_WAITING;
		writer->adapter.write = request;
		send(writer);
	}
}

static void ready(struct buf_writer *writer, struct request *request)
{
	bool writes = (request->flags & ABIO_INTEREST_WRITE) != 0;

	if (writes && (writer->error != 0 || writer->end - writer->start < writer->capacity))
		request_finish(request, ABIO_READY_WRITE);
	else if (writer->adapter.inner->class->ready != NULL)
		adapter_perform(request);
	else if (writes)
		wait_for(writer, request, writer->gone + 1);
	else
		request_finish(request, ABIO_E_UNSUPPORTED);
}

/* What depends on where `io` stands, or says that nothing more comes, goes behind what is here. */
static void perform_behind(struct buf_writer *writer, struct request *request)
{
	writer->reserved = 0;
	if (writer->error != 0)
		request_finish(request, writer->error);
	else if (is_empty(writer) && !writer->sending)
		adapter_perform(request);
	else
		wait_for(writer, request, writer->taken);
}

static void close_writer(struct buf_writer *writer, struct request *request)
{
	writer->closing = request;
	if (writer->adapter.object->abort && !writer->sending && !is_empty(writer))
		fail(writer, ABIO_E_CANCELED);
	else if (writer->adapter.object->abort && writer->sending)
		operation_cancel(&writer->adapter.writing);
	send(writer);
	finish_closing(writer);
}

static void perform(struct request *request)
{
	struct buf_writer *writer = writer_of(request->object);

	request->state = REQUEST_SUBMITTED;
	switch (request->code) {
	case REQUEST_WRITE:
		write_or_wait(writer, request);
		break;
	case REQUEST_READY:
		ready(writer, request);
		break;
	case REQUEST_FLUSH:
	case REQUEST_SHUTDOWN:
	case REQUEST_SEEK:
	case REQUEST_LENGTH:
		perform_behind(writer, request);
		break;
	case REQUEST_CLOSE:
		close_writer(writer, request);
		break;
	default:
		if (writer->adapter.inner->class->seek != NULL && !is_empty(writer))
			wait_for(writer, request, 0);
		else
			adapter_perform(request);
		break;
	}
}

static void withdraw(struct request *request)
{
	struct buf_writer *writer = writer_of(request->object);

	if (request == writer->closing) {
		if (writer->sending)
			operation_cancel(&writer->adapter.writing);
		else
			fail(writer, ABIO_E_CANCELED);
		finish_closing(writer);
	} else if (request->state != REQUEST_WAITING) {
		adapter_withdraw(request);
	} else {
		if (request == writer->adapter.write)
			writer->adapter.write = NULL;
		else
			list_remove(&request->link);
		request_finish(request, ABIO_E_CANCELED);
	}
}

/* ---- at once ------------------------------------------------------------------------------- */

static int64_t try_writev(struct object *object, const struct abio_iovec *iovecs, uint32_t count)
{
	struct buf_writer *writer = writer_of(object);
	uint32_t taken;

	writer->reserved = 0;
	if (writer->error != 0)
		return writer->error;
	if (goes_past(writer, iovecs, count))
		return adapter_try_writev(object, iovecs, count);
	taken = collect_all(writer, iovecs, count);
	if (taken > 0)
		return taken;
	send(writer);
	return writer->error != 0 ? writer->error : ABIO_WOULD_BLOCK;
}

static int64_t try_readv(struct object *object, const struct abio_iovec *iovecs, uint32_t count)
{
	if (adapter_of(object)->inner->class->seek != NULL && !is_empty(writer_of(object)))
		return ABIO_WOULD_BLOCK;
	return adapter_try_readv(object, iovecs, count);
}

static int32_t try_flush(struct object *object)
{
	struct buf_writer *writer = writer_of(object);

	writer->reserved = 0;
	send(writer);
	if (writer->error != 0)
		return writer->error;
	return writer->sending || !is_empty(writer) ? ABIO_WOULD_BLOCK : adapter_try_flush(object);
}

static int32_t ready_now(struct object *object, uint32_t interest)
{
	struct buf_writer *writer = writer_of(object);
	int32_t bits = 0;

	if (writer->adapter.inner->class->ready != NULL)
		bits = adapter_ready_now(object, interest);
	if (bits >= 0 && (interest & ABIO_INTEREST_WRITE) != 0 &&
	    (writer->error != 0 || writer->end - writer->start < writer->capacity))
		bits |= ABIO_READY_WRITE;
	return bits;
}

/* ---- BufWrite ------------------------------------------------------------------------------ */

static int32_t put(struct object *self, const void *data, uint32_t length)
{
	struct buf_writer *writer = writer_of(self);
	struct abio_iovec one = { writable(data), length };
	uint32_t count;

	if (self->writer != NULL)
		return ABIO_E_BUSY;
	if (writer->error != 0)
		return writer->error;
	count = collect_all(writer, &one, 1);
	if (count > 0 || length == 0)
		return (int32_t)count;
	send(writer);
	return writer->error != 0 ? writer->error : ABIO_WOULD_BLOCK;
}

static int32_t reservable(const struct object *self, uint32_t minimum)
{
	if (minimum == 0)
		return ABIO_E_ARGUMENT;
	if (self->writer != NULL)
		return ABIO_E_BUSY;
	return minimum > writer_of(self)->capacity ? ABIO_E_LIMIT : 0;
}

static int32_t try_reserve(struct object *self, uint32_t minimum, void **data)
{
	struct buf_writer *writer = writer_of(self);
	int32_t error = reservable(self, minimum);

	if (error == 0)
		error = writer->error;
	if (error != 0)
		return error;
	if (room(writer) < minimum) {
		send(writer);
		return writer->error != 0 ? writer->error : ABIO_WOULD_BLOCK;
	}
	writer->reserved = room(writer);
	*data = writer->data + writer->end;
	return (int32_t)writer->capacity - (int32_t)writer->end;
}

static int32_t commit(struct object *self, uint32_t count)
{
	struct buf_writer *writer = writer_of(self);

	if (writer->error != 0)
		return writer->error;
	if (count > writer->reserved || (count > 0 && self->writer != NULL))
		return ABIO_E_ARGUMENT;
	writer->end += count;
	writer->taken += count;
	writer->reserved = 0;
	if (writer->end == writer->capacity)
		send(writer);
	return 0;
}

static int32_t reserve(struct object *self, uint32_t minimum, uint32_t flags, uint64_t token)
{
	struct buf_writer *writer = writer_of(self);
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
	answer_reserver(writer);
	if (reserver(writer) != NULL)
		send(writer);
	return 0;
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
	struct buf_writer *writer = writer_of(object);
	int32_t error = adapter_position(object, at);

	*at += writer->end - writer->start;
	return error;
}

static void dispose(struct object *object)
{
	struct buf_writer *writer = writer_of(object);

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
	.perform = perform,
	.withdraw = withdraw,
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
	writer = writer_of(object);
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
