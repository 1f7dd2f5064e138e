/* See buffer.h. */
#include "buffer.h"

#include <stddef.h>

#include "check.h"
#include "platform.h"
#include "slots.h"

#define CAPACITY_MAX  0x7ffff000u
#define ALIGNMENT_MAX (1u << 20)
#define ALIGNMENT     64u /* at least: and memory comes untouched, not zeroed (platform.h) */

/* The buffer of a handle, with a reference of the caller's: another thread may let go of the last.
 */
static struct buffer *hold(uint64_t id, int32_t *error)
{
	struct slot *slot = handle_find(id, HANDLE_BUFFER);

	*error = ABIO_E_HANDLE;
	if (slot == NULL)
		return NULL;
	*error = ABIO_E_FORKED;
	if (slot->epoch != platform_epoch())
		return NULL;
	*error = handle_retain(id);
	return *error < 0 ? NULL : slot->object;
}

/* Its driver is closed: the memory is the host's. */
static bool ended(const struct buffer *buffer)
{
	return buffer->kind == BUFFER_WRAPPED && buffer->driver == NULL;
}

/* ---- the end ------------------------------------------------------------------------------- */

static void destroy(struct buffer *buffer)
{
	if (buffer->kind == BUFFER_OWN)
		platform_release(buffer->data);
	handle_destroy(buffer->slot);
	platform_release(buffer);
}

static void told(struct event_node *node)
{
	destroy(container_of(node, struct buffer, released));
}

/* Wrapped memory goes back to the host by an event, which the driver's thread posts. */
static void hand_back(struct buffer *buffer)
{
	struct driver *driver;
	struct doorbell *doorbell;

	handle_lock();
	driver = buffer->driver;
	if (driver == NULL) {
		handle_unlock();
		destroy(buffer);
		return;
	}
	list_remove(&buffer->link);
	if (atomic_load(&driver->slot->thread) == platform_thread()) {
		handle_unlock();
		driver_post(driver, &buffer->released);
		return;
	}
	list_append(&driver->returned, &buffer->link);
	atomic_store_explicit(&driver->mail, 1, memory_order_release);
	doorbell = driver->doorbell;
	atomic_fetch_add(&doorbell->references, 1);
	handle_unlock();
	doorbell_ring(doorbell);
	doorbell_release(doorbell);
}

static void drop(struct buffer *buffer)
{
	if (atomic_fetch_sub(&buffer->holders, 1) != 1)
		return;
	if (buffer->kind == BUFFER_WRAPPED)
		hand_back(buffer);
	else if (buffer->kind == BUFFER_POOLED)
		buffer_pool_give(buffer);
	else
		destroy(buffer);
}

static void let_go(struct buffer *buffer)
{
	if (handle_release(buffer->id) == 0)
		drop(buffer);
}

/* ---- for operations ------------------------------------------------------------------------ */

static bool take(struct buffer *buffer)
{
	uint32_t home = 0;

	return atomic_compare_exchange_strong(&buffer->lent, &home, 1);
}

int32_t buffer_lend(uint64_t id, struct driver *driver, struct buffer **out)
{
	int32_t error;
	struct buffer *buffer = hold(id, &error);

	if (buffer == NULL)
		return error;
	if (ended(buffer))
		error = ABIO_E_CLOSED;
	else if (buffer->kind == BUFFER_WRAPPED && buffer->driver != driver)
		error = ABIO_E_ARGUMENT;
	else if (!take(buffer))
		error = ABIO_E_BUSY;
	if (error == 0) {
		atomic_fetch_add(&buffer->holders, 1);
		*out = buffer;
	}
	let_go(buffer);
	return error;
}

void buffer_take_back(struct buffer *buffer)
{
	check(atomic_load(&buffer->lent) == 1);
	atomic_store(&buffer->lent, 0);
	drop(buffer);
}

void buffer_fill(struct buffer *buffer, uint32_t moved)
{
	uint32_t filled = buffer->filled + moved;

	check(moved <= buffer_room(buffer));
	buffer->filled = filled;
	if (buffer->initialized < filled)
		buffer->initialized = filled;
}

/* ---- for drivers --------------------------------------------------------------------------- */

void buffer_open_mail(struct driver *driver)
{
	struct list returned;
	struct list *link;

	list_init(&returned);
	handle_lock();
	list_splice(&returned, &driver->returned);
	handle_unlock();
	while ((link = list_take(&returned)) != NULL)
		driver_post(driver, &container_of(link, struct buffer, link)->released);
}

void buffer_end_driver(struct driver *driver)
{
	struct list returned;
	struct list *link;

	list_init(&returned);
	handle_lock();
	while ((link = list_take(&driver->wrapped)) != NULL)
		container_of(link, struct buffer, link)->driver = NULL;
	list_splice(&returned, &driver->returned);
	handle_unlock();
	while ((link = list_take(&returned)) != NULL)
		destroy(container_of(link, struct buffer, link));
	buffer_pool_end(driver);
}

/* ---- for hosts ----------------------------------------------------------------------------- */

