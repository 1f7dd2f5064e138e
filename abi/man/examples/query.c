/*
 * One function for everything that reads, whoever implements it.
 */
#include <abio.h>

/* How long it is, if it has a length; else 0 and no event comes. */
int32_t ask_length(abio_io io, uint64_t token)
{
	struct abio_trait_info info = { .size = sizeof(info) };
	const struct abio_seek_ops *seek;

	if (abio_query(io, ABIO_TRAIT_SEEK, &info) < 0)
		return 0;
	seek = info.table;
	return seek->stream_len(io, 0, token);
}
