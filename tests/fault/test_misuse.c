/*
 * Every misuse of every function gives the documented code and never a signal: the rows of
 * misuse.h, each in a child of its own; a million handles that are none, and every handle that
 * differs from a live one by a bit; and that no exported symbol is without rows.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "faults.h"
#include "misuse.h"

#define WATCHDOG_SECONDS 60
#define RANDOM_HANDLES   1000000u
#define MAP_PATH         "abi/generated/abio.map"

struct task {
	const struct variant *variant;
	const struct misuse_row *row;
};

/* ---- the handles of a row ------------------------------------------------------------------ */

static const struct abio_address loopback = {
	.size = sizeof(loopback), .family = ABIO_FAMILY_IPV4, .length = 4, .data = { 127, 0, 0, 1 }
};

static abio_io listening(abio_driver driver)
{
	abio_io io = 0;

	need_equal(abio_listen(driver, &loopback, NULL, &io), 0);
	return io;
}

static abio_io datagrams(abio_driver driver)
{
	abio_io io = 0;

	need_equal(abio_datagram(driver, &loopback, NULL, 0, &io), 0);
	return io;
}

/* The reader keeps what it reads from. */
/* Below the reader: released and not closed, and so no forged handle to what takes such. */
static abio_io below;

static abio_io reader_of(abio_io io)
{
	abio_io reader = 0;

	below = io;
	need_equal(abio_buf_reader(io, 0, 0, &reader), 0);
	need_equal(abio_release(io), 0);
	return reader;
}

static abio_buffer new_buffer(void)
{
	abio_buffer buffer = 0;

	need_equal(abio_buffer_alloc(64, 0, 0, &buffer), 0);
	return buffer;
}

static abio_io made_and_closed(abio_driver driver)
{
	abio_io io = new_file(driver);

	need_equal(abio_close(io, 0, 1), 0);
	need_equal(finish(driver, 1).result, 0);
	return io;
}

/* The stream has an address at its other end: rows ask for information too. */
static void prepare(const struct variant *variant, struct misuse_handles *all, abio_io *peer)
{
	abio_io pair[2];

	memset(all, 0, sizeof(*all));
	all->random = 0x123456789abcdefu;
	all->driver = new_driver(variant);
	all->shut_driver = new_driver(variant);
	need_equal(abio_driver_shutdown(all->shut_driver), 0);
	all->gone_driver = new_driver(variant);
	end_driver(all->gone_driver);
	new_pair(all->driver, ABIO_KIND_TCP, pair);
	all->stream = pair[0];
	*peer = pair[1];
	all->file = new_file(all->driver);
	all->listener = listening(all->driver);
	all->closed_io = made_and_closed(all->driver);
	all->gone_io = made_and_closed(all->driver);
	need_equal(abio_release(all->gone_io), 0);
	all->datagram = datagrams(all->driver);
	all->reader = reader_of(new_file(all->driver));
	all->buffer = new_buffer();
	all->gone_buffer = new_buffer();
	need_equal(abio_buffer_release(all->gone_buffer), 0);
}

static void end_if_there(abio_driver driver)
{
	struct abio_driver_state state = { .size = sizeof(state) };

	if (abio_driver_info(driver, &state) == 0)
		end_driver(driver);
}

static void clean(const struct misuse_handles *all, abio_io peer)
{
	const abio_io ios[] = { all->file,   all->stream,    all->listener, all->datagram,
				all->reader, all->closed_io, peer };

	end_if_there(all->driver);
	end_if_there(all->shut_driver);
	for (size_t i = 0; i < sizeof(ios) / sizeof(ios[0]); i++) {
		int32_t result;

		do
			result = abio_release(ios[i]);
		while (result == 0);
		need_equal(result, ABIO_E_HANDLE);
	}
	while (abio_buffer_release(all->buffer) == 0)
		continue;
	need_equal(abio_buffer_release(all->buffer), ABIO_E_HANDLE);
}

/* ---- the rows ------------------------------------------------------------------------------ */

struct call {
	const struct misuse_row *row;
	const struct misuse_handles *all;
	uint64_t handle;
	int32_t result;
};

static void *call_on_thread(void *argument)
{
	struct call *call = argument;

	call->result = misuse_run(call->row, call->handle, call->all);
	return NULL;
}

