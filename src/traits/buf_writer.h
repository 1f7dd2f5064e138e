/*
 * What the two files of the buffered writer share: buf_writer.c has the buffer and what waits for
 * it, buf_writer_slots.c what a host calls.  The invariants of the fields stand in buf_writer.c.
 */
#ifndef ABIO_BUF_WRITER_H
#define ABIO_BUF_WRITER_H

#include "adapter.h"
#include "request.h"

struct buf_writer {
	struct adapter adapter;
	uint8_t *data;
	uint32_t capacity;
	uint32_t start;
	uint32_t end;
	uint32_t reserved; /* bytes behind `end` that the host may write to */
	uint32_t taken;    /* both modulo 2^32 */
	uint32_t gone;
	int32_t error;
	bool sending;
	struct request *closing;
	struct list waiting; /* requests for which bytes must be gone first, in order */
};

static inline struct buf_writer *buf_writer_of(const struct object *object)
{
	return object->own;
}

static inline bool buf_writer_empty(const struct buf_writer *writer)
{
	return writer->start == writer->end;
}

/* buf_writer.c: how much fits behind what is there.  Whoever asks ends the reservation. */
uint32_t buf_writer_room(struct buf_writer *writer);
/* Starts to send what is there, unless it is being sent. */
void buf_writer_send(struct buf_writer *writer);
/* Takes what fits, and sends when that was all there is room for. */
uint32_t buf_writer_collect(struct buf_writer *writer, const struct abio_iovec *iovecs,
			    uint32_t count);
/* Whether a write is as large as the buffer, and nothing is in its way. */
bool buf_writer_goes_past(const struct buf_writer *writer, const struct abio_iovec *iovecs,
			  uint32_t count);
void buf_writer_perform(struct request *request);
void buf_writer_withdraw(struct request *request);

/* buf_writer_slots.c: the reserve that waits for room, or NULL; it is answered if it can be. */
struct operation *buf_writer_reserver(const struct buf_writer *writer);
void buf_writer_answer_reserver(struct buf_writer *writer);

#endif
