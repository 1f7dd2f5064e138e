/*
 * Fork in every state a driver can be in.  In the child every function answers ABIO_E_FORKED for
 * what was the parent's, release and abandon close the inherited descriptors, and new drivers work,
 * in the grandchild too; the parent goes on as if nothing had been.  A program that is executed
 * inherits no descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "faults.h"
#include "misuse.h"
#include "scenario.h"
#include "sys.h"

#define WATCHDOG_SECONDS 60
#define PATIENCE_MS      30000
#define STATE_IOS        8

struct state {
	const struct variant *variant;
	abio_driver driver;
	abio_io ios[STATE_IOS]; /* 0 where there is none */
	abio_buffer buffer;
	int32_t fds_before;
	char memory[64];
	struct abio_event event;
	const char *view;
};

/* ---- what is asked of a child ---------------------------------------------------------------- */

static void need_forked(const struct state *state)
{
	struct misuse_handles all = { .driver = state->driver,
				      .file = state->ios[0],
				      .stream = state->ios[0],
				      .listener = state->ios[0],
				      .datagram = state->ios[0],
				      .reader = state->ios[0],
				      .buffer = state->buffer };
	int count = 0;

	for (int i = 0; i < misuse_count; i++) {
		const struct misuse_row *row = &misuse_rows[i];
		uint64_t handle = row->handle == MISUSE_DRIVER   ? state->driver
				  : row->handle == MISUSE_BUFFER ? state->buffer
								 : state->ios[0];
		int32_t result;

		if (row->where != MISUSE_CHILD || !row->refused || row->code != ABIO_E_FORKED)
			continue;
		count++;
		result = row->call(handle, &all, row->argument, row->change);
		if (result != ABIO_E_FORKED)
			child_fail("%s gave %d (%s) in the child", row->function, result,
				   abio_error_name(result));
	}
	need(count > 50);
}

static void use_new_driver(const struct variant *variant)
{
	struct scenario scenario = { .backend = variant->backend,
				     .flags = variant->flags,
				     .patience_ms = 60000 };

	scenario_run(&scenario);
	need(!scenario.silent);
	need_equal(scenario.first_error, 0);
	need(scenario_clean(&scenario, 1000));
}

/* In either order. */
static void let_go(const struct state *state, bool driver_first)
{
	if (driver_first)
		need_equal(abio_driver_abandon(state->driver), 0);
	for (int i = 0; i < STATE_IOS; i++)
		if (state->ios[i] != 0)
			need_equal(abio_release(state->ios[i]), 0);
	if (!driver_first)
		need_equal(abio_driver_abandon(state->driver), 0);
}

/* Worker threads of drivers made here may still be ending. */
static void need_only(int32_t fds)
{
	char names[400];

	for (int i = 0; i < PATIENCE_MS && open_fds() > fds; i++)
		usleep(1000);
	describe_fds(names, sizeof(names));
	if (open_fds() != fds)
		child_fail("of the parent's descriptors some are left, or some too many are closed "
			   "(wanted %d):%s",
			   fds, names);
}

/*
 * Until the last worker is gone, not only what it held: a thread that is ending has locks of the
 * sanitizer's, which the next child would wait for for ever.
 */
static void need_alone(void)
{
	for (int i = 0; i < PATIENCE_MS && threads() > 1; i++)
		usleep(1000);
	need_equal(threads(), 1);
}

static int in_grandchild(void *argument)
{
	const struct state *state = argument;

	need_forked(state);
	use_new_driver(state->variant);
	let_go(state, true);
	need_only(state->fds_before);
	return CHILD_OK;
}

static int in_child(void *argument)
{
	const struct state *state = argument;
	struct state own = { .variant = state->variant, .fds_before = open_fds() };
	abio_io pair[2];

	need_forked(state);
	use_new_driver(state->variant);
	/* Its workers end by themselves; what they hold is nobody's in a grandchild. */
	need_only(own.fds_before);
	need_alone();
	if (child_run(WATCHDOG_SECONDS, in_grandchild, argument) != CHILD_OK)
		_exit(1);
	/* What is the child's is the grandparent's no more than the parent's. */
	own.driver = new_driver(state->variant);
	new_pair(own.driver, ABIO_KIND_UNIX, pair);
	own.ios[0] = pair[0];
	own.ios[1] = pair[1];
	need_equal(abio_buffer_alloc(64, 0, 0, &own.buffer), 0);
	if (child_run(WATCHDOG_SECONDS, in_grandchild, &own) != CHILD_OK)
		_exit(1);
	need_equal(abio_release(pair[0]), 0);
	need_equal(abio_release(pair[1]), 0);
	need_equal(abio_buffer_release(own.buffer), 0);
	end_driver(own.driver);
	let_go(state, false);
	need_only(state->fds_before);
	/* Given up twice is a mistake that is told, not a crash. */
	need(abio_driver_abandon(state->driver) < 0);
	return CHILD_OK;
}

