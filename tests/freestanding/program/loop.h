/*
 * What the cases share: a count of what passed, events by token, and the loop: an object of memory
 * alone, implemented as any host would, that gives back what was written to it.
 */
#ifndef FREESTANDING_LOOP_H
#define FREESTANDING_LOOP_H

#include <string.h>

#include "abio.h"
#include "machine.h"

struct loop {
	uint8_t bytes[4096];
	uint32_t capacity; /* how much it takes before it says "not now" */
	uint32_t step;     /* how much one call moves */
	uint32_t start;
	uint32_t count;
	bool ended;
	int32_t answer; /* if not 0, what the next slot answers */
	abio_io io;
	uint32_t released; /* how often `user` came home */
};

/* Fails the running case. */
void expect(bool condition, const char *text, int line);
#define EXPECT(condition) expect(condition, #condition, __LINE__)
#define EXPECT_EQUAL(actual, wanted) \
	expect_equal((int64_t)(actual), (int64_t)(wanted), #actual, __LINE__)
void expect_equal(int64_t actual, int64_t wanted, const char *text, int line);

/* The terminal event of that token, and its result.  Others are kept. */
struct abio_event finish(abio_driver driver, uint64_t token);
int64_t result_of(abio_driver driver, uint64_t token);
/* Nothing more happens by itself. */
void quiet(abio_driver driver);
/* A token of no other operation. */
uint64_t fresh(void);
/* Starts and returns the token. */
#define START(function, ...) started(function(__VA_ARGS__, fresh()))
uint64_t started(int32_t result);

/* An io over `loop`; released with the case. */
abio_io make_loop(abio_driver driver, struct loop *loop, uint32_t capacity, uint32_t step);
abio_io own(abio_io io);
/* Forgets what the case before had. */
void reset_cases(void);
abio_buffer buffer_with(const char *text, uint32_t capacity);
struct abio_buffer_state state_of_buffer(abio_buffer buffer);

struct freestanding_case {
	const char *name;
	void (*body)(abio_driver driver);
};

extern const struct freestanding_case stream_cases[];
extern const uint32_t stream_case_count;
extern const struct freestanding_case core_cases[];
extern const uint32_t core_case_count;
/* Every row of the misuse of every function. */
void run_misuse(uint32_t *passed, uint32_t *failed);

#endif
