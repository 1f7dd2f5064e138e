/*
 * Requests of objects that a host implements, answered from inside a turn: which style each is in,
 * what it waits for, and the try style.  See host.h.
 *
 * Try style: the slot is tried; what answers ABIO_WOULD_BLOCK is parked until the host notifies.
 * Completion style: a stream has one operation at a time in each direction, the others wait behind
 * it; host_start.c does the rest.
 */
#include "host.h"

#include <errno.h>

#include "inbuf.h"
#include "request.h"

enum style {
	STYLE_NONE, /* there is nothing to do */
	STYLE_TRY,
	STYLE_START,
	STYLE_MISSING
};

enum host_lane host_lane_of(const struct request *request)
{
	switch (request->code) {
	case REQUEST_READ:
	case REQUEST_FILL:
		return LANE_READ;
	case REQUEST_WRITE:
	case REQUEST_FLUSH:
	case REQUEST_SHUTDOWN:
		return LANE_WRITE;
	default:
		return LANE_NONE;
	}
}

/* What lets it try again. */
static enum host_lane direction_of(const struct request *request)
{
	return host_lane_of(request) == LANE_WRITE ? LANE_WRITE : LANE_READ;
}

static enum style either(bool starts, bool tries, enum style neither)
{
	return starts ? STYLE_START : tries ? STYLE_TRY : neither;
}

static enum style flush_style(const struct host *host)
{
	return either(host->as_write.start_flush != NULL, host->as_write.try_flush != NULL,
		      STYLE_NONE);
}

static enum style style_of(const struct host *host, const struct request *request)
{
	switch (request->code) {
	case REQUEST_READ:
		return either(host->as_read.start_read != NULL, true, STYLE_NONE);
	case REQUEST_WRITE:
		return either(host->as_write.start_write != NULL, true, STYLE_NONE);
	case REQUEST_FILL:
		return either(false, host->as_buf_read.try_fill_buf != NULL, STYLE_MISSING);
	case REQUEST_FLUSH:
		return flush_style(host);
	case REQUEST_SHUTDOWN:
		return host->as_write.start_shutdown != NULL ? STYLE_START : flush_style(host);
	case REQUEST_ACCEPT:
		return either(host->as_accept.start_accept != NULL, true, STYLE_NONE);
	case REQUEST_CLOSE:
		return either(host->as_object.close != NULL, false, STYLE_NONE);
	case REQUEST_READ_AT:
	case REQUEST_WRITE_AT:
		return STYLE_START;
	case REQUEST_SEEK:
	case REQUEST_LENGTH:
		return host->as_seek.start_seek != NULL ? STYLE_START : STYLE_MISSING;
	default:
		return STYLE_MISSING;
	}
}

/* ---- try style ------------------------------------------------------------------------------- */

static void park(struct host *host, struct request *request, struct list *list)
{
	request->state = REQUEST_WAITING;
	list_append(list, &request->link);
	host_tell_interest(host);
}

static int64_t call_try(struct visit *visit)
{
	struct host *host = visit->host;
	struct request *request = visit->request;
	struct abio_iovec one = { request->data, request->length };
	const struct abio_iovec *iovecs = request->iovecs == NULL ? &one : request->iovecs;
	uint32_t count = request->iovecs == NULL ? 1 : request->count;

	visit->asked = INT32_MAX;
	switch (request->code) {
	case REQUEST_READ:
		return host_call_read(visit, iovecs, count);
	case REQUEST_FILL:
		return host_call_fill(visit);
	case REQUEST_WRITE:
		return host_call_write(visit, iovecs, count);
	case REQUEST_ACCEPT:
		return host->as_accept.try_accept(host->user, &visit->value);
	default:
		return host->as_write.try_flush(host->user);
	}
}