static void judge(const struct misuse_row *row, int32_t result)
{
	const char *wrong = misuse_verdict(row, result);

	if (wrong != NULL)
		child_fail("%s: gave %d (%s), documented %s%d (%s)", wrong, result,
			   abio_error_name(result), row->refused ? "" : "anything but ", row->code,
			   abio_error_name(row->code));
}

static int call_in_child(void *argument)
{
	struct call *call = argument;

	judge(call->row, misuse_run(call->row, call->handle, call->all));
	return CHILD_OK;
}

static void make_call(struct call *call)
{
	pthread_t thread;

	switch (call->row->where) {
	case MISUSE_HERE:
		call->result = misuse_run(call->row, call->handle, call->all);
		break;
	case MISUSE_THREAD:
		need(pthread_create(&thread, NULL, call_on_thread, call) == 0);
		need(pthread_join(thread, NULL) == 0);
		break;
	case MISUSE_CHILD:
		/* The words of the child come through the same memory as ours. */
		if (child_run(WATCHDOG_SECONDS, call_in_child, call) != CHILD_OK)
			_exit(1);
		return;
	}
	judge(call->row, call->result);
}

static int run_row(void *argument)
{
	const struct task *task = argument;
	struct misuse_handles all;
	struct call call = { .row = task->row, .all = &all };
	abio_io peer;
	int fds = open_fds();
	char before[400];

	describe_fds(before, sizeof(before));
	faults_install();
	prepare(task->variant, &all, &peer);
	call.handle = misuse_handle(task->row, &all);
	make_call(&call);
	/* What the row made: a listener, a pipe, an adopted descriptor, belongs to the driver. */
	clean(&all, peer);
	need_nothing_left(fds, before);
	return CHILD_OK;
}

static void run_rows(const struct variant *variant)
{
	const char *only = getenv("ABIO_TEST");

	for (int i = 0; i < misuse_count; i++) {
		struct task task = { variant, &misuse_rows[i] };
		bool passed;

		if (only != NULL && strstr(task.row->function, only) == NULL)
			continue;
		passed = child_run(WATCHDOG_SECONDS, run_row, &task) == CHILD_OK;
		tally(passed, "%s: %s(%s)%s%s", variant->name, task.row->function, task.row->name,
		      passed ? "" : ": ", child_said());
	}
}

/* ---- handles that are none ----------------------------------------------------------------- */

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* All of 64 bits; of 53; a plausible kind, generation and index. */
static uint64_t forge(uint64_t *state)
{
	uint64_t random = next_random(state);

	switch (random % 4) {
	case 0:
		return next_random(state);
	case 1:
		return next_random(state) >> 11;
	default:
		return (random >> 8 & 3) << 49 | (random >> 16 & 7) << 24 | (random >> 32 & 2047);
	}
}

static bool is_live(const struct misuse_handles *all, uint64_t handle)
{
	const uint64_t live[] = { all->driver,   all->shut_driver, all->file,
				  all->stream,   all->listener,    all->closed_io,
				  all->datagram, all->reader,      all->buffer,
				  below };

	for (size_t i = 0; i < sizeof(live) / sizeof(live[0]); i++)
		if (live[i] == handle)
			return true;
	return false;
}

static void try_handle(const struct misuse_row *row, const struct misuse_handles *all,
		       uint64_t handle)
{
	int32_t result;

	if (is_live(all, handle))
		return;
	result = row->call(handle, all, row->argument, MISUSE_NOTHING);
	if (result != ABIO_E_HANDLE)
		child_fail("%s(%#llx) gave %d (%s)", row->function, (unsigned long long)handle,
			   result, abio_error_name(result));
}

static bool takes_a_handle(const struct misuse_row *row)
{
	return row->handle == MISUSE_RANDOM && row->refused && row->code == ABIO_E_HANDLE &&
	       row->change == MISUSE_NOTHING;
}

static int run_forged(void *argument)
{
	const struct task *task = argument;
	uint64_t state = 0x9e3779b97f4a7c15u;
	struct misuse_handles all;
	uint32_t functions = 0;
	abio_io peer;

	prepare(task->variant, &all, &peer);
	/* One more live handle would be a forged one that works. */
	need_equal(abio_release(peer), 0);
	for (int i = 0; i < misuse_count; i++)
		functions += takes_a_handle(&misuse_rows[i]) ? 1 : 0;
	need(functions > 50);
	for (int i = 0; i < misuse_count; i++) {
		const struct misuse_row *row = &misuse_rows[i];
		const uint64_t live[] = { all.driver, all.stream, all.closed_io };

		if (!takes_a_handle(row))
			continue;
		for (uint32_t n = 0; n < RANDOM_HANDLES / functions + 1; n++)
			try_handle(row, &all, forge(&state));
		for (uint32_t n = 0; n < 3 * 64; n++)
			try_handle(row, &all, live[n / 64] ^ (uint64_t)1 << n % 64);
	}
	clean(&all, all.gone_io);
	return CHILD_OK;
}

