/*
 * The table of handles: what a number is made of, who is refused, reuse in order, generations that
 * are used up, references, threads, and the child of a fork.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "handle.h"
#include "harness.h"

#define GENERATION_LAST ((1u << 25) - 1)
#define MANY            3000u

static int object;

static void a_handle_is_kind_generation_and_index(struct test *t)
{
	struct slot *slot = handle_create(HANDLE_IO, &object, NULL);
	uint64_t id = handle_id(slot);

	(void)t;
	assert_true(id < UINT64_C(1) << 53);
	assert_int_equal(id >> 49, HANDLE_IO);
	assert_int_equal(id >> 24 & GENERATION_LAST, slot->generation);
	assert_int_equal(id & 0xffffff, slot->index);
	assert_int_equal(handle_kind(id), HANDLE_IO);
	assert_ptr_equal(handle_find(id, HANDLE_IO), slot);
	assert_ptr_equal(slot->object, &object);
	assert_ptr_equal(slot->home, slot);
	handle_destroy(slot);
}

static void others_are_refused(struct test *t)
{
	struct slot *slot = handle_create(HANDLE_DRIVER, &object, NULL);
	uint64_t id = handle_id(slot);

	(void)t;
	assert_null(handle_find(id, HANDLE_IO));
	assert_null(handle_find(id, HANDLE_BUFFER));
	assert_null(handle_find(0, HANDLE_DRIVER));
	assert_null(handle_find(id | UINT64_C(1) << 53, HANDLE_DRIVER));
	assert_null(handle_find(id | UINT64_C(1) << 63, HANDLE_DRIVER));
	assert_null(handle_find(id + (1u << 24), HANDLE_DRIVER));
	assert_null(handle_find(id - (1u << 24), HANDLE_DRIVER));
	assert_null(handle_find(id | 0xffffff, HANDLE_DRIVER));
	handle_destroy(slot);
	assert_null(handle_find(id, HANDLE_DRIVER));
	assert_int_equal(handle_retain(id), ABIO_E_HANDLE);
	assert_int_equal(handle_release(id), ABIO_E_HANDLE);
}

static void references_are_counted(struct test *t)
{
	struct slot *slot = handle_create(HANDLE_IO, &object, NULL);
	uint64_t id = handle_id(slot);

	(void)t;
	assert_int_equal(handle_retain(id), 0);
	assert_int_equal(handle_retain(id), 0);
	assert_int_equal(handle_release(id), 2);
	assert_int_equal(handle_release(id), 1);
	assert_ptr_equal(handle_find(id, HANDLE_IO), slot);
	assert_int_equal(handle_release(id), 0);
	/* The last reference is gone: the slot is not free yet, and nobody finds it. */
	assert_null(handle_find(id, HANDLE_IO));
	assert_int_equal(handle_retain(id), ABIO_E_HANDLE);
	assert_int_equal(handle_release(id), ABIO_E_HANDLE);
	handle_destroy(slot);
}

static void references_have_a_limit(struct test *t)
{
	struct slot *slot = handle_create(HANDLE_IO, &object, NULL);
	uint64_t id = handle_id(slot);

	(void)t;
	slot->state = (slot->state >> 32 << 32) | 0x7ffffffe;
	assert_int_equal(handle_retain(id), 0);
	assert_int_equal(handle_retain(id), ABIO_E_LIMIT);
	assert_int_equal(handle_retain(id), ABIO_E_LIMIT);
	assert_int_equal(handle_release(id), 0x7ffffffe);
	assert_int_equal(handle_retain(id), 0);
	handle_destroy(slot);
}

/* Takes slots until the free list is empty and fresh ones come. */
static uint32_t take_all_free(struct slot **slots)
{
	uint32_t count = 0;

	do
		slots[count] = handle_create(HANDLE_IO, &object, NULL);
	while (slots[count++]->generation > 1 && count < MANY);
	assert_true(count < MANY);
	return count;
}

static void slots_come_back_first_in_first_out(struct test *t)
{
	struct slot **held = test_memory(t, MANY * sizeof(struct slot *));
	struct slot *slots[100];
	uint64_t stale[100];
	uint32_t count = take_all_free(held);

	for (uint32_t i = 0; i < 100; i++) {
		slots[i] = handle_create(HANDLE_IO, &object, NULL);
		stale[i] = handle_id(slots[i]);
	}
	for (uint32_t i = 0; i < 100; i++)
		handle_destroy(slots[i * 37 % 100]);
	for (uint32_t i = 0; i < 100; i++) {
		struct slot *slot = handle_create(HANDLE_BUFFER, &object, NULL);

		assert_ptr_equal(slot, slots[i * 37 % 100]);
		assert_int_equal(slot->generation, 2);
	}
	for (uint32_t i = 0; i < 100; i++) {
		assert_null(handle_find(stale[i], HANDLE_IO));
		assert_null(handle_find(stale[i], HANDLE_BUFFER));
		handle_destroy(slots[i]);
	}
	while (count > 0)
		handle_destroy(held[--count]);
}

