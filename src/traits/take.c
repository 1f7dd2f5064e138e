/*
 * Take: the next `limit` bytes of what is underneath, and then the end.  What a read asks for is
 * cut before it goes down, so not a byte more is ever read there, and it stays the host's memory
 * that the kernel gets.
 */
#include "adapter.h"
#include "platform.h"
#include "request.h"

struct take {
	struct adapter adapter;
	uint64_t left;
};

static struct take *take_of(const struct object *object)
{
	return object->own;
}

/* The part of an array that may still be read, in place, or `first` alone. */
static const struct abio_iovec *cut(const struct take *take, const struct abio_iovec *iovecs,
				    uint32_t *count, struct abio_iovec *first)
{
	uint32_t limit = take->left < TRANSFER_MAX ? (uint32_t)take->left : TRANSFER_MAX;
	uint64_t total;
	uint32_t whole;

	vector_clamp(iovecs, *count, limit, &whole, first, &total);
	*count = whole == 0 ? 1 : whole;
	return whole == 0 ? first : iovecs;
}

static void taken(struct operation *operation, int64_t result)
{
	struct adapter *adapter = operation->owner;
	struct request *request = adapter->read;

	if (result > 0)
		take_of(adapter->object)->left -= (uint64_t)result;
	adapter->read = NULL;
	request_finish(request, result);
}

static void read_some(struct take *take, struct request *request)
{
	struct abio_iovec one = { request->data, request->length };
	struct abio_iovec first;
	const struct abio_iovec *iovecs = request->iovecs == NULL ? &one : request->iovecs;
	uint32_t count = request->iovecs == NULL ? 1 : request->count;

	iovecs = cut(take, iovecs, &count, &first);
	adapter_read(&take->adapter, request, iovecs, count, taken);
}

static void perform(struct request *request)
{
	struct take *take = take_of(request->object);
	bool reading = request->code == REQUEST_READ;
	bool waiting = request->code == REQUEST_READY && (request->flags & ABIO_INTEREST_READ) != 0;

	if (take->left == 0 && (reading || waiting)) {
		request_finish(request, reading ? 0 : ABIO_READY_READ | ABIO_READY_READ_CLOSED);
	} else if (reading) {
		request->state = REQUEST_SUBMITTED;
		read_some(take, request);
	} else {
		adapter_perform(request);
	}
}

static int64_t try_readv(struct object *object, const struct abio_iovec *iovecs, uint32_t count)
{
	struct take *take = take_of(object);
	struct abio_iovec first;
	int64_t result;

	if (take->left == 0)
		return 0;
	iovecs = cut(take, iovecs, &count, &first);
	result = adapter_try_readv(object, iovecs, count);
	if (result > 0)
		take->left -= (uint64_t)result;
	return result;
}

/* Its end is there, whatever is underneath. */
static int32_t ready_now(struct object *object, uint32_t interest)
{
	int32_t bits = adapter_ready_now(object, interest);

	if (bits >= 0 && (interest & ABIO_INTEREST_READ) != 0 && take_of(object)->left == 0)
		bits |= ABIO_READY_READ | ABIO_READY_READ_CLOSED;
	return bits;
}

static const struct object_class take_class = {
	.name = "take",
	.kind = ABIO_KIND_TAKE,
	.perform = perform,
	.withdraw = adapter_withdraw,
	.dispose = adapter_dispose,
	.forget = adapter_forget,
	.end = adapter_end,
	.try_readv = try_readv,
	.ready_now = ready_now,
	.ready = &stream_ready_slots,
	.read = &stream_read_slots,
	.owned_read = &owned_read_slots,
};

int32_t impl_take(struct object *io, uint64_t limit, uint32_t flags, abio_io *taken_io)
{
	struct object *object;
	int32_t error;

	(void)flags;
	if (io->class->read == NULL)
		return ABIO_E_UNSUPPORTED;
	error = adapter_create(io, &take_class, sizeof(struct take), &object);
	if (error < 0)
		return error;
	adapter_cut(adapter_of(object), io);
	/* What a host watches there knows nothing of the limit. */
	adapter_of(object)->ready_slots.ready_fd = NULL;
	take_of(object)->left = limit;
	*taken_io = object->id;
	return 0;
}
