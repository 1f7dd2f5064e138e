/*
 * The completion backend: every request goes to the kernel as it is, and comes back with its
 * result.
 *
 * The pollable fd is the doorbell's eventfd, registered with the ring.  Under DEFER_TASKRUN the
 * kernel rings it when work is queued, and only entering makes completions of it; IORING_SQ_TASKRUN
 * says that there is some.  One enter runs at most 20 items (since 6.13) and does not ring again
 * for the rest, so the flag decides, not the fd.  The kernel can also leave the flag set with
 * nothing behind it, for ever, when work arrives during a run: so it is cleared before each enter,
 * and only what the kernel sets after that counts.
 *
 * Invariants: a request is in `pending` (QUEUED), in `submitted` or `cancels` (SUBMITTED), or in
 * `starved` (WAITING); entries are filled at submission, never earlier, so a request that has not
 * been submitted can be taken back without the kernel; nothing here closes a descriptor.
 */
#include "uring.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>

#include "check.h"
#include "compat.h"
#include "file_job.h"
#include "object.h"
#include "platform.h"
#include "poison.h"
#include "pool.h"
#include "readiness.h"
#include "sys.h"
#include "workers.h"

#define ENTRIES_DEFAULT     256u
#define COMPLETIONS_DEFAULT 4096u
#define ENTRIES_MAX         4096u
#define COMPLETIONS_MAX     65536u
#define FLAGS_WORK          (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)

static void queue(struct uring_state *state, struct request *request)
{
	request->state = REQUEST_QUEUED;
	list_append(&state->pending, &request->link);
}

static void start(struct request *request)
{
	request->stage = STAGE_DIRECT;
	queue(uring_state_of(request->driver), request);
}

static void complete(struct request *request, int64_t result)
{
	request->state = REQUEST_IDLE;
	request->done(request, result);
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
			complete(request, ABIO_E_CANCELED);
		return;
	}
	if (request->state == REQUEST_SUBMITTED) {
		list_remove(&request->link);
		list_append(&state->cancels, &request->link);
		driver_signal(request->driver);
		return;
	}
	list_remove(&request->link);
	complete(request, ABIO_E_CANCELED);
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
		queue(state, container_of(link, struct request, link));
}

static void recycle(struct driver *driver, struct list *views)
{
	struct uring_state *state = uring_state_of(driver);

	uring_pool_recycle(driver, views);
	requeue_starved(state);
}

/* ---- completions --------------------------------------------------------------------------- */

static void again(struct uring_state *state, struct request *request, enum uring_stage stage)
{
	if (request->canceled) {
		complete(request, ABIO_E_CANCELED);
		return;
	}
	request->stage = (uint8_t)stage;
	queue(state, request);
}

static void starve(struct uring_state *state, struct request *request)
{
	if (request->canceled) {
		complete(request, ABIO_E_CANCELED);
	} else if (state->buffers_free > 0) {
		queue(state, request);
	} else {
		request->state = REQUEST_WAITING;
		list_append(&state->starved, &request->link);
	}
}

/* The wait for readiness is over: where the kernel cannot do the rest, this thread does it. */
static void polled(struct uring_state *state, struct request *request, int64_t result)
{
	bool by_hand = (request->code == REQUEST_WRITE && state->plain_writes) ||
		       (request->code == REQUEST_RECEIVE && state->buffers == NULL);

	if (result < 0) {
		complete(request, result);
		return;
	}
	if (!by_hand) {
		again(state, request, STAGE_DIRECT);
		return;
	}
	result = stream_perform(request);
	if (result == ABIO_WOULD_BLOCK)
		again(state, request, STAGE_POLLING);
	else if (result == -ENOBUFS && request->code == REQUEST_RECEIVE)
		starve(state, request);
	else
		complete(request, result);
}

static bool is_stream(const struct request *request)
{
	return request->code == REQUEST_READ || request->code == REQUEST_WRITE ||
	       request->code == REQUEST_RECEIVE || request->code == REQUEST_ACCEPT ||
	       request->code == REQUEST_RECEIVE_FROM ||
	       /* a full Unix queue gives no readiness: that one is asked again in a moment */
	       (request->code == REQUEST_SEND_TO && request->object->class->kind == ABIO_KIND_UDP);
}

static bool writes_pipe(const struct request *request)
{
	return request->code == REQUEST_WRITE && !request->object->class->socket;
}

/*
 * A close is never asked for twice: after an interruption the descriptor is gone, and its number
 * may be another's.  One that was cancelled, with its thread, was not begun.
 */
static int64_t close_failed(const struct request *request, int64_t error)
{
	if (error == -ECANCELED)
		return sys.close(request->fd);
	return error == -EINTR ? 0 : error;
}

/*
 * Sending without a copy was refused: by a kernel that does not know how (or how to report it,
 * before 6.2), or for lack of memory that may be locked.  Then with a copy.
 */
