/*
 * How a program that was built without the library finds it: by name, at run time, with one symbol.
 * abio.h is included for its types alone; nothing is linked but libdl's dlopen.
 */
#ifndef HOST_LIBRARY_H
#define HOST_LIBRARY_H

#include <jansson.h>

#include "abio.h"

/* Every function of the library.  NULL until library_load has succeeded. */
extern const struct abio_api_table *abio;
/* The symbol itself. */
extern const struct abio_api_table *(*library_api)(uint32_t major);

/*
 * Loads the library at `path` and demands that it is the one that abio.json describes, or a later
 * one that still has all of it.  0, or -1 after a line on stderr that says why not.
 */
int library_load(const char *path, const json_t *description);

#endif
