/*
 * Split: two handles on one duplex object.  A half passes everything on; what makes it a half is
 * what it does not offer, and that the writing one shuts writing down when it goes.
 */
#include "adapter.h"
#include "platform.h"
#include "request.h"

/* The half's own close: what it put is out by now. */
static void shut(struct operation *operation, int64_t result)
{
	struct adapter *adapter = operation->owner;
	struct request *request = adapter->write;

	adapter->write = NULL;
	adapter_let_go(adapter);
	/* The peer or the object being gone already is no failure of closing this half. */
	request_finish(request, result == ABIO_E_CLOSED ? 0 : result);
}

static void perform_write_half(struct request *request)
{
	struct adapter *adapter = adapter_of(request->object);

	if (request->code != REQUEST_CLOSE) {
		adapter_perform(request);
		return;
	}
	request->state = REQUEST_SUBMITTED;
	adapter->write = request;
	adapter->writing.extra = adapter->room;
	inner_ask(adapter->inner, &adapter->writing, REQUEST_SHUTDOWN, 0, 0, shut, adapter);
}

static const struct object_class read_half_class = {
	.name = "read half",
	.kind = ABIO_KIND_READ_HALF,
	.perform = adapter_perform,
	.withdraw = adapter_withdraw,
	.dispose = adapter_dispose,
	.try_readv = adapter_try_readv,
	.ready_now = adapter_ready_now,
	.ready = &stream_ready_slots,
	.read = &stream_read_slots,
	.owned_read = &owned_read_slots,
};

static const struct object_class write_half_class = {
	.name = "write half",
	.kind = ABIO_KIND_WRITE_HALF,
	.perform = perform_write_half,
	.withdraw = adapter_withdraw,
	.dispose = adapter_dispose,
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
	error = adapter_create(self, &write_half_class, sizeof(struct adapter), &writer);
	if (error < 0) {
		object_discard(reader);
		return error;
	}
	*read_half = reader->id;
	*write_half = writer->id;
	return 0;
}

const struct split_slots split_slots = { .split = split };
