/* See file_job.h. */
#include "file_job.h"

#include <sys/uio.h>

#include "driver.h"
#include "platform.h"
#include "sys.h"
#include "workers.h"

_Static_assert(sizeof(struct job) <= sizeof(((struct request *)0)->scratch), "job fits a request");

static struct job *job_of(struct request *request)
{
	return (struct job *)(void *)request->scratch;
}

static struct request *request_of(struct job *job)
{
	return container_of(job, struct request, scratch);
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

static void perform(struct job *job)
{
	struct request *request = request_of(job);

	switch (request->code) {
	case REQUEST_OPEN:
		request->result = sys.open(request->data, (int)request->flags,
					   (mode_t)request->length);
		break;
	case REQUEST_CLOSE:
		request->result = sys.close(request->fd);
		break;
	case REQUEST_SYNC:
		request->result = sys.sync(request->fd, (request->flags & ABIO_SYNC_DATA) != 0);
		break;
	case REQUEST_LENGTH:
		request->result = sys.length(request->fd);
		break;
	default:
		request->result = transfer(request);
		break;
	}
}

static void finished(struct job *job)
{
	struct request *request = request_of(job);

	request->state = REQUEST_IDLE;
	request->done(request, request->result);
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
