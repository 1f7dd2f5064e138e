-- The Lua binding at work, with the library that ABIO_LIBRARY names: a file, lines, a stream.

local abio = require("abio")

abio.run(function()
	local file = assert(abio.open("binding.bin", "w+"))
	assert(file:write("0123456789"))
	assert(file:pread(3, 4) == "456")
	file:close()
	local listener = assert(abio.listen("127.0.0.1", 0))
	abio.spawn(function()
		local stream = assert(listener:accept())
		-- Not by lines(): no iterator of Lua 5.1 can wait.
		local line = stream:read("L")
		while line do
			stream:write(line:upper())
			line = stream:read("L")
		end
		stream:close()
	end)
	local stream = assert(abio.connect(listener:local_address()))
	stream:write("hello\n"):close_write()
	assert(stream:read("a") == "HELLO\n")
	stream:close()
	listener:close()
end)
print("works with " .. abio.info().version)
