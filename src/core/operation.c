/*
 * "Exactly one terminal event" and "no allocation after acceptance": see operation.h.
 */
#include "operation.h"

#include <string.h>

#include "buffer.h"
#include "check.h"
#include "object.h"
#include "platform.h"
#include "request.h"
#include "traits.h"

#define SPARE_MAX 512u /* operations a driver keeps for reuse */

static struct list *bucket_of(struct driver *driver, uint64_t token)
{
	uint64_t mixed = token * 0x9e3779b97f4a7c15u;

	return &driver->tokens[mixed >> 54];
}

static struct operation *take_spare(struct driver *driver)
{
	struct list *link = list_take(&driver->spare);
	struct operation *operation;

	if (link == NULL)
		return platform_allocate(sizeof(*operation));
	driver->spare_count--;
	operation = container_of(link, struct operation, node.link);
	memset(operation, 0, sizeof(*operation));
	return operation;
}

static void give_back(struct operation *operation)
{
	struct driver *driver = operation->driver;

	if (operation->kept)
		return;
	platform_release(operation->extra);
	if (driver->spare_count >= SPARE_MAX) {
		platform_release(operation);
		return;
	}
	driver->spare_count++;
	list_append(&driver->spare, &operation->node.link);
}

static void free_side(const struct operation *operation)
{
	struct object *object = operation->object;

	if (!operation->keeps_side || object == NULL)
		return;
	if (object->reader == operation)
		object->reader = NULL;
	if (object->writer == operation) {
		object->writer = NULL;
		outbox_continue(object);
	}
}

/* The event of one that kept its side has reached the host. */
static void leave_side(const struct operation *operation)
{
	free_side(operation);
	if (operation->beside != NULL)
		free_side(operation->beside);
}

/* The event that brings the buffer home is the host's now. */
static void bring_home(struct operation *operation)
{
	if (operation->buffer != NULL)
		buffer_take_back(operation->buffer);
	operation->buffer = NULL;
}

static void consumed(struct event_node *node)
{
	struct operation *operation = container_of(node, struct operation, node);

	leave_side(operation);
	bring_home(operation);
	give_back(operation);
}

static void lingers(struct event_node *node)
{
	struct operation *operation = container_of(node, struct operation, node);

	leave_side(operation);
	bring_home(operation);
	list_append(&operation->driver->lingering, &operation->node.link);
}

_Static_assert(offsetof(struct event_node, consumed) - offsetof(struct event_node, event) +
			       sizeof(void (*)(void)) >=
		       REQUEST_SCRATCH * sizeof(uint64_t),
	       "an event is scratch memory until there is one");

struct abio_event *operation_event(struct operation *operation)
{
	struct event_node *node = &operation->node;

	check(operation->request.state == REQUEST_IDLE);
	if (operation->has_event)
		return &node->event;
	operation->has_event = true;
	memset(&node->event, 0, sizeof(node->event));
	return &node->event;
}

void operation_linger(struct operation *operation)
{
	operation->lingers = true;
}

void operation_end_lingering(struct driver *driver)
{
	struct list *link;

	while ((link = list_take(&driver->lingering)) != NULL)
		give_back(container_of(link, struct operation, node.link));
}

static void initialize(struct operation *operation, struct driver *driver, struct object *object)
{
	list_init(&operation->node.link);
	list_init(&operation->in_bucket);
	list_init(&operation->request.link);
	operation->request.scratch = (uint64_t *)(void *)&operation->node.event;
	operation->driver = driver;
	operation->object = object;
	operation->request.driver = driver;
	operation->request.object = object;
	operation->request.fd = object == NULL ? -1 : object->fd;
}

struct operation *operation_create(struct driver *driver, struct object *object, uint64_t token)
{
	struct operation *operation = take_spare(driver);

	if (operation == NULL)
		return NULL;
	initialize(operation, driver, object);
	operation->token = token;
	return operation;
}

void operation_prepare(struct operation *operation, struct object *object,
		       void (*reply)(struct operation *operation, int64_t result), void *owner)
{
	memset(operation, 0, sizeof(*operation));
	initialize(operation, object->driver, object);
	operation->kept = true;
	operation->inner = true;
	operation->reply = reply;
	operation->owner = owner;
}

struct operation *operation_create_with(struct driver *driver, struct object *object,
					uint64_t token, size_t size)
{
	struct operation *operation = operation_create(driver, object, token);

	if (operation == NULL)
		return NULL;
	operation->extra = platform_allocate(size);
	if (operation->extra == NULL) {
		give_back(operation);
		return NULL;
	}
	return operation;
}

void operation_discard(struct operation *operation)
{
	check(!list_linked(&operation->node.link));
	give_back(operation);
}

void operation_accept(struct operation *operation, enum operation_side side)
{
	struct driver *driver = operation->driver;
	struct object *object = operation->object;

	operation->side = (uint8_t)side;
	list_append(object == NULL ? &driver->operations : &object->operations,
		    &operation->node.link);
	if (operation->inner) {
		driver->background++;
	} else {
		list_append(bucket_of(driver, operation->token), &operation->in_bucket);
		driver->in_flight++;
	}
	if (object == NULL)
		return;
	if (side == SIDE_READ || side == SIDE_BOTH) {
		check(object->reader == NULL);
		object->reader = operation;
	}
	if (side == SIDE_WRITE || side == SIDE_BOTH) {
		check(object->writer == NULL);
		object->writer = operation;
	}
}

void operation_submit(struct operation *operation, enum request_code code,
		      void (*done)(struct request *request, int64_t result))
{
	struct request *request = &operation->request;

	check(request->state == REQUEST_IDLE && !operation->finished);
	request->code = (uint8_t)code;
	request->canceled = false;
	request->done = done;
	request_start(request);
	driver_signal(operation->driver);
}

