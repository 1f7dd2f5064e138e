/*
 * BufWrite of a stream, over its outbox: put copies, reserve lends memory of the outbox itself,
 * which saves that copy.
 *
 * A reserve that waits is a writer parked behind what was put, so everything that is refused beside
 * a write is refused beside it.
 */
#include "check.h"
#include "platform.h"
#include "traits.h"

static int32_t put(struct object *self, const void *data, uint32_t length)
{
	return outbox_put(self, data, length);
}

static int32_t prepare(struct object *self, uint32_t minimum)
{
	if (minimum == 0)
		return ABIO_E_ARGUMENT;
	return self->writer != NULL ? ABIO_E_BUSY : outbox_prepare(self, minimum);
}

static int32_t try_reserve(struct object *self, uint32_t minimum, void **data)
{
	int32_t error = prepare(self, minimum);
	uint8_t *place;
	uint32_t room;

	if (error == 0)
		error = outbox_error(self);
	if (error != 0)
		return error;
	room = outbox_lend(self, minimum, &place);
	if (room == 0) {
		outbox_unreserve(self);
		return ABIO_WOULD_BLOCK;
	}
	*data = place;
	return (int32_t)room;
}

static int32_t commit(struct object *self, uint32_t count)
{
	/* Nothing is reserved while a reserve waits. */
	if (self->writer != NULL)
		return count > 0 ? ABIO_E_ARGUMENT : outbox_error(self);
	return outbox_commit(self, count);
}

static void finish(struct operation *operation, int64_t result)
{
	operation->resume = NULL;
	if (result < 0)
		outbox_unreserve(operation->object);
	operation_finish(operation, result);
}

static void wait(struct operation *operation)
{
	operation->parked = true;
	operation->offset = outbox_gone_for(operation->object, operation->length);
	outbox_continue(operation->object);
}

/* Until the host has its event it stays the writer, one that what was put does not wait for. */
static void show(struct operation *operation, uint8_t *place, uint32_t room)
{
	struct abio_event *event = operation_event(operation);

	event->data = (uint64_t)(uintptr_t)place;
	event->flags |= ABIO_EVENT_VIEW;
	operation->keeps_side = true;
	operation->parked = true;
	operation->offset = UINT64_MAX;
	operation_finish(operation, room);
}

void reserve_granted(struct operation *operation)
{
	uint8_t *place = NULL;
	uint32_t room = outbox_lend(operation->object, operation->length, &place);

	if (room == 0)
		wait(operation);
	else
		show(operation, place, room);
}

static void give_up(struct operation *operation)
{
	finish(operation, ABIO_E_CANCELED);
}

static int32_t reserve(struct object *self, uint32_t minimum, uint32_t flags, uint64_t token)
{
	int32_t error = prepare(self, minimum);
	struct operation *operation;

	(void)flags;
	if (error != 0)
		return error;
	operation = operation_create(self->driver, self, token);
	if (operation == NULL) {
		outbox_unreserve(self);
		return PLATFORM_NO_MEMORY;
	}
	operation->length = minimum;
	operation->abort = give_up;
	operation->resume = reserve_granted;
	operation_accept(operation, SIDE_WRITE);
	if (outbox_error(self) != 0)
		finish(operation, outbox_error(self));
	else
		reserve_granted(operation);
	return 0;
}

const struct buf_write_slots stream_buf_write_slots = {
	.put = put,
	.try_reserve = try_reserve,
	.commit = commit,
	.reserve = reserve,
};
