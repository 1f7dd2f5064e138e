/*
 * Load generator of the echo benches: N connections to 127.0.0.1, closed loop.  Each connection
 * sends one message, waits for the whole of it to come back, checks every byte, and sends the
 * next.  One thread, epoll, pinned to another core than the server.
 *
 * Protocol with bench/run.py: prints "ready" once every connection has echoed one message, waits
 * for a line on stdin, runs, prints one JSON line, keeps the connections open until stdin ends.
 * A run is --seconds after --warm seconds, or exactly --ops round trips with nothing before.
 *
 * The server's CPU time is read from the process clock the system keeps for --pid, exactly at the
 * ends of the measured window: all its threads, user and system, no start-up.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	SILENCE_MS = 10000, /* a server that says nothing for so long has failed */
	EVENTS = 512,
	SHIFTS = 251, /* different messages; a prime, so that they do not line up */
	SIZE_MAX_BYTES = 1 << 20,
	STEPS = 64, /* histogram: buckets per power of two */
	BUCKETS = 59 * STEPS,
};

struct options {
	int port;
	int connections;
	int size;
	int cpu;
	int pid;
	double warm;
	double seconds;
	long ops;
};

struct connection {
	int fd;
	uint32_t shift; /* which message is under way */
	uint32_t sent;
	uint32_t received;
	int64_t started_ns;
	bool idle;
};

struct moment {
	int64_t now_ns;
	int64_t server_ns;
	int64_t own_ns;
	uint64_t ops;
};

static struct options options = { .connections = 1, .size = 1024, .cpu = -1, .seconds = 1 };
static clockid_t server_clock;
static struct connection *connections;
static uint8_t *pattern; /* message s is pattern[s .. s + size) */
static uint8_t *incoming;
static uint64_t histogram[BUCKETS];
static uint64_t started;
static uint64_t finished;
static bool recording;
static bool stopping;

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "load: %s: %s\n", what, why);
	exit(1);
}

static _Noreturn void die_errno(const char *what)
{
	die(what, strerror(errno));
}

static int64_t read_clock(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now))
		die_errno("clock_gettime");
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static struct moment take_moment(void)
{
	return (struct moment){ .now_ns = read_clock(CLOCK_MONOTONIC),
				.server_ns = options.pid ? read_clock(server_clock) : 0,
				.own_ns = read_clock(CLOCK_PROCESS_CPUTIME_ID),
				.ops = finished };
}

static unsigned bucket_of(uint64_t value)
{
	unsigned octave;

	if (value < STEPS)
		return (unsigned)value;
	octave = 63 - (unsigned)__builtin_clzll(value) - 6;
	return (octave + 1) * STEPS + (unsigned)((value >> octave) - STEPS);
}

static double bucket_value(unsigned bucket)
{
	unsigned octave = bucket / STEPS;

	if (octave == 0)
		return bucket;
	return (double)((uint64_t)(bucket % STEPS + STEPS) << (octave - 1));
}

static double percentile_us(double share)
{
	uint64_t total = 0;
	uint64_t seen = 0;

	for (unsigned i = 0; i < BUCKETS; i++)
		total += histogram[i];
	for (unsigned i = 0; i < BUCKETS; i++) {
		seen += histogram[i];
		if (seen && (double)seen >= share * (double)total)
			return bucket_value(i) / 1000;
	}
	return 0;
}

static void send_some(struct connection *connection)
{
	const uint8_t *message = pattern + connection->shift;
	uint32_t size = (uint32_t)options.size;

	while (connection->sent < size) {
		ssize_t count = send(connection->fd, message + connection->sent,
				     size - connection->sent, MSG_NOSIGNAL);

		if (count < 0) {
			if (errno == EAGAIN)
				return;
			die_errno("send");
		}
		connection->sent += (uint32_t)count;
	}
}

static void start_trip(struct connection *connection, int64_t now_ns)
{
	connection->idle = stopping || (options.ops && started == (uint64_t)options.ops);
	if (connection->idle)
		return;
	started++;
	connection->shift = (connection->shift + 1) % SHIFTS;
	connection->sent = 0;
	connection->received = 0;
	connection->started_ns = now_ns;
	send_some(connection);
}

/* True when the whole message is back. */
static bool receive_some(struct connection *connection)
{
	const uint8_t *message = pattern + connection->shift;
	uint32_t size = (uint32_t)options.size;

	while (connection->received < size) {
		ssize_t count = recv(connection->fd, incoming, size - connection->received, 0);

		if (count < 0 && errno == EAGAIN)
			return false;
		if (count < 0)
			die_errno("recv");
		if (count == 0)
			die("recv", "the server closed the connection");
		if (connection->received + (uint32_t)count > connection->sent ||
		    memcmp(incoming, message + connection->received, (size_t)count))
			die("recv", "the echo differs from what was sent");
		connection->received += (uint32_t)count;
	}
	return true;
}

static void on_event(struct connection *connection)
{
	int64_t now_ns;

	if (connection->idle) {
		if (recv(connection->fd, incoming, 1, 0) >= 0)
			die("recv", "the server sent or closed without a request");
		return;
	}
	send_some(connection);
	if (!receive_some(connection))
		return;
	now_ns = read_clock(CLOCK_MONOTONIC);
	finished++;
	if (recording)
		histogram[bucket_of((uint64_t)(now_ns - connection->started_ns))]++;
	start_trip(connection, now_ns);
}

