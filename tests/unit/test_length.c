/*
 * The length of what is behind a descriptor: what the system says of a file, and of a device, which
 * has to be asked in its own way.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "object.h"
#include "sys.h"
#include "uring.h"

static int64_t device_length(int fd)
{
	return fd == 7 ? INT64_C(3) << 40 : -1;
}

static int64_t length_of(uint16_t mode, uint64_t size)
{
	static struct statx status;
	struct request request = { .code = REQUEST_LENGTH, .fd = 7, .data = &status };
	int64_t length;

	status.stx_mode = mode;
	status.stx_size = size;
	sys.length = device_length;
	length = uring_length(&request);
	sys.length = sys_linux.length;
	return length;
}

static void only_a_device_is_asked_itself(struct test *t)
{
	(void)t;
	assert_int_equal(length_of(S_IFREG | 0644, 123), 123);
	assert_int_equal(length_of(S_IFDIR | 0755, 4096), 4096);
	assert_int_equal(length_of(S_IFBLK | 0600, 0), INT64_C(3) << 40);
	assert_int_equal(length_of(S_IFREG | 0644, (uint64_t)INT64_MAX), INT64_MAX);
}

static void files_have_the_length_they_were_given(struct test *t)
{
	int fd = test_own_fd(t, open(test_path(t), O_RDWR | O_CLOEXEC));

	assert_int_equal(sys.length(fd), 0);
	assert_int_equal(ftruncate(fd, (off_t)1 << 33), 0);
	assert_int_equal(sys.length(fd), INT64_C(1) << 33);
	assert_int_equal(sys.length(-1), -EBADF);
}

static const struct test_case cases[] = {
	ONCE(only_a_device_is_asked_itself),
	ONCE(files_have_the_length_they_were_given),
};

TEST_MAIN("length", cases)
