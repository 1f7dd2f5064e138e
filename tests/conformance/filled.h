/* What the suites of BufRead share: filling, consuming, buffers that lines go to. */
#ifndef ABIO_FILLED_H
#define ABIO_FILLED_H

#include "harness.h"

struct abio_event filled_show(struct test *t, abio_io io);
const char *filled_at(const struct abio_event *event);
void filled_expect(struct test *t, abio_io io, const void *data, uint32_t length);
abio_buffer filled_buffer(struct test *t, uint32_t capacity);
struct abio_buffer_state filled_state(abio_buffer buffer);
void filled_holds(abio_buffer buffer, const void *data, uint32_t length);
struct abio_event filled_home(struct test *t, uint64_t token, abio_buffer buffer);
int64_t filled_read(struct test *t, abio_io io, void *data, uint32_t length);
int64_t filled_read_exact(struct test *t, abio_io io, void *data, uint32_t length);

#endif
