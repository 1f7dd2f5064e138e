/*
 * What the library says of itself: traits of an object, tables, the root table, errors, the clock,
 * and structs of hosts that are older or newer than it.
 */
#include <errno.h>
#include <time.h>

#include "harness.h"

/* Which slots of each trait each kind of io has; 0: not the trait. */
struct offer {
	const char *name;
	uint64_t slots[16];
};

#define BIT(n) (UINT64_C(1) << (n))
#define ALL(n) (BIT(n) - 1)

#define EVERY_IO    [ABIO_TRAIT_OBJECT] = ALL(6)
#define STREAMS_IN  [ABIO_TRAIT_READ] = ALL(11), [ABIO_TRAIT_BUF_READ] = ALL(9)
#define STREAMS_OUT [ABIO_TRAIT_WRITE] = ALL(9), [ABIO_TRAIT_BUF_WRITE] = ALL(4)
#define OWNED_IN    [ABIO_TRAIT_OWNED_READ] = ALL(2)
#define OWNED_OUT   [ABIO_TRAIT_OWNED_WRITE] = ALL(2)
#define WAITS       [ABIO_TRAIT_READY] = ALL(3)

static const struct offer stream = {
	"stream",
	{ EVERY_IO, WAITS, STREAMS_IN, STREAMS_OUT, OWNED_IN, OWNED_OUT, [ABIO_TRAIT_SPLIT] = 1 },
};
static const struct offer pipe_reader = { "pipe reader",
					  { EVERY_IO, WAITS, STREAMS_IN, OWNED_IN } };
static const struct offer pipe_writer = {
	"pipe writer",
	{ EVERY_IO, WAITS, STREAMS_OUT, OWNED_OUT },
};
static const struct offer listener = {
	"listener",
	{ EVERY_IO, WAITS, [ABIO_TRAIT_ACCEPT] = ALL(2) },
};
static const struct offer file = {
	"file",
	{ EVERY_IO, OWNED_IN, OWNED_OUT, [ABIO_TRAIT_READ] = ALL(11) & ~(ALL(2) | BIT(5) | BIT(6)),
	  [ABIO_TRAIT_WRITE] = ALL(9) & ~(ALL(2) | BIT(7)), [ABIO_TRAIT_SEEK] = ALL(4),
	  [ABIO_TRAIT_READ_AT] = ALL(4), [ABIO_TRAIT_WRITE_AT] = ALL(4) },
};
static const struct offer datagram = {
	"datagram",
	{ EVERY_IO, WAITS, [ABIO_TRAIT_READ] = ALL(4) | BIT(5) | BIT(7),
	  [ABIO_TRAIT_WRITE] = ALL(2) | BIT(3) | BIT(4), [ABIO_TRAIT_OWNED_READ] = BIT(0),
	  [ABIO_TRAIT_OWNED_WRITE] = BIT(0), [ABIO_TRAIT_DATAGRAM] = ALL(4) },
};

static const void *table_of(uint32_t trait)
{
	switch (trait) {
	case ABIO_TRAIT_OBJECT:
		return abio_object_table();
	case ABIO_TRAIT_READY:
		return abio_ready_table();
	case ABIO_TRAIT_READ:
		return abio_read_table();
	case ABIO_TRAIT_WRITE:
		return abio_write_table();
	case ABIO_TRAIT_BUF_READ:
		return abio_buf_read_table();
	case ABIO_TRAIT_BUF_WRITE:
		return abio_buf_write_table();
	case ABIO_TRAIT_READ_AT:
		return abio_read_at_table();
	case ABIO_TRAIT_WRITE_AT:
		return abio_write_at_table();
	case ABIO_TRAIT_ACCEPT:
		return abio_accept_table();
	case ABIO_TRAIT_OWNED_READ:
		return abio_owned_read_table();
	case ABIO_TRAIT_OWNED_WRITE:
		return abio_owned_write_table();
	case ABIO_TRAIT_SEEK:
		return abio_seek_table();
	case ABIO_TRAIT_SPLIT:
		return abio_split_table();
	case ABIO_TRAIT_DATAGRAM:
		return abio_datagram_table();
	default:
		return NULL;
	}
}

static void check_offer(abio_io io, const struct offer *offer)
{
	for (uint32_t trait = 0; trait < 70; trait++) {
		struct abio_trait_info info = { .size = sizeof(info) };
		uint64_t slots = trait < 16 ? offer->slots[trait] : 0;
		bool has = slots != 0;
		int32_t answer = abio_query(io, trait, &info);

		if (answer != (has ? 0 : ABIO_E_UNSUPPORTED))
			fail_msg("%s, trait %u: %d", offer->name, trait, answer);
		if (!has) {
			assert_null(info.table);
			continue;
		}
		assert_ptr_equal(info.table, table_of(trait));
		if (info.slots != slots)
			fail_msg("%s, trait %u: slots %#llx", offer->name, trait,
				 (unsigned long long)info.slots);
	}
}

