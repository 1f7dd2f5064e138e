/*
 * The outbox: what abio_put took and the system has not.
 *
 * It owns copies of the host's bytes in blocks, sends them in order, one request at a time, and
 * remembers the first error.  A write operation that starts while something waits is parked behind
 * it, and puts after that go behind the writer: `seal` closes the last block for that.  What
 * reserve lends is the rest of the last block, or a block that gets its place by the commit.
 *
 * What stands by becomes the writer when the one there is ends, as one that is parked: the turn in
 * which that ended goes on undisturbed, and nobody else gets in between.
 *
 * Invariants: taken - gone bytes are in blocks; at most one request is out; no request is out while
 * a writer that is not parked is; the driver counts a non-idle outbox in `background`.
 */
#include <string.h>

#include "check.h"
#include "platform.h"
#include "request.h"
#include "traits.h"

#define HIGH_WATER   (256u << 10) /* most bytes an outbox holds */
#define BLOCK_SMALL  4096u
#define BLOCK_LARGE  (64u << 10)
#define BLOCKS_SPARE 1024u /* small blocks a driver keeps for reuse */

struct block {
	struct list link;
	uint32_t capacity;
	uint32_t filled;
	uint32_t sent;
	bool sealed;
	uint8_t data[];
};

struct outbox {
	struct object *object;
	struct list dirty; /* in driver->dirty */
	struct list blocks;
	struct list flushers; /* operations by request.link, in the order of what they wait for */
	struct list standing; /* operations by request.link that stand by */
	uint64_t taken;
	uint64_t gone;
	int32_t error;
	struct block
		*reserved; /* whose rest the host may write to; its own where it is in no list */
	uint32_t reserved_length;
	bool busy; /* the request is out */
	bool counted;
	struct request request;
	uint64_t scratch[REQUEST_SCRATCH];
};

static void send_done(struct request *request, int64_t result);

bool outbox_idle(const struct object *object)
{
	const struct outbox *outbox = object->outbox;

	return outbox == NULL || (!outbox->busy && list_empty(&outbox->blocks));
}

int32_t outbox_error(const struct object *object)
{
	return object->outbox == NULL ? 0 : object->outbox->error;
}

uint64_t outbox_taken(const struct object *object)
{
	return object->outbox == NULL ? 0 : object->outbox->taken;
}

uint64_t outbox_gone(const struct object *object)
{
	return object->outbox == NULL ? 0 : object->outbox->gone;
}

static void block_free(struct driver *driver, struct block *block)
{
	list_remove(&block->link);
	if (block->capacity != BLOCK_SMALL || driver == NULL ||
	    driver->block_count >= BLOCKS_SPARE) {
		platform_release(block);
		return;
	}
	driver->block_count++;
	list_append(&driver->blocks, &block->link);
}

void outbox_free_blocks(struct driver *driver)
{
	struct list *link;

	while ((link = list_take(&driver->blocks)) != NULL)
		platform_release(container_of(link, struct block, link));
	driver->block_count = 0;
}

static struct block *block_create(struct driver *driver, uint32_t capacity)
{
	struct list *link = capacity == BLOCK_SMALL ? list_take(&driver->blocks) : NULL;
	struct block *block;

	if (link != NULL) {
		driver->block_count--;
		block = container_of(link, struct block, link);
	} else {
		block = platform_allocate(sizeof(*block) + capacity);
		if (block == NULL)
			return NULL;
	}
	list_init(&block->link);
	block->capacity = capacity;
	block->filled = 0;
	block->sent = 0;
	block->sealed = false;
	return block;
}

/* A view of it may be out: then it stays, in no list. */
static void block_done(struct outbox *outbox, struct block *block)
{
	if (block == outbox->reserved)
		list_remove(&block->link);
	else
		block_free(outbox->object->driver, block);
}

static void unreserve(struct outbox *outbox)
{
	struct block *block = outbox->reserved;

	outbox->reserved = NULL;
	outbox->reserved_length = 0;
	if (block != NULL && !list_linked(&block->link))
		block_free(outbox->object->driver, block);
}

static void drop_blocks(struct outbox *outbox)
{
	while (!list_empty(&outbox->blocks))
		block_done(outbox, container_of(outbox->blocks.next, struct block, link));
	outbox->gone = outbox->taken;
}

static struct outbox *outbox_of(struct object *object)
{
	struct outbox *outbox = object->outbox;

	if (outbox != NULL)
		return outbox;
	outbox = platform_allocate(sizeof(*outbox));
	if (outbox == NULL)
		return NULL;
	outbox->object = object;
	list_init(&outbox->dirty);
	list_init(&outbox->blocks);
	list_init(&outbox->flushers);
	list_init(&outbox->standing);
	list_init(&outbox->request.link);
	outbox->request.scratch = outbox->scratch;
	object->outbox = outbox;
	return outbox;
}

