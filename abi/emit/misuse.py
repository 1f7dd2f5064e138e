"""misuse.h: the rows of conformance.json as C, for a test that knows no function by name."""

from __future__ import annotations

from . import c, cases
from .model import Arg, Description, Function

ABOUT = """misuse.h: every misuse of every public function, as rows a test runs one by one without
knowing a function by name.  Include it in one test file.

For each of the `misuse_count` rows of `misuse_rows` the test fills a fresh struct misuse_handles
(a row may end a handle), then runs misuse_run(row, handles) where row->where says: on its own
thread, on a second one, or in a child of fork that ends by _exit.  misuse_verdict(row, result)
is NULL when the answer is right, else what is wrong with it.  An accepted operation may have
memory of this file, which is static: after each row shut the driver down, poll it empty and close
it, and release every io until it answers ABIO_E_HANDLE (a row may retain).
A new function, trait, struct or flag in the description gets its rows by itself.

Handles: `buffer` is live and not lent, `gone_buffer` was released.  `driver` is live, idle, and pinned to the test's thread; `file` a regular file open for
reading and writing, `stream` a connected socket, `listener` a listening one, `datagram` a datagram socket, `reader` a buffered reader over
a second file, all on `driver` and idle.  Of those abio_query chooses the one that has, or has not, what a row is about.
`shut_driver` is after abio_driver_shutdown, `gone_driver` after abio_driver_close; `closed_io`
after its close has ended and still referenced, `gone_io` after its last release; `random` was
never a handle."""

