/*
 * The one table a backend fills, and the request: one transaction with the system.
 *
 * A request is embedded in whatever wants it (an operation, an object's outbox, its closing), so
 * that accepting it never allocates.  From `start` until its `done` is called it belongs to the
 * backend, and with it the memory it names.  `done` is called exactly once, from inside turn or
 * cancel, on the driver's thread; it may start the request again.  A result >= 0 is what the system
 * returned, < 0 a code of abio; -ECANCELED and would-block never come out of a backend.
 *
 * Freestanding: no header of the system here; backends keep theirs in `scratch`, memory of whatever
 * the request is embedded in, which that does not need while the request is out.
 */
#ifndef ABIO_BACKEND_H
#define ABIO_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abio.h"
#include "list.h"

struct driver;
struct object;
struct view;

#define LENGTH_ROOM 256u

struct kernel_copy {
	int32_t source;
	uint64_t from;
};

enum request_code {
	REQUEST_READ, /* a stream: data/length or iovecs/count */
	REQUEST_WRITE,
	REQUEST_READ_AT, /* a file, at offset */
	REQUEST_WRITE_AT,
	REQUEST_RECEIVE,      /* a stream, into a view of the driver's pool */
	REQUEST_READY,        /* wait for `flags` = ABIO_INTEREST_*; result: ABIO_READY_* */
	REQUEST_RECEIVE_FROM, /* a datagram; data: a msghdr with its names and pieces */
	REQUEST_SEND_TO,
	REQUEST_ACCEPT,  /* result: a descriptor */
	REQUEST_CONNECT, /* data/length: a sockaddr */
	REQUEST_OPEN,    /* data: a path; flags: O_*; length: mode; result: a descriptor */
	REQUEST_SYNC,    /* flags: ABIO_SYNC_* */
	REQUEST_CLOSE,
	REQUEST_TIMER,  /* offset: nanoseconds */
	REQUEST_LENGTH, /* data: LENGTH_ROOM bytes for the backend; result: the length */
	/*
	 * data: a struct kernel_copy, from a file to fd: to a stream, as much as it takes now, or
	 * to a file at offset.  At most `length` bytes; ABIO_E_UNSUPPORTED where this kernel or
	 * these two cannot.  SEND_FILE alone may answer ABIO_WOULD_BLOCK.
	 */
	REQUEST_SEND_FILE,
	REQUEST_COPY_RANGE,
	/* Of objects without a descriptor alone: */
	REQUEST_FLUSH,
	REQUEST_SHUTDOWN,
	REQUEST_SEEK, /* flags: ABIO_SEEK_*, offset: signed; result: the position */
	REQUEST_FILL, /* into object->inbuf; result: how much is there now, 0 at the end */
};

enum request_state {
	REQUEST_IDLE,
	REQUEST_QUEUED,    /* waiting for the next turn; nothing has seen it */
	REQUEST_SUBMITTED, /* the kernel or a worker has it: only completion ends it */
	REQUEST_WAITING,   /* parked in user space: for readiness, a buffer, or a time */
	REQUEST_HELD,      /* it is done, and the kernel still reads its memory */
};

/*
 * In `flags` of a REQUEST_WRITE: its memory may be needed for longer than its result.  Such a
 * request can be done while `held` is not 0.  Who then sets it to REQUEST_HELD leaves its memory
 * alone until `done` is called once more, when the kernel has let go of all of it; who starts it
 * again for the next piece goes on first.
 */
#define REQUEST_MAY_HOLD 1u

#define REQUEST_SCRATCH 7u

struct request {
	struct list link; /* the queue it waits in */
	uint8_t code;
	uint8_t state;
	uint8_t stage; /* the backend's own */
	bool canceled;
	int32_t fd;
	uint32_t flags;
	uint32_t length;
	union {
		void *data;
		struct view *view; /* REQUEST_RECEIVE: what arrived */
	};
	const struct abio_iovec *iovecs;
	uint32_t count;
	union {
		uint32_t worker_state;
		uint32_t held; /* with REQUEST_MAY_HOLD: how many of its sends the kernel has not
				  ended */
	};
	uint64_t offset;
	struct object *object; /* whose fd it is; NULL for open, timer */
	struct driver *driver;
	void (*done)(struct request *request, int64_t result);
	uint64_t *scratch; /* REQUEST_SCRATCH words: a msghdr, a timespec, heap links */
};

struct backend {
	const char *name;
	uint32_t id; /* ABIO_BACKEND_* */

	/* Makes and frees what stands behind driver->backend_state; create sets driver->fd. */
	int32_t (*create)(struct driver *driver, const struct abio_driver_options *options);
	void (*destroy)(struct driver *driver);
	/* In the child of a fork: close descriptors, touch nothing shared. */
	void (*forget)(struct driver *driver);
	/* First use on the thread that now owns the driver.  0 or a code. */
	int32_t (*bind)(struct driver *driver);
	/* The owner thread is dead: end everything in flight without it. */
	void (*inherit)(struct driver *driver);

	/* Whether to ask for REQUEST_MAY_HOLD in a write of that many bytes.  May be NULL: never.
	 */
	bool (*holds)(const struct object *object, uint32_t length);
	void (*start)(struct request *request);
	void (*cancel)(struct request *request);
	/* True when the system has not seen it, and now never will: it is the caller's again. */
	bool (*take_back)(struct request *request);
	/* A poll begins.  May be NULL. */
	void (*begin)(struct driver *driver);
	/* Submits what is queued and collects what is there, once, without waiting. */
	void (*turn)(struct driver *driver);
	/* Whether another turn now would find something to do. */
	bool (*more)(struct driver *driver);
	/* Whether it would find completions: results the host could have now. */
	bool (*collectable)(struct driver *driver);
	/* Whether the fd is readable for certain since the last drain. */
	bool (*signaled)(struct driver *driver);
	/* Makes the fd not readable, unless something has happened that no turn has seen. */
	void (*drain)(struct driver *driver);
	/* Sleeps until the fd is readable or the time is over.  0, or a code of the system. */
	int32_t (*sleep)(struct driver *driver, int64_t timeout_ns);
	/* The views of the last poll are free again. */
	void (*recycle)(struct driver *driver, struct list *views);
	/* Called before an object's fd is closed, detached or moved: forget that fd. */
	void (*unwatch)(struct object *object);
};

extern const struct backend uring_backend;
extern const struct backend epoll_backend;

#endif
