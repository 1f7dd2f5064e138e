-- buffer.lua: bytes that have arrived and were not taken yet, as a queue of strings.
--
-- Owns the order of the pieces and the number of bytes in them (`size`).  A piece is never joined
-- with another before somebody takes bytes of both, so that large transfers copy each byte once.
-- `head` is how much of the first piece is taken; pieces before `scan` hold no newline.

local concat, find, sub = table.concat, string.find, string.sub

local Buffer = {}
Buffer.__index = Buffer

local function new()
	return setmetatable({ first = 1, last = 0, head = 0, size = 0, scan = 1 }, Buffer)
end

function Buffer:push(piece)
	if #piece > 0 then
		self.last = self.last + 1
		self[self.last] = piece
		self.size = self.size + #piece
	end
end

-- Bytes that were taken and go back.
function Buffer:push_front(bytes)
	if #bytes == 0 then
		return
	end
	local rest = self:take(self.size)
	self:push(bytes)
	self:push(rest)
end

local function drop_first(self)
	local first = self.first
	self[first] = nil
	self.first = first + 1
	self.head = 0
	if self.scan <= first then
		self.scan = first + 1
	end
	if self.first > self.last then
		self.first, self.last, self.scan = 1, 0, 1
	end
end

-- Takes `count` bytes, which must be there.
function Buffer:take(count)
	if count == 0 then
		return ""
	end
	local first, head = self.first, self.head
	local piece = self[first]
	self.size = self.size - count
	local left = #piece - head
	if count < left then
		self.head = head + count
		return sub(piece, head + 1, head + count)
	end
	if count == left then
		drop_first(self)
		return head == 0 and piece or sub(piece, head + 1)
	end
	local parts, n = { head == 0 and piece or sub(piece, head + 1) }, 1
	drop_first(self)
	count = count - left
	while count > 0 do
		piece = self[self.first]
		n = n + 1
		if #piece <= count then
			parts[n] = piece
			count = count - #piece
			drop_first(self)
		else
			parts[n] = sub(piece, 1, count)
			self.head = count
			count = 0
		end
	end
	return concat(parts)
end

function Buffer:skip(count)
	while count > 0 do
		local left = #self[self.first] - self.head
		if count < left then
			self.head = self.head + count
			self.size = self.size - count
			return
		end
		count = count - left
		self.size = self.size - left
		drop_first(self)
	end
end

-- The first `count` bytes, which must be there, and stay.
function Buffer:peek(count)
	local parts, index, start = {}, self.first, self.head
	while count > 0 do
		local piece = self[index]
		local part = (start > 0 or #piece > count) and sub(piece, start + 1, start + count) or piece
		parts[#parts + 1] = part
		count = count - #part
		index, start = index + 1, 0
	end
	return concat(parts)
end

-- How many bytes the first piece has; 0 when there is none.
function Buffer:piece_size()
	return self.size > 0 and #self[self.first] - self.head or 0
end

-- The byte at `offset` (0 is the next to be taken), or nil when it has not arrived.
function Buffer:byte(offset)
	local index, at = self.first, self.head + offset
	while index <= self.last do
		local piece = self[index]
		if at < #piece then
			return sub(piece, at + 1, at + 1)
		end
		at = at - #piece
		index = index + 1
	end
	return nil
end

-- How many bytes there are up to and with the first newline, or nil.  What was searched once is
-- not searched again.
function Buffer:line()
	local before = 0
	for index = self.first, self.last do
		local piece = self[index]
		local start = index == self.first and self.head or 0
		if index >= self.scan then
			local at = find(piece, "\n", start + 1, true)
			if at then
				self.scan = index
				return before + at - start
			end
		end
		before = before + #piece - start
	end
	self.scan = self.last + 1
	return nil
end

-- How many bytes there are up to and with the first `text`, or nil.  Joins the pieces: for
-- delimiters that are looked for within a bounded number of bytes.
function Buffer:plain(text)
	if self.size == 0 then
		return nil
	end
	if self.first < self.last then
		local all = self:take(self.size)
		self:push(all)
	end
	local _, at = find(self[self.first], text, self.head + 1, true)
	return at and at - self.head
end

return { new = new }
