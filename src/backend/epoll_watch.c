/*
 * What the readiness backend waits for at descriptors: which bits each is armed for, and who is
 * tried again when they come.
 *
 * A descriptor is armed one-shot and only while something waits: an idle dead socket must not make
 * the driver's fd spin.  Only under a receive it stays armed, which saves a call for every piece;
 * the first event that finds nobody waiting ends that.  Nothing is completed when an event comes.
 */
#include "epoll.h"

#include "readiness.h"
#include "sys.h"

static uint32_t wanted_by(const struct request *request)
{
	switch (request->code) {
	case REQUEST_READ:
	case REQUEST_RECEIVE:
	case REQUEST_RECEIVE_FROM:
	case REQUEST_ACCEPT:
		return EPOLLIN | EPOLLRDHUP;
	case REQUEST_READY:
		return readiness_bits(request->flags);
	default:
		return EPOLLOUT;
	}
}

static uint32_t wanted(const struct watch *watch)
{
	uint32_t bits = 0;
	struct list *link;

	for (link = watch->waiting.next; link != &watch->waiting; link = link->next)
		bits |= wanted_by(container_of(link, struct request, link));
	return bits;
}

/* Whether all that waits is one receive, which will wait again. */
static bool only_receives(const struct watch *watch)
{
	const struct list *first = watch->waiting.next;

	return !list_empty(&watch->waiting) && first->next == &watch->waiting &&
	       container_of(first, struct request, link)->code == REQUEST_RECEIVE;
}

static int32_t set_armed(struct object *object, uint32_t bits, bool standing)
{
	struct watch *watch = &object->watch;
	struct epoll_event event = { .events = bits | (standing ? 0 : EPOLLONESHOT),
				     .data.ptr = object };
	int64_t error = sys.epoll_control(object->driver->fd,
					  watch->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
					  object->fd, &event);

	if (error < 0)
		return (int32_t)error;
	watch->registered = true;
	watch->armed = bits;
	watch->standing = standing;
	return 0;
}

static int32_t arm(struct object *object)
{
	uint32_t bits = wanted(&object->watch);

	if ((bits & ~object->watch.armed) == 0)
		return 0;
	return set_armed(object, bits, only_receives(&object->watch));
}

void epoll_park(struct request *request)
{
	int32_t error;

	request->state = REQUEST_WAITING;
	list_append(&request->object->watch.waiting, &request->link);
	error = arm(request->object);
	if (error == 0)
		return;
	list_remove(&request->link);
	epoll_complete(request, error);
}

void epoll_unwatch(struct object *object)
{
	struct epoll_event none = { .events = 0 };

	if (object->watch.registered)
		sys.epoll_control(object->driver->fd, EPOLL_CTL_DEL, object->fd, &none);
	object->watch.registered = false;
	object->watch.standing = false;
	object->watch.armed = 0;
}

/* Those of an object that bits of epoll concern; who waits for readiness looks at every bit. */
static void requeue_ready(struct epoll_state *state, struct watch *watch, uint32_t bits)
{
	size_t left = list_count(&watch->waiting);

	while (left-- > 0) {
		struct request *request = container_of(list_take(&watch->waiting), struct request,
						       link);

		if (request->code != REQUEST_READY && (wanted_by(request) & bits) == 0) {
			list_append(&watch->waiting, &request->link);
			continue;
		}
		request->state = REQUEST_QUEUED;
		list_append(&state->pending, &request->link);
	}
}

void epoll_requeue(struct epoll_state *state, struct list *waiting)
{
	struct list *link;

	for (link = waiting->next; link != waiting; link = link->next)
		container_of(link, struct request, link)->state = REQUEST_QUEUED;
	list_splice(&state->pending, waiting);
}

void epoll_fired(struct epoll_state *state, struct object *object, uint32_t bits)
{
	struct watch *watch = &object->watch;

	if (watch->standing && list_empty(&watch->waiting)) {
		set_armed(object, 0, false);
		return;
	}
	if (!watch->standing)
		watch->armed = 0;
	if ((bits & (EPOLLHUP | EPOLLERR)) != 0)
		bits |= EPOLLIN | EPOLLOUT;
	requeue_ready(state, watch, bits);
	/* They will find out themselves, and say why. */
	if (arm(object) < 0)
		epoll_requeue(state, &watch->waiting);
}
