/*
 * The two lies an fd can tell: "asleep with work pending" and "spinning with none".
 *
 * Asleep is decided by facts: something is known to be with the kernel (the send, the connect, the
 * wake has returned; the time is over), the host has not been told, and is not told now.  Spinning
 * is decided by counting polls that give nothing, where nothing can be on its way.
 */
#include "world.h"

#include <stdio.h>
#include <sys/ioctl.h>

#define QUIET_TICKS   20u
#define TIMER_LATE_NS 500000000
#define SETTLE_EMPTY  4u  /* empty polls of a settling, beside one for each cancel before it */
#define STREAK_EMPTY  64u /* empty wakes in a row with nothing asked, and 16 for each stream */

static uint64_t total_echoed(const struct world *world)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < world->plan.streams; i++)
		total += atomic_load(&world->streams[i].echoed);
	return total;
}

static bool unread(int fd)
{
	int count = 0;

	return ioctl(fd, FIONREAD, &count) == 0 && count > 0;
}

static bool stream_pending(const struct world *world, const struct stream *stream, bool twice,
			   char *why, size_t size)
{
	uint64_t sent = atomic_load(&stream->sent);
	uint64_t echoed = atomic_load(&stream->echoed);

	if (stream->reader != READER_NONE && !stream->paused && !stream->closing &&
	    sent > stream->in)
		snprintf(why, size, "stream %u was sent %llu bytes and has %llu, reader %d",
			 stream->index, (unsigned long long)sent, (unsigned long long)stream->in,
			 (int)stream->reader);
	else if (twice && stream->out > echoed && !world->ending && !unread(stream->peer))
		snprintf(why, size, "stream %u holds back %llu bytes, writer %d", stream->index,
			 (unsigned long long)(stream->out - echoed), (int)stream->writer);
	else
		return false;
	return true;
}

static bool pending(const struct world *world, bool twice, char *why, size_t size)
{
	int64_t now = clock_ns();

	if (atomic_load(&world->wakes_made) > world->wakes_seen) {
		snprintf(why, size, "a wake was lost");
		return true;
	}
	for (uint32_t i = 0; i < world->plan.streams; i++) {
		if (stream_pending(world, &world->streams[i], twice, why, size))
			return true;
	}
	for (uint32_t i = 0; i < TIMERS_MAX; i++) {
		if (world->timers[i].active && now > world->timers[i].deadline_ns + TIMER_LATE_NS) {
			snprintf(why, size, "timer %u is over", i);
			return true;
		}
	}
	if (world->accepts > 0 && atomic_load(&world->connected) > world->accepted) {
		snprintf(why, size, "a connection waits");
		return true;
	}
	snprintf(why, size, "operations should have ended");
	return (world->ending || world->resting) && twice;
}

bool world_slept_long(struct world *world)
{
	uint64_t echoed = total_echoed(world);
	bool twice = world->quiet_ticks > 0 && echoed == world->echoed_before;
	char why[128];
	bool waits = pending(world, twice, why, sizeof(why));

	if (world->plan.host != HOST_SPIN && host_sleep(&world->host, 0))
		return true;
	world->echoed_before = echoed;
	world->quiet_ticks++;
	if (waits)
		world_fail(world, "asleep", "%s", why);
	else if (world->quiet_ticks > QUIET_TICKS)
		world_fail(world, "asleep", "nothing has moved for %d ms",
			   soak_deadline_ms * (int)world->quiet_ticks);
	return false;
}

void world_check_streak(struct world *world)
{
	uint64_t limit = STREAK_EMPTY + 16ull * world->plan.streams;

	if (world->asked != world->asked_at_streak) {
		world->asked_at_streak = world->asked;
		world->streak = 0;
	}
	if (++world->streak > limit)
		world_fail(world, "spinning", "%llu empty wakes in a row",
			   (unsigned long long)world->streak);
}

/*
 * All peers are silent and have their echo: whatever is still on its way comes now, and then the fd
 * must be cold.
 */
void world_settle(struct world *world)
{
	uint64_t allowed = SETTLE_EMPTY + world->settled_cancels;
	uint64_t empty = 0;

	extras_before_sleep(world);
	while (!world->failed) {
		if (world_poll(world) != 0)
			continue;
		if (!fd_readable(world->host.fd))
			break;
		if (++empty > allowed)
			world_fail(world, "spinning", "readable after %llu empty polls at rest",
				   (unsigned long long)empty);
	}
	world->settled_cancels = 0;
}
