/*
 * What threads may do to each other's drivers: be refused, retain and release, wake (from a signal
 * handler too), move ios to and fro under traffic, and take over from an owner that died.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.h"
#include "faults.h"

#define THREADS 8
#define LATE_MS 60000

static const struct variant *current;

static void run_thread(pthread_t *thread, void *(*body)(void *argument), void *argument)
{
	need(pthread_create(thread, NULL, body, argument) == 0);
}

static void join(pthread_t thread)
{
	need(pthread_join(thread, NULL) == 0);
}

static bool readable(abio_driver driver, int timeout_ms)
{
	struct pollfd entry = { .fd = abio_driver_fd(driver), .events = POLLIN };

	need(entry.fd >= 0);
	return poll(&entry, 1, timeout_ms) == 1;
}

/* Takes everything until a poll gives nothing. */
static void calm(abio_driver driver)
{
	struct abio_event events[8];
	int32_t count;

	do
		count = abio_driver_poll(driver, events, sizeof(events[0]), 8);
	while (count > 0);
	need_equal(count, 0);
}

/* ---- whose driver it is ---------------------------------------------------------------------- */

struct intruder {
	abio_driver driver;
	abio_io io;
	bool refused;
};

static void *intrude(void *argument)
{
	const struct intruder *intruder = argument;
	struct abio_driver_state state = { .size = sizeof(state) };
	struct abio_event event;
	int32_t wanted = intruder->refused ? ABIO_E_WRONG_THREAD : 0;
	char byte;

	need_equal(abio_driver_poll(intruder->driver, &event, sizeof(event), 1), wanted);
	need_equal(abio_driver_wait(intruder->driver, &event, sizeof(event), 1, 0), wanted);
	need_equal(abio_driver_submit(intruder->driver), wanted);
	need_equal(abio_cancel(intruder->driver, 1), wanted);
	need_equal(abio_try_read(intruder->io, &byte, 1, 0),
		   intruder->refused ? wanted : ABIO_WOULD_BLOCK);
	/* Free for all. */
	need_equal(abio_driver_info(intruder->driver, &state), 0);
	need(abio_driver_fd(intruder->driver) >= 0);
	need_equal(abio_retain(intruder->io), 0);
	need_equal(abio_release(intruder->io), 0);
	return NULL;
}

static void other_threads_are_refused(const struct variant *variant)
{
	struct intruder intruder = { .driver = new_driver(variant), .refused = true };
	abio_io pair[2];
	pthread_t thread;

	new_pair(intruder.driver, ABIO_KIND_UNIX, pair);
	intruder.io = pair[0];
	for (int i = 0; i < 3; i++) {
		run_thread(&thread, intrude, &intruder);
		join(thread);
	}
	need_equal(abio_put(pair[1], "x", 1), 1);
	calm(intruder.driver);
	need_equal(abio_release(pair[0]), 0);
	need_equal(abio_release(pair[1]), 0);
	end_driver(intruder.driver);
}

static void a_driver_that_migrates_goes_anywhere(const struct variant *variant)
{
	struct abio_driver_options options = { .size = sizeof(options),
					       .flags = ABIO_DRIVER_MIGRATES };
	struct intruder intruder = { .refused = false };
	abio_io pair[2];
	pthread_t thread;

	(void)variant;
	need_equal(abio_driver_create(&options, &intruder.driver), 0);
	new_pair(intruder.driver, ABIO_KIND_UNIX, pair);
	intruder.io = pair[0];
	for (int i = 0; i < 3; i++) {
		run_thread(&thread, intrude, &intruder);
		join(thread);
		calm(intruder.driver);
	}
	need_equal(abio_release(pair[0]), 0);
	need_equal(abio_release(pair[1]), 0);
	end_driver(intruder.driver);
}

/* ---- an owner that died ---------------------------------------------------------------------- */

struct heritage {
	abio_driver driver;
	abio_io ios[3];
	char memory[64];
};

static void *start_and_die(void *argument)
{
	struct heritage *heritage = argument;

	heritage->driver = new_driver(current);
	new_pair(heritage->driver, ABIO_KIND_TCP, heritage->ios);
	heritage->ios[2] = new_file(heritage->driver);
	need_equal(abio_read(heritage->ios[0], heritage->memory, 64, 0, 1), 0);
	need_equal(abio_receive(heritage->ios[1], 0, 2), 0);
	need_equal(abio_timer(heritage->driver, 3600000000000, 0, 3), 0);
	calm(heritage->driver);
	/* One that nobody has seen yet. */
	need_equal(abio_ready(heritage->ios[0], ABIO_INTEREST_READ, 0, 4), 0);
	return NULL;
}

