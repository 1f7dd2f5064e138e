/* See adapter.h. */
#include "adapter.h"

#include <string.h>

#include "check.h"
#include "fill.h"
#include "handle.h"
#include "inbuf.h"
#include "platform.h"
#include "request.h"

/* Slot tables are arrays of function pointers. */
static void cut(void *slots, const void *inner, size_t size)
{
	uint8_t *mine = slots;
	const uint8_t *theirs = inner;

	for (size_t at = 0; at < size; at += sizeof(void (*)(void))) {
		void (*slot)(void);

		memcpy(&slot, theirs + at, sizeof(slot));
		if (slot == NULL)
			memcpy(mine + at, &slot, sizeof(slot));
	}
}

static int32_t ready_fd(struct object *self, uint32_t interest, int32_t *fd, uint32_t *events)
{
	struct object *inner = adapter_of(self)->inner;
	int32_t error = adapter_usable(inner);

	return error < 0 ? error : inner->class->ready->ready_fd(inner, interest, fd, events);
}

void adapter_cut(struct adapter *adapter, const struct object *inner)
{
	struct object_class *class = &adapter->class;

	if (class->ready != NULL) {
		if (class->ready != &adapter->ready_slots)
			adapter->ready_slots = *class->ready;
		adapter->ready_slots.ready_fd = ready_fd;
		cut(&adapter->ready_slots, inner->class->ready, sizeof(adapter->ready_slots));
		class->ready = &adapter->ready_slots;
	}
	if (class->read != NULL) {
		if (class->read != &adapter->read_slots)
			adapter->read_slots = *class->read;
		cut(&adapter->read_slots, inner->class->read, sizeof(adapter->read_slots));
		class->read = &adapter->read_slots;
	}
	if (class->write != NULL) {
		if (class->write != &adapter->write_slots)
			adapter->write_slots = *class->write;
		cut(&adapter->write_slots, inner->class->write, sizeof(adapter->write_slots));
		class->write = &adapter->write_slots;
	}
}

static void adopt_traits(struct adapter *adapter, const struct object_class *class)
{
	const struct object_class *inner = adapter->inner->class;

	adapter->class = *class;
	adapter->class.reserve = (uint32_t)sizeof(struct operation) + inner->reserve;
	adapter->class.caps |= inner->caps & (ABIO_CAP_CALLS_HOST | ABIO_CAP_VECTORED);
	if (inner->ready == NULL)
		adapter->class.ready = NULL;
	if (inner->read == NULL)
		adapter->class.read = NULL;
	if (inner->write == NULL)
		adapter->class.write = NULL;
	if (inner->seek == NULL)
		adapter->class.seek = NULL;
	if (adapter->class.read == NULL) {
		adapter->class.buf_read = NULL;
		adapter->class.owned_read = NULL;
	}
	if (adapter->class.write == NULL) {
		adapter->class.buf_write = NULL;
		adapter->class.owned_write = NULL;
	}
}

int32_t adapter_create(struct object *inner, const struct object_class *class, size_t size,
		       struct object **out)
{
	struct object *object;
	struct adapter *adapter;

	if (inner->class->reserve > ADAPTERS_RESERVE_MAX)
		return ABIO_E_LIMIT;
	object = object_create(inner->driver, class);
	if (object == NULL)
		return PLATFORM_NO_MEMORY;
	/* Behind it, what passing on its own requests takes. */
	adapter = platform_allocate(size + inner->class->reserve);
	if (adapter == NULL) {
		object_discard(object);
		return PLATFORM_NO_MEMORY;
	}
	adapter->object = object;
	adapter->inner = inner;
	adapter_hold(inner);
	adapter->room = (uint8_t *)adapter + size;
	adopt_traits(adapter, class);
	object->own = adapter;
	object->class = &adapter->class;
	object_open(object, -1);
	*out = object;
	return 0;
}

void adapter_hold(struct object *inner)
{
	inner->users++;
}

void adapter_drop(struct object *inner)
{
	check(inner->users > 0);
	inner->users--;
	if (inner->users == 0 && inner->released)
		object_unreferenced(inner);
}

void adapter_let_go(struct adapter *adapter)
{
	struct object *inner = adapter->inner;

	adapter->inner = NULL;
	if (inner != NULL)
		adapter_drop(inner);
}

void adapter_end(struct object *object)
{
	struct adapter *adapter = adapter_of(object);

	if (adapter != NULL && adapter->inner != NULL)
		adapter->inner->users--;
	if (adapter != NULL)
		adapter->inner = NULL;
}

void adapter_forget_inner(struct object **held)
{
	struct object *inner = *held;

	*held = NULL;
	if (inner == NULL)
		return;
	inner->users--;
	if (inner->users == 0 && handle_find(inner->id, HANDLE_IO) == NULL)
		object_forget(inner);
}

void adapter_forget(struct object *object)
{
	struct adapter *adapter = adapter_of(object);

	adapter_forget_inner(&adapter->inner);
}

void adapter_dispose(struct object *object)
{
	struct adapter *adapter = adapter_of(object);

	if (adapter == NULL)
		return;
	adapter_let_go(adapter);
	object->own = NULL;
	/* An abandoned driver leaves its requests where they are: a worker may be at one. */
	if (adapter->read == NULL && adapter->write == NULL)
		platform_release(adapter);
}

