/*
 * The checks every call begins with: see dispatch.h.  The order is part of the contract.
 */
#include "dispatch.h"

#include <string.h>

#include "platform.h"

#define STRUCT_MAX 4096u /* no struct will be larger: what says so was not initialised */

static int32_t enter(struct slot *slot, uint32_t how)
{
	if (slot->epoch != platform_epoch())
		return (how & DISPATCH_FORKED_OK) != 0 ? 0 : ABIO_E_FORKED;
	return driver_enter(atomic_load(&slot->home));
}

int32_t dispatch_io(uint64_t handle, uint32_t how, struct object **self)
{
	struct slot *slot = (how & DISPATCH_RELEASED_OK) != 0
				    ? handle_find_released(handle, HANDLE_IO)
				    : handle_find(handle, HANDLE_IO);
	struct object *object;
	int32_t error;

	if (slot == NULL)
		return ABIO_E_HANDLE;
	error = enter(slot, how);
	if (error < 0)
		return error;
	object = slot->object;
	if ((how & DISPATCH_CLOSED_OK) == 0 &&
	    (object->state != OBJECT_OPEN || object->driver->shut))
		return ABIO_E_CLOSED;
	*self = object;
	return 0;
}

int32_t dispatch_driver(uint64_t handle, uint32_t how, struct driver **self)
{
	struct slot *slot = handle_find(handle, HANDLE_DRIVER);
	struct driver *driver;
	int32_t error;

	if (slot == NULL)
		return ABIO_E_HANDLE;
	error = enter(slot, how);
	/* One that the system does not let begin has nothing in flight: it can be closed all the
	 * same. */
	if (error < 0 && (error < ABIO_WOULD_BLOCK || (how & DISPATCH_CLOSED_OK) == 0))
		return error;
	driver = slot->object;
	/* Closed, and kept only by a thread inside abio_driver_wake. */
	if (driver->gone)
		return ABIO_E_HANDLE;
	if (driver->shut && (how & DISPATCH_CLOSED_OK) == 0)
		return ABIO_E_CLOSED;
	*self = driver;
	return 0;
}

int32_t dispatch_any(uint64_t handle, uint32_t kinds)
{
	enum handle_kind kind = handle_kind(handle);
	struct slot *slot = handle_find(handle, kind);
	uint32_t bit = kind == HANDLE_DRIVER ? DISPATCH_DRIVER
		       : kind == HANDLE_IO   ? DISPATCH_IO
					     : DISPATCH_BUFFER;

	if (slot == NULL || (kinds & bit) == 0)
		return ABIO_E_HANDLE;
	return slot->epoch != platform_epoch() ? ABIO_E_FORKED : 0;
}

int32_t dispatch_sibling(const struct object *self, uint64_t handle, struct object **other)
{
	struct slot *slot = handle_find(handle, HANDLE_IO);
	struct slot *home;

	if (slot == NULL)
		return ABIO_E_HANDLE;
	home = atomic_load(&slot->home);
	/* Nothing of an object is looked at that may be another thread's. */
	if (home != atomic_load(&handle_slot(self->id)->home))
		return home->object == NULL ? ABIO_E_CLOSED : ABIO_E_ARGUMENT;
	*other = slot->object;
	return (*other)->state == OBJECT_OPEN ? 0 : ABIO_E_CLOSED;
}

int32_t dispatch_struct(const void *given, void *local, uint32_t size, uint32_t minimum,
			int optional)
{
	const uint8_t *bytes = given;
	uint32_t given_size;

	memset(local, 0, size);
	if (given == NULL) {
		memcpy(local, &size, sizeof(size));
		return optional ? 0 : ABIO_E_ARGUMENT;
	}
	memcpy(&given_size, given, sizeof(given_size));
	if (given_size < minimum || given_size > STRUCT_MAX)
		return ABIO_E_ARGUMENT;
	for (uint32_t i = size; i < given_size; i++) {
		if (bytes[i] != 0)
			return ABIO_E_TOO_NEW;
	}
	memcpy(local, given, given_size < size ? given_size : size);
	memcpy(local, &size, sizeof(size));
	return 0;
}

int32_t dispatch_out(const void *given, uint32_t minimum)
{
	uint32_t size;

	if (given == NULL)
		return ABIO_E_ARGUMENT;
	memcpy(&size, given, sizeof(size));
	return size < minimum || size > STRUCT_MAX ? ABIO_E_ARGUMENT : 0;
}

void dispatch_fill(void *given, const void *full, uint32_t size)
{
	uint32_t given_size;

	memcpy(&given_size, given, sizeof(given_size));
	if (given_size > size)
		memset((uint8_t *)given + size, 0, given_size - size);
	else
		size = given_size;
	memcpy((uint8_t *)given + sizeof(size), (const uint8_t *)full + sizeof(size),
	       size - sizeof(size));
}
