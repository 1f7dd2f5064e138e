-- harness.lua: a small TAP harness, and what the tests need of the system.
--
-- A test is a named function; it fails when it raises.  After each the number of open descriptors
-- must be what it was before.  `skip` leaves a test out, with the reason.

local harness = { passed = 0, failed = 0, skipped = 0, count = 0, patience = 5 }

local unpack = unpack or table.unpack
local SKIP = {}

local helper

-- The descriptors, poll(2), a second Lua state: by the FFI, or by a small C module beside the tests' outputs.
local function make_helper()
	if rawget(_G, "jit") then
		return require("helper_ffi")
	end
	local ok, module = pcall(require, "abio_test_helper")
	return ok and module or nil
end

function harness.helper()
	helper = helper or make_helper()
	if not helper then
		harness.skip("the test helper is not built")
	end
	return helper
end

function harness.skip(reason)
	error({ skip = SKIP, reason = reason }, 0)
end

-- ---- checks ------------------------------------------------------------------------------------

local function show(value)
	if type(value) == "string" then
		return #value > 60 and ("%q... (%d bytes)"):format(value:sub(1, 60), #value) or ("%q"):format(value)
	end
	return tostring(value)
end

function harness.equal(got, wanted, what)
	if got ~= wanted then
		error(("%s: got %s, wanted %s"):format(what or "value", show(got), show(wanted)), 2)
	end
end

function harness.ok(value, message)
	if not value then
		error(tostring(message or "not true"), 2)
	end
	return value, message
end

function harness.match(text, pattern)
	if type(text) ~= "string" or not text:find(pattern) then
		error(("got %s, wanted a match of %q"):format(show(text), pattern), 2)
	end
end

-- fn(...) must raise a message that matches.
function harness.raises(pattern, fn, ...)
	local ok, message = require("abio").pcall(fn, ...)
	if ok then
		error("raised nothing, wanted " .. pattern, 2)
	end
	harness.match(tostring(message), pattern)
end

-- A call must have failed with this errno or code.
function harness.fails(number, value, message, code)
	if value ~= nil then
		error("succeeded with " .. show(value), 2)
	end
	if type(message) ~= "string" or code ~= number then
		error(("failed with %s (%s), wanted %s"):format(show(code), show(message), show(number)), 2)
	end
end

-- Calls body(value) for each value of an iterator that waits.  In Lua 5.1 a `for` loop cannot wait.
function harness.each(body, iterator, state, value)
	if require("abio.await").plain then
		for each in iterator, state, value do
			body(each)
		end
		return
	end
	value = iterator(state, value)
	while value ~= nil do
		body(value)
		value = iterator(state, value)
	end
end

-- ---- the system --------------------------------------------------------------------------------

-- The descriptors of this process, one in each line.  All pipes are called the same.
function harness.descriptors()
	return (harness.helper().descriptors():gsub("pipe:%[%d+%]", "pipe"))
end

function harness.folder()
	if not harness.made then
		local tool = assert(io.popen("mktemp -d"))
		harness.made = tool:read("*l")
		tool:close()
	end
	return harness.made
end

function harness.path(name)
	return harness.folder() .. "/" .. name
end

function harness.write_file(name, text)
	local path = harness.path(name)
	local file = assert(io.open(path, "wb"))
	file:write(text)
	file:close()
	return path
end

function harness.read_file(path)
	local file = assert(io.open(path, "rb"))
	local text = file:read("*a")
	file:close()
	return text
end

-- `count` bytes that repeat only after a long while: what is swapped, lost or doubled shows.
function harness.pattern(count, seed)
	local block, state = {}, seed or 1
	for index = 1, 4099 do
		state = (state * 1103515245 + 12345) % 2147483648
		block[index] = string.char(math.floor(state / 65536) % 256)
	end
	local text = table.concat(block)
	return text:rep(math.ceil(count / #text)):sub(1, count)
end

-- ---- running -----------------------------------------------------------------------------------

local tests = {}

function harness.test(name, fn)
	tests[#tests + 1] = { name = name, fn = fn }
end

local function settle(abio)
	for _ = 1, 3 do
		collectgarbage()
	end
	pcall(abio.driver().step, abio.driver(), 0.003)
end

-- The descriptors when nothing that was dropped before is still being closed.
local function settled(abio)
	local now, before
	repeat
		before = now
		settle(abio)
		now = harness.descriptors()
	until now == before
	return now
end

-- Runs one test.  Returns true, or nil or false and what is wrong.
function harness.run_one(test, abio)
	local before = settled(abio)
	local result = { xpcall(test.fn, function(message)
		return type(message) == "table" and message.skip and message or debug.traceback(tostring(message), 2)
	end) }
	local ok, message = unpack(result, 1, 2)
	if ok then
		-- What was dropped is closed by the driver at its next steps.
		local deadline = abio.now() + harness.patience
		local after
		repeat
			settle(abio)
			after = harness.descriptors()
		until after == before or abio.now() > deadline
		if after ~= before then
			ok, message = false, ("descriptors before:\n%safter:\n%s"):format(before, after)
		end
	end
	return ok, message
end

function harness.run(abio, only)
	for _, test in ipairs(tests) do
		if not only or test.name:find(only) then
			harness.count = harness.count + 1
			local ok, message = harness.run_one(test, abio)
			if ok then
				harness.passed = harness.passed + 1
				print(("ok %d - %s"):format(harness.count, test.name))
			elseif type(message) == "table" and message.skip == SKIP then
				harness.skipped = harness.skipped + 1
				print(("ok %d - %s # SKIP %s"):format(harness.count, test.name, message.reason))
			else
				harness.failed = harness.failed + 1
				print(("not ok %d - %s"):format(harness.count, test.name))
				print("# " .. tostring(message):gsub("\n", "\n# "))
			end
			io.stdout:flush()
		end
	end
	print(("1..%d"):format(harness.count))
	if harness.made then
		os.execute("rm -rf '" .. harness.made .. "'")
	end
	print(("%d passed, %d failed%s"):format(harness.passed, harness.failed,
		harness.skipped > 0 and (", %d skipped"):format(harness.skipped) or ""))
	return harness.failed == 0 and harness.count > 0
end

return harness
