/*
 * Read, Write and Ready of a stream (socket, pipe, terminal), over the class's try_readv,
 * try_writev, ready_now and shutdown_write.
 */
#include "inbuf.h"
#include "platform.h"
#include "readbuf.h"
#include "request.h"
#include "transfer.h"

static int32_t try_read(struct object *self, void *data, uint32_t length, uint32_t flags)
{
	(void)flags;
	if (self->reader != NULL)
		return ABIO_E_BUSY;
	return (int32_t)transfer_try(&(struct transfer){
		.object = self, .code = REQUEST_READ, .data = data, .length = length });
}

static int32_t try_readv(struct object *self, const struct abio_iovec *iovecs, uint32_t count,
			 uint32_t flags)
{
	(void)flags;
	if (vector_check(iovecs, count) < 0)
		return ABIO_E_ARGUMENT;
	if (self->reader != NULL)
		return ABIO_E_BUSY;
	if (count == 0)
		return 0;
	return (int32_t)transfer_try(&(struct transfer){
		.object = self, .code = REQUEST_READ, .iovecs = iovecs, .count = count });
}

static int32_t start_read(struct object *self, void *data, uint32_t length, uint32_t flags,
			  uint64_t token)
{
	return transfer_start(
		&(struct transfer){ .object = self,
				    .code = REQUEST_READ,
				    .side = SIDE_READ,
				    .data = data,
				    .length = length > TRANSFER_MAX ? TRANSFER_MAX : length,
				    .flags = flags,
				    .token = token });
}

static int32_t start_readv(struct object *self, const struct abio_iovec *iovecs, uint32_t count,
			   uint32_t flags, uint64_t token)
{
	if (vector_check(iovecs, count) < 0)
		return ABIO_E_ARGUMENT;
	return transfer_start(&(struct transfer){ .object = self,
						  .code = REQUEST_READ,
						  .side = SIDE_READ,
						  .iovecs = count == 0 ? NULL : iovecs,
						  .count = count,
						  .flags = flags,
						  .token = token });
}

static int32_t start_read_exact(struct object *self, void *data, uint32_t length, uint32_t flags,
				uint64_t token)
{
	return transfer_start(&(struct transfer){ .object = self,
						  .code = REQUEST_READ,
						  .side = SIDE_READ,
						  .exact = true,
						  .data = data,
						  .length = length,
						  .flags = flags,
						  .token = token });
}

static int32_t try_write(struct object *self, const void *data, uint32_t length, uint32_t flags)
{
	(void)flags;
	if (self->writer != NULL || !outbox_idle(self))
		return ABIO_E_BUSY;
	return (int32_t)transfer_try(&(struct transfer){
		.object = self, .code = REQUEST_WRITE, .data = writable(data), .length = length });
}

static int32_t try_writev(struct object *self, const struct abio_iovec *iovecs, uint32_t count,
			  uint32_t flags)
{
	(void)flags;
	if (vector_check(iovecs, count) < 0)
		return ABIO_E_ARGUMENT;
	if (self->writer != NULL || !outbox_idle(self))
		return ABIO_E_BUSY;
	if (count == 0)
		return 0;
	return (int32_t)transfer_try(&(struct transfer){
		.object = self, .code = REQUEST_WRITE, .iovecs = iovecs, .count = count });
}

static int32_t try_flush(struct object *self)
{
	int32_t error = outbox_error(self);

	if (error != 0)
		return error;
	if (!outbox_idle(self))
		return ABIO_WOULD_BLOCK;
	return self->class->try_flush == NULL ? 0 : self->class->try_flush(self);
}

static bool flushed_now(struct object *self, int32_t *error)
{
	*error = outbox_error(self);
	if (*error == 0 && outbox_idle(self) && self->class->try_flush != NULL)
		*error = self->class->try_flush(self);
	else if (*error == 0 && (!outbox_idle(self) || self->class->perform != NULL))
		*error = ABIO_WOULD_BLOCK;
	return *error != ABIO_WOULD_BLOCK;
}

static void ended(struct request *request, int64_t result)
{
	operation_finish(operation_of(request), result);
}

