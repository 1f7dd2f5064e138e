# file: src/traits/receive.c
# program: test_cancel_race
# expect: bytes event
# What a receive took is not delivered when it has been canceled.
/^static void received/,/^}/{
s/^\tif (result > 0) {/\tif (result > 0 \&\& !operation->canceled) {/
}
