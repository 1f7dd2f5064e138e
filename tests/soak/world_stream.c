/*
 * One stream of a world: reads in any way there is, checks every byte against its position, and
 * writes the same bytes back in any way there is.  Which way comes from the stream's own seed.
 */
#include "world.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SMALL_BUFFER 4608

bool stream_open(struct stream *stream)
{
	struct world *world = stream->world;
	int small = SMALL_BUFFER;
	int fds[2];

	stream->serial = ++world->serials;
	stream->rng.state = world->plan.seed * 1000003 + stream->serial;
	stream->in = stream->out = 0;
	atomic_store(&stream->sent, 0);
	atomic_store(&stream->echoed, 0);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return false;
	if (rng_one_in(&stream->rng, 4))
		setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	stream->peer = fds[1];
	if (abio_adopt(world->driver, fds[0], ABIO_KIND_AUTO, 0, &stream->io) < 0) {
		close(fds[0]);
		close(fds[1]);
		return false;
	}
	return true;
}

bool stream_busy(const struct stream *stream)
{
	return stream->reader != READER_NONE || stream->writer != WRITER_NONE || stream->extra ||
	       stream->closing;
}

static void check_accepted(struct stream *stream, const char *call, int32_t result)
{
	if (result < 0)
		world_fail(stream->world, "refused", "%s on stream %u: %s", call, stream->index,
			   abio_error_name(result));
}

