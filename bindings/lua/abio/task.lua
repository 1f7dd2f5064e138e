-- task.lua: coroutines that a driver runs.
--
-- Owns what a task is: its coroutine, its end (results or an error) and who waits for it.  A task
-- goes on when the pump has finished what it waits for; it is cancelled by asking that to end.
-- An error of a task is kept: join raises it, and what nobody joins is raised by run or step, or
-- given to the handler of set_onerror.

local native = require("abio.native")
local errors = require("abio.errors")
local await = require("abio.await")
local Driver = require("abio.driver").Driver

local state = await.state
local resume, status, yield = coroutine.resume, coroutine.status, coroutine.yield
local unpack = unpack or table.unpack
local FAILED_MAX = 64
local SLEEP_MAX = 9e9

local HINT = " (in Lua 5.1 neither pcall nor the iterator of a for loop can wait: use abio.pcall, and a while loop)"

local Task = {}
Task.__index = Task
Task.__name = "abio.task"

local onerror

local function finished(task)
	task.done = true
	local driver = task.driver
	driver.tasks[task] = nil
	driver.live = driver.live - (task.serves and 0 or 1)
	for _, operation in ipairs(task.joiners) do
		if not operation.done then
			operation.done = true
			state.wake(operation)
		end
	end
end

-- An error that somebody waits for is theirs, the main task's is run's, and an aborted task may fail.
local function failed(task, message)
	if not await.plain and type(message) == "string" and message:find("attempt to yield across", 1, true) then
		message = message .. HINT
	end
	task.failure = true
	task.message = message
	task.traceback = debug.traceback(task.coroutine)
	local joined = task.is_main or task.aborted
	for _, operation in ipairs(task.joiners) do
		joined = joined or not operation.done
	end
	finished(task)
	if joined then
		return
	elseif onerror then
		local ok, trouble = pcall(onerror, task, message, task.traceback)
		if ok then
			return
		end
		task.message = trouble
	end
	local list = task.driver.failed
	if #list < FAILED_MAX then
		list[#list + 1] = task
	end
end

local function ended(task, ok, ...)
	if not ok then
		failed(task, (...))
	elseif status(task.coroutine) == "dead" then
		task.count = select("#", ...)
		task.results = { ... }
		finished(task)
	elseif (...) ~= await.WAIT then
		-- A plain yield: it goes on in the next round.
		task.driver:make_ready(task)
	end
end

function Task:continue()
	-- It may have failed while it waited, and what it waited for came all the same.
	if self.done then
		return
	end
	local before = state.task
	state.task = self
	local arguments = self.arguments
	if arguments then
		self.arguments = nil
		ended(self, resume(self.coroutine, unpack(arguments, 1, self.count)))
	else
		ended(self, resume(self.coroutine))
	end
	state.task = before
end

-- Raises the task's error; with `traced` a message gets the task's own stack.
function Task:raise(traced, note)
	local message = self.message
	if traced and type(message) == "string" then
		message = message .. "\nin a task:\n" .. self.traceback .. (note or "")
	end
	error(message, 0)
end

local function remove(list, value)
	for index = #list, 1, -1 do
		if list[index] == value then
			table.remove(list, index)
		end
	end
end

-- Waits for the task, at most `timeout` seconds.  Returns true and what its function returned;
-- nil, message, errno when the wait ended first; raises what the function raised.
function Task:join(timeout)
	if state.task == self then
		error("a task cannot join itself", 2)
	end
	if not self.done then
		local operation = { done = false }
		self.joiners[#self.joiners + 1] = operation
		await.await(self.driver, operation, timeout)
		if not self.done then
			remove(self.joiners, operation)
			return errors.failure(operation.timed_out and errors.TIMED_OUT or errors.codes.CANCELED, "join")
		end
	end
	if self.failure then
		remove(self.driver.failed, self)
		self:raise(false)
	end
	return true, unpack(self.results, 1, self.count)
end

-- Asks the task to end: what it waits for, or the next thing it would wait for, fails with
-- CANCELED.  What has been won already is not lost: the task gets it first.
function Task:cancel()
	if self.done then
		return false
	end
	self.cancel_wanted = true
	local operation = self.waits_for
	if operation then
		await.cancel(self.waits_on, operation)
		if self.serves and operation.closing and not operation.done then
			-- A method that closes its own object would wait for itself: the close goes on alone.
			operation.result = errors.codes.CANCELED
			operation.done = true
			state.wake(operation)
		end
	end
	return true
end

function Task:status()
	if not self.done then
		return state.task == self and "running" or "waiting"
	end
	return self.failure and "failed" or "done"
end

function Task:__tostring()
	return "abio.task (" .. self:status() .. ")"
end

local function start(driver, serves, fn, ...)
	local task = setmetatable({
		driver = driver,
		coroutine = await.create(fn),
		arguments = { ... },
		count = select("#", ...),
		joiners = {},
		done = false,
		serves = serves,
	}, Task)
	driver.tasks[task] = true
	driver.live = driver.live + (serves and 0 or 1)
	driver:make_ready(task)
	return task
end

-- Starts fn(...) as a task of the driver; it first runs when the driver steps.
function Driver:spawn(fn, ...)
	if type(fn) ~= "function" then
		error("bad argument #1 to 'spawn' (function expected, got " .. type(fn) .. ")", 2)
	elseif not self.handle then
		error("attempt to use a closed abio.driver", 2)
	end
	return start(self, false, fn, ...)
end

-- A task that serves an object: `run` does not wait for it.
function Driver:serve(fn, ...)
	return start(self, true, fn, ...)
end

-- Runs fn(...) as the main task and steps until every task has ended.  Returns what fn returned.
function Driver:run(fn, ...)
	if self.stepping or state.task then
		error("run inside a task", 2)
	end
	local main = self:spawn(fn, ...)
	main.is_main = true
	self:run_tasks(main)
	return unpack(main.results, 1, main.count)
end

-- Waits `seconds`.  Returns true, or nil, message, errno when it is cancelled.
function Driver:sleep(seconds)
	if type(seconds) ~= "number" or not (seconds >= 0) then
		error("bad argument #1 to 'sleep' (seconds expected)", 2)
	end
	local operation = self:operation()
	local nanoseconds = math.floor(math.min(seconds, SLEEP_MAX) * 1e9)
	local code = native.core.raw.timer(self.handle, nanoseconds, 0, operation.token)
	local result = self:finish(operation, code)
	if result < 0 then
		return errors.refused(result, "sleep")
	end
	return true
end

-- Lets every other task that is ready run first.  Returns true, or nil, message, errno when the task
-- is cancelled.
local function pause()
	local task = state.task
	if not await.in_task() then
		error("pause outside of a task", 2)
	end
	yield()
	if not task.cancel_wanted then
		return true
	end
	await.refused()
	task.cancel_wanted = task.aborted
	return errors.failure(errors.codes.CANCELED, "pause")
end

return {
	pause = pause,
	set_onerror = function(handler)
		onerror = handler
	end,
}
