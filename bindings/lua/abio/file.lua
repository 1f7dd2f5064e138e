-- file.lua: regular files, read and written by offset.
--
-- The cursor is here: the library only ever gets explicit offsets.  `fetched` is the offset behind
-- the last byte in the buffer, so the cursor is `fetched` minus what is buffered.  What is written
-- is the Lua string itself, which the operation holds until its terminal event; what is read comes
-- into memory of the driver's pool.
--
-- The cursor is one task's at a time; pread and pwrite are free for any number of tasks.

local native = require("abio.native")
local errors = require("abio.errors")
local new_buffer = require("abio.buffer").new
local reader = require("abio.reader")
local blocks = require("abio.blocks")
local Driver = require("abio.driver").Driver
local await = require("abio.await")

local hosts = await.state.hosts
local pcall = await.pcall
local core = native.core
local constants = native.constants
local raw, memory_text = core.raw, core.memory_text
local failure, refused = errors.failure, errors.refused
local floor, min, max = math.floor, math.min, math.max
local BLOCK, BLOCK_MAX = blocks.BLOCK, blocks.BLOCK_MAX
local ENOENT, EINVAL, ENAMETOOLONG = -2, -22, -36

local WRITE_MAX = 1073741824
local OFFSET_MAX = 9007199254740992

local File = {}
File.__index = File
File.__name = "abio.file"

local function new(driver, io, label)
	return setmetatable({
		driver = driver,
		io = io,
		handle = io,
		guard = core.guard(io),
		label = label,
		buffer = new_buffer(),
		fetched = 0,
		block = BLOCK,
	}, File)
end

-- As a stream's.
function File:explain(code)
	local host = hosts[self.io]
	return host and host.failure_code == code and host.failure or nil
end

local function check(self)
	if getmetatable(self) ~= File then
		error("bad argument #1 (abio.file expected)", 3)
	elseif self.closed then
		error("attempt to use a closed abio.file", 3)
	end
end

local function check_offset(offset, index, what)
	if type(offset) ~= "number" or offset < 0 or offset > OFFSET_MAX or offset ~= floor(offset) then
		error(("bad argument #%d to '%s' (offset expected)"):format(index, what), 3)
	end
	return floor(offset)
end

-- One read of at most `count` bytes.  Returns a string, "" at the end; or nil and a code.
local function read_once(self, count, offset)
	local driver = self.driver
	local size = blocks.size_for(count)
	local block = blocks.take(driver, size)
	local operation = driver:operation(block)
	local code = raw.read_at(self.io, block, min(count, size), offset, 0, operation.token)
	local result = driver:finish(operation, code)
	local bytes = result >= 0 and memory_text(block, result) or nil
	blocks.give(driver, size, block)
	return bytes, result
end

-- ---- reading -----------------------------------------------------------------------------------

-- Waits until `need` bytes are in the buffer: see reader.lua.  Blocks grow while a file is read on.
function File:fill(need)
	local buffer = self.buffer
	while buffer.size < need do
		local missing = min(need - buffer.size, BLOCK_MAX)
		local bytes, code = read_once(self, max(missing, self.block), self.fetched)
		if self.closed then
			return nil, errors.codes.CLOSED
		elseif not bytes then
			return nil, code
		elseif bytes == "" then
			return false
		end
		buffer:push(bytes)
		self.fetched = self.fetched + #bytes
		self.block = min(self.block * 2, BLOCK_MAX)
	end
	return true
end

local function enter(self)
	check(self)
	if self.busy then
		error("already using the cursor of this abio.file", 3)
	end
	self.busy = true
end

local function leave(self, ok, ...)
	self.busy = false
	if not ok then
		error((...), 0)
	end
	return ...
end

-- Formats of the io library: "n", "l", "L", "a", a number of bytes; "l" without any.
function File:read(...)
	local work = reader.plan(...)
	enter(self)
	return leave(self, pcall(work, self, ...))
end

