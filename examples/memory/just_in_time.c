/*
 * Just in time: a connection has a buffer only from the moment there is something to read until it
 * is written back.  While it waits, the library and this program hold no memory for its data:
 * abio_ready waits without lending any.
 *
 *     just_in_time CONNECTIONS
 */
#include "server.h"

struct connection {
	abio_io io;
	uint8_t *data; /* NULL while it waits */
};

static void wait_for_data(struct connection *connection)
{
	must(abio_ready(connection->io, ABIO_INTEREST_READ, 0, (uintptr_t)connection), "ready");
}

static void end(struct server *server, struct connection *connection)
{
	abio_release(connection->io);
	free(connection);
	server->open--;
}

static void drop(struct server *server, struct connection *connection)
{
	free(connection->data);
	connection->data = NULL;
	server_holds(server, -1);
}

static void readable(struct server *server, struct connection *connection)
{
	int32_t count;

	connection->data = malloc(CHUNK);
	if (connection->data == NULL)
		abort();
	server_holds(server, +1);
	count = abio_try_read(connection->io, connection->data, CHUNK, 0);
	if (count > 0) {
		must(abio_write_all(connection->io, connection->data, (uint32_t)count, 0,
				    (uintptr_t)connection),
		     "write_all");
		return;
	}
	drop(server, connection);
	/* Readiness is a hint: somebody else may have been faster. */
	if (count == ABIO_WOULD_BLOCK)
		wait_for_data(connection);
	else
		end(server, connection);
}

static void written(struct server *server, struct connection *connection, int64_t result)
{
	drop(server, connection);
	if (result < 0) {
		end(server, connection);
		return;
	}
	server->bytes += (uint64_t)result;
	wait_for_data(connection);
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
	while (server_next(&server, &event)) {
		struct connection *connection = (void *)(uintptr_t)event.token;

		if (event.token == ACCEPTING)
			accepted(&server, &event);
		else if (connection->data != NULL)
			written(&server, connection, event.result);
		else
			readable(&server, connection);
	}
	return server_end(&server);
}
