-- test_conformance.lua: the generated manifest of misuse, through this binding's calls: each function
-- with handles and flags it must refuse, and the code it must answer.
--
-- Rows about the layout of structs, other threads and forked children are the C tests'.

local harness = require("harness")
local abio = require("abio")
local native = require("abio.native")
local json = require("json")
local generated = require("abio.generated")

local core, constants = native.core, native.constants
local raw = core.raw
local ok, equal = harness.ok, harness.equal

local unpack = unpack or table.unpack

local sizes = {}
for _, struct in ipairs(json(generated.text("abio.json")).description.structs) do
	sizes[struct.name] = struct.size
end

local T = constants
local of_file = { [T.ABIO_TRAIT_READ_AT] = true, [T.ABIO_TRAIT_WRITE_AT] = true }
local HIGH_BIT = 2147483648

-- Memory as the calls of both cores take it where a pointer is wanted.
local function pointer(memory)
	return native.core.calls == "luajit" and require("ffi").cast("void *", memory) or memory
end

local others = {}

function others.driver(world)
	return world.driver.handle
end

function others.events()
	return core.events(1)
end

function others.memory(world)
	return world:keep(core.memory(16))
end

function others.also_io(world)
	return world.peer.io
end

function others.also_buffer(world)
	return world:buffer()
end

function others.user()
	return native.core.calls == "luajit" and pointer(core.memory(8)) or 0
end

local function good_of(kind, world)
	if type(kind) == "number" then
		return kind
	elseif others[kind] then
		return others[kind](world)
	end
	-- A struct with its size set and the rest zero.
	local size = sizes[kind:match("^struct:(.*)$")]
	if not size then
		return pointer(world:keep(core.memory(64)))
	end
	local text = string.char(size % 256, math.floor(size / 256), 0, 0) .. ("\0"):rep(size - 4)
	return pointer(world:keep(core.memory(size, text)))
end

local World = {}
World.__index = World

function World:keep(memory)
	self.kept[#self.kept + 1] = memory
	return memory
end

-- A buffer that is released with the world.
function World:buffer()
	if not self.made then
		local code, buffer = raw.buffer_alloc(64, 0, 0)
		equal(code, 0)
		self.made = buffer
	end
	return self.made
end

local function make_world()
	local driver = abio.new_driver()
	local world = setmetatable({ driver = driver, kept = {} }, World)
	world.listener = ok(driver:listen("127.0.0.1", 0))
	local _, port = world.listener:local_address()
	world.stream = ok(driver:connect("127.0.0.1", port))
	world.peer = ok(world.listener:accept())
	world.file = ok(driver:open(harness.write_file("conformance", "text"), "r+"))
	return world
end

local handles = {}

function handles.zero()
	return 0
end

function handles.random()
	return 4503599627370495
end

function handles.driver(world)
	return world.driver.handle
end

-- What has this very slot: not every object of a trait has all of them.
function handles.io(world, trait, slot)
	local function has(io)
		return math.floor((core.slots_of(io, trait) or 0) / 2 ^ slot) % 2 == 1
	end
	for _, name in ipairs({ "stream", "file", "listener" }) do
		if has(world[name].io) then
			return world[name].io
		end
	end
	if trait == T.ABIO_TRAIT_DATAGRAM then
		local code, io = raw.datagram(world.driver.handle, world:keep(core.address(1, 0, "\127\0\0\1")), nil, 0)
		equal(code, 0)
		return io
	end
	local code, io = raw.buf_reader(world.file.io, 0, 0)
	return code == 0 and has(io) and io or world.stream.io
end

function handles.lacking_io(world, trait)
	if of_file[trait] or trait == T.ABIO_TRAIT_ACCEPT then
		return world.stream.io
	end
	return trait == T.ABIO_TRAIT_READY and world.file.io or world.listener.io
end

function handles.buffer(world)
	return world:buffer()
end

function handles.gone_buffer(world)
	local buffer = world:buffer()
	world.made = nil
	raw.buffer_release(buffer)
	return buffer
end

function handles.closed_io(world)
	local operation = world.driver:operation()
	equal(raw.close(world.stream.io, 0, operation.token), 0)
	while not operation.done do
		world.driver:step(1)
	end
	return world.stream.io
end

function handles.gone_io(world)
	local io = world.stream.io
	world.stream:close()
	return io
end

function handles.shut_driver(world)
	raw.driver_shutdown(world.driver.handle)
	return world.driver.handle
end

function handles.gone_driver(world)
	local handle = world.driver.handle
	world.driver:close()
	return handle
end

local function arguments(row, description, world)
	local list, count, handle = {}, 0, nil
	if row.handle ~= "none" then
		handle = handles[row.handle](world, description.trait, description.slot)
	end
	for _, argument in ipairs(description.arguments) do
		local good = argument.good
		if type(good) ~= "string" or not good:find("^out:") then
			count = count + 1
			list[count] = good == "handle" and handle or nil
			if list[count] == nil then
				list[count] = good_of(good, world)
			end
			if argument.name == row.argument then
				local bit = row.change == "flag" and argument.unknown_bit or HIGH_BIT
				list[count] = list[count] + bit
			end
		end
	end
	return list, count
end

local manifest = json(generated.text("conformance.json"))
local changes = { none = true, flag = true, high_flag = true }

local groups = {}
for _, row in ipairs(manifest.rows) do
	if row.where == "here" and row.refused and changes[row.change] and handles[row.handle] then
		groups[row.handle] = groups[row.handle] or {}
		table.insert(groups[row.handle], row)
	end
end

local names = {}
for name in pairs(groups) do
	names[#names + 1] = name
end
table.sort(names)

for _, name in ipairs(names) do
	local rows = groups[name]
	harness.test(("conformance: %s"):format(name), function()
		for _, row in ipairs(rows) do
			local description = manifest.functions[row["function"]]
			local world = make_world()
			local list, count = arguments(row, description, world)
			local short = row["function"]:gsub("^abio_", "")
			local code = raw[short](unpack(list, 1, count))
			equal(code, row.code, row["function"] .. " " .. row.case)
			if world.made then
				raw.buffer_release(world.made)
			end
			world.driver:close()
		end
		ok(#rows > 0)
	end)
end

harness.test("conformance: enough rows of the manifest were run", function()
	local count = 0
	for _, rows in pairs(groups) do
		count = count + #rows
	end
	ok(count >= 300, count)
end)
