-- stream_cases.lua: what every stream does, whatever is underneath.
--
-- A case is called with the two ends of a connection, `near` and `far`, and what is particular to the
-- carrier: `oneway` (near only reads, far only writes).  Cases with `duplex` need both directions.  Each
-- closes both ends, or leaves that to whoever runs it.  See test_streams.lua for the carriers.

local harness = require("harness")
local abio = require("abio")
local core = require("abio.native").core

local ok, equal, raises, fails = harness.ok, harness.equal, harness.raises, harness.fails
local codes = abio.codes
local TIMED_OUT = 110
local BIG = 2 * 1048576

local cases = {}

local function case(name, fn, options)
	cases[#cases + 1] = { name = name, run = fn, duplex = options == "duplex" }
end

local function together(...)
	local tasks, failure = {}, nil
	for index, fn in ipairs({ ... }) do
		tasks[index] = abio.spawn(function()
			local done, message = abio.pcall(fn)
			if not done and not failure then
				failure = message
				for _, other in ipairs(tasks) do
					other:cancel()
				end
			end
		end)
	end
	for _, task in ipairs(tasks) do
		task:join()
	end
	if failure then
		error(failure, 0)
	end
end

-- Everything written so far is with the peer's side, or on its way there.
local function send(stream, ...)
	ok(stream:write(...))
	ok(stream:flush())
end

-- ---- reading -----------------------------------------------------------------------------------

case("reads what was written", function(near, far)
	send(far, "hello")
	equal(near:read(5), "hello")
end)

case("a read waits for the bytes", function(near, far)
	local reader = abio.spawn(function()
		return near:read(4)
	end)
	abio.sleep(0.001)
	equal(reader:status(), "waiting")
	send(far, "late")
	local _, bytes = reader:join()
	equal(bytes, "late")
end)

case("an exact read goes on until it is full", function(near, far)
	together(function()
		equal(near:read(6), "abcdef")
	end, function()
		for letter in ("abcdef"):gmatch(".") do
			send(far, letter)
			abio.pause()
		end
	end)
end)

case("read_some gives what is there", function(near, far)
	send(far, "some")
	local bytes = ok(near:read_some())
	while #bytes < 4 do
		bytes = bytes .. ok(near:read_some())
	end
	equal(bytes, "some")
end)

case("read_some gives no more than asked for, and the rest later", function(near, far)
	send(far, "abcdef")
	equal(#ok(near:read_some(1)), 1)
	equal(near:read(5), "bcdef")
end)

case("an exact read at the end gives what there is, then the end", function(near, far)
	send(far, "abc")
	far:close()
	equal(near:read(10), "abc")
	equal(near:read(10), nil)
	equal(near:read(1), nil)
end)

case("the end is nil for every format but all", function(near, far)
	far:close()
	equal(near:read("l"), nil)
	equal(near:read("L"), nil)
	equal(near:read(1), nil)
	equal(near:read("n"), nil)
	equal(near:read_some(), nil)
	equal(near:read_until("x"), nil)
	equal(near:peek(1), nil)
	equal(near:read("a"), "")
end)

case("reads to the end", function(near, far)
	send(far, "first ")
	send(far, "second")
	far:close()
	equal(near:read("a"), "first second")
	equal(near:read("a"), "")
end)

case("reads lines, with and without their ends", function(near, far)
	send(far, "one\ntwo\n\nlast")
	far:close()
	equal(near:read("l"), "one")
	equal(near:read("L"), "two\n")
	equal(near:read("L"), "\n")
	equal(near:read("l"), "last")
	equal(near:read("l"), nil)
end)

case("lines come from pieces of any size", function(near, far)
	together(function()
		local lines = {}
		-- No iterator: it waits, which a loop of Lua 5.1 cannot.
		while #lines < 3 do
			lines[#lines + 1] = ok(near:read("l"))
		end
		equal(table.concat(lines, "|"), "first line|second|")
	end, function()
		for _, piece in ipairs({ "fi", "rst li", "ne", "\nsec", "ond\n\n" }) do
			send(far, piece)
			abio.pause()
		end
	end)
end)

case("iterates over lines", function(near, far)
	send(far, "a\nb\nc\n")
	far:close()
	local lines = {}
	harness.each(function(line)
		lines[#lines + 1] = line
	end, near:lines("L"))
	equal(table.concat(lines), "a\nb\nc\n")
end)

case("a line longer than every buffer", function(near, far)
	local long = ("y"):rep(300000)
	together(function()
		equal(near:read("l"), long)
		equal(near:read("l"), "short")
	end, function()
		send(far, long, "\nshort\n")
	end)
end)

case("reads until a text, and no further", function(near, far)
	send(far, "key: value\r\n\r\nbody")
	equal(near:read_until("\r\n\r\n"), "key: value\r\n\r\n")
	equal(near:read(4), "body")
end)

case("a limit of read_until keeps the bytes", function(near, far)
	send(far, ("z"):rep(100))
	local _, _, code = near:read_until("\n", 50)
	equal(code, codes.LIMIT)
	equal(near:read(100), ("z"):rep(100))
end)

case("reads numbers", function(near, far)
	send(far, "12 -3.5e1 0x10 x")
	equal(near:read("n"), 12)
	equal(near:read("n"), -35)
	equal(near:read("n"), 16)
	equal(near:read("n"), nil)
	far:close()
end)

case("several formats at once", function(near, far)
	send(far, "7 line\nabcrest")
	far:close()
	local number, line, bytes, rest = near:read("n", "l", 3, "a")
	equal(number, 7)
	equal(line, " line")
	equal(bytes, "abc")
	equal(rest, "rest")
end)

case("peek takes nothing", function(near, far)
	send(far, "abcdef")
	equal(near:peek(3), "abc")
	equal(near:peek(6), "abcdef")
	equal(near:read(6), "abcdef")
	far:close()
	equal(near:peek(1), nil)
end)

case("a length of 0 is no end", function(near, far)
	send(far, "x")
	equal(near:read(0), "")
	equal(near:read(1), "x")
	far:close()
	equal(near:read(0), nil)
end)

case("every byte value arrives as it was", function(near, far)
	local all = {}
	for byte = 0, 255 do
		all[#all + 1] = string.char(byte)
	end
	local bytes = table.concat(all):rep(3)
	send(far, bytes)
	equal(near:read(#bytes), bytes)
end)

case("single bytes that mean something elsewhere", function(near, far)
	for _, piece in ipairs({ ".", "\n", "\\", "\0", "\r", ".\n", "..", "\\n" }) do
		send(far, piece)
		equal(near:read(#piece), piece)
	end
end)

-- ---- writing -----------------------------------------------------------------------------------

case("writes several values, numbers too", function(near, far)
	send(far, "n=", 42, "\n")
	equal(near:read("l"), "n=42")
end)

case("an empty write sends nothing", function(near, far)
	send(far, "")
	send(far, "after")
	equal(near:read(5), "after")
end)

case("write returns the stream", function(near, far)
	equal(far:write("a"):write("b"), far)
	ok(far:flush())
	equal(near:read(2), "ab")
end)

case("writes of several tasks are not torn", function(near, far)
	local size, count = 20000, 4
	together(function()
		local seen = {}
		for _ = 1, count do
			local block = ok(near:read(size))
			equal(block, block:sub(1, 1):rep(size))
			seen[block:sub(1, 1)] = true
		end
		ok(seen.a and seen.b and seen.c and seen.d)
	end, function()
		send(far, ("a"):rep(size))
	end, function()
		send(far, ("b"):rep(size))
	end, function()
		send(far, ("c"):rep(size))
	end, function()
		send(far, ("d"):rep(size))
	end)
end)

case("a big transfer arrives in order", function(near, far)
	local bytes = harness.pattern(BIG, 3)
	together(function()
		equal(near:read(BIG), bytes)
	end, function()
		send(far, bytes)
	end)
end)

case("a reader that comes late gets all", function(near, far)
	local bytes = harness.pattern(BIG, 5)
	together(function()
		send(far, bytes)
		far:close()
	end, function()
		abio.sleep(0.005)
		local parts = {}
		repeat
			parts[#parts + 1] = near:read_some(65536)
		until #parts > 0 and near:peek(1) == nil
		equal(table.concat(parts), bytes)
	end)
end)

-- ---- cancel and time ---------------------------------------------------------------------------

case("a read that is cancelled loses nothing", function(near, far)
	local reader = abio.spawn(function()
		return near:read(6)
	end)
	abio.pause()
	send(far, "abc")
	abio.sleep(0.002)
	reader:cancel()
	local _, value, _, code = reader:join()
	equal(value, nil)
	equal(code, codes.CANCELED)
	send(far, "def")
	equal(near:read(6), "abcdef")
end)

case("a read that times out loses nothing", function(near, far)
	near:settimeout(0.002)
	send(far, "ab")
	fails(TIMED_OUT, near:read(4))
	near:settimeout(nil)
	send(far, "cd")
	equal(near:read(4), "abcd")
end)

case("a second reader is refused", function(near, far)
	local reader = abio.spawn(function()
		return near:read(1)
	end)
	abio.pause()
	raises("already reading", near.read, near, 1)
	send(far, "x")
	local _, bytes = reader:join()
	equal(bytes, "x")
end)

-- ---- ends --------------------------------------------------------------------------------------

case("close during a read ends it", function(near, far)
	local reader = abio.spawn(function()
		return near:read(1)
	end)
	abio.sleep(0.001)
	equal(near:close(), true)
	local _, value, _, code = reader:join()
	equal(value, nil)
	equal(code, codes.CLOSED)
	far:close()
end)

case("close sends what was written", function(near, far)
	ok(far:write("last words"))
	equal(far:close(), true)
	equal(near:read("a"), "last words")
end)

case("a closed stream is misuse, and closes twice", function(near, far)
	equal(far:close(), true)
	equal(far:close(), true)
	raises("closed abio.stream", far.write, far, "x")
	raises("closed abio.stream", far.read, far, 1)
	equal(near:read(1), nil)
	equal(abio.type(far), "closed stream")
end)

case("the end can be told while reading goes on", function(near, far)
	send(far, "question")
	ok(far:close_write())
	equal(near:read("a"), "question")
	send(near, "answer")
	ok(near:close_write())
	equal(far:read("a"), "answer")
end, "duplex")

case("echoes while both sides write first", function(near, far)
	for _ = 1, 50 do
		send(near, "ping")
		send(far, "pong")
		equal(near:read(4), "pong")
		equal(far:read(4), "ping")
	end
end, "duplex")

case("reads and writes at once with the reader parked first", function(near, far)
	local there, back = harness.pattern(BIG, 7), harness.pattern(BIG, 9)
	together(function()
		equal(near:read(BIG), back)
	end, function()
		equal(far:read(BIG), there)
	end, function()
		send(near, there)
	end, function()
		send(far, back)
	end)
end, "duplex")

case("a hundred questions and answers in lines", function(near, far)
	together(function()
		harness.each(function(line)
			send(far, line:upper(), "\n")
		end, far:lines("l"))
		far:close()
	end, function()
		for index = 1, 100 do
			send(near, "line ", index, "\n")
			equal(near:read("l"), "LINE " .. index)
		end
		ok(near:close_write())
		equal(near:read("a"), "")
	end)
end, "duplex")

-- ---- on top ------------------------------------------------------------------------------------

case("take ends after its bytes and leaves the rest", function(near, far)
	send(far, "abcdefgh")
	equal(near:peek(2), "ab")
	local taken = ok(abio.take(near, 5))
	equal(taken:read("a"), "abcde")
	taken:close()
	equal(near:read(3), "fgh")
end)

case("chain reads one stream and then the next", function(near, far)
	if not core.host_create then
		harness.skip("the C module is not there")
	end
	send(far, "second")
	far:close()
	equal(near:peek(3), "sec")
	local first = abio.object({ try_read = function(self)
		self.done, self.was = true, self.done
		return not self.was and "first " or nil
	end })
	local both = ok(abio.chain(first, near))
	equal(both:read("a"), "first second")
	both:close()
	first:close()
end)

case("copy moves a part, and the rest", function(near, far)
	local bytes = harness.pattern(100000, 11)
	local path = harness.path("copied")
	local file = ok(abio.open(path, "w"))
	together(function()
		send(far, bytes)
		far:close()
	end, function()
		equal(near:peek(10), bytes:sub(1, 10))
		equal(abio.copy(near, file, 30000), 30000)
		equal(abio.copy(near, file), 70000)
		equal(abio.copy(near, file), 0)
	end)
	file:close()
	equal(harness.read_file(path), bytes)
end)

case("copy sends a file", function(near, far)
	local bytes = harness.pattern(300000, 13)
	local file = ok(abio.open(harness.write_file("source", bytes)))
	equal(file:read(5), bytes:sub(1, 5))
	together(function()
		equal(abio.copy(file, far), 299995)
		far:close()
	end, function()
		equal(near:read("a"), bytes:sub(6))
	end)
	file:close()
end)

case("halves work on their own", function(near, far)
	local input, output = near:split()
	raises("closed abio.stream", near.read, near, 1)
	send(far, "in")
	equal(input:read(2), "in")
	send(output, "out")
	equal(far:read(3), "out")
	output:close()
	equal(far:read("a"), "")
	send(far, "still")
	equal(input:read(5), "still")
	input:close()
end, "duplex")

return cases
