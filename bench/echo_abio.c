/*
 * Echo server on abio, as a program with a loop of its own would use it: an epoll loop that
 * watches the driver's one descriptor, and polls the driver until it has nothing more to say.
 *
 * --mode receive  the stream comes by abio_receive and leaves by abio_put (the default)
 * --mode read     abio_read into memory of the connection, then abio_write_all, in turn
 * --mode wait     as receive, but the program has no loop: it sleeps in abio_driver_wait
 * ABIO_BACKEND=uring|epoll chooses the backend, as in every program.
 *
 * A token is the address of the connection, with the kind of operation in the low bits.
 */
#define _GNU_SOURCE
#include "serve.h"

#include <abio.h>
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum {
	READ_SIZE = 65536,
	EVENTS = 512,
	ACCEPTS = 16
};

enum op {
	OP_ACCEPT,
	OP_STREAM,
	OP_FLUSH,
	OP_READ,
	OP_WRITE,
	OP_STOP,
	OP_MASK = 7
};

struct connection {
	uint64_t io;
	char *data; /* mode read: READ_SIZE bytes.  mode receive: what put did not take, else NULL
		     */
	uint32_t length;
	uint32_t put;
	bool ended;
};

static uint64_t driver;
static uint64_t listener;
static struct abio_event events[EVENTS];
static bool reads; /* --mode read */
static volatile sig_atomic_t stopping;

/* A refusal of the library has no errno: its name goes in front. */
static void check(const char *what, int32_t code)
{
	if (code >= 0)
		return;
	if (code > -4096)
		serve_die(what, -code);
	serve_die(abio_error_name(code), EINVAL);
}

static uint64_t token_of(struct connection *connection, enum op op)
{
	return (uint64_t)(uintptr_t)connection | op;
}

static void drop(struct connection *connection)
{
	abio_release(connection->io);
	free(connection->data);
	free(connection);
}

static void start_read(struct connection *connection)
{
	check("abio_read", abio_read(connection->io, connection->data, READ_SIZE, 0,
				     token_of(connection, OP_READ)));
}

static void on_accept(const struct abio_event *event)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	check("accept", (int32_t)event->result);
	check("abio_accept", abio_accept(listener, 0, OP_ACCEPT));
	if (!connection)
		serve_die("calloc", errno);
	connection->io = event->handle;
	if (!reads) {
		check("abio_receive",
		      abio_receive(connection->io, 0, token_of(connection, OP_STREAM)));
		return;
	}
	connection->data = malloc(READ_SIZE);
	if (!connection->data)
		serve_die("malloc", errno);
	start_read(connection);
}

/* The high-water mark is reached: keep the rest, stop the stream, and go on after a flush. */
static void keep_rest(struct connection *connection, const char *data, uint32_t length)
{
	char *grown = realloc(connection->data, (size_t)connection->length + length);

	if (!grown)
		serve_die("realloc", errno);
	memcpy(grown + connection->length, data, length);
	connection->data = grown;
	connection->length += length;
}

static void wait_for_room(struct connection *connection)
{
	check("abio_flush", abio_flush(connection->io, 0, token_of(connection, OP_FLUSH)));
}

static void on_stream_end(struct connection *connection)
{
	connection->ended = true;
	if (!connection->data)
		drop(connection);
}

static void on_stream(struct connection *connection, const struct abio_event *event)
{
	const char *data = (const char *)(uintptr_t)event->data;
	uint32_t length = (uint32_t)event->result;
	int32_t taken;

	if (!(event->flags & ABIO_EVENT_MORE)) {
		on_stream_end(connection);
		return;
	}
	if (connection->data) {
		keep_rest(connection, data, length);
		return;
	}
	taken = abio_put(connection->io, data, length);
	if (taken == (int32_t)length || (taken < 0 && taken != ABIO_WOULD_BLOCK))
		return; /* a broken connection ends its stream by itself */
	if (taken < 0)
		taken = 0;
	keep_rest(connection, data + taken, length - (uint32_t)taken);
	check("abio_receive_pause", abio_receive_pause(connection->io));
	wait_for_room(connection);
}

