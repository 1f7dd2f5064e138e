/*
 * Objects: what stands behind an io handle.
 *
 * An object is OPEN, then CLOSING (no new operations; those in flight end, the outbox is sent),
 * then CLOSED (no descriptor).  It is freed when it is CLOSED and its handle has no reference left.
 * Its descriptor is closed only when no request names it.
 */
#ifndef ABIO_OBJECT_H
#define ABIO_OBJECT_H

#include "backend.h"
#include "driver.h"
#include "slots.h"

enum object_state {
	OBJECT_OPENING,
	OBJECT_OPEN,
	OBJECT_CLOSING,
	OBJECT_CLOSED
};

/* What a kind of object can do.  A slot that is NULL is ABIO_E_UNSUPPORTED. */
struct object_class {
	const char *name;
	uint32_t kind;   /* ABIO_KIND_* */
	bool socket;     /* recv and send instead of read and write */
	bool positional; /* a file: transfers at a cursor */
	bool slow_close; /* closing may wait for a device: left to the backend */
	uint32_t caps;   /* ABIO_CAP_* */
	/*
	 * An object without a descriptor: `perform` does one of its requests, from inside a turn;
	 * it ends it with request_finish, or keeps it as SUBMITTED or WAITING until later.
	 * `withdraw` asks one that was kept to end; it may end now or later.  NULL: requests go to
	 * the backend.
	 */
	void (*perform)(struct request *request);
	void (*withdraw)(struct request *request);
	/*
	 * BufRead of an object without a descriptor, which answers REQUEST_FILL too: try_fill puts
	 * bytes into object->inbuf when there are none (inbuf_show), without waiting: how many, 0
	 * at the end, ABIO_WOULD_BLOCK or a code.  `consumed` is told of bytes it has shown that
	 * are done with: 0 or a code.  Both may be NULL.
	 */
	int64_t (*try_fill)(struct object *object);
	int32_t (*consumed)(struct object *object, uint32_t count);
	/* Lets go of object->own, when the object is freed. */
	void (*dispose)(struct object *object);
	/* In the child of a fork: lets go of the child's copies of descriptors.  May be NULL. */
	void (*forget)(struct object *object);
	/* The driver ends: drops its holds on other objects, which end too.  May be NULL. */
	void (*end)(struct object *object);
	/* The required primitives of a stream: a count, 0 at the end, or a code.  Never wait. */
	int64_t (*try_readv)(struct object *object, const struct abio_iovec *iovecs,
			     uint32_t count);
	int64_t (*try_writev)(struct object *object, const struct abio_iovec *iovecs,
			      uint32_t count);
	/* Of a file, at an offset, from memory only: a hint. */
	int64_t (*try_readv_at)(struct object *object, const struct abio_iovec *iovecs,
				uint32_t count, uint64_t offset);
	int32_t (*ready_now)(struct object *object, uint32_t interest);
	int32_t (*shutdown_write)(struct object *object);
	/*
	 * Of an object without a descriptor that seeks: where it stands, behind what it has
	 * given away to its inbuf (inbuf_ahead) and before what is in its outbox.  0 or a code.
	 */
	int32_t (*position)(struct object *object, uint64_t *position);
	/*
	 * Bytes of `extra` that an operation which is passed on to the object needs: the system's
	 * answer, or the operations underneath.
	 */
	uint32_t reserve;
	/* Whether what the object itself holds back is out: 0, ABIO_WOULD_BLOCK or a code.  May be
	 * NULL. */
	int32_t (*try_flush)(struct object *object);
	const struct ready_slots *ready;
	const struct read_slots *read;
	const struct write_slots *write;
	const struct buf_read_slots *buf_read;
	const struct buf_write_slots *buf_write;
	const struct read_at_slots *read_at;
	const struct write_at_slots *write_at;
	const struct accept_slots *accept;
	const struct owned_read_slots *owned_read;
	const struct owned_write_slots *owned_write;
	const struct seek_slots *seek;
	const struct split_slots *split;
	const struct datagram_slots *datagram;
};

/* What the readiness backend keeps about a descriptor. */
struct watch {
	struct list waiting; /* requests */
	uint32_t armed;
	bool registered;
	bool standing; /* armed for every arrival, not for the next alone */
	bool emptied;  /* the last receive took all there was: wait, do not ask */
};

/* Closing what has to wait for it, reserved when the object is made. */
struct close_request {
	struct request request;
	struct object *object;
	uint64_t scratch[REQUEST_SCRATCH];
};

struct object {
	const struct object_class *class;
	uint64_t id;
	struct driver *driver; /* NULL once its driver is closed */
	struct list in_driver;
	struct list in_inbox;
	struct list operations;
	struct operation *reader;
	struct operation *writer;
	struct operation *closer;
	struct outbox *outbox;
	struct inbuf *inbuf; /* bytes read ahead; NULL until there could be some */
	void *own;           /* what the class keeps */
	uint64_t cursor;
	int32_t fd;
	uint32_t users; /* adapters that hold it: not references, which a host could release */
	uint8_t state;
	bool released;         /* the last reference is gone */
	bool arriving;         /* moved in from another driver, still in the inbox */
	bool mailed;           /* its last release is in the inbox: both under handle_lock */
	bool closing;          /* the close request is out */
	uint8_t hold;          /* settling waits: its lists are being walked */
	bool restore_blocking; /* adopted, and O_NONBLOCK was set then: see resource/shared.c */
	bool restore_position; /* adopted: the cursor came from the descriptor, and goes back */
	bool abort;            /* drop the outbox instead of sending it */
	int32_t close_result;
	uint64_t inode; /* of an adopted file, pipe or terminal; else 0 */
	struct watch watch;
	struct close_request *close_request; /* NULL where closing never waits */
};

/* An object with a handle (one reference), in state OPENING.  NULL without memory. */
struct object *object_create(struct driver *driver, const struct object_class *class);
/* Everything but its handle and driver. */
void object_init(struct object *object, const struct object_class *class);
/* Gives it a handle with one reference, and what closing it takes: 0, or no memory.  And back. */
int32_t object_name(struct object *object, struct slot *home);
void object_unname(struct object *object);
/* OPENING to OPEN; fd is -1 where the class has no descriptor. */
void object_open(struct object *object, int32_t fd);
/* An object nobody was told of: closes its descriptor and frees it. */
void object_discard(struct object *object);
/* Begins to close.  `closer`, if any, is finished when it is closed. */
void object_close(struct object *object, struct operation *closer);
/* The outbox is given up, and what a close waits for; what waits for them goes on. */
void object_abort(struct object *object);
/* Something of the object ended: closes or frees it when it was waiting for that. */
void object_settle(struct object *object);
/* The last reference is gone. */
void object_unreferenced(struct object *object);
/* The child of a fork let go of the last reference it inherited. */
void object_forget(struct object *object);
/* The driver is going away: closes the descriptor of an idle object at once. */
void object_end(struct object *object);
bool object_idle(const struct object *object);

/* The system's half, in resource/: closes a descriptor, without waiting; 0 or a code. */
int32_t resource_close(int32_t fd);
/* Before that, or before it goes back to the host: undoes what adopting it changed. */
void resource_leave(struct object *object);

#endif
