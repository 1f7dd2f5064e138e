-- errors.lua: what a Lua function returns or raises for a code of the library.
--
-- The one place for it.  A failure is `nil, message, errno, partial`: errno is the system's own
-- positive number, or the library's negative code where the system had no part in it.  A code that
-- means the program itself is wrong is raised.

local native = require("abio.native")

local raw = native.core.raw

-- The library's own codes by name: codes.CANCELED is ABIO_E_CANCELED.
local codes = { WOULD_BLOCK = native.constants.ABIO_WOULD_BLOCK }
for name, value in pairs(native.constants) do
	local short = name:match("^ABIO_E_(.*)$")
	if short then
		codes[short] = value
	end
end

local misuse = {}
for _, name in ipairs({ "HANDLE", "FORKED", "WRONG_THREAD", "TOO_NEW", "ARGUMENT", "BUSY", "REENTERED" }) do
	misuse[codes[name]] = true
end

local TIMED_OUT = -110
local texts = {}

local function text(code)
	local known = texts[code]
	if not known then
		known = code == TIMED_OUT and "timed out" or raw.error_text(code)
		texts[code] = known
	end
	return known
end

local function number(code)
	return code > -4096 and -code or code
end

-- "what: why".  `what` is a name, or an object with a label; one that Lua implements says itself why.
local function sentence(code, what)
	local why
	if type(what) == "table" then
		why = what.explain and what:explain(code)
		what = what.label
	end
	why = why or text(code)
	return what and what .. ": " .. why or why
end

local function failure(code, what, partial)
	local message = sentence(code, what)
	if partial ~= nil then
		return nil, message, number(code), partial
	end
	return nil, message, number(code)
end

-- A refusal at start: raised when it is misuse, else returned.
local function refused(code, what, partial)
	if misuse[code] then
		error("abio: " .. sentence(code, what), 3)
	end
	return failure(code, what, partial)
end

return {
	codes = codes,
	TIMED_OUT = TIMED_OUT,
	text = text,
	number = number,
	failure = failure,
	refused = refused,
	is_misuse = function(code)
		return misuse[code] or false
	end,
}
