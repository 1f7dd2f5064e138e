-- datagram.lua: messages with an address each, over UDP and Unix sockets.
--
-- Any number of tasks may send and receive.  A message is received whole: the memory for it is as large
-- as one can be, unless the program says that it wants less.

local native = require("abio.native")
local errors = require("abio.errors")
local address = require("abio.address")
local blocks = require("abio.blocks")
local Driver = require("abio.driver").Driver

local core, constants = native.core, native.constants
local raw = core.raw
local refused = errors.refused
local MESSAGE_MAX = blocks.BLOCK
local TRUNCATED = constants.ABIO_EVENT_TRUNCATED
local FLAGS = {
	reuse_port = constants.ABIO_DATAGRAM_REUSE_PORT,
	only_ipv6 = constants.ABIO_DATAGRAM_ONLY_IPV6,
	broadcast = constants.ABIO_DATAGRAM_BROADCAST,
}

local Datagram = {}
Datagram.__index = Datagram
Datagram.__name = "abio.datagram"

local function new(driver, io, label)
	return setmetatable({
		driver = driver,
		io = io,
		handle = io,
		guard = core.guard(io),
		label = label,
		addresses = {},
	}, Datagram)
end

local function check(self)
	if getmetatable(self) ~= Datagram then
		error("bad argument #1 (abio.datagram expected)", 3)
	elseif self.closed then
		error("attempt to use a closed abio.datagram", 3)
	end
end

-- The address of host and port, or of a path; the last ones are remembered.
local function address_of(self, host, port)
	local known = self.addresses[host]
	if known and known.port == port then
		return known.address
	end
	local one, code
	if port == nil then
		one = address.unix(host, "send")
	else
		one, code = address.resolve(self.driver, host, address.check_port(port, "send"), false, self.seconds)
		if not one then
			return nil, code
		end
		one = address.nth(one, 1)
	end
	self.addresses = { [host] = { port = port, address = one } }
	return one
end

-- Sends one message, to host and port, to the path of a Unix socket, or to the peer.  Returns the
-- socket, or nil, message, errno.
function Datagram:send(data, host, port)
	check(self)
	if type(data) ~= "string" then
		error("bad argument #1 to 'send' (string expected, got " .. type(data) .. ")", 2)
	end
	local to, code
	if host ~= nil then
		to, code = address_of(self, host, port)
		if not to then
			return refused(code, self)
		end
	end
	local operation = self.driver:operation(data)
	code = raw.send_to(self.io, data, #data, to, 0, operation.token)
	local result = self.driver:finish(operation, code, self.seconds)
	if result < 0 then
		return refused(self.closed and errors.codes.CLOSED or result, self)
	end
	return self
end

-- Waits for a message.  Returns it, and the host and port or the path it came from; a fourth value of
-- true says that it was longer than `max`.
function Datagram:receive(max)
	check(self)
	if max ~= nil and (type(max) ~= "number" or max < 1 or max ~= math.floor(max)) then
		error("bad argument #1 to 'receive' (positive count expected)", 2)
	end
	local driver = self.driver
	local size = blocks.size_for(max or MESSAGE_MAX)
	local block, from = blocks.take(driver, size), address.empty()
	local operation = driver:operation({ block, from })
	local code = raw.receive_from(self.io, block, math.min(max or MESSAGE_MAX, size), from, 0, operation.token)
	operation.finish = function()
		if operation.result >= 0 then
			operation.message = core.memory_text(block, operation.result)
		end
		blocks.give(driver, size, block)
	end
	if code < 0 then
		blocks.give(driver, size, block)
	end
	local result = driver:finish(operation, code, self.seconds)
	if result < 0 then
		return refused(self.closed and errors.codes.CLOSED or result, self)
	end
	local host, port = address.text(address.decode(from))
	local cut = operation.flags % (2 * TRUNCATED) >= TRUNCATED
	return operation.message, host, port, cut or nil
end

function Datagram:local_address()
	check(self)
	return address.of(self.io, "local_address")
end

function Datagram:peer_address()
	check(self)
	return address.of(self.io, "peer_address")
end

-- Waits on this socket fail with ETIMEDOUT after `seconds`; nil: they do not.
function Datagram:settimeout(seconds)
	check(self)
	if seconds ~= nil and (type(seconds) ~= "number" or not (seconds >= 0)) then
		error("bad argument #1 to 'settimeout' (seconds expected)", 2)
	end
	self.seconds = seconds
	return self
end

function Datagram:close()
	if self.closed then
		return true
	end
	check(self)
	self.closed = true
	local code = self.driver:close_io(self)
	if code < 0 and code ~= errors.codes.CLOSED then
		return refused(code, self)
	end
	return true
end

function Datagram:__tostring()
	return self.closed and "abio.datagram (closed)" or ("abio.datagram (%s)"):format(self.label)
end

Datagram.__close = Datagram.close

-- A datagram socket bound to host and port (nil: none), or to the path of a Unix socket.  Options:
-- `peer`, { host, port } or { path }, whom it talks to alone; reuse_port, only_ipv6, broadcast.
function Driver:datagram(host, port, options)
	options = options or {}
	local flags = 0
	for name, flag in pairs(FLAGS) do
		flags = flags + (options[name] and flag or 0)
	end
	local function one_of(name, number, passive)
		if name == nil then
			return nil
		elseif number == nil then
			return address.unix(name, "datagram")
		end
		name = name == "*" and "" or name
		local all, code = address.resolve(self, name, address.check_port(number, "datagram"), passive)
		return all and address.nth(all, 1), code
	end
	local peer = options.peer or {}
	local label = tostring(host or peer[1]) .. ((port or peer[2]) and ":" .. tostring(port or peer[2]) or "")
	local bound, code = one_of(host, port, true)
	local other
	if not code or code >= 0 then
		other, code = one_of(peer[1], peer[2], false)
	end
	if code and code < 0 then
		return refused(code, "datagram " .. label)
	end
	local done, io = raw.datagram(self.handle, bound, other, flags)
	if done < 0 then
		return refused(done, "datagram " .. label)
	end
	return new(self, io, label)
end

return { new = new, Datagram = Datagram }
