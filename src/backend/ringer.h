/*
 * What rings a socket of the host's when the driver's fd becomes readable: abio_driver_doorbell.
 *
 * The kernel signals the fd itself, so somebody has to wait on it: one thread, which touches
 * nothing of the driver's.  The record is freed by whoever of driver and thread is last, so that
 * letting go waits for nobody.
 */
#ifndef ABIO_RINGER_H
#define ABIO_RINGER_H

struct ringer;

/* What makes the fd readable from here on is told; a poll calls it before it looks at anything. */
void ringer_listen(struct ringer *ringer);
/* The driver lets go; NULL is nothing. */
void ringer_release(struct ringer *ringer);
/* In the child of a fork, where its thread is not: NULL is nothing. */
void ringer_forget(struct ringer *ringer);

#endif
