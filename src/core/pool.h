/*
 * The pool of receive buffers of a driver, and views: a piece of one on its way to the host.
 *
 * A buffer is free (in the backend's hands), filled (its view is in the event queue), lent (the
 * host may read it until its next poll), or held (an object's inbuf has it until it is consumed).
 * The pool has a fixed size, whatever the number of streams.
 *
 * A view may also be private: memory of its own in place of a buffer of the pool.
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
#define POOL_HELD_MAX    (POOL_BUFFERS / 2) /* what is held can never starve those who wait */

#define VIEW_PRIVATE UINT32_MAX /* index of a view that is not the pool's */

/* Bytes from `start` to `end`, and where they stand.  None: no bytes. */
struct span {
	uint8_t *data;
	struct view *view; /* NULL: memory of a class */
	uint32_t start;
	uint32_t end;
};

struct view {
	struct event_node node;
	struct driver *driver;
	uint8_t *data;
	uint32_t index;
	struct list in_pool; /* free, or lent */
	/* Of a private one: what to do when it ended, instead of freeing it. */
	void (*ended)(struct view *view);
	void *owner;
	/* While an inbuf holds it: the bytes that come behind its own. */
	struct span behind;
};

struct pool {
	uint8_t *memory;
	struct list free; /* of views; unused where the kernel picks the buffer */
	uint32_t free_count;
	uint32_t held;   /* by inbufs */
	bool registered; /* the backend has shown it to the kernel */
	struct view views[POOL_BUFFERS];
};

/* Made at first use; NULL without memory. */
struct pool *pool_of(struct driver *driver);
void pool_destroy(struct driver *driver);
struct view *pool_take(struct pool *pool);
void pool_give(struct pool *pool, struct view *view);
/* One of `length` bytes outside of the pool; NULL without memory. */
struct view *view_private(struct driver *driver, uint32_t length);
/* Nobody reads it any more: to the pool at once, where others may wait for it. */
void view_end(struct view *view);
/* Sends `length` bytes at `data` inside a view to the host as a MORE event. */
void view_post(struct view *view, uint64_t token, const uint8_t *data, int64_t length,
	       uint64_t progress);
/* The views of the last poll end. */
void pool_recycle(struct driver *driver);

#endif