/* ---- forking, in different ways -------------------------------------------------------------- */

static void *fork_on_thread(void *argument)
{
	if (child_run(WATCHDOG_SECONDS, in_child, argument) != CHILD_OK)
		_exit(1);
	return NULL;
}

static void fork_everywhere(struct state *state)
{
	pthread_t thread;

	if (child_run(WATCHDOG_SECONDS, in_child, state) != CHILD_OK)
		_exit(1);
	need(pthread_create(&thread, NULL, fork_on_thread, state) == 0);
	need(pthread_join(thread, NULL) == 0);
}

static void execute_and_count(const struct state *state)
{
	char wanted[16];
	int status = 0;
	pid_t child;

	snprintf(wanted, sizeof(wanted), "%d", state->fds_before);
	child = fork();
	need(child >= 0);
	if (child == 0) {
		execl("/proc/self/exe", "test_fork", "--fds", wanted, (char *)NULL);
		_exit(127);
	}
	need(waitpid(child, &status, 0) == child);
	need_equal(status, 0);
}

static struct state begin(const struct variant *variant)
{
	struct state state = { .variant = variant, .fds_before = open_fds() };

	state.driver = new_driver(variant);
	new_pair(state.driver, ABIO_KIND_TCP, state.ios);
	need_equal(abio_buffer_alloc(64, 0, 0, &state.buffer), 0);
	return state;
}

static void end(struct state *state)
{
	for (int i = 0; i < STATE_IOS; i++)
		if (state->ios[i] != 0)
			need_equal(abio_release(state->ios[i]), 0);
	need_equal(abio_buffer_release(state->buffer), 0);
	end_driver(state->driver);
}

static void need_delivered(struct state *state, abio_io from, abio_io to)
{
	char text[6] = { 0 };

	need_equal(abio_write_all(from, "parent", 6, 0, 101), 0);
	need_equal(finish(state->driver, 101).result, 6);
	need_equal(abio_read_exact(to, text, 6, 0, 102), 0);
	need_equal(finish(state->driver, 102).result, 6);
	need(memcmp(text, "parent", 6) == 0);
}

static void quiet(abio_driver driver)
{
	struct abio_event event;

	need_equal(abio_driver_poll(driver, &event, sizeof(event), 1), 0);
}

/* ---- the states ------------------------------------------------------------------------------ */

static void idle(const struct variant *variant)
{
	struct state state = begin(variant);

	fork_everywhere(&state);
	execute_and_count(&state);
	need_delivered(&state, state.ios[0], state.ios[1]);
	end(&state);
}

static void never_polled(const struct variant *variant)
{
	struct state state = { .variant = variant, .fds_before = open_fds() };

	state.driver = new_driver(variant);
	/* Handles are needed to ask with. */
	need_equal(abio_pipe(state.driver, 0, &state.ios[0], &state.ios[1]), 0);
	need_equal(abio_buffer_alloc(64, 0, 0, &state.buffer), 0);
	fork_everywhere(&state);
	need_delivered(&state, state.ios[1], state.ios[0]);
	end(&state);
}

static void reads_in_flight(const struct variant *variant)
{
	struct state state = begin(variant);

	need_equal(abio_read(state.ios[0], state.memory, sizeof(state.memory), 0, 1), 0);
	need_equal(abio_ready(state.ios[1], ABIO_INTEREST_READ, 0, 2), 0);
	quiet(state.driver);
	fork_everywhere(&state);
	execute_and_count(&state);
	need_equal(abio_try_write(state.ios[1], "late", 4, 0), 4);
	need_equal(finish(state.driver, 1).result, 4);
	need(memcmp(state.memory, "late", 4) == 0);
	need_equal(abio_try_write(state.ios[0], "more", 4, 0), 4);
	need((finish(state.driver, 2).result & ABIO_READY_READ) != 0);
	end(&state);
}

