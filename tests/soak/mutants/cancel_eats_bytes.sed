# file: src/backend/uring_complete.c
# program: test_cancel_race
# expect: bytes
# A read that was asked to end is answered CANCELED, whatever it has read.
/^static void completed/,/^}/{
/^\telse$/{
n
s/uring_complete(request, result);/uring_complete(request, request->canceled ? ABIO_E_CANCELED : result);/
}
}
