# file: src/backend/epoll.c
# expect: asleep
# The timerfd is set for the first timer and never again.
s/^\tif (next == state->timer_armed || next == INT64_MAX)$/\tif (state->timer_armed != INT64_MAX || next == INT64_MAX)/
/^static void expire/,/^}/{
/timer_armed = INT64_MAX/d
}
