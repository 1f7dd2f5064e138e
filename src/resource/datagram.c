/*
 * Datagram sockets, UDP and Unix: every receive takes one message, every send sends one.
 *
 * Any number of operations may wait in each direction, and they are served in the order they were
 * started: one of each direction is with the backend, the others wait here in line, in their
 * requests' links.  So a cancelled one that has not been begun takes no message with it, and one
 * that was begun keeps what it took.
 *
 * A message that no longer fits is cut by the system; ABIO_EVENT_TRUNCATED says so.  Read and
 * Write are in datagram_stream.c.
 */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"
#include "buffer.h"
#include "datagram.h"
#include "dispatch.h"
#include "platform.h"
#include "readiness.h"
#include "resource.h"
#include "sys.h"
#include "traits.h"
#include "transfer.h"

/* Of one direction: who is with the backend, and who comes next. */
struct line {
	struct operation *current;
	struct list waiting;
};

/* object->own, made by the first operation. */
struct lines {
	struct line in;
	struct line out;
};

/* operation->extra: what the kernel is given, in one place until it is done. */
struct message {
	struct msghdr header;
	struct sockaddr_storage name;
	struct abio_address *from; /* the host's, lent */
	struct abio_iovec pieces[];
};

static void dispose(struct object *object)
{
	platform_release(object->own);
	object->own = NULL;
}

static struct line *line_of(struct object *object, enum request_code code)
{
	struct lines *lines = object->own;

	if (lines == NULL) {
		lines = platform_allocate(sizeof(*lines));
		if (lines == NULL)
			return NULL;
		list_init(&lines->in.waiting);
		list_init(&lines->out.waiting);
		object->own = lines;
	}
	return code == REQUEST_RECEIVE_FROM ? &lines->in : &lines->out;
}

/* ---- messages ------------------------------------------------------------------------------ */

/* 0, or ABIO_E_ARGUMENT for an address that is none. */
static int32_t compose(struct message *message, const struct datagram_wish *wish,
		       const struct abio_iovec *pieces)
{
	struct msghdr *header = &message->header;
	bool named = wish->to != NULL && wish->to->family != ABIO_FAMILY_NONE;

	memset(header, 0, sizeof(*header));
	memcpy(&header->msg_iov, &pieces, sizeof(header->msg_iov));
	header->msg_iovlen = wish->count;
	message->from = wish->from;
	if (wish->from != NULL || named) {
		header->msg_name = &message->name;
		header->msg_namelen = sizeof(message->name);
	}
	return named ? address_to_system(wish->to, &message->name, &header->msg_namelen) : 0;
}

static int64_t attempt(const struct object *object, enum request_code code, struct msghdr *header)
{
	if (code == REQUEST_SEND_TO)
		return would_block(sys.send_message(object->fd, header));
	return would_block(sys.receive_message(object->fd, header));
}

static void tell_sender(const struct message *message)
{
	struct abio_address address;

	if (message->from == NULL)
		return;
	address_from_system(&message->name, message->header.msg_namelen, &address);
	dispatch_fill(message->from, &address, (uint32_t)sizeof(address));
}

static bool cut(const struct message *message)
{
	return (message->header.msg_flags & MSG_TRUNC) != 0;
}

/* ---- operations ---------------------------------------------------------------------------- */

static void finish(struct operation *operation, int64_t result)
{
	struct message *message = operation->extra;

	if (result >= 0) {
		operation->progress = (uint64_t)result;
		if (operation->request.code == REQUEST_RECEIVE_FROM) {
			tell_sender(message);
			if (cut(message))
				operation_event(operation)->flags |= ABIO_EVENT_TRUNCATED;
			if (operation->buffer != NULL)
				buffer_fill(operation->buffer, (uint32_t)result);
		}
	}
	operation_finish(operation, result);
}

static void ended(struct request *request, int64_t result);

static void submit(struct line *line, struct operation *operation)
{
	line->current = operation;
	operation_submit(operation, (enum request_code)operation->request.code, ended);
}

static void ended(struct request *request, int64_t result)
{
	struct operation *operation = operation_of(request);
	struct line *line = line_of(operation->object, (enum request_code)request->code);
	struct list *next = list_take(&line->waiting);

	line->current = NULL;
	if (next != NULL)
		submit(line, operation_of(container_of(next, struct request, link)));
	finish(operation, result);
}

