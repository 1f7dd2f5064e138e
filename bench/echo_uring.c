/*
 * Echo server, hand-written for io_uring as its manual pages recommend for a single thread:
 * deferred task work, a registered ring fd, multishot accept into direct descriptors, multishot
 * receive into a ring of provided buffers, and replies sent straight from those buffers.
 *
 * A connection sends one buffer at a time, in order of arrival; buffers that wait hang in a list
 * through `buffers[].next`.  A receive that found no buffer is armed again when one comes back.
 */
#define _GNU_SOURCE
#include "serve.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	QUEUE = 4096,
	CONNECTIONS = 8192,
	BUFFERS = 4096, /* a power of two */
	BUFFER_SIZE = 4096,
	GROUP = 0,
	NO_BUFFER = -1,
};

enum op {
	OP_ACCEPT,
	OP_STOP,
	OP_RECEIVE,
	OP_SEND,
	OP_CLOSE
};

struct connection {
	int first; /* buffers that wait to be sent; the first is being sent */
	int last;
	unsigned sent; /* bytes of the first that are gone */
	bool receiving;
	bool starved;
	bool ended;
};

struct buffer {
	unsigned length;
	int next;
};

static struct io_uring ring;
static struct io_uring_buf_ring *pool;
static char *memory;
static int returned; /* buffers given back since the last turn */
static bool any_starved;
static struct buffer buffers[BUFFERS];
static struct connection connections[CONNECTIONS];

static struct io_uring_sqe *next_sqe(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	if (!sqe) {
		io_uring_submit(&ring);
		sqe = io_uring_get_sqe(&ring);
	}
	if (!sqe)
		serve_die("io_uring_get_sqe", EBUSY);
	return sqe;
}

/* Only after the prep function: some versions of liburing clear user_data there. */
static void tag(struct io_uring_sqe *sqe, enum op op, unsigned slot)
{
	io_uring_sqe_set_data64(sqe, (uint64_t)slot << 8 | op);
}

static void start_accept(int listen_fd)
{
	struct io_uring_sqe *sqe = next_sqe();

	io_uring_prep_multishot_accept_direct(sqe, listen_fd, NULL, NULL, 0);
	tag(sqe, OP_ACCEPT, 0);
}

static void start_receive(unsigned slot)
{
	struct io_uring_sqe *sqe = next_sqe();

	io_uring_prep_recv_multishot(sqe, (int)slot, NULL, 0, 0);
	sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	tag(sqe, OP_RECEIVE, slot);
	connections[slot].receiving = true;
}

static void start_send(unsigned slot)
{
	struct connection *connection = &connections[slot];
	struct io_uring_sqe *sqe = next_sqe();
	const char *data = memory + (size_t)connection->first * BUFFER_SIZE + connection->sent;

	io_uring_prep_send(sqe, (int)slot, data,
			   buffers[connection->first].length - connection->sent, MSG_NOSIGNAL);
	sqe->flags |= IOSQE_FIXED_FILE;
	tag(sqe, OP_SEND, slot);
}

static void start_close(unsigned slot)
{
	struct io_uring_sqe *sqe = next_sqe();

	io_uring_prep_close_direct(sqe, slot);
	tag(sqe, OP_CLOSE, slot);
}

static void give_back(int id)
{
	io_uring_buf_ring_add(pool, memory + (size_t)id * BUFFER_SIZE, BUFFER_SIZE,
			      (unsigned short)id, io_uring_buf_ring_mask(BUFFERS), returned++);
}

static void publish_returned(void)
{
	if (!returned)
		return;
	io_uring_buf_ring_advance(pool, returned);
	returned = 0;
	if (!any_starved)
		return;
	any_starved = false;
	for (unsigned slot = 0; slot < CONNECTIONS; slot++) {
		if (!connections[slot].starved)
			continue;
		connections[slot].starved = false;
		start_receive(slot);
	}
}

static void close_if_done(unsigned slot)
{
	struct connection *connection = &connections[slot];

	if (connection->ended && !connection->receiving && connection->first == NO_BUFFER)
		start_close(slot);
}

static void on_accept(const struct io_uring_cqe *cqe, int listen_fd)
{
	if (cqe->res < 0)
		serve_die("accept", -cqe->res);
	if (cqe->res >= CONNECTIONS)
		serve_die("accept", EMFILE);
	connections[cqe->res] = (struct connection){ .first = NO_BUFFER, .last = NO_BUFFER };
	start_receive((unsigned)cqe->res);
	if (!(cqe->flags & IORING_CQE_F_MORE))
		start_accept(listen_fd);
}

