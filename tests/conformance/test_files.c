/*
 * Files: opening, the handle's own cursor, offsets in parallel, sparse and vast lengths, append,
 * direct, sync, and what files do not have.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

#define STEP     (1u << 20) /* most bytes of one file operation */
#define VAST     ((size_t)2 << 30)
#define PARALLEL 200u

static struct abio_event open_as(struct test *t, const char *path, uint32_t access, uint32_t flags,
				 uint32_t mode)
{
	struct abio_open_options options = {
		.size = sizeof(options), .flags = flags, .access = access, .mode = mode
	};

	return test_finish(t,
			   START(t, abio_open, t->driver, path, (uint32_t)strlen(path), &options));
}

static int64_t write_at(struct test *t, abio_io file, const void *data, uint32_t length,
			uint64_t offset)
{
	return test_result(t, START(t, abio_write_at_all, file, data, length, offset, 0));
}

/* ---- opening --------------------------------------------------------------------------------- */

static void open_says_why_not(struct test *t)
{
	const char *path = test_path(t);
	struct abio_event event = open_as(t, "/nonexistent/file", 0, 0, 0);

	assert_int_equal(event.result, -ENOENT);
	assert_int_equal(event.handle, 0);
	assert_int_equal(event.flags, 0);
	event = open_as(t, path, ABIO_ACCESS_WRITE, ABIO_OPEN_CREATE | ABIO_OPEN_EXCLUSIVE, 0);
	assert_int_equal(event.result, -EEXIST);
	assert_int_equal(open_as(t, "/", ABIO_ACCESS_WRITE, 0, 0).result, -EISDIR);
	assert_int_equal(open_as(t, "/etc/hostname/x", 0, 0, 0).result, -ENOTDIR);
}

