/*
 * The pool of receive buffers of a driver, and views: a piece of one on its way to the host.
 *
 * A buffer is free (in the backend's hands), filled (its view is in the event queue), or lent (the
 * host may read it until its next poll).  The pool has a fixed size, whatever the number of
 * streams.
 */
#ifndef ABIO_POOL_H
#define ABIO_POOL_H

#include "driver.h"

/*
 * Many small ones rather than few large: a burst on more streams than there are buffers goes round
 * again for lack of one, which cost 20 to 29 % at 1000 connections with a quarter of the number.
 */
#define POOL_BUFFERS     1024u /* a power of two: what io_uring's buffer ring takes */
#define POOL_BUFFER_SIZE 8192u

struct view {
	struct event_node node;
	struct driver *driver;
	uint8_t *data;
	uint32_t index;
	struct list in_pool; /* free, or lent */
};

struct pool {
	uint8_t *memory;
	struct list free; /* of views; unused where the kernel picks the buffer */
	uint32_t free_count;
	bool registered; /* the backend has shown it to the kernel */
	struct view views[POOL_BUFFERS];
};

/* Made at first use; NULL without memory. */
struct pool *pool_of(struct driver *driver);
void pool_destroy(struct driver *driver);
struct view *pool_take(struct pool *pool);
void pool_give(struct pool *pool, struct view *view);
/* Sends a filled view to the host as a MORE event. */
void view_post(struct view *view, uint64_t token, int64_t length, uint64_t progress);

#endif
