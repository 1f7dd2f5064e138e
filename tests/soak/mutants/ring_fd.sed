# file: src/backend/uring.c
# expect: asleep
# The host watches the ring's own descriptor, which says nothing of deferred work.
s/driver->fd = driver->doorbell->fd;/driver->fd = state->ring.ring_fd;/
