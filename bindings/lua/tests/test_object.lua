-- test_object.lua: objects that Lua implements: every method, every answer that makes no sense, and
-- what a method must not do.

local harness = require("harness")
local abio = require("abio")
local native = require("abio.native")

local core = native.core
local test, ok, equal, raises, fails = harness.test, harness.ok, harness.equal, harness.raises, harness.fails
local codes = abio.codes

local function object_test(name, fn)
	test("object: " .. name, function()
		if not core.host_create then
			harness.skip("the C module is not there")
		end
		fn()
	end)
end

-- In a task, with everything closed by the end.
local function task_test(name, fn)
	object_test(name, function()
		abio.run(fn)
	end)
end

if not core.host_create then
	test("object: without the C module it is refused by a sentence", function()
		raises("need the C module", abio.object, { read = function() end })
	end)
end

object_test("what is no implementation is refused", function()
	raises("table expected, got nil", abio.object)
	raises("no method that implements a trait", abio.object, {})
	raises("no method that implements a trait", abio.object, { close = print, interest = print })
	raises("field 'read' is no function", abio.object, { read = "text" })
	raises("'r', 'w' or 'rw' expected", abio.notify, {}, "x")
	equal(abio.notify({}, "r"), false)
end)

task_test("it is a stream, a listener or a file by its methods", function()
	local stream = abio.object({ read = function() return nil end })
	local listener = abio.object({ accept = function() return nil, "never" end })
	local file = abio.object({ read_at = function() return nil end })
	equal(abio.type(stream), "stream")
	equal(abio.type(listener), "listener")
	equal(abio.type(file), "file")
	ok(stream.handle > 0 and stream.handle < 2 ^ 53)
	equal(tostring(stream), "abio.stream (object)")
	for _, object in ipairs({ stream, listener, file }) do
		equal(object:close(), true)
	end
end)

task_test("try_read is tried again when it was notified", function()
	local implementation = { calls = 0 }
	function implementation:try_read(count)
		self.calls = self.calls + 1
		ok(count >= 1)
		local bytes = self.bytes
		self.bytes = nil
		return bytes or false
	end
	local stream = abio.object(implementation)
	abio.spawn(function()
		abio.pause()
		implementation.bytes = "hello"
		equal(abio.notify(implementation, "r"), true)
	end)
	equal(stream:read_some(), "hello")
	equal(implementation.calls, 2)
	stream:close()
	equal(abio.notify(implementation, "r"), false)
end)

