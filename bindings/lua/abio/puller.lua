-- puller.lua: what arrives on a stream that offers Read alone: one that Lua implements, a half, an
-- adapter.
--
-- It has the face of receiver.lua.  A read is started when somebody asks for more and one after the
-- other for as long as it is not enough; whoever gives up waiting leaves the read to end by itself,
-- and the next reader gets its bytes.  Like a receiver it knows nothing of its stream.

local native = require("abio.native")
local await = require("abio.await")
local blocks = require("abio.blocks")
local receiver = require("abio.receiver")
local new_buffer = require("abio.buffer").new

local core = native.core
local raw = core.raw
local wake = await.state.wake

local Puller = {}
Puller.__index = Puller

local function new(io)
	return setmetatable({ io = io, buffer = new_buffer(), need = 1, size = blocks.BLOCK }, Puller)
end

local function ended(operation)
	local self, result = operation.puller, operation.result
	self.operation = nil
	if result > 0 then
		self.buffer:push(core.memory_text(operation.memory, result))
	elseif result == 0 then
		self.eof = true
	else
		self.broken = result
	end
	blocks.give(operation.driver, self.size, operation.memory)
	local waiter = self.waiter
	if waiter and not waiter.done then
		waiter.done = true
		wake(waiter)
	end
end

-- Starts a read, unless one is on its way.  Returns a code.
function Puller:arm(driver)
	if self.operation then
		return 0
	end
	local operation = driver:operation(blocks.take(driver, self.size))
	operation.puller, operation.driver, operation.finish = self, driver, ended
	local code = raw.read(self.io, operation.memory, self.size, 0, operation.token)
	if code < 0 then
		blocks.give(driver, self.size, operation.memory)
		driver:forget(operation)
	else
		self.operation = operation
	end
	return code
end

Puller.wait = receiver.Receiver.wait
Puller.disarm = receiver.Receiver.disarm

function Puller.taken()
end

return { new = new }
