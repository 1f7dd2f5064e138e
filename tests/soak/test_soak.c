/*
 * The fd tells the truth: random operations over racing peers, on every kind of host and driver.
 *
 *     test_soak            the quick form
 *     test_soak long       minutes
 *     ABIO_SOAK_SEED=n     begins with another seed; each plan prints its own
 *     ABIO_SOAK_ONLY=text  only plans whose variant/host contains the text
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"
#include "rest.h"
#include "world.h"

static const uint32_t capacities[] = { 1, 7, 256 };
static uint64_t next_seed = 1;
static bool has_uring = true;

static bool chosen(const struct variant *variant, enum host_kind host)
{
	const char *only = getenv("ABIO_SOAK_ONLY");
	char name[64];

	snprintf(name, sizeof(name), "%s/%s", variant->name, host_names[host]);
	if (only != NULL && strstr(name, only) == NULL)
		return false;
	return has_uring || variant->backend != ABIO_BACKEND_URING;
}

static void run(struct plan plan)
{
	plan.seed = next_seed++;
	if (chosen(plan.variant, plan.host))
		world_run(&plan);
}

static bool full(const struct variant *variant, uint32_t completions)
{
	/* The size of a completion queue means nothing to epoll. */
	return variant->backend == ABIO_BACKEND_URING || completions == 0;
}

/* Bursts of more than the kernel runs in one go, from peers that fall silent after each. */
static void bursts(const struct variant *variant, enum host_kind host, uint32_t times)
{
	static const uint32_t sizes[] = { 64, 200 };
	static const uint32_t queues[] = { 0, 4 };

	for (uint32_t i = 0; i < 12; i++) {
		struct plan plan = { .variant = variant,
				     .host = host,
				     .capacity = capacities[i % 3],
				     .streams = sizes[i / 3 % 2],
				     .completions = queues[i / 6],
				     .rounds = (sizes[i / 3 % 2] == 64 ? 10 : 4) * times,
				     .spread = SPREAD_ALL,
				     .lockstep = true };

		if (full(variant, plan.completions))
			run(plan);
	}
}

/* Few streams, many rounds: every drain has something arriving beside it. */
static void singles(const struct variant *variant, enum host_kind host, uint32_t times)
{
	struct plan plan = { .variant = variant,
			     .host = host,
			     .capacity = 7,
			     .streams = 4,
			     .rounds = 300 * times,
			     .spread = SPREAD_ONE,
			     .lockstep = true };

	run(plan);
	plan.spread = SPREAD_SOME;
	plan.streams = 16;
	plan.rounds = 100 * times;
	run(plan);
}

static void races(const struct variant *variant, enum host_kind host, uint32_t times)
{
	struct plan plan = { .variant = variant,
			     .host = host,
			     .capacity = 256,
			     .streams = 32,
			     .rounds = 40 * times,
			     .spread = SPREAD_SOME };

	run(plan);
	plan.completions = 4;
	plan.capacity = 7;
	if (full(variant, 4))
		run(plan);
}

/* More has arrived than the pool has buffers when the host comes to look. */
static void starvation(const struct variant *variant, enum host_kind host, uint32_t times)
{
	struct plan plan = { .variant = variant,
			     .host = host,
			     .capacity = 2 * POOL_BUFFERS,
			     .streams = POOL_BUFFERS + 76,
			     .message = MESSAGE_UNIT,
			     .rounds = 2 * times,
			     .spread = SPREAD_ALL,
			     .readers = READERS_RECEIVE,
			     .lockstep = true,
			     .calm = true,
			     .late = true };

	/* Two descriptors for each stream. */
	if (open_fds_max() > 2 * plan.streams + 100)
		run(plan);
	else
		soak_skipped("starvation: too few descriptors");
}

/* One peer, awake on its own processor, answers within a microsecond: beside the drain. */
static void duels(const struct variant *variant, enum host_kind host, uint32_t times)
{
	struct plan plan = { .variant = variant,
			     .host = host,
			     .capacity = 7,
			     .streams = 1,
			     .peers = 1,
			     .rounds = 10 * times,
			     .echoes = 200,
			     .spread = SPREAD_ALL,
			     .lockstep = true,
			     .calm = true,
			     .eager = true };

	run(plan);
	/* Work that arrives while the kernel runs work; and a rest after each time. */
	plan.streams = 8;
	plan.echoes = 1;
	plan.rounds = 200 * times;
	run(plan);
}

static void rests(const struct variant *variant, enum host_kind host, uint32_t times)
{
	struct rest_plan plan = { .variant = variant, .host = host, .rounds = 1000 * times };

	if (!chosen(variant, host))
		return;
	for (uint32_t way = 0; way < 3; way++) {
		plan.streams = 2 + way;
		plan.seed = next_seed++;
		plan.stale = way == 1 && variant->backend == ABIO_BACKEND_URING;
		plan.beside = way == 2;
		rest_run(&plan);
	}
}

static void answers(const struct variant *variant, enum host_kind host, uint32_t times)
{
	struct rest_plan plan = { .variant = variant, .host = host, .rounds = 20 * times };

	if (chosen(variant, host))
		answers_run(&plan);
}

static void everything(uint32_t times)
{
	for (uint32_t kind = 0; kind < HOST_COUNT; kind++) {
		for (uint32_t v = 0; v < VARIANT_COUNT; v++) {
			enum host_kind host = (enum host_kind)kind;

			singles(&variants[v], host, times);
			bursts(&variants[v], host, times);
			races(&variants[v], host, times);
			rests(&variants[v], host, times);
			/* One that does not sleep is not woken. */
			if (host != HOST_SPIN)
				answers(&variants[v], host, times);
			/* Two that spin and one processor too few: hours. */
			if (host != HOST_SPIN)
				duels(&variants[v], host, times);
			if (host == HOST_LEVEL || host == HOST_EDGE)
				starvation(&variants[v], host, times);
		}
	}
}

int main(int argc, char **argv)
{
	const char *seed = getenv("ABIO_SOAK_SEED");
	abio_driver driver;

	soak_setup(argc, argv);
	soak_watchdog(soak_long ? 3000 : 500);
	if (seed != NULL)
		next_seed = strtoull(seed, NULL, 0);
	driver = variant_driver(&variants[0], 0, 0);
	has_uring = driver != 0;
	if (has_uring)
		abio_driver_close(driver);
	else
		soak_skipped("no io_uring here: epoll alone");
	everything(soak_long ? 8 : 1);
	return soak_end();
}
