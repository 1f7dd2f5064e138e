/*
 * Copy: from one io to another until the end or a limit, as one operation.
 *
 * It has the reading direction of the source by the host's operation and the writing direction of
 * the sink by one of the library's own, from start to end, so that nobody reads or writes in
 * between; what was put on the sink goes out before.  One step is out at a time, of the one or the
 * other.
 *
 * What was read ahead and what has to be read goes through one buffer, had from the start; what is
 * left in it in the end becomes what the source has read ahead.  A file's cursor moves when its
 * bytes are written.  So progress is exact, and no byte is lost, whenever it ends.
 *
 * From a file to a descriptor the kernel copies alone, on a worker, for as long as it can.
 */
#include "check.h"
#include "dispatch.h"
#include "inbuf.h"
#include "platform.h"
#include "pool.h"
#include "traits.h"

#define BUFFER_SIZE (64u << 10)
#define ALIGNMENT   4096u /* what files opened with ABIO_OPEN_DIRECT are read into */
#define KERNEL_STEP \
	(1u << 20) /* most bytes of one step without a buffer: it is not interruptible */

struct copy {
	struct operation *operation; /* the host's, on the source */
	struct operation writing;    /* on the sink */
	struct view *view;           /* the buffer */
	uint32_t start;              /* read into it and not written: from here */
	uint32_t end;
	uint64_t limit;
	bool plain; /* the kernel cannot do it alone */
	struct kernel_copy kernel;
};

static void step(struct copy *copy);

static struct object *source_of(const struct copy *copy)
{
	return copy->operation->object;
}

static struct object *sink_of(const struct copy *copy)
{
	return copy->writing.object;
}

static bool canceled(const struct copy *copy)
{
	return copy->operation->canceled || copy->writing.canceled;
}

static uint64_t left(const struct copy *copy)
{
	return copy->limit - copy->operation->progress;
}

/* The buffer, and behind it what makes a view of it: in one piece, which nobody zeroes. */
static void release_buffer(struct view *view)
{
	platform_release(view->data);
}

static struct view *create_buffer(struct driver *driver)
{
	uint8_t *data = platform_memory.allocate(BUFFER_SIZE + sizeof(struct view), ALIGNMENT);
	struct view *view;

	if (data == NULL)
		return NULL;
	view = (struct view *)(void *)(data + BUFFER_SIZE);
	*view = (struct view){
		.driver = driver, .data = data, .index = VIEW_PRIVATE, .ended = release_buffer
	};
	list_init(&view->node.link);
	list_init(&view->in_pool);
	return view;
}

/* ---- the end --------------------------------------------------------------------------------- */

/* The sink is done with: now the source, which has back what was not written. */
static void ended(struct operation *writing, int64_t result)
{
	struct copy *copy = writing->owner;
	struct operation *operation = copy->operation;
	struct object *source = source_of(copy);

	if (copy->start < copy->end && !source->class->positional) {
		inbuf_unread(source, copy->view, copy->start, copy->end);
		ready_wake(source);
	} else {
		view_end(copy->view);
	}
	operation_finish(operation, result);
}

static void finish(struct copy *copy, int64_t result)
{
	/* Whichever was asked. */
	copy->writing.canceled = canceled(copy);
	operation_finish(&copy->writing, result);
}

/* The host cancels, or the source closes: what is out belongs to the sink. */
static void canceled_by_source(struct operation *operation)
{
	struct copy *copy = operation->extra;

	operation_cancel(&copy->writing);
}

