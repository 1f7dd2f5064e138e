/*
 * Objects that a host implements: making them from its tables, what it says of them later, and
 * their end.  See host.h.
 *
 * `user` is the host's again when the close slot is done with, however the object came to be
 * closed; the event that says so needs the memory of `struct host`, which goes with the later of
 * that event and the object.
 */
#include "host.h"

#include <errno.h>
#include <string.h>

#include "check.h"
#include "inbuf.h"
#include "platform.h"
#include "request.h"
#include "traits.h"

#define TABLE_MAX 4096u /* no table will be larger: what says so was not initialised */

/* ---- visits ---------------------------------------------------------------------------------- */

void host_enter(struct visit *visit)
{
	struct host *host = visit->host;

	visit->around = host->inside;
	host->inside |= visit->lane == LANE_NONE ? 0 : 1u << visit->lane;
	host->object->hold++;
	host->object->driver->in_host++;
}

void host_leave(struct visit *visit)
{
	struct host *host = visit->host;
	struct object *object = host->object;

	host->inside = visit->around;
	object->driver->in_host--;
	object->hold--;
	object_settle(object);
}

int32_t host_error(int64_t result)
{
	if (result == -ECANCELED)
		return ABIO_E_CANCELED;
	if (result == -EAGAIN || result >= 0)
		return ABIO_E_HOST;
	if (result >= -4095)
		return (int32_t)result;
	if (result > ABIO_E_HANDLE || strcmp(impl_error_name((int32_t)result), "ABIO_UNKNOWN") == 0)
		return ABIO_E_HOST;
	return (int32_t)result;
}

int64_t host_verdict(int64_t result, uint64_t asked)
{
	if (result > 0)
		return (uint64_t)result <= asked ? result : ABIO_E_HOST;
	return host_error(result);
}

/* ---- tables ---------------------------------------------------------------------------------- */

struct known_table {
	uint32_t trait;
	uint32_t offset;
	uint32_t size;
};

#define KNOWN(name, member)                                       \
	{                                                         \
		ABIO_TRAIT_##name, offsetof(struct host, member), \
			sizeof(((struct host *)NULL)->member)     \
	}

static const struct known_table known_tables[] = {
	KNOWN(OBJECT, as_object),     KNOWN(READ, as_read),         KNOWN(WRITE, as_write),
	KNOWN(SEEK, as_seek),         KNOWN(BUF_READ, as_buf_read), KNOWN(READ_AT, as_read_at),
	KNOWN(WRITE_AT, as_write_at), KNOWN(ACCEPT, as_accept),
};

static const struct known_table *find_table(uint32_t trait)
{
	for (size_t i = 0; i < sizeof(known_tables) / sizeof(known_tables[0]); i++) {
		if (known_tables[i].trait == trait)
			return &known_tables[i];
	}
	return NULL;
}

static bool given(const struct abio_table_head *head)
{
	return head->size != 0;
}

/* What an older host does not know is missing; what a newer one asks for is refused. */
static int32_t copy_table(struct host *host, const struct abio_table_head *head)
{
	const struct known_table *known = head == NULL ? NULL : find_table(head->trait);
	const uint8_t *bytes = (const uint8_t *)head;
	uint8_t *copy;
	uint32_t size;

	if (known == NULL || head->size < sizeof(*head) || head->size > TABLE_MAX ||
	    head->major != 0 || head->minor != 0 || head->caps != 0)
		return ABIO_E_ARGUMENT;
	copy = (uint8_t *)host + known->offset;
	if (given((const struct abio_table_head *)(const void *)copy))
		return ABIO_E_ARGUMENT;
	for (uint32_t i = known->size; i < head->size; i++) {
		if (bytes[i] != 0)
			return ABIO_E_TOO_NEW;
	}
	size = head->size < known->size ? head->size : known->size;
	memcpy(copy, head, size - size % sizeof(void (*)(void)));
	return 0;
}

