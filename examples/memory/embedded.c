/*
 * Part of a larger structure: the buffer of a connection lies inside of what the program keeps of
 * it anyway, and one allocation holds both.  abio_buffer_wrap lends that memory to the library;
 * when nothing there can touch it any more an event says so, and only then the structure is freed.
 *
 *     embedded CONNECTIONS
 */
#include "server.h"

struct connection {
	abio_io io;
	abio_buffer buffer;
	int writing;
	uint32_t requests;
	uint8_t bytes[512];
};

static void read_more(struct connection *connection)
{
	connection->writing = 0;
	must(abio_buffer_set(connection->buffer, 0, sizeof(connection->bytes)), "set");
	must(abio_read_owned(connection->io, connection->buffer, 0, (uintptr_t)connection),
	     "read_owned");
}

static void write_back(struct connection *connection)
{
	connection->writing = 1;
	must(abio_write_owned_all(connection->io, connection->buffer, 0, 0, (uintptr_t)connection),
	     "write_owned_all");
}

static void accepted(struct server *server, const struct abio_event *event)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (connection == NULL)
		abort();
	connection->io = server_accepted(server, event);
	must(abio_buffer_wrap(server->driver, connection->bytes, sizeof(connection->bytes), 0,
			      (uintptr_t)connection, &connection->buffer),
	     "wrap");
	server_holds(server, +1);
	read_more(connection);
}

static void moved(struct server *server, struct connection *connection, int64_t result)
{
	if (result > 0 && !connection->writing) {
		write_back(connection);
	} else if (result > 0) {
		server->bytes += (uint64_t)result;
		connection->requests++;
		read_more(connection);
	} else {
		abio_release(connection->io);
		abio_buffer_release(connection->buffer);
	}
}

/* The memory is ours again: now the structure may go. */
static void released(struct server *server, struct connection *connection)
{
	server_holds(server, -1);
	server->open--;
	free(connection);
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
		else if ((event.flags & ABIO_EVENT_RELEASED) != 0)
			released(&server, connection);
		else if ((event.flags & ABIO_EVENT_MORE) == 0)
			moved(&server, connection, event.result);
	}
	return server_end(&server);
}
