/*
 * A C program of an old release: built from the header that was recorded with it, linked with the
 * names that it had, and run with libraries of later ones.
 *
 * It uses everything that may grow: tables, sized structs in both directions, arrays of events,
 * tables of its own.  Behind each struct that the library fills stands a guard.
 */
#include <abio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static unsigned int passed, failed;
static abio_driver driver;
static uint64_t tokens;

static uint64_t next_token(void)
{
	return ++tokens;
}

#define CHECK(what, condition)                                     \
	do {                                                       \
		bool good = (condition);                           \
		passed += good;                                    \
		failed += !good;                                   \
		printf("%s - %s\n", good ? "ok" : "not ok", what); \
	} while (0)

#define DEADLINE_NS 10000000000

/* The terminal event of a token; others that come before are not expected here. */
static struct abio_event event_of(uint64_t token)
{
	struct abio_event event = { 0 };

	do {
		event.result = INT64_MIN;
		if (abio_driver_wait(driver, &event, sizeof(event), 1, DEADLINE_NS) != 1)
			break;
	} while (event.token != token || (event.flags & ABIO_EVENT_MORE));
	return event;
}

/* Of what was started with the newest token. */
static int64_t result_of(int32_t started)
{
	return started < 0 ? started : event_of(tokens).result;
}

/* ---- what may grow --------------------------------------------------------------------------- */

#define GUARDED(type)              \
	struct {                   \
		struct type known; \
		uint64_t guard[8]; \
	}
#define GUARD(variable) memset((variable).guard, 0x5a, sizeof((variable).guard))

static bool guard_holds(const uint64_t *guard)
{
	for (int i = 0; i < 8; i++) {
		if (guard[i] != 0x5a5a5a5a5a5a5a5aU)
			return false;
	}
	return true;
}

static void tables_still_begin_as_they_did(void)
{
	const struct abio_api_table *api = abio_api(0);
	const struct abio_read_ops *read = abio_read_table();

	CHECK("the root table reaches as far", api && api->head.size >= sizeof(*api));
	CHECK("and has the functions where they were",
	      api->read == abio_read && api->driver_wait == abio_driver_wait &&
		      api->object_create == abio_object_create &&
		      api->datagram_table == abio_datagram_table);
	CHECK("a trait's table reaches as far", read->head.size >= sizeof(*read));
	CHECK("and has the slots where they were", read->head.trait == ABIO_TRAIT_READ &&
							   read->try_read == abio_try_read &&
							   read->read_to_end == abio_read_to_end);
	CHECK("another major is another library", abio_api(1) == NULL);
}

static void structs_are_filled_as_far_as_they_are_known(void)
{
	GUARDED(abio_abi) abi = { .known.size = sizeof(abi.known) };
	GUARDED(abio_driver_state) state = { .known.size = sizeof(state.known) };

	GUARD(abi);
	GUARD(state);
	CHECK("abio_abi_info", abio_abi_info(&abi.known) == 0 && abi.known.major == 0 &&
				       abi.known.minor >= 1 && guard_holds(abi.guard));
	CHECK("abio_driver_info", abio_driver_info(driver, &state.known) == 0 &&
					  state.known.backend != 0 && state.known.reason[0] &&
					  guard_holds(state.guard));
	abi.known.size--;
	CHECK("a struct shorter than ever is refused",
	      abio_abi_info(&abi.known) == ABIO_E_ARGUMENT);
}

static void objects_tell_what_they_are(abio_io io, uint32_t kind)
{
	GUARDED(abio_io_info) info = { .known.size = sizeof(info.known) };
	GUARDED(abio_trait_info) trait = { .known.size = sizeof(trait.known) };

	GUARD(info);
	GUARD(trait);
	CHECK("abio_info", abio_info(io, &info.known) == 0 && info.known.kind == kind &&
				   guard_holds(info.guard));
	CHECK("abio_query", abio_query(io, ABIO_TRAIT_READ, &trait.known) == 0 &&
				    trait.known.table == abio_read_table() &&
				    (trait.known.slots & 4) && guard_holds(trait.guard));
}