/* ---- nothing is forgotten ------------------------------------------------------------------ */

/* Those without a handle and without a pointer: there is nothing to misuse but a number. */
static const char *const without_rows[] = {
	"abio_api",
	"abio_error_name",
	"abio_error_text",
	"abio_error_kind",
};
#define WITHOUT_ROWS (sizeof(without_rows) / sizeof(without_rows[0]))

static bool has_rows(const char *symbol)
{
	for (int i = 0; i < misuse_count; i++)
		if (strcmp(misuse_rows[i].function, symbol) == 0)
			return true;
	for (size_t i = 0; i < WITHOUT_ROWS; i++)
		if (strcmp(without_rows[i], symbol) == 0)
			return true;
	/* A table's getter takes nothing. */
	return strlen(symbol) > 6 && strcmp(symbol + strlen(symbol) - 6, "_table") == 0;
}

static void check_symbols(void)
{
	FILE *map = fopen(MAP_PATH, "r");
	char line[256];
	int count = 0;

	tally(map != NULL, "%s can be read (run from the top of the tree)", MAP_PATH);
	while (map != NULL && fgets(line, sizeof(line), map) != NULL) {
		char *symbol = line + strspn(line, " \t");
		char *end = strchr(symbol, ';');

		if (end == NULL || strncmp(symbol, "abio_", 5) != 0)
			continue;
		*end = 0;
		count++;
		tally(has_rows(symbol), "%s has rows", symbol);
	}
	if (map != NULL)
		fclose(map);
	tally(count > 50, "the map of symbols has %d", count);
}

/* What `without_rows` names, with every number there is reason to try. */
static int run_without_rows(void *argument)
{
	const struct abio_table_head *(*const tables[])(void) = {
		(const void *)abio_object_table,      (const void *)abio_ready_table,
		(const void *)abio_read_table,        (const void *)abio_write_table,
		(const void *)abio_accept_table,      (const void *)abio_buf_read_table,
		(const void *)abio_buf_write_table,   (const void *)abio_read_at_table,
		(const void *)abio_write_at_table,    (const void *)abio_owned_read_table,
		(const void *)abio_owned_write_table, (const void *)abio_seek_table,
		(const void *)abio_split_table,       (const void *)abio_datagram_table,
	};
	const int32_t far[] = { INT32_MIN, INT32_MAX, 0, 1 };

	(void)argument;
	for (int32_t code = -70000; code < 70000; code++) {
		need(abio_error_name(code) != NULL && abio_error_name(code)[0] != 0);
		need(abio_error_text(code) != NULL && abio_error_text(code)[0] != 0);
		need(abio_error_kind(code) >= 0);
	}
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++)
		need(abio_error_name(far[i]) != NULL && abio_error_text(far[i]) != NULL &&
		     abio_error_kind(far[i]) >= 0);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		need(tables[i]() != NULL && tables[i]()->size > sizeof(struct abio_table_head));
	need(abio_api(0) != NULL);
	need(abio_api(1) == NULL && abio_api(UINT32_MAX) == NULL);
	return CHILD_OK;
}

int main(void)
{
	bool passed;

	check_symbols();
	passed = child_run(WATCHDOG_SECONDS, run_without_rows, NULL) == CHILD_OK;
	tally(passed, "numbers without meaning%s%s", passed ? "" : ": ", child_said());
	for (int i = 0; i < VARIANTS; i++) {
		struct task task = { &variants[i], NULL };

		if (!variant_works(&variants[i])) {
			tally_skip("%s does not work here", variants[i].name);
			continue;
		}
		run_rows(&variants[i]);
		passed = child_run(WATCHDOG_SECONDS, run_forged, &task) == CHILD_OK;
		tally(passed, "%s: a million handles that are none%s%s", variants[i].name,
		      passed ? "" : ": ", child_said());
	}
	return tally_end();
}
