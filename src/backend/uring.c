/*
 * The completion backend: every request goes to the kernel as it is, and comes back with its
 * result.  What that result means for the request is in uring_complete.c.
 *
 * The pollable fd is the doorbell's eventfd, registered with the ring.  Under DEFER_TASKRUN the
 * kernel rings it when work is queued, and only entering makes completions of it; IORING_SQ_TASKRUN
 * says that there is some.  One enter runs at most 20 items (since 6.13) and does not ring again
 * for the rest, so the flag decides, not the fd.  The kernel can also leave the flag set with
 * nothing behind it, for ever, when work arrives during a run: so it is cleared before each enter,
 * and only what the kernel sets after that counts.
 *
 * Invariants: a request is in `pending` (QUEUED), in `submitted` or `cancels` (SUBMITTED, or HELD),
 * or in `starved` (WAITING); entries are filled at submission, never earlier, so a request that has
 * not been submitted can be taken back without the kernel; nothing here closes a descriptor.
 */
#include "uring.h"

#include <errno.h>
#include <stdatomic.h>

#include "check.h"
#include "compat.h"
#include "file_job.h"
#include "object.h"
#include "platform.h"
#include "readiness.h"
#include "sys.h"
#include "workers.h"

#define ENTRIES_DEFAULT     256u
#define COMPLETIONS_DEFAULT 4096u
#define ENTRIES_MAX         4096u
#define COMPLETIONS_MAX     65536u
#define FLAGS_WORK          (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)

void uring_queue(struct uring_state *state, struct request *request)
{
	request->state = REQUEST_QUEUED;
	list_append(&state->pending, &request->link);
}

static void start(struct request *request)
{
	request->stage = STAGE_DIRECT;
	uring_queue(uring_state_of(request->driver), request);
}

/* What no entry of the queue does without a thread of the kernel's for each. */
static bool is_job(const struct request *request)
{
	return request->code == REQUEST_SEND_FILE || request->code == REQUEST_COPY_RANGE;
}

static void cancel(struct request *request)
{
	struct uring_state *state = uring_state_of(request->driver);

	if (request->state == REQUEST_HELD)
		return;
	if (request->state == REQUEST_SUBMITTED && is_job(request)) {
		if (file_job_withdraw(request))
			uring_complete(request, ABIO_E_CANCELED);
		return;
	}
	if (request->state == REQUEST_SUBMITTED) {
		list_remove(&request->link);
		list_append(&state->cancels, &request->link);
		driver_signal(request->driver);
		return;
	}
	list_remove(&request->link);
	uring_complete(request, ABIO_E_CANCELED);
}

/* Only before the ring goes: an entry that was filled and never entered stays where it is. */
static bool take_back(struct request *request)
{
	struct io_uring_sq *sq = &uring_state_of(request->driver)->ring.sq;
	uint64_t name = (uint64_t)(uintptr_t)request;

	if (request->state == REQUEST_SUBMITTED && is_job(request))
		return file_job_withdraw(request);
	if (request->state != REQUEST_SUBMITTED) {
		list_remove(&request->link);
		return true;
	}
	for (unsigned int i = *sq->khead; i != sq->sqe_tail; i++) {
		if (sq->sqes[i & *sq->kring_mask].user_data == name)
			return true;
	}
	return false;
}

/* ---- the pool's buffers -------------------------------------------------------------------- */

static void requeue_starved(struct uring_state *state)
{
	struct list *link;

	while ((link = list_take(&state->starved)) != NULL)
		uring_queue(state, container_of(link, struct request, link));
}

static void recycle(struct driver *driver, struct list *views)
{
	struct uring_state *state = uring_state_of(driver);

	uring_pool_recycle(driver, views);
	requeue_starved(state);
}

/* ---- submissions --------------------------------------------------------------------------- */

static bool fill_cancels(struct uring_state *state)
{
	while (!list_empty(&state->cancels)) {
		struct request *request = container_of(state->cancels.next, struct request, link);
		struct io_uring_sqe *sqe = io_uring_get_sqe(&state->ring);

		if (sqe == NULL)
			return false;
		list_remove(&request->link);
		list_append(&state->submitted, &request->link);
		io_uring_prep_cancel64(sqe, (uint64_t)(uintptr_t)request, 0);
		sqe->user_data = URING_CANCEL;
	}
	return true;
}

