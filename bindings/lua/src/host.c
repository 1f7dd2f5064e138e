/*
 * host.c: traits that Lua implements.
 *
 * Each slot of abio's implementer tables has one static function here, which calls the function
 * that abio/object.lua puts into the object's Lua side, as `dispatch`, with that Lua side, the
 * slot's number and its arguments.  That function decides what the answer means; this file moves
 * bytes.
 *
 * Lua runs on the coroutine whose call the library is in, and on a spare one when another language
 * of the process made the call.  It runs protected: an error, no memory and a yield are all
 * ABIO_E_HOST here, and nothing is ever raised through the library.
 *
 * What the library knows of an object is a record of its own (struct host), which lives until the
 * close slot was answered.  In Lua a userdata stands for it, held by the driver's table of
 * operations, or by the table of what was lent.  When that userdata is collected first, with its
 * driver or with the whole state, the record is an orphan: what Lua still had to complete is ended,
 * and from then on each slot answers for itself and enters no Lua.  Records find their userdata
 * through a table with weak values: an object keeps no driver alive.
 */
#include <stdlib.h>
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

/* What the library calls `user`. */
struct host {
	const struct abio_api_table *api;
	struct core_state *state; /* NULL: an orphan */
	abio_io io;
	bool closed; /* the library calls nothing of it any more */
};

/* The userdata; its user value is the Lua side, a table. */
struct held_host {
	struct host *host;
};

/* registry[&hosts_key][struct host *] is the userdata. */
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
	struct host *host = entry->host;

	switch (entry->slot) {
	case CLOSE:
		if (host->state == NULL)
			free(host);
		return 1;
	case CANCEL:
		host->api->object_complete(host->io, entry->op, ABIO_E_CANCELED, 0);
		return 1;
	default:
		return ABIO_E_CANCELED;
	}
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
	lua_getiuservalue(L, -1, 1);
	lua_pushliteral(L, "dispatch");
	lua_rawget(L, -2);
	lua_insert(L, -2);
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
	lua_State *L;

	if (state == NULL)
		return without_lua(&entry);
	L = state->entered != NULL ? state->entered : state->spare;
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

int host_create(lua_State *L)
{
	struct core_state *state = core_state(L);
	abio_driver driver = (abio_driver)luaL_checkinteger(L, 1);
	lua_Integer slots = luaL_checkinteger(L, 2);
	uint64_t token = (uint64_t)luaL_checkinteger(L, 4);
	struct tables tables;
	struct held_host *held;
	struct host *host;
	abio_io io = 0;
	int32_t code;

	luaL_checktype(L, 3, LUA_TTABLE);
	fill_tables(&tables, slots);
	held = lua_newuserdatauv(L, sizeof(*held), 1);
	held->host = NULL;
	luaL_setmetatable(L, HOST);
	lua_pushvalue(L, 3);
	lua_setiuservalue(L, -2, 1);
	host = calloc(1, sizeof(*host));
	if (host == NULL)
		return luaL_error(L, "not enough memory");
	held->host = host;
	host->api = state->api;
	host->state = state;
	host->closed = true;
	lua_rawgetp(L, LUA_REGISTRYINDEX, &hosts_key);
	lua_pushvalue(L, -2);
	lua_rawsetp(L, lua_gettop(L) - 1, host);
	lua_pop(L, 1);
	code = state->api->object_create(driver, tables.list, tables.count, host, token, &io);
	if (code < 0) {
		lua_pushnil(L);
		lua_pushinteger(L, code);
		return 2;
	}
	host->closed = false;
	host->io = io;
	lua_pushinteger(L, (lua_Integer)io);
	return 2;
}

int host_closed(lua_State *L)
{
	struct held_host *held = luaL_checkudata(L, 1, HOST);

	held->host->closed = true;
	return 0;
}

/* Ends what Lua was to complete: the keys of `pending` in the Lua side on top of the stack. */
static void end_pending(lua_State *L, const struct host *host)
{
	lua_getfield(L, -1, "pending");
	if (!lua_istable(L, -1))
		return;
	for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1))
		host->api->object_complete(host->io, (uint64_t)lua_tointeger(L, -2),
					   ABIO_E_CANCELED, 0);
}

static int host_collect(lua_State *L)
{
	struct held_host *held = luaL_checkudata(L, 1, HOST);
	struct host *host = held->host;

	held->host = NULL;
	if (host == NULL)
		return 0;
	host->state = NULL;
	if (host->closed) {
		free(host);
		return 0;
	}
	lua_getiuservalue(L, 1, 1);
	end_pending(L, host);
	/* Its close was pending, and is ended with the others. */
	lua_getfield(L, 2, "closing");
	if (lua_toboolean(L, -1))
		free(host);
	return 0;
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
	lua_pushcfunction(L, host_collect);
	lua_setfield(L, -2, "__gc");
	luaL_newmetatable(L, LENT);
	lua_pop(L, 2);
	/* A program may drop the module and load it again: objects of the first are still there. */
	lua_rawgetp(L, LUA_REGISTRYINDEX, &hosts_key);
	if (lua_isnil(L, -1)) {
		lua_newtable(L);
		lua_createtable(L, 0, 1);
		lua_pushliteral(L, "v");
		lua_setfield(L, -2, "__mode");
		lua_setmetatable(L, -2);
		lua_rawsetp(L, LUA_REGISTRYINDEX, &hosts_key);
	}
	lua_pop(L, 1);
	lua_createtable(L, 0, SLOT_COUNT);
	for (index = 0; index < SLOT_COUNT; index++) {
		lua_pushinteger(L, index);
		lua_setfield(L, -2, slot_names[index]);
	}
	lua_setfield(L, -2, "slots");
}
