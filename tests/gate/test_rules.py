#!/usr/bin/env python3
"""The rules over two descriptions, one by one: what a fixture of the whole gate does not tell apart.
Ends with `N passed, N failed`."""

from __future__ import annotations

import sys

import world  # noqa: F401  first: it makes the generator and the gate importable
import abi_rules
from emit import parse
from fixtures import IMPL_END, LAST, MINOR, Edit, append, function
from test_fixtures import small_description

Edits = tuple[Edit, ...]
THIRD: Edits = (('"0.2.0"', '"0.3.0"'), ("minor = 2", "minor = 3"))
OPTIONS_END = '["flags", "u32", "bits"],\n]\n\n[[struct]]\nname = "state"'
LIMIT = OPTIONS_END.replace("],\n]", '],\n  ["limit", "u64", "most", "0.2"],\n]', 1)
EXTRA = """
[[struct]]
name = "extra"
kind = "out"
doc = "More."
fields = [["size", "u32", "sizeof"], ["more", "u32", "more"]]
"""
HOLDER = """
[[struct]]
name = "holder"
kind = "out"
doc = "Holds."
fields = [
  ["size", "u32", "sizeof"],
  ["kind", "u32", "kind"],
  ["inner", "struct address", "where"],
  ["after", "u64", "behind"],
]
"""
SEEK = """
[[trait]]
name = "seek"
id = "SEEK"
doc = "Moving."
slots = ["rewind"]
"""
IMPL = """

[[impl]]
name = "object"
id = "OBJECT"
doc = "how it ends."

[[impl.slots]]
name = "close"
args = [["op", "u64"]]
doc = "Ends."
"""
OWNED_ID = '["OWNED_READ", 7, "reading into buffers"],'
SEEK_ID = '["OWNED_READ", 7, "reading into buffers"], ["SEEK", 9, "moving", "0.2"],'
HEAD = 'name = "table_head"\nkind = "frozen"'
PORT = '["port", "u32", "number"],'

# What it is about, what is in both descriptions, what is in the newer one alone, and what is said:
# nothing where it is welcome.
CASES: list[tuple[str, Edits, Edits, str]] = [
    (
        "a group of constants is gone",
        (),
        (('group = "START"', 'group = "BEGIN"'), ("flags:START", "flags:BEGIN")),
        "constants START: is gone",
    ),
    (
        "a group has other names",
        (),
        (('"ABIO_START_"', '"ABIO_BEGIN_"'),),
        "constants START: `prefix` was 'ABIO_START_'",
    ),
    (
        "an old constant says it is new",
        (),
        (*MINOR, ('"try at once"]', '"try at once", "0.2"]')),
        "constant ABIO_START_INLINE: `since` was '0.1' and is '0.2'",
    ),
    (
        "a field came with a minor that was released without it",
        MINOR,
        (*THIRD, (OPTIONS_END, LIMIT)),
        "struct options field limit: is new and says `since` 0.2",
    ),
    (
        "a field stays where it was added",
        (*MINOR, (OPTIONS_END, LIMIT)),
        THIRD,
        "",
    ),
    (
        "a struct is new and says it is old",
        (),
        (*MINOR, append(EXTRA)),
        "struct extra: is new and says `since` 0.1",
    ),
    (
        "a struct is new and says so",
        (),
        (*MINOR, append(EXTRA + 'since = "0.2"\n')),
        "",
    ),
    (
        "a trait is new and says it is old",
        (),
        (*MINOR, (OWNED_ID, SEEK_ID), append(SEEK + function("rewind"))),
        "trait seek: is new and says `since` 0.1",
    ),
    (
        "a host's table is new and says it is old",
        (),
        (*MINOR, (IMPL_END, IMPL_END + IMPL)),
        "impl object: is new and says `since` 0.1",
    ),
    (
        "a host's table is new and says so",
        (),
        (
            *MINOR,
            (IMPL_END, IMPL_END + IMPL.replace('id = "OBJECT"', 'id = "OBJECT"\nsince = "0.2"')),
        ),
        "",
    ),
    (
        "a host's slot is new and says it is old",
        (),
        (*MINOR, (IMPL_END, IMPL_END + '\n\n[[impl.slots]]\nname = "more"\ndoc = "New."')),
        "impl read slot more: is new and says `since` 0.1",
    ),
    (
        "a host's table is of another trait",
        (),
        (
            *MINOR,
            ('[[impl]]\nname = "read"\nid = "READ"', '[[impl]]\nname = "read"\nid = "OWNED_READ"'),
        ),
        "impl read: `id` was 3 and is 7",
    ),
    (
        "an old host's table says it is new",
        (),
        (*MINOR, ('[[impl]]\nname = "read"', '[[impl]]\nsince = "0.2"\nname = "read"')),
        "impl read: `since` was '0.1'",
    ),
    (
        "an old host's slot says it is new",
        (),
        (*MINOR, (IMPL_END, IMPL_END + '\nsince = "0.2"')),
        "impl read.start_seek: `since` was '0.1'",
    ),
    (
        "traits exchange their ids",
        (),
        (*MINOR, ('["READ", 3,', '["READ", 7,'), ('["OWNED_READ", 7,', '["OWNED_READ", 3,')),
        "trait read: `id` was 3 and is 7",
    ),
    (
        "an old trait says it is new",
        (),
        (*MINOR, ('[[trait]]\nname = "object"', '[[trait]]\nsince = "0.2"\nname = "object"')),
        "trait object: `since` was '0.1'",
    ),
    (
        "an old struct says it is new",
        (),
        (*MINOR, ('name = "state"', 'name = "state"\nsince = "0.2"')),
        "struct state: `since` was '0.1'",
    ),
    (
        "an old field says it is new",
        (),
        (*MINOR, ('["kind", "u32", "kind"]', '["kind", "u32", "kind", "0.2"]')),
        "struct state.kind: `since` was '0.1'",
    ),
    (
        "a kind of handle is gone",
        (),
        (*MINOR, ('[[handle]]\nname = "buffer"\ndoc = "Memory."\n', "")),
        "handles: the kinds of handles are closed",
    ),
    (
        "a struct grows that is inside another",
        ((LAST, LAST + "\n" + HOLDER),),
        (*MINOR, (PORT, PORT + '\n  ["more", "u64", "more", "0.2"],')),
        "struct holder.inner: `size` was 8 and is 16",
    ),
    (
        "and moves what is behind it",
        ((LAST, LAST + "\n" + HOLDER),),
        (*MINOR, (PORT, PORT + '\n  ["more", "u64", "more", "0.2"],')),
        "struct holder.after: `offset` was 16 and is 24",
    ),
    ("a frozen struct stays", (), (*MINOR, (HEAD, HEAD + '\nsince = "0.1"')), ""),
]


def edited(text: str, edits: Edits) -> str:
    for old, new in edits:
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in the description"
        text = text.replace(old, new)
    return text


def problem(before: Edits, after: Edits, says: str) -> str:
    old = edited(small_description(), before)
    released, now = (
        {"description": desc.plain, "sha256": desc.sha256}
        for desc in (parse.parse(old), parse.parse(edited(old, after)))
    )
    breaks = abi_rules.broken(released, now)
    if says and not any(says in line for line in breaks):
        return f"nobody says {says!r}: {breaks}"
    return "" if says else "; ".join(breaks)


def main() -> int:
    found = {what: problem(*rest) for what, *rest in CASES}
    assert len(found) == len(CASES), "two cases have one name"
    failed = sum(bool(text) for text in found.values())
    for what, text in found.items():
        print(f"not ok - {what}: {text}" if text else f"ok - {what}")
    print(f"{len(found) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