PRELUDE = """#ifndef ABIO_MISUSE_H
#define ABIO_MISUSE_H

#include <stdint.h>
#include <string.h>

#include "abio.h"

struct misuse_handles {
	abio_driver driver;
	abio_driver shut_driver;
	abio_driver gone_driver;
	abio_io file;
	abio_io stream;
	abio_io listener;
	abio_io datagram;
	abio_io reader;
	abio_buffer buffer;
	abio_buffer gone_buffer;
	abio_io closed_io;
	abio_io gone_io;
	uint64_t random;
};

enum misuse_handle {
%(handles)s
};

enum misuse_change {
%(changes)s
};

enum misuse_where { MISUSE_HERE, MISUSE_THREAD, MISUSE_CHILD };

struct misuse_row {
	const char *function;
	const char *name;
	enum misuse_where where;
	enum misuse_handle handle;
	uint32_t trait;    /* with slot: what the io must have, or lack; 0: any io */
	uint32_t slot;
	uint32_t argument; /* which one is changed */
	enum misuse_change change;
	int32_t code;
	int32_t refused;   /* the answer must be `code`; else it must not */
	int32_t (*call)(uint64_t handle, const struct misuse_handles *all, uint32_t argument,
			enum misuse_change change);
};

/* Answers no function gives. */
enum {
	MISUSE_NO_OBJECT = 0x7ffffff0, /* none of the handles suits the row */
	MISUSE_WROTE = 0x7ffffff1      /* refused, but memory of the host was written */
};

/* One piece of memory for each argument; static, for an accepted operation keeps it. */
enum { MISUSE_FILL = 0xa5, MISUSE_ROOM = 1024, MISUSE_ARGUMENTS = 6 };

static union {
	uint64_t align;
	uint32_t size;
	uint8_t bytes[MISUSE_ROOM];
} misuse_memory[MISUSE_ARGUMENTS], misuse_before[MISUSE_ARGUMENTS];

/* Memory to read: one letter and zeroes. */
static void *misuse_in(uint32_t index, int change)
{
	memset(&misuse_memory[index], 0, sizeof(misuse_memory[index]));
	misuse_memory[index].bytes[0] = 'x';
	return change ? NULL : &misuse_memory[index];
}

/* Memory to be filled. */
static void *misuse_out(uint32_t index, int change)
{
	memset(&misuse_memory[index], MISUSE_FILL, sizeof(misuse_memory[index]));
	return change ? NULL : &misuse_memory[index];
}

static void *misuse_vector(uint32_t index, int change)
{
	static uint8_t byte;
	struct abio_iovec vector = {&byte, 1};

	memset(&misuse_memory[index], 0, sizeof(misuse_memory[index]));
	memcpy(&misuse_memory[index], &vector, sizeof(vector));
	return change ? NULL : &misuse_memory[index];
}

static const struct abio_table_head *const *misuse_tables(int change)
{
	static const struct abio_table_head table = {
		.size = sizeof(table), .trait = ABIO_TRAIT_OBJECT};
	static const struct abio_table_head *const tables[] = {&table};

	return change ? NULL : tables;
}

/* A handle beside the first. */
static uint64_t misuse_other(const struct misuse_handles *all, enum misuse_change change,
			     uint64_t good)
{
	if (change == MISUSE_NO_HANDLE)
		return 0;
	return change == MISUSE_OTHER_KIND ? all->driver : good;
}

/*
 * A struct that begins with its size: zero behind it, or `fill` where it is to be filled.
 * `flags` is the offset of that member.
 */
static void *misuse_struct(uint32_t index, enum misuse_change change, uint32_t size,
			   uint32_t minimum, uint32_t flags, int fill)
{
	const uint32_t unknown = 0x80000000u;

	memset(&misuse_memory[index], fill, sizeof(misuse_memory[index]));
	misuse_memory[index].size = size;
	if (change == MISUSE_EMPTY)
		misuse_memory[index].size = 0;
	if (change == MISUSE_SHORT)
		misuse_memory[index].size = minimum - 1;
	if (change == MISUSE_LONG || change == MISUSE_DIRTY)
		misuse_memory[index].size = size + 8;
	if (change == MISUSE_INNER_FLAG)
		memcpy(&misuse_memory[index].bytes[flags], &unknown, sizeof(unknown));
	if (change == MISUSE_DIRTY)
		misuse_memory[index].bytes[size + 7] = 1;
	return change == MISUSE_NULL ? NULL : &misuse_memory[index];
}

static uint32_t misuse_flags(enum misuse_change change, uint32_t good, uint32_t unknown)
{
	if (change == MISUSE_FLAG)
		return good | unknown;
	return change == MISUSE_HIGH_FLAG ? good | 0x80000000u : good;
}

static uint32_t misuse_number(enum misuse_change change, uint32_t good)
{
	if (change == MISUSE_SMALL)
		return good - 8;
	if (change == MISUSE_ODD)
		return good + 4;
	return change == MISUSE_NO_ROOM ? 0 : good;
}

/* What is wrong with argument `index`, while the arguments of a call are made. */
static enum misuse_change misuse_at(uint32_t index, uint32_t argument, enum misuse_change change)
{
	return index == argument ? change : MISUSE_NOTHING;
}

/* Between the making of the arguments and the call. */
static void misuse_remember(void)
{
	memcpy(misuse_before, misuse_memory, sizeof(misuse_before));
}

static int32_t misuse_answer(int32_t result)
{
	if (result < 0 && memcmp(misuse_before, misuse_memory, sizeof(misuse_before)))
		return MISUSE_WROTE;
	return result;
}

/* What a good call made is not the row's business. */
static inline void misuse_drop(int32_t result, uint64_t handle, int driver)
{
	if (result < 0 || result == MISUSE_WROTE)
		return;
	if (driver)
		abio_driver_close(handle);
	else if (abio_release(handle) < 0)
		abio_buffer_release(handle);
}

/* A struct that was filled: zero where the library knows nothing, untouched behind its size. */
static int32_t misuse_filled(int32_t result, uint32_t index, uint32_t known)
{
	const uint8_t *before = misuse_before[index].bytes;
	const uint8_t *after = misuse_memory[index].bytes;
	uint32_t size = misuse_before[index].size;
	uint32_t i;

	if (size > MISUSE_ROOM || memcmp(before, after, sizeof(size)))
		return MISUSE_WROTE;
	if (memcmp(before + size, after + size, MISUSE_ROOM - size))
		return MISUSE_WROTE;
	for (i = known; result >= 0 && i < size; i++)
		if (after[i])
			return MISUSE_WROTE;
	return result;
}"""

