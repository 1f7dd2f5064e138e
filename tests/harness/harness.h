/*
 * The harness of every C suite: cases run once per driver variant (and per kind of stream), with
 * the same expectations everywhere.
 *
 * Around every case it checks that descriptors and live allocations return to what they were, that
 * every accepted operation ended in exactly one terminal event, and that nothing hangs.  Memory
 * lent to a reading operation is poisoned while the library owns it (ASan builds).  It never sleeps
 * for luck: it waits for events, with a deadline that only a defect reaches.
 *
 * Run one case: ABIO_TEST=<part of its name> program.
 */
#ifndef ABIO_HARNESS_H
#define ABIO_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "abio.h"
#include "calls.h"
#include "differences.h"

#define TEST_PATIENCE_NS 60000000000 /* no event for that long is a defect */

struct test_variant {
	const char *name;
	uint32_t backend;
	uint32_t flags;
};

struct test {
	const char *name;
	const struct test_variant *variant;
	abio_driver driver; /* of the variant; 0 in a ONCE case */
	uint32_t kind;      /* of a STREAMS case: ABIO_KIND_TCP, _UNIX, _PIPE or _HOST */
	uint32_t style;     /* of kind HOST: enum test_host_style */
	struct test_private *own;
};

enum test_how {
	TEST_VARIANTS = 0, /* once per driver variant */
	TEST_ONCE = 1,     /* once, without a driver */
	TEST_STREAMS = 2,  /* per variant, over TCP, Unix socket, pipe and both kinds of host */
	TEST_SOCKETS = 4,  /* per variant, over TCP and Unix socket */
	TEST_NATIVE = 8,   /* per variant, over TCP, Unix socket and pipe */
};

/* How a host implements a stream: abio_read_impl.try_read, or start_read, and so on. */
enum test_host_style {
	HOST_TRIES = 1,
	HOST_STARTS = 2,
	HOST_TURNS = 4 /* try style, one over the other: each turns letters by 13 */
};

struct test_case {
	const char *name;
	void (*body)(struct test *t);
	uint32_t how;
};

#define CASE(function)                             \
	{                                          \
#function, function, TEST_VARIANTS \
	}
#define ONCE(function)                         \
	{                                      \
#function, function, TEST_ONCE \
	}
#define STREAMS(function)                         \
	{                                         \
#function, function, TEST_STREAMS \
	}
#define NATIVE(function)                         \
	{                                        \
#function, function, TEST_NATIVE \
	}
#define SOCKETS(function)                         \
	{                                         \
#function, function, TEST_SOCKETS \
	}

/* Runs them, prints cmocka's counts and `N passed, N failed, N skipped`; the number that failed. */
int test_run(const char *suite, const struct test_case *cases, size_t count);
#define TEST_MAIN(suite, cases)                                                                 \
	int main(void)                                                                          \
	{                                                                                       \
		return test_run(suite, cases, sizeof(cases) / sizeof((cases)[0])) == 0 ? 0 : 1; \
	}

extern const struct test_variant test_variants[3];
extern unsigned int test_watchdog_seconds;

/* Ends the case as neither passed nor failed. */
void test_skip(struct test *t, const char *reason);

/* What is counted. */
int test_open_fds(void);
int64_t test_live_allocations(void);
/* Waits until other threads have freed what they hold: at most `live` allocations.  False: never.
 */
bool test_wait_for_allocations(int64_t live);

/* ---- memory ---------------------------------------------------------------------------------- */

/* Zeroed, freed when the case is over and the driver closed: safe to lend also when the case fails.
 */
void *test_memory(struct test *t, size_t size);
/* Freshly mapped, never committed until touched; unmapped when the case is over. */
void *test_vast_memory(struct test *t, size_t size);
/* A pattern that depends on every position, and where it first differs (or `length`). */
void test_fill(void *data, size_t length, uint64_t position);
size_t test_matches(const void *data, size_t length, uint64_t position);
#define assert_pattern(data, length, position) \
	assert_int_equal(test_matches(data, length, position), length)

/* ---- drivers --------------------------------------------------------------------------------- */

/* Another driver of the variant, with more flags; closed with the case.  Skips where it cannot be.
 */
abio_driver test_driver(struct test *t, uint32_t more_flags);
abio_driver test_driver_with(struct test *t, const struct abio_driver_options *options);
/* Shuts down, takes every event, closes.  A test may do it itself before. */
void test_driver_end(struct test *t, abio_driver driver);
/* The driver is gone already (closed or abandoned by the test). */
void test_driver_gone(struct test *t, abio_driver driver);
bool test_is_uring(const struct test *t);
/* Whether the variant is the one that a row of differences.h speaks of. */
bool test_differs(const struct test *t, enum test_difference row);

