/*
 * read_until, read_line and has_data_left: composite operations over fill and consume.
 *
 * What comes is copied once, from where it was filled to the host's buffer, and consumed in the
 * same step: so the buffer and `progress` say exactly what is gone from the stream, and whoever is
 * cancelled, failed or full is continued by the next.
 */
#include <string.h>

#include "buffer.h"
#include "fill.h"
#include "platform.h"

/* Appends up to and with the delimiter, or as much as fits.  True when the delimiter was in it. */
static bool append(struct operation *operation, int32_t *error)
{
	struct object *object = operation->object;
	struct buffer *buffer = operation->buffer;
	const uint8_t *data = inbuf_data(object);
	uint32_t count = inbuf_left(object);
	uint32_t room = buffer->capacity - buffer->filled;
	const uint8_t *end;

	if (count > room)
		count = room;
	if (count == 0)
		return false;
	end = memchr(data, (int)operation->offset, count);
	if (end != NULL)
		count = (uint32_t)(end - data) + 1;
	memcpy(buffer->data + buffer->filled, data, count);
	buffer_fill(buffer, count);
	operation->progress += count;
	*error = inbuf_consume(object, count);
	return end != NULL;
}

static void more_came(struct request *request, int64_t result);

static void advance(struct operation *operation)
{
	struct buffer *buffer = operation->buffer;
	int32_t error = 0;
	bool found = false;

	/* The buffer is what bounds this: what is not found fills it. */
	while (inbuf_left(operation->object) > 0 && !found && error == 0 &&
	       buffer->filled < buffer->capacity)
		found = append(operation, &error);
	if (error < 0)
		operation_finish(operation, error);
	else if (found)
		operation_finish(operation, (int64_t)operation->progress);
	else if (buffer->filled == buffer->capacity)
		operation_finish(operation, ABIO_E_LIMIT);
	else if (operation->canceled)
		operation_finish(operation, ABIO_E_CANCELED);
	else
		fill_submit(operation, more_came);
}

static void more_came(struct request *request, int64_t result)
{
	struct operation *operation = operation_of(request);

	fill_settle(request, result);
	if (result < 0) {
		operation_finish(operation, result);
	} else if (result == 0) {
		operation_finish(operation, (int64_t)operation->progress);
	} else {
		operation->driver->moved += (uint32_t)result;
		advance(operation);
	}
}

int32_t until_slot_read_until(struct object *self, uint32_t byte, abio_buffer into, uint32_t flags,
			      uint64_t token)
{
	struct operation *operation;
	int32_t error;

	(void)flags;
	if (byte > 255)
		return ABIO_E_ARGUMENT;
	if (self->reader != NULL)
		return ABIO_E_BUSY;
	if (!fill_reserve(self))
		return PLATFORM_NO_MEMORY;
	operation = operation_create(self->driver, self, token);
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	error = buffer_lend(into, self->driver, &operation->buffer);
	if (error < 0) {
		operation_discard(operation);
		return error;
	}
	operation->offset = byte;
	operation_accept(operation, SIDE_READ);
	advance(operation);
	return 0;
}

int32_t until_slot_read_line(struct object *self, abio_buffer into, uint32_t flags, uint64_t token)
{
	return until_slot_read_until(self, '\n', into, flags, token);
}

static void known(struct request *request, int64_t result)
{
	fill_settle(request, result);
	operation_finish(operation_of(request), result > 0 ? 1 : result);
}

int32_t until_slot_has_data_left(struct object *self, uint32_t flags, uint64_t token)
{
	bool now = (flags & ABIO_START_INLINE) != 0;
	struct operation *operation;
	int64_t result;

	if (self->reader != NULL)
		return ABIO_E_BUSY;
	if (!fill_reserve(self))
		return PLATFORM_NO_MEMORY;
	operation = operation_create(self->driver, self, token);
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	result = now ? fill_try(self) : ABIO_WOULD_BLOCK;
	if (result != ABIO_WOULD_BLOCK) {
		operation_discard(operation);
		return result > 0 ? 1 : (int32_t)result;
	}
	operation_accept(operation, SIDE_READ);
	if (inbuf_left(self) > 0)
		operation_finish(operation, 1);
	else
		fill_submit(operation, known);
	return now ? ABIO_PENDING : 0;
}
