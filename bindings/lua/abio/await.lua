-- await.lua: the one place where a Lua function waits.
--
-- An operation is a table with `done`; whoever waits for one is put to sleep here and woken by
-- wake(), which the driver's pump calls.  Three ways to wait: a task of the scheduler yields, the
-- main program outside of any loop steps the driver itself, and a host with a scheduler of its own
-- gives a waiter (set_waiter).  Nothing else in the modules yields, and no C function ever does.
--
-- Invariant: whatever way is taken, await returns only when the operation is done, or raises after
-- having asked it to end.  Its memory is held by the driver until its terminal event either way.

local native = require("abio.native")
local errors = require("abio.errors")

local raw = native.core.raw
local CANCELED = errors.codes.CANCELED
local running, yield = coroutine.running, coroutine.yield
local resume, status = coroutine.resume, coroutine.status

-- Lua 5.1 cannot yield through pcall, LuaJIT and the later ones can.
local probe = coroutine.create(function()
	pcall(yield)
end)
resume(probe)
local PLAIN = status(probe) == "suspended"

-- Nor does it make a coroutine of a C function.
local create = PLAIN and coroutine.create or function(fn)
	return coroutine.create(function(...)
		return fn(...)
	end)
end

-- What a task yields; a generator's own values never are this table.
local WAIT = setmetatable({}, {
	__tostring = function()
		return "abio: a task waits; wrap the coroutine with abio.wrap"
	end,
})

-- How often an aborted task may go on starting operations that all end at once.
local PATIENCE = 100

-- `hosts` finds what Lua implements by its handle; `in_slot` is the slot being run that must not wait.
local state = { task = nil, waiter = nil, in_slot = nil, hosts = setmetatable({}, { __mode = "v" }) }
local forwarding = setmetatable({}, { __mode = "k" })
-- Coroutines of protected_call in Lua 5.1, and what one of them yields for the waiter of a host.
local protecting = setmetatable({}, { __mode = "kv" })
local FOR_HOST = {}

local function main_thread()
	local now, is_main = running()
	return now == nil or is_main == true
end

-- Asks an operation to end: through the library when it has a token, else on the spot.
local function cancel(driver, operation)
	if operation.done then
		return
	end
	if operation.token then
		raw.cancel(driver.handle, operation.token)
	else
		operation.result = CANCELED
		operation.done = true
		state.wake(operation)
	end
end

-- The operation is done: lets go on whoever waits for it.
function state.wake(operation)
	local task = operation.task
	if task then
		operation.task = nil
		task.driver:make_ready(task)
	elseif operation.wake then
		operation.wake(operation)
	end
end

-- An aborted task is let down gently, but not for ever.
local function exhausted(task)
	if not task.aborted then
		return false
	end
	task.patience = (task.patience or PATIENCE) - 1
	return task.patience < 0
end

-- A start was refused, or ended at once: a loop that tries for ever must end when its driver does.
local function refused()
	if state.task and exhausted(state.task) then
		error("abio: " .. errors.text(CANCELED), 0)
	end
end

-- Nobody will wait for it: it is asked to end, and what it brings is released by the pump.
local function abandon(driver, operation, message)
	operation.abandoned = true
	cancel(driver, operation)
	error(message, 0)
end

local function wait_in_task(driver, operation, task)
	local inner = running()
	if inner ~= task.coroutine and not forwarding[inner] then
		abandon(driver, operation, "abio: a coroutine inside a task waits; make it with abio.wrap")
	end
	if task.cancel_wanted then
		if exhausted(task) then
			abandon(driver, operation, "abio: " .. errors.text(CANCELED))
		end
		cancel(driver, operation)
	end
	task.waits_for, task.waits_on = operation, driver
	while not operation.done do
		operation.task = task
		yield(WAIT)
	end
	task.waits_for, task.waits_on = nil, nil
	if operation.result == CANCELED and not operation.timed_out and not task.aborted then
		task.cancel_wanted = false
	end
end

local function wait_in_host(driver, operation)
	local ok, message = true, nil
	if PLAIN then
		ok, message = pcall(state.waiter, operation, driver)
	elseif protecting[running()] then
		yield(FOR_HOST, operation, driver)
	else
		state.waiter(operation, driver)
	end
	if not ok or not operation.done then
		message = ok and "abio: the waiter returned before the operation was done" or message
		abandon(driver, operation, message)
	end
end

local function wait_here(driver, operation)
	if driver.stepping then
		abandon(driver, operation, "abio: cannot wait inside a step of the driver")
	elseif not main_thread() then
		abandon(driver, operation,
			"abio: a coroutine that is no task waits; use abio.spawn, abio.wrap or abio.set_waiter")
	end
	driver:step_until(operation)
end

local function wait(driver, operation)
	if operation.done then
		return
	end
	local task = state.task
	if state.in_slot then
		abandon(driver, operation, "abio: " .. state.in_slot .. " must not wait")
	elseif task then
		wait_in_task(driver, operation, task)
	elseif state.waiter and not main_thread() then
		wait_in_host(driver, operation)
	else
		wait_here(driver, operation)
	end
end

local function time_out(timer)
	local target = timer.target
	if not target.done then
		target.timed_out = true
		cancel(timer.driver, target)
	end
end

-- Waits until the operation is done; after `seconds` asks it to end.
local function await(driver, operation, seconds)
	if not seconds or operation.done then
		return wait(driver, operation)
	end
	local timer = driver:operation()
	timer.target, timer.driver, timer.finish = operation, driver, time_out
	local code = raw.timer(driver.handle, math.floor(seconds * 1e9), 0, timer.token)
	if code < 0 then
		driver:forget(timer)
	end
	wait(driver, operation)
	if code >= 0 and not timer.done then
		raw.cancel(driver.handle, timer.token)
	end
end

local function carry(inner, ok, ...)
	if not ok or status(inner) ~= "suspended" then
		return ok, ...
	end
	local first, operation, driver = ...
	if first == FOR_HOST and not protecting[running()] then
		state.waiter(operation, driver)
		return carry(inner, resume(inner))
	end
	return carry(inner, resume(inner, yield(...)))
end

-- pcall for functions that wait.  In Lua 5.1 they run in a coroutine of their own, and what they yield
-- is handed outwards; the waiter of a host runs in the coroutine that the host knows.
local function protected_call(fn, ...)
	if main_thread() then
		return pcall(fn, ...)
	end
	local inner, outer, task = create(fn), running(), state.task
	local own = task and (outer == task.coroutine or protecting[outer] == task)
	protecting[inner] = own and task or true
	forwarding[inner] = own and true or forwarding[outer]
	return carry(inner, resume(inner, ...))
end

-- Whether this is the task's own coroutine, and not one that it made.
local function in_task()
	local now = running()
	local task = state.task
	return task ~= nil and (now == task.coroutine or protecting[now] == task)
end

local function forward(inner, ok, first, ...)
	if not ok then
		error(first, 0)
	elseif first == WAIT then
		return forward(inner, resume(inner, yield(WAIT)))
	end
	return first, ...
end

-- coroutine.wrap for generators that wait: what they wait for is handed outwards to the task.
local function wrap(fn)
	local inner = create(fn)
	forwarding[inner] = true
	return function(...)
		return forward(inner, resume(inner, ...))
	end
end

return {
	WAIT = WAIT,
	plain = PLAIN,
	create = create,
	state = state,
	await = await,
	cancel = cancel,
	refused = refused,
	main_thread = main_thread,
	wrap = wrap,
	pcall = PLAIN and pcall or protected_call,
	in_task = in_task,
}
