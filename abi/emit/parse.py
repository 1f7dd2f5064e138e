"""Reads abio.toml, refuses what is malformed, fills in defaults.

Owns the closed set of types and every rule a description must keep.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from typing import Any

from .errnos import errnos
from .model import (
    FIRST,
    HANDLES,
    Arg,
    Bad,
    Constants,
    Description,
    Field,
    Function,
    Impl,
    ImplSlot,
    Struct,
    Trait,
    Type,
    Value,
    canonical,
    plain_of,
    version_key,
)

NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
CONSTANT = re.compile(r"[A-Z][A-Z0-9_]*\Z")
VERSION = re.compile(r"\d+\.\d+\Z")
WORDS = frozenset(
    """alignas alignof and asm auto bool break case catch char class const constexpr continue default
    delete do double else enum explicit export extern false float for friend goto if inline int long
    mutable namespace new not nullptr operator or private protected public register restrict return
    short signed sizeof static struct switch template this throw true try typedef typeid typename
    union unsigned using virtual void volatile while xor""".split()
)
LOCALS = frozenset({"self", "slots", "error", "head"})
INTEGERS = {"u16": 2, "u32": 4, "i32": 4, "u64": 8, "i64": 8}
OUT = ("io", "driver", "buffer", "u32", "i32", "i64", "u64", "ptr", "cptr")
# struct abio_trait_info.slots has 64 bits.
SLOTS_MAX = 64
CALLS = ("fast", "system", "blocks")
# What the generated code and the sentences of the generator themselves speak of.
NEEDED = {
    "CODE": "WOULD_BLOCK PENDING",
    "ERROR": "HANDLE CLOSED FORKED WRONG_THREAD UNSUPPORTED TOO_NEW ARGUMENT CANCELED",
    "CLASS": "NONE",
    "TRAIT": "OBJECT",
    "CAP": "CALLS_HOST",
}


KINDS = {str: "a text", int: "an integer", bool: "true or false", list: "a list", dict: "a table"}


def take(item: str, table: dict[str, Any], key: str, kind: type, default: Any = None) -> Any:
    """One key of a table, of the right TOML type; without a default it must be there."""
    if not isinstance(table, dict):
        raise Bad(item, f"must be a table, not {table!r}")
    if key not in table:
        if default is None:
            raise Bad(item, f"has no `{key}`")
        return default
    value = table[key]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise Bad(item, f"`{key}` must be {KINDS[kind]}, not {value!r}")
    return value


def known(item: str, table: dict[str, Any], keys: str) -> None:
    for key in table:
        if key not in keys.split():
            raise Bad(item, f"unknown key `{key}`")


def text_of(item: str, text: Any) -> str:
    if not isinstance(text, str) or not text.strip():
        raise Bad(item, "needs a text")
    if "*/" in text or "/*" in text or not text.isascii():
        raise Bad(item, "its text must be ASCII and free of comment marks")
    return text.strip()


def name_of(item: str, table: dict[str, Any]) -> str:
    name = take(item, table, "name", str)
    if not NAME.match(name) or name in WORDS:
        raise Bad(f"{item} {name!r}", "is not a usable lower-case name")
    return name


def brief_of(item: str, table: dict[str, Any]) -> str:
    """What a function does, in the few words that a list of functions has room for."""
    if "brief" not in table:
        return ""
    brief = text_of(item, table["brief"])
    if len(brief) > 72 or brief.endswith(".") or "\n" in brief:
        raise Bad(item, "`brief` must be one phrase of at most 72 characters, without a full stop")
    return brief


def since_of(item: str, table: dict[str, Any]) -> str:
    since = take(item, table, "since", str, FIRST)
    if not VERSION.match(since):
        raise Bad(item, f'`since` must be a version like "0.1", not {since!r}')
    return since


def rows(item: str, table: dict[str, Any], key: str, least: int, most: int) -> list[list[Any]]:
    found = take(item, table, key, list, [])
    for row in found:
        if not isinstance(row, list) or not least <= len(row) <= most:
            raise Bad(item, f"an entry of `{key}` must be a list of {least} to {most}: {row!r}")
        if not isinstance(row[0], str):
            raise Bad(item, f"an entry of `{key}` must start with a name: {row!r}")
    return found


def read_constants(out: Description, raw: dict[str, Any]) -> None:
    seen: dict[str, str] = {}
    groups: set[str] = set()
    for table in raw.get("constants", []):
        group = take("constants", table, "group", str)
        item = f"constants {group}"
        known(item, table, "group prefix text values")
        prefix = take(item, table, "prefix", str)
        if group in groups or group == "NONE" or not CONSTANT.match(group):
            raise Bad(item, "group is there twice, or not a usable name")
        groups.add(group)
        values, numbers = [], set()
        for row in rows(item, table, "values", 3, 4):
            name, number, text = row[:3]
            if not CONSTANT.match(prefix + name):
                raise Bad(f"{item}.{name}", "is not a usable upper-case name")
            if (
                not isinstance(number, int)
                or isinstance(number, bool)
                or not -(2**31) <= number < 2**31
            ):
                raise Bad(f"{item}.{name}", f"must be a number of 32 bits, not {number!r}")
            if prefix + name in seen:
                raise Bad(f"{item}.{name}", f"is already in {seen[prefix + name]}")
            if number in numbers:
                raise Bad(f"{item}.{name}", f"has the number {number} of another")
            seen[prefix + name] = item
            numbers.add(number)
            where = f"{item}.{name}"
            since = since_of(where, {"since": row[3]} if len(row) == 4 else {})
            values.append(Value(name, number, text_of(where, text), since))
        if not values:
            raise Bad(item, "has no values")
        out.constants.append(
            Constants(group, prefix, text_of(item, table.get("text")), tuple(values))
        )
    for group, names in NEEDED.items():
        have = {v.name for g in out.constants if g.group == group for v in g.values}
        for name in names.split():
            if name not in have:
                raise Bad(f"constants {group}", f"must have {name}")


def field_layout(item: str, kind: Any, out: Description) -> tuple[int, int]:
    """Size and alignment of a field's type on a 64-bit platform."""
    if not isinstance(kind, str):
        raise Bad(item, f"the type must be a string, not {kind!r}")
    if kind in INTEGERS:
        return INTEGERS[kind], INTEGERS[kind]
    if kind in ("ptr", "cptr"):
        return 8, 8
    array = re.match(r"u8\[(\d+)\]\Z", kind)
    if array and int(array[1]) > 0:
        return int(array[1]), 1
    if kind.startswith("struct "):
        inner = out.structs.get(kind[7:])
        if inner is None:
            raise Bad(item, f"unknown struct in type {kind!r} (a struct stands before its use)")
        return inner.size, inner.align
    raise Bad(item, f"unknown type {kind!r}")


