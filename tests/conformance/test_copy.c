/*
 * Copy: every pair of kinds, by the kernel alone and through a buffer; its limit, its end, what it
 * excludes; and that progress is exact and no byte lost wherever it is cut off.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "faults.h"
#include "harness.h"
#include "sys.h"

#define EVERYTHING UINT64_MAX
#define SIZE       ((size_t)1 << 20)
#define KINDS      3

static const uint32_t kinds[KINDS] = { ABIO_KIND_TCP, ABIO_KIND_UNIX, ABIO_KIND_PIPE };

/* ---- a flow: what is fed at one raw end comes out at the other ------------------------------- */

struct flow {
	abio_io source;
	abio_io sink;
	int in; /* -1: the source is a file, or fed */
	int out;
	size_t size;
	size_t fed;
	size_t got;
	uint8_t *sent;
	uint8_t *data;
	bool stalled; /* nobody takes anything at `out` */
};

static void set_nonblocking(int fd)
{
	assert_int_equal(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
}

/* Small on the side that writes alone: a small window makes TCP wait for its timers. */
static void make_narrow(int fd)
{
	int size = 16384;

	if (fcntl(fd, F_SETPIPE_SZ, size) < 0)
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
}

static struct flow flow_of(struct test *t, size_t size)
{
	struct flow flow = { .in = -1, .out = -1, .size = size };

	flow.sent = test_memory(t, size + 1);
	flow.data = test_memory(t, size + 1);
	test_fill(flow.sent, size, 1);
	return flow;
}

static void source_stream(struct test *t, struct flow *flow, uint32_t kind)
{
	int fds[2];

	test_raw_pair(t, kind, fds);
	set_nonblocking(fds[1]);
	flow->source = test_adopt(t, t->driver, fds[0]);
	flow->in = fds[1];
}

static void sink_stream(struct test *t, struct flow *flow, uint32_t kind, bool blocking)
{
	int fds[2];

	test_raw_pair(t, kind, fds);
	set_nonblocking(fds[0]);
	if (!blocking)
		set_nonblocking(fds[1]);
	flow->sink = test_adopt(t, t->driver, fds[1]);
	flow->out = fds[0];
}

static abio_io file_with(struct test *t, const void *data, size_t size, uint32_t flags)
{
	const char *path = test_path(t);
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	test_send(fd, data, size);
	assert_int_equal(close(fd), 0);
	return test_file(t, path, flags, 0);
}

static void check_file(struct test *t, abio_io file, const void *data, size_t size)
{
	uint8_t *found = test_memory(t, size + 1);
	int fd = test_fd_of(file);

	assert_int_equal(pread(fd, found, size + 1, 0), size);
	assert_memory_equal(found, data, size);
}

static void feed(struct test *t, struct flow *flow)
{
	ssize_t moved;

	if (flow->in < 0)
		return;
	moved = write(flow->in, flow->sent + flow->fed, flow->size - flow->fed);
	if (moved > 0)
		flow->fed += (size_t)moved;
	if (flow->fed == flow->size) {
		test_close_fd(t, flow->in);
		flow->in = -1;
	}
}

static void drain(struct flow *flow)
{
	ssize_t moved;

	if (flow->out < 0 || flow->stalled)
		return;
	moved = read(flow->out, flow->data + flow->got, flow->size + 1 - flow->got);
	if (moved > 0)
		flow->got += (size_t)moved;
}

static void wait_a_while(struct test *t, const struct flow *flow)
{
	struct pollfd fds[3] = { { .fd = abio_driver_fd(t->driver), .events = POLLIN },
				 { .fd = flow->in, .events = POLLOUT },
				 { .fd = flow->stalled ? -1 : flow->out, .events = POLLIN } };

	assert_true(poll(fds, 3, 60000) > 0);
}

/* Until the copy's event is there. */
static struct abio_event run(struct test *t, struct flow *flow, uint64_t token)
{
	while (!test_has_come(t, token)) {
		feed(t, flow);
		drain(flow);
		if (!test_has_come(t, token))
			wait_a_while(t, flow);
	}
	return test_finish(t, token);
}

/* Until `size` bytes have come out. */
static void drain_all(struct test *t, struct flow *flow, size_t size)
{
	flow->stalled = false;
	while (flow->out >= 0 && flow->got < size) {
		test_gather(t);
		drain(flow);
		if (flow->got < size)
			wait_a_while(t, flow);
	}
	if (flow->out >= 0)
		assert_int_equal(flow->got, size);
}

static void copy_whole(struct test *t, struct flow *flow)
{
	struct abio_event event = run(t, flow,
				      START(t, abio_copy, flow->source, flow->sink, EVERYTHING, 0));

	assert_int_equal(event.result, flow->size);
	assert_int_equal(event.progress, flow->size);
	drain_all(t, flow, flow->size);
	if (flow->out >= 0)
		assert_memory_equal(flow->data, flow->sent, flow->size);
}

/* ---- every pair ------------------------------------------------------------------------------ */

static void streams_are_copied_to_streams(struct test *t)
{
	for (int i = 0; i < KINDS; i++) {
		struct flow flow = flow_of(t, SIZE);

		source_stream(t, &flow, t->kind);
		sink_stream(t, &flow, kinds[i], i == 1);
		copy_whole(t, &flow);
	}
}

static void streams_are_copied_to_files(struct test *t)
{
	struct flow flow = flow_of(t, SIZE);

	source_stream(t, &flow, t->kind);
	flow.sink = test_file(t, test_path(t), 0, 0);
	copy_whole(t, &flow);
	check_file(t, flow.sink, flow.sent, flow.size);
}

static uint32_t sent_files;
static uint32_t copied_ranges;
static int64_t refusal;

static int64_t see_send_file(int fd, int source, int64_t from, size_t length)
{
	sent_files++;
	return refusal != 0 ? refusal : sys_linux.send_file(fd, source, from, length);
}

static int64_t see_copy_range(int fd, int64_t to, int source, int64_t from, size_t length)
{
	copied_ranges++;
	if (refusal != 0)
		return refusal > 0 ? 0 : refusal;
	return sys_linux.copy_range(fd, to, source, from, length);
}

static void look(int64_t answer)
{
	sent_files = 0;
	copied_ranges = 0;
	refusal = answer;
	sys.send_file = see_send_file;
	sys.copy_range = see_copy_range;
}

static void look_away(void)
{
	sys.send_file = sys_linux.send_file;
	sys.copy_range = sys_linux.copy_range;
}

static void files_are_sent_by_the_kernel(struct test *t)
{
	struct flow flow = flow_of(t, SIZE);

	flow.source = file_with(t, flow.sent, flow.size, 0);
	sink_stream(t, &flow, t->kind, false);
	look(0);
	copy_whole(t, &flow);
	look_away();
	assert_int_not_equal(sent_files, 0);
}

static void files_are_sent_to_what_might_wait(struct test *t)
{
	struct flow flow = flow_of(t, SIZE);

	flow.source = file_with(t, flow.sent, flow.size, 0);
	sink_stream(t, &flow, t->kind, true);
	copy_whole(t, &flow);
}

static void files_are_sent_without_the_kernel_s_help(struct test *t)
{
	struct flow flow = flow_of(t, SIZE);

	flow.source = file_with(t, flow.sent, flow.size, 0);
	sink_stream(t, &flow, t->kind, false);
	look(-EINVAL);
	copy_whole(t, &flow);
	look_away();
	assert_int_equal(sent_files, 1);
}

static void files_are_copied_by_the_kernel(struct test *t)
{
	struct flow flow = flow_of(t, 3 * SIZE + 17);

	flow.source = file_with(t, flow.sent, flow.size, 0);
	flow.sink = test_file(t, test_path(t), 0, 0);
	look(0);
	copy_whole(t, &flow);
	look_away();
	assert_int_not_equal(copied_ranges, 0);
	check_file(t, flow.sink, flow.sent, flow.size);
}

static void files_are_copied_without_the_kernel_s_help(struct test *t)
{
	static const int64_t answers[] = { -EXDEV, -EOPNOTSUPP, 1 /* answers 0: an end */ };

	for (size_t i = 0; i < 3; i++) {
		struct flow flow = flow_of(t, SIZE);

		flow.source = file_with(t, flow.sent, flow.size, 0);
		flow.sink = test_file(t, test_path(t), 0, 0);
		look(answers[i]);
		copy_whole(t, &flow);
		look_away();
		assert_int_equal(copied_ranges, 1);
		check_file(t, flow.sink, flow.sent, flow.size);
	}
}

static void a_file_that_appends_is_copied_to(struct test *t)
{
	struct flow flow = flow_of(t, SIZE);
	uint8_t *whole = test_memory(t, SIZE + 4);

	memcpy(whole, "head", 4);
	memcpy(whole + 4, flow.sent, SIZE);
	flow.source = file_with(t, flow.sent, flow.size, 0);
	flow.sink = file_with(t, "head", 4, ABIO_OPEN_APPEND);
	copy_whole(t, &flow);
	check_file(t, flow.sink, whole, SIZE + 4);
}

static void cursors_are_where_the_copy_ended(struct test *t)
{
	abio_io source = file_with(t, "0123456789", 10, 0);
	abio_io sink = file_with(t, "abcdefghij", 10, 0);
	char *data = test_memory(t, 4);

	test_result(t, START(t, abio_seek, source, ABIO_SEEK_START, 2, 0));
	test_result(t, START(t, abio_seek, sink, ABIO_SEEK_START, 4, 0));
	assert_int_equal(test_result(t, START(t, abio_copy, source, sink, 3, 0)), 3);
	check_file(t, sink, "abcd234hij", 10);
	assert_int_equal(test_result(t, test_read(t, source, data, 1)), 1);
	assert_int_equal(test_result(t, test_read(t, sink, data + 1, 1)), 1);
	assert_memory_equal(data, "5h", 2);
}

static void an_empty_source_copies_nothing(struct test *t)
{
	struct flow flow = flow_of(t, 0);

	source_stream(t, &flow, t->kind);
	sink_stream(t, &flow, ABIO_KIND_PIPE, false);
	copy_whole(t, &flow);
	flow.source = test_file(t, test_path(t), 0, 0);
	copy_whole(t, &flow);
	assert_int_equal(flow.got, 0);
}

static void a_stream_is_copied_to_itself(struct test *t)
{
	abio_io io;
	int peer = test_reader(t, &io);
	char *data = test_memory(t, 5);
	uint64_t token = START(t, abio_copy, io, io, EVERYTHING, 0);

	for (int i = 0; i < 10; i++) {
		test_send(peer, "hello", 5);
		test_pull(t, peer, data, 5);
		assert_memory_equal(data, "hello", 5);
	}
	shutdown(peer, SHUT_WR);
	assert_int_equal(test_result(t, token), 50);
}

/* What a copy had read comes at once: the memory is not lent to the kernel. */
static uint64_t again(struct test *t, abio_io io, void *data, uint32_t length)
{
	return START(t, abio_read_exact, io, data, length, 0);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void a_limit_leaves_the_rest(struct test *t)
{
	struct flow flow = flow_of(t, 10);
	abio_io reader;
	int peer = test_reader(t, &reader);
	char *data = test_memory(t, 4);

	sink_stream(t, &flow, ABIO_KIND_PIPE, false);
	test_send(peer, "0123456789", 10);
	assert_int_equal(test_result(t, START(t, abio_copy, reader, flow.sink, 6, 0)), 6);
	drain_all(t, &flow, 6);
	assert_memory_equal(flow.data, "012345", 6);
	assert_int_equal(test_result(t, again(t, reader, data, 4)), 4);
	assert_memory_equal(data, "6789", 4);
}

static void a_limit_of_nothing_never_waits(struct test *t)
{
	abio_io reader;
	abio_io writer;

	test_stream(t, &reader, &writer);
	assert_int_equal(test_result(t, START(t, abio_copy, reader, writer, 0, 0)), 0);
}

static void a_limit_holds_for_files(struct test *t)
{
	struct flow flow = flow_of(t, SIZE);
	abio_io source = file_with(t, flow.sent, SIZE, 0);
	uint64_t token;

	sink_stream(t, &flow, t->kind, false);
	flow.source = source;
	token = START(t, abio_copy, source, flow.sink, SIZE - 1, 0);
	assert_int_equal(run(t, &flow, token).result, SIZE - 1);
	token = START(t, abio_copy, source, flow.sink, SIZE, 0);
	assert_int_equal(run(t, &flow, token).result, 1);
	drain_all(t, &flow, SIZE);
	assert_memory_equal(flow.data, flow.sent, SIZE);
}

/* ---- what it excludes ------------------------------------------------------------------------ */

static void it_has_both_directions(struct test *t)
{
	struct flow flow = flow_of(t, 8);
	abio_io other;
	char *data = test_memory(t, 8);
	uint64_t token;

	source_stream(t, &flow, t->kind);
	sink_stream(t, &flow, ABIO_KIND_UNIX, false);
	other = flow.sink;
	token = START(t, abio_copy, flow.source, flow.sink, EVERYTHING, 0);
	test_quiet(t);
	assert_int_equal(abio_read(flow.source, data, 8, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_try_read(flow.source, data, 8, 0), ABIO_E_BUSY);
	assert_int_equal(abio_write(flow.sink, data, 8, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_try_write(flow.sink, data, 8, 0), ABIO_E_BUSY);
	assert_int_equal(abio_shutdown(flow.sink, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_copy(flow.source, other, 1, 0, 1), ABIO_E_BUSY);
	/* The other directions are free. */
	assert_int_equal(write(flow.out, "back", 4), 4);
	assert_int_equal(test_result(t, test_read_exact(t, flow.sink, data, 4)), 4);
	assert_int_equal(run(t, &flow, token).result, 8);
}

static void it_is_refused(struct test *t)
{
	abio_io reader;
	abio_io writer;
	abio_io file = test_file(t, test_path(t), 0, 0);
	abio_driver second = test_driver(t, 0);
	abio_io foreign;
	int fds[2];

	assert_int_equal(abio_pipe(t->driver, 0, &reader, &writer), 0);
	test_own(t, reader);
	test_own(t, writer);
	test_raw_pair(t, ABIO_KIND_UNIX, fds);
	foreign = test_adopt(t, second, fds[0]);
	assert_int_equal(abio_copy(writer, file, 1, 0, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_copy(file, reader, 1, 0, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_copy(file, file, 1, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_copy(file, foreign, 1, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_copy(file, writer, 1, 1, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_copy(file, 0, 1, 0, 1), ABIO_E_HANDLE);
	assert_int_equal(test_result(t, START(t, abio_close, writer, 0)), 0);
	assert_int_equal(abio_copy(file, writer, 1, 0, 1), ABIO_E_CLOSED);
	assert_int_equal(abio_copy(writer, file, 1, 0, 1), ABIO_E_CLOSED);
	test_quiet(t);
}

static void a_file_s_cursor_is_its(struct test *t)
{
	abio_io reader;
	abio_io file = test_file(t, test_path(t), 0, 0);
	char *data = test_memory(t, 8);
	uint64_t token;
	int peer = test_reader(t, &reader);

	token = START(t, abio_copy, reader, file, 4, 0);
	test_quiet(t);
	assert_int_equal(abio_read(file, data, 8, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_seek(file, ABIO_SEEK_START, 0, 0, 1), ABIO_E_BUSY);
	assert_int_equal(test_result(t, test_read_at(t, file, data, 8, 0)), 0);
	test_send(peer, "data", 4);
	assert_int_equal(test_result(t, token), 4);
}

static void what_was_put_goes_first(struct test *t)
{
	struct flow flow = flow_of(t, 64);
	abio_io source = file_with(t, "file", 4, 0);
	uint64_t token;

	sink_stream(t, &flow, t->kind, false);
	assert_int_equal(abio_put(flow.sink, "put ", 4), 4);
	token = START(t, abio_copy, source, flow.sink, EVERYTHING, 0);
	assert_int_equal(abio_put(flow.sink, " end", 4), 4);
	assert_int_equal(test_result(t, token), 4);
	drain_all(t, &flow, 12);
	assert_memory_equal(flow.data, "put file end", 12);
}

/* ---- cut off --------------------------------------------------------------------------------- */

static void canceled_while_it_waits_for_data(struct test *t)
{
	struct flow flow = flow_of(t, 64);
	struct abio_event event;
	uint64_t token;
	abio_io reader;
	int peer = test_reader(t, &reader);

	sink_stream(t, &flow, ABIO_KIND_PIPE, false);
	token = START(t, abio_copy, reader, flow.sink, EVERYTHING, 0);
	test_send(peer, "data", 4);
	drain_all(t, &flow, 4);
	test_quiet(t);
	assert_int_equal(abio_cancel(reader, token), 1);
	event = test_finish(t, token);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_int_equal(event.progress, 4);
}

static void until_the_event_of_the_cancel_both_directions_are_taken(struct test *t)
{
	struct flow flow = flow_of(t, 8);
	char *data = test_memory(t, 8);
	uint64_t token;

	source_stream(t, &flow, t->kind);
	sink_stream(t, &flow, ABIO_KIND_UNIX, false);
	token = START(t, abio_copy, flow.source, flow.sink, EVERYTHING, 0);
	test_quiet(t);
	assert_int_equal(abio_cancel(t->driver, token), 1);
	assert_int_equal(abio_read(flow.source, data, 8, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_write(flow.sink, data, 8, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_put(flow.sink, "a", 1), 1);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	assert_int_equal(test_result(t, START(t, abio_write, flow.sink, "b", 1, 0)), 1);
	drain_all(t, &flow, 2);
	assert_memory_equal(flow.data, "ab", 2);
}

static void the_event_of_a_cancelled_copy_may_come_when_its_objects_are_gone(struct test *t)
{
	for (int first = 0; first < 2; first++) {
		struct flow flow = flow_of(t, 8);
		uint64_t token;

		source_stream(t, &flow, t->kind);
		sink_stream(t, &flow, ABIO_KIND_UNIX, false);
		token = START(t, abio_copy, flow.source, flow.sink, EVERYTHING, 0);
		test_quiet(t);
		assert_int_equal(abio_cancel(t->driver, token), 1);
		assert_int_equal(abio_release(first == 0 ? flow.source : flow.sink), 0);
		assert_int_equal(abio_release(first == 0 ? flow.sink : flow.source), 0);
		assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	}
}

/* Fills a sink by a copy until it stands still. */
static uint64_t stand_still(struct test *t, struct flow *flow)
{
	uint64_t token = START(t, abio_copy, flow->source, flow->sink, EVERYTHING, 0);

	flow->stalled = true;
	for (int idle = 0; idle < 3;) {
		size_t fed = flow->fed;

		feed(t, flow);
		test_gather(t);
		idle = flow->fed == fed ? idle + 1 : 0;
		poll(NULL, 0, idle); /* loopback needs a moment to say that there is room */
	}
	assert_false(test_has_come(t, token));
	return token;
}

static void tiny_flow(struct test *t, struct flow *flow, uint32_t sink)
{
	*flow = flow_of(t, 2 * SIZE);
	source_stream(t, flow, t->kind);
	sink_stream(t, flow, sink, false);
	make_narrow(flow->in);
	make_narrow(test_fd_of(flow->sink));
}

static void canceled_while_the_sink_is_full(struct test *t)
{
	for (int i = 0; i < KINDS; i++) {
		struct flow flow;
		struct abio_event first;
		struct abio_event second;
		uint64_t token;

		tiny_flow(t, &flow, kinds[i]);
		token = stand_still(t, &flow);
		assert_int_equal(abio_cancel(t->driver, token), 1);
		first = test_finish(t, token);
		assert_int_equal(first.result, ABIO_E_CANCELED);
		drain_all(t, &flow, first.progress);
		/* What it had read comes next, in this copy as in a read. */
		second = run(t, &flow, START(t, abio_copy, flow.source, flow.sink, EVERYTHING, 0));
		assert_int_equal(first.progress + (uint64_t)second.result, flow.size);
		drain_all(t, &flow, flow.size);
		assert_memory_equal(flow.data, flow.sent, flow.size);
	}
}

static void what_was_read_is_read_again(struct test *t)
{
	struct flow flow;
	struct abio_event event;
	uint8_t *data = test_memory(t, SIZE);
	uint64_t token;

	tiny_flow(t, &flow, ABIO_KIND_PIPE);
	token = stand_still(t, &flow);
	assert_int_equal(abio_cancel(flow.sink, token), 0);
	assert_int_equal(abio_cancel(flow.source, token), 1);
	event = test_finish(t, token);
	assert_true(flow.fed > event.progress);
	assert_int_equal(abio_ready_now(flow.source, ABIO_INTEREST_READ) & ABIO_READY_READ,
			 ABIO_READY_READ);
	assert_int_equal(abio_try_read(flow.source, data, 1, 0), 1);
	assert_int_equal(test_result(t, again(t, flow.source, data + 1, 999)), 999);
	assert_memory_equal(data, flow.sent + event.progress, 1000);
	drain_all(t, &flow, event.progress);
	assert_memory_equal(flow.data, flow.sent, event.progress);
}

static void canceled_behind_what_was_put(struct test *t)
{
	struct flow flow = flow_of(t, 8);
	struct abio_event event;
	uint64_t token;

	source_stream(t, &flow, ABIO_KIND_UNIX);
	sink_stream(t, &flow, t->kind, false);
	make_narrow(test_fd_of(flow.sink));
	test_stuff(flow.sink);
	assert_int_equal(abio_put(flow.sink, "waits", 5), 5);
	feed(t, &flow);
	token = START(t, abio_copy, flow.source, flow.sink, EVERYTHING, 0);
	test_quiet(t);
	assert_int_equal(abio_cancel(t->driver, token), 1);
	event = test_finish(t, token);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_int_equal(event.progress, 0);
	assert_int_equal(test_result(t, again(t, flow.source, flow.data, 8)), 8);
}

static void a_file_resumes_where_it_was_canceled(struct test *t)
{
	struct flow flow = flow_of(t, 4 * SIZE);
	struct abio_event event;
	uint64_t total = 0;
	uint64_t token;

	flow.source = file_with(t, flow.sent, flow.size, 0);
	sink_stream(t, &flow, t->kind, false);
	make_narrow(test_fd_of(flow.sink));
	for (int i = 0; i < 20; i++) {
		uint64_t position = 0;

		token = stand_still(t, &flow);
		assert_int_equal(abio_cancel(t->driver, token), 1);
		event = test_finish(t, token);
		assert_int_equal(event.result, ABIO_E_CANCELED);
		total += event.progress;
		assert_int_equal(abio_stream_position(flow.source, &position), 0);
		assert_int_equal(position, total);
		drain_all(t, &flow, total);
	}
	event = run(t, &flow, START(t, abio_copy, flow.source, flow.sink, EVERYTHING, 0));
	assert_int_equal(total + (uint64_t)event.result, flow.size);
	drain_all(t, &flow, flow.size);
	assert_memory_equal(flow.data, flow.sent, flow.size);
}

static void a_copied_file_resumes(struct test *t)
{
	struct flow flow = flow_of(t, 64 * SIZE);
	uint64_t total = 0;

	flow.source = file_with(t, flow.sent, flow.size, 0);
	flow.sink = test_file(t, test_path(t), 0, 0);
	while (total < flow.size) {
		uint64_t token = START(t, abio_copy, flow.source, flow.sink, EVERYTHING, 0);
		struct abio_event event;

		test_has_come(t, token);
		abio_cancel(flow.source, token);
		event = test_finish(t, token);
		total += event.progress;
		if (event.result != ABIO_E_CANCELED)
			break;
	}
	assert_int_equal(total, flow.size);
	check_file(t, flow.sink, flow.sent, flow.size);
}

static void the_sink_closes(struct test *t)
{
	struct flow flow;
	struct abio_event event;
	uint8_t *data = test_memory(t, SIZE);
	uint64_t token;

	tiny_flow(t, &flow, ABIO_KIND_PIPE);
	token = stand_still(t, &flow);
	assert_int_equal(test_result(t, START(t, abio_close, flow.sink, 0)), 0);
	event = test_finish(t, token);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	assert_int_equal(test_result(t, again(t, flow.source, data, 1000)), 1000);
	assert_memory_equal(data, flow.sent + event.progress, 1000);
}

static void the_sink_closes_while_the_source_waits(struct test *t)
{
	abio_io reader;
	struct flow flow = flow_of(t, 4);
	int peer = test_reader(t, &reader);
	uint64_t token;

	sink_stream(t, &flow, ABIO_KIND_UNIX, false);
	token = START(t, abio_copy, reader, flow.sink, EVERYTHING, 0);
	test_quiet(t);
	assert_int_equal(abio_release(flow.sink), 0);
	assert_int_equal(test_result(t, token), ABIO_E_CANCELED);
	test_send(peer, "data", 4);
	assert_int_equal(test_result(t, again(t, reader, flow.data, 4)), 4);
}

static void the_source_closes(struct test *t)
{
	struct flow flow;
	struct abio_event event;
	uint64_t token;

	tiny_flow(t, &flow, ABIO_KIND_UNIX);
	token = stand_still(t, &flow);
	assert_int_equal(abio_release(flow.source), 0);
	event = test_finish(t, token);
	assert_int_equal(event.result, ABIO_E_CANCELED);
	drain_all(t, &flow, event.progress);
	assert_memory_equal(flow.data, flow.sent, event.progress);
	assert_int_equal(test_result(t, START(t, abio_write_all, flow.sink, "on", 2, 0)), 2);
}

static void the_sink_s_peer_goes(struct test *t)
{
	struct flow flow;
	struct abio_event event;
	uint8_t *data = test_memory(t, SIZE);
	uint64_t token;

	tiny_flow(t, &flow, ABIO_KIND_PIPE);
	token = stand_still(t, &flow);
	test_close_fd(t, flow.out);
	event = test_finish(t, token);
	assert_int_equal(event.result, -EPIPE);
	assert_int_equal(test_result(t, again(t, flow.source, data, 1000)), 1000);
	assert_memory_equal(data, flow.sent + event.progress, 1000);
}

static void the_file_s_sink_goes(struct test *t)
{
	struct flow flow = flow_of(t, 4 * SIZE);
	struct abio_event event;
	uint64_t position;
	uint64_t token;

	flow.source = file_with(t, flow.sent, flow.size, 0);
	sink_stream(t, &flow, t->kind, false);
	make_narrow(test_fd_of(flow.sink));
	token = stand_still(t, &flow);
	test_close_fd(t, flow.out);
	event = test_finish(t, token);
	assert_true(event.result == -EPIPE || event.result == -ECONNRESET);
	assert_int_equal(abio_stream_position(flow.source, &position), 0);
	assert_int_equal(position, event.progress);
}

static void reading_fails(struct test *t)
{
	struct abio_open_options options = { .size = sizeof(options), .access = ABIO_ACCESS_READ };
	struct abio_event event = test_finish(t, START(t, abio_open, t->driver, "/", 1, &options));
	struct flow flow = flow_of(t, 4);

	assert_int_equal(event.result, 0);
	sink_stream(t, &flow, t->kind, false);
	assert_int_equal(
		test_result(t, START(t, abio_copy, event.handle, flow.sink, EVERYTHING, 0)),
		-EISDIR);
}

static void a_shutdown_ends_it(struct test *t)
{
	struct flow flow;
	struct flow second;
	uint64_t token;

	tiny_flow(t, &flow, ABIO_KIND_TCP);
	token = stand_still(t, &flow);
	second = flow_of(t, SIZE);
	second.source = file_with(t, second.sent, second.size, 0);
	second.sink = test_file(t, test_path(t), 0, 0);
	START(t, abio_copy, second.source, second.sink, EVERYTHING, 0);
	(void)token;
	test_driver_end(t, t->driver);
}

/* ---- schedules ------------------------------------------------------------------------------- */

#define SCHEDULES 40
#define PIECE     60000u

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static void act(struct test *t, struct flow *flow, uint32_t *random)
{
	uint32_t what = next_random(random) % 8;
	size_t part = 1 + next_random(random) % 9000;
	ssize_t moved = 0;

	if (what < 3 && flow->in >= 0) {
		if (part > flow->size - flow->fed)
			part = flow->size - flow->fed;
		moved = write(flow->in, flow->sent + flow->fed, part);
		flow->fed += moved > 0 ? (size_t)moved : 0;
		if (flow->fed == flow->size)
			feed(t, flow);
	} else if (what < 6) {
		moved = read(flow->out, flow->data + flow->got,
			     part < flow->size - flow->got ? part : flow->size - flow->got);
		flow->got += moved > 0 ? (size_t)moved : 0;
	} else {
		test_gather(t);
	}
}

/* One copy that is cut off somewhere: how far it came.  -1: at the end. */
static uint64_t cut_off(struct test *t, struct flow *flow, uint32_t *random, bool *over)
{
	uint64_t limit = next_random(random) % 2 == 0 ? EVERYTHING : next_random(random) % 40000;
	uint64_t token = START(t, abio_copy, flow->source, flow->sink, limit, 0);
	struct abio_event event;

	for (uint32_t left = next_random(random) % 24; left > 0; left--)
		act(t, flow, random);
	abio_cancel(next_random(random) % 2 == 0 ? t->driver : flow->source, token);
	event = test_finish(t, token);
	if (event.result != ABIO_E_CANCELED)
		assert_int_equal(event.result, event.progress);
	*over = event.result >= 0 && event.progress < limit;
	return event.progress;
}

static void no_schedule_of_cancels_loses_a_byte(struct test *t)
{
	for (uint32_t seed = 1; seed <= SCHEDULES; seed++) {
		struct flow flow = flow_of(t, PIECE);
		uint32_t random = seed;
		uint64_t total = 0;
		bool over = false;

		source_stream(t, &flow, t->kind);
		sink_stream(t, &flow, kinds[seed % KINDS], false);
		make_narrow(test_fd_of(flow.sink));
		make_narrow(flow.in);
		while (!over) {
			total += cut_off(t, &flow, &random, &over);
			act(t, &flow, &random);
		}
		if (total != PIECE)
			print_error("seed %u\n", seed);
		assert_int_equal(total, PIECE);
		drain_all(t, &flow, PIECE);
		assert_memory_equal(flow.data, flow.sent, PIECE);
		abio_release(flow.source);
		abio_release(flow.sink);
	}
}

static void no_schedule_loses_a_byte_of_a_file(struct test *t)
{
	for (uint32_t seed = 1; seed <= SCHEDULES; seed++) {
		struct flow flow = flow_of(t, PIECE);
		uint32_t random = seed;
		uint64_t total = 0;
		bool over = false;

		flow.source = file_with(t, flow.sent, flow.size, 0);
		sink_stream(t, &flow, t->kind, seed % 4 == 0);
		make_narrow(test_fd_of(flow.sink));
		while (!over) {
			total += cut_off(t, &flow, &random, &over);
			act(t, &flow, &random);
		}
		assert_int_equal(total, PIECE);
		drain_all(t, &flow, PIECE);
		assert_memory_equal(flow.data, flow.sent, PIECE);
		abio_release(flow.source);
		abio_release(flow.sink);
	}
}

/* ---- through adapters ------------------------------------------------------------------------ */

static void adapters_are_copied(struct test *t)
{
	struct flow flow = flow_of(t, SIZE);
	abio_io file = file_with(t, flow.sent, SIZE / 2, 0);
	abio_io half;
	abio_io reader;
	abio_io writer;
	abio_io chained;
	abio_io sink;

	source_stream(t, &flow, t->kind);
	flow.fed = SIZE / 4;
	sink_stream(t, &flow, ABIO_KIND_UNIX, false);
	assert_int_equal(abio_split(flow.sink, &reader, &writer), 0);
	assert_int_equal(abio_take(file, SIZE / 4, 0, &half), 0);
	assert_int_equal(abio_chain(half, flow.source, 0, &chained), 0);
	test_own(t, reader);
	test_own(t, writer);
	test_own(t, half);
	test_own(t, chained);
	sink = flow.sink;
	flow.source = chained;
	flow.sink = writer;
	copy_whole(t, &flow);
	assert_int_equal(test_result(t, START(t, abio_write_all, sink, "on", 2, 0)), 2);
}

static void adapters_give_back_what_was_not_written(struct test *t)
{
	struct flow flow;
	struct abio_event event;
	uint8_t *data = test_memory(t, SIZE);
	uint64_t token;
	abio_io taken;

	tiny_flow(t, &flow, ABIO_KIND_PIPE);
	assert_int_equal(abio_take(flow.source, SIZE, 0, &taken), 0);
	test_own(t, taken);
	flow.source = taken;
	token = stand_still(t, &flow);
	assert_int_equal(abio_cancel(taken, token), 1);
	event = test_finish(t, token);
	assert_int_equal(test_result(t, again(t, taken, data, 1000)), 1000);
	assert_memory_equal(data, flow.sent + event.progress, 1000);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void without_memory_it_is_refused(struct test *t)
{
	struct flow flow = flow_of(t, 64);
	struct fault fault = { .entry = FAULT_memory, .nth = 1, .error = ENOMEM };
	uint64_t token = test_token(t);

	flow.source = file_with(t, flow.sent, 64, 0);
	sink_stream(t, &flow, t->kind, false);
	for (;; fault.nth++) {
		int32_t error;

		faults_install();
		faults_plan(&fault);
		error = abio_copy(flow.source, flow.sink, EVERYTHING, 0, token);
		faults_remove();
		if (error == 0)
			break;
		assert_int_equal(error, -ENOMEM);
	}
	assert_true(fault.nth > 2);
	test_owed(t, token);
	assert_int_equal(run(t, &flow, token).result, 64);
}

static const struct test_case cases[] = {
	STREAMS(streams_are_copied_to_streams),
	STREAMS(streams_are_copied_to_files),
	NATIVE(files_are_sent_by_the_kernel),
	STREAMS(files_are_sent_to_what_might_wait),
	NATIVE(files_are_sent_without_the_kernel_s_help),
	CASE(files_are_copied_by_the_kernel),
	CASE(files_are_copied_without_the_kernel_s_help),
	CASE(a_file_that_appends_is_copied_to),
	CASE(cursors_are_where_the_copy_ended),
	STREAMS(an_empty_source_copies_nothing),
	SOCKETS(a_stream_is_copied_to_itself),
	STREAMS(a_limit_leaves_the_rest),
	STREAMS(a_limit_of_nothing_never_waits),
	STREAMS(a_limit_holds_for_files),
	STREAMS(it_has_both_directions),
	CASE(it_is_refused),
	STREAMS(a_file_s_cursor_is_its),
	STREAMS(what_was_put_goes_first),
	STREAMS(canceled_while_it_waits_for_data),
	STREAMS(until_the_event_of_the_cancel_both_directions_are_taken),
	STREAMS(the_event_of_a_cancelled_copy_may_come_when_its_objects_are_gone),
	STREAMS(canceled_while_the_sink_is_full),
	STREAMS(what_was_read_is_read_again),
	STREAMS(canceled_behind_what_was_put),
	STREAMS(a_file_resumes_where_it_was_canceled),
	CASE(a_copied_file_resumes),
	STREAMS(the_sink_closes),
	STREAMS(the_sink_closes_while_the_source_waits),
	STREAMS(the_source_closes),
	STREAMS(the_sink_s_peer_goes),
	STREAMS(the_file_s_sink_goes),
	STREAMS(reading_fails),
	STREAMS(a_shutdown_ends_it),
	STREAMS(no_schedule_of_cancels_loses_a_byte),
	STREAMS(no_schedule_loses_a_byte_of_a_file),
	STREAMS(adapters_are_copied),
	STREAMS(adapters_give_back_what_was_not_written),
	STREAMS(without_memory_it_is_refused),
};

TEST_MAIN("copy", cases)