static void turn(int epoll)
{
	struct epoll_event events[EVENTS];
	int count = epoll_wait(epoll, events, EVENTS, SILENCE_MS);

	if (count < 0 && errno != EINTR)
		die_errno("epoll_wait");
	if (count == 0)
		die("epoll_wait", "the server fell silent");
	for (int i = 0; i < count; i++)
		on_event(events[i].data.ptr);
}

static void run_until(int epoll, double seconds)
{
	int64_t end_ns = read_clock(CLOCK_MONOTONIC) + (int64_t)(seconds * 1e9);

	do
		turn(epoll);
	while (read_clock(CLOCK_MONOTONIC) < end_ns);
}

static void run_until_idle(int epoll)
{
	while (finished < started)
		turn(epoll);
}

static void kick_all(void)
{
	int64_t now_ns = read_clock(CLOCK_MONOTONIC);

	for (int i = 0; i < options.connections; i++)
		start_trip(&connections[i], now_ns);
}

static void connect_one(int epoll, struct connection *connection)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET,
				     .data.ptr = connection };
	int one = 1;

	address.sin_port = htons((uint16_t)options.port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connection->fd < 0)
		die_errno("socket");
	if (connect(connection->fd, (struct sockaddr *)&address, sizeof(address)))
		die_errno("connect");
	if (setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
		die_errno("TCP_NODELAY");
	if (fcntl(connection->fd, F_SETFL, O_NONBLOCK))
		die_errno("fcntl");
	connection->shift = (uint32_t)(connection - connections) % SHIFTS;
	connection->idle = true;
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event))
		die_errno("epoll_ctl");
}

/* Connects, and has each connection echo one message, so that the server has accepted them all. */
static int connect_all(void)
{
	long ops = options.ops;
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0)
		die_errno("epoll_create1");
	connections = calloc((size_t)options.connections, sizeof(*connections));
	if (!connections)
		die_errno("calloc");
	options.ops = options.connections;
	for (int i = 0; i < options.connections; i++)
		connect_one(epoll, &connections[i]);
	kick_all();
	run_until_idle(epoll);
	options.ops = ops;
	started = 0;
	finished = 0;
	return epoll;
}

static void await_line(void)
{
	char line[16];

	if (!fgets(line, sizeof(line), stdin))
		exit(1);
}

static void print_result(const struct moment *from, const struct moment *to)
{
	double seconds = (double)(to->now_ns - from->now_ns) / 1e9;

	printf("{\"ops\": %llu, \"seconds\": %.6f, \"p50_us\": %.2f, \"p99_us\": %.2f, "
	       "\"server_cpu_us\": %.3f, \"client_busy\": %.3f}\n",
	       (unsigned long long)(to->ops - from->ops), seconds, percentile_us(0.50),
	       percentile_us(0.99), (double)(to->server_ns - from->server_ns) / 1000,
	       (double)(to->own_ns - from->own_ns) / 1e9 / seconds);
	fflush(stdout);
}

static void run(int epoll)
{
	struct moment from;
	struct moment to;

	if (!options.ops) {
		kick_all();
		run_until(epoll, options.warm);
	}
	from = take_moment();
	recording = true;
	if (options.ops) {
		kick_all();
		run_until_idle(epoll);
	} else {
		run_until(epoll, options.seconds);
	}
	recording = false;
	to = take_moment();
	stopping = true;
	run_until_idle(epoll);
	print_result(&from, &to);
}

static void set_option(const char *name, const char *value)
{
	if (!strcmp(name, "--port"))
		options.port = atoi(value);
	else if (!strcmp(name, "--connections"))
		options.connections = atoi(value);
	else if (!strcmp(name, "--size"))
		options.size = atoi(value);
	else if (!strcmp(name, "--cpu"))
		options.cpu = atoi(value);
	else if (!strcmp(name, "--pid"))
		options.pid = atoi(value);
	else if (!strcmp(name, "--warm"))
		options.warm = atof(value);
	else if (!strcmp(name, "--seconds"))
		options.seconds = atof(value);
	else if (!strcmp(name, "--ops"))
		options.ops = atol(value);
	else
		die(name, "unknown option");
}

static void prepare(int argc, char **argv)
{
	struct rlimit limit;
	cpu_set_t set;

	for (int i = 1; i + 1 < argc; i += 2)
		set_option(argv[i], argv[i + 1]);
	if (argc % 2 == 0 || options.port <= 0 || options.connections < 1 || options.size < 1 ||
	    options.size > SIZE_MAX_BYTES)
		die("usage", "load --port P [--connections N] [--size B] [--cpu C] [--pid P] "
			     "[--warm S] [--seconds S | --ops N]");
	if (options.pid && clock_getcpuclockid(options.pid, &server_clock))
		die("clock_getcpuclockid", "no such process");
	if (getrlimit(RLIMIT_NOFILE, &limit))
		die_errno("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		die_errno("setrlimit");
	if (options.cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET((unsigned)options.cpu, &set);
		if (sched_setaffinity(0, sizeof(set), &set))
			die_errno("sched_setaffinity");
	}
	pattern = malloc((size_t)options.size + SHIFTS);
	incoming = malloc((size_t)options.size);
	if (!pattern || !incoming)
		die_errno("malloc");
	for (int i = 0; i < options.size + SHIFTS; i++)
		pattern[i] = (uint8_t)((uint32_t)i * 2654435761u >> 13);
}

int main(int argc, char **argv)
{
	char line[16];
	int epoll;

	prepare(argc, argv);
	epoll = connect_all();
	puts("ready");
	fflush(stdout);
	await_line();
	run(epoll);
	while (fgets(line, sizeof(line), stdin))
		;
	return 0;
}
