/*
 * Names to addresses.  A numeric address is answered on the spot; a name goes to a worker, in a job
 * of its own that outlives a cancelled or forgotten look-up.
 *
 * Invariants: the job is freed by whoever sees it last: `finished` on the driver's thread, or
 * `orphaned` on whichever thread has it when the driver is gone; an operation and its job know each
 * other until one of them ends.  The answer is a view: it lives until the next poll begins.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "operation.h"
#include "platform.h"
#include "slots.h"
#include "sys.h"
#include "workers.h"

#define NAME_MAX_LENGTH 255u
#define ADDRESSES_MAX   32u

struct lookup {
	struct job job;
	struct operation *operation; /* NULL once it was cancelled */
	uint32_t port;
	uint32_t flags;
	int32_t result;
	uint32_t count;
	char name[NAME_MAX_LENGTH + 1];
	struct abio_address addresses[ADDRESSES_MAX];
};

static int32_t code_of(int64_t error)
{
	if (error < 0)
		return (int32_t)error;
	switch (-error) {
	case EAI_NONAME:
	case EAI_NODATA:
		return ABIO_E_NAME_NOT_FOUND;
	case EAI_AGAIN:
		return ABIO_E_NAME_AGAIN;
	case EAI_FAMILY:
	case EAI_ADDRFAMILY:
		return ABIO_E_NAME_FAMILY;
	case EAI_MEMORY:
		return -ENOMEM;
	default:
		return ABIO_E_NAME_FAILED;
	}
}

static void keep(struct lookup *lookup, const struct addrinfo *entry)
{
	struct sockaddr_storage system;

	for (; entry != NULL && lookup->count < ADDRESSES_MAX; entry = entry->ai_next) {
		if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6)
			continue;
		memset(&system, 0, sizeof(system));
		memcpy(&system, entry->ai_addr, entry->ai_addrlen);
		address_from_system(&system, entry->ai_addrlen, &lookup->addresses[lookup->count]);
		lookup->addresses[lookup->count].port = lookup->port;
		lookup->count++;
	}
	lookup->result = lookup->count > 0 ? (int32_t)lookup->count : ABIO_E_NAME_FAMILY;
}

static void look_up(struct lookup *lookup, int extra_flags)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = extra_flags };
	struct addrinfo *answer = NULL;
	int64_t error;

	if ((lookup->flags & ABIO_RESOLVE_PASSIVE) != 0)
		hints.ai_flags |= AI_PASSIVE;
	if ((lookup->flags & (ABIO_RESOLVE_IPV4 | ABIO_RESOLVE_IPV6)) == ABIO_RESOLVE_IPV4)
		hints.ai_family = AF_INET;
	if ((lookup->flags & (ABIO_RESOLVE_IPV4 | ABIO_RESOLVE_IPV6)) == ABIO_RESOLVE_IPV6)
		hints.ai_family = AF_INET6;
	error = sys.names(lookup->name[0] == 0 ? NULL : lookup->name, "0", &hints, &answer);
	if (error != 0) {
		lookup->result = code_of(error);
		return;
	}
	keep(lookup, answer);
	freeaddrinfo(answer);
}

static void perform(struct job *job)
{
	look_up(container_of(job, struct lookup, job), 0);
}

static void answer(struct operation *operation, struct lookup *lookup)
{
	if (lookup->result > 0) {
		struct abio_event *event = operation_event(operation);

		event->data = (uint64_t)(uintptr_t)lookup->addresses;
		event->flags |= ABIO_EVENT_VIEW;
		operation_linger(operation);
	}
	operation->abort = NULL;
	operation_finish(operation, lookup->result);
}

static void finished(struct job *job)
{
	struct lookup *lookup = container_of(job, struct lookup, job);

	if (lookup->operation == NULL) {
		platform_release(lookup);
		return;
	}
	answer(lookup->operation, lookup);
}

static void orphaned(struct job *job)
{
	platform_release(container_of(job, struct lookup, job));
}

static void detach(struct operation *operation)
{
	struct lookup *lookup = operation->extra;

	operation->extra = NULL;
	lookup->operation = NULL;
	if (workers_withdraw(operation->driver->workers, &lookup->job))
		platform_release(lookup);
	operation_finish(operation, ABIO_E_CANCELED);
}

static int32_t hand_over(struct operation *operation, struct lookup *lookup)
{
	struct workers *workers = workers_of(operation->driver);

	lookup->job.perform = perform;
	lookup->job.finished = finished;
	lookup->job.orphaned = orphaned;
	list_init(&lookup->job.link);
	operation->abort = detach;
	return workers == NULL ? PLATFORM_NO_MEMORY : workers_submit(workers, &lookup->job);
}

int32_t impl_resolve(struct driver *driver, const void *name, uint32_t length, uint32_t port,
		     uint32_t flags, uint64_t token)
{
	struct operation *operation;
	struct lookup *lookup;
	int32_t error;

	if (length > NAME_MAX_LENGTH || port > 65535 ||
	    (length > 0 && memchr(name, 0, length) != NULL))
		return ABIO_E_ARGUMENT;
	operation = operation_create_with(driver, NULL, token, sizeof(*lookup));
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	lookup = operation->extra;
	if (length > 0)
		memcpy(lookup->name, name, length);
	lookup->operation = operation;
	lookup->port = port;
	lookup->flags = flags;
	operation_accept(operation, SIDE_NONE);
	look_up(lookup, AI_NUMERICHOST);
	if (lookup->result > 0 || length == 0) {
		answer(operation, lookup);
		return 0;
	}
	error = hand_over(operation, lookup);
	if (error < 0) {
		operation->abort = NULL;
		operation_finish(operation, error);
	}
	return 0;
}
