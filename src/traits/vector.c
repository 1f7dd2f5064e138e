/* Host arrays of iovecs: checked, clamped, never modified. */
#include "traits.h"

int32_t vector_check(const struct abio_iovec *iovecs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (iovecs[i].base == NULL && iovecs[i].length > 0)
			return ABIO_E_ARGUMENT;
	}
	return 0;
}

int32_t vector_check_exact(const struct abio_iovec *iovecs, uint32_t count)
{
	uint64_t left = TRANSFER_MAX;

	if (count > IOVEC_MAX)
		return ABIO_E_ARGUMENT;
	for (uint32_t i = 0; i < count; i++) {
		if (iovecs[i].length > left)
			return ABIO_E_ARGUMENT;
		left -= iovecs[i].length;
	}
	return vector_check(iovecs, count);
}

void vector_clamp(const struct abio_iovec *iovecs, uint32_t count, uint32_t limit, uint32_t *whole,
		  struct abio_iovec *first, uint64_t *total)
{
	uint64_t sum = 0;
	uint32_t n = 0;
	uint32_t skipped = 0;

	while (skipped < count && iovecs[skipped].length == 0)
		skipped++;
	first->base = NULL;
	first->length = 0;
	if (skipped < count && iovecs[skipped].length > limit) {
		*whole = 0;
		first->base = iovecs[skipped].base;
		first->length = limit;
		*total = limit;
		return;
	}
	while (n < count && n < IOVEC_MAX && iovecs[n].length <= limit - sum)
		sum += iovecs[n++].length;
	*whole = n;
	*total = sum;
}

void vector_advance(struct abio_iovec *whole, const struct abio_iovec **iovecs, uint32_t *count,
		    uint64_t moved)
{
	struct abio_iovec *first = whole + (*iovecs - whole);

	while (*count > 0 && moved >= first->length) {
		moved -= first->length;
		first++;
		(*count)--;
	}
	if (*count > 0) {
		first->base = (uint8_t *)first->base + moved;
		first->length -= moved;
	}
	*iovecs = first;
}