static void fill(struct driver *driver)
{
	struct uring_state *state = uring_state_of(driver);

	if (!fill_cancels(state))
		return;
	while (!list_empty(&state->pending)) {
		struct request *request = container_of(state->pending.next, struct request, link);
		struct io_uring_sqe *sqe;

		if (request->code == REQUEST_RECEIVE && request->stage == STAGE_DIRECT &&
		    !uring_pool_registered(driver))
			request->stage = STAGE_POLLING;
		if (is_job(request)) {
			list_remove(&request->link);
			file_job_start(request);
			continue;
		}
		if (uring_writes_pipe(request) && state->plain_writes)
			request->stage = STAGE_POLLING;
		sqe = io_uring_get_sqe(&state->ring);
		if (sqe == NULL)
			return;
		list_remove(&request->link);
		uring_prepare(state, request, sqe);
		request->state = REQUEST_SUBMITTED;
		list_append(&state->submitted, &request->link);
	}
}

static uint32_t work_flags(const struct uring_state *state)
{
	return __atomic_load_n(state->ring.sq.kflags, __ATOMIC_ACQUIRE) & FLAGS_WORK;
}

/* The queue is full, or the kernel short of memory for a moment: reaping helps, so go on. */
static bool passing(int64_t error)
{
	return error == -EBUSY || error == -EAGAIN || error == -EINTR;
}

static void enter(struct driver *driver)
{
	struct uring_state *state = uring_state_of(driver);
	int64_t result;

	if (io_uring_sq_ready(&state->ring) == 0 && work_flags(state) == 0)
		return;
	__atomic_fetch_and(state->ring.sq.kflags, ~IORING_SQ_TASKRUN, __ATOMIC_ACQ_REL);
	result = sys.ring_enter(&state->ring);
	driver->failure = result < 0 && !passing(result) ? (int32_t)result : 0;
	/* What the cleared flag stood for has not been run. */
	if (result < 0)
		__atomic_fetch_or(state->ring.sq.kflags, IORING_SQ_TASKRUN, __ATOMIC_ACQ_REL);
}

/* Without its thread the ring takes nothing more: what is asked now ends here. */
static void refuse(struct driver *driver)
{
	struct uring_state *state = uring_state_of(driver);
	struct list *link;

	while ((link = list_take(&state->pending)) != NULL) {
		struct request *request = container_of(link, struct request, link);

		if (request->code == REQUEST_CLOSE)
			uring_complete(request, sys.close(request->fd));
		else
			uring_complete(request, ABIO_E_CANCELED);
	}
}

static void turn(struct driver *driver)
{
	struct uring_state *state = uring_state_of(driver);

	workers_collect(driver->workers);
	if (state->dead) {
		refuse(driver);
		return;
	}
	fill(driver);
	enter(driver);
	uring_reap(driver);
}

static bool more(struct driver *driver)
{
	struct uring_state *state = uring_state_of(driver);

	if (!list_empty(&state->pending) || workers_pending(driver->workers))
		return true;
	if (state->dead)
		return false;
	return !list_empty(&state->cancels) || io_uring_sq_ready(&state->ring) > 0 ||
	       work_flags(state) != 0 || io_uring_cq_ready(&state->ring) > 0;
}

static bool collectable(struct driver *driver)
{
	struct uring_state *state = uring_state_of(driver);

	return !state->dead && (work_flags(state) != 0 || io_uring_cq_ready(&state->ring) > 0);
}

static bool signaled(struct driver *driver)
{
	return uring_state_of(driver)->reaped && !uring_state_of(driver)->doubted;
}

/*
 * Cooperative task work runs whenever this thread comes back from the kernel, so a completion found
 * after the drain may have rung before it.  Deferred work completes only inside our own enter.
 */
static void drain(struct driver *driver)
{
	struct uring_state *state = uring_state_of(driver);

	sys.event_drain(driver->doorbell->fd);
	state->reaped = false;
	state->doubted = io_uring_cq_ready(&state->ring) > 0;
}

/* ---- life ---------------------------------------------------------------------------------- */

