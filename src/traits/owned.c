/*
 * OwnedRead and OwnedWrite: transfers of a buffer's own memory, over anything that reads or writes.
 * The buffer is lent when nothing can refuse the operation any more, and comes home with its
 * terminal event.
 */
#include "buffer.h"
#include "transfer.h"

static int32_t begin(struct transfer *transfer, struct buffer *buffer)
{
	int32_t error;

	transfer->buffer = buffer;
	error = transfer_start(transfer);
	if (error < 0)
		buffer_take_back(buffer);
	return error;
}

static int32_t read_owned(struct object *self, abio_buffer id, uint32_t flags, uint64_t token)
{
	struct transfer read = transfer_of(self, SIDE_READ);
	struct buffer *buffer;
	int32_t error = buffer_lend(id, self->driver, &buffer);

	(void)flags;
	if (error < 0)
		return error;
	read.data = buffer->data + buffer->filled;
	read.length = buffer_room(buffer);
	read.token = token;
	return begin(&read, buffer);
}

static int32_t read_owned_exact(struct object *self, abio_buffer id, uint32_t length,
				uint32_t flags, uint64_t token)
{
	struct transfer read = transfer_of(self, SIDE_READ);
	struct buffer *buffer;
	int32_t error = buffer_lend(id, self->driver, &buffer);

	(void)flags;
	if (error < 0)
		return error;
	if (length > buffer_room(buffer)) {
		buffer_take_back(buffer);
		return ABIO_E_LIMIT;
	}
	read.exact = true;
	read.data = buffer->data + buffer->filled;
	read.length = length;
	read.token = token;
	return begin(&read, buffer);
}

static int32_t start_write(struct object *self, abio_buffer id, uint32_t offset, bool exact,
			   uint64_t token)
{
	struct transfer write = transfer_of(self, SIDE_WRITE);
	struct buffer *buffer;
	int32_t error = buffer_lend(id, self->driver, &buffer);

	if (error < 0)
		return error;
	if (offset > buffer->filled) {
		buffer_take_back(buffer);
		return ABIO_E_ARGUMENT;
	}
	write.exact = exact;
	write.data = buffer->data + offset;
	write.length = buffer->filled - offset;
	write.token = token;
	return begin(&write, buffer);
}

static int32_t write_owned(struct object *self, abio_buffer buffer, uint32_t offset, uint32_t flags,
			   uint64_t token)
{
	(void)flags;
	return start_write(self, buffer, offset, false, token);
}

static int32_t write_owned_all(struct object *self, abio_buffer buffer, uint32_t offset,
			       uint32_t flags, uint64_t token)
{
	(void)flags;
	return start_write(self, buffer, offset, true, token);
}

const struct owned_read_slots owned_read_slots = {
	.read_owned = read_owned,
	.read_owned_exact = read_owned_exact,
};

const struct owned_write_slots owned_write_slots = {
	.write_owned = write_owned,
	.write_owned_all = write_owned_all,
};
