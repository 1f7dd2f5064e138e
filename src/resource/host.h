/*
 * Objects that a host implements: what their parts know of each other.
 *
 * host.c makes them and hears from the host, host_perform.c answers requests from inside a turn, by
 * the host's try_ slots or, in host_start.c, by its start_ slots; host_finish.c says what comes of
 * them, host_tell.c what the host is to know; host_try.c calls try_ slots on the spot.
 *
 * A slot is entered only inside a `visit`: meanwhile the object cannot vanish, poll, wait, submit
 * and close of its driver answer ABIO_E_REENTERED, and everything is in a state that any other call
 * of the host may find.  A visit ends with its scope.  A slot has to return: unwinding through C
 * would take the compiler's own run-time library, and the library needs nothing but libc.
 */
#ifndef ABIO_HOST_H
#define ABIO_HOST_H

#include "resource.h"

#define HOST_AHEAD                                                                                 \
	256u             /* bytes of a read that goes ahead to find out whether there is something \
			  */
#define HOST_BUCKETS 16u /* of operations the host has, by number */

/* Which direction of a stream a request is of. */
enum host_lane {
	LANE_READ,
	LANE_WRITE,
	LANE_COUNT,
	LANE_NONE = LANE_COUNT
};

/* request->stage: why a seek is made on the way to the length. */
enum host_length {
	LENGTH_ASK,
	LENGTH_RETURN
};

struct host {
	struct object_class class; /* the object's: exactly the traits it has */
	struct write_slots write_slots;
	struct buf_read_slots buf_read_slots;
	struct write_at_slots write_at_slots;
	struct object *object; /* NULL once it is freed */
	void *user;
	struct abio_object_impl as_object;
	struct abio_read_impl as_read;
	struct abio_write_impl as_write;
	struct abio_buf_read_impl as_buf_read;
	struct abio_seek_impl as_seek;
	struct abio_read_at_impl as_read_at;
	struct abio_write_at_impl as_write_at;
	struct abio_accept_impl as_accept;
	uint32_t ready;    /* ABIO_READY_*: said, and not disproved by a try_ since */
	uint32_t news;     /* those said since the last try_ of their direction began */
	uint32_t interest; /* what the host was told last */
	uint32_t inside;   /* lanes whose slots are being called, as bits */
	struct list parked[LANE_COUNT];    /* requests a try_ slot answered with ABIO_WOULD_BLOCK */
	struct list pollers;               /* REQUEST_READY */
	struct list behind[LANE_COUNT];    /* requests waiting for the lane */
	struct list closers;               /* the close, while a read ahead is out */
	struct request *lane[LANE_COUNT];  /* the one start_ operation in that direction */
	struct list pending[HOST_BUCKETS]; /* what the host was given and has not completed */
	struct list cancels;               /* of those, the ones to tell it of: notes */
	struct request chores;             /* queued while there is something to tell the host */
	bool busy;                         /* that is */
	struct request ahead;              /* host_ahead.c */
	uint64_t ahead_scratch[REQUEST_SCRATCH];
	bool ahead_out;
	bool came; /* it ended without bytes, and nobody was told yet */
	int32_t outcome;
	uint8_t ahead_memory[HOST_AHEAD];
	uint64_t tried; /* where in the outbox the last try_write ended */
	bool unflushed; /* something was written since the last flush */
	bool flush_out;
	int32_t flush_error; /* which nobody was told yet */
	struct request flush;
	uint64_t flush_scratch[REQUEST_SCRATCH];
	uint64_t calling; /* the number whose start_ slot is being called */
	bool early;       /* it was completed in there */
	int32_t early_result;
	uint64_t early_value;
	bool closed; /* its close slot is done with */
	bool home;   /* the host has taken `user` back */
	struct event_node released;
};

