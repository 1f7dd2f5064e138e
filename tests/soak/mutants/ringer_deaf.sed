# file: src/backend/ringer.c
# host: doorbell
# expect: asleep
# A poll does not have the next edge told.
s/^\tatomic_exchange(&ringer->rung, 0);/\t(void)ringer;/
