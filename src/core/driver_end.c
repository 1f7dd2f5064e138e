/*
 * The end of a driver: shutting down, closing, abandoning; and what any thread may ask of it.
 *
 * Objects outlive their driver while somebody holds their handle, and other threads may be using
 * the driver's doorbell: what they can still reach is handed over under handle_lock, or counted.
 */
#include "driver.h"

#include <string.h>

#include "backend.h"
#include "buffer.h"
#include "object.h"
#include "operation.h"
#include "platform.h"
#include "pool.h"
#include "request.h"
#include "ringer.h"
#include "traits.h"
#include "workers.h"

int32_t impl_driver_shutdown(struct driver *driver)
{
	size_t left;
	struct list *link;

	driver->shut = true;
	operation_cancel_homeless(driver);
	driver_open_mail(driver);
	/* Closing can free the object, and what its operations were to bring. */
	left = list_count(&driver->objects);
	while (left-- > 0 && (link = list_rotate(&driver->objects)) != NULL) {
		struct object *object = container_of(link, struct object, in_driver);

		if (object->state == OBJECT_OPENING || object->state == OBJECT_CLOSED ||
		    object->abort)
			continue;
		object->hold++;
		object->abort = true;
		if (object->state == OBJECT_OPEN)
			object_close(object, NULL);
		object->hold--;
		object_abort(object);
	}
	return (int32_t)(driver->in_flight + driver->background);
}

/* What only memory and descriptors are left of. */
static void destroy(struct driver *driver)
{
	struct list *link;

	driver_recycle(driver);
	ringer_release(driver->ringer);
	driver->ringer = NULL;
	driver->backend->destroy(driver);
	pool_destroy(driver);
	outbox_free_blocks(driver);
	while ((link = list_take(&driver->spare)) != NULL)
		platform_release(container_of(link, struct operation, node.link));
	workers_release(driver->workers);
	driver->workers = NULL;
}

static struct slot orphanage = { .thread = HANDLE_UNPINNED };

/* An object that was being moved to a driver that closes. */
static void turn_away(struct driver *driver, struct object *object)
{
	object->arriving = false;
	resource_leave(object);
	resource_close(object->fd);
	object->fd = -1;
	object->state = OBJECT_CLOSED;
	list_append(&driver->objects, &object->in_driver);
}

/*
 * Objects outlive their driver while somebody holds their handle.  Other threads may be releasing
 * them: under the lock each such object is either in the inbox, and ours, or without a driver, and
 * theirs.
 */
static void orphan_objects(struct driver *driver, struct list *mail)
{
	struct list *link;

	handle_lock();
	driver->gone = true;
	while ((link = list_take(&driver->inbox)) != NULL) {
		struct object *object = container_of(link, struct object, in_inbox);

		if (object->arriving)
			turn_away(driver, object);
		if (object->mailed)
			list_append(mail, &object->in_inbox);
	}
	while ((link = list_take(&driver->objects)) != NULL) {
		struct object *object = container_of(link, struct object, in_driver);

		atomic_store(&handle_slot(object->id)->home, &orphanage);
		object->driver = NULL;
	}
	handle_unlock();
}

static void end_mail(struct list *mail)
{
	struct list *link;

	while ((link = list_take(mail)) != NULL)
		object_unreferenced(container_of(link, struct object, in_inbox));
}

static void close_idle(struct driver *driver)
{
	struct list mail;
	struct list *link;
	struct slot *slot = driver->slot;

	driver->polling = true; /* nothing signals from here on */
	for (link = driver->objects.next; link != &driver->objects; link = link->next)
		object_end(container_of(link, struct object, in_driver));
	/* Those that only others held. */
	for (link = driver->objects.next; link != &driver->objects;) {
		struct object *object = container_of(link, struct object, in_driver);

		link = link->next;
		object_settle(object);
	}
	list_init(&mail);
	orphan_objects(driver, &mail);
	end_mail(&mail);
	buffer_end_driver(driver);
	destroy(driver);
	if (handle_release(driver->id) == 0)
		driver_free(slot);
}

int32_t impl_driver_close(struct driver *driver)
{
	if (driver->polling || driver->in_host > 0)
		return ABIO_E_REENTERED;
	driver_open_mail(driver);
	/* What a host implements is closed by its own slot, which takes a turn. */
	if (driver_working(driver) || !list_empty(&driver->events) || driver->hosts > 0)
		return ABIO_E_BUSY;
	close_idle(driver);
	return 0;
}

