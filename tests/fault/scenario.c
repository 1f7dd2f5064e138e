/* See scenario.h. */
#include "scenario.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BULK            200000u
#define RECORD          3000u
#define SLICE_NS        5000000
#define HOUR_NS         3600000000000
#define POLL_ERRORS_MAX 3u

static uint8_t bulk_out[BULK];
static uint8_t bulk_in[BULK];

/* ---- the account --------------------------------------------------------------------------- */

static int64_t note(struct scenario *s, int64_t code)
{
	if (code >= 0 || code == ABIO_WOULD_BLOCK || code == ABIO_PENDING)
		return code;
	if (code == -EAGAIN || code == -EINTR || code == -EINPROGRESS)
		child_fail("%s escaped", abio_error_name((int32_t)code));
	if (strcmp(abio_error_name((int32_t)code), "ABIO_UNKNOWN") == 0)
		child_fail("%lld is no code of the contract", (long long)code);
	if (s->errors++ == 0)
		s->first_error = (int32_t)code;
	return code;
}

static uint64_t token_of(struct scenario *s)
{
	if (++s->next_token == SCENARIO_TOKENS)
		abort();
	return s->next_token;
}

/* A start's answer: the token when an event is owed, else 0. */
static uint64_t started(struct scenario *s, int64_t result)
{
	if (note(s, result) < 0)
		return 0;
	s->tokens[s->next_token].owed = true;
	s->owed++;
	return s->next_token;
}
#define START(s, function, ...) started(s, function(__VA_ARGS__, token_of(s)))

static void keep_io(struct scenario *s, abio_io io)
{
	if (s->io_count == SCENARIO_IOS)
		abort();
	s->ios[s->io_count++] = io;
}

static void take_view(struct scenario *s, const struct abio_event *event)
{
	const uint8_t *bytes = (const uint8_t *)(uintptr_t)event->data;

	for (int64_t i = 0; i < event->result && s->received < sizeof(s->text); i++)
		s->text[s->received++] = bytes[i];
}

static void take_event(struct scenario *s, const struct abio_event *event)
{
	if (event->flags & ABIO_EVENT_WAKE)
		return;
	if (event->token == 0 || event->token >= SCENARIO_TOKENS || !s->tokens[event->token].owed)
		child_fail("an event for nothing: token %llu", (unsigned long long)event->token);
	if (event->flags & ABIO_EVENT_MORE) {
		take_view(s, event);
		return;
	}
	s->tokens[event->token].owed = false;
	s->tokens[event->token].done = true;
	s->tokens[event->token].event = *event;
	s->owed--;
	if (event->result != ABIO_E_CANCELED)
		note(s, event->result);
	if (event->flags & ABIO_EVENT_HANDLE)
		keep_io(s, event->handle);
}

/* One look at both drivers: how many events, or a code. */
static int64_t look(struct scenario *s)
{
	struct abio_event events[7];
	int64_t total = 0;

	for (int d = 0; d < 2; d++) {
		int32_t count;

		if (s->drivers[d] == 0)
			continue;
		count = abio_driver_wait(s->drivers[d], events, sizeof(events[0]), 7,
					 d == 0 ? SLICE_NS : 0);
		if (count < 0)
			return count;
		for (int32_t i = 0; i < count; i++)
			take_event(s, &events[i]);
		total += count;
	}
	return total;
}

/* The result of an operation; what did not start, or never ends, is an error. */
static int64_t outcome(struct scenario *s, uint64_t token)
{
	uint32_t waited = 0;
	uint32_t refused = 0;

	if (token == 0)
		return -1;
	while (!s->tokens[token].done) {
		int64_t count = look(s);

		if (count < 0 && (note(s, count), ++refused == POLL_ERRORS_MAX))
			return -1;
		if (count == 0)
			waited += SLICE_NS / 1000000;
		if (s->silent || waited > s->patience_ms) {
			s->silent = true;
			return -1;
		}
	}
	return s->tokens[token].event.result;
}

static abio_io opened(struct scenario *s, uint64_t token)
{
	return outcome(s, token) < 0 ? 0 : s->tokens[token].event.handle;
}

static bool close_io(struct scenario *s, abio_io io)
{
	uint64_t token;

	if (io == 0)
		return false;
	token = START(s, abio_close, io, 0);
	return outcome(s, token) >= 0;
}

