/*
 * Every test of this room runs in a child process, so that a signal, a hang or a leak is the
 * failure of one named test and nothing else.
 *
 * A body says what is wrong with `need` or `child_fail`, which end the child; the words come back
 * through shared memory.  A test ends on the line that counts: tally_end.
 */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "abio.h"

struct variant {
	const char *name;
	uint32_t backend;
	uint32_t flags;
};
#define VARIANTS 3
extern const struct variant variants[VARIANTS];
/* Those that work here: without io_uring, epoll alone. */
bool variant_works(const struct variant *variant);

enum {
	CHILD_OK = 0,
	CHILD_DIED = -1
};

/* Runs `body` in a child with an alarm; what it returned, or CHILD_DIED. */
int child_run(unsigned int seconds, int (*body)(void *argument), void *argument);
/* What the last child that failed had to say. */
const char *child_said(void);
void child_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
#define need(condition)                                                                  \
	do {                                                                             \
		if (!(condition))                                                        \
			child_fail("%s:%d: not so: %s", __FILE__, __LINE__, #condition); \
	} while (0)
#define need_equal(given, wanted)                                                                  \
	do {                                                                                       \
		int64_t given_ = (given);                                                          \
		int64_t wanted_ = (wanted);                                                        \
		if (given_ != wanted_)                                                             \
			child_fail("%s:%d: %s is %lld (%s), not %lld", __FILE__, __LINE__, #given, \
				   (long long)given_,                                              \
				   given_ < 0 ? abio_error_name((int32_t)given_) : "a value",      \
				   (long long)wanted_);                                            \
	} while (0)

void tally(bool passed, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tally_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Prints the counts; what main returns. */
int tally_end(void);

/* Descriptors that are open now; their names, for a message, into `text`. */
int open_fds(void);
void describe_fds(char *text, size_t size);
/* Threads that the system still runs, also those that have let go of all they had. */
int threads(void);
/*
 * Descriptors are what they were and every allocation since faults_install is released; worker
 * threads, which end by themselves a moment after their driver, are waited for.
 */
void need_nothing_left(int fds, const char *before);

/* ---- for bodies that use a driver ------------------------------------------------------------ */

/* A test over one variant: its child checks descriptors and allocations around the body. */
void run_on(const struct variant *variant, const char *name, void (*body)(const struct variant *));
void run_on_all(const char *name, void (*body)(const struct variant *));

abio_driver new_driver(const struct variant *variant);
/* Shuts down, takes all events, closes. */
void end_driver(abio_driver driver);
/* The next event, within a minute. */
struct abio_event next_event(abio_driver driver);
/* The terminal event of a token; all others are dropped. */
struct abio_event finish(abio_driver driver, uint64_t token);
/* Connected over loopback; `kind` ABIO_KIND_TCP, _UNIX or _PIPE (then [0] reads and [1] writes). */
void raw_pair(uint32_t kind, int fds[2]);
void new_pair(abio_driver driver, uint32_t kind, abio_io ios[2]);
/* A new empty file, unlinked already, adopted. */
abio_io new_file(abio_driver driver);

#endif
