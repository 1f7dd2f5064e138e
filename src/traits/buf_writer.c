/*
 * abio_buf_writer: BufWrite over anything that writes, through one buffer.
 *
 * What is written, put or committed is collected and goes to what is underneath, one operation at a
 * time, when the buffer is full or somebody needs it out: a flush, shutdown, seek or close, who
 * waits for room.  A write at least as large as the buffer goes past it when it is empty.  This
 * file has the buffer and every request that waits for it; what a host calls is in
 * buf_writer_slots.c.
 *
 * Invariants: data[start, end) is taken and not gone, in order; while `sending`, the operation
 * underneath has bytes from `start` on, and they do not move; nothing moves either while memory
 * behind `end` is reserved; the first error sticks and empties the buffer.
 */
#include "buf_writer.h"

#include <string.h>

#include "check.h"

static void go_on(struct buf_writer *writer);

/* ---- the buffer ---------------------------------------------------------------------------- */

/* How much fits behind what is there.  Whoever asks ends the reservation. */
uint32_t buf_writer_room(struct buf_writer *writer)
{
	writer->reserved = 0;
	if (!writer->sending && writer->start > 0) {
		memmove(writer->data, writer->data + writer->start, writer->end - writer->start);
		writer->end -= writer->start;
		writer->start = 0;
	}
	return writer->capacity - writer->end;
}

static void fail(struct buf_writer *writer, int32_t error)
{
	if (writer->error == 0)
		writer->error = error;
	writer->start = writer->end;
	writer->gone = writer->taken;
}

static void sent(struct operation *operation, int64_t result)
{
	struct buf_writer *writer = operation->owner;

	writer->sending = false;
	if (result > 0) {
		writer->start += (uint32_t)result;
		writer->gone += (uint32_t)result;
	} else {
		fail(writer, result == 0 ? ABIO_E_WRITE_ZERO : (int32_t)result);
	}
	if (writer->adapter.object->abort && !buf_writer_empty(writer))
		fail(writer, ABIO_E_CANCELED);
	go_on(writer);
}

void buf_writer_send(struct buf_writer *writer)
{
	struct abio_iovec piece = { writer->data + writer->start, writer->end - writer->start };

	if (writer->sending || buf_writer_empty(writer) || writer->error != 0)
		return;
	writer->sending = true;
	inner_write(writer->adapter.inner, &writer->adapter.writing, &piece, 1, sent, writer);
}

static uint32_t collect(struct buf_writer *writer, const void *data, uint64_t length)
{
	uint32_t count = buf_writer_room(writer);

	if (length < count)
		count = (uint32_t)length;
	if (count > 0)
		memcpy(writer->data + writer->end, data, count);
	writer->end += count;
	writer->taken += count;
	return count;
}

uint32_t buf_writer_collect(struct buf_writer *writer, const struct abio_iovec *iovecs,
			    uint32_t count)
{
	uint32_t total = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t part = collect(writer, iovecs[i].base, iovecs[i].length);

		total += part;
		if (part < iovecs[i].length)
			break;
	}
	if (writer->end == writer->capacity)
		buf_writer_send(writer);
	return total;
}

bool buf_writer_goes_past(const struct buf_writer *writer, const struct abio_iovec *iovecs,
			  uint32_t count)
{
	uint64_t total = 0;

	if (writer->sending || !buf_writer_empty(writer))
		return false;
	for (uint32_t i = 0; i < count && total < writer->capacity; i++)
		total += iovecs[i].length;
	return total >= writer->capacity;
}

/* ---- who waits ----------------------------------------------------------------------------- */

static void answer_writer(struct buf_writer *writer)
{
	struct request *request = writer->adapter.write;
	struct abio_iovec one;
	int64_t result = writer->error;

	if (request == NULL || request->state != REQUEST_WAITING)
		return;
	if (result == 0 && buf_writer_room(writer) == 0)
		return;
	writer->adapter.write = NULL;
	one = (struct abio_iovec){ request->data, request->length };
	if (result == 0 && request->iovecs == NULL)
		result = buf_writer_collect(writer, &one, 1);
	else if (result == 0)
		result = buf_writer_collect(writer, request->iovecs, request->count);
	request_finish(request, result);
}

static bool is_out(const struct buf_writer *writer, const struct request *request)
{
	if (request->code == REQUEST_READ || request->code == REQUEST_FILL)
		return buf_writer_empty(writer);
	return (int32_t)(writer->gone - request->length) >= 0;
}

static void answer_waiting(struct buf_writer *writer)
{
	while (!list_empty(&writer->waiting)) {
		struct request *request = container_of(writer->waiting.next, struct request, link);

		if (writer->error == 0 && !is_out(writer, request))
			break;
		list_remove(&request->link);
		if (writer->error != 0)
			request_finish(request, writer->error);
		else if (request->code == REQUEST_READY)
			request_finish(request, ABIO_READY_WRITE);
		else
			adapter_perform(request);
	}
}