static void fill(uint8_t *data, size_t length)
{
	for (size_t i = 0; i < length; i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
}

/* ---- the parts ----------------------------------------------------------------------------- */

static void use_file(struct scenario *s)
{
	static uint8_t back[RECORD];
	struct abio_open_options options = { .size = sizeof(options),
					     .flags = ABIO_OPEN_TRUNCATE,
					     .access = ABIO_ACCESS_READ | ABIO_ACCESS_WRITE };
	struct abio_iovec halves[2] = { { back, 1000 }, { back + 1000, RECORD - 1000 } };
	char path[64] = "/tmp/abio-scenario-XXXXXX";
	int fd = mkstemp(path);
	abio_io file;
	int64_t moved;
	bool whole;

	if (fd < 0)
		child_fail("no temporary file");
	s->opening = START(s, abio_open, s->drivers[0], path, (uint32_t)strlen(path), &options);
	file = opened(s, s->opening);
	unlink(path);
	if (file == 0 && note(s, abio_adopt(s->drivers[0], fd, ABIO_KIND_FILE, ABIO_ADOPT_DUPLICATE,
					    &file)) == 0)
		keep_io(s, file);
	close(fd);
	if (file == 0)
		return;
	whole = outcome(s, START(s, abio_write_all, file, bulk_out, RECORD, 0)) == RECORD;
	if (whole && outcome(s, START(s, abio_read_at_exact, file, back, RECORD, 0, 0)) == RECORD &&
	    memcmp(back, bulk_out, RECORD) != 0)
		child_fail("the file has other bytes");
	outcome(s, START(s, abio_write_at, file, bulk_out, 1, RECORD, 0));
	memset(back, 0, sizeof(back));
	moved = outcome(s, START(s, abio_readv_at, file, halves, 2, 0, 0));
	if (whole && moved > 0 && memcmp(back, bulk_out, (size_t)moved) != 0)
		child_fail("readv_at brought other bytes");
	outcome(s, START(s, abio_sync, file, ABIO_SYNC_DATA));
	note(s, abio_try_read_at(file, back, 10, 0, 0));
	moved = outcome(s, START(s, abio_seek, file, ABIO_SEEK_END, -1, 0));
	if (whole && moved >= 0 && moved != RECORD && moved != RECORD - 1)
		child_fail("the file ends at %lld", (long long)moved);
	close_io(s, file);
}

static abio_io new_temporary(struct scenario *s)
{
	char path[64] = "/tmp/abio-scenario-XXXXXX";
	int fd = mkstemp(path);
	abio_io file = 0;

	if (fd < 0)
		child_fail("no temporary file");
	unlink(path);
	/* Interrupted as often as the test likes. */
	while (pwrite(fd, bulk_out, RECORD, 0) < 0) {
		if (errno != EINTR)
			child_fail("the temporary file is not written");
	}
	if (note(s, abio_adopt(s->drivers[0], fd, ABIO_KIND_FILE, ABIO_ADOPT_DUPLICATE, &file)) ==
	    0)
		keep_io(s, file);
	close(fd);
	return file;
}

/* From a file to another, and to a pipe. */
static void use_copy(struct scenario *s)
{
	static uint8_t back[RECORD];
	abio_io source = new_temporary(s);
	abio_io sink = new_temporary(s);
	abio_io reader = 0;
	abio_io writer = 0;
	int64_t moved;

	if (note(s, abio_pipe(s->drivers[0], 0, &reader, &writer)) == 0) {
		keep_io(s, reader);
		keep_io(s, writer);
	}
	if (source != 0 && sink != 0)
		outcome(s, START(s, abio_copy, source, sink, UINT64_MAX, 0));
	if (sink == 0 || writer == 0)
		return;
	/* Read again from its start: what was copied there is what was there. */
	if (outcome(s, START(s, abio_rewind, sink, 0)) < 0)
		return;
	moved = outcome(s, START(s, abio_copy, sink, writer, 100, 0));
	if (moved != 100)
		return;
	moved = outcome(s, START(s, abio_read, reader, back, 100, 0));
	if (moved > 0 && memcmp(back, bulk_out, (size_t)moved) != 0)
		child_fail("the copy brought other bytes");
}

/* A buffer that is home again, empty, or a new one: the event of a failed start brings none. */
static void empty(struct scenario *s, abio_buffer buffer)
{
	note(s, abio_buffer_set(buffer, 0, 0));
}

static uint32_t held(struct scenario *s, abio_buffer buffer, const uint8_t **data)
{
	struct abio_buffer_state state = { .size = sizeof(state) };

	note(s, abio_buffer_info(buffer, &state));
	if (state.lent != 0)
		child_fail("a buffer did not come home");
	*data = state.data;
	return state.filled;
}

/* What one pipe's reader takes into each kind of buffer. */
static void fill_buffers(struct scenario *s, abio_io reader, abio_io writer)
{
	static uint8_t memory[16]; /* lent memory outlives the scenario */
	abio_buffer buffers[3] = { 0, 0, 0 };
	uint64_t token = token_of(s);
	const uint8_t *data = NULL;

	note(s, abio_buffer_alloc(sizeof(memory), 64, 0, &buffers[0]));
	if (note(s, abio_buffer_wrap(s->drivers[0], memory, sizeof(memory), 0, token,
				     &buffers[1])) == 0)
		started(s, 0);
	if (note(s, abio_buffer_pool(s->drivers[0], 1, sizeof(memory), 0)) == 0)
		note(s, abio_buffer_draw(s->drivers[0], &buffers[2]));
	for (int i = 0; i < 3; i++) {
		bool whole;

		if (buffers[i] == 0)
			continue;
		empty(s, buffers[i]);
		whole = outcome(s, START(s, abio_write_all, writer, "buffer", 6, 0)) == 6 &&
			outcome(s, START(s, abio_read_owned_exact, reader, buffers[i], 6, 0)) == 6;
		if (!whole || s->silent)
			break;
		if (held(s, buffers[i], &data) != 6 || memcmp(data, "buffer", 6) != 0)
			child_fail("a buffer holds other bytes");
	}
	for (int i = 0; i < 3; i++)
		if (buffers[i] != 0)
			need_equal(abio_buffer_release(buffers[i]), 0);
}

static void use_buffers(struct scenario *s)
{
	abio_io reader = 0;
	abio_io writer = 0;

	if (note(s, abio_pipe(s->drivers[0], 0, &reader, &writer)) < 0)
		return;
	keep_io(s, reader);
	keep_io(s, writer);
	fill_buffers(s, reader, writer);
	close_io(s, writer);
	close_io(s, reader);
}

static void use_pipe(struct scenario *s)
{
	static uint8_t back[6];
	abio_io reader = 0;
	abio_io writer = 0;
	uint64_t reading;

	if (note(s, abio_pipe(s->drivers[0], 0, &reader, &writer)) < 0)
		return;
	keep_io(s, reader);
	keep_io(s, writer);
	reading = START(s, abio_read_exact, reader, back, 6, 0);
	note(s, abio_put(writer, "abc", 3));
	outcome(s, START(s, abio_flush, writer, 0));
	outcome(s, START(s, abio_write_all, writer, "def", 3, 0));
	/* A writer that is still there could let the reader wait for ever. */
	if (!close_io(s, writer) && reading != 0)
		note(s, abio_cancel(reader, reading));
	if (outcome(s, reading) == 6 && memcmp(back, "abcdef", 6) != 0)
		child_fail("the pipe brought other bytes");
	close_io(s, reader);
}

/* A connection to ourselves: both ends. */
static bool connect_pair(struct scenario *s, abio_io ends[2])
{
	struct abio_address address = { .size = sizeof(address),
					.family = ABIO_FAMILY_IPV4,
					.length = 4,
					.data = { 127, 0, 0, 1 } };
	struct abio_io_info info = { .size = sizeof(info) };
	uint64_t accepting;
	abio_io listener = 0;

	ends[0] = 0;
	ends[1] = 0;
	if (note(s, abio_listen(s->drivers[0], &address, NULL, &listener)) < 0)
		return false;
	keep_io(s, listener);
	note(s, abio_info(listener, &info));
	if (info.local.family == ABIO_FAMILY_NONE) {
		note(s, ABIO_E_UNSUPPORTED); /* the address is missing: that is how it is said */
		return false;
	}
	s->accepting = accepting = START(s, abio_accept, listener, 0);
	ends[0] = opened(s, START(s, abio_connect, s->drivers[0], &info.local, NULL));
	/* Without a caller nobody would end the accept. */
	if (ends[0] == 0 && accepting != 0)
		note(s, abio_cancel(listener, accepting));
	ends[1] = opened(s, accepting);
	close_io(s, listener);
	return ends[0] != 0 && ends[1] != 0;
}

/* True when all that was sent has arrived: the stream is empty again. */
static bool chat(struct scenario *s, abio_io caller, abio_io callee)
{
	static const char *const words[] = { "hello ", "world" };
	uint64_t receiving = START(s, abio_receive, callee, 0);
	uint8_t sent[sizeof(s->text)];
	uint64_t taken = 0;

	s->received = 0;
	for (int i = 0; i < 2; i++) {
		int64_t count = note(s, abio_put(caller, words[i], (uint32_t)strlen(words[i])));

		if (count > 0)
			memcpy(sent + taken, words[i], (size_t)count);
		taken += count > 0 ? (uint64_t)count : 0;
	}
	if (outcome(s, START(s, abio_flush, caller, 0)) >= 0)
		for (uint32_t i = 0; i < s->patience_ms && s->received < taken; i++) {
			if (receiving == 0 || s->tokens[receiving].done || note(s, look(s)) < 0)
				break;
		}
	if (receiving != 0 && !s->tokens[receiving].done) {
		note(s, abio_receive_pause(callee));
		note(s, abio_receive_resume(callee));
		note(s, abio_cancel(callee, receiving));
		outcome(s, receiving);
	}
	if (s->received > taken || memcmp(s->text, sent, s->received) != 0)
		child_fail("receive brought other bytes");
	return s->received == taken;
}

static void transfer(struct scenario *s, abio_io caller, abio_io callee, bool empty)
{
	struct abio_iovec pieces[2] = { { bulk_out, 100 }, { bulk_out + 100, 50 } };
	static uint8_t some[150]; /* lent memory outlives the scenario */
	uint64_t reading = START(s, abio_read_exact, callee, bulk_in, BULK, 0);
	uint64_t writing = START(s, abio_write_all, caller, bulk_out, BULK, 0);
	struct abio_iovec places[2] = { { some, 70 }, { some + 70, 80 } };
	int64_t moved;

	outcome(s, writing);
	/* What a failed write left undone would be waited for in vain. */
	if (reading != 0 && (writing == 0 || s->tokens[writing].event.result != BULK))
		note(s, abio_cancel(callee, reading));
	empty = outcome(s, reading) == BULK && empty;
	if (empty && memcmp(bulk_in, bulk_out, BULK) != 0)
		child_fail("the socket brought other bytes");
	moved = outcome(s, START(s, abio_writev, caller, pieces, 2, 0));
	if (moved <= 0)
		return;
	outcome(s, START(s, abio_ready, callee, ABIO_INTEREST_READ, 0));
	moved = outcome(s, START(s, abio_readv, callee, places, 2, 0));
	if (empty && moved > 0 && memcmp(some, bulk_out, (size_t)moved) != 0)
		child_fail("readv brought other bytes");
	note(s, abio_ready_now(caller, ABIO_INTEREST_WRITE));
	note(s, abio_try_write(caller, "x", 1, 0));
	note(s, abio_try_read(callee, some, sizeof(some), 0));
}

/* One end goes to another driver and is closed there. */
static bool move_away(struct scenario *s, abio_io io)
{
	struct abio_driver_options options = { .size = sizeof(options),
					       .backend = s->backend,
					       .flags = s->flags };
	abio_io moved = 0;

	if (note(s, abio_driver_create(&options, &s->drivers[1])) < 0)
		return false;
	if (note(s, abio_move(io, s->drivers[1], &moved)) < 0)
		return false;
	keep_io(s, moved);
	note(s, abio_try_write(moved, "y", 1, 0));
	return close_io(s, moved);
}

static void use_sockets(struct scenario *s)
{
	static uint8_t rest[64];
	abio_io ends[2];
	int64_t moved = 1;

	if (!connect_pair(s, ends))
		return;
	transfer(s, ends[0], ends[1], chat(s, ends[0], ends[1]));
	/* Only a peer that is gone ends the stream. */
	if (!move_away(s, ends[1]) && !close_io(s, ends[1]))
		return;
	outcome(s, START(s, abio_shutdown, ends[0], 0));
	for (int i = 0; i < 8 && moved > 0; i++)
		moved = outcome(s, START(s, abio_read, ends[0], rest, sizeof(rest), 0));
	close_io(s, ends[0]);
}

static void use_datagrams(struct scenario *s)
{
	struct abio_address address = { .size = sizeof(address),
					.family = ABIO_FAMILY_IPV4,
					.length = 4,
					.data = { 127, 0, 0, 1 } };
	struct abio_io_info info = { .size = sizeof(info) };
	static struct abio_address from = { .size = sizeof(from) };
	static uint8_t some[16];
	uint64_t receiving;
	abio_io io = 0;

	if (note(s, abio_datagram(s->drivers[0], &address, NULL, 0, &io)) < 0)
		return;
	keep_io(s, io);
	note(s, abio_info(io, &info));
	if (info.local.family == ABIO_FAMILY_NONE) {
		note(s, ABIO_E_UNSUPPORTED);
		return;
	}
	receiving = START(s, abio_receive_from, io, some, sizeof(some), &from, 0);
	/* What was not sent would be waited for in vain. */
	if (outcome(s, START(s, abio_send_to, io, "mail", 4, &info.local, 0)) != 4 &&
	    receiving != 0)
		note(s, abio_cancel(io, receiving));
	if (outcome(s, receiving) == 4 &&
	    (memcmp(some, "mail", 4) != 0 || from.port != info.local.port))
		child_fail("another message arrived");
	note(s, abio_try_send_to(io, "x", 1, &info.local, 0));
	note(s, abio_try_receive_from(io, some, sizeof(some), NULL, 0));
	close_io(s, io);
}

static void use_time_and_names(struct scenario *s)
{
	uint64_t later;

	outcome(s, START(s, abio_timer, s->drivers[0], 1000000, 0));
	later = START(s, abio_timer, s->drivers[0], HOUR_NS, 0);
	if (later != 0) {
		note(s, abio_cancel(s->drivers[0], later));
		outcome(s, later);
	}
	if (outcome(s, START(s, abio_resolve, s->drivers[0], "127.0.0.1", 9, 80, 0)) > 1)
		child_fail("one address has several");
	note(s, abio_driver_submit(s->drivers[0]));
	note(s, abio_driver_wake(s->drivers[0]));
}

void scenario_run(struct scenario *s)
{
	struct abio_driver_options options = { .size = sizeof(options),
					       .backend = s->backend,
					       .flags = s->flags };

	fill(bulk_out, sizeof(bulk_out));
	if (note(s, abio_driver_create(&options, &s->drivers[0])) < 0)
		return;
	use_file(s);
	use_copy(s);
	use_pipe(s);
	use_buffers(s);
	use_sockets(s);
	use_datagrams(s);
	use_time_and_names(s);
	note(s, abio_driver_shutdown(s->drivers[0]));
}

/* ---- the end ------------------------------------------------------------------------------- */

static void release_all(struct scenario *s)
{
	while (s->io_count > 0)
		need_equal(abio_release(s->ios[--s->io_count]), 0);
}

static bool close_driver(struct scenario *s, int d, uint32_t tries)
{
	for (uint32_t i = 0; s->drivers[d] != 0 && i < tries; i++) {
		int32_t result;

		if (abio_driver_shutdown(s->drivers[d]) < 0)
			continue;
		result = abio_driver_close(s->drivers[d]);
		if (result == 0) {
			s->drivers[d] = 0;
			break;
		}
		note(s, look(s));
		release_all(s); /* what late events brought */
	}
	return s->drivers[d] == 0;
}

bool scenario_clean(struct scenario *s, uint32_t tries)
{
	bool closed;

	release_all(s);
	closed = close_driver(s, 1, tries);
	closed = close_driver(s, 0, tries) && closed;
	if (closed && s->owed > 0)
		child_fail("%u operations never ended", s->owed);
	return closed;
}

uint32_t scenario_abandon(struct scenario *s)
{
	uint32_t opening = s->tokens[s->opening].owed + s->tokens[s->accepting].owed;

	release_all(s);
	for (int d = 0; d < 2; d++) {
		if (s->drivers[d] != 0)
			need_equal(abio_driver_abandon(s->drivers[d]), 0);
		s->drivers[d] = 0;
	}
	s->owed = 0;
	return opening;
}