static bool send_copying(struct uring_state *state, struct request *request, int64_t error)
{
	if (request->code != REQUEST_WRITE || (request->flags & REQUEST_MAY_HOLD) == 0 ||
	    (error != -EINVAL && error != -EOPNOTSUPP && error != -ENOMEM))
		return false;
	if (error != -ENOMEM)
		state->copied = URING_COPIED_MAX;
	request->flags &= ~REQUEST_MAY_HOLD;
	again(state, request, STAGE_DIRECT);
	return true;
}

static void failed(struct uring_state *state, struct request *request, int64_t error)
{
	if (request->code == REQUEST_CLOSE)
		complete(request, close_failed(request, error));
	else if (error == -ECANCELED)
		complete(request, ABIO_E_CANCELED);
	else if (error == -EINTR)
		again(state, request, STAGE_DIRECT);
	else if (error == -EAGAIN && is_stream(request))
		again(state, request, STAGE_POLLING); /* kernels that honour O_NONBLOCK here */
	else if (error == -EAGAIN)
		again(state, request, STAGE_BACKOFF);
	else if (error == -ENOBUFS && request->code == REQUEST_RECEIVE)
		starve(state, request);
	else if (send_copying(state, request, error))
		return;
	else if ((error == -EOPNOTSUPP || error == -EINVAL) && writes_pipe(request) &&
		 request->stage == STAGE_DIRECT) {
		state->plain_writes = true;
		again(state, request, STAGE_POLLING);
	} else {
		complete(request, error);
	}
}

static void take_view(struct uring_state *state, struct request *request, int64_t result,
		      uint32_t flags)
{
	struct view *view;

	request->object->watch.emptied = (flags & IORING_CQE_F_SOCK_NONEMPTY) == 0;
	if ((flags & IORING_CQE_F_BUFFER) == 0)
		return;
	view = &request->driver->pool->views[flags >> IORING_CQE_BUFFER_SHIFT];
	state->buffers_free--;
	poison_begin(view->data, POOL_BUFFER_SIZE);
	if (result > 0)
		request->view = view;
	else
		uring_pool_give(state, view);
}

/*
 * The kernel is done with memory that it sent from.  Where the way to the peer makes it copy all
 * the same (always on loopback), not copying only costs more.
 */
static void let_go(struct uring_state *state, struct request *request, uint32_t usage)
{
	check(request->held > 0);
	if (state->copied < URING_COPIED_MAX)
		state->copied = (usage & COMPAT_NOTIF_COPIED) != 0 ? state->copied + 1 : 0;
	request->held--;
	if (request->held > 0 || request->state != REQUEST_HELD)
		return;
	list_remove(&request->link);
	complete(request, 0);
}

static void completed(struct driver *driver, struct request *request, int64_t result,
		      uint32_t flags)
{
	struct uring_state *state = uring_state_of(driver);

	if ((flags & IORING_CQE_F_NOTIF) != 0) {
		let_go(state, request, (uint32_t)result);
		return;
	}
	check(request->state == REQUEST_SUBMITTED);
	list_remove(&request->link);
	if ((flags & IORING_CQE_F_MORE) != 0)
		request->held++;
	if (request->code == REQUEST_RECEIVE && request->stage == STAGE_DIRECT)
		take_view(state, request, result, flags);
	if (request->stage == STAGE_POLLING && result != -ECANCELED)
		polled(state, request, result);
	else if (request->stage == STAGE_BACKOFF && result == -ETIME)
		again(state, request, STAGE_DIRECT);
	else if (request->code == REQUEST_TIMER && result == -ETIME)
		complete(request, 0);
	else if (result < 0)
		failed(state, request, result);
	else if (request->code == REQUEST_READY)
		complete(request, readiness_of(result, request->flags));
	else if (request->code == REQUEST_LENGTH)
		complete(request, uring_length(request));
	else
		complete(request, result);
	/* It is still there: who has it waits for the kernel. */
	if ((flags & IORING_CQE_F_MORE) != 0 && request->state == REQUEST_HELD)
		list_append(&state->submitted, &request->link);
}

static void reap(struct driver *driver)
{
	struct uring_state *state = uring_state_of(driver);
	struct io_uring_cqe *cqe;
	unsigned int head;
	unsigned int count = 0;

	io_uring_for_each_cqe(&state->ring, head, cqe)
	{
		uint64_t data = cqe->user_data;

		count++;
		if (data != URING_CANCEL)
			completed(driver, (struct request *)(uintptr_t)data, cqe->res, cqe->flags);
	}
	if (count == 0)
		return;
	io_uring_cq_advance(&state->ring, count);
	state->reaped = true;
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
		if (writes_pipe(request) && state->plain_writes)
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
			complete(request, sys.close(request->fd));
		else
			complete(request, ABIO_E_CANCELED);
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
	reap(driver);
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
	reap(driver);
	state->dead = true;
	list_splice(&state->submitted, &state->cancels);
	while ((link = list_take(&state->submitted)) != NULL) {
		struct request *request = container_of(link, struct request, link);

		/* What was sent and not acknowledged the kernel only reads, from pages of its own
		 * count; and who was to be told is gone. */
		request->held = 0;
		if (request->code == REQUEST_CLOSE)
			complete(request, take_back(request) ? sys.close(request->fd) : 0);
		else
			complete(request, ABIO_E_CANCELED);
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
