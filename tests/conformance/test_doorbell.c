/*
 * abio_driver_doorbell: hosts that watch nothing but a socket, how many bytes it brings them, and
 * when the library lets go of it.
 *
 * A host that is not told sleeps for ever in listen_for: the harness's watchdog is the only clock.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "sys.h"

#define MICROSECOND INT64_C(1000)
#define MILLISECOND INT64_C(1000000)

/* A host: what it watches, and what it has been told. */
struct host {
	struct test *t;
	abio_driver driver;
	int socket;
	uint64_t bytes;
	uint64_t polls;
	uint64_t wakes;
	uint64_t events;
};

static void make_pair(struct test *t, int type, int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds), 0);
	test_own_fd(t, fds[0]);
	test_own_fd(t, fds[1]);
}

/* The host keeps only the end it watches. */
static struct host make_host(struct test *t, abio_driver driver, int type)
{
	struct host host = { .t = t, .driver = driver };
	int fds[2];

	make_pair(t, type, fds);
	host.socket = fds[0];
	assert_int_equal(abio_driver_doorbell(driver, fds[1], 0), 0);
	test_close_fd(t, fds[1]);
	return host;
}

/* Sleeps until there is a byte, and reads all there are. */
static void listen_for(struct host *host)
{
	struct pollfd watched = { .fd = host->socket, .events = POLLIN };
	char bytes[64];
	ssize_t count;

	while (poll(&watched, 1, -1) != 1)
		assert_int_equal(errno, EINTR);
	while ((count = recv(host->socket, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		host->bytes += (uint64_t)count;
	assert_int_equal(count < 0 ? errno : 0, EAGAIN);
}

/* One poll; how many events. */
static int32_t look(struct host *host, uint32_t capacity)
{
	struct abio_event events[16];
	int32_t count = abio_driver_poll(host->driver, events, sizeof(events[0]), capacity);

	host->polls++;
	assert_in_range(count, 0, capacity);
	for (int32_t i = 0; i < count; i++) {
		if ((events[i].flags & ABIO_EVENT_WAKE) != 0)
			host->wakes++;
		else
			host->events++;
		test_saw(host->t, &events[i]);
	}
	return count;
}

static void look_until_quiet(struct host *host, uint32_t capacity)
{
	while (look(host, capacity) > 0)
		;
}

/* ---- what it tells --------------------------------------------------------------------------- */

static void a_byte_comes_for_each_time(struct test *t)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct host host = make_host(t, t->driver, types[i]);

		look_until_quiet(&host, 16);
		for (uint32_t round = 1; round <= 200; round++) {
			assert_int_equal(abio_driver_wake(t->driver), 0);
			while (host.wakes < round) {
				listen_for(&host);
				look_until_quiet(&host, 16);
			}
		}
		/* Every byte stands for a poll after which the fd became readable. */
		assert_in_range(host.bytes, 200, host.polls + 1);
	}
	assert_int_equal(abio_driver_doorbell(t->driver, -1, 0), 0);
}

static void what_is_there_already_is_told_at_once(struct test *t)
{
	struct host host;

	assert_int_equal(abio_driver_wake(t->driver), 0);
	host = make_host(t, t->driver, SOCK_STREAM);
	listen_for(&host);
	look_until_quiet(&host, 16);
	assert_int_equal(host.wakes, 1);
}

/* ---- hosts that watch nothing else ----------------------------------------------------------- */

struct peer {
	struct test *t;
	int fd;
	abio_driver driver;
	_Atomic uint64_t wakes;
};

/* Sends back what it gets, and now and then wakes the driver instead of leaving it alone. */
static void *echo(void *argument)
{
	struct peer *peer = argument;
	char data[64];
	ssize_t count;

	while ((count = read(peer->fd, data, sizeof(data))) > 0) {
		if (data[0] % 3 == 0 && abio_driver_wake(peer->driver) == 0)
			atomic_fetch_add(&peer->wakes, 1);
		if (write(peer->fd, data, (size_t)count) != count)
			return NULL;
	}
	return argument;
}

static uint32_t draw(uint64_t *state, uint32_t below)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33) % below;
}