void flush_rest(struct operation *operation, int32_t error)
{
	if (error == 0 && operation->object->class->perform != NULL)
		operation_submit(operation, REQUEST_FLUSH, ended);
	else
		operation_finish(operation, error);
}

struct operation *passing_create(struct object *self, uint64_t token)
{
	if (self->class->reserve == 0)
		return operation_create(self->driver, self, token);
	return operation_create_with(self->driver, self, token, self->class->reserve);
}

static int32_t start_write(struct object *self, const void *data, uint32_t length, uint32_t flags,
			   uint64_t token)
{
	return transfer_start(
		&(struct transfer){ .object = self,
				    .code = REQUEST_WRITE,
				    .side = SIDE_WRITE,
				    .data = writable(data),
				    .length = length > TRANSFER_MAX ? TRANSFER_MAX : length,
				    .flags = flags,
				    .token = token });
}

static int32_t start_writev(struct object *self, const struct abio_iovec *iovecs, uint32_t count,
			    uint32_t flags, uint64_t token)
{
	if (vector_check(iovecs, count) < 0)
		return ABIO_E_ARGUMENT;
	return transfer_start(&(struct transfer){ .object = self,
						  .code = REQUEST_WRITE,
						  .side = SIDE_WRITE,
						  .iovecs = count == 0 ? NULL : iovecs,
						  .count = count,
						  .flags = flags,
						  .token = token });
}

static int32_t start_write_all(struct object *self, const void *data, uint32_t length,
			       uint32_t flags, uint64_t token)
{
	return transfer_start(&(struct transfer){ .object = self,
						  .code = REQUEST_WRITE,
						  .side = SIDE_WRITE,
						  .exact = true,
						  .data = writable(data),
						  .length = length,
						  .flags = flags,
						  .token = token });
}

static int32_t start_write_allv(struct object *self, const struct abio_iovec *iovecs,
				uint32_t count, uint32_t flags, uint64_t token)
{
	if (vector_check_exact(iovecs, count) < 0)
		return ABIO_E_ARGUMENT;
	return transfer_start(&(struct transfer){ .object = self,
						  .code = REQUEST_WRITE,
						  .side = SIDE_WRITE,
						  .exact = true,
						  .iovecs = count == 0 ? NULL : iovecs,
						  .count = count,
						  .flags = flags,
						  .token = token });
}

int32_t flush_begin(struct operation *operation)
{
	struct object *object = operation->object;

	operation->offset = outbox_taken(object);
	outbox_unreserve(object);
	operation_accept(operation, SIDE_NONE);
	if (outbox_error(object) != 0 || outbox_gone(object) >= operation->offset)
		flush_rest(operation, outbox_error(object));
	else
		outbox_wait(object, operation);
	return 0;
}

static int32_t start_flush(struct object *self, uint32_t flags, uint64_t token)
{
	bool now = (flags & ABIO_START_INLINE) != 0;
	struct operation *operation;
	int32_t error;

	if (now && flushed_now(self, &error))
		return error;
	operation = passing_create(self, token);
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	flush_begin(operation);
	return now ? ABIO_PENDING : 0;
}

static void shut_down(struct operation *operation)
{
	struct object *object = operation->object;

	operation->request.flags = 0;
	if (object->class->perform != NULL)
		operation_submit(operation, REQUEST_SHUTDOWN, ended);
	else
		operation_finish(operation, object->class->shutdown_write(object));
}

int32_t shutdown_begin(struct operation *operation)
{
	struct object *object = operation->object;
	bool stands_by = operation->request.flags == SHUTDOWN_IN_TURN && object->outbox != NULL;

	if (object->writer != NULL && !stands_by)
		return ABIO_E_BUSY;
	operation->resume = shut_down;
	if (object->writer != NULL) {
		operation_accept(operation, SIDE_NONE);
		outbox_stand_by(object, operation);
		return 0;
	}
	operation_accept(operation, SIDE_WRITE);
	writer_start(operation);
	return 0;
}

static int32_t start_shutdown(struct object *self, uint32_t flags, uint64_t token)
{
	struct operation *operation;

	(void)flags;
	if (self->writer != NULL)
		return ABIO_E_BUSY;
	operation = passing_create(self, token);
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	return shutdown_begin(operation);
}

