/*
 * Seek: moving and telling the position at which a handle reads and writes next, and the length of
 * what is behind it.
 *
 * A file's position is its object's cursor: moving it asks nobody, only the end has to be asked
 * for. An object without a descriptor moves its own.  What was read ahead lies before where it
 * stands, what was put and not sent lies behind: a seek takes the first into account and drops it,
 * and waits for the second.  A seek takes both directions: what reads and writes depends on it.
 */
#include "inbuf.h"
#include "platform.h"
#include "transfer.h"

static bool in_use(const struct object *object)
{
	return object->reader != NULL || object->writer != NULL;
}

/* A file's cursor to `offset` bytes from `base`. */
static void move(struct operation *operation, int64_t base)
{
	int64_t position;

	if (__builtin_add_overflow(base, (int64_t)operation->request.offset, &position) ||
	    position < 0) {
		operation_finish(operation, ABIO_E_ARGUMENT);
		return;
	}
	operation->object->cursor = (uint64_t)position;
	operation_finish(operation, position);
}

static void end_found(struct request *request, int64_t result)
{
	struct operation *operation = operation_of(request);

	if (result < 0)
		operation_finish(operation, result);
	else
		move(operation, result);
}

static void ended(struct request *request, int64_t result)
{
	operation_finish(operation_of(request), result);
}

/* What was read ahead is not what comes next any more. */
static void passed_on(struct request *request, int64_t result)
{
	struct object *object = request->object;

	if (result >= 0)
		inbuf_drop(object);
	operation_finish(operation_of(request), result);
}

static void ask_length(struct operation *operation, void (*done)(struct request *, int64_t))
{
	operation->request.data = operation->extra;
	operation_submit(operation, REQUEST_LENGTH, done);
}

static void pass_on(struct operation *operation)
{
	struct request *request = &operation->request;
	int64_t offset = (int64_t)request->offset;

	if (request->flags == ABIO_SEEK_CURRENT &&
	    __builtin_sub_overflow(offset, (int64_t)inbuf_ahead(operation->object), &offset)) {
		operation_finish(operation, ABIO_E_ARGUMENT);
		return;
	}
	request->offset = (uint64_t)offset;
	operation_submit(operation, REQUEST_SEEK, passed_on);
}

static void seek_now(struct operation *operation)
{
	struct request *request = &operation->request;
	struct object *object = operation->object;

	if (object->class->perform != NULL)
		pass_on(operation);
	else if (request->flags == ABIO_SEEK_END)
		ask_length(operation, end_found);
	else
		move(operation, request->flags == ABIO_SEEK_START ? 0 : (int64_t)object->cursor);
}

static void measure_now(struct operation *operation)
{
	ask_length(operation, ended);
}

int32_t seek_begin(struct operation *operation, enum request_code code)
{
	if (in_use(operation->object))
		return ABIO_E_BUSY;
	operation->resume = code == REQUEST_SEEK ? seek_now : measure_now;
	operation_accept(operation, SIDE_BOTH);
	writer_start(operation);
	return 0;
}

static int32_t start(struct object *self, enum request_code code, uint32_t whence, int64_t offset,
		     uint64_t token)
{
	struct operation *operation;

	if (in_use(self))
		return ABIO_E_BUSY;
	operation = passing_create(self, token);
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	operation->request.flags = whence;
	operation->request.offset = (uint64_t)offset;
	return seek_begin(operation, code);
}

static int32_t seek(struct object *self, uint32_t whence, int64_t offset, uint32_t flags,
		    uint64_t token)
{
	(void)flags;
	if (whence > ABIO_SEEK_END)
		return ABIO_E_ARGUMENT;
	return start(self, REQUEST_SEEK, whence, offset, token);
}

static int32_t rewind_to_start(struct object *self, uint32_t flags, uint64_t token)
{
	(void)flags;
	return start(self, REQUEST_SEEK, ABIO_SEEK_START, 0, token);
}

static int32_t stream_length(struct object *self, uint32_t flags, uint64_t token)
{
	(void)flags;
	return start(self, REQUEST_LENGTH, 0, 0, token);
}

static int32_t stream_position(struct object *self, uint64_t *position)
{
	uint64_t at = self->cursor;
	int32_t error = 0;

	if (in_use(self))
		return ABIO_E_BUSY;
	if (self->class->position != NULL)
		error = self->class->position(self, &at);
	if (error < 0)
		return error;
	*position = at - inbuf_ahead(self) + (outbox_taken(self) - outbox_gone(self));
	return 0;
}

const struct seek_slots seek_slots = {
	.seek = seek,
	.rewind = rewind_to_start,
	.stream_position = stream_position,
	.stream_len = stream_length,
};
