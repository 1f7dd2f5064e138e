# file: src/backend/uring.c
# expect: asleep
# Receives that found the pool empty are not asked for again.
/^static void recycle/,/^}/{
s/^\trequeue_starved(state);/\tif (false)\n\t\trequeue_starved(state);/
}