def read_structs(out: Description, raw: dict[str, Any]) -> None:
    for table in raw.get("struct", []):
        name = name_of("struct", table)
        item = f"struct {name}"
        known(item, table, "name kind doc fields since")
        if name in out.structs:
            raise Bad(item, "is there twice")
        kind = take(item, table, "kind", str)
        if kind not in ("frozen", "sized", "out"):
            raise Bad(item, f"`kind` must be frozen, sized or out, not {kind!r}")
        since = since_of(item, table)
        fields: list[Field] = []
        offset, align = 0, 1
        for row in rows(item, table, "fields", 3, 4):
            where = f"{item}.{row[0]}"
            if not NAME.match(row[0]) or row[0] in WORDS or row[0] in [f.name for f in fields]:
                raise Bad(where, "is not a usable name, or there twice")
            size, own = field_layout(where, row[1], out)
            if offset % own:
                raise Bad(
                    where,
                    f"at offset {offset} needs implicit padding; reorder or add a reserved field",
                )
            added = since_of(where, {"since": row[3]}) if len(row) == 4 else since
            if fields and version_key(added) < version_key(fields[-1].since):
                raise Bad(where, "is older than the field before it; fields are only appended")
            fields.append(Field(row[0], row[1], text_of(where, row[2]), added, offset, size))
            offset += size
            align = max(align, own)
        if not fields:
            raise Bad(item, "has no fields")
        if offset % align:
            raise Bad(
                item, f"its {offset} bytes need implicit padding at the end; add a reserved field"
            )
        if kind != "frozen" and (fields[0].name, fields[0].type) != ("size", "u32"):
            raise Bad(item, "must begin with `size`, a u32")
        if kind == "frozen" and fields[-1].since != since:
            raise Bad(item, "is frozen and cannot get new fields")
        out.structs[name] = Struct(
            name, kind, text_of(item, table.get("doc")), since, tuple(fields), offset, align
        )


