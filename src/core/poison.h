/*
 * Memory that nobody may look at for now: a view that ended, a buffer that is free.  Debug builds
 * enforce it: AddressSanitizer reports the access, elsewhere the bytes are overwritten, so that who
 * reads them all the same reads nonsense every time and not only under load.
 */
#ifndef ABIO_POISON_H
#define ABIO_POISON_H

#include <stddef.h>
#include <string.h>

#define POISON_BYTE 0xdb
#define POISON_UNIT 8u /* AddressSanitizer hides whole units, or the end of an allocation */

#if defined(__SANITIZE_ADDRESS__)
#define POISON_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON_ASAN 1
#endif
#endif

#ifdef POISON_ASAN
void __asan_poison_memory_region(void const volatile *address, size_t size);
void __asan_unpoison_memory_region(void const volatile *address, size_t size);
#endif

static inline void poison_end(void *data, size_t length)
{
#if defined(POISON_ASAN)
	__asan_poison_memory_region(data, length);
#elif defined(ABIO_DEBUG)
	memset(data, POISON_BYTE, length);
#else
	(void)data, (void)length;
#endif
}

/* The same for memory that somebody goes back to: its bytes stay. */
static inline void poison_hide(void *data, size_t length)
{
#ifdef POISON_ASAN
	__asan_poison_memory_region(data, length);
#else
	(void)data, (void)length;
#endif
}

/* It may be written to and read again. */
static inline void poison_begin(void *data, size_t length)
{
#if defined(POISON_ASAN)
	__asan_unpoison_memory_region(data, length);
#else
	(void)data, (void)length;
#endif
}

#endif
