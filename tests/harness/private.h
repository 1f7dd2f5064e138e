/* What the parts of the harness know of a running case. */
#ifndef ABIO_HARNESS_PRIVATE_H
#define ABIO_HARNESS_PRIVATE_H

#include "harness.h"

#if defined(__SANITIZE_ADDRESS__)
#define TEST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TEST_ASAN 1
#endif
#endif
#ifndef TEST_ASAN
#define TEST_ASAN 0
#endif

#define DRIVERS_MAX 64

struct loan {
	void *data;
	size_t length;
	uint64_t token;
	bool bound; /* to a token; else the next start takes it */
	struct loan *next;
};

struct owed {
	uint64_t token;
	uint32_t count;
};

struct kept {
	struct abio_event event;
	abio_driver driver;
	struct kept *next;
};

struct piece {
	void *memory;
	size_t mapped; /* 0: from malloc */
	struct piece *next;
};

struct test_private {
	const struct test_case *definition;
	bool passed;
	bool skipped;
	int fds_before;
	int64_t live_before;
	uint64_t threads_before;
	uint8_t fd_open[4096]; /* which descriptors were open before */
	uint64_t last_token;
	uint64_t resolving; /* whose view is of addresses */
	abio_driver drivers[DRIVERS_MAX];
	uint32_t driver_count;
	struct owed *owed;
	size_t owed_count;
	size_t owed_room;
	struct loan *loans;
	struct kept *kept;
	struct kept **kept_end;
	struct piece *pieces;
	abio_io *ios;
	size_t io_count;
	size_t io_room;
	int *own_fds;
	size_t fd_count;
	size_t fd_room;
	char **paths;
	size_t path_count;
	struct host_stream **hosts;
	size_t host_count;
	size_t host_room;
	uint8_t host_fd[4096]; /* raw descriptors that a stream of kind HOST stands over */
	uint32_t surprises;    /* terminal events nobody was owed */
};

/* events.c */
int32_t events_create_driver(struct test *t, const struct abio_driver_options *options,
			     abio_driver *driver);
/* Ends every driver of the case; the first complaint, or NULL. */
const char *events_end(struct test *t);
void events_poison_hooks(void);

/* streams.c */
void streams_release(struct test *t);
void streams_close(struct test *t);

/* calls.c */
void calls_begin(const struct test *t);
void calls_write(const char *suite);
/* Over an object that a host implements. */
bool test_is_host(const struct test *t);

/* hosts.c */
/* A stream that a host implements over `inner`, which it takes. */
abio_io hosts_wrap(struct test *t, abio_driver driver, abio_io inner);
/* What is under it, or 0. */
abio_io hosts_inner(abio_io io);
/* Deals with an event that is not the case's but a host's. */
bool hosts_take(struct test *t, const struct abio_event *event);
const char *hosts_end(struct test *t);
/* Why a case of every stream does not run over those of a host's, or NULL. */
const char *hosts_cannot(const struct test *t);
/* The case that has streams of a host's, which move only while their driver is polled. */
struct test *hosts_case(void);

/* harness.c */
void *grown(void *array, size_t count, size_t *room, size_t size);

#endif
