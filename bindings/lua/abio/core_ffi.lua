-- core_ffi.lua: how LuaJIT calls libabio without a C module: the functions of abio.core, except those
-- for objects that Lua implements.
--
-- The FFI calls every function by its declaration in abio.cdef.  That is right because no function
-- calls into this Lua state: an FFI call that re-enters Lua breaks compiled code, so whoever implements
-- a trait has the C module, and then everything goes through that.
--
-- The library is never unloaded, and its functions are taken out of it once, at load: finalizers may
-- run in any order when the state closes.  Memory of ffi.new outlives all finalizers, and what is in
-- flight is held by the table of operations, which the driver's finalizer keeps until it has ended.

local ffi = require("ffi")
local generated = require("abio.generated")

local cdef = generated.text("abio.cdef")
-- Once for the Lua state: a program may drop the module and load it again.
if not pcall(ffi.typeof, "struct abio_api_table") then
	ffi.cdef(cdef)
end

local unpack = unpack or table.unpack
local cast, new, sizeof, string_of = ffi.cast, ffi.new, ffi.sizeof, ffi.string

local DRAIN_EVENTS = 64
local HANDLE, VIEW = 8, 32

local raw = {}
local core = {
	raw = raw,
	calls = "luajit",
	hash = cdef:match("sha256 of the description: (%x+)"),
	sizes = { event = sizeof("struct abio_event"), address = sizeof("struct abio_address") },
}

-- ---- calls -------------------------------------------------------------------------------------

local address_type = ffi.typeof("const struct abio_address *")
local filled_type = ffi.typeof("struct abio_address *")
local open_type = ffi.typeof("const struct abio_open_options *")
local connect_type = ffi.typeof("const struct abio_connect_options *")
local listen_type = ffi.typeof("const struct abio_listen_options *")
local driver_type = ffi.typeof("const struct abio_driver_options *")

local function struct(type, text)
	return text and cast(type, text) or nil
end

-- Functions that take structs by text, by hand; all others as they are declared.
local function wrappers(library)
	return {
		error_name = function(code)
			return string_of(library.abio_error_name(code))
		end,
		error_text = function(code)
			return string_of(library.abio_error_text(code))
		end,
		driver_create = function(options, handle)
			return library.abio_driver_create(struct(driver_type, options), handle)
		end,
		open = function(driver, path, length, options, token)
			return library.abio_open(driver, path, length, struct(open_type, options), token)
		end,
		connect = function(driver, address, options, token)
			return library.abio_connect(driver, cast(address_type, address),
				struct(connect_type, options), token)
		end,
		listen = function(driver, address, options, handle)
			return library.abio_listen(driver, cast(address_type, address),
				struct(listen_type, options), handle)
		end,
		datagram = function(driver, address, peer, flags, handle)
			return library.abio_datagram(driver, struct(address_type, address),
				struct(address_type, peer), flags, handle)
		end,
		try_send_to = function(io, data, length, to, flags)
			return library.abio_try_send_to(io, data, length, struct(address_type, to), flags)
		end,
		try_receive_from = function(io, data, length, from, flags)
			return library.abio_try_receive_from(io, data, length, cast(filled_type, from), flags)
		end,
		receive_from = function(io, data, length, from, flags, token)
			return library.abio_receive_from(io, data, length, cast(filled_type, from), flags, token)
		end,
		send_to = function(io, data, length, to, flags, token)
			return library.abio_send_to(io, data, length, struct(address_type, to), flags, token)
		end,
	}
end

