-- native.lua: finds the shared library and the core that calls it.
--
-- Calls go through the C module abio.core (libffi), of which each interpreter has its own.  LuaJIT
-- also does without: abio.core_ffi gives the same functions, but nothing that Lua implements, because
-- compiled code must not be entered again from a call of the FFI.  The library is the one that the environment's ABIO_LIBRARY names, else
-- libabio.so.0 beside a directory of package.cpath, else the system's.  A library that lacks what
-- these modules need is refused here, with a sentence that says what.

local generated = require("abio.generated")

local SONAME = "libabio.so.0"
-- The least version that has all of NEEDED.
local MAJOR, MINOR = 0, 1

-- Every function that the modules call; the rest of the library can still be called as core.raw.
local NEEDED = {
	"abi_info", "error_text", "clock",
	"driver_create", "driver_fd", "driver_poll", "driver_wait", "driver_submit", "driver_wake", "driver_shutdown",
	"driver_close", "driver_abandon", "driver_info",
	"release", "close", "cancel", "query", "info",
	"open", "connect", "listen", "resolve", "adopt", "detach", "pipe", "timer", "accept",
	"receive", "receive_pause", "receive_resume", "put", "flush", "shutdown",
	"retain", "read", "write_all", "object_notify", "object_complete", "seek", "stream_len", "read_at", "write_at_all", "sync",
}

local function exists(path)
	local file = io.open(path, "rb")
	if file then
		file:close()
	end
	return file ~= nil
end

local function candidates()
	local named = os.getenv("ABIO_LIBRARY")
	if named and named ~= "" then
		return { named }
	end
	local list, seen = {}, {}
	local function add(path)
		if not seen[path] and exists(path) then
			list[#list + 1] = path
		end
		seen[path] = true
	end
	for template in package.cpath:gmatch("[^;]+") do
		local folder = template:match("^(.*)/[^/]*%?")
		if folder then
			add(folder .. "/" .. SONAME)
			add(folder .. "/../lib/" .. SONAME)
		end
	end
	list[#list + 1] = SONAME
	return list
end

-- LuaJIT is known by its own table.  ABIO_LUA_FFI=1 leaves its C module out.
local function choose()
	if not rawget(_G, "jit") then
		return require("abio.core")
	end
	if os.getenv("ABIO_LUA_FFI") ~= "1" then
		local ok, core = pcall(require, "abio.core")
		if ok then
			return core
		end
	end
	return require("abio.core_ffi")
end

local core = choose()

-- Another language of the process may have loaded it: all must share one copy.
local function load()
	local tried = {}
	local named = os.getenv("ABIO_LIBRARY")
	if (not named or named == "") and core.load(SONAME, true) then
		return SONAME
	end
	for _, path in ipairs(candidates()) do
		local ok, message = core.load(path)
		if ok then
			return path
		end
		tried[#tried + 1] = "\n\t" .. tostring(message)
	end
	error("abio: the shared library cannot be loaded:" .. table.concat(tried), 0)
end

-- Refuses a library without what is needed.  Returns what it says of itself.
local function check(path)
	local missing = {}
	for _, name in ipairs(NEEDED) do
		if not core.raw[name] then
			missing[#missing + 1] = "abio_" .. name
		end
	end
	if #missing > 0 then
		error(("abio: %s has no %s: install version %d.%d or later, or set ABIO_LIBRARY")
			:format(path, table.concat(missing, ", "), MAJOR, MINOR), 0)
	end
	local abi = core.abi()
	if abi.major ~= MAJOR or abi.minor < MINOR then
		error(("abio: %s is version %d.%d.%d, and this module needs %d.%d")
			:format(path, abi.major, abi.minor, abi.patch, MAJOR, MINOR), 0)
	end
	-- One minor version is one contract, whatever its patch level.
	local built = generated.version():match("^(%d+%.%d+)%.")
	if abi.hash ~= core.hash and ("%d.%d"):format(abi.major, abi.minor) == built then
		error(("abio: %s is version %d.%d.%d like this module, but has another description (%s, not %s),"
			.. " so one of the two is no release: install the two together")
			:format(path, abi.major, abi.minor, abi.patch, abi.hash:sub(1, 12), core.hash:sub(1, 12)), 0)
	end
	return abi
end

local path = load()
local abi = check(path)

return {
	core = core,
	constants = generated.constants(),
	path = path,
	version = ("%d.%d.%d"):format(abi.major, abi.minor, abi.patch),
	hash = abi.hash,
	-- Of the loaded copy: handles are good in another language of the process where it is the same.
	instance = abi.instance,
	-- Whether the library was built from the very description that the core was.
	same_description = abi.hash == core.hash,
}