/* A CANCELED that nobody asked for is a defect. */
static bool fair_end(const struct stream *stream, const struct abio_event *event, bool canceled)
{
	return event->result >= 0 || (event->result == ABIO_E_CANCELED &&
				      (canceled || stream->closing || stream->world->ending));
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static void took(struct stream *stream, const uint8_t *data, uint64_t length)
{
	if (!pattern_is(data, length, stream->serial, stream->in))
		world_fail(stream->world, "bytes", "stream %u: other bytes at %llu", stream->index,
			   (unsigned long long)stream->in);
	stream->in += length;
}

static enum reader choose_reader(struct stream *stream)
{
	if (stream->world->plan.readers == READERS_RECEIVE)
		return READER_RECEIVE;
	if (stream->world->plan.readers == READERS_READ)
		return READER_READ;
	switch (rng_below(&stream->rng, 8)) {
	case 0:
		return READER_READV;
	case 1:
	case 2:
		return READER_EXACT;
	case 3:
		return READER_READY;
	case 4:
	case 5:
		return READER_RECEIVE;
	default:
		return READER_READ;
	}
}

static int32_t start_read(struct stream *stream, uint32_t flags, uint64_t token)
{
	uint8_t *data = stream->read_buffer;
	struct abio_iovec pieces[3] = { { data, 3 }, { data + 3, 40 }, { data + 43, 100 } };
	uint32_t unit = (1 + rng_below(&stream->rng, 3)) * MESSAGE_UNIT;

	switch (stream->reader) {
	case READER_READV:
		stream->lent = 143;
		return abio_readv(stream->io, pieces, 3, flags, token);
	case READER_EXACT:
		/* To the end of a unit only: what was sent is always enough. */
		unit = MESSAGE_UNIT;
		stream->lent = unit - (uint32_t)(stream->in % unit);
		return abio_read_exact(stream->io, data, stream->lent, flags, token);
	case READER_READY:
		stream->lent = 0;
		return abio_ready(stream->io, ABIO_INTEREST_READ, flags, token);
	case READER_RECEIVE:
		return abio_receive(stream->io, 0, token);
	default:
		stream->lent = unit * 8;
		return abio_read(stream->io, data, stream->lent, flags, token);
	}
}

static void read_what_is_there(struct stream *stream)
{
	int32_t count;

	for (int i = 0; i < 4; i++) {
		count = abio_try_read(stream->io, stream->read_buffer, READ_MAX, 0);
		if (count == ABIO_WOULD_BLOCK)
			return;
		if (count <= 0) {
			world_fail(stream->world, "event", "try_read on stream %u: %d",
				   stream->index, count);
			return;
		}
		took(stream, stream->read_buffer, (uint32_t)count);
	}
}

static void arm_reader(struct stream *stream)
{
	uint32_t flags = rng_one_in(&stream->rng, 6) ? ABIO_START_INLINE : 0;
	int32_t result;

	stream->world->asked++;
	stream->reader = choose_reader(stream);
	stream->read_canceled = false;
	stream->paused = false;
	result = start_read(stream, flags, token_of(TOKEN_READ, stream->index));
	if (stream->reader == READER_RECEIVE || flags == 0 || result < 0) {
		if (result != ABIO_PENDING)
			check_accepted(stream, "a read", result);
		return;
	}
	/* Done at once. */
	if (stream->reader == READER_READY)
		read_what_is_there(stream);
	else
		took(stream, stream->read_buffer, (uint32_t)result);
	stream->reader = READER_NONE;
}

void stream_arm(struct stream *stream)
{
	struct world *world = stream->world;

	while (stream->reader == READER_NONE && !stream->closing && !world->failed &&
	       !world->ending) {
		arm_reader(stream);
		stream_echo(stream);
	}
}

static void read_ended(struct stream *stream, const struct abio_event *event)
{
	enum reader reader = stream->reader;

	stream->reader = READER_NONE;
	if (!fair_end(stream, event, stream->read_canceled)) {
		world_fail(stream->world, "event", "a read of stream %u ended with %s",
			   stream->index, abio_error_name((int32_t)event->result));
		return;
	}
	if (reader == READER_READY) {
		if (event->result > 0)
			read_what_is_there(stream);
	} else if (reader != READER_RECEIVE) {
		if (event->progress > stream->lent ||
		    (event->result >= 0 && (uint64_t)event->result != event->progress) ||
		    (event->result == 0 && !stream->closing))
			world_fail(stream->world, "event", "stream %u: result %lld, progress %llu",
				   stream->index, (long long)event->result,
				   (unsigned long long)event->progress);
		else
			took(stream, stream->read_buffer, event->progress);
	} else if (event->result == 0 && !stream->closing) {
		world_fail(stream->world, "event", "stream %u ended by itself", stream->index);
	}
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static void flush_first(struct stream *stream)
{
	stream->writer = WRITER_FLUSH;
	stream->write_canceled = false;
	stream->world->asked++;
	check_accepted(stream, "flush",
		       abio_flush(stream->io, 0, token_of(TOKEN_WRITE, stream->index)));
}

static void put_some(struct stream *stream, uint32_t length)
{
	int32_t taken = abio_put(stream->io, stream->write_buffer, length);

	stream->world->asked++;
	if (taken == ABIO_WOULD_BLOCK) {
		flush_first(stream);
		return;
	}
	if (taken < 0) {
		check_accepted(stream, "put", taken);
		return;
	}
	stream->out += (uint32_t)taken;
	if (rng_one_in(&stream->rng, 16))
		flush_first(stream);
}

static int32_t start_write(struct stream *stream, uint32_t length, uint32_t flags, uint64_t token)
{
	const uint8_t *data = stream->write_buffer;
	struct abio_iovec pieces[2] = { { stream->write_buffer, length / 2 },
					{ stream->write_buffer + length / 2,
					  length - length / 2 } };

	switch (rng_below(&stream->rng, 3)) {
	case 0:
		return abio_write(stream->io, data, length, flags, token);
	case 1:
		return abio_writev(stream->io, pieces, 2, flags, token);
	default:
		/* An exact form that is pending keeps what it has moved: never inline here. */
		return abio_write_all(stream->io, data, length, 0, token);
	}
}

static void write_some(struct stream *stream, uint32_t length)
{
	uint32_t flags = rng_one_in(&stream->rng, 4) ? ABIO_START_INLINE : 0;
	int32_t result;

	stream->world->asked++;
	stream->writer = WRITER_WRITE;
	stream->write_canceled = false;
	stream->given = length;
	result = start_write(stream, length, flags, token_of(TOKEN_WRITE, stream->index));
	if (result == ABIO_PENDING || (result == 0))
		return;
	stream->writer = WRITER_NONE;
	if (result < 0)
		check_accepted(stream, "a write", result);
	else
		stream->out += (uint32_t)result;
}

void stream_echo(struct stream *stream)
{
	struct world *world = stream->world;

	while (stream->out < stream->in && stream->writer == WRITER_NONE && !stream->closing &&
	       !world->failed && !world->ending) {
		uint64_t left = stream->in - stream->out;
		uint32_t length = left > WRITE_MAX ? WRITE_MAX : (uint32_t)left;
		int32_t moved = ABIO_E_BUSY;

		pattern_fill(stream->write_buffer, length, stream->serial, stream->out);
		if (world->plan.writers == WRITERS_ANY && rng_one_in(&stream->rng, 4)) {
			moved = abio_try_write(stream->io, stream->write_buffer, length, 0);
			if (moved > 0)
				stream->out += (uint32_t)moved;
			else if (moved != ABIO_WOULD_BLOCK && moved != ABIO_E_BUSY)
				check_accepted(stream, "try_write", moved);
		}
		if (moved > 0)
			continue;
		if (world->plan.writers == WRITERS_PUT || rng_one_in(&stream->rng, 2))
			put_some(stream, length);
		else
			write_some(stream, length);
	}
}

static void write_ended(struct stream *stream, const struct abio_event *event)
{
	enum writer writer = stream->writer;

	stream->writer = WRITER_NONE;
	if (!fair_end(stream, event, stream->write_canceled)) {
		world_fail(stream->world, "event", "a write of stream %u ended with %s",
			   stream->index, abio_error_name((int32_t)event->result));
		return;
	}
	if (writer == WRITER_WRITE && event->progress > stream->given)
		world_fail(stream->world, "event", "stream %u wrote more than it was given",
			   stream->index);
	else if (writer == WRITER_WRITE)
		stream->out += event->progress;
}

/* ---- beside -----------------------------------------------------------------------------------
 */

/* Some call that the echo does not need: another waiter, a cancel, a pause. */
void stream_extra(struct stream *stream)
{
	struct world *world = stream->world;
	uint32_t choice = rng_below(&stream->rng, 6);

	if (stream->closing || stream->io == 0)
		return;
	world->asked++;
	if (choice == 0 && !stream->extra) {
		uint32_t interest = rng_one_in(&stream->rng, 2) ? ABIO_INTEREST_READ
								: ABIO_INTEREST_WRITE;

		stream->extra = true;
		check_accepted(
			stream, "ready",
			abio_ready(stream->io, interest, 0, token_of(TOKEN_EXTRA, stream->index)));
	} else if (choice == 1 && stream->writer != WRITER_NONE) {
		stream->write_canceled = true;
		world->settled_cancels++;
		abio_cancel(stream->io, token_of(TOKEN_WRITE, stream->index));
	} else if (choice == 2 && stream->reader == READER_RECEIVE) {
		/* Its end may wait to be polled already: then there is nothing to pause. */
		stream->paused = abio_receive_pause(stream->io) == 0;
		world->settled_cancels++;
	} else if (stream->reader != READER_NONE) {
		stream->read_canceled = true;
		world->settled_cancels++;
		abio_cancel(rng_one_in(&stream->rng, 2) ? stream->io : world->driver,
			    token_of(TOKEN_READ, stream->index));
	}
}

void stream_resume(struct stream *stream)
{
	if (!stream->paused || stream->closing || stream->reader != READER_RECEIVE)
		return;
	stream->paused = false;
	stream->world->asked++;
	(void)abio_receive_resume(stream->io);
}

void stream_close(struct stream *stream)
{
	stream->closing = true;
	stream->world->asked++;
	stream->world->settled_cancels += 4;
	check_accepted(stream, "close",
		       abio_close(stream->io, 0, token_of(TOKEN_CLOSE, stream->index)));
}

static void closed(struct stream *stream, const struct abio_event *event)
{
	if (stream->reader != READER_NONE || stream->writer != WRITER_NONE || stream->extra)
		world_fail(stream->world, "event",
			   "stream %u closed before reader %d, writer %d, extra %d ended",
			   stream->index, (int)stream->reader, (int)stream->writer,
			   (int)stream->extra);
	if (event->result != 0)
		world_fail(stream->world, "event", "close of stream %u: %lld", stream->index,
			   (long long)event->result);
	abio_release(stream->io);
	stream->io = 0;
	close(stream->peer);
	stream->peer = -1;
	stream->closing = false;
}

static bool expected(const struct stream *stream, enum token_kind kind)
{
	switch (kind) {
	case TOKEN_READ:
		return stream->reader != READER_NONE;
	case TOKEN_WRITE:
		return stream->writer != WRITER_NONE;
	case TOKEN_EXTRA:
		return stream->extra;
	default:
		return stream->closing;
	}
}

void stream_event(struct stream *stream, enum token_kind kind, const struct abio_event *event)
{
	if (!expected(stream, kind)) {
		world_fail(stream->world, "event", "stream %u: a second end of %d", stream->index,
			   (int)kind);
		return;
	}
	if ((event->flags & ABIO_EVENT_MORE) != 0) {
		took(stream, (const uint8_t *)(uintptr_t)event->data, (uint64_t)event->result);
	} else if (kind == TOKEN_READ) {
		read_ended(stream, event);
	} else if (kind == TOKEN_WRITE) {
		write_ended(stream, event);
	} else if (kind == TOKEN_EXTRA) {
		stream->extra = false;
	} else {
		closed(stream, event);
		return;
	}
	stream_echo(stream);
	stream_arm(stream);
}