struct talk {
	struct test *t;
	abio_driver driver;
	abio_io file;
	abio_io stream;
	uint64_t seed;
	uint64_t started;
	char *file_data;
	char *out;
	char *in;
	bool talking; /* an echo is on its way */
	uint64_t read;
	uint64_t written;
};

static void start_something(struct talk *talk)
{
	struct test *t = talk->t;

	switch (draw(&talk->seed, 4)) {
	case 0:
		START(t, abio_timer, talk->driver, draw(&talk->seed, 300) * MICROSECOND, 0);
		break;
	case 1:
		START(t, abio_timer, talk->driver, 0, 0);
		break;
	case 2:
		START(t, abio_read_at, talk->file, talk->file_data, 64, 0, 0);
		break;
	default:
		if (talk->talking)
			return;
		talk->talking = true;
		memset(talk->out, (int)draw(&talk->seed, 100), 32);
		talk->written = START(t, abio_write_all, talk->stream, talk->out, 32, 0);
		talk->read = START(t, abio_read_exact, talk->stream, talk->in, 32, 0);
		talk->started++;
	}
	talk->started++;
}

static void talk_by_socket(struct test *t, abio_driver driver, uint32_t capacity, bool until_quiet)
{
	struct host host = make_host(t, driver, SOCK_STREAM);
	struct talk talk = { .t = t, .driver = driver, .seed = capacity };
	struct peer peer = { .t = t, .driver = driver };
	const char *path = test_path(t);
	pthread_t thread;
	void *answer = NULL;
	int fds[2];

	test_raw_pair(t, ABIO_KIND_UNIX, fds);
	peer.fd = fds[1];
	talk.stream = test_adopt(t, driver, fds[0]);
	talk.file = test_adopt(t, driver, open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	talk.file_data = test_memory(t, 64);
	talk.out = test_memory(t, 32);
	talk.in = test_memory(t, 32);
	assert_int_equal(pthread_create(&thread, NULL, echo, &peer), 0);
	for (uint32_t round = 0; round < 600; round++) {
		for (uint32_t i = draw(&talk.seed, 4) + 1; i > 0; i--)
			start_something(&talk);
		while (host.events < talk.started) {
			listen_for(&host);
			if (until_quiet)
				look_until_quiet(&host, capacity);
			else
				look(&host, capacity);
		}
		talk.talking = false;
		assert_memory_equal(talk.in, talk.out, 32);
	}
	shutdown(peer.fd, SHUT_RDWR);
	pthread_join(thread, &answer);
	assert_non_null(answer);
	assert_in_range(host.bytes, 1, host.polls + 1);
}

static void a_host_that_watches_a_socket_misses_nothing(struct test *t)
{
	talk_by_socket(t, t->driver, 16, true);
	talk_by_socket(t, t->driver, 1, true);
}

static void with_edge_one_poll_for_each_time_will_do(struct test *t)
{
	talk_by_socket(t, test_driver(t, ABIO_DRIVER_EDGE), 1, false);
	talk_by_socket(t, test_driver(t, ABIO_DRIVER_EDGE), 16, false);
}

static void a_driver_that_migrates_rings_too(struct test *t)
{
	struct abio_driver_options options = { .size = sizeof(options),
					       .flags = ABIO_DRIVER_MIGRATES };

	talk_by_socket(t, test_driver_with(t, &options), 16, true);
}

/* ---- sockets that take nothing --------------------------------------------------------------- */

static _Atomic uint64_t sends;
static _Atomic uint64_t short_of_memory;

static int64_t counted_send(int fd, const struct msghdr *message)
{
	int64_t sent = -ENOBUFS;

	if (atomic_load(&short_of_memory) > 0)
		atomic_fetch_sub(&short_of_memory, 1);
	else
		sent = sys_linux.send(fd, message);
	atomic_fetch_add(&sends, 1);
	return sent;
}

static void wait_for_send(uint64_t count)
{
	while (atomic_load(&sends) < count)
		sched_yield();
}

static void a_full_socket_loses_nothing(struct test *t)
{
	struct host host = { .t = t, .driver = t->driver };
	char junk[4096] = { 0 };
	int fds[2];

	make_pair(t, SOCK_STREAM, fds);
	host.socket = fds[0];
	test_make_small(fds[1]);
	for (size_t size = sizeof(junk); size > 0;)
		if (send(fds[1], junk, size, MSG_DONTWAIT) <= 0)
			size /= 2;
	look_until_quiet(&host, 16);
	atomic_store(&sends, 0);
	sys.send = counted_send;
	assert_int_equal(abio_driver_doorbell(t->driver, fds[1], 0), 0);
	assert_int_equal(abio_driver_wake(t->driver), 0);
	wait_for_send(1); /* that byte was dropped */
	for (uint32_t round = 1; round <= 20; round++) {
		while (host.wakes < round) {
			listen_for(&host);
			look_until_quiet(&host, 16);
		}
		assert_int_equal(abio_driver_wake(t->driver), 0);
	}
	assert_int_equal(abio_driver_doorbell(t->driver, -1, 0), 0);
	look_until_quiet(&host, 16);
	sys.send = sys_linux.send;
}

static void a_byte_there_was_no_memory_for_comes_later(struct test *t)
{
	struct host host;

	atomic_store(&short_of_memory, 3);
	sys.send = counted_send;
	host = make_host(t, t->driver, SOCK_STREAM);
	look_until_quiet(&host, 16);
	assert_int_equal(abio_driver_wake(t->driver), 0);
	while (host.wakes < 1) {
		listen_for(&host);
		look_until_quiet(&host, 16);
	}
	assert_int_equal(atomic_load(&short_of_memory), 0);
	sys.send = sys_linux.send;
}

static void a_peer_that_is_gone_is_no_signal(struct test *t)
{
	struct host host = make_host(t, t->driver, SOCK_STREAM);

	look_until_quiet(&host, 16);
	test_close_fd(t, host.socket);
	atomic_store(&sends, 0);
	sys.send = counted_send;
	for (uint32_t round = 1; round <= 3; round++) {
		assert_int_equal(abio_driver_wake(t->driver), 0);
		wait_for_send(round); /* SIGPIPE would end the program */
		look_until_quiet(&host, 16);
		assert_int_equal(host.wakes, round);
	}
	sys.send = sys_linux.send;
}

/* ---- whose it is ----------------------------------------------------------------------------- */

/* Nobody can send any more: what comes now is bytes and then the end. */
static void need_end(int fd)
{
	char byte;
	ssize_t count;

	while ((count = recv(fd, &byte, 1, 0)) > 0)
		;
	assert_int_equal(count, 0);
}

static void it_is_let_go_of_when_it_is_taken_away(struct test *t)
{
	struct host host = make_host(t, t->driver, SOCK_STREAM);

	assert_int_equal(abio_driver_doorbell(t->driver, -1, 0), 0);
	need_end(host.socket);
	assert_int_equal(abio_driver_doorbell(t->driver, -1, 0), 0);
	/* The driver goes on, and says so as it did before. */
	assert_int_equal(test_result(t, START(t, abio_timer, t->driver, MILLISECOND, 0)), 0);
}

static void another_takes_its_place(struct test *t)
{
	struct host first = make_host(t, t->driver, SOCK_STREAM);
	struct host second = make_host(t, t->driver, SOCK_STREAM);

	need_end(first.socket);
	look_until_quiet(&second, 16);
	assert_int_equal(abio_driver_wake(t->driver), 0);
	while (second.wakes < 1) {
		listen_for(&second);
		look_until_quiet(&second, 16);
	}
}

static void the_driver_lets_go_of_it_when_it_is_closed(struct test *t)
{
	abio_driver driver = test_driver(t, 0);
	struct host host = make_host(t, driver, SOCK_STREAM);

	look_until_quiet(&host, 16);
	assert_int_equal(abio_driver_close(driver), 0);
	test_driver_gone(t, driver);
	need_end(host.socket);
}

static void the_driver_lets_go_of_it_when_it_is_abandoned(struct test *t)
{
	abio_driver driver = test_driver(t, 0);
	struct host host = make_host(t, driver, SOCK_STREAM);

	look_until_quiet(&host, 16);
	assert_int_equal(abio_driver_abandon(driver), 0);
	test_driver_gone(t, driver);
	need_end(host.socket);
}

static void a_driver_that_is_shut_down_still_rings(struct test *t)
{
	abio_driver driver = test_driver(t, 0);
	struct host host = make_host(t, driver, SOCK_STREAM);

	START(t, abio_timer, driver, INT64_MAX, 0);
	look_until_quiet(&host, 16);
	assert_in_range(abio_driver_shutdown(driver), 0, 1);
	while (host.events < 1) {
		listen_for(&host);
		look_until_quiet(&host, 16);
	}
	/* It can be taken away and given again to the end. */
	assert_int_equal(abio_driver_doorbell(driver, -1, 0), 0);
	need_end(host.socket);
}

static void the_hosts_descriptor_stays_as_it_was(struct test *t)
{
	int fds[2];

	make_pair(t, SOCK_STREAM, fds);
	assert_int_equal(abio_driver_doorbell(t->driver, fds[1], 0), 0);
	assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(abio_driver_doorbell(t->driver, -1, 0), 0);
	assert_int_equal(send(fds[1], "x", 1, MSG_NOSIGNAL), 1);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void what_cannot_take_a_byte_is_refused(struct test *t)
{
	struct host host = make_host(t, t->driver, SOCK_STREAM);
	int lonely = test_own_fd(t, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	int pipes[2];

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	test_own_fd(t, pipes[0]);
	test_own_fd(t, pipes[1]);
	assert_int_equal(abio_driver_doorbell(t->driver, -2, 0), ABIO_E_ARGUMENT);
	assert_int_equal(abio_driver_doorbell(t->driver, INT32_MIN, 0), ABIO_E_ARGUMENT);
	assert_int_equal(abio_driver_doorbell(t->driver, -1, 1), ABIO_E_ARGUMENT);
	assert_int_equal(abio_driver_doorbell(t->driver, 1 << 20, 0), -EBADF);
	assert_int_equal(abio_driver_doorbell(t->driver, pipes[1], 0), -ENOTSOCK);
	assert_int_equal(abio_driver_doorbell(t->driver, lonely, 0), -ENOTCONN);
	assert_int_equal(listen(lonely, 1), 0);
	assert_int_equal(abio_driver_doorbell(t->driver, lonely, 0), -ENOTCONN);
	/* What was there before still rings. */
	look_until_quiet(&host, 16);
	assert_int_equal(abio_driver_wake(t->driver), 0);
	while (host.wakes < 1) {
		listen_for(&host);
		look_until_quiet(&host, 16);
	}
}

static const struct test_case cases[] = {
	CASE(a_byte_comes_for_each_time),
	CASE(what_is_there_already_is_told_at_once),
	CASE(a_host_that_watches_a_socket_misses_nothing),
	CASE(with_edge_one_poll_for_each_time_will_do),
	CASE(a_driver_that_migrates_rings_too),
	CASE(a_full_socket_loses_nothing),
	CASE(a_byte_there_was_no_memory_for_comes_later),
	CASE(a_peer_that_is_gone_is_no_signal),
	CASE(it_is_let_go_of_when_it_is_taken_away),
	CASE(another_takes_its_place),
	CASE(the_driver_lets_go_of_it_when_it_is_closed),
	CASE(the_driver_lets_go_of_it_when_it_is_abandoned),
	CASE(a_driver_that_is_shut_down_still_rings),
	CASE(the_hosts_descriptor_stays_as_it_was),
	CASE(what_cannot_take_a_byte_is_refused),
};
TEST_MAIN("doorbell", cases)
