/*
 * What every C echo server of the bench shares: its command line, its core, its listening socket,
 * the way it is stopped and the CPU time it reports.  Nothing here runs once the server's own
 * loop has started.
 *
 * Protocol with bench/run.py, on stdout: one JSON line with the port when the server listens, one
 * with its CPU time after SIGTERM.  `stop_fd` becomes readable on SIGTERM; each loop watches it in
 * its own way, so that stopping costs the measured path nothing.
 */
#ifndef BENCH_SERVE_H
#define BENCH_SERVE_H

#include <stdint.h>

struct serve {
	int listen_fd; /* listening on 127.0.0.1, non-blocking, TCP_NODELAY inherited; -1: not asked
			  for */
	int stop_fd;
	const char *mode; /* --mode, or "" */
};

enum {
	SERVE_OWN_LISTENER = 1
}; /* the server makes its own listening socket */

void serve_open(struct serve *serve, int argc, char **argv, int flags);
void serve_announce(uint32_t port, const char *note);
void serve_report(void);

/* Ends the process with a message: a bench server has no state worth saving. */
_Noreturn void serve_die(const char *what, int error);

#endif
