/*
 * refuse_uring EPERM|ENOSYS COMMAND [ARGUMENT…]
 *
 * Runs a command in which every system call of io_uring fails with the given error, as it does in
 * many containers.  The refusal is inherited by everything the command starts.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const long refused[] = { SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register };

static int refuse(int error)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int result = filter ? 0 : -ENOMEM;

	for (size_t i = 0; result == 0 && i < sizeof(refused) / sizeof(refused[0]); i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)error), (int)refused[i],
					  0);
	if (result == 0)
		result = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return result;
}

int main(int argc, char **argv)
{
	int error = 0;
	int result;

	if (argc >= 3 && strcmp(argv[1], "EPERM") == 0)
		error = EPERM;
	else if (argc >= 3 && strcmp(argv[1], "ENOSYS") == 0)
		error = ENOSYS;
	if (error == 0) {
		fprintf(stderr, "usage: refuse_uring EPERM|ENOSYS COMMAND [ARGUMENT...]\n");
		return 2;
	}
	result = refuse(error);
	if (result < 0) {
		fprintf(stderr, "refuse_uring: %s\n", strerror(-result));
		return 2;
	}
	/* Without this, a filter that refused nothing would let every test pass for nothing. */
	if (syscall(SYS_io_uring_setup, 1, NULL) != -1 || errno != error) {
		fprintf(stderr, "refuse_uring: io_uring is not refused\n");
		return 2;
	}
	execvp(argv[2], argv + 2);
	fprintf(stderr, "refuse_uring: %s: %s\n", argv[2], strerror(errno));
	return 127;
}