bool outbox_reserve(struct object *object)
{
	return outbox_of(object) != NULL;
}

/* Flushers whose bytes are gone, or who will never see them gone. */
static void wake_flushers(struct outbox *outbox)
{
	while (!list_empty(&outbox->flushers)) {
		struct operation *operation = container_of(outbox->flushers.next, struct operation,
							   request.link);

		if (outbox->error == 0 && operation->offset > outbox->gone)
			break;
		list_remove(&operation->request.link);
		flush_rest(operation, outbox->error);
	}
}

static void count_idle(struct outbox *outbox)
{
	bool idle = outbox_idle(outbox->object);

	if (outbox->counted == !idle)
		return;
	outbox->counted = !idle;
	if (idle)
		outbox->object->driver->background--;
	else
		outbox->object->driver->background++;
}

static void send_next(struct outbox *outbox)
{
	struct object *object = outbox->object;
	struct operation *writer = object->writer;
	struct request *request = &outbox->request;
	struct block *block;

	if (outbox->busy)
		return;
	if (writer != NULL && writer->parked && writer->offset <= outbox->gone) {
		writer->parked = false;
		writer_resume(writer);
		return;
	}
	if ((writer != NULL && !writer->parked) || list_empty(&outbox->blocks))
		return;
	block = container_of(outbox->blocks.next, struct block, link);
	outbox->busy = true;
	request->code = REQUEST_WRITE;
	request->object = object;
	request->driver = object->driver;
	request->fd = object->fd;
	request->data = block->data + block->sent;
	request->length = block->filled - block->sent;
	request->count = 0;
	request->canceled = false;
	request->done = send_done;
	request_start(request);
}

static void fail(struct outbox *outbox, int32_t error)
{
	if (outbox->error == 0)
		outbox->error = error;
	drop_blocks(outbox);
}

static void send_done(struct request *request, int64_t result)
{
	struct outbox *outbox = container_of(request, struct outbox, request);
	struct object *object = outbox->object;
	struct block *block = container_of(outbox->blocks.next, struct block, link);

	outbox->busy = false;
	object->hold++;
	if (result > 0) {
		block->sent += (uint32_t)result;
		outbox->gone += (uint64_t)result;
		if (block->sent == block->filled)
			block_done(outbox, block);
	} else {
		fail(outbox, result == 0 ? ABIO_E_WRITE_ZERO : (int32_t)result);
	}
	if (object->abort && !list_empty(&outbox->blocks))
		fail(outbox, ABIO_E_CANCELED);
	wake_flushers(outbox);
	send_next(outbox);
	count_idle(outbox);
	object->hold--;
	object_settle(object);
}

void outbox_start_dirty(struct driver *driver)
{
	struct list *link;

	while ((link = list_take(&driver->dirty)) != NULL)
		send_next(container_of(link, struct outbox, dirty));
}

static void promote(struct outbox *outbox)
{
	struct object *object = outbox->object;
	struct list *link = object->writer == NULL ? list_take(&outbox->standing) : NULL;

	if (link == NULL)
		return;
	object->writer = container_of(link, struct operation, request.link);
	object->writer->side = SIDE_WRITE;
	writer_park(object->writer);
}

void outbox_continue(struct object *object)
{
	struct outbox *outbox = object->outbox;

	if (outbox == NULL || object->driver == NULL)
		return;
	promote(outbox);
	if (outbox->busy)
		return;
	if (list_empty(&outbox->blocks) && (object->writer == NULL || !object->writer->parked))
		return;
	if (!list_linked(&outbox->dirty))
		list_append(&object->driver->dirty, &outbox->dirty);
	driver_signal(object->driver);
}

void outbox_seal(struct object *object)
{
	struct outbox *outbox = object->outbox;

	if (outbox != NULL && !list_empty(&outbox->blocks))
		container_of(outbox->blocks.previous, struct block, link)->sealed = true;
}

static void waiting_abort(struct operation *operation)
{
	list_remove(&operation->request.link);
	operation_finish(operation, ABIO_E_CANCELED);
}

void outbox_wait(struct object *object, struct operation *operation)
{
	struct outbox *outbox = object->outbox;

	operation->abort = waiting_abort;
	list_append(&outbox->flushers, &operation->request.link);
}

void outbox_stand_by(struct object *object, struct operation *operation)
{
	check(object->writer != NULL);
	operation->abort = waiting_abort;
	list_append(&object->outbox->standing, &operation->request.link);
}

