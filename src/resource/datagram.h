/* What the two files on datagram sockets share: one message, asked for. */
#ifndef ABIO_DATAGRAM_H
#define ABIO_DATAGRAM_H

#include "buffer.h"
#include "object.h"

/* What a host asked for. */
struct datagram_wish {
	struct object *object;
	enum request_code code; /* RECEIVE_FROM or SEND_TO */
	const struct abio_iovec *pieces;
	uint32_t count;
	const struct abio_address *to;
	struct abio_address *from;
	struct buffer *buffer;
	uint32_t flags;
	uint64_t token;
};

/* 0 or ABIO_PENDING, the result with ABIO_START_INLINE, or a code. */
int32_t datagram_start(const struct datagram_wish *wish);
/* The same now: a count, or a code; ABIO_E_BUSY while others wait. */
int32_t datagram_try(const struct datagram_wish *wish);

extern const struct read_slots datagram_read_slots;
extern const struct write_slots datagram_write_slots;
extern const struct owned_read_slots datagram_owned_read_slots;
extern const struct owned_write_slots datagram_owned_write_slots;

#endif
