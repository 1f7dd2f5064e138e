-- driver.lua: one completion queue, the operations in flight on it, and the pump.
--
-- Owns the tokens.  `operations[token]` holds each operation, and through it the memory the library
-- works on, from before the start until the terminal event: nothing in flight can be collected or
-- freed.  The table belongs to the core's driver object, whose finalizer ends everything in flight
-- before the table goes, also when the Lua state is closed.
--
-- The pump copies what events carry and marks operations as done; tasks run after it, never inside
-- it.  There is one pump per driver: waiting costs no look at the descriptor.

local native = require("abio.native")
local errors = require("abio.errors")
local await = require("abio.await")

local core, constants = native.core, native.constants
local raw, event, view = core.raw, core.event, core.view
local state, wake = await.state, await.state.wake

local EVENTS = 128
local ROUNDS = 64
local ADDRESS = core.sizes.address
local STRIDE = core.sizes.event
local MORE = constants.ABIO_EVENT_MORE

local Driver = {}
Driver.__index = Driver

local backends = {
	auto = constants.ABIO_BACKEND_AUTO,
	uring = constants.ABIO_BACKEND_URING,
	epoll = constants.ABIO_BACKEND_EPOLL,
}
local backend_names = {
	[constants.ABIO_BACKEND_URING] = "uring",
	[constants.ABIO_BACKEND_EPOLL] = "epoll",
}

local function new(handle)
	return {
		handle = handle,
		operations = {},
		in_flight = 0,
		objects = 0,
		free = {},
		free_count = 0,
		last_token = 0,
		ready = {},
		ready_first = 1,
		ready_last = 0,
		tasks = {},
		live = 0,
		failed = {},
		stepping = false,
		woken = false,
	}
end

local function create(options)
	options = options or {}
	local backend = backends[options.backend or "auto"]
	if not backend then
		error("bad option 'backend' (auto, uring or epoll expected)", 2)
	end
	local flags = (options.edge and constants.ABIO_DRIVER_EDGE or 0)
		+ (options.cooperative and constants.ABIO_DRIVER_COOPERATIVE or 0)
	local operations = {}
	local object, handle = core.driver(core.struct(flags, backend, options.entries or 0,
		options.completions or 0, options.workers or 0), operations)
	if not object then
		return errors.refused(handle, "driver")
	end
	local self = new(handle)
	self.held, self.operations = object, operations
	self.batch, self.capacity = core.events(options.events or EVENTS), options.events or EVENTS
	return setmetatable(self, Driver)
end

-- ---- operations --------------------------------------------------------------------------------

-- A new operation with a token; `memory` is held until the terminal event.
function Driver:operation(memory)
	local token
	local count = self.free_count
	if count > 0 then
		token = self.free[count]
		self.free_count = count - 1
	else
		token = self.last_token + 1
		self.last_token = token
	end
	local operation = { token = token, done = false, memory = memory }
	self.operations[token] = operation
	self.in_flight = self.in_flight + 1
	return operation
end

-- The token is free again: the start was refused, or the terminal event is here.
function Driver:forget(operation)
	local token = operation.token
	self.operations[token] = nil
	self.in_flight = self.in_flight - 1
	local count = self.free_count + 1
	self.free[count] = token
	self.free_count = count
	operation.token = nil
end

-- Waits for what `start` accepted with `code`; gives the result, or the refusal.
function Driver:finish(operation, code, seconds)
	if code < 0 then
		self:forget(operation)
		await.refused()
		return code
	end
	await.await(self, operation, seconds)
	local result = operation.result
	if result == errors.codes.CANCELED and operation.timed_out then
		return errors.TIMED_OUT
	end
	return result
end

-- The terminal event of an operation is here, and its token free again.
local function ended(operation, result, progress, handle, flags)
	operation.result, operation.progress, operation.handle, operation.flags = result, progress, handle, flags
	operation.done = true
	if operation.abandoned and handle then
		raw.release(handle)
	end
	if operation.finish then
		operation.finish(operation)
	end
	wake(operation)
end

local function terminal(self, operation, index, result, progress, handle, flags)
	self:forget(operation)
	if operation.addresses and result > 0 then
		operation.addresses = view(self.batch, index, result * ADDRESS)
	end
	ended(operation, result, progress, handle, flags)
end

local function pump(self, timeout_ns)
	local batch, operations = self.batch, self.operations
	local count
	self.woken = false
	if timeout_ns == 0 then
		count = raw.driver_poll(self.handle, batch, STRIDE, self.capacity)
	else
		self.waiting = true
		count = raw.driver_wait(self.handle, batch, STRIDE, self.capacity, timeout_ns)
		self.waiting = false
	end
	if count < 0 then
		self.stepping = false
		error("abio: " .. errors.text(count), 0)
	end
	for index = 0, count - 1 do
		local token, result, progress, handle, flags = event(batch, index)
		local operation = operations[token]
		if operation then
			if flags % (2 * MORE) >= MORE then
				operation.receiver:piece(view(batch, index, result))
			else
				terminal(self, operation, index, result, progress, handle, flags)
			end
		end
	end
	return count
end

-- ---- tasks that can go on ----------------------------------------------------------------------

-- Makes the descriptor readable: the host has to step.
function Driver:ring()
	if not self.woken and self.handle then
		self.woken = true
		raw.driver_wake(self.handle)
	end
end

function Driver:make_ready(task)
	local last = self.ready_last + 1
	self.ready[last] = task
	self.ready_last = last
	-- Inside a wait it is a slot that does so, and the wait has to end.
	if not self.stepping or self.waiting then
		self:ring()
	end
end

