/*
 * abio_buf_reader: BufRead over anything that reads, through one buffer.
 *
 * The buffer is shown as the object's inbuf.  What is underneath is asked for more only when the
 * buffer is empty; a read at least as large as the buffer goes past it, into the host's own memory.
 * Where there is no Ready underneath (files), waiting for readiness fills the buffer: so what
 * cannot be polled has readiness and try_ here.  An end or error that this meets is kept for
 * whoever reads next, or a loop of ready and try would never come to it.
 *
 * Invariants: at most one operation is on what is underneath (`filling`, or a read that goes past);
 * a request in adapter.read waits for it; those in `waiting` want to know that something is there.
 */
#include "adapter.h"
#include "check.h"
#include "fill.h"
#include "platform.h"
#include "poison.h"
#include "request.h"

#define CAPACITY_DEFAULT 8192u
#define CAPACITY_MAX     (1u << 30)
#define PAGE             4096u /* what direct reads of files want */
#define ALIGNMENT_SMALL  64u

struct buf_reader {
	struct adapter adapter;
	uint8_t *data;
	uint32_t capacity;
	uint32_t window; /* where nothing is left: so much before the position is still in `data` */
	bool filling;
	bool came; /* `outcome` of a fill that nobody read for */
	int64_t outcome;
	struct request *seeking; /* waits for the filling to end; so does */
	struct request *closing;
	struct list waiting; /* REQUEST_READY, where nobody underneath answers it */
};

static void go_on(struct buf_reader *reader, int64_t result);

static struct buf_reader *reader_of(const struct object *object)
{
	return object->own;
}

/* ---- the buffer ---------------------------------------------------------------------------- */

static void show(struct buf_reader *reader, uint32_t length)
{
	reader->window = inbuf_left(reader->adapter.object) > 0 ? 0 : length;
	inbuf_show(reader->adapter.object, reader->data, length);
}

static void filled(struct operation *operation, int64_t result)
{
	struct buf_reader *reader = operation->owner;

	reader->filling = false;
	if (result > 0) {
		show(reader, (uint32_t)result);
	} else if (result != ABIO_E_CANCELED && reader->adapter.read == NULL &&
		   reader->seeking == NULL) {
		reader->came = true;
		reader->outcome = result;
	}
	go_on(reader, result);
}

static void start_filling(struct buf_reader *reader)
{
	struct abio_iovec whole = { reader->data, reader->capacity };

	check(!reader->filling && inbuf_left(reader->adapter.object) == 0);
	reader->filling = true;
	reader->window = 0;
	poison_begin(reader->data, reader->capacity);
	inner_read(reader->adapter.inner, &reader->adapter.reading, &whole, 1, filled, reader);
}

/* ---- who waits for it ---------------------------------------------------------------------- */

static int64_t serve(struct request *request)
{
	struct abio_iovec one = { request->data, request->length };

	if (request->code == REQUEST_FILL)
		return inbuf_left(request->object);
	return request->iovecs == NULL
		       ? inbuf_read(request->object, &one, 1)
		       : inbuf_read(request->object, request->iovecs, request->count);
}

static void answer_reader(struct buf_reader *reader, int64_t result)
{
	struct request *request = reader->adapter.read;

	if (request == NULL)
		return;
	reader->adapter.read = NULL;
	request_finish(request, result > 0 ? serve(request) : result);
}

static bool take_outcome(struct buf_reader *reader, int64_t *result)
{
	if (!reader->came)
		return false;
	reader->came = false;
	*result = reader->outcome;
	return true;
}

static int32_t readiness_of(int64_t result)
{
	if (result > 0)
		return ABIO_READY_READ;
	return result == 0 ? ABIO_READY_READ | ABIO_READY_READ_CLOSED
			   : ABIO_READY_READ | ABIO_READY_ERROR;
}