POSTLUDE = """
static int misuse_has(abio_io io, uint32_t trait, uint32_t slot)
{
	struct abio_trait_info info = {.size = sizeof(info)};

	return abio_query(io, trait, &info) >= 0 && (info.slots >> slot & 1);
}

/* The first io that has, or has not, the slot; 0 when there is none. */
static inline abio_io misuse_choose(const struct misuse_handles *all, uint32_t trait, uint32_t slot,
				    int want)
{
	const abio_io ios[] = {all->stream, all->file, all->listener, all->datagram,
			       all->reader};
	uint32_t index;

	if (!trait)
		return all->stream;
	for (index = 0; index < sizeof(ios) / sizeof(ios[0]); index++)
		if (misuse_has(ios[index], trait, slot) == want)
			return ios[index];
	return 0;
}

/* The handle a row is about.  Chosen before a thread or child is made: it asks abio_query. */
static inline uint64_t misuse_handle(const struct misuse_row *row, const struct misuse_handles *all)
{
	switch (row->handle) {
	case MISUSE_NONE:
	case MISUSE_ZERO:
		return 0;
	case MISUSE_RANDOM:
		return all->random;
	case MISUSE_DRIVER:
		return all->driver;
	case MISUSE_SHUT_DRIVER:
		return all->shut_driver;
	case MISUSE_GONE_DRIVER:
		return all->gone_driver;
	case MISUSE_IO:
		return misuse_choose(all, row->trait, row->slot, 1);
	case MISUSE_LACKING_IO:
		return misuse_choose(all, row->trait, row->slot, 0);
	case MISUSE_CLOSED_IO:
		return all->closed_io;
	case MISUSE_GONE_IO:
		return all->gone_io;
	case MISUSE_BUFFER:
		return all->buffer;
	case MISUSE_GONE_BUFFER:
		return all->gone_buffer;
	}
	return 0;
}

/* Makes the row's call with the handle misuse_handle gave. */
static inline int32_t misuse_run(const struct misuse_row *row, uint64_t handle,
				 const struct misuse_handles *all)
{
	if (!handle && (row->handle == MISUSE_IO || row->handle == MISUSE_LACKING_IO))
		return MISUSE_NO_OBJECT;
	return row->call(handle, all, row->argument, row->change);
}

/* NULL when the answer is right. */
static inline const char *misuse_verdict(const struct misuse_row *row, int32_t result)
{
	if (result == MISUSE_NO_OBJECT)
		return "no handle suits the row";
	if (result == MISUSE_WROTE)
		return "memory was written that must not be";
	if (row->refused && result != row->code)
		return "another answer than the documented code";
	if (!row->refused && result == row->code)
		return "refused, and must not be";
	return NULL;
}

#endif
"""


def value(desc: Description, index: int, arg: Arg) -> str:
    """The expression of one argument of a call."""
    kind = arg.type
    change = f"misuse_at({index}, argument, change)"
    number = cases.good(desc, arg)
    if number == "handle":
        return "handle"
    if number == "driver":
        return "all->driver"
    if kind.kind == "in_bytes":
        return f"misuse_in({index}, {change} == MISUSE_NULL)"
    if kind.kind in ("out_bytes", "out", "events"):
        return f"misuse_out({index}, {change} == MISUSE_NULL)"
    if kind.kind == "also_io":
        return f"misuse_other(all, {change}, all->file)"
    if kind.kind == "also_buffer":
        return f"misuse_other(all, {change}, all->buffer)"
    if kind.kind == "user":
        return "NULL"
    if kind.kind == "tables":
        return f"misuse_tables({change} == MISUSE_NULL)"
    if kind.kind in ("in_array", "inout_array", "in", "inout"):
        return f"misuse_vector({index}, {change} == MISUSE_NULL)"
    if kind.kind in ("in_struct", "out_struct", "lent_struct"):
        struct = desc.structs[kind.of]
        fill = "0" if kind.kind == "in_struct" else "MISUSE_FILL"
        flags = next((f.offset for f in struct.fields if f.name == "flags"), 0)
        return f"misuse_struct({index}, {change}, {struct.size}, {struct.minimum}, {flags}, {fill})"
    if kind.kind == "flags":
        return f"misuse_flags({change}, {number}, {cases.unknown_bit(desc, kind.of):#x})"
    if arg.name in ("stride", "capacity"):
        return f"misuse_number({change}, {number})"
    return str(number)