def read_type(item: str, text: Any, out: Description, names: dict[str, str]) -> Type:
    """A type of the closed set; `names` are the function's arguments and their types."""
    if not isinstance(text, str):
        raise Bad(item, f"the type must be a string, not {text!r}")
    head, *rest = text.split(":")
    plain = (
        *("driver", "io", "buffer", "handle", "also_io", "also_buffer", "user"),
        *("u32", "i32", "u64", "i64", "token", "events"),
    )
    if head in plain and not rest:
        return Type(head)
    if head == "flags" and len(rest) == 1:
        if rest[0] != "NONE":
            groups = [g for g in out.constants if g.group == rest[0]]
            if not groups:
                raise Bad(item, f"there is no group of constants {rest[0]!r}")
            if not groups[0].bits:
                raise Bad(item, f"the constants of {rest[0]} are not bits, so they are no flags")
        return Type("flags", rest[0])
    if head in ("in_bytes", "out_bytes") and len(rest) == 1:
        if names.get(rest[0]) != "u32":
            raise Bad(item, f"its length {rest[0]!r} is not a u32 argument of the function")
        return Type(head, length=rest[0])
    if head in ("in_array", "inout_array") and len(rest) == 2:
        if rest[0] not in out.structs or out.structs[rest[0]].kind != "frozen":
            raise Bad(item, f"{rest[0]!r} is not a frozen struct")
        if names.get(rest[1]) != "u32":
            raise Bad(item, f"its count {rest[1]!r} is not a u32 argument of the function")
        return Type(head, rest[0], rest[1])
    if head == "tables" and len(rest) == 1:
        if names.get(rest[0]) != "u32":
            raise Bad(item, f"its count {rest[0]!r} is not a u32 argument of the function")
        return Type(head, length=rest[0])
    if head in ("in", "inout") and len(rest) == 1:
        if rest[0] not in out.structs or out.structs[rest[0]].kind != "frozen":
            raise Bad(item, f"{rest[0]!r} is not a frozen struct")
        return Type(head, rest[0])
    if head in ("in_struct", "in_struct?", "lent_struct?", "out_struct") and len(rest) == 1:
        want = "out" if head == "out_struct" else "sized"
        if rest[0] not in out.structs or out.structs[rest[0]].kind != want:
            raise Bad(item, f"{rest[0]!r} is not a struct of kind {want}")
        return Type(head.rstrip("?"), rest[0], optional=head.endswith("?"))
    if head == "out" and len(rest) == 1 and rest[0] in OUT:
        return Type("out", rest[0])
    raise Bad(item, f"unknown type {text!r}")


def read_args(item: str, table: dict[str, Any], out: Description) -> tuple[Arg, ...]:
    args: list[Arg] = []
    pairs = rows(item, table, "args", 2, 3)
    names = {row[0]: row[1] for row in pairs if isinstance(row[1], str)}
    if len({row[0] for row in pairs}) != len(pairs):
        raise Bad(item, "two arguments have one name")
    if len(pairs) > 6:
        raise Bad(item, f"has {len(pairs)} arguments; at most 6 go in registers")
    for index, row in enumerate(pairs):
        where = f"{item}({row[0]})"
        if not NAME.match(row[0]) or row[0] in WORDS or row[0] in LOCALS:
            raise Bad(where, "is not a usable argument name")
        kind = read_type(where, row[1], out, names)
        if kind.kind in HANDLES and index:
            raise Bad(where, "a handle is the first argument or a u64")
        if kind.kind == "events" and [r[:2] for r in pairs[index + 1 : index + 3]] != [
            ["stride", "u32"],
            ["capacity", "u32"],
        ]:
            raise Bad(where, "events must be followed by u32 stride and u32 capacity")
        args.append(Arg(row[0], kind, text_of(where, row[2]) if len(row) == 3 else ""))
    return tuple(args)


