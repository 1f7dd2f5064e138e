/*
 * A pool: as many buffers as there is memory for, made at once, and connections that are ready wait
 * in line for one.  However many there are, what their data takes is known from the start.
 *
 *     pool CONNECTIONS
 */
#include "server.h"

enum {
	BUFFERS = 4
};

struct connection {
	abio_io io;
	abio_buffer buffer; /* 0 while it waits */
	int writing;
	struct connection *next;
};

/* Those that are ready and have no buffer, first come first served. */
static struct connection *first;
static struct connection **last = &first;

static void wait_for_data(struct connection *connection)
{
	must(abio_ready(connection->io, ABIO_INTEREST_READ, 0, (uintptr_t)connection), "ready");
}

static void serve(struct server *server, struct connection *connection)
{
	int32_t drawn = abio_buffer_draw(server->driver, &connection->buffer);

	must(drawn, "draw");
	if (drawn == ABIO_WOULD_BLOCK) {
		connection->next = NULL;
		*last = connection;
		last = &connection->next;
		return;
	}
	server_holds(server, +1);
	must(abio_read_owned(connection->io, connection->buffer, 0, (uintptr_t)connection),
	     "read_owned");
}

/* The last reference gives a buffer back to its pool. */
static void give_back(struct server *server, struct connection *connection)
{
	abio_buffer_release(connection->buffer);
	connection->buffer = 0;
	server_holds(server, -1);
}

static void serve_next(struct server *server)
{
	struct connection *connection = first;

	if (connection == NULL)
		return;
	first = connection->next;
	if (first == NULL)
		last = &first;
	serve(server, connection);
}

static void end(struct server *server, struct connection *connection)
{
	abio_release(connection->io);
	free(connection);
	server->open--;
}

static void moved(struct server *server, struct connection *connection, int64_t result)
{
	if (result > 0 && !connection->writing) {
		connection->writing = 1;
		must(abio_write_owned_all(connection->io, connection->buffer, 0, 0,
					  (uintptr_t)connection),
		     "write_owned_all");
		return;
	}
	connection->writing = 0;
	give_back(server, connection);
	if (result > 0) {
		server->bytes += (uint64_t)result;
		wait_for_data(connection);
	} else {
		end(server, connection);
	}
	serve_next(server);
}

static void accepted(struct server *server, const struct abio_event *event)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (connection == NULL)
		abort();
	connection->io = server_accepted(server, event);
	wait_for_data(connection);
}

int main(int argc, char **argv)
{
	struct abio_event event;
	struct server server;

	server_open(&server, argc, argv);
	must(abio_buffer_pool(server.driver, BUFFERS, CHUNK, 0), "pool");
	while (server_next(&server, &event)) {
		struct connection *connection = (void *)(uintptr_t)event.token;

		/* Sending without a copy tells its result first, and the buffer's return last. */
		if ((event.flags & ABIO_EVENT_MORE) != 0)
			continue;
		if (event.token == ACCEPTING)
			accepted(&server, &event);
		else if (connection->buffer != 0)
			moved(&server, connection, event.result);
		else
			serve(&server, connection);
	}
	return server_end(&server);
}