static void query_tells_what_an_io_can(struct test *t)
{
	struct abio_address address = { .size = sizeof(address),
					.family = ABIO_FAMILY_IPV4,
					.length = 4,
					.data = { 127, 0, 0, 1 } };
	abio_io first;
	abio_io second;
	int fds[2];

	test_raw_pair(t, ABIO_KIND_TCP, fds);
	check_offer(test_adopt(t, t->driver, fds[0]), &stream);
	test_raw_pair(t, ABIO_KIND_UNIX, fds);
	check_offer(test_adopt(t, t->driver, fds[0]), &stream);
	assert_int_equal(abio_pipe(t->driver, 0, &first, &second), 0);
	test_own(t, first);
	test_own(t, second);
	check_offer(first, &pipe_reader);
	check_offer(second, &pipe_writer);
	check_offer(test_file(t, test_path(t), 0, 0), &file);
	assert_int_equal(abio_listen(t->driver, &address, NULL, &first), 0);
	test_own(t, first);
	check_offer(first, &listener);
	assert_int_equal(abio_datagram(t->driver, &address, NULL, 0, &first), 0);
	test_own(t, first);
	check_offer(first, &datagram);
}

static void queries_check_their_struct(struct test *t)
{
	abio_io reader;
	abio_io writer;
	struct abio_trait_info info = { .size = 8 };
	struct {
		struct abio_trait_info known;
		uint8_t tail[24];
	} newer;

	assert_int_equal(abio_pipe(t->driver, 0, &reader, &writer), 0);
	test_own(t, reader);
	test_own(t, writer);
	assert_int_equal(abio_query(reader, ABIO_TRAIT_READ, &info), ABIO_E_ARGUMENT);
	assert_int_equal(abio_query(reader, ABIO_TRAIT_READ, NULL), ABIO_E_ARGUMENT);
	memset(&newer, 0xff, sizeof(newer));
	newer.known.size = sizeof(newer);
	assert_int_equal(abio_query(reader, ABIO_TRAIT_READ, &newer.known), 0);
	assert_int_equal(newer.known.size, sizeof(newer));
	assert_ptr_equal(newer.known.table, abio_read_table());
	assert_int_equal(newer.known.caps & ABIO_CAP_VECTORED, ABIO_CAP_VECTORED);
	for (size_t i = 0; i < sizeof(newer.tail); i++)
		assert_int_equal(newer.tail[i], 0);
}

static void slots_of_a_table_are_the_functions(struct test *t)
{
	const struct abio_read_ops *read;
	struct abio_trait_info info = { .size = sizeof(info) };
	abio_io reader;
	abio_io writer;
	char data[4];

	assert_int_equal(abio_pipe(t->driver, 0, &reader, &writer), 0);
	test_own(t, reader);
	test_own(t, writer);
	assert_int_equal(abio_query(reader, ABIO_TRAIT_READ, &info), 0);
	read = info.table;
	assert_int_equal(read->head.trait, ABIO_TRAIT_READ);
	assert_int_equal(read->head.size, sizeof(*read));
	assert_true(read->try_read == abio_try_read && read->read_exact == abio_read_exact);
	assert_int_equal(abio_write_table()->try_write(writer, "abcd", 4, 0), 4);
	assert_int_equal(read->try_read(reader, data, 4, 0), 4);
	assert_int_equal(read->try_read(writer, data, 4, 0), ABIO_E_UNSUPPORTED);
	assert_int_equal(read->try_read(0, data, 4, 0), ABIO_E_HANDLE);
}

static void the_root_table_has_everything(struct test *t)
{
	const struct abio_api_table *api = abio_api(0);
	struct abio_abi abi = { .size = sizeof(abi) };
	abio_driver driver = 0;

	(void)t;
	assert_int_equal(abio_abi_info(&abi), 0);
	assert_non_null(api);
	assert_ptr_equal(api, abio_api(abi.major));
	assert_null(abio_api(abi.major + 1u));
	assert_null(abio_api(UINT32_MAX));
	assert_int_equal(api->head.size, sizeof(*api));
	assert_int_equal(api->head.trait, 0);
	assert_int_equal(api->head.major, abi.major);
	assert_int_equal(api->head.minor, abi.minor);
	assert_true(api->driver_create == abio_driver_create && api->accept == abio_accept);
	assert_true(api->object_table == abio_object_table);
	assert_int_equal(api->driver_create(NULL, &driver), 0);
	assert_int_equal(api->driver_close(driver), 0);
}

static void the_library_describes_itself(struct test *t)
{
	struct abio_abi first = { .size = sizeof(first) };
	struct abio_abi second = { .size = sizeof(second) };
	static const uint8_t none[32];

	(void)t;
	assert_int_equal(abio_abi_info(&first), 0);
	assert_int_equal(abio_abi_info(&second), 0);
	assert_int_not_equal(first.instance, 0);
	assert_int_equal(first.instance, second.instance);
	assert_memory_not_equal(first.hash, none, 32);
	assert_int_equal(abio_abi_info(NULL), ABIO_E_ARGUMENT);
	first.size = 8;
	assert_int_equal(abio_abi_info(&first), ABIO_E_ARGUMENT);
}

