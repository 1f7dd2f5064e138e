/*
 * compat.h: one source for Lua 5.1 to 5.4, and for LuaJIT, whose C interface is that of Lua 5.1: a
 * module that was compiled for one of these two works in the other, so only what both have is used.
 */
#ifndef ABIO_LUA_COMPAT_H
#define ABIO_LUA_COMPAT_H

#include <stdbool.h>

#include <lauxlib.h>
#include <lua.h>

#if LUA_VERSION_NUM < 504
#define lua_newuserdatauv(L, size, values) lua_newuserdata(L, size)
#endif

#if LUA_VERSION_NUM == 502 || LUA_VERSION_NUM == 503
/* The one user value of an object is a table. */
#define lua_setiuservalue(L, index, n) lua_setuservalue(L, index)
#define lua_getiuservalue(L, index, n) lua_getuservalue(L, index)
#endif

#if LUA_VERSION_NUM < 502

#undef luaL_newlib
#undef luaL_setmetatable
#define luaL_newlib(L, functions)      (lua_newtable(L), luaL_register(L, NULL, functions))
#define luaL_setmetatable(L, name)     (luaL_getmetatable(L, name), (void)lua_setmetatable(L, -2))
#define lua_setiuservalue(L, index, n) lua_setfenv(L, index)
#define lua_getiuservalue(L, index, n) lua_getfenv(L, index)

/* Behind one more value on the stack. */
static inline int pushed_index(int index)
{
	return index < 0 && index > LUA_REGISTRYINDEX ? index - 1 : index;
}

static inline void lua_rawgetp(lua_State *L, int index, const void *key)
{
	lua_pushlightuserdata(L, (void *)key);
	lua_rawget(L, pushed_index(index));
}

static inline void lua_rawsetp(lua_State *L, int index, const void *key)
{
	lua_pushlightuserdata(L, (void *)key);
	lua_insert(L, -2);
	lua_rawset(L, pushed_index(index));
}

/* Calls work(L) with `user` as its one argument.  Nothing is raised, whatever happens. */
static inline bool protected_call(lua_State *L, lua_CFunction work, void *user)
{
	bool done = lua_cpcall(L, work, user) == 0;

	if (!done)
		lua_pop(L, 1);
	return done;
}

#else

static inline bool protected_call(lua_State *L, lua_CFunction work, void *user)
{
	bool done;

	if (!lua_checkstack(L, 2))
		return false;
	/* Neither allocates: both are values in place. */
	lua_pushcfunction(L, work);
	lua_pushlightuserdata(L, user);
	done = lua_pcall(L, 1, 0, 0) == LUA_OK;
	if (!done)
		lua_pop(L, 1);
	return done;
}

#endif
#endif
