/*
 * What the soak programs share: seeds, patterns, counted memory, driver variants, and the hosts
 * that do nothing but watch the one fd.
 *
 * A failure is reported once, with its word ("asleep", "spinning", "event", "bytes", "leak",
 * "refused"); the mutants are told apart by these words.
 */
#ifndef ABIO_SOAK_H
#define ABIO_SOAK_H

#include <stdbool.h>
#include <stdint.h>

#include "abio.h"

/* ---- seeds and patterns -----------------------------------------------------------------------
 */

struct rng {
	uint64_t state;
};
uint64_t rng_next(struct rng *rng);
uint32_t rng_below(struct rng *rng, uint32_t limit);
static inline bool rng_one_in(struct rng *rng, uint32_t n)
{
	return rng_below(rng, n) == 0;
}

/* The byte at a position of the stream with that serial number. */
static inline uint8_t pattern_at(uint32_t serial, uint64_t position)
{
	return (uint8_t)(position * 131 + (position >> 8) * 17 + serial * 29 + 7);
}
void pattern_fill(uint8_t *data, uint64_t length, uint32_t serial, uint64_t position);
bool pattern_is(const uint8_t *data, uint64_t length, uint32_t serial, uint64_t position);

/* ---- ownership --------------------------------------------------------------------------------
 */

/* ASan: touching it is an error from now on; without ASan nothing happens. */
void poison(void *data, uint64_t length);
void unpoison(void *data, uint64_t length);
bool has_poison(void);

/* ---- the process ------------------------------------------------------------------------------
 */

extern bool soak_long;       /* ABIO_SOAK=long, or an argument `long` */
extern bool soak_impatient;  /* ABIO_SOAK=first: ends at the first failure */
extern int soak_deadline_ms; /* how long a host sleeps before it looks whether it was lied to */

void soak_setup(int argc, char **argv);
/* One numbered thing that passes or fails; `text` is printed when it failed. */
void soak_result(bool passed, const char *format, ...) __attribute__((format(printf, 2, 3)));
void soak_skipped(const char *format, ...) __attribute__((format(printf, 1, 2)));
int soak_end(void);
/* Does nothing but end the process when one test never ends. */
void soak_watchdog(unsigned int seconds);

int64_t clock_ns(void);
int open_fds(void);
uint32_t open_fds_max(void);
int64_t live_allocations(void);
uint64_t live_bytes(void);
uint64_t allocations_made(void);
/* Worker threads take a moment to go: waits for it, a minute at most. */
bool allocations_return_to(int64_t live);

/* ---- drivers and hosts -------------------------------------------------------------------------
 */

struct variant {
	const char *name;
	uint32_t backend;
	uint32_t flags;
};
#define VARIANT_COUNT 3
extern const struct variant variants[VARIANT_COUNT];

/* 0 where the machine has no io_uring. */
abio_driver variant_driver(const struct variant *variant, uint32_t more_flags,
			   uint32_t completions);

enum host_kind {
	HOST_LEVEL,     /* epoll, level-triggered */
	HOST_EDGE,      /* epoll, edge-triggered, polls until 0 */
	HOST_EDGE_FLAG, /* epoll, edge-triggered, ABIO_DRIVER_EDGE, polls once per wake */
	HOST_POLL,
	HOST_SELECT,
	HOST_DOORBELL, /* watches a socket that abio_driver_doorbell rings, polls until 0 */
	HOST_SPIN,     /* never sleeps: polls without being asked to */
	HOST_COUNT,
};
extern const char *const host_names[HOST_COUNT];

struct host {
	enum host_kind kind;
	int fd; /* the driver's: it decides who lied */
	int epoll;
	int bell; /* the end of the socket that it watches */
};
bool host_open(struct host *host, enum host_kind kind, abio_driver driver);
/* Is told once, and polls until 0. */
static inline bool host_is_edge(enum host_kind kind)
{
	return kind == HOST_EDGE || kind == HOST_DOORBELL;
}
/* True: the host was told to poll.  False: the time is over. */
bool host_sleep(const struct host *host, int timeout_ms);
void host_close(struct host *host);
bool fd_readable(int fd);

#endif
