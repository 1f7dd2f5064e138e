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
	/* Also when the host's completion of one request starts the next, outside of a turn. */
	driver_signal(request->driver);
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
	size_t left = list_count(&driver->local);
	struct list *link;

	/* What is not performed yet stays where everybody finds it. */
	while (left-- > 0 && (link = list_take(&driver->local)) != NULL) {
		struct request *request = container_of(link, struct request, link);

		request->object->class->perform(request);
	}
}
