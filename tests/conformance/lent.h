/* What the cases about buffers share. */
#ifndef ABIO_TEST_LENT_H
#define ABIO_TEST_LENT_H

#include "harness.h"

/* Released with the case. */
abio_buffer lent_buffer(struct test *t, uint32_t capacity);
/* The same, filled with the pattern from position 0. */
abio_buffer lent_pattern(struct test *t, uint32_t length);
struct abio_buffer_state lent_state(abio_buffer buffer);
uint8_t *lent_data(abio_buffer buffer);
/* The terminal event, which brings the buffer home. */
struct abio_event lent_finish(struct test *t, uint64_t token, abio_buffer buffer);
/* The result of a write, from the event that brings it first; the buffer may be away still. */
struct abio_event lent_result(struct test *t, uint64_t token, abio_buffer buffer);
/* Its terminal event after that, with the same result. */
void lent_return(struct test *t, struct abio_event *ahead, abio_buffer buffer);
/* How often the kernel was given that address (or a place in the `length` bytes behind it) while an
 * operation went on; and bytes that were copied are not counted. */
void lent_watch(const void *address, size_t length);
uint64_t lent_seen(void);

#endif
