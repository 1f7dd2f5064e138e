/*
 * Small parts by themselves: the heap of timers against a sorted model, the clamping of iovecs, the
 * copying of structs of hosts older and newer than the library, lists.
 */
#include <stdlib.h>

#include "dispatch.h"
#include "harness.h"
#include "list.h"
#include "timers.h"
#include "traits.h"

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

/* ---- timers ---------------------------------------------------------------------------------- */

#define TIMERS 300u

/* What the heap should hold: a deadline for each request that is in. */
struct model {
	struct request requests[TIMERS];
	uint64_t scratch[TIMERS][REQUEST_SCRATCH];
	int64_t deadlines[TIMERS];
	bool in[TIMERS];
	uint32_t count;
};

static struct model *new_model(struct test *t)
{
	struct model *model = test_memory(t, sizeof(*model));

	for (uint32_t i = 0; i < TIMERS; i++)
		model->requests[i].scratch = model->scratch[i];
	return model;
}

static int64_t earliest(const struct model *model)
{
	int64_t least = INT64_MAX;

	for (uint32_t i = 0; i < TIMERS; i++) {
		if (model->in[i] && model->deadlines[i] < least)
			least = model->deadlines[i];
	}
	return least;
}

static void expire_up_to(struct timers *timers, struct model *model, int64_t now)
{
	struct request *request;

	while ((request = timers_expire(timers, now)) != NULL) {
		size_t i = (size_t)(request - model->requests);

		assert_in_range(i, 0, TIMERS - 1);
		assert_true(model->in[i]);
		assert_true(model->deadlines[i] <= now);
		assert_int_equal(model->deadlines[i], earliest(model));
		model->in[i] = false;
		model->count--;
	}
	assert_true(earliest(model) > now);
}

static void random_timers_agree_with_a_sorted_model(struct test *t)
{
	struct model *model = new_model(t);
	struct timers timers = { NULL };
	uint64_t state = 11;
	int64_t now = 0;

	for (uint32_t step = 0; step < 60000; step++) {
		uint32_t i = (uint32_t)(next_random(&state) % TIMERS);

		switch (next_random(&state) % 8) {
		case 0:
			now += (int64_t)(next_random(&state) % 40);
			expire_up_to(&timers, model, now);
			break;
		case 1:
		case 2:
		case 3:
			if (!model->in[i])
				break;
			timers_remove(&timers, &model->requests[i]);
			model->in[i] = false;
			model->count--;
			break;
		default:
			if (model->in[i])
				break;
			/* Few different times: many are equal. */
			model->deadlines[i] = now + (int64_t)(next_random(&state) % 100);
			timers_insert(&timers, &model->requests[i], model->deadlines[i]);
			model->in[i] = true;
			model->count++;
		}
		if (step % 16 == 0)
			assert_int_equal(timers_next(&timers), earliest(model));
	}
	expire_up_to(&timers, model, INT64_MAX - 1);
	assert_int_equal(model->count, 0);
	assert_int_equal(timers_next(&timers), INT64_MAX);
	assert_null(timers_expire(&timers, INT64_MAX));
}

static void sorted_and_reversed_timers_come_in_order(struct test *t)
{
	struct model *model = new_model(t);
	struct timers timers = { NULL };

	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < TIMERS; i++) {
			model->deadlines[i] = round == 0 ? i : TIMERS - i;
			timers_insert(&timers, &model->requests[i], model->deadlines[i]);
			model->in[i] = true;
			model->count++;
		}
		expire_up_to(&timers, model, TIMERS + 1);
		assert_int_equal(model->count, 0);
	}
}

/* ---- iovecs ---------------------------------------------------------------------------------- */

struct clamping {
	const char *name;
	uint32_t count;
	uint64_t lengths[5];
	uint32_t limit;
	uint32_t whole;
	uint64_t first; /* length of the cut first piece, when `whole` is 0 */
	uint64_t total;
};

