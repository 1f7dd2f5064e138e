-- test_readme.lua: every Lua example of README.md, as it stands there.

local harness = require("harness")
local abio = require("abio")
local core = require("abio.native").core

local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local text = harness.read_file(here .. "../README.md")
local number = 0

for block in text:gmatch("```lua\n(.-)```") do
	number = number + 1
	-- Loaded here already: a host's loop has descriptors of its own.
	local missing
	for name in (block:match("^%-%- needs: ([^\n]*)") or ""):gmatch("%S+") do
		missing = missing or not pcall(require, name) and name or nil
	end
	harness.test(("example %d of the README runs"):format(number), function()
		if block:find("abio.object(", 1, true) and not core.host_create then
			missing = "the C module"
		end
		if (block:find(":lines(", 1, true) or block:find("abio.wrap(", 1, true)) and not require("abio.await").plain then
			harness.skip("a for loop cannot wait in Lua 5.1")
		end
		if missing then
			harness.skip(missing .. " is not installed")
		end
		local said, print_before = {}, _G.print
		_G.print = function(...)
			said[#said + 1] = tostring((...))
		end
		local ran, message = pcall(assert((loadstring or load)(block, "=README")))
		_G.print = print_before
		abio.set_waiter(nil)
		harness.ok(ran, message)
		harness.ok(#said > 0, "the example says nothing")
	end)
end

harness.test("the README has examples", function()
	harness.ok(number >= 5, number)
end)
