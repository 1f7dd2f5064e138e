/*
 * Rest: a handful of reads, a peer that writes one byte to each beside the host's polls, and then
 * nothing at all.  No echo follows, so the enter that ran the last work is the last one, and
 * whatever the kernel left behind in the ring's flags stays there: a poll that trusts it never
 * rests.
 *
 * The kernel leaves such a flag about once in 20,000 rounds of this, and a byte comes exactly
 * beside a drain about as rarely; `stale` and `beside` make sure of it, by the table of system
 * calls.
 */
#include "rest.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys.h"

#define STREAMS_MAX 16u
#define EMPTY_MAX   3u /* polls that give nothing, from the last event until the fd is cold */
#define SPINS       5000u
#define STALE_EACH  8u /* enters */

struct rest {
	struct rest_plan plan;
	abio_driver driver;
	struct host host;
	abio_io ios[STREAMS_MAX];
	int peers[STREAMS_MAX];
	uint8_t bytes[STREAMS_MAX];
	bool armed[STREAMS_MAX];
	uint32_t waiting;
	bool failed;
	bool wake_due;
	bool unarrived; /* what is to come beside the drain */
	uint32_t now;
	uint64_t empty;
	_Atomic uint32_t round;
	_Atomic uint32_t written;
	_Atomic bool stop;
};

static struct rest *beside;

static const char *kind_of(const struct rest_plan *plan)
{
	return plan->stale ? " stale" : plan->beside ? " beside" : "";
}

static bool fail(struct rest *rest, const char *word, const char *text)
{
	if (!rest->failed)
		soak_result(false, "rest%s %s/%s streams=%u seed=%llu: %s: %s",
			    kind_of(&rest->plan), rest->plan.variant->name,
			    host_names[rest->plan.host], rest->plan.streams,
			    (unsigned long long)rest->plan.seed, word, text);
	rest->failed = true;
	atomic_store(&rest->stop, true);
	return false;
}

static int64_t enter_and_leave_flag(struct io_uring *ring)
{
	static uint32_t enters;
	int64_t result = sys_linux.ring_enter(ring);

	if (++enters % STALE_EACH == 0)
		__atomic_fetch_or(ring->sq.kflags, IORING_SQ_TASKRUN, __ATOMIC_RELEASE);
	return result;
}

static void write_all(struct rest *rest)
{
	for (uint32_t i = 0; i < rest->plan.streams; i++) {
		uint8_t byte = pattern_at(i, rest->now);

		if (write(rest->peers[i], &byte, 1) == 1)
			atomic_fetch_add(&rest->written, 1);
	}
}

/* Every other time a wake, which leaves nothing with the kernel. */
static void arrive(struct rest *rest)
{
	rest->unarrived = false;
	if (rest->wake_due)
		abio_driver_wake(rest->driver);
	else
		write_all(rest);
}

static int64_t drain_beside_arrival(int fd)
{
	if (beside->unarrived)
		arrive(beside);
	return sys_linux.event_drain(fd);
}

static void *write_bytes(void *argument)
{
	struct rest *rest = argument;
	struct rng rng = { rest->plan.seed };

	for (uint32_t round = 1; round <= rest->plan.rounds; round++) {
		for (uint32_t i = 0; atomic_load(&rest->round) < round; i++) {
			if (atomic_load(&rest->stop))
				return NULL;
			if (i > SPINS)
				usleep(20);
		}
		for (uint32_t i = 0; i < rest->plan.streams; i++) {
			uint8_t byte = pattern_at(i, round);
			uint32_t pause = rng_below(&rng, 300);

			for (volatile uint32_t k = 0; k < pause; k++)
				;
			if (write(rest->peers[i], &byte, 1) != 1)
				return NULL;
			atomic_fetch_add(&rest->written, 1);
		}
	}
	return NULL;
}

static bool arm(struct rest *rest)
{
	for (uint32_t i = 0; i < rest->plan.streams; i++) {
		if (abio_read(rest->ios[i], &rest->bytes[i], 1, 0, i) < 0)
			return fail(rest, "refused", "a read");
		rest->armed[i] = true;
	}
	rest->waiting = rest->plan.streams;
	return true;
}

static bool take(struct rest *rest, const struct abio_event *event, uint32_t round)
{
	uint32_t index = (uint32_t)event->token;

	if ((event->flags & ABIO_EVENT_WAKE) != 0) {
		if (!rest->wake_due)
			return fail(rest, "event", "a wake nobody asked for");
		rest->wake_due = false;
		write_all(rest);
		return true;
	}
	if (index >= rest->plan.streams || !rest->armed[index] || event->result != 1)
		return fail(rest, "event", "not the end of a read");
	if (rest->bytes[index] != pattern_at(index, round))
		return fail(rest, "bytes", "not the byte of this round");
	rest->armed[index] = false;
	rest->waiting--;
	return true;
}

static int32_t poll_once(struct rest *rest, uint32_t round)
{
	struct abio_event events[STREAMS_MAX];
	int32_t count = abio_driver_poll(rest->driver, events, sizeof(events[0]), STREAMS_MAX);

	for (int32_t i = 0; i < count; i++)
		take(rest, &events[i], round);
	return count;
}

