# file: src/backend/epoll.c
# expect: asleep
# Receives that found the pool empty are not tried again.
/^static void recycle/,/^}/{
/requeue(state_of/d
}
