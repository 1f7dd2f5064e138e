/*
 * Streams that a host implements, for the cases of every stream: each passes what it is asked on to
 * a Unix socket underneath, in try style or in completion style, as a binding would; or to another
 * such stream, each of the two turning letters by 13.
 *
 * What it starts on the socket has tokens of its own, which the events of a case never show: they
 * are taken out here before a case sees them.
 */
#include <stdlib.h>

#include "private.h"

#define TOKEN_MARK ((uint64_t)0xab05 << 48)
#define TOKEN_MASK ((uint64_t)0xffff << 48)
#define OP_BITS    32
#define OP_MASK    (((uint64_t)1 << OP_BITS) - 1)
#define OP_READS \
	((uint64_t)1 << 31) /* beside the number of an operation: a result of 0 is the end */

/* Low halves of tokens that are no operation of the library's. */
#define OP_RELEASED OP_MASK
#define OP_READABLE (OP_MASK - 1)
#define OP_WRITABLE (OP_MASK - 2)
#define OP_CLOSED   (OP_MASK - 3)

/* Of the case that runs. */
static struct test_private *running;
static struct test *running_test;

struct host_stream {
	abio_io io;
	abio_io inner;
	uint64_t number;
	uint32_t armed; /* ABIO_INTEREST_* that is waited for on the socket */
	bool gone;
};

static uint64_t token_of(const struct host_stream *stream, uint64_t op)
{
	return TOKEN_MARK | stream->number << OP_BITS | (op & OP_MASK);
}

/* ---- try style ------------------------------------------------------------------------------- */

static void arm(struct host_stream *stream, uint32_t interest)
{
	static const uint64_t tokens[] = { 0, OP_READABLE, OP_WRITABLE };

	for (uint32_t bit = ABIO_INTEREST_READ; bit <= ABIO_INTEREST_WRITE; bit <<= 1) {
		if ((interest & bit) == 0 || (stream->armed & bit) != 0)
			continue;
		if (abio_ready(stream->inner, bit, 0, token_of(stream, tokens[bit])) == 0)
			stream->armed |= bit;
	}
}

static int32_t moved(struct host_stream *stream, int32_t result, uint32_t interest)
{
	if (result == ABIO_WOULD_BLOCK)
		arm(stream, interest);
	if (result == 0 && interest == ABIO_INTEREST_READ)
		return ABIO_HOST_EOF;
	return result;
}

static int32_t try_read(void *user, void *data, uint32_t length)
{
	struct host_stream *stream = user;

	return moved(stream, abio_try_read(stream->inner, data, length, 0), ABIO_INTEREST_READ);
}

static int32_t try_readv(void *user, const struct abio_iovec *iovecs, uint32_t count)
{
	struct host_stream *stream = user;

	return moved(stream, abio_try_readv(stream->inner, iovecs, count, 0), ABIO_INTEREST_READ);
}

static int32_t try_write(void *user, const void *data, uint32_t length)
{
	struct host_stream *stream = user;

	return moved(stream, abio_try_write(stream->inner, data, length, 0), ABIO_INTEREST_WRITE);
}

static int32_t try_writev(void *user, const struct abio_iovec *iovecs, uint32_t count)
{
	struct host_stream *stream = user;

	return moved(stream, abio_try_writev(stream->inner, iovecs, count, 0), ABIO_INTEREST_WRITE);
}

/* ---- rot13 ----------------------------------------------------------------------------------- */

/* What is lent to the library is poisoned for everybody else; a host may write where it is told. */
__attribute__((no_sanitize_address)) static void turn(uint8_t *data, int32_t length)
{
	for (int32_t i = 0; i < length; i++) {
		uint8_t base = data[i] >= 'a' ? 'a' : 'A';

		if (data[i] >= base && data[i] < base + 26)
			data[i] = (uint8_t)(base + (data[i] - base + 13) % 26);
	}
}

static int32_t turning_read(void *user, void *data, uint32_t length)
{
	int32_t result = try_read(user, data, length);

	turn(data, result);
	return result;
}

static int32_t turning_write(void *user, const void *data, uint32_t length)
{
	uint8_t turned[4096];
	uint32_t part = length < sizeof(turned) ? length : (uint32_t)sizeof(turned);

	memcpy(turned, data, part);
	turn(turned, (int32_t)part);
	return try_write(user, turned, part);
}

