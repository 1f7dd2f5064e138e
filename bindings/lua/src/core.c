/*
 * core.c: the module abio.core: what Lua cannot say about libabio's memory.
 *
 * Beside the calls (call.c) it gives memory the library works on, structs, events, and the two
 * objects whose finalizers give back what the library holds: a driver, and a reference to an io.
 * Nothing here yields or waits, and nothing keeps state of its own.  Memory must be held by the
 * caller until the terminal event, which abio/driver.lua does.
 *
 * The drain: a driver is collected, or the state closed, with operations in flight.  Lua frees no
 * memory before all finalizers have run, and the table of operations is a user value of the driver,
 * so everything in flight is still whole when the finalizer shuts the driver down and takes its
 * events until it can be closed.  What Lua implements on it was made later than the driver, so it
 * was finalized before, and enters no Lua on the way (host.c).
 */
#include <stdio.h>
#include <string.h>

#include "core.h"

#define DRAIN_EVENTS 64
#define WORDS_MAX    16
#define DRIVER       "abio.core.driver"
#define GUARD        "abio.core.guard"

__attribute__((visibility("default"))) int luaopen_abio_core(lua_State *L);

struct held_driver {
	abio_driver handle;
};

struct guard {
	struct core_state *state;
	abio_io io;
};

/* ---- memory and structs --------------------------------------------------------------------- */

static struct memory *push_memory(lua_State *L, size_t size)
{
	struct memory *memory = lua_newuserdatauv(L, sizeof(*memory) + size, 0);

	memory->size = size;
	luaL_setmetatable(L, MEMORY);
	return memory;
}

/* memory(size, text): zeros, or what the text says first. */
static int memory_create(lua_State *L)
{
	lua_Integer size = luaL_checkinteger(L, 1);
	struct memory *memory;
	size_t length;
	const char *text = luaL_optlstring(L, 2, "", &length);

	luaL_argcheck(L, size >= 0 && size <= UINT32_MAX, 1, "not a uint32");
	luaL_argcheck(L, length <= (size_t)size, 2, "longer than the memory");
	memory = push_memory(L, (size_t)size);
	memcpy(memory->data, text, length);
	memset(memory->data + length, 0, (size_t)size - length);
	return 1;
}

/* memory_text(memory, length): its first bytes as a string. */
static int memory_text(lua_State *L)
{
	struct memory *memory = luaL_checkudata(L, 1, MEMORY);
	lua_Integer length = luaL_checkinteger(L, 2);

	luaL_argcheck(L, length >= 0 && (size_t)length <= memory->size, 2, "out of range");
	lua_pushlstring(L, (const char *)memory->data, (size_t)length);
	return 1;
}

/* struct(word, ...): a struct of uint32 fields behind its size. */
static int struct_create(lua_State *L)
{
	uint32_t words[WORDS_MAX] = { 0 };
	int count = lua_gettop(L), index;

	luaL_argcheck(L, count < WORDS_MAX, count, "too many fields");
	words[0] = (uint32_t)((size_t)(count + 1) * sizeof(words[0]));
	for (index = 1; index <= count; index++)
		words[index] = (uint32_t)luaL_checkinteger(L, index);
	lua_pushlstring(L, (const char *)words, words[0]);
	return 1;
}

/* address(family, port, bytes, scope): a struct abio_address as a string. */
static int address_create(lua_State *L)
{
	struct abio_address address = { .size = sizeof(address) };
	size_t length;
	const char *data = luaL_checklstring(L, 3, &length);

	luaL_argcheck(L, length <= sizeof(address.data), 3, "address too long");
	address.family = (uint32_t)luaL_checkinteger(L, 1);
	address.port = (uint32_t)luaL_checkinteger(L, 2);
	address.scope = (uint32_t)luaL_optinteger(L, 4, 0);
	address.length = (uint32_t)length;
	memcpy(address.data, data, length);
	lua_pushlstring(L, (const char *)&address, sizeof(address));
	return 1;
}

static void set_integer(lua_State *L, const char *name, lua_Integer value)
{
	lua_pushinteger(L, value);
	lua_setfield(L, -2, name);
}

