/*
 * Drivers, operations and events of a case: see harness.h.
 *
 * Invariants: a token is owed as many terminal events as operations were accepted with it; an event
 * that nobody is owed is remembered and fails the case; memory is poisoned from the moment it is
 * lent until its terminal event has been taken.
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "private.h"
#include "sys.h"

#if TEST_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)   ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

/* ---- poison ---------------------------------------------------------------------------------- */

/*
 * The library owns lent memory, and where it reads into it by a system call of its own, libc's
 * wrappers are told so by going around them: what is caught is the library's own code.
 */
#if TEST_ASAN
static int64_t answer(long value)
{
	return value < 0 ? -(int64_t)errno : value;
}

static int64_t raw_receive(int fd, struct msghdr *message)
{
	return answer(syscall(SYS_recvmsg, fd, message, MSG_DONTWAIT));
}

static int64_t raw_readv(int fd, const struct iovec *iovecs, int count)
{
	return answer(syscall(SYS_readv, fd, iovecs, count));
}

static int64_t raw_preadv(int fd, const struct iovec *iovecs, int count, int64_t offset)
{
	return answer(syscall(SYS_preadv, fd, iovecs, count, offset, 0L));
}

static int64_t raw_preadv_nowait(int fd, const struct iovec *iovecs, int count, int64_t offset)
{
	return answer(syscall(SYS_preadv2, fd, iovecs, count, offset, 0L, RWF_NOWAIT));
}
#endif

void events_poison_hooks(void)
{
#if TEST_ASAN
	sys.receive = raw_receive;
	sys.receive_message = raw_receive;
	sys.readv = raw_readv;
	sys.preadv = raw_preadv;
	sys.preadv_nowait = raw_preadv_nowait;
#endif
}

void test_lend(struct test *t, void *data, size_t length)
{
	struct loan *loan = calloc(1, sizeof(*loan));

	assert_non_null(loan);
	loan->data = data;
	loan->length = length;
	loan->next = t->own->loans;
	t->own->loans = loan;
	if (length > 0)
		ASAN_POISON_MEMORY_REGION(data, length);
}

void test_lend_iovecs(struct test *t, const struct abio_iovec *iovecs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		test_lend(t, iovecs[i].base, iovecs[i].length);
}

static void bind_loans(struct test *t, uint64_t token)
{
	for (struct loan *loan = t->own->loans; loan != NULL; loan = loan->next) {
		if (loan->bound)
			continue;
		loan->bound = true;
		loan->token = token;
	}
}

static void end_loan(struct loan **link)
{
	struct loan *loan = *link;

	if (loan->length > 0)
		ASAN_UNPOISON_MEMORY_REGION(loan->data, loan->length);
	*link = loan->next;
	free(loan);
}

/* Those of a token, or (`unbound`) those no start has taken. */
static void end_loans(struct test *t, bool unbound, uint64_t token)
{
	struct loan **link = &t->own->loans;

	while (*link != NULL) {
		if (unbound ? !(*link)->bound : (*link)->bound && (*link)->token == token)
			end_loan(link);
		else
			link = &(*link)->next;
	}
}

/* ---- what is owed ---------------------------------------------------------------------------- */

uint64_t test_token(struct test *t)
{
	return ++t->own->last_token;
}

void test_owed(struct test *t, uint64_t token)
{
	struct test_private *own = t->own;

	for (size_t i = 0; i < own->owed_count; i++) {
		if (own->owed[i].token == token) {
			own->owed[i].count++;
			return;
		}
	}
	own->owed = grown(own->owed, own->owed_count, &own->owed_room, sizeof(*own->owed));
	own->owed[own->owed_count++] = (struct owed){ token, 1 };
}

uint64_t test_started(struct test *t, int32_t result)
{
	uint64_t token = t->own->last_token;

	if (result != 0) {
		end_loans(t, true, 0);
		print_error("refused: %s\n", abio_error_name(result));
	}
	assert_int_equal(result, 0);
	bind_loans(t, token);
	test_owed(t, token);
	return token;
}

int32_t test_started_inline(struct test *t, uint64_t *token, int32_t result)
{
	*token = t->own->last_token;
	if (result == ABIO_PENDING) {
		bind_loans(t, *token);
		test_owed(t, *token);
	} else {
		end_loans(t, true, 0);
	}
	return result;
}

static bool settle_debt(struct test *t, uint64_t token)
{
	struct test_private *own = t->own;

	for (size_t i = 0; i < own->owed_count; i++) {
		if (own->owed[i].token != token)
			continue;
		if (--own->owed[i].count == 0)
			own->owed[i] = own->owed[--own->owed_count];
		return true;
	}
	return false;
}

