/*
 * Datagram sockets, UDP and Unix: one message for each receive and each send, with its address;
 * many waiting in each direction, in order; and what Read, Write and Ready mean on them.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness.h"

enum {
	MANY = 40,
	ROOM = 256
};

static struct abio_address loopback(uint32_t port)
{
	return (struct abio_address){ .size = sizeof(struct abio_address),
				      .family = ABIO_FAMILY_IPV4,
				      .port = port,
				      .length = 4,
				      .data = { 127, 0, 0, 1 } };
}

/* Of a path where nothing is. */
static struct abio_address unix_address(const char *path)
{
	struct abio_address address = { .size = sizeof(address),
					.family = ABIO_FAMILY_UNIX,
					.length = (uint32_t)strlen(path) };

	unlink(path);
	memcpy(address.data, path, strlen(path));
	return address;
}

/* Until the next but one. */
static const struct abio_io_info *info_of(abio_io io)
{
	static struct abio_io_info infos[2];
	static int next;
	struct abio_io_info *info = &infos[next++ % 2];

	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	assert_int_equal(abio_info(io, info), 0);
	return info;
}

static abio_io make(struct test *t, const struct abio_address *local,
		    const struct abio_address *peer)
{
	abio_io io = 0;

	assert_int_equal(abio_datagram(t->driver, local, peer, 0, &io), 0);
	test_own(t, io);
	return io;
}

static abio_io bound(struct test *t, struct abio_address *address)
{
	struct abio_address any = loopback(0);
	abio_io io = make(t, &any, NULL);

	*address = info_of(io)->local;
	return io;
}

/* A socket whose peer is the other one; the other takes from everybody. */
static abio_io connected(struct test *t, abio_io *other)
{
	struct abio_address address;

	*other = bound(t, &address);
	return make(t, NULL, &address);
}

static uint64_t receive(struct test *t, abio_io io, void *data, uint32_t length,
			struct abio_address *from)
{
	test_lend(t, data, length);
	return START(t, abio_receive_from, io, data, length, from, 0);
}

static uint64_t send_to(struct test *t, abio_io io, const void *data, uint32_t length,
			const struct abio_address *to)
{
	return START(t, abio_send_to, io, data, length, to, 0);
}

static void assert_same(const struct abio_address *one, const struct abio_address *other)
{
	assert_int_equal(one->family, other->family);
	assert_int_equal(one->port, other->port);
	assert_int_equal(one->length, other->length);
	assert_memory_equal(one->data, other->data, one->length);
}

/* ---- messages and addresses ------------------------------------------------------------------ */

static void a_message_arrives_with_its_sender(struct test *t)
{
	struct abio_address *from = test_memory(t, sizeof(*from));
	struct abio_address here;
	struct abio_address there;
	abio_io one = bound(t, &here);
	abio_io two = bound(t, &there);
	char *data = test_memory(t, ROOM);
	struct abio_event event;
	uint64_t waiting;

	from->size = sizeof(*from);
	waiting = receive(t, two, data, ROOM, from);
	test_quiet(t);
	assert_int_equal(test_result(t, send_to(t, one, "hello", 5, &there)), 5);
	event = test_finish(t, waiting);
	assert_int_equal(event.result, 5);
	assert_int_equal(event.progress, 5);
	assert_int_equal(event.flags, 0);
	assert_memory_equal(data, "hello", 5);
	assert_same(from, &here);
	assert_int_equal(from->size, sizeof(*from));
}

static void each_receive_takes_one_message(struct test *t)
{
	struct abio_address there;
	abio_io to = bound(t, &there);
	abio_io from = make(t, NULL, &there);
	char *data = test_memory(t, ROOM);

	assert_int_equal(abio_try_send_to(from, "one", 3, NULL, 0), 3);
	assert_int_equal(abio_try_send_to(from, "three", 5, NULL, 0), 5);
	assert_int_equal(test_result(t, receive(t, to, data, ROOM, NULL)), 3);
	assert_memory_equal(data, "one", 3);
	assert_int_equal(test_result(t, receive(t, to, data, ROOM, NULL)), 5);
	assert_memory_equal(data, "three", 5);
}

