/*
 * What a completion of the ring means for its request: done, once more in another stage, waiting
 * for a view of the pool, or held until the kernel lets go of memory that it sends from.
 *
 * Invariants: a completion is of a request in `submitted` or `cancels`, which leaves the list here,
 * or tells that memory is free; nothing here enters the ring or fills an entry.
 */
#include "uring.h"

#include <errno.h>

#include "check.h"
#include "compat.h"
#include "object.h"
#include "poison.h"
#include "pool.h"
#include "readiness.h"
#include "sys.h"

static void again(struct uring_state *state, struct request *request, enum uring_stage stage)
{
	if (request->canceled) {
		uring_complete(request, ABIO_E_CANCELED);
		return;
	}
	request->stage = (uint8_t)stage;
	uring_queue(state, request);
}

static void starve(struct uring_state *state, struct request *request)
{
	if (request->canceled) {
		uring_complete(request, ABIO_E_CANCELED);
	} else if (state->buffers_free > 0) {
		uring_queue(state, request);
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
		uring_complete(request, result);
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
		uring_complete(request, result);
}

static bool is_stream(const struct request *request)
{
	return request->code == REQUEST_READ || request->code == REQUEST_WRITE ||
	       request->code == REQUEST_RECEIVE || request->code == REQUEST_ACCEPT ||
	       request->code == REQUEST_RECEIVE_FROM ||
	       /* a full Unix queue gives no readiness: that one is asked again in a moment */
	       (request->code == REQUEST_SEND_TO && request->object->class->kind == ABIO_KIND_UDP);
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
		uring_complete(request, close_failed(request, error));
	else if (error == -ECANCELED)
		uring_complete(request, ABIO_E_CANCELED);
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
	else if ((error == -EOPNOTSUPP || error == -EINVAL) && uring_writes_pipe(request) &&
		 request->stage == STAGE_DIRECT) {
		state->plain_writes = true;
		again(state, request, STAGE_POLLING);
	} else {
		uring_complete(request, error);
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
	uring_complete(request, 0);
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
		uring_complete(request, 0);
	else if (result < 0)
		failed(state, request, result);
	else if (request->code == REQUEST_READY)
		uring_complete(request, readiness_of(result, request->flags));
	else if (request->code == REQUEST_LENGTH)
		uring_complete(request, uring_length(request));
	else
		uring_complete(request, result);
}

void uring_reap(struct driver *driver)
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
