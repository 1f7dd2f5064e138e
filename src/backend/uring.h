/* What the files of the io_uring backend share. */
#ifndef ABIO_URING_H
#define ABIO_URING_H

#include <liburing.h>

#include "backend.h"
#include "driver.h"
#include "object.h"

/* What a submission entry's user_data says beside a request's address. */
#define URING_CANCEL 1u

/* Where a request is, beside its code. */
enum uring_stage {
	STAGE_DIRECT,  /* the operation itself is with the kernel */
	STAGE_POLLING, /* waits for readiness, then once more */
	STAGE_BACKOFF, /* waits a moment, then once more */
};

#define URING_HOLD_LEAST 16384u
#define URING_COPIED_MAX 8u /* sends in a row that were to be without a copy and were not */

struct uring_state {
	struct io_uring ring;
	struct list pending;   /* not in the submission queue yet */
	struct list submitted; /* with the kernel */
	struct list cancels;   /* with the kernel, which is still to be asked to end them */
	struct list starved;   /* receives waiting for a view */
	struct io_uring_buf_ring *buffers;
	uint32_t buffers_free; /* how many the kernel has */
	uint32_t copied;       /* in a row; at URING_COPIED_MAX it stays, and sends copy */
	bool deferred;
	bool reaped;       /* a completion was seen since the last drain */
	bool doubted;      /* it may have rung before that drain */
	bool dead;         /* the owner thread is gone, and the kernel's work with it */
	bool plain_writes; /* no RWF_NOSIGNAL: pipes are written after waiting for room */
};

static inline struct uring_state *uring_state_of(struct driver *driver)
{
	return driver->backend_state;
}

static inline bool uring_writes_pipe(const struct request *request)
{
	return request->code == REQUEST_WRITE && !request->object->class->socket;
}

/* One that the kernel still sends from outlives its end: it is `submitted` until that is over. */
static inline void uring_complete(struct request *request, int64_t result)
{
	struct uring_state *state = uring_state_of(request->driver);
	bool held = request->held > 0;

	request->state = REQUEST_IDLE;
	request->done(request, result);
	if (held && request->state == REQUEST_HELD)
		list_append(&state->submitted, &request->link);
}

/* uring.c: to be submitted with the next turn. */
void uring_queue(struct uring_state *state, struct request *request);

/* uring_complete.c: takes every completion that is there. */
void uring_reap(struct driver *driver);

/* uring_prepare.c: fills a submission entry for a request. */
void uring_prepare(struct uring_state *state, struct request *request, struct io_uring_sqe *sqe);

/* What a completed REQUEST_LENGTH found. */
int64_t uring_length(const struct request *request);

/* uring_pool.c: a buffer goes to the kernel; whether it has them (else receives wait for data and
 * then read); the views of the last poll go back. */
void uring_pool_give(struct uring_state *state, struct view *view);
bool uring_pool_registered(struct driver *driver);
void uring_pool_recycle(struct driver *driver, struct list *views);

/* uring_trial.c: whether rings work here.  0 or why not; asked once per process and kind. */
int32_t uring_trial(bool deferred);
/* Whether the kernel has the request for it; after a trial. */
bool uring_sends_without_copy(void);
/* Sets up a ring the way drivers use it; `ring` is untouched on failure. */
int32_t uring_setup(struct io_uring *ring, bool deferred, uint32_t entries, uint32_t completions,
		    int32_t event_fd);

#endif