static void answer_waiting(struct buf_reader *reader, int64_t result)
{
	bool some = inbuf_left(reader->adapter.object) > 0; /* maybe given back by a copy */
	bool ready = some || (result <= 0 && result != ABIO_E_CANCELED);
	struct list *link;

	while (ready && (link = list_take(&reader->waiting)) != NULL)
		request_finish(container_of(link, struct request, link),
			       readiness_of(some ? 1 : result));
	/* Somebody else's read took it all, or somebody else was cancelled. */
	if (!list_empty(&reader->waiting) && !reader->filling && reader->adapter.read == NULL &&
	    reader->closing == NULL)
		start_filling(reader);
}

/* A relative seek was worked out before `result` bytes were read ahead. */
static void go_on_seeking(struct buf_reader *reader, int64_t result)
{
	struct request *request = reader->seeking;

	reader->seeking = NULL;
	if (request == NULL)
		return;
	if (request->code == REQUEST_SEEK && request->flags == ABIO_SEEK_CURRENT && result > 0)
		request->offset -= (uint64_t)result;
	adapter_perform(request);
}

static void finish_closing(struct buf_reader *reader)
{
	struct request *request = reader->closing;

	reader->closing = NULL;
	adapter_let_go(&reader->adapter);
	request_finish(request, 0);
}

static void go_on(struct buf_reader *reader, int64_t result)
{
	go_on_seeking(reader, result);
	answer_reader(reader, result);
	answer_waiting(reader, result);
	if (reader->closing != NULL)
		finish_closing(reader);
}

/* ---- requests ------------------------------------------------------------------------------ */

static void went_past(struct operation *operation, int64_t result)
{
	struct buf_reader *reader = operation->owner;
	struct request *request = reader->adapter.read;

	reader->adapter.read = NULL;
	request_finish(request, result);
	answer_waiting(reader, ABIO_E_CANCELED);
}

static bool is_large(const struct buf_reader *reader, const struct abio_iovec *iovecs,
		     uint32_t count)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < count && total < reader->capacity; i++)
		total += iovecs[i].length;
	return total >= reader->capacity;
}

static void read_or_fill(struct buf_reader *reader, struct request *request)
{
	struct abio_iovec one = { request->data, request->length };
	const struct abio_iovec *iovecs = request->iovecs == NULL ? &one : request->iovecs;
	uint32_t count = request->iovecs == NULL ? 1 : request->count;
	int64_t outcome;

	check(reader->adapter.read == NULL);
	if (inbuf_left(request->object) > 0) {
		request_finish(request, serve(request));
	} else if (take_outcome(reader, &outcome)) {
		request_finish(request, outcome);
	} else if (reader->filling) {
		reader->adapter.read = request;
	} else if (request->code == REQUEST_READ && is_large(reader, iovecs, count)) {
		reader->window = 0;
		adapter_read(&reader->adapter, request, iovecs, count, went_past);
	} else {
		reader->adapter.read = request;
		start_filling(reader);
	}
}

/* Where nobody underneath knows. */
static int32_t bits_now(const struct buf_reader *reader, uint32_t interest)
{
	int32_t bits = (interest & ABIO_INTEREST_WRITE) != 0 ? ABIO_READY_WRITE : 0;

	if ((interest & ABIO_INTEREST_READ) == 0)
		return bits;
	if (inbuf_left(reader->adapter.object) > 0)
		return bits | ABIO_READY_READ;
	return reader->came ? bits | readiness_of(reader->outcome) : bits;
}

static void ready(struct buf_reader *reader, struct request *request)
{
	int32_t bits = bits_now(reader, (uint32_t)request->flags);

	if (bits != 0) {
		request_finish(request, bits);
		return;
	}
	request->state = REQUEST_WAITING;
	list_append(&reader->waiting, &request->link);
	if (!reader->filling && reader->adapter.read == NULL)
		start_filling(reader);
}

