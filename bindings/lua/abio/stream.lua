-- stream.lua: TCP and Unix sockets, pipes: read by receive, written by put.
--
-- What arrives is the receiver's; here is what a program does with a stream.  One task reads at a
-- time, a second is misuse.  Writers queue, so that no write is torn by another.  A waiting read or
-- write that finds its stream closed by somebody else fails with CLOSED.

local native = require("abio.native")
local errors = require("abio.errors")
local await = require("abio.await")
local address = require("abio.address")
local reader = require("abio.reader")
local new_receiver = require("abio.receiver").new
local new_puller = require("abio.puller").new
local Driver = require("abio.driver").Driver

local core, constants = native.core, native.constants
local raw, put = core.raw, core.put
local state = await.state
local pcall = await.pcall
local wake = state.wake
local failure, refused = errors.failure, errors.refused
local codes = errors.codes
local CANCELED, CLOSED, WOULD_BLOCK = codes.CANCELED, codes.CLOSED, codes.WOULD_BLOCK
local UNTIL_MAX = 65536
local TRAIT_BUF_READ, TRAIT_BUF_WRITE = constants.ABIO_TRAIT_BUF_READ, constants.ABIO_TRAIT_BUF_WRITE
-- Bits of abio_query: receive with its pause and resume, and put, are the first slots.
local RECEIVE, PUT = 7, 1
local SEEKS = {
	set = constants.ABIO_SEEK_START,
	cur = constants.ABIO_SEEK_CURRENT,
	["end"] = constants.ABIO_SEEK_END,
}

local Stream = {}
Stream.__index = Stream
Stream.__name = "abio.stream"

-- A stream of the system's receives and puts.  With `probe` it is asked whether it does.
local function new(driver, io, label, probe)
	local receives = not probe or (core.slots_of(io, TRAIT_BUF_READ) or 0) % 8 == RECEIVE
	local puts = not probe or (core.slots_of(io, TRAIT_BUF_WRITE) or 0) % 2 == PUT
	local receiver = (receives and new_receiver or new_puller)(io)
	return setmetatable({
		driver = driver,
		io = io,
		handle = io,
		guard = core.guard(io),
		label = label,
		receiver = receiver,
		buffer = receiver.buffer,
		puts = puts,
		writers = {},
	}, Stream)
end

-- Why a call failed, in the words of what Lua implements; nil when the library knows better.
function Stream:explain(code)
	local host = state.hosts[self.io]
	if host and host.failure_code == code then
		return host.failure
	end
	for _, inner in ipairs(self.inner or {}) do
		local why = inner.explain and inner:explain(code)
		if why then
			return why
		end
	end
	return nil
end

local function check(self)
	if getmetatable(self) ~= Stream then
		error("bad argument #1 (abio.stream expected)", 3)
	elseif self.closed then
		error("attempt to use a closed abio.stream", 3)
	end
end

-- ---- reading -----------------------------------------------------------------------------------

local function fill(self, need)
	local receiver, buffer = self.receiver, self.buffer
	while buffer.size < need do
		if receiver.eof then
			return false
		elseif receiver.broken then
			local code = receiver.broken
			receiver.broken = nil
			return nil, code
		end
		local code = receiver:arm(self.driver)
		if code < 0 then
			return nil, code
		end
		local waiter = receiver:wait(self.driver, need, self.seconds)
		if waiter.result == CANCELED and buffer.size < need then
			return nil, waiter.timed_out and errors.TIMED_OUT or CANCELED
		end
	end
	return true
end

-- Waits until `need` bytes are in the buffer: see reader.lua.
function Stream:fill(need)
	local more, code = fill(self, need)
	if code and self.closed then
		return nil, CLOSED
	elseif code and errors.is_misuse(code) then
		error("abio: " .. errors.text(code), 0)
	end
	return more, code
end

local function enter(self)
	check(self)
	if self.reading then
		error("already reading this abio.stream", 3)
	end
	self.reading = true
end

-- Ends a read: lets the peer go on when enough was taken, and passes the values through.
local function leave(self, ok, ...)
	self.reading = false
	if not ok then
		error((...), 0)
	end
	if not self.closed then
		self.receiver:taken()
	end
	return ...
