/*
 * The few functions of platform.h, the memory functions of C, and the end of the program.  The two
 * system calls at the bottom are the test's own, to be heard; the library has none.
 */
#include "machine.h"

#include <stddef.h>
#include <string.h>

#include "platform.h"

enum {
	ARENA = 32 << 20,
	CLASSES = 28,
	HEADER = 16
};

struct machine machine = { .thread = 1, .epoch = 1, .refuse_after = -1 };

/* ---- memory: one arena, freed pieces by powers of two ---------------------------------------- */

struct piece {
	struct piece *next;
	uint32_t class;
};

static _Alignas(4096) uint8_t arena[ARENA];
static size_t used;
static struct piece *pieces[CLASSES];

static uint32_t class_of(size_t size)
{
	uint32_t class = 5;

	while ((size_t)1 << class < size)
		class ++;
	return class;
}

static void *take(size_t size, size_t alignment)
{
	uint32_t class = class_of(size + HEADER + (alignment > HEADER ? alignment : 0));
	struct piece *piece;
	uintptr_t memory;

	if (class >= CLASSES)
		return NULL;
	piece = pieces[class];
	if (piece != NULL) {
		pieces[class] = piece->next;
	} else {
		if (ARENA - used < (size_t)1 << class)
			return NULL;
		piece = (struct piece *)(void *)(arena + used);
		used += (size_t)1 << class;
	}
	piece->class = class;
	memory = (uintptr_t)piece + HEADER;
	if (alignment > HEADER) {
		memory = (memory + alignment - 1) & ~(uintptr_t)(alignment - 1);
		/* What is given back is found by the word before it. */
		if (memory != (uintptr_t)piece + HEADER)
			memcpy((void *)(memory - sizeof(piece)), &piece, sizeof(piece));
	}
	return (void *)memory;
}

static void *allocate(size_t size, size_t alignment)
{
	void *memory;

	if (machine.refuse_after == 0)
		return NULL;
	memory = take(size, alignment);
	if (memory == NULL)
		return NULL;
	if (machine.refuse_after > 0)
		machine.refuse_after--;
	if (alignment <= HEADER)
		memset(memory, 0, size);
	machine.live++;
	return memory;
}

/* Aligned pieces are whole pages of an arena that is: only those stand on such an address. */
static struct piece *piece_of(uint8_t *memory)
{
	struct piece *piece = (struct piece *)(void *)(memory - HEADER);
	struct piece *far;

	memcpy(&far, memory - sizeof(far), sizeof(far));
	if ((uint8_t *)far >= arena && (uint8_t *)far < memory)
		piece = far;
	return piece;
}

static void release(void *memory)
{
	struct piece *piece = piece_of(memory);

	piece->next = pieces[piece->class];
	pieces[piece->class] = piece;
	machine.live--;
}

struct platform_memory platform_memory = { .allocate = allocate, .release = release };

/* ---- who and when ------------------------------------------------------------------------------
 */

uintptr_t platform_thread(void)
{
	return machine.thread;
}

uint32_t platform_epoch(void)
{
	return machine.epoch;
}

int32_t platform_thread_number(void)
{
	return (int32_t)machine.thread;
}

int platform_thread_gone(int32_t number)
{
	(void)number;
	return machine.owner_gone;
}

int64_t platform_clock(void)
{
	return machine.now_ns;
}

uint64_t platform_random(void)
{
	return 0x9e3779b97f4a7c15u;
}

/* ---- what a compiler may call without being asked
 * ------------------------------------------------ */

void *memcpy(void *to, const void *from, size_t length)
{
	uint8_t *out = to;
	const uint8_t *in = from;

	for (size_t i = 0; i < length; i++)
		out[i] = in[i];
	return to;
}

void *memmove(void *to, const void *from, size_t length)
{
	uint8_t *out = to;
	const uint8_t *in = from;

	if (out <= in)
		return memcpy(to, from, length);
	while (length-- > 0)
		out[length] = in[length];
	return to;
}

void *memset(void *memory, int byte, size_t length)
{
	uint8_t *out = memory;

	for (size_t i = 0; i < length; i++)
		out[i] = (uint8_t)byte;
	return memory;
}

int memcmp(const void *one, const void *other, size_t length)
{
	const uint8_t *a = one;
	const uint8_t *b = other;

	for (size_t i = 0; i < length; i++) {
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	}
	return 0;
}

void *memchr(const void *memory, int byte, size_t length)
{
	const uint8_t *in = memory;

	for (size_t i = 0; i < length; i++) {
		if (in[i] == (uint8_t)byte)
			return (void *)(uintptr_t)(in + i);
	}
	return NULL;
}

size_t strlen(const char *text)
{
	size_t length = 0;

	while (text[length] != 0)
		length++;
	return length;
}

int strcmp(const char *one, const char *other)
{
	while (*one != 0 && *one == *other) {
		one++;
		other++;
	}
	return (uint8_t)*one - (uint8_t)*other;
}

/* ---- being heard
 * --------------------------------------------------------------------------------- */

#if defined(__x86_64__)
enum {
	CALL_WRITE = 1,
	CALL_EXIT = 231
};

static long call(long number, long one, long two, long three)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(one), "S"(two), "d"(three)
			 : "rcx", "r11", "memory");
	return result;
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall main\n");
#elif defined(__aarch64__)
enum {
	CALL_WRITE = 64,
	CALL_EXIT = 94
};

static long call(long number, long one, long two, long three)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = one;
	register long x1 __asm__("x1") = two;
	register long x2 __asm__("x2") = three;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
}

__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tbl main\n");
#else
#error "machine.c: two system calls to be written for this processor"
#endif

void machine_print(const char *text)
{
	call(CALL_WRITE, 1, (long)text, (long)strlen(text));
}

void machine_print_number(int64_t number)
{
	char digits[24];
	char *at = digits + sizeof(digits) - 1;
	uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

	*at = 0;
	do {
		*--at = (char)('0' + left % 10);
		left /= 10;
	} while (left > 0);
	if (number < 0)
		*--at = '-';
	machine_print(at);
}

_Noreturn void machine_end(int status)
{
	for (;;)
		call(CALL_EXIT, status, 0, 0);
}