static bool is_wanted_out(const struct buf_writer *writer)
{
	const struct request *request = writer->adapter.write;

	return writer->end == writer->capacity || writer->closing != NULL ||
	       !list_empty(&writer->waiting) || buf_writer_reserver(writer) != NULL ||
	       (request != NULL && request->state == REQUEST_WAITING);
}

static void finish_closing(struct buf_writer *writer)
{
	struct request *request = writer->closing;

	if (request == NULL || writer->sending || !buf_writer_empty(writer))
		return;
	writer->closing = NULL;
	adapter_let_go(&writer->adapter);
	request_finish(request, writer->error);
}

static void go_on(struct buf_writer *writer)
{
	struct object *object = writer->adapter.object;

	object->hold++;
	answer_waiting(writer);
	answer_writer(writer);
	buf_writer_answer_reserver(writer);
	if (is_wanted_out(writer))
		buf_writer_send(writer);
	finish_closing(writer);
	object->hold--;
	object_settle(object);
}

/* ---- requests ------------------------------------------------------------------------------ */

static void wait_for(struct buf_writer *writer, struct request *request, uint32_t gone)
{
	request->state = REQUEST_WAITING;
	if (request->code != REQUEST_READ && request->code != REQUEST_FILL)
		request->length = gone;
	list_append(&writer->waiting, &request->link);
	buf_writer_send(writer);
}

static void write_or_wait(struct buf_writer *writer, struct request *request)
{
	struct abio_iovec one = { request->data, request->length };
	const struct abio_iovec *iovecs = request->iovecs == NULL ? &one : request->iovecs;
	uint32_t count = request->iovecs == NULL ? 1 : request->count;

	check(writer->adapter.write == NULL);
	writer->reserved = 0;
	if (writer->error != 0) {
		request_finish(request, writer->error);
	} else if (buf_writer_goes_past(writer, iovecs, count)) {
		adapter_perform(request);
	} else if (buf_writer_room(writer) > 0) {
		request_finish(request, buf_writer_collect(writer, iovecs, count));
	} else {
		request->state = REQUEST_WAITING;
		writer->adapter.write = request;
		buf_writer_send(writer);
	}
}

static void ready(struct buf_writer *writer, struct request *request)
{
	bool writes = (request->flags & ABIO_INTEREST_WRITE) != 0;

	if (writes && (writer->error != 0 || writer->end - writer->start < writer->capacity))
		request_finish(request, ABIO_READY_WRITE);
	else if (writer->adapter.inner->class->ready != NULL)
		adapter_perform(request);
	else if (writes)
		wait_for(writer, request, writer->gone + 1);
	else
		request_finish(request, ABIO_E_UNSUPPORTED);
}

/* What depends on where `io` stands, or says that nothing more comes, goes behind what is here. */
static void perform_behind(struct buf_writer *writer, struct request *request)
{
	/* A flush has ended what was reserved when it was started; later ones stay. */
	if (request->code != REQUEST_FLUSH)
		writer->reserved = 0;
	if (writer->error != 0)
		request_finish(request, writer->error);
	else if (buf_writer_empty(writer) && !writer->sending)
		adapter_perform(request);
	else
		wait_for(writer, request, writer->taken);
}

static void close_writer(struct buf_writer *writer, struct request *request)
{
	struct object *object = writer->adapter.object;

	writer->closing = request;
	object->hold++; /* what is underneath can refuse at once, and this be closed by that */
	if (object->abort && !writer->sending && !buf_writer_empty(writer))
		fail(writer, ABIO_E_CANCELED);
	else if (object->abort && writer->sending)
		operation_cancel(&writer->adapter.writing);
	buf_writer_send(writer);
	finish_closing(writer);
	object->hold--;
	object_settle(object);
}

void buf_writer_perform(struct request *request)
{
	struct buf_writer *writer = buf_writer_of(request->object);

	request->state = REQUEST_SUBMITTED;
	switch (request->code) {
	case REQUEST_WRITE:
		write_or_wait(writer, request);
		break;
	case REQUEST_READY:
		ready(writer, request);
		break;
	case REQUEST_FLUSH:
	case REQUEST_SHUTDOWN:
	case REQUEST_SEEK:
	case REQUEST_LENGTH:
		perform_behind(writer, request);
		break;
	case REQUEST_CLOSE:
		close_writer(writer, request);
		break;
	default:
		if (writer->adapter.inner->class->seek != NULL && !buf_writer_empty(writer))
			wait_for(writer, request, 0);
		else
			adapter_perform(request);
		break;
	}
}

void buf_writer_withdraw(struct request *request)
{
	struct buf_writer *writer = buf_writer_of(request->object);

	if (request == writer->closing) {
		if (writer->sending)
			operation_cancel(&writer->adapter.writing);
		else
			fail(writer, ABIO_E_CANCELED);
		finish_closing(writer);
	} else if (request->state != REQUEST_WAITING) {
		adapter_withdraw(request);
	} else {
		if (request == writer->adapter.write)
			writer->adapter.write = NULL;
		else
			list_remove(&request->link);
		request_finish(request, ABIO_E_CANCELED);
	}
}
