/*
 * The readiness backend: try first, wait for readiness after, files and names on workers.
 *
 * The pollable fd is the epoll fd.  In its set are the doorbell, one timerfd, and every descriptor
 * that something waits for: epoll_watch.c.
 *
 * Invariants: a request is in `pending` (QUEUED), in a watch list, in the heap or in `starved`
 * (WAITING), or with a worker (SUBMITTED); a batch of epoll events only moves requests to
 * `pending`, nothing is completed while it is read, so no event can name an object that is gone.
 */
#include "epoll.h"

#include <errno.h>

#include "file_job.h"
#include "platform.h"
#include "pool.h"
#include "readiness.h"
#include "sys.h"
#include "workers.h"

#define BATCH         256
#define UNIX_RETRY_NS 1000000 /* a full Unix backlog or queue gives no readiness: ask again */

/* ---- timers -------------------------------------------------------------------------------- */

static void arm_timer(struct driver *driver)
{
	struct epoll_state *state = epoll_state_of(driver);
	int64_t next = timers_next(&state->timers);
	int64_t error;

	if (next == state->timer_armed || next == INT64_MAX)
		return;
	error = sys.timer_set(state->timer_fd, next);
	if (error < 0)
		driver->failure = (int32_t)error;
	else
		state->timer_armed = next;
}

static void expire(struct epoll_state *state)
{
	int64_t now = sys.clock();
	struct request *request;

	sys.event_drain(state->timer_fd);
	state->timer_armed = INT64_MAX;
	while ((request = timers_expire(&state->timers, now)) != NULL) {
		request->state = REQUEST_QUEUED;
		request->stage = 1;
		list_append(&state->pending, &request->link);
	}
}

static void wait_until(struct epoll_state *state, struct request *request, int64_t deadline_ns)
{
	request->state = REQUEST_WAITING;
	timers_insert(&state->timers, request, deadline_ns);
}

/* ---- requests ------------------------------------------------------------------------------ */

static void perform_stream(struct epoll_state *state, struct request *request)
{
	int64_t result;

	if (request->worker_state != 0) {
		request->worker_state = 0;
		request->stage = 0;
	}
	/* A receive that took all there was waits at once: arming looks again, so nothing is lost.
	 */
	if (request->code == REQUEST_RECEIVE && request->object->watch.emptied) {
		request->object->watch.emptied = false;
		epoll_park(request);
		return;
	}
	result = stream_perform(request);
	if (result == ABIO_WOULD_BLOCK) {
		epoll_park(request);
	} else if (result == -ENOBUFS && request->code == REQUEST_RECEIVE) {
		request->state = REQUEST_WAITING;
		list_append(&state->starved, &request->link);
	} else if (result == -EAGAIN) {
		request->worker_state = 1; /* waits for time, not for readiness */
		wait_until(state, request, sys.clock() + UNIX_RETRY_NS);
	} else {
		if (request->code == REQUEST_RECEIVE)
			request->object->watch.emptied = result > 0 && result < POOL_BUFFER_SIZE;
		epoll_complete(request, result);
	}
}

static void perform(struct epoll_state *state, struct request *request)
{
	switch (request->code) {
	case REQUEST_TIMER:
		if (request->stage == 0)
			wait_until(state, request, (int64_t)request->offset);
		else
			epoll_complete(request, 0);
		break;
	case REQUEST_OPEN:
	case REQUEST_SYNC:
	case REQUEST_LENGTH:
	case REQUEST_CLOSE:
	case REQUEST_READ_AT:
	case REQUEST_WRITE_AT:
	case REQUEST_SEND_FILE:
	case REQUEST_COPY_RANGE:
		file_job_start(request);
		break;
	default:
		perform_stream(state, request);
		break;
	}
}

static void start(struct request *request)
{
	if (request->code == REQUEST_TIMER) {
		int64_t now = sys.clock();
		int64_t after = (int64_t)request->offset;

		request->offset = (uint64_t)(after > INT64_MAX - 1 - now ? INT64_MAX - 1
									 : now + after);
	}
	request->stage = 0;
	request->worker_state = 0;
	request->state = REQUEST_QUEUED;
	list_append(&epoll_state_of(request->driver)->pending, &request->link);
}

static bool in_heap(const struct request *request)
{
	bool asks_again = request->code == REQUEST_CONNECT || request->code == REQUEST_SEND_TO;

	return request->code == REQUEST_TIMER || (asks_again && request->worker_state != 0);
}

static void cancel(struct request *request)
{
	struct epoll_state *state = epoll_state_of(request->driver);

	if (request->state == REQUEST_SUBMITTED) {
		if (file_job_withdraw(request))
			request->done(request, ABIO_E_CANCELED);
		return;
	}
	if (request->state == REQUEST_WAITING && in_heap(request))
		timers_remove(&state->timers, request);
	else
		list_remove(&request->link);
	epoll_complete(request, ABIO_E_CANCELED);
}

