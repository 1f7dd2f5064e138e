/* See buffer.h. */
#include "buffer.h"

#include <stddef.h>

#include "check.h"
#include "driver.h"
#include "platform.h"
#include "slots.h"

#define CAPACITY_MAX  0x7ffff000u
#define ALIGNMENT_MAX (1u << 20)

static struct buffer *find(uint64_t id, int32_t *error)
{
	struct slot *slot = handle_find(id, HANDLE_BUFFER);

	*error = ABIO_E_HANDLE;
	if (slot == NULL)
		return NULL;
	*error = slot->epoch != platform_epoch() ? ABIO_E_FORKED : 0;
	return *error < 0 ? NULL : slot->object;
}

int32_t buffer_lend(uint64_t id, struct buffer **buffer)
{
	int32_t error;
	struct buffer *found = find(id, &error);
	uint32_t home = 0;

	if (found == NULL)
		return error;
	if (!atomic_compare_exchange_strong(&found->lent, &home, 1))
		return ABIO_E_BUSY;
	*buffer = found;
	return 0;
}

static void destroy(struct buffer *buffer)
{
	platform_release(buffer->data);
	handle_destroy(buffer->slot);
	platform_release(buffer);
}

void buffer_take_back(struct buffer *buffer)
{
	check(atomic_load(&buffer->lent) == 1);
	atomic_store(&buffer->lent, 0);
}

void buffer_fill(struct buffer *buffer, uint32_t moved)
{
	check(moved <= buffer->capacity - buffer->filled);
	buffer->filled += moved;
	if (buffer->initialized < buffer->filled)
		buffer->initialized = buffer->filled;
}

void buffer_bring_home(struct buffer *buffer, struct abio_event *event)
{
	event->handle = buffer->id;
	event->flags |= ABIO_EVENT_BUFFER;
	buffer_take_back(buffer);
}

int32_t impl_buffer_alloc(uint32_t capacity, uint32_t alignment, uint32_t flags,
			  abio_buffer *out)
{
	struct buffer *buffer;

	(void)flags;
	if (capacity == 0 || capacity > CAPACITY_MAX || alignment > ALIGNMENT_MAX ||
	    (alignment & (alignment - 1)) != 0)
		return ABIO_E_ARGUMENT;
	buffer = platform_allocate(sizeof(*buffer));
	if (buffer == NULL)
		return PLATFORM_NO_MEMORY;
	buffer->data = platform_memory.allocate(capacity, alignment);
	if (buffer->data == NULL)
		goto out;
	buffer->slot = handle_create(HANDLE_BUFFER, buffer, NULL);
	if (buffer->slot == NULL)
		goto out;
	buffer->id = handle_id(buffer->slot);
	buffer->capacity = capacity;
	*out = buffer->id;
	return 0;
out:
	platform_release(buffer->data);
	platform_release(buffer);
	return PLATFORM_NO_MEMORY;
}

int32_t impl_buffer_retain(uint64_t id)
{
	int32_t error;

	return find(id, &error) == NULL ? error : handle_retain(id);
}

int32_t impl_buffer_release(uint64_t id)
{
	int32_t error;
	struct buffer *buffer = find(id, &error);

	if (buffer == NULL)
		return error;
	error = handle_release(id);
	if (error == 0)
		destroy(buffer);
	return error < 0 ? error : 0;
}

int32_t impl_buffer_info(uint64_t id, struct abio_buffer_state *info)
{
	int32_t error;
	struct buffer *buffer = find(id, &error);

	if (buffer == NULL)
		return error;
	info->data = buffer->data;
	info->capacity = buffer->capacity;
	info->filled = buffer->filled;
	info->initialized = buffer->initialized;
	info->lent = atomic_load(&buffer->lent);
	return 0;
}

int32_t impl_buffer_set(uint64_t id, uint32_t filled, uint32_t initialized)
{
	int32_t error;
	struct buffer *buffer = find(id, &error);

	if (buffer == NULL)
		return error;
	if (filled > initialized || initialized > buffer->capacity)
		return ABIO_E_ARGUMENT;
	if (atomic_load(&buffer->lent) != 0)
		return ABIO_E_BUSY;
	buffer->filled = filled;
	buffer->initialized = initialized;
	return 0;
}

int32_t impl_buffer_wrap(struct driver *driver, void *data, uint32_t capacity, uint32_t flags,
			 uint64_t token, abio_buffer *buffer)
{
	(void)driver, (void)data, (void)capacity, (void)flags, (void)token, (void)buffer;
	return ABIO_E_UNSUPPORTED;
}

int32_t impl_buffer_pool(struct driver *driver, uint32_t count, uint32_t capacity,
			 uint32_t alignment)
{
	(void)driver, (void)count, (void)capacity, (void)alignment;
	return ABIO_E_UNSUPPORTED;
}

int32_t impl_buffer_draw(struct driver *driver, abio_buffer *buffer)
{
	(void)driver, (void)buffer;
	return ABIO_E_UNSUPPORTED;
}
