/*
 * Readiness: waiting for it, asking for it now, what the host may watch itself, and what hanging up
 * looks like on each kind of stream.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

#define BOTH (ABIO_INTEREST_READ | ABIO_INTEREST_WRITE)

static void ready_waits_for_data(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	uint64_t token = START(t, abio_ready, reader, ABIO_INTEREST_READ, 0);
	struct abio_event event;
	char data[4];

	assert_int_equal(abio_ready_now(reader, ABIO_INTEREST_READ), 0);
	test_quiet(t);
	test_send(peer, "abcd", 4);
	event = test_finish(t, token);
	assert_int_equal(event.result, ABIO_READY_READ);
	assert_int_equal(event.progress, 0);
	assert_int_equal(event.flags, 0);
	assert_int_equal(abio_ready_now(reader, ABIO_INTEREST_READ), ABIO_READY_READ);
	assert_int_equal(test_result(t, START(t, abio_ready, reader, ABIO_INTEREST_READ, 0)),
			 ABIO_READY_READ);
	assert_int_equal(abio_try_read(reader, data, 4, 0), 4);
	assert_int_equal(abio_ready_now(reader, ABIO_INTEREST_READ), 0);
}

static void ready_waits_for_room(struct test *t)
{
	abio_io writer;
	int peer = test_writer(t, &writer);
	uint64_t stuffed;
	uint64_t token;

	assert_int_equal(abio_ready_now(writer, ABIO_INTEREST_WRITE), ABIO_READY_WRITE);
	assert_int_equal(test_result(t, START(t, abio_ready, writer, ABIO_INTEREST_WRITE, 0)),
			 ABIO_READY_WRITE);
	test_make_small(test_fd_of(writer));
	stuffed = test_stuff(writer);
	assert_int_equal(abio_ready_now(writer, ABIO_INTEREST_WRITE), 0);
	token = START(t, abio_ready, writer, ABIO_INTEREST_WRITE, 0);
	test_quiet(t);
	test_receive(peer, test_memory(t, stuffed), stuffed);
	assert_int_equal(test_result(t, token), ABIO_READY_WRITE);
}

static void any_number_may_wait(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	uint64_t tokens[50];
	uint64_t reading;

	for (uint32_t i = 0; i < 50; i++)
		tokens[i] = START(t, abio_ready, reader, ABIO_INTEREST_READ, 0);
	test_quiet(t);
	test_send(peer, "abcd", 4);
	for (uint32_t i = 0; i < 50; i++)
		assert_int_equal(test_result(t, tokens[i]), ABIO_READY_READ);
	/* Not lent as the harness lends: what a host read ahead is copied at the start. */
	reading = START(t, abio_read, reader, test_memory(t, 4), 4, 0);
	assert_int_equal(test_result(t, reading), 4);
}

static void inline_ready_answers_at_once(struct test *t)
{
	abio_io reader;
	int peer = test_reader(t, &reader);
	uint64_t token;

	assert_int_equal(START_INLINE(t, &token, abio_ready, reader, ABIO_INTEREST_READ),
			 ABIO_PENDING);
	test_quiet(t);
	test_send(peer, "x", 1);
	assert_int_equal(test_result(t, token), ABIO_READY_READ);
	assert_int_equal(START_INLINE(t, &token, abio_ready, reader, ABIO_INTEREST_READ),
			 ABIO_READY_READ);
	test_quiet(t);
}

static void each_interest_is_answered_apart(struct test *t)
{
	abio_io io;
	int peer = test_reader(t, &io);
	uint64_t reading = START(t, abio_ready, io, ABIO_INTEREST_READ, 0);

	assert_int_equal(test_result(t, START(t, abio_ready, io, BOTH, 0)), ABIO_READY_WRITE);
	test_quiet(t);
	test_send(peer, "x", 1);
	assert_int_equal(test_result(t, reading), ABIO_READY_READ);
	assert_int_equal(abio_ready_now(io, BOTH), ABIO_READY_READ | ABIO_READY_WRITE);
}

