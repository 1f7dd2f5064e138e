-- test_core.lua: the calls themselves, on both cores alike.

local harness = require("harness")
local native = require("abio.native")
local errors = require("abio.errors")
local generated = require("abio.generated")
local json = require("json")

local test, equal, raises, ok = harness.test, harness.equal, harness.raises, harness.ok
local core, constants = native.core, native.constants
local raw = core.raw

test("the library says which it is, and is the one these calls were made for", function()
	local abi = core.abi()
	harness.match(native.version, "^%d+%.%d+%.%d+$")
	equal(#abi.hash, 64)
	equal(#core.hash, 64)
	equal(native.same_description, true, "same description")
end)

test("every function of the description can be called", function()
	local count = 0
	for _, described in ipairs(json(generated.text("abio.json")).description.functions) do
		count = count + 1
		ok(raw[described.name], "no raw." .. described.name)
	end
	ok(count >= 59, "only " .. count .. " functions")
end)

test("handles that are none are refused by code, whatever the function", function()
	for _, handle in ipairs({ 0, 1, 12345678901, 9007199254740991 }) do
		for _, name in ipairs({ "driver_fd", "driver_submit", "driver_wake", "driver_shutdown",
			"driver_close", "retain", "release", "try_flush", "receive_pause", "receive_resume" }) do
			equal(raw[name](handle), errors.codes.HANDLE, name)
		end
	end
end)

test("texts and names of codes", function()
	equal(raw.error_name(errors.codes.BUSY), "ABIO_E_BUSY")
	equal(raw.error_name(-2), "ENOENT")
	harness.match(raw.error_text(-2), "No such file")
	equal(raw.error_kind(-2), constants.ABIO_CLASS_NOT_FOUND)
	equal(constants.ABIO_E_CANCELED, errors.codes.CANCELED)
end)

test("structs begin with their size, addresses are 128 bytes", function()
	local text = core.struct(1, 2, 3)
	equal(#text, 16)
	equal(text:byte(1), 16)
	equal(text:byte(13), 3)
	equal(#core.address(1, 80, "\127\0\0\1", 0), 128)
	equal(core.sizes.address, 128)
	equal(core.sizes.event, 48)
end)

test("the clock goes on", function()
	local before = core.clock()
	ok(core.clock() >= before and before > 0)
end)

test("the C core refuses lengths that do not fit their memory", function()
	if core.calls == "luajit" then
		harness.skip("LuaJIT's FFI has no such check")
	end
	local memory = core.memory(8)
	raises("shorter than said", raw.read, 1, memory, 9, 0, 1)
	raises("shorter than said", raw.write, 1, "abc", 4, 0, 1)
	raises("shorter than said", raw.driver_poll, 1, memory, 48, 1)
	raises("abio.memory expected", raw.read, 1, "text", 1, 0, 1)
	raises("struct too short", raw.open, 1, "x", 1, "ab", 1)
	raises("struct shorter", raw.open, 1, "x", 1, core.struct(1, 2):sub(1, 8), 1)
	raises("not a uint32", raw.read, 1, memory, -1, 0, 1)
	raises("not a uint32", raw.read, 1, memory, 4294967296, 0, 1)
	raises("number expected", raw.close, 1, 0)
	raises("out of range", core.event, core.events(2), 2)
	raises("out of range", core.memory_text, memory, 9)
	equal(raw.read(1, memory, 8, 0, 1), errors.codes.HANDLE)
end)

test("a driver object that is dropped gives its descriptors back", function()
	for _ = 1, 20 do
		local object, handle = core.driver(core.struct(0, 0, 0, 0, 0), {})
		ok(object, "driver: " .. tostring(handle))
		ok(raw.driver_fd(handle) >= 0)
	end
end)

test("a library that lacks what is needed is refused by name", function()
	if not harness.helper().state then
		harness.skip("no second state")
	end
	local message = harness.helper().state(([[
		package.path, package.cpath = %q, %q
		local getenv = os.getenv
		os.getenv = function(name)
			return name == "ABIO_LIBRARY" and "/nonexistent/libabio.so.0" or getenv(name)
		end
		require("abio")
	]]):format(package.path, package.cpath))
	harness.match(message, "cannot be loaded")
	harness.match(message, "/nonexistent/libabio.so.0")
	message = harness.helper().state(([[
		package.path, package.cpath = %q, %q
		local core = require(%q)
		local load = core.load
		core.load = function(path)
			local loaded, why = load(path)
			core.raw.put, core.raw.timer = nil, nil
			return loaded, why
		end
		require("abio")
	]]):format(package.path, package.cpath, core.calls == "luajit" and "abio.core_ffi" or "abio.core"))
	harness.match(message, "has no abio_timer, abio_put")
	harness.match(message, "version 0.1 or later")
end)
