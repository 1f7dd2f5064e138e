/* An object that a host implements, whose slots do as a case says. */
#ifndef ABIO_TEST_HOST_SCRIPT_H
#define ABIO_TEST_HOST_SCRIPT_H

#include "harness.h"

/* An object whose slots answer as a test says, and keep a record of what they were asked. */
struct scripted {
	struct test *t;
	abio_io io;
	int32_t answer; /* of the next slot */
	int32_t later;  /* of those after it */
	void (*during)(struct scripted *host);
	uint64_t op;       /* of the last start_ slot */
	uint64_t canceled; /* the last one asked to end */
	uint32_t interest;
	uint32_t calls;
	uint32_t closes;
	uint32_t cancels;
	uint32_t interests;
	uint32_t fills;
	uint32_t consumed;
	const void *data;
	uint32_t length;
	uint32_t pieces;
	uint32_t whence;
	int64_t offset;
	uint64_t value; /* a position, or an io */
	int64_t seen;   /* by `during` */
	uint64_t token;
	char memory[32];
};

/* Tables, named after what their slots do. */
extern const struct abio_read_impl script_tries_reading;
extern const struct abio_read_impl script_tries_pieces;
extern const struct abio_read_impl script_starts_reading;
extern const struct abio_write_impl script_tries_writing;
extern const struct abio_write_impl script_tries_flushing;
extern const struct abio_write_impl script_starts_writing;
extern const struct abio_write_impl script_starts_flushing;
extern const struct abio_object_impl script_cancels;
extern const struct abio_object_impl script_closes;
extern const struct abio_object_impl script_is_told;
extern const struct abio_buf_read_impl script_fills;
extern const struct abio_seek_impl script_seeks;
extern const struct abio_read_at_impl script_reads_at;
extern const struct abio_write_at_impl script_writes_at;
extern const struct abio_accept_impl script_tries_accepting;
extern const struct abio_accept_impl script_starts_accepting;

/* Up to three tables: what abio_object_create says. */
int32_t script_create(struct test *t, const void *first, const void *second, const void *third,
		      struct scripted *host);
/* The same, created; the RELEASED event of the object has `user` as its token. */
struct scripted *script_make(struct test *t, const void *first, const void *second,
			     const void *third);
/* Start one: its token. */
uint64_t script_reading(struct scripted *host, uint32_t length);
uint64_t script_writing(struct scripted *host, uint32_t length);

#endif
