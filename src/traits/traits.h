/*
 * The provided methods: each trait's slots, written once over what a class requires (object.h) and
 * what a backend does with a request (backend.h).  A class lists these tables or its own.
 */
#ifndef ABIO_TRAITS_H
#define ABIO_TRAITS_H

#include "object.h"
#include "operation.h"

#define TRANSFER_MAX 0x7ffff000u /* most bytes of one transfer, as Linux has it */
#define IOVEC_MAX    1024u       /* most pieces of one vectored transfer */
#define FILE_STEP                                                                      \
	(1u << 20) /* most bytes a file moves in one step: a step is not interruptible \
		    */

extern const struct ready_slots stream_ready_slots;
extern const struct read_slots stream_read_slots;
extern const struct write_slots stream_write_slots;
extern const struct buf_read_slots stream_buf_read_slots;
extern const struct owned_read_slots owned_read_slots;
extern const struct owned_write_slots owned_write_slots;
extern const struct seek_slots seek_slots;
extern const struct split_slots split_slots;
extern const struct read_slots file_read_slots;
extern const struct write_slots file_write_slots;
extern const struct read_at_slots file_read_at_slots;
extern const struct write_at_slots file_write_at_slots;

/* vector.c: host arrays of iovecs */

/* 0, or ABIO_E_ARGUMENT where a piece has length and no memory. */
int32_t vector_check(const struct abio_iovec *iovecs, uint32_t count);
/* The same, and ABIO_E_ARGUMENT where it is too much for a transfer of all of it. */
int32_t vector_check_exact(const struct abio_iovec *iovecs, uint32_t count);
/*
 * The part of a host's array that one transfer may move: the pieces before `limit` bytes or
 * IOVEC_MAX are reached.  Where the first piece alone is longer, *whole is 0 and *first is it, cut.
 */
void vector_clamp(const struct abio_iovec *iovecs, uint32_t count, uint32_t limit, uint32_t *whole,
		  struct abio_iovec *first, uint64_t *total);

/*
 * Drops `moved` bytes from the front of an array of the library's own, which starts at `whole` and
 * of which *iovecs and *count are what is left.
 */
void vector_advance(struct abio_iovec *whole, const struct abio_iovec **iovecs, uint32_t *count,
		    uint64_t moved);

/* outbox.c: what abio_put took and the system has not */

bool outbox_idle(const struct object *object);
int32_t outbox_error(const struct object *object);
uint64_t outbox_taken(const struct object *object);
uint64_t outbox_gone(const struct object *object);
/* A writer now waits behind what was put so far: later puts go behind it. */
void outbox_seal(struct object *object);
/* Lets an operation wait until `operation->offset` bytes are gone. */
void outbox_wait(struct object *object, struct operation *operation);
/* Memory for operations that stand by.  False: none. */
bool outbox_reserve(struct object *object);
/* An accepted operation becomes the writer, and goes on, when whoever is it has ended: before
 * anybody else. */
void outbox_stand_by(struct object *object, struct operation *operation);
/* The writer ended, or may start: sends what waits. */
void outbox_continue(struct object *object);
void outbox_abort(struct object *object);
void outbox_destroy(struct object *object);
/* Starts sending what was put since the last turn. */
void outbox_start_dirty(struct driver *driver);
int32_t outbox_put(struct object *object, const void *data, uint32_t length);
/* What was reserved is not any more; but the reserve that is in flight stays as it is. */
void outbox_unreserve(struct object *object);
/* Memory for a reservation: 0, ABIO_E_LIMIT or no memory. */
int32_t outbox_prepare(struct object *object, uint32_t minimum);
/* After that: how much may be written where, or 0: not as much as `minimum` now. */
uint32_t outbox_lend(struct object *object, uint32_t minimum, uint8_t **data);
/* When it is: so many bytes must be gone. */
uint64_t outbox_gone_for(const struct object *object, uint32_t minimum);
int32_t outbox_commit(struct object *object, uint32_t count);
/* reserve.c: how a reserve that waits goes on; what tells one from other writers. */
void reserve_granted(struct operation *operation);
extern const struct buf_write_slots stream_buf_write_slots;
void outbox_free_blocks(struct driver *driver);

/*
 * What readiness, flush, shutdown, seek and length do with an operation that is ready to be
 * accepted and has its request's arguments: 0, or a code and nothing was begun.
 */
#define SHUTDOWN_IN_TURN 1u /* as request.flags: behind another writer, where it can stand by */

int32_t ready_begin(struct operation *operation);
/* There are bytes that nobody underneath tells of: who waits to read looks again. */
void ready_wake(struct object *object);
int32_t flush_begin(struct operation *operation);
int32_t shutdown_begin(struct operation *operation);
int32_t seek_begin(struct operation *operation, enum request_code code);
/* An operation that the object may have to pass on: what that takes (class->reserve) is in its
 * `extra`.  NULL without memory. */
struct operation *passing_create(struct object *object, uint64_t token);

/* A flush whose bytes have left the outbox: what the object itself holds back is next. */
void flush_rest(struct operation *operation, int32_t error);

/* Starts `operation->resume` now, or parks the writer behind the outbox. */
void writer_start(struct operation *operation);
/* Parks it in any case: it goes on with the next turn at the earliest. */
void writer_park(struct operation *operation);
/* What was put before it is gone; or was dropped on an error, and then nothing goes out behind the
 * hole. */
void writer_resume(struct operation *operation);

#endif
