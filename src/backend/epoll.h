/* The readiness backend: what its parts know of each other.  The invariants stand in epoll.c. */
#ifndef ABIO_EPOLL_H
#define ABIO_EPOLL_H

#include "backend.h"
#include "driver.h"
#include "object.h"
#include "timers.h"

struct epoll_state {
	struct list pending;
	struct list starved; /* receives waiting for a view */
	struct timers timers;
	int64_t timer_armed;
	int32_t timer_fd;
	bool take; /* this poll has not asked epoll yet, or has not seen all */
	bool bell; /* epoll said that the doorbell is readable */
};

static inline struct epoll_state *epoll_state_of(struct driver *driver)
{
	return driver->backend_state;
}

static inline void epoll_complete(struct request *request, int64_t result)
{
	request->state = REQUEST_IDLE;
	request->stage = 0;
	request->done(request, result);
}

/* epoll_watch.c: lets a request wait until its descriptor is ready for it. */
void epoll_park(struct request *request);
/* What epoll said of an object: who waits for that is tried again. */
void epoll_fired(struct epoll_state *state, struct object *object, uint32_t bits);
void epoll_unwatch(struct object *object);
/* All that wait there are tried again. */
void epoll_requeue(struct epoll_state *state, struct list *waiting);

#endif