static void set_address(lua_State *L, const char *name, const struct abio_address *address)
{
	uint32_t length = address->length;

	if (length > sizeof(address->data))
		length = sizeof(address->data);
	lua_createtable(L, 0, 4);
	set_integer(L, "family", address->family);
	set_integer(L, "port", address->port);
	set_integer(L, "scope", address->scope);
	lua_pushlstring(L, (const char *)address->data, length);
	lua_setfield(L, -2, "data");
	lua_setfield(L, -2, name);
}

/* io_info(io): a table, or a code. */
static int io_info(lua_State *L)
{
	struct abio_io_info info = { .size = sizeof(info) };
	int32_t code = core_api(L)->info((abio_io)luaL_checkinteger(L, 1), &info);

	if (code < 0) {
		lua_pushinteger(L, code);
		return 1;
	}
	lua_createtable(L, 0, 4);
	set_integer(L, "kind", info.kind);
	set_integer(L, "fd", info.fd);
	set_integer(L, "driver", (lua_Integer)info.driver);
	set_address(L, "local_address", &info.local);
	set_address(L, "peer_address", &info.peer);
	return 1;
}

/* slots_of(io, trait): bit n is slot n of the trait's table; nil when it has none. */
static int slots_of(lua_State *L)
{
	struct abio_trait_info info = { .size = sizeof(info) };
	abio_io io = (abio_io)luaL_checkinteger(L, 1);

	if (core_api(L)->query(io, (uint32_t)luaL_checkinteger(L, 2), &info) < 0 || info.slots == 0)
		lua_pushnil(L);
	else
		lua_pushinteger(L, (lua_Integer)info.slots);
	return 1;
}

/* driver_state(driver): a table, or a code. */
static int driver_state(lua_State *L)
{
	struct abio_driver_state state = { .size = sizeof(state) };
	int32_t code = core_api(L)->driver_info((abio_driver)luaL_checkinteger(L, 1), &state);

	if (code < 0) {
		lua_pushinteger(L, code);
		return 1;
	}
	lua_createtable(L, 0, 8);
	set_integer(L, "backend", state.backend);
	set_integer(L, "flags", state.flags);
	set_integer(L, "fallback_error", state.fallback_error);
	set_integer(L, "in_flight", state.in_flight);
	set_integer(L, "undelivered", state.undelivered);
	lua_pushlstring(L, (const char *)state.reason,
			strnlen((const char *)state.reason, sizeof(state.reason)));
	lua_setfield(L, -2, "reason");
	return 1;
}

/* abi(): version and hash of the loaded library. */
static int abi(lua_State *L)
{
	struct abio_abi info = { .size = sizeof(info) };
	char instance[17];
	luaL_Buffer hash;
	size_t index;

	core_api(L)->abi_info(&info);
	lua_createtable(L, 0, 4);
	set_integer(L, "major", info.major);
	set_integer(L, "minor", info.minor);
	set_integer(L, "patch", info.patch);
	snprintf(instance, sizeof(instance), "%016llx", (unsigned long long)info.instance);
	lua_pushstring(L, instance);
	lua_setfield(L, -2, "instance");
	luaL_buffinit(L, &hash);
	for (index = 0; index < sizeof(info.hash); index++) {
		luaL_addchar(&hash, "0123456789abcdef"[info.hash[index] >> 4]);
		luaL_addchar(&hash, "0123456789abcdef"[info.hash[index] & 15]);
	}
	luaL_pushresult(&hash);
	lua_setfield(L, -2, "hash");
	return 1;
}

/* clock(): nanoseconds. */
static int monotonic(lua_State *L)
{
	int64_t now = 0;

	core_api(L)->clock(&now);
	lua_pushinteger(L, now);
	return 1;
}

