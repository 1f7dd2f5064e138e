-- adapters.lua: streams over other streams, and what moves between two of them.
--
-- The library's adapters read what is underneath, and know nothing of bytes that have already arrived
-- in Lua.  So before a stream gets something on top its receive is ended, and the bytes it has are
-- handed to the new stream, in front of what the adapter will read.
--
-- An adapter holds what is underneath; closing it closes only itself.

local native = require("abio.native")
local errors = require("abio.errors")
local stream = require("abio.stream")
local file = require("abio.file")
local pcall = require("abio.await").pcall
local Driver = require("abio.driver").Driver

local core, constants = native.core, native.constants
local raw = core.raw
local refused = errors.refused
local Stream, File = stream.Stream, file.File
local new_stream, enter, leave, locked = stream.new, stream.enter, stream.leave, stream.locked
local TRAIT_READ, TRAIT_WRITE = constants.ABIO_TRAIT_READ, constants.ABIO_TRAIT_WRITE
local START = constants.ABIO_SEEK_START
local COUNT_MAX = 9007199254740992

local function check_stream(value, index, what)
	local kind = getmetatable(value)
	if kind ~= Stream and kind ~= File then
		error(("bad argument #%d to '%s' (stream expected)"):format(index, what), 4)
	elseif value.closed then
		error("attempt to use a closed " .. kind.__name, 4)
	end
end

local function check_count(count, index, what)
	if type(count) ~= "number" or count < 0 or count > COUNT_MAX or count ~= math.floor(count) then
		error(("bad argument #%d to '%s' (count expected)"):format(index, what), 4)
	end
	return math.floor(count)
end

-- Ends the receive of a stream, and puts the position of a file into its handle.  Returns a code.
local function settle(object)
	if getmetatable(object) == Stream then
		object.receiver:disarm(object.driver)
		return 0
	end
	local driver = object.driver
	object:forget_ahead()
	local operation = driver:operation()
	local code = raw.seek(object.io, START, object.fetched, 0, operation.token)
	return math.min(driver:finish(operation, code), 0)
end

-- Settles `object` as its only reader, and then makes what `work(object, ...)` makes.
local function on_top(object, work, ...)
	object:enter()
	return object:leave(pcall(function(...)
		local code = settle(object)
		if code < 0 then
			return refused(code, object)
		end
		return work(object, ...)
	end, ...))
end

local function new_over(io, label, ...)
	local first = ...
	local made = new_stream(first.driver, io, label, true)
	made.inner = { ... }
	return made
end

-- Bytes that have arrived in Lua, at most `count`.
local function arrived(object, count)
	local buffer = object.buffer
	return buffer:take(math.min(buffer.size, count))
end

-- ---- halves ------------------------------------------------------------------------------------

local function split(self)
	local code, input, output = raw.split(self.io)
	if code < 0 then
		return refused(code, self)
	end
	local reader = new_over(input, self.label, self)
	local writer = new_over(output, self.label, self)
	reader.buffer:push(arrived(self, COUNT_MAX))
	reader.receiver.eof = self.receiver.eof
	self.closed = true
	core.disarm(self.guard)
	raw.release(self.io)
	return reader, writer
end

-- Two streams in place of this one: one that reads and one that writes.  When the writing one is closed
-- or dropped the peer sees the end.
function Stream:split()
	return on_top(self, split)
end

-- ---- take, chain, buffered -----------------------------------------------------------------------

