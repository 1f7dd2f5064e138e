-- object.lua: streams, files and listeners that Lua implements.
--
-- abio.object(implementation) gives what works wherever a native one does.  The implementation is a
-- table (or anything that can be indexed) with some of these methods:
--
--   may wait, each call a task       try_: answers at once
--   read(self, count)                try_read(self, count)     bytes; nil at the end
--   write(self, bytes)               try_write(self, bytes)    how many were taken, or true for all
--   flush(self)                      try_flush(self)           anything but nil and false: done
--   accept(self)                     try_accept(self)          an object of abio
--   shutdown(self), close(self)                                anything but nil and false: done
--   seek(self, whence, offset)                                 the position; whence as in file:seek
--   read_at(self, count, offset)                               as read
--   write_at(self, bytes, offset)                              as write
--                                    interest(self, "r"|"w"|"rw"|"")   what is waited for from now on
--
-- A failure is nil, message, errno, in every method.  A try_ method that can do nothing now returns
-- false, and abio.notify(self, "r"|"w"|"rw") says later that it can.  What is raised, and what makes no
-- sense (nothing at all, "", a count of 0 or too large), fails the operation with codes.HOST and the
-- message.  Methods that wait are always tasks, so nothing they do happens inside a call of the library;
-- a try_ method that waits fails.
--
-- Each object has a state, which C finds and hands to dispatch with every slot.  It is held by the
-- driver's table of operations until the library says that the object is closed, and holds neither the
-- stream nor its io: an object that nobody holds any more is released, and closed by that.

local native = require("abio.native")
local errors = require("abio.errors")
local await = require("abio.await")
local Driver = require("abio.driver").Driver
require("abio.task")

local core, constants = native.core, native.constants
local raw = core.raw
local state_of_all = await.state
local hosts = state_of_all.hosts
local codes = errors.codes
local HOST, WOULD_BLOCK = codes.HOST, codes.WOULD_BLOCK
local EOF, PENDING = constants.ABIO_HOST_EOF, constants.ABIO_PENDING
local READY_READ, READY_WRITE = constants.ABIO_READY_READ, constants.ABIO_READY_WRITE
local INTERESTS = { [0] = "", "r", "w", "rw" }
local WHENCES = {
	[constants.ABIO_SEEK_START] = "set",
	[constants.ABIO_SEEK_CURRENT] = "cur",
	[constants.ABIO_SEEK_END] = "end",
}
-- Means "not now" to the system, and that is said by false.
local EAGAIN = 11
local POSITION_MAX = 9007199254740992

-- States of objects on drivers of others, and what the library knows them by, until they are closed.
local lent = {}

-- Of each implementation the newest object.
local by_implementation = setmetatable({}, { __mode = "kv" })

-- ---- what an answer means -----------------------------------------------------------------------

-- The operation fails with `message`.  Returns a code.
local function fail(state, message, number)
	local code = HOST
	if type(number) == "number" and number == math.floor(number) then
		if number > 0 and number < 4096 and number ~= EAGAIN then
			code = -number
		elseif number < -4096 then
			code = number
		end
	end
	state.failure, state.failure_code = tostring(message), code
	return code
end

local function senseless(state, method, what)
	return fail(state, method .. " returned " .. what)
end

-- nil and false are the same for all methods: nil alone is `empty`, false only for those that try.
local function without_value(state, method, tries, empty, value, message, number)
	if value == nil then
		if message ~= nil then
			return fail(state, message, number)
		end
		return empty or senseless(state, method, "nil without a message")
	elseif tries then
		return WOULD_BLOCK
	end
	return senseless(state, method, "false")
end

-- Each takes the state, the method, whether it tries, what was asked for, and what the method
-- returned; and returns a code and a value.