void outbox_abort(struct object *object)
{
	struct outbox *outbox = object->outbox;

	if (outbox == NULL)
		return;
	if (outbox->busy) {
		if (!outbox->request.canceled) {
			outbox->request.canceled = true;
			request_cancel(&outbox->request);
		}
		return;
	}
	if (!list_empty(&outbox->blocks))
		fail(outbox, ABIO_E_CANCELED);
	wake_flushers(outbox);
	send_next(outbox);
	count_idle(outbox);
}

void outbox_destroy(struct object *object)
{
	struct outbox *outbox = object->outbox;

	if (outbox == NULL)
		return;
	check(outbox_idle(object) && list_empty(&outbox->flushers) &&
	      list_empty(&outbox->standing));
	unreserve(outbox);
	list_remove(&outbox->dirty);
	platform_release(outbox);
	object->outbox = NULL;
}

/* The block the next bytes go into, the last or one that is in no list yet; NULL without memory. */
static struct block *room_for(struct outbox *outbox, uint32_t length)
{
	struct block *last = container_of(outbox->blocks.previous, struct block, link);
	bool empty = list_empty(&outbox->blocks);
	bool sending = outbox->busy && outbox->blocks.next == outbox->blocks.previous;
	uint32_t capacity = empty ? BLOCK_SMALL : BLOCK_LARGE;

	if (!empty && !sending && !last->sealed && last->capacity - last->filled >= length)
		return last;
	return block_create(outbox->object->driver, length > capacity ? length : capacity);
}

/* A reserve waits, or its event is on its way: the host does not know where yet. */
static bool reserving(const struct object *object)
{
	return object->writer != NULL && object->writer->resume == reserve_granted;
}

int32_t outbox_put(struct object *object, const void *data, uint32_t length)
{
	struct outbox *outbox = outbox_of(object);
	struct block *block;
	uint64_t room;

	if (outbox == NULL)
		return PLATFORM_NO_MEMORY;
	if (outbox->error != 0)
		return outbox->error;
	if (reserving(object))
		return ABIO_E_BUSY;
	unreserve(outbox);
	if (length == 0)
		return 0;
	room = HIGH_WATER - (outbox->taken - outbox->gone);
	if (room == 0)
		return ABIO_WOULD_BLOCK;
	if (length > room)
		length = (uint32_t)room;
	block = room_for(outbox, length);
	if (block == NULL)
		return PLATFORM_NO_MEMORY;
	if (!list_linked(&block->link))
		list_append(&outbox->blocks, &block->link);
	memcpy(block->data + block->filled, data, length);
	block->filled += length;
	outbox->taken += length;
	count_idle(outbox);
	outbox_continue(object);
	return (int32_t)length;
}

/* ---- reserving ----------------------------------------------------------------------------- */

void outbox_unreserve(struct object *object)
{
	if (object->outbox != NULL && !reserving(object))
		unreserve(object->outbox);
}

static uint32_t headroom(const struct outbox *outbox)
{
	return HIGH_WATER - (uint32_t)(outbox->taken - outbox->gone);
}

int32_t outbox_prepare(struct object *object, uint32_t minimum)
{
	struct outbox *outbox = outbox_of(object);

	if (minimum > HIGH_WATER)
		return ABIO_E_LIMIT;
	if (outbox == NULL)
		return PLATFORM_NO_MEMORY;
	unreserve(outbox);
	if (outbox->error != 0)
		return 0;
	outbox->reserved = room_for(outbox, minimum);
	return outbox->reserved == NULL ? PLATFORM_NO_MEMORY : 0;
}

uint32_t outbox_lend(struct object *object, uint32_t minimum, uint8_t **data)
{
	struct outbox *outbox = object->outbox;
	struct block *block = outbox->reserved;
	uint32_t room = block->capacity - block->filled;

	if (room > headroom(outbox))
		room = headroom(outbox);
	if (room < minimum)
		return 0;
	outbox->reserved_length = room;
	*data = block->data + block->filled;
	return room;
}

uint64_t outbox_gone_for(const struct object *object, uint32_t minimum)
{
	return object->outbox->taken + minimum - HIGH_WATER;
}

int32_t outbox_commit(struct object *object, uint32_t count)
{
	struct outbox *outbox = object->outbox;
	struct block *block = outbox == NULL ? NULL : outbox->reserved;

	if (outbox_error(object) != 0)
		return outbox_error(object);
	if (count > 0 && (block == NULL || count > outbox->reserved_length))
		return ABIO_E_ARGUMENT;
	if (count > 0 && !list_linked(&block->link))
		list_append(&outbox->blocks, &block->link);
	if (count > 0)
		block->filled += count;
	if (outbox != NULL)
		unreserve(outbox);
	if (count == 0)
		return 0;
	outbox->taken += count;
	count_idle(outbox);
	outbox_continue(object);
	return 0;
}
