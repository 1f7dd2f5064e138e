/*
 * Invariants of the inside.  What comes from the host is answered with an error; what only a defect
 * of this library can cause stops a debug build here.  A release build goes on: the library never
 * ends its host's process.
 */
#ifndef ABIO_CHECK_H
#define ABIO_CHECK_H

#ifdef ABIO_DEBUG
#define check(condition)                  \
	do {                              \
		if (!(condition))         \
			__builtin_trap(); \
	} while (0)
#else
#define check(condition) ((void)sizeof(condition))
#endif

#endif
