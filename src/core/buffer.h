/*
 * Buffers: memory that an operation may keep, behind a handle of its own.
 *
 * Invariants: filled <= initialized <= capacity; a lent buffer belongs to one operation and to the
 * driver's thread, whoever holds its handle; its memory goes when no handle names it and no
 * operation has it.
 */
#ifndef ABIO_BUFFER_H
#define ABIO_BUFFER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "abio.h"
#include "handle.h"
#include "list.h"

struct buffer {
	struct slot *slot;
	uint64_t id;
	uint8_t *data;
	uint32_t capacity;
	uint32_t filled;
	uint32_t initialized;
	_Atomic uint32_t lent;
};

/* Lends a buffer to an operation: 0, ABIO_E_HANDLE, ABIO_E_FORKED or ABIO_E_BUSY. */
int32_t buffer_lend(uint64_t id, struct buffer **buffer);
/* What was lent for an operation that was not accepted. */
void buffer_take_back(struct buffer *buffer);
/* `moved` bytes were read behind what it holds. */
void buffer_fill(struct buffer *buffer, uint32_t moved);
/* The terminal event brings it to the host. */
void buffer_bring_home(struct buffer *buffer, struct abio_event *event);

#endif
