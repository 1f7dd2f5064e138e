/*
 * core.h: what call.c, core.c and host.c share: the loaded library of a Lua state, and memory
 * objects.
 */
#ifndef ABIO_LUA_CORE_H
#define ABIO_LUA_CORE_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>

#include "abio.h"
#include "compat.h"

#define MEMORY "abio.memory"

/* Bytes the library may be given: a userdata never moves. */
struct memory {
	size_t size;
	alignas(8) unsigned char data[];
};

/* What a Lua state knows of the library it has loaded. */
struct core_state {
	const struct abio_api_table *api;
	lua_State *entered; /* the coroutine whose call the library is in, or NULL */
	lua_State *spare;   /* runs slots when no call came from this state */
};

/* call.c */

struct core_state *core_state(lua_State *L);

/* The root table of the loaded library; a Lua error before load. */
const struct abio_api_table *core_api(lua_State *L);

/* The address and size of what may be passed as memory: nil, a string, or a memory object. */
const void *core_bytes(lua_State *L, int index, bool writable, size_t *size);

/* A struct says its own size in its first word: it must be there whole. */
void core_check_struct(lua_State *L, int index, const void *data, size_t size);

/* The Lua function load(path); its upvalue is the module. */
int core_load(lua_State *L);

/* host.c: what Lua implements */

/* host_create(driver, slots, state, token): object and io, or nil and a code.  All slots go to
 * state.dispatch. */
int host_create(lua_State *L);
/* host_closed(object): the library calls nothing of it any more. */
int host_closed(lua_State *L);
/* host_fill(lent, bytes): copies them to where the library waits for them, once; a count. */
int host_fill(lua_State *L);
/* host_length(lent): how much the library asks for. */
int host_length(lua_State *L);
void host_open(lua_State *L);

/* The hash of the description these calls were generated from. */
const char *core_hash(void);

#endif