static bool complete(const struct host *host)
{
	const struct abio_read_impl *read = &host->as_read;
	const struct abio_write_impl *write = &host->as_write;
	const struct abio_buf_read_impl *buf_read = &host->as_buf_read;
	const struct abio_accept_impl *accept = &host->as_accept;

	return (!given(&read->head) || read->try_read != NULL || read->start_read != NULL) &&
	       (!given(&write->head) || write->try_write != NULL || write->start_write != NULL) &&
	       (!given(&buf_read->head) ||
		(buf_read->try_fill_buf != NULL && buf_read->consume != NULL)) &&
	       (!given(&host->as_seek.head) || host->as_seek.start_seek != NULL) &&
	       (!given(&host->as_read_at.head) || host->as_read_at.start_read_at != NULL) &&
	       (!given(&host->as_write_at.head) || host->as_write_at.start_write_at != NULL) &&
	       (!given(&accept->head) || accept->try_accept != NULL ||
		accept->start_accept != NULL);
}

static int32_t copy_tables(struct host *host, const struct abio_table_head *const *impls,
			   uint32_t count)
{
	/* More than there are traits would have one twice; what is behind them is not looked at. */
	for (uint32_t i = 0; i < count; i++) {
		int32_t error = copy_table(host, impls[i]);

		if (error < 0)
			return error;
	}
	return count > 0 && complete(host) ? 0 : ABIO_E_ARGUMENT;
}

/* ---- the class ------------------------------------------------------------------------------- */

static void offer_reading(struct host *host)
{
	struct object_class *class = &host->class;

	class->read = &stream_read_slots;
	class->owned_read = &owned_read_slots;
	class->try_readv = host_only_starts_reading(host) ? host_try_ahead : host_try_readv;
}

static void offer_writing(struct host *host)
{
	struct object_class *class = &host->class;

	host->write_slots = stream_write_slots;
	class->write = &host->write_slots;
	class->owned_write = &owned_write_slots;
	class->buf_write = &stream_buf_write_slots;
	class->try_flush = host_try_flush;
	if (host->as_write.try_write != NULL || host->as_write.try_writev != NULL)
		class->try_writev = host_try_writev;
	else
		host_offer_trying(&host->write_slots);
}

/* A stream of chunks needs the kernel's buffers, a relative seek a buffer of the library's. */
static void offer_filling(struct host *host)
{
	host->buf_read_slots = stream_buf_read_slots;
	host->buf_read_slots.receive = NULL;
	host->buf_read_slots.receive_pause = NULL;
	host->buf_read_slots.receive_resume = NULL;
	host->buf_read_slots.seek_relative = NULL;
	host->class.buf_read = &host->buf_read_slots;
	host->class.try_fill = host_try_fill;
	host->class.consumed = host_consumed;
}

/* One call moves all pieces only where the host has a slot for it. */
static bool vectored(const struct host *host)
{
	return (host->class.read == NULL || host->as_read.try_readv != NULL) &&
	       (host->class.write == NULL || host->as_write.try_writev != NULL);
}

static void host_dispose(struct object *object);

