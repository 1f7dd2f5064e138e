/* See pool.h. */
#include "pool.h"

#include "check.h"
#include "platform.h"

#define PAGE 4096u

static void lend(struct event_node *node)
{
	struct view *view = container_of(node, struct view, node);

	list_append(&view->driver->views, &view->in_pool);
}

struct pool *pool_of(struct driver *driver)
{
	struct pool *pool = driver->pool;

	if (pool != NULL)
		return pool;
	pool = platform_allocate(sizeof(*pool));
	if (pool == NULL)
		return NULL;
	pool->memory = platform_memory.allocate((size_t)POOL_BUFFERS * POOL_BUFFER_SIZE, PAGE);
	if (pool->memory == NULL) {
		platform_release(pool);
		return NULL;
	}
	list_init(&pool->free);
	for (uint32_t i = 0; i < POOL_BUFFERS; i++) {
		struct view *view = &pool->views[i];

		view->driver = driver;
		view->index = i;
		view->data = pool->memory + (size_t)i * POOL_BUFFER_SIZE;
		view->node.consumed = lend;
		list_init(&view->node.link);
		list_init(&view->in_pool);
		list_append(&pool->free, &view->in_pool);
	}
	pool->free_count = POOL_BUFFERS;
	driver->pool = pool;
	return pool;
}

void pool_destroy(struct driver *driver)
{
	if (driver->pool == NULL)
		return;
	platform_release(driver->pool->memory);
	platform_release(driver->pool);
	driver->pool = NULL;
}

struct view *pool_take(struct pool *pool)
{
	struct list *link = list_take(&pool->free);

	if (link == NULL)
		return NULL;
	pool->free_count--;
	return container_of(link, struct view, in_pool);
}

void pool_give(struct pool *pool, struct view *view)
{
	check(!list_linked(&view->in_pool));
	/* At the head: the buffer used last is the one still in the cache. */
	list_append(pool->free.next, &view->in_pool);
	pool->free_count++;
}

void view_post(struct view *view, uint64_t token, int64_t length, uint64_t progress)
{
	struct abio_event *event = &view->node.event;

	event->token = token;
	event->result = length;
	event->progress = progress;
	event->handle = 0;
	event->data = (uint64_t)(uintptr_t)view->data;
	event->flags = ABIO_EVENT_MORE | ABIO_EVENT_VIEW;
	event->reserved = 0;
	driver_post(view->driver, &view->node);
}
