/*
 * Worker threads: for what the system can only do by waiting (files without io_uring, names).
 *
 * A pool belongs to one driver, starts its threads when there is work, and is freed by whoever of
 * driver and threads is last, so that closing a driver waits for nobody.
 */
#ifndef ABIO_WORKERS_H
#define ABIO_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "list.h"

struct driver;
struct workers;

struct job {
	struct list link;
	/* On a worker. */
	void (*perform)(struct job *job);
	/* On the driver's thread afterwards; not called when the job was orphaned. */
	void (*finished)(struct job *job);
	/* On a worker, instead of finished, when the driver is gone. */
	void (*orphaned)(struct job *job);
};

/* The driver's pool, made at first use; NULL without memory. */
struct workers *workers_of(struct driver *driver);
/* Queues a job.  0, or a code when there is no thread to do it and none can be started. */
int32_t workers_submit(struct workers *workers, struct job *job);
/* True when the job had not begun and now never will. */
bool workers_withdraw(struct workers *workers, struct job *job);
/* Runs `finished` of every job that is done. */
void workers_collect(struct workers *workers);
bool workers_pending(struct workers *workers);
/* The driver lets go: jobs not begun are orphaned. */
void workers_release(struct workers *workers);

#endif
