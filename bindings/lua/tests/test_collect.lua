-- test_collect.lua: everything of the binding is collected while streams are alive and a read is in
-- flight, in any order and at any moment: the module, the library it loaded, drivers, streams.
--
-- Each case is a program of its own, run in a process of its own, for a crash takes the process.

local harness = require("harness")

local test, equal, ok = harness.test, harness.equal, harness.ok

-- What every script begins with: streams of each kind, each with a read in flight.
local PRELUDE = [[
	local abio = require("abio")
	local function busy(driver)
		local file = assert(driver:open(arg[1], "w+"))
		local input, output = driver:pipe()
		local listener = assert(driver:listen("127.0.0.1", 0))
		local _, port = listener:local_address()
		local client, server
		driver:run(function()
			client = assert(driver:connect("127.0.0.1", port))
			server = assert(listener:accept())
		end)
		driver:spawn(function() input:read(1) end)
		driver:spawn(function() client:read(1) end)
		driver:spawn(function() listener:accept() end)
		driver:spawn(function() output:write(("y"):rep(300000)) end)
		driver:spawn(function() file:pwrite(("x"):rep(300000), 0) end)
		driver:spawn(function() file:pread(300000, 0) end)
		driver:step(0)
		return { file = file, input = input, output = output, listener = listener, client = client,
			server = server, driver = driver }
	end
	-- The library's answer, from the first byte to the last.
	local function whole(abio)
		local driver = abio.new_driver()
		driver:run(function()
			local input, output = driver:pipe()
			output:write("one\n", "two\n")
			assert(input:read() == "one")
			local task = driver:spawn(function() return input:read() end)
			assert(select(2, task:join()) == "two")
		end)
		driver:close()
	end
	local function forget()
		for name in pairs(package.loaded) do
			if name:find("^abio") then
				package.loaded[name] = nil
			end
		end
	end
	local function finalized(fn)
		if newproxy then
			local object = newproxy(true)
			getmetatable(object).__gc = fn
			return object
		end
		return setmetatable({}, { __gc = fn })
	end
]]

local function interpreter()
	local index = -1
	while arg[index - 1] do
		index = index - 1
	end
	return arg[index]
end

-- Runs a script.  Gives its exit status, or the signal's, as shells count, and what it printed.
local function program(name, script, prelude)
	local path = harness.write_file(name .. ".lua", (prelude or PRELUDE) .. script)
	local out = io.popen(("LUA_PATH='%s' LUA_CPATH='%s' %s %s %s 2>&1; echo \"status $?\"")
		:format(package.path, package.cpath, interpreter(), path, harness.path(name .. ".data")))
	local text = out:read("*a")
	out:close()
	return tonumber(text:match("status (%d+)\n$")), (text:gsub("status %d+\n$", ""))
end

local function fine(name, script, prelude)
	local status, text = program(name, script .. "\nprint('fine')", prelude)
	equal(text, "fine\n")
	equal(status, 0)
end

test("the harness of this file sees a crash and an error", function()
	local status = program("crash", "os.execute('kill -SEGV $PPID')")
	ok(status ~= 0, "a crash went unseen")
	local wrong, text = program("wrong", "error('went wrong')")
	equal(wrong, 1)
	harness.match(text, "went wrong")
end)

test("the module is dropped with all it made, and loaded again, many times", function()
	fine("dropped", [[
		for round = 1, 30 do
			local all = busy(abio.new_driver())
			busy(abio.driver())
			if round % 3 == 0 then
				all = nil
			end
			abio = nil
			forget()
			if round % 2 == 0 then
				all = nil
			end
			collectgarbage()
			collectgarbage()
			abio = require("abio")
			whole(abio)
		end
	]])
end)

test("a module that was loaded twice goes on, whichever is collected", function()
	fine("twice", [[
		for round = 1, 20 do
			local all = busy(abio.new_driver())
			forget()
			local second = require("abio")
			assert(second ~= abio)
			for _ = 1, 3 do
				collectgarbage()
				-- What is free now is written over.
				for index = 1, 20 do
					local junk = ("\255"):rep(8000 + index)
				end
			end
			whole(second)
			whole(abio)
			assert(all.server:write("z"))
			local first = abio
			if round % 2 == 0 then
				abio = second
			end
			first, second = nil, nil
			collectgarbage()
			whole(abio)
			all.driver:close()
		end
	]])
end)

test("objects that Lua implements outlive the module that made them", function()
	if os.getenv("ABIO_LUA_FFI") == "1" then
		harness.skip("needs the C module")
	end
	fine("implemented", [[
		for round = 1, 20 do
			local driver = abio.new_driver()
			local object = assert(driver:object({
				read = function(self, count) driver:sleep(100) end,
				write = function(self, text) driver:sleep(100) end,
			}))
			driver:spawn(function() object:read(1) end)
			driver:spawn(function() object:write("text") end)
			driver:step(0)
			forget()
			if round % 2 == 0 then
				object = nil
			end
			local second = require("abio")
			collectgarbage()
			driver:step(0)
			abio = second
			if round % 3 == 0 then
				object, driver = nil, nil
				collectgarbage()
			else
				driver:close()
			end
			collectgarbage()
			whole(second)
		end
	]])
end)

