-- helper_ffi.lua: what helper.c gives Lua 5.4, for LuaJIT.

local ffi = require("ffi")

ffi.cdef([[
struct abio_test_pollfd { int fd; short events; short revents; };
int poll(struct abio_test_pollfd *entries, unsigned long count, int milliseconds);
int socketpair(int domain, int type, int protocol, int *fds);
int close(int fd);
int fork(void);
int waitpid(int pid, int *status, int options);
typedef struct lua_State lua_State;
lua_State *luaL_newstate(void);
void luaL_openlibs(lua_State *state);
int luaL_loadstring(lua_State *state, const char *text);
int lua_pcall(lua_State *state, int arguments, int results, int handler);
const char *lua_tolstring(lua_State *state, int index, size_t *length);
void lua_close(lua_State *state);
typedef struct abio_test_dir DIR;
struct abio_test_dirent { uint64_t inode; int64_t offset; uint16_t length; uint8_t type; char name[256]; };
DIR *opendir(const char *path);
struct abio_test_dirent *readdir(DIR *folder);
int dirfd(DIR *folder);
int closedir(DIR *folder);
long readlink(const char *path, char *target, size_t length);
]])

local AF_UNIX, SOCK_STREAM_CLOEXEC, POLLIN = 1, 0x80001, 1

local helper = {}

function helper.poll(fd, seconds)
	local entry = ffi.new("struct abio_test_pollfd[1]")
	entry[0].fd, entry[0].events = fd, POLLIN
	return ffi.C.poll(entry, 1, seconds * 1000) == 1 and entry[0].revents % 2 == 1
end

function helper.descriptors()
	local folder, lines = ffi.C.opendir("/proc/self/fd"), {}
	local target = ffi.new("char[256]")
	local own = tostring(ffi.C.dirfd(folder))
	local entry = ffi.C.readdir(folder)
	while entry ~= nil do
		local name = ffi.string(entry.name)
		if name:sub(1, 1) ~= "." and name ~= own then
			local length = tonumber(ffi.C.readlink("/proc/self/fd/" .. name, target, 256))
			lines[#lines + 1] = name .. " -> " .. ffi.string(target, math.max(length, 0)) .. "\n"
		end
		entry = ffi.C.readdir(folder)
	end
	ffi.C.closedir(folder)
	return table.concat(lines)
end

function helper.pair()
	local fds = ffi.new("int[2]")
	assert(ffi.C.socketpair(AF_UNIX, SOCK_STREAM_CLOEXEC, 0, fds) == 0)
	return fds[0], fds[1]
end

function helper.close(fd)
	return ffi.C.close(fd)
end

function helper.fork()
	return ffi.C.fork()
end

function helper.wait(pid)
	local status = ffi.new("int[1]")
	ffi.C.waitpid(pid, status, 0)
	return status[0] % 128 == 0 and math.floor(status[0] / 256) % 256 or -1
end

function helper.state(script)
	local state = ffi.C.luaL_newstate()
	ffi.C.luaL_openlibs(state)
	local message
	if ffi.C.luaL_loadstring(state, script) ~= 0 or ffi.C.lua_pcall(state, 0, 0, 0) ~= 0 then
		message = ffi.string(ffi.C.lua_tolstring(state, -1, nil))
	end
	ffi.C.lua_close(state)
	return message
end

return helper
