/*
 * Counts the system calls of one process while it runs, without stopping it: a BPF program of a
 * dozen instructions on the kernel's sys_enter tracepoint.  A tracer that stops the process at
 * every call would let more requests pile up per wake-up and so flatter whoever batches.
 *
 * count PID: prints "counting", waits for a line on stdin, prints one JSON line with the counts.
 * Exit code 3: this kernel does not let us (no privilege, or a PID namespace that is not the
 * first); bench/run.py then falls back to strace, and says so.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	CALLS = 512,
	PROBES = 10,
	EXIT_NOT_HERE = 3
};

struct name {
	long number;
	const char *name;
};

#define NAME(call)                \
	{                         \
		SYS_##call, #call \
	}

static const struct name names[] = {
	NAME(read),
	NAME(write),
	NAME(readv),
	NAME(writev),
	NAME(pread64),
	NAME(pwrite64),
	NAME(preadv2),
	NAME(pwritev2),
	NAME(recvfrom),
	NAME(sendto),
	NAME(recvmsg),
	NAME(sendmsg),
	NAME(epoll_pwait),
	NAME(epoll_pwait2),
	NAME(epoll_ctl),
	NAME(accept4),
	NAME(io_uring_enter),
	NAME(futex),
	NAME(mmap),
	NAME(munmap),
	NAME(mremap),
	NAME(madvise),
	NAME(brk),
	NAME(lseek),
	NAME(timerfd_settime),
	NAME(getpid),
	NAME(ioctl),
	NAME(close),
#ifdef SYS_epoll_wait
	NAME(epoll_wait),
#endif
};

static _Noreturn void die(const char *what, int code)
{
	fprintf(stderr, "count: %s: %s\n", what, strerror(errno));
	exit(code);
}

static int bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int make_map(void)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY,
				.key_size = sizeof(uint32_t),
				.value_size = sizeof(uint64_t),
				.max_entries = CALLS };

	return bpf(BPF_MAP_CREATE, &attr);
}

static uint64_t look_up(int map, uint32_t call)
{
	uint64_t value = 0;
	union bpf_attr attr = { .map_fd = (uint32_t)map,
				.key = (uintptr_t)&call,
				.value = (uintptr_t)&value };

	if (bpf(BPF_MAP_LOOKUP_ELEM, &attr))
		die("BPF_MAP_LOOKUP_ELEM", 1);
	return value;
}

/* if (tgid == pid) calls[min(number, CALLS - 1)]++; */
static int load_program(int map, int pid)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_current_pid_tgid },
		{ .code = BPF_ALU64 | BPF_RSH | BPF_K, .dst_reg = 0, .imm = 32 },
		{ .code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = 0, .off = 12, .imm = pid },
		{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = 1, .src_reg = 6, .off = 8 },
		{ .code = BPF_JMP | BPF_JLT | BPF_K, .dst_reg = 1, .off = 1, .imm = CALLS },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1, .imm = CALLS - 1 },
		{ .code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = 10, .src_reg = 1, .off = -4 },
		{ .code = BPF_LD | BPF_DW | BPF_IMM,
		  .dst_reg = 1,
		  .src_reg = BPF_PSEUDO_MAP_FD,
		  .imm = map },
		{ .code = 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 10 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = -4 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_map_lookup_elem },
		{ .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 0, .off = 2, .imm = 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1, .imm = 1 },
		{ .code = BPF_STX | BPF_ATOMIC | BPF_DW,
		  .dst_reg = 0,
		  .src_reg = 1,
		  .imm = BPF_ADD },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
				.insn_cnt = sizeof(program) / sizeof(program[0]),
				.insns = (uintptr_t)program,
				.license = (uintptr_t) "MIT" };

	return bpf(BPF_PROG_LOAD, &attr);
}

/* Closing the descriptor it returns ends the counting. */
static int attach(int program)
{
	union bpf_attr attr = { .raw_tracepoint = { .name = (uintptr_t) "sys_enter",
						    .prog_fd = (uint32_t)program } };

	return bpf(BPF_RAW_TRACEPOINT_OPEN, &attr);
}

static int start_counting(int map, int pid)
{
	int program = load_program(map, pid);
	int link;

	if (program < 0)
		die("BPF_PROG_LOAD", EXIT_NOT_HERE);
	link = attach(program);
	if (link < 0)
		die("BPF_RAW_TRACEPOINT_OPEN", EXIT_NOT_HERE);
	close(program);
	return link;
}

/* The kernel knows processes by the numbers of the first PID namespace: prove that ours are. */
static void prove_counting(void)
{
	int map = make_map();
	int link;

	if (map < 0)
		die("BPF_MAP_CREATE", EXIT_NOT_HERE);
	link = start_counting(map, getpid());
	for (int i = 0; i < PROBES; i++)
		syscall(SYS_getpid);
	close(link);
	errno = ESRCH;
	if (look_up(map, SYS_getpid) != PROBES)
		die("own calls are not seen", EXIT_NOT_HERE);
	close(map);
}

static const char *name_of(long number)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].number == number)
			return names[i].name;
	return NULL;
}

static void print_counts(int map)
{
	uint64_t total = 0;

	printf("{\"calls\": {");
	for (uint32_t call = 0; call < CALLS; call++) {
		uint64_t count = look_up(map, call);
		const char *name = name_of(call);

		if (!count)
			continue;
		printf("%s\"", total ? ", " : "");
		total += count;
		if (name)
			printf("%s\": %llu", name, (unsigned long long)count);
		else
			printf("call %u\": %llu", call, (unsigned long long)count);
	}
	printf("}, \"total\": %llu}\n", (unsigned long long)total);
}

int main(int argc, char **argv)
{
	char line[16];
	int map;
	int link;

	errno = EINVAL;
	if (argc != 2)
		die("usage: count PID", 1);
	prove_counting();
	map = make_map();
	if (map < 0)
		die("BPF_MAP_CREATE", EXIT_NOT_HERE);
	link = start_counting(map, atoi(argv[1]));
	puts("counting");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	close(link);
	print_counts(map);
	return 0;
}
