-- run.lua: every test of the Lua binding.
--
--   lua5.4 bindings/lua/tests/run.lua [PATTERN]        in the top folder, after `make lua`
--
-- The same with lua5.1, lua5.2, lua5.3 and luajit.  ABIO_BACKEND=uring|epoll chooses the backend.  LUA_PATH and LUA_CPATH may
-- name another place for the module and its C part; else it is the source tree's.

local here = arg[0]:match("^(.*/)") or "./"
package.path = here .. "?.lua;" .. package.path .. ";" .. here .. "../?.lua;" .. here .. "../?/init.lua"
local interpreter = rawget(_G, "jit") and "luajit" or "lua" .. _VERSION:match("%d%.%d")
package.cpath = package.cpath .. ";" .. here .. "../../../build/" .. interpreter .. "/?.so"

-- The C helper is built where all outputs are, next to the C module it is tested with.
local function build_helper()
	local folder
	for template in package.cpath:gmatch("[^;]+") do
		local path = template:gsub("%?", "abio/core")
		local file = io.open(path)
		if file then
			file:close()
			folder = path:match("^(.*)/abio/core%.so$")
			break
		end
	end
	if not folder or interpreter == "luajit" then
		return
	end
	local output = folder .. "/abio_test_helper.so"
	local command = "test %s -nt %s || cc -std=gnu11 -O1 -fPIC -shared -I/usr/include/%s -I%s../src -o %s %s"
	os.execute(command:format(output, here .. "helper.c", interpreter, here, output, here .. "helper.c"))
	package.cpath = folder .. "/?.so;" .. package.cpath
end

build_helper()

local harness = require("harness")
local abio = require("abio")

for _, name in ipairs({
	"test_harness", "test_buffer", "test_core", "test_conformance", "test_file", "test_stream", "test_task", "test_object", "test_streams", "test_more", "test_host", "test_memory", "test_collect",
	"test_readme",
}) do
	require(name)
end

local info = abio.info()
print(("# %s, %s, backend %s (%s)"):format(rawget(_G, "jit") and jit.version or _VERSION, info.calls,
	info.backend, info.reason))
os.exit(harness.run(abio, arg[1]) and 0 or 1, true)
