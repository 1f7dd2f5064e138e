# file: src/backend/uring.c
# expect: asleep
# Deferred work that is left after one enter, or comes beside the drain, is not looked for.
s/^\t       work_flags(state) != 0 || io_uring_cq_ready(&state->ring) > 0;/\t       io_uring_cq_ready(\&state->ring) > 0;/
