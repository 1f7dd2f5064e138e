/* The life of a world: rounds, turns, the end, and what it must leave behind: see world.h. */
#include "world.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NANOSECONDS_PER_MS 1000000

static void describe(const struct plan *plan, char *text, size_t size)
{
	static const char *const spreads[] = { "all", "some", "one" };

	snprintf(text, size, "%s/%s completions=%u capacity=%u streams=%u %s %s%s%s%s%s seed=%llu",
		 plan->variant->name, host_names[plan->host], plan->completions, plan->capacity,
		 plan->streams, spreads[plan->spread], plan->lockstep ? "lock-step" : "racing",
		 plan->readers == READERS_RECEIVE ? " receive" : "", plan->calm ? " calm" : "",
		 plan->eager ? " eager" : "", plan->late ? " late" : "",
		 (unsigned long long)plan->seed);
}

void world_fail(struct world *world, const char *word, const char *format, ...)
{
	char name[160];
	char text[256];
	va_list arguments;

	if (world->failed)
		return;
	world->failed = true;
	atomic_store(&world->stop, true);
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	describe(&world->plan, name, sizeof(name));
	soak_result(false, "%s: %s: %s", name, word, text);
}

/* ---- turns ------------------------------------------------------------------------------------
 */

static void dispatch(struct world *world, const struct abio_event *event)
{
	enum token_kind kind = (enum token_kind)(event->token >> 32);
	uint32_t index = (uint32_t)event->token;

	world->event_count++;
	if ((event->flags & ABIO_EVENT_WAKE) != 0)
		world->wakes_seen = atomic_load(&world->wakes_begun);
	else if (kind >= TOKEN_READ && kind <= TOKEN_CLOSE && index < world->plan.streams)
		stream_event(&world->streams[index], kind, event);
	else
		extras_event(world, kind, index, event);
}

int32_t world_poll(struct world *world)
{
	int32_t count = abio_driver_poll(world->driver, world->events, sizeof(*world->events),
					 world->plan.capacity);

	if (count < 0 || (uint32_t)count > world->plan.capacity) {
		world_fail(world, "refused", "poll answers %d", count);
		return -1;
	}
	for (int32_t i = 0; i < count && !world->failed; i++)
		dispatch(world, &world->events[i]);
	if (count > 0) {
		world->full_polls++;
		world->streak = 0;
		world->quiet_ticks = 0;
	}
	return count;
}

void world_turn(struct world *world, bool told)
{
	bool until_0 = host_is_edge(world->plan.host) ||
		       (world->plan.host != HOST_EDGE_FLAG && rng_one_in(&world->rng, 2));
	int32_t count = world_poll(world);

	if (told && count == 0) {
		world->empty_wakes++;
		world_check_streak(world);
	}
	while (until_0 && count > 0 && !world->failed)
		count = world_poll(world);
	extras_accept(world);
}

static void spin(struct world *world)
{
	int64_t start = clock_ns();
	uint64_t before = world->full_polls;

	do {
		world_turn(world, false);
		if (world->full_polls != before || world->failed)
			return;
		sched_yield(); /* the peers may need this processor */
	} while (clock_ns() - start < (int64_t)soak_deadline_ms * NANOSECONDS_PER_MS);
	world_slept_long(world);
}

/* Whatever the host likes to do, then sleep, then poll; or poll without having been told. */
static void step(struct world *world)
{
	if (!world->ending && !world->resting)
		extras_act(world);
	extras_before_sleep(world);
	if (world->plan.host == HOST_SPIN) {
		spin(world);
		return;
	}
	if (!world->resting && rng_one_in(&world->rng, 8)) {
		world_turn(world, false);
		return;
	}
	if (!host_sleep(&world->host, soak_deadline_ms) && !world_slept_long(world))
		return;
	world->wakes++;
	world_turn(world, true);
}

/* ---- life -------------------------------------------------------------------------------------
 */

static bool open_world(struct world *world)
{
	const struct plan *plan = &world->plan;
	uint32_t flags = plan->host == HOST_EDGE_FLAG ? ABIO_DRIVER_EDGE : 0;

	world->rng.state = plan->seed;
	world->host.epoll = -1;
	world->events = calloc(plan->capacity, sizeof(*world->events));
	world->streams = calloc(plan->streams, sizeof(*world->streams));
	world->driver = variant_driver(plan->variant, flags, plan->completions);
	if (world->events == NULL || world->streams == NULL || world->driver == 0 ||
	    !host_open(&world->host, plan->host, world->driver))
		return false;
	pthread_mutex_init(&world->mutex, NULL);
	pthread_cond_init(&world->go, NULL);
	for (uint32_t i = 0; i < plan->streams; i++) {
		world->streams[i].world = world;
		world->streams[i].index = i;
		if (!stream_open(&world->streams[i]))
			return false;
		stream_arm(&world->streams[i]);
	}
	return extras_open(world);
}

static bool round_over(const struct world *world, uint32_t rounds)
{
	return atomic_load(&world->done) >= rounds * world->peer_count;
}

static void play(struct world *world, uint32_t rounds)
{
	while (world->plan.late && !atomic_load(&world->stop) &&
	       atomic_load(&world->bursts) < rounds * world->peer_count)
		sched_yield();
	while (!world->failed && !round_over(world, rounds)) {
		step(world);
		if (atomic_load(&world->peer_failed))
			world_fail(world, "bytes", "a peer got something else than its echo");
	}
}

