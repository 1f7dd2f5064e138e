/*
 * See faults.h.  The wrappers are made from the lists in faults.h, and the assertion on the size of
 * struct sys_table below makes sure that none is missing.
 */
#include "faults.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform.h"
#include "sys.h"
#include "uring.h"

#define PATCHES_MAX 8192u

static struct sys_table base;
static struct platform_memory base_memory;

static struct fault plan;
static _Atomic bool planned;
static _Atomic uint64_t counts[FAULT_COUNTERS];
static _Atomic uint64_t hits;
static _Atomic int64_t live;
static _Atomic int cutting;

/* Requests that the kernel got as no-operations, and what their completions are to say. */
static struct patch {
	const struct io_uring *ring;
	uint64_t user_data;
	int32_t error;
} patches[PATCHES_MAX];
static uint32_t patch_count;
/* Vectors and messages that were cut short, until remove. */
static struct copy {
	struct copy *next;
	struct msghdr message;
	struct iovec iovecs[];
} * copies;
static pthread_mutex_t ring_mutex = PTHREAD_MUTEX_INITIALIZER;

static bool due(enum fault_entry entry, uint64_t number)
{
	if (!atomic_load(&planned) || plan.entry != entry)
		return false;
	return plan.forever ? number >= plan.nth : number == plan.nth;
}

bool faults_can_fail(enum fault_entry entry)
{
	return entry != FAULT_clock && entry != FAULT_ring_destroy;
}

/* Counts a call: 0, or the errno it fails with. */
static int32_t strike(enum fault_entry entry)
{
	uint64_t number = atomic_fetch_add(&counts[entry], 1) + 1;
	bool fails = due(entry, number);

	if (entry < FAULT_SYSTEM_CALLS && faults_can_fail(entry)) {
		number = atomic_fetch_add(&counts[FAULT_ANY_SYSTEM_CALL], 1) + 1;
		fails = fails || due(FAULT_ANY_SYSTEM_CALL, number);
	}
	if (!fails)
		return 0;
	atomic_fetch_add(&hits, 1);
	return plan.error;
}

/* ---- cutting short ------------------------------------------------------------------------- */

static size_t allowed(size_t total)
{
	switch (atomic_load(&cutting)) {
	case FAULT_CUT_ONE_BYTE:
		return total > 0 ? 1 : 0;
	case FAULT_CUT_ONE_LESS:
		return total > 1 ? total - 1 : total;
	default:
		return total;
	}
}

static size_t total_of(const struct iovec *iovecs, size_t count)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += iovecs[i].iov_len;
	return total;
}

/* Leaves `count` pieces with together at most what is allowed; returns how many are not empty. */
static int shorten(struct iovec *iovecs, size_t count)
{
	size_t left = allowed(total_of(iovecs, count));

	for (size_t i = 0; i < count; i++) {
		if (iovecs[i].iov_len >= left) {
			iovecs[i].iov_len = left;
			return (int)i + 1;
		}
		left -= iovecs[i].iov_len;
	}
	return (int)count;
}

static int cut_vector(struct iovec cut[1024], const struct iovec *iovecs, int count)
{
	if (count > 1024)
		count = 1024;
	memcpy(cut, iovecs, (size_t)count * sizeof(*iovecs));
	return shorten(cut, (size_t)count);
}

/* ---- the wrappers -------------------------------------------------------------------------- */

