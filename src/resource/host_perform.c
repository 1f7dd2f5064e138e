/*
 * Requests of objects that a host implements, answered from inside a turn.  See host.h.
 *
 * Try style: the slot is tried; what answers ABIO_WOULD_BLOCK is parked until the host notifies.
 * Completion style: the host has the operation, by a number that is never used twice, until it
 * completes it; a stream has one at a time in each direction, the others wait behind it.
 *
 * What there is to tell the host (cancels, interest) is told from inside a turn as well:
 * abio_cancel, abio_close and abio_release enter no slot.
 */
#include "host.h"

#include <errno.h>
#include <string.h>

#include "check.h"
#include "inbuf.h"
#include "request.h"
#include "traits.h"

enum style {
	STYLE_NONE, /* there is nothing to do */
	STYLE_TRY,
	STYLE_START,
	STYLE_MISSING
};

/* Why a seek is made on the way to the length. */
enum length_stage {
	LENGTH_ASK,
	LENGTH_RETURN
};

static enum host_lane lane_of(const struct request *request)
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
	return lane_of(request) == LANE_WRITE ? LANE_WRITE : LANE_READ;
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

/* ---- telling the host ------------------------------------------------------------------------ */

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

static void tell_interest(struct host *host)
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

static void do_chores(struct host *host)
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

/* ---- ends ------------------------------------------------------------------------------------ */

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
	tell_interest(host);
}

static void forget(struct host *host, struct request *request)
{
	enum host_lane lane = lane_of(request);

	list_remove(&request->link);
	if (note_of(request)->request != NULL)
		list_remove(&note_of(request)->link);
	note_of(request)->request = NULL;
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

/* ---- completion style ------------------------------------------------------------------------ */

struct request *host_find(struct host *host, uint64_t op)
{
	struct list *bucket = &host->pending[op % HOST_BUCKETS];

	for (struct list *link = bucket->next; link != bucket; link = link->next) {
		struct request *request = container_of(link, struct request, link);

		if (request->scratch[0] == op)
			return request;
	}
	return NULL;
}

static struct abio_iovec first_piece(const struct request *request)
{
	struct abio_iovec piece = { request->data, request->length };
	uint32_t i = 0;

	if (request->iovecs == NULL)
		return piece;
	while (i + 1 < request->count && request->iovecs[i].length == 0)
		i++;
	piece = request->iovecs[i];
	if (piece.length > TRANSFER_MAX)
		piece.length = TRANSFER_MAX;
	return piece;
}

static int32_t seek(struct visit *visit, uint64_t op)
{
	const struct request *request = visit->request;
	uint32_t whence = request->flags;
	int64_t offset = (int64_t)request->offset;

	if (request->code == REQUEST_LENGTH) {
		bool back = request->stage == LENGTH_RETURN;

		whence = back ? ABIO_SEEK_START : ABIO_SEEK_END;
		offset = back ? (int64_t)visit->host->object->cursor : 0;
	}
	return visit->host->as_seek.start_seek(visit->host->user, op, whence, offset,
					       &visit->value);
}

static int32_t call_start(struct visit *visit, uint64_t op, const struct abio_iovec *piece)
{
	struct host *host = visit->host;
	struct request *request = visit->request;
	uint32_t length = (uint32_t)piece->length;
	void *user = host->user;

	switch (request->code) {
	case REQUEST_READ:
		return host->as_read.start_read(user, op, piece->base, length);
	case REQUEST_WRITE:
		return host->as_write.start_write(user, op, piece->base, length);
	case REQUEST_READ_AT:
		return host->as_read_at.start_read_at(user, op, piece->base, length,
						      request->offset);
	case REQUEST_WRITE_AT:
		return host->as_write_at.start_write_at(user, op, piece->base, length,
							request->offset);
	case REQUEST_SHUTDOWN:
		if (host->as_write.start_shutdown != NULL)
			return host->as_write.start_shutdown(user, op);
		return host->as_write.start_flush(user, op);
	case REQUEST_FLUSH:
		return host->as_write.start_flush(user, op);
	case REQUEST_ACCEPT:
		return host->as_accept.start_accept(user, op, &visit->value);
	case REQUEST_CLOSE:
		return host->as_object.close(user, op);
	default:
		return seek(visit, op);
	}
}

static bool counts(const struct request *request)
{
	return request->code == REQUEST_READ || request->code == REQUEST_WRITE ||
	       request->code == REQUEST_READ_AT || request->code == REQUEST_WRITE_AT;
}

static void started(struct visit *visit)
{
	struct host *host = visit->host;
	int64_t result = visit->result;

	if (host->early && result == ABIO_PENDING)
		host_finish(host, visit->request, host->early_result, host->early_value);
	else if (host->early || result != ABIO_PENDING)
		host_finish(host, visit->request, host->early ? 0 : result, visit->value);
	host->calling = 0;
	host->early = false;
	host_leave(visit);
}

static void start(struct host *host, struct request *request)
{
	struct visit visit VISIT(
		started) = { .host = host, .request = request, .lane = lane_of(request) };
	struct abio_iovec piece = first_piece(request);
	uint64_t op = ++request->driver->host_operations;

	host_enter(&visit);
	if (visit.lane != LANE_NONE)
		host->lane[visit.lane] = request;
	request->state = REQUEST_SUBMITTED;
	request->scratch[0] = op;
	request->scratch[1] = counts(request) ? piece.length : INT32_MAX;
	list_append(&host->pending[op % HOST_BUCKETS], &request->link);
	host->calling = op;
	host->early = false;
	visit.result = call_start(&visit, op, &piece);
}

/* ---- try style ------------------------------------------------------------------------------- */

static void park(struct host *host, struct request *request, struct list *list)
{
	request->state = REQUEST_WAITING;
	list_append(list, &request->link);
	tell_interest(host);
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
	enum host_lane lane = lane_of(request);

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
			start(host, request);
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
		do_chores(host);
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
	note_of(request)->request = request;
	list_append(&host->cancels, &note_of(request)->link);
	host_has_chores(host);
}