-- What one read gives, at most `count` bytes (65536).
function File:read_some(count)
	if count ~= nil and (type(count) ~= "number" or count < 1) then
		error("bad argument #1 to 'read_some' (positive count expected)", 2)
	end
	enter(self)
	return leave(self, pcall(reader.read_some, self, floor(count or BLOCK)))
end

File.lines = reader.lines

-- At most `count` bytes at `offset`, less only at the end; nil at or past the end.
function File:pread(count, offset)
	check(self)
	if type(count) ~= "number" or count < 0 or count ~= floor(count) then
		error("bad argument #1 to 'pread' (count expected)", 2)
	end
	offset = check_offset(offset, 2, "pread")
	local parts, size = {}, 0
	while size < count do
		local bytes, code = read_once(self, count - size, offset + size)
		if not bytes then
			return refused(code, self, size > 0 and table.concat(parts) or nil)
		elseif bytes == "" then
			break
		elseif #bytes == count then
			return bytes
		end
		parts[#parts + 1] = bytes
		size = size + #bytes
	end
	if size == 0 and count > 0 then
		return nil
	end
	return table.concat(parts)
end

-- ---- writing -----------------------------------------------------------------------------------

-- Writes all of `data`, which the operation holds.  Returns a code and how many bytes are written.
local function write_at(self, data, offset)
	local driver, done = self.driver, 0
	local piece = data
	repeat
		if #data > WRITE_MAX then
			piece = data:sub(done + 1, done + WRITE_MAX)
		end
		local operation = driver:operation(piece)
		local code = raw.write_at_all(self.io, piece, #piece, offset + done, 0, operation.token)
		local result = driver:finish(operation, code)
		if result < 0 then
			return result, done + (operation.progress or 0)
		end
		done = done + #piece
	until done >= #data
	return 0, done
end

local function drop_buffer(self)
	self.fetched = self.fetched - self.buffer.size
	self.buffer = new_buffer()
end

-- For what works on the file's handle itself: see adapters.lua.
File.enter, File.leave, File.forget_ahead = enter, leave, drop_buffer

-- Writes strings and numbers at the cursor, or at the end of a file opened to append.  Returns the
-- file, or nil, message, errno and how many bytes are written.
function File:write(...)
	local data = ...
	if select("#", ...) ~= 1 or type(data) ~= "string" then
		data = reader.joined("write", ...)
	end
	enter(self)
	if data == "" then
		self.busy = false
		return self
	end
	drop_buffer(self)
	local code, done = leave(self, pcall(write_at, self, data, self.fetched))
	self.fetched = self.fetched + done
	if code < 0 then
		return refused(code, self, done)
	end
	return self
end

-- Writes all of `data` at `offset`.  Returns the number of bytes, or nil, message, errno, written.
function File:pwrite(data, offset)
	check(self)
	data = type(data) == "string" and data or reader.joined("pwrite", data)
	offset = check_offset(offset, 2, "pwrite")
	if data == "" then
		return 0
	elseif not self.busy then
		-- What was read ahead may be what is written now.
		drop_buffer(self)
	end
	local code, done = write_at(self, data, offset)
	if code < 0 then
		return refused(code, self, done)
	end
	return done
end

-- Makes what was written durable; "data" leaves out what is not needed to read it back.
function File:sync(what)
	check(self)
	if what ~= nil and what ~= "data" then
		error("bad argument #1 to 'sync' ('data' expected)", 2)
	end
	local operation = self.driver:operation()
	local code = raw.sync(self.io, what == "data" and constants.ABIO_SYNC_DATA or 0, operation.token)
	local result = self.driver:finish(operation, code)
	if result < 0 then
		return refused(result, self)
	end
	return self
end

-- What the next read gives, at most `count` bytes, and fewer only at the end; nil when nothing is left.
function File:peek(count)
	if type(count) ~= "number" or count < 1 or count ~= floor(count) then
		error("bad argument #1 to 'peek' (positive count expected)", 2)
	end
	enter(self)
	return leave(self, pcall(reader.look, self, count))
end

-- Nothing is kept back: there is nothing to flush.
function File:flush()
	check(self)
	return self
end

-- ---- cursor and end ----------------------------------------------------------------------------

function File:seek(whence, offset)
	check(self)
	if self.busy then
		error("already using the cursor of this abio.file", 2)
	end
	whence, offset = whence or "cur", offset or 0
	local base
	if whence == "set" then
		base = 0
	elseif whence == "cur" then
		base = self.fetched - self.buffer.size
	elseif whence == "end" then
		local operation = self.driver:operation()
		base = self.driver:finish(operation, raw.stream_len(self.io, 0, operation.token))
		if base < 0 then
			return refused(base, self)
		end
	else
		error("bad argument #1 to 'seek' (invalid option '" .. tostring(whence) .. "')", 2)
	end
	local position = base + offset
	if position < 0 or position > OFFSET_MAX or position ~= floor(position) then
		return failure(EINVAL, self)
	end
	if position ~= self.fetched - self.buffer.size then
		self.buffer = new_buffer()
		self.fetched = floor(position)
		self.block = BLOCK
	end
	return floor(position)
end

-- The position of the handle, which is that of an adopted descriptor, is kept up to date at the end.
function File:share_position()
	local code, position = raw.stream_position(self.io)
	if code == 0 then
		self.fetched, self.shares = position, true
	end
end

-- Closes the file.  Closing twice is harmless.
function File:close()
	if self.closed then
		return true
	end
	check(self)
	self.closed = true
	if self.shares and not self.busy then
		drop_buffer(self)
		local operation = self.driver:operation()
		self.driver:finish(operation, raw.seek(self.io, constants.ABIO_SEEK_START, self.fetched, 0, operation.token))
	end
	local result = self.driver:close_io(self)
	if result < 0 and result ~= errors.codes.CLOSED then
		return refused(result, self)
	end
	return true
end

function File:__tostring()
	return self.closed and "abio.file (closed)" or ("abio.file (%s)"):format(self.label)
end

File.__close = File.close

-- ---- opening -----------------------------------------------------------------------------------

local READ, WRITE = constants.ABIO_ACCESS_READ, constants.ABIO_ACCESS_WRITE
local CREATE, EXCLUSIVE = constants.ABIO_OPEN_CREATE, constants.ABIO_OPEN_EXCLUSIVE
local TRUNCATE, APPEND = constants.ABIO_OPEN_TRUNCATE, constants.ABIO_OPEN_APPEND
local PATH_MAX = 4095
local modes = {
	["r"] = { 0, READ },
	["r+"] = { 0, READ + WRITE },
	["w"] = { CREATE + TRUNCATE, WRITE },
	["w+"] = { CREATE + TRUNCATE, READ + WRITE },
	["a"] = { CREATE + APPEND, WRITE },
	["a+"] = { CREATE + APPEND, READ + WRITE },
	["wx"] = { CREATE + EXCLUSIVE, WRITE },
	["w+x"] = { CREATE + EXCLUSIVE, READ + WRITE },
}

-- Opens a file, with the modes of io.open.  A FIFO or terminal gives a stream.
function Driver:open(path, mode)
	if type(path) ~= "string" then
		error("bad argument #1 to 'open' (string expected, got " .. type(path) .. ")", 2)
	end
	local how = modes[((mode or "r"):gsub("b", ""))]
	if not how then
		error("bad argument #2 to 'open' (invalid mode)", 2)
	end
	if #path == 0 then
		return failure(ENOENT, path)
	elseif #path > PATH_MAX then
		return failure(ENAMETOOLONG, path:sub(1, 64) .. "...")
	elseif path:find("\0", 1, true) then
		error("bad argument #1 to 'open' (path with a zero byte)", 2)
	end
	local operation = self:operation()
	local code = raw.open(self.handle, path, #path, core.struct(how[1], how[2], 0), operation.token)
	local result = self:finish(operation, code)
	if result < 0 then
		return refused(result, path)
	end
	return self:object_of(operation.handle, path)
end

return { new = new, File = File }
