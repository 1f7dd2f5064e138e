/* Runs the cases one by one, each on a driver of its own, and counts. */
#include "loop.h"

enum {
	PENDING_MAX = 64,
	OWNED_MAX = 32,
	WARM_HANDLES = 1024
};

static struct abio_event pending[PENDING_MAX];
static uint32_t pending_count;
static abio_io owned[OWNED_MAX];
static uint32_t owned_count;
static uint64_t last_token;
static struct loop *loops[OWNED_MAX];
static uint32_t loop_count;
static bool failing;
static const char *running;

void expect(bool condition, const char *text, int line)
{
	if (condition)
		return;
	failing = true;
	machine_print(running);
	machine_print(", line ");
	machine_print_number(line);
	machine_print(": ");
	machine_print(text);
	machine_print("\n");
}

void expect_equal(int64_t actual, int64_t wanted, const char *text, int line)
{
	if (actual == wanted)
		return;
	expect(false, text, line);
	machine_print("  is ");
	machine_print_number(actual);
	machine_print(", not ");
	machine_print_number(wanted);
	machine_print("\n");
}

/* ---- events
 * -------------------------------------------------------------------------------------- */

static void came(const struct abio_event *event)
{
	if ((event->flags & ABIO_EVENT_RELEASED) != 0) {
		for (uint32_t i = 0; i < loop_count; i++) {
			if (event->data == (uintptr_t)loops[i])
				loops[i]->released++;
		}
	}
	if (pending_count == PENDING_MAX)
		machine_end(2);
	pending[pending_count++] = *event;
}

static int32_t look(abio_driver driver, int64_t timeout_ns)
{
	struct abio_event event;
	int32_t count = abio_driver_wait(driver, &event, sizeof(event), 1, timeout_ns);

	if (count > 0)
		came(&event);
	return count;
}

struct abio_event finish(abio_driver driver, uint64_t token)
{
	struct abio_event none = { .result = INT64_MIN };

	for (;;) {
		for (uint32_t i = 0; i < pending_count; i++) {
			struct abio_event event = pending[i];

			if (event.token != token)
				continue;
			pending_count--;
			memmove(&pending[i], &pending[i + 1],
				(pending_count - i) * sizeof(pending[0]));
			return event;
		}
		if (look(driver, -1) <= 0) {
			expect(false, "an event comes", 0);
			return none;
		}
	}
}

int64_t result_of(abio_driver driver, uint64_t token)
{
	return finish(driver, token).result;
}

void quiet(abio_driver driver)
{
	uint32_t before = pending_count;

	while (look(driver, 0) > 0)
		continue;
	EXPECT_EQUAL(pending_count, before);
}

uint64_t fresh(void)
{
	return ++last_token;
}

uint64_t started(int32_t result)
{
	EXPECT_EQUAL(result, 0);
	return last_token;
}

/* ---- the loop
 * ------------------------------------------------------------------------------------ */

static uint32_t least(uint32_t one, uint32_t other)
{
	return one < other ? one : other;
}

static bool told(struct loop *loop, int32_t *answer)
{
	*answer = loop->answer;
	loop->answer = 0;
	return *answer != 0;
}

static int32_t loop_read(void *user, void *data, uint32_t length)
{
	struct loop *loop = user;
	uint32_t count = least(least(length, loop->count), loop->step);
	int32_t answer;

	if (told(loop, &answer))
		return answer;
	if (count == 0)
		return loop->ended ? ABIO_HOST_EOF : ABIO_WOULD_BLOCK;
	memcpy(data, loop->bytes + loop->start, count);
	loop->start += count;
	loop->count -= count;
	abio_object_notify(loop->io, ABIO_READY_WRITE);
	return (int32_t)count;
}

static int32_t loop_write(void *user, const void *data, uint32_t length)
{
	struct loop *loop = user;
	uint32_t count = least(least(length, loop->capacity - loop->count), loop->step);
	int32_t answer;

	if (told(loop, &answer))
		return answer;
	if (count == 0)
		return ABIO_WOULD_BLOCK;
	memmove(loop->bytes, loop->bytes + loop->start, loop->count);
	loop->start = 0;
	memcpy(loop->bytes + loop->count, data, count);
	loop->count += count;
	abio_object_notify(loop->io, ABIO_READY_READ);
	return (int32_t)count;
}