void test_saw(struct test *t, const struct abio_event *event)
{
	if ((event->flags & ABIO_EVENT_HANDLE) != 0)
		test_own(t, event->handle);
	if ((event->flags & (ABIO_EVENT_MORE | ABIO_EVENT_WAKE)) != 0)
		return;
	end_loans(t, false, event->token);
	if (settle_debt(t, event->token))
		return;
	t->own->surprises++;
	print_error("%s: a terminal event nobody is owed: token %llu, result %lld\n", t->name,
		    (unsigned long long)event->token, (long long)event->result);
}

/* ---- drivers --------------------------------------------------------------------------------- */

abio_driver test_driver_with(struct test *t, const struct abio_driver_options *options)
{
	struct test_private *own = t->own;
	abio_driver driver = 0;
	int32_t error = abio_driver_create(options, &driver);

	if (error == ABIO_E_UNSUPPORTED && options->backend == ABIO_BACKEND_URING)
		test_skip(t, "io_uring does not work here");
	assert_int_equal(error, 0);
	assert_true(own->driver_count < DRIVERS_MAX);
	own->drivers[own->driver_count++] = driver;
	return driver;
}

abio_driver test_driver(struct test *t, uint32_t more_flags)
{
	struct abio_driver_options options = { .size = sizeof(options),
					       .flags = t->variant->flags | more_flags,
					       .backend = t->variant->backend };

	return test_driver_with(t, &options);
}

bool test_is_uring(const struct test *t)
{
	return t->variant->backend == ABIO_BACKEND_URING;
}

bool test_differs(const struct test *t, enum test_difference row)
{
	switch (row) {
	case DIFFERS_SHUTDOWN_COUNT:
	case DIFFERS_RESULT_AHEAD:
	case DIFFERS_WHO_READS:
		return test_is_uring(t);
	}
	return false;
}

void test_driver_gone(struct test *t, abio_driver driver)
{
	struct test_private *own = t->own;

	for (uint32_t i = 0; i < own->driver_count; i++) {
		if (own->drivers[i] == driver)
			own->drivers[i] = own->drivers[--own->driver_count];
	}
	if (t->driver == driver)
		t->driver = 0;
}

static const char *end_driver(struct test *t, abio_driver driver)
{
	struct abio_event events[16];
	int32_t in_flight = abio_driver_shutdown(driver);
	int32_t error = in_flight;

	if (in_flight < 0)
		goto out;
	while ((error = abio_driver_close(driver)) == ABIO_E_BUSY) {
		int32_t count = abio_driver_wait(driver, events, sizeof(events[0]), 16,
						 TEST_PATIENCE_NS);

		/* The last thing to end has no event; anything else is owed one in time. */
		if (count == 0)
			error = abio_driver_close(driver);
		if (count <= 0)
			break;
		for (int32_t i = 0; i < count; i++) {
			if (!hosts_take(t, &events[i]))
				test_saw(t, &events[i]);
		}
	}
	if (error == 0)
		return NULL;
out:
	print_error("driver does not end: %s\n", abio_error_name(error));
	abio_driver_abandon(driver);
	return "the driver could not be shut down and closed";
}

void test_driver_end(struct test *t, abio_driver driver)
{
	const char *complaint = end_driver(t, driver);

	test_driver_gone(t, driver);
	if (complaint != NULL)
		fail_msg("%s", complaint);
}

const char *events_end(struct test *t)
{
	struct test_private *own = t->own;
	const char *complaint = NULL;
	struct kept *kept;

	while (own->driver_count > 0) {
		const char *one = end_driver(t, own->drivers[--own->driver_count]);

		complaint = one != NULL ? one : complaint;
	}
	while ((kept = own->kept) != NULL) {
		own->kept = kept->next;
		free(kept);
	}
	own->kept_end = &own->kept;
	while (own->loans != NULL)
		end_loan(&own->loans);
	if (complaint == NULL)
		complaint = hosts_end(t);
	else
		hosts_end(t);
	if (complaint == NULL && own->surprises > 0)
		complaint = "terminal events that nobody was owed";
	if (complaint == NULL && own->passed && own->owed_count > 0)
		complaint = "an accepted operation had no terminal event";
	return complaint;
}

/* ---- events ---------------------------------------------------------------------------------- */

void test_resolving(struct test *t, uint64_t token)
{
	t->own->resolving = token;
}

/* Those that end with the next poll. */
static void copy_view(struct test *t, struct abio_event *event)
{
	size_t length = (size_t)event->result;
	void *copy;

	if ((event->flags & ABIO_EVENT_VIEW) == 0)
		return;
	assert_true(event->result > 0 && event->data != 0);
	if ((event->flags & ABIO_EVENT_MORE) == 0 && event->token != t->own->resolving)
		return;
	if ((event->flags & ABIO_EVENT_MORE) == 0)
		length *= sizeof(struct abio_address);
	copy = test_memory(t, length);
	memcpy(copy, (const void *)(uintptr_t)event->data, length);
	event->data = (uint64_t)(uintptr_t)copy;
}