/* ---- operations and events ------------------------------------------------------------------- */

/* START(t, abio_read, io, data, length, 0): starts with a fresh token, asserts that it was
 * accepted, returns the token. */
#define START(t, function, ...) test_started(t, function(__VA_ARGS__, test_token(t)))
/* START_INLINE(t, &token, abio_read, io, data, length): the answer; the token is owed an event only
 * when that is ABIO_PENDING. */
#define START_INLINE(t, token, function, ...) \
	test_started_inline(t, token, function(__VA_ARGS__, ABIO_START_INLINE, test_token(t)))

uint64_t test_token(struct test *t);
uint64_t test_started(struct test *t, int32_t result);
int32_t test_started_inline(struct test *t, uint64_t *token, int32_t result);
/* An operation that was started with a token of the test's own is owed its event. */
void test_owed(struct test *t, uint64_t token);
/* The memory that the next start lends for reading into; poisoned from now until its event. */
void test_lend(struct test *t, void *data, size_t length);
void test_lend_iovecs(struct test *t, const struct abio_iovec *iovecs, uint32_t count);

/* What this operation's event shows are addresses, until the next poll. */
void test_resolving(struct test *t, uint64_t token);

/* The next event of the driver, in order, waiting for it.  Views that end with the next poll are
 * copied into test memory; those of fill_buf and reserve stay where they are. */
struct abio_event test_event(struct test *t);
struct abio_event test_event_on(struct test *t, abio_driver driver);
/* The terminal event of an operation; what comes before it for others is kept for them. */
struct abio_event test_finish(struct test *t, uint64_t token);
struct abio_event test_finish_on(struct test *t, abio_driver driver, uint64_t token);
/*
 * The event with its result, which may come ahead of the terminal one that brings the buffer: then
 * it says ABIO_EVENT_MORE.
 */
struct abio_event test_ahead(struct test *t, uint64_t token);
/* Its result. */
int64_t test_result(struct test *t, uint64_t token);
/* Takes what is there without waiting, for later; how many events. */
uint32_t test_gather(struct test *t);
/* Nothing has happened: a poll gives no event. */
void test_quiet(struct test *t);
/* Submits and takes what is there now; true when an event of that token has come. */
bool test_has_come(struct test *t, uint64_t token);
/* For a test that polls by itself: counts what it got. */
void test_saw(struct test *t, const struct abio_event *event);

/* START with lending. */
uint64_t test_read(struct test *t, abio_io io, void *data, uint32_t length);
uint64_t test_read_exact(struct test *t, abio_io io, void *data, uint32_t length);
uint64_t test_readv(struct test *t, abio_io io, const struct abio_iovec *iovecs, uint32_t count);
uint64_t test_read_at(struct test *t, abio_io io, void *data, uint32_t length, uint64_t offset);

/* ---- objects and their peers ----------------------------------------------------------------- */

/* Released with the case, an io or a buffer.  Those that events and the functions below bring are
 * known already. */
void test_own(struct test *t, abio_io io);
/* A raw descriptor, closed with the case. */
int test_own_fd(struct test *t, int fd);
void test_close_fd(struct test *t, int fd);

/* A stream of t->kind: what is written to `writer` is read from `reader`.  Both are full streams
 * where the kind is. */
void test_stream(struct test *t, abio_io *reader, abio_io *writer);
/* The same with a raw, blocking descriptor at the other end. */
int test_reader(struct test *t, abio_io *reader);
int test_writer(struct test *t, abio_io *writer);
/* Of a given kind: raw, reading end first. */
void test_raw_pair(struct test *t, uint32_t kind, int fds[2]);
abio_io test_adopt(struct test *t, abio_driver driver, int fd);
int test_fd_of(abio_io io);
/* Blocking, whole, on raw descriptors. */
void test_send(int fd, const void *data, size_t length);
void test_receive(int fd, void *data, size_t length);
/* The same while the driver goes on, as a host would: watching both descriptors. */
void test_pull(struct test *t, int fd, void *data, size_t length);
/* The end of the stream has come at a raw descriptor; the driver goes on until then. */
void test_pull_end(struct test *t, int fd);
/* Both buffers of a socket or pipe as small as the system lets them be. */
void test_make_small(int fd);
/* Writes with try_write until the stream takes no more; how much. */
uint64_t test_stuff(abio_io writer);
/* The next thing the peer of a TCP socket sees is a reset. */
void test_reset(struct test *t, int fd);

/* A path for a file of this case, removed with it. */
const char *test_path(struct test *t);
/* An open file; `flags` ABIO_OPEN_*, both directions when `access` is 0. */
abio_io test_file(struct test *t, const char *path, uint32_t flags, uint32_t access);

#endif
