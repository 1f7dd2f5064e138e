/*
 * abio from a C program that was built without it: `main LIBRARY GENERATED_DIRECTORY`.
 *
 * A runtime's author reads loop.c first: it is the whole of embedding.  Then library.c, how to
 * load; files.c and sockets.c, how to use it in straight code and in steps; manifest.c calls every
 * function by its description alone, as an interpreter would.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario.h"

unsigned int checks_passed;
unsigned int checks_failed;

void expect(const char *what, int64_t expected, int64_t got)
{
	if (expected == got) {
		checks_passed++;
		return;
	}
	checks_failed++;
	fprintf(stderr, "FAILED %s: expected %lld, got %lld\n", what, (long long)expected,
		(long long)got);
}

/* ---- the loop's own life --------------------------------------------------------------------- */

/* A timer of the loop's own writes what a read of the library's waits for. */
struct late_writer {
	struct timer timer; /* first: the timer's address is the writer's */
	const struct operation *reading;
	abio_io writer;
	bool read_first;
};

static void write_late(struct timer *timer)
{
	struct late_writer *late = (struct late_writer *)timer;

	late->read_first = late->reading->ended;
	expect("put", 5, abio->put(late->writer, "later", 5));
}

static void show_own_loop(struct loop *loop)
{
	struct operation reading = { 0 };
	struct late_writer late = { .timer.fire = write_late, .reading = &reading };
	char text[5];
	abio_io reader = 0;

	expect("pipe", 0, abio->pipe(loop->driver, 0, &reader, &late.writer));
	loop_after(loop, &late.timer, 1000000);
	expect("a read that waits for the loop's timer", 5,
	       loop_await(loop, &reading,
			  abio->read_exact(reader, text, 5, 0, loop_begin(&reading))));
	expect("that the timer came first", 0, late.read_first);
	expect("what was read", 0, memcmp(text, "later", 5));
	expect("release of a reader", 0, abio->release(reader));
	expect("release of a writer", 0, abio->release(late.writer));
}

/* ---- cancelling ------------------------------------------------------------------------------ */

static void show_cancel(struct loop *loop)
{
	struct operation reading = { 0 }, writing = { 0 };
	char *data = malloc(10);
	abio_io reader = 0, writer = 0;
	int32_t started;

	expect("pipe", 0, abio->pipe(loop->driver, 0, &reader, &writer));
	started = abio->read(reader, data, 10, 0, loop_begin(&reading));
	expect("a read of a silent stream is accepted", 0, started);
	expect("cancel asks one operation", 1, abio->cancel(reader, loop_token(&reading)));
	/* It was asked, no more: the memory is lent until the event says that it has ended. */
	expect("the cancelled read", ABIO_E_CANCELED, loop_await(loop, &reading, started));
	free(data);
	expect("a write after that", 10,
	       loop_await(loop, &writing,
			  abio->write_all(writer, "0123456789", 10, 0, loop_begin(&writing))));
	data = malloc(10);
	expect("the next read", 10,
	       loop_await(loop, &reading,
			  abio->read_exact(reader, data, 10, 0, loop_begin(&reading))));
	expect("every byte", 0, memcmp(data, "0123456789", 10));
	free(data);
	expect("release of a reader", 0, abio->release(reader));
	expect("release of a writer", 0, abio->release(writer));
}

/* ---- the program ----------------------------------------------------------------------------- */

static json_t *load_json(const char *directory, const char *name)
{
	json_error_t error;
	char path[4096];
	json_t *json;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	json = json_load_file(path, JSON_ALLOW_NUL, &error);
	if (!json) {
		fprintf(stderr, "%s: %s\n", path, error.text);
		exit(2);
	}
	return json;
}

static void show(const char *key, void (*part)(struct loop *loop), struct loop *loop,
		 const char *how)
{
	unsigned int failed = checks_failed;

	part(loop);
	printf("%s: %s%s\n", key, failed == checks_failed ? "yes" : "no: see FAILED",
	       failed == checks_failed ? how : "");
}

int main(int count, char **arguments)
{
	json_t *description, *manifest;
	struct loop loop;

	if (count != 3) {
		fprintf(stderr, "usage: %s LIBRARY GENERATED_DIRECTORY\n", arguments[0]);
		return 2;
	}
	description = load_json(arguments[2], "abio.json");
	if (library_load(arguments[1], description) < 0) {
		printf("loads: no: see above\n0 passed, 1 failed\n");
		json_decref(description);
		return 1;
	}
	checks_passed++;
	manifest = load_json(arguments[2], "conformance.json");
	run_manifest(manifest);
	expect("driver_create", 0, loop_open(&loop));
	show("files", show_files, &loop, "");
	show("sockets", show_sockets, &loop, "");
	show("own loop", show_own_loop, &loop, ", poll(2) and timers of its own");
	show("cancel", show_cancel, &loop, "");
	loop_close(&loop);
	json_decref(manifest);
	json_decref(description);
	printf("%u passed, %u failed\n", checks_passed, checks_failed);
	return checks_failed > 0;
}
