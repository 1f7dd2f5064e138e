-- test_streams.lua: the cases of stream_cases.lua over every carrier there is: the system's, those that
-- Lua implements in both styles, the codec of the examples, and the library's buffers over each.

local harness = require("harness")
local abio = require("abio")
local native = require("abio.native")
local cases = require("stream_cases")

local ok = harness.ok
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"

-- The cases end streams themselves where it matters; a carrier only makes them.
local carriers = {}

local function tcp()
	local listener = ok(abio.listen("127.0.0.1", 0))
	local near = ok(abio.connect(listener:local_address()))
	local far = ok(listener:accept())
	listener:close()
	return near, far
end

local function unix()
	local path = harness.path("stream")
	os.remove(path)
	local listener = ok(abio.listen_unix(path))
	local near = ok(abio.connect_unix(path))
	local far = ok(listener:accept())
	listener:close()
	os.remove(path)
	return near, far
end

local function pipe()
	local reader, writer = abio.pipe()
	return reader, writer
end

-- Two ends of a queue in memory that holds little: every try_ answers at once.
local ROOM = 5000
local End = {}
End.__index = End

function End:try_read(count)
	local from = self.peer
	if #from.queue > 0 then
		local bytes = from.queue:sub(1, count)
		from.queue = from.queue:sub(count + 1)
		abio.notify(from, "w")
		return bytes
	elseif from.ended then
		return nil
	end
	return false
end

function End:try_write(bytes)
	if self.peer.gone then
		return nil, "Broken pipe", 32
	end
	local count = math.min(ROOM - #self.queue, #bytes)
	if count == 0 then
		return false
	end
	self.queue = self.queue .. bytes:sub(1, count)
	abio.notify(self.peer, "r")
	return count
end

function End:try_flush()
	return true
end

function End:shutdown()
	self.ended = true
	abio.notify(self.peer, "r")
end

function End:close()
	self.gone = true
	self:shutdown()
	abio.notify(self.peer, "w")
end

local function try_style()
	local near, far = setmetatable({ queue = "" }, End), setmetatable({ queue = "" }, End)
	near.peer, far.peer = far, near
	return abio.object(near), abio.object(far)
end

-- Passes everything on to a stream of the system's; each method waits.
local Proxy = {}
Proxy.__index = Proxy

function Proxy:read(count)
	return self.inner:read_some(count)
end

function Proxy:write(bytes)
	return self.inner:write(bytes)
end

function Proxy:flush()
	return self.inner:flush()
end

function Proxy:shutdown()
	return self.inner:close_write()
end

function Proxy:close()
	return self.inner:close()
end

local function waiting_style()
	local near, far = unix()
	return abio.object(setmetatable({ inner = near }, Proxy)), abio.object(setmetatable({ inner = far }, Proxy))
end

local line_codec

local function codec()
	line_codec = line_codec or assert(loadfile(here .. "../../../examples/line_codec.lua"))("line_codec")
	local near, far = unix()
	return line_codec(near), line_codec(far)
end

local function add(name, make, oneway, hosted)
	carriers[#carriers + 1] = { name = name, make = make, oneway = oneway, hosted = hosted }
	carriers[#carriers + 1] = {
		name = "buffers over " .. name,
		oneway = oneway,
		hosted = hosted,
		make = function()
			local near, far = make()
			return ok(abio.buffered(near, 512)), far, near
		end,
	}
end

add("TCP", tcp)
add("a Unix socket", unix)
add("a pipe", pipe, true)
add("try_ methods in Lua", try_style, false, true)
add("methods in Lua that wait", waiting_style, false, true)
add("the line codec", codec, false, true)

for _, carrier in ipairs(carriers) do
	for _, case in ipairs(cases) do
		if not (case.duplex and carrier.oneway) then
			harness.test(("stream over %s: %s"):format(carrier.name, case.name), function()
				if carrier.hosted and not native.core.host_create then
					harness.skip("the C module is not there")
				end
				abio.run(function()
					local near, far, under = carrier.make()
					case.run(near, far)
					near:close()
					far:close()
					if under then
						under:close()
					end
				end)
			end)
		end
	end
end