struct visit {
	struct host *host;
	struct request *request; /* NULL: a try_ on the spot */
	enum host_lane lane;
	int64_t result; /* what the slot answered */
	uint64_t value;
	uint64_t asked;  /* most it may answer */
	uint32_t around; /* host->inside before it */
};

/* How a visit ends, whatever ends it. */
#define VISIT(end) __attribute__((cleanup(end)))

static inline struct host *host_of(const struct object *object)
{
	return object->own;
}

/* ABIO_READY_* bits that let a direction go on. */
static inline uint32_t host_bits(enum host_lane lane)
{
	return lane == LANE_READ ? ABIO_READY_READ | ABIO_READY_READ_CLOSED | ABIO_READY_ERROR |
					   ABIO_READY_HUP
				 : ABIO_READY_WRITE | ABIO_READY_WRITE_CLOSED | ABIO_READY_ERROR |
					   ABIO_READY_HUP;
}

void host_enter(struct visit *visit);
/* The object may be freed in here. */
void host_leave(struct visit *visit);
/* A code a slot answered with, or ABIO_E_HOST. */
int32_t host_error(int64_t result);
/* What the host answered to one of its slots: a count of at most `asked`, or an error. */
int64_t host_verdict(int64_t result, uint64_t asked);

/* host_perform.c */
void host_perform(struct request *request);
void host_withdraw(struct request *request);
enum host_lane host_lane_of(const struct request *request);

/* host_start.c: gives it to the host, whose lane is free. */
void host_start(struct host *host, struct request *request);
/* The operation the host knows by that number, or NULL. */
struct request *host_find(struct host *host, uint64_t op);

/* host_finish.c: `result` and `value` as the host says them. */
void host_finish(struct host *host, struct request *request, int64_t result, uint64_t value);
/* What was parked in a direction, and who waits for readiness, tries again. */
void host_wake(struct host *host);
void host_start_again(struct driver *driver, struct list *requests);

/* host_tell.c: there may be something to tell the host in the next turn. */
void host_has_chores(struct host *host);
void host_do_chores(struct host *host);
/* What somebody waits for may have changed. */
void host_tell_interest(struct host *host);
/* The host is to be asked to end it; and not, for it has ended. */
void host_ask_to_end(struct host *host, struct request *request);
void host_forget_to_ask(struct request *request);

/* host_ahead.c */
bool host_only_starts_reading(const struct host *host);
/* What is ready of an object whose host only starts operations. */
uint32_t host_ahead_bits(const struct host *host);
/* Somebody waits until it is readable. */
void host_go_ahead(struct host *host);
/* Asks what went ahead to end; whether a close has to wait for that. */
bool host_end_ahead(struct host *host);
/* Whether it found the end or an error, which is now the caller's to tell. */
bool host_take_outcome(struct host *host, int64_t *result);
int64_t host_try_ahead(struct object *object, const struct abio_iovec *iovecs, uint32_t count);
void host_offer_trying(struct write_slots *slots);
/* Of a host that only starts flushes: 0 when the last one is over and nothing was written since. */
int32_t host_flush_ahead(struct host *host);

/* host_try.c: the class's primitives */
int64_t host_try_readv(struct object *object, const struct abio_iovec *iovecs, uint32_t count);
int64_t host_try_writev(struct object *object, const struct abio_iovec *iovecs, uint32_t count);
int64_t host_try_fill(struct object *object);
int32_t host_consumed(struct object *object, uint32_t count);
int32_t host_try_flush(struct object *object);
int32_t host_ready_now(struct object *object, uint32_t interest);
/* The raw slots, from inside a visit, which they give the most they may answer. */
int64_t host_call_read(struct visit *visit, const struct abio_iovec *iovecs, uint32_t count);
/* The bytes a host has in memory: shown in the object's inbuf. */
int64_t host_call_fill(struct visit *visit);
int64_t host_call_write(struct visit *visit, const struct abio_iovec *iovecs, uint32_t count);
extern const struct accept_slots host_accept_slots;

#endif