/* ---- files, streams, cancel ------------------------------------------------------------------ */

static void a_file_is_written_and_read(void)
{
	struct abio_open_options options = { .size = sizeof(options),
					     .flags = ABIO_OPEN_CREATE | ABIO_OPEN_TRUNCATE,
					     .access = ABIO_ACCESS_READ | ABIO_ACCESS_WRITE };
	struct abio_event event;
	char text[16] = { 0 };
	abio_io file;
	int32_t started = abio_open(driver, "old.txt", 7, &options, next_token());

	CHECK("open", started == 0);
	if (started < 0)
		return;
	event = event_of(tokens);
	file = event.handle;
	CHECK("gives a handle", event.result >= 0 && (event.flags & ABIO_EVENT_HANDLE) && file);
	CHECK("write_at_all",
	      result_of(abio_write_at_all(file, "old meets new\n", 14, 0, 0, next_token())) == 14);
	CHECK("read_at", result_of(abio_read_at(file, text, 5, 4, 0, next_token())) == 5 &&
				 memcmp(text, "meets", 5) == 0);
	objects_tell_what_they_are(file, ABIO_KIND_FILE);
	CHECK("close", result_of(abio_close(file, 0, next_token())) == 0);
	CHECK("a closed file says so", abio_read_at(file, text, 1, 0, 0, 1) == ABIO_E_CLOSED);
	CHECK("release", abio_release(file) >= 0 && abio_release(file) == ABIO_E_HANDLE);
	unlink("old.txt");
}

static void lines_come_through_tcp(void)
{
	struct abio_address any = { .size = sizeof(any), .family = ABIO_FAMILY_IPV4, .length = 4 };
	GUARDED(abio_io_info) info = { .known.size = sizeof(info.known) };
	struct abio_buffer_state line = { .size = sizeof(line) };
	uint64_t connecting = next_token(), accepting = next_token();
	abio_io listener = 0, client = 0, server = 0, reader = 0;
	abio_buffer buffer = 0;

	memcpy(any.data, "\177\0\0\1", 4);
	GUARD(info);
	CHECK("listen", abio_listen(driver, &any, NULL, &listener) == 0);
	CHECK("the port is told", abio_info(listener, &info.known) == 0 &&
					  info.known.local.port != 0 && guard_holds(info.guard));
	CHECK("accept", abio_accept(listener, 0, accepting) == 0);
	CHECK("connect", abio_connect(driver, &info.known.local, NULL, connecting) == 0);
	for (int i = 0; i < 2; i++) {
		struct abio_event event = { 0 };

		abio_driver_wait(driver, &event, sizeof(event), 1, -1);
		*(event.token == accepting ? &server : &client) = event.handle;
	}
	CHECK("both ends are there", client && server);
	CHECK("put", abio_put(client, "one\ntwo\n", 8) == 8);
	CHECK("buf_reader", abio_buf_reader(server, 4096, 0, &reader) == 0);
	CHECK("buffer_alloc", abio_buffer_alloc(100, 0, 0, &buffer) == 0);
	CHECK("read_line", result_of(abio_read_line(reader, buffer, 0, next_token())) == 4);
	CHECK("the buffer has it", abio_buffer_info(buffer, &line) == 0 && line.filled == 4 &&
					   memcmp(line.data, "one\n", 4) == 0);
	CHECK("buffer_release", abio_buffer_release(buffer) >= 0);
	CHECK("releases", abio_release(reader) >= 0 && abio_release(server) >= 0 &&
				  abio_release(client) >= 0 && abio_release(listener) >= 0);
}

