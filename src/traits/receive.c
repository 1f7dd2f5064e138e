/*
 * BufRead's stream of chunks: `receive` stays armed, one request at a time, each arrival a MORE
 * event with a view.  One request at a time keeps the order, makes pausing simply not asking again,
 * and measured the same as multishot, which can overflow the queue and hogs the pool.
 *
 * A pause cancels the request that is out; what it had taken by then is still delivered, because
 * keeping it would let paused streams empty the pool and starve the others.
 *
 * An object without a descriptor fills into memory of its own, which it needs again: its pieces are
 * copied into one view of the receive's, and it is asked again when that view ended.
 */
#include <string.h>

#include "check.h"
#include "fill.h"
#include "platform.h"
#include "poison.h"
#include "pool.h"
#include "request.h"

/* ---- with a descriptor --------------------------------------------------------------------- */

static void arm(struct operation *operation);

static void received(struct request *request, int64_t result)
{
	struct operation *operation = operation_of(request);

	if (result > 0) {
		operation->progress += (uint64_t)result;
		view_post(request->view, operation->token, request->view->data, result,
			  operation->progress);
		request->view = NULL;
	} else if (result != ABIO_E_CANCELED || operation->canceled || !request->canceled) {
		/* Only a pause ends a request and not the receive. */
		operation_finish(operation, result);
		return;
	}
	if (operation->canceled)
		operation_finish(operation, ABIO_E_CANCELED);
	else if (!operation->paused)
		arm(operation);
}

static void arm(struct operation *operation)
{
	operation_submit(operation, REQUEST_RECEIVE, received);
}

static void paused_abort(struct operation *operation)
{
	operation_finish(operation, ABIO_E_CANCELED);
}

/* What a fill read ahead goes first. */
static void post_ahead(struct operation *operation)
{
	uint8_t *data;
	uint32_t length;
	struct view *view = inbuf_give(operation->object, &data, &length);

	operation->progress += length;
	view_post(view, operation->token, data, length, operation->progress);
}

static int32_t receive_stream(struct object *self, uint64_t token)
{
	struct operation *operation;

	if (pool_of(self->driver) == NULL)
		return PLATFORM_NO_MEMORY;
	operation = operation_create(self->driver, self, token);
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	operation->abort = paused_abort;
	operation_accept(operation, SIDE_READ);
	while (inbuf_left(self) > 0)
		post_ahead(operation);
	arm(operation);
	return 0;
}

/* ---- without ------------------------------------------------------------------------------- */

/* What such a receive keeps, in operation->extra. */
struct chunk {
	struct view *view;
	bool out; /* the host has it, or an event on its way to the host */
};

static void chunk_next(struct operation *operation);

static void chunk_finish(struct operation *operation, int64_t result)
{
	struct chunk *chunk = operation->extra;

	chunk->view->owner = NULL;
	if (!chunk->out)
		platform_release(chunk->view);
	operation_finish(operation, result);
}

static void chunk_abort(struct operation *operation)
{
	chunk_finish(operation, ABIO_E_CANCELED);
}

static void chunk_ended(struct view *view)
{
	struct operation *operation = view->owner;

	poison_end(view->data, POOL_BUFFER_SIZE);
	if (operation == NULL) {
		platform_release(view);
		return;
	}
	((struct chunk *)operation->extra)->out = false;
	if (!operation->paused)
		chunk_next(operation);
}

static void chunk_post(struct operation *operation)
{
	struct chunk *chunk = operation->extra;
	struct view *view = chunk->view;
	uint32_t length = inbuf_left(operation->object);
	int32_t error;

	if (length > POOL_BUFFER_SIZE)
		length = POOL_BUFFER_SIZE;
	poison_begin(view->data, POOL_BUFFER_SIZE);
	memcpy(view->data, inbuf_data(operation->object), length);
	/* A host that is told of it may cancel: then this ends it, below. */
	operation->abort = NULL;
	error = inbuf_consume(operation->object, length);
	operation->abort = chunk_abort;
	operation->progress += length;
	chunk->out = true;
	view_post(view, operation->token, view->data, length, operation->progress);
	if (error < 0 || operation->canceled)
		chunk_finish(operation, error < 0 ? error : ABIO_E_CANCELED);
}

static void chunk_filled(struct request *request, int64_t result)
{
	struct operation *operation = operation_of(request);

	fill_settle(request, result);
	if (result > 0)
		chunk_post(operation);
	else if (result != ABIO_E_CANCELED || operation->canceled || !request->canceled)
		chunk_finish(operation, result);
	else if (!operation->paused)
		chunk_next(operation);
}

static void chunk_next(struct operation *operation)
{
	if (inbuf_left(operation->object) > 0)
		chunk_post(operation);
	else
		fill_submit(operation, chunk_filled);
}

static int32_t receive_chunks(struct object *self, uint64_t token)
{
	struct operation *operation;
	struct chunk *chunk;

	if (!fill_reserve(self))
		return PLATFORM_NO_MEMORY;
	operation = operation_create_with(self->driver, self, token, sizeof(*chunk));
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	chunk = operation->extra;
	chunk->view = view_private(self->driver, POOL_BUFFER_SIZE);
	if (chunk->view == NULL) {
		operation_discard(operation);
		return PLATFORM_NO_MEMORY;
	}
	chunk->view->owner = operation;
	chunk->view->ended = chunk_ended;
	operation->abort = chunk_abort;
	operation_accept(operation, SIDE_READ);
	chunk_next(operation);
	return 0;
}

/* ---- the slots ----------------------------------------------------------------------------- */

int32_t receive_slot_receive(struct object *self, uint32_t flags, uint64_t token)
{
	(void)flags;
	if (self->reader != NULL)
		return ABIO_E_BUSY;
	return self->class->perform == NULL ? receive_stream(self, token)
					    : receive_chunks(self, token);
}

/* The receive in flight, told from other readers by how it ends. */
static struct operation *receiver(struct object *self)
{
	struct operation *operation = self->reader;

	if (operation == NULL ||
	    (operation->abort != paused_abort && operation->abort != chunk_abort))
		return NULL;
	return operation;
}

int32_t receive_slot_pause(struct object *self)
{
	struct operation *operation = receiver(self);
	struct request *request;

	if (operation == NULL)
		return ABIO_E_ARGUMENT;
	if (operation->paused)
		return 0;
	operation->paused = true;
	request = &operation->request;
	if (request->state != REQUEST_IDLE && !request->canceled) {
		request->canceled = true;
		request_cancel(request);
	}
	return 0;
}

int32_t receive_slot_resume(struct object *self)
{
	struct operation *operation = receiver(self);

	if (operation == NULL)
		return ABIO_E_ARGUMENT;
	if (!operation->paused)
		return 0;
	operation->paused = false;
	if (operation->request.state != REQUEST_IDLE)
		return 0;
	if (operation->abort == paused_abort)
		arm(operation);
	else if (!((struct chunk *)operation->extra)->out)
		chunk_next(operation);
	return 0;
}

const struct buf_read_slots stream_buf_read_slots = {
	.receive = receive_slot_receive,
	.receive_pause = receive_slot_pause,
	.receive_resume = receive_slot_resume,
	.try_fill_buf = fill_slot_try_fill_buf,
	.consume = fill_slot_consume,
	.fill_buf = fill_slot_fill_buf,
	.read_until = until_slot_read_until,
	.read_line = until_slot_read_line,
	.has_data_left = until_slot_has_data_left,
};
