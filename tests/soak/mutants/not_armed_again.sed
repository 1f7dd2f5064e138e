# file: src/backend/epoll.c
# expect: asleep
# A one-shot registration that fired is taken for armed.
/^static void fired/,/^}/{
s/^\t*watch->armed = 0;/watch->armed = watch->armed;/
}
