/*
 * Completion style: a host's start_ slots.  See host.h.
 *
 * The host has the operation, by a number that is never used twice, until it completes it, maybe
 * from inside the slot that starts it; a stream has one at a time in each direction.
 */
#include "host.h"

#include "request.h"
#include "traits.h"

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

void host_start(struct host *host, struct request *request)
{
	struct visit visit VISIT(
		started) = { .host = host, .request = request, .lane = host_lane_of(request) };
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
