/*
 * Read and Write of a file at the handle's own cursor, and ReadAt and WriteAt.  The kernel only
 * ever gets explicit offsets: its own cursor is shared by every duplicate and orders nothing.
 */
#include "platform.h"
#include "readbuf.h"
#include "transfer.h"

#define OFFSET_MAX 0x7fffffffffffffffu

static int32_t start_at_cursor(struct object *self, enum request_code code, bool exact, void *data,
			       uint32_t length, uint32_t flags, uint64_t token)
{
	return transfer_start(
		&(struct transfer){ .object = self,
				    .code = code,
				    .side = code == REQUEST_READ_AT ? SIDE_READ : SIDE_WRITE,
				    .exact = exact,
				    .cursor = true,
				    .data = data,
				    .length = exact || length < FILE_STEP ? length : FILE_STEP,
				    .flags = flags,
				    .token = token });
}

static int32_t startv_at_cursor(struct object *self, enum request_code code, bool exact,
				const struct abio_iovec *iovecs, uint32_t count, uint32_t flags,
				uint64_t token)
{
	if ((exact ? vector_check_exact(iovecs, count) : vector_check(iovecs, count)) < 0)
		return ABIO_E_ARGUMENT;
	return transfer_start(
		&(struct transfer){ .object = self,
				    .code = code,
				    .side = code == REQUEST_READ_AT ? SIDE_READ : SIDE_WRITE,
				    .exact = exact,
				    .cursor = true,
				    .iovecs = count == 0 ? NULL : iovecs,
				    .count = count,
				    .flags = flags,
				    .token = token });
}

static int32_t start_read(struct object *self, void *data, uint32_t length, uint32_t flags,
			  uint64_t token)
{
	return start_at_cursor(self, REQUEST_READ_AT, false, data, length, flags, token);
}

static int32_t start_readv(struct object *self, const struct abio_iovec *iovecs, uint32_t count,
			   uint32_t flags, uint64_t token)
{
	return startv_at_cursor(self, REQUEST_READ_AT, false, iovecs, count, flags, token);
}

static int32_t start_read_exact(struct object *self, void *data, uint32_t length, uint32_t flags,
				uint64_t token)
{
	return start_at_cursor(self, REQUEST_READ_AT, true, data, length, flags, token);
}

static int32_t start_write(struct object *self, const void *data, uint32_t length, uint32_t flags,
			   uint64_t token)
{
	return start_at_cursor(self, REQUEST_WRITE_AT, false, writable(data), length, flags, token);
}

static int32_t start_writev(struct object *self, const struct abio_iovec *iovecs, uint32_t count,
			    uint32_t flags, uint64_t token)
{
	return startv_at_cursor(self, REQUEST_WRITE_AT, false, iovecs, count, flags, token);
}

static int32_t start_write_all(struct object *self, const void *data, uint32_t length,
			       uint32_t flags, uint64_t token)
{
	return start_at_cursor(self, REQUEST_WRITE_AT, true, writable(data), length, flags, token);
}

static int32_t start_write_allv(struct object *self, const struct abio_iovec *iovecs,
				uint32_t count, uint32_t flags, uint64_t token)
{
	return startv_at_cursor(self, REQUEST_WRITE_AT, true, iovecs, count, flags, token);
}

/* Nothing is held back for a file: its writes reach the system before their event comes. */
static int32_t try_flush(struct object *self)
{
	(void)self;
	return 0;
}

static int32_t start_flush(struct object *self, uint32_t flags, uint64_t token)
{
	struct operation *operation;

	if ((flags & ABIO_START_INLINE) != 0)
		return 0;
	operation = operation_create(self->driver, self, token);
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	operation_accept(operation, SIDE_NONE);
	operation_finish(operation, 0);
	return 0;
}

static int32_t try_read_at(struct object *self, void *data, uint32_t length, uint64_t offset,
			   uint32_t flags)
{
	(void)flags;
	if (offset > OFFSET_MAX)
		return ABIO_E_ARGUMENT;
	return (int32_t)transfer_try(&(struct transfer){ .object = self,
							 .code = REQUEST_READ_AT,
							 .data = data,
							 .length = length,
							 .offset = offset });
}

