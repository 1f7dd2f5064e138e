/*
 * Running cases and counting what they leave behind: see harness.h.
 *
 * Invariants: every case is bracketed by the same counts of descriptors and allocations; a case
 * that hangs ends the program with a count that says so; the plain last line agrees with cmocka's
 * counts.
 */
#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "handle.h"
#include "platform.h"
#include "private.h"
#include "sys.h"

#define TABLE_CHUNK (1024 * sizeof(struct slot)) /* the table of handles only ever grows */

const struct test_variant test_variants[3] = {
	{ "io_uring deferred", ABIO_BACKEND_URING, 0 },
	{ "io_uring cooperative", ABIO_BACKEND_URING, ABIO_DRIVER_COOPERATIVE },
	{ "epoll", ABIO_BACKEND_EPOLL, 0 },
};

unsigned int test_watchdog_seconds = 120;

static struct {
	unsigned int passed;
	unsigned int failed;
	unsigned int skipped;
	const char *running;
} counts;

/* ---- live allocations ------------------------------------------------------------------------ */

static struct platform_memory memory_before;
static _Atomic int64_t live;
static _Atomic uint32_t waiting;
static pthread_mutex_t live_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t live_less = PTHREAD_COND_INITIALIZER;

static void *counted_allocate(size_t size, size_t alignment)
{
	void *memory = memory_before.allocate(size, alignment);

	if (memory != NULL && size != TABLE_CHUNK)
		atomic_fetch_add(&live, 1);
	return memory;
}

static void counted_release(void *memory)
{
	memory_before.release(memory);
	atomic_fetch_sub(&live, 1);
	if (atomic_load(&waiting) == 0)
		return;
	pthread_mutex_lock(&live_mutex);
	pthread_cond_broadcast(&live_less);
	pthread_mutex_unlock(&live_mutex);
}

static void count_allocations(void)
{
	if (memory_before.allocate != NULL)
		return;
	memory_before = platform_memory;
	platform_memory.allocate = counted_allocate;
	platform_memory.release = counted_release;
}

int64_t test_live_allocations(void)
{
	return atomic_load(&live);
}

static uint64_t threads(void)
{
	struct stat tasks;

	return stat("/proc/self/task", &tasks) == 0 ? tasks.st_nlink - 2 : UINT64_MAX;
}

/* Nobody else can free anything when this is the only thread. */
static bool alone(void)
{
	return threads() <= 1;
}

bool test_wait_for_allocations(int64_t wanted)
{
	int64_t end = sys_linux.clock() + TEST_PATIENCE_NS;
	struct timespec slice;

	atomic_fetch_add(&waiting, 1);
	pthread_mutex_lock(&live_mutex);
	while (atomic_load(&live) > wanted && !alone() && sys_linux.clock() < end) {
		clock_gettime(CLOCK_REALTIME, &slice);
		slice.tv_sec++;
		pthread_cond_timedwait(&live_less, &live_mutex, &slice);
	}
	pthread_mutex_unlock(&live_mutex);
	atomic_fetch_sub(&waiting, 1);
	return atomic_load(&live) <= wanted;
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static int walk_fds(void (*visit)(struct test *t, int fd), struct test *t)
{
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;
	int count = 0;

	assert_non_null(directory);
	while ((entry = readdir(directory)) != NULL) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] == '.' || fd == dirfd(directory))
			continue;
		count++;
		if (visit != NULL)
			visit(t, fd);
	}
	closedir(directory);
	return count;
}

int test_open_fds(void)
{
	return walk_fds(NULL, NULL);
}

static void remember_fd(struct test *t, int fd)
{
	if ((size_t)fd < sizeof(t->own->fd_open))
		t->own->fd_open[fd] = 1;
}

static void name_new_fd(struct test *t, int fd)
{
	char link[64];
	char target[256] = "";

	if ((size_t)fd < sizeof(t->own->fd_open) && t->own->fd_open[fd])
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, target, sizeof(target) - 1) >= 0)
		print_error("  left open: %d %s\n", fd, target);
}

/* ---- memory of a case ------------------------------------------------------------------------ */

void *grown(void *array, size_t count, size_t *room, size_t size)
{
	void *larger;

	if (count < *room)
		return array;
	*room = *room == 0 ? 16 : *room * 2;
	larger = realloc(array, *room * size);
	assert_non_null(larger);
	return larger;
}

static void keep_piece(struct test *t, void *memory, size_t mapped)
{
	struct piece *piece = calloc(1, sizeof(*piece));

	assert_non_null(piece);
	piece->memory = memory;
	piece->mapped = mapped;
	piece->next = t->own->pieces;
	t->own->pieces = piece;
}

