/*
 * What stands behind the freestanding rooms here: a backend that has timers and nothing else, and
 * "not supported" for everything that needs a descriptor.  This is the whole list of what a program
 * without an operating system supplies beside machine.c.
 */
#include "backend.h"

#include "abio.h"
#include "driver.h"
#include "handle.h"
#include "machine.h"
#include "object.h"
#include "operation.h"
#include "platform.h"
#include "ringer.h"
#include "slots.h"

struct memory_state {
	struct list waiting;
	struct list ended; /* cancelled, or refused */
};

static struct memory_state *state_of(struct driver *driver)
{
	return driver->backend_state;
}

static void start(struct request *request)
{
	struct memory_state *state = state_of(request->driver);

	request->state = REQUEST_WAITING;
	if (request->code == REQUEST_TIMER) {
		request->offset += (uint64_t)machine.now_ns;
		list_append(&state->waiting, &request->link);
	} else {
		list_append(&state->ended, &request->link);
	}
}

static void complete(struct request *request, int64_t result)
{
	list_remove(&request->link);
	request->state = REQUEST_IDLE;
	request->done(request, result);
}

static void cancel(struct request *request)
{
	complete(request, ABIO_E_CANCELED);
}

static bool take_back(struct request *request)
{
	list_remove(&request->link);
	return true;
}

static struct request *due(struct driver *driver)
{
	struct list *all = &state_of(driver)->waiting;
	struct request *first = NULL;

	for (struct list *link = all->next; link != all; link = link->next) {
		struct request *request = container_of(link, struct request, link);

		if (first == NULL || request->offset < first->offset)
			first = request;
	}
	return first;
}

static bool is_due(struct driver *driver)
{
	struct request *first = due(driver);

	return first != NULL && first->offset <= (uint64_t)machine.now_ns;
}

static bool more(struct driver *driver)
{
	return !list_empty(&state_of(driver)->ended) || is_due(driver);
}

static void turn(struct driver *driver)
{
	struct list *ended = &state_of(driver)->ended;

	while (!list_empty(ended))
		complete(container_of(ended->next, struct request, link), ABIO_E_UNSUPPORTED);
	while (is_due(driver))
		complete(due(driver), 0);
}

static bool signaled(struct driver *driver)
{
	return driver->doorbell->fd > 0;
}

static void drain(struct driver *driver)
{
	driver->doorbell->fd = 0;
}

/* Time passes only here. */
static int32_t sleep(struct driver *driver, int64_t timeout_ns)
{
	struct request *first = due(driver);
	int64_t until = timeout_ns < 0 ? INT64_MAX : machine.now_ns + timeout_ns;

	if (signaled(driver))
		return 0;
	if (first != NULL && (int64_t)first->offset < until)
		until = (int64_t)first->offset;
	if (until == INT64_MAX) {
		machine.stuck = true;
		return ABIO_E_LIMIT;
	}
	machine.now_ns = until;
	return 0;
}

static void nothing(struct driver *driver)
{
	(void)driver;
}

static int32_t bind(struct driver *driver)
{
	(void)driver;
	return 0;
}

static void unwatch(struct object *object)
{
	(void)object;
}

static void destroy(struct driver *driver)
{
	platform_release(driver->backend_state);
	driver->backend_state = NULL;
}

static const struct backend memory_backend = {
	.name = "memory",
	.id = ABIO_BACKEND_AUTO,
	.destroy = destroy,
	.forget = nothing,
	.bind = bind,
	.inherit = nothing,
	.start = start,
	.cancel = cancel,
	.take_back = take_back,
	.turn = turn,
	.more = more,
	.collectable = more,
	.signaled = signaled,
	.drain = drain,
	.sleep = sleep,
	.unwatch = unwatch,
};

static int32_t furnish(struct driver *driver, const struct abio_driver_options *options)
{
	struct memory_state *state = platform_allocate(sizeof(*state));

	driver->backend_state = state;
	driver->doorbell = platform_allocate(sizeof(*driver->doorbell));
	driver->slot = handle_create(HANDLE_DRIVER, driver, NULL);
	if (state == NULL || driver->doorbell == NULL || driver->slot == NULL)
		return PLATFORM_NO_MEMORY;
	list_init(&state->waiting);
	list_init(&state->ended);
	atomic_store(&driver->doorbell->references, 1);
	machine.doorbells++;
	driver->id = handle_id(driver->slot);
	driver->backend = &memory_backend;
	driver->flags = options->flags;
	return 0;
}

