/*
 * abio_driver_doorbell when the system says no: at the call, which then leaves everything as it
 * was, and later, on the thread that rings, which must miss nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.h"
#include "faults.h"

#define ROUNDS 50

struct refusal {
	enum fault_entry entry;
	uint64_t nth;
	int32_t error;
	int32_t answer;
};

static const struct refusal refusals[] = {
	{ FAULT_memory, 1, ENOMEM, -ENOMEM },        { FAULT_peer_address, 1, ENOTCONN, -ENOTCONN },
	{ FAULT_duplicate, 1, EMFILE, -EMFILE },     { FAULT_event_create, 1, EMFILE, -EMFILE },
	{ FAULT_event_create, 1, ENFILE, -ENFILE },  { FAULT_epoll_create, 1, ENFILE, -ENFILE },
	{ FAULT_epoll_control, 1, ENOSPC, -ENOSPC }, { FAULT_epoll_control, 2, ENOMEM, -ENOMEM },
	{ FAULT_thread_start, 1, EAGAIN, -ENOMEM },  { FAULT_thread_start, 1, ENOMEM, -ENOMEM },
};

static int pair_of(int fds[2])
{
	need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	return fds[0];
}

/* Sleeps on the socket alone; a wake that is not told is waited for until the child's alarm. */
static void need_rung(abio_driver driver, int socket)
{
	struct abio_event event;
	char bytes[64];
	int wakes = 0;

	need_equal(abio_driver_wake(driver), 0);
	while (wakes == 0) {
		need(recv(socket, bytes, sizeof(bytes), 0) > 0);
		while (abio_driver_poll(driver, &event, sizeof(event), 1) > 0)
			wakes++;
	}
	need_equal(wakes, 1);
}

static void need_closed(int fd)
{
	char bytes[64];

	while (recv(fd, bytes, sizeof(bytes), 0) > 0)
		;
	close(fd);
}

static void a_refusal_changes_nothing(const struct variant *variant)
{
	abio_driver driver = new_driver(variant);
	int first[2];

	pair_of(first);
	need_equal(abio_driver_doorbell(driver, first[1], 0), 0);
	close(first[1]);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *refusal = &refusals[i];
		struct fault fault = { refusal->entry, refusal->nth, refusal->error, false };
		int second[2];

		pair_of(second);
		faults_plan(&fault);
		need_equal(abio_driver_doorbell(driver, second[1], 0), refusal->answer);
		need(faults_hits() == 1);
		faults_lift();
		close(second[1]);
		need_closed(second[0]);
		need_rung(driver, first[0]);
	}
	end_driver(driver);
	need_closed(first[0]);
}

static const struct fault later[] = {
	{ FAULT_poll, 1, ENOMEM, false },    { FAULT_poll, 2, ENOMEM, false },
	{ FAULT_epoll_take, 1, EIO, false }, { FAULT_epoll_take, 2, EIO, false },
	{ FAULT_send, 1, ENOBUFS, false },   { FAULT_send, 2, ENOMEM, false },
};

static void what_fails_later_is_made_up_for(const struct variant *variant)
{
	abio_driver driver = new_driver(variant);
	int fds[2];

	pair_of(fds);
	need_equal(abio_driver_doorbell(driver, fds[1], 0), 0);
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		faults_plan(&later[i]);
		for (int round = 0; round < ROUNDS; round++)
			need_rung(driver, fds[0]);
		faults_lift();
	}
	need_equal(abio_driver_doorbell(driver, -1, 0), 0);
	end_driver(driver);
	close(fds[1]);
	need_closed(fds[0]);
}

int main(void)
{
	run_on_all("a_refusal_changes_nothing", a_refusal_changes_nothing);
	run_on_all("what_fails_later_is_made_up_for", what_fails_later_is_made_up_for);
	return tally_end();
}
