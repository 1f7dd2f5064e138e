/* See request.h. */
#include "request.h"

static bool is_local(const struct request *request)
{
	return request->object != NULL && request->object->class->perform != NULL;
}

void request_start(struct request *request)
{
	if (!is_local(request)) {
		request->driver->backend->start(request);
		return;
	}
	request->state = REQUEST_QUEUED;
	list_append(&request->driver->local, &request->link);
}

void request_finish(struct request *request, int64_t result)
{
	request->state = REQUEST_IDLE;
	request->done(request, result);
}

void request_cancel(struct request *request)
{
	if (!is_local(request)) {
		request->driver->backend->cancel(request);
	} else if (request->state == REQUEST_QUEUED) {
		list_remove(&request->link);
		request_finish(request, ABIO_E_CANCELED);
	} else {
		request->object->class->withdraw(request);
	}
}

bool request_take_back(struct request *request)
{
	if (!is_local(request))
		return request->driver->backend->take_back(request);
	list_remove(&request->link);
	return true;
}

void request_perform(struct driver *driver)
{
	struct list now;
	struct list *link;

	list_init(&now);
	list_splice(&now, &driver->local);
	while ((link = list_take(&now)) != NULL) {
		struct request *request = container_of(link, struct request, link);

		request->object->class->perform(request);
	}
}
