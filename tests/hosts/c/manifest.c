/*
 * The conformance manifest: every function, called by its description alone, with what is right and
 * with what must be refused.
 *
 * A call is made as an interpreter makes it: a function pointer out of the root table, at the
 * offset the manifest gives, the types of its arguments from the same place, and libffi.  (Casting
 * each pointer to one that takes six uint64_t would work on the calling conventions that exist, but
 * it is not C.)  Nothing here knows a function by name, but for those that end what a row has made.
 */
#include <ffi.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scenario.h"

enum {
	ARGUMENTS = 6,
	NAMES = 64,
	BLOCKS = 512
};

/* What a row has: numbers by name (handles above all), and memory, which lives as long as it does.
 */
struct row {
	const json_t *manifest;
	const json_t *json;
	struct {
		const char *name;
		uint64_t value;
	} kept[NAMES];
	size_t kept_count;
	struct {
		const char *name; /* "as", or NULL */
		const char *keep; /* keep the u64 at its start under this name, or NULL */
		void *data;
	} blocks[BLOCKS];
	size_t block_count;
};

union answer {
	ffi_arg integer;
	void *pointer;
};

static const char *text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static uint64_t number(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

static const uint64_t *kept(const struct row *row, const char *name)
{
	for (size_t i = 0; i < row->kept_count; i++)
		if (strcmp(row->kept[i].name, name) == 0)
			return &row->kept[i].value;
	return NULL;
}

static void keep(struct row *row, const char *name, uint64_t value)
{
	uint64_t *old = (uint64_t *)(uintptr_t)kept(row, name);

	if (old) {
		*old = value;
	} else if (row->kept_count < NAMES) {
		row->kept[row->kept_count].name = name;
		row->kept[row->kept_count++].value = value;
	} else {
		abort();
	}
}

/* ---- arguments ------------------------------------------------------------------------------- */

static void *memory(struct row *row, const json_t *description)
{
	uint8_t *data = calloc(1, number(description, "memory") + 1);
	size_t index;
	json_t *write;

	if (!data || row->block_count == BLOCKS)
		abort();
	row->blocks[row->block_count].name = text(description, "as");
	row->blocks[row->block_count].keep = text(description, "keep");
	row->blocks[row->block_count++].data = data;
	json_array_foreach(json_object_get(description, "u32"), index, write)
	{
		uint32_t value = (uint32_t)json_integer_value(json_array_get(write, 1));

		memcpy(data + json_integer_value(json_array_get(write, 0)), &value, sizeof(value));
	}
	json_array_foreach(json_object_get(description, "text"), index, write)
		memcpy(data + json_integer_value(json_array_get(write, 0)),
		       json_string_value(json_array_get(write, 1)),
		       json_string_length(json_array_get(write, 1)));
	json_array_foreach(json_object_get(description, "points"), index, write)
	{
		void *inner = memory(row, json_array_get(write, 1));

		memcpy(data + json_integer_value(json_array_get(write, 0)), &inner, sizeof(inner));
	}
	return data;
}

static uint64_t inside(const struct row *row, const char *name, uint64_t offset)
{
	for (size_t i = row->block_count; i-- > 0;)
		if (row->blocks[i].name && strcmp(row->blocks[i].name, name) == 0)
			return (uintptr_t)row->blocks[i].data + offset;
	abort();
}

static uint64_t argument(struct row *row, const json_t *json)
{
	const uint64_t *value;

	if (json_is_integer(json))
		return (uint64_t)json_integer_value(json);
	if (json_is_object(json) && json_object_get(json, "inside"))
		return inside(row, text(json, "inside"), number(json, "offset"));
	if (json_is_object(json))
		return (uintptr_t)memory(row, json);
	value = kept(row, json_string_value(json));
	if (!value)
		abort();
	return *value;
}

/* ---- calls ----------------------------------------------------------------------------------- */

static ffi_type *type_of(const char *name)
{
	static const struct {
		const char *name;
		ffi_type *type;
	} types[] = { { "u64", &ffi_type_uint64 },
		      { "u32", &ffi_type_uint32 },
		      { "i64", &ffi_type_sint64 },
		      { "i32", &ffi_type_sint32 },
		      { "ptr", &ffi_type_pointer } };

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (strcmp(types[i].name, name) == 0)
			return types[i].type;
	abort();
}

/* Offset 0 is the table's head; there it stands for the symbol that gave the table. */
static void (*entry_at(uint64_t offset))(void)
{
	void (*entry)(void);

	if (offset == 0)
		return (void (*)(void))library_api;
	memcpy(&entry, (const char *)abio + offset, sizeof(entry));
	return entry;
}

static union answer call(struct row *row, const char *name, const json_t *arguments)
{
	const json_t *function = json_object_get(json_object_get(row->manifest, "functions"), name);
	const json_t *names = json_object_get(function, "types");
	unsigned int count = (unsigned int)json_array_size(names);
	ffi_type *result = type_of(text(function, "result")), *types[ARGUMENTS];
	union {
		uint64_t u64;
		uint32_t u32;
		void *pointer;
	} values[ARGUMENTS];
	void *places[ARGUMENTS];
	size_t first_block = row->block_count;
	union answer answer = { 0 };
	ffi_cif cif;

	for (unsigned int i = 0; i < count; i++) {
		uint64_t value = argument(row, json_array_get(arguments, i));

		types[i] = type_of(json_string_value(json_array_get(names, i)));
		if (types[i] == &ffi_type_pointer)
			values[i].pointer = (void *)(uintptr_t)value;
		else if (types[i]->size == sizeof(uint32_t))
			values[i].u32 = (uint32_t)value;
		else
			values[i].u64 = value;
		places[i] = &values[i];
	}
	if (ffi_prep_cif(&cif, FFI_DEFAULT_ABI, count, result, types) != FFI_OK)
		abort();
	ffi_call(&cif, entry_at(number(function, "offset")), &answer, places);
	for (size_t i = first_block; i < row->block_count; i++)
		if (row->blocks[i].keep)
			keep(row, row->blocks[i].keep, *(const uint64_t *)row->blocks[i].data);
	return answer;
}

/* ---- making what a row needs, and ending it ----------------------------------------------------
 */

static struct abio_event finish(abio_driver driver, uint64_t token)
{
	struct abio_event event = { 0 };

	do {
		if (abio->driver_wait(driver, &event, sizeof(event), 1, -1) < 0)
			abort();
	} while (event.token != token || event.flags & ABIO_EVENT_MORE);
	return event;
}

static void make(struct row *row, const char *name)
{
	const json_t *recipe = json_object_get(json_object_get(row->manifest, "recipes"), name);
	size_t index;
	json_t *item;

	if (kept(row, name))
		return;
	json_array_foreach(json_object_get(recipe, "needs"), index, item)
		make(row, json_string_value(item));
	json_array_foreach(json_object_get(recipe, "steps"), index, item)
	{
		const char *function = text(item, "call");
		int64_t result;

		if (function) {
			result = (int32_t)call(row, function, json_object_get(item, "arguments"))
					 .integer;
		} else {
			struct abio_event event = finish(*kept(row, text(item, "finish")),
							 number(item, "token"));

			result = event.result;
			if (text(item, "as"))
				keep(row, text(item, "as"), event.handle);
		}
		if (result < 0) {
			fprintf(stderr, "cannot make %s (%s): %s\n", name,
				function ? function : "event", abio->error_text((int32_t)result));
			abort();
		}
	}
}

static void end_driver(abio_driver driver)
{
	struct abio_event event;

	abio->driver_shutdown(driver);
	while (abio->driver_close(driver) == ABIO_E_BUSY)
		abio->driver_wait(driver, &event, sizeof(event), 1, -1);
}

static void end(struct row *row)
{
	const json_t *kinds = json_object_get(row->manifest, "kinds");

	for (size_t i = 0; i < row->kept_count; i++) {
		const char *kind = text(kinds, row->kept[i].name);

		if (kind && strcmp(kind, "driver") == 0)
			end_driver(row->kept[i].value);
	}
	for (size_t i = 0; i < row->kept_count; i++) {
		const char *kind = text(kinds, row->kept[i].name);
		int32_t (*release)(uint64_t) = !kind                         ? NULL
					       : strcmp(kind, "io") == 0     ? abio->release
					       : strcmp(kind, "buffer") == 0 ? abio->buffer_release
									     : NULL;

		for (int times = 0; release && times < 8; times++)
			if (release(row->kept[i].value) < 0)
				break;
	}
	for (size_t i = 0; i < row->block_count; i++)
		free(row->blocks[i].data);
}

/* ---- verdicts -------------------------------------------------------------------------------- */

static bool head_is_right(const void *table, const json_t *head)
{
	struct abio_table_head got;

	if (!table)
		return false;
	memcpy(&got, table, sizeof(got));
	return got.size >= number(head, "size") && got.trait == number(head, "trait");
}

static bool answer_is_right(const json_t *row, union answer answer)
{
	const json_t *code = json_object_get(row, "code");

	if (code)
		return ((int32_t)answer.integer == json_integer_value(code)) ==
		       json_is_true(json_object_get(row, "refused"));
	if (text(row, "text"))
		return answer.pointer && strcmp(answer.pointer, text(row, "text")) == 0;
	if (json_object_get(row, "head"))
		return head_is_right(answer.pointer, json_object_get(row, "head"));
	return json_is_true(json_object_get(row, "null")) && !answer.pointer;
}

/* Calls what the row is about, wherever this runs.  The row itself, or NULL when it has failed. */
static void *judge(void *argument)
{
	struct row *row = argument;
	union answer answer = call(row, text(row->json, "function"),
				   json_object_get(row->json, "arguments"));

	if (answer_is_right(row->json, answer))
		return row;
	fprintf(stderr, "FAILED %s %s: got %d\n", text(row->json, "function"),
		text(row->json, "case"), (int32_t)answer.integer);
	return NULL;
}

static bool judge_in_a_thread(struct row *row)
{
	pthread_t thread;
	void *verdict;

	if (pthread_create(&thread, NULL, judge, row) || pthread_join(thread, &verdict))
		abort();
	return verdict;
}

static bool judge_in_a_child(struct row *row)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(judge(row) ? 0 : 1);
	if (child < 0 || waitpid(child, &status, 0) != child)
		abort();
	return status == 0;
}

static bool run_row(const json_t *manifest, const json_t *json)
{
	struct row *row = calloc(1, sizeof(*row));
	const char *where = text(json, "where");
	size_t index;
	json_t *name;
	bool right;

	row->manifest = manifest;
	row->json = json;
	json_array_foreach(json_object_get(json, "needs"), index, name)
		make(row, json_string_value(name));
	if (strcmp(where, "thread") == 0)
		right = judge_in_a_thread(row);
	else if (strcmp(where, "child") == 0)
		right = judge_in_a_child(row);
	else
		right = judge(row);
	end(row);
	free(row);
	return right;
}

void run_manifest(const json_t *manifest)
{
	unsigned int passed = 0, failed = 0;
	size_t index;
	json_t *row;

	json_array_foreach(json_object_get(manifest, "rows"), index, row)
	{
		if (run_row(manifest, row))
			passed++;
		else
			failed++;
	}
	checks_passed += passed;
	checks_failed += failed;
	printf("manifest: %u rows run, %u failed\n", passed + failed, failed);
}