void *test_memory(struct test *t, size_t size)
{
	void *memory = calloc(1, size == 0 ? 1 : size);

	assert_non_null(memory);
	keep_piece(t, memory, 0);
	return memory;
}

void *test_vast_memory(struct test *t, size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_ptr_not_equal(memory, MAP_FAILED);
	keep_piece(t, memory, size);
	return memory;
}

static void free_pieces(struct test *t)
{
	struct piece *piece;

	while ((piece = t->own->pieces) != NULL) {
		t->own->pieces = piece->next;
		if (piece->mapped != 0)
			munmap(piece->memory, piece->mapped);
		else
			free(piece->memory);
		free(piece);
	}
}

static uint8_t pattern_at(uint64_t position)
{
	return (uint8_t)((position * 0x9e3779b97f4a7c15u) >> 53);
}

void test_fill(void *data, size_t length, uint64_t position)
{
	uint8_t *bytes = data;

	for (size_t i = 0; i < length; i++)
		bytes[i] = pattern_at(position + i);
}

size_t test_matches(const void *data, size_t length, uint64_t position)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < length; i++) {
		if (bytes[i] != pattern_at(position + i))
			return i;
	}
	return length;
}

/* ---- the watchdog ---------------------------------------------------------------------------- */

/* The line is made before the hang, so that the handler only writes. */
static char hang_line[512];

static void hung(int number)
{
	size_t length = strnlen(hang_line, sizeof(hang_line));

	(void)number;
	if (write(STDERR_FILENO, hang_line, length) < 0 ||
	    write(STDOUT_FILENO, hang_line, length) < 0)
		_exit(4);
	_exit(3);
}

static void watch(const char *name)
{
	struct sigaction action = { .sa_handler = hung };

	snprintf(hang_line, sizeof(hang_line), "\nHANG in %s\n%u passed, %u failed, %u skipped\n",
		 name, counts.passed, counts.failed + 1, counts.skipped);
	sigaction(SIGALRM, &action, NULL);
	alarm(test_watchdog_seconds);
}

/* ---- one case -------------------------------------------------------------------------------- */

void test_skip(struct test *t, const char *reason)
{
	print_message("  skipped: %s\n", reason);
	t->own->skipped = true;
	skip();
}

static int set_up(void **state)
{
	struct test *t = *state;
	struct test_private *own = calloc(1, sizeof(*own));

	if (own == NULL)
		return -1;
	own->definition = (const void *)t->own;
	own->kept_end = &own->kept;
	t->own = own;
	t->driver = 0;
	counts.running = t->name;
	watch(t->name);
	own->fds_before = walk_fds(remember_fd, t);
	own->live_before = test_live_allocations();
	own->threads_before = threads();
	return 0;
}

static const char *suite_now;

/* The cases of those suites make what they need themselves. */
bool test_is_host(const struct test *t)
{
	static const char suites[] = "objects that a host implements";

	return t->kind == ABIO_KIND_HOST || strncmp(suite_now, suites, sizeof(suites) - 1) == 0;
}

static void run_body(void **state)
{
	struct test *t = *state;

	calls_begin(t);
	events_poison_hooks();
	if (hosts_cannot(t) != NULL)
		test_skip(t, hosts_cannot(t));
	if (t->own->definition->how != TEST_ONCE)
		t->driver = test_driver(t, 0);
	t->own->definition->body(t);
	assert_int_equal(t->own->surprises, 0);
	t->own->passed = true;
}

/*
 * Workers end by themselves, after they have let go of all that is counted.  One that is ending can
 * hold locks of the sanitizer's, and the next case may fork: its child would wait for them for
 * ever.
 */
static void wait_until_alone(const struct test_private *own)
{
	int64_t end = sys_linux.clock() + TEST_PATIENCE_NS;
	struct timespec slice = { .tv_nsec = 100000 };

	while (threads() > own->threads_before && sys_linux.clock() < end)
		nanosleep(&slice, NULL);
}

static int counted_the_same(struct test *t)
{
	struct test_private *own = t->own;
	int fds;
	int failures = 0;

	if (!test_wait_for_allocations(own->live_before) ||
	    test_live_allocations() != own->live_before) {
		print_error("%s: %lld live allocations before, %lld after\n", t->name,
			    (long long)own->live_before, (long long)test_live_allocations());
		failures++;
	}
	wait_until_alone(own);
	fds = test_open_fds();
	if (fds != own->fds_before) {
		print_error("%s: %d descriptors before, %d after\n", t->name, own->fds_before, fds);
		walk_fds(name_new_fd, t);
		failures++;
	}
	return failures;
}

static void forget_case(struct test *t)
{
	struct test_private *own = t->own;

	free_pieces(t);
	free(own->owed);
	free(own->ios);
	free(own->own_fds);
	free(own);
	t->own = NULL;
}