bool buffer_shape_valid(uint32_t capacity, uint32_t capacity_max, uint32_t alignment)
{
	return capacity > 0 && capacity <= capacity_max && alignment <= ALIGNMENT_MAX &&
	       (alignment & (alignment - 1)) == 0;
}

void *buffer_memory(size_t size, uint32_t alignment)
{
	return platform_memory.allocate(size, alignment < ALIGNMENT ? ALIGNMENT : alignment);
}

bool buffer_begin(struct buffer *buffer, enum buffer_kind kind, void *data, uint32_t capacity)
{
	buffer->slot = handle_create(HANDLE_BUFFER, buffer, NULL);
	if (buffer->slot == NULL)
		return false;
	buffer->id = handle_id(buffer->slot);
	buffer->kind = kind;
	buffer->data = data;
	buffer->capacity = capacity;
	atomic_store(&buffer->filled, 0);
	atomic_store(&buffer->lent, 0);
	atomic_store(&buffer->holders, 1);
	list_init(&buffer->link);
	return true;
}

int32_t impl_buffer_alloc(uint32_t capacity, uint32_t alignment, uint32_t flags, abio_buffer *out)
{
	struct buffer *buffer;
	void *data;

	(void)flags;
	if (!buffer_shape_valid(capacity, CAPACITY_MAX, alignment))
		return ABIO_E_ARGUMENT;
	buffer = platform_allocate(sizeof(*buffer));
	if (buffer == NULL)
		return PLATFORM_NO_MEMORY;
	data = buffer_memory(capacity, alignment);
	if (data == NULL || !buffer_begin(buffer, BUFFER_OWN, data, capacity)) {
		platform_release(data);
		platform_release(buffer);
		return PLATFORM_NO_MEMORY;
	}
	*out = buffer->id;
	return 0;
}

int32_t impl_buffer_wrap(struct driver *driver, void *data, uint32_t capacity, uint32_t flags,
			 uint64_t token, abio_buffer *out)
{
	struct buffer *buffer;

	(void)flags;
	if (!buffer_shape_valid(capacity, CAPACITY_MAX, 0))
		return ABIO_E_ARGUMENT;
	buffer = platform_allocate(sizeof(*buffer));
	if (buffer == NULL)
		return PLATFORM_NO_MEMORY;
	if (!buffer_begin(buffer, BUFFER_WRAPPED, data, capacity)) {
		platform_release(buffer);
		return PLATFORM_NO_MEMORY;
	}
	buffer->initialized = capacity;
	buffer->driver = driver;
	list_init(&buffer->released.link);
	buffer->released.consumed = told;
	buffer->released.event.token = token;
	buffer->released.event.data = (uint64_t)(uintptr_t)data;
	buffer->released.event.flags = ABIO_EVENT_RELEASED;
	handle_lock();
	list_append(&driver->wrapped, &buffer->link);
	handle_unlock();
	*out = buffer->id;
	return 0;
}

int32_t impl_buffer_retain(uint64_t id)
{
	struct slot *slot = handle_find(id, HANDLE_BUFFER);

	if (slot == NULL)
		return ABIO_E_HANDLE;
	return slot->epoch != platform_epoch() ? ABIO_E_FORKED : handle_retain(id);
}

/* In the child of a fork only our copy of the memory goes: what else there is names the parent's.
 */
static void forget(struct buffer *buffer)
{
	if (atomic_fetch_sub(&buffer->holders, 1) != 1 || buffer->kind != BUFFER_OWN)
		return;
	platform_release(buffer->data);
	buffer->data = NULL;
}

int32_t impl_buffer_release(uint64_t id)
{
	struct slot *slot = handle_find(id, HANDLE_BUFFER);
	int32_t left;

	if (slot == NULL)
		return ABIO_E_HANDLE;
	left = handle_release(id);
	if (left != 0)
		return left < 0 ? left : 0;
	if (slot->epoch == platform_epoch())
		drop(slot->object);
	else
		forget(slot->object);
	return 0;
}

int32_t impl_buffer_info(uint64_t id, struct abio_buffer_state *info)
{
	int32_t error;
	struct buffer *buffer = hold(id, &error);

	if (buffer == NULL)
		return error;
	if (ended(buffer))
		error = ABIO_E_CLOSED;
	info->data = buffer->data;
	info->capacity = buffer->capacity;
	info->filled = buffer->filled;
	info->initialized = buffer->initialized;
	info->lent = atomic_load(&buffer->lent);
	let_go(buffer);
	return error;
}

int32_t impl_buffer_set(uint64_t id, uint32_t filled, uint32_t initialized)
{
	int32_t error;
	struct buffer *buffer = hold(id, &error);

	if (buffer == NULL)
		return error;
	if (ended(buffer)) {
		error = ABIO_E_CLOSED;
	} else if (filled > initialized || initialized > buffer->capacity) {
		error = ABIO_E_ARGUMENT;
	} else if (!take(buffer)) {
		error = ABIO_E_BUSY;
	} else {
		/* Taken, nobody lends it meanwhile. */
		buffer->filled = filled;
		buffer->initialized = initialized;
		atomic_store(&buffer->lent, 0);
	}
	let_go(buffer);
	return error;
}
