-- generated.lua: finds what was generated from the library's description.
--
-- Installed, these files lie beside this one; in a source tree they are in abi/generated.

local folder = debug.getinfo(1, "S").source:match("^@(.*)[^/]*$"):match("^(.*/)") or "./"
local PLACES = { folder, folder .. "../../../abi/generated/" }

local function text(name)
	for _, place in ipairs(PLACES) do
		local file = io.open(place .. name, "rb")
		if file then
			local content = file:read("*a")
			file:close()
			return content
		end
	end
	error("abio: " .. name .. " is neither beside the module nor in abi/generated", 0)
end

local function load_constants()
	return assert((loadstring or load)(text("constants.lua"), "@constants.lua"))()
end

return {
	text = text,
	constants = function()
		return load_constants().constants
	end,
	version = function()
		return load_constants().version
	end,
}
