/*
 * Where the backends are allowed to answer differently: all of it.  The conformance suite asks here
 * and nowhere else which backend it runs on, and docs/backends.md says the same to users; a test
 * compares the two.
 */
#ifndef ABIO_TEST_DIFFERENCES_H
#define ABIO_TEST_DIFFERENCES_H

enum test_difference {
	/* abio_driver_shutdown: operations end inside it on epoll, later on io_uring. */
	DIFFERS_SHUTDOWN_COUNT,
	/* The result of a large owned write may come ahead of its buffer: io_uring, TCP. */
	DIFFERS_RESULT_AHEAD,
	/* The kernel itself reads and writes on io_uring; on epoll the library does. */
	DIFFERS_WHO_READS,
};

#endif
