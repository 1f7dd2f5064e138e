/*
 * host.c: traits that Lua implements.
 *
 * Each slot of abio's implementer tables has one static function here, which calls the one Lua
 * function that abio/object.lua gives (host_dispatch) with the object's Lua side, the slot's number
 * and its arguments.  That function decides what the answer means; this file moves bytes.
 *
 * Lua runs on the coroutine whose call the library is in, and on a spare one when another language
 * of the process made the call.  It runs protected: an error, no memory and a yield are all
 * ABIO_E_HOST here, and nothing is ever raised through the library.
 *
 * An object is a userdata that the driver's table of operations holds until the library says that
 * it is dead, so it is whole for as long as the library knows its address.  From here it is found
 * through a table with weak values: an object keeps no driver alive.  When the driver is collected,
 * or the state closed, no Lua code is entered any more: drain in core.c first ends what waits for
 * Lua (host_abandon), and then every slot answers for itself.
 */
#include <string.h>

#include "core.h"

#define HOST "abio.core.host"
#define LENT "abio.core.lent"
/* A slot takes this much at a time, so that one that takes little does not get much each time. */
#define WRITE_MAX  65536u
#define TABLES_MAX 8

enum host_slot {
	TRY_READ,
	START_READ,
	TRY_WRITE,
	START_WRITE,
	TRY_FLUSH,
	START_FLUSH,
	START_SHUTDOWN,
	START_SEEK,
	START_READ_AT,
	START_WRITE_AT,
	TRY_ACCEPT,
	START_ACCEPT,
	CLOSE,
	CANCEL,
	INTEREST,
	SLOT_COUNT
};

static const char *const slot_names[SLOT_COUNT] = {
	[TRY_READ] = "try_read",
	[START_READ] = "read",
	[TRY_WRITE] = "try_write",
	[START_WRITE] = "write",
	[TRY_FLUSH] = "try_flush",
	[START_FLUSH] = "flush",
	[START_SHUTDOWN] = "shutdown",
	[START_SEEK] = "seek",
	[START_READ_AT] = "read_at",
	[START_WRITE_AT] = "write_at",
	[TRY_ACCEPT] = "try_accept",
	[START_ACCEPT] = "accept",
	[CLOSE] = "close",
	[CANCEL] = "cancel",
	[INTEREST] = "interest",
};

/* Its user value is the Lua side, a table. */
struct host {
	struct core_state *state;
	abio_io io;
};

/* registry[&hosts_key][address] is the userdata. */
static const char hosts_key;

/* Memory of the library's that an operation fills later. */
struct lent {
	void *data;
	uint32_t length;
};

/* One call of a slot. */
struct entry {
	struct host *host;
	enum host_slot slot;
	uint64_t op;
	const void *bytes; /* to Lua */
	void *into;        /* from Lua, now; a start keeps it for later */
	uint32_t length;
	int64_t offset;
	uint64_t *place; /* of the second result, a number */
	int32_t answer;
};

static bool is_start(enum host_slot slot)
{
	return slot == START_READ || slot == START_READ_AT;
}

static void push_lent(lua_State *L, void *data, uint32_t length)
{
	struct lent *lent = lua_newuserdatauv(L, sizeof(*lent), 0);

	lent->data = data;
	lent->length = length;
	luaL_setmetatable(L, LENT);
}

static void take_answer(lua_State *L, struct entry *entry)
{
	int32_t answer;
	size_t size = 0;
	const char *bytes;

	if (lua_type(L, -2) != LUA_TNUMBER)
		return;
	answer = (int32_t)lua_tointeger(L, -2);
	if (answer > 0 && entry->slot == TRY_READ) {
		bytes = lua_tolstring(L, -1, &size);
		if (bytes == NULL || size != (size_t)answer || size > entry->length)
			return;
		memcpy(entry->into, bytes, size);
	}
	if (answer > 0 && entry->place != NULL)
		*entry->place = (uint64_t)lua_tointeger(L, -1);
	entry->answer = answer;
}

/* The Lua side is gone, or going. */
static int32_t without_lua(const struct entry *entry)
{
	return entry->slot == CLOSE ? 1 : ABIO_E_CANCELED;
}

static int run(lua_State *L)
{
	struct entry *entry = lua_touserdata(L, 1);
	struct host *host = entry->host;

	luaL_checkstack(L, 12, "abio: a slot");
	lua_rawgetp(L, LUA_REGISTRYINDEX, &hosts_key);
	lua_rawgetp(L, -1, host);
	if (lua_isnil(L, -1)) {
		entry->answer = without_lua(entry);
		return 0;
	}
	lua_rawgeti(L, LUA_REGISTRYINDEX, host->state->dispatch);
	lua_getiuservalue(L, -2, 1);
	lua_pushinteger(L, entry->slot);
	lua_pushinteger(L, (lua_Integer)entry->op);
	if (entry->bytes != NULL)
		lua_pushlstring(L, entry->bytes, entry->length);
	else if (is_start(entry->slot))
		push_lent(L, entry->into, entry->length);
	else
		lua_pushinteger(L, entry->length);
	lua_pushinteger(L, (lua_Integer)entry->offset);
	lua_call(L, 5, 2);
	take_answer(L, entry);
	return 0;
}

