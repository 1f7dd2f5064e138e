/* Stub. */
#include "transfer.h"

const struct owned_read_slots owned_read_slots = { 0 };
const struct owned_write_slots owned_write_slots = { 0 };
