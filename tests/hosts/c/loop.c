/*
 * The loop, and all that embedding abio into it takes: see pump().
 *
 * The descriptor of a driver is level-triggered, is the same for the driver's life, and stands for
 * everything in it, its own timers too.  Nothing is to be done before the loop sleeps.
 */
#include "loop.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
	EVENTS = 64
};

/* The library does not fail here but by a mistake of this program's. */
static int32_t demand(const char *what, int32_t code)
{
	if (code >= 0)
		return code;
	fprintf(stderr, "%s: %s\n", what, abio->error_text(code));
	abort();
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* ---- the guest ------------------------------------------------------------------------------- */

/*
 * Called when the driver's descriptor is readable.  Polling until 0 is what makes it quiet and is
 * the cheapest: what the steps start meanwhile goes to the kernel with the next poll, together.  A
 * loop that must be fair to others may stop earlier; the descriptor then stays readable.
 */
static void pump(struct loop *loop)
{
	struct abio_event events[EVENTS];
	int32_t count;

	do {
		count = demand("poll",
			       abio->driver_poll(loop->driver, events, sizeof(*events), EVENTS));
		for (int32_t i = 0; i < count; i++) {
			struct operation *operation = (void *)(uintptr_t)events[i].token;

			if (!operation || events[i].flags & ABIO_EVENT_MORE)
				continue;
			operation->event = events[i];
			operation->ended = true;
			if (operation->step)
				operation->step(operation);
		}
	} while (count > 0);
}

int32_t loop_open(struct loop *loop)
{
	*loop = (struct loop){ 0 };
	return abio->driver_create(NULL, &loop->driver);
}

void loop_close(struct loop *loop)
{
	demand("shutdown", abio->driver_shutdown(loop->driver));
	pump(loop);
	while (abio->driver_close(loop->driver) == ABIO_E_BUSY)
		loop_turn(loop);
}

/* ---- the loop -------------------------------------------------------------------------------- */

void loop_after(struct loop *loop, struct timer *timer, int64_t after_ns)
{
	struct timer **place = &loop->timers;

	timer->at_ns = now() + after_ns;
	while (*place && (*place)->at_ns <= timer->at_ns)
		place = &(*place)->next;
	timer->next = *place;
	*place = timer;
}

/* For poll(2): milliseconds, rounded up, so that the timer is due when it returns; -1: none. */
static int until_timer(const struct loop *loop)
{
	int64_t left;

	if (!loop->timers)
		return -1;
	left = loop->timers->at_ns - now();
	return left > 0 ? (int)((left + 999999) / 1000000) : 0;
}

static void run_timers(struct loop *loop)
{
	int64_t time = now();

	while (loop->timers && loop->timers->at_ns <= time) {
		struct timer *timer = loop->timers;

		loop->timers = timer->next;
		timer->fire(timer);
	}
}

void loop_turn(struct loop *loop)
{
	struct pollfd watched = { demand("fd", abio->driver_fd(loop->driver)), POLLIN, 0 };
	int ready = poll(&watched, 1, until_timer(loop));

	/* A signal, or the kernel's own work for a ring, may interrupt any wait: sleep again. */
	if (ready < 0 && errno != EINTR) {
		perror("poll");
		abort();
	}
	if (ready > 0)
		pump(loop);
	run_timers(loop);
}

/* ---- operations ------------------------------------------------------------------------------ */

uint64_t loop_token(const struct operation *operation)
{
	return (uintptr_t)operation;
}

uint64_t loop_begin(struct operation *operation)
{
	operation->ended = false;
	return loop_token(operation);
}

int64_t loop_await(struct loop *loop, struct operation *operation, int32_t started)
{
	if (started < 0)
		return started;
	while (!operation->ended)
		loop_turn(loop);
	return operation->event.result;
}
