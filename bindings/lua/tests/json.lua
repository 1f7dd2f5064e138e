-- json.lua: reads the JSON files that are generated from the description.

local find, sub = string.find, string.sub
local escapes = { n = "\n", t = "\t", r = "\r", b = "\b", f = "\f" }

local value

local function skip(text, at)
	return (find(text, "%S", at))
end

local function quoted(text, at)
	local parts, from = {}, at + 1
	while true do
		local stop = find(text, '[\\"]', from)
		parts[#parts + 1] = sub(text, from, stop - 1)
		if sub(text, stop, stop) == '"' then
			return table.concat(parts), stop + 1
		end
		local letter = sub(text, stop + 1, stop + 1)
		parts[#parts + 1] = escapes[letter] or (letter == "u" and "?" or letter)
		from = stop + (letter == "u" and 6 or 2)
	end
end

local function list(text, at)
	local result = {}
	at = skip(text, at + 1)
	while sub(text, at, at) ~= "]" do
		result[#result + 1], at = value(text, at)
		at = skip(text, at)
		if sub(text, at, at) == "," then
			at = skip(text, at + 1)
		end
	end
	return result, at + 1
end

local function object(text, at)
	local result = {}
	at = skip(text, at + 1)
	while sub(text, at, at) ~= "}" do
		local key
		key, at = quoted(text, at)
		result[key], at = value(text, skip(text, skip(text, at) + 1))
		at = skip(text, at)
		if sub(text, at, at) == "," then
			at = skip(text, at + 1)
		end
	end
	return result, at + 1
end

function value(text, at)
	local first = sub(text, at, at)
	if first == "{" then
		return object(text, at)
	elseif first == "[" then
		return list(text, at)
	elseif first == '"' then
		return quoted(text, at)
	end
	local from, stop, word = find(text, "^([%w.+-]+)", at)
	assert(from, "not JSON")
	if word == "true" or word == "false" then
		return word == "true", stop + 1
	end
	return tonumber(word), stop + 1
end

return function(text)
	return (value(text, skip(text, 1)))
end
