/* Seeds, patterns, counting, and how a soak program reports: see soak.h. */
#include "soak.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "handle.h"
#include "platform.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#endif

#define HANDLE_CHUNK (1024u * sizeof(struct slot)) /* of the table of handles: stays for good */

bool soak_long;
bool soak_impatient;
int soak_deadline_ms = 3000;

static unsigned int passed;
static unsigned int failed;
static unsigned int skipped;
static struct platform_memory original_memory;
static _Atomic int64_t live;
static _Atomic uint64_t bytes;
static _Atomic uint64_t made;

/* ---- seeds and patterns -----------------------------------------------------------------------
 */

uint64_t rng_next(struct rng *rng)
{
	uint64_t z = rng->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint32_t rng_below(struct rng *rng, uint32_t limit)
{
	return (uint32_t)((rng_next(rng) >> 32) * limit >> 32);
}

void pattern_fill(uint8_t *data, uint64_t length, uint32_t serial, uint64_t position)
{
	for (uint64_t i = 0; i < length; i++)
		data[i] = pattern_at(serial, position + i);
}

bool pattern_is(const uint8_t *data, uint64_t length, uint32_t serial, uint64_t position)
{
	for (uint64_t i = 0; i < length; i++) {
		if (data[i] != pattern_at(serial, position + i))
			return false;
	}
	return true;
}

void poison(void *data, uint64_t length)
{
#ifdef HAS_ASAN
	__asan_poison_memory_region(data, length);
#else
	(void)data;
	(void)length;
#endif
}

void unpoison(void *data, uint64_t length)
{
#ifdef HAS_ASAN
	__asan_unpoison_memory_region(data, length);
#else
	(void)data;
	(void)length;
#endif
}

bool has_poison(void)
{
#ifdef HAS_ASAN
	return true;
#else
	return false;
#endif
}

/* ---- memory -----------------------------------------------------------------------------------
 */

/* The size stands in front of the block, in a prefix that keeps any alignment. */
struct prefix {
	size_t size;
	size_t whole;
};

static void *counted_allocate(size_t size, size_t alignment)
{
	size_t head = alignment > sizeof(struct prefix) ? alignment : sizeof(struct prefix);
	uint8_t *memory = original_memory.allocate(size + head, alignment);
	struct prefix prefix = { size, head };

	if (memory == NULL)
		return NULL;
	memcpy(memory + head - sizeof(prefix), &prefix, sizeof(prefix));
	if (size != HANDLE_CHUNK) {
		atomic_fetch_add(&live, 1);
		atomic_fetch_add(&bytes, size);
		atomic_fetch_add(&made, 1);
	}
	return memory + head;
}

static void counted_release(void *memory)
{
	struct prefix prefix;

	memcpy(&prefix, (uint8_t *)memory - sizeof(prefix), sizeof(prefix));
	atomic_fetch_sub(&live, 1);
	atomic_fetch_sub(&bytes, prefix.size);
	original_memory.release((uint8_t *)memory - prefix.whole);
}

int64_t live_allocations(void)
{
	return atomic_load(&live);
}

uint64_t live_bytes(void)
{
	return atomic_load(&bytes);
}

uint64_t allocations_made(void)
{
	return atomic_load(&made);
}

bool allocations_return_to(int64_t before)
{
	for (int i = 0; i < 60000; i++) {
		if (live_allocations() == before)
			return true;
		usleep(1000);
	}
	return false;
}

/* ---- the process ------------------------------------------------------------------------------
 */

static void say(const char *word, const char *format, va_list arguments)
{
	printf("%s ", word);
	vprintf(format, arguments);
	printf("\n");
	fflush(stdout);
}

void soak_setup(int argc, char **argv)
{
	const char *mode = getenv("ABIO_SOAK");
	const char *deadline = getenv("ABIO_SOAK_DEADLINE_MS");
	struct rlimit limit;

	setvbuf(stdout, NULL, _IOLBF, 0);
	soak_long = (mode != NULL && strcmp(mode, "long") == 0) ||
		    (argc > 1 && strcmp(argv[1], "long") == 0);
	soak_impatient = mode != NULL && strcmp(mode, "first") == 0;
	if (deadline != NULL)
		soak_deadline_ms = atoi(deadline);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	original_memory = platform_memory;
	platform_memory.allocate = counted_allocate;
	platform_memory.release = counted_release;
}

int soak_end(void)
{
	printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
	return failed == 0 && passed > 0 ? 0 : 1;
}

void soak_result(bool good, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(good ? "ok     " : "FAILED ", format, arguments);
	va_end(arguments);
	if (good) {
		passed++;
		return;
	}
	failed++;
	if (soak_impatient) {
		soak_end();
		_exit(1);
	}
}

void soak_skipped(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say("skipped", format, arguments);
	va_end(arguments);
	skipped++;
}

void soak_watchdog(unsigned int seconds)
{
	alarm(seconds);
}

int64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

uint32_t open_fds_max(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > UINT32_MAX
		       ? UINT32_MAX
		       : (uint32_t)limit.rlim_cur;
}

int open_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	if (directory == NULL)
		return -1;
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}
