/*
 * Echo server, hand-written for epoll: what a careful C programmer writes without a library.
 * Level-triggered, one shared read buffer, the reply is sent at once; only what the socket does
 * not take is copied, and then the connection waits for room before it reads again.
 */
#define _GNU_SOURCE
#include "serve.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	READ_SIZE = 65536,
	EVENTS = 512
};

struct connection {
	int fd;
	char *rest; /* what the socket did not take; NULL when nothing waits */
	size_t rest_length;
	size_t rest_sent;
};

static char read_buffer[READ_SIZE];

static void watch(int epoll, int op, int fd, uint32_t events, void *data)
{
	struct epoll_event event = { .events = events, .data.ptr = data };

	if (epoll_ctl(epoll, op, fd, &event))
		serve_die("epoll_ctl", errno);
}

static void drop(struct connection *connection)
{
	close(connection->fd);
	free(connection->rest);
	free(connection);
}

static void accept_all(int epoll, int listen_fd)
{
	for (;;) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct connection *connection;

		if (fd < 0) {
			if (errno == EAGAIN)
				return;
			serve_die("accept4", errno);
		}
		connection = calloc(1, sizeof(*connection));
		if (!connection)
			serve_die("calloc", errno);
		connection->fd = fd;
		watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, connection);
	}
}

static void keep_rest(int epoll, struct connection *connection, const char *data, size_t length)
{
	connection->rest = malloc(length);
	if (!connection->rest)
		serve_die("malloc", errno);
	memcpy(connection->rest, data, length);
	connection->rest_length = length;
	connection->rest_sent = 0;
	watch(epoll, EPOLL_CTL_MOD, connection->fd, EPOLLOUT, connection);
}

static void send_rest(int epoll, struct connection *connection)
{
	ssize_t sent = send(connection->fd, connection->rest + connection->rest_sent,
			    connection->rest_length - connection->rest_sent, MSG_NOSIGNAL);

	if (sent < 0) {
		if (errno != EAGAIN)
			drop(connection);
		return;
	}
	connection->rest_sent += (size_t)sent;
	if (connection->rest_sent < connection->rest_length)
		return;
	free(connection->rest);
	connection->rest = NULL;
	watch(epoll, EPOLL_CTL_MOD, connection->fd, EPOLLIN, connection);
}

static void echo(int epoll, struct connection *connection)
{
	ssize_t got = recv(connection->fd, read_buffer, sizeof(read_buffer), 0);
	ssize_t sent;

	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		drop(connection);
		return;
	}
	sent = send(connection->fd, read_buffer, (size_t)got, MSG_NOSIGNAL);
	if (sent < 0) {
		if (errno != EAGAIN) {
			drop(connection);
			return;
		}
		sent = 0;
	}
	if (sent < got)
		keep_rest(epoll, connection, read_buffer + sent, (size_t)(got - sent));
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS];
	struct serve serve;
	bool stopping = false;
	int epoll;

	serve_open(&serve, argc, argv, 0);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		serve_die("epoll_create1", errno);
	watch(epoll, EPOLL_CTL_ADD, serve.listen_fd, EPOLLIN, &serve.listen_fd);
	watch(epoll, EPOLL_CTL_ADD, serve.stop_fd, EPOLLIN, &serve.stop_fd);
	while (!stopping) {
		int count = epoll_wait(epoll, events, EVENTS, -1);

		if (count < 0 && errno != EINTR)
			serve_die("epoll_wait", errno);
		for (int i = 0; i < count; i++) {
			void *source = events[i].data.ptr;

			if (source == &serve.listen_fd)
				accept_all(epoll, serve.listen_fd);
			else if (source == &serve.stop_fd)
				stopping = true;
			else if (((struct connection *)source)->rest)
				send_rest(epoll, source);
			else
				echo(epoll, source);
		}
	}
	serve_report();
	return 0;
}