/* Asked to end while it stands in line. */
static void leave_line(struct operation *operation)
{
	list_remove(&operation->request.link);
	operation_finish(operation, ABIO_E_CANCELED);
}

/* Tries at once, for ABIO_START_INLINE.  True: *result is what the call answers. */
static bool answered(struct operation *operation, int64_t *result)
{
	struct message *message = operation->extra;
	enum request_code code = (enum request_code)operation->request.code;

	*result = attempt(operation->object, code, &message->header);
	if (*result == ABIO_WOULD_BLOCK)
		return false;
	/* Only an event can say that it was cut. */
	if (*result >= 0 && code == REQUEST_RECEIVE_FROM && cut(message)) {
		operation_accept(operation, SIDE_NONE);
		finish(operation, *result);
		*result = ABIO_PENDING;
		return true;
	}
	operation_discard(operation);
	return true;
}

int32_t datagram_start(const struct datagram_wish *wish)
{
	struct object *object = wish->object;
	struct line *line = line_of(object, wish->code);
	bool now = (wish->flags & ABIO_START_INLINE) != 0;
	struct operation *operation;
	struct message *message;
	int64_t result;

	if (line == NULL)
		return PLATFORM_NO_MEMORY;
	operation = operation_create_with(object->driver, object, wish->token,
					  sizeof(*message) + wish->count * sizeof(*wish->pieces));
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	message = operation->extra;
	memcpy(message->pieces, wish->pieces, wish->count * sizeof(*wish->pieces));
	if (compose(message, wish, message->pieces) < 0) {
		operation_discard(operation);
		return ABIO_E_ARGUMENT;
	}
	operation->request.code = (uint8_t)wish->code;
	operation->request.data = &message->header;
	operation->abort = leave_line;
	operation->buffer = wish->buffer;
	if (now && line->current == NULL && answered(operation, &result))
		return (int32_t)result;
	operation_accept(operation, SIDE_NONE);
	if (line->current == NULL)
		submit(line, operation);
	else
		list_append(&line->waiting, &operation->request.link);
	return now ? ABIO_PENDING : 0;
}

int32_t datagram_try(const struct datagram_wish *wish)
{
	const struct lines *lines = wish->object->own;
	struct message message;
	int64_t result;

	/* Those that wait come first. */
	if (lines != NULL && (wish->code == REQUEST_SEND_TO ? lines->out.current != NULL
							    : lines->in.current != NULL))
		return ABIO_E_BUSY;
	if (compose(&message, wish, wish->pieces) < 0)
		return ABIO_E_ARGUMENT;
	result = attempt(wish->object, wish->code, &message.header);
	if (result >= 0 && wish->code == REQUEST_RECEIVE_FROM)
		tell_sender(&message);
	return (int32_t)result;
}

/* ---- the trait Datagram -------------------------------------------------------------------- */

static uint32_t clamped(uint32_t length)
{
	return length > TRANSFER_MAX ? TRANSFER_MAX : length;
}

static int32_t try_receive_from(struct object *self, void *data, uint32_t length,
				struct abio_address *from, uint32_t flags)
{
	struct abio_iovec piece = { data, clamped(length) };

	(void)flags;
	return datagram_try(&(struct datagram_wish){ .object = self,
						     .code = REQUEST_RECEIVE_FROM,
						     .pieces = &piece,
						     .count = 1,
						     .from = from });
}

static int32_t receive_from(struct object *self, void *data, uint32_t length,
			    struct abio_address *from, uint32_t flags, uint64_t token)
{
	struct abio_iovec piece = { data, clamped(length) };

	(void)flags;
	return datagram_start(&(struct datagram_wish){ .object = self,
						       .code = REQUEST_RECEIVE_FROM,
						       .pieces = &piece,
						       .count = 1,
						       .from = from,
						       .token = token });
}

static int32_t try_send_to(struct object *self, const void *data, uint32_t length,
			   const struct abio_address *to, uint32_t flags)
{
	struct abio_iovec piece = { writable(data), length };

	(void)flags;
	return datagram_try(&(struct datagram_wish){
		.object = self, .code = REQUEST_SEND_TO, .pieces = &piece, .count = 1, .to = to });
}

static int32_t send_to(struct object *self, const void *data, uint32_t length,
		       const struct abio_address *to, uint32_t flags, uint64_t token)
{
	struct abio_iovec piece = { writable(data), length };

	(void)flags;
	return datagram_start(&(struct datagram_wish){ .object = self,
						       .code = REQUEST_SEND_TO,
						       .pieces = &piece,
						       .count = 1,
						       .to = to,
						       .token = token });
}

