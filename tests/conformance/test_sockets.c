/*
 * Listening, connecting, accepting and resolving, over TCP and Unix sockets, and what abio_info
 * says of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness.h"

/* ---- addresses ------------------------------------------------------------------------------- */

static struct abio_address loopback(uint32_t family, uint32_t port)
{
	struct abio_address address = { .size = sizeof(address), .family = family, .port = port };

	address.length = family == ABIO_FAMILY_IPV4 ? 4 : 16;
	if (family == ABIO_FAMILY_IPV4)
		memcpy(address.data, "\177\0\0\1", 4);
	else
		address.data[15] = 1;
	return address;
}

static struct abio_address unix_address(const char *path, size_t length)
{
	struct abio_address address = { .size = sizeof(address), .family = ABIO_FAMILY_UNIX };

	address.length = (uint32_t)length;
	memcpy(address.data, path, length);
	return address;
}

static struct abio_io_info info_of(abio_io io)
{
	struct abio_io_info info = { .size = sizeof(info) };

	assert_int_equal(abio_info(io, &info), 0);
	return info;
}

static abio_io listen_on(struct test *t, struct abio_address *address)
{
	abio_io listener = 0;
	struct abio_io_info info;
	int32_t error = abio_listen(t->driver, address, NULL, &listener);

	if (error == -EADDRNOTAVAIL || error == -EAFNOSUPPORT)
		test_skip(t, "no such family on this machine");
	assert_int_equal(error, 0);
	test_own(t, listener);
	info = info_of(listener);
	assert_true(info.local.family == address->family);
	if (address->family != ABIO_FAMILY_UNIX)
		*address = info.local;
	return listener;
}

static int option_of(abio_io io, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	assert_int_equal(getsockopt(test_fd_of(io), level, name, &value, &length), 0);
	return value;
}

/* Connects to `address`, accepts, moves bytes both ways. */
static void exchange(struct test *t, struct abio_address *address, uint32_t kind,
		     abio_io *connected, abio_io *accepted)
{
	abio_io listener = listen_on(t, address);
	uint64_t connecting = START(t, abio_connect, t->driver, address, NULL);
	uint64_t accepting = START(t, abio_accept, listener, 0);
	struct abio_event event = test_finish(t, connecting);
	char *data = test_memory(t, 8);

	assert_int_equal(event.result, 0);
	assert_int_equal(event.flags, ABIO_EVENT_HANDLE);
	*connected = event.handle;
	event = test_finish(t, accepting);
	assert_int_equal(event.result, 0);
	assert_int_equal(event.flags, ABIO_EVENT_HANDLE);
	*accepted = event.handle;
	assert_int_equal(info_of(*connected).kind, kind);
	assert_int_equal(info_of(*accepted).kind, kind);
	assert_int_equal(info_of(*connected).driver, t->driver);
	assert_int_equal(test_result(t, START(t, abio_write_all, *connected, "ping", 4, 0)), 4);
	assert_int_equal(test_result(t, test_read_exact(t, *accepted, data, 4)), 4);
	assert_int_equal(test_result(t, START(t, abio_write_all, *accepted, "pong", 4, 0)), 4);
	assert_int_equal(test_result(t, test_read_exact(t, *connected, data + 4, 4)), 4);
	assert_memory_equal(data, "pingpong", 8);
}

static void same_address(const struct abio_address *a, const struct abio_address *b)
{
	assert_int_equal(a->family, b->family);
	assert_int_equal(a->port, b->port);
	assert_int_equal(a->length, b->length);
	assert_memory_equal(a->data, b->data, a->length);
}

