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

static bool stays_with_class(const struct inbuf *inbuf)
{
	return inbuf->view == NULL && inbuf->owner != NULL && inbuf->owner->class->consumed != NULL;
}

/* Two pieces in one view; NULL without memory. */
static struct view *join(struct driver *driver, const uint8_t *first, uint32_t first_length,
			 const uint8_t *second, uint32_t second_length)
{
	struct view *both = view_private(driver, first_length + second_length);

	if (both == NULL)
		return NULL;
	memcpy(both->data, first, first_length);
	memcpy(both->data + first_length, second, second_length);
	return both;
}

/* What a copy gave back came first: what was read meanwhile comes behind it. */
static void show_behind(struct object *object, const uint8_t *data, uint32_t length)
{
	uint32_t first = inbuf_left(object);
	struct view *both = join(object->driver, inbuf_data(object), first, data, length);

	if (both == NULL)
		return;
	inbuf_consume(object, first);
	inbuf_take(object, both, first + length);
}

void inbuf_show(struct object *object, uint8_t *data, uint32_t length)
{
	struct inbuf *inbuf = object->inbuf;

	if (inbuf_left(object) > 0) {
		show_behind(object, data, length);
		return;
	}
	check(inbuf != NULL && inbuf_left(object) == 0 && inbuf->view == NULL);
	inbuf->data = data;
	if (!stays_with_class(inbuf))
		poison_begin(data, length);
	inbuf->start = 0;
	inbuf->end = length;
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
	view = make_room(view, length);
	inbuf_show(object, view->data, length);
	object->inbuf->view = view;
	if (view->index != VIEW_PRIVATE)
		view->driver->pool->held++;
}

static struct view *detach(struct inbuf *inbuf)
{
	struct view *view = inbuf->view;

	if (inbuf->view == NULL && inbuf->owner != NULL && !stays_with_class(inbuf))
		poison_hide(inbuf->data, (inbuf->end + POISON_UNIT - 1) & ~(POISON_UNIT - 1));
	inbuf->view = NULL;
	inbuf->start = 0;
	inbuf->end = 0;
	if (view != NULL && view->index != VIEW_PRIVATE)
		view->driver->pool->held--;
	return view;
}

struct view *inbuf_give(struct object *object, uint8_t **data, uint32_t *length)
{
	check(inbuf_left(object) > 0 && object->inbuf->view != NULL);
	*data = inbuf_data(object);
	*length = inbuf_left(object);
	return detach(object->inbuf);
}

uint32_t inbuf_ahead(const struct object *object)
{
	const struct inbuf *inbuf = object->inbuf;

	if (inbuf_left(object) == 0 || stays_with_class(inbuf) || inbuf->owner != object)
		return 0;
	return inbuf_left(object);
}

void inbuf_drop(struct object *object)
{
	struct view *view = object->inbuf == NULL ? NULL : detach(object->inbuf);

	if (view != NULL)
		view_end(view);
}

int32_t inbuf_consume(struct object *object, uint32_t count)
{
	struct inbuf *inbuf = object->inbuf;
	struct view *view;

	check(count <= inbuf_left(object));
	if (count == 0)
		return 0;
	inbuf->start += count;
	if (stays_with_class(inbuf))
		return inbuf->owner->class->consumed(inbuf->owner, count);
	if (inbuf->start < inbuf->end)
		return 0;
	view = detach(inbuf);
	if (view != NULL)
		view_end(view);
	return 0;
}

/*
 * Somebody read ahead meanwhile, through another handle of the same stream: what is there comes
 * behind, as far as there is memory for it.
 */
static struct view *merge(struct object *object, struct view *view, uint32_t *start, uint32_t *end)
{
	uint32_t first = *end - *start;
	uint32_t second = inbuf_left(object);
	struct view *both = join(view->driver, view->data + *start, first, inbuf_data(object),
				 second);

	if (both == NULL) {
		inbuf_drop(object);
		return view;
	}
	inbuf_consume(object, second);
	view_end(view);
	*start = 0;
	*end = first + second;
	return both;
}

void inbuf_unread(struct object *object, struct view *view, uint32_t start, uint32_t end)
{
	check(view->index == VIEW_PRIVATE && start < end);
	if (inbuf_left(object) > 0)
		view = merge(object, view, &start, &end);
	inbuf_take(object, view, end);
	object->inbuf->start = start;
}

int64_t inbuf_read(struct object *object, const struct abio_iovec *iovecs, uint32_t count)
{
	int64_t moved = 0;

	for (uint32_t i = 0; i < count && inbuf_left(object) > 0; i++) {
		uint32_t left = inbuf_left(object);
		uint32_t part = iovecs[i].length < left ? (uint32_t)iovecs[i].length : left;

		if (part == 0)
			continue;
		memcpy(iovecs[i].base, inbuf_data(object), part);
		inbuf_consume(object, part);
		moved += part;
	}
	return moved;
}

void inbuf_end(struct object *object)
{
	struct inbuf *inbuf = object->inbuf;

	if (inbuf != NULL && inbuf->view != NULL && inbuf->view->index != VIEW_PRIVATE)
		view_end(detach(inbuf));
}

void inbuf_destroy(struct object *object)
{
	struct inbuf *inbuf = object->inbuf;
	struct view *view;

	object->inbuf = NULL;
	if (inbuf == NULL)
		return;
	/* Memory of its class goes with it. */
	if (inbuf->owner == object && inbuf->view == NULL)
		detach(inbuf);
	if (inbuf->owner == object)
		inbuf->owner = NULL;
	if (--inbuf->references > 0)
		return;
	view = detach(inbuf);
	if (view != NULL)
		view_end(view);
	platform_release(inbuf);
}