static int32_t be_interested(void *user, uint32_t interest)
{
	arm(user, interest);
	return 1;
}

static int32_t close_at_once(void *user, uint64_t op)
{
	struct host_stream *stream = user;

	/* What still waits on it ends with it. */
	(void)op;
	abio_close(stream->inner, 0, token_of(stream, OP_CLOSED));
	return 1;
}

/* ---- completion style ------------------------------------------------------------------------ */

static int32_t begun(int32_t result)
{
	return result == 0 ? ABIO_PENDING : result;
}

static int32_t start_read(void *user, uint64_t op, void *data, uint32_t length)
{
	struct host_stream *stream = user;

	return begun(abio_read(stream->inner, data, length, 0, token_of(stream, op | OP_READS)));
}

static int32_t start_write(void *user, uint64_t op, const void *data, uint32_t length)
{
	struct host_stream *stream = user;

	return begun(abio_write(stream->inner, data, length, 0, token_of(stream, op)));
}

static int32_t start_flush(void *user, uint64_t op)
{
	struct host_stream *stream = user;

	return begun(abio_flush(stream->inner, 0, token_of(stream, op)));
}

static int32_t start_shutdown(void *user, uint64_t op)
{
	struct host_stream *stream = user;

	return begun(abio_shutdown(stream->inner, 0, token_of(stream, op)));
}

static int32_t cancel(void *user, uint64_t op)
{
	struct host_stream *stream = user;

	return abio_cancel(stream->inner, token_of(stream, op)) +
		       abio_cancel(stream->inner, token_of(stream, op | OP_READS)) >=
	       0;
}

/* The socket may be closed already, with the whole driver. */
static int32_t start_close(void *user, uint64_t op)
{
	struct host_stream *stream = user;
	int32_t result = begun(abio_close(stream->inner, 0, token_of(stream, op)));

	return result == ABIO_E_CLOSED ? 1 : result;
}

/* ---- making them ----------------------------------------------------------------------------- */

