-- test_memory.lua: the collector against operations in flight.

local harness = require("harness")
local abio = require("abio")

local test, equal, ok = harness.test, harness.equal, harness.ok

local function connection()
	local listener = ok(abio.listen("127.0.0.1", 0))
	local _, port = listener:local_address()
	local client = ok(abio.connect("127.0.0.1", port))
	local server = ok(listener:accept())
	listener:close()
	return client, server
end

test("collecting all the time while files are written and read", function()
	abio.run(function()
		local busy = true
		abio.spawn(function()
			while busy do
				collectgarbage()
				abio.pause()
			end
		end)
		local tasks = {}
		for index = 1, 8 do
			tasks[index] = abio.spawn(function()
				local name = harness.path("gc" .. index)
				local text = harness.pattern(200000 + index, index)
				local file = ok(abio.open(name, "w+"))
				for at = 1, #text, 20000 do
					-- A string that only the operation holds.
					ok(file:pwrite(text:sub(at, at + 19999), at - 1))
				end
				for at = 0, #text, 30000 do
					equal(file:pread(30000, at) or "", text:sub(at + 1, at + 30000))
				end
				file:close()
			end)
		end
		for _, task in ipairs(tasks) do
			task:join()
		end
		busy = false
	end)
end)

test("memory of operations that nobody holds or waits for", function()
	local native = require("abio.native")
	local core = native.core
	local driver = abio.driver()
	local file = ok(abio.open(harness.path("held"), "w+"))
	for index = 0, 63 do
		local operation = driver:operation(harness.pattern(40000, index + 1))
		local code = core.raw.write_at_all(file.io, operation.memory, 40000, index * 40000, 0, operation.token)
		equal(code, 0)
	end
	-- What is freed is taken again at once, and written over.
	for index = 1, 200 do
		collectgarbage()
		local junk = ("j"):rep(39000 + index * 10)
		equal(#junk, 39000 + index * 10)
	end
	while driver.in_flight > 0 do
		driver:step(1)
	end
	for index = 0, 63 do
		ok(file:pread(40000, index * 40000) == harness.pattern(40000, index + 1), "content differs")
	end
	for index = 0, 63 do
		local operation = driver:operation(core.memory(40000))
		equal(core.raw.read_at(file.io, operation.memory, 40000, index * 40000, 0, operation.token), 0)
	end
	local canaries = {}
	for index = 1, 200 do
		collectgarbage()
		canaries[index] = core.memory(40000)
	end
	while driver.in_flight > 0 do
		driver:step(1)
	end
	for index = 1, 200 do
		ok(core.memory_text(canaries[index], 40000) == ("\0"):rep(40000), "foreign memory was written")
	end
	file:close()
end)

test("collecting all the time while streams carry data", function()
	local client, server = connection()
	local text = harness.pattern(500000)
	abio.run(function()
		local busy = true
		abio.spawn(function()
			while busy do
				collectgarbage("step", 1000)
				abio.pause()
			end
		end)
		local reader = abio.spawn(function()
			return server:read(#text * 4)
		end)
		for _ = 1, 4 do
			ok(client:write(text:sub(1, 250000), text:sub(250001)))
		end
		ok(select(2, reader:join()) == text:rep(4), "content differs")
		busy = false
	end)
	client:close()
	server:close()
end)

test("handles dropped in any order, with operations in flight", function()
	local seed = 7
	local function random(count)
		seed = (seed * 1103515245 + 12345) % 2147483648
		return math.floor(seed / 65536) % count + 1
	end
	abio.run(function()
		for _ = 1, 20 do
			local held = {}
			for _ = 1, 10 do
				local client, server = connection()
				client:write("data")
				equal(server:read(1), "d")
				local file = ok(abio.open(harness.write_file("drop", "text"), "r+"))
				local input, output = abio.pipe()
				output:write(("z"):rep(100000))
				held[#held + 1] = client
				held[#held + 1] = server
				held[#held + 1] = file
				held[#held + 1] = input
				held[#held + 1] = output
			end
			while #held > 0 do
				table.remove(held, random(#held))
				if random(3) == 1 then
					collectgarbage()
					abio.pause()
				end
			end
		end
	end)
end)

test("tasks that are dropped with their driver, everything in flight", function()
	for round = 1, 10 do
		local driver = abio.new_driver()
		local file = ok(driver:open(harness.write_file("lost", harness.pattern(100000)), "r+"))
		local input = driver:pipe()
		local listener = ok(driver:listen("127.0.0.1", 0))
		for _ = 1, 5 do
			driver:spawn(function() driver:sleep(100) end)
			driver:spawn(function() listener:accept() end)
			driver:spawn(function() file:pread(50000, 0) end)
			driver:spawn(function() file:pwrite(("x"):rep(50000), 0) end)
		end
		driver:spawn(function() input:read(1) end)
		driver:step(0)
		if round % 2 == 0 then
			driver:step(0.001)
		end
		file, input, listener, driver = nil, nil, nil, nil
		collectgarbage()
		collectgarbage()
	end
end)

test("a state that is closed with everything in flight", function()
	local script = ([[
		package.path, package.cpath = %q, %q
		local abio = require("abio")
		local path, how = %q, ...
		local file = assert(abio.open(path, "w+"))
		local input, output = abio.pipe()
		local listener = assert(abio.listen("127.0.0.1", 0))
		local _, port = listener:local_address()
		local client = assert(abio.connect("127.0.0.1", port))
		client:write(("p"):rep(1000))
		for index = 1, 10 do
			abio.spawn(function() abio.sleep(100) end)
			abio.spawn(function() listener:accept() listener:accept() end)
			abio.spawn(function() file:pwrite(("x"):rep(1000000), index * 1000000) end)
			abio.spawn(function() file:pread(1000000, 0) end)
			abio.spawn(function() output:write(("y"):rep(1000000)) end)
		end
		abio.spawn(function() input:read(100000000) end)
		abio.spawn(function() client:read("a") end)
		abio.driver():step(0)
	]]):format(package.path, package.cpath, harness.path("closing"))
	for _ = 1, 5 do
		equal(harness.helper().state(script), nil)
	end
end)

test("a process that exits with everything in flight", function()
	local script = harness.write_file("exit.lua", [[
		local abio = require("abio")
		abio.run(function()
			local listener = assert(abio.listen("127.0.0.1", 0))
			abio.spawn(function() listener:accept() end)
			local file = assert(abio.open(arg[1], "w"))
			for index = 1, 10 do
				abio.spawn(function() file:pwrite(("x"):rep(100000), 0) end)
			end
			abio.sleep(0)
			os.exit(7, true)
		end)
	]])
	local index = -1
	while arg[index - 1] do
		index = index - 1
	end
	local set = ("LUA_PATH='%s' LUA_CPATH='%s' "):format(package.path, package.cpath)
	local one, _, three = os.execute(set .. arg[index] .. " " .. script .. " " .. harness.path("exit"))
	local code = three or math.floor(one / 256)
	equal(code, 7)
end)

test("nothing is kept of a thousand streams that came and went", function()
	local function round()
		abio.run(function()
			for _ = 1, 250 do
				local client, server = connection()
				client:write("x")
				equal(server:read(1), "x")
				client:close()
				server:close()
			end
		end)
		collectgarbage()
		collectgarbage()
		return collectgarbage("count")
	end
	round()
	local before = round()
	round()
	local after = round()
	ok(after < before + 100, ("%.0f KiB became %.0f KiB"):format(before, after))
	equal(abio.driver().in_flight, 0)
end)
