/* What both backends share about streams: trying once, and translating poll(2) bits. */
#ifndef ABIO_READINESS_H
#define ABIO_READINESS_H

#include "backend.h"

/* Does a stream request once without waiting: a result, a code, or ABIO_WOULD_BLOCK. */
int64_t stream_perform(struct request *request);
/* ABIO_READY_* for poll bits, those of `interest` and those that are always told. */
int32_t readiness_of(int64_t poll_bits, uint32_t interest);
/* The poll bits to ask for. */
uint32_t readiness_bits(uint32_t interest);
/* What is ready at this moment, or a code. */
int32_t readiness_now(int32_t fd, uint32_t interest);
/* Sleeps until the driver's fd is readable or the time is over.  0, or a code of the system. */
int32_t readiness_sleep(struct driver *driver, int64_t timeout_ns);

#endif
