/*
 * Loading: dlopen, the one symbol, and the three questions to ask before anything else is called.
 *
 * 1. Is there a root table of the major version this program was written for?
 * 2. Does it reach as far as the functions used here?  A table only ever grows at its end, so one
 *    comparison answers for all of them.
 * 3. Is the description the same?  If not, a newer minor is welcome, an older one is refused.
 *
 * The library is linked with -z nodelete: there is nothing to dlclose, and no function pointer
 * taken from it can ever dangle.
 */
#include "library.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* A function and a data pointer are two things in C; POSIX says that this cast of dlsym's works. */
union entry {
	void *address;
	const struct abio_api_table *(*api)(uint32_t major);
};

const struct abio_api_table *abio;
const struct abio_api_table *(*library_api)(uint32_t major);

static int refuse(const char *path, const char *why)
{
	fprintf(stderr, "%s: %s\n", path, why);
	return -1;
}

static void hex(const uint8_t *bytes, size_t count, char *text)
{
	for (size_t i = 0; i < count; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
}

int library_load(const char *path, const json_t *description)
{
	const json_t *promised = json_object_get(json_object_get(description, "description"),
						 "abi");
	json_int_t major = json_integer_value(json_object_get(promised, "major"));
	json_int_t minor = json_integer_value(json_object_get(promised, "minor"));
	const char *sha256 = json_string_value(json_object_get(description, "sha256"));
	struct abio_abi abi = { .size = sizeof(abi) };
	const struct abio_api_table *table;
	union entry entry;
	char hash[65];
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return refuse(path, dlerror());
	entry.address = dlsym(library, "abio_api");
	if (!entry.address)
		return refuse(path, "has no abio_api: this is not libabio");
	table = entry.api((uint32_t)major);
	if (!table)
		return refuse(path, "does not speak this major version");
	/* Asked before the first call: what lies behind head.size must not even be read. */
	if (table->head.major != major || table->head.size < sizeof(*table))
		return refuse(path, "is older than this program: its root table ends too early");
	if (table->abi_info(&abi) < 0)
		return refuse(path, "does not tell its version");
	hex(abi.hash, sizeof(abi.hash), hash);
	if ((!sha256 || strcmp(hash, sha256) != 0) && abi.minor <= minor)
		return refuse(path, "has another description than abio.json and is not newer");
	printf("loads: yes, libabio %u.%u.%u\n", abi.major, abi.minor, abi.patch);
	library_api = entry.api;
	abio = table;
	return 0;
}
