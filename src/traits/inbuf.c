/* See inbuf.h. */
#include "inbuf.h"

#include <string.h>

#include "check.h"
#include "platform.h"
#include "poison.h"
#include "pool.h"

struct inbuf *inbuf_of(struct object *object)
{
	if (object->inbuf != NULL)
		return object->inbuf;
	object->inbuf = platform_allocate(sizeof(*object->inbuf));
	if (object->inbuf == NULL)
		return NULL;
	object->inbuf->owner = object;
	object->inbuf->references = 1;
	return object->inbuf;
}

bool inbuf_share(struct object *object, struct object *other)
{
	check(object->inbuf == NULL);
	if (inbuf_of(other) == NULL)
		return false;
	object->inbuf = other->inbuf;
	object->inbuf->references++;
	return true;
}

/* Of memory that the class is told of when it is consumed. */
static bool stays_with_class(const struct inbuf *inbuf, const struct span *span)
{
	return span->view == NULL && inbuf->owner != NULL && inbuf->owner->class->consumed != NULL;
}

/* The place behind all views: memory of the class, or nothing. */
static struct span *last_of(struct inbuf *inbuf)
{
	struct span *span = &inbuf->first;

	while (span->view != NULL)
		span = &span->view->behind;
	return span;
}

void inbuf_show(struct object *object, uint8_t *data, uint32_t length)
{
	struct inbuf *inbuf = object->inbuf;
	struct span *last = last_of(inbuf);

	check(span_left(last) == 0);
	*last = (struct span){ .data = data, .end = length };
	if (!stays_with_class(inbuf, last))
		poison_begin(data, length);
}

/*
 * Views that are held until the host consumes them could empty the pool, and streams that wait for
 * a buffer with them.  Beyond half of it what has arrived moves to memory of its own.
 */
static struct view *make_room(struct view *view, uint32_t length)
{
	struct view *copy;

	if (view->index == VIEW_PRIVATE || view->driver->pool->held < POOL_HELD_MAX)
		return view;
	copy = view_private(view->driver, length);
	if (copy == NULL)
		return view;
	memcpy(copy->data, view->data, length);
	view_end(view);
	return copy;
}

void inbuf_take(struct object *object, struct view *view, uint32_t length)
{
	struct span *last;

	view = make_room(view, length);
	last = last_of(object->inbuf);
	view->behind = *last;
	*last = (struct span){ .data = view->data, .view = view, .end = length };
	if (view->index != VIEW_PRIVATE)
		view->driver->pool->held++;
}

/* The view leaves, and what was behind it takes its place. */
static struct view *unlink_view(struct span *span)
{
	struct view *view = span->view;

	*span = view->behind;
	if (view->index != VIEW_PRIVATE)
		view->driver->pool->held--;
	return view;
}

static void clear_shown(struct inbuf *inbuf, struct span *span)
{
	if (inbuf->owner != NULL && !stays_with_class(inbuf, span))
		poison_hide(span->data, (span->end + POISON_UNIT - 1) & ~(POISON_UNIT - 1));
	*span = (struct span){ 0 };
}

static void drop_first(struct inbuf *inbuf)
{
	if (inbuf->first.view != NULL)
		view_end(unlink_view(&inbuf->first));
	else
		clear_shown(inbuf, &inbuf->first);
}

struct view *inbuf_give(struct object *object, uint8_t **data, uint32_t *length)
{
	check(inbuf_left(object) > 0 && object->inbuf->first.view != NULL);
	*data = inbuf_data(object);
	*length = inbuf_left(object);
	return unlink_view(&object->inbuf->first);
}

uint32_t inbuf_ahead(const struct object *object)
{
	const struct inbuf *inbuf = object->inbuf;
	const struct span *span;
	uint32_t ahead = 0;

	if (inbuf == NULL || inbuf->owner != object)
		return 0;
	for (span = &inbuf->first; span->view != NULL; span = &span->view->behind)
		ahead += span_left(span);
	return stays_with_class(inbuf, span) ? ahead : ahead + span_left(span);
}

void inbuf_drop(struct object *object)
{
	struct inbuf *inbuf = object->inbuf;

	if (inbuf == NULL)
		return;
	while (inbuf->first.view != NULL)
		drop_first(inbuf);
	drop_first(inbuf);
}

void inbuf_drop_shown(struct object *object)
{
	struct inbuf *inbuf = object->inbuf;

	if (inbuf != NULL && inbuf->owner == object)
		clear_shown(inbuf, last_of(inbuf));
}

int32_t inbuf_consume(struct object *object, uint32_t count)
{
	struct inbuf *inbuf = object->inbuf;

	check(count <= inbuf_left(object));
	if (count == 0)
		return 0;
	inbuf->first.start += count;
	if (stays_with_class(inbuf, &inbuf->first))
		return inbuf->owner->class->consumed(inbuf->owner, count);
	if (span_left(&inbuf->first) == 0)
		drop_first(inbuf);
	return 0;
}

/* Somebody may have read ahead meanwhile, through another handle of the same stream: later. */
void inbuf_unread(struct object *object, struct view *view, uint32_t start, uint32_t end)
{
	struct inbuf *inbuf = object->inbuf;

	check(view->index == VIEW_PRIVATE && start < end);
	view->behind = inbuf->first;
	inbuf->first = (struct span){ view->data, view, start, end };
}

static uint32_t read_span(struct object *object, uint8_t *data, uint64_t room)
{
	uint32_t left = inbuf_left(object);
	uint32_t part = room < left ? (uint32_t)room : left;

	memcpy(data, inbuf_data(object), part);
	inbuf_consume(object, part);
	return part;
}

int64_t inbuf_read(struct object *object, const struct abio_iovec *iovecs, uint32_t count)
{
	int64_t moved = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t done = 0;

		while (done < iovecs[i].length && inbuf_left(object) > 0)
			done += read_span(object, (uint8_t *)iovecs[i].base + done,
					  iovecs[i].length - done);
		moved += (int64_t)done;
	}
	return moved;
}

void inbuf_end(struct object *object)
{
	struct span *span = object->inbuf == NULL ? NULL : &object->inbuf->first;

	while (span != NULL && span->view != NULL) {
		if (span->view->index == VIEW_PRIVATE)
			span = &span->view->behind;
		else
			view_end(unlink_view(span));
	}
}

void inbuf_destroy(struct object *object)
{
	struct inbuf *inbuf = object->inbuf;

	if (inbuf == NULL)
		return;
	/* Memory of its class goes with it. */
	inbuf_drop_shown(object);
	if (inbuf->owner == object)
		inbuf->owner = NULL;
	if (--inbuf->references == 0) {
		inbuf_drop(object);
		platform_release(inbuf);
	}
	object->inbuf = NULL;
}
