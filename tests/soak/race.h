/*
 * Cancel against a peer that is at it right now: what the races share.
 *
 * A lent buffer has canaries around it and behind what was reported.  While it is lent, ASan builds
 * poison it on io_uring, where only the kernel may touch it; on epoll, where the library itself
 * reads into it, its surroundings.  When it is home it is poisoned until it is lent again.
 */
#ifndef ABIO_RACE_H
#define ABIO_RACE_H

#include <pthread.h>
#include <stdatomic.h>

#include "soak.h"

#define LENT_MAX   512u
#define LENT_GUARD 64u
#define LENT_COUNT 8u

struct lent {
	uint8_t before[LENT_GUARD];
	uint8_t data[LENT_MAX];
	uint8_t behind[LENT_GUARD];
};

struct race {
	const char *name;
	const struct variant *variant;
	abio_driver driver;
	abio_io io;
	int peer; /* the other end, blocking */
	struct rng rng;
	uint64_t seed;
	uint64_t count; /* cancels to race */
	uint64_t token; /* of the operation in flight; a fresh one for each */
	bool failed;
	uint64_t moved;         /* bytes the host has, or has given */
	_Atomic uint64_t there; /* bytes the peer has written, or has read */
	_Atomic bool stop;
	_Atomic bool peer_failed;
	uint64_t won;      /* ended with a result of its own */
	uint64_t canceled; /* ended with ABIO_E_CANCELED and nothing moved */
	uint64_t partial;  /* ended with ABIO_E_CANCELED and something moved */
	struct lent lent[LENT_COUNT];
	uint32_t next_lent;
};

bool race_fail(struct race *race, const char *word, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A driver, a Unix stream and its peer; `small`: with small buffers. */
struct race *race_open(const char *name, const struct variant *variant, uint64_t seed,
		       uint64_t count, bool small);
/* Go on: the cancels are not all made, or one side has hardly won yet (that is no race). */
bool race_goes_on(const struct race *race, bool partial_expected);
/* Reports. */
bool race_close(struct race *race, bool partial_expected);

uint8_t *race_lend(struct race *race, uint32_t length);
/* It is home with `progress` bytes of the stream at its start: checks and counts them. */
bool race_home(struct race *race, uint32_t length, uint64_t progress);

/* One event of the driver; false after a minute without. */
bool race_event(struct race *race, struct abio_event *event);
/* Something between a start and its cancel.  True: the operation has ended by it. */
bool race_linger(struct race *race, struct abio_event *event);
/* Counts how it ended, checks the token. */
bool race_ended(struct race *race, const struct abio_event *event);
void race_spin(struct rng *rng, uint32_t most);

/* race_stream.c, race_accept.c, race_shutdown.c: one race each, from its opening to its report. */
bool race_read(const struct variant *variant, uint64_t seed, uint64_t count);
bool race_read_exact(const struct variant *variant, uint64_t seed, uint64_t count);
bool race_receive(const struct variant *variant, uint64_t seed, uint64_t count);
bool race_write_all(const struct variant *variant, uint64_t seed, uint64_t count);
bool race_accept(const struct variant *variant, uint64_t seed, uint64_t count);
bool race_shutdown(const struct variant *variant, uint64_t seed, bool polled);

#endif
