-- test_harness.lua: the harness itself: what must fail does.

local harness = require("harness")
local abio = require("abio")

local function verdict(fn)
	local patience = harness.patience
	harness.patience = 0.05
	local ok, message = harness.run_one({ name = "inner", fn = fn }, abio)
	harness.patience = patience
	return ok, tostring(message)
end

harness.test("the harness sees what is wrong", function()
	local kept
	for wanted, fn in pairs({
		["got 1, wanted 2"] = function() harness.equal(1, 2) end,
		["a reason"] = function() harness.ok(nil, "a reason") end,
		["raised nothing"] = function() harness.raises("x", function() end) end,
		["wanted a match"] = function() harness.raises("other", error, "this") end,
		["succeeded with 5"] = function() harness.fails(2, 5) end,
		["failed with 3"] = function() harness.fails(2, nil, "message", 3) end,
		["stack traceback"] = function() error("plain") end,
		["descriptors before"] = function() kept = io.open("/dev/null") end,
		["in a task"] = function() abio.run(function() abio.spawn(error, "lost") end) end,
	}) do
		local ok, message = verdict(fn)
		harness.equal(ok, false, wanted)
		harness.match(message, wanted)
	end
	kept:close()
	local fine, message = verdict(function() end)
	harness.equal(fine, true, message)
end)
