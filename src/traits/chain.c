/*
 * Chain: one stream, and when it has ended the next.  A read that meets the end of the first goes
 * on to the second and does not report 0 for it; the first is let go of there.
 */
#include "adapter.h"
#include "dispatch.h"
#include "handle.h"
#include "platform.h"
#include "request.h"

#define ENDED (ABIO_READY_READ_CLOSED | ABIO_READY_HUP) /* of the first: not the chain's end */

struct chain {
	struct adapter adapter; /* over the one that is read now */
	struct object *next;    /* NULL when that is the last */
};

static struct chain *chain_of(const struct object *object)
{
	return object->own;
}

static void let_go_of_next(struct chain *chain)
{
	struct object *next = chain->next;

	chain->next = NULL;
	if (next != NULL)
		adapter_drop(next);
}

static void move_on(struct chain *chain)
{
	struct adapter *adapter = &chain->adapter;
	struct object *first = adapter->inner;

	adapter->inner = chain->next;
	chain->next = NULL;
	adapter_drop(first);
}

static void read_on(struct chain *chain, struct request *request);

static void replied(struct operation *operation, int64_t result)
{
	struct adapter *adapter = operation->owner;
	struct chain *chain = chain_of(adapter->object);
	struct request *request = adapter->read;

	if (result == 0 && chain->next != NULL) {
		move_on(chain);
		if (!request->canceled) {
			read_on(chain, request);
			return;
		}
		result = ABIO_E_CANCELED;
	}
	adapter->read = NULL;
	request_finish(request, result);
}

static void read_on(struct chain *chain, struct request *request)
{
	struct abio_iovec one = { request->data, request->length };

	if (request->iovecs == NULL)
		adapter_read(&chain->adapter, request, &one, 1, replied);
	else
		adapter_read(&chain->adapter, request, request->iovecs, request->count, replied);
}

/* Where the first was let go of before it was ready, the wait goes on at the next. */
static void was_ready(struct operation *operation, int64_t result)
{
	struct request *request = operation->owner;
	struct object *inner = adapter_of(request->object)->inner;

	if (result == ABIO_E_CANCELED && !request->canceled && operation->object != inner)
		inner_ask(inner, operation, REQUEST_READY, request->flags, 0, was_ready, request);
	else
		request_finish(request, result);
}

static void wait_ready(struct chain *chain, struct request *request)
{
	request->state = REQUEST_SUBMITTED;
	inner_ask(chain->adapter.inner, adapter_reserved(request), REQUEST_READY, request->flags, 0,
		  was_ready, request);
}

static void perform(struct request *request)
{
	struct chain *chain = chain_of(request->object);

	if (request->code == REQUEST_READY) {
		wait_ready(chain, request);
		return;
	}
	if (request->code == REQUEST_READ) {
		request->state = REQUEST_SUBMITTED;
		read_on(chain, request);
		return;
	}
	if (request->code == REQUEST_CLOSE)
		let_go_of_next(chain);
	adapter_perform(request);
}

static int64_t try_readv(struct object *object, const struct abio_iovec *iovecs, uint32_t count)
{
	struct chain *chain = chain_of(object);
	int64_t result = adapter_try_readv(object, iovecs, count);

	if (result != 0 || chain->next == NULL)
		return result;
	move_on(chain);
	return adapter_try_readv(object, iovecs, count);
}

static int32_t ready_now(struct object *object, uint32_t interest)
{
	int32_t bits = adapter_ready_now(object, interest);

	return bits > 0 && chain_of(object)->next != NULL ? bits & ~ENDED : bits;
}

static void dispose(struct object *object)
{
	if (object->own != NULL)
		let_go_of_next(chain_of(object));
	adapter_dispose(object);
}

static void forget(struct object *object)
{
	struct chain *chain = chain_of(object);

	adapter_forget_inner(&chain->next);
	adapter_forget(object);
}

static void end(struct object *object)
{
	struct chain *chain = chain_of(object);

	if (chain != NULL && chain->next != NULL) {
		chain->next->users--;
		chain->next = NULL;
	}
	adapter_end(object);
}

static const struct object_class chain_class = {
	.name = "chain",
	.kind = ABIO_KIND_CHAIN,
	.perform = perform,
	.withdraw = adapter_withdraw,
	.dispose = dispose,
	.forget = forget,
	.end = end,
	.try_readv = try_readv,
	.ready_now = ready_now,
	.ready = &stream_ready_slots,
	.read = &stream_read_slots,
	.owned_read = &owned_read_slots,
};

/* It offers what both have. */
static void adopt_both(struct adapter *adapter, const struct object *next)
{
	struct object_class *class = &adapter->class;
	uint32_t reserve = (uint32_t)sizeof(struct operation) + next->class->reserve;

	if (next->class->ready == NULL)
		class->ready = NULL;
	adapter_cut(adapter, adapter->inner);
	adapter_cut(adapter, next);
	/* There is not one descriptor to watch. */
	adapter->ready_slots.ready_fd = NULL;
	if ((next->class->caps & ABIO_CAP_VECTORED) == 0)
		class->caps &= ~(uint32_t)ABIO_CAP_VECTORED;
	class->caps |= next->class->caps & ABIO_CAP_CALLS_HOST;
	if (class->reserve < reserve)
		class->reserve = reserve;
}

int32_t impl_chain(struct object *io, abio_io next, uint32_t flags, abio_io *chained)
{
	struct object *second;
	struct object *object;
	int32_t error = dispatch_sibling(io, next, &second);

	(void)flags;
	if (error < 0)
		return error;
	if (io->class->read == NULL || second->class->read == NULL)
		return ABIO_E_UNSUPPORTED;
	if (second->class->reserve > ADAPTERS_RESERVE_MAX)
		return ABIO_E_LIMIT;
	error = adapter_create(io, &chain_class, sizeof(struct chain), &object);
	if (error < 0)
		return error;
	adapter_hold(second);
	chain_of(object)->next = second;
	adopt_both(adapter_of(object), second);
	*chained = object->id;
	return 0;
}
