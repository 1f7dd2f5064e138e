/*
 * How requests of an object that a host implements end, and who goes on then: see host.h.
 *
 * What a slot answered, or abio_object_complete said, becomes the request's result here, in either
 * style; who waited for the lane, for readiness or for a notification is started again.
 */
#include "host.h"

#include "inbuf.h"
#include "request.h"

void host_start_again(struct driver *driver, struct list *requests)
{
	struct list *link;

	if (list_empty(requests))
		return;
	while ((link = list_take(requests)) != NULL)
		request_start(container_of(link, struct request, link));
	driver_signal(driver);
}

void host_wake(struct host *host)
{
	struct driver *driver = host->object->driver;

	for (uint32_t lane = 0; lane < LANE_COUNT; lane++) {
		if ((host->news & host_bits((enum host_lane)lane)) != 0)
			host_start_again(driver, &host->parked[lane]);
	}
	host_start_again(driver, &host->pollers);
	host_tell_interest(host);
}

static void forget(struct host *host, struct request *request)
{
	enum host_lane lane = host_lane_of(request);

	list_remove(&request->link);
	host_forget_to_ask(request);
	request->scratch[0] = 0;
	if (lane == LANE_NONE || host->lane[lane] != request)
		return;
	host->lane[lane] = NULL;
	host_start_again(request->driver, &host->behind[lane]);
	host_start_again(request->driver, &host->pollers);
}

/* The connection becomes that of whoever accepts, with the reference the host gave. */
static int64_t accepted(struct request *request, uint64_t value)
{
	struct abio_event *event;

	if (handle_find(value, HANDLE_IO) == NULL)
		return ABIO_E_HOST;
	request->state = REQUEST_IDLE; /* it is over */
	event = operation_event(operation_of(request));
	event->handle = value;
	event->flags |= ABIO_EVENT_HANDLE;
	return 0;
}

static int64_t outcome(struct host *host, struct request *request, int64_t result, uint64_t value)
{
	int64_t verdict = host_verdict(result, request->scratch[1]);

	switch (request->code) {
	case REQUEST_READ:
		if (verdict > 0)
			host->object->cursor += (uint64_t)verdict;
		return result == ABIO_HOST_EOF ? 0 : verdict;
	case REQUEST_READ_AT:
	case REQUEST_FILL:
		return result == ABIO_HOST_EOF ? 0 : verdict;
	case REQUEST_WRITE:
		if (verdict > 0) {
			host->object->cursor += (uint64_t)verdict;
			host->unflushed = true;
		}
		return verdict;
	case REQUEST_FLUSH:
		if (verdict > 0)
			host->unflushed = false;
		return verdict > 0 ? 0 : verdict;
	case REQUEST_WRITE_AT:
		return verdict;
	case REQUEST_SEEK:
	case REQUEST_LENGTH:
		if (verdict > 0 && value > INT64_MAX)
			return ABIO_E_HOST;
		return verdict > 0 ? (int64_t)value : verdict;
	case REQUEST_ACCEPT:
		return verdict > 0 ? accepted(request, value) : verdict;
	default:
		return verdict > 0 ? 0 : verdict;
	}
}

/* Of a length: the end was found, and the position must be what it was. */
static bool goes_back(struct request *request, int64_t *result)
{
	if (request->code != REQUEST_LENGTH)
		return false;
	if (request->stage == LENGTH_ASK && *result >= 0) {
		request->stage = LENGTH_RETURN;
		request->scratch[2] = (uint64_t)*result;
		return true;
	}
	if (*result >= 0)
		*result = (int64_t)request->scratch[2];
	request->stage = LENGTH_ASK;
	return false;
}

void host_finish(struct host *host, struct request *request, int64_t result, uint64_t value)
{
	struct driver *driver = request->driver;
	bool ends = request->code == REQUEST_CLOSE;

	forget(host, request);
	result = outcome(host, request, result, value);
	if (request->code == REQUEST_SEEK && result >= 0)
		host->object->cursor = (uint64_t)result;
	if (goes_back(request, &result)) {
		request_start(request);
		driver_signal(driver);
		return;
	}
	if (ends) {
		/* The host's memory is the host's again. */
		if (host->as_buf_read.try_fill_buf != NULL)
			inbuf_drop_shown(host->object);
		host->closed = true;
		driver->hosts--;
	}
	request_finish(request, result);
	if (ends)
		driver_post(driver, &host->released);
}