def read_functions(out: Description, raw: dict[str, Any]) -> None:
    codes = {v.name for g in out.constants if g.group in ("CODE", "ERROR") for v in g.values}
    system = {"-" + name for _, name, _, _ in errnos()}
    slots = {name: (t, i) for t in out.traits for i, name in enumerate(t.slots)}
    seen: set[str] = set()
    for table in raw.get("function", []):
        name = name_of("function", table)
        item = f"function {name}"
        known(
            item,
            table,
            "name brief args returns thread calls start closed_ok forked released_ok calls_host since doc "
            "errors",
        )
        if name in seen or name == "api":
            raise Bad(item, "is there twice, or a name of the generator's")
        seen.add(name)
        args = read_args(item, table, out)
        returns = take(item, table, "returns", str, "i32")
        thread = take(item, table, "thread", str)
        calls = take(item, table, "calls", str)
        start = take(item, table, "start", bool, False)
        if returns not in ("i32", "cstr"):
            raise Bad(item, f"`returns` must be i32 or cstr, not {returns!r}")
        if thread not in ("owner", "any"):
            raise Bad(item, f"`thread` must be owner or any, not {thread!r}")
        if calls not in CALLS:
            raise Bad(item, f"`calls` must be one of {', '.join(CALLS)}, not {calls!r}")
        if thread == "owner" and not (args and args[0].type.kind in HANDLES):
            raise Bad(item, "only a function with a handle can have an owner's thread")
        if returns == "cstr" and any(a.type.kind not in ("i32", "u32") for a in args):
            raise Bad(item, "returns a string and so cannot answer a bad argument")
        if start and (not args or args[-1].type.kind != "token"):
            raise Bad(item, "starts something, so its last argument must be a token")
        errors = rows(item, table, "errors", 2, 2)
        for code, text in errors:
            if code not in codes and code not in system:
                raise Bad(item, f"unknown error {code!r}")
            text_of(f"{item} error {code}", text)
        trait, index = slots.get(name, (None, -1))
        since = since_of(item, table)
        if trait and trait.name != "object" and (args[:1] and args[0].type.kind) != "io":
            raise Bad(item, f"is a slot of {trait.name}, so its first argument must be an io")
        if trait and trait.name != "object" and thread != "owner":
            raise Bad(item, f"is a slot of {trait.name}, so its thread must be owner")
        out.functions.append(
            Function(
                name,
                args,
                returns,
                thread,
                calls,
                start,
                take(item, table, "closed_ok", bool, False),
                take(item, table, "forked", bool, False),
                take(item, table, "released_ok", bool, False),
                take(item, table, "calls_host", bool, False),
                since,
                text_of(item, table.get("doc")),
                tuple((code, text.strip()) for code, text in errors),
                trait.name if trait else "",
                index,
                brief_of(item, table),
            )
        )
    if not seen:
        raise Bad("description", "has no functions")
    for slot, (owner, _) in slots.items():
        if slot not in seen:
            raise Bad(f"trait {owner.name}", f"its slot {slot!r} is no function")


def read_traits(out: Description, raw: dict[str, Any]) -> None:
    ids = {v.name for g in out.constants if g.group == "TRAIT" for v in g.values}
    caps = {v.name for g in out.constants if g.group == "CAP" for v in g.values}
    used: dict[str, str] = {}
    for table in raw.get("trait", []):
        name = name_of("trait", table)
        item = f"trait {name}"
        known(item, table, "name id doc slots since caps")
        number = take(item, table, "id", str)
        if number not in ids or number in [t.id for t in out.traits]:
            raise Bad(item, f"its id {number!r} is no free constant of TRAIT")
        if name in [t.name for t in out.traits]:
            raise Bad(item, "is there twice")
        own = take(item, table, "slots", list)
        if len(own) > SLOTS_MAX:
            raise Bad(item, f"has {len(own)} slots; abio_query tells of {SLOTS_MAX}, one bit each")
        for slot in own:
            if not isinstance(slot, str) or slot == "head" or slot in used:
                raise Bad(item, f"its slot {slot!r} is not usable, or in another trait already")
            used[slot] = name
        can = take(item, table, "caps", list, [])
        for cap in can:
            if not isinstance(cap, str) or cap not in caps:
                raise Bad(item, f"unknown capability {cap!r}")
        out.traits.append(
            Trait(
                name,
                number,
                text_of(item, table.get("doc")),
                since_of(item, table),
                tuple(can),
                tuple(own),
            )
        )


IMPL_TYPES = ("in_bytes", "out_bytes", "in_array", "out", "u32", "i32", "u64", "i64", "in_struct")


