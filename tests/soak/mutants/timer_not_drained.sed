# file: src/backend/epoll.c
# expect: spinning
# An expired timerfd stays readable.
/^static void expire/,/^}/{
/event_drain/d
}
