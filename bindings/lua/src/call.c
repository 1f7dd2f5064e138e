/*
 * call.c: every function of libabio as a Lua function, through libffi.
 *
 * A function is one row of descriptors.h: none is written out by hand, so a new one is there as
 * soon as it is described.  A Lua function takes the arguments as described, without those that
 * only bring a number back, and returns the code and these numbers.  A length that does not fit the
 * memory it comes with is a Lua error.  An address that only passes through is a number.
 *
 * It owns the loaded library: a userdata of the Lua state, which lives as long as the state does,
 * whatever becomes of the module: functions and guards point into it.  A module that is loaded
 * again finds the same one.  Any call may enter what Lua implements (host.c), so each notes the
 * coroutine it came from.
 */
#define _GNU_SOURCE /* dladdr */
#include <dlfcn.h>
#include <ffi.h>
#include <string.h>

#include "core.h"
#include "descriptors.h"

#define ARGUMENTS_MAX 6

struct call {
	const struct descriptor *row;
	struct core_state *state;
	void (*function)(void);
	ffi_type *types[ARGUMENTS_MAX];
	ffi_cif cif;
};

struct library {
	struct core_state state;
	void *loaded; /* by dlopen */
	struct call calls[DESCRIPTOR_COUNT];
};

static const char library_key;

struct core_state *core_state(lua_State *L)
{
	struct library *library;

	lua_rawgetp(L, LUA_REGISTRYINDEX, &library_key);
	library = lua_touserdata(L, -1);
	lua_pop(L, 1);
	if (library == NULL)
		luaL_error(L, "abio: the library is not loaded");
	return &library->state;
}

const struct abio_api_table *core_api(lua_State *L)
{
	return core_state(L)->api;
}

const char *core_hash(void)
{
	return DESCRIPTOR_HASH;
}

union value {
	uint64_t u64;
	int64_t i64;
	uint32_t u32;
	int32_t i32;
	uintptr_t address;
	const void *pointer;
};

static ffi_type *type_of(char code)
{
	switch (code) {
	case 'h':
	case 'q':
		return &ffi_type_uint64;
	case 'l':
		return &ffi_type_sint64;
	case 'u':
		return &ffi_type_uint32;
	case 'i':
		return &ffi_type_sint32;
	default:
		return &ffi_type_pointer;
	}
}

const void *core_bytes(lua_State *L, int index, bool writable, size_t *size)
{
	struct memory *memory;

	*size = 0;
	if (lua_isnoneornil(L, index))
		return NULL;
	if (!writable && lua_type(L, index) == LUA_TSTRING)
		return lua_tolstring(L, index, size);
	memory = luaL_checkudata(L, index, MEMORY);
	*size = memory->size;
	return memory->data;
}

void core_check_struct(lua_State *L, int index, const void *data, size_t size)
{
	uint32_t said;

	if (data == NULL)
		return;
	luaL_argcheck(L, size >= sizeof(said), index, "struct too short");
	memcpy(&said, data, sizeof(said));
	luaL_argcheck(L, said <= size, index, "struct shorter than its size");
}

static void take_number(lua_State *L, int index, char code, union value *value)
{
	lua_Integer number = luaL_checkinteger(L, index);

	switch (code) {
	case 'u':
		luaL_argcheck(L, number >= 0 && number <= UINT32_MAX, index, "not a uint32");
		value->u32 = (uint32_t)number;
		break;
	case 'i':
		luaL_argcheck(L, number >= INT32_MIN && number <= INT32_MAX, index, "not an int32");
		value->i32 = (int32_t)number;
		break;
	case 'l':
		value->i64 = number;
		break;
	case 'p':
		value->address = (uintptr_t)number;
		break;
	default:
		value->u64 = (uint64_t)number;
	}
}

/* A struct that does not say its own size, struct abio_readbuf, is as long as the description says.
 */
static bool sized(const struct descriptor *row, int index)
{
	return row->size[index] != sizeof(struct abio_readbuf) || row->codes[index] == 'o';
}

/* One argument; `sizes` keeps what is behind a pointer until the lengths are known. */
static void take(lua_State *L, const struct descriptor *row, int index, union value *value,
		 size_t *size)
{
	char code = row->codes[index];

	switch (code) {
	case 'b':
	case 's':
	case 'o':
		value->pointer = core_bytes(L, index + 1, false, size);
		if (code != 'b' && sized(row, index))
			core_check_struct(L, index + 1, value->pointer, *size);
		break;
	case 'a':
	case 'B':
	case 'S':
	case 'e':
	case 'n':
	case 'r':
	case 't':
		value->pointer = core_bytes(L, index + 1, true, size);
		if (code == 'S' || code == 'n')
			core_check_struct(L, index + 1, value->pointer, *size);
		break;
	default:
		take_number(L, index + 1, code, value);
	}
}

static uint64_t element(const struct descriptor *row, int index)
{
	switch (row->codes[index]) {
	case 'a':
		return row->size[index];
	case 't':
		return sizeof(void *);
	default:
		return 1;
	}
}

static void check_lengths(lua_State *L, const struct descriptor *row, const union value *values,
			  const size_t *sizes)
{
	int index;

	for (index = 0; index < row->count; index++) {
		int counter = row->length[index];
		uint64_t need;

		if (counter >= 0)
			need = (uint64_t)values[counter].u32 * element(row, index);
		else if (row->codes[index] == 'e')
			need = (uint64_t)values[index + 1].u32 * values[index + 2].u32;
		else if (row->codes[index] == 'r' ||
			 (row->codes[index] == 's' && !sized(row, index)))
			need = row->size[index];
		else
			continue;
		if (values[index].pointer != NULL)
			luaL_argcheck(L, need <= sizes[index], index + 1, "shorter than said");
	}
}