static void bad_paths_and_options_are_refused(struct test *t)
{
	struct abio_open_options options = { .size = sizeof(options) };
	char *path = test_memory(t, 5000);

	memset(path, 'a', 5000);
	assert_int_equal(abio_open(t->driver, path, 0, NULL, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_open(t->driver, NULL, 4, NULL, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_open(t->driver, path, 4096, NULL, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_open(t->driver, "a\0b", 3, NULL, 1), ABIO_E_ARGUMENT);
	options.flags = 1u << 20;
	assert_int_equal(abio_open(t->driver, "a", 1, &options, 1), ABIO_E_ARGUMENT);
	options.flags = 0;
	options.access = 4;
	assert_int_equal(abio_open(t->driver, "a", 1, &options, 1), ABIO_E_ARGUMENT);
	options.access = 0;
	options.size = 4;
	assert_int_equal(abio_open(t->driver, "a", 1, &options, 1), ABIO_E_ARGUMENT);
	test_quiet(t);
	/* As long as it may be, and then some name in it is too long for the system. */
	assert_int_equal(test_result(t, START(t, abio_open, t->driver, path, 4095, NULL)),
			 -ENAMETOOLONG);
}

static void open_creates_and_truncates(struct test *t)
{
	const char *path = test_path(t);
	struct stat status;
	struct abio_event event;

	unlink(path);
	umask(022);
	event = open_as(t, path, ABIO_ACCESS_WRITE, ABIO_OPEN_CREATE | ABIO_OPEN_EXCLUSIVE, 0640);
	assert_int_equal(event.result, 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
	assert_int_equal(write_at(t, event.handle, "abcd", 4, 0), 4);
	event = open_as(t, path, ABIO_ACCESS_READ, 0, 0);
	assert_int_equal(event.result, 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_size, 4);
	event = open_as(t, path, ABIO_ACCESS_WRITE, ABIO_OPEN_TRUNCATE, 0);
	assert_int_equal(event.result, 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_size, 0);
	assert_true(fcntl(test_fd_of(event.handle), F_GETFD) & FD_CLOEXEC);
}

static void what_is_opened_decides_the_kind(struct test *t)
{
	const char *fifo = test_path(t);
	struct abio_io_info info = { .size = sizeof(info) };
	abio_io zero;
	char *data = test_memory(t, 8);

	assert_int_equal(abio_info(test_file(t, "/", 0, ABIO_ACCESS_READ), &info), 0);
	assert_int_equal(info.kind, ABIO_KIND_FILE);
	assert_int_equal(info.local.family, ABIO_FAMILY_NONE);
	assert_int_equal(info.peer.family, ABIO_FAMILY_NONE);
	unlink(fifo);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(abio_info(test_file(t, fifo, 0, 0), &info), 0);
	assert_int_equal(info.kind, ABIO_KIND_PIPE);
	zero = test_file(t, "/dev/zero", 0, ABIO_ACCESS_READ);
	assert_int_equal(abio_info(zero, &info), 0);
	assert_int_equal(info.kind, ABIO_KIND_PIPE);
	memset(data, 'x', 8);
	assert_int_equal(test_result(t, test_read(t, zero, data, 8)), 8);
	assert_memory_equal(data, "\0\0\0\0\0\0\0\0", 8);
}

static void a_fifo_opens_at_once(struct test *t)
{
	const char *fifo = test_path(t);
	char *data = test_memory(t, 8);
	abio_io reader;
	abio_io writer;

	unlink(fifo);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(open_as(t, fifo, ABIO_ACCESS_WRITE, 0, 0).result, -ENXIO);
	reader = test_file(t, fifo, 0, ABIO_ACCESS_READ);
	assert_int_equal(abio_try_read(reader, data, 8, 0), 0);
	writer = test_file(t, fifo, 0, ABIO_ACCESS_WRITE);
	assert_int_equal(abio_try_read(reader, data, 8, 0), ABIO_WOULD_BLOCK);
	assert_int_equal(test_result(t, START(t, abio_write_all, writer, "fifo", 4, 0)), 4);
	assert_int_equal(test_result(t, test_read(t, reader, data, 8)), 4);
	assert_memory_equal(data, "fifo", 4);
}

static void a_full_device_says_so(struct test *t)
{
	abio_io full = test_file(t, "/dev/full", 0, ABIO_ACCESS_WRITE);

	assert_int_equal(test_result(t, START(t, abio_write, full, "x", 1, 0)), -ENOSPC);
	assert_int_equal(abio_try_write(full, "x", 1, 0), -ENOSPC);
	assert_int_equal(abio_put(full, "x", 1), 1);
	assert_int_equal(test_result(t, START(t, abio_flush, full, 0)), -ENOSPC);
}

static void a_direction_that_was_not_opened_is_an_error(struct test *t)
{
	const char *path = test_path(t);
	abio_io reading = test_file(t, path, 0, ABIO_ACCESS_READ);
	abio_io writing = test_file(t, path, 0, ABIO_ACCESS_WRITE);
	abio_io directory = test_file(t, "/", 0, ABIO_ACCESS_READ);
	char *data = test_memory(t, 4);

	assert_int_equal(test_result(t, START(t, abio_write, reading, "x", 1, 0)), -EBADF);
	assert_int_equal(test_result(t, START(t, abio_write_at, reading, "x", 1, 0, 0)), -EBADF);
	assert_int_equal(test_result(t, test_read(t, writing, data, 4)), -EBADF);
	assert_int_equal(test_result(t, test_read_at(t, writing, data, 4, 0)), -EBADF);
	assert_int_equal(test_result(t, test_read(t, directory, data, 4)), -EISDIR);
}

/* ---- the cursor ------------------------------------------------------------------------------ */

static void the_cursor_is_the_handles_own(struct test *t)
{
	const char *path = test_path(t);
	abio_io file = test_file(t, path, 0, 0);
	abio_io other = test_file(t, path, 0, 0);
	char *data = test_memory(t, 16);
	struct abio_event event;

	event = test_finish(t, START(t, abio_write, file, "abcdef", 6, 0));
	assert_int_equal(event.result, 6);
	assert_int_equal(event.progress, 6);
	assert_int_equal(test_result(t, START(t, abio_write_all, file, "ghij", 4, 0)), 4);
	event = test_finish(t, test_read(t, file, data, 16));
	assert_int_equal(event.result, 0);
	assert_int_equal(test_result(t, test_read(t, other, data, 4)), 4);
	assert_int_equal(test_result(t, test_read_exact(t, other, data + 4, 4)), 4);
	assert_int_equal(test_result(t, test_read(t, other, data + 8, 8)), 2);
	assert_int_equal(test_result(t, test_read(t, other, data, 8)), 0);
	assert_memory_equal(data, "abcdefghij", 10);
	/* The system's own cursor is not involved. */
	assert_int_equal(lseek(test_fd_of(other), 0, SEEK_CUR), 0);
}

static void the_cursor_counts_errors_and_progress(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	char *data = test_memory(t, 20);
	struct abio_event event;

	assert_int_equal(write_at(t, file, "abcdefghij", 10, 0), 10);
	assert_int_equal(test_result(t, test_read(t, file, data, 4)), 4);
	event = test_finish(t, test_read_exact(t, file, data + 4, 10));
	assert_int_equal(event.result, ABIO_E_UNEXPECTED_EOF);
	assert_int_equal(event.progress, 6);
	assert_memory_equal(data, "abcdefghij", 10);
	assert_int_equal(test_result(t, START(t, abio_write, file, "kl", 2, 0)), 2);
	assert_int_equal(test_result(t, test_read_at(t, file, data, 20, 8)), 4);
	assert_memory_equal(data, "ijkl", 4);
}

static void vectored_transfers_move_the_cursor(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	char *data = test_memory(t, 12);
	struct abio_iovec out[4] = { { "abc", 3 }, { NULL, 0 }, { "defgh", 5 }, { "ij", 2 } };
	struct abio_iovec in[3] = { { data + 5, 5 }, { NULL, 0 }, { data, 5 } };

	assert_int_equal(test_result(t, START(t, abio_writev, file, out, 4, 0)), 10);
	assert_int_equal(test_result(t, START(t, abio_writev, file, out, 1, 0)), 3);
	assert_int_equal(test_result(t, START(t, abio_readv_at, file, in, 3, 0, 0)), 10);
	assert_memory_equal(data, "fghijabcde", 10);
	assert_int_equal(test_result(t, test_readv(t, file, in, 3)), 0);
	assert_int_equal(test_result(t, START(t, abio_readv_at, file, in, 3, 10, 0)), 3);
	assert_memory_equal(data + 5, "abc", 3);
	assert_int_equal(abio_readv_at(file, NULL, 1, 0, 0, 1), ABIO_E_ARGUMENT);
}

static void one_transfer_at_a_time_uses_the_cursor(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	char *data = test_memory(t, STEP);
	uint64_t writing = START(t, abio_write, file, data, STEP, 0);
	uint64_t aside;

	assert_int_equal(abio_write(file, "x", 1, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_read(file, data, 1, 0, 1), ABIO_E_BUSY);
	aside = START(t, abio_write_at, file, "x", 1, 5, 0);
	assert_int_equal(test_result(t, aside), 1);
	assert_int_equal(test_result(t, writing), STEP);
	assert_int_equal(test_result(t, START(t, abio_read, file, data, 1, 0)), 0);
}

/* ---- offsets --------------------------------------------------------------------------------- */

static void reads_past_the_end_are_empty(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	char *data = test_memory(t, 8);
	struct abio_event event;

	assert_int_equal(write_at(t, file, "abcd", 4, 0), 4);
	assert_int_equal(test_result(t, test_read_at(t, file, data, 8, 2)), 2);
	assert_int_equal(test_result(t, test_read_at(t, file, data, 8, 4)), 0);
	assert_int_equal(test_result(t, test_read_at(t, file, data, 8, 1000)), 0);
	assert_int_equal(test_result(t, test_read_at(t, file, data, 8, (uint64_t)INT64_MAX - 8)),
			 0);
	assert_int_equal(test_result(t, START(t, abio_read_at, file, NULL, 0, 0, 0)), 0);
	event = test_finish(t, START(t, abio_read_at_exact, file, data, 8, 1, 0));
	assert_int_equal(event.result, ABIO_E_UNEXPECTED_EOF);
	assert_int_equal(event.progress, 3);
	assert_memory_equal(data, "bcd", 3);
}

static void offsets_over_the_limit_are_refused(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	uint64_t over = (uint64_t)INT64_MAX + 1;
	struct abio_iovec iovec = { test_memory(t, 4), 4 };

	assert_int_equal(abio_read_at(file, iovec.base, 4, over, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_read_at_exact(file, iovec.base, 4, over, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_readv_at(file, &iovec, 1, UINT64_MAX, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_write_at(file, "x", 1, over, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_write_at_all(file, "x", 1, UINT64_MAX, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_try_read_at(file, iovec.base, 4, over, 0), ABIO_E_ARGUMENT);
	test_quiet(t);
}

static void parallel_reads_at_random_offsets_are_right(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	uint32_t size = 4 * STEP;
	char *data = test_memory(t, size);
	char *got = test_memory(t, PARALLEL * 4096);
	uint64_t tokens[PARALLEL];
	uint64_t offsets[PARALLEL];
	uint64_t state = 7;

	test_fill(data, size, 0);
	assert_int_equal(write_at(t, file, data, size, 0), size);
	assert_int_equal(test_result(t, test_read(t, file, data, 10)), 10);
	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < PARALLEL; i++) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			offsets[i] = (state >> 33) % (size - 4096);
			tokens[i] = test_read_at(t, file, got + i * 4096, 4096, offsets[i]);
		}
		for (uint32_t i = 0; i < PARALLEL; i++) {
			assert_int_equal(test_result(t, tokens[i]), 4096);
			assert_pattern(got + i * 4096, 4096, offsets[i]);
		}
	}
	assert_int_equal(test_result(t, test_read(t, file, data, 10)), 10);
	assert_pattern(data, 10, 10);
}

static void parallel_writes_reach_their_places(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	char *data = test_memory(t, PARALLEL * 1000);
	char *got = test_memory(t, PARALLEL * 1000);
	uint64_t tokens[PARALLEL];

	test_fill(data, PARALLEL * 1000, 0);
	for (uint32_t i = 0; i < PARALLEL; i++) {
		uint32_t place = i * 77 % PARALLEL * 1000;

		tokens[i] = START(t, abio_write_at, file, data + place, 1000, place, 0);
	}
	for (uint32_t i = 0; i < PARALLEL; i++)
		assert_int_equal(test_result(t, tokens[i]), 1000);
	assert_int_equal(
		test_result(t, START(t, abio_read_at_exact, file, got, PARALLEL * 1000, 0, 0)),
		PARALLEL * 1000);
	assert_pattern(got, PARALLEL * 1000, 0);
}

/* ---- lengths --------------------------------------------------------------------------------- */

static void a_file_moves_one_mebibyte_in_a_step(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	char *data = test_memory(t, 3 * STEP + 5);
	char *got = test_memory(t, 3 * STEP + 5);
	struct abio_event event;

	test_fill(data, 3 * STEP + 5, 0);
	assert_int_equal(test_result(t, START(t, abio_write, file, data, 3 * STEP, 0)), STEP);
	assert_int_equal(test_result(t, START(t, abio_write_at, file, data, 3 * STEP, 0, 0)), STEP);
	event = test_finish(t, START(t, abio_write_all, file, data + STEP, 2 * STEP + 5, 0));
	assert_int_equal(event.result, 2 * STEP + 5);
	assert_int_equal(event.progress, 2 * STEP + 5);
	assert_int_equal(test_result(t, test_read_at(t, file, got, 3 * STEP + 5, 0)), STEP);
	event = test_finish(t, START(t, abio_read_at_exact, file, got, 3 * STEP + 5, 0, 0));
	assert_int_equal(event.result, 3 * STEP + 5);
	assert_pattern(got, 3 * STEP + 5, 0);
}

static void vast_lengths_of_a_sparse_file_are_clamped(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	char *data = test_vast_memory(t, VAST);
	struct abio_iovec iovecs[2] = { { data, VAST - 1 }, { data, VAST } };
	uint64_t far = (uint64_t)5 << 30;
	struct abio_event event;

	assert_int_equal(write_at(t, file, "end", 3, far), 3);
	assert_int_equal(test_result(t, START(t, abio_read_at, file, data, 0x80000000u, 0, 0)),
			 STEP);
	assert_int_equal(test_result(t, START(t, abio_read, file, data, UINT32_MAX, 0)), STEP);
	assert_int_equal(test_result(t, START(t, abio_readv_at, file, iovecs, 2, 0, 0)), STEP);
	event = test_finish(t, START(t, abio_read_at, file, data, 0x80000000u, far - 3, 0));
	assert_int_equal(event.result, 6);
	assert_memory_equal(data, "\0\0\0end", 6);
	assert_int_equal(test_result(t, START(t, abio_write_at, file, data, 0x80000000u, 0, 0)),
			 STEP);
}

static void an_exact_read_of_two_gibibytes_can_be_cancelled(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	char *data = test_vast_memory(t, VAST);
	struct abio_event event;
	uint64_t timer;
	uint64_t token;

	assert_int_equal(write_at(t, file, "x", 1, (uint64_t)5 << 30), 1);
	token = START(t, abio_read_at_exact, file, data, 0x80000000u, 0, 0);
	timer = START(t, abio_timer, t->driver, 1000000, 0);
	assert_int_equal(test_result(t, timer), 0);
	abio_cancel(file, token);
	event = test_finish(t, token);
	assert_true(event.result == ABIO_E_CANCELED || event.result == 0x80000000);
	assert_int_equal(event.progress % STEP, 0);
	assert_true(event.progress <= 0x80000000);
}

static void a_thousand_and_25_pieces_are_clamped(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	char *data = test_memory(t, 1025);
	struct abio_iovec *iovecs = test_memory(t, 1025 * sizeof(*iovecs));

	for (size_t i = 0; i < 1025; i++)
		iovecs[i] = (struct abio_iovec){ data + i, 1 };
	test_fill(data, 1025, 0);
	assert_int_equal(test_result(t, START(t, abio_writev, file, iovecs, 1025, 0)), 1024);
	memset(data, 0, 1025);
	assert_int_equal(write_at(t, file, "zz", 2, 1024), 2);
	assert_int_equal(test_result(t, START(t, abio_readv_at, file, iovecs, 1025, 0, 0)), 1024);
	assert_pattern(data, 1024, 0);
	assert_int_equal(data[1024], 0);
}

/* ---- modes ----------------------------------------------------------------------------------- */

static void append_goes_to_the_end(struct test *t)
{
	const char *path = test_path(t);
	abio_io file = test_file(t, path, ABIO_OPEN_APPEND, 0);
	abio_io other = test_file(t, path, 0, 0);
	char *data = test_memory(t, 16);

	assert_int_equal(test_result(t, START(t, abio_write, file, "ab", 2, 0)), 2);
	assert_int_equal(write_at(t, other, "cd", 2, 2), 2);
	assert_int_equal(test_result(t, START(t, abio_write, file, "ef", 2, 0)), 2);
	assert_int_equal(test_result(t, START(t, abio_write_at, file, "gh", 2, 0, 0)), 2);
	assert_int_equal(test_result(t, test_read_at(t, other, data, 16, 0)), 8);
	assert_memory_equal(data, "abcdefgh", 8);
}

static void direct_io_takes_aligned_memory(struct test *t)
{
	const char *path = test_path(t);
	struct abio_event event = open_as(t, path, ABIO_ACCESS_READ | ABIO_ACCESS_WRITE,
					  ABIO_OPEN_DIRECT, 0);
	char *data = test_vast_memory(t, 2 * 4096);

	if (event.result == -EINVAL)
		test_skip(t, "the file system has no direct IO");
	assert_int_equal(event.result, 0);
	test_fill(data, 4096, 0);
	assert_int_equal(test_result(t, START(t, abio_write_at, event.handle, data, 4096, 4096, 0)),
			 4096);
	memset(data, 1, 4096);
	assert_int_equal(test_result(t, test_read(t, event.handle, data, 8192)), 8192);
	assert_pattern(data + 4096, 4096, 0);
	assert_int_equal(data[0], 0);
}

static void sync_makes_durable(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	uint64_t tokens[4];
	struct abio_event event;

	assert_int_equal(write_at(t, file, "abcd", 4, 0), 4);
	event = test_finish(t, START(t, abio_sync, file, 0));
	assert_int_equal(event.result, 0);
	assert_int_equal(event.progress, 0);
	for (uint32_t i = 0; i < 4; i++)
		tokens[i] = START(t, abio_sync, file, i % 2 == 0 ? ABIO_SYNC_DATA : 0);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(test_result(t, tokens[i]), 0);
	assert_int_equal(abio_sync(file, 2, 1), ABIO_E_ARGUMENT);
}

static void flush_of_a_file_is_done(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	uint64_t token;

	assert_int_equal(abio_try_flush(file), 0);
	assert_int_equal(test_result(t, START(t, abio_flush, file, 0)), 0);
	assert_int_equal(START_INLINE(t, &token, abio_flush, file), 0);
	test_quiet(t);
}

/* ---- at once --------------------------------------------------------------------------------- */

static void inline_reads_take_what_is_in_memory(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	char *data = test_memory(t, 8192);
	uint64_t token;
	int64_t result;

	test_fill(data, 8192, 0);
	assert_int_equal(write_at(t, file, data, 8192, 0), 8192);
	memset(data, 0, 8192);
	test_lend(t, data, 4096);
	result = abio_read_at(file, data, 4096, 4096, ABIO_START_INLINE, test_token(t));
	result = test_started_inline(t, &token, (int32_t)result);
	if (result == ABIO_PENDING)
		result = test_result(t, token);
	assert_int_equal(result, 4096);
	assert_pattern(data, 4096, 4096);
	/* More than there is: what was there at once counts, and the cursor moves by it once. */
	result = START_INLINE(t, &token, abio_read_exact, file, data, 8192);
	if (result == ABIO_PENDING)
		result = test_result(t, token);
	assert_int_equal(result, 8192);
	assert_pattern(data, 8192, 0);
	result = START_INLINE(t, &token, abio_read, file, data, 10);
	if (result == ABIO_PENDING)
		result = test_result(t, token);
	assert_int_equal(result, 0);
	test_quiet(t);
}

static void inline_exact_reads_stop_at_the_end(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	char *data = test_memory(t, 100);
	struct abio_event event = { .progress = 10 };
	uint64_t token;
	int32_t result;

	test_fill(data, 10, 0);
	assert_int_equal(write_at(t, file, data, 10, 0), 10);
	result = START_INLINE(t, &token, abio_read_exact, file, data, 100);
	if (result == ABIO_PENDING) {
		event = test_finish(t, token);
		result = (int32_t)event.result;
	}
	assert_int_equal(result, ABIO_E_UNEXPECTED_EOF);
	assert_int_equal(event.progress, 10);
	assert_int_equal(test_result(t, START(t, abio_write, file, "x", 1, 0)), 1);
	assert_int_equal(test_result(t, test_read_at(t, file, data, 100, 0)), 11);
	assert_int_equal(data[10], 'x');
}

static void try_read_at_is_a_hint(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	char *data = test_memory(t, 4096);
	int32_t result;

	test_fill(data, 4096, 0);
	assert_int_equal(write_at(t, file, data, 4096, 0), 4096);
	result = abio_try_read_at(file, data, 4096, 0, 0);
	assert_true(result == 4096 || result == ABIO_WOULD_BLOCK);
	result = abio_try_read_at(file, data, 4096, 5000, 0);
	assert_true(result == 0 || result == ABIO_WOULD_BLOCK);
	assert_int_equal(abio_try_read_at(file, NULL, 0, 0, 0), 0);
	test_quiet(t);
}

static void files_have_no_readiness_and_no_streams(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	struct abio_trait_info info = { .size = sizeof(info) };
	int32_t fd;
	uint32_t events;
	char data[4];

	assert_int_equal(abio_ready(file, ABIO_INTEREST_READ, 0, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_ready_now(file, ABIO_INTEREST_READ), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_ready_fd(file, ABIO_INTEREST_READ, &fd, &events), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_try_read(file, data, 4, 0), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_try_write(file, data, 4, 0), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_receive(file, 0, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_put(file, data, 4), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_shutdown(file, 0, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_query(file, ABIO_TRAIT_READY, &info), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_query(file, ABIO_TRAIT_READ_AT, &info), 0);
	test_quiet(t);
}

static void a_driver_ends_with_many_file_operations_in_flight(struct test *t)
{
	abio_io file = test_file(t, test_path(t), 0, 0);
	char *data = test_memory(t, 1000 * 512);

	for (uint32_t i = 0; i < 1000; i++) {
		if (i % 2 == 0)
			START(t, abio_write_at, file, data + i * 512, 512, i * 512, 0);
		else
			test_read_at(t, file, data + i * 512, 512, i * 512);
	}
	test_driver_end(t, t->driver);
}

static const struct test_case cases[] = {
	CASE(open_says_why_not),
	CASE(bad_paths_and_options_are_refused),
	CASE(open_creates_and_truncates),
	CASE(what_is_opened_decides_the_kind),
	CASE(a_fifo_opens_at_once),
	CASE(a_full_device_says_so),
	CASE(a_direction_that_was_not_opened_is_an_error),
	CASE(the_cursor_is_the_handles_own),
	CASE(the_cursor_counts_errors_and_progress),
	CASE(vectored_transfers_move_the_cursor),
	CASE(one_transfer_at_a_time_uses_the_cursor),
	CASE(reads_past_the_end_are_empty),
	CASE(offsets_over_the_limit_are_refused),
	CASE(parallel_reads_at_random_offsets_are_right),
	CASE(parallel_writes_reach_their_places),
	CASE(a_file_moves_one_mebibyte_in_a_step),
	CASE(vast_lengths_of_a_sparse_file_are_clamped),
	CASE(an_exact_read_of_two_gibibytes_can_be_cancelled),
	CASE(a_thousand_and_25_pieces_are_clamped),
	CASE(append_goes_to_the_end),
	CASE(direct_io_takes_aligned_memory),
	CASE(sync_makes_durable),
	CASE(flush_of_a_file_is_done),
	CASE(inline_reads_take_what_is_in_memory),
	CASE(inline_exact_reads_stop_at_the_end),
	CASE(try_read_at_is_a_hint),
	CASE(files_have_no_readiness_and_no_streams),
	CASE(a_driver_ends_with_many_file_operations_in_flight),
};

TEST_MAIN("files", cases)
