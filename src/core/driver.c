/*
 * The pump and the life of a driver.
 *
 * Why the fd tells the truth.  The fd is readable when the doorbell's counter is not 0 (or, on
 * epoll, a descriptor in the set is ready).  Whatever happens outside a poll either comes from the
 * kernel, which makes the fd readable itself, or from a start or another thread, which ring the
 * doorbell unless it is known to be readable (`hot`, `rung`).  Inside a poll the counter is drained
 * last, when there is nothing left to do, and everything is looked at once more after that; so a
 * poll returns 0 only with an fd that becomes readable at the next event.  A poll that returns
 * events does not drain: the fd stays readable, which saves the doorbell of every start until the
 * host comes back. (Against draining after every poll and ringing once per batch of starts, CPU of
 * a Python asyncio echo was 0.85 with one connection, 0.94 with 64 and 1.05 with 500, which is
 * noise.)
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

#define STEPS_MAX 256u       /* turns of one poll; the fd stays readable when they are used up */
#define MOVED_MAX (4u << 20) /* bytes of one poll in operations that go on: other streams wait */
#define EXHAUSTED UINT32_MAX

void driver_init(struct driver *driver)
{
	list_init(&driver->objects);
	list_init(&driver->operations);
	list_init(&driver->events);
	list_init(&driver->views);
	list_init(&driver->lingering);
	list_init(&driver->local);
	list_init(&driver->dirty);
	list_init(&driver->inbox);
	list_init(&driver->wrapped);
	list_init(&driver->returned);
	list_init(&driver->spare);
	list_init(&driver->blocks);
	for (uint32_t i = 0; i < DRIVER_TOKEN_BUCKETS; i++)
		list_init(&driver->tokens[i]);
	driver->fd = -1;
}

static void signal_always(struct driver *driver)
{
	driver->rung = true;
	doorbell_ring(driver->doorbell);
}

void driver_signal(struct driver *driver)
{
	if (driver->polling)
		return;
	if ((driver->flags & ABIO_DRIVER_EDGE) != 0 || (!driver->hot && !driver->rung))
		signal_always(driver);
}

void driver_post(struct driver *driver, struct event_node *node)
{
	list_append(&driver->events, &node->link);
	driver->undelivered++;
	driver_signal(driver);
}

static bool pin(struct slot *home, uintptr_t from)
{
	uintptr_t seen = from;

	if (!atomic_compare_exchange_strong(&home->thread, &seen, platform_thread()))
		return false;
	atomic_store(&home->thread_number, platform_thread_number());
	return true;
}

/* Under the lock, so that of two heirs the second sees the number of the first, who is alive. */
static bool take_over(struct slot *home, uintptr_t from)
{
	bool taken = false;

	handle_lock();
	if (platform_thread_gone(atomic_load(&home->thread_number)))
		taken = pin(home, from);
	handle_unlock();
	return taken;
}

int32_t driver_enter(struct slot *home)
{
	uintptr_t thread = atomic_load_explicit(&home->thread, memory_order_acquire);
	struct driver *driver;
	int32_t error;

	if (thread == platform_thread() || thread == HANDLE_UNPINNED)
		return 0;
	if (thread == 0) {
		if (!pin(home, 0))
			return ABIO_E_WRONG_THREAD;
		driver = home->object;
		error = driver->backend->bind(driver);
		if (error < 0)
			atomic_store(&home->thread, 0);
		return error;
	}
	if (!take_over(home, thread))
		return ABIO_E_WRONG_THREAD;
	driver = home->object;
	driver->shut = true;
	driver->polling = true;
	driver->backend->inherit(driver);
	driver->polling = false;
	driver_signal(driver);
	return 0;
}

void driver_recycle(struct driver *driver)
{
	pool_recycle(driver);
	operation_end_lingering(driver);
}

/*
 * One object out of the inbox.  That nobody holds it any more is not enough to free it: the thread
 * that let go of it last may still be on its way here, and then its letter comes.
 */
static struct object *take_mail(struct driver *driver, bool *released)
{
	struct object *object = NULL;
	struct list *link;

	handle_lock();
	link = list_take(&driver->inbox);
	if (link == NULL) {
		atomic_store(&driver->mail, 0);
	} else {
		object = container_of(link, struct object, in_inbox);
		if (object->arriving)
			list_append(&driver->objects, &object->in_driver);
		object->arriving = false;
		*released = object->mailed;
	}
	handle_unlock();
	return object;
}

/* Objects that other threads released or moved here. */
void driver_open_mail(struct driver *driver)
{
	struct object *object;
	bool released = false;

	if (atomic_load_explicit(&driver->mail, memory_order_acquire) == 0)
		return;
	while ((object = take_mail(driver, &released)) != NULL) {
		if (released)
			object_unreferenced(object);
	}
	buffer_open_mail(driver);
}

static uint32_t take_wake(struct driver *driver, struct abio_event *event)
{
	if (atomic_load_explicit(&driver->wake, memory_order_relaxed) == 0 ||
	    atomic_exchange(&driver->wake, 0) == 0)
		return 0;
	memset(event, 0, sizeof(*event));
	event->flags = ABIO_EVENT_WAKE;
	return 1;
}