-- What a function stores through its last arguments, by their declarations: a cell for each.
local function cells_of(arguments)
	local cells = {}
	for argument in arguments:gmatch("[^,]+") do
		local base = argument:match("^%s*(u?int%d+_t) %*")
		if argument:find("^%s*abio_%w+ %*") then
			base = "uint64_t"
		elseif argument:find("void %*%*") then
			base = argument:find("const") and "const void *" or "void *"
		end
		if base then
			cells[#cells + 1] = new(base .. "[1]")
		end
	end
	return cells
end

local function number_in(cell)
	local value = cell[0]
	return type(value) == "cdata" and tonumber(cast("uintptr_t", value)) or tonumber(value)
end

-- `fn` with its cells behind the other arguments, returning the code and what they hold.
local function with_cells(fn, cells)
	local first, second = cells[1], cells[2]
	return function(...)
		local list, count = { ... }, select("#", ...)
		ffi.fill(first, sizeof(first))
		list[count + 1], list[count + 2] = first, second
		local code = fn(unpack(list, 1, count + #cells))
		if second then
			return code, number_in(first), number_in(second)
		end
		return code, number_in(first)
	end
end

local C = {}

local function symbol(library, name)
	local ok, fn = pcall(function()
		return library["abio_" .. name]
	end)
	return ok and fn or nil
end

function core.load(path, present)
	if present then
		return nil, "the FFI cannot tell what is loaded"
	end
	local ok, library = pcall(ffi.load, path)
	if not ok then
		return nil, library
	elseif not symbol(library, "api") then
		return nil, path .. ": has no abio_api"
	end
	local root = library.abio_api(0)
	if root == nil then
		return nil, path .. ": has no version 0"
	end
	C.library = library
	local by_hand = wrappers(library)
	for name, arguments in cdef:gmatch("%f[%w_]abio_([%w_]+)(%b());") do
		local fn = symbol(library, name)
		if fn then
			local cells = cells_of(arguments:sub(2, -2))
			C[name] = fn
			fn = by_hand[name] or fn
			raw[name] = #cells > 0 and with_cells(fn, cells) or fn
		end
	end
	return true
end

-- ---- memory and structs ------------------------------------------------------------------------

function core.memory(size, text)
	local memory = new("uint8_t[?]", size)
	if text then
		assert(#text <= size, "longer than the memory")
		ffi.copy(memory, text, #text)
	end
	return memory
end

function core.memory_text(memory, length)
	assert(length <= sizeof(memory), "out of range")
	return string_of(memory, length)
end

core["struct"] = function(...)
	local count = select("#", ...)
	local words = new("uint32_t[?]", count + 1, 4 * (count + 1), ...)
	return string_of(words, 4 * (count + 1))
end

function core.address(family, port, bytes, scope)
	local address = new("struct abio_address")
	assert(#bytes <= sizeof(address.data), "address too long")
	address.size, address.family, address.port = sizeof(address), family, port
	address.scope, address.length = scope or 0, #bytes
	ffi.copy(address.data, bytes, #bytes)
	return string_of(address, sizeof(address))
end

local function address_table(address)
	return {
		family = address.family,
		port = address.port,
		scope = address.scope,
		data = string_of(address.data, math.min(address.length, sizeof(address.data))),
	}
end

local function sized(type)
	local value = new(type)
	value.size = sizeof(value)
	return value
end

function core.io_info(io)
	local info = sized("struct abio_io_info")
	local code = C.info(io, info)
	if code < 0 then
		return code
	end
	return {
		kind = info.kind,
		fd = info.fd,
		driver = tonumber(info.driver),
		local_address = address_table(info["local"]),
		peer_address = address_table(info.peer),
	}
end

function core.slots_of(io, trait)
	local info = sized("struct abio_trait_info")
	if C.query(io, trait, info) < 0 or info.slots == 0 then
		return nil
	end
	return tonumber(info.slots)
end

function core.driver_state(driver)
	local state = sized("struct abio_driver_state")
	local code = C.driver_info(driver, state)
	if code < 0 then
		return code
	end
	return {
		backend = state.backend,
		flags = state.flags,
		fallback_error = state.fallback_error,
		in_flight = state.in_flight,
		undelivered = state.undelivered,
		reason = string_of(state.reason),
	}
end

function core.abi()
	local info = sized("struct abio_abi")
	C.abi_info(info)
	local hash = {}
	for index = 0, sizeof(info.hash) - 1 do
		hash[index + 1] = ("%02x"):format(info.hash[index])
	end
	local instance = bit.tohex(info.instance)
	return {
		major = info.major,
		minor = info.minor,
		patch = info.patch,
		instance = instance,
		hash = table.concat(hash),
	}
end

function core.clock()
	local _, now = raw.clock()
	return now
end

local bytes_type = ffi.typeof("const uint8_t *")

function core.put(io, text, offset)
	local length = #text - offset
	return C.put(io, cast(bytes_type, text) + offset, length > 0x7fffffff and 0x7fffffff or length)
end


-- ---- events ------------------------------------------------------------------------------------

function core.events(count)
	return new("struct abio_event[?]", count)
end

function core.event(events, index)
	local event = events[index]
	local flags = event.flags
	local handle = nil
	if flags % (2 * HANDLE) >= HANDLE then
		handle = tonumber(event.handle)
	end
	return tonumber(event.token), tonumber(event.result), tonumber(event.progress), handle, flags
end

function core.view(events, index, length)
	local event = events[index]
	if event.flags % (2 * VIEW) < VIEW or length <= 0 then
		return ""
	end
	return string_of(cast("const char *", cast("uintptr_t", event.data)), length)
end

function core.bytes_at(address, length)
	return string_of(cast("const char *", cast("uintptr_t", address)), length)
end

-- ---- what must be given back -------------------------------------------------------------------

local function drain(driver)
	local release, close, wait, abandon = C.release, C.driver_close, C.driver_wait, C.driver_abandon
	local busy = ffi.C.ABIO_E_BUSY
	local events = new("struct abio_event[?]", DRAIN_EVENTS)
	if C.driver_shutdown(driver) < 0 then
		abandon(driver)
		return
	end
	while close(driver) == busy do
		local count = wait(driver, events, sizeof("struct abio_event"), DRAIN_EVENTS, -1)
		for index = 0, count - 1 do
			if events[index].flags % (2 * HANDLE) >= HANDLE then
				release(events[index].handle)
			end
		end
		if count < 0 then
			abandon(driver)
			return
		end
	end
end

-- A userdata with a finalizer: tables have none here.
local function finalized(value, fn)
	local object = newproxy(true)
	local meta = getmetatable(object)
	meta.value = value
	meta.__gc = function()
		if meta.value then
			fn(meta.value)
			meta.value = nil
		end
	end
	return object
end

function core.driver(options, operations)
	local code, handle = raw.driver_create(options)
	if code < 0 then
		return nil, code
	end
	local object = finalized(handle, drain)
	getmetatable(object).operations = operations
	return object, handle
end

function core.driver_closed(object)
	getmetatable(object).value = nil
end

function core.guard(io)
	local release = C.release
	return finalized(io, function(handle)
		release(handle)
	end)
end

function core.disarm(guard)
	getmetatable(guard).value = nil
end

return core
