-- fetch_files.lua: many downloads at once, by a few tasks that each keep one connection.
--
--   lua5.4 examples/fetch_files.lua --url http://127.0.0.1:PORT --list LISTFILE --out DIR [--jobs 32]
--
-- Each task takes the next path of the list, asks for it, and writes the body to a file as it
-- arrives; all of them wait at the same time, in one thread.  A large file is never whole in memory:
-- while a piece is written the next ones arrive, up to the stream's mark.  Runs with lua5.4 and
-- luajit.  The last line of stdout is JSON; the exit code is 0 only when every file is there whole.

local here = arg[0]:match("^(.*/)") or "./"
package.path = here .. "../bindings/lua/?.lua;" .. here .. "../bindings/lua/?/init.lua;" .. package.path
package.cpath = here .. "../build/" .. (rawget(_G, "jit") and "luajit" or "lua" .. _VERSION:match("%d%.%d"))
	.. "/?.so;" .. package.cpath

local abio = require("abio")

local HEAD_MAX = 65536
local WHOLE_MAX = 262144
local PIECE = 524288
local PROGRESS_SECONDS = 1

-- ---- what was asked for ------------------------------------------------------------------------

local function usage(message)
	io.stderr:write("fetch_files.lua: ", message, "\n",
		"usage: fetch_files.lua --url http://HOST:PORT --list LISTFILE --out DIR [--jobs 32]\n")
	os.exit(2)
end

local function parse(list)
	local options = { jobs = "32" }
	for index = 1, #list, 2 do
		local name = list[index]:match("^%-%-(%a+)$")
		if not name or not list[index + 1] then
			usage("bad argument: " .. list[index])
		end
		options[name] = list[index + 1]
	end
	for _, name in ipairs({ "url", "list", "out" }) do
		if not options[name] then
			usage("--" .. name .. " is missing")
		end
	end
	options.host, options.port = options.url:match("^http://([^/:]+):(%d+)/?$")
	options.jobs = tonumber(options.jobs)
	if not options.host or not options.jobs or options.jobs < 1 then
		usage("the url is http://HOST:PORT, and jobs at least 1")
	end
	return options
end

-- The file below DIR for a path of the list, or nil: nothing may lead out of DIR.
local function target(out, path)
	local name = path:gsub("[?#].*", ""):gsub("%%(%x%x)", function(digits)
		return string.char(tonumber(digits, 16))
	end)
	if name:sub(1, 1) ~= "/" or name:sub(-1) == "/" or name:find("\0", 1, true) then
		return nil
	end
	for part in name:gmatch("[^/]+") do
		if part == ".." then
			return nil
		end
	end
	return out .. name
end

