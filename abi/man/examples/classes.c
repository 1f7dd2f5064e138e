/*
 * What to do about a code is decided by its class, what to say by
 * its text.
 */
#include <abio.h>
#include <stdio.h>

/* Whether it makes sense to connect again. */
int try_again(int32_t code)
{
	switch (abio_error_kind(code)) {
	case ABIO_CLASS_AGAIN:
	case ABIO_CLASS_CONNECTION:
	case ABIO_CLASS_TIMEOUT:
		return 1;
	case ABIO_CLASS_NONE:
	case ABIO_CLASS_CANCELED:
		return 0;
	default:
		fprintf(stderr, "%s: %s\n", abio_error_name(code),
			abio_error_text(code));
		return 0;
	}
}