static void seek(struct buf_reader *reader, struct request *request)
{
	reader->window = 0;
	reader->came = false;
	if (!reader->filling) {
		adapter_perform(request);
		return;
	}
	reader->seeking = request;
	operation_cancel(&reader->adapter.reading);
}

static void close_reader(struct buf_reader *reader, struct request *request)
{
	reader->closing = request;
	if (reader->filling)
		operation_cancel(&reader->adapter.reading);
	else
		finish_closing(reader);
}

static void perform(struct request *request)
{
	struct buf_reader *reader = reader_of(request->object);

	request->state = REQUEST_SUBMITTED;
	switch (request->code) {
	case REQUEST_READ:
	case REQUEST_FILL:
		read_or_fill(reader, request);
		break;
	case REQUEST_READY:
		if (reader->adapter.inner->class->ready != NULL)
			adapter_perform(request);
		else
			ready(reader, request);
		break;
	case REQUEST_SEEK:
	case REQUEST_LENGTH:
		seek(reader, request);
		break;
	case REQUEST_CLOSE:
		close_reader(reader, request);
		break;
	default:
		adapter_perform(request);
		break;
	}
}

static void withdraw(struct request *request)
{
	struct buf_reader *reader = reader_of(request->object);

	if (request == reader->adapter.read) {
		operation_cancel(&reader->adapter.reading);
	} else if (request == reader->seeking) {
		reader->seeking = NULL;
		request_finish(request, ABIO_E_CANCELED);
	} else if (request->state == REQUEST_WAITING) {
		list_remove(&request->link);
		request_finish(request, ABIO_E_CANCELED);
	} else {
		adapter_withdraw(request);
	}
}

/* ---- at once ------------------------------------------------------------------------------- */

static int64_t try_fill(struct object *object)
{
	struct buf_reader *reader = reader_of(object);
	struct abio_iovec whole = { reader->data, reader->capacity };
	int64_t result;

	if (reader->filling)
		return ABIO_WOULD_BLOCK;
	if (take_outcome(reader, &result))
		return result;
	reader->window = 0;
	poison_begin(reader->data, reader->capacity);
	result = adapter_try_readv(object, &whole, 1);
	if (result > 0)
		show(reader, (uint32_t)result);
	return result;
}

static int64_t try_readv(struct object *object, const struct abio_iovec *iovecs, uint32_t count)
{
	struct buf_reader *reader = reader_of(object);
	int64_t result;

	if (!reader->filling && !reader->came && is_large(reader, iovecs, count)) {
		reader->window = 0;
		return adapter_try_readv(object, iovecs, count);
	}
	result = try_fill(object);
	return result > 0 ? inbuf_read(object, iovecs, count) : result;
}

static int32_t ready_now(struct object *object, uint32_t interest)
{
	if (adapter_of(object)->inner->class->ready != NULL)
		return adapter_ready_now(object, interest);
	return bits_now(reader_of(object), interest);
}

static struct span here(const struct object *self)
{
	uint32_t window = reader_of(self)->window;

	if (inbuf_left(self) > 0)
		return self->inbuf->first;
	return (struct span){ .start = window, .end = window };
}

static void move(struct object *self, const struct span *now, int64_t offset)
{
	/* What a copy gave back stands elsewhere. */
	if (now->view != NULL) {
		inbuf_consume(self, (uint32_t)offset);
		return;
	}
	inbuf_drop(self);
	if (now->start + offset < now->end) {
		show(reader_of(self), now->end);
		inbuf_consume(self, (uint32_t)(now->start + offset));
	}
}

/* Where the new position lies in the buffer nobody is asked. */
static int32_t seek_relative(struct object *self, int64_t offset, uint32_t flags, uint64_t token)
{
	struct span now = here(self);
	int64_t back = now.view == NULL ? now.start : 0;
	struct operation *operation;
	uint64_t position;
	int32_t error;

	if (self->reader != NULL || self->writer != NULL)
		return ABIO_E_BUSY;
	if (offset < -back || offset > span_left(&now) || reader_of(self)->filling)
		return self->class->seek->seek(self, ABIO_SEEK_CURRENT, offset, flags, token);
	error = self->class->seek->stream_position(self, &position);
	if (error < 0)
		return error;
	operation = operation_create(self->driver, self, token);
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	operation_accept(operation, SIDE_BOTH);
	move(self, &now, offset);
	operation_finish(operation, (int64_t)position + offset);
	return 0;
}