#define SIMPLE(name, parameters, arguments)                       \
	static int64_t wrap_##name parameters                     \
	{                                                         \
		int32_t error = strike(FAULT_##name);             \
                                                                  \
		return error != 0 ? -error : base.name arguments; \
	}
FAULTS_SIMPLE(SIMPLE)

#define VECTOR(name)                                                              \
	static int64_t wrap_##name(int fd, const struct iovec *iovecs, int count) \
	{                                                                         \
		int32_t error = strike(FAULT_##name);                             \
		struct iovec cut[1024];                                           \
                                                                                  \
		if (error != 0)                                                   \
			return -error;                                            \
		if (atomic_load(&cutting) == FAULT_CUT_NONE)                      \
			return base.name(fd, iovecs, count);                      \
		return base.name(fd, cut, cut_vector(cut, iovecs, count));        \
	}
FAULTS_VECTORS(VECTOR)

#define VECTOR_AT(name)                                                                       \
	static int64_t wrap_##name(int fd, const struct iovec *iovecs, int count, int64_t at) \
	{                                                                                     \
		int32_t error = strike(FAULT_##name);                                         \
		struct iovec cut[1024];                                                       \
                                                                                              \
		if (error != 0)                                                               \
			return -error;                                                        \
		if (atomic_load(&cutting) == FAULT_CUT_NONE)                                  \
			return base.name(fd, iovecs, count, at);                              \
		return base.name(fd, cut, cut_vector(cut, iovecs, count), at);                \
	}
FAULTS_VECTORS_AT(VECTOR_AT)

#define MESSAGE(name, type)                                                        \
	static int64_t wrap_##name(int fd, type *message)                          \
	{                                                                          \
		int32_t error = strike(FAULT_##name);                              \
		struct iovec cut[1024];                                            \
		struct msghdr shorter = *message;                                  \
                                                                                   \
		if (error != 0)                                                    \
			return -error;                                             \
		if (atomic_load(&cutting) == FAULT_CUT_NONE)                       \
			return base.name(fd, message);                             \
		shorter.msg_iovlen = (size_t)cut_vector(cut, message->msg_iov,     \
							(int)message->msg_iovlen); \
		shorter.msg_iov = cut;                                             \
		return base.name(fd, &shorter);                                    \
	}
FAULTS_MESSAGES(MESSAGE)

static int64_t wrap_close(int fd)
{
	int32_t error = strike(FAULT_close);
	int64_t result = base.close(fd);

	return error != 0 ? -error : result;
}

static void wrap_ring_destroy(struct io_uring *ring)
{
	strike(FAULT_ring_destroy);
	pthread_mutex_lock(&ring_mutex);
	for (uint32_t i = 0; i < patch_count;) {
		if (patches[i].ring == ring)
			patches[i] = patches[--patch_count];
		else
			i++;
	}
	pthread_mutex_unlock(&ring_mutex);
	base.ring_destroy(ring);
}

static int64_t wrap_clock(void)
{
	strike(FAULT_clock);
	return base.clock();
}

/* ---- requests of an io_uring --------------------------------------------------------------- */

static struct copy *copy_of(const struct iovec *iovecs, size_t count)
{
	struct copy *copy = calloc(1, sizeof(*copy) + count * sizeof(*iovecs));

	if (copy == NULL)
		abort();
	memcpy(copy->iovecs, iovecs, count * sizeof(*iovecs));
	copy->next = copies;
	copies = copy;
	return copy;
}

static void cut_entry(struct io_uring_sqe *sqe)
{
	struct copy *copy;

	switch (sqe->opcode) {
	case IORING_OP_READ:
	case IORING_OP_WRITE:
	case IORING_OP_RECV:
	case IORING_OP_SEND:
	case IORING_OP_SEND_ZC:
		sqe->len = (uint32_t)allowed(sqe->len);
		break;
	case IORING_OP_READV:
	case IORING_OP_WRITEV:
		copy = copy_of((const void *)(uintptr_t)sqe->addr, sqe->len);
		sqe->len = (uint32_t)shorten(copy->iovecs, sqe->len);
		sqe->addr = (uint64_t)(uintptr_t)copy->iovecs;
		break;
	case IORING_OP_RECVMSG:
	case IORING_OP_SENDMSG: {
		const struct msghdr *message = (const void *)(uintptr_t)sqe->addr;

		copy = copy_of(message->msg_iov, message->msg_iovlen);
		copy->message = *message;
		copy->message.msg_iov = copy->iovecs;
		copy->message.msg_iovlen = (size_t)shorten(copy->iovecs, message->msg_iovlen);
		sqe->addr = (uint64_t)(uintptr_t)&copy->message;
		break;
	}
	default:
		break;
	}
}

/* EINTR and EAGAIN are answers only of what moves bytes or connections. */
static bool can_say(const struct io_uring_sqe *sqe, int32_t error)
{
	if (error != EINTR && error != EAGAIN)
		return true;
	return sqe->opcode != IORING_OP_POLL_ADD && sqe->opcode != IORING_OP_TIMEOUT &&
	       sqe->opcode != IORING_OP_CLOSE && sqe->opcode != IORING_OP_OPENAT;
}

static void replace(const struct io_uring *ring, struct io_uring_sqe *sqe, int32_t error)
{
	uint64_t user_data = sqe->user_data;

	if (sqe->opcode == IORING_OP_CLOSE)
		close(sqe->fd);
	if (patch_count == PATCHES_MAX)
		abort();
	patches[patch_count++] = (struct patch){ ring, user_data, error };
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_NOP;
	sqe->fd = -1;
	sqe->user_data = user_data;
}

/* What has been prepared since the last submission. */
static void edit_entries(struct io_uring *ring)
{
	for (unsigned int at = ring->sq.sqe_head; at != ring->sq.sqe_tail; at++) {
		struct io_uring_sqe *sqe = &ring->sq.sqes[at & *ring->sq.kring_mask];
		int32_t error;

		/* 0: the library's trial, which waits long for what does not come. */
		if (sqe->user_data == URING_CANCEL || sqe->user_data == 0)
			continue;
		if (atomic_load(&planned) && plan.entry == FAULT_request &&
		    !can_say(sqe, plan.error))
			continue;
		error = strike(FAULT_request);
		if (error != 0)
			replace(ring, sqe, error);
		else if (atomic_load(&cutting) != FAULT_CUT_NONE)
			cut_entry(sqe);
	}
}

static void patch_completion(const struct io_uring *ring, struct io_uring_cqe *cqe)
{
	for (uint32_t i = 0; i < patch_count; i++) {
		if (patches[i].ring != ring || patches[i].user_data != cqe->user_data ||
		    (cqe->flags & IORING_CQE_F_NOTIF) != 0)
			continue;
		cqe->res = -patches[i].error;
		patches[i] = patches[--patch_count];
		return;
	}
}

static int64_t wrap_ring_enter(struct io_uring *ring)
{
	int32_t error = strike(FAULT_ring_enter);
	struct io_uring_cqe *cqe;
	unsigned int head;
	int64_t result;

	if (error != 0)
		return -error;
	pthread_mutex_lock(&ring_mutex);
	edit_entries(ring);
	pthread_mutex_unlock(&ring_mutex);
	result = base.ring_enter(ring);
	pthread_mutex_lock(&ring_mutex);
	io_uring_for_each_cqe(ring, head, cqe) patch_completion(ring, cqe);
	pthread_mutex_unlock(&ring_mutex);
	return result;
}

/* ---- the table ----------------------------------------------------------------------------- */

#define ENTRY(name, ...) .name = wrap_##name,
static const struct sys_table wrapped = { FAULTS_SIMPLE(ENTRY) FAULTS_VECTORS(
	ENTRY) FAULTS_VECTORS_AT(ENTRY) FAULTS_MESSAGES(ENTRY) FAULTS_SPECIAL(ENTRY) };

/* Each name stands in one list, or the initialiser above names it twice and does not compile. */
_Static_assert(sizeof(struct sys_table) == FAULT_SYSTEM_CALLS * sizeof(void (*)(void)),
	       "a new entry of struct sys_table belongs in the lists of faults.h");

#define NAME(name, ...) #name,
static const char *const entry_names[FAULT_COUNTERS] = {
	FAULTS_SIMPLE(NAME) FAULTS_VECTORS(NAME) FAULTS_VECTORS_AT(NAME) FAULTS_MESSAGES(NAME)
		FAULTS_SPECIAL(NAME) "memory",
	"request", "system call"
};

const char *faults_name(enum fault_entry entry)
{
	return entry_names[entry];
}

static void *wrap_allocate(size_t size, size_t alignment)
{
	void *memory = strike(FAULT_memory) != 0 ? NULL : base_memory.allocate(size, alignment);

	if (memory != NULL)
		atomic_fetch_add(&live, 1);
	return memory;
}

static void wrap_release(void *memory)
{
	if (memory != NULL)
		atomic_fetch_sub(&live, 1);
	base_memory.release(memory);
}

void faults_install(void)
{
	base = sys;
	base_memory = platform_memory;
	atomic_store(&live, 0);
	faults_plan(NULL);
	faults_cut(FAULT_CUT_NONE);
	sys = wrapped;
	platform_memory = (struct platform_memory){ wrap_allocate, wrap_release };
}

void faults_remove(void)
{
	faults_lift();
	sys = base;
	platform_memory = base_memory;
	while (copies != NULL) {
		struct copy *copy = copies;

		copies = copy->next;
		free(copy);
	}
}

void faults_plan(const struct fault *fault)
{
	atomic_store(&planned, false);
	for (int i = 0; i < FAULT_COUNTERS; i++)
		atomic_store(&counts[i], 0);
	atomic_store(&hits, 0);
	if (fault == NULL)
		return;
	plan = *fault;
	atomic_store(&planned, true);
}

void faults_lift(void)
{
	atomic_store(&planned, false);
}

void faults_cut(enum fault_cut cut)
{
	atomic_store(&cutting, (int)cut);
}

uint64_t faults_count(enum fault_entry entry)
{
	return atomic_load(&counts[entry]);
}

uint64_t faults_hits(void)
{
	return atomic_load(&hits);
}

int64_t faults_live(void)
{
	return atomic_load(&live);
}