-- Runs the tasks that are ready now; those they make ready wait for the next round.
local function run_ready(self)
	local last = self.ready_last
	while self.ready_first <= last do
		local first = self.ready_first
		local task = self.ready[first]
		self.ready[first] = nil
		self.ready_first = first + 1
		task:continue()
	end
	if self.ready_first > self.ready_last then
		self.ready_first, self.ready_last = 1, 0
	end
end

-- A task nobody has joined has failed: the first is raised, after everything else is done.
local function raise_failed(self)
	local task = table.remove(self.failed, 1)
	if task then
		task.reported = true
		task:raise(true)
	end
end

-- The same where nobody steps: see guest.lua.
function Driver:run_ready_tasks()
	run_ready(self)
	if self.ready_first <= self.ready_last then
		self:ring()
	end
	raise_failed(self)
end

local function has_ready(self)
	return self.ready_first <= self.ready_last
end

local function enter(self, what)
	if state.in_slot then
		error("abio: " .. state.in_slot .. " must not wait", 3)
	elseif self.stepping then
		error("abio: " .. what .. " inside a step of the same driver", 3)
	elseif not self.handle then
		error("attempt to use a closed abio.driver", 3)
	end
	self.stepping = true
end

-- Steps until the operation is done: for the main program, outside of any task.
function Driver:step_until(operation)
	enter(self, "waiting")
	while not operation.done do
		run_ready(self)
		if not operation.done then
			pump(self, has_ready(self) and 0 or -1)
		end
	end
	self.stepping = false
end

-- ---- for a host with a loop of its own ---------------------------------------------------------

-- Handles what is ready, waiting at most `timeout` seconds (default 0) for the first of it.  Polls
-- until nothing is left, so that a host may watch the descriptor edge-triggered; returns how many
-- events there were.
function Driver:step(timeout)
	enter(self, "step")
	run_ready(self)
	local nanoseconds = 0
	if timeout and timeout > 0 and not has_ready(self) then
		nanoseconds = timeout == math.huge and -1 or math.floor(timeout * 1e9)
	end
	local total, count = 0, pump(self, nanoseconds)
	local round = 1
	while (count > 0 or has_ready(self)) and round < ROUNDS do
		total = total + count
		run_ready(self)
		count = pump(self, 0)
		round = round + 1
	end
	self.stepping = false
	if round == ROUNDS or #self.failed > 1 then
		self:ring()
	end
	raise_failed(self)
	return total + count
end

function Driver:fd()
	return raw.driver_fd(self.handle)
end

-- Seconds until step must be called though the descriptor is not readable: 0 or never (nil).  The
-- descriptor alone is enough for every timer.
function Driver:timeout()
	return (has_ready(self) or self.woken) and 0 or nil
end

-- The protocols of cqueues, and of luasocket and copas.
Driver.pollfd = Driver.fd
Driver.getfd = Driver.fd

function Driver.events()
	return "r"
end

function Driver:dirty()
	return self:timeout() == 0
end

-- ---- run, close --------------------------------------------------------------------------------

-- What serves an object goes on as long as that.
local function abort(self, served)
	for task in pairs(self.tasks) do
		if served or not task.serves then
			task.aborted = true
			task:cancel()
		end
	end
end

-- Steps until every task has ended.  A main task that fails takes the others with it, and so does a
-- deadlock.
function Driver:run_tasks(main)
	enter(self, "run")
	local aborted, deadlock = false, false
	while self.live > 0 do
		run_ready(self)
		if self.live == 0 then
			break
		end
		deadlock = deadlock or (self.in_flight == self.objects and not has_ready(self))
		if (main.failure or deadlock) and not aborted then
			aborted = true
			abort(self, false)
		end
		pump(self, has_ready(self) and 0 or -1)
	end
	-- What was written last is handed over, though nobody polls any more.
	raw.driver_submit(self.handle)
	self.stepping = false
	if deadlock then
		error("abio: deadlock: every task waits for another", 0)
	elseif main.failure then
		local others = #self.failed
		self.failed = {}
		main:raise(true, others > 0 and ("\n(%d other tasks failed)"):format(others) or nil)
	end
	raise_failed(self)
end

-- Ends everything in flight, lets the tasks see it, and frees the driver.
function Driver:close()
	if not self.handle then
		return true
	end
	enter(self, "close")
	abort(self, true)
	raw.driver_shutdown(self.handle)
	while self.in_flight > 0 or has_ready(self) do
		run_ready(self)
		pump(self, (has_ready(self) or self.in_flight == 0) and 0 or -1)
	end
	while raw.driver_close(self.handle) == errors.codes.BUSY do
		pump(self, -1)
	end
	self.stepping = false
	core.driver_closed(self.held)
	self.handle = nil
	if state.default == self then
		state.default = nil
	end
	raise_failed(self)
	return true
end

function Driver:info()
	local info = core.driver_state(self.handle)
	if type(info) == "number" then
		return errors.refused(info, "info")
	end
	info.backend = backend_names[info.backend] or tostring(info.backend)
	if info.fallback_error ~= 0 then
		info.fallback = errors.text(info.fallback_error)
	end
	info.fallback_error = info.fallback_error == 0 and 0 or errors.number(info.fallback_error)
	info.tasks = self.live
	info.version = native.version
	info.instance = native.instance
	info.library = native.path
	info.description = native.hash
	info.calls = core.calls
	return info
end

-- Seconds on the clock that all times are measured on.
function Driver.now()
	return core.clock() / 1e9
end

Driver.__tostring = function(self)
	return self.handle and ("abio.driver (fd %d)"):format(self:fd()) or "abio.driver (closed)"
end
Driver.__close = function(self)
	self:close()
end
Driver.__name = "abio.driver"

return { Driver = Driver, create = create, new = new, ended = ended, abort = abort }
