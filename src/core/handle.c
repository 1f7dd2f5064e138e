/*
 * The table of handles.  See handle.h for the promises.
 *
 * The lock word carries the process epoch beside its locked bit: the child of a fork sees a foreign
 * epoch, takes the lock whatever state the parent left it in, and starts with an empty free list
 * behind the last index in use, so that nothing half-done in the parent is ever looked at.
 */
#include "handle.h"

#include "abio.h"
#include "platform.h"

#define CHUNK_SLOTS     1024u
#define CHUNK_COUNT     16384u
#define GENERATION_LAST ((1u << 25) - 1)
#define INDEX_BITS      24
#define REFERENCES_MAX  0x7fffffffu

static struct slot first_chunk[CHUNK_SLOTS];
static struct slot *_Atomic chunks[CHUNK_COUNT];

static struct {
	_Atomic uint64_t lock; /* epoch << 1 | locked */
	struct slot *free_head;
	struct slot *free_tail;
	uint32_t used; /* indices below this have been handed out */
} table;

static uint64_t name_of(enum handle_kind kind, uint32_t generation)
{
	return (uint64_t)kind << 25 | generation;
}

void handle_lock(void)
{
	uint64_t mine = (uint64_t)platform_epoch() << 1;
	uint64_t seen = atomic_load_explicit(&table.lock, memory_order_relaxed);

	for (;;) {
		if ((seen | 1) == (mine | 1)) {
			seen = mine;
			if (atomic_compare_exchange_weak(&table.lock, &seen, mine | 1))
				return;
		} else if (atomic_compare_exchange_weak(&table.lock, &seen, mine | 1)) {
			/* First in this process: nothing of the parent's lists is trusted. */
			table.free_head = NULL;
			table.free_tail = NULL;
			if (seen != 0)
				table.used = (table.used + 2 * CHUNK_SLOTS - 1) / CHUNK_SLOTS *
					     CHUNK_SLOTS;
			return;
		}
	}
}

void handle_unlock(void)
{
	atomic_fetch_and(&table.lock, ~(uint64_t)1);
}

static struct slot *slot_at(uint32_t index)
{
	struct slot *chunk;

	if (index / CHUNK_SLOTS >= CHUNK_COUNT)
		return NULL;
	chunk = atomic_load_explicit(&chunks[index / CHUNK_SLOTS], memory_order_acquire);
	return chunk == NULL ? NULL : &chunk[index % CHUNK_SLOTS];
}

static struct slot *extend(void)
{
	uint32_t index = table.used;
	uint32_t number = index / CHUNK_SLOTS;

	if (number >= CHUNK_COUNT)
		return NULL;
	if (atomic_load(&chunks[number]) == NULL) {
		struct slot *chunk = number == 0 ? first_chunk
						 : platform_allocate(sizeof(first_chunk));

		if (chunk == NULL)
			return NULL;
		atomic_store_explicit(&chunks[number], chunk, memory_order_release);
	}
	table.used++;
	slot_at(index)->index = index;
	return slot_at(index);
}

static struct slot *take_free(void)
{
	struct slot *slot = table.free_head;

	if (slot == NULL)
		return extend();
	table.free_head = slot->next_free;
	if (table.free_head == NULL)
		table.free_tail = NULL;
	return slot;
}

struct slot *handle_create(enum handle_kind kind, void *object, struct slot *home)
{
	struct slot *slot;

	handle_lock();
	slot = take_free();
	handle_unlock();
	if (slot == NULL)
		return NULL;
	slot->generation++;
	slot->object = object;
	slot->epoch = platform_epoch();
	atomic_store(&slot->home, home == NULL ? slot : home);
	atomic_store(&slot->thread, 0);
	atomic_store(&slot->thread_number, 0);
	atomic_store_explicit(&slot->state, name_of(kind, slot->generation) << 32 | 1,
			      memory_order_release);
	return slot;
}

void handle_destroy(struct slot *slot)
{
	atomic_store(&slot->state, 0);
	handle_lock();
	if (slot->generation < GENERATION_LAST) {
		slot->next_free = NULL;
		if (table.free_tail != NULL)
			table.free_tail->next_free = slot;
		else
			table.free_head = slot;
		table.free_tail = slot;
	}
	handle_unlock();
}

uint64_t handle_id(const struct slot *slot)
{
	uint64_t state = atomic_load(&slot->state);

	return (state >> 32) << INDEX_BITS | slot->index;
}

struct slot *handle_slot(uint64_t id)
{
	return slot_at((uint32_t)(id & ((1u << INDEX_BITS) - 1)));
}

enum handle_kind handle_kind(uint64_t id)
{
	return (enum handle_kind)(id >> (25 + INDEX_BITS));
}

static struct slot *named(uint64_t id, enum handle_kind kind, uint64_t *state)
{
	struct slot *slot;

	if (handle_kind(id) != kind || id >> 53 != 0)
		return NULL;
	slot = handle_slot(id);
	if (slot == NULL)
		return NULL;
	*state = atomic_load_explicit(&slot->state, memory_order_acquire);
	return *state >> 32 == id >> INDEX_BITS ? slot : NULL;
}

struct slot *handle_find(uint64_t id, enum handle_kind kind)
{
	uint64_t state;
	struct slot *slot = named(id, kind, &state);

	return slot == NULL || (uint32_t)state == 0 ? NULL : slot;
}

struct slot *handle_find_released(uint64_t id, enum handle_kind kind)
{
	uint64_t state;

	return named(id, kind, &state);
}

int32_t handle_retain(uint64_t id)
{
	struct slot *slot = handle_find(id, handle_kind(id));
	uint64_t state;

	if (slot == NULL)
		return ABIO_E_HANDLE;
	state = atomic_load(&slot->state);
	do {
		if (state >> 32 != id >> INDEX_BITS || (uint32_t)state == 0)
			return ABIO_E_HANDLE;
		if ((uint32_t)state >= REFERENCES_MAX)
			return ABIO_E_LIMIT;
	} while (!atomic_compare_exchange_weak(&slot->state, &state, state + 1));
	return 0;
}

int32_t handle_release(uint64_t id)
{
	struct slot *slot = handle_find(id, handle_kind(id));
	uint64_t state;

	if (slot == NULL)
		return ABIO_E_HANDLE;
	state = atomic_load(&slot->state);
	do {
		if (state >> 32 != id >> INDEX_BITS || (uint32_t)state == 0)
			return ABIO_E_HANDLE;
	} while (!atomic_compare_exchange_weak(&slot->state, &state, state - 1));
	return (int32_t)(uint32_t)(state - 1);
}
