/*
 * Composite operations under random schedules of pieces, polls and cancels: progress is exact,
 * resuming completes the transfer, no byte is lost, doubled or reordered.
 *
 *     test_composites        some hundreds of schedules for each composite and variant
 *     test_composites long   ten thousand
 *     ABIO_SOAK_SEED=n       begins with another seed; a schedule that fails prints its own
 *
 * A composite is one entry of the table below: a function that plays one schedule to its end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "soak.h"

#define SCHEDULES_LONG  10000u
#define SCHEDULES_QUICK 300u
#define TOTAL_MAX       6000u
#define PIECE_MAX       700u
#define PATIENCE_NS     60000000000
#define DELIMITER       0

/* One schedule: a stream of the library's, the raw other end, and how far both are. */
struct play {
	abio_driver driver;
	struct rng rng;
	uint64_t seed;
	abio_io io;    /* what is under test */
	abio_io inner; /* what it is over, or the same */
	int peer;
	uint32_t total;
	uint32_t given; /* bytes the one side has written */
	uint32_t taken; /* bytes the other side has read, in order */
	uint64_t token;
	uint8_t memory[TOTAL_MAX];
	bool echoes; /* the peer gives and takes */
	const char *wrong;
};

static bool wrong(struct play *play, const char *what)
{
	if (play->wrong == NULL)
		play->wrong = what;
	return false;
}

static uint8_t byte_at(const struct play *play, uint32_t position)
{
	uint8_t byte = pattern_at((uint32_t)play->seed, position);

	/* Lines of all lengths, some longer than what is in between. */
	return byte % 61 == 0 ? DELIMITER : byte == DELIMITER ? 1 : byte;
}

static void bytes_at(const struct play *play, uint8_t *data, uint32_t position, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		data[i] = byte_at(play, position + i);
}

static bool are_next(struct play *play, const uint8_t *data, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++) {
		if (data[i] != byte_at(play, play->taken + i))
			return wrong(play, "bytes");
	}
	play->taken += length;
	return play->taken <= play->total ? true : wrong(play, "bytes");
}

/* ---- the other end ------------------------------------------------------------------------- */

static uint32_t piece(struct play *play, uint32_t left)
{
	uint32_t most = rng_one_in(&play->rng, 3) ? 3 : PIECE_MAX;
	uint32_t length = rng_below(&play->rng, most) + 1;

	return length < left ? length : left;
}

