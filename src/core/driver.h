/*
 * The driver: operations in flight, the event queue, and the pump that makes its fd tell the truth.
 *
 * Invariants: everything but `inbox`, `wake` and the doorbell is touched by the owner thread only;
 * the fd is readable whenever a poll would do something, which is what `hot`, `rung` and the order
 * inside driver_turn are about (driver.c).
 */
#ifndef ABIO_DRIVER_H
#define ABIO_DRIVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "abio.h"
#include "handle.h"
#include "list.h"

#define DRIVER_TOKEN_BUCKETS 1024u

struct backend;
struct buffer_pool;
struct operation;
struct doorbell;
struct pool;
struct ringer;

/* An event waiting to be polled.  `consumed` runs when the host has it. */
struct event_node {
	struct list link;
	struct abio_event event;
	void (*consumed)(struct event_node *node);
};

struct driver {
	struct slot *slot;
	uint64_t id;
	const struct backend *backend;
	void *backend_state;
	struct doorbell *doorbell;
	int32_t fd;              /* the pollable one */
	struct workers *workers; /* NULL until first used */
	struct ringer *ringer;   /* NULL: the host watches the fd itself */
	struct pool *pool;       /* NULL until first used */
	struct list objects;
	struct list operations; /* accepted, not finished, of no object */
	struct list events;     /* finished, not delivered */
	struct list views;      /* handed out by the last poll */
	struct list lingering;  /* operations whose events carried a view */
	struct list local;      /* requests of objects without a descriptor */
	struct list dirty;      /* outboxes with something to send */
	struct list inbox; /* objects released or moved in from other threads; under handle_lock */
	struct list wrapped;  /* buffers of the host's memory; under handle_lock */
	struct list returned; /* those that other threads let go of last; under handle_lock */
	struct buffer_pool *buffers; /* what abio_buffer_draw takes from; NULL without */
	struct list spare;           /* operations to use again */
	struct list blocks;          /* outbox blocks to use again */
	uint32_t spare_count;
	uint32_t block_count;
	uint32_t flags;
	uint32_t workers_max;
	uint32_t in_flight;
	uint32_t background; /* requests without an operation: outboxes sending, closes */
	uint32_t undelivered;
	uint32_t in_host;         /* slots of objects that a host implements, being called now */
	uint32_t hosts;           /* such objects whose `user` has not gone home */
	uint64_t host_operations; /* the last number of one of theirs */
	int32_t fallback_error;
	int32_t failure; /* the system refuses to go on: what poll answers */
	uint32_t moved;  /* bytes this poll has moved inside operations that go on */
	bool shut;
	bool polling;
	bool gone; /* under handle_lock: nothing may be sent here any more */
	bool hot;  /* the fd stays readable until a poll returns 0 */
	bool rung; /* we wrote the doorbell since the last drain */
	_Atomic uint32_t wake;
	_Atomic uint32_t mail; /* inbox is not empty */
	char reason[104];
	struct list tokens[DRIVER_TOKEN_BUCKETS];
};

/* The doorbell outlives the driver while another thread still holds it. */
struct doorbell {
	_Atomic uint32_t references;
	int32_t fd;
};
void doorbell_ring(struct doorbell *doorbell);
void doorbell_release(struct doorbell *doorbell);
/* In the child of a fork: nobody else holds this copy of it. */
void doorbell_forget(struct doorbell *doorbell);

/* Zeroed memory becomes a driver without a backend. */
void driver_init(struct driver *driver);
/* There is something for the next poll.  Costs a system call only when the fd is cold. */
void driver_signal(struct driver *driver);
void driver_post(struct driver *driver, struct event_node *node);
/* Takes in objects that other threads released or moved here. */
void driver_open_mail(struct driver *driver);
/* The views of the last poll end. */
void driver_recycle(struct driver *driver);
/* Something is still with the system. */
bool driver_working(const struct driver *driver);
/* Frees what the last reference to a driver keeps. */
void driver_free(struct slot *slot);
/* Lets the calling thread use the driver: pins it, refuses others.  0 or a code. */
int32_t driver_enter(struct slot *home);

#endif
