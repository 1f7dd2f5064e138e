-- A LuaJIT program of an old release: the declarations that were recorded, through the FFI.
--
--    luajit program.lua RECORD LIBRARY

local ffi = require("ffi")

local record, path = arg[1], arg[2]
ffi.cdef(assert(io.open(record .. "/abio.cdef")):read("*a"))
local lib = ffi.load(path)

local passed, failed = 0, 0
local function check(what, good)
	passed, failed = passed + (good and 1 or 0), failed + (good and 0 or 1)
	print((good and "ok" or "not ok") .. " - " .. what)
end

local EVENT = ffi.sizeof("struct abio_event")
local event = ffi.new("struct abio_event[1]")
local driver
local token = 0

local function wait(wanted)
	repeat
		assert(lib.abio_driver_wait(driver, event, EVENT, 1, -1) == 1)
	until event[0].token == wanted
	return tonumber(event[0].result), event[0].handle
end

local function run(start, ...)
	token = token + 1
	local arguments = { ... }
	arguments[#arguments + 1] = token
	assert(start(unpack(arguments)) == 0)
	return wait(token)
end

-- ---- tables and structs ---------------------------------------------------------------------------

local api = lib.abio_api(0)
check("the root table reaches as far", api.head.size >= ffi.sizeof("struct abio_api_table"))
check("an unknown major has none", lib.abio_api(1) == nil)
local size = ffi.sizeof("struct abio_abi")
local memory = ffi.new("uint8_t[?]", size + 64)
ffi.fill(memory, size + 64, 0x5a)
local abi = ffi.cast("struct abio_abi *", memory)
abi.size = size
check("abio_abi_info", lib.abio_abi_info(abi) == 0 and abi.major == 0 and abi.minor >= 1)
check("it writes no further", ffi.string(memory + size, 64) == ("\x5a"):rep(64))

local options = ffi.new("struct abio_driver_options")
options.size = ffi.sizeof(options)
local handle = ffi.new("abio_driver[1]")
check("driver_create", lib.abio_driver_create(options, handle) == 0)
driver = handle[0]

-- ---- files ----------------------------------------------------------------------------------------

local open = ffi.new("struct abio_open_options")
open.size, open.flags, open.access = ffi.sizeof(open), lib.ABIO_OPEN_CREATE, lib.ABIO_ACCESS_READ + lib.ABIO_ACCESS_WRITE
local code, file = run(lib.abio_open, driver, "old.txt", 7, open)
check("open", code >= 0 and file ~= 0)
local text = ffi.new("char[16]")
check("write_at_all", run(lib.abio_write_at_all, file, "declared", 8, 0, 0) == 8)
check("read_at", run(lib.abio_read_at, file, text, 16, 2, 0) == 6)
check("its bytes", ffi.string(text, 6) == "clared")
check("close", run(lib.abio_close, file, 0) == 0)
check("release", lib.abio_release(file) >= 0)
os.remove("old.txt")

-- ---- streams, by the root table -------------------------------------------------------------------

local ends = ffi.new("abio_io[2]")
check("pipe", api.pipe(driver, 0, ends, ends + 1) == 0)
check("read", api.read(ends[0], text, 16, 0, 99) == 0)
check("cancel", api.cancel(ends[0], 99) == 1)
check("cancelled", wait(99) == lib.ABIO_E_CANCELED)
check("put", api.put(ends[1], "later", 5) == 5)
check("read_exact", run(api.read_exact, ends[0], text, 5, 0) == 5)
check("its bytes", ffi.string(text, 5) == "later")
check("releases", api.release(ends[0]) >= 0 and api.release(ends[1]) >= 0)
check("shutdown", api.driver_shutdown(driver) >= 0)
check("close", api.driver_close(driver) == 0)
print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0 and 0 or 1)
