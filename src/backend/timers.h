/* Timers of the readiness backend: a pairing heap threaded through the requests' scratch memory. */
#ifndef ABIO_TIMERS_H
#define ABIO_TIMERS_H

#include "backend.h"

struct timers {
	struct request *root;
};

void timers_insert(struct timers *timers, struct request *request, int64_t deadline_ns);
void timers_remove(struct timers *timers, struct request *request);
/* INT64_MAX when there is none. */
int64_t timers_next(const struct timers *timers);
/* The first whose deadline is not after `now`, taken out; NULL when there is none. */
struct request *timers_expire(struct timers *timers, int64_t now_ns);

#endif