def read_impls(out: Description, raw: dict[str, Any]) -> None:
    ids = {t.id for t in out.traits}
    for table in raw.get("impl", []):
        name = name_of("impl", table)
        item = f"impl {name}"
        known(item, table, "name id doc slots since")
        number = take(item, table, "id", str)
        if number not in ids or number in [i.id for i in out.impls]:
            raise Bad(item, f"its id {number!r} is no trait's, or there twice")
        if name in [i.name for i in out.impls]:
            raise Bad(item, "is there twice")
        since = since_of(item, table)
        slots: list[ImplSlot] = []
        for entry in take(item, table, "slots", list):
            slot = name_of(f"{item} slot", entry)
            where = f"{item}.{slot}"
            known(where, entry, "name args doc since")
            own = take(where, entry, "args", list, [])
            args = read_args(where, {"args": [["user", "user"], *own]}, out)
            if slot == "head" or slot in [s.name for s in slots]:
                raise Bad(where, "is not usable, or there twice")
            for arg in args[1:]:
                if arg.type.kind not in IMPL_TYPES:
                    raise Bad(f"{where}({arg.name})", "has a type that hosts do not implement")
            added = since_of(where, {"since": since} | entry)
            slots.append(ImplSlot(slot, args, text_of(where, entry.get("doc")), added))
        if not slots:
            raise Bad(item, "has no slots")
        doc = text_of(item, table.get("doc"))
        out.impls.append(Impl(name, number, doc, since, tuple(slots)))


def check_names(out: Description) -> None:
    """One name means one thing: in C++ a struct and a function of one name hide each other."""
    taken: dict[str, str] = {}
    names = [(f"struct {s}", s) for s in out.structs]
    names += [(f"handle {name}", name) for name, _ in out.handles]
    names += [(f"function {f.name}", f.name) for f in out.functions]
    names += [
        (f"trait {t.name}", f"{t.name}{end}") for t in out.traits for end in ("_table", "_ops")
    ]
    names += [(f"impl {i.name}", f"{i.name}_impl") for i in out.impls]
    names += [("the root table", "api"), ("the root table", "api_table")]
    for item, name in names:
        if name in taken:
            raise Bad(item, f"abio_{name} is already the name of {taken[name]}")
        taken[name] = item
    for fixed, layout in (("event", 48), ("table_head", 16)):
        if fixed not in out.structs or out.structs[fixed].size != layout:
            raise Bad(f"struct {fixed}", f"must be there and have {layout} bytes")


# What may change while major and minor stay: words, the lists of errors, and the patch level.
TEXTS = {"brief", "doc", "text", "summary", "errors", "version", "patch"}


def without_texts(plain: object) -> object:
    """What a binding depends on: a better wording or a patch must not part it from its library."""
    if isinstance(plain, dict):
        return {key: without_texts(value) for key, value in plain.items() if key not in TEXTS}
    if isinstance(plain, list):
        return [without_texts(value) for value in plain]
    return plain


def parse(text: str) -> Description:
    """The whole way from TOML text to a checked description."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Bad("description", f"is not TOML: {error}") from None
    known("description", raw, "abi constants handle struct trait function impl")
    head = take("description", raw, "abi", dict)
    known("abi", head, "version date major minor soname summary")
    version = take("abi", head, "version", str)
    if not re.match(r"\d+\.\d+\.\d+\Z", version):
        raise Bad("abi", f"`version` must be three numbers, not {version!r}")
    major, minor, patch = (int(part) for part in version.split("."))
    if (take("abi", head, "major", int), take("abi", head, "minor", int)) != (major, minor):
        raise Bad("abi", "`major` and `minor` do not agree with `version`")
    for key in ("constants", "handle", "struct", "trait", "function", "impl"):
        if not all(isinstance(t, dict) for t in take("description", raw, key, list, [])):
            raise Bad("description", f"[[{key}]] must be tables")
    date = take("abi", head, "date", str, "1970-01-01")
    if not re.match(r"\d{4}-\d\d-\d\d\Z", date):
        raise Bad("abi", f'`date` must be a day like "2026-11-25", not {date!r}')
    out = Description(
        version,
        major,
        minor,
        patch,
        take("abi", head, "soname", str),
        text_of("abi", head.get("summary")),
        date,
    )
    read_constants(out, raw)
    for table in raw.get("handle", []):
        name = name_of("handle", table)
        known(f"handle {name}", table, "name doc")
        if name not in HANDLES[:3]:
            raise Bad(f"handle {name}", "is not in the closed set of types")
        out.handles.append((name, text_of(f"handle {name}", table.get("doc"))))
    read_structs(out, raw)
    read_traits(out, raw)
    read_functions(out, raw)
    read_impls(out, raw)
    check_names(out)
    out.plain = plain_of(out)
    out.sha256 = hashlib.sha256(canonical(without_texts(out.plain)).encode()).hexdigest()
    return out
