/* Listening sockets and accepting from them. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "address.h"
#include "platform.h"
#include "readiness.h"
#include "resource.h"
#include "sys.h"
#include "traits.h"

#define BACKLOG_DEFAULT 1024u

static int32_t ready_now(struct object *object, uint32_t interest)
{
	return readiness_now(object->fd, interest);
}

static const struct object_class *accepted_class(const struct object *listener)
{
	return listener->class->kind == ABIO_KIND_UNIX_LISTENER ? &unix_class : &tcp_class;
}

static int32_t try_accept(struct object *self, uint32_t flags, abio_io *accepted)
{
	struct object *child = object_create(self->driver, accepted_class(self));
	int64_t fd;

	(void)flags;
	if (child == NULL)
		return PLATFORM_NO_MEMORY;
	fd = sys.accept(self->fd);
	if (fd < 0) {
		object_discard(child);
		return fd == -EAGAIN ? ABIO_WOULD_BLOCK : (int32_t)fd;
	}
	object_open(child, (int32_t)fd);
	*accepted = child->id;
	return 0;
}

static void accept_done(struct request *request, int64_t result)
{
	struct operation *operation = operation_of(request);

	if (result >= 0) {
		/* A connection won by a cancelled accept is the host's all the same: data wins. */
		object_open(operation->child, (int32_t)result);
		result = 0;
	}
	operation_finish_child(operation, result);
}

static int32_t start_accept(struct object *self, uint32_t flags, uint64_t token)
{
	struct operation *operation = operation_create(self->driver, self, token);

	(void)flags;
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	operation->child = object_create(self->driver, accepted_class(self));
	if (operation->child == NULL) {
		operation_discard(operation);
		return PLATFORM_NO_MEMORY;
	}
	operation_accept(operation, SIDE_NONE);
	operation_submit(operation, REQUEST_ACCEPT, accept_done);
	return 0;
}

static const struct accept_slots accept_slots = {
	.try_accept = try_accept,
	.accept = start_accept,
};

#define LISTENER_COMMON                                                       \
	.socket = true, .ready_now = ready_now, .ready = &stream_ready_slots, \
	.accept = &accept_slots

const struct object_class tcp_listener_class = { .name = "tcp listener",
						 .kind = ABIO_KIND_TCP_LISTENER,
						 LISTENER_COMMON };
const struct object_class unix_listener_class = { .name = "unix listener",
						  .kind = ABIO_KIND_UNIX_LISTENER,
						  LISTENER_COMMON };

/* Accepted sockets inherit TCP_NODELAY from the listener: one call instead of one per connection.
 */
static int64_t set_options(int fd, int family, uint32_t flags)
{
	int64_t error = 0;

	if (family == AF_UNIX)
		return 0;
	error = sys.set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (error >= 0 && (flags & ABIO_LISTEN_REUSE_PORT) != 0)
		error = sys.set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (error >= 0 && family == AF_INET6)
		error = sys.set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY,
				       (flags & ABIO_LISTEN_ONLY_IPV6) != 0);
	if (error >= 0 && (flags & ABIO_LISTEN_DELAY) == 0)
		error = sys.set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	return error;
}

int32_t impl_listen(struct driver *driver, const struct abio_address *address,
		    const struct abio_listen_options *options, abio_io *io)
{
	struct sockaddr_storage system;
	struct object *object;
	socklen_t length = 0;
	uint32_t backlog = options->backlog != 0 ? options->backlog : BACKLOG_DEFAULT;
	int64_t error;

	if (address_to_system(address, &system, &length) < 0 ||
	    (options->flags & ~(uint32_t)ABIO_MASK_LISTEN) != 0 || options->reserved != 0 ||
	    backlog > INT32_MAX)
		return ABIO_E_ARGUMENT;
	object = object_create(driver, address->family == ABIO_FAMILY_UNIX ? &unix_listener_class
									   : &tcp_listener_class);
	if (object == NULL)
		return PLATFORM_NO_MEMORY;
	error = sys.socket(system.ss_family, SOCK_STREAM, 0);
	if (error < 0)
		goto out;
	object_open(object, (int32_t)error);
	error = set_options(object->fd, system.ss_family, options->flags);
	if (error >= 0)
		error = sys.bind(object->fd, (const struct sockaddr *)&system, length);
	if (error >= 0)
		error = sys.listen(object->fd, (int)backlog);
	if (error < 0)
		goto out;
	*io = object->id;
	return 0;
out:
	object_discard(object);
	return (int32_t)error;
}
