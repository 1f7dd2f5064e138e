/* Operations of the library's own on an object: see adapter.h. */
#include "adapter.h"
#include "fill.h"
#include "platform.h"

static void transfer(struct transfer *transfer, struct operation *operation,
		     const struct abio_iovec *iovecs, uint32_t count)
{
	struct object *object = transfer->object;
	int32_t error = adapter_usable(object);

	if (object->class->positional) {
		transfer->code = transfer->code == REQUEST_READ ? REQUEST_READ_AT
								: REQUEST_WRITE_AT;
		transfer->cursor = true;
	}
	if (count == 1) {
		transfer->data = iovecs->base;
		transfer->length = iovecs->length > TRANSFER_MAX ? TRANSFER_MAX
								 : (uint32_t)iovecs->length;
		if (object->class->positional && transfer->length > FILE_STEP)
			transfer->length = FILE_STEP;
	} else {
		transfer->iovecs = iovecs;
		transfer->count = count;
	}
	transfer->given = operation;
	if (error == 0)
		error = transfer_start(transfer);
	if (error == 0)
		return;
	operation_prepare(operation, object, transfer->reply, transfer->owner);
	operation->reply(operation, error);
}

void inner_read(struct object *object, struct operation *operation, const struct abio_iovec *iovecs,
		uint32_t count, void (*reply)(struct operation *operation, int64_t result),
		void *owner)
{
	struct transfer read = { .object = object,
				 .code = REQUEST_READ,
				 .side = SIDE_READ,
				 .reply = reply,
				 .owner = owner };

	transfer(&read, operation, iovecs, count);
}

void inner_write(struct object *object, struct operation *operation,
		 const struct abio_iovec *iovecs, uint32_t count,
		 void (*reply)(struct operation *operation, int64_t result), void *owner)
{
	struct transfer write = { .object = object,
				  .code = REQUEST_WRITE,
				  .side = SIDE_WRITE,
				  .reply = reply,
				  .owner = owner };

	transfer(&write, operation, iovecs, count);
}

static int32_t begin(struct object *object, struct operation *operation, enum request_code code)
{
	switch (code) {
	case REQUEST_READY:
		return ready_begin(operation);
	case REQUEST_FILL:
		return object->class->buf_read == NULL ? ABIO_E_UNSUPPORTED : fill_begin(operation);
	case REQUEST_FLUSH:
		return flush_begin(operation);
	case REQUEST_SHUTDOWN:
		return object->class->write->shutdown == NULL ? ABIO_E_UNSUPPORTED
							      : shutdown_begin(operation);
	default:
		return object->class->seek == NULL ? ABIO_E_UNSUPPORTED
						   : seek_begin(operation, code);
	}
}

void inner_ask(struct object *object, struct operation *operation, enum request_code code,
	       uint32_t argument, uint64_t offset,
	       void (*reply)(struct operation *operation, int64_t result), void *owner)
{
	int32_t error = adapter_usable(object);
	void *extra = operation->extra;

	operation_prepare(operation, object, reply, owner);
	operation->extra = extra;
	operation->request.flags = argument;
	operation->request.offset = offset;
	if (error == 0)
		error = begin(object, operation, code);
	if (error < 0)
		operation->reply(operation, error);
}