end

-- Formats of the io library: "n", "l", "L", "a", a number of bytes; "l" without any.
function Stream:read(...)
	local work = reader.plan(...)
	enter(self)
	return leave(self, pcall(work, self, ...))
end

-- What has arrived, at most `max` bytes; waits for the first byte only.
function Stream:read_some(max)
	if max ~= nil and (type(max) ~= "number" or max < 1) then
		error("bad argument #1 to 'read_some' (positive count expected)", 2)
	end
	enter(self)
	return leave(self, pcall(reader.read_some, self, max and math.floor(max)))
end

-- Everything up to and with the plain string `text`; fails when `max` bytes (65536) lack it.
function Stream:read_until(text, max)
	if type(text) ~= "string" or #text == 0 then
		error("bad argument #1 to 'read_until' (non-empty string expected)", 2)
	end
	enter(self)
	return leave(self, pcall(reader.read_until, self, text, max or UNTIL_MAX))
end

-- What the next read gives, at most `count` bytes, and fewer only at the end; nil when nothing is left.
function Stream:peek(count)
	if type(count) ~= "number" or count < 1 or count ~= math.floor(count) then
		error("bad argument #1 to 'peek' (positive count expected)", 2)
	end
	enter(self)
	return leave(self, pcall(reader.look, self, count))
end

Stream.lines = reader.lines

-- ---- writing -----------------------------------------------------------------------------------

local function flush(self)
	local operation = self.driver:operation()
	return self.driver:finish(operation, raw.flush(self.io, 0, operation.token), self.seconds)
end

local function let_next_write(self)
	self.writing = false
	repeat
		local waiter = table.remove(self.writers, 1)
		if waiter and not waiter.done then
			waiter.done = true
			wake(waiter)
			return
		end
	until not waiter
end