static int32_t loop_shutdown(void *user, uint64_t op)
{
	struct loop *loop = user;

	(void)op;
	loop->ended = true;
	abio_object_notify(loop->io, ABIO_READY_READ);
	return 1;
}

static const struct abio_read_impl reads = {
	.head = { .size = sizeof(reads), .trait = ABIO_TRAIT_READ },
	.try_read = loop_read,
};
static const struct abio_write_impl writes = {
	.head = { .size = sizeof(writes), .trait = ABIO_TRAIT_WRITE },
	.try_write = loop_write,
	.start_shutdown = loop_shutdown,
};

abio_io make_loop(abio_driver driver, struct loop *loop, uint32_t capacity, uint32_t step)
{
	const struct abio_table_head *const impls[] = { &reads.head, &writes.head };

	memset(loop, 0, sizeof(*loop));
	loop->capacity = capacity;
	loop->step = step;
	EXPECT_EQUAL(abio_object_create(driver, impls, 2, loop, fresh(), &loop->io), 0);
	loops[loop_count++ % OWNED_MAX] = loop;
	return own(loop->io);
}

abio_io own(abio_io io)
{
	if (owned_count == OWNED_MAX)
		machine_end(2);
	owned[owned_count++] = io;
	return io;
}

abio_buffer buffer_with(const char *text, uint32_t capacity)
{
	uint32_t length = (uint32_t)strlen(text);
	abio_buffer buffer = 0;

	EXPECT_EQUAL(abio_buffer_alloc(capacity, 0, 0, &buffer), 0);
	memcpy(state_of_buffer(buffer).data, text, length);
	EXPECT_EQUAL(abio_buffer_set(buffer, length, length), 0);
	return buffer;
}

struct abio_buffer_state state_of_buffer(abio_buffer buffer)
{
	struct abio_buffer_state state = { .size = sizeof(state) };

	EXPECT_EQUAL(abio_buffer_info(buffer, &state), 0);
	return state;
}

/* ---- running
 * ------------------------------------------------------------------------------------- */

static void end_driver(abio_driver driver)
{
	if (abio_driver_shutdown(driver) == ABIO_E_HANDLE)
		return; /* the case ended it */
	while (abio_driver_close(driver) == ABIO_E_BUSY) {
		if (look(driver, -1) < 0)
			break;
	}
	EXPECT_EQUAL(abio_driver_close(driver), ABIO_E_HANDLE);
}

/* The table of handles only grows: as far as the cases need, before anything is counted. */
static void warm(void)
{
	static abio_buffer buffers[WARM_HANDLES];

	for (uint32_t i = 0; i < WARM_HANDLES; i++)
		abio_buffer_alloc(1, 0, 0, &buffers[i]);
	for (uint32_t i = 0; i < WARM_HANDLES; i++)
		abio_buffer_release(buffers[i]);
}

void reset_cases(void)
{
	failing = false;
	owned_count = 0;
	loop_count = 0;
	pending_count = 0;
}

static bool run(const struct freestanding_case *item)
{
	int64_t live = machine.live;
	abio_driver driver = 0;

	running = item->name;
	reset_cases();
	EXPECT_EQUAL(abio_driver_create(NULL, &driver), 0);
	item->body(driver);
	machine.refuse_after = -1;
	machine.epoch = 1;
	pending_count = 0;
	while (owned_count > 0)
		abio_release(owned[--owned_count]);
	end_driver(driver);
	machine.thread = 1;
	machine.owner_gone = false;
	EXPECT_EQUAL(machine.live, live);
	EXPECT(!machine.stuck);
	machine.stuck = false;
	return !failing;
}

static void run_all(const struct freestanding_case *cases, uint32_t count, uint32_t *passed,
		    uint32_t *failed)
{
	for (uint32_t i = 0; i < count; i++) {
		if (run(&cases[i]))
			(*passed)++;
		else
			(*failed)++;
	}
}

int main(void)
{
	uint32_t passed = 0;
	uint32_t failed = 0;

	warm();
	run_all(core_cases, core_case_count, &passed, &failed);
	run_all(stream_cases, stream_case_count, &passed, &failed);
	run_misuse(&passed, &failed);
	machine_print_number(passed);
	machine_print(" passed, ");
	machine_print_number(failed);
	machine_print(" failed\n");
	machine_end(failed > 0);
}
