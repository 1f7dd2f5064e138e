# file: src/backend/epoll.c
# expect: spinning
# The doorbell stays rung after an idle poll.
/^static void drain/,/^}/{
/driver->rung || state->bell/d
/event_drain/d
}