static int push_out(lua_State *L, char code, const union value *value)
{
	switch (code) {
	case 'U':
		lua_pushinteger(L, (lua_Integer)value->u32);
		return 1;
	case 'I':
		lua_pushinteger(L, (lua_Integer)value->i32);
		return 1;
	case 'Q':
	case 'L':
		lua_pushinteger(L, (lua_Integer)value->i64);
		return 1;
	case 'P':
		lua_pushinteger(L, (lua_Integer)value->address);
		return 1;
	default:
		return 0;
	}
}

static int call(lua_State *L)
{
	struct call *call = lua_touserdata(L, lua_upvalueindex(1));
	const struct descriptor *row = call->row;
	lua_State *before;
	union value values[ARGUMENTS_MAX] = { { 0 } };
	union value outs[ARGUMENTS_MAX] = { { 0 } };
	size_t sizes[ARGUMENTS_MAX] = { 0 };
	void *arguments[ARGUMENTS_MAX];
	union {
		ffi_sarg number;
		const char *text;
	} result;
	int index, pushed = 1;

	for (index = 0; index < row->count; index++) {
		arguments[index] = &values[index];
		if (strchr("UIQLP", row->codes[index]) != NULL)
			values[index].pointer = &outs[index];
		else
			take(L, row, index, &values[index], &sizes[index]);
	}
	check_lengths(L, row, values, sizes);
	before = call->state->entered;
	call->state->entered = L;
	ffi_call(&call->cif, call->function, &result, arguments);
	call->state->entered = before;
	if (row->result == 'z') {
		lua_pushstring(L, result.text);
		return 1;
	}
	lua_pushinteger(L, (int32_t)result.number);
	for (index = 0; index < row->count; index++)
		pushed += push_out(L, row->codes[index], &outs[index]);
	return pushed;
}

static bool prepare(struct call *call, const struct descriptor *row, struct core_state *state,
		    void *library)
{
	ffi_type *result = row->result == 'z' ? &ffi_type_pointer : &ffi_type_sint32;
	void *symbol = dlsym(library, row->name);
	unsigned int index;

	call->row = row;
	call->state = state;
	memcpy(&call->function, &symbol, sizeof(symbol));
	for (index = 0; index < row->count; index++)
		call->types[index] = type_of(row->codes[index]);
	return symbol != NULL &&
	       ffi_prep_cif(&call->cif, FFI_DEFAULT_ABI, row->count, result, call->types) == FFI_OK;
}

/* raw[name] for every function the library has, under its name without "abio_". */
static void bind(lua_State *L, struct library *library)
{
	unsigned int index;

	for (index = 0; index < DESCRIPTOR_COUNT; index++) {
		struct call *one = &library->calls[index];

		if (!prepare(one, &descriptors[index], &library->state, library->loaded))
			continue;
		lua_pushlightuserdata(L, one);
		lua_pushcclosure(L, call, 1);
		lua_setfield(L, -2, descriptors[index].name + strlen("abio_"));
	}
}

/* Keeps this module in memory.  LuaJIT closes modules among the last finalizers, and then runs
 * those of what finalizers have made meanwhile: guards, whose finalizer is here. */
static void stay_loaded(void)
{
	Dl_info self;

	if (dladdr(&library_key, &self) != 0)
		dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

/* The library of this state, or a new one.  Another copy of it is a library of its own, beside the
 * first. */
static struct library *library_of(lua_State *L, void *loaded)
{
	struct library *library;

	lua_rawgetp(L, LUA_REGISTRYINDEX, loaded);
	library = lua_touserdata(L, -1);
	lua_pop(L, 1);
	if (library != NULL)
		return library;
	stay_loaded();
	library = lua_newuserdatauv(L, sizeof(*library), 0);
	memset(library, 0, sizeof(*library));
	library->loaded = loaded;
	lua_rawsetp(L, LUA_REGISTRYINDEX, loaded);
	/* Held by the registry: where slots run when another language of the process polls. */
	library->state.spare = lua_newthread(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &library->state.spare);
	return library;
}

/* load(path, present): true, or nil and why not; with `present` only what is loaded already. */
int core_load(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	const struct abio_api_table *(*api)(uint32_t major);
	const struct abio_api_table *table;
	struct library *library;
	void *loaded = dlopen(path,
			      RTLD_NOW | RTLD_LOCAL | (lua_toboolean(L, 2) ? RTLD_NOLOAD : 0));
	void *symbol = loaded == NULL ? NULL : dlsym(loaded, "abio_api");

	if (symbol == NULL) {
		const char *why = dlerror();

		lua_pushnil(L);
		lua_pushstring(L, why != NULL ? why : "not loaded");
		return 2;
	}
	memcpy(&api, &symbol, sizeof(symbol));
	table = api(DESCRIPTOR_MAJOR);
	if (table == NULL) {
		lua_pushnil(L);
		lua_pushfstring(L, "%s: has no version %d", path, DESCRIPTOR_MAJOR);
		return 2;
	}
	library = library_of(L, loaded);
	library->state.api = table;
	lua_rawgetp(L, LUA_REGISTRYINDEX, loaded);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &library_key);
	lua_getfield(L, lua_upvalueindex(1), "raw");
	bind(L, library);
	lua_pushboolean(L, 1);
	return 1;
}
