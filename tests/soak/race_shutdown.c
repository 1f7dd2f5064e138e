/*
 * A driver shut down with more than a thousand operations in flight, of every kind there is: each
 * ends exactly once, nothing new is taken, and then the driver closes.
 */
#include "race.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OPERATIONS_MIN 1000u
#define OPERATIONS_MAX 1300u
#define IOS_MAX        1000u
#define READERS        120u /* of each kind of reading */
#define ARRIVED        10u  /* bytes some readers have waiting */
#define SMALL_BUFFER   4608
#define BLOCK          (128u << 10) /* more than a small socket takes */
#define PATIENCE_NS    60000000000
#define HOUR_NS        3600000000000

struct storm {
	const struct variant *variant;
	uint64_t seed;
	bool polled;
	bool failed;
	struct rng rng;
	abio_driver driver;
	abio_io ios[IOS_MAX];
	int peers[IOS_MAX];
	uint32_t io_count;
	uint32_t count; /* operations accepted: their tokens are 1 to count */
	uint32_t ended;
	uint32_t canceled;
	uint8_t ends[OPERATIONS_MAX + 1];
	bool any_error[OPERATIONS_MAX + 1];
	uint8_t memory[OPERATIONS_MAX + 1][64];
	uint8_t block[BLOCK];
	char path[40];
	char name[40];
};

static void fail(struct storm *storm, const char *what, int64_t number)
{
	if (!storm->failed)
		soak_result(false, "shutdown %s seed=%llu: event: %s (%lld)", storm->variant->name,
			    (unsigned long long)storm->seed, what, (long long)number);
	storm->failed = true;
}

static uint64_t token(struct storm *storm)
{
	return storm->count + 1;
}

static uint8_t *memory(struct storm *storm)
{
	return storm->memory[storm->count + 1];
}

static void started(struct storm *storm, const char *what, int32_t result)
{
	if (result < 0)
		fail(storm, what, result);
	else if (storm->count < OPERATIONS_MAX)
		storm->count++;
}

/* An idle stream; `small`: its peer reads nothing and it takes little. */
static abio_io stream(struct storm *storm, bool small)
{
	int size = SMALL_BUFFER;
	int fds[2];
	abio_io io;

	if (storm->io_count == IOS_MAX ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
		fail(storm, "no stream", storm->io_count);
		return 0;
	}
	if (small)
		setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (!small && rng_one_in(&storm->rng, 2) && write(fds[1], storm->block, ARRIVED) < 0)
		fail(storm, "no bytes", 0);
	if (abio_adopt(storm->driver, fds[0], ABIO_KIND_AUTO, 0, &io) < 0)
		fail(storm, "adopt", 0);
	storm->ios[storm->io_count] = io;
	storm->peers[storm->io_count++] = fds[1];
	return io;
}

static void start_readers(struct storm *storm)
{
	for (uint32_t i = 0; i < READERS; i++) {
		struct abio_iovec pieces[2];
		abio_io io = stream(storm, false);

		started(storm, "read", abio_read(io, memory(storm), 64, 0, token(storm)));
		started(storm, "ready", abio_ready(io, ABIO_INTEREST_READ, 0, token(storm)));
		pieces[0] = (struct abio_iovec){ memory(storm), 5 };
		pieces[1] = (struct abio_iovec){ memory(storm) + 5, 59 };
		started(storm, "readv",
			abio_readv(stream(storm, false), pieces, 2, 0, token(storm)));
		started(storm, "read_exact",
			abio_read_exact(stream(storm, false), memory(storm), 64, 0, token(storm)));
		started(storm, "receive", abio_receive(stream(storm, false), 0, token(storm)));
	}
}

static void start_writers(struct storm *storm)
{
	abio_io io;

	for (uint32_t i = 0; i < 60; i++) {
		started(storm, "write_all",
			abio_write_all(stream(storm, true), storm->block, BLOCK, 0, token(storm)));
		io = stream(storm, true);
		if (abio_put(io, storm->block, BLOCK) <= 0)
			fail(storm, "put", 0);
		started(storm, "flush", abio_flush(io, 0, token(storm)));
		if (i % 3 == 0)
			started(storm, "shutdown", abio_shutdown(io, 0, token(storm)));
		if (i % 3 == 1)
			started(storm, "close", abio_close(io, 0, token(storm)));
		if (i % 3 == 2)
			started(storm, "write", abio_write(io, storm->block, 64, 0, token(storm)));
	}
}

static void start_timers(struct storm *storm)
{
	for (uint32_t i = 0; i < 100; i++)
		started(storm, "timer",
			abio_timer(storm->driver, i % 4 == 0 ? 0 : HOUR_NS, 0, token(storm)));
}

static struct abio_address unix_address(const char *name)
{
	struct abio_address address = { .size = sizeof(address), .family = ABIO_FAMILY_UNIX };

	address.length = (uint32_t)strlen(name) + 1;
	memcpy(address.data + 1, name, strlen(name));
	return address;
}

static abio_io listener(struct storm *storm, const char *name)
{
	struct abio_listen_options options = { .size = sizeof(options), .backlog = 1 };
	struct abio_address address = unix_address(name);
	abio_io io = 0;

	if (abio_listen(storm->driver, &address, &options, &io) < 0)
		fail(storm, "listen", 0);
	storm->peers[storm->io_count] = -1;
	storm->ios[storm->io_count++] = io;
	return io;
}

