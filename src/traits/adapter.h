/*
 * Objects over other objects: buffered readers and writers, halves, take, chain.
 *
 * An adapter has no descriptor.  It holds a reference on what is underneath, and answers its own
 * requests by operations on that, whose memory it has had from the start: forwarding allocates
 * nothing, and the memory of the host goes down to the kernel as it is.  Each adapter has a class
 * of its own, so that it offers exactly the traits that what is underneath has.
 */
#ifndef ABIO_ADAPTER_H
#define ABIO_ADAPTER_H

#include "transfer.h"

/* How many may be on top of each other, because ending one calls as deep as they are; told by what
 * an operation on them reserves. */
#define ADAPTERS_MAX         64u
#define ADAPTERS_RESERVE_MAX ((ADAPTERS_MAX - 1) * (uint32_t)sizeof(struct operation) + LENGTH_ROOM)

/* object->own begins with this. */
struct adapter {
	struct object_class class; /* the object's: a copy it may take traits out of */
	struct object *object;     /* the adapter itself */
	struct object *inner;      /* referenced until it is closed */
	struct operation reading;  /* on inner, for `read` */
	struct operation writing;  /* on inner, for `write` */
	void *room;                /* what one of these needs as `extra` to be passed on */
	struct request *read;      /* the adapter's request that is being answered, or NULL */
	struct request *write;
	struct ready_slots ready_slots; /* where the class's are cut to what `inner` has */
	struct read_slots read_slots;
	struct write_slots write_slots;
};

static inline struct adapter *adapter_of(const struct object *object)
{
	return object->own;
}

/*
 * A new object over `inner` with `size` zeroed bytes of own memory, open, with one reference.  Of
 * the traits of `class` it has those that `inner` has too, and Ready where inner has it.
 */
int32_t adapter_create(struct object *inner, const struct object_class *class, size_t size,
		       struct object **adapter);
/*
 * Leaves of its Ready, Read and Write what `inner` has too; forwards ready_fd.  For adapters that
 * answer a call by the same call.
 */
void adapter_cut(struct adapter *adapter, const struct object *inner);
/* Whether `inner` takes calls: 0 or ABIO_E_CLOSED. */
int32_t adapter_usable(const struct object *inner);
/* The class hooks of an adapter that changes nothing; others call them for what they do not. */
void adapter_perform(struct request *request);
/* What an operation that is passed on reserved for it (stream.c); it has the rest. */
struct operation *adapter_reserved(struct request *request);
void adapter_withdraw(struct request *request);
void adapter_dispose(struct object *object);
void adapter_forget(struct object *object);
void adapter_end(struct object *object);
/* In the child of a fork: the hold ends, nothing of the system is touched. */
void adapter_forget_inner(struct object **held);
int32_t adapter_ready_now(struct object *object, uint32_t interest);
int64_t adapter_try_readv(struct object *object, const struct abio_iovec *iovecs, uint32_t count);
int64_t adapter_try_fill(struct object *object);
int64_t adapter_try_writev(struct object *object, const struct abio_iovec *iovecs, uint32_t count);
int32_t adapter_try_flush(struct object *object);
int32_t adapter_position(struct object *object, uint64_t *position);
/* Takes and drops the reference on what is underneath; 0 or a code. */
void adapter_hold(struct object *inner);
void adapter_drop(struct object *inner);
void adapter_let_go(struct adapter *adapter);
/* Answers `request`, a read, by one of `inner`; the reply ends adapter->read. */
void adapter_read(struct adapter *adapter, struct request *request, const struct abio_iovec *iovecs,
		  uint32_t count, void (*reply)(struct operation *operation, int64_t result));

/*
 * Operations on an object for the library itself, in `operation`'s memory; `reply` is called once,
 * now or later, also when the object refuses.
 */
void inner_read(struct object *object, struct operation *operation, const struct abio_iovec *iovecs,
		uint32_t count, void (*reply)(struct operation *operation, int64_t result),
		void *owner);
void inner_write(struct object *object, struct operation *operation,
		 const struct abio_iovec *iovecs, uint32_t count,
		 void (*reply)(struct operation *operation, int64_t result), void *owner);
/* REQUEST_READY (argument: interest), _FILL, _FLUSH, _SHUTDOWN (0 or SHUTDOWN_IN_TURN), _SEEK
 * (whence, offset), _LENGTH.
 * `operation->extra` is what object->class->reserve asks for. */
void inner_ask(struct object *object, struct operation *operation, enum request_code code,
	       uint32_t argument, uint64_t offset,
	       void (*reply)(struct operation *operation, int64_t result), void *owner);

#endif
