/* Stub. */
#include "transfer.h"

const struct seek_slots file_seek_slots = { 0 };

int32_t seek_begin(struct operation *operation, enum request_code code)
{
	(void)operation, (void)code;
	return ABIO_E_UNSUPPORTED;
}