static void try_answers_at_once(struct test *t)
{
	struct abio_address from = { .size = sizeof(from) };
	struct abio_address here;
	struct abio_address there;
	abio_io one = bound(t, &here);
	abio_io two = bound(t, &there);
	char data[8];

	assert_int_equal(abio_try_receive_from(two, data, 8, &from, 0), ABIO_WOULD_BLOCK);
	assert_int_equal(from.family, 0);
	assert_int_equal(abio_try_send_to(one, "word", 4, &there, 0), 4);
	assert_int_equal(abio_try_receive_from(two, data, 8, &from, 0), 4);
	assert_memory_equal(data, "word", 4);
	assert_same(&from, &here);
	assert_int_equal(abio_try_receive_from(two, data, 8, NULL, 0), ABIO_WOULD_BLOCK);
}

static void many_receives_are_served_in_order(struct test *t)
{
	abio_io to;
	abio_io from = connected(t, &to);
	uint64_t tokens[MANY];
	char *data = test_memory(t, MANY);

	for (int i = 0; i < MANY; i++)
		tokens[i] = receive(t, to, data + i, 1, NULL);
	test_quiet(t);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(abio_try_send_to(from, &(char){ (char)('A' + i) }, 1, NULL, 0), 1);
	for (int i = 0; i < MANY; i++) {
		struct abio_event event = test_event(t);

		assert_int_equal(event.token, tokens[i]);
		assert_int_equal(event.result, 1);
		assert_int_equal(data[i], 'A' + i);
	}
}

static void many_sends_go_out_in_order(struct test *t)
{
	abio_io to;
	abio_io from = connected(t, &to);
	uint64_t tokens[MANY];
	char *data = test_memory(t, MANY);
	char got = 0;

	for (int i = 0; i < MANY; i++) {
		data[i] = (char)('A' + i);
		tokens[i] = send_to(t, from, data + i, 1, NULL);
	}
	for (int i = 0; i < MANY; i++)
		assert_int_equal(test_result(t, tokens[i]), 1);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(abio_try_receive_from(to, &got, 1, NULL, 0), 1);
		assert_int_equal(got, 'A' + i);
	}
}

static void both_directions_go_on_at_once(struct test *t)
{
	struct abio_address here;
	struct abio_address there;
	abio_io one = bound(t, &here);
	abio_io two = bound(t, &there);
	char *data = test_memory(t, 2 * ROOM);
	uint64_t first = receive(t, one, data, ROOM, NULL);
	uint64_t second = receive(t, two, data + ROOM, ROOM, NULL);

	assert_int_equal(test_result(t, send_to(t, one, "there", 5, &there)), 5);
	assert_int_equal(test_result(t, send_to(t, two, "back", 4, &here)), 4);
	assert_int_equal(test_result(t, first), 4);
	assert_int_equal(test_result(t, second), 5);
}

static void an_empty_message_is_a_message(struct test *t)
{
	abio_io to;
	abio_io from = connected(t, &to);
	char *data = test_memory(t, ROOM);
	uint64_t waiting = receive(t, to, data, ROOM, NULL);
	struct abio_event event;

	test_quiet(t);
	assert_int_equal(test_result(t, send_to(t, from, NULL, 0, NULL)), 0);
	event = test_finish(t, waiting);
	assert_int_equal(event.result, 0);
	assert_int_equal(event.flags, 0);
	assert_int_equal(abio_try_send_to(from, "x", 0, NULL, 0), 0);
	assert_int_equal(abio_try_receive_from(to, data, ROOM, NULL, 0), 0);
	assert_int_equal(abio_try_receive_from(to, data, ROOM, NULL, 0), ABIO_WOULD_BLOCK);
}

static void a_message_that_is_too_long_is_cut_and_said_so(struct test *t)
{
	abio_io to;
	abio_io from = connected(t, &to);
	char *data = test_memory(t, 8);
	uint64_t waiting = receive(t, to, data, 3, NULL);
	struct abio_event event;

	test_quiet(t);
	assert_int_equal(abio_try_send_to(from, "abcdef", 6, NULL, 0), 6);
	event = test_finish(t, waiting);
	assert_int_equal(event.result, 3);
	assert_int_equal(event.flags, ABIO_EVENT_TRUNCATED);
	assert_memory_equal(data, "abc\0\0", 5);
	assert_int_equal(abio_try_send_to(from, "next", 4, NULL, 0), 4);
	event = test_finish(t, receive(t, to, data, 8, NULL));
	assert_int_equal(event.result, 4);
	assert_int_equal(event.flags, 0);
}