static void a_dead_owner_is_inherited(const struct variant *variant)
{
	struct heritage heritage;
	struct abio_event event;
	uint32_t seen = 0;
	pthread_t thread;

	current = variant;
	run_thread(&thread, start_and_die, &heritage);
	join(thread);
	need(abio_driver_shutdown(heritage.driver) >= 0);
	for (int i = 0; i < 4; i++) {
		event = next_event(heritage.driver);
		need(event.token >= 1 && event.token <= 4 && (seen & 1u << event.token) == 0);
		need(event.result == ABIO_E_CANCELED || event.token == 4);
		seen |= 1u << event.token;
	}
	need_equal(abio_timer(heritage.driver, 0, 0, 9), ABIO_E_CLOSED);
	for (int i = 0; i < 3; i++)
		need_equal(abio_release(heritage.ios[i]), 0);
	end_driver(heritage.driver);
}

/* ---- retain and release ---------------------------------------------------------------------- */

struct crowd {
	abio_io io;
	int rounds;
	_Atomic bool go;
};

static void *retain_and_release(void *argument)
{
	struct crowd *crowd = argument;

	while (!crowd->go)
		;
	for (int i = 0; i < crowd->rounds; i++) {
		need_equal(abio_retain(crowd->io), 0);
		need_equal(abio_release(crowd->io), 0);
	}
	need_equal(abio_release(crowd->io), 0);
	return NULL;
}

static void references_are_counted_by_all_threads(const struct variant *variant)
{
	struct crowd crowd = { .rounds = 20000 };
	abio_driver driver = new_driver(variant);
	pthread_t threads[THREADS];
	abio_io pair[2];
	char memory[16];

	new_pair(driver, ABIO_KIND_UNIX, pair);
	crowd.io = pair[0];
	need_equal(abio_read(pair[0], memory, sizeof(memory), 0, 1), 0);
	calm(driver);
	for (int i = 0; i < THREADS; i++) {
		need_equal(abio_retain(pair[0]), 0);
		run_thread(&threads[i], retain_and_release, &crowd);
	}
	crowd.go = true;
	need_equal(abio_release(pair[0]), 0);
	/* The last release, whoever's it is, cancels the read; the fd says so. */
	need(readable(driver, LATE_MS));
	need_equal(finish(driver, 1).result, ABIO_E_CANCELED);
	for (int i = 0; i < THREADS; i++)
		join(threads[i]);
	need_equal(abio_retain(pair[0]), ABIO_E_HANDLE);
	/* The other end sees that the descriptor is closed. */
	need_equal(abio_read(pair[1], memory, sizeof(memory), 0, 2), 0);
	need_equal(finish(driver, 2).result, 0);
	need_equal(abio_release(pair[1]), 0);
	end_driver(driver);
}

static void *release_one(void *argument)
{
	const struct crowd *crowd = argument;

	while (!crowd->go)
		;
	need_equal(abio_release(crowd->io), 0);
	return NULL;
}

static void releases_race_with_the_driver_closing(const struct variant *variant)
{
	for (int round = 0; round < 100; round++) {
		abio_driver driver = new_driver(variant);
		struct crowd crowds[4] = { { .io = 0 } };
		pthread_t threads[4];

		for (int i = 0; i < 2; i++) {
			abio_io pair[2];

			new_pair(driver, ABIO_KIND_PIPE, pair);
			crowds[2 * i].io = pair[0];
			crowds[2 * i + 1].io = pair[1];
		}
		calm(driver);
		for (int i = 0; i < 4; i++)
			run_thread(&threads[i], release_one, &crowds[i]);
		for (int i = 0; i < 4; i++)
			crowds[i].go = true;
		need_equal(abio_driver_close(driver), 0);
		for (int i = 0; i < 4; i++)
			join(threads[i]);
	}
}

/* ---- waking ---------------------------------------------------------------------------------- */

struct waker {
	abio_driver driver;
	int times;
	_Atomic int done;
	bool may_be_gone;
};

static void *wake(void *argument)
{
	struct waker *waker = argument;

	for (int i = 0; i < waker->times; i++) {
		int32_t result = abio_driver_wake(waker->driver);

		need(result == 0 || (waker->may_be_gone && result == ABIO_E_HANDLE));
	}
	waker->done++;
	return NULL;
}

