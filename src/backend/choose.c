/*
 * Making a driver, and choosing what it stands on.  Falling back is never silent: the driver keeps
 * the reason, in words and as a code.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "driver.h"
#include "platform.h"
#include "process.h"
#include "slots.h"

#define WORKERS_DEFAULT 4u
#define WORKERS_MAX     64u

/* What the environment asks for where the host does not. */
static uint32_t from_environment(void)
{
	const char *value = getenv("ABIO_BACKEND");

	if (value == NULL)
		return ABIO_BACKEND_AUTO;
	if (strcmp(value, "uring") == 0 || strcmp(value, "io_uring") == 0)
		return ABIO_BACKEND_URING;
	if (strcmp(value, "epoll") == 0)
		return ABIO_BACKEND_EPOLL;
	return ABIO_BACKEND_AUTO;
}

/* Out of descriptors is not a reason to do worse: the host is told. */
static bool falls_back(int32_t error)
{
	return error != -EMFILE && error != -ENFILE;
}

static void say(struct driver *driver, const char *how, const char *why)
{
	snprintf(driver->reason, sizeof(driver->reason), "%s: %s", how, why);
}

static int32_t stand_on(struct driver *driver, const struct backend *backend,
			const struct abio_driver_options *options)
{
	driver->backend = backend;
	return backend->create(driver, options);
}

static int32_t choose(struct driver *driver, const struct abio_driver_options *options)
{
	bool asked = options->backend != ABIO_BACKEND_AUTO;
	bool migrates = (options->flags & ABIO_DRIVER_MIGRATES) != 0;
	uint32_t wish = asked ? options->backend : from_environment();
	const char *who = asked ? "asked for by the host" : "asked for by ABIO_BACKEND";
	int32_t error;

	if (migrates && asked && wish == ABIO_BACKEND_URING)
		return ABIO_E_UNSUPPORTED;
	if (migrates)
		say(driver, "epoll", "the driver migrates between threads");
	else if (wish == ABIO_BACKEND_EPOLL)
		say(driver, "epoll", who);
	if (migrates || wish == ABIO_BACKEND_EPOLL)
		return stand_on(driver, &epoll_backend, options);
	error = stand_on(driver, &uring_backend, options);
	if (error == 0) {
		say(driver, "io_uring",
		    wish == ABIO_BACKEND_URING ? who : "a trial round trip worked");
		return 0;
	}
	if (!falls_back(error))
		return error;
	driver->fallback_error = error;
	if (wish == ABIO_BACKEND_URING)
		return error == -ENOMEM ? error : ABIO_E_UNSUPPORTED;
	snprintf(driver->reason, sizeof(driver->reason),
		 "epoll: io_uring does not work here: %s (%s)", impl_error_name(error),
		 impl_error_text(error));
	return stand_on(driver, &epoll_backend, options);
}

static int32_t check_options(const struct abio_driver_options *options)
{
	if ((options->flags & ~(uint32_t)ABIO_MASK_DRIVER) != 0 ||
	    options->backend > ABIO_BACKEND_EPOLL || options->workers > WORKERS_MAX)
		return ABIO_E_ARGUMENT;
	return 0;
}

int32_t impl_driver_create(const struct abio_driver_options *options, abio_driver *out)
{
	struct driver *driver;
	int32_t error = check_options(options);

	if (error == 0)
		error = process_start();
	if (error < 0)
		return error;
	driver = platform_allocate(sizeof(*driver));
	if (driver == NULL)
		return PLATFORM_NO_MEMORY;
	driver_init(driver);
	driver->flags = options->flags;
	driver->workers_max = options->workers != 0 ? options->workers : WORKERS_DEFAULT;
	driver->doorbell = doorbell_create(&error);
	if (driver->doorbell == NULL)
		goto no_doorbell;
	error = choose(driver, options);
	if (error < 0)
		goto no_backend;
	driver->slot = handle_create(HANDLE_DRIVER, driver, NULL);
	error = PLATFORM_NO_MEMORY;
	if (driver->slot == NULL)
		goto no_slot;
	driver->id = handle_id(driver->slot);
	if ((driver->flags & ABIO_DRIVER_MIGRATES) != 0)
		atomic_store(&driver->slot->thread, HANDLE_UNPINNED);
	*out = driver->id;
	return 0;
no_slot:
	driver->backend->destroy(driver);
no_backend:
	doorbell_release(driver->doorbell);
no_doorbell:
	platform_release(driver);
	return error;
}
