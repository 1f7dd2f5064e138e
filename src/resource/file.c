/*
 * Regular files, block devices and directories: positional, on their own cursor, without readiness.
 * Opening them, because what is opened decides the kind.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "platform.h"
#include "resource.h"
#include "sys.h"
#include "traits.h"

#define PATH_LENGTH_MAX 4095u
#define MODE_DEFAULT    0666u

/*
 * What is in memory already.  Not every file system can say, and a hot page is sometimes refused:
 * any refusal is only "not now".
 */
static int64_t try_readv_at(struct object *object, const struct abio_iovec *iovecs, uint32_t count,
			    uint64_t offset)
{
	int64_t result = sys.preadv_nowait(object->fd, (const void *)iovecs, (int)count,
					   (int64_t)offset);

	if (result == -EAGAIN || result == -EOPNOTSUPP)
		return ABIO_WOULD_BLOCK;
	return result;
}

const struct object_class file_class = {
	.name = "file",
	.kind = ABIO_KIND_FILE,
	.positional = true,
	.slow_close = true,
	.caps = ABIO_CAP_VECTORED,
	.reserve = LENGTH_ROOM,
	.try_readv_at = try_readv_at,
	.read = &file_read_slots,
	.write = &file_write_slots,
	.read_at = &file_read_at_slots,
	.write_at = &file_write_at_slots,
	.owned_read = &owned_read_slots,
	.owned_write = &owned_write_slots,
	.seek = &seek_slots,
};

static int32_t system_flags(const struct abio_open_options *options)
{
	bool reads = (options->access & ABIO_ACCESS_READ) != 0;
	bool writes = (options->access & ABIO_ACCESS_WRITE) != 0;
	/* O_NONBLOCK, or a FIFO's open would wait for its peer on a thread nobody can call back. */
	int32_t flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

	flags |= writes ? (reads ? O_RDWR : O_WRONLY) : O_RDONLY;
	if ((options->flags & ABIO_OPEN_CREATE) != 0)
		flags |= O_CREAT;
	if ((options->flags & ABIO_OPEN_EXCLUSIVE) != 0)
		flags |= O_EXCL;
	if ((options->flags & ABIO_OPEN_TRUNCATE) != 0)
		flags |= O_TRUNC;
	if ((options->flags & ABIO_OPEN_APPEND) != 0)
		flags |= O_APPEND;
	if ((options->flags & ABIO_OPEN_DIRECT) != 0)
		flags |= O_DIRECT;
	return flags;
}

static void open_done(struct request *request, int64_t result)
{
	struct operation *operation = operation_of(request);
	struct object *child = operation->child;
	const struct object_class *class;
	int32_t error = 0;

	if (result < 0) {
		operation_finish_child(operation, result);
		return;
	}
	object_open(child, (int32_t)result);
	class = resource_classify(child->fd, &error);
	if (class == NULL) {
		operation_finish_child(operation, error);
		return;
	}
	child->class = class;
	/* A file keeps none of it: io_uring would answer -EAGAIN where the device has to be asked.
	 */
	if (class->positional)
		result = sys.set_flags(child->fd, (int)request->flags & ~O_NONBLOCK);
	operation_finish_child(operation, result < 0 ? result : 0);
}

int32_t impl_open(struct driver *driver, const void *path, uint32_t length,
		  const struct abio_open_options *options, uint64_t token)
{
	struct operation *operation;

	if (length == 0 || length > PATH_LENGTH_MAX || memchr(path, 0, length) != NULL ||
	    (options->flags & ~(uint32_t)ABIO_MASK_OPEN) != 0 ||
	    (options->access & ~(uint32_t)ABIO_MASK_ACCESS) != 0 || (options->mode & ~07777u) != 0)
		return ABIO_E_ARGUMENT;
	operation = operation_create_with(driver, NULL, token, (size_t)length + 1);
	if (operation == NULL)
		return PLATFORM_NO_MEMORY;
	operation->child = object_create(driver, &file_class);
	if (operation->child == NULL) {
		operation_discard(operation);
		return PLATFORM_NO_MEMORY;
	}
	memcpy(operation->extra, path, length);
	operation->request.data = operation->extra;
	operation->request.length = options->mode != 0 ? options->mode : MODE_DEFAULT;
	operation->request.flags = (uint32_t)system_flags(options);
	operation_accept(operation, SIDE_NONE);
	operation_submit(operation, REQUEST_OPEN, open_done);
	return 0;
}
