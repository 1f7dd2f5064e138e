-- test_task.lua: spawn, join, cancel, sleep, run, errors, waiting in other coroutines.

local harness = require("harness")
local abio = require("abio")
local await = require("abio.await")

local test, equal, raises, fails, ok = harness.test, harness.equal, harness.raises, harness.fails, harness.ok
local codes = abio.codes

test("run gives arguments and results, with nil among them", function()
	local one, two, three = abio.run(function(a, b)
		equal(b, nil)
		return a, nil, "c"
	end, "a", nil)
	equal(one, "a")
	equal(two, nil)
	equal(three, "c")
	raises("function expected", abio.run, 5)
	raises("function expected", abio.spawn, "x")
end)

test("sleep waits, in order, and not less than asked", function()
	local order = {}
	abio.run(function()
		for _, seconds in ipairs({ 0.03, 0.01, 0.02, 0 }) do
			abio.spawn(function()
				local before = abio.now()
				equal(abio.sleep(seconds), true)
				ok(abio.now() - before >= seconds, "too early")
				order[#order + 1] = seconds
			end)
		end
	end)
	equal(table.concat(order, " "), "0 0.01 0.02 0.03")
	raises("seconds expected", abio.sleep, -1)
	raises("seconds expected", abio.sleep, "x")
	raises("seconds expected", abio.sleep, 0 / 0)
end)

test("join gives results, once and again, also of a task that has ended", function()
	abio.run(function()
		local task = abio.spawn(function(...)
			return select("#", ...), ...
		end, nil, "x", nil)
		for _ = 1, 2 do
			local joined, count, a, b, c = task:join()
			equal(joined, true)
			equal(count, 3)
			equal(a, nil)
			equal(b, "x")
			equal(c, nil)
		end
		equal(task:status(), "done")
		equal(tostring(task), "abio.task (done)")
		equal(task:cancel(), false)
	end)
end)

test("join with a timeout, and of a task that joins itself", function()
	abio.run(function()
		local task = abio.spawn(abio.sleep, 10)
		fails(110, task:join(0.01))
		equal(task:status(), "waiting")
		task:cancel()
		local joined, value, _, number = task:join()
		equal(joined, true)
		equal(value, nil)
		equal(number, codes.CANCELED)
		local own
		own = abio.spawn(function()
			raises("cannot join itself", own.join, own)
			equal(own:status(), "running")
		end)
	end)
end)

test("an error is raised by join, as it was", function()
	local object = setmetatable({}, { __tostring = function() return "object" end })
	abio.run(function()
		for _, message in ipairs({ "text", object, 5 }) do
			local task = abio.spawn(function()
				abio.sleep(0)
				error(message, 0)
			end)
			local joined, got = abio.pcall(task.join, task)
			equal(joined, false)
			equal(got, message)
			equal(task:status(), "failed")
		end
	end)
end)

test("an error nobody joins is raised by run, with the task's stack", function()
	local after = false
	local joined, message = pcall(abio.run, function()
		abio.spawn(function()
			abio.sleep(0)
			error("lost")
		end)
		abio.sleep(0.01)
		after = true
	end)
	equal(joined, false)
	equal(after, true)
	harness.match(message, "test_task.lua:%d+: lost")
	harness.match(message, "in a task:\nstack traceback")
	abio.run(function() end)
end)

test("an error of the main task ends the others and is raised", function()
	local ended = 0
	raises("main went wrong", abio.run, function()
		for _ = 1, 5 do
			abio.spawn(function()
				local result, _, number = abio.sleep(100)
				equal(result, nil)
				equal(number, codes.CANCELED)
				ended = ended + 1
			end)
		end
		-- One that takes no for an answer.
		abio.spawn(function()
			while true do
				abio.sleep(100)
			end
		end)
		abio.spawn(function()
			while true do
				abio.pause()
			end
		end)
		abio.sleep(0)
		error("main went wrong")
	end)
	equal(ended, 5)
end)

test("errors go to the handler of set_onerror, when there is one", function()
	local seen = {}
	abio.set_onerror(function(task, message, traceback)
		seen[#seen + 1] = { task, message, traceback }
	end)
	local task
	local ran, message = pcall(abio.run, function()
		task = abio.spawn(error, "handled", 0)
		abio.sleep(0)
	end)
	abio.set_onerror(nil)
	ok(ran, message)
	equal(#seen, 1)
	equal(seen[1][1], task)
	equal(seen[1][2], "handled")
	harness.match(seen[1][3], "stack traceback")
end)

test("cancel: of a sleep, of what has not begun to wait, and only once", function()
	abio.run(function()
		local steps = {}
		local task = abio.spawn(function()
			fails(codes.CANCELED, abio.sleep(10))
			steps[1] = "first"
			equal(abio.sleep(0), true)
			steps[2] = "second"
			return "end"
		end)
		equal(task:cancel(), true)
		local joined, value = task:join()
		equal(joined, true)
		equal(value, "end")
		equal(table.concat(steps, " "), "first second")
	end)
end)

test("cancel: what is won already is not lost", function()
	local input, output = abio.pipe()
	abio.run(function()
		local task = abio.spawn(function()
			local text = input:read(3)
			local slept = abio.sleep(10)
			return text, slept
		end)
		output:write("abc")
		output:flush()
		while input.buffer.size == 0 and task:status() ~= "done" and not task.waits_for do
			abio.pause()
		end
		abio.sleep(0.01)
		task:cancel()
		local _, text, slept = task:join()
		equal(text, "abc")
		equal(slept, nil)
	end)
	input:close()
	output:close()
end)

test("cancel: connect, accept, join", function()
	abio.run(function()
		local listener = ok(abio.listen("127.0.0.1", 0))
		local acceptor = abio.spawn(listener.accept, listener)
		local joiner = abio.spawn(acceptor.join, acceptor)
		abio.sleep(0)
		joiner:cancel()
		fails(codes.CANCELED, select(2, joiner:join()))
		acceptor:cancel()
		fails(codes.CANCELED, select(2, acceptor:join()))
		local _, port = listener:local_address()
		-- Won or cancelled, nothing is left open: the harness counts descriptors.
		for _ = 1, 20 do
			local connector = abio.spawn(abio.connect, "127.0.0.1", port)
			abio.pause()
			connector:cancel()
			local joined, stream = connector:join()
			equal(joined, true)
			if stream then
				stream:close()
			end
		end
		listener:close()
	end)
end)

test("pause lets the others run", function()
	local order = {}
	abio.run(function()
		for index = 1, 3 do
			abio.spawn(function()
				for round = 1, 2 do
					order[#order + 1] = index .. "." .. round
					abio.pause()
				end
			end)
		end
	end)
	equal(table.concat(order, " "), "1.1 2.1 3.1 1.2 2.2 3.2")
	raises("outside of a task", abio.pause)
	abio.run(function()
		local task = abio.spawn(function()
			local paused, _, number = abio.pause()
			return paused, number, abio.pause()
		end)
		task:cancel()
		local _, paused, number, again = task:join()
		equal(paused, nil)
		equal(number, codes.CANCELED)
		equal(again, true)
	end)
end)

test("a wait in a plain coroutine is misuse, in a wrapped one it works", function()
	abio.run(function()
		local each = abio.wrap(function(count)
			for index = 1, count do
				abio.sleep(0.001)
				coroutine.yield(index)
			end
			error("finished", 0)
		end)
		equal(each(3), 1)
		equal(each(), 2)
		equal(each(), 3)
		raises("finished", each)
		local plain = coroutine.wrap(function()
			abio.sleep(0)
		end)
		raises("make it with abio.wrap", plain)
	end)
	raises("use abio.spawn", coroutine.wrap(function()
		abio.sleep(0)
	end))
	raises("inside a task", abio.run, abio.run, print)
end)

test("pcall around waits, and errors in nested calls", function()
	abio.run(function()
		local done, value = abio.pcall(function()
			abio.sleep(0)
			return "inner"
		end)
		equal(done, true)
		equal(value, "inner")
		raises("deep", function()
			abio.sleep(0)
			error("deep")
		end)
	end)
end)

test("tasks that wait for each other for ever are found", function()
	local one, two
	raises("deadlock", abio.run, function()
		one = abio.spawn(function()
			return two:join()
		end)
		two = abio.spawn(function()
			return one:join()
		end)
		one:join()
	end)
	equal(one:status(), "done")
	equal(abio.run(abio.sleep, 0), true)
end)

test("10,000 tasks that sleep", function()
	local count = 0
	abio.run(function()
		for index = 1, 10000 do
			abio.spawn(function()
				abio.sleep(index % 10 / 1000)
				count = count + 1
			end)
		end
	end)
	equal(count, 10000)
end)

test("abio.pcall waits, catches, and gives everything back", function()
	abio.run(function()
		local function nested(value)
			local done, message = abio.pcall(function()
				abio.pause()
				abio.sleep(0)
				error(value, 0)
			end)
			abio.sleep(0)
			return done, message, nil
		end
		equal(select("#", abio.pcall(nested, 7)), 4)
		equal(select(3, abio.pcall(nested, 7)), 7)
		equal(select(2, abio.pcall(nested, 7)), false)
		local generator = abio.wrap(function()
			abio.pcall(function()
				abio.sleep(0)
				coroutine.yield("one")
			end)
			coroutine.yield("two")
		end)
		equal(generator(), "one")
		equal(generator(), "two")
	end)
	equal(select("#", abio.pcall(select, 2, nil, nil, nil)), 3)
end)

test("where a for loop cannot wait, the error says what to do", function()
	if await.plain then
		harness.skip("it can")
	end
	local late = 0
	raises("use abio.pcall, and a while loop", abio.run, function()
		for _ in function() return abio.sleep(0) end do
			late = late + 1
		end
	end)
	equal(late, 0)
end)

test("to-be-closed variables close what they hold", function()
	if rawget(_G, "jit") or _VERSION < "Lua 5.4" then
		harness.skip("there are no to-be-closed variables")
	end
	harness.write_file("tbc", "text")
	local script = [[
		local abio, path = ...
		local kept
		abio.run(function()
			local file <close> = assert(abio.open(path))
			kept = file
			assert(file:read("a") == "text")
		end)
		return abio.type(kept)
	]]
	equal(assert(load(script))(abio, harness.path("tbc")), "closed file")
end)
