/*
 * One transfer of bytes as an operation: read, readv, read_exact, write, write_all, with or without
 * an offset.  The forms differ only in `exact`, in where the offset comes from, and in what a
 * result of 0 means.
 */
#ifndef ABIO_TRANSFER_H
#define ABIO_TRANSFER_H

#include "traits.h"

/* What a host asked for, still unaccepted. */
struct transfer {
	struct object *object;
	enum request_code code;
	enum operation_side side;
	bool exact;
	bool cursor;
	void *data;
	uint32_t length;
	const struct abio_iovec *iovecs;
	uint32_t count;
	uint64_t offset;
	uint32_t flags;
	uint64_t token;
	/* Lent, and the operation's from acceptance on: `data` is in it. */
	struct buffer *buffer;
	/*
	 * For the library's own operations: memory for it, and who is told of its end.  iovecs are
	 * then borrowed until that, not copied.
	 */
	struct operation *given;
	void (*reply)(struct operation *operation, int64_t result);
	void *owner;
};

/* One type of request serves both directions: what it writes it only reads from. */
static inline void *writable(const void *data)
{
	union {
		const void *in;
		void *out;
	} both = { .in = data };

	return both.out;
}

/* One of what comes next on an object: of a file, at its cursor. */
static inline struct transfer transfer_of(struct object *object, enum operation_side side)
{
	struct transfer transfer = { .object = object, .side = side };

	transfer.cursor = object->class->positional;
	if (side == SIDE_READ)
		transfer.code = transfer.cursor ? REQUEST_READ_AT : REQUEST_READ;
	else
		transfer.code = transfer.cursor ? REQUEST_WRITE_AT : REQUEST_WRITE;
	return transfer;
}

/* Most bytes of one step. */
uint32_t transfer_limit(const struct object *object);
/* Whether another has the direction it needs. */
bool transfer_busy(const struct transfer *transfer);
int32_t transfer_start(const struct transfer *transfer);
/* The same now, without waiting: a count or ABIO_WOULD_BLOCK. */
int64_t transfer_try(const struct transfer *transfer);

#endif