static int32_t start_at(struct object *self, enum request_code code, bool exact, void *data,
			uint32_t length, uint64_t offset, uint32_t flags, uint64_t token)
{
	if (offset > OFFSET_MAX || (exact && offset + length > OFFSET_MAX))
		return ABIO_E_ARGUMENT;
	return transfer_start(
		&(struct transfer){ .object = self,
				    .code = code,
				    .exact = exact,
				    .data = data,
				    .length = exact || length < FILE_STEP ? length : FILE_STEP,
				    .offset = offset,
				    .flags = flags,
				    .token = token });
}

static int32_t start_read_at(struct object *self, void *data, uint32_t length, uint64_t offset,
			     uint32_t flags, uint64_t token)
{
	return start_at(self, REQUEST_READ_AT, false, data, length, offset, flags, token);
}

static int32_t start_read_at_exact(struct object *self, void *data, uint32_t length,
				   uint64_t offset, uint32_t flags, uint64_t token)
{
	return start_at(self, REQUEST_READ_AT, true, data, length, offset, flags, token);
}

static int32_t startv_at(struct object *self, enum request_code code,
			 const struct abio_iovec *iovecs, uint32_t count, uint64_t offset,
			 uint32_t flags, uint64_t token)
{
	if (offset > OFFSET_MAX || vector_check(iovecs, count) < 0)
		return ABIO_E_ARGUMENT;
	return transfer_start(&(struct transfer){ .object = self,
						  .code = code,
						  .iovecs = count == 0 ? NULL : iovecs,
						  .count = count,
						  .offset = offset,
						  .flags = flags,
						  .token = token });
}

static int32_t start_readv_at(struct object *self, const struct abio_iovec *iovecs, uint32_t count,
			      uint64_t offset, uint32_t flags, uint64_t token)
{
	return startv_at(self, REQUEST_READ_AT, iovecs, count, offset, flags, token);
}

static int32_t start_writev_at(struct object *self, const struct abio_iovec *iovecs, uint32_t count,
			       uint64_t offset, uint32_t flags, uint64_t token)
{
	return startv_at(self, REQUEST_WRITE_AT, iovecs, count, offset, flags, token);
}

static int32_t start_write_at(struct object *self, const void *data, uint32_t length,
			      uint64_t offset, uint32_t flags, uint64_t token)
{
	return start_at(self, REQUEST_WRITE_AT, false, writable(data), length, offset, flags,
			token);
}

static int32_t start_write_at_all(struct object *self, const void *data, uint32_t length,
				  uint64_t offset, uint32_t flags, uint64_t token)
{
	return start_at(self, REQUEST_WRITE_AT, true, writable(data), length, offset, flags, token);
}

static void sync_done(struct request *request, int64_t result)
{
	operation_finish(operation_of(request), result);
}

static int32_t start_sync(struct object *self, uint32_t flags, uint64_t token)
{
	struct operation *operation = operation_create(self->driver, self, token);

	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	operation->request.flags = flags;
	operation_accept(operation, SIDE_NONE);
	operation_submit(operation, REQUEST_SYNC, sync_done);
	return 0;
}

const struct read_slots file_read_slots = {
	.read = start_read,
	.readv = start_readv,
	.read_exact = start_read_exact,
	.read_buf = readbuf_start,
	.read_bufv = readbuf_startv,
	.read_buf_exact = readbuf_start_exact,
	.read_to_end = readbuf_to_end,
};

const struct write_slots file_write_slots = {
	.try_flush = try_flush,
	.write = start_write,
	.writev = start_writev,
	.write_all = start_write_all,
	.flush = start_flush,
	.write_allv = start_write_allv,
};

const struct read_at_slots file_read_at_slots = {
	.try_read_at = try_read_at,
	.read_at = start_read_at,
	.read_at_exact = start_read_at_exact,
	.readv_at = start_readv_at,
};

const struct write_at_slots file_write_at_slots = {
	.write_at = start_write_at,
	.write_at_all = start_write_at_all,
	.sync = start_sync,
	.writev_at = start_writev_at,
};