static void leave(struct operation *operation)
{
	struct object *object = operation->object;

	list_remove(&operation->node.link);
	if (operation->inner) {
		check(operation->driver->background > 0);
		operation->driver->background--;
	} else {
		list_remove(&operation->in_bucket);
		check(operation->driver->in_flight > 0);
		operation->driver->in_flight--;
	}
	if (object == NULL || operation->keeps_side)
		return;
	if (object->reader == operation)
		object->reader = NULL;
	if (object->writer == operation)
		object->writer = NULL;
}

/*
 * One that was cancelled has ended on some backends within the call, on others it ends when the
 * kernel says so.  The host finds its side taken until it has the event, on all of them.  What has
 * ended waits for nothing, and nothing waits for it.
 */
static void keep_side(struct operation *operation)
{
	struct object *object = operation->object;

	/* An object that goes first knows those that it must tell by its two sides. */
	if (!operation->canceled || (operation->inner && operation->beside == NULL) ||
	    object == NULL || (object->reader != operation && object->writer != operation))
		return;
	operation->keeps_side = true;
	operation->abort = NULL;
	if (operation->side < SIDE_WRITE ||
	    (operation_event(operation)->flags & ABIO_EVENT_VIEW) != 0)
		return;
	operation->resume = NULL;
	operation->parked = true;
	operation->offset = UINT64_MAX;
}

static void let_go(struct request *request, int64_t result)
{
	struct operation *operation = operation_of(request);

	(void)result;
	operation_finish(operation, (int64_t)operation->offset);
}

/* The event that takes the result ahead is the one that the host waits for. */
static void keep_for_event(struct operation *ahead, struct object *object)
{
	ahead->object = object;
	ahead->keeps_side = true;
	ahead->parked = true;
	ahead->offset = UINT64_MAX;
	object->writer = ahead;
}

/*
 * The result is known, but the kernel still reads the buffer: an event of its own takes the result
 * ahead, and the operation stays behind for the buffer alone.  The object is done with it: it can
 * write on, and close.
 */
static void hold(struct operation *operation, int64_t result)
{
	struct operation *ahead = operation->extra;
	struct object *object = operation->object;
	struct abio_event *event = operation_event(ahead);

	ahead->node.consumed = consumed;
	event->token = operation->token;
	event->result = result;
	event->progress = operation->progress;
	event->flags = ABIO_EVENT_MORE;
	list_remove(&operation->node.link);
	list_append(&operation->driver->operations, &operation->node.link);
	object->writer = NULL;
	if (operation->canceled)
		keep_for_event(ahead, object);
	operation->extra = NULL;
	operation->object = NULL;
	operation->offset = (uint64_t)result;
	operation->request.object = NULL;
	operation->request.state = REQUEST_HELD;
	operation->request.done = let_go;
	driver_post(operation->driver, &ahead->node);
	outbox_continue(object);
	object_settle(object);
}

void operation_finish(struct operation *operation, int64_t result)
{
	struct object *object = operation->object;
	struct abio_event *event;

	check(!operation->finished && operation->request.state == REQUEST_IDLE);
	if (operation->may_hold && operation->request.held > 0) {
		hold(operation, result);
		return;
	}
	operation->finished = true;
	keep_side(operation);
	leave(operation);
	event = operation_event(operation);
	operation->node.consumed = operation->lingers ? lingers : consumed;
	event->token = operation->token;
	event->result = result;
	event->progress = operation->progress;
	if (operation->buffer != NULL) {
		event->handle = operation->buffer->id;
		event->flags |= ABIO_EVENT_BUFFER;
	}
	if (!operation->inner)
		driver_post(operation->driver, &operation->node);
	if (object != NULL && operation->side >= SIDE_WRITE)
		outbox_continue(object);
	/* Whoever is told of it holds the object: it can close here, not vanish. */
	if (object != NULL)
		object_settle(object);
	if (operation->inner) {
		bring_home(operation);
		operation->reply(operation, result);
	}
}

void operation_finish_child(struct operation *operation, int64_t result)
{
	struct object *child = operation->child;

	operation->child = NULL;
	if (result < 0) {
		object_discard(child);
	} else {
		struct abio_event *event = operation_event(operation);

		event->handle = child->id;
		event->flags |= ABIO_EVENT_HANDLE;
	}
	operation_finish(operation, result);
}

void operation_cancel(struct operation *operation)
{
	struct request *request = &operation->request;

	if (operation->finished || operation->canceled)
		return;
	operation->canceled = true;
	if (request->state != REQUEST_IDLE) {
		if (!request->canceled) {
			request->canceled = true;
			request_cancel(request);
		}
	} else if (operation->abort != NULL) {
		operation->abort(operation);
	}
}

void operation_cancel_homeless(struct driver *driver)
{
	size_t left = list_count(&driver->operations);
	struct list *link;

	while (left-- > 0 && (link = list_rotate(&driver->operations)) != NULL)
		operation_cancel(container_of(link, struct operation, node.link));
}

uint32_t operation_cancel_token(struct driver *driver, struct object *object, uint64_t token)
{
	struct list *bucket = bucket_of(driver, token);
	size_t left = list_count(bucket);
	struct list *link;
	uint32_t count = 0;

	while (left-- > 0 && (link = list_rotate(bucket)) != NULL) {
		struct operation *operation = container_of(link, struct operation, in_bucket);

		if (operation->token != token || operation->canceled)
			continue;
		if (object != NULL && operation->object != object &&
		    operation->request.object != object)
			continue;
		count++;
		operation_cancel(operation);
	}
	return count;
}
