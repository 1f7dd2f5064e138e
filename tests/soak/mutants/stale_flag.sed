# file: src/backend/uring.c
# expect: spinning
# IORING_SQ_TASKRUN is trusted: the kernel can leave it set with nothing behind it.
/^\t__atomic_fetch_and(state->ring.sq.kflags, ~IORING_SQ_TASKRUN, __ATOMIC_ACQ_REL);/d