def caller(desc: Description, function: Function) -> list[str]:
    """One function for each public one: makes the arguments, calls, looks at the memory."""
    lines = [
        "",
        c.fold(
            f"static int32_t misuse_{function.name}(uint64_t handle, const struct misuse_handles *all, "
            "uint32_t argument, enum misuse_change change)"
        ),
        "{",
    ]
    names, fills, made = [], [], []
    for index, arg in enumerate(function.args):
        lines.append(
            c.fold(c.declare(c.arg_type(arg), f"a{index}") + f" = {value(desc, index, arg)};", "\t")
        )
        names.append(f"a{index}")
        if arg.type.kind == "out" and arg.type.of in ("io", "driver", "buffer"):
            made.append((f"a{index}", int(arg.type.of == "driver")))
        if arg.type.kind == "out_struct":
            fills.append((index, desc.structs[arg.type.of].size))
    lines += [
        "\tint32_t result;",
        "",
        "\t(void)handle, (void)all, (void)argument, (void)change;",
        "\tmisuse_remember();",
        f"\tresult = misuse_answer(abio_{function.name}({', '.join(names)}));",
    ]
    for index, size in fills:
        lines.append(f"\tresult = misuse_filled(result, {index}, {size});")
    for name, driver in made:
        lines.append(f"\tif ({name})\n\t\tmisuse_drop(result, *{name}, {driver});")
    return lines + ["\treturn result;", "}"]


def row(desc: Description, case: cases.Case) -> str:
    function = desc.function(case.function)
    trait, slot = "0", 0
    if function.is_slot:
        trait = next(f"ABIO_TRAIT_{t.id}" for t in desc.traits if t.name == function.trait)
        slot = function.slot
    index = next((i for i, a in enumerate(function.args) if a.name == case.argument), 0)
    change = "nothing" if case.change == "none" else case.change
    return (
        f'\t{{"abio_{case.function}", "{case.name}", MISUSE_{case.where.upper()},\n'
        f"\t MISUSE_{case.handle.upper()}, {trait}, {slot}, {index}, MISUSE_{change.upper()},\n"
        f"\t {case.code}, {int(case.refused)}, misuse_{case.function}}},"
    )


def emit(desc: Description) -> str:
    rows = cases.cases(desc)
    used = {case.function for case in rows}
    handles = [
        f"{c.comment(text, chr(9))}\n\tMISUSE_{name.upper()},"
        for name, text in cases.HANDLES.items()
    ]
    changes = ["\tMISUSE_NOTHING,"]
    for name, text in cases.CHANGES.items():
        if name != "none":
            changes += [c.comment(text, "\t"), f"\tMISUSE_{name.upper()},"]
    out = [
        c.banner(desc, ABOUT),
        PRELUDE % {"handles": "\n".join(handles), "changes": "\n".join(changes)},
    ]
    for function in desc.functions:
        if function.name in used:
            out += caller(desc, function)
    out += [
        "",
        "static const struct misuse_row misuse_rows[] = {",
        *[row(desc, case) for case in rows],
    ]
    out += [
        "};",
        "",
        "enum { misuse_count = sizeof(misuse_rows) / sizeof(misuse_rows[0]) };",
        POSTLUDE,
    ]
    return "\n".join(out)
