-- test_host.lua: a host with a loop of its own: poll(2) on the driver's descriptor, step when it is
-- readable, nothing else.

local harness = require("harness")
local abio = require("abio")

local test, equal, raises, ok = harness.test, harness.equal, harness.raises, harness.ok

-- Steps `driver` only when poll(2) says so, until `condition`.  Returns how often it slept.
local function host_loop(driver, condition)
	local helper = harness.helper()
	local deadline, sleeps = abio.now() + 20, 0
	while not condition() do
		if driver:timeout() ~= 0 then
			sleeps = sleeps + 1
			ok(helper.poll(driver:fd(), 20), "asleep with work pending")
		end
		driver:step()
		ok(abio.now() < deadline, "no end")
	end
	return sleeps
end

test("a host that polls the descriptor runs tasks to their end", function()
	local driver = abio.new_driver()
	local done = 0
	for index = 1, 20 do
		driver:spawn(function()
			for _ = 1, 5 do
				driver:sleep(index / 2000)
			end
			done = done + 1
		end)
	end
	host_loop(driver, function()
		return done == 20
	end)
	driver:close()
end)

test("streams and files from a host's loop, on two drivers at once", function()
	local helper = harness.helper()
	local one, two = abio.new_driver(), abio.new_driver({ backend = "epoll" })
	local listener = ok(one:listen("127.0.0.1", 0))
	local _, port = listener:local_address()
	local text, got = harness.pattern(3000000), nil
	one:spawn(function()
		local stream = ok(listener:accept())
		stream:write(text)
		stream:close()
		listener:close()
	end)
	two:spawn(function()
		local stream = ok(abio.connect("127.0.0.1", port))
		equal(stream.driver, two)
		got = stream:read("a")
		stream:close()
	end)
	local deadline = abio.now() + 20
	while not got or listener.closed == nil do
		ok(abio.now() < deadline, "no end")
		local moved = 0
		for _, driver in ipairs({ one, two }) do
			if driver:timeout() == 0 or helper.poll(driver:fd(), 0) then
				moved = moved + 1
				driver:step(0)
			end
		end
		if moved == 0 then
			helper.poll(two:fd(), 0.001)
		end
	end
	ok(got == text, "content differs")
	one:close()
	two:close()
end)

test("an idle descriptor is quiet, and work from outside makes it readable", function()
	local helper = harness.helper()
	local driver = abio.new_driver()
	driver:step()
	driver:step()
	equal(helper.poll(driver:fd(), 0), false, "readable when idle")
	equal(driver:timeout(), nil)
	local task = driver:spawn(function()
		driver:sleep(100)
	end)
	equal(driver:timeout(), 0)
	equal(driver:dirty(), true)
	equal(helper.poll(driver:fd(), 0), true, "spawn from outside is not seen")
	driver:step()
	driver:step()
	equal(helper.poll(driver:fd(), 0), false, "readable while it waits")
	task:cancel()
	host_loop(driver, function()
		return task.done
	end)
	driver:close()
end)

test("the protocols of cqueues, luasocket and copas", function()
	local driver = abio.new_driver()
	equal(driver:pollfd(), driver:fd())
	equal(driver:getfd(), driver:fd())
	equal(driver:events(), "r")
	equal(driver:dirty(), false)
	harness.match(tostring(driver), "^abio%.driver %(fd %d+%)$")
	driver:close()
	equal(driver:close(), true)
	harness.match(tostring(driver), "closed")
	raises("closed abio.driver", driver.step, driver)
	raises("closed abio.driver", driver.spawn, driver, print)
end)

test("step inside a task is misuse", function()
	local driver = abio.new_driver()
	local message
	driver:run(function()
		local fine
		fine, message = pcall(driver.step, driver)
		equal(fine, false)
		raises("inside a task", driver.run, driver, print)
		raises("inside a step", driver.close, driver)
	end)
	harness.match(message, "inside a step")
	driver:close()
end)

test("step raises the error of a task nobody joins, after everything else", function()
	local driver = abio.new_driver()
	local other = false
	driver:spawn(error, "lost", 0)
	driver:spawn(function()
		other = true
	end)
	raises("^lost\nin a task:", driver.step, driver)
	equal(other, true)
	equal(driver:step(), 0)
	driver:close()
end)

