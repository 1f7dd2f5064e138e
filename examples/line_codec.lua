-- line_codec.lua: a line protocol as a stream over another stream.
--
--   lua5.4 examples/line_codec.lua [TEXT...]        also with lua5.2, lua5.3 and luajit
--
-- Every piece that is written goes out as one line of text: "\n" as "\n" in two letters, "\\" doubled,
-- "\r" and a zero byte likewise, so that bytes of any kind travel over what carries lines alone.  A line
-- with a single dot is the end, so that one side can end while the other goes on, over any carrier.
--
-- The codec is a table of methods for abio.object: what it gives has every method of a socket, is
-- waited for like one, and passes the same tests (bindings/lua/tests/stream_cases.lua).  As a program it
-- starts a server that answers in capitals, sends each TEXT to it through the codec, over TCP, and
-- prints what comes back and the lines that went over the wire.

local here = arg and arg[0]:match("^(.*/)") or "./"
package.path = here .. "../bindings/lua/?.lua;" .. here .. "../bindings/lua/?/init.lua;" .. package.path
package.cpath = here .. "../build/" .. (rawget(_G, "jit") and "luajit" or "lua" .. _VERSION:match("%d%.%d"))
	.. "/?.so;" .. package.cpath

local abio = require("abio")

local PIECE = 8192
local LINE_MAX = 2 * PIECE + 16
local END = ".\n"
local CUT = 104 -- ECONNRESET

local escapes = { ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\0"] = "\\0" }
local originals = { ["\\"] = "\\", n = "\n", r = "\r", ["0"] = "\0", ["."] = "." }

local function escape(bytes)
	-- Of the dots only a leading one could be taken for the end.
	return (bytes:gsub("[\\\n\r%z]", escapes):gsub("^%.", "\\."))
end

local function unescape(line)
	local wrong
	local bytes = line:gsub("\\(.?)", function(letter)
		wrong = wrong or not originals[letter]
		return originals[letter]
	end)
	return not wrong and bytes or nil
end

local Codec = {}
Codec.__index = Codec

-- The next line's bytes; what the caller has no room for waits for its next read.
function Codec:read(count)
	local bytes = self.left
	if not bytes then
		if self.ended then
			return nil
		end
		local line, message, errno = self.inner:read_until("\n", LINE_MAX)
		if not line then
			return nil, message or "the carrier ended before the stream", errno or CUT
		elseif line == END then
			self.ended = true
			return nil
		end
		bytes = unescape(line:sub(1, -2))
		if not bytes or bytes == "" then
			return nil, "not a line of the codec", 71 -- EPROTO
		end
	end
	self.left = #bytes > count and bytes:sub(count + 1) or nil
	return bytes:sub(1, count)
end

function Codec:write(bytes)
	bytes = bytes:sub(1, PIECE)
	local ok, message, errno = self.inner:write(escape(bytes), "\n")
	if not ok then
		return nil, message, errno
	end
	return #bytes
end

function Codec:flush()
	return self.inner:flush()
end

function Codec:shutdown()
	self.shut = true
	local ok, message, errno = self.inner:write(END)
	if not ok then
		return nil, message, errno
	end
	return self.inner:flush()
end

-- The end is told as well as it can be: the peer may be gone.
function Codec:close()
	if not self.shut then
		self:shutdown()
	end
	return self.inner:close()
end

-- A stream whose bytes travel over `inner` as lines.
local function line_codec(inner)
	return abio.object(setmetatable({ inner = inner }, Codec), "line codec")
end

-- ---- the program -------------------------------------------------------------------------------

-- Passes everything on and prints it.
local function wire(from, to, arrow)
	for line in from:lines("L") do
		io.write(arrow, " ", line)
		to:write(line)
	end
	to:close_write()
end

local function serve(listener)
	local stream = line_codec(assert(listener:accept()))
	while true do
		local bytes = stream:read_some()
		if not bytes then
			break
		end
		stream:write(bytes:upper())
	end
	stream:close()
end

local function main(texts)
	local listener = assert(abio.listen("127.0.0.1", 0))
	local server = abio.spawn(serve, listener)
	-- A second connection stands between the two, so that the lines can be seen.
	local between = assert(abio.listen("127.0.0.1", 0))
	local watcher = abio.spawn(function()
		local near = assert(between:accept())
		local far = assert(abio.connect(listener:local_address()))
		local there, back = abio.spawn(wire, near, far, ">"), abio.spawn(wire, far, near, "<")
		there:join()
		back:join()
		near:close()
		far:close()
	end)
	local stream = line_codec(assert(abio.connect(between:local_address())))
	for _, text in ipairs(texts) do
		assert(stream:write(text))
		assert(stream:flush())
		print(assert(stream:read(#text)))
	end
	stream:close_write()
	assert(stream:read("a") == "")
	server:join()
	stream:close()
	watcher:join()
	listener:close()
	between:close()
end

-- Loaded by a test it is the codec alone.
if (...) == "line_codec" then
	return line_codec
end
abio.run(main, #arg > 0 and arg or { "hello", "two\nlines", ".", "back\\slash" })
