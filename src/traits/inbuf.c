/* See inbuf.h. */
#include "inbuf.h"

#include <string.h>

#include "check.h"
#include "platform.h"
#include "pool.h"

void inbuf_consume(struct object *object, uint32_t count)
{
	struct inbuf *inbuf = object->inbuf;

	check(count <= inbuf_left(object));
	inbuf->start += count;
	if (inbuf->start < inbuf->end)
		return;
	inbuf->start = 0;
	inbuf->end = 0;
}

int64_t inbuf_read(struct object *object, const struct abio_iovec *iovecs, uint32_t count)
{
	int64_t moved = 0;

	for (uint32_t i = 0; i < count && inbuf_left(object) > 0; i++) {
		uint32_t left = inbuf_left(object);
		uint32_t part = iovecs[i].length < left ? (uint32_t)iovecs[i].length : left;

		if (part == 0)
			continue;
		memcpy(iovecs[i].base, object->inbuf->data + object->inbuf->start, part);
		inbuf_consume(object, part);
		moved += part;
	}
	return moved;
}

void inbuf_destroy(struct object *object)
{
	if (object->inbuf == NULL)
		return;
	platform_release(object->inbuf->memory);
	platform_release(object->inbuf);
	object->inbuf = NULL;
}
