/*
 * Cancel on a stream: read, read_exact and receive against a writing peer, write_all against a
 * reading one.  The bytes are numbered: one that is lost, doubled or out of place is seen.
 */
#include "race.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE 48u    /* most bytes the writing peer writes in one go */
#define AHEAD 96u    /* and is ahead of the host: more, and no read would ever wait */
#define WHOLE 65536u /* bytes a write_all is given */

/* What the host has taken, for the peer to see. */
static _Atomic uint64_t taken;

static void *write_peer(void *argument)
{
	struct race *race = argument;
	struct rng rng = { race->seed * 31 + 1 };
	uint8_t data[PIECE];
	uint64_t there = 0;

	while (!atomic_load(&race->stop)) {
		uint32_t length = 1 + rng_below(&rng, PIECE);

		race_spin(&rng, 4000);
		if (there - atomic_load(&taken) > AHEAD) {
			sched_yield();
			continue;
		}
		pattern_fill(data, length, 1, there);
		if (write(race->peer, data, length) != (ssize_t)length)
			break;
		there += length;
		atomic_store(&race->there, there);
	}
	shutdown(race->peer, SHUT_WR);
	return NULL;
}

static void *read_peer(void *argument)
{
	struct race *race = argument;
	struct rng rng = { race->seed * 31 + 2 };
	uint64_t there = 0;
	uint8_t data[4096];

	for (;;) {
		ssize_t count;

		race_spin(&rng, 2000);
		count = read(race->peer, data, 1 + rng_below(&rng, sizeof(data)));
		if (count <= 0)
			break;
		if (!pattern_is(data, (uint64_t)count, 1, there))
			atomic_store(&race->peer_failed, true);
		there += (uint64_t)count;
		atomic_store(&race->there, there);
	}
	return NULL;
}

static bool begin(struct race *race, pthread_t *thread, void *(*main)(void *))
{
	atomic_store(&taken, 0);
	if (race == NULL || race->failed)
		return false;
	if (pthread_create(thread, NULL, main, race) == 0)
		return true;
	return race_fail(race, "refused", "no thread");
}

/* Starts, lingers, cancels, waits for the one end.  `start` returns what the call answered. */
static bool one(struct race *race, int32_t started, struct abio_event *event)
{
	if (started < 0)
		return race_fail(race, "refused", "start: %s", abio_error_name(started));
	if (!race_linger(race, event)) {
		abio_cancel(rng_one_in(&race->rng, 2) ? race->io : race->driver, race->token);
		if (!race_event(race, event))
			return false;
	}
	return race_ended(race, event);
}

/* The peer has stopped: everything it wrote comes, and then the end. */
static void read_rest(struct race *race)
{
	struct abio_event event;
	uint8_t *data;

	while (!race->failed) {
		data = race_lend(race, LENT_MAX);
		if (abio_read(race->io, data, LENT_MAX, 0, race->token) < 0 ||
		    !race_event(race, &event) || !race_ended(race, &event) ||
		    !race_home(race, LENT_MAX, event.progress) || event.result == 0)
			break;
	}
	if (race->moved != atomic_load(&race->there))
		race_fail(race, "bytes", "%llu bytes came of %llu", (unsigned long long)race->moved,
			  (unsigned long long)atomic_load(&race->there));
}

static bool end_reading(struct race *race, pthread_t thread, bool partial)
{
	atomic_store(&race->stop, true);
	pthread_join(thread, NULL);
	if (!race->failed)
		read_rest(race);
	return race_close(race, partial);
}

bool race_read(const struct variant *variant, uint64_t seed, uint64_t count)
{
	struct race *race = race_open("read", variant, seed, count, false);
	struct abio_event event;
	pthread_t thread;

	if (!begin(race, &thread, write_peer))
		return false;
	while (race_goes_on(race, false)) {
		uint32_t length = 1 + rng_below(&race->rng, 200);
		uint8_t *data = race_lend(race, length);

		if (!one(race, abio_read(race->io, data, length, 0, race->token), &event) ||
		    !race_home(race, length, event.progress))
			break;
		if (event.result != (int64_t)event.progress && event.progress != 0)
			race_fail(race, "event", "a read moved bytes and was canceled");
		atomic_store(&taken, race->moved);
	}
	return end_reading(race, thread, false);
}

