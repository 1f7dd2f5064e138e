/*
 * Another thread has work for the one that waits.
 */
#include <abio.h>
#include <pthread.h>
#include <stdio.h>

static void *other(void *driver)
{
	abio_driver_wake(*(abio_driver *)driver);
	return NULL;
}

int main(void)
{
	struct abio_event event;
	abio_driver driver;
	pthread_t thread;

	if (abio_driver_create(NULL, &driver) < 0 ||
	    pthread_create(&thread, NULL, other, &driver) != 0)
		return 1;
	abio_driver_wait(driver, &event, sizeof(event), 1, -1);
	if ((event.flags & ABIO_EVENT_WAKE) != 0)
		puts("woken");
	pthread_join(thread, NULL);
	return abio_driver_close(driver) < 0;
}
