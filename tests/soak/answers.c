/*
 * Answers: a worker ends its work while the host sleeps, and nothing else is on its way that could
 * wake it.  The worker is let go when the fd is cold, by the table of system calls, so that its
 * answer never comes beside a poll that the host makes for another reason.
 */
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <unistd.h>

#include "rest.h"
#include "sys.h"

#define EMPTY_MAX   3u /* polls that give nothing until the fd is cold */
#define STALL_TICKS 8u /* deadlines: a worker that was let go has answered long before */

static int gate[2];

static int64_t names_behind_gate(const char *name, const char *service,
				 const struct addrinfo *hints, struct addrinfo **result)
{
	char byte;

	(void)name;
	(void)service;
	(void)hints;
	(void)result;
	if ((hints->ai_flags & AI_NUMERICHOST) == 0 && read(gate[0], &byte, 1) != 1)
		return -(int64_t)EAI_SYSTEM;
	return -(int64_t)EAI_NONAME;
}

static bool fail(const struct rest_plan *plan, const char *word, const char *text)
{
	soak_result(false, "answers %s/%s: %s: %s", plan->variant->name, host_names[plan->host],
		    word, text);
	return false;
}

/* 1 when the answer is there, 0 while there is nothing, -1 when it is something else. */
static int32_t look(abio_driver driver, uint64_t token)
{
	struct abio_event events[4];
	int32_t count = abio_driver_poll(driver, events, sizeof(events[0]), 4);

	if (count == 0)
		return 0;
	return count == 1 && events[0].token == token && events[0].result < 0 ? 1 : -1;
}

static bool settle(const struct rest_plan *plan, const struct host *host, abio_driver driver)
{
	for (uint32_t empty = 0; empty < EMPTY_MAX; empty++) {
		if (look(driver, 0) != 0)
			return fail(plan, "event", "an answer before the worker's");
		if (!fd_readable(host->fd))
			return true;
	}
	return fail(plan, "spinning", "the fd stays readable at rest");
}

static bool play(const struct rest_plan *plan, const struct host *host, abio_driver driver,
		 uint64_t token)
{
	uint32_t ticks = 0;
	int32_t got = 0;

	if (abio_resolve(driver, "nobody", 6, 80, 0, token) < 0)
		return fail(plan, "refused", "a name");
	if (!settle(plan, host, driver))
		return false;
	if (write(gate[1], "x", 1) != 1)
		return fail(plan, "refused", "a pipe");
	while (got == 0) {
		if (host_sleep(host, soak_deadline_ms))
			got = look(driver, token);
		else if (++ticks == STALL_TICKS)
			return fail(plan, "asleep", "what a worker has ended makes no poll");
	}
	return got > 0 || fail(plan, "event", "not the end of a name");
}

bool answers_run(const struct rest_plan *plan)
{
	uint32_t flags = plan->host == HOST_EDGE_FLAG ? ABIO_DRIVER_EDGE : 0;
	int64_t allocations = live_allocations();
	abio_driver driver = variant_driver(plan->variant, flags, 0);
	struct host host = { .epoll = -1, .bell = -1 };
	bool good = true;

	if (driver == 0 || pipe2(gate, O_CLOEXEC) < 0 || !host_open(&host, plan->host, driver))
		return fail(plan, "refused", "a driver");
	sys.names = names_behind_gate;
	for (uint32_t round = 1; round <= plan->rounds && good; round++)
		good = play(plan, &host, driver, round);
	if (good && abio_driver_close(driver) < 0)
		good = fail(plan, "event", "an idle driver does not close");
	if (!good)
		abio_driver_abandon(driver);
	host_close(&host);
	/* A worker that was not let go ends with the pipe. */
	close(gate[1]);
	if (good)
		close(gate[0]);
	sys = sys_linux;
	/* What comes next counts from where its workers have left. */
	if (good && !allocations_return_to(allocations))
		good = fail(plan, "leak", "allocations are left");
	if (good)
		soak_result(true, "answers %s/%s: %u", plan->variant->name, host_names[plan->host],
			    plan->rounds);
	return good;
}