static void tcp_over(struct test *t, uint32_t family)
{
	struct abio_address address = loopback(family, 0);
	struct abio_io_info near;
	struct abio_io_info far;
	abio_io connected;
	abio_io accepted;

	exchange(t, &address, ABIO_KIND_TCP, &connected, &accepted);
	assert_true(address.port > 0);
	near = info_of(connected);
	far = info_of(accepted);
	same_address(&near.peer, &address);
	same_address(&far.local, &address);
	same_address(&near.local, &far.peer);
	assert_int_not_equal(option_of(connected, IPPROTO_TCP, TCP_NODELAY), 0);
	assert_int_not_equal(option_of(accepted, IPPROTO_TCP, TCP_NODELAY), 0);
	assert_true(fcntl(near.fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(far.fd, F_GETFD) & FD_CLOEXEC);
}

static void tcp_connects_over_ipv4(struct test *t)
{
	tcp_over(t, ABIO_FAMILY_IPV4);
}

static void tcp_connects_over_ipv6(struct test *t)
{
	tcp_over(t, ABIO_FAMILY_IPV6);
}

static void unix_sockets_connect_by_path(struct test *t)
{
	const char *path = test_path(t);
	struct abio_address address = unix_address(path, strlen(path));
	struct abio_io_info info;
	abio_io connected;
	abio_io accepted;

	unlink(path);
	exchange(t, &address, ABIO_KIND_UNIX, &connected, &accepted);
	info = info_of(connected);
	assert_int_equal(info.peer.family, ABIO_FAMILY_UNIX);
	assert_int_equal(info.peer.length, strlen(path));
	assert_memory_equal(info.peer.data, path, strlen(path));
	assert_int_equal(access(path, F_OK), 0);
}

static void unix_sockets_connect_by_abstract_name(struct test *t)
{
	char name[64] = "\0abio-test-";
	struct abio_address address;
	struct abio_io_info info;
	abio_io connected;
	abio_io accepted;

	snprintf(name + 11, sizeof(name) - 11, "%d", (int)getpid());
	address = unix_address(name, 11 + strlen(name + 11));
	exchange(t, &address, ABIO_KIND_UNIX, &connected, &accepted);
	info = info_of(connected);
	same_address(&info.peer, &address);
}

static void nagle_stays_where_it_is_asked_for(struct test *t)
{
	struct abio_address address = loopback(ABIO_FAMILY_IPV4, 0);
	struct abio_listen_options listening = {
		.size = sizeof(listening), .flags = ABIO_LISTEN_DELAY | ABIO_LISTEN_REUSE_PORT
	};
	struct abio_connect_options connecting = { .size = sizeof(connecting),
						   .flags = ABIO_CONNECT_DELAY };
	abio_io listener;
	abio_io connected;
	abio_io accepted;

	assert_int_equal(abio_listen(t->driver, &address, &listening, &listener), 0);
	test_own(t, listener);
	assert_int_not_equal(option_of(listener, SOL_SOCKET, SO_REUSEPORT), 0);
	address = info_of(listener).local;
	connected = test_finish(t, START(t, abio_connect, t->driver, &address, &connecting)).handle;
	accepted = test_finish(t, START(t, abio_accept, listener, 0)).handle;
	assert_int_equal(option_of(connected, IPPROTO_TCP, TCP_NODELAY), 0);
	assert_int_equal(option_of(accepted, IPPROTO_TCP, TCP_NODELAY), 0);
}

/* ---- accepting ------------------------------------------------------------------------------- */

static void try_accept_takes_what_waits(struct test *t)
{
	struct abio_address address = loopback(ABIO_FAMILY_IPV4, 0);
	abio_io listener = listen_on(t, &address);
	abio_io accepted = 0;

	assert_int_equal(abio_try_accept(listener, 0, &accepted), ABIO_WOULD_BLOCK);
	assert_int_equal(accepted, 0);
	assert_int_equal(test_result(t, START(t, abio_connect, t->driver, &address, NULL)), 0);
	assert_int_equal(abio_try_accept(listener, 0, &accepted), 0);
	test_own(t, accepted);
	assert_int_equal(info_of(accepted).kind, ABIO_KIND_TCP);
	assert_int_equal(abio_try_accept(listener, 0, &accepted), ABIO_WOULD_BLOCK);
	assert_int_equal(abio_try_accept(listener, 1, &accepted), ABIO_E_ARGUMENT);
	assert_int_equal(abio_try_accept(listener, 0, NULL), ABIO_E_ARGUMENT);
}

static void each_accept_takes_one_connection(struct test *t)
{
	struct abio_address address = loopback(ABIO_FAMILY_IPV4, 0);
	abio_io listener = listen_on(t, &address);
	uint64_t tokens[40];
	abio_io seen[40];

	for (uint32_t i = 0; i < 20; i++)
		tokens[i] = START(t, abio_accept, listener, 0);
	for (uint32_t i = 0; i < 40; i++)
		assert_int_equal(test_result(t, START(t, abio_connect, t->driver, &address, NULL)),
				 0);
	for (uint32_t i = 20; i < 40; i++)
		tokens[i] = START(t, abio_accept, listener, 0);
	for (uint32_t i = 0; i < 40; i++) {
		struct abio_event event = test_finish(t, tokens[i]);

		assert_int_equal(event.result, 0);
		seen[i] = event.handle;
		for (uint32_t k = 0; k < i; k++)
			assert_int_not_equal(seen[i], seen[k]);
	}
	tokens[0] = START(t, abio_accept, listener, 0);
	test_quiet(t);
	assert_int_equal(abio_cancel(listener, tokens[0]), 1);
}

static void connections_come_as_they_are_made(struct test *t)
{
	struct abio_address address = loopback(ABIO_FAMILY_IPV4, 0);
	abio_io listener = listen_on(t, &address);

	for (int i = 0; i < 5; i++) {
		uint64_t accepting = START(t, abio_accept, listener, 0);
		struct abio_event event;
		uint64_t connecting;

		test_quiet(t);
		connecting = START(t, abio_connect, t->driver, &address, NULL);
		event = test_finish(t, accepting);
		assert_int_equal(test_result(t, connecting), 0);
		assert_int_equal(event.result, 0);
		assert_int_equal(abio_release(event.handle), 0);
	}
}

static void an_accepted_stream_is_served_elsewhere(struct test *t)
{
	struct abio_address address = loopback(ABIO_FAMILY_IPV4, 0);
	abio_driver other = test_driver(t, 0);
	abio_io connected;
	abio_io accepted;
	abio_io moved = 0;
	uint64_t token;

	exchange(t, &address, ABIO_KIND_TCP, &connected, &accepted);
	assert_int_equal(abio_move(accepted, other, &moved), 0);
	test_own(t, moved);
	token = START(t, abio_receive, moved, 0);
	assert_int_equal(abio_put(connected, "hello", 5), 5);
	test_quiet(t);
	assert_int_equal(test_event_on(t, other).result, 5);
	assert_int_equal(test_result(t, START(t, abio_shutdown, connected, 0)), 0);
	assert_int_equal(test_finish_on(t, other, token).result, 0);
	/* Never used after its move: closed with its driver. */
	assert_int_equal(abio_move(connected, other, &moved), 0);
	test_own(t, moved);
}

/* ---- what goes wrong ------------------------------------------------------------------------- */

static void connecting_to_nobody_is_refused(struct test *t)
{
	const char *path = test_path(t);
	struct abio_address tcp = loopback(ABIO_FAMILY_IPV4, 0);
	struct abio_address unix_path = unix_address(path, strlen(path));
	struct abio_event event;
	abio_io listener = listen_on(t, &tcp);

	assert_int_equal(test_result(t, START(t, abio_close, listener, 0)), 0);
	event = test_finish(t, START(t, abio_connect, t->driver, &tcp, NULL));
	assert_int_equal(event.result, -ECONNREFUSED);
	assert_int_equal(event.handle, 0);
	assert_int_equal(event.flags, 0);
	event = test_finish(t, START(t, abio_connect, t->driver, &unix_path, NULL));
	assert_int_equal(event.result, -ECONNREFUSED);
	unlink(path);
	event = test_finish(t, START(t, abio_connect, t->driver, &unix_path, NULL));
	assert_int_equal(event.result, -ENOENT);
}

static void a_taken_address_cannot_be_listened_on(struct test *t)
{
	const char *path = test_path(t);
	struct abio_address tcp = loopback(ABIO_FAMILY_IPV4, 0);
	struct abio_address unix_path = unix_address(path, strlen(path));
	struct abio_address elsewhere = loopback(ABIO_FAMILY_IPV4, 0);
	abio_io listener = listen_on(t, &tcp);
	abio_io other = 0;

	assert_int_equal(abio_listen(t->driver, &tcp, NULL, &other), -EADDRINUSE);
	assert_int_equal(abio_listen(t->driver, &unix_path, NULL, &other), -EADDRINUSE);
	memcpy(elsewhere.data, "\300\0\2\1", 4); /* 192.0.2.1: never ours */
	assert_int_equal(abio_listen(t->driver, &elsewhere, NULL, &other), -EADDRNOTAVAIL);
	assert_int_equal(other, 0);
	assert_int_equal(info_of(listener).kind, ABIO_KIND_TCP_LISTENER);
}

static void bad_addresses_are_refused(struct test *t)
{
	struct abio_address good = loopback(ABIO_FAMILY_IPV4, 0);
	struct abio_address bad[7];
	abio_io listener = 0;

	for (int i = 0; i < 7; i++)
		bad[i] = good;
	bad[0].family = ABIO_FAMILY_NONE;
	bad[1].family = 99;
	bad[2].length = 3;
	bad[3].length = 16;
	bad[4].port = 65536;
	bad[5] = unix_address("", 0);
	bad[6] = unix_address("x", 1);
	bad[6].length = 109;
	for (int i = 0; i < 7; i++) {
		assert_int_equal(abio_connect(t->driver, &bad[i], NULL, 1), ABIO_E_ARGUMENT);
		assert_int_equal(abio_listen(t->driver, &bad[i], NULL, &listener), ABIO_E_ARGUMENT);
	}
	assert_int_equal(abio_connect(t->driver, NULL, NULL, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_listen(t->driver, &good, NULL, NULL), ABIO_E_ARGUMENT);
	assert_int_equal(listener, 0);
	test_quiet(t);
}

static void bad_options_are_refused(struct test *t)
{
	struct abio_address address = loopback(ABIO_FAMILY_IPV4, 0);
	struct abio_connect_options connecting = { .size = sizeof(connecting), .flags = 1u << 30 };
	struct abio_listen_options listening = { .size = sizeof(listening), .flags = 1u << 30 };
	struct {
		struct abio_listen_options known;
		uint32_t unknown;
	} newer = { .known = { .size = sizeof(newer) } };
	abio_io listener = 0;

	assert_int_equal(abio_connect(t->driver, &address, &connecting, 1), ABIO_E_ARGUMENT);
	connecting = (struct abio_connect_options){ .size = 4 };
	assert_int_equal(abio_connect(t->driver, &address, &connecting, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_listen(t->driver, &address, &listening, &listener), ABIO_E_ARGUMENT);
	newer.unknown = 1;
	assert_int_equal(abio_listen(t->driver, &address, &newer.known, &listener), ABIO_E_TOO_NEW);
	assert_int_equal(listener, 0);
	newer.unknown = 0;
	assert_int_equal(abio_listen(t->driver, &address, &newer.known, &listener), 0);
	test_own(t, listener);
}

/* ---- names ----------------------------------------------------------------------------------- */

static struct abio_address *resolve(struct test *t, const char *name, uint32_t port, uint32_t flags,
				    int64_t *count)
{
	uint64_t token = START(t, abio_resolve, t->driver, name, (uint32_t)strlen(name), port,
			       flags);
	struct abio_event event;

	test_resolving(t, token);
	event = test_finish(t, token);
	*count = event.result;
	if (event.result <= 0) {
		assert_int_equal(event.flags, 0);
		return NULL;
	}
	assert_int_equal(event.flags, ABIO_EVENT_VIEW);
	return (struct abio_address *)(uintptr_t)event.data;
}

static void numeric_addresses_resolve_to_themselves(struct test *t)
{
	struct abio_address wanted = loopback(ABIO_FAMILY_IPV4, 8080);
	struct abio_address *found;
	int64_t count;

	found = resolve(t, "127.0.0.1", 8080, 0, &count);
	assert_int_equal(count, 1);
	assert_int_equal(found->size, sizeof(*found));
	same_address(found, &wanted);
	wanted = loopback(ABIO_FAMILY_IPV6, 1);
	found = resolve(t, "::1", 1, 0, &count);
	assert_int_equal(count, 1);
	same_address(found, &wanted);
}

static void localhost_resolves_and_connects(struct test *t)
{
	struct abio_address address = loopback(ABIO_FAMILY_IPV4, 0);
	struct abio_address *found;
	int64_t count;

	listen_on(t, &address);
	found = resolve(t, "localhost", address.port, ABIO_RESOLVE_IPV4, &count);
	assert_in_range(count, 1, 32);
	assert_int_equal(found->family, ABIO_FAMILY_IPV4);
	assert_int_equal(found->port, address.port);
	assert_int_equal(test_result(t, START(t, abio_connect, t->driver, found, NULL)), 0);
}

static void a_passive_empty_name_is_every_address(struct test *t)
{
	int64_t count;
	struct abio_address *found = resolve(t, "", 80, ABIO_RESOLVE_PASSIVE, &count);
	static const uint8_t any[16];

	assert_in_range(count, 1, 32);
	for (int64_t i = 0; i < count; i++)
		assert_memory_equal(found[i].data, any, found[i].length);
	found = resolve(t, "", 80, ABIO_RESOLVE_IPV4, &count);
	assert_int_equal(count, 1);
	assert_memory_equal(found->data, "\177\0\0\1", 4);
}

static void a_family_that_was_not_asked_for_is_not_given(struct test *t)
{
	int64_t count;

	resolve(t, "::1", 80, ABIO_RESOLVE_IPV4, &count);
	assert_true(count == ABIO_E_NAME_FAMILY || count == ABIO_E_NAME_NOT_FOUND);
	resolve(t, "127.0.0.1", 80, ABIO_RESOLVE_IPV6, &count);
	assert_true(count == ABIO_E_NAME_FAMILY || count == ABIO_E_NAME_NOT_FOUND);
	resolve(t, "127.0.0.1", 80, ABIO_RESOLVE_IPV6 | ABIO_RESOLVE_IPV4, &count);
	assert_int_equal(count, 1);
}

static void bad_names_are_refused(struct test *t)
{
	char *name = test_memory(t, 300);

	memset(name, 'a', 300);
	assert_int_equal(abio_resolve(t->driver, name, 256, 80, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_resolve(t->driver, "a\0b", 3, 80, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_resolve(t->driver, "a", 1, 65536, 0, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_resolve(t->driver, "a", 1, 80, 8, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_resolve(t->driver, NULL, 1, 80, 0, 1), ABIO_E_ARGUMENT);
	test_quiet(t);
}

static const struct test_case cases[] = {
	CASE(tcp_connects_over_ipv4),
	CASE(tcp_connects_over_ipv6),
	CASE(unix_sockets_connect_by_path),
	CASE(unix_sockets_connect_by_abstract_name),
	CASE(nagle_stays_where_it_is_asked_for),
	CASE(try_accept_takes_what_waits),
	CASE(each_accept_takes_one_connection),
	CASE(connections_come_as_they_are_made),
	CASE(connecting_to_nobody_is_refused),
	CASE(a_taken_address_cannot_be_listened_on),
	CASE(bad_addresses_are_refused),
	CASE(bad_options_are_refused),
	CASE(an_accepted_stream_is_served_elsewhere),
	CASE(numeric_addresses_resolve_to_themselves),
	CASE(localhost_resolves_and_connects),
	CASE(a_passive_empty_name_is_every_address),
	CASE(a_family_that_was_not_asked_for_is_not_given),
	CASE(bad_names_are_refused),
};

TEST_MAIN("sockets", cases)