static void tried(struct visit *visit)
{
	struct host *host = visit->host;
	struct request *request = visit->request;
	enum host_lane direction = direction_of(request);

	request->scratch[1] = visit->asked;
	if (visit->result != ABIO_WOULD_BLOCK && visit->result != -EAGAIN) {
		host_finish(host, request, visit->result, visit->value);
	} else if (request->canceled) {
		host_finish(host, request, ABIO_E_CANCELED, 0);
	} else if ((host->news & host_bits(direction)) != 0) {
		request_start(request);
	} else {
		host->ready &= ~host_bits(direction);
		park(host, request, &host->parked[direction]);
	}
	host_leave(visit);
}

static void attempt(struct host *host, struct request *request)
{
	struct visit visit VISIT(
		tried) = { .host = host, .request = request, .lane = direction_of(request) };

	host_enter(&visit);
	request->state = REQUEST_SUBMITTED;
	host->news &= ~host_bits(visit.lane);
	visit.result = call_try(&visit);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void wait_until_ready(struct host *host, struct request *request)
{
	struct object *object = host->object;
	bool reading = (request->flags & ABIO_INTEREST_READ) != 0;
	int32_t bits = host_ready_now(object, request->flags);

	if (reading && inbuf_left(object) > 0)
		bits |= ABIO_READY_READ;
	if (bits != 0) {
		request_finish(request, bits);
		return;
	}
	park(host, request, &host->pollers);
	if (reading && host_only_starts_reading(host))
		host_go_ahead(host);
}

static int64_t from_inbuf(const struct request *request)
{
	struct abio_iovec one = { request->data, request->length };

	if (request->iovecs == NULL)
		return inbuf_read(request->object, &one, 1);
	return inbuf_read(request->object, request->iovecs, request->count);
}

/* What was read ahead goes first.  The read ahead itself has nothing to do when there is some. */
static bool read_already(struct host *host, struct request *request)
{
	int64_t result = ABIO_E_CANCELED;

	if (request->code != REQUEST_READ && request->code != REQUEST_FILL)
		return false;
	if (inbuf_left(host->object) > 0) {
		if (request->code == REQUEST_FILL)
			result = inbuf_left(host->object);
		else if (request != &host->ahead)
			result = from_inbuf(request);
	} else if (request == &host->ahead || !host_take_outcome(host, &result)) {
		return false;
	}
	request_finish(request, result);
	return true;
}

static void perform(struct host *host, struct request *request)
{
	enum host_lane lane = host_lane_of(request);

	if (read_already(host, request))
		return;
	if (request->code == REQUEST_CLOSE && host_end_ahead(host)) {
		request->state = REQUEST_WAITING;
		list_append(&host->closers, &request->link);
		return;
	}
	switch (style_of(host, request)) {
	case STYLE_TRY:
		attempt(host, request);
		break;
	case STYLE_START:
		if (lane != LANE_NONE && host->lane[lane] != NULL) {
			request->state = REQUEST_WAITING;
			list_append(&host->behind[lane], &request->link);
		} else {
			host_start(host, request);
		}
		break;
	case STYLE_NONE:
		request->scratch[1] = INT32_MAX;
		host_finish(host, request, 1, 0);
		break;
	default:
		request_finish(request, ABIO_E_UNSUPPORTED);
	}
}

void host_perform(struct request *request)
{
	struct host *host = host_of(request->object);

	if (request == &host->chores)
		host_do_chores(host);
	else if (request->code == REQUEST_READY)
		wait_until_ready(host, request);
	else
		perform(host, request);
}

void host_withdraw(struct request *request)
{
	struct host *host = host_of(request->object);

	/* What it waits for has been asked to end, and the host still has memory until then. */
	if (request->code == REQUEST_CLOSE)
		return;
	if (request->state == REQUEST_WAITING) {
		list_remove(&request->link);
		request_finish(request, ABIO_E_CANCELED);
		return;
	}
	/* One that a try_ slot is looking at just now is told when that is back. */
	if (request->scratch[0] == 0 || host->as_object.cancel == NULL)
		return;
	host_ask_to_end(host, request);
}
