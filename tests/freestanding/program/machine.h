/*
 * A machine without an operating system, as far as the library can tell: its memory, its clock, its
 * one thread, and a way to print.  The test turns its knobs.
 */
#ifndef FREESTANDING_MACHINE_H
#define FREESTANDING_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

struct machine {
	uintptr_t thread;     /* who calls */
	bool owner_gone;      /* the thread that pinned a driver is dead */
	uint32_t epoch;       /* which process this is */
	int64_t now_ns;       /* moves only while a driver sleeps */
	int64_t live;         /* allocations */
	int64_t refuse_after; /* so many allocations succeed; -1: all do */
	uint32_t doorbells;
	bool stuck; /* a driver slept for ever: nothing could have woken it */
};

extern struct machine machine;

void machine_print(const char *text);
void machine_print_number(int64_t number);
_Noreturn void machine_end(int status);

#endif
