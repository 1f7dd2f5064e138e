/*
 * Filling an object's inbuf: what every method of BufRead is written over.
 *
 * A fill waits for bytes and puts them into the inbuf; who asked then looks there.  An object with
 * a descriptor receives into a view of the pool, so that it holds no memory while it waits; another
 * answers REQUEST_FILL.
 */
#ifndef ABIO_FILL_H
#define ABIO_FILL_H

#include "inbuf.h"
#include "traits.h"

/* Reserves what a fill needs.  False without memory. */
bool fill_reserve(struct object *object);
/* Without waiting, after fill_reserve: how much is there, 0 at the end, ABIO_WOULD_BLOCK or a code.
 */
int64_t fill_try(struct object *object);
/*
 * Asks for bytes, when there are none, as a step of a reading operation.  `done` calls fill_settle
 * first: then they are in the inbuf.
 */
void fill_submit(struct operation *operation,
		 void (*done)(struct request *request, int64_t result));
void fill_settle(struct request *request, int64_t result);
/* A prepared operation that is a fill and nothing else: 0, or a code and nothing was begun. */
int32_t fill_begin(struct operation *operation);

/* Slots that are the same for everything with an inbuf. */
int32_t fill_slot_try_fill_buf(struct object *self, const void **data);
int32_t fill_slot_consume(struct object *self, uint32_t count);
int32_t fill_slot_fill_buf(struct object *self, uint32_t flags, uint64_t token);
int32_t until_slot_read_until(struct object *self, uint32_t byte, abio_buffer into, uint32_t flags,
			      uint64_t token);
int32_t until_slot_read_line(struct object *self, abio_buffer into, uint32_t flags, uint64_t token);
int32_t until_slot_has_data_left(struct object *self, uint32_t flags, uint64_t token);
int32_t receive_slot_receive(struct object *self, uint32_t flags, uint64_t token);
int32_t receive_slot_pause(struct object *self);
int32_t receive_slot_resume(struct object *self);

#endif
