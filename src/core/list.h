/*
 * An intrusive doubly linked list.  A node that is in no list points to itself, so that removing it
 * twice is harmless and `list_linked` can tell.
 */
#ifndef ABIO_LIST_H
#define ABIO_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next;
	struct list *previous;
};

#define container_of(pointer, type, member) \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
	list->next = list;
	list->previous = list;
}

static inline bool list_empty(const struct list *list)
{
	return list->next == list;
}

static inline bool list_linked(const struct list *node)
{
	return node->next != node;
}

static inline void list_append(struct list *list, struct list *node)
{
	node->previous = list->previous;
	node->next = list;
	list->previous->next = node;
	list->previous = node;
}

static inline void list_remove(struct list *node)
{
	node->previous->next = node->next;
	node->next->previous = node->previous;
	list_init(node);
}

static inline struct list *list_take(struct list *list)
{
	struct list *node = list->next;

	if (node == list)
		return NULL;
	list_remove(node);
	return node;
}

static inline size_t list_count(const struct list *list)
{
	size_t count = 0;

	for (const struct list *node = list->next; node != list; node = node->next)
		count++;
	return count;
}

/*
 * The first node, which becomes the last; NULL when there is none.  As many times as there were
 * nodes, this walks a list whose nodes, and others with them, may leave it on the way.
 */
static inline struct list *list_rotate(struct list *list)
{
	struct list *node = list_take(list);

	if (node != NULL)
		list_append(list, node);
	return node;
}

/* Moves everything of `from` to the end of `to`. */
static inline void list_splice(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->previous = to->previous;
	to->previous->next = from->next;
	from->previous->next = to;
	to->previous = from->previous;
	list_init(from);
}

#endif
