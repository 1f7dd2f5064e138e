/*
 * The peers: threads that write in bursts, read the echo and check it, wake the driver, and connect
 * guests.  Each has its own seed and its own streams.
 *
 * What a peer counts in `sent` is with the kernel already; so a host that sleeps although `sent` is
 * more than it has received was lied to by its fd.
 */
#include "world.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TICK_MS     100
#define MESSAGE_MAX 16384u
#define CHUNK       4096u
#define SPINS       5000u /* of an eager peer, before it sleeps after all */

static void lose(struct peer *peer)
{
	atomic_store(&peer->world->peer_failed, true);
	atomic_store(&peer->world->stop, true);
}

/* False: told to stop. */
static bool wait_for(struct peer *peer, int fd, short events)
{
	struct pollfd one = { .fd = fd, .events = events };

	for (uint32_t i = 0; peer->world->plan.eager && i < SPINS; i++) {
		if (events == POLLIN && recv(fd, &(char){ 0 }, 1, MSG_PEEK | MSG_DONTWAIT) >= 0)
			return true;
	}

	while (!atomic_load(&peer->world->stop)) {
		if (poll(&one, 1, TICK_MS) > 0)
			return true;
	}
	return false;
}

static void linger(struct peer *peer)
{
	uint32_t turns = rng_below(&peer->rng, 400);

	for (volatile uint32_t i = 0; i < turns; i++)
		;
}

static bool send_bytes(struct peer *peer, struct stream *stream, uint32_t length)
{
	uint8_t chunk[CHUNK];

	while (length > 0) {
		uint64_t sent = atomic_load(&stream->sent);
		uint32_t size = length < CHUNK ? length : CHUNK;
		ssize_t moved;

		pattern_fill(chunk, size, stream->serial, sent);
		/* Some messages come in two pieces: an exact read goes on inside the driver. */
		if (size > 1 && rng_one_in(&peer->rng, 4))
			size = 1 + rng_below(&peer->rng, size - 1);
		moved = send(stream->peer, chunk, size, MSG_DONTWAIT | MSG_NOSIGNAL);
		atomic_fetch_add(&peer->world->pieces, 1);
		if (moved > 0) {
			atomic_store(&stream->sent, sent + (uint64_t)moved);
			length -= (uint32_t)moved;
		} else if (errno != EAGAIN || !wait_for(peer, stream->peer, POLLOUT)) {
			return false;
		}
	}
	return true;
}

static bool read_echo(struct peer *peer, struct stream *stream)
{
	uint64_t goal = atomic_load(&stream->sent);
	uint8_t data[CHUNK];

	while (atomic_load(&stream->echoed) < goal) {
		uint64_t have = atomic_load(&stream->echoed);
		ssize_t moved = recv(stream->peer, data, sizeof(data), MSG_DONTWAIT);

		if (moved > 0) {
			if (!pattern_is(data, (uint64_t)moved, stream->serial, have)) {
				lose(peer);
				return false;
			}
			atomic_store(&stream->echoed, have + (uint64_t)moved);
		} else if (moved == 0 || errno != EAGAIN || !wait_for(peer, stream->peer, POLLIN)) {
			return false;
		}
	}
	return true;
}

static void wake(struct peer *peer)
{
	struct world *world = peer->world;

	atomic_fetch_add(&world->wakes_begun, 1);
	if (abio_driver_wake(world->driver) < 0)
		lose(peer);
	atomic_fetch_add(&world->wakes_made, 1);
}

