/*
 * BufRead's stream of chunks: `receive` stays armed, one request at a time, each arrival a MORE
 * event with a view.  One request at a time keeps the order, makes pausing simply not asking again,
 * and measured the same as multishot, which can overflow the queue and hogs the pool.
 *
 * A pause cancels the request that is out; what it had taken by then is still delivered, because
 * keeping it would let paused streams empty the pool and starve the others.
 */
#include "check.h"
#include "platform.h"
#include "pool.h"
#include "request.h"
#include "traits.h"

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

static int32_t receive(struct object *self, uint32_t flags, uint64_t token)
{
	struct operation *operation;

	(void)flags;
	if (self->reader != NULL)
		return ABIO_E_BUSY;
	if (pool_of(self->driver) == NULL)
		return PLATFORM_NO_MEMORY;
	operation = operation_create(self->driver, self, token);
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	operation->abort = paused_abort;
	operation_accept(operation, SIDE_READ);
	arm(operation);
	return 0;
}

/* The receive in flight, told from other readers by what it asks for. */
static struct operation *receiver(struct object *self)
{
	if (self->reader == NULL || self->reader->request.code != REQUEST_RECEIVE)
		return NULL;
	return self->reader;
}

static int32_t receive_pause(struct object *self)
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

static int32_t receive_resume(struct object *self)
{
	struct operation *operation = receiver(self);

	if (operation == NULL)
		return ABIO_E_ARGUMENT;
	if (!operation->paused)
		return 0;
	operation->paused = false;
	if (operation->request.state == REQUEST_IDLE)
		arm(operation);
	return 0;
}

const struct buf_read_slots stream_buf_read_slots = {
	.receive = receive,
	.receive_pause = receive_pause,
	.receive_resume = receive_resume,
};