local function take(object, count)
	local ahead = arrived(object, count)
	local code, io = raw.take(object.io, count - #ahead, 0)
	if code < 0 then
		object.buffer:push_front(ahead)
		return refused(code, object)
	end
	local made = new_over(io, object.label, object)
	made.buffer:push(ahead)
	return made
end

-- A stream that reads at most `count` bytes of another and is then at its end.
function Driver.take(_, object, count)
	check_stream(object, 1, "take")
	return on_top(object, take, check_count(count, 2, "take"))
end

-- What has arrived of the second, as a stream of its own.
local function memory(driver, bytes)
	return driver:object({ try_read = function(_, count)
		local piece = bytes:sub(1, count)
		bytes = bytes:sub(count + 1)
		return piece ~= "" and piece or nil
	end })
end

local function chain(object, following)
	local driver, front = object.driver, object
	if following.buffer.size > 0 then
		local middle = memory(driver, arrived(following, COUNT_MAX))
		local code, io = raw.chain(object.io, middle.io, 0)
		if code < 0 then
			return refused(code, object)
		end
		front = new_over(io, object.label, object, middle)
	end
	local code, io = raw.chain(front.io, following.io, 0)
	if code < 0 then
		return refused(code, object)
	end
	local made = new_over(io, object.label, front, following)
	made.buffer:push(arrived(object, COUNT_MAX))
	return made
end

-- A stream that reads one to its end and then the other.
function Driver.chain(_, object, following)
	check_stream(object, 1, "chain")
	check_stream(following, 2, "chain")
	if object == following then
		error("bad argument #2 to 'chain' (another stream expected)", 2)
	end
	return on_top(following, function()
		return on_top(object, chain, following)
	end)
end

local function buffered(object, capacity)
	local io, code = object.io, 0
	if core.slots_of(io, TRAIT_READ) then
		code, io = raw.buf_reader(io, capacity, 0)
	end
	if code == 0 and core.slots_of(io, TRAIT_WRITE) then
		local reader = io
		code, io = raw.buf_writer(reader, capacity, 0)
		if reader ~= object.io then
			raw.release(reader)
		end
	end
	if code < 0 then
		return refused(code, object)
	end
	local made = new_over(io, object.label, object)
	made.buffer:push(arrived(object, COUNT_MAX))
	return made
end

-- The library's buffers in front of a stream, of `capacity` bytes (8192) in each direction.
function Driver.buffered(_, object, capacity)
	check_stream(object, 1, "buffered")
	return on_top(object, buffered, check_count(capacity or 0, 2, "buffered"))
end

-- ---- copy ----------------------------------------------------------------------------------------

-- As the only writer of `sink`.  Returns a code and how many bytes were moved.
local function move(sink, source, limit)
	local driver = sink.driver
	local code = getmetatable(sink) == File and settle(sink) or 0
	if code < 0 then
		return code, 0
	end
	local operation = driver:operation()
	code = raw.copy(source.io, sink.io, limit or -1, 0, operation.token)
	local result = driver:finish(operation, code)
	local moved = operation.progress or 0
	if getmetatable(source) == File then
		source.fetched = source.fetched + moved
	end
	if getmetatable(sink) == File then
		sink.fetched = sink.fetched + moved
	end
	return math.min(result, 0), moved
end

local function copy(source, sink, limit)
	local ahead = arrived(source, limit or COUNT_MAX)
	if ahead ~= "" then
		local ok, message, number, taken = sink:write(ahead)
		if not ok then
			source.buffer:push_front(ahead:sub((taken or 0) + 1))
			return nil, message, number, taken or 0
		end
	end
	local code, moved
	if getmetatable(sink) == File then
		sink:enter()
		code, moved = sink:leave(pcall(move, sink, source, limit and limit - #ahead))
	else
		code, moved = locked(sink, move, source, limit and limit - #ahead)
	end
	if code < 0 then
		return refused(code, source:explain(code) and source or sink, #ahead + moved)
	end
	return #ahead + moved
end

-- Copies from `source` to `sink` until its end or until `limit` bytes are written, by the kernel alone
-- where it can.  Returns how many, or nil, message, errno, how many.
function Driver.copy(_, source, sink, limit)
	check_stream(source, 1, "copy")
	check_stream(sink, 2, "copy")
	if source == sink then
		error("bad argument #2 to 'copy' (another stream expected)", 2)
	end
	return on_top(source, copy, sink, limit and check_count(limit, 3, "copy"))
end

Stream.enter, Stream.leave = enter, leave
