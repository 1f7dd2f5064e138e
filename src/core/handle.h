/*
 * Handles: 53-bit numbers, kind | generation | index, that refuse the closed, the forged and the
 * wrong kind.  Looking one up takes no lock and touches only slots, which are never freed, so that
 * a call from a wrong thread cannot touch freed memory.
 *
 * Invariants: a slot's `state` is (kind | generation) << 32 | references, 0 when free; a freed slot
 * comes back first-in first-out with the next generation, and is retired when those are used up;
 * after fork every slot of the parent stays reserved in the child.
 */
#ifndef ABIO_HANDLE_H
#define ABIO_HANDLE_H

#include <stdatomic.h>
#include <stdint.h>

enum handle_kind {
	HANDLE_DRIVER = 1,
	HANDLE_IO = 2,
	HANDLE_BUFFER = 3
};

struct slot {
	_Atomic uint64_t state;
	union {
		void *object; /* owned by the driver's thread */
		struct slot *next_free;
	};
	struct slot *_Atomic home; /* the slot of the driver it belongs to */
	_Atomic uintptr_t
		thread; /* of a driver: who it is pinned to, 0 nobody yet, HANDLE_UNPINNED */
	_Atomic int32_t thread_number;
	uint32_t epoch; /* the process it was made in */
	uint32_t index;
	uint32_t generation;
};

#define HANDLE_UNPINNED ((uintptr_t)-1)

/* A new slot with one reference, or NULL without memory.  handle_id is what the host gets. */
struct slot *handle_create(enum handle_kind kind, void *object, struct slot *home);
void handle_destroy(struct slot *slot);
uint64_t handle_id(const struct slot *slot);

/* The slot of a handle that is known to be live. */
struct slot *handle_slot(uint64_t id);
/* The slot a handle names, if it is live and of that kind. */
struct slot *handle_find(uint64_t id, enum handle_kind kind);
/* The same, and also one that has no reference left and is not destroyed yet.  Only its owner may
 * look behind that. */
struct slot *handle_find_released(uint64_t id, enum handle_kind kind);
enum handle_kind handle_kind(uint64_t id);

/* References.  retain: 0, ABIO_E_HANDLE, ABIO_E_LIMIT.  release: how many are left, or
 * ABIO_E_HANDLE. */
int32_t handle_retain(uint64_t id);
int32_t handle_release(uint64_t id);

/* The lock of the table, which off-thread releases and closing drivers also meet under. */
void handle_lock(void);
void handle_unlock(void);

#endif