static void keep(struct test *t, abio_driver driver, const struct abio_event *event)
{
	struct kept *kept = calloc(1, sizeof(*kept));

	assert_non_null(kept);
	kept->event = *event;
	kept->driver = driver;
	*t->own->kept_end = kept;
	t->own->kept_end = &kept->next;
}

static struct abio_event unkeep(struct test *t, struct kept **link)
{
	struct kept *kept = *link;
	struct abio_event event = kept->event;

	*link = kept->next;
	if (t->own->kept_end == &kept->next)
		t->own->kept_end = link;
	free(kept);
	return event;
}

static struct abio_event wait_for_event(struct test *t, abio_driver driver)
{
	struct abio_event event;
	int32_t count;

	do {
		count = abio_driver_wait(driver, &event, sizeof(event), 1, TEST_PATIENCE_NS);
		if (count == 0)
			fail_msg("no event came");
		assert_int_equal(count, 1);
	} while (hosts_take(t, &event));
	copy_view(t, &event);
	test_saw(t, &event);
	return event;
}

struct abio_event test_event_on(struct test *t, abio_driver driver)
{
	for (struct kept **link = &t->own->kept; *link != NULL; link = &(*link)->next) {
		if ((*link)->driver == driver)
			return unkeep(t, link);
	}
	return wait_for_event(t, driver);
}

struct abio_event test_event(struct test *t)
{
	return test_event_on(t, t->driver);
}

static bool ends(const struct abio_event *event, uint64_t token, bool ahead)
{
	if (event->token != token || (event->flags & ABIO_EVENT_WAKE) != 0)
		return false;
	if ((event->flags & ABIO_EVENT_MORE) != 0)
		return ahead && (event->flags & ABIO_EVENT_VIEW) == 0;
	return true;
}

static struct abio_event await(struct test *t, abio_driver driver, uint64_t token, bool ahead)
{
	struct kept **link = &t->own->kept;
	struct abio_event event;

	while (*link != NULL) {
		if ((*link)->driver == driver && ends(&(*link)->event, token, ahead))
			return unkeep(t, link);
		link = &(*link)->next;
	}
	for (;;) {
		event = wait_for_event(t, driver);
		if (ends(&event, token, ahead))
			return event;
		keep(t, driver, &event);
	}
}

struct abio_event test_finish_on(struct test *t, abio_driver driver, uint64_t token)
{
	return await(t, driver, token, false);
}

struct abio_event test_ahead(struct test *t, uint64_t token)
{
	return await(t, t->driver, token, true);
}

struct abio_event test_finish(struct test *t, uint64_t token)
{
	return test_finish_on(t, t->driver, token);
}

int64_t test_result(struct test *t, uint64_t token)
{
	return test_finish(t, token).result;
}

uint32_t test_gather(struct test *t)
{
	struct abio_event event;
	uint32_t count = 0;
	int32_t got;

	while ((got = abio_driver_poll(t->driver, &event, sizeof(event), 1)) == 1) {
		if (hosts_take(t, &event))
			continue;
		copy_view(t, &event);
		test_saw(t, &event);
		keep(t, t->driver, &event);
		count++;
	}
	assert_int_equal(got, 0);
	return count;
}

void test_quiet(struct test *t)
{
	if (test_gather(t) == 0)
		return;
	fail_msg("an event came: token %llu, result %lld",
		 (unsigned long long)t->own->kept->event.token,
		 (long long)t->own->kept->event.result);
}

bool test_has_come(struct test *t, uint64_t token)
{
	test_gather(t);
	for (struct kept *kept = t->own->kept; kept != NULL; kept = kept->next) {
		if (kept->event.token == token)
			return true;
	}
	return false;
}

/* ---- starts that lend ------------------------------------------------------------------------ */

uint64_t test_read(struct test *t, abio_io io, void *data, uint32_t length)
{
	test_lend(t, data, length);
	return START(t, abio_read, io, data, length, 0);
}

uint64_t test_read_exact(struct test *t, abio_io io, void *data, uint32_t length)
{
	test_lend(t, data, length);
	return START(t, abio_read_exact, io, data, length, 0);
}

uint64_t test_readv(struct test *t, abio_io io, const struct abio_iovec *iovecs, uint32_t count)
{
	test_lend_iovecs(t, iovecs, count);
	return START(t, abio_readv, io, iovecs, count, 0);
}

uint64_t test_read_at(struct test *t, abio_io io, void *data, uint32_t length, uint64_t offset)
{
	test_lend(t, data, length);
	return START(t, abio_read_at, io, data, length, offset, 0);
}
