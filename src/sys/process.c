/*
 * What the freestanding rooms ask of the machine (platform.h): threads, processes, memory, time;
 * and the doorbell.
 *
 * The child of a fork is told by a page the kernel wipes on fork, so that knowing costs no system
 * call.  The page holds the process's epoch; where it reads 0 the child writes the next one.
 */
#include "process.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "driver.h"
#include "platform.h"
#include "sys.h"

static _Atomic(_Atomic uint32_t *) mark;
static _Atomic uint32_t last_epoch = 1;
static pthread_once_t numbering = PTHREAD_ONCE_INIT;
static pthread_key_t own_number;
static bool numbered;
static _Atomic uintptr_t last_number;

static void number_threads(void)
{
	numbered = pthread_key_create(&own_number, NULL) == 0;
}

int32_t process_start(void)
{
	_Atomic uint32_t *none = NULL;
	void *page = NULL;
	_Atomic uint32_t *fresh;
	int64_t error;

	pthread_once(&numbering, number_threads);
	if (atomic_load(&mark) != NULL)
		return 0;
	error = sys.mark_page(&page);
	if (error < 0)
		return (int32_t)error;
	fresh = page;
	atomic_store(fresh, atomic_load(&last_epoch));
	/* Two threads may race here; the loser's page is one page, once. */
	atomic_compare_exchange_strong(&mark, &none, fresh);
	return 0;
}

uint32_t platform_epoch(void)
{
	_Atomic uint32_t *page = atomic_load_explicit(&mark, memory_order_acquire);
	uint32_t epoch;
	uint32_t next;

	if (page == NULL)
		return atomic_load(&last_epoch);
	epoch = atomic_load_explicit(page, memory_order_relaxed);
	if (epoch != 0)
		return epoch;
	next = atomic_load(&last_epoch) + 1;
	if (atomic_compare_exchange_strong(page, &epoch, next)) {
		atomic_store(&last_epoch, next);
		return next;
	}
	return epoch;
}

/*
 * Not pthread_self: the next thread may be given that of one that has ended, and would pass for the
 * owner of what the dead one left.  Only where the system has no room for a number it must do.
 */
uintptr_t platform_thread(void)
{
	uintptr_t number;

	if (!numbered)
		return (uintptr_t)pthread_self();
	number = (uintptr_t)pthread_getspecific(own_number);
	if (number != 0)
		return number;
	number = atomic_fetch_add(&last_number, 1) + 1;
	if (pthread_setspecific(own_number, (void *)number) != 0)
		return (uintptr_t)pthread_self();
	return number;
}

int32_t platform_thread_number(void)
{
	return (int32_t)syscall(SYS_gettid);
}

int platform_thread_gone(int32_t number)
{
	return sys.thread_alive(number) == -ESRCH;
}

int64_t platform_clock(void)
{
	return sys.clock();
}

uint64_t platform_random(void)
{
	uint64_t value;

	/* The kernel puts 16 random bytes into every process at exec. */
	memcpy(&value, (const void *)getauxval(AT_RANDOM), sizeof(value));
	return value ^ (uint64_t)sys.clock() ^ (uint64_t)getpid() << 32;
}

static void *allocate(size_t size, size_t alignment)
{
	void *memory = NULL;

	if (alignment <= 16)
		return calloc(1, size);
	return posix_memalign(&memory, alignment, size) == 0 ? memory : NULL;
}

struct platform_memory platform_memory = { .allocate = allocate, .release = free };

struct doorbell *doorbell_create(int32_t *error)
{
	struct doorbell *doorbell = platform_allocate(sizeof(*doorbell));
	int64_t fd;

	*error = PLATFORM_NO_MEMORY;
	if (doorbell == NULL)
		return NULL;
	fd = sys.event_create();
	if (fd < 0) {
		*error = (int32_t)fd;
		platform_release(doorbell);
		return NULL;
	}
	doorbell->fd = (int32_t)fd;
	atomic_store(&doorbell->references, 1);
	return doorbell;
}

/*
 * Async-signal-safe: one write.  It fails only when the counter is full, and then the fd is
 * readable all the same.
 */
void doorbell_ring(struct doorbell *doorbell)
{
	int saved = errno;

	sys.event_ring(doorbell->fd);
	errno = saved;
}

void doorbell_release(struct doorbell *doorbell)
{
	if (atomic_fetch_sub(&doorbell->references, 1) != 1)
		return;
	if (doorbell->fd >= 0)
		sys.close(doorbell->fd);
	platform_release(doorbell);
}

void doorbell_forget(struct doorbell *doorbell)
{
	sys.close(doorbell->fd);
	doorbell->fd = -1;
}
