/*
 * Bytes an object has read ahead: what fill_buf showed and nobody consumed, what a copy took and
 * could not pass on.  Every read of the object takes them first.
 *
 * They stand in a view of the driver's pool, in memory of the object's own, or in the host's (a
 * BufRead that a host implements).  An object without any holds no memory.
 */
#ifndef ABIO_INBUF_H
#define ABIO_INBUF_H

#include "object.h"

struct view;

struct inbuf {
	uint8_t *data;
	uint32_t start;
	uint32_t end;
	uint32_t capacity; /* of `memory`; 0 where there is none */
	uint8_t *memory;   /* the object's own */
	struct view *view; /* of the pool, given back when it is consumed */
};

static inline uint32_t inbuf_left(const struct object *object)
{
	return object->inbuf == NULL ? 0 : object->inbuf->end - object->inbuf->start;
}

/* Moves bytes out; how many. */
int64_t inbuf_read(struct object *object, const struct abio_iovec *iovecs, uint32_t count);
/* The first `count` are done with. */
void inbuf_consume(struct object *object, uint32_t count);
void inbuf_destroy(struct object *object);

#endif