/* put(io, string, offset): abio_put of the string from offset on. */
static int put(lua_State *L)
{
	size_t size;
	abio_io io = (abio_io)luaL_checkinteger(L, 1);
	const char *data = luaL_checklstring(L, 2, &size);
	lua_Integer offset = luaL_checkinteger(L, 3);
	const struct abio_api_table *api = lua_touserdata(L, lua_upvalueindex(1));

	luaL_argcheck(L, offset >= 0 && (size_t)offset <= size, 3, "out of range");
	if (api == NULL) {
		api = core_api(L);
		lua_pushlightuserdata(L, (void *)(uintptr_t)api);
		lua_replace(L, lua_upvalueindex(1));
	}
	size -= (size_t)offset;
	if (size > INT32_MAX)
		size = INT32_MAX;
	lua_pushinteger(L, api->put(io, data + offset, (uint32_t)size));
	return 1;
}

/* ---- events --------------------------------------------------------------------------------- */

/* events(count): memory for that many events. */
static int events_create(lua_State *L)
{
	lua_Integer count = luaL_checkinteger(L, 1);

	luaL_argcheck(L, count > 0 && count <= 65536, 1, "out of range");
	push_memory(L, (size_t)count * sizeof(struct abio_event));
	return 1;
}

static const struct abio_event *event_at(lua_State *L)
{
	struct memory *memory = luaL_checkudata(L, 1, MEMORY);
	lua_Integer index = luaL_checkinteger(L, 2);

	luaL_argcheck(L, index >= 0 && (size_t)index < memory->size / sizeof(struct abio_event), 2,
		      "out of range");
	return (const struct abio_event *)(void *)memory->data + index;
}

/* event(events, index): token, result, progress, handle or nil, flags. */
static int event(lua_State *L)
{
	const struct abio_event *event = event_at(L);

	lua_pushinteger(L, (lua_Integer)event->token);
	lua_pushinteger(L, event->result);
	lua_pushinteger(L, (lua_Integer)event->progress);
	if (event->flags & ABIO_EVENT_HANDLE)
		lua_pushinteger(L, (lua_Integer)event->handle);
	else
		lua_pushnil(L);
	lua_pushinteger(L, event->flags);
	return 5;
}

/* view(events, index, length): the bytes of an event's view; "" when it has none. */
static int view(lua_State *L)
{
	const struct abio_event *event = event_at(L);
	lua_Integer length = luaL_checkinteger(L, 3);

	if (!(event->flags & ABIO_EVENT_VIEW) || length <= 0)
		lua_pushliteral(L, "");
	else
		lua_pushlstring(L, (const char *)(uintptr_t)event->data, (size_t)length);
	return 1;
}

/* bytes_at(address, length): of a view, whose event another language was given. */
static int bytes_at(lua_State *L)
{
	lua_Integer address = luaL_checkinteger(L, 1);
	lua_Integer length = luaL_checkinteger(L, 2);

	luaL_argcheck(L, length >= 0 && length <= INT32_MAX, 2, "out of range");
	luaL_argcheck(L, address != 0 || length == 0, 1, "no address");
	lua_pushlstring(L, (const char *)(uintptr_t)address, (size_t)length);
	return 1;
}

/* ---- what must be given back ---------------------------------------------------------------- */

static void drain(const struct abio_api_table *api, abio_driver driver)
{
	struct abio_event events[DRAIN_EVENTS];
	int32_t index, count;

	if (api->driver_shutdown(driver) < 0) {
		/* The child of a fork, or another thread: nothing of it may be touched from here.
		 */
		api->driver_abandon(driver);
		return;
	}
	while (api->driver_close(driver) == ABIO_E_BUSY) {
		count = api->driver_wait(driver, events, sizeof(*events), DRAIN_EVENTS, -1);
		for (index = 0; index < count; index++)
			if (events[index].flags & ABIO_EVENT_HANDLE)
				api->release(events[index].handle);
		if (count < 0) {
			api->driver_abandon(driver);
			return;
		}
	}
}

/* driver(options, operations): object and handle, or nil and a code.  The object holds the table.
 */