/* Connects, and waits to be turned away with one byte. */
static void visit(struct peer *peer)
{
	struct world *world = peer->world;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(world->listener_name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint8_t byte = 0;

	if (fd < 0) {
		lose(peer);
		return;
	}
	memcpy(address.sun_path + 1, world->listener_name, length);
	if (connect(fd, (const struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length)) < 0) {
		lose(peer);
	} else {
		atomic_fetch_add(&world->connected, 1);
		if (wait_for(peer, fd, POLLIN) &&
		    (recv(fd, &byte, 1, 0) != 1 || byte != 'g' || !wait_for(peer, fd, POLLIN) ||
		     recv(fd, &byte, 1, 0) != 0))
			lose(peer);
	}
	close(fd);
}

static uint32_t message_length(struct peer *peer)
{
	uint32_t units = 1 + rng_below(&peer->rng, 4);

	if (peer->world->plan.message > 0)
		return peer->world->plan.message;
	if (rng_one_in(&peer->rng, 24))
		units = 1 + rng_below(&peer->rng, MESSAGE_MAX / MESSAGE_UNIT);
	return units * MESSAGE_UNIT;
}

static bool takes_part(struct peer *peer, uint32_t round, uint32_t index)
{
	switch (peer->world->plan.spread) {
	case SPREAD_ALL:
		return true;
	case SPREAD_SOME:
		return rng_one_in(&peer->rng, 3);
	default:
		return index == round % peer->world->plan.streams;
	}
}

static bool play_once(struct peer *peer, uint32_t round)
{
	struct world *world = peer->world;

	for (uint32_t i = peer->first; i < peer->first + peer->count; i++) {
		if (!takes_part(peer, round, i))
			continue;
		linger(peer);
		if (!send_bytes(peer, &world->streams[i], message_length(peer)))
			return false;
	}
	atomic_fetch_add(&world->bursts, 1);
	if (!world->plan.calm && rng_one_in(&peer->rng, 8))
		wake(peer);
	for (uint32_t i = peer->first; i < peer->first + peer->count; i++) {
		if (!read_echo(peer, &world->streams[i]))
			return false;
	}
	return true;
}

static bool play_round(struct peer *peer, uint32_t round)
{
	uint32_t echoes = peer->world->plan.echoes;

	do {
		if (!play_once(peer, round))
			return false;
	} while (echoes > 0 && --echoes > 0);
	if (!peer->world->plan.calm && rng_one_in(&peer->rng, 4))
		visit(peer);
	return true;
}

/* False: told to stop. */
static bool wait_for_round(struct world *world, uint32_t round)
{
	for (uint32_t i = 0; world->plan.eager && i < SPINS; i++) {
		if (atomic_load(&world->round) >= round)
			return !atomic_load(&world->stop);
	}
	pthread_mutex_lock(&world->mutex);
	while (atomic_load(&world->round) < round && !atomic_load(&world->stop))
		pthread_cond_wait(&world->go, &world->mutex);
	pthread_mutex_unlock(&world->mutex);
	return !atomic_load(&world->stop);
}

static void *peer_main(void *argument)
{
	struct peer *peer = argument;
	struct world *world = peer->world;

	for (uint32_t round = 1; round <= world->plan.rounds; round++) {
		if (world->plan.lockstep && !wait_for_round(world, round))
			break;
		if (!play_round(peer, round)) {
			if (!atomic_load(&world->stop))
				lose(peer);
			break;
		}
		/* The host sleeps until it is told that the round is over. */
		atomic_fetch_add(&world->done, 1);
		wake(peer);
		if (!world->plan.lockstep && rng_one_in(&peer->rng, 8))
			usleep(rng_below(&peer->rng, 200));
	}
	return NULL;
}

bool peers_start(struct world *world)
{
	uint32_t count = world->plan.peers == 0 ? PEERS_MAX : world->plan.peers;
	uint32_t first = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct peer *peer = &world->peers[i];

		peer->world = world;
		peer->first = first;
		peer->count = (world->plan.streams - first) / (count - i);
		peer->rng.state = world->plan.seed * 7919 + i;
		first += peer->count;
		if (pthread_create(&peer->thread, NULL, peer_main, peer) != 0)
			return false;
		world->peer_count++;
	}
	return true;
}

void peers_begin_round(struct world *world)
{
	pthread_mutex_lock(&world->mutex);
	atomic_fetch_add(&world->round, 1);
	pthread_cond_broadcast(&world->go);
	pthread_mutex_unlock(&world->mutex);
}

void peers_join(struct world *world)
{
	pthread_mutex_lock(&world->mutex);
	if (world->failed)
		atomic_store(&world->stop, true);
	pthread_cond_broadcast(&world->go);
	pthread_mutex_unlock(&world->mutex);
	for (uint32_t i = 0; i < world->peer_count; i++)
		pthread_join(world->peers[i].thread, NULL);
	world->peer_count = 0;
}