bool race_read_exact(const struct variant *variant, uint64_t seed, uint64_t count)
{
	struct race *race = race_open("read_exact", variant, seed, count, false);
	struct abio_event event;
	pthread_t thread;
	uint32_t left = 0;

	if (!begin(race, &thread, write_peer))
		return false;
	while (race_goes_on(race, true)) {
		uint8_t *data;

		/* What a cancel left goes on. */
		if (left == 0)
			left = 1 + rng_below(&race->rng, 100);
		data = race_lend(race, left);
		if (!one(race, abio_read_exact(race->io, data, left, 0, race->token), &event) ||
		    !race_home(race, left, event.progress))
			break;
		if (event.result >= 0 && (event.result != left || event.progress != left))
			race_fail(race, "event", "an exact read of %u ended with %lld", left,
				  (long long)event.result);
		left -= (uint32_t)event.progress;
		atomic_store(&taken, race->moved);
	}
	return end_reading(race, thread, true);
}

/* Views until the terminal event. */
static bool receive_once(struct race *race)
{
	struct abio_event event = { 0 };
	bool canceled = false;
	int32_t error = abio_receive(race->io, 0, race->token);

	if (error < 0)
		return race_fail(race, "refused", "receive: %s", abio_error_name(error));
	for (;;) {
		bool have = race_linger(race, &event);

		if (!have && !canceled) {
			canceled = true;
			abio_cancel(race->io, race->token);
		}
		if (!have && !race_event(race, &event))
			return false;
		if ((event.flags & ABIO_EVENT_MORE) == 0)
			break;
		if (event.token != race->token ||
		    !pattern_is((const uint8_t *)(uintptr_t)event.data, (uint64_t)event.result, 1,
				race->moved))
			return race_fail(race, "bytes", "another view at %llu",
					 (unsigned long long)race->moved);
		race->moved += (uint64_t)event.result;
		atomic_store(&taken, race->moved);
	}
	if (event.result != ABIO_E_CANCELED)
		return race_fail(race, "event", "receive ended with %lld", (long long)event.result);
	/* Its progress is that of all its views: data won where there is any. */
	if (event.progress > 0)
		race->won++;
	event.progress = 0;
	if (!race_ended(race, &event))
		return false;
	return true;
}

bool race_receive(const struct variant *variant, uint64_t seed, uint64_t count)
{
	struct race *race = race_open("receive", variant, seed, count, false);
	pthread_t thread;

	if (!begin(race, &thread, write_peer))
		return false;
	while (race_goes_on(race, false))
		receive_once(race);
	return end_reading(race, thread, false);
}

bool race_write_all(const struct variant *variant, uint64_t seed, uint64_t count)
{
	struct race *race = race_open("write_all", variant, seed, count, true);
	uint8_t *data = malloc(WHOLE + 256);
	struct abio_event event;
	pthread_t thread;

	if (data == NULL || !begin(race, &thread, read_peer))
		return false;
	/* The pattern of 64 KiB on repeats with its position's low 16 bits. */
	pattern_fill(data, WHOLE + 256, 1, 0);
	while (race_goes_on(race, true)) {
		uint32_t from = (uint32_t)(race->moved % WHOLE);
		uint32_t length = 1 + rng_below(&race->rng, WHOLE - from);

		if (!one(race, abio_write_all(race->io, data + from, length, 0, race->token),
			 &event))
			break;
		if (event.progress > length ||
		    (event.result >= 0 && (event.result != length || event.progress != length)))
			race_fail(race, "event", "write_all of %u: %lld, progress %llu", length,
				  (long long)event.result, (unsigned long long)event.progress);
		race->moved += event.progress;
	}
	if (!race->failed && abio_shutdown(race->io, 0, race->token) == 0 &&
	    race_event(race, &event))
		race_ended(race, &event);
	else
		shutdown(race->peer, SHUT_RDWR);
	pthread_join(thread, NULL);
	if (race->moved != atomic_load(&race->there))
		race_fail(race, "bytes", "%llu bytes arrived of %llu",
			  (unsigned long long)atomic_load(&race->there),
			  (unsigned long long)race->moved);
	free(data);
	return race_close(race, true);
}