static void peer_sends(struct play *play)
{
	uint8_t data[PIECE_MAX];
	uint32_t length = piece(play, play->total - play->given);
	ssize_t count;

	if (length == 0)
		return;
	bytes_at(play, data, play->given, length);
	count = send(play->peer, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (count > 0)
		play->given += (uint32_t)count;
	if (play->given == play->total)
		shutdown(play->peer, SHUT_WR);
}

static bool peer_reads(struct play *play)
{
	uint8_t data[PIECE_MAX];
	ssize_t count = recv(play->peer, data, rng_below(&play->rng, PIECE_MAX) + 1, MSG_DONTWAIT);

	return count <= 0 || are_next(play, data, (uint32_t)count);
}

/* ---- the host ------------------------------------------------------------------------------ */

/* Perhaps an event; when `event` is not NULL only one that ends the operation in flight. */
static bool look(struct play *play, struct abio_event *event, bool wait)
{
	int32_t count = abio_driver_wait(play->driver, event, sizeof(*event), 1,
					 wait ? PATIENCE_NS : 0);

	if (count < 0)
		return wrong(play, "poll");
	if (count == 0 && wait)
		return wrong(play, "asleep");
	if (count == 1 && event->token != play->token)
		return wrong(play, "event");
	return count == 1;
}

/* Between a start and its end: the peer, polls and cancels in any order.  False when it failed. */
static bool let_end(struct play *play, struct abio_event *event, bool peer_gives)
{
	for (uint32_t step = 0;; step++) {
		uint32_t what = rng_below(&play->rng, 8);

		if (play->wrong != NULL)
			return false;
		if (what < 3 && (play->echoes ? rng_one_in(&play->rng, 2) : peer_gives))
			peer_sends(play);
		else if (what < 3 && !peer_reads(play))
			return false;
		else if (what == 3)
			abio_driver_submit(play->driver);
		else if (what == 4 && rng_one_in(&play->rng, 2))
			abio_cancel(play->io, play->token);
		else if (what > 4 && look(play, event, false))
			return true;
		if (step > 1000000)
			return wrong(play, "asleep");
	}
}

static uint64_t next_token(struct play *play)
{
	return ++play->token;
}

/* ---- composites ---------------------------------------------------------------------------- */

static bool play_read_until(struct play *play)
{
	bool ended = false;

	while (!ended) {
		struct abio_buffer_state state = { .size = sizeof(state) };
		uint32_t capacity = rng_below(&play->rng, PIECE_MAX) + 1;
		struct abio_event event;
		abio_buffer buffer;
		bool delimited;

		if (abio_buffer_alloc(capacity, 0, 0, &buffer) < 0 ||
		    abio_read_until(play->io, DELIMITER, buffer, 0, next_token(play)) < 0)
			return wrong(play, "refused");
		if (!let_end(play, &event, true))
			return false;
		abio_buffer_info(buffer, &state);
		if (event.handle != buffer || state.filled != event.progress || state.lent != 0)
			return wrong(play, "progress");
		if (!are_next(play, state.data, state.filled))
			return false;
		delimited = state.filled > 0 &&
			    ((const uint8_t *)state.data)[state.filled - 1] == DELIMITER;
		if (state.filled > 1 && memchr(state.data, DELIMITER, state.filled - 1) != NULL)
			return wrong(play, "past");
		if (event.result >= 0 && (uint64_t)event.result != event.progress)
			return wrong(play, "result");
		if (event.result >= 0 && !delimited && play->taken < play->total)
			return wrong(play, "early");
		if (event.result == ABIO_E_LIMIT && (state.filled != capacity || delimited))
			return wrong(play, "limit");
		if (event.result < 0 && event.result != ABIO_E_LIMIT &&
		    event.result != ABIO_E_CANCELED)
			return wrong(play, "error");
		ended = event.result == 0;
		abio_buffer_release(buffer);
	}
	return play->taken == play->total || wrong(play, "lost");
}

static bool play_read_exact(struct play *play)
{
	while (play->taken < play->total) {
		uint32_t length = piece(play, play->total - play->taken);
		struct abio_event event;

		if (abio_read_exact(play->io, play->memory, length, 0, next_token(play)) < 0)
			return wrong(play, "refused");
		if (!let_end(play, &event, true))
			return false;
		if (event.progress > length || (event.result >= 0 && event.progress != length))
			return wrong(play, "progress");
		if (event.result < 0 && event.result != ABIO_E_CANCELED)
			return wrong(play, "error");
		if (!are_next(play, play->memory, (uint32_t)event.progress))
			return false;
	}
	return true;
}

static bool drain(struct play *play)
{
	while (play->taken < play->given) {
		struct abio_event event;

		if (!peer_reads(play))
			return false;
		look(play, &event, false);
		if (play->wrong != NULL)
			return false;
	}
	return true;
}

/* Ends a flush while the peer reads; cancels only where it may. */
static bool flush(struct play *play, bool to_the_end)
{
	struct abio_event event;

	do {
		if (abio_flush(play->io, 0, next_token(play)) < 0)
			return wrong(play, "refused");
		if (!let_end(play, &event, false))
			return false;
		if (event.result != 0 && event.result != ABIO_E_CANCELED)
			return wrong(play, "error");
	} while (to_the_end && event.result != 0);
	return true;
}

static bool play_write_all(struct play *play)
{
	while (play->given < play->total) {
		uint32_t length = piece(play, play->total - play->given);
		struct abio_event event;

		bytes_at(play, play->memory, play->given, length);
		if (abio_write_all(play->io, play->memory, length, 0, next_token(play)) < 0)
			return wrong(play, "refused");
		if (!let_end(play, &event, false))
			return false;
		if (event.progress > length || (event.result >= 0 && event.progress != length))
			return wrong(play, "progress");
		if (event.result < 0 && event.result != ABIO_E_CANCELED)
			return wrong(play, "error");
		play->given += (uint32_t)event.progress;
	}
	return flush(play, true) && drain(play);
}

static bool play_flush(struct play *play)
{
	while (play->given < play->total) {
		uint32_t length = piece(play, play->total - play->given);
		void *place;
		int32_t count;

		bytes_at(play, play->memory, play->given, length);
		if (rng_one_in(&play->rng, 2)) {
			count = abio_put(play->io, play->memory, length);
		} else {
			count = abio_try_reserve(play->io, 1, &place);
			if (count > 0) {
				if ((uint32_t)count > length)
					count = (int32_t)length;
				memcpy(place, play->memory, (size_t)count);
				if (abio_commit(play->io, (uint32_t)count) < 0)
					return wrong(play, "commit");
			}
		}
		if (count > 0)
			play->given += (uint32_t)count;
		else if (count != ABIO_WOULD_BLOCK)
			return wrong(play, "put");
		if ((count < 0 || rng_one_in(&play->rng, 3)) && !flush(play, false))
			return false;
	}
	return flush(play, true) && drain(play);
}

/* Back to where it comes from: reading and writing, each cut off anywhere. */
static bool play_copy(struct play *play)
{
	uint64_t copied = 0;
	bool ended = false;

	play->echoes = true;
	while (!ended) {
		uint64_t limit = rng_one_in(&play->rng, 3) ? UINT64_MAX : piece(play, PIECE_MAX);
		struct abio_event event;

		if (abio_copy(play->io, play->inner, limit, 0, next_token(play)) < 0)
			return wrong(play, "refused");
		if (!let_end(play, &event, true))
			return false;
		copied += event.progress;
		if (event.progress > limit || copied > play->given ||
		    (event.result >= 0 && (uint64_t)event.result != event.progress))
			return wrong(play, "progress");
		if (event.result < 0 && event.result != ABIO_E_CANCELED)
			return wrong(play, "error");
		ended = event.result >= 0 && event.progress < limit;
	}
	return copied == play->total ? drain(play) : wrong(play, "lost");
}

enum over {
	OVER_STREAM,
	OVER_READER,
	OVER_WRITER
};

static const struct composite {
	const char *name;
	bool (*play)(struct play *play);
	enum over over;
} composites[] = {
	{ "read_until", play_read_until, OVER_STREAM },
	{ "read_until, buffered", play_read_until, OVER_READER },
	{ "read_exact", play_read_exact, OVER_STREAM },
	{ "read_exact, buffered", play_read_exact, OVER_READER },
	{ "write_all", play_write_all, OVER_STREAM },
	{ "write_all, buffered", play_write_all, OVER_WRITER },
	{ "copy", play_copy, OVER_STREAM },
	{ "copy, buffered", play_copy, OVER_READER },
	{ "flush", play_flush, OVER_STREAM },
	{ "flush, buffered", play_flush, OVER_WRITER },
};

/* ---- schedules ----------------------------------------------------------------------------- */

static bool open_play(struct play *play, enum over over)
{
	uint32_t capacity = rng_below(&play->rng, rng_one_in(&play->rng, 2) ? 8 : 2000) + 1;
	int size = 4608;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return wrong(play, "refused");
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	play->peer = fds[1];
	if (abio_adopt(play->driver, fds[0], ABIO_KIND_AUTO, 0, &play->inner) < 0)
		return wrong(play, "refused");
	play->io = play->inner;
	if (over == OVER_READER && abio_buf_reader(play->inner, capacity, 0, &play->io) < 0)
		return wrong(play, "refused");
	if (over == OVER_WRITER && abio_buf_writer(play->inner, capacity, 0, &play->io) < 0)
		return wrong(play, "refused");
	return true;
}

static void close_play(struct play *play)
{
	struct abio_event event;

	abio_release(play->io);
	if (play->io != play->inner)
		abio_release(play->inner);
	for (int i = 0; i < 3; i++)
		abio_driver_poll(play->driver, &event, sizeof(event), 1);
	close(play->peer);
}

static bool run(const struct composite *composite, const struct variant *variant, uint64_t seed,
		uint32_t schedules)
{
	abio_driver driver = variant_driver(variant, 0, 0);
	const char *failed = NULL;

	for (; failed == NULL && schedules > 0; schedules--, seed++) {
		struct play play = { .driver = driver, .seed = seed, .rng = { .state = seed } };

		play.total = rng_below(&play.rng, TOTAL_MAX) + 1;
		if (open_play(&play, composite->over))
			composite->play(&play);
		failed = play.wrong;
		if (failed != NULL)
			break;
		close_play(&play);
	}
	if (failed == NULL)
		soak_result(true, "%s, %s", composite->name, variant->name);
	else
		soak_result(false, "%s, %s, seed=%llu: %s: or what follows from it",
			    composite->name, variant->name, (unsigned long long)seed, failed);
	abio_driver_shutdown(driver);
	for (int i = 0; i < 100 && abio_driver_close(driver) == ABIO_E_BUSY; i++) {
		struct abio_event event;

		abio_driver_wait(driver, &event, sizeof(event), 1, 100000000);
	}
	return failed == NULL;
}

int main(int argc, char **argv)
{
	const char *given = getenv("ABIO_SOAK_SEED");
	uint64_t seed = given == NULL ? 1 : strtoull(given, NULL, 0);
	uint32_t schedules;
	int fds;
	int64_t allocations;

	soak_setup(argc, argv);
	soak_watchdog(soak_long ? 3000 : 500);
	schedules = soak_long ? SCHEDULES_LONG : SCHEDULES_QUICK;
	fds = open_fds();
	allocations = live_allocations();
	for (uint32_t i = 0; i < VARIANT_COUNT; i++) {
		abio_driver driver = variant_driver(&variants[i], 0, 0);

		if (driver == 0) {
			soak_skipped("%s: not here", variants[i].name);
			continue;
		}
		abio_driver_close(driver);
		for (size_t c = 0; c < sizeof(composites) / sizeof(composites[0]); c++) {
			printf("  %s, %s: seeds %llu to %llu\n", variants[i].name,
			       composites[c].name, (unsigned long long)seed,
			       (unsigned long long)seed + schedules - 1);
			run(&composites[c], &variants[i], seed, schedules);
		}
	}
	soak_result(allocations_return_to(allocations), "no allocation is left");
	soak_result(open_fds() == fds, "no descriptor is left: %d of %d", open_fds(), fds);
	return soak_end();
}