static void no_memory_at_all_takes_a_message_away(struct test *t)
{
	abio_io to;
	abio_io from = connected(t, &to);
	uint64_t waiting = receive(t, to, NULL, 0, NULL);
	struct abio_event event;

	test_quiet(t);
	assert_int_equal(abio_try_send_to(from, "gone", 4, NULL, 0), 4);
	event = test_finish(t, waiting);
	assert_int_equal(event.result, 0);
	assert_int_equal(event.flags, ABIO_EVENT_TRUNCATED);
}

static void a_message_that_no_datagram_holds_is_refused_by_the_system(struct test *t)
{
	abio_io to;
	abio_io from = connected(t, &to);
	char *data = test_memory(t, 70000);
	struct abio_event event = test_finish(t, send_to(t, from, data, 70000, NULL));

	assert_int_equal(event.result, -EMSGSIZE);
	assert_int_equal(event.progress, 0);
	assert_int_equal(abio_try_send_to(from, data, 70000, NULL, 0), -EMSGSIZE);
	assert_int_equal(abio_try_send_to(from, data, 10, NULL, 0), 10);
}

static void without_an_address_only_a_connected_one_sends(struct test *t)
{
	struct abio_address here;
	abio_io one = bound(t, &here);

	assert_int_equal(test_result(t, send_to(t, one, "x", 1, NULL)), -EDESTADDRREQ);
	assert_int_equal(abio_try_send_to(one, "x", 1, NULL, 0), -EDESTADDRREQ);
}

static void nobody_there_is_told_later(struct test *t)
{
	struct abio_address there;
	abio_io to = bound(t, &there);
	abio_io from = make(t, NULL, &there);
	char *data = test_memory(t, ROOM);
	uint64_t waiting = receive(t, from, data, ROOM, NULL);

	assert_int_equal(test_result(t, START(t, abio_close, to, 0)), 0);
	assert_int_equal(test_result(t, send_to(t, from, "anyone", 6, NULL)), 6);
	assert_int_equal(test_result(t, waiting), -ECONNREFUSED);
	/* It is told once; the socket goes on. */
	assert_int_equal(abio_try_receive_from(from, data, ROOM, NULL, 0), ABIO_WOULD_BLOCK);
}

