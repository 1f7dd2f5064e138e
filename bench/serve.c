/*
 * Start and end of a bench server, see serve.h.  Owns no loop and no connection.
 */
#define _GNU_SOURCE
#include "serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

_Noreturn void serve_die(const char *what, int error)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(error));
	exit(1);
}

static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		serve_die("getrlimit", errno);
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		serve_die("setrlimit", errno);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		serve_die("sched_setaffinity", errno);
}

static int make_stop_fd(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		serve_die("sigprocmask", errno);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		serve_die("signalfd", errno);
	return fd;
}

static int make_listener(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		serve_die("socket", errno);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	/* Linux hands a listener's TCP_NODELAY down to what it accepts. */
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
		serve_die("TCP_NODELAY", errno);
	if (bind(fd, (struct sockaddr *)&address, length))
		serve_die("bind", errno);
	if (listen(fd, 4096))
		serve_die("listen", errno);
	return fd;
}

void serve_announce(uint32_t port, const char *note)
{
	printf("{\"port\": %u, \"note\": \"%s\"}\n", port, note);
	fflush(stdout);
}

void serve_open(struct serve *serve, int argc, char **argv, int flags)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	int cpu = -1;

	memset(serve, 0, sizeof(*serve));
	serve->mode = "";
	serve->listen_fd = -1;
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--cpu"))
			cpu = atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--mode"))
			serve->mode = argv[i + 1];
		else
			serve_die(argv[i], EINVAL);
	}
	raise_fd_limit();
	if (cpu >= 0)
		pin(cpu);
	serve->stop_fd = make_stop_fd();
	if (flags & SERVE_OWN_LISTENER)
		return;
	serve->listen_fd = make_listener();
	if (getsockname(serve->listen_fd, (struct sockaddr *)&address, &length))
		serve_die("getsockname", errno);
	serve_announce(ntohs(address.sin_port), "");
}

void serve_report(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage))
		serve_die("getrusage", errno);
	printf("{\"user_us\": %lld, \"system_us\": %lld, \"max_rss_kib\": %ld}\n",
	       (long long)usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec,
	       (long long)usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec,
	       usage.ru_maxrss);
	fflush(stdout);
}
