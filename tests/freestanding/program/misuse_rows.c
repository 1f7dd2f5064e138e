/*
 * Every row of the generated misuse of every function.  Two objects of memory stand for all kinds
 * of io; a row that only a descriptor suits is somebody else's.
 */
#include "loop.h"
#include "misuse.h"

static void drain(abio_driver driver)
{
	struct abio_event event;

	if (abio_driver_shutdown(driver) < 0)
		return;
	while (abio_driver_close(driver) == ABIO_E_BUSY) {
		if (abio_driver_wait(driver, &event, sizeof(event), 1, -1) < 0)
			return;
	}
}

static abio_io plain(abio_driver driver, struct loop *loop)
{
	static const struct abio_object_impl none = { .head = { .size = sizeof(none),
								.trait = ABIO_TRAIT_OBJECT } };
	const struct abio_table_head *const impls[] = { &none.head };
	abio_io io = 0;

	abio_object_create(driver, impls, 1, loop, 1, &io);
	return io;
}

static void close_now(abio_driver driver, abio_io io)
{
	struct abio_event event = { 0 };

	abio_close(io, 0, 77);
	while (event.token != 77)
		if (abio_driver_wait(driver, &event, sizeof(event), 1, -1) < 0)
			return;
}

static void release_all(abio_io io)
{
	while (abio_release(io) == 0)
		continue;
}

static void make_handles(struct misuse_handles *all, struct loop *loop)
{
	static struct loop other;

	memset(all, 0, sizeof(*all));
	all->random = 0x123456789abcdefu;
	abio_driver_create(NULL, &all->driver);
	abio_driver_create(NULL, &all->shut_driver);
	abio_driver_shutdown(all->shut_driver);
	abio_driver_create(NULL, &all->gone_driver);
	drain(all->gone_driver);
	all->stream = make_loop(all->driver, loop, 64, 64);
	all->file = plain(all->driver, &other);
	all->listener = all->file;
	all->datagram = all->file;
	all->reader = all->file;
	/* Halves: of what a host implements the handle lives until `user` is home. */
	abio_split(all->stream, &all->closed_io, &all->gone_io);
	close_now(all->driver, all->closed_io);
	close_now(all->driver, all->gone_io);
	abio_release(all->gone_io);
	abio_buffer_alloc(16, 0, 0, &all->buffer);
	abio_buffer_alloc(16, 0, 0, &all->gone_buffer);
	abio_buffer_release(all->gone_buffer);
}

/* NULL, or what is wrong. */
static const char *run_row(const struct misuse_row *row, bool *suited, int32_t *answer)
{
	static struct loop loop;
	struct misuse_handles all;
	uint64_t handle;
	int32_t result;

	make_handles(&all, &loop);
	handle = misuse_handle(row, &all);
	machine.thread = row->where == MISUSE_THREAD ? 2 : 1;
	machine.epoch = row->where == MISUSE_CHILD ? 2 : 1;
	result = misuse_run(row, handle, &all);
	machine.thread = 1;
	machine.epoch = 1;
	*answer = result;
	*suited = result != MISUSE_NO_OBJECT;
	drain(all.driver);
	drain(all.shut_driver);
	release_all(all.closed_io);
	release_all(all.stream);
	release_all(all.file);
	while (abio_buffer_release(all.buffer) == 0)
		continue;
	return *suited ? misuse_verdict(row, result) : NULL;
}

/* A child of a fork gives handles up, and these are not a copy: nobody could clean up after it. */
static bool ends_the_parent(const struct misuse_row *row)
{
	return row->where == MISUSE_CHILD && !row->refused;
}

void run_misuse(uint32_t *passed, uint32_t *failed)
{
	for (uint32_t i = 0; i < misuse_count; i++) {
		const struct misuse_row *row = &misuse_rows[i];
		bool suited = false;
		const char *wrong;
		int32_t answer = 0;
		int64_t live = machine.live;

		if (ends_the_parent(row))
			continue;
		reset_cases();
		wrong = run_row(row, &suited, &answer);
		if (wrong == NULL && machine.live != live)
			wrong = "memory was not given back";
		if (wrong != NULL) {
			machine_print(row->function);
			machine_print(" ");
			machine_print(row->name);
			machine_print(": ");
			machine_print(wrong);
			machine_print(", ");
			machine_print(abio_error_name(answer));
			machine_print("\n");
			(*failed)++;
		} else if (suited) {
			(*passed)++;
		}
	}
}