static int driver_create(lua_State *L)
{
	size_t size;
	const struct abio_driver_options *options = core_bytes(L, 1, false, &size);
	const struct abio_api_table *api = core_api(L);
	struct held_driver *held;
	int32_t code;

	core_check_struct(L, 1, options, size);
	luaL_checktype(L, 2, LUA_TTABLE);
	held = lua_newuserdatauv(L, sizeof(*held), 1);
	held->handle = 0;
	lua_pushvalue(L, 2);
	lua_setiuservalue(L, -2, 1);
	luaL_setmetatable(L, DRIVER);
	code = api->driver_create(options, &held->handle);
	if (code < 0) {
		lua_pushnil(L);
		lua_pushinteger(L, code);
		return 2;
	}
	lua_pushinteger(L, (lua_Integer)held->handle);
	return 2;
}

static int driver_collect(lua_State *L)
{
	struct held_driver *held = luaL_checkudata(L, 1, DRIVER);

	if (held->handle != 0)
		drain(core_api(L), held->handle);
	held->handle = 0;
	return 0;
}

/* driver_closed(object): the driver is closed already. */
static int driver_closed(lua_State *L)
{
	struct held_driver *held = luaL_checkudata(L, 1, DRIVER);

	held->handle = 0;
	return 0;
}

/* guard(io): releases the io when nobody holds the guard any more. */
static int guard_create(lua_State *L)
{
	abio_io io = (abio_io)luaL_checkinteger(L, 1);
	struct guard *guard = lua_newuserdatauv(L, sizeof(*guard), 0);

	guard->state = core_state(L);
	guard->io = io;
	luaL_setmetatable(L, GUARD);
	return 1;
}

static int guard_collect(lua_State *L)
{
	struct guard *guard = luaL_checkudata(L, 1, GUARD);

	abio_io io = guard->io;
	lua_State *before = guard->state->entered;

	guard->io = 0;
	if (io != 0) {
		guard->state->entered = L;
		guard->state->api->release(io);
		guard->state->entered = before;
	}
	return 0;
}

/* disarm(guard): the io is released by hand. */
static int guard_disarm(lua_State *L)
{
	struct guard *guard = luaL_checkudata(L, 1, GUARD);

	guard->io = 0;
	return 0;
}

/* ---- the module ----------------------------------------------------------------------------- */

static const luaL_Reg functions[] = {
	{ "load", NULL },
	{ "put", NULL },
	{ "memory", memory_create },
	{ "memory_text", memory_text },
	{ "struct", struct_create },
	{ "address", address_create },
	{ "io_info", io_info },
	{ "slots_of", slots_of },
	{ "driver_state", driver_state },
	{ "abi", abi },
	{ "clock", monotonic },
	{ "events", events_create },
	{ "event", event },
	{ "view", view },
	{ "bytes_at", bytes_at },
	{ "driver", driver_create },
	{ "driver_closed", driver_closed },
	{ "guard", guard_create },
	{ "disarm", guard_disarm },
	{ "host_create", host_create },
	{ "host_closed", host_closed },
	{ "host_fill", host_fill },
	{ "host_length", host_length },
	{ NULL, NULL },
};

static void metatable(lua_State *L, const char *name, lua_CFunction collect)
{
	luaL_newmetatable(L, name);
	if (collect != NULL) {
		lua_pushcfunction(L, collect);
		lua_setfield(L, -2, "__gc");
	}
	lua_pushliteral(L, "protected");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

int luaopen_abio_core(lua_State *L)
{
	metatable(L, MEMORY, NULL);
	metatable(L, DRIVER, driver_collect);
	metatable(L, GUARD, guard_collect);
	luaL_newlib(L, functions);
	lua_newtable(L);
	lua_setfield(L, -2, "raw");
	lua_pushstring(L, core_hash());
	lua_setfield(L, -2, "hash");
	host_open(L);
	lua_pushliteral(L, "libffi");
	lua_setfield(L, -2, "calls");
	lua_createtable(L, 0, 2);
	set_integer(L, "event", sizeof(struct abio_event));
	set_integer(L, "address", sizeof(struct abio_address));
	lua_setfield(L, -2, "sizes");
	lua_pushvalue(L, -1);
	lua_pushcclosure(L, core_load, 1);
	lua_setfield(L, -2, "load");
	lua_pushlightuserdata(L, NULL);
	lua_pushcclosure(L, put, 1);
	lua_setfield(L, -2, "put");
	return 1;
}
