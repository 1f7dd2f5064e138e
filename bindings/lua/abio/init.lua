-- abio: asynchronous files and sockets for Lua coroutines.
--
-- Everything here works on the driver in use: that of the running task, else the default one, which
-- is made on first use.  A host with several drivers calls the same functions as methods of them.

local native = require("abio.native")
local errors = require("abio.errors")
local await = require("abio.await")
local driver = require("abio.driver")
local task = require("abio.task")
local stream = require("abio.stream")
local file = require("abio.file")
local open = require("abio.open")
local object = require("abio.object")
local datagram = require("abio.datagram")
require("abio.adapters")

local state = await.state

local abio = {
	version = native.version,
	codes = errors.codes,
	wrap = await.wrap,
	pcall = await.pcall,
	new_driver = driver.create,
	now = driver.Driver.now,
	pause = task.pause,
	notify = object.notify,
	attach = require("abio.guest").attach,
	set_onerror = task.set_onerror,
}

-- The driver in use.
function abio.driver()
	if state.task then
		return state.task.driver
	end
	local default = state.default
	if not default then
		local trouble
		default, trouble = driver.create()
		if not default then
			error("abio: " .. trouble, 2)
		end
		state.default = default
	end
	return default
end

for _, name in ipairs({
	"open", "connect", "connect_unix", "listen", "listen_unix", "adopt", "pipe", "object", "datagram",
	"take", "chain", "buffered", "copy", "stdin", "stdout", "stderr", "from_handle", "lend",
	"sleep", "spawn", "run", "info",
}) do
	local method = driver.Driver[name]
	abio[name] = function(...)
		return method(abio.driver(), ...)
	end
end

-- The lines of a file, as io.lines: the file is closed at its end; what goes wrong is raised.
function abio.lines(path, ...)
	local opened, message = abio.open(path)
	if not opened then
		error(message, 2)
	end
	opened.close_at_end = true
	return opened:lines(...)
end

local types = {
	[stream.Stream] = "stream",
	[file.File] = "file",
	[open.Listener] = "listener",
	[datagram.Datagram] = "datagram",
}

-- "stream", "file", "listener", "datagram", with "closed " before it when it is; nil for anything else.
function abio.type(value)
	local name = types[getmetatable(value)]
	return name and (value.closed and "closed " .. name or name)
end

-- How a coroutine that is no task waits, for hosts with a scheduler of their own: `waiter(operation)`
-- returns when operation.done; operation.wake, when it is set, is called as soon as that is so.
function abio.set_waiter(waiter)
	if waiter ~= nil and type(waiter) ~= "function" then
		error("bad argument #1 to 'set_waiter' (function expected)", 2)
	end
	state.waiter = waiter
end

return abio