static void a_cancelled_read_eats_nothing(void)
{
	char text[8];
	abio_io reader, writer;
	uint64_t token = next_token();

	CHECK("pipe", abio_pipe(driver, 0, &reader, &writer) == 0);
	CHECK("read", abio_read(reader, text, 8, 0, token) == 0);
	CHECK("cancel", abio_cancel(reader, token) == 1);
	CHECK("ends once, cancelled", event_of(token).result == ABIO_E_CANCELED);
	CHECK("write", result_of(abio_write_all(writer, "intact", 6, 0, next_token())) == 6);
	CHECK("nothing was eaten", result_of(abio_read(reader, text, 8, 0, next_token())) == 6 &&
					   memcmp(text, "intact", 6) == 0);
	CHECK("releases", abio_release(reader) >= 0 && abio_release(writer) >= 0);
}

/* ---- tables of the program's own ------------------------------------------------------------- */

static int32_t give(void *user, void *data, uint32_t length)
{
	int32_t *left = user;
	int32_t count = *left < (int32_t)length ? *left : (int32_t)length;

	if (count == 0)
		return ABIO_HOST_EOF;
	memset(data, 'x', (size_t)count);
	*left -= count;
	return count;
}

static abio_io object_of(uint32_t size, int32_t *left)
{
	/* What lies behind the given size is not the library's to look at. */
	struct abio_read_impl read = { .head = { .size = size, .trait = ABIO_TRAIT_READ },
				       .try_read = give };
	const struct abio_table_head *tables[] = { &read.head };
	abio_io io = 0;
	int32_t code = abio_object_create(driver, tables, 1, left, next_token(), &io);

	return code < 0 ? 0 : io;
}

static void objects_of_its_own_still_serve(void)
{
	char text[16];
	int32_t left = 10;
	uint64_t token;
	abio_io io = object_of(sizeof(struct abio_read_impl), &left);

	CHECK("object_create", io != 0);
	token = tokens;
	CHECK("its bytes are read",
	      result_of(abio_read_exact(io, text, 10, 0, next_token())) == 10 && text[9] == 'x');
	CHECK("and its end", result_of(abio_read(io, text, 1, 0, next_token())) == 0);
	CHECK("release", abio_release(io) >= 0 && (event_of(token).flags & ABIO_EVENT_RELEASED));
	left = 10;
	io = object_of(offsetof(struct abio_read_impl, try_readv), &left);
	CHECK("the shortest table that can read serves too", io != 0);
	token = tokens;
	CHECK("and is read", abio_try_read(io, text, 16, 0) == 10);
	CHECK("release", abio_release(io) >= 0 && (event_of(token).flags & ABIO_EVENT_RELEASED));
	CHECK("a table with no slot is refused",
	      object_of(sizeof(struct abio_table_head), &left) == 0);
}

static void wrapped_memory_comes_home(void)
{
	static char memory[64];
	uint64_t token = next_token();
	abio_buffer buffer = 0;

	CHECK("buffer_wrap", abio_buffer_wrap(driver, memory, 64, 0, token, &buffer) == 0);
	CHECK("buffer_release", abio_buffer_release(buffer) >= 0);
	CHECK("RELEASED", event_of(token).flags & ABIO_EVENT_RELEASED);
}

static void everything_ends(void)
{
	struct abio_event event;

	CHECK("shutdown", abio_driver_shutdown(driver) >= 0);
	while (abio_driver_close(driver) == ABIO_E_BUSY)
		abio_driver_wait(driver, &event, sizeof(event), 1, -1);
	CHECK("the driver is gone", abio_driver_fd(driver) == ABIO_E_HANDLE);
}

int main(void)
{
	struct abio_driver_options options = { .size = sizeof(options) };

	CHECK("driver_create", abio_driver_create(&options, &driver) == 0);
	tables_still_begin_as_they_did();
	structs_are_filled_as_far_as_they_are_known();
	a_file_is_written_and_read();
	lines_come_through_tcp();
	a_cancelled_read_eats_nothing();
	objects_of_its_own_still_serve();
	wrapped_memory_comes_home();
	everything_ends();
	printf("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}
