-- open.lua: from a name, an address or a descriptor to an object: connect, listen, adopt, pipe.

local native = require("abio.native")
local errors = require("abio.errors")
local address = require("abio.address")
local stream = require("abio.stream")
local file = require("abio.file")
local datagram = require("abio.datagram")
local Driver = require("abio.driver").Driver

local core, constants = native.core, native.constants
local raw = core.raw
local state = require("abio.await").state
local refused = errors.refused
local CANCELED, TIMED_OUT = errors.codes.CANCELED, errors.TIMED_OUT
local TRAIT_READ, TRAIT_WRITE = constants.ABIO_TRAIT_READ, constants.ABIO_TRAIT_WRITE
local KIND_UDP, KIND_UNIX_DATAGRAM = constants.ABIO_KIND_UDP, constants.ABIO_KIND_UNIX_DATAGRAM
local TRAIT_ACCEPT, KIND_FILE = constants.ABIO_TRAIT_ACCEPT, constants.ABIO_KIND_FILE
local REUSE_PORT, ONLY_IPV6 = constants.ABIO_LISTEN_REUSE_PORT, constants.ABIO_LISTEN_ONLY_IPV6
local KIND_AUTO, DUPLICATE = constants.ABIO_KIND_AUTO, constants.ABIO_ADOPT_DUPLICATE

-- ---- listeners ---------------------------------------------------------------------------------

local Listener = {}
Listener.__index = Listener
Listener.__name = "abio.listener"

local function new_listener(driver, io, label)
	return setmetatable({
		driver = driver,
		io = io,
		handle = io,
		guard = core.guard(io),
		label = label,
		hosted = state.hosts[io] ~= nil,
	}, Listener)
end

Listener.explain = stream.Stream.explain

local function check(self)
	if getmetatable(self) ~= Listener then
		error("bad argument #1 (abio.listener expected)", 3)
	elseif self.closed then
		error("attempt to use a closed abio.listener", 3)
	end
end

-- Waits for a connection and gives its stream.  Any number of tasks may accept.
function Listener:accept()
	check(self)
	local operation = self.driver:operation()
	local code = raw.accept(self.io, 0, operation.token)
	local result = self.driver:finish(operation, code, self.seconds)
	if result < 0 then
		if self.closed then
			result = errors.codes.CLOSED
		end
		return refused(result, self)
	end
	local label = "accepted by " .. self.label
	if self.hosted then
		return self.driver:object_of(operation.handle, label)
	end
	return stream.new(self.driver, operation.handle, label)
end

-- host and port it listens on, or the path.
function Listener:local_address()
	check(self)
	return address.of(self.io, "local_address")
end

function Listener:settimeout(seconds)
	check(self)
	if seconds ~= nil and (type(seconds) ~= "number" or not (seconds >= 0)) then
		error("bad argument #1 to 'settimeout' (seconds expected)", 2)
	end
	self.seconds = seconds
	return self
end

function Listener:close()
	if self.closed then
		return true
	end
	check(self)
	self.closed = true
	local result = self.driver:close_io(self)
	if result < 0 and result ~= errors.codes.CLOSED then
		return refused(result, self)
	end
	return true
end

function Listener:__tostring()
	return self.closed and "abio.listener (closed)" or ("abio.listener (%s)"):format(self.label)
end

Listener.__close = Listener.close

-- ---- objects of a handle -----------------------------------------------------------------------

-- The object for an io of any kind: what it can do decides what it is.
function Driver:object_of(io, label)
	local info = core.io_info(io)
	if info.kind == KIND_FILE then
		return file.new(self, io, label)
	elseif info.kind == KIND_UDP or info.kind == KIND_UNIX_DATAGRAM then
		return datagram.new(self, io, label)
	elseif core.slots_of(io, TRAIT_READ) or core.slots_of(io, TRAIT_WRITE) then
		return stream.new(self, io, label, true)
	elseif core.slots_of(io, TRAIT_ACCEPT) then
		return new_listener(self, io, label)
	end
	return file.new(self, io, label)
end

-- ---- connecting --------------------------------------------------------------------------------

-- One attempt.  Returns the io, or nil and a code.
local function attempt(self, one, seconds)
	local operation = self:operation()
	local code = raw.connect(self.handle, one, nil, operation.token)
	local result = self:finish(operation, code, seconds)
	if result < 0 then
		return nil, result
	end
	return operation.handle
end