static void on_receive(const struct io_uring_cqe *cqe, unsigned slot)
{
	struct connection *connection = &connections[slot];

	connection->receiving = cqe->flags & IORING_CQE_F_MORE;
	if (cqe->res > 0) {
		int id = (int)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);

		buffers[id] = (struct buffer){ .length = (unsigned)cqe->res, .next = NO_BUFFER };
		if (connection->first == NO_BUFFER) {
			connection->first = id;
			connection->sent = 0;
			start_send(slot);
		} else {
			buffers[connection->last].next = id;
		}
		connection->last = id;
		if (!connection->receiving)
			start_receive(slot);
	} else if (cqe->res == -ENOBUFS) {
		connection->starved = true;
		any_starved = true;
	} else {
		connection->ended = true;
		close_if_done(slot);
	}
}

static void drop_waiting(struct connection *connection)
{
	while (connection->first != NO_BUFFER) {
		int id = connection->first;

		connection->first = buffers[id].next;
		give_back(id);
	}
}

static void on_send(const struct io_uring_cqe *cqe, unsigned slot)
{
	struct connection *connection = &connections[slot];
	int id = connection->first;

	if (cqe->res < 0) {
		drop_waiting(connection); /* the receive ends too, by the same broken connection */
		close_if_done(slot);
		return;
	}
	connection->sent += (unsigned)cqe->res;
	if (connection->sent == buffers[id].length) {
		connection->first = buffers[id].next;
		connection->sent = 0;
		give_back(id);
	}
	if (connection->first != NO_BUFFER)
		start_send(slot);
	else
		close_if_done(slot);
}

static bool on_cqe(const struct io_uring_cqe *cqe, const struct serve *serve)
{
	unsigned slot = (unsigned)(cqe->user_data >> 8);

	switch ((enum op)(cqe->user_data & 0xff)) {
	case OP_ACCEPT:
		on_accept(cqe, serve->listen_fd);
		break;
	case OP_RECEIVE:
		on_receive(cqe, slot);
		break;
	case OP_SEND:
		on_send(cqe, slot);
		break;
	case OP_CLOSE:
		break;
	case OP_STOP:
		return false;
	}
	return true;
}

static void check(const char *what, int code)
{
	if (code < 0)
		serve_die(what, -code);
}

static void make_ring(void)
{
	struct io_uring_params params = { .cq_entries = 4 * QUEUE };

	params.flags = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER |
		       IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
	check("io_uring_queue_init", io_uring_queue_init_params(QUEUE, &ring, &params));
	check("io_uring_register_ring_fd", io_uring_register_ring_fd(&ring));
	check("io_uring_register_files_sparse", io_uring_register_files_sparse(&ring, CONNECTIONS));
}

static void make_pool(void)
{
	struct io_uring_buf_reg registration = { .ring_entries = BUFFERS, .bgid = GROUP };
	void *entries;

	if (posix_memalign(&entries, 4096, BUFFERS * sizeof(struct io_uring_buf)))
		serve_die("posix_memalign", ENOMEM);
	memory = malloc((size_t)BUFFERS * BUFFER_SIZE);
	if (!memory)
		serve_die("malloc", ENOMEM);
	pool = entries;
	registration.ring_addr = (uintptr_t)entries;
	check("io_uring_register_buf_ring", io_uring_register_buf_ring(&ring, &registration, 0));
	io_uring_buf_ring_init(pool);
	for (int id = 0; id < BUFFERS; id++)
		give_back(id);
	publish_returned();
}

int main(int argc, char **argv)
{
	struct serve serve;
	bool running = true;
	struct io_uring_sqe *sqe;

	serve_open(&serve, argc, argv, 0);
	make_ring();
	make_pool();
	start_accept(serve.listen_fd);
	sqe = next_sqe();
	io_uring_prep_poll_add(sqe, serve.stop_fd, POLLIN);
	tag(sqe, OP_STOP, 0);
	while (running) {
		struct io_uring_cqe *cqe;
		unsigned head;
		unsigned count = 0;
		int code = io_uring_submit_and_wait(&ring, 1);

		if (code < 0 && code != -EINTR)
			serve_die("io_uring_submit_and_wait", -code);
		io_uring_for_each_cqe(&ring, head, cqe)
		{
			running = on_cqe(cqe, &serve) && running;
			count++;
		}
		io_uring_cq_advance(&ring, count);
		publish_returned();
	}
	serve_report();
	return 0;
}