static void start_meetings(struct storm *storm)
{
	struct abio_address full;
	abio_io quiet;

	snprintf(storm->name, sizeof(storm->name), "abio-storm-%d-%llu", getpid(),
		 (unsigned long long)storm->seed);
	quiet = listener(storm, storm->name);
	for (uint32_t i = 0; i < 100; i++)
		started(storm, "accept", abio_accept(quiet, 0, token(storm)));
	/* Nobody accepts on this one: its backlog is soon full. */
	storm->name[0] = 'A';
	listener(storm, storm->name);
	full = unix_address(storm->name);
	for (uint32_t i = 0; i < 20; i++) {
		storm->any_error[token(storm)] = true;
		started(storm, "connect", abio_connect(storm->driver, &full, NULL, token(storm)));
	}
	for (uint32_t i = 0; i < 10; i++) {
		storm->any_error[token(storm)] = true;
		started(storm, "resolve",
			abio_resolve(storm->driver, "localhost", 9, 80, 0, token(storm)));
	}
}

static void start_files(struct storm *storm)
{
	abio_io io = 0;
	int fd;

	snprintf(storm->path, sizeof(storm->path), "/tmp/abio-storm-XXXXXX");
	fd = mkstemp(storm->path);
	if (fd < 0 || write(fd, storm->block, BLOCK) != (ssize_t)BLOCK ||
	    abio_adopt(storm->driver, fd, ABIO_KIND_FILE, 0, &io) < 0)
		fail(storm, "no file", fd);
	storm->peers[storm->io_count] = -1;
	storm->ios[storm->io_count++] = io;
	for (uint32_t i = 0; i < 20; i++) {
		started(storm, "read_at",
			abio_read_at(io, memory(storm), 64, i * 100, 0, token(storm)));
		started(storm, "read_at_exact",
			abio_read_at_exact(io, memory(storm), 64, i * 50, 0, token(storm)));
		started(storm, "write_at",
			abio_write_at(io, storm->block, 64, BLOCK, 0, token(storm)));
		started(storm, "open",
			abio_open(storm->driver, storm->path, (uint32_t)strlen(storm->path), NULL,
				  token(storm)));
	}
	started(storm, "sync", abio_sync(io, 0, token(storm)));
}

static void take(struct storm *storm, const struct abio_event *event)
{
	if ((event->flags & ABIO_EVENT_HANDLE) != 0)
		abio_release(event->handle);
	if (event->token == 0 || event->token > storm->count) {
		fail(storm, "a token nobody gave", (int64_t)event->token);
		return;
	}
	if (storm->ends[event->token] != 0)
		fail(storm, "an event after the terminal one", (int64_t)event->token);
	if ((event->flags & ABIO_EVENT_MORE) != 0)
		return;
	storm->ends[event->token]++;
	storm->ended++;
	storm->canceled += event->result == ABIO_E_CANCELED;
	if (event->result < 0 && event->result != ABIO_E_CANCELED &&
	    !storm->any_error[event->token])
		fail(storm, abio_error_name((int32_t)event->result), (int64_t)event->token);
}

static void refuses_all(struct storm *storm)
{
	if (abio_timer(storm->driver, 0, 0, 1) != ABIO_E_CLOSED ||
	    abio_ready(storm->ios[0], ABIO_INTEREST_READ, 0, 1) != ABIO_E_CLOSED)
		fail(storm, "a start after the shutdown", 0);
}

static void collect(struct storm *storm)
{
	struct abio_event events[64];
	int32_t count;
	int32_t error;

	while (!storm->failed) {
		count = abio_driver_wait(storm->driver, events, sizeof(events[0]), 64, PATIENCE_NS);
		for (int32_t i = 0; i < count; i++)
			take(storm, &events[i]);
		if (count > 0)
			continue;
		if (count < 0 || storm->ended != storm->count) {
			fail(storm, "operations did not end", storm->count - storm->ended);
			return;
		}
		error = abio_driver_close(storm->driver);
		if (error < 0)
			fail(storm, "driver_close", error);
		return;
	}
}

bool race_shutdown(const struct variant *variant, uint64_t seed, bool polled)
{
	struct storm *storm = calloc(1, sizeof(*storm));
	struct abio_event event;

	if (open_fds_max() < 2500) {
		soak_skipped("shutdown %s: too few descriptors", variant->name);
		free(storm);
		return true;
	}
	if (storm == NULL)
		return false;
	storm->variant = variant;
	storm->seed = seed;
	storm->rng.state = seed;
	storm->driver = variant_driver(variant, 0, 0);
	start_readers(storm);
	start_writers(storm);
	start_timers(storm);
	start_meetings(storm);
	start_files(storm);
	if (storm->count < OPERATIONS_MIN)
		fail(storm, "too few operations", storm->count);
	for (uint32_t i = 0; polled && i < 100; i++) {
		if (abio_driver_poll(storm->driver, &event, sizeof(event), 1) == 1)
			take(storm, &event);
	}
	if (abio_driver_shutdown(storm->driver) < 0)
		fail(storm, "shutdown", 0);
	refuses_all(storm);
	collect(storm);
	unlink(storm->path);
	if (storm->failed)
		return false;
	for (uint32_t i = 0; i < storm->io_count; i++) {
		abio_release(storm->ios[i]);
		if (storm->peers[i] >= 0)
			close(storm->peers[i]);
	}
	soak_result(true, "shutdown %s%s seed=%llu: %u operations, %u canceled, one end each",
		    variant->name, polled ? " after polls" : "", (unsigned long long)seed,
		    storm->count, storm->canceled);
	free(storm);
	return true;
}