/* The sink closes: what is out belongs to the source. */
static void canceled_by_sink(struct operation *writing)
{
	struct copy *copy = writing->owner;

	operation_cancel(copy->operation);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void moved(struct copy *copy, uint32_t count)
{
	struct object *source = source_of(copy);
	struct object *sink = sink_of(copy);

	copy->operation->progress += count;
	copy->operation->driver->moved += count;
	if (source->class->positional)
		source->cursor += count;
	if (sink->class->positional)
		sink->cursor += count;
}

static void wrote(struct request *request, int64_t result)
{
	struct copy *copy = operation_of(request)->owner;

	if (result <= 0) {
		finish(copy, result < 0 ? result : ABIO_E_WRITE_ZERO);
		return;
	}
	moved(copy, (uint32_t)result);
	copy->start += (uint32_t)result;
	step(copy);
}

static void write_some(struct copy *copy, uint8_t *data, uint32_t length)
{
	struct request *request = &copy->writing.request;
	bool positional = sink_of(copy)->class->positional;

	request->data = data;
	request->length = left(copy) < length ? (uint32_t)left(copy) : length;
	request->offset = sink_of(copy)->cursor;
	operation_submit(&copy->writing, positional ? REQUEST_WRITE_AT : REQUEST_WRITE, wrote);
}

static void have_read(struct request *request, int64_t result)
{
	struct copy *copy = operation_of(request)->extra;

	if (result < 0) {
		finish(copy, result);
	} else if (result == 0) {
		finish(copy, (int64_t)copy->operation->progress);
	} else {
		copy->start = 0;
		copy->end = (uint32_t)result;
		step(copy);
	}
}

/* Other handles of the stream may take from what was read ahead: nothing is written from there. */
static void take_ahead(struct copy *copy)
{
	struct abio_iovec room = { copy->view->data,
				   left(copy) < BUFFER_SIZE ? left(copy) : BUFFER_SIZE };

	copy->start = 0;
	copy->end = (uint32_t)inbuf_read(source_of(copy), &room, 1);
}

static void read_some(struct copy *copy)
{
	struct request *request = &copy->operation->request;
	bool positional = source_of(copy)->class->positional;

	request->data = copy->view->data;
	request->length = left(copy) < BUFFER_SIZE ? (uint32_t)left(copy) : BUFFER_SIZE;
	request->offset = source_of(copy)->cursor;
	operation_submit(copy->operation, positional ? REQUEST_READ_AT : REQUEST_READ, have_read);
}

/* ---- the kernel alone ------------------------------------------------------------------------ */

static bool kernel_can(const struct copy *copy)
{
	return !copy->plain && source_of(copy)->class->positional &&
	       source_of(copy)->class->perform == NULL && sink_of(copy)->class->perform == NULL;
}

static void writable(struct request *request, int64_t result)
{
	struct copy *copy = operation_of(request)->owner;

	if (result < 0)
		finish(copy, result);
	else
		step(copy);
}

static void wait_for_room(struct copy *copy)
{
	if (canceled(copy)) {
		finish(copy, ABIO_E_CANCELED);
		return;
	}
	copy->writing.request.flags = ABIO_INTEREST_WRITE;
	operation_submit(&copy->writing, REQUEST_READY, writable);
}

static void kernel_copied(struct request *request, int64_t result)
{
	struct copy *copy = operation_of(request)->owner;

	if (result == ABIO_WOULD_BLOCK) {
		wait_for_room(copy);
	} else if (result == 0 || result == ABIO_E_UNSUPPORTED || result == PLATFORM_NO_MEMORY) {
		/* Also an end that not every file system means: reading says whether it is one. */
		copy->plain = true;
		step(copy);
	} else if (result < 0) {
		finish(copy, result);
	} else {
		moved(copy, (uint32_t)result);
		step(copy);
	}
}

static void copy_by_kernel(struct copy *copy)
{
	struct request *request = &copy->writing.request;
	bool to_file = sink_of(copy)->class->positional;

	copy->kernel.source = source_of(copy)->fd;
	copy->kernel.from = source_of(copy)->cursor;
	request->data = &copy->kernel;
	request->length = left(copy) < KERNEL_STEP ? (uint32_t)left(copy) : KERNEL_STEP;
	request->offset = sink_of(copy)->cursor;
	operation_submit(&copy->writing, to_file ? REQUEST_COPY_RANGE : REQUEST_SEND_FILE,
			 kernel_copied);
}

static void step(struct copy *copy)
{
	struct object *source = source_of(copy);

	if (copy->start == copy->end && left(copy) > 0 && !canceled(copy) && inbuf_left(source) > 0)
		take_ahead(copy);
	if (left(copy) == 0)
		finish(copy, (int64_t)copy->limit);
	else if (canceled(copy))
		finish(copy, ABIO_E_CANCELED);
	else if (copy->start < copy->end)
		write_some(copy, copy->view->data + copy->start, copy->end - copy->start);
	else if (kernel_can(copy))
		copy_by_kernel(copy);
	else
		read_some(copy);
}

/* What was put on the sink is out. */
static void begin(struct operation *writing)
{
	writing->abort = canceled_by_sink;
	step(writing->owner);
}

/* ---- the start ------------------------------------------------------------------------------- */

static bool busy(const struct object *source, const struct object *sink)
{
	/* One cursor serves both directions of a file. */
	return source->reader != NULL || sink->writer != NULL ||
	       (source->class->positional && source->writer != NULL) ||
	       (sink->class->positional && sink->reader != NULL);
}

static struct copy *create(struct object *source, uint64_t token)
{
	struct operation *operation = operation_create_with(source->driver, source, token,
							    sizeof(struct copy));
	struct copy *copy;

	if (operation == NULL)
		return NULL;
	copy = operation->extra;
	copy->operation = operation;
	copy->view = create_buffer(source->driver);
	if (copy->view != NULL && inbuf_of(source) != NULL)
		return copy;
	if (copy->view != NULL)
		view_end(copy->view);
	operation_discard(operation);
	return NULL;
}

int32_t impl_copy(struct object *io, abio_io sink_io, uint64_t limit, uint32_t flags,
		  uint64_t token)
{
	struct object *sink;
	struct copy *copy;
	int32_t error = dispatch_sibling(io, sink_io, &sink);

	(void)flags;
	if (error < 0)
		return error;
	if (io->class->read == NULL || sink->class->write == NULL)
		return ABIO_E_UNSUPPORTED;
	if (io == sink && io->class->positional)
		return ABIO_E_ARGUMENT;
	if (busy(io, sink))
		return ABIO_E_BUSY;
	copy = create(io, token);
	if (copy == NULL)
		return PLATFORM_NO_MEMORY;
	copy->limit = limit < INT64_MAX ? limit : INT64_MAX;
	copy->operation->abort = canceled_by_source;
	operation_prepare(&copy->writing, sink, ended, copy);
	copy->writing.resume = begin;
	copy->writing.beside = copy->operation;
	copy->operation->beside = &copy->writing;
	operation_accept(copy->operation, SIDE_READ);
	operation_accept(&copy->writing, SIDE_WRITE);
	writer_start(&copy->writing);
	return 0;
}
