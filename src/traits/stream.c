/*
 * Read, Write and Ready of a stream (socket, pipe, terminal), over the class's try_readv,
 * try_writev, ready_now and shutdown_write.
 */
#include "platform.h"
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
	return outbox_idle(self) ? 0 : ABIO_WOULD_BLOCK;
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

static int32_t start_flush(struct object *self, uint32_t flags, uint64_t token)
{
	bool now = (flags & ABIO_START_INLINE) != 0;
	struct operation *operation;

	if (now && (outbox_idle(self) || outbox_error(self) != 0))
		return outbox_error(self);
	operation = operation_create(self->driver, self, token);
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	operation->offset = outbox_taken(self);
	operation_accept(operation, SIDE_NONE);
	if (outbox_error(self) != 0 || outbox_gone(self) >= operation->offset)
		operation_finish(operation, outbox_error(self));
	else
		outbox_wait(self, operation);
	return now ? ABIO_PENDING : 0;
}

static void shut_down(struct operation *operation)
{
	struct object *object = operation->object;

	operation_finish(operation, object->class->shutdown_write(object));
}

static int32_t start_shutdown(struct object *self, uint32_t flags, uint64_t token)
{
	struct operation *operation;

	(void)flags;
	if (self->writer != NULL)
		return ABIO_E_BUSY;
	operation = operation_create(self->driver, self, token);
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	operation->resume = shut_down;
	operation_accept(operation, SIDE_WRITE);
	writer_start(operation);
	return 0;
}

static void ready_done(struct request *request, int64_t result)
{
	operation_finish(operation_of(request), result);
}

static int32_t ready_now(struct object *self, uint32_t interest)
{
	return self->class->ready_now(self, interest);
}

static int32_t start_ready(struct object *self, uint32_t interest, uint32_t flags, uint64_t token)
{
	bool now = (flags & ABIO_START_INLINE) != 0;
	struct operation *operation;
	int32_t bits;

	if (interest == 0)
		return ABIO_E_ARGUMENT;
	if (now) {
		bits = self->class->ready_now(self, interest);
		if (bits != 0)
			return bits;
	}
	operation = operation_create(self->driver, self, token);
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	operation->request.flags = interest;
	operation_accept(operation, SIDE_NONE);
	operation_submit(operation, REQUEST_READY, ready_done);
	return now ? ABIO_PENDING : 0;
}

static int32_t ready_fd(struct object *self, uint32_t interest, int32_t *fd, uint32_t *events)
{
	/* poll(2) bits, the same on every Linux: POLLIN 1, POLLOUT 4, POLLRDHUP 0x2000. */
	*fd = self->fd;
	*events = ((interest & ABIO_INTEREST_READ) != 0 ? 0x2001u : 0) |
		  ((interest & ABIO_INTEREST_WRITE) != 0 ? 0x4u : 0);
	return 0;
}

static int32_t put(struct object *self, const void *data, uint32_t length)
{
	return outbox_put(self, data, length);
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
};

const struct buf_write_slots stream_buf_write_slots = {
	.put = put,
};
