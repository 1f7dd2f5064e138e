/*
 * What the four echo servers of this directory share: a driver, a listening socket, and the counts
 * that each prints at its end.  How memory is held is the business of each.
 */
#ifndef SERVER_H
#define SERVER_H

#include <abio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CHUNK = 4096,
	ACCEPTING = 1 /* the token of the accept; connections use their own addresses */
};

struct server {
	abio_driver driver;
	abio_io listener;
	uint32_t expected; /* connections still to come */
	uint32_t open;
	uint64_t bytes;
	uint32_t buffers; /* held now */
	uint32_t most;    /* held at one time */
};

static inline int64_t must(int64_t result, const char *what)
{
	if (result >= 0 || result == ABIO_WOULD_BLOCK)
		return result;
	fprintf(stderr, "%s: %s\n", what, abio_error_text((int32_t)result));
	exit(1);
}

/* Listens on a port of the system's choice, and says which. */
static inline void server_open(struct server *server, int argc, char **argv)
{
	struct abio_address address = { .size = sizeof(address),
					.family = ABIO_FAMILY_IPV4,
					.length = 4,
					.data = { 127, 0, 0, 1 } };
	struct abio_io_info info = { .size = sizeof(info) };

	memset(server, 0, sizeof(*server));
	server->expected = argc > 1 ? (uint32_t)atoi(argv[1]) : 1;
	must(abio_driver_create(NULL, &server->driver), "driver");
	must(abio_listen(server->driver, &address, NULL, &server->listener), "listen");
	must(abio_info(server->listener, &info), "info");
	must(abio_accept(server->listener, 0, ACCEPTING), "accept");
	printf("listening on 127.0.0.1:%u\n", (unsigned)info.local.port);
	fflush(stdout);
}

/* False when all that was expected has come and gone. */
static inline int server_next(struct server *server, struct abio_event *event)
{
	if (server->expected == 0 && server->open == 0)
		return 0;
	must(abio_driver_wait(server->driver, event, sizeof(*event), 1, -1), "wait");
	return 1;
}

/* The accepted connection, and the next accept. */
static inline abio_io server_accepted(struct server *server, const struct abio_event *event)
{
	must(event->result, "accept");
	server->open++;
	if (--server->expected > 0)
		must(abio_accept(server->listener, 0, ACCEPTING), "accept");
	return event->handle;
}

static inline void server_holds(struct server *server, int change)
{
	server->buffers += (uint32_t)change;
	if (server->buffers > server->most)
		server->most = server->buffers;
}

static inline int server_end(struct server *server)
{
	struct abio_event event;

	abio_release(server->listener);
	abio_driver_shutdown(server->driver);
	while (abio_driver_close(server->driver) == ABIO_E_BUSY)
		abio_driver_wait(server->driver, &event, sizeof(event), 1, -1);
	printf("%llu bytes, at most %u buffers, %u left\n", (unsigned long long)server->bytes,
	       (unsigned)server->most, (unsigned)server->buffers);
	return 0;
}

#endif
