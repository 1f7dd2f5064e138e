/*
 * One for all: every connection is read into the same buffer, one after the other, and what was
 * read is gone from it before the next is looked at.  What a slow peer does not take at once is
 * copied by abio_put, and that connection is not read from until it has gone out; so a copy exists
 * only where one is needed.
 *
 *     shared CONNECTIONS
 */
#include "server.h"

static uint8_t shared[CHUNK];

/* A connection is its io alone: the handle itself is the token of what it waits for. */
static void wait_for_data(abio_io io)
{
	must(abio_ready(io, ABIO_INTEREST_READ, 0, io), "ready");
}

static void end(struct server *server, abio_io io)
{
	abio_release(io);
	server->open--;
}

/* What try_write leaves over is kept for the peer; the flush says when it is gone. */
static int send_all(abio_io io, uint32_t count)
{
	int32_t sent = abio_try_write(io, shared, count, 0);

	if (sent == ABIO_WOULD_BLOCK)
		sent = 0;
	if (sent >= 0 && (uint32_t)sent < count &&
	    abio_put(io, shared + sent, count - (uint32_t)sent) != (int32_t)count - sent)
		return -1;
	return sent < 0 ? -1 : 0;
}

static void readable(struct server *server, abio_io io)
{
	int32_t count = abio_try_read(io, shared, CHUNK, 0);
	int32_t flushed;

	if (count == ABIO_WOULD_BLOCK) {
		wait_for_data(io);
		return;
	}
	if (count <= 0 || send_all(io, (uint32_t)count) < 0) {
		end(server, io);
		return;
	}
	server->bytes += (uint64_t)count;
	flushed = abio_try_flush(io);
	if (flushed == 0)
		wait_for_data(io);
	else if (flushed == ABIO_WOULD_BLOCK)
		must(abio_flush(io, 0, io), "flush");
	else
		end(server, io);
}

int main(int argc, char **argv)
{
	struct abio_event event;
	struct server server;

	server_open(&server, argc, argv);
	server_holds(&server, +1);
	while (server_next(&server, &event)) {
		if (event.token == ACCEPTING)
			wait_for_data(server_accepted(&server, &event));
		else if (event.result > 0)
			readable(&server, event.token);
		else if (event.result == 0)
			wait_for_data(event.token); /* flushed */
		else
			end(&server, event.token);
	}
	server_holds(&server, -1);
	return server_end(&server);
}
