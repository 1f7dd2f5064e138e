/*
 * A file server and its clients, written as most C is: a connection is a structure with a state,
 * and each event that ends an operation steps it to the next.  All of them turn in one loop.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario.h"

enum {
	CLIENTS = 8,
	REQUEST_MAX = 256,
	CHUNK = 4096
};

static uint64_t digest(uint64_t hash, const void *data, size_t length)
{
	const uint8_t *bytes = data;

	while (length--)
		hash = (hash ^ *bytes++) * 1099511628211u; /* FNV-1a */
	return hash;
}

/* ---- the server: a line "GET name" is answered with that file, then the end -------------------
 */

struct server {
	struct operation accepting; /* first: the operation's address is the server's */
	struct loop *loop;
	abio_io listener;
	unsigned int served;
};

struct connection {
	struct operation operation; /* first, as above; one at a time is all it needs */
	struct server *server;
	abio_io stream, reader, file;
	abio_buffer request;
};

static void end_connection(struct operation *operation)
{
	struct connection *connection = (struct connection *)operation;

	connection->server->served += operation->event.result == 0;
	abio->release(connection->file);
	abio->release(connection->reader);
	abio->release(connection->stream);
	abio->buffer_release(connection->request);
	free(connection);
}

/* Starts what comes next.  A start that is refused has no event: then the connection ends here. */
static void next(struct connection *connection, void (*step)(struct operation *), int32_t started)
{
	connection->operation.step = step;
	if (started < 0) {
		connection->operation.event.result = started;
		end_connection(&connection->operation);
	}
}

static void copied(struct operation *operation)
{
	struct connection *connection = (struct connection *)operation;

	next(connection, end_connection,
	     operation->event.result < 0
		     ? (int32_t)operation->event.result
		     : abio->shutdown(connection->stream, 0, loop_begin(operation)));
}

static void opened(struct operation *operation)
{
	struct connection *connection = (struct connection *)operation;

	connection->file = operation->event.handle;
	next(connection, copied,
	     operation->event.result < 0 ? (int32_t)operation->event.result
					 : abio->copy(connection->file, connection->stream,
						      UINT64_MAX, 0, loop_begin(operation)));
}

static void asked(struct operation *operation)
{
	struct connection *connection = (struct connection *)operation;
	struct abio_buffer_state line = { .size = sizeof(line) };
	const char *text;

	abio->buffer_info(connection->request, &line);
	text = line.data;
	if (line.filled < 6 || memcmp(text, "GET ", 4) != 0 || text[line.filled - 1] != '\n')
		next(connection, end_connection, ABIO_E_ARGUMENT);
	else
		next(connection, opened,
		     abio->open(connection->server->loop->driver, text + 4, line.filled - 5, NULL,
				loop_begin(operation)));
}

static void accepted(struct operation *operation)
{
	struct server *server = (struct server *)operation;
	struct connection *connection = calloc(1, sizeof(*connection));

	if (operation->event.result < 0) {
		free(connection);
		return; /* cancelled: the listener is closed */
	}
	connection->server = server;
	connection->stream = operation->event.handle;
	abio->buffer_alloc(REQUEST_MAX, 0, 0, &connection->request);
	abio->buf_reader(connection->stream, REQUEST_MAX, 0, &connection->reader);
	next(connection, asked,
	     abio->read_line(connection->reader, connection->request, 0,
			     loop_begin(&connection->operation)));
	abio->accept(server->listener, 0, loop_begin(operation));
}

/* Listens on a port that the system picks, and says which address that is. */
static struct abio_address serve(struct loop *loop, struct server *server)
{
	struct abio_address address = { .size = sizeof(address),
					.family = ABIO_FAMILY_IPV4,
					.length = 4,
					.data = { 127, 0, 0, 1 } };
	struct abio_io_info info = { .size = sizeof(info) };

	*server = (struct server){ .accepting.step = accepted, .loop = loop };
	expect("listen", 0, abio->listen(loop->driver, &address, NULL, &server->listener));
	expect("accept", 0, abio->accept(server->listener, 0, loop_begin(&server->accepting)));
	expect("info", 0, abio->info(server->listener, &info));
	info.local.size = sizeof(info.local);
	return info.local;
}

/* ---- the client ------------------------------------------------------------------------------ */

struct client {
	struct operation operation;
	abio_io stream;
	uint64_t hash;
	char data[CHUNK];
};

/* As next() above; a client that has ended is looked at by show_sockets. */
static void go_on(struct client *client, void (*step)(struct operation *), int32_t started)
{
	client->operation.step = step;
	if (started < 0) {
		client->operation.event.result = started;
		client->operation.ended = true;
	}
}

static void read_on(struct operation *operation)
{
	struct client *client = (struct client *)operation;

	if (operation->event.result <= 0) /* 0 is the end of the stream, less an error */
		return;
	client->hash = digest(client->hash, client->data, (size_t)operation->event.result);
	go_on(client, read_on,
	      abio->read(client->stream, client->data, CHUNK, 0, loop_begin(operation)));
}

static void sent(struct operation *operation)
{
	struct client *client = (struct client *)operation;

	if (operation->event.result >= 0)
		go_on(client, read_on,
		      abio->read(client->stream, client->data, CHUNK, 0, loop_begin(operation)));
}

static void connected(struct operation *operation)
{
	static const char request[] = "GET lines\n";
	struct client *client = (struct client *)operation;

	client->stream = operation->event.handle;
	if (operation->event.result >= 0)
		go_on(client, sent,
		      abio->write_all(client->stream, request, sizeof(request) - 1, 0,
				      loop_begin(operation)));
}

static uint64_t digest_of_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint64_t hash = 0;
	char data[CHUNK];
	size_t length;

	while (file && (length = fread(data, 1, sizeof(data), file)) > 0)
		hash = digest(hash, data, length);
	if (file)
		fclose(file);
	return hash;
}

void show_sockets(struct loop *loop)
{
	struct client *clients = calloc(CLIENTS, sizeof(*clients));
	struct server server;
	struct abio_address address = serve(loop, &server);
	uint64_t expected = digest_of_file("lines");

	for (int i = 0; i < CLIENTS; i++) {
		clients[i].operation.step = connected;
		expect("connect", 0,
		       abio->connect(loop->driver, &address, NULL,
				     loop_begin(&clients[i].operation)));
	}
	/* A client has ended when an event of its was not followed by another start. */
	for (int i = 0; i < CLIENTS; i++) {
		while (!clients[i].operation.ended)
			loop_turn(loop);
		expect("the end of what a client reads", 0, clients[i].operation.event.result);
		expect("what a client fetched", 1, clients[i].hash == expected);
		expect("release of a client", 0, abio->release(clients[i].stream));
	}
	while (server.served < CLIENTS)
		loop_turn(loop);
	expect("release of the listener", 0, abio->release(server.listener));
	while (!server.accepting.ended)
		loop_turn(loop);
	expect("an accept after the listener's end", ABIO_E_CANCELED,
	       server.accepting.event.result);
	free(clients);
}
