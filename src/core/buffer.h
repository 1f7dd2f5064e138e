/*
 * Buffers: memory that an operation may keep, behind a handle of its own.
 *
 * The memory is the library's (alloc), the host's (wrap), or a piece of a driver's pool (draw).  A
 * buffer is held by its handle, for as long as that has references, and by the operation it is lent
 * to; with the last holder it is freed, told to the host, or given back.
 *
 * Invariants: filled <= initialized <= capacity; a lent buffer belongs to one operation and to the
 * driver's thread, whoever holds its handle, until the terminal event is delivered.  Wrapped memory
 * is only lent to operations of its own driver, so that nothing uses it when that is closed.
 */
#ifndef ABIO_BUFFER_H
#define ABIO_BUFFER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "abio.h"
#include "driver.h"
#include "handle.h"
#include "list.h"

enum buffer_kind {
	BUFFER_OWN,
	BUFFER_WRAPPED,
	BUFFER_POOLED
};

struct buffer_pool;

struct buffer {
	struct slot *slot;
	uint64_t id;
	uint8_t *data;
	uint32_t capacity;
	_Atomic uint32_t filled;
	_Atomic uint32_t initialized;
	_Atomic uint32_t lent;
	_Atomic uint32_t holders; /* its handle, and an operation */
	enum buffer_kind kind;
	struct list link;              /* the list of the pool or driver; under handle_lock */
	struct driver *_Atomic driver; /* wrapped: NULL once it is closed; under handle_lock */
	struct buffer_pool *pool;
	struct event_node released; /* wrapped: the event that gives the memory back */
};

/*
 * Lends a buffer to an operation of a driver: 0, ABIO_E_HANDLE, ABIO_E_FORKED, ABIO_E_CLOSED,
 * ABIO_E_ARGUMENT or ABIO_E_BUSY.
 */
int32_t buffer_lend(uint64_t id, struct driver *driver, struct buffer **buffer);
/* Not lent any more: the operation was refused, or its terminal event is delivered. */
void buffer_take_back(struct buffer *buffer);
/* `moved` bytes were read behind what it holds. */
void buffer_fill(struct buffer *buffer, uint32_t moved);
/* How many more it has room for. */
static inline uint32_t buffer_room(struct buffer *buffer)
{
	return buffer->capacity - buffer->filled;
}

/*
 * buffer_pool.c: gives a buffer back; the driver goes.  It makes buffers by the functions below:
 * what is asked for is in range; memory that is not touched (NULL without); a fresh handle (false
 * without memory).
 */
void buffer_pool_give(struct buffer *buffer);
void buffer_pool_end(struct driver *driver);
bool buffer_shape_valid(uint32_t capacity, uint32_t capacity_max, uint32_t alignment);
void *buffer_memory(size_t size, uint32_t alignment);
bool buffer_begin(struct buffer *buffer, enum buffer_kind kind, void *data, uint32_t capacity);

/* The wrapped buffers that other threads let go of last. */
void buffer_open_mail(struct driver *driver);
/* The driver goes: wrapped memory is the host's again, the pool lives on until all are back. */
void buffer_end_driver(struct driver *driver);

#endif
