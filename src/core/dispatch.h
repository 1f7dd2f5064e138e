/*
 * What the generated dispatch calls before it calls an implementation: the checks of handles and
 * structs, in the order the contract promises.
 */
#ifndef ABIO_DISPATCH_H
#define ABIO_DISPATCH_H

#include "abio.h"
#include "driver.h"
#include "object.h"
#include "slots.h"

enum {
	DISPATCH_CLOSED_OK = 1,
	DISPATCH_FORKED_OK = 2,
	/* Also one that nobody holds any more and that is not closed yet. */
	DISPATCH_RELEASED_OK = 4
};
enum {
	DISPATCH_DRIVER = 1,
	DISPATCH_IO = 2,
	DISPATCH_BUFFER = 4
};

/* FORKED, HANDLE, WRONG_THREAD, CLOSED; 0 and *self. */
int32_t dispatch_io(uint64_t handle, uint32_t how, struct object **self);
int32_t dispatch_driver(uint64_t handle, uint32_t how, struct driver **self);
/* FORKED and HANDLE alone, of a handle that the implementation looks up itself. */
int32_t dispatch_any(uint64_t handle, uint32_t kinds);
/*
 * A second io of a call, found alive by dispatch_any: it must be of the same driver.  CLOSED,
 * ARGUMENT; 0 and *other.
 */
int32_t dispatch_sibling(const struct object *self, uint64_t handle, struct object **other);
/* Copies a size-prefixed struct of the host into `local` of `size` bytes; `minimum`: first release.
 */
int32_t dispatch_struct(const void *given, void *local, uint32_t size, uint32_t minimum,
			int optional);
/* Checks a struct that is to be filled, and fills as much of it as the host has. */
int32_t dispatch_out(const void *given, uint32_t minimum);
void dispatch_fill(void *given, const void *full, uint32_t size);

#endif
