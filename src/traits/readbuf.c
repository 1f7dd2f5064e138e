/* Reading into memory that need not be initialised: see readbuf.h. */
#include "readbuf.h"

static bool is_valid(const struct abio_readbuf *buf)
{
	return buf->filled <= buf->initialized && buf->initialized <= buf->capacity &&
	       (buf->data != NULL || buf->capacity == 0);
}

static struct abio_iovec room_of(const struct abio_readbuf *buf)
{
	struct abio_iovec room = { NULL, buf->capacity - buf->filled };

	if (room.length > 0)
		room.base = (uint8_t *)buf->data + buf->filled;
	return room;
}

static void advance(struct abio_readbuf *buf, uint32_t moved)
{
	buf->filled += moved;
	if (buf->initialized < buf->filled)
		buf->initialized = buf->filled;
}

/* The room of the first `count`, at most IOVEC_MAX; how many, or ABIO_E_ARGUMENT. */
static int32_t rooms_of(const struct abio_readbuf *bufs, uint32_t count,
			struct abio_iovec rooms[IOVEC_MAX])
{
	if (count > IOVEC_MAX)
		count = IOVEC_MAX;
	for (uint32_t i = 0; i < count; i++) {
		if (!is_valid(&bufs[i]))
			return ABIO_E_ARGUMENT;
		rooms[i] = room_of(&bufs[i]);
	}
	return (int32_t)count;
}

int32_t readbuf_try(struct object *self, struct abio_readbuf *buf, uint32_t flags)
{
	struct transfer read = transfer_of(self, SIDE_READ);
	struct abio_iovec room;
	int64_t moved;

	(void)flags;
	if (!is_valid(buf))
		return ABIO_E_ARGUMENT;
	if (transfer_busy(&read))
		return ABIO_E_BUSY;
	room = room_of(buf);
	read.data = room.base;
	read.length = (uint32_t)room.length;
	moved = transfer_try(&read);
	if (moved > 0)
		advance(buf, (uint32_t)moved);
	return (int32_t)moved;
}

int32_t readbuf_tryv(struct object *self, struct abio_readbuf *bufs, uint32_t count, uint32_t flags)
{
	struct transfer read = transfer_of(self, SIDE_READ);
	struct abio_iovec rooms[IOVEC_MAX];
	int32_t used = rooms_of(bufs, count, rooms);
	int64_t moved;

	(void)flags;
	if (used < 0)
		return used;
	if (transfer_busy(&read))
		return ABIO_E_BUSY;
	if (used == 0)
		return 0;
	read.iovecs = rooms;
	read.count = (uint32_t)used;
	moved = transfer_try(&read);
	for (uint64_t left = moved > 0 ? (uint64_t)moved : 0; left > 0; bufs++) {
		uint32_t room = bufs->capacity - bufs->filled;
		uint32_t part = left < room ? (uint32_t)left : room;

		advance(bufs, part);
		left -= part;
	}
	return (int32_t)moved;
}

static int32_t start(struct object *self, const struct abio_readbuf *buf, bool exact,
		     uint32_t flags, uint64_t token)
{
	struct transfer read = transfer_of(self, SIDE_READ);
	struct abio_iovec room;

	if (!is_valid(buf))
		return ABIO_E_ARGUMENT;
	room = room_of(buf);
	read.exact = exact;
	read.data = room.base;
	read.length = (uint32_t)room.length;
	read.flags = flags;
	read.token = token;
	return transfer_start(&read);
}

int32_t readbuf_start(struct object *self, const struct abio_readbuf *buf, uint32_t flags,
		      uint64_t token)
{
	return start(self, buf, false, flags, token);
}

int32_t readbuf_start_exact(struct object *self, const struct abio_readbuf *buf, uint32_t flags,
			    uint64_t token)
{
	return start(self, buf, true, flags, token);
}

int32_t readbuf_startv(struct object *self, const struct abio_readbuf *bufs, uint32_t count,
		       uint32_t flags, uint64_t token)
{
	struct transfer read = transfer_of(self, SIDE_READ);
	struct abio_iovec rooms[IOVEC_MAX];
	int32_t used = rooms_of(bufs, count, rooms);

	if (used < 0)
		return used;
	read.iovecs = used == 0 ? NULL : rooms;
	read.count = (uint32_t)used;
	read.flags = flags;
	read.token = token;
	return transfer_start(&read);
}
