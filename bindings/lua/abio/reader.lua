-- reader.lua: the read formats of the io library over anything that can fill a buffer.
--
-- A source has `buffer` and `fill(self, need)`, which waits until the buffer holds `need` bytes and
-- returns true; false at the end with what there is; or nil and a code.  Bytes are taken only when
-- a format is satisfied, at the end, or when the source is broken; a cancelled or timed out read
-- leaves them for the next one.

local errors = require("abio.errors")

local failure = errors.failure
local CANCELED, TIMED_OUT = errors.codes.CANCELED, errors.TIMED_OUT
local floor, huge = math.floor, math.huge
local find = string.find
local unpack = unpack or table.unpack

-- What a failed format returns: the bytes that came before a broken source are the fourth value.
local function broken(source, code)
	local buffer = source.buffer
	if code == CANCELED or code == TIMED_OUT or buffer.size == 0 then
		return failure(code, source)
	end
	return failure(code, source, buffer:take(buffer.size))
end

local function read_line(source, keep)
	local buffer = source.buffer
	local length = buffer:line()
	while not length do
		local more, code = source:fill(buffer.size + 1)
		if more == nil then
			return broken(source, code)
		end
		if not more then
			return buffer.size > 0 and buffer:take(buffer.size) or nil
		end
		length = buffer:line()
	end
	if keep then
		return buffer:take(length)
	end
	local line = buffer:take(length - 1)
	buffer:skip(1)
	return line
end

local function read_count(source, count)
	local buffer = source.buffer
	local need = count > 0 and count or 1
	if buffer.size < need then
		local more, code = source:fill(need)
		if more == nil then
			return broken(source, code)
		end
		if not more and buffer.size == 0 then
			return nil
		end
	end
	return buffer:take(buffer.size < count and buffer.size or count)
end

local function read_all(source)
	local buffer = source.buffer
	local more, code = source:fill(huge)
	if more == nil then
		return broken(source, code)
	end
	return buffer:take(buffer.size)
end

-- The byte at `offset`; "" at the end; nil and a code.
local function peek(source, offset)
	local byte = source.buffer:byte(offset)
	if byte then
		return byte
	end
	local more, code = source:fill(offset + 1)
	if more == nil then
		return nil, code
	end
	return more and source.buffer:byte(offset) or ""
end

local NUMERAL_MAX = 200

-- The longest prefix that looks like a numeral is taken, as the io library does, and then
-- converted; what is not one gives nil.
local function read_number(source)
	local buffer = source.buffer
	local offset = 0
	local code, byte
	repeat
		byte, code = peek(source, 0)
		if not byte then
			return broken(source, code)
		end
		local space = byte ~= "" and find(byte, "%s")
		if space then
			buffer:skip(1)
		end
	until not space

	local function accept(set)
		if code then
			return false
		end
		byte, code = peek(source, offset)
		if not byte or byte == "" or offset >= NUMERAL_MAX or not find(byte, set) then
			return false
		end
		offset = offset + 1
		return true
	end
	local function digits(set)
		local count = 0
		while accept(set) do
			count = count + 1
		end
		return count
	end

	accept("[+-]")
	local set, exponent, count = "%d", "[eE]", 0
	if accept("0") then
		count = 1
		if accept("[xX]") then
			set, exponent, count = "%x", "[pP]", 0
		end
	end
	count = count + digits(set)
	if accept("%.") then
		count = count + digits(set)
	end
	if count > 0 and accept(exponent) then
		accept("[+-]")
		digits("%d")
	end
	if code then
		return broken(source, code)
	end
	return tonumber(buffer:take(offset))
end

local formats = {
	l = function(source)
		return read_line(source, false)
	end,
	L = function(source)
		return read_line(source, true)
	end,
	a = read_all,
	n = read_number,
}

-- The function for one format, checked before anything is read.
local function parse(format, index)
	if type(format) == "number" then
		if format < 0 or format ~= floor(format) then
			error(("bad argument #%d to 'read' (invalid count)"):format(index), 4)
		end
		return read_count
	end
	local name = type(format) == "string" and format:match("^%*?(.)")
	if not name or not formats[name] then
		error(("bad argument #%d to 'read' (invalid format)"):format(index), 4)
	end
	return formats[name]
end

-- Goes on to the next format while the one before gave a value.
local function read_next(source, plan, list, index, value, ...)
	if value == nil then
		if index == 1 then
			return nil, ...
		end
		return unpack(list, 1, index)
	end
	list[index] = value
	if index == plan.count then
		return unpack(list, 1, index)
	end
	index = index + 1
	return read_next(source, plan, list, index, plan[index](source, plan.formats[index]))
end

-- What read(...) does, as a function of the source and the same arguments.  Raises for a format that
-- is none.
local function plan(...)
	local count = select("#", ...)
	if count == 0 then
		return formats.l
	elseif count == 1 then
		return parse((...), 1)
	end
	local steps = { count = count, formats = { ... } }
	for index = 1, count do
		steps[index] = parse(steps.formats[index], index)
	end
	return function(source)
		return read_next(source, steps, {}, 1, steps[1](source, steps.formats[1]))
	end
end

local function line_values(source, first, message, ...)
	if first == nil then
		if message then
			error(message, 0)
		elseif source.close_at_end then
			source:close()
		end
	end
	return first, message, ...
end

-- The method lines(...) of a source: an iterator of read(...), which raises what goes wrong.
local function lines(source, ...)
	plan(...)
	local count, list = select("#", ...), { ... }
	return function()
		return line_values(source, source:read(unpack(list, 1, count)))
	end
end

-- The arguments of a write as one string.
local function joined(what, ...)
	local parts = { ... }
	for index = 1, select("#", ...) do
		local kind = type(parts[index])
		if kind ~= "string" and kind ~= "number" then
			error(("bad argument #%d to '%s' (string expected, got %s)"):format(index, what, kind), 3)
		end
	end
	return table.concat(parts)
end

-- Whatever has arrived, at most `max` bytes; waits for the first byte only.
local function read_some(source, max)
	local buffer = source.buffer
	if buffer.size == 0 then
		local more, code = source:fill(1)
		if more == nil then
			return broken(source, code)
		end
		if not more then
			return nil
		end
	end
	if not max then
		return buffer:take(buffer:piece_size())
	end
	return buffer:take(max < buffer.size and max or buffer.size)
end

-- What the next read gives, at most `count` bytes, which stay there; less only at the end.
local function look(source, count)
	local buffer = source.buffer
	if buffer.size < count then
		local more, code = source:fill(count)
		if more == nil then
			return failure(code, source)
		end
	end
	return buffer.size > 0 and buffer:peek(count < buffer.size and count or buffer.size) or nil
end

-- Everything up to and with `text`; nil, message when `max` bytes came without it, or the end.
local function read_until(source, text, max)
	local buffer = source.buffer
	local length = buffer:plain(text)
	while not length do
		if buffer.size >= max then
			return failure(errors.codes.LIMIT, source)
		end
		local more, code = source:fill(buffer.size + 1)
		if more == nil then
			return broken(source, code)
		end
		if not more then
			return nil
		end
		length = buffer:plain(text)
	end
	return buffer:take(length)
end

return {
	plan = plan,
	read_some = read_some,
	read_until = read_until,
	look = look,
	lines = lines,
	joined = joined,
}
