"""The description as objects.  Knows nothing of TOML and nothing of any output.

A broken rule is a Bad, which names the item and says what is wrong with it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

# The release an item came with where the description does not say.
FIRST = "0.1"
HANDLES = ("driver", "io", "buffer", "handle")


class Bad(Exception):
    """A rule of the description is broken; the message starts with the item's name."""

    def __init__(self, item: str, message: str) -> None:
        super().__init__(f"{item}: {message}")


@dataclass(frozen=True)
class Type:
    """The type of an argument: `kind` is one of the closed set, `of` and `length` its parts."""

    kind: str
    of: str = ""
    length: str = ""
    optional: bool = False


@dataclass(frozen=True)
class Arg:
    name: str
    type: Type
    text: str


@dataclass(frozen=True)
class Value:
    name: str
    number: int
    text: str
    since: str


@dataclass(frozen=True)
class Constants:
    group: str
    prefix: str
    text: str
    values: tuple[Value, ...]

    @property
    def bits(self) -> bool:
        """Whether the values can be or-ed: each a power of two."""
        return all(v.number > 0 and v.number & (v.number - 1) == 0 for v in self.values)


@dataclass(frozen=True)
class Field:
    name: str
    type: str
    text: str
    since: str
    offset: int
    size: int


@dataclass(frozen=True)
class Struct:
    name: str
    kind: str
    doc: str
    since: str
    fields: tuple[Field, ...]
    size: int
    align: int

    @property
    def minimum(self) -> int:
        """The size it had in its first release: what a caller's size must reach."""
        for item in self.fields:
            if item.since != self.since:
                return item.offset
        return self.size


@dataclass(frozen=True)
class Function:
    name: str
    args: tuple[Arg, ...]
    returns: str
    thread: str
    calls: str
    start: bool
    closed_ok: bool
    forked: bool
    released_ok: bool
    calls_host: bool
    since: str
    doc: str
    errors: tuple[tuple[str, str], ...]
    trait: str = ""
    slot: int = -1
    brief: str = ""

    @property
    def handle(self) -> Arg | None:
        """The handle it works on: always the first argument, if any."""
        if self.args and self.args[0].type.kind in HANDLES:
            return self.args[0]
        return None

    @property
    def is_slot(self) -> bool:
        """Whether the object's trait table decides who does it (Object is the core's own)."""
        return self.trait not in ("", "object")


@dataclass(frozen=True)
class Trait:
    name: str
    id: str
    doc: str
    since: str
    caps: tuple[str, ...]
    slots: tuple[str, ...]


@dataclass(frozen=True)
class ImplSlot:
    """What a host writes: called with its own `user` first."""

    name: str
    args: tuple[Arg, ...]
    doc: str
    since: str


@dataclass(frozen=True)
class Impl:
    """A table that a host fills to implement a trait."""

    name: str
    id: str
    doc: str
    since: str
    slots: tuple[ImplSlot, ...]


@dataclass
class Description:
    version: str
    major: int
    minor: int
    patch: int
    soname: str
    summary: str
    # Of the release, as the manual pages carry it; no part of the contract.
    date: str = "1970-01-01"
    constants: list[Constants] = field(default_factory=list)
    handles: list[tuple[str, str]] = field(default_factory=list)
    structs: dict[str, Struct] = field(default_factory=dict)
    traits: list[Trait] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    impls: list[Impl] = field(default_factory=list)
    plain: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""

    def function(self, name: str) -> Function:
        return next(f for f in self.functions if f.name == name)

    def constant(self, name: str) -> int:
        """The number of a full constant name."""
        for group in self.constants:
            for value in group.values:
                if group.prefix + value.name == name:
                    return value.number
        raise KeyError(name)

    def group(self, name: str) -> Constants:
        return next(g for g in self.constants if g.group == name)

    def root(self) -> list[tuple[str, Function | Trait]]:
        """The slots of the root table: by release, so that what is new is always last."""
        items: list[tuple[str, Function | Trait]] = [(f.name, f) for f in self.functions]
        items += [(f"{t.name}_table", t) for t in self.traits]
        return sorted(items, key=lambda item: version_key(item[1].since))

    def symbols(self) -> list[str]:
        return [f"abio_{name}" for name, _ in self.root()] + ["abio_api"]


def slot_offset(index: int) -> int:
    """Where a slot of any table stands, behind the frozen head; of the first that is not there: the size."""
    return 16 + 8 * index


def version_key(since: str) -> tuple[int, ...]:
    return tuple(int(part) for part in since.split("."))


def plain_of(out: Description) -> dict[str, Any]:
    """The description with all defaults filled in: what is hashed and what abio.json carries."""

    def spell(kind: Type) -> str:
        parts = [kind.kind + ("?" if kind.optional else ""), kind.of, kind.length]
        return ":".join(part for part in parts if part)

    return {
        "abi": {
            "version": out.version,
            "major": out.major,
            "minor": out.minor,
            "patch": out.patch,
            "soname": out.soname,
            "summary": out.summary,
        },
        "constants": [
            {
                "group": g.group,
                "prefix": g.prefix,
                "text": g.text,
                "bits": g.bits,
                "values": [
                    {"name": v.name, "number": v.number, "text": v.text, "since": v.since}
                    for v in g.values
                ],
            }
            for g in out.constants
        ],
        "handles": [{"name": name, "doc": doc} for name, doc in out.handles],
        "structs": [
            {
                "name": s.name,
                "kind": s.kind,
                "doc": s.doc,
                "since": s.since,
                "size": s.size,
                "minimum": s.minimum,
                "fields": [
                    {
                        "name": f.name,
                        "type": f.type,
                        "text": f.text,
                        "since": f.since,
                        "offset": f.offset,
                        "size": f.size,
                    }
                    for f in s.fields
                ],
            }
            for s in out.structs.values()
        ],
        "traits": [
            {
                "name": t.name,
                "id": out.constant(f"ABIO_TRAIT_{t.id}"),
                "doc": t.doc,
                "since": t.since,
                "caps": list(t.caps),
                "slots": list(t.slots),
            }
            for t in out.traits
        ],
        "impls": [
            {
                "name": i.name,
                "id": out.constant(f"ABIO_TRAIT_{i.id}"),
                "doc": i.doc,
                "since": i.since,
                "slots": [
                    {
                        "name": s.name,
                        "doc": s.doc,
                        "since": s.since,
                        "args": [
                            {"name": a.name, "type": spell(a.type), "text": a.text} for a in s.args
                        ],
                    }
                    for s in i.slots
                ],
            }
            for i in out.impls
        ],
        "functions": [
            {
                "name": f.name,
                "returns": f.returns,
                "thread": f.thread,
                "calls": f.calls,
                "start": f.start,
                "closed_ok": f.closed_ok,
                "forked": f.forked,
                "released_ok": f.released_ok,
                "calls_host": f.calls_host,
                "since": f.since,
                "brief": f.brief,
                "doc": f.doc,
                "trait": f.trait,
                "slot": f.slot,
                "args": [{"name": a.name, "type": spell(a.type), "text": a.text} for a in f.args],
                "errors": [{"code": code, "text": text} for code, text in f.errors],
            }
            for f in out.functions
        ],
        "root": [name for name, _ in out.root()],
    }


def canonical(plain: dict[str, Any]) -> str:
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