static void a_slot_without_generations_is_retired(struct test *t)
{
	struct slot **held = test_memory(t, MANY * sizeof(struct slot *));
	struct slot *slot = handle_create(HANDLE_IO, &object, NULL);
	uint32_t count;

	slot->generation = GENERATION_LAST - 1;
	handle_destroy(slot);
	/* It comes once more, for its last generation, and never again. */
	count = take_all_free(held);
	assert_int_equal(slot->generation, GENERATION_LAST);
	assert_ptr_equal(handle_find(handle_id(slot), HANDLE_IO), slot);
	assert_true(handle_id(slot) < UINT64_C(1) << 53);
	while (count > 0)
		handle_destroy(held[--count]);
	count = take_all_free(held);
	for (uint32_t i = 0; i < count; i++)
		assert_ptr_not_equal(held[i], slot);
	while (count > 0)
		handle_destroy(held[--count]);
}

static void ten_thousand_live_handles_are_told_apart(struct test *t)
{
	struct slot **slots = test_memory(t, 10000 * sizeof(struct slot *));

	for (uint32_t i = 0; i < 10000; i++)
		slots[i] = handle_create(HANDLE_IO, &slots[i], NULL);
	for (uint32_t i = 0; i < 10000; i++) {
		struct slot *found = handle_find(handle_id(slots[i]), HANDLE_IO);

		assert_ptr_equal(found, slots[i]);
		assert_ptr_equal(found->object, &slots[i]);
	}
	for (uint32_t i = 0; i < 10000; i++)
		handle_destroy(slots[i]);
}

struct worker {
	pthread_t thread;
	uint64_t sum;
	uint32_t wrong;
};

static void *churn(void *argument)
{
	struct worker *worker = argument;

	for (uint32_t i = 0; i < 20000; i++) {
		struct slot *slot = handle_create(HANDLE_IO, worker, NULL);
		uint64_t id = handle_id(slot);

		worker->wrong += handle_find(id, HANDLE_IO) != slot || slot->object != worker;
		worker->wrong += handle_retain(id) != 0;
		worker->wrong += handle_release(id) != 1;
		worker->sum += slot->index;
		handle_destroy(slot);
		worker->wrong += handle_find(id, HANDLE_IO) != NULL;
	}
	return NULL;
}

static void threads_never_share_a_slot(struct test *t)
{
	struct worker workers[4] = { { .sum = 0 } };

	(void)t;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&workers[i].thread, NULL, churn, &workers[i]), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		assert_int_equal(workers[i].wrong, 0);
	}
}

/* The parent holds the lock at the fork: the child must get it all the same, and new indices. */
static int live_in_child(uint64_t parents, const struct slot *free_in_parent)
{
	struct slot *slot = handle_create(HANDLE_IO, &object, NULL);

	if (slot == NULL || slot == free_in_parent || handle_find(parents, HANDLE_IO) == NULL)
		return 1;
	if (slot->epoch == handle_find(parents, HANDLE_IO)->epoch)
		return 2;
	if ((handle_id(slot) & 0xffffff) <= (parents & 0xffffff))
		return 3;
	handle_destroy(slot);
	return handle_find(parents, HANDLE_IO) == NULL ? 4 : 0;
}

static void the_child_of_a_fork_takes_nothing_of_the_parents(struct test *t)
{
	struct slot *slot = handle_create(HANDLE_IO, &object, NULL);
	struct slot *freed = handle_create(HANDLE_IO, &object, NULL);
	abio_driver driver = 0;
	int status = -1;
	pid_t child;

	(void)t;
	assert_int_equal(abio_driver_create(NULL, &driver), 0);
	assert_int_equal(abio_driver_close(driver), 0);
	handle_destroy(freed);
	handle_lock();
	child = fork();
	if (child == 0)
		_exit(live_in_child(handle_id(slot), freed));
	handle_unlock();
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	handle_destroy(slot);
}

static const struct test_case cases[] = {
	ONCE(a_handle_is_kind_generation_and_index),
	ONCE(others_are_refused),
	ONCE(references_are_counted),
	ONCE(references_have_a_limit),
	ONCE(slots_come_back_first_in_first_out),
	ONCE(a_slot_without_generations_is_retired),
	ONCE(ten_thousand_live_handles_are_told_apart),
	ONCE(threads_never_share_a_slot),
	ONCE(the_child_of_a_fork_takes_nothing_of_the_parents),
};

TEST_MAIN("handles", cases)
