/*
 * Any number of reads of a file at once; each has a token of its
 * own.
 */
#include <abio.h>

enum {
	BLOCKS = 8,
	SIZE = 4096
};

static char blocks[BLOCKS][SIZE];

/* How many were accepted: as many events will come. */
int read_blocks(abio_io file)
{
	int started = 0;

	for (uint64_t i = 0; i < BLOCKS; i++)
		if (abio_read_at(file, blocks[i], SIZE, i * SIZE, 0,
				 i) == 0)
			started++;
	return started;
}