task_test("try_write takes what it can and goes on when it was notified", function()
	local implementation = { taken = {}, room = 10 }
	function implementation:try_write(bytes)
		if self.room == 0 then
			return false
		end
		local count = math.min(self.room, #bytes)
		self.room = self.room - count
		self.taken[#self.taken + 1] = bytes:sub(1, count)
		return count
	end
	local stream = abio.object(implementation)
	local writer = abio.spawn(function()
		ok(stream:write(("x"):rep(25)))
		ok(stream:flush())
	end)
	for _ = 1, 2 do
		abio.sleep(0.001)
		implementation.room = 10
		abio.notify(implementation, "w")
	end
	writer:join()
	equal(table.concat(implementation.taken), ("x"):rep(25))
	equal(#implementation.taken, 3)
	stream:close()
end)

task_test("interest tells what is waited for", function()
	local seen = {}
	local implementation = {
		try_read = function()
			return false
		end,
		interest = function(_, what)
			seen[#seen + 1] = what
		end,
	}
	local stream = abio.object(implementation)
	stream:settimeout(0.01)
	fails(110, stream:read(1))
	equal(seen[1], "r")
	stream:close()
end)

task_test("methods that wait are tasks of their own, and run does not wait for them", function()
	local stream = abio.object({
		read = function()
			abio.sleep(0.001)
			return "late"
		end,
		write = function(_, bytes)
			abio.sleep(0.001)
			return #bytes
		end,
	})
	equal(stream:read(4), "late")
	ok(stream:write("abc"))
	ok(stream:flush())
	stream:close()
	local forever = abio.object({ read = function()
		abio.sleep(1e6)
	end })
	abio.spawn(function()
		forever:read(1)
	end):cancel()
	abio.pause()
	equal(forever:close(), true)
end)

task_test("flush, shutdown and close are called in order, and may wait", function()
	local calls = {}
	local implementation = {}
	for _, name in ipairs({ "write", "flush", "shutdown", "close" }) do
		implementation[name] = function()
			calls[#calls + 1] = name
			abio.sleep(0.001)
			return true
		end
	end
	local stream = abio.object(implementation)
	ok(stream:write("x"))
	ok(stream:flush())
	ok(stream:close_write())
	equal(stream:close(), true)
	equal(table.concat(calls, " "), "write flush shutdown close")
end)

task_test("an object nobody holds is closed", function()
	local closed = 0
	local function make()
		return abio.object({
			read = function()
				return "x"
			end,
			close = function()
				closed = closed + 1
			end,
		}):read(1)
	end
	for _ = 1, 3 do
		equal(make(), "x")
	end
	for _ = 1, 20 do
		collectgarbage()
		abio.sleep(0.001)
	end
	equal(closed, 3)
	equal(abio.driver().objects, 0)
end)

-- What a method returns or raises, and what the consumer is told.
local answers = {
	{ "raises", function() error("boom", 0) end, codes.HOST, "boom" },
	{ "raises a table", function() error({}) end, codes.HOST, "table: " },
	{ "returns nothing", function() end, codes.HOST, "returned nothing" },
	{ "returns an empty string", function() return "" end, codes.HOST, "returned an empty string" },
	{ "returns too much", function(_, count) return ("x"):rep(count + 1) end, codes.HOST, "were asked for" },
	{ "returns a number", function() return 7 end, codes.HOST, "a number for a string" },
	{ "fails with a message", function() return nil, "no luck" end, codes.HOST, "no luck" },
	{ "fails with errno", function() return nil, "no luck", 32 end, 32, "no luck" },
	{ "fails with a code", function() return nil, "over", codes.LIMIT end, codes.LIMIT, "over" },
	{ "fails with a code nobody knows", function() return nil, "odd", -9999 end, codes.HOST, nil },
	{ "fails with EAGAIN", function() return nil, "again", 11 end, codes.HOST, "again" },
	{ "fails with half an errno", function() return nil, "half", 1.5 end, codes.HOST, "half" },
}

for _, answer in ipairs(answers) do
	local name, method, number, pattern = answer[1], answer[2], answer[3], answer[4]
	for _, slot in ipairs({ "read", "try_read" }) do
		task_test(slot .. " that " .. name .. " fails the read", function()
			local stream = abio.object({ [slot] = method })
			local value, message, code = stream:read(4)
			fails(number, value, message, code)
			harness.match(message, "^object: ")
			harness.match(message, pattern or "host%-implemented")
			equal(stream:close(), true)
		end)
	end
end

local counts = {
	{ "raises", function() error("boom", 0) end, codes.HOST, "boom" },
	{ "returns nothing", function() end, codes.HOST, "returned nothing" },
	{ "returns 0", function() return 0 end, codes.HOST, "a count of 0 where 3 bytes" },
	{ "returns more than there was", function() return 4 end, codes.HOST, "a count of 4 where 3 bytes" },
	{ "returns half a count", function() return 1.5 end, codes.HOST, "a count of 1.5" },
	{ "returns -1", function() return -1 end, codes.HOST, "a count of %-1" },
	{ "returns nil alone", function() return nil end, codes.HOST, "nil without a message" },
	{ "fails with errno", function() return nil, "full", 28 end, 28, "full" },
}

for _, answer in ipairs(counts) do
	local name, method, number, pattern = answer[1], answer[2], answer[3], answer[4]
	for _, slot in ipairs({ "write", "try_write" }) do
		task_test(slot .. " that " .. name .. " fails the flush", function()
			local stream = abio.object({ [slot] = method })
			ok(stream:write("abc"))
			local value, message, code = stream:flush()
			fails(number, value, message, code)
			harness.match(message, pattern)
			stream:close()
		end)
	end
end

task_test("false from a method that may wait makes no sense", function()
	local stream = abio.object({ read = function() return false end })
	local value, message, code = stream:read(1)
	fails(codes.HOST, value, message, code)
	harness.match(message, "returned false")
	stream:close()
end)

task_test("a try_ method that yields fails", function()
	for _, method in ipairs({
		function() coroutine.yield() end,
		function() abio.sleep(0) end,
		function() abio.pause() end,
		function() abio.open("/etc/hostname") end,
	}) do
		local stream = abio.object({ try_read = method })
		local value, message, code = stream:read(1)
		fails(codes.HOST, value, message, code)
		stream:close()
	end
end)

task_test("a try_ method that steps, runs or closes the driver fails", function()
	local driver = abio.driver()
	for _, method in ipairs({
		function() driver:step() end,
		function() driver:run(print) end,
		function() driver:close() end,
		function() native.core.raw.driver_poll(driver.handle, core.events(1), 48, 1) error("reached", 0) end,
	}) do
		local stream = abio.object({ try_read = method })
		fails(codes.HOST, stream:read(1))
		stream:close()
	end
	ok(driver.handle)
end)

task_test("a try_ method that reads its own object fails both", function()
	local stream
	stream = abio.object({ try_read = function() return stream:read(1) end })
	fails(codes.HOST, stream:read(1))
	stream:close()
end)

task_test("a method that closes its own object does not wait for itself", function()
	for _, slot in ipairs({ "read", "try_read" }) do
		local stream
		stream = abio.object({ [slot] = function()
			stream:close()
			return "x"
		end })
		local value, _, code = stream:read(1)
		-- What a method that may wait returns afterwards is not lost; a try_ method must not wait.
		if slot == "read" then
			equal(value, "x")
		else
			fails(codes.CLOSED, value, "closed", code)
		end
		equal(stream:close(), true)
	end
end)

task_test("a method may start tasks and use other objects", function()
	local reader, writer = abio.pipe()
	local stream = abio.object({ read = function(_, count)
		local task = abio.spawn(function()
			return reader:read_some(count)
		end)
		return select(2, task:join())
	end })
	writer:write("through a task")
	equal(stream:read_some(), "through a task")
	writer:close()
	reader:close()
	stream:close()
end)

task_test("try_ methods call others from inside", function()
	local inner = { try_read = function() return "inner" end }
	local inside = abio.object(inner)
	local block = core.memory(16)
	local outer = abio.object({ try_read = function()
		local got = core.raw.try_read(inside.handle, block, 5, 0)
		return core.memory_text(block, got)
	end })
	equal(outer:read(5), "inner")
	outer:close()
	inside:close()
end)

task_test("errors nested ten objects deep arrive", function()
	local block = core.memory(16)
	local streams = { abio.object({ try_read = function() error("at the bottom", 0) end }) }
	for depth = 2, 10 do
		local below = streams[depth - 1]
		streams[depth] = abio.object({ try_read = function()
			local code = core.raw.try_read(below.handle, block, 1, 0)
			return nil, below:explain(code), code
		end })
	end
	local value, message, code = streams[10]:read(1)
	fails(codes.HOST, value, message, code)
	harness.match(message, "at the bottom")
	for _, stream in ipairs(streams) do
		stream:close()
	end
end)

task_test("a read that is cancelled loses nothing", function()
	local implementation = { at = 0 }
	function implementation:read()
		abio.sleep(0.002)
		self.at = self.at + 1
		return tostring(self.at)
	end
	local stream = abio.object(implementation)
	local task = abio.spawn(function()
		return stream:read(5)
	end)
	abio.sleep(0.003)
	task:cancel()
	local _, value, _, code = task:join()
	equal(value, nil)
	equal(code, codes.CANCELED)
	equal(stream:read(5), "12345")
	stream:close()
end)

task_test("close cancels a method that waits", function()
	local code
	local stream = abio.object({ read = function()
		local _, message, number = abio.sleep(1e6)
		code = number
		return nil, message, number
	end })
	local task = abio.spawn(function()
		return stream:read(1)
	end)
	abio.sleep(0.001)
	equal(stream:close(), true)
	local _, value = task:join()
	equal(value, nil)
	equal(code, codes.CANCELED)
end)

task_test("a position is kept by seek", function()
	local text, position = "0123456789", 0
	local stream = abio.object({
		read = function(_, count)
			local bytes = text:sub(position + 1, position + count)
			position = position + #bytes
			return #bytes > 0 and bytes or nil
		end,
		seek = function(_, whence, offset)
			local base = whence == "set" and 0 or whence == "cur" and position or #text
			if base + offset < 0 then
				return nil, "before the start", 22
			end
			position = base + offset
			return position
		end,
	})
	equal(stream:read(3), "012")
	equal(stream:seek(), 3)
	equal(stream:read(2), "34")
	equal(stream:seek("set", 8), 8)
	equal(stream:read(9), "89")
	equal(stream:read(1), nil)
	equal(stream:seek("end", -1), 9)
	equal(stream:read("a"), "9")
	fails(22, stream:seek("set", -1))
	raises("invalid option", stream.seek, stream, "nowhere")
	stream:close()
end)

task_test("a file at offsets", function()
	local bytes = "the quick brown fox"
	local file = abio.object({
		read_at = function(_, count, offset)
			abio.pause()
			local piece = bytes:sub(offset + 1, offset + math.min(count, 7))
			return #piece > 0 and piece or nil
		end,
		write_at = function(_, data, offset)
			data = data:sub(1, 3)
			bytes = bytes:sub(1, offset) .. data .. bytes:sub(offset + #data + 1)
			return #data
		end,
	})
	equal(file:pread(5, 4), "quick")
	equal(file:read("a"), "the quick brown fox")
	equal(file:pwrite("SLOW!", 4), 5)
	equal(file:pread(19, 0), "the SLOW! brown fox")
	equal(file:pread(1, 100), nil)
	file:close()
end)

task_test("a listener that hands out objects", function()
	local waiting = {}
	for _, slot in ipairs({ "accept", "try_accept" }) do
		local implementation = { [slot] = function()
			local object = table.remove(waiting, 1)
			if not object then
				return nil, "no more", 103
			end
			return object
		end }
		local listener = abio.object(implementation)
		waiting[1] = abio.object({ read = function() return "from within" end })
		local stream = ok(listener:accept())
		equal(stream:read(4), "from")
		fails(103, listener:accept())
		stream:close()
		listener:close()
	end
	local wrong = abio.object({ accept = function() return {} end })
	fails(codes.HOST, wrong:accept())
	wrong:close()
end)

object_test("a driver that is closed ends the methods and tells the object", function()
	local driver = abio.new_driver()
	local ended, closed
	driver:run(function()
		local stream = driver:object({
			read = function()
				local _, message, code = driver:sleep(1e6)
				ended = code
				return nil, message, code
			end,
			close = function()
				closed = true
			end,
		})
		driver:spawn(function()
			stream:read(1)
		end):cancel()
		driver:sleep(0.001)
	end)
	driver:close()
	equal(ended, codes.CANCELED)
	equal(closed, true)
	equal(driver.objects, 0)
end)

object_test("a driver that is dropped with a method waiting is drained", function()
	for _ = 1, 5 do
		local driver = abio.new_driver()
		driver:run(function()
			local stream = driver:object({ read = function() driver:sleep(1e6) end, close = function() end })
			local task = driver:spawn(function() return stream:read(1) end)
			driver:sleep(0.001)
			task:cancel()
		end)
	end
	for _ = 1, 4 do
		collectgarbage()
	end
end)

object_test("a state that is closed with objects in use", function()
	local message = harness.helper().state(([[
		package.path, package.cpath = %q, %q
		local abio = require("abio")
		local object = abio.object({
			read = function() abio.sleep(1e6) end,
			try_write = function() return false end,
			close = function() abio.sleep(1e6) end,
		})
		abio.spawn(function() object:read(1) end)
		object:write("never taken")
		abio.driver():step(0.001)
		_G.kept = object
	]]):format(package.path, package.cpath))
	equal(message, nil)
end)

task_test("an object on another driver of the thread", function()
	local driver = abio.driver()
	local implementation = { read = function()
		abio.sleep(0.001)
		return "from afar"
	end }
	local other = abio.new_driver()
	local number = ok(other:lend(implementation, driver.handle))
	local stream = ok(abio.from_handle(number, true))
	local stepping = abio.spawn(function()
		while abio.sleep(0.001) do
			other:step()
		end
	end)
	equal(stream:read(4), "from")
	stream:close()
	stepping:cancel()
	stepping:join()
	other:close()
	raises("number of a driver expected", abio.lend, implementation)
end)

object_test("what a state has lent fails when that is closed", function()
	local driver = abio.driver()
	local message = harness.helper().state(([[
		package.path, package.cpath = %q, %q
		local abio = require("abio")
		error("lent " .. ("%%.0f"):format(assert(abio.lend({
			read = function() return "never" end,
			close = function() abio.sleep(1) end,
		}, %.0f))), 0)
	]]):format(package.path, package.cpath, driver.handle))
	local number = tonumber(message:match("lent (%d+)"))
	ok(number, message)
	abio.run(function()
		local stream = ok(abio.from_handle(number, true))
		fails(codes.CANCELED, stream:read(1))
		equal(stream:close(), true)
	end)
end)

task_test("objects by the thousand, with the collector in between", function()
	local total = 0
	for index = 1, 2000 do
		local left = 3
		local stream = abio.object({ try_read = function()
			left = left - 1
			return left >= 0 and "abc" or nil
		end })
		total = total + #stream:read("a")
		if index % 2 == 0 then
			stream:close()
		end
		if index % 100 == 0 then
			collectgarbage()
		end
	end
	equal(total, 18000)
end)
