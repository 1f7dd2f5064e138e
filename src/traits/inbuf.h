/*
 * Bytes an object has read ahead: what fill_buf showed and nobody consumed, what a copy took and
 * could not pass on.  Every read of the object takes them first.
 *
 * They stand in a view (pool.h), or in memory of the object's class: the buffer of a buffered
 * reader, the host's memory of a BufRead that a host implements.  An object without any holds no
 * memory but this struct.  Objects that are one stream (a half and what it is a half of) share one.
 *
 * There may be several pieces, in order: what a copy gave back, and what another handle had read
 * meanwhile.  Each view says what comes behind it, so that this takes no memory.  Memory of the
 * class comes last, because a class is asked for more only when nothing is left.
 */
#ifndef ABIO_INBUF_H
#define ABIO_INBUF_H

#include "object.h"
#include "pool.h"

struct inbuf {
	struct object *owner; /* whose class is told what was consumed; NULL when it is gone */
	struct span first;
	uint32_t references;
};

static inline uint32_t span_left(const struct span *span)
{
	return span->end - span->start;
}

/* How many come next in one piece; 0: there are none. */
static inline uint32_t inbuf_left(const struct object *object)
{
	return object->inbuf == NULL ? 0 : span_left(&object->inbuf->first);
}

/* Where they are; only while there are some. */
static inline uint8_t *inbuf_data(const struct object *object)
{
	return object->inbuf->first.data + object->inbuf->first.start;
}

/* Made at first use; NULL without memory. */
struct inbuf *inbuf_of(struct object *object);
/* Makes a fresh object read what `other` has read ahead.  False without memory. */
bool inbuf_share(struct object *object, struct object *other);
/* For classes that fill: `length` bytes at `data` are there now, until they are consumed, behind
 * what others gave back. */
void inbuf_show(struct object *object, uint8_t *data, uint32_t length);
/* The same in a view, which is the inbuf's from now on. */
void inbuf_take(struct object *object, struct view *view, uint32_t length);
/* The view of the first piece goes to the caller, with all that was left in it. */
struct view *inbuf_give(struct object *object, uint8_t **data, uint32_t *length);
/*
 * What was read through a private view and could not be passed on, from `start` to `end`, comes
 * next again.  inbuf_of was called before, so this takes no memory.
 */
void inbuf_unread(struct object *object, struct view *view, uint32_t start, uint32_t end);
/* Moves bytes out; how many. */
int64_t inbuf_read(struct object *object, const struct abio_iovec *iovecs, uint32_t count);
/* The first `count`, of one piece, are done with.  0, or what the class says to it: they are gone
 * all the same. */
int32_t inbuf_consume(struct object *object, uint32_t count);
/*
 * How far the object is behind what it stands on: bytes its class has given away.  What a class is
 * told of when it is consumed is still the class's; what an object shares with one below it, that
 * one counts.
 */
uint32_t inbuf_ahead(const struct object *object);
/* What is there is not what comes next any more: the object has moved. */
void inbuf_drop(struct object *object);
/* Memory of the object's class is the class's again, and what was left there is gone. */
void inbuf_drop_shown(struct object *object);
/* The driver goes: a view of its pool ends. */
void inbuf_end(struct object *object);
void inbuf_destroy(struct object *object);

#endif