static void on_flush(struct connection *connection, const struct abio_event *event)
{
	int32_t taken = -EPIPE;

	if (event->result >= 0)
		taken = abio_put(connection->io, connection->data + connection->put,
				 connection->length - connection->put);
	if (taken >= 0 || taken == ABIO_WOULD_BLOCK) {
		connection->put += taken > 0 ? (uint32_t)taken : 0;
		if (connection->put < connection->length) {
			wait_for_room(connection);
			return;
		}
	}
	free(connection->data);
	connection->data = NULL;
	connection->length = 0;
	connection->put = 0;
	if (connection->ended)
		drop(connection);
	else
		check("abio_receive_resume", abio_receive_resume(connection->io));
}

static void on_read(struct connection *connection, const struct abio_event *event)
{
	if (event->result <= 0)
		drop(connection);
	else
		check("abio_write_all",
		      abio_write_all(connection->io, connection->data, (uint32_t)event->result, 0,
				     token_of(connection, OP_WRITE)));
}

static void on_write(struct connection *connection, const struct abio_event *event)
{
	if (event->result < 0)
		drop(connection);
	else
		start_read(connection);
}

static void on_event(const struct abio_event *event)
{
	struct connection *connection = (struct connection *)(uintptr_t)(event->token &
									 ~(uint64_t)OP_MASK);

	switch ((enum op)(event->token & OP_MASK)) {
	case OP_ACCEPT:
		on_accept(event);
		break;
	case OP_STREAM:
		on_stream(connection, event);
		break;
	case OP_FLUSH:
		on_flush(connection, event);
		break;
	case OP_READ:
		on_read(connection, event);
		break;
	case OP_WRITE:
		on_write(connection, event);
		break;
	case OP_MASK:
		break;
	}
}

static void on_events(int32_t count)
{
	for (int32_t i = 0; i < count; i++)
		if (!(events[i].flags & ABIO_EVENT_WAKE))
			on_event(&events[i]);
}

static void announce(void)
{
	struct abio_driver_state state = { .size = sizeof(state) };
	struct abio_io_info info = { .size = sizeof(info) };

	info.local.size = sizeof(info.local);
	info.peer.size = sizeof(info.peer);
	check("abio_driver_info", abio_driver_info(driver, &state));
	check("abio_info", abio_info(listener, &info));
	serve_announce(info.local.port, (const char *)state.reason);
}

static void listen_and_accept(void)
{
	struct abio_listen_options options = { .size = sizeof(options), .backlog = 4096 };
	struct abio_address address = { .size = sizeof(address), .family = ABIO_FAMILY_IPV4 };
	const uint32_t loopback = htonl(INADDR_LOOPBACK);

	address.length = sizeof(loopback);
	memcpy(address.data, &loopback, sizeof(loopback));
	check("abio_driver_create", abio_driver_create(NULL, &driver));
	check("abio_listen", abio_listen(driver, &address, &options, &listener));
	for (int i = 0; i < ACCEPTS; i++)
		check("abio_accept", abio_accept(listener, 0, OP_ACCEPT));
}

static void watch(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		serve_die("epoll_ctl", errno);
}

static void run_epoll(int stop_fd)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0)
		serve_die("epoll_create1", errno);
	watch(epoll, abio_driver_fd(driver));
	watch(epoll, stop_fd);
	while (!stopping) {
		struct epoll_event ready[2];
		int count = epoll_wait(epoll, ready, 2, -1);
		int32_t polled;

		if (count < 0 && errno != EINTR)
			serve_die("epoll_wait", errno);
		for (int i = 0; i < count; i++)
			stopping |= ready[i].data.fd == stop_fd;
		while ((polled = abio_driver_poll(driver, events, sizeof(*events), EVENTS)) > 0)
			on_events(polled);
		check("abio_driver_poll", polled);
	}
}

static void on_signal(int number)
{
	(void)number;
	stopping = true;
	abio_driver_wake(driver);
}

/* No loop, hence nobody who would watch a descriptor for SIGTERM: the driver is woken instead. */
static void run_wait(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	if (sigaction(SIGTERM, &action, NULL) || sigprocmask(SIG_UNBLOCK, &set, NULL))
		serve_die("sigaction", errno);
	while (!stopping) {
		int32_t count = abio_driver_wait(driver, events, sizeof(*events), EVENTS, -1);

		check("abio_driver_wait", count);
		on_events(count);
	}
}

int main(int argc, char **argv)
{
	struct serve serve;

	serve_open(&serve, argc, argv, SERVE_OWN_LISTENER);
	reads = !strcmp(serve.mode, "read");
	listen_and_accept();
	announce();
	if (!strcmp(serve.mode, "wait"))
		run_wait();
	else
		run_epoll(serve.stop_fd);
	serve_report();
	return 0;
}