static void addresses_are_checked(struct test *t)
{
	struct abio_address bad = loopback(1);
	struct abio_address other = unix_address("/nowhere");
	struct abio_address good = loopback(0);
	struct abio_address none = { .size = sizeof(none) };
	struct abio_address here;
	abio_io one = bound(t, &here);
	abio_io io = 0;

	bad.length = 5;
	assert_int_equal(abio_try_send_to(one, "x", 1, &bad, 0), ABIO_E_ARGUMENT);
	assert_int_equal(abio_send_to(one, "x", 1, &bad, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_datagram(t->driver, &bad, NULL, 0, &io), ABIO_E_ARGUMENT);
	assert_int_equal(abio_datagram(t->driver, NULL, &bad, 0, &io), ABIO_E_ARGUMENT);
	assert_int_equal(abio_datagram(t->driver, NULL, NULL, 0, &io), ABIO_E_ARGUMENT);
	assert_int_equal(abio_datagram(t->driver, &none, &none, 0, &io), ABIO_E_ARGUMENT);
	assert_int_equal(abio_datagram(t->driver, &good, &other, 0, &io), ABIO_E_ARGUMENT);
	assert_int_equal(abio_datagram(t->driver, &good, NULL, 8, &io), ABIO_E_ARGUMENT);
	assert_int_equal(abio_datagram(t->driver, NULL, &other, 0, &io), -ENOENT);
	assert_int_equal(abio_datagram(t->driver, &here, NULL, 0, &io), -EADDRINUSE);
	assert_int_equal(io, 0);
}

static void info_tells_both_addresses(struct test *t)
{
	struct abio_address there;
	abio_io to = bound(t, &there);
	abio_io from = make(t, NULL, &there);

	assert_int_equal(info_of(to)->kind, ABIO_KIND_UDP);
	assert_int_equal(info_of(to)->peer.family, ABIO_FAMILY_NONE);
	assert_true(info_of(to)->local.port > 0);
	assert_same(&info_of(from)->peer, &there);
	assert_int_equal(info_of(from)->local.family, ABIO_FAMILY_IPV4);
	assert_true(info_of(from)->fd >= 0);
}

static void a_port_is_shared_when_both_ask(struct test *t)
{
	struct abio_address any = loopback(0);
	abio_io one = 0;
	abio_io two = 0;

	assert_int_equal(abio_datagram(t->driver, &any, NULL, ABIO_DATAGRAM_REUSE_PORT, &one), 0);
	test_own(t, one);
	any = info_of(one)->local;
	assert_int_equal(abio_datagram(t->driver, &any, NULL, ABIO_DATAGRAM_REUSE_PORT, &two), 0);
	test_own(t, two);
}

static void broadcasts_must_be_asked_for(struct test *t)
{
	struct abio_address any = loopback(0);
	struct abio_address all = loopback(9);
	int value = 0;
	socklen_t length = sizeof(value);
	abio_io one = 0;

	memset(all.data, 255, 4);
	assert_int_equal(abio_datagram(t->driver, &any, NULL, 0, &one), 0);
	test_own(t, one);
	assert_int_equal(abio_try_send_to(one, "x", 1, &all, 0), -EACCES);
	assert_int_equal(abio_datagram(t->driver, &any, NULL, ABIO_DATAGRAM_BROADCAST, &one), 0);
	test_own(t, one);
	assert_int_equal(getsockopt(test_fd_of(one), SOL_SOCKET, SO_BROADCAST, &value, &length), 0);
	assert_int_equal(value, 1);
}

static void ipv6_works(struct test *t)
{
	struct abio_address any = {
		.size = sizeof(any), .family = ABIO_FAMILY_IPV6, .length = 16, .data = { [15] = 1 }
	};
	struct abio_address *from = test_memory(t, sizeof(*from));
	char *data = test_memory(t, ROOM);
	abio_io one = 0;
	abio_io two;
	struct abio_address there;
	int32_t error = abio_datagram(t->driver, &any, NULL, ABIO_DATAGRAM_ONLY_IPV6, &one);

	if (error == -EADDRNOTAVAIL || error == -EAFNOSUPPORT)
		test_skip(t, "no IPv6 here");
	assert_int_equal(error, 0);
	test_own(t, one);
	there = info_of(one)->local;
	two = make(t, NULL, &there);
	from->size = sizeof(*from);
	assert_int_equal(test_result(t, send_to(t, two, "six", 3, NULL)), 3);
	assert_int_equal(test_result(t, receive(t, one, data, ROOM, from)), 3);
	assert_int_equal(from->family, ABIO_FAMILY_IPV6);
	assert_same(from, &info_of(two)->local);
}

/* ---- cancelling and closing ------------------------------------------------------------------ */

static void cancelling_takes_no_message_away(struct test *t)
{
	abio_io to;
	abio_io from = connected(t, &to);
	char *data = test_memory(t, 3 * ROOM);
	uint64_t tokens[3];

	for (int i = 0; i < 3; i++)
		tokens[i] = receive(t, to, data + i * ROOM, ROOM, NULL);
	test_quiet(t);
	/* Out of the middle, then the first. */
	assert_int_equal(abio_cancel(to, tokens[1]), 1);
	assert_int_equal(test_result(t, tokens[1]), ABIO_E_CANCELED);
	assert_int_equal(abio_cancel(t->driver, tokens[0]), 1);
	assert_int_equal(test_result(t, tokens[0]), ABIO_E_CANCELED);
	assert_int_equal(abio_try_send_to(from, "kept", 4, NULL, 0), 4);
	assert_int_equal(test_result(t, tokens[2]), 4);
	assert_memory_equal(data + 2 * ROOM, "kept", 4);
}

static void a_message_is_delivered_or_still_there(struct test *t)
{
	abio_io to;
	abio_io from = connected(t, &to);
	char *data = test_memory(t, ROOM);

	for (int i = 0; i < 50; i++) {
		uint64_t token = receive(t, to, data, ROOM, NULL);
		struct abio_event event;

		if (i % 2 != 0)
			test_quiet(t);
		assert_int_equal(abio_try_send_to(from, "data", 4, NULL, 0), 4);
		if (i % 3 == 0)
			assert_int_equal(abio_driver_submit(t->driver), 0);
		abio_cancel(to, token);
		event = test_finish(t, token);
		if (event.result == ABIO_E_CANCELED) {
			assert_int_equal(event.progress, 0);
			assert_int_equal(abio_try_receive_from(to, data, ROOM, NULL, 0), 4);
		} else {
			assert_int_equal(event.result, 4);
			assert_int_equal(abio_try_receive_from(to, data, ROOM, NULL, 0),
					 ABIO_WOULD_BLOCK);
		}
	}
}

static void closing_ends_all_that_wait(struct test *t)
{
	struct abio_address here;
	abio_io one = bound(t, &here);
	char *data = test_memory(t, MANY);
	uint64_t tokens[MANY];
	uint64_t end;

	for (int i = 0; i < MANY; i++)
		tokens[i] = receive(t, one, data + i, 1, NULL);
	test_quiet(t);
	end = START(t, abio_close, one, 0);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(test_result(t, tokens[i]), ABIO_E_CANCELED);
	assert_int_equal(test_result(t, end), 0);
	assert_int_equal(abio_try_receive_from(one, data, 1, NULL, 0), ABIO_E_CLOSED);
}

static void releasing_ends_all_that_wait(struct test *t)
{
	struct abio_address any = loopback(0);
	char *data = test_memory(t, MANY);
	uint64_t tokens[MANY];
	abio_io one = 0;

	assert_int_equal(abio_datagram(t->driver, &any, NULL, 0, &one), 0);
	for (int i = 0; i < MANY; i++)
		tokens[i] = receive(t, one, data + i, 1, NULL);
	assert_int_equal(abio_release(one), 0);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(test_result(t, tokens[i]), ABIO_E_CANCELED);
}

static void a_driver_that_shuts_down_ends_all_that_wait(struct test *t)
{
	struct abio_address here;
	abio_io one = bound(t, &here);
	char *data = test_memory(t, MANY);
	uint64_t tokens[MANY];

	for (int i = 0; i < MANY; i++)
		tokens[i] = receive(t, one, data + i, 1, NULL);
	test_quiet(t);
	assert_true(abio_driver_shutdown(t->driver) >= 0);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(test_result(t, tokens[i]), ABIO_E_CANCELED);
}

static void those_that_wait_are_not_overtaken(struct test *t)
{
	abio_io to;
	abio_io from = connected(t, &to);
	char *data = test_memory(t, ROOM);
	uint64_t waiting = receive(t, to, data, ROOM, NULL);

	assert_int_equal(abio_try_receive_from(to, data, 1, NULL, 0), ABIO_E_BUSY);
	assert_int_equal(abio_try_read(to, data, 1, 0), ABIO_E_BUSY);
	assert_int_equal(abio_try_send_to(from, "mine", 4, NULL, 0), 4);
	assert_int_equal(test_result(t, waiting), 4);
	assert_int_equal(abio_try_receive_from(to, data, 1, NULL, 0), ABIO_WOULD_BLOCK);
}

static void a_socket_moves_to_another_driver(struct test *t)
{
	struct abio_address there;
	abio_io to = bound(t, &there);
	abio_io from = make(t, NULL, &there);
	abio_driver other = test_driver(t, 0);
	char *data = test_memory(t, ROOM);
	abio_io moved = 0;
	uint64_t waiting;

	assert_int_equal(test_result(t, send_to(t, from, "1", 1, NULL)), 1);
	assert_int_equal(test_result(t, receive(t, to, data, ROOM, NULL)), 1);
	waiting = receive(t, to, data, ROOM, NULL);
	assert_int_equal(abio_move(to, other, &moved), ABIO_E_BUSY);
	abio_cancel(to, waiting);
	assert_int_equal(test_result(t, waiting), ABIO_E_CANCELED);
	assert_int_equal(abio_move(to, other, &moved), 0);
	test_own(t, moved);
	assert_int_equal(abio_try_send_to(from, "22", 2, NULL, 0), 2);
	waiting = receive(t, moved, data, ROOM, NULL);
	assert_int_equal(test_finish_on(t, other, waiting).result, 2);
}

/* ---- Unix ------------------------------------------------------------------------------------ */

static void unix_datagrams_have_paths(struct test *t)
{
	struct abio_address first = unix_address(test_path(t));
	struct abio_address second = unix_address(test_path(t));
	struct abio_address *from = test_memory(t, sizeof(*from));
	char *data = test_memory(t, ROOM);
	abio_io one = make(t, &first, NULL);
	abio_io two = make(t, &second, &first);

	from->size = sizeof(*from);
	assert_int_equal(info_of(one)->kind, ABIO_KIND_UNIX_DATAGRAM);
	assert_same(&info_of(two)->peer, &first);
	assert_int_equal(test_result(t, send_to(t, two, "local", 5, NULL)), 5);
	assert_int_equal(test_result(t, receive(t, one, data, ROOM, from)), 5);
	assert_same(from, &second);
	assert_int_equal(test_result(t, send_to(t, one, "reply", 5, from)), 5);
	assert_int_equal(test_result(t, receive(t, two, data, ROOM, NULL)), 5);
	assert_memory_equal(data, "reply", 5);
}

static void a_nameless_sender_has_no_address(struct test *t)
{
	struct abio_address there = unix_address(test_path(t));
	struct abio_address *from = test_memory(t, sizeof(*from));
	abio_io one = make(t, &there, NULL);
	abio_io two = make(t, NULL, &there);
	char *data = test_memory(t, ROOM);

	from->size = sizeof(*from);
	from->family = 77;
	assert_int_equal(test_result(t, send_to(t, two, "who", 3, NULL)), 3);
	assert_int_equal(test_result(t, receive(t, one, data, ROOM, from)), 3);
	assert_int_equal(from->length, 0);
	assert_true(from->family == ABIO_FAMILY_NONE || from->family == ABIO_FAMILY_UNIX);
}

/* The system says "not now" and gives no readiness for it: asked again until there is room. */
static void a_full_queue_of_a_stranger_is_waited_for(struct test *t)
{
	struct abio_address there = unix_address(test_path(t));
	struct abio_address here = unix_address(test_path(t));
	abio_io to = make(t, &there, NULL);
	abio_io from = make(t, &here, NULL);
	char *data = test_memory(t, ROOM);
	uint32_t sent = 0;
	uint64_t waiting;
	uint64_t more;

	while (abio_try_send_to(from, "full", 4, &there, 0) == 4)
		sent++;
	assert_true(sent > 0);
	waiting = send_to(t, from, "late", 4, &there);
	more = send_to(t, from, "gone", 4, &there);
	test_quiet(t);
	assert_int_equal(abio_cancel(from, more), 1);
	assert_int_equal(test_result(t, more), ABIO_E_CANCELED);
	for (uint32_t i = 0; i < sent; i++)
		assert_int_equal(abio_try_receive_from(to, data, ROOM, NULL, 0), 4);
	assert_int_equal(test_result(t, waiting), 4);
	assert_int_equal(abio_try_receive_from(to, data, ROOM, NULL, 0), 4);
	assert_memory_equal(data, "late", 4);
	assert_int_equal(abio_try_receive_from(to, data, ROOM, NULL, 0), ABIO_WOULD_BLOCK);
}

static void a_wait_for_room_is_cancelled(struct test *t)
{
	struct abio_address there = unix_address(test_path(t));
	abio_io to = make(t, &there, NULL);
	abio_io from = make(t, NULL, &there);
	uint64_t waiting;

	(void)to;
	while (abio_try_write(from, "full", 4, 0) == 4)
		continue;
	assert_int_equal(abio_try_write(from, "full", 4, 0), ABIO_WOULD_BLOCK);
	waiting = send_to(t, from, "late", 4, NULL);
	test_quiet(t);
	assert_int_equal(abio_cancel(from, waiting), 1);
	assert_int_equal(test_result(t, waiting), ABIO_E_CANCELED);
}

/* ---- Read, Write, Ready, buffers ------------------------------------------------------------- */

static void read_and_write_move_messages(struct test *t)
{
	abio_io to;
	abio_io from = connected(t, &to);
	char *data = test_memory(t, ROOM);
	struct abio_iovec pieces[2] = { { data, 2 }, { data + 16, 100 } };
	const struct abio_iovec words[2] = { { "four", 4 }, { "teen", 4 } };
	uint64_t first = test_read(t, to, data + 64, 64);
	uint64_t second = test_readv(t, to, pieces, 2);

	assert_int_equal(test_result(t, START(t, abio_write, from, "one", 3, 0)), 3);
	assert_int_equal(test_result(t, START(t, abio_writev, from, words, 2, 0)), 8);
	assert_int_equal(test_result(t, first), 3);
	assert_memory_equal(data + 64, "one", 3);
	assert_int_equal(test_result(t, second), 8);
	assert_memory_equal(data, "fo", 2);
	assert_memory_equal(data + 16, "urteen", 6);
	assert_int_equal(abio_try_write(from, "try", 3, 0), 3);
	assert_int_equal(abio_try_writev(from, words, 2, 0), 8);
	assert_int_equal(abio_try_read(to, data, ROOM, 0), 3);
	assert_int_equal(abio_try_readv(to, pieces, 2, 0), 8);
	assert_int_equal(abio_try_readv(to, pieces, 2, 0), ABIO_WOULD_BLOCK);
}

static void a_transfer_of_nothing_moves_no_message(struct test *t)
{
	abio_io to;
	abio_io from = connected(t, &to);
	char data[4];

	assert_int_equal(test_result(t, START(t, abio_write, from, NULL, 0, 0)), 0);
	assert_int_equal(abio_try_write(from, NULL, 0, 0), 0);
	assert_int_equal(abio_try_read(to, NULL, 0, 0), 0);
	assert_int_equal(test_result(t, START(t, abio_read, to, NULL, 0, 0)), 0);
	assert_int_equal(abio_try_receive_from(to, data, 4, NULL, 0), ABIO_WOULD_BLOCK);
}

static void inline_starts_answer_at_once(struct test *t)
{
	abio_io to;
	abio_io from = connected(t, &to);
	char *data = test_memory(t, ROOM);
	uint64_t token = 0;

	assert_int_equal(START_INLINE(t, &token, abio_write, from, "now", 3), 3);
	assert_int_equal(START_INLINE(t, &token, abio_read, to, data, ROOM), 3);
	assert_int_equal(START_INLINE(t, &token, abio_read, to, data, ROOM), ABIO_PENDING);
	assert_int_equal(abio_try_write(from, "later", 5, 0), 5);
	assert_int_equal(test_result(t, token), 5);
	/* Only an event can say that something was cut off. */
	assert_int_equal(abio_try_write(from, "later", 5, 0), 5);
	assert_int_equal(START_INLINE(t, &token, abio_read, to, data, 2), ABIO_PENDING);
	assert_int_equal(test_finish(t, token).flags, ABIO_EVENT_TRUNCATED);
}

static void readiness_is_told(struct test *t)
{
	abio_io to;
	abio_io from = connected(t, &to);
	uint64_t waiting = START(t, abio_ready, to, ABIO_INTEREST_READ, 0);
	int fd = -1;
	uint32_t events = 0;
	struct pollfd entry;

	test_quiet(t);
	assert_int_equal(abio_ready_now(to, ABIO_INTEREST_READ), 0);
	assert_int_equal(abio_ready_now(from, ABIO_INTEREST_WRITE), ABIO_READY_WRITE);
	assert_int_equal(abio_try_write(from, "x", 1, 0), 1);
	assert_int_equal(test_result(t, waiting), ABIO_READY_READ);
	assert_int_equal(abio_ready_fd(to, ABIO_INTEREST_READ, &fd, &events), 0);
	entry = (struct pollfd){ .fd = fd, .events = (short)events };
	assert_int_equal(poll(&entry, 1, 0), 1);
}

static void readbufs_are_appended_to(struct test *t)
{
	abio_io to;
	abio_io from = connected(t, &to);
	char *data = test_memory(t, 16);
	struct abio_readbuf buf = { .data = data, .capacity = 16, .filled = 2, .initialized = 4 };

	assert_int_equal(abio_try_read_buf(to, &buf, 0), ABIO_WOULD_BLOCK);
	assert_int_equal(abio_try_write(from, "abcde", 5, 0), 5);
	assert_int_equal(abio_try_read_buf(to, &buf, 0), 5);
	assert_int_equal(buf.filled, 7);
	assert_int_equal(buf.initialized, 7);
	assert_memory_equal(data, "\0\0abcde", 7);
	assert_int_equal(abio_try_write(from, "fg", 2, 0), 2);
	assert_int_equal(test_result(t, START(t, abio_read_buf, to, &buf, 0)), 2);
	assert_memory_equal(data + 7, "fg", 2);
	buf.filled = 9;
	assert_int_equal(abio_try_read_buf(to, &buf, 0), ABIO_E_ARGUMENT);
}

static abio_buffer buffer_of(const char *text, uint32_t capacity)
{
	struct abio_buffer_state state = { .size = sizeof(state) };
	abio_buffer buffer = 0;

	assert_int_equal(abio_buffer_alloc(capacity, 0, 0, &buffer), 0);
	assert_int_equal(abio_buffer_info(buffer, &state), 0);
	memcpy(state.data, text, strlen(text));
	assert_int_equal(abio_buffer_set(buffer, (uint32_t)strlen(text), (uint32_t)strlen(text)),
			 0);
	return buffer;
}

static void buffers_carry_messages(struct test *t)
{
	abio_io to;
	abio_io from = connected(t, &to);
	abio_buffer out = buffer_of("a message", 32);
	abio_buffer in = buffer_of("", 32);
	struct abio_buffer_state state = { .size = sizeof(state) };
	struct abio_event event;
	uint64_t waiting = START(t, abio_read_owned, to, in, 0);

	assert_int_equal(abio_read_owned(to, in, 0, 1), ABIO_E_BUSY);
	assert_int_equal(abio_write_owned(from, out, 10, 0, 1), ABIO_E_ARGUMENT);
	event = test_finish(t, START(t, abio_write_owned, from, out, 2, 0));
	assert_int_equal(event.result, 7);
	assert_int_equal(event.flags & ABIO_EVENT_BUFFER, ABIO_EVENT_BUFFER);
	assert_int_equal(event.handle, out);
	event = test_finish(t, waiting);
	assert_int_equal(event.result, 7);
	assert_int_equal(event.handle, in);
	assert_int_equal(abio_buffer_info(in, &state), 0);
	assert_int_equal(state.filled, 7);
	assert_int_equal(state.lent, 0);
	assert_memory_equal(state.data, "message", 7);
	assert_int_equal(abio_buffer_release(in), 0);
	assert_int_equal(abio_buffer_release(out), 0);
}

static void what_streams_promise_is_not_offered(struct test *t)
{
	struct abio_address here;
	abio_io one = bound(t, &here);
	char data[4];

	assert_int_equal(abio_read_exact(one, data, 4, 0, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_write_all(one, data, 4, 0, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_put(one, data, 4), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_receive(one, 0, 1), ABIO_E_UNSUPPORTED);
	assert_int_equal(abio_shutdown(one, 0, 1), ABIO_E_UNSUPPORTED);
}

/* ---- adopting -------------------------------------------------------------------------------- */

static void datagram_sockets_are_adopted(struct test *t)
{
	char *data = test_memory(t, ROOM);
	abio_io one;
	abio_io two;
	int fds[2];
	int udp = test_own_fd(t, socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	int fd = -1;

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), 0);
	test_own_fd(t, fds[0]);
	test_own_fd(t, fds[1]);
	one = test_adopt(t, t->driver, fds[0]);
	two = test_adopt(t, t->driver, fds[1]);
	assert_int_equal(info_of(one)->kind, ABIO_KIND_UNIX_DATAGRAM);
	assert_int_equal(test_result(t, START(t, abio_write, one, "pair", 4, 0)), 4);
	assert_int_equal(test_result(t, receive(t, two, data, ROOM, NULL)), 4);
	assert_int_equal(info_of(test_adopt(t, t->driver, udp))->kind, ABIO_KIND_UDP);
	/* A socket is tried without O_NONBLOCK: who shares it sees no difference. */
	assert_int_equal(abio_detach(one, &fd), 0);
	test_own_fd(t, fd);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
}

static const struct test_case cases[] = {
	CASE(a_message_arrives_with_its_sender),
	CASE(each_receive_takes_one_message),
	CASE(try_answers_at_once),
	CASE(many_receives_are_served_in_order),
	CASE(many_sends_go_out_in_order),
	CASE(both_directions_go_on_at_once),
	CASE(an_empty_message_is_a_message),
	CASE(a_message_that_is_too_long_is_cut_and_said_so),
	CASE(no_memory_at_all_takes_a_message_away),
	CASE(a_message_that_no_datagram_holds_is_refused_by_the_system),
	CASE(without_an_address_only_a_connected_one_sends),
	CASE(nobody_there_is_told_later),
	CASE(addresses_are_checked),
	CASE(info_tells_both_addresses),
	CASE(a_port_is_shared_when_both_ask),
	CASE(broadcasts_must_be_asked_for),
	CASE(ipv6_works),
	CASE(cancelling_takes_no_message_away),
	CASE(a_message_is_delivered_or_still_there),
	CASE(closing_ends_all_that_wait),
	CASE(releasing_ends_all_that_wait),
	CASE(a_driver_that_shuts_down_ends_all_that_wait),
	CASE(those_that_wait_are_not_overtaken),
	CASE(a_socket_moves_to_another_driver),
	CASE(unix_datagrams_have_paths),
	CASE(a_nameless_sender_has_no_address),
	CASE(a_full_queue_of_a_stranger_is_waited_for),
	CASE(a_wait_for_room_is_cancelled),
	CASE(read_and_write_move_messages),
	CASE(a_transfer_of_nothing_moves_no_message),
	CASE(inline_starts_answer_at_once),
	CASE(readiness_is_told),
	CASE(readbufs_are_appended_to),
	CASE(buffers_carry_messages),
	CASE(what_streams_promise_is_not_offered),
	CASE(datagram_sockets_are_adopted),
};

TEST_MAIN("datagrams", cases)