static const struct clamping clampings[] = {
	{ "nothing", 0, { 0 }, 100, 0, 0, 0 },
	{ "one", 1, { 10 }, 100, 1, 0, 10 },
	{ "one, exactly", 1, { 100 }, 100, 1, 0, 100 },
	{ "one, too long", 1, { 101 }, 100, 0, 100, 100 },
	{ "one, vast", 1, { UINT64_MAX }, 100, 0, 100, 100 },
	{ "several", 3, { 10, 20, 30 }, 100, 3, 0, 60 },
	{ "the last does not fit", 3, { 10, 20, 80 }, 100, 2, 0, 30 },
	{ "the last is vast", 3, { 10, 20, UINT64_MAX }, 100, 2, 0, 30 },
	{ "exactly full", 3, { 10, 20, 70 }, 100, 3, 0, 100 },
	{ "full, then empty ones", 5, { 100, 0, 0, 0, 0 }, 100, 5, 0, 100 },
	{ "full, then one more", 3, { 100, 0, 1 }, 100, 2, 0, 100 },
	{ "empty in the middle", 4, { 10, 0, 0, 10 }, 100, 4, 0, 20 },
	{ "empty, then too long", 3, { 0, 0, 200 }, 100, 0, 100, 100 },
	{ "empty, then fits", 3, { 0, 0, 50 }, 100, 3, 0, 50 },
	{ "all empty", 4, { 0, 0, 0, 0 }, 100, 4, 0, 0 },
};

static void iovecs_are_clamped_as_the_table_says(struct test *t)
{
	char memory[8];

	(void)t;
	for (size_t i = 0; i < sizeof(clampings) / sizeof(clampings[0]); i++) {
		const struct clamping *row = &clampings[i];
		struct abio_iovec iovecs[5];
		struct abio_iovec first = { memory, 99 };
		uint32_t whole = 99;
		uint64_t total = 99;

		for (uint32_t k = 0; k < row->count; k++)
			iovecs[k] = (struct abio_iovec){ memory + k, row->lengths[k] };
		vector_clamp(iovecs, row->count, row->limit, &whole, &first, &total);
		if (whole != row->whole || total != row->total || first.length != row->first)
			fail_msg("%s: whole %u, first %llu, total %llu", row->name, whole,
				 (unsigned long long)first.length, (unsigned long long)total);
		for (uint32_t k = 0; k < row->count && row->first > 0; k++) {
			if (row->lengths[k] == 0)
				continue;
			assert_ptr_equal(first.base, memory + k);
			break;
		}
		for (uint32_t k = 0; k < row->count; k++)
			assert_int_equal(iovecs[k].length, row->lengths[k]);
	}
}

static void more_pieces_than_the_limit_are_left_out(struct test *t)
{
	struct abio_iovec *iovecs = test_memory(t, 1100 * sizeof(*iovecs));
	struct abio_iovec first;
	uint32_t whole;
	uint64_t total;

	for (uint32_t i = 0; i < 1100; i++)
		iovecs[i] = (struct abio_iovec){ iovecs, 1 };
	vector_clamp(iovecs, 1025, TRANSFER_MAX, &whole, &first, &total);
	assert_int_equal(whole, 1024);
	assert_int_equal(total, 1024);
	vector_clamp(iovecs, 1024, TRANSFER_MAX, &whole, &first, &total);
	assert_int_equal(whole, 1024);
	vector_clamp(iovecs, 1100, 1000, &whole, &first, &total);
	assert_int_equal(whole, 1000);
	assert_int_equal(total, 1000);
}

static void length_without_memory_is_found(struct test *t)
{
	char memory[4];
	struct abio_iovec iovecs[3] = { { NULL, 0 }, { memory, 4 }, { NULL, 0 } };

	(void)t;
	assert_int_equal(vector_check(iovecs, 3), 0);
	assert_int_equal(vector_check(NULL, 0), 0);
	iovecs[2].length = 1;
	assert_int_equal(vector_check(iovecs, 3), ABIO_E_ARGUMENT);
	assert_int_equal(vector_check(iovecs, 2), 0);
}

/* ---- structs of hosts ------------------------------------------------------------------------ */

struct grown {
	uint32_t size;
	uint32_t a;
	uint64_t b;
	uint64_t c;
};

static void what_an_older_host_leaves_out_is_zero(struct test *t)
{
	struct grown given = { .size = 16, .a = 1, .b = 2, .c = 3 };
	struct grown local;

	(void)t;
	memset(&local, 0xff, sizeof(local));
	assert_int_equal(dispatch_struct(&given, &local, sizeof(local), 8, 0), 0);
	assert_int_equal(local.size, sizeof(local));
	assert_int_equal(local.a, 1);
	assert_int_equal(local.b, 2);
	assert_int_equal(local.c, 0);
	given.size = 12; /* in the middle of a field: what is there counts */
	assert_int_equal(dispatch_struct(&given, &local, sizeof(local), 8, 0), 0);
	assert_int_equal(local.b, 2);
	given.size = 7;
	assert_int_equal(dispatch_struct(&given, &local, sizeof(local), 8, 0), ABIO_E_ARGUMENT);
	given.size = 0;
	assert_int_equal(dispatch_struct(&given, &local, sizeof(local), 8, 0), ABIO_E_ARGUMENT);
}

