# file: src/backend/epoll_watch.c
# expect: asleep
# A one-shot registration that fired is taken for armed.
/^void epoll_fired/,/^}/{
s/^\t*watch->armed = 0;/watch->armed = watch->armed;/
}
