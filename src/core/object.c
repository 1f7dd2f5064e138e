/*
 * Life and death of objects: see object.h.
 */
#include "object.h"

#include "check.h"
#include "handle.h"
#include "inbuf.h"
#include "operation.h"
#include "platform.h"
#include "request.h"
#include "traits.h"

void object_init(struct object *object, const struct object_class *class)
{
	object->class = class;
	object->fd = -1;
	list_init(&object->in_driver);
	list_init(&object->in_inbox);
	list_init(&object->operations);
	list_init(&object->watch.waiting);
}

static bool reserve_close(struct object *object)
{
	struct close_request *close;

	if (!object->class->slow_close && object->class->perform == NULL)
		return true;
	close = platform_allocate(sizeof(*close));
	if (close == NULL)
		return false;
	list_init(&close->request.link);
	close->request.scratch = close->scratch;
	close->object = object;
	object->close_request = close;
	return true;
}

int32_t object_name(struct object *object, struct slot *home)
{
	struct slot *slot;

	if (!reserve_close(object))
		return PLATFORM_NO_MEMORY;
	slot = handle_create(HANDLE_IO, object, home);
	if (slot == NULL) {
		platform_release(object->close_request);
		return PLATFORM_NO_MEMORY;
	}
	object->id = handle_id(slot);
	return 0;
}

void object_unname(struct object *object)
{
	handle_destroy(handle_slot(object->id));
	platform_release(object->close_request);
}

struct object *object_create(struct driver *driver, const struct object_class *class)
{
	struct object *object = platform_allocate(sizeof(*object));

	if (object == NULL)
		return NULL;
	object_init(object, class);
	if (object_name(object, driver->slot) < 0) {
		platform_release(object);
		return NULL;
	}
	object->driver = driver;
	list_append(&driver->objects, &object->in_driver);
	return object;
}

void object_open(struct object *object, int32_t fd)
{
	check(object->state == OBJECT_OPENING && (fd >= 0 || object->class->perform != NULL));
	object->fd = fd;
	object->state = OBJECT_OPEN;
}

static void destroy(struct object *object)
{
	check(object->fd < 0 && list_empty(&object->operations));
	check(!list_linked(&object->in_inbox));
	/* They have ended; their events are still on the way to the host. */
	if (object->reader != NULL)
		object->reader->object = NULL;
	if (object->writer != NULL)
		object->writer->object = NULL;
	outbox_destroy(object);
	inbuf_destroy(object);
	if (object->class->dispose != NULL)
		object->class->dispose(object);
	list_remove(&object->in_driver);
	object_unname(object);
	platform_release(object);
}

void object_discard(struct object *object)
{
	if (object->fd >= 0) {
		object->driver->backend->unwatch(object);
		resource_leave(object);
		resource_close(object->fd);
		object->fd = -1;
	}
	destroy(object);
}

bool object_idle(const struct object *object)
{
	return list_empty(&object->operations) && outbox_idle(object);
}

static void closed(struct object *object, int32_t result)
{
	struct operation *closer = object->closer;

	object->fd = -1;
	object->state = OBJECT_CLOSED;
	object->closer = NULL;
	if (closer != NULL)
		operation_finish(closer, object->close_result < 0 ? object->close_result : result);
}

static void close_done(struct request *request, int64_t result)
{
	struct object *object = container_of(request, struct close_request, request)->object;

	object->driver->background--;
	closed(object, result < 0 ? (int32_t)result : 0);
	object_settle(object);
}

static void close_now(struct object *object)
{
	struct request *request;

	object->close_result = outbox_error(object);
	if (object->class->perform == NULL) {
		object->driver->backend->unwatch(object);
		resource_leave(object);
	}
	if (!object->class->slow_close && object->class->perform == NULL) {
		closed(object, resource_close(object->fd));
		return;
	}
	check(object->close_request != NULL);
	request = &object->close_request->request;
	object->closing = true;
	object->driver->background++;
	request->code = REQUEST_CLOSE;
	request->fd = object->fd;
	request->driver = object->driver;
	request->object = object;
	request->done = close_done;
	request_start(request);
	driver_signal(object->driver);
}

void object_settle(struct object *object)
{
	if (object->hold > 0)
		return;
	if (object->state == OBJECT_CLOSING && !object->closing && object_idle(object))
		close_now(object);
	if (object->state == OBJECT_CLOSED && object->released && object->users == 0)
		destroy(object);
}

void object_close(struct object *object, struct operation *closer)
{
	size_t left = list_count(&object->operations);
	struct list *link;

	check(object->state == OBJECT_OPEN);
	object->state = OBJECT_CLOSING;
	object->closer = closer;
	object->hold++;
	while (left-- > 0 && (link = list_rotate(&object->operations)) != NULL)
		operation_cancel(container_of(link, struct operation, node.link));
	object->hold--;
	object_settle(object);
}

void object_abort(struct object *object)
{
	struct request *request;

	object->abort = true;
	object->hold++;
	outbox_abort(object);
	/* One that is still queued sees the flag when it is performed: the class must let go. */
	request = object->closing ? &object->close_request->request : NULL;
	if (object->class->withdraw != NULL && request != NULL && !request->canceled) {
		request->canceled = true;
		if (request->state == REQUEST_SUBMITTED || request->state == REQUEST_WAITING)
			object->class->withdraw(request);
	}
	object->hold--;
	object_settle(object);
}

void object_unreferenced(struct object *object)
{
	object->released = true;
	/* Who holds it drops it later. */
	if (object->users > 0)
		return;
	if (object->driver == NULL || object->state == OBJECT_CLOSED)
		object_settle(object);
	else if (object->state == OBJECT_OPEN)
		object_close(object, NULL);
}

void object_forget(struct object *object)
{
	if (object->fd >= 0)
		resource_close(object->fd);
	object->fd = -1;
	if (object->class->forget != NULL)
		object->class->forget(object);
}

void object_end(struct object *object)
{
	check(object_idle(object));
	if (object->fd >= 0) {
		object->driver->backend->unwatch(object);
		resource_leave(object);
		resource_close(object->fd);
		object->fd = -1;
	}
	outbox_destroy(object);
	inbuf_end(object);
	if (object->class->end != NULL)
		object->class->end(object);
	object->state = OBJECT_CLOSED;
}
