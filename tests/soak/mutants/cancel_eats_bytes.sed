# file: src/backend/uring.c
# program: test_cancel_race
# expect: bytes
# A read that was asked to end is answered CANCELED, whatever it has read.
/^static void completed/,/^}/{
/^\telse$/{
n
s/complete(request, result);/complete(request, request->canceled ? ABIO_E_CANCELED : result);/
}
}
