/* All that the freestanding rooms use of <string.h>. */
#ifndef FREESTANDING_STRING_H
#define FREESTANDING_STRING_H

#include <stddef.h>

void *memchr(const void *memory, int byte, size_t length);
int memcmp(const void *one, const void *other, size_t length);
void *memcpy(void *to, const void *from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *memory, int byte, size_t length);
int strcmp(const char *one, const char *other);
size_t strlen(const char *text);

#endif
