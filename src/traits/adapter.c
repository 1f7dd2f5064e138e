/* See adapter.h. */
#include "adapter.h"

#include "check.h"
#include "handle.h"
#include "inbuf.h"
#include "platform.h"
#include "request.h"

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
	struct object *object = object_create(inner->driver, class);
	struct adapter *adapter;
	int32_t error;

	if (object == NULL)
		return PLATFORM_NO_MEMORY;
	/* Behind it, what passing on its own requests takes. */
	adapter = platform_allocate(size + inner->class->reserve);
	error = adapter == NULL ? PLATFORM_NO_MEMORY : handle_retain(inner->id);
	if (error < 0) {
		platform_release(adapter);
		object->own = NULL;
		object_discard(object);
		return error;
	}
	adapter->object = object;
	adapter->inner = inner;
	adapter->inner_id = inner->id;
	adapter->room = (uint8_t *)adapter + size;
	adopt_traits(adapter, class);
	object->own = adapter;
	object->class = &adapter->class;
	object_open(object, -1);
	*out = object;
	return 0;
}

void adapter_let_go(struct adapter *adapter)
{
	struct object *inner = adapter->inner;

	adapter->inner = NULL;
	if (inner != NULL && handle_release(adapter->inner_id) == 0)
		object_unreferenced(inner);
}

void adapter_dispose(struct object *object)
{
	struct adapter *adapter = adapter_of(object);

	if (adapter == NULL)
		return;
	adapter_let_go(adapter);
	object->own = NULL;
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

static void transfer(struct adapter *adapter, struct request *request)
{
	struct abio_iovec one = { request->data, request->length };
	const struct abio_iovec *iovecs = request->iovecs == NULL ? &one : request->iovecs;
	uint32_t count = request->iovecs == NULL ? 1 : request->count;

	if (request->code == REQUEST_READ) {
		check(adapter->read == NULL);
		adapter->read = request;
		inner_read(adapter->inner, &adapter->reading, iovecs, count, read_replied, adapter);
	} else {
		check(adapter->write == NULL);
		adapter->write = request;
		inner_write(adapter->inner, &adapter->writing, iovecs, count, write_replied,
			    adapter);
	}
}

/* What an operation that is passed on reserved for it (stream.c); it has the rest. */
static struct operation *reserved(struct request *request)
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
	case REQUEST_CLOSE:
		adapter_let_go(adapter);
		request_finish(request, 0);
		break;
	default:
		inner_ask(adapter->inner, reserved(request), (enum request_code)request->code,
			  request->flags, request->offset, asked_replied, request);
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
		operation_cancel(reserved(request));
}

int32_t adapter_ready_now(struct object *object, uint32_t interest)
{
	struct object *inner = adapter_of(object)->inner;

	return inner->class->ready->ready_now(inner, interest);
}

int64_t adapter_try_readv(struct object *object, const struct abio_iovec *iovecs, uint32_t count)
{
	struct object *inner = adapter_of(object)->inner;

	if (inner->state != OBJECT_OPEN || inner->driver->shut)
		return ABIO_E_CLOSED;
	return inner->class->read->try_readv == NULL
		       ? ABIO_WOULD_BLOCK
		       : inner->class->read->try_readv(inner, iovecs, count, 0);
}

int64_t adapter_try_writev(struct object *object, const struct abio_iovec *iovecs, uint32_t count)
{
	struct object *inner = adapter_of(object)->inner;

	if (inner->state != OBJECT_OPEN || inner->driver->shut)
		return ABIO_E_CLOSED;
	return inner->class->write->try_writev == NULL
		       ? ABIO_WOULD_BLOCK
		       : inner->class->write->try_writev(inner, iovecs, count, 0);
}

int32_t adapter_position(struct object *object, uint64_t *position)
{
	struct object *inner = adapter_of(object)->inner;

	if (inner->state != OBJECT_OPEN || inner->driver->shut)
		return ABIO_E_CLOSED;
	return inner->class->seek->stream_position(inner, position);
}

int32_t adapter_try_flush(struct object *object)
{
	struct object *inner = adapter_of(object)->inner;

	if (inner->state != OBJECT_OPEN || inner->driver->shut)
		return ABIO_E_CLOSED;
	return inner->class->write->try_flush(inner);
}