static int32_t enter(struct entry entry)
{
	struct core_state *state = entry.host->state;
	lua_State *L = state->entered != NULL ? state->entered : state->spare;

	if (state->draining)
		return without_lua(&entry);
	entry.answer = ABIO_E_HOST;
	if (!protected_call(L, run, &entry))
		return ABIO_E_HOST;
	return entry.answer;
}

static uint32_t piece(uint32_t length)
{
	return length > WRITE_MAX ? WRITE_MAX : length;
}

/* ---- the slots ------------------------------------------------------------------------------ */

static int32_t try_read(void *user, void *data, uint32_t length)
{
	return enter(
		(struct entry){ .host = user, .slot = TRY_READ, .into = data, .length = length });
}

static int32_t start_read(void *user, uint64_t op, void *data, uint32_t length)
{
	return enter((struct entry){
		.host = user, .slot = START_READ, .op = op, .into = data, .length = length });
}

static int32_t try_write(void *user, const void *data, uint32_t length)
{
	return enter((struct entry){
		.host = user, .slot = TRY_WRITE, .bytes = data, .length = piece(length) });
}

static int32_t start_write(void *user, uint64_t op, const void *data, uint32_t length)
{
	return enter((struct entry){ .host = user,
				     .slot = START_WRITE,
				     .op = op,
				     .bytes = data,
				     .length = piece(length) });
}

static int32_t try_flush(void *user)
{
	return enter((struct entry){ .host = user, .slot = TRY_FLUSH });
}

static int32_t start_flush(void *user, uint64_t op)
{
	return enter((struct entry){ .host = user, .slot = START_FLUSH, .op = op });
}

static int32_t start_shutdown(void *user, uint64_t op)
{
	return enter((struct entry){ .host = user, .slot = START_SHUTDOWN, .op = op });
}

static int32_t start_seek(void *user, uint64_t op, uint32_t whence, int64_t offset,
			  uint64_t *position)
{
	return enter((struct entry){ .host = user,
				     .slot = START_SEEK,
				     .op = op,
				     .length = whence,
				     .offset = offset,
				     .place = position });
}

static int32_t start_read_at(void *user, uint64_t op, void *data, uint32_t length, uint64_t offset)
{
	return enter((struct entry){ .host = user,
				     .slot = START_READ_AT,
				     .op = op,
				     .into = data,
				     .length = length,
				     .offset = (int64_t)offset });
}

static int32_t start_write_at(void *user, uint64_t op, const void *data, uint32_t length,
			      uint64_t offset)
{
	return enter((struct entry){ .host = user,
				     .slot = START_WRITE_AT,
				     .op = op,
				     .bytes = data,
				     .length = piece(length),
				     .offset = (int64_t)offset });
}

static int32_t try_accept(void *user, abio_io *accepted)
{
	return enter((struct entry){ .host = user, .slot = TRY_ACCEPT, .place = accepted });
}

static int32_t start_accept(void *user, uint64_t op, abio_io *accepted)
{
	return enter(
		(struct entry){ .host = user, .slot = START_ACCEPT, .op = op, .place = accepted });
}

static int32_t close_object(void *user, uint64_t op)
{
	return enter((struct entry){ .host = user, .slot = CLOSE, .op = op });
}

static int32_t cancel(void *user, uint64_t op)
{
	return enter((struct entry){ .host = user, .slot = CANCEL, .op = op });
}

static int32_t interest(void *user, uint32_t wanted)
{
	return enter((struct entry){ .host = user, .slot = INTEREST, .length = wanted });
}

/* ---- making one ----------------------------------------------------------------------------- */

/* The tables of an object that has these slots. */
struct tables {
	struct abio_object_impl object;
	struct abio_read_impl read;
	struct abio_write_impl write;
	struct abio_seek_impl seek;
	struct abio_read_at_impl read_at;
	struct abio_write_at_impl write_at;
	struct abio_accept_impl accept;
	const struct abio_table_head *list[TABLES_MAX];
	uint32_t count;
};

static void add(struct tables *tables, struct abio_table_head *head, size_t size, uint32_t trait)
{
	head->size = (uint32_t)size;
	head->trait = trait;
	tables->list[tables->count++] = head;
}

#define ADD(name, trait) add(tables, &tables->name.head, sizeof(tables->name), trait)

