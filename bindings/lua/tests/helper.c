/*
 * helper.c: what the tests need of the system and Lua does not give: poll(2), a pair
 * of sockets, fork, and a second Lua state that is closed with operations in flight.
 */
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lualib.h>

#include "compat.h"

__attribute__((visibility("default"))) int luaopen_abio_test_helper(lua_State *L);

/* poll(fd, seconds): whether it is readable. */
static int poll_fd(lua_State *L)
{
	struct pollfd entry = { .fd = (int)luaL_checkinteger(L, 1), .events = POLLIN };
	int milliseconds = (int)(luaL_checknumber(L, 2) * 1000);

	lua_pushboolean(L, poll(&entry, 1, milliseconds) == 1 && (entry.revents & POLLIN));
	return 1;
}

/* descriptors(): those of this process and what they are, one in each line. */
static int descriptors(lua_State *L)
{
	DIR *folder = opendir("/proc/self/fd");
	struct dirent *entry;
	luaL_Buffer list;

	luaL_buffinit(L, &list);
	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		char path[300], target[256];
		ssize_t length;

		if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(folder))
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
		length = readlink(path, target, sizeof(target));
		luaL_addstring(&list, entry->d_name);
		luaL_addstring(&list, " -> ");
		luaL_addlstring(&list, target, length < 0 ? 0 : (size_t)length);
		luaL_addstring(&list, "\n");
	}
	if (folder != NULL)
		closedir(folder);
	luaL_pushresult(&list);
	return 1;
}

/* pair(): two descriptors of a Unix stream socket. */
static int pair(lua_State *L)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return luaL_error(L, "socketpair failed");
	lua_pushinteger(L, fds[0]);
	lua_pushinteger(L, fds[1]);
	return 2;
}

static int close_fd(lua_State *L)
{
	lua_pushinteger(L, close((int)luaL_checkinteger(L, 1)));
	return 1;
}

/* fork(): 0 in the child, else its number. */
static int fork_process(lua_State *L)
{
	lua_pushinteger(L, fork());
	return 1;
}

/* wait(child): its exit code, or -1 when it did not exit. */
static int wait_process(lua_State *L)
{
	int status = 0;

	waitpid((pid_t)luaL_checkinteger(L, 1), &status, 0);
	lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return 1;
}

/* state(script): runs it in a new Lua state and closes that; nil, or what went wrong. */
static int state(lua_State *L)
{
	const char *script = luaL_checkstring(L, 1);
	lua_State *other = luaL_newstate();

	if (other == NULL)
		return luaL_error(L, "no memory");
	luaL_openlibs(other);
	if (luaL_dostring(other, script)) {
		lua_pushstring(L, lua_tostring(other, -1));
		lua_close(other);
		return 1;
	}
	lua_close(other);
	lua_pushnil(L);
	return 1;
}

int luaopen_abio_test_helper(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "descriptors", descriptors }, { "poll", poll_fd }, { "pair", pair },
		{ "close", close_fd },          { "state", state },  { "fork", fork_process },
		{ "wait", wait_process },       { NULL, NULL },
	};

	luaL_newlib(L, functions);
	return 1;
}
