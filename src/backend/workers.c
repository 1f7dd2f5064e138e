/*
 * See workers.h.  Invariants: `queue` and the counts are under the mutex; `done` too, with `ready`
 * as a hint that needs no lock; a thread holds a reference from its start to its end; the doorbell
 * is rung after a job is in `done`, so that the driver cannot miss it.
 */
#include "workers.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "driver.h"
#include "platform.h"
#include "sys.h"

struct workers {
	pthread_mutex_t mutex;
	pthread_cond_t work;
	struct list queue;
	struct list done;
	struct doorbell *doorbell;
	_Atomic uint32_t ready;
	uint32_t references;
	uint32_t threads;
	uint32_t threads_max;
	uint32_t idle;
	uint32_t queued; /* an idle thread per job of these is already spoken for */
	bool closed;
};

static void lock(struct workers *workers)
{
	pthread_mutex_lock(&workers->mutex);
}

static void unlock(struct workers *workers)
{
	pthread_mutex_unlock(&workers->mutex);
}

struct workers *workers_of(struct driver *driver)
{
	struct workers *workers = driver->workers;

	if (workers != NULL)
		return workers;
	workers = platform_allocate(sizeof(*workers));
	if (workers == NULL)
		return NULL;
	pthread_mutex_init(&workers->mutex, NULL);
	pthread_cond_init(&workers->work, NULL);
	list_init(&workers->queue);
	list_init(&workers->done);
	workers->doorbell = driver->doorbell;
	atomic_fetch_add(&driver->doorbell->references, 1);
	workers->references = 1;
	workers->threads_max = driver->workers_max;
	driver->workers = workers;
	return workers;
}

/* With the mutex held; unlocks. */
static void drop_reference(struct workers *workers)
{
	uint32_t left = --workers->references;

	unlock(workers);
	if (left > 0)
		return;
	doorbell_release(workers->doorbell);
	pthread_cond_destroy(&workers->work);
	pthread_mutex_destroy(&workers->mutex);
	platform_release(workers);
}

static void hand_back(struct workers *workers, struct job *job)
{
	if (workers->closed) {
		unlock(workers);
		job->orphaned(job);
		lock(workers);
		return;
	}
	list_append(&workers->done, &job->link);
	atomic_store_explicit(&workers->ready, 1, memory_order_release);
	unlock(workers);
	doorbell_ring(workers->doorbell);
	lock(workers);
}

static void *worker_main(void *argument)
{
	struct workers *workers = argument;
	struct list *link;

	lock(workers);
	for (;;) {
		link = list_take(&workers->queue);
		if (link != NULL) {
			struct job *job = container_of(link, struct job, link);

			workers->queued--;
			unlock(workers);
			job->perform(job);
			lock(workers);
			hand_back(workers, job);
			continue;
		}
		if (workers->closed)
			break;
		workers->idle++;
		pthread_cond_wait(&workers->work, &workers->mutex);
		workers->idle--;
	}
	workers->threads--;
	drop_reference(workers);
	return NULL;
}

/* With the mutex held.  A pool with at least one thread can do any job, only later. */
static int32_t ensure_thread(struct workers *workers)
{
	int64_t error;

	if (workers->idle > workers->queued || workers->threads >= workers->threads_max)
		return 0;
	workers->threads++;
	workers->references++;
	error = sys.thread_start(worker_main, workers);
	if (error == 0)
		return 0;
	workers->threads--;
	workers->references--;
	if (workers->threads > 0)
		return 0;
	/* EAGAIN is how the system says this; a host would take it for "not now". */
	return error == -EAGAIN ? PLATFORM_NO_MEMORY : (int32_t)error;
}

int32_t workers_submit(struct workers *workers, struct job *job)
{
	int32_t error;

	lock(workers);
	error = ensure_thread(workers);
	if (error == 0) {
		list_append(&workers->queue, &job->link);
		workers->queued++;
		pthread_cond_signal(&workers->work);
	}
	unlock(workers);
	return error;
}

bool workers_withdraw(struct workers *workers, struct job *job)
{
	struct list *link;
	bool found = false;

	lock(workers);
	for (link = workers->queue.next; link != &workers->queue && !found; link = link->next)
		found = link == &job->link;
	if (found) {
		list_remove(&job->link);
		workers->queued--;
	}
	unlock(workers);
	return found;
}

bool workers_pending(struct workers *workers)
{
	return workers != NULL && atomic_load_explicit(&workers->ready, memory_order_acquire) != 0;
}

void workers_collect(struct workers *workers)
{
	struct list done;
	struct list *link;

	if (!workers_pending(workers))
		return;
	list_init(&done);
	lock(workers);
	atomic_store(&workers->ready, 0);
	list_splice(&done, &workers->done);
	unlock(workers);
	while ((link = list_take(&done)) != NULL) {
		struct job *job = container_of(link, struct job, link);

		job->finished(job);
	}
}

void workers_release(struct workers *workers)
{
	struct list left;
	struct list *link;

	if (workers == NULL)
		return;
	list_init(&left);
	lock(workers);
	workers->closed = true;
	list_splice(&left, &workers->queue);
	workers->queued = 0;
	list_splice(&left, &workers->done);
	pthread_cond_broadcast(&workers->work);
	drop_reference(workers);
	while ((link = list_take(&left)) != NULL) {
		struct job *job = container_of(link, struct job, link);

		job->orphaned(job);
	}
}
