# file: src/backend/uring.c
# expect: asleep
# Completions that did not fit into the queue are not asked for.
s/^#define FLAGS_WORK .*/#define FLAGS_WORK IORING_SQ_TASKRUN/
