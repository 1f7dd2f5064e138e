/*
 * Read, Write, OwnedRead and OwnedWrite of datagram sockets: messages without an address, on a
 * connected socket to and from its peer.
 *
 * There is nothing to read to the end, and nothing is held back to be sent later, so the exact, all
 * and buffered forms are not offered.
 */
#include "datagram.h"
#include "platform.h"
#include "transfer.h"

static uint32_t clamped(uint32_t length)
{
	return length > TRANSFER_MAX ? TRANSFER_MAX : length;
}

static uint64_t sum(const struct abio_iovec *pieces, uint32_t count)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < count; i++)
		total += pieces[i].length;
	return total;
}

/* A transfer of nothing ends at once, as on every object; an empty message is abio_send_to's. */
static int32_t nothing(const struct datagram_wish *wish)
{
	struct operation *operation;

	if ((wish->flags & ABIO_START_INLINE) != 0)
		return 0;
	operation = operation_create(wish->object->driver, wish->object, wish->token);
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	operation->buffer = wish->buffer;
	operation_accept(operation, SIDE_NONE);
	operation_finish(operation, 0);
	return 0;
}

/* Reads take what fits into the first pieces; a message to be sent is never cut. */
static int32_t check_pieces(struct datagram_wish *wish)
{
	if (vector_check(wish->pieces, wish->count) < 0)
		return ABIO_E_ARGUMENT;
	if (wish->count <= IOVEC_MAX)
		return 0;
	if (wish->code == REQUEST_SEND_TO)
		return ABIO_E_ARGUMENT;
	wish->count = IOVEC_MAX;
	return 0;
}

static int32_t transfer_now(struct datagram_wish *wish)
{
	int32_t error = check_pieces(wish);

	if (error < 0)
		return error;
	return sum(wish->pieces, wish->count) == 0 ? 0 : datagram_try(wish);
}

static int32_t transfer_later(struct datagram_wish *wish)
{
	int32_t error = check_pieces(wish);

	if (error < 0)
		return error;
	return sum(wish->pieces, wish->count) == 0 ? nothing(wish) : datagram_start(wish);
}

static int32_t try_readv(struct object *self, const struct abio_iovec *iovecs, uint32_t count,
			 uint32_t flags)
{
	(void)flags;
	return transfer_now(&(struct datagram_wish){
		.object = self, .code = REQUEST_RECEIVE_FROM, .pieces = iovecs, .count = count });
}

static int32_t try_read(struct object *self, void *data, uint32_t length, uint32_t flags)
{
	return try_readv(self, &(struct abio_iovec){ data, clamped(length) }, 1, flags);
}

static int32_t start_readv(struct object *self, const struct abio_iovec *iovecs, uint32_t count,
			   uint32_t flags, uint64_t token)
{
	return transfer_later(&(struct datagram_wish){ .object = self,
						       .code = REQUEST_RECEIVE_FROM,
						       .pieces = iovecs,
						       .count = count,
						       .flags = flags,
						       .token = token });
}

static int32_t start_read(struct object *self, void *data, uint32_t length, uint32_t flags,
			  uint64_t token)
{
	return start_readv(self, &(struct abio_iovec){ data, clamped(length) }, 1, flags, token);
}

static int32_t try_writev(struct object *self, const struct abio_iovec *iovecs, uint32_t count,
			  uint32_t flags)
{
	(void)flags;
	return transfer_now(&(struct datagram_wish){
		.object = self, .code = REQUEST_SEND_TO, .pieces = iovecs, .count = count });
}

static int32_t try_write(struct object *self, const void *data, uint32_t length, uint32_t flags)
{
	return try_writev(self, &(struct abio_iovec){ writable(data), length }, 1, flags);
}

static int32_t start_writev(struct object *self, const struct abio_iovec *iovecs, uint32_t count,
			    uint32_t flags, uint64_t token)
{
	return transfer_later(&(struct datagram_wish){ .object = self,
						       .code = REQUEST_SEND_TO,
						       .pieces = iovecs,
						       .count = count,
						       .flags = flags,
						       .token = token });
}

static int32_t start_write(struct object *self, const void *data, uint32_t length, uint32_t flags,
			   uint64_t token)
{
	return start_writev(self, &(struct abio_iovec){ writable(data), length }, 1, flags, token);
}

/* What lies behind `filled`; ABIO_E_ARGUMENT where the struct is not in order. */
static int32_t room_of(const struct abio_readbuf *buf, struct abio_iovec *room)
{
	if (buf->filled > buf->initialized || buf->initialized > buf->capacity ||
	    (buf->data == NULL && buf->capacity > 0))
		return ABIO_E_ARGUMENT;
	room->base = buf->data == NULL ? NULL : (uint8_t *)buf->data + buf->filled;
	room->length = buf->capacity - buf->filled;
	return 0;
}

static int32_t try_read_buf(struct object *self, struct abio_readbuf *buf, uint32_t flags)
{
	struct abio_iovec room;
	int32_t result = room_of(buf, &room);

	if (result == 0)
		result = try_readv(self, &room, 1, flags);
	if (result <= 0)
		return result;
	buf->filled += (uint32_t)result;
	if (buf->initialized < buf->filled)
		buf->initialized = buf->filled;
	return result;
}

static int32_t read_buf(struct object *self, const struct abio_readbuf *buf, uint32_t flags,
			uint64_t token)
{
	struct abio_iovec room;

	if (room_of(buf, &room) < 0)
		return ABIO_E_ARGUMENT;
	return start_readv(self, &room, 1, flags, token);
}

static int32_t with_buffer(struct datagram_wish *wish, uint32_t offset)
{
	struct buffer *buffer = wish->buffer;
	struct abio_iovec piece = { buffer->data + offset, buffer->filled - offset };
	int32_t error = ABIO_E_ARGUMENT;

	if (wish->code == REQUEST_RECEIVE_FROM)
		piece.length = buffer->capacity - offset;
	wish->pieces = &piece;
	wish->count = 1;
	if (wish->code == REQUEST_RECEIVE_FROM || offset <= buffer->filled)
		error = transfer_later(wish);
	if (error < 0)
		buffer_take_back(buffer);
	return error;
}

static int32_t read_owned(struct object *self, abio_buffer id, uint32_t flags, uint64_t token)
{
	struct datagram_wish wish = { .object = self,
				      .code = REQUEST_RECEIVE_FROM,
				      .token = token };
	int32_t error = buffer_lend(id, self->driver, &wish.buffer);

	(void)flags;
	return error < 0 ? error : with_buffer(&wish, wish.buffer->filled);
}

static int32_t write_owned(struct object *self, abio_buffer id, uint32_t offset, uint32_t flags,
			   uint64_t token)
{
	struct datagram_wish wish = { .object = self, .code = REQUEST_SEND_TO, .token = token };
	int32_t error = buffer_lend(id, self->driver, &wish.buffer);

	(void)flags;
	return error < 0 ? error : with_buffer(&wish, offset);
}

const struct read_slots datagram_read_slots = {
	.try_read = try_read,
	.try_readv = try_readv,
	.read = start_read,
	.readv = start_readv,
	.try_read_buf = try_read_buf,
	.read_buf = read_buf,
};

const struct write_slots datagram_write_slots = {
	.try_write = try_write,
	.try_writev = try_writev,
	.write = start_write,
	.writev = start_writev,
};

const struct owned_read_slots datagram_owned_read_slots = { .read_owned = read_owned };
const struct owned_write_slots datagram_owned_write_slots = { .write_owned = write_owned };
