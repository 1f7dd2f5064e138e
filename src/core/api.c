/*
 * The Object trait and the other functions that concern no system: retain, release, close, cancel,
 * query, timers, errors and the library's own description.
 */
#include <string.h>

#include "abio.h"
#include "dispatch.h"
#include "errors.h"
#include "handle.h"
#include "operation.h"
#include "platform.h"
#include "slots.h"

extern const uint8_t description_hash[32];

static int32_t find_io(uint64_t id, struct slot **slot)
{
	*slot = handle_find(id, HANDLE_IO);
	return *slot == NULL ? ABIO_E_HANDLE : 0;
}

int32_t impl_retain(uint64_t io)
{
	struct slot *slot;
	int32_t error = find_io(io, &slot);

	if (error < 0)
		return error;
	if (slot->epoch != platform_epoch())
		return ABIO_E_FORKED;
	return handle_retain(io);
}

/* The last reference, on a thread that is not the driver's: the driver's thread finishes. */
static void mail_to_driver(struct object *object)
{
	struct doorbell *doorbell;

	handle_lock();
	if (object->driver == NULL) {
		handle_unlock();
		object_unreferenced(object);
		return;
	}
	object->mailed = true;
	if (!list_linked(&object->in_inbox))
		list_append(&object->driver->inbox, &object->in_inbox);
	atomic_store_explicit(&object->driver->mail, 1, memory_order_release);
	doorbell = object->driver->doorbell;
	atomic_fetch_add(&doorbell->references, 1);
	handle_unlock();
	doorbell_ring(doorbell);
	doorbell_release(doorbell);
}

int32_t impl_release(uint64_t io)
{
	struct slot *slot;
	struct object *object;
	uintptr_t thread;
	int32_t left = find_io(io, &slot);

	if (left < 0)
		return left;
	left = handle_release(io);
	if (left != 0)
		return left < 0 ? left : 0;
	object = slot->object;
	if (slot->epoch != platform_epoch()) {
		object_forget(object);
		return 0;
	}
	thread = atomic_load(&atomic_load(&slot->home)->thread);
	if (thread != platform_thread()) {
		mail_to_driver(object);
		return 0;
	}
	/* Moved here and not looked at yet: the inbox must not name it when it is gone. */
	if (object->arriving)
		driver_open_mail(object->driver);
	object_unreferenced(object);
	return 0;
}

static void close_abort(struct operation *operation)
{
	object_abort(operation->request.object);
}

int32_t impl_close(struct object *io, uint32_t flags, uint64_t token)
{
	struct operation *operation = operation_create(io->driver, NULL, token);

	(void)flags;
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	operation->abort = close_abort;
	operation->request.object = io;
	operation_accept(operation, SIDE_NONE);
	object_close(io, operation);
	return 0;
}

int32_t impl_cancel(uint64_t handle, uint64_t token)
{
	struct driver *driver;
	struct object *object = NULL;
	int32_t error;

	if (handle_kind(handle) == HANDLE_IO) {
		error = dispatch_io(handle, DISPATCH_CLOSED_OK, &object);
		if (error < 0)
			return error;
		driver = object->driver;
		if (driver == NULL)
			return 0;
	} else {
		error = dispatch_driver(handle, DISPATCH_CLOSED_OK, &driver);
		if (error < 0)
			return error;
	}
	return (int32_t)operation_cancel_token(driver, object, token);
}

/* Which slots of a table an object has: the slot tables are arrays of function pointers. */
static uint64_t present(const void *slots, size_t size)
{
	const unsigned char *bytes = slots;
	uint64_t bits = 0;

	for (size_t i = 0; i < size / sizeof(void (*)(void)); i++) {
		void (*slot)(void);

		memcpy(&slot, bytes + i * sizeof(slot), sizeof(slot));
		if (slot != NULL)
			bits |= (uint64_t)1 << i;
	}
	return bits;
}

#define OFFER(member, getter)                                                 \
	do {                                                                  \
		if (class->member == NULL)                                    \
			return ABIO_E_UNSUPPORTED;                            \
		info->table = getter();                                       \
		info->slots = present(class->member, sizeof(*class->member)); \
	} while (0)

int32_t impl_query(struct object *io, uint32_t trait, struct abio_trait_info *info)
{
	const struct object_class *class = io->class;

	switch (trait) {
	case ABIO_TRAIT_OBJECT:
		info->table = abio_object_table();
		info->slots = (1u << 6) - 1;
		return 0;
	case ABIO_TRAIT_READY:
		OFFER(ready, abio_ready_table);
		break;
	case ABIO_TRAIT_READ:
		OFFER(read, abio_read_table);
		break;
	case ABIO_TRAIT_WRITE:
		OFFER(write, abio_write_table);
		break;
	case ABIO_TRAIT_BUF_READ:
		OFFER(buf_read, abio_buf_read_table);
		break;
	case ABIO_TRAIT_BUF_WRITE:
		OFFER(buf_write, abio_buf_write_table);
		break;
	case ABIO_TRAIT_READ_AT:
		OFFER(read_at, abio_read_at_table);
		break;
	case ABIO_TRAIT_WRITE_AT:
		OFFER(write_at, abio_write_at_table);
		break;
	case ABIO_TRAIT_ACCEPT:
		OFFER(accept, abio_accept_table);
		break;
	case ABIO_TRAIT_OWNED_READ:
		OFFER(owned_read, abio_owned_read_table);
		break;
	case ABIO_TRAIT_OWNED_WRITE:
		OFFER(owned_write, abio_owned_write_table);
		break;
	case ABIO_TRAIT_SEEK:
		OFFER(seek, abio_seek_table);
		break;
	case ABIO_TRAIT_SPLIT:
		OFFER(split, abio_split_table);
		break;
	case ABIO_TRAIT_DATAGRAM:
		OFFER(datagram, abio_datagram_table);
		break;
	default:
		return ABIO_E_UNSUPPORTED;
	}
	info->caps = class->caps;
	return 0;
}

static void timer_done(struct request *request, int64_t result)
{
	operation_finish(operation_of(request), result);
}

int32_t impl_timer(struct driver *driver, int64_t after_ns, uint32_t flags, uint64_t token)
{
	struct operation *operation;

	(void)flags;
	if (after_ns < 0)
		return ABIO_E_ARGUMENT;
	operation = operation_create(driver, NULL, token);
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	operation->request.offset = (uint64_t)after_ns;
	operation_accept(operation, SIDE_NONE);
	operation_submit(operation, REQUEST_TIMER, timer_done);
	return 0;
}

int32_t impl_clock(int64_t *now_ns)
{
	*now_ns = platform_clock();
	return 0;
}

int32_t impl_abi_info(struct abio_abi *info)
{
	static _Atomic uint64_t instance;
	uint64_t none = 0;

	if (atomic_load(&instance) == 0)
		atomic_compare_exchange_strong(&instance, &none, platform_random() | 1);
	info->major = ABIO_VERSION_MAJOR;
	info->minor = ABIO_VERSION_MINOR;
	info->patch = ABIO_VERSION_PATCH;
	info->instance = atomic_load(&instance);
	memcpy(info->hash, description_hash, sizeof(info->hash));
	return 0;
}
