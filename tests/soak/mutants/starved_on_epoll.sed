# file: src/backend/epoll.c
# expect: asleep
# Receives that found the pool empty are not tried again.
/^static void recycle/,/^}/{
/epoll_requeue(epoll_state_of/d
}