static void what_a_newer_host_adds_must_be_zero(struct test *t)
{
	struct {
		struct grown known;
		uint8_t tail[9];
	} given = { .known = { .a = 1, .c = 3 } };
	struct grown local;

	(void)t;
	given.known.size = sizeof(struct grown) + 9;
	assert_int_equal(dispatch_struct(&given, &local, sizeof(local), 8, 0), 0);
	assert_int_equal(local.c, 3);
	assert_int_equal(local.size, sizeof(local));
	given.tail[8] = 1;
	assert_int_equal(dispatch_struct(&given, &local, sizeof(local), 8, 0), ABIO_E_TOO_NEW);
	given.known.size--;
	assert_int_equal(dispatch_struct(&given, &local, sizeof(local), 8, 0), 0);
}

static void a_struct_may_be_left_out_where_that_is_allowed(struct test *t)
{
	struct grown local;
	static const struct grown defaults = { .size = sizeof(struct grown) };

	(void)t;
	memset(&local, 0xff, sizeof(local));
	assert_int_equal(dispatch_struct(NULL, &local, sizeof(local), 8, 1), 0);
	assert_memory_equal(&local, &defaults, sizeof(local));
	assert_int_equal(dispatch_struct(NULL, &local, sizeof(local), 8, 0), ABIO_E_ARGUMENT);
}

static void a_filled_struct_stays_within_its_size(struct test *t)
{
	static const struct grown full = { .size = sizeof(full), .a = 1, .b = 2, .c = 3 };
	struct {
		struct grown known;
		uint64_t more;
		uint64_t beyond;
	} given;

	(void)t;
	memset(&given, 0xff, sizeof(given));
	given.known.size = 16;
	dispatch_fill(&given, &full, sizeof(full));
	assert_int_equal(given.known.size, 16);
	assert_int_equal(given.known.b, 2);
	assert_int_equal(given.known.c, UINT64_MAX);
	given.known.size = sizeof(full) + 8;
	dispatch_fill(&given, &full, sizeof(full));
	assert_int_equal(given.known.size, sizeof(full) + 8);
	assert_int_equal(given.known.c, 3);
	assert_int_equal(given.more, 0);
	assert_int_equal(given.beyond, UINT64_MAX);
	assert_int_equal(dispatch_out(NULL, 8), ABIO_E_ARGUMENT);
	given.known.size = 7;
	assert_int_equal(dispatch_out(&given, 8), ABIO_E_ARGUMENT);
	given.known.size = 8;
	assert_int_equal(dispatch_out(&given, 8), 0);
}

/* ---- lists ----------------------------------------------------------------------------------- */

static void lists_keep_their_order(struct test *t)
{
	struct list nodes[5];
	struct list first;
	struct list second;

	(void)t;
	list_init(&first);
	list_init(&second);
	for (int i = 0; i < 5; i++) {
		list_init(&nodes[i]);
		assert_false(list_linked(&nodes[i]));
		list_append(i < 3 ? &first : &second, &nodes[i]);
		assert_true(list_linked(&nodes[i]));
	}
	list_remove(&nodes[1]);
	list_remove(&nodes[1]);
	list_splice(&first, &second);
	assert_true(list_empty(&second));
	list_splice(&first, &second);
	assert_ptr_equal(list_take(&first), &nodes[0]);
	assert_ptr_equal(list_take(&first), &nodes[2]);
	assert_ptr_equal(list_take(&first), &nodes[3]);
	assert_ptr_equal(list_take(&first), &nodes[4]);
	assert_null(list_take(&first));
	assert_true(list_empty(&first));
}

static const struct test_case cases[] = {
	ONCE(random_timers_agree_with_a_sorted_model),
	ONCE(sorted_and_reversed_timers_come_in_order),
	ONCE(iovecs_are_clamped_as_the_table_says),
	ONCE(more_pieces_than_the_limit_are_left_out),
	ONCE(length_without_memory_is_found),
	ONCE(what_an_older_host_leaves_out_is_zero),
	ONCE(what_a_newer_host_adds_must_be_zero),
	ONCE(a_struct_may_be_left_out_where_that_is_allowed),
	ONCE(a_filled_struct_stays_within_its_size),
	ONCE(lists_keep_their_order),
};

TEST_MAIN("parts", cases)
