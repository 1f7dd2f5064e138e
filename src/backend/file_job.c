/* See file_job.h. */
#include "file_job.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>

#include "driver.h"
#include "platform.h"
#include "sys.h"
#include "workers.h"

struct file_job {
	struct job job;
	struct request *request;
	int64_t result;
};

_Static_assert(sizeof(struct file_job) <= REQUEST_SCRATCH * 8, "job fits a request");

static struct file_job *file_job_of(struct request *request)
{
	return (struct file_job *)(void *)request->scratch;
}

static struct job *job_of(struct request *request)
{
	return &file_job_of(request)->job;
}

static int64_t transfer(const struct request *request)
{
	struct iovec one = { .iov_base = request->data, .iov_len = request->length };
	const struct iovec *iovecs = &one;
	int count = 1;

	if (request->iovecs != NULL) {
		iovecs = (const struct iovec *)(const void *)request->iovecs;
		count = (int)request->count;
	}
	if (request->code == REQUEST_READ_AT)
		return sys.preadv(request->fd, iovecs, count, (int64_t)request->offset);
	return sys.pwritev(request->fd, iovecs, count, (int64_t)request->offset);
}

/* What says only that it has to be done with a buffer. */
static int64_t supported(int64_t result)
{
	switch (result) {
	case -EINVAL:
	case -ENOSYS:
	case -EOPNOTSUPP:
	case -EXDEV:
	case -EBADF: /* appending, and holes of old kernels' checks */
	case -EPERM:
	case -ETXTBSY:
	case -EOVERFLOW:
		return ABIO_E_UNSUPPORTED;
	default:
		return result;
	}
}

/* A stream that waits would hold the worker for as long as its peer likes. */
static int64_t send_file(const struct request *request)
{
	const struct kernel_copy *copy = request->data;
	int64_t flags = sys.get_flags(request->fd);

	if (flags < 0 || (flags & O_NONBLOCK) == 0)
		return flags < 0 ? flags : ABIO_E_UNSUPPORTED;
	return would_block(supported(
		sys.send_file(request->fd, copy->source, (int64_t)copy->from, request->length)));
}

static int64_t copy_range(const struct request *request)
{
	const struct kernel_copy *copy = request->data;

	return supported(sys.copy_range(request->fd, (int64_t)request->offset, copy->source,
					(int64_t)copy->from, request->length));
}

static int64_t do_it(const struct request *request)
{
	switch (request->code) {
	case REQUEST_OPEN:
		return sys.open(request->data, (int)request->flags, (mode_t)request->length);
	case REQUEST_CLOSE:
		return sys.close(request->fd);
	case REQUEST_SYNC:
		return sys.sync(request->fd, (request->flags & ABIO_SYNC_DATA) != 0);
	case REQUEST_LENGTH:
		return sys.length(request->fd);
	case REQUEST_SEND_FILE:
		return send_file(request);
	case REQUEST_COPY_RANGE:
		return copy_range(request);
	default:
		return transfer(request);
	}
}

static void perform(struct job *job)
{
	struct file_job *own = container_of(job, struct file_job, job);

	own->result = do_it(own->request);
}

static void finished(struct job *job)
{
	struct file_job *own = container_of(job, struct file_job, job);
	struct request *request = own->request;

	request->state = REQUEST_IDLE;
	request->done(request, own->result);
}

/* Only an abandoned driver leaves such a job behind, and it leaks the request on purpose. */
static void orphaned(struct job *job)
{
	(void)job;
}

void file_job_start(struct request *request)
{
	struct workers *workers = workers_of(request->driver);
	struct job *job = job_of(request);
	int32_t error = PLATFORM_NO_MEMORY;

	file_job_of(request)->request = request;
	job->perform = perform;
	job->finished = finished;
	job->orphaned = orphaned;
	list_init(&job->link);
	request->state = REQUEST_SUBMITTED;
	if (workers != NULL)
		error = workers_submit(workers, job);
	if (error == 0)
		return;
	/* Better to wait for a device than to lose a descriptor. */
	if (request->code == REQUEST_CLOSE)
		error = (int32_t)sys.close(request->fd);
	request->state = REQUEST_IDLE;
	request->done(request, error);
}

bool file_job_withdraw(struct request *request)
{
	if (!workers_withdraw(request->driver->workers, job_of(request)))
		return false;
	request->state = REQUEST_IDLE;
	return true;
}