-- Connects to a host and port: a name's addresses are tried in turn.  `options.timeout` is in
-- seconds, for the whole.
function Driver:connect(host, port, options)
	if type(host) ~= "string" then
		error("bad argument #1 to 'connect' (string expected, got " .. type(host) .. ")", 2)
	end
	port = address.check_port(port, "connect")
	local label = host .. ":" .. port
	local seconds = options and options.timeout
	local deadline = seconds and self.now() + seconds
	local addresses, count = address.resolve(self, host, port, false, seconds)
	local code = count
	if addresses then
		for index = 1, count do
			local left = deadline and math.max(deadline - self.now(), 0)
			local io
			io, code = attempt(self, address.nth(addresses, index), left)
			if io then
				return stream.new(self, io, label)
			elseif code == CANCELED or code == TIMED_OUT then
				break
			end
		end
	end
	return refused(code, "connect " .. label)
end

function Driver:connect_unix(path, options)
	local one = address.unix(path, "connect_unix")
	local io, code = attempt(self, one, options and options.timeout)
	if io then
		return stream.new(self, io, path)
	end
	return refused(code, "connect " .. path)
end

-- ---- listening ---------------------------------------------------------------------------------

local function listen(self, one, label, options)
	options = options or {}
	local flags = (options.reuse_port and REUSE_PORT or 0) + (options.only_ipv6 and ONLY_IPV6 or 0)
	local code, io = raw.listen(self.handle, one, core.struct(flags, options.backlog or 0, 0))
	if code < 0 then
		return refused(code, "listen " .. label)
	end
	return new_listener(self, io, label)
end

-- Listens on a host ("127.0.0.1", a name, "*" for every address) and port (0: the system picks one).
function Driver:listen(host, port, options)
	if type(host) ~= "string" then
		error("bad argument #1 to 'listen' (string expected, got " .. type(host) .. ")", 2)
	end
	port = address.check_port(port, "listen")
	local addresses, code = address.resolve(self, host == "*" and "" or host, port, true)
	local label = host .. ":" .. port
	if not addresses then
		return refused(code, "listen " .. label)
	end
	return listen(self, address.nth(addresses, 1), label, options)
end

function Driver:listen_unix(path, options)
	return listen(self, address.unix(path, "listen_unix"), path, options)
end

-- ---- descriptors -------------------------------------------------------------------------------

-- A file of an adopted descriptor begins where that stands, and leaves it where it ends.
local function adopted(self, io, label)
	local object = self:object_of(io, label)
	if getmetatable(object) == file.File then
		object:share_position()
	end
	return object
end

-- Makes an object of a descriptor of the host, which then belongs to it; with `duplicate` the host
-- keeps its own.
function Driver:adopt(fd, duplicate)
	if type(fd) ~= "number" or fd ~= math.floor(fd) then
		error("bad argument #1 to 'adopt' (descriptor expected)", 2)
	end
	local label = "fd " .. fd
	local code, io = raw.adopt(self.handle, fd, KIND_AUTO, duplicate and DUPLICATE or 0)
	if code < 0 then
		return refused(code, label)
	end
	return adopted(self, io, label)
end

-- The process's own input and outputs, each one object for a driver.  The descriptor stays the host's.
for fd, name in pairs({ [0] = "stdin", "stdout", "stderr" }) do
	Driver[name] = function(self)
		local known = self[fd]
		if not known or known.closed then
			local code, io = raw.adopt(self.handle, fd, KIND_AUTO, DUPLICATE)
			if code < 0 then
				return refused(code, name)
			end
			known = adopted(self, io, name)
			self[fd] = known
		end
		return known
	end
end

-- An io that another language of the process made on this driver, by its number.  Both have a reference;
-- with `take` that of the other, as lend gives it, becomes this one's.
function Driver:from_handle(number, take)
	local info = core.io_info(number)
	if type(info) == "number" then
		return refused(info, "handle")
	elseif info.driver ~= self.handle then
		error("bad argument #1 to 'from_handle' (an object of this driver expected)", 2)
	end
	local code = take and 0 or raw.retain(number)
	if code < 0 then
		return refused(code, "handle")
	end
	return self:object_of(number, "handle")
end

-- A pipe: what is written to the second is read from the first.
function Driver:pipe()
	local code, input, output = raw.pipe(self.handle, 0)
	if code < 0 then
		return refused(code, "pipe")
	end
	return stream.new(self, input, "pipe"), stream.new(self, output, "pipe")
end

return { Listener = Listener }
