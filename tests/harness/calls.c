/*
 * Which functions a suite has called with success, per driver variant and kind of object: with
 * ABIO_TEST_CALLS set to a directory each program leaves a file there, which
 * tests/conformance/coverage.py adds up.
 */
#define CALLS_NAMES
#include "calls.h"

#include <errno.h>
#include <stdlib.h>

#include "private.h"

#define VARIANTS (sizeof(test_variants) / sizeof(test_variants[0]))

static const struct test *running;
static _Atomic uint8_t called[VARIANTS][2][CALLS_COUNT];

void calls_begin(const struct test *t)
{
	running = t;
}

/* "Not now" is an answer; a refusal proves nothing. */
int32_t test_called(uint32_t function, int32_t answer)
{
	const struct test *t = running;

	if (t == NULL || (answer < 0 && answer != ABIO_PENDING))
		return answer;
	/* A case without a driver is about none of them, so about all. */
	for (size_t v = 0; v < VARIANTS; v++)
		if (t->variant == NULL || t->variant == &test_variants[v])
			called[v][test_is_host(t)][function] = 1;
	return answer;
}

void calls_write(const char *suite)
{
	const char *folder = getenv("ABIO_TEST_CALLS");
	char path[512];
	FILE *file;

	if (folder == NULL)
		return;
	snprintf(path, sizeof(path), "%s/%s.txt", folder, suite);
	file = fopen(path, "w");
	if (file == NULL) {
		printf("%s: %s\n", path, strerror(errno));
		return;
	}
	for (size_t v = 0; v < VARIANTS; v++)
		for (uint32_t i = 0; i < CALLS_COUNT; i++)
			for (int host = 0; host < 2; host++)
				if (called[v][host][i])
					fprintf(file, "%s\t%s\t%s\n", test_variants[v].name,
						host ? "host" : "native", calls_names[i]);
	fclose(file);
}