static int32_t create(struct driver *driver, const struct abio_driver_options *options)
{
	bool deferred = (options->flags & ABIO_DRIVER_COOPERATIVE) == 0;
	uint32_t entries = options->entries != 0 ? options->entries : ENTRIES_DEFAULT;
	uint32_t completions = options->completions != 0 ? options->completions
							 : COMPLETIONS_DEFAULT;
	struct uring_state *state;
	int32_t error = uring_trial(deferred);

	if (error < 0)
		return error;
	state = platform_allocate(sizeof(*state));
	if (state == NULL)
		return PLATFORM_NO_MEMORY;
	if (entries > ENTRIES_MAX)
		entries = ENTRIES_MAX;
	if (completions > COMPLETIONS_MAX)
		completions = COMPLETIONS_MAX;
	if (entries > completions)
		entries = completions;
	list_init(&state->pending);
	list_init(&state->submitted);
	list_init(&state->cancels);
	list_init(&state->starved);
	state->deferred = deferred;
	error = uring_setup(&state->ring, deferred, entries, completions, driver->doorbell->fd);
	if (error < 0) {
		platform_release(state);
		return error;
	}
	driver->backend_state = state;
	driver->fd = driver->doorbell->fd;
	return 0;
}

static void destroy(struct driver *driver)
{
	struct uring_state *state = uring_state_of(driver);

	check(list_empty(&state->submitted) && list_empty(&state->cancels));
	sys.ring_destroy(&state->ring);
	platform_release(state->buffers);
	platform_release(state);
	driver->backend_state = NULL;
}

/*
 * In the child of a fork only the descriptor: the ring is the parent's.  Here the whole ring, for
 * as long as it is mapped or registered the kernel keeps its requests and the sockets they name;
 * what it was given to write to is leaked by the caller.
 */
static void forget(struct driver *driver)
{
	struct io_uring *ring = &uring_state_of(driver)->ring;

	if (driver->slot->epoch == platform_epoch())
		sys.ring_destroy(ring);
	else
		sys.close(ring->ring_fd);
}

static int32_t bind_thread(struct driver *driver)
{
	struct uring_state *state = uring_state_of(driver);
	int64_t error = state->deferred ? sys.ring_enable(&state->ring) : 0;

	/* Saves the kernel looking the descriptor up at each enter; where it cannot, it looks. */
	if (error >= 0)
		sys.ring_register(&state->ring);
	return (int32_t)error;
}

/* What was sent and not acknowledged the kernel only reads, from pages of its own count; and who
 * was to be told is gone. */
static void forget_held(const struct list *requests)
{
	for (struct list *link = requests->next; link != requests; link = link->next)
		container_of(link, struct request, link)->held = 0;
}

/*
 * A thread that ends has the kernel cancel all it submitted, and waits for that; nothing writes to
 * anybody's memory afterwards.  Completions that were posted count, the rest was cancelled.
 */
static void inherit(struct driver *driver)
{
	struct uring_state *state = uring_state_of(driver);
	struct list *link;

	/* The registration went with the thread: the same index here is another ring's. */
	state->ring.int_flags &= (__u8)~COMPAT_RING_REGISTERED;
	state->ring.enter_ring_fd = state->ring.ring_fd;
	uring_reap(driver);
	state->dead = true;
	list_splice(&state->submitted, &state->cancels);
	forget_held(&state->submitted);
	forget_held(&state->pending);
	while ((link = list_take(&state->submitted)) != NULL) {
		struct request *request = container_of(link, struct request, link);

		if (request->code == REQUEST_CLOSE)
			uring_complete(request, take_back(request) ? sys.close(request->fd) : 0);
		else
			uring_complete(request, ABIO_E_CANCELED);
	}
}

/* From how much on it pays: below, locking the pages costs more than copying them. */
static bool holds(const struct object *object, uint32_t length)
{
	return object->class->kind == ABIO_KIND_TCP && length >= URING_HOLD_LEAST &&
	       uring_state_of(object->driver)->copied < URING_COPIED_MAX &&
	       uring_sends_without_copy();
}

static void unwatch(struct object *object)
{
	(void)object;
}

const struct backend uring_backend = {
	.name = "io_uring",
	.id = ABIO_BACKEND_URING,
	.create = create,
	.destroy = destroy,
	.forget = forget,
	.bind = bind_thread,
	.inherit = inherit,
	.holds = holds,
	.start = start,
	.cancel = cancel,
	.take_back = take_back,
	.turn = turn,
	.more = more,
	.collectable = collectable,
	.signaled = signaled,
	.drain = drain,
	.sleep = readiness_sleep,
	.recycle = recycle,
	.unwatch = unwatch,
};
