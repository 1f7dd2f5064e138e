/*
 * Descriptors coming in and going out: adopt, detach, move; what kind they are; closing; info.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"
#include "handle.h"
#include "inbuf.h"
#include "platform.h"
#include "resource.h"
#include "sys.h"
#include "traits.h"

int32_t resource_close(int32_t fd)
{
	return (int32_t)sys.close(fd);
}

static const struct object_class *classify_socket(int32_t fd, int32_t *error)
{
	int type = 0;
	int family = 0;
	int listening = 0;
	int64_t result = sys.get_option(fd, SOL_SOCKET, SO_TYPE, &type);

	if (result >= 0)
		result = sys.get_option(fd, SOL_SOCKET, SO_DOMAIN, &family);
	if (result >= 0)
		result = sys.get_option(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening);
	*error = result < 0 ? (int32_t)result : ABIO_E_UNSUPPORTED;
	if (result < 0 || (type != SOCK_STREAM && type != SOCK_DGRAM))
		return NULL;
	if (type == SOCK_DGRAM && family == AF_UNIX)
		return &unix_datagram_class;
	if (type == SOCK_DGRAM)
		return family == AF_INET || family == AF_INET6 ? &udp_class : NULL;
	if (family == AF_UNIX)
		return listening ? &unix_listener_class : &unix_class;
	if (family == AF_INET || family == AF_INET6)
		return listening ? &tcp_listener_class : &tcp_class;
	return NULL;
}

const struct object_class *resource_classify(int32_t fd, int32_t *error)
{
	struct stat stat;
	int64_t result = sys.fstat(fd, &stat);

	*error = (int32_t)result;
	if (result < 0)
		return NULL;
	if (S_ISREG(stat.st_mode) || S_ISBLK(stat.st_mode) || S_ISDIR(stat.st_mode))
		return &file_class;
	if (S_ISSOCK(stat.st_mode))
		return classify_socket(fd, error);
	if (S_ISFIFO(stat.st_mode) || S_ISCHR(stat.st_mode)) {
		result = sys.get_flags(fd);
		*error = (int32_t)result;
		return result < 0 ? NULL : pipe_class_of((int32_t)result);
	}
	*error = ABIO_E_UNSUPPORTED;
	return NULL;
}

int32_t impl_adopt(struct driver *driver, int32_t fd, uint32_t kind, uint32_t flags, abio_io *io)
{
	const struct object_class *class;
	struct object *object;
	int32_t error = 0;
	int64_t own = fd;

	if (kind > ABIO_KIND_UNIX_DATAGRAM)
		return ABIO_E_ARGUMENT;
	class = resource_classify(fd, &error);
	if (class == NULL)
		return error;
	if (kind != ABIO_KIND_AUTO && kind != class->kind)
		return ABIO_E_ARGUMENT;
	object = object_create(driver, class);
	if (object == NULL)
		return PLATFORM_NO_MEMORY;
	if ((flags & ABIO_ADOPT_DUPLICATE) != 0)
		own = sys.duplicate(fd);
	if (own < 0) {
		object_discard(object);
		return (int32_t)own;
	}
	object->fd = (int32_t)own;
	error = shared_enter(object);
	if (error < 0) {
		if (own != fd)
			sys.close((int)own);
		object->fd = -1;
		object_discard(object);
		return error;
	}
	object_open(object, (int32_t)own);
	*io = object->id;
	return 0;
}

/* Whether nothing depends on the object having its descriptor: 0 or a code. */
static int32_t leaves(const struct object *object)
{
	if (object->class->perform != NULL)
		return ABIO_E_UNSUPPORTED;
	/* Its reader or writer may be one that has ended, whose event is on its way. */
	if (!object_idle(object) || object->reader != NULL || object->writer != NULL)
		return ABIO_E_BUSY;
	return inbuf_left(object) > 0 || object->users > 0 ? ABIO_E_BUSY : 0;
}

int32_t impl_detach(struct object *io, int32_t *fd)
{
	int32_t error = leaves(io);

	if (error < 0)
		return error;
	io->driver->backend->unwatch(io);
	resource_leave(io);
	*fd = io->fd;
	io->fd = -1;
	io->state = OBJECT_CLOSED;
	return 0;
}

/* Another driver's inbox, while its owner may be closing it. */
static int32_t send_to(struct slot *slot, uint64_t id, struct object *object)
{
	struct driver *driver;
	struct doorbell *doorbell;

	handle_lock();
	driver = handle_find(id, HANDLE_DRIVER) == slot ? slot->object : NULL;
	if (driver == NULL || driver->gone) {
		handle_unlock();
		return ABIO_E_HANDLE;
	}
	object->driver = driver;
	object->arriving = true;
	list_append(&driver->inbox, &object->in_inbox);
	atomic_store_explicit(&driver->mail, 1, memory_order_release);
	doorbell = driver->doorbell;
	atomic_fetch_add(&doorbell->references, 1);
	handle_unlock();
	doorbell_ring(doorbell);
	doorbell_release(doorbell);
	return 0;
}

/* A new object over the old one's descriptor: the old handle stays the host's to release. */
static struct object *successor(const struct object *old, struct slot *home)
{
	struct object *object = platform_allocate(sizeof(*object));

	if (object == NULL)
		return NULL;
	object_init(object, old->class);
	if (object_name(object, home) < 0) {
		platform_release(object);
		return NULL;
	}
	shared_move(object, old);
	object->fd = old->fd;
	object->state = OBJECT_OPEN;
	return object;
}

int32_t impl_move(struct object *io, uint64_t to, abio_io *moved)
{
	struct slot *slot = handle_find(to, HANDLE_DRIVER);
	struct object *object;
	uint64_t id;
	int32_t error;

	if (slot == NULL)
		return ABIO_E_HANDLE;
	if (slot->epoch != platform_epoch())
		return ABIO_E_FORKED;
	error = leaves(io);
	if (error < 0)
		return error;
	object = successor(io, slot);
	if (object == NULL)
		return PLATFORM_NO_MEMORY;
	id = object->id;
	io->driver->backend->unwatch(io);
	io->fd = -1;
	error = send_to(slot, to, object);
	if (error < 0) {
		io->fd = object->fd;
		object_unname(object);
		platform_release(object);
		return error;
	}
	io->state = OBJECT_CLOSED;
	*moved = id;
	return 0;
}

static void addresses(const struct object *object, struct abio_io_info *info)
{
	struct sockaddr_storage system;
	socklen_t length = sizeof(system);

	if (!object->class->socket)
		return;
	memset(&system, 0, sizeof(system));
	if (sys.local_address(object->fd, &system, &length) >= 0)
		address_from_system(&system, length, &info->local);
	if (object->class->accept != NULL)
		return;
	length = sizeof(system);
	memset(&system, 0, sizeof(system));
	if (sys.peer_address(object->fd, &system, &length) >= 0)
		address_from_system(&system, length, &info->peer);
}

int32_t impl_info(struct object *io, struct abio_io_info *info)
{
	info->kind = io->class->kind;
	info->fd = io->fd;
	info->driver = io->driver->id;
	info->local.size = sizeof(info->local);
	info->peer.size = sizeof(info->peer);
	addresses(io, info);
	return 0;
}
