# file: src/traits/transfer.c
# program: test_cancel_race
# expect: bytes
# An exact transfer that is canceled does not say what it has moved.
/^static void step_done/,/^}/{
s/^\tadvance_cursor(operation, result);/&\n\tif (result < 0)\n\t\toperation->progress = 0;/
}
