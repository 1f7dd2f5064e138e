/*
 * read_to_end: reads until the end into a lent buffer, whose capacity is the limit.
 *
 * A full buffer is not yet an answer: the end may come next.  So one byte more is read, and if
 * there is one it is not lost.  Of a file it is read aside, at the cursor, which does not move; of
 * a stream it is read ahead.  Memory for that is reserved at the start.
 */
#include "buffer.h"
#include "fill.h"
#include "platform.h"
#include "pool.h"
#include "readbuf.h"

static void next(struct operation *operation);

static void take(struct operation *operation, int64_t moved)
{
	operation->progress += (uint64_t)moved;
	buffer_fill(operation->buffer, (uint32_t)moved);
	if (operation->uses_cursor)
		operation->object->cursor += (uint64_t)moved;
}

static void arrived(struct request *request, int64_t result)
{
	struct operation *operation = operation_of(request);

	if (result > 0)
		take(operation, result);
	if (result < 0) {
		operation_finish(operation, result);
	} else if (result == 0) {
		operation_finish(operation, (int64_t)operation->progress);
	} else if (operation->canceled) {
		operation_finish(operation, ABIO_E_CANCELED);
	} else {
		operation->driver->moved += (uint32_t)result;
		next(operation);
	}
}

static void end_or_limit(struct operation *operation, bool at_the_end)
{
	operation_finish(operation, at_the_end ? (int64_t)operation->progress : ABIO_E_LIMIT);
}

static void length_found(struct request *request, int64_t result)
{
	struct operation *operation = operation_of(request);

	if (result < 0)
		operation_finish(operation, result);
	else
		end_or_limit(operation, (uint64_t)result <= operation->object->cursor);
}

/* Direct IO takes no single byte, but what it reads has a length that can be trusted. */
static void file_probed(struct request *request, int64_t result)
{
	struct operation *operation = operation_of(request);

	if (result == PLATFORM_INVALID && !operation->canceled) {
		request->data = operation->extra;
		operation_submit(operation, REQUEST_LENGTH, length_found);
	} else if (result < 0) {
		operation_finish(operation, result);
	} else {
		end_or_limit(operation, result == 0);
	}
}

static void stream_probed(struct request *request, int64_t result)
{
	struct operation *operation = operation_of(request);

	if (result < 0) {
		operation_finish(operation, result);
		return;
	}
	if (result > 0) {
		inbuf_take(operation->object, operation->extra, 1);
		operation->extra = NULL; /* the view is the inbuf's */
	}
	end_or_limit(operation, result == 0);
}

static void filled(struct request *request, int64_t result)
{
	struct operation *operation = operation_of(request);

	fill_settle(request, result);
	if (result < 0)
		operation_finish(operation, result);
	else
		end_or_limit(operation, result == 0);
}

static void probe(struct operation *operation)
{
	struct request *request = &operation->request;
	enum request_code code = (enum request_code)request->code;
	struct view *view = operation->extra;

	request->length = 1;
	if (operation->uses_cursor) {
		request->data = operation->extra;
		operation_submit(operation, code, file_probed);
	} else if (view != NULL) {
		request->data = view->data;
		operation_submit(operation, code, stream_probed);
	} else {
		fill_submit(operation, filled);
	}
}

static void next(struct operation *operation)
{
	struct object *object = operation->object;
	struct buffer *buffer = operation->buffer;
	struct request *request = &operation->request;
	struct abio_iovec room = { buffer->data + buffer->filled, buffer_room(buffer) };
	uint32_t limit = transfer_limit(object);

	if (!operation->uses_cursor && inbuf_left(object) > 0) {
		take(operation, inbuf_read(object, &room, 1));
		room.base = buffer->data + buffer->filled;
		room.length = buffer_room(buffer);
		/* A host was told that they are consumed, and may have asked for the end. */
		if (operation->canceled) {
			operation_finish(operation, ABIO_E_CANCELED);
			return;
		}
	}
	request->offset = object->cursor;
	if (room.length > 0) {
		request->data = room.base;
		request->length = room.length < limit ? (uint32_t)room.length : limit;
		operation_submit(operation, (enum request_code)request->code, arrived);
	} else if (inbuf_left(object) > 0) {
		operation_finish(operation, ABIO_E_LIMIT);
	} else {
		probe(operation);
	}
}

/* A class that fills its inbuf itself is asked to: what it has there must stay in order. */
static bool reads_ahead(const struct object *object)
{
	const struct object_class *class = object->class;

	return class->perform != NULL && class->buf_read != NULL &&
	       class->buf_read->fill_buf != NULL;
}

/* With all that it will need. */
static struct operation *create(struct object *self, const struct transfer *read)
{
	struct operation *operation;

	if (read->cursor)
		return operation_create_with(self->driver, self, read->token, LENGTH_ROOM);
	if (inbuf_of(self) == NULL || (reads_ahead(self) && !fill_reserve(self)))
		return NULL;
	operation = operation_create(self->driver, self, read->token);
	if (operation == NULL || reads_ahead(self))
		return operation;
	/* A view is one allocation, and goes with the operation when it is not used. */
	operation->extra = view_private(self->driver, 1);
	if (operation->extra != NULL)
		return operation;
	operation_discard(operation);
	return NULL;
}

int32_t readbuf_to_end(struct object *self, abio_buffer into, uint32_t flags, uint64_t token)
{
	struct transfer read = transfer_of(self, SIDE_READ);
	struct operation *operation;
	struct buffer *buffer;
	int32_t error;

	(void)flags;
	if (transfer_busy(&read))
		return ABIO_E_BUSY;
	error = buffer_lend(into, self->driver, &buffer);
	if (error < 0)
		return error;
	read.token = token;
	operation = create(self, &read);
	if (operation == NULL) {
		buffer_take_back(buffer);
		return PLATFORM_NO_MEMORY;
	}
	operation->buffer = buffer;
	operation->uses_cursor = read.cursor;
	operation->request.code = (uint8_t)read.code;
	operation_accept(operation, SIDE_READ);
	next(operation);
	return 0;
}
