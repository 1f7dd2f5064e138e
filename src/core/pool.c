/* See pool.h. */
#include "pool.h"

#include "backend.h"
#include "check.h"
#include "platform.h"
#include "poison.h"

#define PAGE              4096u
#define PRIVATE_ALIGNMENT 64u

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
	poison_end(pool->memory, (size_t)POOL_BUFFERS * POOL_BUFFER_SIZE);
	pool->free_count = POOL_BUFFERS;
	driver->pool = pool;
	return pool;
}

void pool_destroy(struct driver *driver)
{
	if (driver->pool == NULL)
		return;
	poison_begin(driver->pool->memory, (size_t)POOL_BUFFERS * POOL_BUFFER_SIZE);
	platform_release(driver->pool->memory);
	platform_release(driver->pool);
	driver->pool = NULL;
}

struct view *pool_take(struct pool *pool)
{
	struct list *link = list_take(&pool->free);
	struct view *view;

	if (link == NULL)
		return NULL;
	pool->free_count--;
	view = container_of(link, struct view, in_pool);
	poison_begin(view->data, POOL_BUFFER_SIZE);
	return view;
}

void pool_give(struct pool *pool, struct view *view)
{
	check(!list_linked(&view->in_pool));
	poison_end(view->data, POOL_BUFFER_SIZE);
	/* At the head: the buffer used last is the one still in the cache. */
	list_append(pool->free.next, &view->in_pool);
	pool->free_count++;
}

struct view *view_private(struct driver *driver, uint32_t length)
{
	/* Aligned, so that nobody zeroes what is overwritten. */
	struct view *view = platform_memory.allocate(sizeof(*view) + length, PRIVATE_ALIGNMENT);

	if (view == NULL)
		return NULL;
	*view = (struct view){ .driver = driver,
			       .data = (uint8_t *)(view + 1),
			       .index = VIEW_PRIVATE,
			       .node = { .consumed = lend } };
	list_init(&view->node.link);
	list_init(&view->in_pool);
	return view;
}

static void end_private(struct view *view)
{
	if (view->ended != NULL)
		view->ended(view);
	else
		platform_release(view);
}

void view_end(struct view *view)
{
	struct driver *driver = view->driver;
	struct list views;

	if (view->index == VIEW_PRIVATE) {
		end_private(view);
		return;
	}
	list_init(&views);
	list_append(&views, &view->in_pool);
	driver->backend->recycle(driver, &views);
	/* Who waited for it goes on at the next poll. */
	if (!driver->polling && driver->backend->more(driver))
		driver_signal(driver);
}

void pool_recycle(struct driver *driver)
{
	struct list views;
	struct list *link;
	size_t left = list_count(&driver->views);

	if (left == 0)
		return;
	list_init(&views);
	while (left-- > 0 && (link = list_take(&driver->views)) != NULL) {
		struct view *view = container_of(link, struct view, in_pool);

		if (view->index == VIEW_PRIVATE)
			end_private(view);
		else
			list_append(&views, &view->in_pool);
	}
	if (!list_empty(&views))
		driver->backend->recycle(driver, &views);
}

void view_post(struct view *view, uint64_t token, const uint8_t *data, int64_t length,
	       uint64_t progress)
{
	struct abio_event *event = &view->node.event;

	event->token = token;
	event->result = length;
	event->progress = progress;
	event->handle = 0;
	event->data = (uint64_t)(uintptr_t)data;
	event->flags = ABIO_EVENT_MORE | ABIO_EVENT_VIEW;
	event->reserved = 0;
	view->node.consumed = lend;
	driver_post(view->driver, &view->node);
}