static bool take_back(struct request *request)
{
	if (request->state == REQUEST_SUBMITTED)
		return file_job_withdraw(request);
	list_remove(&request->link);
	return true;
}

/* ---- the pump ------------------------------------------------------------------------------ */

static void begin(struct driver *driver)
{
	epoll_state_of(driver)->take = true;
}

static void take(struct driver *driver)
{
	struct epoll_state *state = epoll_state_of(driver);
	struct epoll_event events[BATCH];
	int64_t count = sys.epoll_take(driver->fd, events, BATCH);

	driver->failure = count < 0 ? (int32_t)count : 0;
	state->take = count == BATCH;
	for (int64_t i = 0; i < count; i++) {
		void *source = events[i].data.ptr;

		if (source == driver->doorbell)
			state->bell = true;
		else if (source == state)
			expire(state);
		else
			epoll_fired(state, source, events[i].events);
	}
}

static void perform_pending(struct epoll_state *state)
{
	struct list now;
	struct list *link;

	list_init(&now);
	list_splice(&now, &state->pending);
	while ((link = list_take(&now)) != NULL)
		perform(state, container_of(link, struct request, link));
}

static void turn(struct driver *driver)
{
	struct epoll_state *state = epoll_state_of(driver);

	/* Before the events are read: who waits again for what it is still armed for is there. */
	perform_pending(state);
	if (state->take) {
		take(driver);
		perform_pending(state);
	}
	workers_collect(driver->workers);
	arm_timer(driver);
}

static bool more(struct driver *driver)
{
	struct epoll_state *state = epoll_state_of(driver);

	return !list_empty(&state->pending) || state->take || workers_pending(driver->workers);
}

static bool collectable(struct driver *driver)
{
	return epoll_state_of(driver)->take || workers_pending(driver->workers);
}

static bool signaled(struct driver *driver)
{
	(void)driver;
	return false;
}

/*
 * Only the doorbell needs draining: a worker or another thread rings it after it has left its
 * message, and messages are looked at again after this.
 */
static void drain(struct driver *driver)
{
	struct epoll_state *state = epoll_state_of(driver);

	if (driver->rung || state->bell)
		sys.event_drain(driver->doorbell->fd);
	state->bell = false;
}

static void recycle(struct driver *driver, struct list *views)
{
	struct list *link;

	while ((link = list_take(views)) != NULL)
		pool_give(driver->pool, container_of(link, struct view, in_pool));
	epoll_requeue(epoll_state_of(driver), &epoll_state_of(driver)->starved);
}

/* ---- life ---------------------------------------------------------------------------------- */

static int32_t watch_own(struct driver *driver, int32_t fd, void *source)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = source };

	return (int32_t)sys.epoll_control(driver->fd, EPOLL_CTL_ADD, fd, &event);
}

static void forget(struct driver *driver)
{
	struct epoll_state *state = epoll_state_of(driver);

	if (driver->fd >= 0)
		sys.close(driver->fd);
	if (state->timer_fd >= 0)
		sys.close(state->timer_fd);
	driver->fd = -1;
	state->timer_fd = -1;
}

static void destroy(struct driver *driver)
{
	forget(driver);
	platform_release(driver->backend_state);
	driver->backend_state = NULL;
}

static int32_t create(struct driver *driver, const struct abio_driver_options *options)
{
	struct epoll_state *state = platform_allocate(sizeof(*state));
	int32_t error;

	(void)options;
	if (state == NULL)
		return PLATFORM_NO_MEMORY;
	driver->backend_state = state;
	list_init(&state->pending);
	list_init(&state->starved);
	state->timer_armed = INT64_MAX;
	state->timer_fd = -1;
	driver->fd = error = (int32_t)sys.epoll_create();
	if (error < 0)
		goto out;
	state->timer_fd = error = (int32_t)sys.timer_create();
	if (error < 0)
		goto out;
	error = watch_own(driver, driver->doorbell->fd, driver->doorbell);
	if (error < 0)
		goto out;
	error = watch_own(driver, state->timer_fd, state);
	if (error == 0)
		return 0;
out:
	destroy(driver);
	return error;
}

static int32_t bind_thread(struct driver *driver)
{
	(void)driver;
	return 0;
}

/* Nothing here belongs to a thread. */
static void inherit(struct driver *driver)
{
	(void)driver;
}

const struct backend epoll_backend = {
	.name = "epoll",
	.id = ABIO_BACKEND_EPOLL,
	.create = create,
	.destroy = destroy,
	.forget = forget,
	.bind = bind_thread,
	.inherit = inherit,
	.start = start,
	.cancel = cancel,
	.take_back = take_back,
	.begin = begin,
	.turn = turn,
	.more = more,
	.collectable = collectable,
	.signaled = signaled,
	.drain = drain,
	.sleep = readiness_sleep,
	.recycle = recycle,
	.unwatch = epoll_unwatch,
};