-- Waits for the writers before this one.  Returns a code.
local function lock(self)
	while self.writing do
		local waiter = { done = false }
		self.writers[#self.writers + 1] = waiter
		await.await(self.driver, waiter, self.seconds)
		if waiter.result == CANCELED then
			return waiter.timed_out and errors.TIMED_OUT or CANCELED
		end
	end
	self.writing = true
	return 0
end

-- Does `work(self, ...)`, which returns a code and a count, as the only writer.
local function locked(self, work, ...)
	local code = lock(self)
	if code < 0 then
		return code, 0
	end
	local ok, result, count = pcall(work, self, ...)
	let_next_write(self)
	if not ok then
		error(result, 0)
	elseif result < 0 and self.closed then
		result = CLOSED
	end
	return result, count
end

-- Writes the rest at once, where nothing can be put: the operation holds the string.
local function write_rest(self, data, offset)
	local rest = offset > 0 and data:sub(offset + 1) or data
	local operation = self.driver:operation(rest)
	local code = raw.write_all(self.io, rest, #rest, 0, operation.token)
	local result = self.driver:finish(operation, code, self.seconds)
	return result < 0 and result or 0, offset + (operation.progress or 0)
end

-- Puts the rest, from `offset`, as room comes.  Returns a code and how much was taken.
local function put_all(self, data, offset)
	while offset < #data do
		if self.closed then
			return CLOSED, offset
		end
		local code = put(self.io, data, offset)
		if code >= 0 then
			offset = offset + code
		elseif code ~= WOULD_BLOCK then
			return code, offset
		end
		if offset < #data then
			code = flush(self)
			if code < 0 then
				return code, offset
			end
		end
	end
	return 0, offset
end

-- Takes strings and numbers.  The bytes are the library's when it returns, and are sent with all
-- others at the next turn; above the library's mark it waits for room.  Returns the stream, or nil,
-- message, errno and how many bytes were taken.
function Stream:write(...)
	check(self)
	local data = ...
	if select("#", ...) ~= 1 or type(data) ~= "string" then
		data = reader.joined("write", ...)
	end
	local offset = 0
	if not self.puts then
		local code, taken = locked(self, write_rest, data, 0)
		if code < 0 then
			return refused(code, self, taken)
		end
		return self
	end
	if not self.writing then
		local code = put(self.io, data, 0)
		if code == #data then
			return self
		elseif code < 0 and code ~= WOULD_BLOCK then
			return refused(code, self, 0)
		end
		offset = code > 0 and code or 0
	end
	local code, taken = locked(self, put_all, data, offset)
	if code < 0 then
		return failure(code, self, taken > offset and taken or offset)
	end
	return self
end

-- Waits until everything written has reached the system.
function Stream:flush()
	check(self)
	local code = flush(self)
	if code < 0 then
		return refused(self.closed and CLOSED or code, self)
	end
	return self
end

local function shutdown(self)
	local operation = self.driver:operation()
	local code = raw.shutdown(self.io, 0, operation.token)
	return self.driver:finish(operation, code, self.seconds)
end

-- Sends what is written, then the end of the stream; this side goes on reading.
function Stream:close_write()
	check(self)
	local code = locked(self, shutdown)
	if code < 0 then
		return refused(code, self)
	end
	return self
end

-- luasocket's name for it; the other directions have no meaning here.
function Stream:shutdown(how)
	if how ~= nil and how ~= "send" then
		error("bad argument #1 to 'shutdown' ('send' expected)", 2)
	end
	return self:close_write()
end

-- ---- position ----------------------------------------------------------------------------------

local function seek(self, whence, offset)
	self.receiver:disarm(self.driver)
	local buffer = self.buffer
	if whence == "cur" then
		offset = offset - buffer.size
	end
	local operation = self.driver:operation()
	local code = raw.seek(self.io, SEEKS[whence], offset, 0, operation.token)
	local result = self.driver:finish(operation, code, self.seconds)
	if result < 0 then
		return refused(result, self)
	end
	buffer:skip(buffer.size)
	self.receiver.eof = nil
	return result
end

-- As file:seek, for a stream that has a position: one that Lua implements with `seek`.
function Stream:seek(whence, offset)
	whence, offset = whence or "cur", offset or 0
	if not SEEKS[whence] then
		error("bad argument #1 to 'seek' (invalid option '" .. tostring(whence) .. "')", 2)
	elseif type(offset) ~= "number" or offset ~= math.floor(offset) then
		error("bad argument #2 to 'seek' (offset expected)", 2)
	end
	enter(self)
	return leave(self, pcall(seek, self, whence, offset))
end

-- ---- the end -----------------------------------------------------------------------------------

-- Sends what is written and closes.  Closing twice is harmless.
function Stream:close()
	if self.closed then
		return true
	end
	check(self)
	self.closed = true
	local code = self.driver:close_io(self)
	if code < 0 and code ~= CLOSED then
		return refused(code, self)
	end
	return true
end

-- Waits on this stream fail with ETIMEDOUT after `seconds`; nil: they do not.
function Stream:settimeout(seconds)
	check(self)
	if seconds ~= nil and (type(seconds) ~= "number" or not (seconds >= 0)) then
		error("bad argument #1 to 'settimeout' (seconds expected)", 2)
	end
	self.seconds = seconds
	return self
end

function Stream:local_address()
	check(self)
	return address.of(self.io, "local_address")
end

function Stream:peer_address()
	check(self)
	return address.of(self.io, "peer_address")
end

-- Gives the system's descriptor back to the host, and the bytes that have arrived and were not read.
-- The stream is closed by it.
function Stream:detach()
	enter(self)
	leave(self, pcall(self.receiver.disarm, self.receiver, self.driver))
	local code, fd = raw.detach(self.io)
	if code < 0 then
		return refused(code, self)
	end
	self.closed = true
	core.disarm(self.guard)
	raw.release(self.io)
	return fd, self.buffer:take(self.buffer.size)
end

function Stream:__tostring()
	return self.closed and "abio.stream (closed)" or ("abio.stream (%s)"):format(self.label)
end

Stream.__close = Stream.close

-- Closes the io of an object that has `io` and `guard`, and drops its reference.  Returns a code.
function Driver:close_io(object)
	local operation = self:operation()
	operation.closing = true
	local code = raw.close(object.io, 0, operation.token)
	local result = self:finish(operation, code, object.seconds)
	core.disarm(object.guard)
	raw.release(object.io)
	return result
end

return { new = new, Stream = Stream, enter = enter, leave = leave, locked = locked }
