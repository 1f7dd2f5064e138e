/*
 * A host that knows the library by its name alone.
 */
#include <abio.h>
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>

/* The last function this program calls. */
#define NEEDED                                    \
	(offsetof(struct abio_api_table, timer) + \
	 sizeof(((struct abio_api_table *)0)->timer))

int main(void)
{
	const struct abio_api_table *(*root)(uint32_t major);
	void *library = dlopen("libabio.so.0", RTLD_NOW);
	const struct abio_api_table *api;
	struct abio_event event;
	abio_driver driver;

	if (library == NULL)
		return 1;
	*(void **)&root = dlsym(library, "abio_api");
	api = root == NULL ? NULL : root(0);
	if (api == NULL || api->head.size < NEEDED) {
		fputs("this libabio is too old\n", stderr);
		return 1;
	}
	if (api->driver_create(NULL, &driver) < 0)
		return 1;
	api->timer(driver, 1000000, 0, 1);
	api->driver_wait(driver, &event, sizeof(event), 1, -1);
	printf("a timer, by the root table: %d\n",
	       (int)event.token);
	return api->driver_close(driver) < 0;
}