static void replace_stream(struct world *world)
{
	struct stream *stream = &world->streams[rng_below(&world->rng, world->plan.streams)];

	stream_close(stream);
	while (stream->closing && !world->failed)
		step(world);
	if (world->failed)
		return;
	if (!stream_open(stream))
		world_fail(world, "refused", "no new stream");
	else
		stream_arm(stream);
}

/* The peers are silent, and what the host has begun ends without them. */
static void rest(struct world *world)
{
	world_settle(world);
	extras_begin(world);
	world->resting = true;
	while (!world->failed && extras_under_way(world))
		step(world);
	world->resting = false;
	world_settle(world);
}

static void play_all(struct world *world)
{
	if (!world->plan.lockstep) {
		play(world, world->plan.rounds);
		return;
	}
	for (uint32_t round = 1; round <= world->plan.rounds && !world->failed; round++) {
		peers_begin_round(world);
		play(world, round);
		if (world->failed)
			break;
		if (rng_one_in(&world->rng, 4))
			rest(world);
		else
			world_settle(world);
		if (!world->failed && !world->plan.calm && rng_one_in(&world->rng, 4))
			replace_stream(world);
	}
}

static bool busy(const struct world *world)
{
	for (uint32_t i = 0; i < world->plan.streams; i++) {
		if (stream_busy(&world->streams[i]))
			return true;
	}
	return extras_busy(world);
}

static void let_go(struct world *world)
{
	for (uint32_t i = 0; i < world->plan.streams; i++) {
		if (world->streams[i].io != 0)
			abio_release(world->streams[i].io);
		if (world->streams[i].peer >= 0)
			close(world->streams[i].peer);
	}
	for (uint32_t i = 0; i < GUESTS_MAX; i++) {
		if (world->guests[i] != 0)
			abio_release(world->guests[i]);
	}
	if (world->listener != 0)
		abio_release(world->listener);
	if (world->file != 0)
		abio_release(world->file);
	host_close(&world->host);
	free(world->events);
	free(world->streams);
}

/* Closes every stream itself, or leaves all to the shutdown. */
static void finish(struct world *world)
{
	int32_t error;

	if (rng_one_in(&world->rng, 2)) {
		for (uint32_t i = 0; i < world->plan.streams; i++) {
			stream_resume(&world->streams[i]);
			stream_close(&world->streams[i]);
			world->streams[i].closing = true;
		}
	}
	for (uint32_t i = 0; i < world->plan.streams && !world->failed; i++) {
		while (world->streams[i].closing && !world->failed)
			step(world);
	}
	world->ending = true;
	if (abio_driver_shutdown(world->driver) < 0)
		world_fail(world, "refused", "shutdown");
	while (!world->failed && busy(world))
		step(world);
	/* A descriptor may still be closing in the background: its end makes the fd readable too.
	 */
	while (!world->failed) {
		error = abio_driver_close(world->driver);
		if (error == 0)
			break;
		if (error != ABIO_E_BUSY)
			world_fail(world, "event", "driver_close: %s", abio_error_name(error));
		else
			step(world);
	}
}

static void check_counts(struct world *world)
{
	uint64_t bound = world->full_polls + world->asked + atomic_load(&world->pieces) + 16;

	if (world->empty_wakes > bound)
		world_fail(world, "spinning", "%llu empty wakes, at most %llu have a reason",
			   (unsigned long long)world->empty_wakes, (unsigned long long)bound);
}

static void check_leaks(struct world *world, int fds, int64_t allocations)
{
	if (!allocations_return_to(allocations))
		world_fail(world, "leak", "%lld allocations are left",
			   (long long)(live_allocations() - allocations));
	else if (open_fds() != fds)
		world_fail(world, "leak", "%d descriptors are left", open_fds() - fds);
}

/* The kernel may still write to its buffers: the memory is left. */
static void give_up(struct world *world)
{
	abio_driver_abandon(world->driver);
	host_close(&world->host);
	for (uint32_t i = 0; world->streams != NULL && i < world->plan.streams; i++) {
		if (world->streams[i].peer > 0)
			close(world->streams[i].peer);
	}
}

bool world_run(const struct plan *plan)
{
	struct world *world = calloc(1, sizeof(*world));
	int64_t allocations = live_allocations();
	int fds = open_fds();
	char name[160];
	bool good;

	if (world == NULL)
		return false;
	world->plan = *plan;
	if (!open_world(world) || !peers_start(world))
		world_fail(world, "refused", "cannot begin");
	play_all(world);
	peers_join(world);
	if (!world->failed)
		finish(world);
	if (world->failed) {
		give_up(world);
		return false;
	}
	let_go(world);
	check_counts(world);
	check_leaks(world, fds, allocations);
	good = !world->failed;
	describe(plan, name, sizeof(name));
	if (good)
		soak_result(true, "%s: %llu events, %llu wakes, %llu of them empty", name,
			    (unsigned long long)world->event_count,
			    (unsigned long long)world->wakes,
			    (unsigned long long)world->empty_wakes);
	pthread_cond_destroy(&world->go);
	pthread_mutex_destroy(&world->mutex);
	free(world);
	return good;
}
