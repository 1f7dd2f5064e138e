/*
 * Slots of Read that are the same for every object: reading behind what a struct abio_readbuf
 * holds, and reading to the end into a buffer.
 */
#ifndef ABIO_READBUF_H
#define ABIO_READBUF_H

#include "transfer.h"

int32_t readbuf_try(struct object *self, struct abio_readbuf *buf, uint32_t flags);
int32_t readbuf_tryv(struct object *self, struct abio_readbuf *bufs, uint32_t count,
		     uint32_t flags);
int32_t readbuf_start(struct object *self, const struct abio_readbuf *buf, uint32_t flags,
		      uint64_t token);
int32_t readbuf_startv(struct object *self, const struct abio_readbuf *bufs, uint32_t count,
		       uint32_t flags, uint64_t token);
int32_t readbuf_start_exact(struct object *self, const struct abio_readbuf *buf, uint32_t flags,
			    uint64_t token);
int32_t readbuf_to_end(struct object *self, abio_buffer into, uint32_t flags, uint64_t token);

#endif
