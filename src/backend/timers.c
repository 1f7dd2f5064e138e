/*
 * See timers.h.  A node's `previous` is its left sibling, or its parent when it is the first child.
 * Equal deadlines expire in no particular order.
 */
#include "timers.h"

struct node {
	struct request *child;
	struct request *sibling;
	struct request *previous;
	int64_t deadline_ns;
};

_Static_assert(sizeof(struct node) <= REQUEST_SCRATCH * 8, "node fits a request");

static struct node *node_of(struct request *request)
{
	return (struct node *)(void *)request->scratch;
}

static struct request *meld(struct request *a, struct request *b)
{
	struct request *first;

	if (a == NULL)
		return b;
	if (b == NULL)
		return a;
	if (node_of(b)->deadline_ns < node_of(a)->deadline_ns) {
		first = b;
		b = a;
		a = first;
	}
	first = node_of(a)->child;
	node_of(b)->sibling = first;
	node_of(b)->previous = a;
	if (first != NULL)
		node_of(first)->previous = b;
	node_of(a)->child = b;
	return a;
}

static struct request *detach(struct request *request)
{
	struct request *next = node_of(request)->sibling;

	node_of(request)->sibling = NULL;
	node_of(request)->previous = NULL;
	return next;
}

/* Two passes: pairs from left to right, then all of them from right to left. */
static struct request *meld_siblings(struct request *first)
{
	struct request *pairs = NULL;
	struct request *root = NULL;

	while (first != NULL) {
		struct request *a = first;
		struct request *b = detach(a);

		first = b == NULL ? NULL : detach(b);
		a = meld(a, b);
		node_of(a)->sibling = pairs;
		pairs = a;
	}
	while (pairs != NULL) {
		struct request *next = detach(pairs);

		root = meld(pairs, root);
		pairs = next;
	}
	return root;
}

void timers_insert(struct timers *timers, struct request *request, int64_t deadline_ns)
{
	*node_of(request) = (struct node){ .deadline_ns = deadline_ns };
	timers->root = meld(timers->root, request);
}

void timers_remove(struct timers *timers, struct request *request)
{
	struct node *node = node_of(request);
	struct request *children = meld_siblings(node->child);

	if (timers->root == request) {
		timers->root = children;
		return;
	}
	if (node_of(node->previous)->child == request)
		node_of(node->previous)->child = node->sibling;
	else
		node_of(node->previous)->sibling = node->sibling;
	if (node->sibling != NULL)
		node_of(node->sibling)->previous = node->previous;
	timers->root = meld(timers->root, children);
}

int64_t timers_next(const struct timers *timers)
{
	return timers->root == NULL ? INT64_MAX : node_of(timers->root)->deadline_ns;
}

struct request *timers_expire(struct timers *timers, int64_t now_ns)
{
	struct request *first = timers->root;

	if (first == NULL || node_of(first)->deadline_ns > now_ns)
		return NULL;
	timers->root = meld_siblings(node_of(first)->child);
	return first;
}