static void wakes_come_from_all_threads(const struct variant *variant)
{
	struct waker waker = { .driver = new_driver(variant), .times = 2000 };
	pthread_t threads[THREADS];
	int64_t count = 0;

	calm(waker.driver);
	for (int i = 0; i < THREADS; i++)
		run_thread(&threads[i], wake, &waker);
	while (waker.done < THREADS || readable(waker.driver, 0)) {
		struct abio_event events[4];
		int32_t got = abio_driver_wait(waker.driver, events, sizeof(events[0]), 4, 1000000);

		need(got >= 0);
		for (int32_t i = 0; i < got; i++)
			need_equal(events[i].flags, ABIO_EVENT_WAKE);
		count += got;
	}
	need(count >= 1 && count <= THREADS * 2000);
	for (int i = 0; i < THREADS; i++)
		join(threads[i]);
	/* Two before a poll are one event, and none is kept. */
	need_equal(abio_driver_wake(waker.driver), 0);
	need_equal(abio_driver_wake(waker.driver), 0);
	need(readable(waker.driver, LATE_MS));
	need_equal(next_event(waker.driver).flags, ABIO_EVENT_WAKE);
	calm(waker.driver);
	need(!readable(waker.driver, 0));
	end_driver(waker.driver);
}

static void wakes_race_with_the_driver_closing(const struct variant *variant)
{
	for (int round = 0; round < 50; round++) {
		struct waker waker = { .driver = new_driver(variant),
				       .times = 300,
				       .may_be_gone = true };
		pthread_t threads[3];

		calm(waker.driver);
		for (int i = 0; i < 3; i++)
			run_thread(&threads[i], wake, &waker);
		end_driver(waker.driver);
		for (int i = 0; i < 3; i++)
			join(threads[i]);
	}
}

static _Atomic uint64_t signaled_driver;
static _Atomic int handled;

static void wake_in_handler(int number)
{
	(void)number;
	abio_driver_wake(signaled_driver);
	handled++;
}

struct bomber {
	pthread_t target;
	_Atomic bool stop;
};

static void *bomb(void *argument)
{
	struct bomber *bomber = argument;

	while (!bomber->stop) {
		pthread_kill(bomber->target, SIGUSR1);
		usleep(50);
	}
	return NULL;
}

static void signal_handlers_may_wake(const struct variant *variant)
{
	struct sigaction action = { .sa_handler = wake_in_handler };
	struct bomber bomber = { .target = pthread_self() };
	abio_driver driver = new_driver(variant);
	pthread_t thread;
	abio_io pair[2];
	char out[4096];
	char in[4096];

	new_pair(driver, ABIO_KIND_TCP, pair);
	calm(driver);
	signaled_driver = driver;
	need(sigaction(SIGUSR1, &action, NULL) == 0);
	run_thread(&thread, bomb, &bomber);
	for (int i = 0; i < 500 || handled < 200; i++) {
		memset(out, i, sizeof(out));
		need_equal(abio_write_all(pair[0], out, sizeof(out), 0, 1), 0);
		need_equal(abio_read_exact(pair[1], in, sizeof(in), 0, 2), 0);
		for (int left = 2; left > 0;) {
			struct abio_event event = next_event(driver);

			if (event.flags & ABIO_EVENT_WAKE)
				continue;
			need_equal(event.result, (int64_t)sizeof(in));
			left--;
		}
		need(memcmp(in, out, sizeof(in)) == 0);
	}
	bomber.stop = true;
	join(thread);
	need_equal(abio_driver_wake(driver), 0);
	while ((next_event(driver).flags & ABIO_EVENT_WAKE) == 0)
		;
	need_equal(abio_release(pair[0]), 0);
	need_equal(abio_release(pair[1]), 0);
	end_driver(driver);
}

/* ---- a socket that is rung ------------------------------------------------------------------- */

#define WAKES 300

struct ringing {
	abio_driver driver;
	_Atomic uint32_t asked; /* wakes of all threads */
	_Atomic uint32_t seen;
};

/* Each wake is seen before the thread asks for the next: one that is lost is waited for for ever.
 */
static void *wake_and_wait(void *argument)
{
	struct ringing *ringing = argument;

	for (int i = 0; i < WAKES; i++) {
		uint32_t mine = atomic_fetch_add(&ringing->asked, 1) + 1;

		need_equal(abio_driver_wake(ringing->driver), 0);
		while (atomic_load(&ringing->seen) < mine)
			usleep(10);
	}
	return NULL;
}

