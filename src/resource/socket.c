/*
 * TCP and Unix stream sockets, connected: their classes, and connecting.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"
#include "platform.h"
#include "readiness.h"
#include "resource.h"
#include "sys.h"
#include "traits.h"

static struct msghdr message_of(const struct abio_iovec *iovecs, uint32_t count)
{
	struct msghdr message;

	memset(&message, 0, sizeof(message));
	memcpy(&message.msg_iov, &iovecs, sizeof(message.msg_iov));
	message.msg_iovlen = count;
	return message;
}

static int64_t try_readv(struct object *object, const struct abio_iovec *iovecs, uint32_t count)
{
	struct msghdr message = message_of(iovecs, count);

	return would_block(sys.receive(object->fd, &message));
}

static int64_t try_writev(struct object *object, const struct abio_iovec *iovecs, uint32_t count)
{
	struct msghdr message = message_of(iovecs, count);

	return would_block(sys.send(object->fd, &message));
}

static int32_t ready_now(struct object *object, uint32_t interest)
{
	return readiness_now(object->fd, interest);
}

static int32_t shutdown_write(struct object *object)
{
	return (int32_t)sys.shutdown(object->fd, SHUT_WR);
}

#define SOCKET_COMMON                                                                           \
	.socket = true, .caps = ABIO_CAP_VECTORED, .try_readv = try_readv,                      \
	.try_writev = try_writev, .ready_now = ready_now, .shutdown_write = shutdown_write,     \
	.ready = &stream_ready_slots, .read = &stream_read_slots, .write = &stream_write_slots, \
	.buf_read = &stream_buf_read_slots, .buf_write = &stream_buf_write_slots,               \
	.owned_read = &owned_read_slots, .owned_write = &owned_write_slots, .split = &split_slots

const struct object_class tcp_class = { .name = "tcp", .kind = ABIO_KIND_TCP, SOCKET_COMMON };
const struct object_class unix_class = { .name = "unix", .kind = ABIO_KIND_UNIX, SOCKET_COMMON };

static void connect_done(struct request *request, int64_t result)
{
	struct operation *operation = operation_of(request);

	/* A connection won by a cancelled connect is the host's all the same. */
	if (result >= 0) {
		object_open(operation->child, operation->child->fd);
		result = 0;
	}
	operation_finish_child(operation, result);
}

/* A socket for the address, or a code. */
static int64_t make_socket(int family, uint32_t flags)
{
	int64_t fd = sys.socket(family, SOCK_STREAM, 0);
	int64_t error;

	if (fd < 0 || family == AF_UNIX || (flags & ABIO_CONNECT_DELAY) != 0)
		return fd;
	error = sys.set_option((int)fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (error < 0) {
		sys.close((int)fd);
		return error;
	}
	return fd;
}

int32_t impl_connect(struct driver *driver, const struct abio_address *address,
		     const struct abio_connect_options *options, uint64_t token)
{
	struct sockaddr_storage system;
	struct operation *operation;
	socklen_t length = 0;
	int64_t fd;

	if (address_to_system(address, &system, &length) < 0 ||
	    (options->flags & ~(uint32_t)ABIO_MASK_CONNECT) != 0)
		return ABIO_E_ARGUMENT;
	operation = operation_create_with(driver, NULL, token, length);
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	operation->child = object_create(driver, address->family == ABIO_FAMILY_UNIX ? &unix_class
										     : &tcp_class);
	if (operation->child == NULL) {
		operation_discard(operation);
		return PLATFORM_NO_MEMORY;
	}
	operation_accept(operation, SIDE_NONE);
	fd = make_socket(system.ss_family, options->flags);
	if (fd < 0) {
		operation_finish_child(operation, fd);
		return 0;
	}
	operation->child->fd = (int32_t)fd;
	memcpy(operation->extra, &system, length);
	operation->request.object = operation->child;
	operation->request.fd = (int32_t)fd;
	operation->request.data = operation->extra;
	operation->request.length = length;
	operation_submit(operation, REQUEST_CONNECT, connect_done);
	return 0;
}
