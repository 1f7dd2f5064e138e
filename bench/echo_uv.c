/*
 * Echo server on libuv, in the way libuv is fast: reads into one shared buffer, replies with
 * uv_try_write, and only what the socket does not take is copied into a uv_write request.
 */
#include "serve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum {
	READ_SIZE = 65536
};

struct reply {
	uv_write_t request;
	char data[];
};

static char read_buffer[READ_SIZE];

static void check(const char *what, int code)
{
	if (code < 0)
		serve_die(what, -code);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	(void)handle;
	(void)suggested;
	*buffer = uv_buf_init(read_buffer, sizeof(read_buffer));
}

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

static void drop(uv_stream_t *stream)
{
	if (!uv_is_closing((uv_handle_t *)stream))
		uv_close((uv_handle_t *)stream, on_closed);
}

static void on_written(uv_write_t *request, int status)
{
	if (status < 0)
		drop(request->handle);
	free(request);
}

static void queue_rest(uv_stream_t *stream, const char *data, size_t length)
{
	struct reply *reply = malloc(sizeof(*reply) + length);
	uv_buf_t buffer;

	if (!reply)
		serve_die("malloc", ENOMEM);
	memcpy(reply->data, data, length);
	buffer = uv_buf_init(reply->data, (unsigned)length);
	check("uv_write", uv_write(&reply->request, stream, &buffer, 1, on_written));
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
	uv_buf_t out;
	int sent;

	if (got == 0)
		return;
	if (got < 0) {
		drop(stream);
		return;
	}
	out = uv_buf_init(buffer->base, (unsigned)got);
	sent = uv_try_write(stream, &out, 1);
	if (sent == UV_EAGAIN)
		sent = 0;
	if (sent < 0)
		drop(stream);
	else if (sent < got)
		queue_rest(stream, buffer->base + sent, (size_t)(got - sent));
}

static void on_connection(uv_stream_t *listener, int status)
{
	uv_tcp_t *connection = malloc(sizeof(*connection));

	check("listen", status);
	if (!connection)
		serve_die("malloc", ENOMEM);
	check("uv_tcp_init", uv_tcp_init(listener->loop, connection));
	check("uv_accept", uv_accept(listener, (uv_stream_t *)connection));
	check("uv_read_start", uv_read_start((uv_stream_t *)connection, on_alloc, on_read));
}

static void on_stop(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	uv_stop(poll->loop);
}

int main(int argc, char **argv)
{
	uv_loop_t *loop = uv_default_loop();
	uv_tcp_t listener;
	uv_poll_t stop;
	struct serve serve;

	serve_open(&serve, argc, argv, 0);
	check("uv_tcp_init", uv_tcp_init(loop, &listener));
	check("uv_tcp_open", uv_tcp_open(&listener, serve.listen_fd));
	check("uv_listen", uv_listen((uv_stream_t *)&listener, 4096, on_connection));
	check("uv_poll_init", uv_poll_init(loop, &stop, serve.stop_fd));
	check("uv_poll_start", uv_poll_start(&stop, UV_READABLE, on_stop));
	uv_run(loop, UV_RUN_DEFAULT);
	serve_report();
	return 0;
}