static int hang(abio_driver driver)
{
	int fds[2];

	need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	need_equal(abio_driver_doorbell(driver, fds[1], 0), 0);
	close(fds[1]);
	return fds[0];
}

/* The library's end is let go of. */
static void need_closed(int fd)
{
	char bytes[64];

	while (recv(fd, bytes, sizeof(bytes), 0) > 0)
		;
	close(fd);
}

static void a_socket_is_rung_for_all_threads(const struct variant *variant)
{
	struct ringing ringing = { .driver = new_driver(variant) };
	int socket = hang(ringing.driver);
	struct abio_event events[4];
	pthread_t threads[3];
	char bytes[64];

	for (int i = 0; i < 3; i++)
		run_thread(&threads[i], wake_and_wait, &ringing);
	for (int turn = 1; ringing.seen < 3 * WAKES; turn++) {
		uint32_t asked;

		need(recv(socket, bytes, sizeof(bytes), 0) > 0);
		if (turn % 16 == 0) {
			int other = hang(ringing.driver);

			need_closed(socket);
			socket = other;
		}
		do {
			asked = atomic_load(&ringing.asked);
		} while (abio_driver_poll(ringing.driver, events, sizeof(events[0]), 4) > 0);
		/* A wake that was asked for and not made yet rings for itself. */
		atomic_store(&ringing.seen, asked);
	}
	for (int i = 0; i < 3; i++)
		join(threads[i]);
	end_driver(ringing.driver);
	need_closed(socket);
}

static void *ring_a_life(void *argument)
{
	(void)argument;
	for (int i = 0; i < 30; i++) {
		abio_driver driver = new_driver(current);
		int socket = hang(driver);

		calm(driver);
		need_equal(abio_driver_wake(driver), 0);
		if (i % 3 == 0)
			need_equal(abio_driver_doorbell(driver, -1, 0), 0);
		end_driver(driver);
		need_closed(socket);
	}
	return NULL;
}

static void sockets_are_given_and_taken_by_all_threads(const struct variant *variant)
{
	pthread_t threads[4];

	current = variant;
	for (int i = 0; i < 4; i++)
		run_thread(&threads[i], ring_a_life, NULL);
	for (int i = 0; i < 4; i++)
		join(threads[i]);
}

/* ---- starting at the same time --------------------------------------------------------------- */

static void *live_a_whole_life(void *argument)
{
	(void)argument;
	for (int i = 0; i < 20; i++) {
		abio_driver driver = new_driver(current);
		char back[4] = { 0 };
		abio_io pair[2];

		new_pair(driver, ABIO_KIND_PIPE, pair);
		need_equal(abio_put(pair[1], "abcd", 4), 4);
		need_equal(abio_read_exact(pair[0], back, 4, 0, 1), 0);
		need_equal(finish(driver, 1).result, 4);
		need(memcmp(back, "abcd", 4) == 0);
		need_equal(abio_release(pair[0]), 0);
		need_equal(abio_release(pair[1]), 0);
		end_driver(driver);
	}
	return NULL;
}

static void drivers_begin_and_end_at_the_same_time(const struct variant *variant)
{
	pthread_t threads[4];

	current = variant;
	for (int i = 0; i < 4; i++)
		run_thread(&threads[i], live_a_whole_life, NULL);
	for (int i = 0; i < 4; i++)
		join(threads[i]);
}

int main(void)
{
	run_on_all("other_threads_are_refused", other_threads_are_refused);
	run_on(&variants[2], "a_driver_that_migrates_goes_anywhere",
	       a_driver_that_migrates_goes_anywhere);
	run_on_all("a_dead_owner_is_inherited", a_dead_owner_is_inherited);
	run_on_all("references_are_counted_by_all_threads", references_are_counted_by_all_threads);
	run_on_all("releases_race_with_the_driver_closing", releases_race_with_the_driver_closing);
	run_on_all("wakes_come_from_all_threads", wakes_come_from_all_threads);
	run_on_all("wakes_race_with_the_driver_closing", wakes_race_with_the_driver_closing);
	run_on_all("signal_handlers_may_wake", signal_handlers_may_wake);
	run_on_all("a_socket_is_rung_for_all_threads", a_socket_is_rung_for_all_threads);
	run_on_all("sockets_are_given_and_taken_by_all_threads",
		   sockets_are_given_and_taken_by_all_threads);
	run_on_all("drivers_begin_and_end_at_the_same_time",
		   drivers_begin_and_end_at_the_same_time);
	return tally_end();
}