static void errors_have_names_texts_and_classes(struct test *t)
{
	static const struct {
		int32_t code;
		const char *name;
		int32_t kind;
	} known[] = {
		{ 0, NULL, ABIO_CLASS_NONE },
		{ 5, NULL, ABIO_CLASS_NONE },
		{ -ENOENT, "ENOENT", ABIO_CLASS_NOT_FOUND },
		{ -EEXIST, "EEXIST", ABIO_CLASS_EXISTS },
		{ -EACCES, "EACCES", ABIO_CLASS_PERMISSION },
		{ -EPIPE, "EPIPE", ABIO_CLASS_CONNECTION },
		{ -ECONNRESET, "ECONNRESET", ABIO_CLASS_CONNECTION },
		{ -ECONNREFUSED, "ECONNREFUSED", ABIO_CLASS_CONNECTION },
		{ -ETIMEDOUT, "ETIMEDOUT", ABIO_CLASS_TIMEOUT },
		{ -ENOMEM, "ENOMEM", ABIO_CLASS_RESOURCE },
		{ -EMFILE, "EMFILE", ABIO_CLASS_RESOURCE },
		{ -EIO, "EIO", ABIO_CLASS_INPUT_OUTPUT },
		{ ABIO_WOULD_BLOCK, "ABIO_WOULD_BLOCK", ABIO_CLASS_AGAIN },
		{ ABIO_E_HANDLE, "ABIO_E_HANDLE", ABIO_CLASS_USAGE },
		{ ABIO_E_BUSY, "ABIO_E_BUSY", ABIO_CLASS_USAGE },
		{ ABIO_E_CLOSED, "ABIO_E_CLOSED", ABIO_CLASS_CLOSED },
		{ ABIO_E_CANCELED, "ABIO_E_CANCELED", ABIO_CLASS_CANCELED },
		{ ABIO_E_UNEXPECTED_EOF, "ABIO_E_UNEXPECTED_EOF", ABIO_CLASS_CLOSED },
		{ ABIO_E_NAME_NOT_FOUND, "ABIO_E_NAME_NOT_FOUND", ABIO_CLASS_NOT_FOUND },
		{ INT32_MIN, "ABIO_UNKNOWN", ABIO_CLASS_INPUT_OUTPUT },
	};

	(void)t;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].name != NULL)
			assert_string_equal(abio_error_name(known[i].code), known[i].name);
		assert_non_null(abio_error_text(known[i].code));
		assert_true(strlen(abio_error_text(known[i].code)) > 0);
		if (abio_error_kind(known[i].code) != known[i].kind)
			fail_msg("%s is of class %d", abio_error_name(known[i].code),
				 abio_error_kind(known[i].code));
	}
	for (int32_t code = -5000; code < 10; code++) {
		assert_non_null(abio_error_name(code));
		assert_non_null(abio_error_text(code));
		assert_in_range(abio_error_kind(code), ABIO_CLASS_NONE, ABIO_CLASS_INPUT_OUTPUT);
	}
}

static void the_clock_is_monotonic(struct test *t)
{
	struct timespec before;
	struct timespec after;
	int64_t now = 0;

	(void)t;
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_int_equal(abio_clock(&now), 0);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(now >= before.tv_sec * INT64_C(1000000000) + before.tv_nsec);
	assert_true(now <= after.tv_sec * INT64_C(1000000000) + after.tv_nsec);
	assert_int_equal(abio_clock(NULL), ABIO_E_ARGUMENT);
}

static void an_older_host_gets_what_it_knows(struct test *t)
{
	struct abio_driver_state state;
	struct abio_driver_options options = { .size = sizeof(options) };
	struct {
		struct abio_driver_options known;
		uint64_t unknown;
	} newer = { .known = { .size = sizeof(newer) }, .unknown = 1 };
	abio_driver driver = 0;

	memset(&state, 0xee, sizeof(state));
	state.size = 4;
	assert_int_equal(abio_driver_info(t->driver, &state), ABIO_E_ARGUMENT);
	state.size = sizeof(state);
	assert_int_equal(abio_driver_info(t->driver, &state), 0);
	assert_int_equal(state.backend, t->variant->backend);
	assert_int_equal(state.flags, t->variant->flags);
	assert_int_equal(state.size, sizeof(state));
	assert_true(strnlen((const char *)state.reason, sizeof(state.reason)) <
		    sizeof(state.reason));
	assert_int_equal(abio_driver_create(&newer.known, &driver), ABIO_E_TOO_NEW);
	options.size = 8;
	assert_int_equal(abio_driver_create(&options, &driver), ABIO_E_ARGUMENT);
	assert_int_equal(abio_driver_create(NULL, NULL), ABIO_E_ARGUMENT);
	assert_int_equal(driver, 0);
}

static const struct test_case cases[] = {
	CASE(query_tells_what_an_io_can),
	CASE(queries_check_their_struct),
	CASE(slots_of_a_table_are_the_functions),
	ONCE(the_root_table_has_everything),
	ONCE(the_library_describes_itself),
	ONCE(errors_have_names_texts_and_classes),
	ONCE(the_clock_is_monotonic),
	CASE(an_older_host_gets_what_it_knows),
};

TEST_MAIN("queries", cases)