int32_t impl_driver_create(const struct abio_driver_options *options, abio_driver *out)
{
	struct driver *driver;

	if ((options->flags & ~(uint32_t)ABIO_MASK_DRIVER) != 0 ||
	    options->backend > ABIO_BACKEND_EPOLL)
		return ABIO_E_ARGUMENT;
	driver = platform_allocate(sizeof(*driver));
	if (driver == NULL)
		return PLATFORM_NO_MEMORY;
	driver_init(driver);
	if (furnish(driver, options) < 0) {
		if (driver->slot != NULL)
			handle_destroy(driver->slot);
		platform_release(driver->doorbell);
		platform_release(driver->backend_state);
		platform_release(driver);
		return PLATFORM_NO_MEMORY;
	}
	*out = driver->id;
	return 0;
}

void doorbell_ring(struct doorbell *doorbell)
{
	doorbell->fd = 1;
}

void doorbell_release(struct doorbell *doorbell)
{
	if (atomic_fetch_sub(&doorbell->references, 1) != 1)
		return;
	machine.doorbells--;
	platform_release(doorbell);
}

void doorbell_forget(struct doorbell *doorbell)
{
	doorbell->fd = 0;
}

/* ---- no descriptors here
 * ------------------------------------------------------------------------- */

void workers_release(struct workers *workers);
void workers_release(struct workers *workers)
{
	(void)workers;
}

int32_t resource_close(int32_t fd)
{
	(void)fd;
	return 0;
}

void resource_leave(struct object *object)
{
	(void)object;
}

static int32_t refused(uint32_t flags, uint32_t known)
{
	return (flags & ~known) != 0 ? ABIO_E_ARGUMENT : ABIO_E_UNSUPPORTED;
}

int32_t impl_adopt(struct driver *driver, int32_t fd, uint32_t kind, uint32_t flags, abio_io *io)
{
	(void)driver, (void)fd, (void)kind, (void)flags, (void)io;
	return ABIO_E_UNSUPPORTED;
}

int32_t impl_connect(struct driver *driver, const struct abio_address *address,
		     const struct abio_connect_options *options, uint64_t token)
{
	(void)driver, (void)address, (void)token;
	return refused(options->flags, ABIO_MASK_CONNECT);
}

int32_t impl_datagram(struct driver *driver, const struct abio_address *local,
		      const struct abio_address *peer, uint32_t flags, abio_io *io)
{
	(void)driver, (void)local, (void)peer, (void)flags, (void)io;
	return ABIO_E_UNSUPPORTED;
}

int32_t impl_detach(struct object *io, int32_t *fd)
{
	(void)io, (void)fd;
	return ABIO_E_UNSUPPORTED;
}

int32_t impl_info(struct object *io, struct abio_io_info *info)
{
	info->kind = io->class->kind;
	info->fd = -1;
	info->driver = io->driver->id;
	return 0;
}

int32_t impl_listen(struct driver *driver, const struct abio_address *address,
		    const struct abio_listen_options *options, abio_io *io)
{
	(void)driver, (void)address, (void)io;
	return refused(options->flags, ABIO_MASK_LISTEN);
}

int32_t impl_move(struct object *io, uint64_t to, abio_io *moved)
{
	(void)io, (void)to, (void)moved;
	return ABIO_E_UNSUPPORTED;
}

int32_t impl_open(struct driver *driver, const void *path, uint32_t length,
		  const struct abio_open_options *options, uint64_t token)
{
	(void)driver, (void)path, (void)length, (void)token;
	return refused(options->flags, ABIO_MASK_OPEN);
}

int32_t impl_pipe(struct driver *driver, uint32_t flags, abio_io *reader, abio_io *writer)
{
	(void)driver, (void)flags, (void)reader, (void)writer;
	return ABIO_E_UNSUPPORTED;
}

int32_t impl_resolve(struct driver *driver, const void *name, uint32_t length, uint32_t port,
		     uint32_t flags, uint64_t token)
{
	(void)driver, (void)name, (void)length, (void)port, (void)flags, (void)token;
	return ABIO_E_UNSUPPORTED;
}

int32_t impl_driver_doorbell(struct driver *driver, int32_t fd, uint32_t flags)
{
	(void)driver, (void)fd, (void)flags;
	return ABIO_E_UNSUPPORTED;
}

void ringer_listen(struct ringer *ringer)
{
	(void)ringer;
}

void ringer_release(struct ringer *ringer)
{
	(void)ringer;
}

void ringer_forget(struct ringer *ringer)
{
	(void)ringer;
}
