/*
 * An event loop of the program's own, as any runtime has one: poll(2) over descriptors, and timers.
 * abio is a guest in it: one descriptor among others, and one function called when it is readable.
 */
#ifndef HOST_LOOP_H
#define HOST_LOOP_H

#include <stdbool.h>

#include "library.h"

/*
 * What a runtime calls a future, a promise, a continuation.  Its address is the token, so an event
 * finds it without a table.  It must live until its event has come: it always comes, once.
 */
struct operation {
	void (*step)(struct operation *operation); /* called when it has ended; may be NULL */
	struct abio_event event;
	bool ended;
};

struct timer {
	void (*fire)(struct timer *timer);
	int64_t at_ns;
	struct timer *next;
};

struct loop {
	abio_driver driver;
	struct timer *timers;
};

int32_t loop_open(struct loop *loop);
/* Ends what is in flight, delivers every event that is still owed, and frees the driver. */
void loop_close(struct loop *loop);

void loop_after(struct loop *loop, struct timer *timer, int64_t after_ns);
/* Sleeps until a descriptor is ready or a timer due, and runs what it woke for. */
void loop_turn(struct loop *loop);

uint64_t loop_token(const struct operation *operation);
/* The token for a start: from here to its event the operation has not ended. */
uint64_t loop_begin(struct operation *operation);
/*
 * Turns the loop until an operation has ended, and gives its result.  `started` is what the start
 * function answered: when it refused there is no event to wait for.
 */
int64_t loop_await(struct loop *loop, struct operation *operation, int32_t started);

#endif