/* ---- life ---------------------------------------------------------------------------------- */

static void dispose(struct object *object)
{
	struct buf_reader *reader = reader_of(object);

	if (reader == NULL)
		return;
	/* Of an abandoned driver: the kernel or a worker may still write to it. */
	if (reader->filling)
		reader->adapter.read = &reader->adapter.reading.request;
	if (!reader->filling && reader->data != NULL) {
		poison_begin(reader->data, reader->capacity);
		platform_release(reader->data);
	}
	adapter_dispose(object);
}

#define BUF_READ_SLOTS                                                                 \
	.receive = receive_slot_receive, .receive_pause = receive_slot_pause,          \
	.receive_resume = receive_slot_resume, .try_fill_buf = fill_slot_try_fill_buf, \
	.consume = fill_slot_consume, .fill_buf = fill_slot_fill_buf,                  \
	.read_until = until_slot_read_until, .read_line = until_slot_read_line,        \
	.has_data_left = until_slot_has_data_left

static const struct buf_read_slots seekable_slots = { BUF_READ_SLOTS,
						      .seek_relative = seek_relative };

static const struct object_class buf_reader_class = {
	.name = "buffered reader",
	.kind = ABIO_KIND_BUF_READER,
	.perform = perform,
	.withdraw = withdraw,
	.dispose = dispose,
	.forget = adapter_forget,
	.try_fill = try_fill,
	.try_readv = try_readv,
	.try_writev = adapter_try_writev,
	.try_flush = adapter_try_flush,
	.ready_now = ready_now,
	.position = adapter_position,
	.ready = &stream_ready_slots,
	.read = &stream_read_slots,
	.write = &stream_write_slots,
	.buf_read = &stream_buf_read_slots,
	.buf_write = &stream_buf_write_slots,
	.owned_read = &owned_read_slots,
	.owned_write = &owned_write_slots,
	.seek = &seek_slots,
	.split = &split_slots,
};

/* Everything that reads through the buffer is there whatever is underneath; writing as it is there.
 */
static void choose_traits(struct adapter *adapter, const struct object *inner)
{
	struct object_class *class = &adapter->class;

	class->ready = NULL;
	class->read = NULL;
	adapter_cut(adapter, inner);
	class->ready = &stream_ready_slots;
	class->read = &stream_read_slots;
	if (class->seek != NULL)
		class->buf_read = &seekable_slots;
	if (inner->class->split == NULL)
		class->split = NULL;
}

int32_t impl_buf_reader(struct object *io, uint32_t capacity, uint32_t flags, abio_io *out)
{
	struct buf_reader *reader;
	struct object *object;
	int32_t error;

	(void)flags;
	if (io->class->read == NULL)
		return ABIO_E_UNSUPPORTED;
	if (capacity > CAPACITY_MAX)
		return ABIO_E_ARGUMENT;
	error = adapter_create(io, &buf_reader_class, sizeof(*reader), &object);
	if (error < 0)
		return error;
	reader = reader_of(object);
	list_init(&reader->waiting);
	reader->capacity = capacity == 0 ? CAPACITY_DEFAULT : capacity;
	reader->data = platform_memory.allocate(reader->capacity,
						reader->capacity < PAGE ? ALIGNMENT_SMALL : PAGE);
	if (reader->data == NULL || inbuf_of(object) == NULL) {
		object_discard(object);
		return PLATFORM_NO_MEMORY;
	}
	choose_traits(&reader->adapter, io);
	*out = object->id;
	return 0;
}