/* Fills the host's array from position `filled`; returns the new position. */
static uint32_t deliver(struct driver *driver, uint8_t *events, uint32_t stride, uint32_t capacity,
			uint32_t filled)
{
	if (filled < capacity)
		filled += take_wake(driver, (void *)(events + (size_t)filled * stride));
	while (filled < capacity && !list_empty(&driver->events)) {
		struct event_node *node = container_of(list_take(&driver->events),
						       struct event_node, link);

		memcpy(events + (size_t)filled * stride, &node->event, sizeof(node->event));
		filled++;
		driver->undelivered--;
		node->consumed(node);
	}
	return filled;
}

static bool more(struct driver *driver)
{
	return !list_empty(&driver->dirty) || !list_empty(&driver->local) ||
	       atomic_load_explicit(&driver->mail, memory_order_acquire) != 0 ||
	       driver->backend->more(driver);
}

static bool undelivered(struct driver *driver)
{
	return !list_empty(&driver->events) ||
	       atomic_load_explicit(&driver->wake, memory_order_acquire) != 0;
}

static uint32_t turn(struct driver *driver, uint8_t *events, uint32_t stride, uint32_t capacity)
{
	const struct backend *backend = driver->backend;
	uint32_t filled = 0;
	bool drained = false;

	for (uint32_t step = 0; step < STEPS_MAX; step++) {
		driver_open_mail(driver);
		outbox_start_dirty(driver);
		request_perform(driver);
		backend->turn(driver);
		filled = deliver(driver, events, stride, capacity, filled);
		if (filled == capacity || driver->failure < 0)
			break;
		if (driver->moved >= MOVED_MAX)
			break;
		/* With events to give, what is only to be submitted goes with what the host will
		 * start on them: the fd stays readable, and one enter takes it all. */
		if (filled > 0 && !driver->backend->collectable(driver))
			break;
		if (more(driver) || undelivered(driver))
			continue;
		/* What was collectable can be gone: the kernel runs it whenever this thread is
		 * interrupted, and some work makes no completion. */
		if (filled > 0)
			break;
		if (drained)
			return 0;
		backend->drain(driver);
		driver->rung = false;
		driver->hot = false;
		drained = true;
		if (!more(driver) && !undelivered(driver))
			return 0;
	}
	return filled > 0 ? filled : EXHAUSTED;
}

/* The fd must be readable now, whatever the host did before this poll. */
static void stay_readable(struct driver *driver)
{
	if ((driver->flags & ABIO_DRIVER_EDGE) != 0 ||
	    (!driver->rung && !driver->backend->signaled(driver)))
		signal_always(driver);
	driver->hot = true;
}

int32_t impl_driver_poll(struct driver *driver, struct abio_event *events, uint32_t stride,
			 uint32_t capacity)
{
	uint32_t filled;

	if (driver->polling || driver->in_host > 0)
		return ABIO_E_REENTERED;
	if (capacity > INT32_MAX)
		capacity = INT32_MAX;
	driver->polling = true;
	driver->failure = 0;
	driver->moved = 0;
	driver_recycle(driver);
	if (driver->ringer != NULL)
		ringer_listen(driver->ringer);
	if (driver->backend->begin != NULL)
		driver->backend->begin(driver);
	filled = turn(driver, (uint8_t *)events, stride, capacity);
	driver->polling = false;
	if (filled == 0)
		return 0;
	if (filled == EXHAUSTED) {
		/* The host thinks there is nothing left; an edge-triggered one needs a new edge. */
		signal_always(driver);
		return driver->failure;
	}
	stay_readable(driver);
	return (int32_t)filled;
}

bool driver_working(const struct driver *driver)
{
	return driver->in_flight > 0 || driver->background > 0;
}

/* After a shutdown the last thing to end may have no event: there is nothing to wait for any more.
 */
static bool over(const struct driver *driver)
{
	return driver->shut && !driver_working(driver);
}

int32_t impl_driver_wait(struct driver *driver, struct abio_event *events, uint32_t stride,
			 uint32_t capacity, int64_t timeout_ns)
{
	int64_t end = -1;
	int64_t left = timeout_ns;
	int32_t filled;

	if (timeout_ns < -1)
		return ABIO_E_ARGUMENT;
	if (timeout_ns > 0) {
		int64_t now = platform_clock();

		end = timeout_ns > INT64_MAX - now ? INT64_MAX : now + timeout_ns;
	}
	for (;;) {
		filled = impl_driver_poll(driver, events, stride, capacity);
		if (filled != 0 || left == 0 || over(driver))
			return filled;
		filled = driver->backend->sleep(driver, left);
		if (filled < 0)
			return filled;
		if (end >= 0) {
			left = end - platform_clock();
			if (left < 0)
				left = 0;
		}
	}
}

int32_t impl_driver_submit(struct driver *driver)
{
	if (driver->polling || driver->in_host > 0)
		return ABIO_E_REENTERED;
	driver->polling = true;
	outbox_start_dirty(driver);
	request_perform(driver);
	driver->backend->turn(driver);
	driver->polling = false;
	if (more(driver) || undelivered(driver))
		driver_signal(driver);
	return 0;
}
