/*
 * Operations: what a host started and is owed exactly one terminal event for.
 *
 * This is the one place where that promise lives.  An operation is created (may fail: no memory),
 * accepted (from now on its terminal event is owed; nothing after this allocates), and finished
 * (exactly once).  Its memory is the event's memory, so finishing cannot fail.
 */
#ifndef ABIO_OPERATION_H
#define ABIO_OPERATION_H

#include "backend.h"
#include "driver.h"

enum operation_side {
	SIDE_NONE,
	SIDE_READ,
	SIDE_WRITE,
	SIDE_BOTH, /* a seek: reads and writes depend on it */
};

struct operation {
	/* Its link: in the list of its object, or of the driver; then of the events; then spare. */
	struct event_node node;
	union {
		struct list in_bucket; /* by its token */
		/*
		 * With `inner`, an operation of the library's own on an object, such as that of an
		 * adapter on what is underneath: it has no token and no event, its end is told
		 * here. The operation is free to be used again inside.
		 */
		struct {
			void (*reply)(struct operation *operation, int64_t result);
			void *owner;
		};
	};
	struct driver *driver;
	struct object *object; /* may be NULL: open, connect, resolve, timer */
	union {
		/* Made by open, connect, accept: reserved at start; ends by operation_finish_child.
		 */
		struct object *child;
		struct buffer *buffer; /* lent, and brought home by the terminal event */
	};
	uint64_t token;
	uint8_t side;
	bool exact : 1;
	bool canceled : 1;
	bool finished : 1;
	bool parked : 1; /* waits for the outbox, no request is out */
	bool paused : 1; /* receive */
	bool uses_cursor : 1;
	bool inner : 1;
	bool in_pieces : 1; /* exact and vectored: `extra` says what is left */
	bool lingers : 1;   /* after its event was delivered, until the next poll */
	bool has_event : 1; /* node is its event; before, the backend's scratch memory */
	bool may_hold : 1;  /* `extra` is an operation that takes the result ahead of the buffer */
	/* Its side stays taken until the host has its event: that shows a view, or ends a cancel.
	 */
	bool keeps_side : 1;
	bool kept : 1; /* its memory is somebody's who uses it again: never freed here */
	uint32_t length;
	uint64_t progress;
	uint64_t offset;
	void *extra; /* iovecs, path, address: freed at the end */
	/*
	 * Two that are one to the host, each the other's: its own, and one of the library's that is
	 * in the memory of that, and ends first, on another object.
	 */
	struct operation *beside;
	/* How to ask it to end when it has no request of its own in the backend. */
	void (*abort)(struct operation *operation);
	/* A parked writer: the outbox has sent what came before it. */
	void (*resume)(struct operation *operation);
	struct request request;
};

/* NULL without memory.  `object` may be NULL. */
struct operation *operation_create(struct driver *driver, struct object *object, uint64_t token);
/* As above with `size` bytes of extra memory that is freed with it. */
struct operation *operation_create_with(struct driver *driver, struct object *object,
					uint64_t token, size_t size);
/* Makes memory of the caller's a fresh operation whose end is told to `reply`. */
void operation_prepare(struct operation *operation, struct object *object,
		       void (*reply)(struct operation *operation, int64_t result), void *owner);
/* Undoes create, before accept. */
void operation_discard(struct operation *operation);
void operation_accept(struct operation *operation, enum operation_side side);
/* Hands its request to the backend. */
void operation_submit(struct operation *operation, enum request_code code,
		      void (*done)(struct request *request, int64_t result));
/* The one terminal event. */
void operation_finish(struct operation *operation, int64_t result);
/* The same with a new object's handle; the object is closed when result < 0. */
void operation_finish_child(struct operation *operation, int64_t result);
/* The event that its end will bring, to add to, when no request of it is out any more. */
struct abio_event *operation_event(struct operation *operation);
/* Its event carries a view of its extra memory: it stays until the next poll begins. */
void operation_linger(struct operation *operation);
void operation_end_lingering(struct driver *driver);
void operation_cancel(struct operation *operation);
/* Those that belong to no object, each once, though asking one may end it and others. */
void operation_cancel_homeless(struct driver *driver);
/* Those with that token, of all objects or of one: how many were asked that had not been before. */
uint32_t operation_cancel_token(struct driver *driver, struct object *object, uint64_t token);

static inline struct operation *operation_of(struct request *request)
{
	return container_of(request, struct operation, request);
}

#endif
