/*
 * Counts what the library asks of the system and of the allocator, while a count is on.
 *
 * Counted is what enters the kernel: every entry of the table of system calls but those of the
 * clock (no kernel), and those that a driver in use does not make (rings being made and ended,
 * threads, names).
 */
#ifndef ABIO_COUNTING_H
#define ABIO_COUNTING_H

#include <stdbool.h>
#include <stdint.h>

#include "sys.h"

void counting_begin(void);
void counting_end(void);
/* Since counting_begin. */
uint64_t counted_calls(void);
uint64_t counted_allocations(void);
uint64_t counted_bytes(void);
/* The host's own system call. */
void count_one(void);

/* Names of entries of the table that are neither counted nor known not to be: "" when there is
 * none. */
const char *counting_misses(void);

/* Seen before each enter, while a count is on. */
extern void (*counting_looks)(struct io_uring *ring);

#endif
