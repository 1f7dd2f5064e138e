/*
 * The driver's pool of receive buffers as the kernel has it: a ring of provided buffers, from which
 * it takes one when data has arrived, so that a stream that waits holds none.
 */
#include "platform.h"
#include "poison.h"
#include "pool.h"
#include "sys.h"
#include "uring.h"

#define PAGE 4096u

void uring_pool_give(struct uring_state *state, struct view *view)
{
	poison_end(view->data, POOL_BUFFER_SIZE);
	io_uring_buf_ring_add(state->buffers, view->data, POOL_BUFFER_SIZE,
			      (unsigned short)view->index, io_uring_buf_ring_mask(POOL_BUFFERS), 0);
	io_uring_buf_ring_advance(state->buffers, 1);
	state->buffers_free++;
}

bool uring_pool_registered(struct driver *driver)
{
	struct uring_state *state = uring_state_of(driver);
	struct io_uring_buf_reg registration = { .ring_entries = POOL_BUFFERS, .bgid = 0 };
	struct pool *pool = driver->pool;
	struct list *link;

	if (pool->registered)
		return state->buffers != NULL;
	pool->registered = true;
	state->buffers = platform_memory.allocate(POOL_BUFFERS * sizeof(struct io_uring_buf), PAGE);
	if (state->buffers == NULL)
		return false;
	io_uring_buf_ring_init(state->buffers);
	registration.ring_addr = (uint64_t)(uintptr_t)state->buffers;
	if (sys.ring_buffers(&state->ring, &registration) < 0) {
		platform_release(state->buffers);
		state->buffers = NULL;
		return false;
	}
	while ((link = list_take(&pool->free)) != NULL)
		uring_pool_give(state, container_of(link, struct view, in_pool));
	pool->free_count = 0;
	return true;
}

void uring_pool_recycle(struct driver *driver, struct list *views)
{
	struct uring_state *state = uring_state_of(driver);
	struct list *link;

	while ((link = list_take(views)) != NULL) {
		struct view *view = container_of(link, struct view, in_pool);

		if (state->buffers != NULL)
			uring_pool_give(state, view);
		else
			pool_give(driver->pool, view);
	}
}