static bool asleep(struct rest *rest, uint32_t round)
{
	uint32_t had = rest->plan.streams - rest->waiting;

	/* Every byte of this round that is written was written to a read that is armed. */
	if (!rest->wake_due &&
	    atomic_load(&rest->written) - (round - 1) * rest->plan.streams <= had)
		return false;
	return rest->plan.host == HOST_SPIN || !host_sleep(&rest->host, 0);
}

static void collect(struct rest *rest, uint32_t round)
{
	while ((rest->waiting > 0 || rest->wake_due) && !rest->failed) {
		int64_t start = clock_ns();
		bool until_0 = host_is_edge(rest->plan.host);
		uint32_t before = rest->waiting;

		if (rest->plan.host == HOST_SPIN) {
			while (rest->waiting == before &&
			       clock_ns() - start < (int64_t)soak_deadline_ms * 1000000)
				if (poll_once(rest, round) == 0)
					sched_yield();
			if (rest->waiting == before && asleep(rest, round))
				fail(rest, "asleep", "polls never give what was written");
			continue;
		}
		if (!host_sleep(&rest->host, soak_deadline_ms)) {
			if (asleep(rest, round))
				fail(rest, "asleep", "what was written makes no poll");
			continue;
		}
		while (poll_once(rest, round) > 0 && until_0)
			;
	}
}

static void settle(struct rest *rest, uint32_t round)
{
	uint32_t empty = 0;

	while (!rest->failed) {
		if (poll_once(rest, round) != 0) {
			fail(rest, "event", "more events than reads");
			return;
		}
		rest->empty++;
		if (!fd_readable(rest->host.fd))
			return;
		if (++empty > EMPTY_MAX)
			fail(rest, "spinning", "the fd stays readable at rest");
	}
}

static bool open_all(struct rest *rest)
{
	uint32_t flags = rest->plan.host == HOST_EDGE_FLAG ? ABIO_DRIVER_EDGE : 0;

	rest->driver = variant_driver(rest->plan.variant, flags, 0);
	if (rest->driver == 0 || !host_open(&rest->host, rest->plan.host, rest->driver))
		return fail(rest, "refused", "a driver");
	for (uint32_t i = 0; i < rest->plan.streams; i++) {
		int fds[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ||
		    abio_adopt(rest->driver, fds[0], ABIO_KIND_AUTO, 0, &rest->ios[i]) < 0)
			return fail(rest, "refused", "a stream");
		rest->peers[i] = fds[1];
	}
	return true;
}

static void close_all(struct rest *rest)
{
	if (!rest->failed && abio_driver_close(rest->driver) < 0)
		fail(rest, "event", "an idle driver does not close");
	if (rest->failed)
		abio_driver_abandon(rest->driver);
	host_close(&rest->host);
	for (uint32_t i = 0; i < rest->plan.streams; i++) {
		abio_release(rest->ios[i]);
		close(rest->peers[i]);
	}
}

static void play(struct rest *rest, uint32_t round)
{
	rest->now = round;
	atomic_store(&rest->round, round);
	if (rest->plan.beside) {
		rest->wake_due = round % 2 == 0;
		rest->unarrived = true;
		poll_once(rest, round);
		if (rest->unarrived)
			arrive(rest);
	}
	collect(rest, round);
	settle(rest, round);
}

static void play_all(struct rest *rest)
{
	if (rest->plan.stale)
		sys.ring_enter = enter_and_leave_flag;
	if (rest->plan.beside) {
		beside = rest;
		sys.event_drain = drain_beside_arrival;
	}
	for (uint32_t round = 1; round <= rest->plan.rounds && !rest->failed; round++) {
		if (arm(rest))
			play(rest, round);
	}
	sys = sys_linux;
}

bool rest_run(const struct rest_plan *plan)
{
	struct rest *rest = calloc(1, sizeof(*rest));
	int64_t allocations = live_allocations();
	pthread_t thread;
	bool good;

	if (rest == NULL)
		return false;
	rest->plan = *plan;
	if (!open_all(rest) ||
	    (!plan->beside && pthread_create(&thread, NULL, write_bytes, rest) != 0))
		return fail(rest, "refused", "a thread");
	play_all(rest);
	atomic_store(&rest->stop, true);
	if (!plan->beside)
		pthread_join(thread, NULL);
	close_all(rest);
	if (!rest->failed && !allocations_return_to(allocations))
		fail(rest, "leak", "allocations are left");
	good = !rest->failed;
	if (good)
		soak_result(true, "rest%s %s/%s streams=%u seed=%llu: %u rounds, %llu empty polls",
			    kind_of(plan), plan->variant->name, host_names[plan->host],
			    plan->streams, (unsigned long long)plan->seed, plan->rounds,
			    (unsigned long long)rest->empty);
	/* After a failure the kernel may still write to it. */
	if (good)
		free(rest);
	return good;
}