local function read_list(options)
	local paths, targets, folders, refused = {}, {}, {}, 0
	for line in assert(io.lines(options.list)) do
		if line ~= "" then
			local file = target(options.out, line)
			if file then
				paths[#paths + 1], targets[#targets + 1] = line, file
				folders[file:match("^(.*)/")] = true
			else
				io.stderr:write(line, ": refused\n")
				refused = refused + 1
			end
		end
	end
	return paths, targets, folders, refused
end

-- Makes all folders with one command: the innermost are enough.
local function make(folders)
	local outer = {}
	for folder in pairs(folders) do
		local parent = folder:match("^(.*)/")
		while parent and not outer[parent] do
			outer[parent] = true
			parent = parent:match("^(.*)/")
		end
	end
	local tool = assert(io.popen("xargs -0 -r mkdir -p --", "w"))
	for folder in pairs(folders) do
		if not outer[folder] then
			tool:write(folder, "\0")
		end
	end
	tool:close()
end

-- ---- one file ----------------------------------------------------------------------------------

-- Status, body length and whether the connection stays, of a response's head.
local function parse_head(head)
	local minor, status = head:match("^HTTP/1%.(%d) (%d%d%d)")
	if not minor then
		return nil
	end
	local fields = {}
	for name, value in head:gmatch("\r\n([^:\r\n]+):[ \t]*([^\r\n]*)") do
		fields[name:lower()] = value
	end
	local connection = (fields.connection or ""):lower()
	local keep = connection ~= "close" and (minor == "1" or connection == "keep-alive")
	return tonumber(status), tonumber(fields["content-length"]), keep
end

-- Moves `length` bytes from the stream to the file, a piece at a time.
local function copy(stream, file, length)
	local left = length
	while left > 0 do
		local piece, message = stream:read_some(math.min(left, PIECE))
		if not piece then
			return nil, message or "the connection ended early"
		end
		left = left - #piece
		local written
		written, message = file:write(piece)
		if not written then
			return nil, message
		end
	end
	return true
end

local function save(stream, name, length)
	local body, message
	if length == 0 then
		-- A read of 0 bytes would wait for the next byte, as io.read(0) does.
		body = ""
	elseif length <= WHOLE_MAX then
		body, message = stream:read(length)
		if not body or #body < length then
			return nil, message or "the connection ended early"
		end
	end
	local file, trouble = abio.open(name, "w")
	if not file then
		return nil, trouble
	end
	local ok
	if body then
		ok, message = file:write(body)
	else
		ok, message = copy(stream, file, length)
	end
	local closed, why = file:close()
	if not ok then
		return nil, message
	end
	return closed, why
end

-- Returns true and whether the connection can be used again; or nil, why, and whether nothing at all
-- was answered.
local function fetch(stream, options, path, name)
	local ok, message = stream:write("GET ", path, " HTTP/1.1\r\nHost: ", options.host, ":", options.port,
		"\r\n\r\n")
	local head
	if ok then
		head, message = stream:read_until("\r\n\r\n", HEAD_MAX)
	end
	if not head then
		return nil, message or "no answer", true
	end
	local status, length, keep = parse_head(head)
	if status ~= 200 or not length then
		return nil, ("status %s, length %s"):format(tostring(status), tostring(length))
	end
	ok, message = save(stream, name, length)
	if not ok then
		return nil, message
	end
	return true, keep, length
end

-- ---- all of them -------------------------------------------------------------------------------

local function main(options)
	local paths, targets, folders, failures = read_list(options)
	make(folders)
	local next_path, files, bytes = 1, 0, 0

	-- One try, on the connection there is or a new one; a kept one may have ended meanwhile.
	local function try(stream, index)
		local fresh = not stream
		local message
		if fresh then
			stream, message = abio.connect(options.host, options.port)
			if not stream then
				return nil, message
			end
		end
		local ok, keep, more = fetch(stream, options, paths[index], targets[index])
		if ok then
			bytes = bytes + more
			if keep then
				return true, stream
			end
			stream:close()
			return true, nil
		end
		stream:close()
		if more == true and not fresh then
			return try(nil, index)
		end
		return nil, keep
	end

	local function work()
		local stream
		while next_path <= #paths do
			local index = next_path
			next_path = index + 1
			local ok, result = try(stream, index)
			if ok then
				stream, files = result, files + 1
			else
				stream, failures = nil, failures + 1
				io.stderr:write(paths[index], ": ", tostring(result), "\n")
			end
		end
		if stream then
			stream:close()
		end
	end

	local function report()
		io.stderr:write(("%d of %d files, %.1f MB\n"):format(files, #paths, bytes / 1e6))
	end

	local started = abio.now()
	abio.run(function()
		local progress = abio.spawn(function()
			while abio.sleep(PROGRESS_SECONDS) do
				report()
			end
		end)
		local tasks = {}
		for index = 1, math.min(options.jobs, #paths) do
			tasks[index] = abio.spawn(work)
		end
		for _, task in ipairs(tasks) do
			task:join()
		end
		progress:cancel()
	end)
	local seconds = abio.now() - started
	report()
	print(('{"files": %d, "bytes": %.0f, "seconds": %.3f, "backend": "%s"}')
		:format(files, bytes, seconds, abio.info().backend))
	return failures == 0 and files == #paths
end

os.exit(main(parse(arg)) and 0 or 1, true)
