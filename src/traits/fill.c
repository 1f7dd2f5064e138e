/*
 * fill_buf, try_fill_buf and consume, and the fill they share with the methods above them: see
 * fill.h.
 *
 * A cancelled fill loses nothing: what came with the cancel is in the inbuf, and wins.
 */
#include "fill.h"

#include "check.h"
#include "platform.h"
#include "pool.h"

bool fill_reserve(struct object *object)
{
	if (inbuf_of(object) == NULL)
		return false;
	return object->class->perform != NULL || pool_of(object->driver) != NULL;
}

/* Where the kernel has the pool's buffers, memory of its own. */
static int64_t try_receive(struct object *object)
{
	struct view *view = pool_take(object->driver->pool);
	struct abio_iovec one;
	int64_t result;

	if (view == NULL)
		view = view_private(object->driver, POOL_BUFFER_SIZE);
	if (view == NULL)
		return PLATFORM_NO_MEMORY;
	one = (struct abio_iovec){ view->data, POOL_BUFFER_SIZE };
	result = object->class->try_readv(object, &one, 1);
	if (result > 0)
		inbuf_take(object, view, (uint32_t)result);
	else
		view_end(view);
	return result;
}

int64_t fill_try(struct object *object)
{
	const struct object_class *class = object->class;

	if (inbuf_left(object) > 0)
		return inbuf_left(object);
	if (class->perform == NULL)
		return try_receive(object);
	return class->try_fill == NULL ? ABIO_WOULD_BLOCK : class->try_fill(object);
}

void fill_submit(struct operation *operation, void (*done)(struct request *request, int64_t result))
{
	bool local = operation->object->class->perform != NULL;

	check(inbuf_left(operation->object) == 0);
	operation->request.view = NULL; /* where an earlier step may have had its data */
	operation_submit(operation, local ? REQUEST_FILL : REQUEST_RECEIVE, done);
}

void fill_settle(struct request *request, int64_t result)
{
	struct view *view = request->view;

	request->view = NULL;
	if (view != NULL)
		inbuf_take(request->object, view, (uint32_t)result);
}

/* Only a host sees an event; for it the bytes stay untouched until it has that. */
static void show(struct operation *operation, int64_t result)
{
	struct object *object = operation->object;

	if (result > 0) {
		struct abio_event *event = operation_event(operation);

		result = inbuf_left(object);
		event->data = (uint64_t)(uintptr_t)inbuf_data(object);
		event->flags |= ABIO_EVENT_VIEW;
		operation->keeps_side = !operation->inner;
	}
	operation_finish(operation, result);
}

static void filled(struct request *request, int64_t result)
{
	fill_settle(request, result);
	show(operation_of(request), result);
}

int32_t fill_begin(struct operation *operation)
{
	if (operation->object->reader != NULL)
		return ABIO_E_BUSY;
	if (!fill_reserve(operation->object))
		return PLATFORM_NO_MEMORY;
	operation_accept(operation, SIDE_READ);
	if (inbuf_left(operation->object) > 0)
		show(operation, 1);
	else
		fill_submit(operation, filled);
	return 0;
}

int32_t fill_slot_try_fill_buf(struct object *self, const void **data)
{
	int64_t result;

	if (self->reader != NULL)
		return ABIO_E_BUSY;
	if (!fill_reserve(self))
		return PLATFORM_NO_MEMORY;
	result = fill_try(self);
	if (result >= 0)
		*data = result == 0 ? NULL : inbuf_data(self);
	return (int32_t)result;
}

int32_t fill_slot_consume(struct object *self, uint32_t count)
{
	if (count > inbuf_left(self) && self->reader == NULL)
		return ABIO_E_ARGUMENT;
	if (self->reader != NULL)
		return ABIO_E_BUSY;
	return inbuf_consume(self, count);
}

int32_t fill_slot_fill_buf(struct object *self, uint32_t flags, uint64_t token)
{
	bool now = (flags & ABIO_START_INLINE) != 0;
	struct operation *operation;
	int64_t result;
	int32_t error;

	if (self->reader != NULL)
		return ABIO_E_BUSY;
	if (!fill_reserve(self))
		return PLATFORM_NO_MEMORY;
	operation = operation_create(self->driver, self, token);
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	result = now ? fill_try(self) : ABIO_WOULD_BLOCK;
	if (result != ABIO_WOULD_BLOCK) {
		operation_discard(operation);
		return (int32_t)result;
	}
	error = fill_begin(operation);
	check(error == 0);
	return now ? ABIO_PENDING : error;
}