/* The last reference, the host's or that of a thread inside abio_driver_wake. */
void driver_free(struct slot *slot)
{
	struct driver *driver = slot->object;

	doorbell_release(driver->doorbell);
	handle_destroy(slot);
	platform_release(driver);
}

/*
 * For calls from any thread: a reference keeps the driver's memory, and its doorbell, while its
 * owner may be closing it.
 */
static struct driver *hold(uint64_t id, int32_t *error)
{
	struct slot *slot = handle_find(id, HANDLE_DRIVER);

	*error = ABIO_E_HANDLE;
	if (slot == NULL)
		return NULL;
	*error = ABIO_E_FORKED;
	if (slot->epoch != platform_epoch())
		return NULL;
	*error = handle_retain(id);
	return *error < 0 ? NULL : slot->object;
}

static void let_go(struct driver *driver)
{
	struct slot *slot = driver->slot;

	if (handle_release(driver->id) == 0)
		driver_free(slot);
}

int32_t impl_driver_wake(uint64_t id)
{
	int32_t error;
	struct driver *driver = hold(id, &error);

	if (driver == NULL)
		return error;
	if (atomic_exchange(&driver->wake, 1) == 0)
		doorbell_ring(driver->doorbell);
	let_go(driver);
	return 0;
}

int32_t impl_driver_fd(uint64_t id)
{
	int32_t error;
	struct driver *driver = hold(id, &error);
	int32_t fd;

	if (driver == NULL)
		return error;
	fd = driver->fd;
	let_go(driver);
	return fd < 0 ? ABIO_E_HANDLE : fd; /* it was being closed */
}

int32_t impl_driver_info(uint64_t id, struct abio_driver_state *info)
{
	int32_t error;
	struct driver *driver = hold(id, &error);

	if (driver == NULL)
		return error;
	info->backend = driver->backend->id;
	info->flags = driver->flags;
	info->fallback_error = driver->fallback_error;
	info->in_flight = driver->in_flight;
	info->undelivered = driver->undelivered;
	memcpy(info->reason, driver->reason, sizeof(info->reason));
	let_go(driver);
	return 0;
}

/*
 * In this process: what the kernel or a worker may still use is leaked, operations, views,
 * outboxes. In the child of a fork: only descriptors are closed, the memory is a copy nobody else
 * sees.
 */
static void abandon_object(struct object *object, bool forked)
{
	/* Whoever is closing it still writes to it, and its number may be another's by now. */
	if (object->closing && object->state == OBJECT_CLOSING &&
	    !request_take_back(&object->close_request->request))
		return;
	if (object->fd >= 0) {
		if (!forked)
			resource_leave(object);
		resource_close(object->fd);
		object->fd = -1;
	}
	object->state = OBJECT_CLOSED;
	object->outbox = NULL;
	object->inbuf = NULL;
	object->hold = 0;
	list_init(&object->operations);
}

/* The host never heard of an object that only an undelivered event names. */
static void discard_unknown(const struct abio_event *event)
{
	struct slot *slot = NULL;

	if ((event->flags & ABIO_EVENT_HANDLE) != 0)
		slot = handle_find(event->handle, HANDLE_IO);
	if (slot != NULL)
		object_discard(slot->object);
}

static void drop_events(struct driver *driver)
{
	struct list *link;

	while ((link = list_take(&driver->events)) != NULL) {
		struct event_node *node = container_of(link, struct event_node, link);

		discard_unknown(&node->event);
		node->consumed(node);
	}
}

int32_t impl_driver_abandon(struct driver *driver)
{
	bool forked = driver->slot->epoch != platform_epoch();
	struct slot *slot = driver->slot;
	struct list mail;
	struct list *link;

	if ((driver->polling || driver->in_host > 0) && !forked)
		return ABIO_E_REENTERED;
	if (!forked && !driver_working(driver)) {
		drop_events(driver);
		close_idle(driver);
		return 0;
	}
	driver->polling = true;
	for (link = driver->objects.next; link != &driver->objects; link = link->next)
		abandon_object(container_of(link, struct object, in_driver), forked);
	driver->backend->forget(driver);
	if (forked) {
		/* On their way to us, and what workers of the parent hold. */
		for (link = driver->inbox.next; link != &driver->inbox; link = link->next)
			abandon_object(container_of(link, struct object, in_inbox), forked);
		doorbell_forget(driver->doorbell);
		ringer_forget(driver->ringer);
	} else {
		ringer_release(driver->ringer);
		list_init(&mail);
		orphan_objects(driver, &mail);
		end_mail(&mail);
		buffer_end_driver(driver);
		workers_release(driver->workers);
	}
	if (handle_release(driver->id) == 0)
		driver_free(slot);
	return 0;
}