#define HEAD(table, name) \
	.head = { .size = sizeof(struct abio_##table##_impl), .trait = ABIO_TRAIT_##name }

static const struct abio_object_impl try_object = { HEAD(object, OBJECT), .close = close_at_once,
						    .interest = be_interested };
static const struct abio_read_impl try_reading = { HEAD(read, READ), .try_read = try_read,
						   .try_readv = try_readv };
static const struct abio_write_impl try_writing = { HEAD(write, WRITE), .try_write = try_write,
						    .try_writev = try_writev,
						    .start_shutdown = start_shutdown };
static const struct abio_object_impl start_object = { HEAD(object, OBJECT), .close = start_close,
						      .cancel = cancel };
static const struct abio_read_impl start_reading = { HEAD(read, READ), .start_read = start_read };
static const struct abio_write_impl start_writing = { HEAD(write, WRITE),
						      .start_write = start_write,
						      .start_flush = start_flush,
						      .start_shutdown = start_shutdown };

static const struct abio_read_impl turned_reading = { HEAD(read, READ), .try_read = turning_read };
static const struct abio_write_impl turned_writing = { HEAD(write, WRITE),
						       .try_write = turning_write,
						       .start_shutdown = start_shutdown };

static const struct abio_table_head *const tries[] = { &try_object.head, &try_reading.head,
						       &try_writing.head };
static const struct abio_table_head *const starts[] = { &start_object.head, &start_reading.head,
							&start_writing.head };
static const struct abio_table_head *const turns[] = { &try_object.head, &turned_reading.head,
						       &turned_writing.head };

static abio_io wrap(struct test *t, abio_driver driver, abio_io inner,
		    const struct abio_table_head *const *tables)
{
	struct test_private *own = t->own;
	struct host_stream *stream = calloc(1, sizeof(*stream));

	assert_non_null(stream);
	running = own;
	running_test = t;
	own->hosts = grown(own->hosts, own->host_count, &own->host_room,
			   sizeof(struct host_stream *));
	stream->number = own->host_count;
	own->hosts[own->host_count++] = stream;
	stream->inner = inner;
	assert_int_equal(abio_object_create(driver, tables, 3, stream,
					    token_of(stream, OP_RELEASED), &stream->io),
			 0);
	test_own(t, stream->io);
	return stream->io;
}

abio_io hosts_wrap(struct test *t, abio_driver driver, abio_io inner)
{
	if (t->style == HOST_TRIES)
		return wrap(t, driver, inner, tries);
	if (t->style == HOST_STARTS)
		return wrap(t, driver, inner, starts);
	return wrap(t, driver, wrap(t, driver, inner, turns), turns);
}

static abio_io under(abio_io io)
{
	for (size_t i = 0; i < running->host_count; i++) {
		if (running->hosts[i]->io == io)
			return running->hosts[i]->inner;
	}
	return 0;
}

abio_io hosts_inner(abio_io io)
{
	abio_io inner = under(io);
	abio_io deeper;

	while (inner != 0 && (deeper = under(inner)) != 0)
		inner = deeper;
	return inner;
}

static void complete(struct host_stream *stream, uint64_t op, const struct abio_event *event)
{
	int64_t result = event->result;

	if (result == 0)
		result = (op & OP_READS) != 0 ? ABIO_HOST_EOF : 1;
	abio_object_complete(stream->io, op & ~OP_READS, (int32_t)result, 0);
}

bool hosts_take(struct test *t, const struct abio_event *event)
{
	struct host_stream *stream;
	uint64_t op = event->token & OP_MASK;
	uint32_t bit;

	if ((event->token & TOKEN_MASK) != TOKEN_MARK)
		return false;
	stream = t->own->hosts[(event->token & ~TOKEN_MASK) >> OP_BITS];
	if (op == OP_RELEASED) {
		assert_false(stream->gone);
		assert_int_equal(event->flags, ABIO_EVENT_RELEASED);
		assert_int_equal(event->data, (uintptr_t)stream);
		stream->gone = true;
		abio_release(stream->inner);
	} else if (op == OP_READABLE || op == OP_WRITABLE) {
		bit = op == OP_READABLE ? ABIO_INTEREST_READ : ABIO_INTEREST_WRITE;
		stream->armed &= ~bit;
		if (event->result > 0)
			abio_object_notify(stream->io, (uint32_t)event->result);
	} else if (op != OP_CLOSED) {
		complete(stream, op, event);
	}
	return true;
}

/*
 * Cases of every stream that cannot hold on one that a host implements, and why: all of them.  The
 * same is said to users in docs/backends.md.
 */
#define BOTH        (HOST_TRIES | HOST_STARTS | HOST_TURNS)
#define NO_FD       "there is no descriptor"
#define CLOSES      "its driver closes only when the host has its own back"
#define STICKY      "it is ready until a try_ slot says that it is not"
#define FIRST_PIECE "without a slot for pieces the host is given one"
#define NO_TRY      "what is there is known when the host has completed a read"
#define COUNTS      "what the host does is counted too"
#define POLLS       "the case polls by itself and would miss the host's events"
#define TURNED      "its bytes are turned in a copy"
#define DEEPER      "what is underneath closes an event later"
#define COPIES      "what try_write is given is copied, and sent at the next poll"
static const struct {
	const char *name;
	uint32_t styles; /* of a host that this is true of */
	const char *reason;
} not_on_hosts[] = {
	{ "ready_fd_is_what_a_host_may_watch", BOTH, NO_FD },
	{ "a_closed_driver_leaves_handles_that_answer_closed", BOTH, CLOSES },
	{ "ready_waits_for_data", HOST_TRIES | HOST_TURNS, STICKY },
	{ "adapters_are_not_moved", BOTH, NO_FD },
	{ "a_forked_child_lets_go_of_the_descriptor", BOTH, NO_FD },
	{ "files_are_sent_by_the_kernel", BOTH, NO_FD },
	{ "files_are_sent_without_the_kernel_s_help", BOTH, NO_FD },
	{ "chain_tries", HOST_STARTS, NO_TRY },
	{ "readv_fills_pieces_in_turn", HOST_STARTS | HOST_TURNS, FIRST_PIECE },
	{ "readv_passes_over_empty_pieces", HOST_STARTS | HOST_TURNS, FIRST_PIECE },
	{ "readv_takes_the_first_1024_pieces", HOST_STARTS | HOST_TURNS, FIRST_PIECE },
	{ "writev_gathers_pieces_in_turn", HOST_STARTS | HOST_TURNS, FIRST_PIECE },
	{ "writev_takes_the_first_1024_pieces", HOST_STARTS | HOST_TURNS, FIRST_PIECE },
	{ "readv_clamps_vast_pieces", HOST_STARTS, NO_TRY },
	{ "read_of_two_gibibytes_is_short", HOST_STARTS, NO_TRY },
	{ "try_read_takes_what_is_there", HOST_STARTS, NO_TRY },
	{ "inline_read_answers_at_once", HOST_STARTS, NO_TRY },
	{ "inline_read_waits_when_it_must", HOST_STARTS, NO_TRY },
	{ "inline_write_answers_at_once", HOST_STARTS, NO_TRY },
	{ "a_write_after_puts_goes_after_them", HOST_STARTS, NO_TRY },
	{ "driver_shutdown_drops_what_was_put", HOST_STARTS, COPIES },
	{ "try_read_buf_appends_and_touches_nothing_else", HOST_STARTS, NO_TRY },
	{ "read_buf_answers_at_once_when_it_can", HOST_STARTS, NO_TRY },
	{ "impossible_readbufs_are_refused", HOST_STARTS, NO_TRY },
	{ "try_read_bufv_fills_them_in_turn", HOST_STARTS, NO_TRY },
	{ "fill_at_the_end_gives_nothing_again_and_again_through_a_reader", HOST_STARTS, NO_TRY },
	{ "fill_at_the_end_gives_nothing_again_and_again_through_a_reader_of_7", HOST_STARTS,
	  NO_TRY },
	{ "has_data_left_tells_and_takes_nothing_through_a_reader", HOST_STARTS, NO_TRY },
	{ "has_data_left_tells_and_takes_nothing_through_a_reader_of_7", HOST_STARTS, NO_TRY },
	{ "read_bufv_fills_them_in_turn", HOST_STARTS | HOST_TURNS, FIRST_PIECE },
	{ "several_are_one_system_call_and_1024_at_most", BOTH, COUNTS },
	{ "a_lent_buffer_outlives_its_handle", BOTH, COUNTS },
	{ "write_allv_goes_on_where_a_try_stopped", HOST_STARTS, NO_TRY },
	{ "a_debug_build_takes_a_piece_that_ended_away_through_a_reader", BOTH, POLLS },
	{ "a_debug_build_takes_a_piece_that_ended_away_through_a_reader_of_7", BOTH, POLLS },
	{ "the_byte_behind_the_limit_goes_to_whoever_reads_next", HOST_STARTS, NO_TRY },
	{ "a_buffer_is_lent_until_its_event_is_delivered", HOST_STARTS, POLLS },
	{ "an_unsubmitted_read_can_be_cancelled", HOST_STARTS, NO_TRY },
	{ "racing_cancels_lose_no_byte", HOST_STARTS, NO_TRY },
	{ "writing_to_nobody_is_an_error_without_a_signal", HOST_STARTS, COPIES },
	{ "cancelling_the_close_drops_what_was_put", HOST_STARTS, COPIES },
	{ "try_read_bufv_fills_them_in_turn", HOST_TURNS, FIRST_PIECE },
	{ "a_buffer_travels_without_a_copy", HOST_TURNS, TURNED },
	{ "chain_lets_go_of_what_has_ended", HOST_TURNS, DEEPER },
	{ "the_peer_sees_a_close", HOST_TURNS, DEEPER },
};

const char *hosts_cannot(const struct test *t)
{
	const char *name = t->own->definition->name;

	for (size_t i = 0;
	     t->kind == ABIO_KIND_HOST && i < sizeof(not_on_hosts) / sizeof(not_on_hosts[0]); i++) {
		if ((not_on_hosts[i].styles & t->style) != 0 &&
		    strcmp(not_on_hosts[i].name, name) == 0)
			return not_on_hosts[i].reason;
	}
	return NULL;
}

struct test *hosts_case(void)
{
	return running != NULL && running->host_count > 0 ? running_test : NULL;
}

const char *hosts_end(struct test *t)
{
	struct test_private *own = t->own;
	const char *complaint = NULL;

	while (own->host_count > 0) {
		struct host_stream *stream = own->hosts[--own->host_count];

		if (!stream->gone)
			complaint = "the user of a host-implemented object did not come home";
		free(stream);
	}
	free(own->hosts);
	own->hosts = NULL;
	running = NULL;
	return complaint;
}