static const struct datagram_slots datagram_slots = {
	.try_receive_from = try_receive_from,
	.receive_from = receive_from,
	.try_send_to = try_send_to,
	.send_to = send_to,
};

/* ---- making one ---------------------------------------------------------------------------- */

/* For adapters above, which read streams: to them a message is a piece of one. */
static int64_t try_readv(struct object *object, const struct abio_iovec *iovecs, uint32_t count)
{
	return datagram_try(&(struct datagram_wish){
		.object = object, .code = REQUEST_RECEIVE_FROM, .pieces = iovecs, .count = count });
}

static int64_t try_writev(struct object *object, const struct abio_iovec *iovecs, uint32_t count)
{
	return datagram_try(&(struct datagram_wish){
		.object = object, .code = REQUEST_SEND_TO, .pieces = iovecs, .count = count });
}

static int32_t ready_now(struct object *object, uint32_t interest)
{
	return readiness_now(object->fd, interest);
}

#define DATAGRAM_COMMON                                                                        \
	.socket = true, .caps = ABIO_CAP_VECTORED, .dispose = dispose, .try_readv = try_readv, \
	.try_writev = try_writev, .ready_now = ready_now, .ready = &stream_ready_slots,        \
	.read = &datagram_read_slots, .write = &datagram_write_slots,                          \
	.owned_read = &datagram_owned_read_slots, .owned_write = &datagram_owned_write_slots,  \
	.datagram = &datagram_slots

const struct object_class udp_class = { .name = "udp", .kind = ABIO_KIND_UDP, DATAGRAM_COMMON };
const struct object_class unix_datagram_class = { .name = "unix datagram",
						  .kind = ABIO_KIND_UNIX_DATAGRAM,
						  DATAGRAM_COMMON };

static int64_t set_options(int fd, int family, uint32_t flags)
{
	int64_t error = 0;

	if (family == AF_UNIX)
		return 0;
	if ((flags & ABIO_DATAGRAM_REUSE_PORT) != 0)
		error = sys.set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (error >= 0 && (flags & ABIO_DATAGRAM_BROADCAST) != 0)
		error = sys.set_option(fd, SOL_SOCKET, SO_BROADCAST, 1);
	if (error >= 0 && family == AF_INET6)
		error = sys.set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY,
				       (flags & ABIO_DATAGRAM_ONLY_IPV6) != 0);
	return error;
}

/* An address that may be absent: NULL or of no family.  *length stays 0 then. */
static int32_t optional_address(const struct abio_address *address, struct sockaddr_storage *system,
				socklen_t *length)
{
	if (address->family == ABIO_FAMILY_NONE)
		return 0;
	return address_to_system(address, system, length);
}

int32_t impl_datagram(struct driver *driver, const struct abio_address *local,
		      const struct abio_address *peer, uint32_t flags, abio_io *io)
{
	struct sockaddr_storage own;
	struct sockaddr_storage other;
	socklen_t own_length = 0;
	socklen_t other_length = 0;
	uint32_t family = local->family != ABIO_FAMILY_NONE ? local->family : peer->family;
	struct object *object;
	int64_t error;

	if (optional_address(local, &own, &own_length) < 0 ||
	    optional_address(peer, &other, &other_length) < 0 || own_length + other_length == 0 ||
	    (own_length > 0 && other_length > 0 && local->family != peer->family))
		return ABIO_E_ARGUMENT;
	object = object_create(driver,
			       family == ABIO_FAMILY_UNIX ? &unix_datagram_class : &udp_class);
	if (object == NULL)
		return PLATFORM_NO_MEMORY;
	error = sys.socket(own_length > 0 ? own.ss_family : other.ss_family, SOCK_DGRAM, 0);
	if (error < 0)
		goto out;
	object_open(object, (int32_t)error);
	error = set_options(object->fd, own_length > 0 ? own.ss_family : other.ss_family, flags);
	if (error >= 0 && own_length > 0)
		error = sys.bind(object->fd, (const struct sockaddr *)&own, own_length);
	if (error >= 0 && other_length > 0)
		error = sys.connect(object->fd, (const struct sockaddr *)&other, other_length);
	if (error < 0)
		goto out;
	*io = object->id;
	return 0;
out:
	object_discard(object);
	return (int32_t)error;
}
