/*
 * Cancel of an accept against a peer that connects: every connection is accepted once, by the
 * accept that won it or by the next; a canceled one has taken none.
 */
#include "race.h"

#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define WAITING_MAX 4u

static char name[40];
static _Atomic uint64_t accepted;

static int connect_once(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path + 1, name, length);
	if (fd >= 0 &&
	    connect(fd, (const struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length)) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void *connect_peer(void *argument)
{
	struct race *race = argument;
	struct rng rng = { race->seed * 31 + 3 };
	int waiting[WAITING_MAX];
	uint64_t made = 0;

	memset(waiting, -1, sizeof(waiting));
	while (!atomic_load(&race->stop)) {
		uint32_t seat = (uint32_t)(made % WAITING_MAX);

		race_spin(&rng, 4000);
		if (made - atomic_load(&accepted) >= WAITING_MAX) {
			sched_yield();
			continue;
		}
		if (waiting[seat] >= 0)
			close(waiting[seat]);
		waiting[seat] = connect_once();
		if (waiting[seat] < 0) {
			atomic_store(&race->peer_failed, true);
			break;
		}
		atomic_store(&race->there, ++made);
	}
	for (uint32_t i = 0; i < WAITING_MAX; i++) {
		if (waiting[i] >= 0)
			close(waiting[i]);
	}
	return NULL;
}

static bool took(struct race *race, const struct abio_event *event)
{
	bool has = (event->flags & ABIO_EVENT_HANDLE) != 0;

	if (has != (event->result == 0))
		return race_fail(race, "event", "an accept ended with %lld and handle %llu",
				 (long long)event->result, (unsigned long long)event->handle);
	if (!has)
		return true;
	race->moved++;
	atomic_store(&accepted, race->moved);
	abio_release(event->handle);
	return true;
}

static bool open_listener(struct race *race, abio_io *listener)
{
	struct abio_address address = { .size = sizeof(address), .family = ABIO_FAMILY_UNIX };

	snprintf(name, sizeof(name), "abio-race-%d-%llu", getpid(), (unsigned long long)race->seed);
	address.length = (uint32_t)strlen(name) + 1;
	memcpy(address.data + 1, name, strlen(name));
	atomic_store(&accepted, 0);
	return abio_listen(race->driver, &address, NULL, listener) == 0;
}

/* Without any cancel: what the canceled ones left. */
static void accept_rest(struct race *race, abio_io listener)
{
	abio_io io;

	while (abio_try_accept(listener, 0, &io) == 0) {
		race->moved++;
		abio_release(io);
	}
	if (race->moved != atomic_load(&race->there))
		race_fail(race, "event", "%llu connections of %llu were accepted",
			  (unsigned long long)race->moved,
			  (unsigned long long)atomic_load(&race->there));
}

/* Now and then without a cancel: a connection that was made must be there. */
static void accept_one(struct race *race, abio_io listener)
{
	abio_io io;

	if (atomic_load(&race->there) <= race->moved)
		return;
	if (abio_try_accept(listener, 0, &io) < 0) {
		race_fail(race, "event", "a canceled accept has lost a connection");
		return;
	}
	race->moved++;
	atomic_store(&accepted, race->moved);
	abio_release(io);
}

bool race_accept(const struct variant *variant, uint64_t seed, uint64_t count)
{
	struct race *race = race_open("accept", variant, seed, count, false);
	struct abio_event event;
	pthread_t thread;
	abio_io listener;

	if (race == NULL || race->failed)
		return false;
	if (!open_listener(race, &listener) ||
	    pthread_create(&thread, NULL, connect_peer, race) != 0)
		return race_fail(race, "refused", "no listener or no thread");
	while (race_goes_on(race, false)) {
		if (rng_one_in(&race->rng, 16))
			accept_one(race, listener);
		if (abio_accept(listener, 0, race->token) < 0) {
			race_fail(race, "refused", "an accept");
			break;
		}
		if (!race_linger(race, &event)) {
			abio_cancel(listener, race->token);
			if (!race_event(race, &event))
				break;
		}
		if (!race_ended(race, &event) || !took(race, &event))
			break;
	}
	atomic_store(&race->stop, true);
	pthread_join(thread, NULL);
	if (!race->failed)
		accept_rest(race, listener);
	abio_release(listener);
	return race_close(race, false);
}
