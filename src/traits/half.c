/*
 * Split: two handles on one duplex object.  A half passes everything on; what makes it a half is
 * what it does not offer, and that the writing one shuts writing down when it goes.
 */
#include "adapter.h"
#include "inbuf.h"
#include "platform.h"
#include "request.h"

struct write_half {
	struct adapter adapter;
	struct operation shutting; /* on what is underneath, for its close */
};

static struct write_half *write_half_of(const struct object *object)
{
	return object->own;
}

static void closed(struct operation *operation, int64_t result)
{
	struct write_half *half = operation->owner;
	struct request *request = &half->adapter.object->close_request->request;

	half->adapter.write = NULL;
	adapter_let_go(&half->adapter);
	/* That what is underneath is closed already, or the peer is gone, is no failure of closing
	 * this half. */
	if (result == ABIO_E_CLOSED || result == PLATFORM_NOT_CONNECTED)
		result = 0;
	request_finish(request, result);
}

static void ask(struct write_half *half, enum request_code code,
		void (*reply)(struct operation *operation, int64_t result))
{
	uint32_t argument = code == REQUEST_SHUTDOWN ? SHUTDOWN_IN_TURN : 0;

	half->shutting.extra = half->adapter.room;
	inner_ask(half->adapter.inner, &half->shutting, code, argument, 0, reply, half);
}

/* What cannot be shut down is flushed at least. */
static void shut(struct operation *operation, int64_t result)
{
	struct write_half *half = operation->owner;

	if (result == ABIO_E_UNSUPPORTED)
		ask(half, REQUEST_FLUSH, closed);
	else
		closed(operation, result);
}

/* What the half itself put is out by now; what others put on the object may not be, and others may
 * be writing. */
static void close_write_half(struct request *request)
{
	struct object *object = request->object;
	struct write_half *half = write_half_of(object);

	object->hold++; /* it may be closed at once, and nobody hold it any more */
	half->adapter.write = request;
	ask(half, REQUEST_SHUTDOWN, shut);
	if (half->adapter.write == request && request->canceled)
		operation_cancel(&half->shutting);
	object->hold--;
	object_settle(object);
}

static void perform_write_half(struct request *request)
{
	request->state = REQUEST_SUBMITTED;
	if (request->code == REQUEST_CLOSE)
		close_write_half(request);
	else
		adapter_perform(request);
}

static void withdraw_write_half(struct request *request)
{
	if (request->code == REQUEST_CLOSE)
		operation_cancel(&write_half_of(request->object)->shutting);
	else
		adapter_withdraw(request);
}

static const struct object_class read_half_class = {
	.name = "read half",
	.kind = ABIO_KIND_READ_HALF,
	.perform = adapter_perform,
	.withdraw = adapter_withdraw,
	.dispose = adapter_dispose,
	.forget = adapter_forget,
	.end = adapter_end,
	.try_readv = adapter_try_readv,
	.try_fill = adapter_try_fill,
	.ready_now = adapter_ready_now,
	.ready = &stream_ready_slots,
	.read = &stream_read_slots,
	.buf_read = &stream_buf_read_slots,
	.owned_read = &owned_read_slots,
};

static const struct object_class write_half_class = {
	.name = "write half",
	.kind = ABIO_KIND_WRITE_HALF,
	.perform = perform_write_half,
	.withdraw = withdraw_write_half,
	.dispose = adapter_dispose,
	.forget = adapter_forget,
	.end = adapter_end,
	.try_writev = adapter_try_writev,
	.try_flush = adapter_try_flush,
	.ready_now = adapter_ready_now,
	.ready = &stream_ready_slots,
	.write = &stream_write_slots,
	.buf_write = &stream_buf_write_slots,
	.owned_write = &owned_write_slots,
};

static int32_t split(struct object *self, abio_io *read_half, abio_io *write_half)
{
	struct object *reader;
	struct object *writer;
	int32_t error = adapter_create(self, &read_half_class, sizeof(struct adapter), &reader);

	if (error < 0)
		return error;
	/* One stream has read ahead, whichever handle asked for it; and closing the writing half
	 * may have to wait for who writes then. */
	if (!inbuf_share(reader, self) || !outbox_reserve(self)) {
		object_discard(reader);
		return PLATFORM_NO_MEMORY;
	}
	if (self->class->buf_read == NULL)
		adapter_of(reader)->class.buf_read = NULL;
	error = adapter_create(self, &write_half_class, sizeof(struct write_half), &writer);
	if (error < 0) {
		object_discard(reader);
		return error;
	}
	adapter_cut(adapter_of(reader), self);
	adapter_cut(adapter_of(writer), self);
	*read_half = reader->id;
	*write_half = writer->id;
	return 0;
}

const struct split_slots split_slots = { .split = split };
