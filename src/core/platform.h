/*
 * All that the freestanding rooms (core/ and traits/) need of the machine.  src/sys implements it
 * on Linux; a program without an operating system supplies these few functions itself.
 */
#ifndef ABIO_PLATFORM_H
#define ABIO_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

/* The one errno the freestanding rooms make themselves; sys/sys.c asserts its number. */
#define PLATFORM_NO_MEMORY (-12)
/* And those they look for. */
#define PLATFORM_INVALID       (-22)
#define PLATFORM_NOT_CONNECTED (-107)

/*
 * The allocator.  Tests replace it to count and to fail; everything is allocated through it.
 * Memory comes zeroed, unless `alignment` asks for more than the default of 16 (a power of two).
 */
struct platform_memory {
	void *(*allocate)(size_t size, size_t alignment);
	void (*release)(void *memory);
};
extern struct platform_memory platform_memory;

static inline void *platform_allocate(size_t size)
{
	return platform_memory.allocate(size, 0);
}

static inline void platform_release(void *memory)
{
	if (memory != NULL)
		platform_memory.release(memory);
}

/* Who is calling: a number per thread, never 0, never given to a second thread. */
uintptr_t platform_thread(void);
/* Which process this is: a number that changes in the child of a fork, never 0. */
uint32_t platform_epoch(void);
/* The system's number of the calling thread, to ask later whether it is still alive. */
int32_t platform_thread_number(void);
/* Whether that thread is gone.  May make a system call; only asked when it decides an error. */
int platform_thread_gone(int32_t number);
/* CLOCK_MONOTONIC in nanoseconds. */
int64_t platform_clock(void);
/* Something unpredictable, once per process. */
uint64_t platform_random(void);

#endif
