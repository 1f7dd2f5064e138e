/*
 * Pipes, FIFOs, terminals and other character streams.  Their descriptors are O_NONBLOCK, because
 * reading and writing them without waiting has no other way on every kernel.
 */
#include <errno.h>
#include <fcntl.h>

#include "platform.h"
#include "readiness.h"
#include "resource.h"
#include "sys.h"
#include "traits.h"

static int64_t try_readv(struct object *object, const struct abio_iovec *iovecs, uint32_t count)
{
	return would_block(sys.readv(object->fd, (const void *)iovecs, (int)count));
}

static int64_t try_writev(struct object *object, const struct abio_iovec *iovecs, uint32_t count)
{
	return would_block(sys.writev(object->fd, (const void *)iovecs, (int)count));
}

static int32_t ready_now(struct object *object, uint32_t interest)
{
	return readiness_now(object->fd, interest);
}

/* A pipe's writing end has no half to close: the end comes with the close. */
static int32_t shutdown_write(struct object *object)
{
	(void)object;
	return 0;
}

#define PIPE_COMMON                                                                \
	.kind = ABIO_KIND_PIPE, .caps = ABIO_CAP_VECTORED, .ready_now = ready_now, \
	.ready = &stream_ready_slots
#define PIPE_READS                                                                              \
	.try_readv = try_readv, .read = &stream_read_slots, .buf_read = &stream_buf_read_slots, \
	.owned_read = &owned_read_slots
#define PIPE_WRITES                                                                               \
	.try_writev = try_writev, .shutdown_write = shutdown_write, .write = &stream_write_slots, \
	.buf_write = &stream_buf_write_slots, .owned_write = &owned_write_slots

const struct object_class pipe_class = {
	.name = "pipe", PIPE_COMMON, PIPE_READS, PIPE_WRITES, .split = &split_slots
};
const struct object_class pipe_reader_class = { .name = "pipe reader", PIPE_COMMON, PIPE_READS };
const struct object_class pipe_writer_class = { .name = "pipe writer", PIPE_COMMON, PIPE_WRITES };

const struct object_class *pipe_class_of(int32_t flags)
{
	if ((flags & O_ACCMODE) == O_RDONLY)
		return &pipe_reader_class;
	if ((flags & O_ACCMODE) == O_WRONLY)
		return &pipe_writer_class;
	return &pipe_class;
}

int32_t impl_pipe(struct driver *driver, uint32_t flags, abio_io *reader, abio_io *writer)
{
	struct object *in = object_create(driver, &pipe_reader_class);
	struct object *out;
	int fds[2];
	int64_t error = PLATFORM_NO_MEMORY;

	(void)flags;
	if (in == NULL)
		return PLATFORM_NO_MEMORY;
	out = object_create(driver, &pipe_writer_class);
	if (out == NULL)
		goto no_writer;
	error = sys.pipe(fds);
	if (error < 0)
		goto no_pipe;
	object_open(in, fds[0]);
	object_open(out, fds[1]);
	*reader = in->id;
	*writer = out->id;
	return 0;
no_pipe:
	object_discard(out);
no_writer:
	object_discard(in);
	return (int32_t)error;
}