static void reads_not_submitted(const struct variant *variant)
{
	struct state state = begin(variant);

	quiet(state.driver);
	need_equal(abio_read(state.ios[0], state.memory, sizeof(state.memory), 0, 1), 0);
	fork_everywhere(&state);
	need_equal(abio_try_write(state.ios[1], "late", 4, 0), 4);
	need_equal(finish(state.driver, 1).result, 4);
	end(&state);
}

/* Sent once, by the parent: a child that let its handles go must not have sent them too. */
static void puts_pending(const struct variant *variant)
{
	struct state state = begin(variant);
	char text[16];

	need_equal(abio_put(state.ios[0], "once only", 9), 9);
	fork_everywhere(&state);
	need_equal(abio_flush(state.ios[0], 0, 1), 0);
	need_equal(finish(state.driver, 1).result, 0);
	need_equal(abio_read_exact(state.ios[1], text, 9, 0, 2), 0);
	need_equal(finish(state.driver, 2).result, 9);
	need(memcmp(text, "once only", 9) == 0);
	need_equal(abio_try_read(state.ios[1], text, sizeof(text), 0), ABIO_WOULD_BLOCK);
	end(&state);
}

static void events_undelivered(const struct variant *variant)
{
	struct state state = begin(variant);

	for (uint64_t token = 1; token <= 3; token++)
		need_equal(abio_timer(state.driver, 0, 0, token), 0);
	state.event = next_event(state.driver);
	need_equal(abio_driver_wake(state.driver), 0);
	fork_everywhere(&state);
	for (int left = 3; left > 0; left--)
		state.event = next_event(state.driver);
	quiet(state.driver);
	end(&state);
}

static void a_view_is_lent(const struct variant *variant)
{
	struct state state = begin(variant);

	need_equal(abio_receive(state.ios[0], 0, 1), 0);
	need_equal(abio_try_write(state.ios[1], "view", 4, 0), 4);
	state.event = next_event(state.driver);
	need_equal(state.event.result, 4);
	state.view = (const char *)(uintptr_t)state.event.data;
	fork_everywhere(&state);
	need(memcmp(state.view, "view", 4) == 0);
	need_equal(abio_try_write(state.ios[1], "next", 4, 0), 4);
	state.event = next_event(state.driver);
	need_equal(state.event.result, 4);
	need(memcmp((const char *)(uintptr_t)state.event.data, "next", 4) == 0);
	end(&state);
}

static void timers_running(const struct variant *variant)
{
	struct state state = begin(variant);

	need_equal(abio_timer(state.driver, 3600000000000, 0, 2), 0);
	quiet(state.driver);
	/* Not polled: on a slow machine it may be over already, and its event is for later. */
	need_equal(abio_timer(state.driver, 50000000, 0, 1), 0);
	need_equal(abio_driver_submit(state.driver), 0);
	fork_everywhere(&state);
	need_equal(finish(state.driver, 1).result, 0);
	need_equal(abio_cancel(state.driver, 2), 1);
	need_equal(finish(state.driver, 2).result, ABIO_E_CANCELED);
	end(&state);
}

static void shutting_down(const struct variant *variant)
{
	struct state state = begin(variant);
	int32_t peer = -1;

	/* The shutdown closes the other end too, and its end of file could win. */
	need_equal(abio_detach(state.ios[1], &peer), 0);
	need_equal(abio_read(state.ios[0], state.memory, sizeof(state.memory), 0, 1), 0);
	quiet(state.driver);
	need(abio_driver_shutdown(state.driver) >= 0);
	state.fds_before++;
	fork_everywhere(&state);
	need_equal(finish(state.driver, 1).result, ABIO_E_CANCELED);
	end(&state);
	close(peer);
}

/* Moved to the driver, and it has not looked yet. */
static void arriving(const struct variant *variant)
{
	struct state state = begin(variant);
	abio_driver other = new_driver(variant);
	abio_io pair[2];

	new_pair(other, ABIO_KIND_UNIX, pair);
	need_equal(abio_move(pair[0], state.driver, &state.ios[2]), 0);
	need_equal(abio_move(pair[1], state.driver, &state.ios[3]), 0);
	need_equal(abio_release(pair[0]), 0);
	need_equal(abio_release(pair[1]), 0);
	end_driver(other);
	fork_everywhere(&state);
	need_delivered(&state, state.ios[2], state.ios[3]);
	end(&state);
}