test("every way a program ends, everything in flight", function()
	local ends = {
		["os.exit(5)"] = 5,
		["os.exit(5, true)"] = 5,
		["os.exit(5, false)"] = 5,
		["error('on purpose')"] = 1,
		["collectgarbage() collectgarbage('stop')"] = 0,
		["all = nil"] = 0,
		["all, abio = nil, nil forget() collectgarbage()"] = 0,
		["forget()"] = 0,
		["package.loaded, _G = nil, nil"] = 0,
		["all.driver:close()"] = 0,
		["all.driver:spawn(function() os.exit(5, true) end) all.driver:step(0)"] = 5,
		["coroutine.wrap(function() os.exit(5, true) end)()"] = 5,
	}
	for text, wanted in pairs(ends) do
		local status, output = program("ends", "local all = busy(abio.driver()) busy(abio.new_driver()) "
			.. text)
		equal(status, wanted, text .. ": " .. output)
	end
end)

test("finalizers of the program's own use what was finalized before them", function()
	-- Made first, so finalized last, when the state closes; and made last, so finalized first.
	local use = [[
		local names, all = { "read", "write", "close_write", "flush", "close", "local_address", "accept",
			"step", "info", "fd", "pread", "pwrite", "seek", "sync", "settimeout", "lines" }
		local ran = 0
		local function use()
			ran = ran + 1
			for _, object in pairs(all) do
				for _, name in ipairs(names) do
					pcall(function() return object[name](object, 0, 0) end)
				end
			end
			pcall(abio.run, function() abio.sleep(0) end)
			pcall(abio.pipe)
			io.write("used\n")
		end
		local first = finalized(use)
		all = busy(abio.driver())
		for _, one in pairs(all) do
			if one.settimeout then
				one:settimeout(0)
			end
		end
		local last = finalized(use)
	]]
	local ends = { "", "all.driver:close()" }
	-- The os.exit of Lua 5.1 never closes the state.
	if _VERSION ~= "Lua 5.1" or rawget(_G, "jit") then
		ends[3] = "os.exit(0, true)"
	end
	for _, finish in ipairs(ends) do
		local status, text = program("finalizers", use .. finish)
		equal(text, "used\nused\n")
		equal(status, 0)
	end
end)

test("collecting at every step of the interpreter", function()
	fine("steps", [[
		if rawget(_G, "jit") then jit.off() end
		local function hooked(fn)
			return function(...)
				local count = 0
				debug.sethook(function()
					count = count + 1
					if count % 8 == 0 then collectgarbage() else collectgarbage("step", 0) end
				end, "", 29)
				-- Not protected: in Lua 5.1 no task waits inside a pcall.
				fn(...)
				debug.sethook()
			end
		end
		for round = 1, 4 do
			local driver = abio.new_driver()
			driver:run(hooked(function()
				local input, output = driver:pipe()
				local task = driver:spawn(hooked(function()
					for number = 1, 5 do
						assert(input:read() == "line " .. number)
					end
				end))
				for number = 1, 5 do
					output:write("line ", number, "\n")
					driver:sleep(0)
				end
				assert(task:join())
				local file = assert(driver:open(arg[1], "w+"))
				assert(file:pwrite("0123456789", 0))
				assert(file:pread(4, 3) == "3456")
				file:close()
			end))
			busy(driver)
			driver = nil
			collectgarbage()
		end
	]])
end)

test("generational collection", function()
	if not pcall(collectgarbage, "generational") then
		harness.skip("this collector has no generations")
	end
	collectgarbage("incremental")
	fine("generational", [[
		collectgarbage("generational")
		for round = 1, 30 do
			local all = busy(abio.new_driver())
			for step = 1, 10 do
				collectgarbage("step", 0)
			end
			if round % 2 == 0 then all.driver:close() end
			all = nil
			whole(abio)
		end
	]])
end)

test("the library stays when the namespace that loaded it is collected", function()
	if not rawget(_G, "jit") then
		harness.skip("only LuaJIT has namespaces")
	end
	-- Nothing but ffi.load has loaded it: the modules are not even required.
	local path = require("abio.native").path
	fine("namespace", ([[
		local ffi = require("ffi")
		local function mapped()
			for line in io.lines("/proc/self/maps") do
				if line:find("libabio", 1, true) then
					return true
				end
			end
			return false
		end
		ffi.cdef(require("abio.generated").text("abio.cdef"))
		for round = 1, 20 do
			local library = ffi.load(%q)
			local api = library.abio_api(0)
			local handle = ffi.new("uint64_t[3]")
			assert(api.driver_create(nil, handle) == 0)
			assert(api.pipe(handle[0], 0, handle + 1, handle + 2) == 0)
			local byte = ffi.new("char[1]")
			assert(api.read(handle[1], byte, 1, 0, 7) == 0)
			library = nil
			collectgarbage()
			collectgarbage()
			assert(mapped(), "unloaded")
			assert(api.put(handle[2], "z", 1) == 1)
			local event = ffi.new("struct abio_event")
			repeat
				local count = api.driver_wait(handle[0], event, ffi.sizeof(event), 1, -1)
				assert(count == 1)
			until event.token == 7
			assert(event.result == 1 and byte[0] == 122)
			api.driver_shutdown(handle[0])
			while api.driver_close(handle[0]) == ffi.C.ABIO_E_BUSY do
				api.driver_wait(handle[0], event, ffi.sizeof(event), 1, -1)
			end
			assert(api.release(handle[1]) == 0 and api.release(handle[2]) == 0)
		end
	]]):format(path), "")
end)
