-- address.lua: socket addresses as text, and names as addresses.
--
-- An address is the library's struct abio_address as a string, as core.address makes it.

local native = require("abio.native")
local errors = require("abio.errors")

local core, constants = native.core, native.constants
local raw = core.raw
local IPV4, IPV6, UNIX = constants.ABIO_FAMILY_IPV4, constants.ABIO_FAMILY_IPV6, constants.ABIO_FAMILY_UNIX
local PASSIVE = constants.ABIO_RESOLVE_PASSIVE
local SIZE = core.sizes.address
local UNIX_MAX = 108

-- The four bytes of a dotted address, or nil.
local function dotted(host)
	local a, b, c, d = host:match("^(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)$")
	a, b, c, d = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
	if a and a < 256 and b < 256 and c < 256 and d < 256 then
		return string.char(a, b, c, d)
	end
	return nil
end

local function check_port(port, what)
	local number = tonumber(port)
	if not number or number < 0 or number > 65535 or number ~= math.floor(number) then
		error(("bad argument #2 to '%s' (port expected)"):format(what), 3)
	end
	return math.floor(number)
end

-- Every address of a host, as one string of addresses and their number; or nil and a code.
local function resolve(driver, host, port, passive, seconds)
	local bytes = dotted(host)
	if bytes then
		return core.address(IPV4, port, bytes, 0), 1
	end
	host = host:match("^%[(.*)%]$") or host
	local operation = driver:operation()
	operation.addresses = ""
	local code = raw.resolve(driver.handle, host, #host, port, passive and PASSIVE or 0, operation.token)
	local result = driver:finish(operation, code, seconds)
	if result < 0 then
		return nil, result
	end
	return operation.addresses, result
end

-- The nth address of what resolve gave.
local function nth(addresses, index)
	return addresses:sub((index - 1) * SIZE + 1, index * SIZE)
end

local function unix(path, what)
	if type(path) ~= "string" or #path == 0 or #path > UNIX_MAX then
		error(("bad argument #1 to '%s' (path of 1 to %d bytes expected)"):format(what, UNIX_MAX), 3)
	end
	return core.address(UNIX, 0, path, 0)
end

-- The first longest run of zero groups is "::", as everybody writes it.
local function ipv6_text(bytes)
	local groups, best, length = {}, 0, 1
	for index = 1, 8 do
		local high, low = bytes:byte(2 * index - 1, 2 * index)
		groups[index] = high * 256 + low
	end
	local index = 1
	while index <= 8 do
		local stop = index
		while stop <= 8 and groups[stop] == 0 do
			stop = stop + 1
		end
		if stop - index > length then
			best, length = index, stop - index
		end
		index = math.max(stop, index + 1)
	end
	local function join(from, to)
		local parts = {}
		for at = from, to do
			parts[#parts + 1] = ("%x"):format(groups[at])
		end
		return table.concat(parts, ":")
	end
	if best == 0 then
		return join(1, 8)
	end
	return join(1, best - 1) .. "::" .. join(best + length, 8)
end

-- host, port of an address of core.io_info; the path of a Unix socket; nil when there is none.
local function text(address)
	if address.family == IPV4 then
		return ("%d.%d.%d.%d"):format(address.data:byte(1, 4)), address.port
	elseif address.family == IPV6 then
		local host = ipv6_text(address.data)
		return address.scope ~= 0 and host .. "%" .. address.scope or host, address.port
	elseif address.family == UNIX then
		return address.data
	end
	return nil
end

-- Memory for an address that the library fills.
local function empty()
	return core.memory(SIZE, core.address(0, 0, ""))
end

local function word(bytes, at)
	local a, b, c, d = bytes:byte(at, at + 3)
	return a + b * 256 + c * 65536 + d * 16777216
end

-- What the library filled it with, as core.io_info gives addresses.
local function decode(memory)
	local bytes = core.memory_text(memory, SIZE)
	return {
		family = word(bytes, 5),
		port = word(bytes, 9),
		scope = word(bytes, 13),
		data = bytes:sub(21, 20 + word(bytes, 17)),
	}
end

-- The local_address or peer_address of an io, as text gives it.
local function of(io, side)
	local info = core.io_info(io)
	if type(info) == "number" then
		return errors.refused(info, "address")
	end
	return text(info[side])
end

return {
	resolve = resolve,
	nth = nth,
	unix = unix,
	ipv6_text = ipv6_text,
	of = of,
	text = text,
	empty = empty,
	decode = decode,
	check_port = check_port,
}