static void a_listener_is_ready_for_a_connection(struct test *t)
{
	struct abio_address address = { .size = sizeof(address),
					.family = ABIO_FAMILY_IPV4,
					.length = 4,
					.data = { 127, 0, 0, 1 } };
	struct abio_io_info info = { .size = sizeof(info) };
	abio_io listener;
	abio_io accepted;
	uint64_t token;

	assert_int_equal(abio_listen(t->driver, &address, NULL, &listener), 0);
	test_own(t, listener);
	assert_int_equal(abio_ready_now(listener, ABIO_INTEREST_READ), 0);
	token = START(t, abio_ready, listener, ABIO_INTEREST_READ, 0);
	test_quiet(t);
	assert_int_equal(abio_info(listener, &info), 0);
	assert_int_equal(test_result(t, START(t, abio_connect, t->driver, &info.local, NULL)), 0);
	assert_int_equal(test_result(t, token), ABIO_READY_READ);
	assert_int_equal(abio_try_accept(listener, 0, &accepted), 0);
	test_own(t, accepted);
}

static void ready_checks_its_arguments(struct test *t)
{
	abio_io reader;
	int32_t fd;
	uint32_t events;

	test_reader(t, &reader);
	assert_int_equal(abio_ready(reader, 0, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_ready(reader, 4, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_ready(reader, ABIO_INTEREST_READ, 2, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_ready_now(reader, 4), ABIO_E_ARGUMENT);
	assert_int_equal(abio_ready_fd(reader, 4, &fd, &events), ABIO_E_ARGUMENT);
	assert_int_equal(abio_ready_fd(reader, ABIO_INTEREST_READ, NULL, &events), ABIO_E_ARGUMENT);
	assert_int_equal(abio_ready_fd(reader, ABIO_INTEREST_READ, &fd, NULL), ABIO_E_ARGUMENT);
	test_quiet(t);
}

static void ready_fd_is_what_a_host_may_watch(struct test *t)
{
	abio_io reader;
	abio_io writer;
	struct pollfd watched;
	uint32_t events = 0;
	int32_t fd = -1;
	int peer = test_reader(t, &reader);

	test_writer(t, &writer);
	assert_int_equal(abio_ready_fd(reader, ABIO_INTEREST_READ, &fd, &events), 0);
	assert_int_equal(fd, test_fd_of(reader));
	assert_true((events & POLLIN) != 0 && (events & POLLOUT) == 0);
	watched = (struct pollfd){ .fd = fd, .events = (short)events };
	assert_int_equal(poll(&watched, 1, 0), 0);
	test_send(peer, "x", 1);
	assert_int_equal(poll(&watched, 1, -1), 1);
	assert_true((watched.revents & POLLIN) != 0);
	assert_int_equal(abio_ready_fd(writer, ABIO_INTEREST_WRITE, &fd, &events), 0);
	assert_int_equal(events, POLLOUT);
	assert_int_equal(fd, test_fd_of(writer));
	assert_int_equal(abio_ready_fd(writer, BOTH, &fd, &events), 0);
	assert_true((events & POLLIN) != 0 && (events & POLLOUT) != 0);
}

/* ---- hanging up ------------------------------------------------------------------------------ */

enum ending {
	HALF,
	CLOSE,
	RESET
};

struct hangup {
	const char *name;
	uint32_t kind;
	bool writing; /* the end that stays is the writer of a pipe */
	bool data;    /* three bytes are unread */
	enum ending ending;
	int32_t must; /* bits that are reported, READ and WRITE asked for */
	int32_t must_not;
	int32_t after[2]; /* what two reads give */
	int32_t write;    /* what a write gives then; 0: not tried */
};

#define R  ABIO_READY_READ
#define W  ABIO_READY_WRITE
#define RC ABIO_READY_READ_CLOSED
#define WC ABIO_READY_WRITE_CLOSED
#define E  ABIO_READY_ERROR
#define H  ABIO_READY_HUP

/* clang-format off: a table */
static const struct hangup hangups[] = {
	{ "tcp data, half closed",
	  ABIO_KIND_TCP,
	  false,
	  true,
	  HALF,
	  R | W | RC,
	  WC | E | H,
	  { 3, 0 },
	  1 },
	{ "tcp data, closed",
	  ABIO_KIND_TCP,
	  false,
	  true,
	  CLOSE,
	  R | W | RC,
	  WC | E | H,
	  { 3, 0 },
	  1 },
	{ "tcp closed", ABIO_KIND_TCP, false, false, CLOSE, R | W | RC, WC | E | H, { 0, 0 }, 1 },
	{ "tcp data, reset",
	  ABIO_KIND_TCP,
	  false,
	  true,
	  RESET,
	  R | W | RC | WC | E | H,
	  0,
	  { 3, -ECONNRESET },
	  -EPIPE },
	{ "tcp reset",
	  ABIO_KIND_TCP,
	  false,
	  false,
	  RESET,
	  R | W | RC | WC | E | H,
	  0,
	  { -ECONNRESET, 0 },
	  -EPIPE },
	{ "unix data, half closed",
	  ABIO_KIND_UNIX,
	  false,
	  true,
	  HALF,
	  R | W | RC,
	  WC | E | H,
	  { 3, 0 },
	  1 },
	{ "unix data, closed",
	  ABIO_KIND_UNIX,
	  false,
	  true,
	  CLOSE,
	  R | W | RC | WC | H,
	  E,
	  { 3, 0 },
	  -EPIPE },
	{ "unix closed",
	  ABIO_KIND_UNIX,
	  false,
	  false,
	  CLOSE,
	  R | W | RC | WC | H,
	  E,
	  { 0, 0 },
	  -EPIPE },
	{ "pipe data, writer gone",
	  ABIO_KIND_PIPE,
	  false,
	  true,
	  CLOSE,
	  R | RC | H,
	  E,
	  { 3, 0 },
	  0 },
	{ "pipe writer gone", ABIO_KIND_PIPE, false, false, CLOSE, R | RC | H, E, { 0, 0 }, 0 },
	{ "pipe reader gone",
	  ABIO_KIND_PIPE,
	  true,
	  false,
	  CLOSE,
	  W | WC | E,
	  H | RC,
	  { 0, 0 },
	  -EPIPE },
};
/* clang-format on */

static void hang_up(struct test *t, const struct hangup *hangup, int peer)
{
	if (hangup->data)
		test_send(peer, "abc", 3);
	if (hangup->ending == HALF)
		assert_int_equal(shutdown(peer, SHUT_WR), 0);
	else if (hangup->ending == CLOSE)
		test_close_fd(t, peer);
	else
		test_reset(t, peer);
}

static void check_bits(const struct hangup *hangup, int64_t bits, int32_t asked)
{
	/*
	 * ERROR and HUP come by themselves, and with HUP that reading is closed.  Half a closing is
	 * told to who asks for that half: waiting for the other must not end again and again.
	 */
	int32_t must = hangup->must;

	if ((asked & ABIO_INTEREST_READ) == 0)
		must &= (must & H) != 0 ? ~R : ~(R | RC);
	if ((asked & ABIO_INTEREST_WRITE) == 0)
		must &= ~(W | WC);
	if (bits < 0 || (bits & must) != must || (bits & hangup->must_not) != 0)
		fail_msg("%s, asked for %d: bits %lld, must have %d and not %d", hangup->name,
			 asked, (long long)bits, must, hangup->must_not);
}

static void check_transfers(struct test *t, const struct hangup *hangup, abio_io io)
{
	char *data = test_memory(t, 8);

	for (int i = 0; i < 2 && !hangup->writing; i++) {
		int64_t got = i == 0 ? abio_try_read(io, data, 8, 0)
				     : test_result(t, test_read(t, io, data, 8));

		if (got != hangup->after[i])
			fail_msg("%s: read %d gave %lld", hangup->name, i, (long long)got);
	}
	if (hangup->write != 0 && abio_try_write(io, "x", 1, 0) != hangup->write)
		fail_msg("%s: write", hangup->name);
}

static void one_hangup(struct test *t, const struct hangup *hangup, uint32_t interest)
{
	int fds[2];
	abio_io io;
	int peer;
	uint64_t token;

	test_raw_pair(t, hangup->kind, fds);
	io = test_adopt(t, t->driver, hangup->writing ? fds[1] : fds[0]);
	peer = hangup->writing ? fds[0] : fds[1];
	if (interest == ABIO_INTEREST_READ) {
		/* Waiting already when it happens: told, whatever had been asked for. */
		token = START(t, abio_ready, io, interest, 0);
		test_quiet(t);
		hang_up(t, hangup, peer);
		assert_true(test_result(t, token) > 0);
	} else {
		hang_up(t, hangup, peer);
	}
	check_bits(hangup, abio_ready_now(io, interest), (int32_t)interest);
	check_bits(hangup, test_result(t, START(t, abio_ready, io, interest, 0)),
		   (int32_t)interest);
	check_transfers(t, hangup, io);
	/* Closed stays closed, and a level-triggered wait does not hang. */
	assert_true(test_result(t, START(t, abio_ready, io, interest, 0)) > 0);
}

static void hanging_up_looks_as_the_table_says(struct test *t)
{
	for (size_t i = 0; i < sizeof(hangups) / sizeof(hangups[0]); i++) {
		uint32_t asked = hangups[i].kind != ABIO_KIND_PIPE ? BOTH
				 : hangups[i].writing              ? ABIO_INTEREST_WRITE
								   : ABIO_INTEREST_READ;

		one_hangup(t, &hangups[i], asked);
		if (!hangups[i].writing)
			one_hangup(t, &hangups[i], ABIO_INTEREST_READ);
		if (hangups[i].kind != ABIO_KIND_PIPE)
			one_hangup(t, &hangups[i], ABIO_INTEREST_WRITE);
	}
}

static void writing_to_a_closed_tcp_peer_hangs_up(struct test *t)
{
	abio_io io;
	int fds[2];
	uint64_t token;
	int64_t bits = 0;

	test_raw_pair(t, ABIO_KIND_TCP, fds);
	io = test_adopt(t, t->driver, fds[0]);
	test_close_fd(t, fds[1]);
	assert_int_equal(test_result(t, START(t, abio_write, io, "x", 1, 0)), 1);
	token = START(t, abio_ready, io, ABIO_INTEREST_WRITE, 0);
	bits = test_result(t, token);
	assert_int_equal(bits & (WC | E | H), WC | E | H);
	assert_int_equal(test_result(t, START(t, abio_write, io, "x", 1, 0)), -EPIPE);
}

static void an_idle_hangup_does_not_spin_the_driver(struct test *t)
{
	abio_io io;
	int fds[2];
	struct pollfd watched = { .fd = abio_driver_fd(t->driver), .events = POLLIN };

	test_raw_pair(t, ABIO_KIND_UNIX, fds);
	io = test_adopt(t, t->driver, fds[0]);
	assert_true(test_result(t, START(t, abio_ready, io, ABIO_INTEREST_WRITE, 0)) > 0);
	test_close_fd(t, fds[1]);
	test_quiet(t);
	test_quiet(t);
	assert_int_equal(poll(&watched, 1, 0), 0);
}

static const struct test_case cases[] = {
	STREAMS(ready_waits_for_data),
	STREAMS(ready_waits_for_room),
	STREAMS(any_number_may_wait),
	STREAMS(inline_ready_answers_at_once),
	SOCKETS(each_interest_is_answered_apart),
	CASE(a_listener_is_ready_for_a_connection),
	STREAMS(ready_checks_its_arguments),
	STREAMS(ready_fd_is_what_a_host_may_watch),
	CASE(hanging_up_looks_as_the_table_says),
	CASE(writing_to_a_closed_tcp_peer_hangs_up),
	CASE(an_idle_hangup_does_not_spin_the_driver),
};

TEST_MAIN("ready", cases)
