-- receiver.lua: what arrives on a stream, fed by the pump.
--
-- A stream that is read has a receive armed for as long as somebody asks for more.  Above HIGH bytes
-- (or what the reader waits for, if that is more) the receive is paused and the peer feels it; below
-- LOW it goes on.  A receiver knows nothing of its stream, so that a stream nobody holds is
-- collected although it is armed; releasing the io then ends the receive.

local native = require("abio.native")
local await = require("abio.await")
local new_buffer = require("abio.buffer").new

local raw = native.core.raw
local wake = await.state.wake
local pcall = await.pcall

local HIGH = 1048576
local LOW = 262144

local Receiver = {}
Receiver.__index = Receiver

local function new(io)
	return setmetatable({ io = io, buffer = new_buffer(), need = 1 }, Receiver)
end

local function let_go(self)
	local waiter = self.waiter
	if waiter and not waiter.done then
		waiter.done = true
		wake(waiter)
	end
end

-- A piece has arrived.  One more can come after a pause.
function Receiver:piece(bytes)
	local buffer = self.buffer
	buffer:push(bytes)
	if buffer.size >= HIGH and buffer.size >= self.need and not self.paused then
		self.paused = raw.receive_pause(self.io) == 0
	end
	if buffer.size >= self.need then
		let_go(self)
	end
end

local function ended(operation)
	local self = operation.receiver
	self.operation = nil
	self.paused = false
	if operation.result == 0 then
		self.eof = true
	else
		self.broken = operation.result
	end
	let_go(self)
end

-- Lets a paused receive go on.
local function resume(self)
	self.paused = false
	raw.receive_resume(self.io)
end

-- Arms the receive, or lets it go on.  Returns a code.
function Receiver:arm(driver)
	if self.operation then
		if self.paused then
			resume(self)
		end
		return 0
	end
	local operation = driver:operation()
	operation.receiver, operation.finish = self, ended
	local code = raw.receive(self.io, 0, operation.token)
	if code < 0 then
		driver:forget(operation)
	else
		self.operation = operation
	end
	return code
end

-- Sleeps until `need` bytes are there, or the receive has ended; an operation says how it was.
function Receiver:wait(driver, need, seconds)
	local waiter = { done = false }
	self.need, self.waiter = need, waiter
	local ok, trouble = pcall(await.await, driver, waiter, seconds)
	self.need, self.waiter = 1, nil
	if not ok then
		error(trouble, 0)
	end
	return waiter
end

-- Bytes were taken: the peer goes on when there is room.
function Receiver:taken()
	if self.paused and self.buffer.size <= LOW then
		resume(self)
	end
end

-- Ends the receive; what it delivers before it ends is kept.
function Receiver:disarm(driver)
	while self.operation do
		raw.cancel(self.io, self.operation.token)
		self:wait(driver, math.huge)
	end
	self.broken = nil
end

return { new = new, Receiver = Receiver }
