-- guest.lua: work on a driver that another language of the process made and polls.
--
-- The poller owns the tokens, so the guest asks it for each, and the poller hands the events of these
-- tokens over.  It gives attach a table of three functions:
--
--   enter()        a token for an operation about to be started
--   leave(token)   it was not started: the token is free again
--   schedule()     guest.run_soon() is to be called soon, from the poller's loop and inside no other call
--
-- and calls guest.deliver(token, result, progress, handle, data, flags) with each event of such a token,
-- before its next poll; after the terminal event the token is free.  Only numbers cross: a bridge may tie
-- a function or table to the coroutine it came from, and use that when it is long suspended.
--
-- Tasks of the guest are spawned and cancelled like others, and run inside run_soon.  What only a poller
-- does (step, run, waiting outside of a task) is refused.  The guest holds no reference on the driver,
-- must be used on its thread, and ends with close, before the Lua state and the driver do.

local native = require("abio.native")
local errors = require("abio.errors")
local await = require("abio.await")
local driver = require("abio.driver")

local core, constants = native.core, native.constants
local raw = core.raw
local Driver = driver.Driver
local MORE = constants.ABIO_EVENT_MORE
local ADDRESS = core.sizes.address

local Guest = {}

function Guest.__index(_, name)
	local own = rawget(Guest, name)
	if own ~= nil then
		return own
	end
	return Driver[name]
end

local function deliver(self, token, result, progress, handle, data, flags)
	local operation = self.operations[token]
	if not operation then
		return
	elseif flags % (2 * MORE) >= MORE then
		operation.receiver:piece(core.bytes_at(data, result))
		return
	end
	self.operations[token] = nil
	self.in_flight = self.in_flight - 1
	operation.token = nil
	if operation.addresses and result > 0 then
		operation.addresses = core.bytes_at(data, result * ADDRESS)
	end
	driver.ended(operation, result, progress, handle ~= 0 and handle or nil, flags)
end

function Guest:operation(memory)
	local operation = { done = false, memory = memory, token = self.host.enter() }
	self.operations[operation.token] = operation
	self.in_flight = self.in_flight + 1
	return operation
end

-- The start was refused.
function Guest:forget(operation)
	local token = operation.token
	self.operations[token] = nil
	self.in_flight = self.in_flight - 1
	operation.token = nil
	self.host.leave(token)
end

-- Tasks have to run.
function Guest:ring()
	if not self.woken then
		self.woken = true
		self.host.schedule()
	end
end

local function refuse(what)
	return function()
		error("abio: " .. what .. " on a driver that another language polls", 2)
	end
end

Guest.step = refuse("step")
Guest.step_until = refuse("waiting outside of a task")
Guest.run = refuse("run")

-- Cancels the tasks and what is in flight, and closes the objects that Lua implements.  Returns how many
-- operations are still to end: the poller calls it again, after its next events, until that is 0.  Only
-- then may the Lua state be closed: until its last event an operation works on memory of the state.
function Guest:close()
	driver.abort(self, true)
	for token, operation in pairs(self.operations) do
		if operation.host and not operation.ending then
			operation.ending = true
			self:close_soon(operation.host.io)
		elseif not operation.host then
			raw.cancel(self.handle, token)
		end
	end
	return self.in_flight
end

function Guest:close_soon(io)
	-- Not while the table of operations is being walked.
	self.ends = self.ends or {}
	self.ends[#self.ends + 1] = io
	self:ring()
end

local function close_ends(self)
	local ends = self.ends or {}
	self.ends = nil
	for _, io in ipairs(ends) do
		local operation = self:operation()
		if raw.close(io, 0, operation.token) < 0 then
			self:forget(operation)
		end
	end
end

function Guest:__tostring()
	return ("abio.driver (guest on fd %d)"):format(self:fd())
end

-- A driver to work on, by its number.
local function attach(handle, host)
	if type(host) ~= "table" and type(host) ~= "userdata" then
		error("bad argument #2 to 'attach' (table expected)", 2)
	end
	local code = raw.driver_fd(handle)
	if code < 0 then
		return errors.refused(code, "attach")
	end
	local self = driver.new(handle)
	self.host = host
	self.deliver = function(...)
		deliver(self, ...)
	end
	self.run_soon = function()
		self.woken = false
		close_ends(self)
		self:run_ready_tasks()
	end
	return setmetatable(self, Guest)
end

return { attach = attach }