static void fill_tables(struct tables *tables, lua_Integer slots)
{
#define HAS(slot) ((slots & (1 << (slot))) != 0)
#define GIVE(slot, place, function)               \
	do {                                      \
		if (HAS(slot))                    \
			tables->place = function; \
	} while (0)
	memset(tables, 0, sizeof(*tables));
	ADD(object, ABIO_TRAIT_OBJECT);
	tables->object.close = close_object;
	tables->object.cancel = cancel;
	GIVE(INTEREST, object.interest, interest);
	if (HAS(TRY_READ) || HAS(START_READ))
		ADD(read, ABIO_TRAIT_READ);
	GIVE(TRY_READ, read.try_read, try_read);
	GIVE(START_READ, read.start_read, start_read);
	if (HAS(TRY_WRITE) || HAS(START_WRITE))
		ADD(write, ABIO_TRAIT_WRITE);
	GIVE(TRY_WRITE, write.try_write, try_write);
	GIVE(START_WRITE, write.start_write, start_write);
	GIVE(TRY_FLUSH, write.try_flush, try_flush);
	GIVE(START_FLUSH, write.start_flush, start_flush);
	GIVE(START_SHUTDOWN, write.start_shutdown, start_shutdown);
	if (HAS(START_SEEK))
		ADD(seek, ABIO_TRAIT_SEEK);
	GIVE(START_SEEK, seek.start_seek, start_seek);
	if (HAS(START_READ_AT))
		ADD(read_at, ABIO_TRAIT_READ_AT);
	GIVE(START_READ_AT, read_at.start_read_at, start_read_at);
	if (HAS(START_WRITE_AT))
		ADD(write_at, ABIO_TRAIT_WRITE_AT);
	GIVE(START_WRITE_AT, write_at.start_write_at, start_write_at);
	if (HAS(TRY_ACCEPT) || HAS(START_ACCEPT))
		ADD(accept, ABIO_TRAIT_ACCEPT);
	GIVE(TRY_ACCEPT, accept.try_accept, try_accept);
	GIVE(START_ACCEPT, accept.start_accept, start_accept);
#undef GIVE
#undef HAS
}

int host_dispatch(lua_State *L)
{
	struct core_state *state = core_state(L);

	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_settop(L, 1);
	if (state->dispatch != 0)
		luaL_unref(L, LUA_REGISTRYINDEX, state->dispatch);
	state->dispatch = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

int host_create(lua_State *L)
{
	struct core_state *state = core_state(L);
	abio_driver driver = (abio_driver)luaL_checkinteger(L, 1);
	lua_Integer slots = luaL_checkinteger(L, 2);
	uint64_t token = (uint64_t)luaL_checkinteger(L, 4);
	struct tables tables;
	struct host *host;
	lua_State *before = state->entered;
	abio_io io = 0;
	int32_t code;

	luaL_checktype(L, 3, LUA_TTABLE);
	fill_tables(&tables, slots);
	host = lua_newuserdatauv(L, sizeof(*host), 1);
	host->state = state;
	host->io = 0;
	luaL_setmetatable(L, HOST);
	lua_pushvalue(L, 3);
	lua_setiuservalue(L, -2, 1);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &hosts_key);
	lua_pushvalue(L, -2);
	lua_rawsetp(L, lua_gettop(L) - 1, host);
	lua_pop(L, 1);
	state->entered = L;
	code = state->api->object_create(driver, tables.list, tables.count, host, token, &io);
	state->entered = before;
	if (code < 0) {
		lua_pushnil(L);
		lua_pushinteger(L, code);
		return 2;
	}
	host->io = io;
	lua_pushinteger(L, (lua_Integer)io);
	return 2;
}

/* The operations that Lua still has are ended; afterwards no slot enters Lua. */
void host_abandon(lua_State *L, int operations)
{
	struct core_state *state = core_state(L);

	if (state->dispatch != 0) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, state->dispatch);
		lua_pushvalue(L, operations);
		/* Without a slot: see abio/object.lua. */
		if (lua_pcall(L, 1, 0, 0) != 0)
			lua_pop(L, 1);
	}
}

int host_fill(lua_State *L)
{
	struct lent *lent = luaL_checkudata(L, 1, LENT);
	size_t size;
	const char *bytes = luaL_checklstring(L, 2, &size);

	luaL_argcheck(L, lent->data != NULL, 1, "filled already");
	luaL_argcheck(L, size <= lent->length, 2, "more than was asked for");
	memcpy(lent->data, bytes, size);
	lent->data = NULL;
	lua_pushinteger(L, (lua_Integer)size);
	return 1;
}

int host_length(lua_State *L)
{
	const struct lent *lent = luaL_checkudata(L, 1, LENT);

	lua_pushinteger(L, lent->length);
	return 1;
}

/* Into the module on top: slots[name] = number. */
void host_open(lua_State *L)
{
	int index;

	luaL_newmetatable(L, HOST);
	luaL_newmetatable(L, LENT);
	lua_pop(L, 2);
	lua_newtable(L);
	lua_createtable(L, 0, 1);
	lua_pushliteral(L, "v");
	lua_setfield(L, -2, "__mode");
	lua_setmetatable(L, -2);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &hosts_key);
	lua_createtable(L, 0, SLOT_COUNT);
	for (index = 0; index < SLOT_COUNT; index++) {
		lua_pushinteger(L, index);
		lua_setfield(L, -2, slot_names[index]);
	}
	lua_setfield(L, -2, "slots");
}