/* ---- what passes through ------------------------------------------------------------------- */

static void read_replied(struct operation *operation, int64_t result)
{
	struct adapter *adapter = operation->owner;
	struct request *request = adapter->read;

	adapter->read = NULL;
	request_finish(request, result);
}

static void write_replied(struct operation *operation, int64_t result)
{
	struct adapter *adapter = operation->owner;
	struct request *request = adapter->write;

	adapter->write = NULL;
	request_finish(request, result);
}

static void asked_replied(struct operation *operation, int64_t result)
{
	request_finish(operation->owner, result);
}

void adapter_read(struct adapter *adapter, struct request *request, const struct abio_iovec *iovecs,
		  uint32_t count, void (*reply)(struct operation *operation, int64_t result))
{
	adapter->read = request;
	inner_read(adapter->inner, &adapter->reading, iovecs, count, reply, adapter);
}

static void transfer(struct adapter *adapter, struct request *request)
{
	struct abio_iovec one = { request->data, request->length };
	const struct abio_iovec *iovecs = request->iovecs == NULL ? &one : request->iovecs;
	uint32_t count = request->iovecs == NULL ? 1 : request->count;

	if (request->code == REQUEST_READ) {
		check(adapter->read == NULL);
		adapter_read(adapter, request, iovecs, count, read_replied);
	} else {
		check(adapter->write == NULL);
		adapter->write = request;
		inner_write(adapter->inner, &adapter->writing, iovecs, count, write_replied,
			    adapter);
	}
}

struct operation *adapter_reserved(struct request *request)
{
	struct operation *operation = operation_of(request)->extra;

	operation->extra = operation + 1;
	return operation;
}

void adapter_perform(struct request *request)
{
	struct adapter *adapter = adapter_of(request->object);

	request->state = REQUEST_SUBMITTED;
	switch (request->code) {
	case REQUEST_READ:
	case REQUEST_WRITE:
		transfer(adapter, request);
		break;
	case REQUEST_FILL:
		check(adapter->read == NULL);
		adapter->read = request;
		inner_ask(adapter->inner, &adapter->reading, REQUEST_FILL, 0, 0, read_replied,
			  adapter);
		break;
	case REQUEST_CLOSE:
		adapter_let_go(adapter);
		request_finish(request, 0);
		break;
	default:
		inner_ask(adapter->inner, adapter_reserved(request),
			  (enum request_code)request->code, request->flags, request->offset,
			  asked_replied, request);
		break;
	}
}

void adapter_withdraw(struct request *request)
{
	struct adapter *adapter = adapter_of(request->object);

	if (request == adapter->read)
		operation_cancel(&adapter->reading);
	else if (request == adapter->write)
		operation_cancel(&adapter->writing);
	else if (request->code != REQUEST_CLOSE)
		operation_cancel(adapter_reserved(request));
}

int32_t adapter_usable(const struct object *inner)
{
	return inner->state != OBJECT_OPEN || inner->driver->shut ? ABIO_E_CLOSED : 0;
}

int32_t adapter_ready_now(struct object *object, uint32_t interest)
{
	struct object *inner = adapter_of(object)->inner;
	int32_t error = adapter_usable(inner);

	return error < 0 ? error : inner->class->ready->ready_now(inner, interest);
}

int64_t adapter_try_readv(struct object *object, const struct abio_iovec *iovecs, uint32_t count)
{
	struct object *inner = adapter_of(object)->inner;
	int32_t error = adapter_usable(inner);

	if (error < 0)
		return error;
	return inner->class->read->try_readv == NULL
		       ? ABIO_WOULD_BLOCK
		       : inner->class->read->try_readv(inner, iovecs, count, 0);
}

int64_t adapter_try_fill(struct object *object)
{
	struct object *inner = adapter_of(object)->inner;

	if (inner->state != OBJECT_OPEN || inner->driver->shut)
		return ABIO_E_CLOSED;
	if (inner->reader != NULL)
		return ABIO_E_BUSY;
	return fill_reserve(inner) ? fill_try(inner) : PLATFORM_NO_MEMORY;
}

int64_t adapter_try_writev(struct object *object, const struct abio_iovec *iovecs, uint32_t count)
{
	struct object *inner = adapter_of(object)->inner;
	int32_t error = adapter_usable(inner);

	if (error < 0)
		return error;
	/* What was put on it goes first: a write waits for that, and is not refused. */
	if (inner->class->write->try_writev == NULL ||
	    (inner->writer == NULL && !outbox_idle(inner)))
		return ABIO_WOULD_BLOCK;
	return inner->class->write->try_writev(inner, iovecs, count, 0);
}

int32_t adapter_position(struct object *object, uint64_t *position)
{
	struct object *inner = adapter_of(object)->inner;
	int32_t error = adapter_usable(inner);

	return error < 0 ? error : inner->class->seek->stream_position(inner, position);
}

int32_t adapter_try_flush(struct object *object)
{
	struct object *inner = adapter_of(object)->inner;
	int32_t error = adapter_usable(inner);

	if (error < 0)
		return error;
	return inner->class->write->try_flush == NULL ? ABIO_WOULD_BLOCK
						      : inner->class->write->try_flush(inner);
}
