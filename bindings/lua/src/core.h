/*
 * core.h: what call.c and core.c share: the loaded library of a Lua state, and memory objects.
 */
#ifndef ABIO_LUA_CORE_H
#define ABIO_LUA_CORE_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>

#include <lauxlib.h>
#include <lua.h>

#include "abio.h"

#define MEMORY "abio.memory"

/* Bytes the library may be given: a userdata never moves. */
struct memory {
	size_t size;
	alignas(16) unsigned char data[];
};

/* call.c */

/* The root table of the loaded library; a Lua error before load. */
const struct abio_api_table *core_api(lua_State *L);

/* The address and size of what may be passed as memory: nil, a string, or a memory object. */
const void *core_bytes(lua_State *L, int index, bool writable, size_t *size);

/* A struct says its own size in its first word: it must be there whole. */
void core_check_struct(lua_State *L, int index, const void *data, size_t size);

/* The Lua function load(path); its upvalue is the module. */
int core_load(lua_State *L);

/* The hash of the description these calls were generated from. */
const char *core_hash(void);

#endif