test("coroutines of the host wait through its own waiter", function()
	local driver = abio.driver()
	local results = {}
	abio.set_waiter(function(operation)
		local own = coroutine.running()
		operation.wake = function()
			coroutine.resume(own)
		end
		coroutine.yield("waiting")
	end)
	for index = 1, 3 do
		local host_coroutine = coroutine.create(function()
			local slept = abio.sleep(index / 1000)
			results[#results + 1] = tostring(slept) .. index
		end)
		local _, said = coroutine.resume(host_coroutine)
		equal(said, "waiting")
	end
	host_loop(driver, function()
		return #results == 3
	end)
	equal(table.concat(results, " "), "true1 true2 true3")
	-- A waiter that gives up: the operation ends, the misuse is raised.
	abio.set_waiter(function() end)
	raises("returned before", coroutine.wrap(function()
		abio.sleep(100)
	end))
	abio.set_waiter(nil)
	raises("function expected", abio.set_waiter, 5)
	driver:step(0.01)
end)

test("a host's waiter runs in the coroutine that the host made, also below a protected call", function()
	local driver = abio.driver()
	local reader, writer = ok(abio.pipe())
	local host_coroutine, seen, got, waits = nil, nil, nil, 0
	abio.set_waiter(function(operation)
		local own = coroutine.running()
		seen, waits = seen == nil and own or seen == own and own or false, waits + 1
		operation.wake = function()
			coroutine.resume(own)
		end
		coroutine.yield("waiting")
	end)
	host_coroutine = coroutine.create(function()
		local done, line = abio.pcall(function()
			return reader:read("l")
		end)
		local again, message = abio.pcall(function()
			abio.sleep(0.001)
			error("raised in it", 0)
		end)
		got = ("%s %s %s %s %s"):format(tostring(done), line, tostring(again), message, reader:read("l"))
	end)
	local _, said = coroutine.resume(host_coroutine)
	equal(said, "waiting")
	writer:write("one\n")
	host_loop(driver, function()
		return waits >= 3
	end)
	writer:write("two\n")
	host_loop(driver, function()
		return got ~= nil
	end)
	equal(got, "true one false raised in it two")
	equal(seen, host_coroutine)
	abio.set_waiter(nil)
	reader:close()
	writer:close()
end)

test("close ends everything in flight; the tasks see it", function()
	local driver = abio.new_driver()
	local seen = 0
	local listener = ok(driver:listen("127.0.0.1", 0))
	local input, unused = driver:pipe()
	local unread, output = driver:pipe()
	for _, wait in ipairs({
		function() return driver:sleep(100) end,
		function() return listener:accept() end,
		function() return input:read(1) end,
		function() return output:write(("x"):rep(10000000)) end,
	}) do
		driver:spawn(function()
			local result, message, number = wait()
			equal(result, nil)
			ok(message and number < -4096, tostring(message))
			seen = seen + 1
		end)
	end
	driver:spawn(function()
		while true do
			driver:sleep(0.001)
		end
	end)
	driver:step(0)
	equal(driver:close(), true)
	equal(seen, 4)
	equal(listener:close(), true)
	for _, stream in ipairs({ input, unused, unread, output }) do
		equal(stream:close(), true)
	end
end)

test("the backend can be chosen, and info says which it is", function()
	local driver = abio.new_driver({ backend = "epoll" })
	equal(driver:info().backend, "epoll")
	equal(driver:sleep(0.001), true)
	driver:close()
	raises("bad option 'backend'", abio.new_driver, { backend = "kqueue" })
	local info = abio.info()
	equal(#info.description, 64)
	harness.match(info.library, "libabio%.so%.0$")
	harness.match(info.version, "^%d+%.%d+%.%d+$")
	ok(#info.reason > 0)
	local wanted = os.getenv("ABIO_BACKEND")
	if wanted == "uring" or wanted == "epoll" then
		equal(abio.info().backend, wanted)
	end
	local trouble
	driver, trouble = abio.new_driver({ backend = "uring", cooperative = true, entries = 8 })
	if driver then
		equal(driver:info().backend, "uring")
		equal(driver:sleep(0.001), true)
		driver:close()
	else
		ok(trouble)
	end
end)

test("after fork the child is refused, and the parent notices nothing", function()
	local helper = harness.helper()
	local driver = abio.new_driver()
	local input, output = driver:pipe()
	driver:spawn(function()
		input:read(1)
	end)
	driver:step()
	local child = helper.fork()
	if child == 0 then
		local refused = select(2, pcall(driver.step, driver))
		local fresh = abio.new_driver()
		local fine = tostring(refused):find("before fork", 1, true) and fresh:sleep(0.001)
		fresh:close()
		os.exit(fine and 5 or 1, true)
	end
	equal(helper.wait(child), 5)
	local got
	driver:spawn(function()
		ok(output:write("x"))
		got = true
	end)
	host_loop(driver, function()
		return got and driver.live == 0
	end)
	driver:close()
end)
