/*
 * A request done by a worker: open, close, sync, and reading and writing files.  The job stands in
 * the request's own scratch memory, so that handing it over allocates nothing.
 */
#ifndef ABIO_FILE_JOB_H
#define ABIO_FILE_JOB_H

#include "backend.h"

/* Queues the request.  On failure its `done` is called with the code. */
void file_job_start(struct request *request);
/* True when it had not begun: the request is idle again and the caller ends it. */
bool file_job_withdraw(struct request *request);

#endif