static void offer(struct host *host)
{
	struct object_class *class = &host->class;

	class->name = "host-implemented object";
	class->kind = ABIO_KIND_HOST;
	class->caps = ABIO_CAP_CALLS_HOST;
	class->perform = host_perform;
	class->withdraw = host_withdraw;
	class->dispose = host_dispose;
	class->ready_now = host_ready_now;
	class->ready = &stream_ready_slots;
	if (given(&host->as_read.head) || given(&host->as_buf_read.head))
		offer_reading(host);
	if (given(&host->as_buf_read.head))
		offer_filling(host);
	if (given(&host->as_write.head))
		offer_writing(host);
	if (class->read != NULL && class->write != NULL)
		class->split = &split_slots;
	if (given(&host->as_seek.head))
		class->seek = &seek_slots;
	if (given(&host->as_read_at.head))
		class->read_at = &file_read_at_slots;
	if (given(&host->as_write_at.head)) {
		host->write_at_slots = file_write_at_slots;
		host->write_at_slots.sync = NULL;
		class->write_at = &host->write_at_slots;
	}
	if (given(&host->as_accept.head))
		class->accept = &host_accept_slots;
	if ((class->read != NULL || class->write != NULL) && vectored(host))
		class->caps |= ABIO_CAP_VECTORED;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void released(struct event_node *node)
{
	struct host *host = container_of(node, struct host, released);

	host->home = true;
	if (host->object == NULL)
		platform_release(host);
}

static void host_dispose(struct object *object)
{
	struct host *host = host_of(object);

	if (host == NULL)
		return;
	if (!host->closed && object->driver != NULL)
		object->driver->hosts--;
	host->object = NULL;
	if (!host->closed || host->home)
		platform_release(host);
}

static struct host *create(void *user, uint64_t token)
{
	struct host *host = platform_allocate(sizeof(*host));

	if (host == NULL)
		return NULL;
	for (uint32_t i = 0; i < LANE_COUNT; i++) {
		list_init(&host->parked[i]);
		list_init(&host->behind[i]);
	}
	for (uint32_t i = 0; i < HOST_BUCKETS; i++)
		list_init(&host->pending[i]);
	list_init(&host->pollers);
	list_init(&host->cancels);
	list_init(&host->closers);
	list_init(&host->ahead.link);
	host->ahead.scratch = host->ahead_scratch;
	list_init(&host->flush.link);
	host->flush.scratch = host->flush_scratch;
	list_init(&host->chores.link);
	list_init(&host->released.link);
	host->user = user;
	host->released.consumed = released;
	host->released.event.token = token;
	host->released.event.data = (uint64_t)(uintptr_t)user;
	host->released.event.flags = ABIO_EVENT_RELEASED;
	return host;
}

/*
 * Nobody has tried yet.  There is room, mostly; whether there is something to read a host can say
 * that is told of interest, else the first try_ decides.
 */
static uint32_t first_readiness(const struct host *host)
{
	uint32_t ready = 0;

	if (host->class.try_writev != NULL)
		ready |= ABIO_READY_WRITE;
	if (host->as_object.interest == NULL && !host_only_starts_reading(host))
		ready |= ABIO_READY_READ;
	return ready;
}

int32_t impl_object_create(struct driver *driver, const struct abio_table_head *const *impls,
			   uint32_t count, void *user, uint64_t token, abio_io *io)
{
	struct host *host = create(user, token);
	int32_t error;

	if (host == NULL)
		return PLATFORM_NO_MEMORY;
	error = copy_tables(host, impls, count);
	if (error < 0)
		goto out;
	offer(host);
	error = PLATFORM_NO_MEMORY;
	host->object = object_create(driver, &host->class);
	if (host->object == NULL)
		goto out;
	if (host->class.read != NULL && inbuf_of(host->object) == NULL) {
		object_discard(host->object);
		goto out;
	}
	host->object->own = host;
	host->ready = first_readiness(host);
	host->chores.object = host->object;
	host->chores.driver = driver;
	driver->hosts++;
	object_open(host->object, -1);
	*io = host->object->id;
	return 0;
out:
	platform_release(host);
	return error;
}

/* ---- what the host says later ---------------------------------------------------------------- */

static struct host *implemented(const struct object *object)
{
	return object->class->perform == host_perform ? host_of(object) : NULL;
}

int32_t impl_object_notify(struct object *io, uint32_t readiness)
{
	struct host *host = implemented(io);

	if (host == NULL)
		return ABIO_E_UNSUPPORTED;
	if (io->state == OBJECT_CLOSED || io->driver == NULL)
		return ABIO_E_CLOSED;
	host->ready |= readiness;
	host->news |= readiness;
	host_wake(host);
	return 0;
}

int32_t impl_object_complete(struct object *io, uint64_t op, int32_t result, uint64_t value)
{
	struct host *host = implemented(io);
	struct request *request;
	uint64_t asked;

	if (host == NULL)
		return ABIO_E_UNSUPPORTED;
	if (io->driver == NULL)
		return ABIO_E_CLOSED;
	request = host_find(host, op);
	if (request == NULL || (host->calling == op && host->early))
		return ABIO_E_ARGUMENT;
	asked = request->scratch[1];
	if (host->calling == op) {
		/* Its slot has not answered yet: it ends when that is back. */
		host->early = true;
		host->early_result = result;
		host->early_value = value;
	} else {
		host_finish(host, request, result, value);
	}
	return result > 0 && (uint64_t)result > asked ? ABIO_E_ARGUMENT : 0;
}