static int tear_down(void **state)
{
	struct test *t = *state;
	struct test_private *own = t->own;
	const char *complaint;
	int failures = 0;

	streams_release(t);
	complaint = events_end(t);
	streams_close(t);
	if (complaint != NULL) {
		print_error("%s: %s\n", t->name, complaint);
		failures++;
	} else if (own->passed || own->skipped) {
		failures += counted_the_same(t);
	}
	alarm(0);
	if (failures > 0 || !(own->passed || own->skipped))
		counts.failed++;
	else if (own->skipped)
		counts.skipped++;
	else
		counts.passed++;
	forget_case(t);
	return failures > 0 ? -1 : 0;
}

/* ---- all cases ------------------------------------------------------------------------------- */

struct registry {
	struct test *tests;
	size_t count;
	size_t room;
};

/* What a case over streams runs on. */
static const struct kind {
	const char *name;
	uint32_t kind;
	uint32_t style;
	uint32_t how; /* of the cases that do */
} kinds[] = {
	{ " tcp", ABIO_KIND_TCP, 0, TEST_STREAMS | TEST_SOCKETS | TEST_NATIVE },
	{ " unix", ABIO_KIND_UNIX, 0, TEST_STREAMS | TEST_SOCKETS | TEST_NATIVE },
	{ " pipe", ABIO_KIND_PIPE, 0, TEST_STREAMS | TEST_NATIVE },
	{ " host, tries", ABIO_KIND_HOST, HOST_TRIES, TEST_STREAMS },
	{ " host, starts", ABIO_KIND_HOST, HOST_STARTS, TEST_STREAMS },
	{ " host, rot13 twice", ABIO_KIND_HOST, HOST_TURNS, TEST_STREAMS },
};

static void add(struct registry *registry, const struct test_case *definition,
		const struct test_variant *variant, const struct kind *kind)
{
	const char *wanted = getenv("ABIO_TEST");
	char name[200];
	struct test *t;

	snprintf(name, sizeof(name), "%s%s%s%s%s", definition->name, variant != NULL ? " [" : "",
		 variant != NULL ? variant->name : "", kind != NULL ? kind->name : "",
		 variant != NULL ? "]" : "");
	if (wanted != NULL && strstr(name, wanted) == NULL)
		return;
	registry->tests = grown(registry->tests, registry->count, &registry->room,
				sizeof(*registry->tests));
	t = &registry->tests[registry->count++];
	memset(t, 0, sizeof(*t));
	t->name = strdup(name);
	t->variant = variant;
	t->kind = kind != NULL ? kind->kind : 0;
	t->style = kind != NULL ? kind->style : 0;
	/* Until the case runs, its definition stands where its state will. */
	t->own = (struct test_private *)(uintptr_t)definition;
}

static void add_case(struct registry *registry, const struct test_case *definition)
{
	if (definition->how == TEST_ONCE) {
		add(registry, definition, NULL, NULL);
		return;
	}
	for (size_t i = 0; i < sizeof(test_variants) / sizeof(test_variants[0]); i++) {
		if (definition->how == TEST_VARIANTS) {
			add(registry, definition, &test_variants[i], NULL);
			continue;
		}
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
			if ((kinds[k].how & definition->how) != 0)
				add(registry, definition, &test_variants[i], &kinds[k]);
		}
	}
}

/* Cases with thousands of streams want more descriptors than a shell usually gives. */
static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int test_run(const char *suite, const struct test_case *cases, size_t count)
{
	struct registry registry = { NULL, 0, 0 };
	struct CMUnitTest *list;
	int failed;

	setvbuf(stdout, NULL, _IOLBF, 0);
	memset(&counts, 0, sizeof(counts));
	suite_now = suite;
	count_allocations();
	allow_descriptors();
	for (size_t i = 0; i < count; i++)
		add_case(&registry, &cases[i]);
	list = calloc(registry.count + 1, sizeof(*list));
	assert_non_null(list);
	for (size_t i = 0; i < registry.count; i++)
		list[i] = (struct CMUnitTest){ registry.tests[i].name, run_body, set_up, tear_down,
					       &registry.tests[i] };
	failed = _cmocka_run_group_tests(suite, list, registry.count, NULL, NULL);
	for (size_t i = 0; i < registry.count; i++)
		free((char *)(uintptr_t)registry.tests[i].name);
	free(registry.tests);
	free(list);
	calls_begin(NULL);
	calls_write(suite);
	if (failed != (int)counts.failed)
		printf("cmocka counted %d failures\n", failed);
	if (failed > (int)counts.failed)
		counts.failed = (unsigned int)failed;
	printf("%u passed, %u failed, %u skipped\n", counts.passed, counts.failed, counts.skipped);
	fflush(stdout);
	return (int)counts.failed;
}
