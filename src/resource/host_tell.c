/*
 * Telling a host what it is to know: that operations are asked to end, and what somebody waits for.
 * See host.h.
 *
 * Who causes it enters no slot: abio_cancel, abio_close and abio_release leave a note, and a
 * request of the object itself, the chores, tells the host from inside a turn.
 */
#include "host.h"

#include "request.h"

void host_has_chores(struct host *host)
{
	struct driver *driver = host->object->driver;

	if (host->busy)
		return;
	host->busy = true;
	host->object->hold++;
	driver->background++;
	request_start(&host->chores);
	driver_signal(driver);
}

static uint32_t interest_of(const struct host *host)
{
	uint32_t interest = 0;

	if (!list_empty(&host->parked[LANE_READ]))
		interest |= ABIO_INTEREST_READ;
	if (!list_empty(&host->parked[LANE_WRITE]))
		interest |= ABIO_INTEREST_WRITE;
	for (struct list *link = host->pollers.next; link != &host->pollers; link = link->next)
		interest |= container_of(link, struct request, link)->flags;
	return interest;
}

void host_tell_interest(struct host *host)
{
	if (host->as_object.interest != NULL && interest_of(host) != host->interest)
		host_has_chores(host);
}

/* That the host is to be asked to end a request: in the scratch memory behind what is in use. */
struct cancel_note {
	struct list link;        /* in host->cancels, with `request` */
	struct request *request; /* NULL: in no list */
};

_Static_assert(3 * sizeof(uint64_t) + sizeof(struct cancel_note) <= REQUEST_SCRATCH * 8,
	       "a note fits");

static struct cancel_note *note_of(struct request *request)
{
	return (struct cancel_note *)(void *)&request->scratch[3];
}

static void told(struct visit *visit)
{
	struct host *host = visit->host;

	/* Asked for meanwhile, by a slot. */
	if (!list_empty(&host->cancels))
		host_has_chores(host);
	host_leave(visit);
}

void host_do_chores(struct host *host)
{
	struct visit visit VISIT(told) = { .host = host, .lane = LANE_NONE };
	struct object *object = host->object;
	struct list *link;

	host_enter(&visit);
	host->busy = false;
	object->driver->background--;
	object->hold--;
	while ((link = list_take(&host->cancels)) != NULL) {
		struct cancel_note *note = container_of(link, struct cancel_note, link);
		struct request *request = note->request;

		note->request = NULL;
		host->as_object.cancel(host->user, request->scratch[0]);
	}
	if (host->as_object.interest == NULL || host->closed || object->closing ||
	    interest_of(host) == host->interest)
		return;
	host->interest = interest_of(host);
	host->as_object.interest(host->user, host->interest);
}

void host_ask_to_end(struct host *host, struct request *request)
{
	note_of(request)->request = request;
	list_append(&host->cancels, &note_of(request)->link);
	host_has_chores(host);
}

void host_forget_to_ask(struct request *request)
{
	if (note_of(request)->request != NULL)
		list_remove(&note_of(request)->link);
	note_of(request)->request = NULL;
}
