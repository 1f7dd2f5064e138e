-- test_buffer.lua: the queue of pieces, and the read formats over a source that fills it bit by bit.

local harness = require("harness")
local new_buffer = require("abio.buffer").new
local reader = require("abio.reader")
local errors = require("abio.errors")
local address = require("abio.address")

local test, equal, raises, fails = harness.test, harness.equal, harness.raises, harness.fails
local codes = errors.codes

-- A source that delivers `pieces` one by one, and then ends or fails with `code`.
local function source_of(pieces, code)
	local buffer = new_buffer()
	local at = 0
	local source = { buffer = buffer, label = "source" }
	function source.fill(_, need)
		while buffer.size < need do
			at = at + 1
			if not pieces[at] then
				if code then
					return nil, code
				end
				return false
			end
			buffer:push(pieces[at])
		end
		return true
	end
	function source.read(self, ...)
		return reader.plan(...)(self, ...)
	end
	return source
end

test("a buffer gives bytes in order whatever the pieces", function()
	local text = harness.pattern(5000)
	local buffer, at, taken = new_buffer(), 1, {}
	local sizes = { 1, 7, 64, 3, 500, 2, 900 }
	for round = 1, 200 do
		local size = sizes[round % #sizes + 1]
		buffer:push(text:sub(at, at + size - 1))
		at = math.min(at + size, #text + 1)
		local count = math.min(buffer.size, sizes[round * 3 % #sizes + 1])
		taken[#taken + 1] = buffer:take(count)
	end
	taken[#taken + 1] = buffer:take(buffer.size)
	equal(table.concat(taken), text:sub(1, at - 1))
	equal(buffer.size, 0)
end)

test("a buffer finds newlines and plain text across pieces", function()
	local buffer = new_buffer()
	buffer:push("ab")
	equal(buffer:line(), nil)
	buffer:push("c\nd\r")
	equal(buffer:line(), 4)
	equal(buffer:line(), 4)
	equal(buffer:take(1), "a")
	equal(buffer:line(), 3)
	equal(buffer:take(3), "bc\n")
	equal(buffer:line(), nil)
	equal(buffer:plain("\r\n"), nil)
	buffer:push("\nrest")
	equal(buffer:line(), 3)
	equal(buffer:plain("\r\n"), 3)
	equal(buffer:byte(0) .. buffer:byte(3) .. buffer:byte(6), "drt")
	equal(buffer:byte(7), nil)
	buffer:skip(4)
	equal(buffer:take(buffer.size), "est")
end)

test("read: lines, with and without their end, and a last one without newline", function()
	local source = source_of({ "on", "e\ntw", "o\n", "\nlast" })
	equal(source:read("l"), "one")
	equal(source:read("L"), "two\n")
	equal(source:read(), "")
	equal(source:read("*l"), "last")
	equal(select("#", source:read("l")), 1)
	equal(source:read("l"), nil)
end)

test("read: counts, zero, everything, and the end", function()
	local source = source_of({ "abc", "defg", "h" })
	equal(source:read(2), "ab")
	equal(source:read(0), "")
	equal(source:read(4), "cdef")
	equal(source:read(10), "gh")
	equal(source:read(0), nil)
	equal(source:read(1), nil)
	equal(source:read("a"), "")
end)

test("read: numbers as the io library reads them", function()
	local source = source_of({ "  12 -3.", "5e2\n0x1", "F .5 1e", "+2x 7" })
	equal(source:read("n"), 12)
	equal(source:read("n"), -350)
	equal(source:read("n"), 31)
	equal(source:read("n"), 0.5)
	equal(source:read("n"), 100)
	equal(source:read("n"), nil)
	equal(source:read(1), "x")
	equal(source:read("n"), 7)
	equal(source:read("n"), nil)
end)

test("read: several formats stop at the first that fails", function()
	local source = source_of({ "12 abc\nrest" })
	local number, space, line, all = source:read("n", 1, "l", "a")
	equal(number, 12)
	equal(space, " ")
	equal(line, "abc")
	equal(all, "rest")
	local values = { n = select("#", source_of({ "x\n" }):read("l", 5, "l")),
		source_of({ "x\n" }):read("l", 5, "l") }
	equal(values.n, 2)
	equal(values[1], "x")
	equal(values[2], nil)
end)

test("read: a broken source gives what came before as the fourth value", function()
	local value, message, number, partial = source_of({ "abc" }, -104):read(10)
	equal(value, nil)
	harness.match(message, "^source: ")
	equal(number, 104)
	equal(partial, "abc")
	fails(104, source_of({}, -104):read("a"))
	fails(104, source_of({ " " }, -104):read("n"))
end)

test("read: a cancelled read leaves its bytes for the next", function()
	local pieces = { "abc" }
	local source = source_of(pieces, codes.CANCELED)
	fails(codes.CANCELED, source:read(5))
	pieces[2], pieces[3], pieces[4] = nil, "d", "e"
	pieces[2] = "x"
	source.fill = function(self)
		self.buffer:push("de")
		return true
	end
	equal(source:read(5), "abcde")
end)

test("read: wrong formats are raised before anything is read", function()
	local source = source_of({ "abc" })
	raises("invalid format", source.read, source, "z")
	raises("invalid format", source.read, source, 1, "x")
	raises("invalid format", source.read, source, {})
	raises("invalid count", source.read, source, -1)
	raises("invalid count", source.read, source, 1.5)
	equal(source:read("a"), "abc")
end)

test("read_until and read_some", function()
	local source = source_of({ "head\r", "\n\r\nbody", "more" })
	equal(reader.read_until(source, "\r\n\r\n", 100), "head\r\n\r\n")
	equal(reader.read_some(source, 2), "bo")
	equal(reader.read_some(source), "dy")
	equal(reader.read_some(source, 100), "more")
	equal(reader.read_some(source), nil)
	fails(codes.LIMIT, reader.read_until(source_of({ ("x"):rep(50), "y" }), "\n", 50))
end)

test("lines raises what goes wrong and ends at the end", function()
	local list = {}
	for line in reader.lines(source_of({ "a\nb\n", "c" })) do
		list[#list + 1] = line
	end
	equal(table.concat(list, ","), "a,b,c")
	local each = reader.lines(source_of({ "a\n" }, -5))
	equal(each(), "a")
	raises("source: ", each)
end)

test("IPv6 addresses are written as everybody writes them", function()
	local function bytes(...)
		local list = { ... }
		for index, group in ipairs(list) do
			list[index] = string.char(math.floor(group / 256), group % 256)
		end
		return table.concat(list)
	end
	equal(address.ipv6_text(bytes(0, 0, 0, 0, 0, 0, 0, 1)), "::1")
	equal(address.ipv6_text(bytes(0, 0, 0, 0, 0, 0, 0, 0)), "::")
	equal(address.ipv6_text(bytes(0x2001, 0xdb8, 0, 0, 1, 0, 0, 1)), "2001:db8::1:0:0:1")
	equal(address.ipv6_text(bytes(0xfe80, 0, 1, 2, 3, 4, 5, 6)), "fe80:0:1:2:3:4:5:6")
	equal(address.ipv6_text(bytes(1, 0, 0, 0, 0, 0, 0, 0)), "1::")
end)