local function got_bytes(state, method, tries, asked, count, bytes, ...)
	if count == 0 then
		return senseless(state, method, "nothing")
	elseif not bytes then
		return without_value(state, method, tries, EOF, bytes, ...)
	elseif type(bytes) ~= "string" then
		return senseless(state, method, "a " .. type(bytes) .. " for a string")
	elseif bytes == "" then
		return senseless(state, method, "an empty string")
	elseif #bytes > asked then
		return senseless(state, method, ("%d bytes where %d were asked for"):format(#bytes, asked))
	end
	return #bytes, bytes
end

local function got_count(state, method, tries, asked, count, taken, ...)
	if count == 0 then
		return senseless(state, method, "nothing")
	elseif not taken then
		return without_value(state, method, tries, nil, taken, ...)
	elseif type(taken) ~= "number" then
		return asked
	elseif taken < 1 or taken > asked or taken ~= math.floor(taken) then
		return senseless(state, method, ("a count of %s where %d bytes were given"):format(taken, asked))
	end
	return math.floor(taken)
end

local function got_done(state, method, tries, _, count, value, ...)
	if count > 0 and not value then
		return without_value(state, method, tries, nil, value, ...)
	end
	return 1
end

local function got_position(state, method, _, _, count, position, ...)
	if count == 0 then
		return senseless(state, method, "nothing")
	elseif not position then
		return without_value(state, method, false, nil, position, ...)
	elseif type(position) ~= "number" or not (position >= 0 and position <= POSITION_MAX)
		or position ~= math.floor(position) then
		return senseless(state, method, "no position")
	end
	return 1, math.floor(position)
end

-- The library takes one reference of the object that is handed over.
local function got_object(state, method, tries, _, count, object, ...)
	if count == 0 then
		return senseless(state, method, "nothing")
	elseif not object then
		return without_value(state, method, tries, nil, object, ...)
	elseif type(object) ~= "table" or type(object.handle) ~= "number" or object.closed then
		return senseless(state, method, "no open object of abio")
	end
	local code = raw.retain(object.handle)
	if code < 0 then
		return fail(state, "accept: " .. errors.text(code), code)
	end
	return 1, object.handle
end

-- ---- methods that answer at once ------------------------------------------------------------------

local function counted(...)
	return select("#", ...), ...
end

local function tried(state, method, got, asked, ok, ...)
	state_of_all.in_slot = state.around
	if not ok then
		return fail(state, (...))
	end
	return got(state, method, true, asked, ...)
end

-- Calls implementation[method](implementation, ...) on the spot.
local function try(state, method, got, asked, ...)
	local implementation = state.implementation
	state.around = state_of_all.in_slot
	state_of_all.in_slot = method
	return tried(state, method, got, asked, pcall(function(...)
		return counted(implementation[method](implementation, ...))
	end, ...))
end

-- ---- methods that may wait ------------------------------------------------------------------------

-- The close slot is answered.
local function forget_lent(state)
	if lent[state] then
		core.host_closed(lent[state])
		lent[state] = nil
	end
end

local function complete(state, op, code, value, lent)
	if state.pending[op] == nil then
		return
	end
	state.pending[op] = nil
	if lent and code > 0 then
		core.host_fill(lent, value)
		value = nil
	end
	raw.object_complete(state.io, op, code, value or 0)
end

local function returned(state, op, method, got, asked, lent, ok, ...)
	local code, value
	if not ok then
		code = fail(state, (...))
	else
		code, value = got(state, method, false, asked, ...)
	end
	complete(state, op, code, value, lent)
	if method == "close" then
		forget_lent(state)
	end
end

-- Calls it as a task of its own.
local function begin(state, op, method, got, asked, lent, ...)
	local implementation = state.implementation
	state.pending[op] = state.driver:serve(function(...)
		returned(state, op, method, got, asked, lent, await.pcall(function(...)
			return counted(implementation[method](implementation, ...))
		end, ...))
	end, ...)
	return PENDING
end

-- ---- slots ------------------------------------------------------------------------------------------

-- Without the C module there are none, and nothing is called.
local slots = core.slots or setmetatable({}, {
	__index = function(_, name)
		return name
	end,
})
local handlers = {}

handlers[slots.try_read] = function(state, _, length)
	return try(state, "try_read", got_bytes, length, length)
end
handlers[slots.read] = function(state, op, lent)
	local length = core.host_length(lent)
	return begin(state, op, "read", got_bytes, length, lent, length)
end
handlers[slots.try_write] = function(state, _, bytes)
	return try(state, "try_write", got_count, #bytes, bytes)
end
handlers[slots.write] = function(state, op, bytes)
	return begin(state, op, "write", got_count, #bytes, nil, bytes)
end
handlers[slots.try_flush] = function(state)
	return try(state, "try_flush", got_done)
end
handlers[slots.flush] = function(state, op)
	return begin(state, op, "flush", got_done)
end
handlers[slots.shutdown] = function(state, op)
	return begin(state, op, "shutdown", got_done)
end
handlers[slots.seek] = function(state, op, whence, offset)
	return begin(state, op, "seek", got_position, nil, nil, WHENCES[whence], offset)
end
handlers[slots.read_at] = function(state, op, lent, offset)
	local length = core.host_length(lent)
	return begin(state, op, "read_at", got_bytes, length, lent, length, offset)
end
handlers[slots.write_at] = function(state, op, bytes, offset)
	return begin(state, op, "write_at", got_count, #bytes, nil, bytes, offset)
end
handlers[slots.try_accept] = function(state)
	return try(state, "try_accept", got_object)
end
handlers[slots.accept] = function(state, op)
	return begin(state, op, "accept", got_object)
end
handlers[slots.close] = function(state, op)
	if not state.closes then
		forget_lent(state)
		return 1
	end
	state.closing = true
	return begin(state, op, "close", got_done)
end
handlers[slots.cancel] = function(state, op)
	local task = state.pending[op]
	if task then
		task:cancel()
	end
	return 1
end
handlers[slots.interest] = function(state, _, bits)
	return try(state, "interest", got_done, nil, INTERESTS[bits % 4])
end

-- Every slot of every object comes here.
local function dispatch(state, slot, ...)
	return handlers[slot](state, ...)
end

-- ---- making one -------------------------------------------------------------------------------------

-- The slots an implementation has, as bits; what it needs to be anything at all.
local function slots_of(implementation)
	local bits, count = 0, 0
	for name, slot in pairs(slots) do
		local method = name ~= "cancel" and implementation[name]
		if method and type(method) ~= "function" and not (getmetatable(method) or {}).__call then
			error(("bad argument #1 to 'object' (field '%s' is no function)"):format(name), 4)
		elseif method then
			bits = bits + 2 ^ slot
			count = count + (name ~= "close" and name ~= "interest" and 1 or 0)
		end
	end
	if count == 0 then
		error("bad argument #1 to 'object' (no method that implements a trait)", 4)
	end
	return math.floor(bits)
end

local function released(operation)
	core.host_closed(operation.memory)
	operation.driver.objects = operation.driver.objects - 1
end

-- A state for an implementation, and its slots as bits.
local function prepare(self, implementation)
	local kind = type(implementation)
	if kind ~= "table" and kind ~= "userdata" then
		error("bad argument #1 to 'object' (table expected, got " .. kind .. ")", 4)
	elseif not core.host_create then
		error("abio: objects that Lua implements need the C module of abio (make lua)", 4)
	end
	return {
		driver = self,
		dispatch = dispatch,
		implementation = implementation,
		pending = {},
		closes = implementation.close ~= nil,
	}, slots_of(implementation)
end

local function create(self, implementation, label)
	local state, bits = prepare(self, implementation)
	local operation = self:operation()
	local object, io = core.host_create(self.handle, bits, state, operation.token)
	if not object then
		self:forget(operation)
		return errors.refused(io, label)
	end
	state.io = io
	operation.memory, operation.host, operation.driver, operation.finish = object, state, self, released
	self.objects = self.objects + 1
	hosts[io] = state
	by_implementation[implementation] = state
	return self:object_of(io, label)
end

-- The object of an implementation.  `label` names it in messages.
function Driver:object(implementation, label)
	return create(self, implementation, label or "object")
end

-- The methods of an object of abio, for a driver that is not its own.
local function passing(stream)
	local methods = {}
	local function pass(name, method)
		if stream[method] then
			methods[name] = function(_, ...)
				return stream[method](stream, ...)
			end
		end
	end
	pass("read", "read_some")
	pass("write", "write")
	pass("flush", "flush")
	pass("shutdown", "close_write")
	pass("close", "close")
	return methods
end

-- The number of an object for another language of the process, on that one's driver (a number) of
-- this thread; it carries the reference of who gets it.  `thing` is an implementation, or a stream,
-- which nobody else uses from now on.  Its tasks run in the steps of this driver.
function Driver:lend(thing, driver)
	if type(driver) ~= "number" then
		error("bad argument #2 to 'lend' (number of a driver expected, got " .. type(driver) .. ")", 2)
	end
	local stream = type(thing) == "table" and type(thing.handle) == "number"
	local state, bits = prepare(self, stream and passing(thing) or thing)
	local object, io = core.host_create(driver, bits, state, 0)
	if not object then
		return errors.refused(io, "lend")
	end
	state.io = io
	lent[state] = object
	hosts[io] = state
	by_implementation[state.implementation] = state
	return io
end

-- The implementation can read ("r"), write ("w") or both: after a try_ method has returned false.
local function notify(implementation, what)
	local bits = (what == "r" and READY_READ) or (what == "w" and READY_WRITE)
		or ((what == nil or what == "rw") and READY_READ + READY_WRITE)
	if not bits then
		error("bad argument #2 to 'notify' ('r', 'w' or 'rw' expected)", 2)
	end
	local state = by_implementation[implementation]
	-- One that is closed already has nobody to tell.
	return state ~= nil and raw.object_notify(state.io, bits) == 0
end

return { notify = notify }
