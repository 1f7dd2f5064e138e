/*
 * A driver's pool of buffers for hosts: made at once, drawn and given back, never more, never
 * fewer. Nothing to do with the pool of views (pool.h), which the library fills by itself.
 *
 * The list of free ones is under handle_lock, because any thread may let go of a buffer last.  The
 * pool outlives its driver while buffers are out.
 */
#include <stddef.h>

#include "buffer.h"
#include "check.h"
#include "platform.h"
#include "slots.h"

#define COUNT_MAX    65536u
#define CAPACITY_MAX (1u << 30)

struct buffer_pool {
	uint8_t *memory;
	struct list free;
	uint32_t out;
	bool orphaned; /* its driver is closed */
	struct buffer buffers[];
};

static void destroy(struct buffer_pool *pool)
{
	platform_release(pool->memory);
	platform_release(pool);
}

static void put(struct buffer *buffer)
{
	struct buffer_pool *pool = buffer->pool;
	bool last;

	handle_lock();
	/* At the head: the one used last is the one still in the cache. */
	list_append(pool->free.next, &buffer->link);
	pool->out--;
	last = pool->orphaned && pool->out == 0;
	handle_unlock();
	if (last)
		destroy(pool);
}

void buffer_pool_give(struct buffer *buffer)
{
	handle_destroy(buffer->slot);
	put(buffer);
}

void buffer_pool_end(struct driver *driver)
{
	struct buffer_pool *pool = driver->buffers;
	bool last;

	if (pool == NULL)
		return;
	driver->buffers = NULL;
	handle_lock();
	pool->orphaned = true;
	last = pool->out == 0;
	handle_unlock();
	if (last)
		destroy(pool);
}

static bool sizes(uint32_t count, uint32_t capacity, uint32_t alignment, size_t *step, size_t *all)
{
	size_t mask = alignment == 0 ? 15 : alignment - 1;

	*step = ((size_t)capacity + mask) & ~mask;
	return !__builtin_mul_overflow(*step, (size_t)count, all);
}

int32_t impl_buffer_pool(struct driver *driver, uint32_t count, uint32_t capacity,
			 uint32_t alignment)
{
	struct buffer_pool *pool;
	size_t step;
	size_t all;

	if (count == 0 || count > COUNT_MAX ||
	    !buffer_shape_valid(capacity, CAPACITY_MAX, alignment))
		return ABIO_E_ARGUMENT;
	if (driver->buffers != NULL)
		return ABIO_E_BUSY;
	if (!sizes(count, capacity, alignment, &step, &all))
		return PLATFORM_NO_MEMORY;
	pool = platform_allocate(sizeof(*pool) + count * sizeof(pool->buffers[0]));
	if (pool == NULL)
		return PLATFORM_NO_MEMORY;
	pool->memory = buffer_memory(all, alignment);
	if (pool->memory == NULL) {
		platform_release(pool);
		return PLATFORM_NO_MEMORY;
	}
	list_init(&pool->free);
	for (uint32_t i = 0; i < count; i++) {
		struct buffer *buffer = &pool->buffers[i];

		buffer->pool = pool;
		buffer->data = pool->memory + i * step;
		buffer->capacity = capacity;
		list_append(&pool->free, &buffer->link);
	}
	driver->buffers = pool;
	return 0;
}

int32_t impl_buffer_draw(struct driver *driver, abio_buffer *out)
{
	struct buffer_pool *pool = driver->buffers;
	struct buffer *buffer;
	struct list *link;

	if (pool == NULL)
		return ABIO_E_UNSUPPORTED;
	handle_lock();
	link = list_take(&pool->free);
	if (link != NULL)
		pool->out++;
	handle_unlock();
	if (link == NULL)
		return ABIO_WOULD_BLOCK;
	buffer = container_of(link, struct buffer, link);
	if (!buffer_begin(buffer, BUFFER_POOLED, buffer->data, buffer->capacity)) {
		put(buffer);
		return PLATFORM_NO_MEMORY;
	}
	*out = buffer->id;
	return 0;
}