/* What was read ahead makes it ready, whatever is underneath. */
static int32_t ready_now(struct object *self, uint32_t interest)
{
	int32_t bits = self->class->ready_now(self, interest);

	if (bits >= 0 && (interest & ABIO_INTEREST_READ) != 0 && inbuf_left(self) > 0)
		bits |= ABIO_READY_READ;
	return bits;
}

static void ready_ended(struct request *request, int64_t result);

static void look_or_wait(struct operation *operation)
{
	struct object *object = operation->object;
	uint32_t interest = operation->request.flags;

	if ((interest & ABIO_INTEREST_READ) != 0 && inbuf_left(object) > 0)
		operation_finish(operation, ready_now(object, interest));
	else
		operation_submit(operation, REQUEST_READY, ready_ended);
}

static void ready_ended(struct request *request, int64_t result)
{
	struct operation *operation = operation_of(request);
	bool woken = request->canceled && !operation->canceled;

	if (woken && result == ABIO_E_CANCELED)
		look_or_wait(operation);
	else
		operation_finish(operation, result);
}

int32_t ready_begin(struct operation *operation)
{
	if (operation->object->class->ready == NULL)
		return ABIO_E_UNSUPPORTED;
	operation_accept(operation, SIDE_NONE);
	look_or_wait(operation);
	return 0;
}

static void look_again(struct request *request)
{
	if (request->code != REQUEST_READY || (request->flags & ABIO_INTEREST_READ) == 0 ||
	    request->state == REQUEST_IDLE || request->canceled)
		return;
	request->canceled = true;
	request_cancel(request);
}

void ready_wake(struct object *object)
{
	struct object *owner = object->inbuf->owner;
	size_t left = owner == NULL ? 0 : list_count(&owner->operations);
	struct list *link;

	if (owner == NULL)
		return;
	owner->hold++;
	while (left-- > 0 && (link = list_rotate(&owner->operations)) != NULL)
		look_again(&container_of(link, struct operation, node.link)->request);
	owner->hold--;
	object_settle(owner);
}

static int32_t start_ready(struct object *self, uint32_t interest, uint32_t flags, uint64_t token)
{
	bool now = (flags & ABIO_START_INLINE) != 0;
	struct operation *operation;
	int32_t bits;

	if (interest == 0)
		return ABIO_E_ARGUMENT;
	if (now) {
		bits = ready_now(self, interest);
		if (bits != 0)
			return bits;
	}
	operation = passing_create(self, token);
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	operation->request.flags = interest;
	ready_begin(operation);
	return now ? ABIO_PENDING : 0;
}

static int32_t ready_fd(struct object *self, uint32_t interest, int32_t *fd, uint32_t *events)
{
	/* poll(2) bits, the same on every Linux: POLLIN 1, POLLOUT 4, POLLRDHUP 0x2000. */
	if (self->fd < 0)
		return ABIO_E_UNSUPPORTED;
	*fd = self->fd;
	*events = ((interest & ABIO_INTEREST_READ) != 0 ? 0x2001u : 0) |
		  ((interest & ABIO_INTEREST_WRITE) != 0 ? 0x4u : 0);
	return 0;
}

const struct ready_slots stream_ready_slots = {
	.ready = start_ready,
	.ready_now = ready_now,
	.ready_fd = ready_fd,
};

const struct read_slots stream_read_slots = {
	.try_read = try_read,
	.try_readv = try_readv,
	.read = start_read,
	.readv = start_readv,
	.read_exact = start_read_exact,
	.try_read_buf = readbuf_try,
	.try_read_bufv = readbuf_tryv,
	.read_buf = readbuf_start,
	.read_bufv = readbuf_startv,
	.read_buf_exact = readbuf_start_exact,
	.read_to_end = readbuf_to_end,
};

const struct write_slots stream_write_slots = {
	.try_write = try_write,
	.try_writev = try_writev,
	.try_flush = try_flush,
	.write = start_write,
	.writev = start_writev,
	.write_all = start_write_all,
	.flush = start_flush,
	.shutdown = start_shutdown,
	.write_allv = start_write_allv,
};
