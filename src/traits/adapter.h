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

/* object->own begins with this. */
struct adapter {
	struct object_class class; /* the object's: a copy it may take traits out of */
	struct object *object;     /* the adapter itself */
	struct object *inner;      /* referenced until it is closed */
	uint64_t inner_id;
	struct operation reading; /* on inner, for `read` */
	struct operation writing; /* on inner, for `write` */
	void *room;               /* what one of these needs as `extra` to be passed on */
	struct request *read;     /* the adapter's request that is being answered, or NULL */
	struct request *write;
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
/* The class hooks of an adapter that changes nothing; others call them for what they do not. */
void adapter_perform(struct request *request);
void adapter_withdraw(struct request *request);
void adapter_dispose(struct object *object);
int32_t adapter_ready_now(struct object *object, uint32_t interest);
int64_t adapter_try_readv(struct object *object, const struct abio_iovec *iovecs, uint32_t count);
int64_t adapter_try_writev(struct object *object, const struct abio_iovec *iovecs, uint32_t count);
int32_t adapter_try_flush(struct object *object);
int32_t adapter_position(struct object *object, uint64_t *position);
/* Drops the reference on what is underneath. */
void adapter_let_go(struct adapter *adapter);

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
/* REQUEST_READY (argument: interest), _FLUSH, _SHUTDOWN, _SEEK (whence, offset), _LENGTH.
 * `operation->extra` is what object->class->reserve asks for. */
void inner_ask(struct object *object, struct operation *operation, enum request_code code,
	       uint32_t argument, uint64_t offset,
	       void (*reply)(struct operation *operation, int64_t result), void *owner);

#endif