static void released_in_flight(const struct variant *variant)
{
	struct state state = begin(variant);
	abio_io released = state.ios[0];

	need_equal(abio_read(released, state.memory, sizeof(state.memory), 0, 1), 0);
	quiet(state.driver);
	need_equal(abio_release(released), 0);
	state.ios[0] = state.ios[1];
	state.ios[1] = 0;
	fork_everywhere(&state);
	need_equal(finish(state.driver, 1).result, ABIO_E_CANCELED);
	end(&state);
}

/* Only the parent's host is rung; a child that lets go closes what it inherited. */
static void a_doorbell_hangs(const struct variant *variant)
{
	struct state state = begin(variant);
	char bytes[8];
	int fds[2];

	need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	need_equal(abio_driver_doorbell(state.driver, fds[1], 0), 0);
	close(fds[1]);
	quiet(state.driver);
	execute_and_count(&state);
	state.fds_before++; /* the host's end */
	fork_everywhere(&state);
	for (int round = 0; round < 20; round++) {
		need_equal(abio_driver_wake(state.driver), 0);
		need(recv(fds[0], bytes, sizeof(bytes), 0) > 0);
		while (abio_driver_poll(state.driver, &state.event, sizeof(state.event), 1) > 0)
			;
	}
	need_delivered(&state, state.ios[0], state.ios[1]);
	end(&state);
	while (recv(fds[0], bytes, sizeof(bytes), 0) > 0)
		;
	close(fds[0]);
}

/* ---- a worker that is busy ------------------------------------------------------------------- */

#define WORKERS 4 /* the default of a driver */

static int gate[2];
static _Atomic int at_gate;

/* The name "slow" takes until the gate opens. */
static int64_t slow_names(const char *name, const char *service, const struct addrinfo *hints,
			  struct addrinfo **result)
{
	struct addrinfo numeric = *hints;
	char byte;

	if (strcmp(name, "slow") != 0)
		return sys_linux.names(name, service, hints, result);
	if ((hints->ai_flags & AI_NUMERICHOST) != 0)
		return -(int64_t)EAI_NONAME;
	at_gate++;
	while (read(gate[0], &byte, 1) < 0 && errno == EINTR)
		;
	numeric.ai_flags |= AI_NUMERICHOST;
	return -(int64_t)getaddrinfo("127.0.0.1", service, &numeric, result);
}

static void workers_busy(const struct variant *variant)
{
	struct state state = begin(variant);

	state.ios[2] = new_file(state.driver);
	need(pipe2(gate, O_CLOEXEC) == 0);
	state.fds_before += 2;
	sys.names = slow_names;
	for (uint64_t token = 1; token <= 6; token++)
		need_equal(abio_resolve(state.driver, "slow", 4, 80, 0, token), 0);
	need_equal(abio_write_all(state.ios[2], "file", 4, 0, 7), 0);
	need_equal(abio_driver_submit(state.driver), 0);
	/* All are busy now; a thread that is just starting has locks of the sanitizer's. */
	for (int i = 0; i < PATIENCE_MS && at_gate < WORKERS; i++)
		usleep(1000);
	need_equal(at_gate, WORKERS);
	fork_everywhere(&state);
	need_equal(write(gate[1], "123456", 6), 6);
	for (int left = 7; left > 0; left--) {
		state.event = next_event(state.driver);
		need(state.event.result == (state.event.token == 7 ? 4 : 1));
	}
	end(&state);
	close(gate[0]);
	close(gate[1]);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--fds") == 0)
		return open_fds() == atoi(argv[2]) ? 0 : 1;
	run_on_all("fork_while_idle", idle);
	run_on_all("fork_before_the_first_poll", never_polled);
	run_on_all("fork_with_reads_in_flight", reads_in_flight);
	run_on_all("fork_with_reads_not_submitted", reads_not_submitted);
	run_on_all("fork_with_puts_pending", puts_pending);
	run_on_all("fork_with_events_undelivered", events_undelivered);
	run_on_all("fork_while_a_view_is_lent", a_view_is_lent);
	run_on_all("fork_with_timers_running", timers_running);
	run_on_all("fork_while_shutting_down", shutting_down);
	run_on_all("fork_with_ios_arriving", arriving);
	run_on_all("fork_after_a_release_in_flight", released_in_flight);
	run_on_all("fork_while_a_doorbell_hangs", a_doorbell_hangs);
	run_on_all("fork_while_workers_are_busy", workers_busy);
	return tally_end();
}
