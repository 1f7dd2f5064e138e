"""Every misuse of every function and the answer it must get: the source of conformance.json and misuse.h.

A case changes one thing of a call that is good otherwise.  It follows from the types and attributes
of the description alone, so a new function or trait is covered without a change here.
"""

from __future__ import annotations

from dataclasses import dataclass

from .model import Arg, Description, Function

# Which handle a case passes; the harness has them ready.
HANDLES = {
    "none": "the function takes no handle",
    "zero": "0",
    "random": "a number that was never a handle",
    "driver": "a live idle driver, pinned to the thread of the test",
    "shut_driver": "a driver after abio_driver_shutdown, not closed yet",
    "gone_driver": "a driver after abio_driver_close",
    "io": "a live idle io on `driver` for which abio_query shows the case's trait and slot",
    "lacking_io": "a live io on `driver` without the case's trait or slot",
    "closed_io": "an io after abio_close has ended, still referenced",
    "gone_io": "an io after its last abio_release",
    "buffer": "a live buffer that is not lent",
    "gone_buffer": "a buffer after its last abio_buffer_release",
}

# What is changed about the argument `argument`; the others are good.
CHANGES = {
    "none": "all arguments are good",
    "null": "the pointer is NULL",
    "no_handle": "the other handle is 0",
    "other_kind": "the other handle is the live driver",
    "empty": "the struct's size is 0",
    "short": "the struct's size is one less than its size in the first release",
    "dirty": "the struct's size is 8 more than known, and the bytes there are not zero",
    "long": "the struct's size is 8 more than known, and the bytes there are zero "
    "(to be read) or must be zero afterwards (to be filled)",
    "inner_flag": "the struct's member `flags` has bit 31, which is not known",
    "flag": "the value has the lowest bit that is not known",
    "high_flag": "the value has bit 31, which is not known",
    "small": "the stride is 8 less than sizeof(struct abio_event)",
    "odd": "the stride is 4 more than sizeof(struct abio_event)",
    "no_room": "the capacity is 0",
}

WHERE = {
    "here": "on the thread of the test",
    "thread": "on another thread, while the thread of the test is alive",
    "child": "in a child of fork, which ends by _exit",
}


# Types that are a pointer which is never NULL, or NULL only where its length is 0.
POINTERS = ("in_bytes", "out_bytes", "in_array", "inout_array", "in", "inout", "tables", "out")


@dataclass(frozen=True)
class Case:
    """One row: `refused` says that the answer must be `code`, else that it must be anything but."""

    function: str
    name: str
    handle: str
    where: str
    argument: str
    change: str
    code: str
    refused: bool


def good(desc: Description, arg: Arg) -> int | str:
    """The value of an argument in a good call: a number, or what memory to give."""
    kind = arg.type
    if kind.kind in ("driver", "io", "buffer", "handle"):
        return "handle"
    if kind.kind in ("also_io", "also_buffer", "user", "tables"):
        return kind.kind
    if kind.kind in ("in_bytes", "out_bytes"):
        return "memory"
    if kind.kind in ("in_array", "inout_array", "in", "inout"):
        return f"array:{kind.of}"
    if kind.kind in ("in_struct", "out_struct", "lent_struct"):
        return f"struct:{kind.of}"
    if kind.kind == "out":
        return f"out:{kind.of}"
    if kind.kind == "events":
        return "events"
    if kind.kind == "flags":
        # A set that asks for something, such as an interest, is not good when empty.
        return (
            0 if kind.of == "NONE" or arg.name == "flags" else desc.group(kind.of).values[0].number
        )
    known: dict[str, int | str] = {
        "length": 1,
        "count": 1,
        "capacity": 1,
        "stride": desc.structs["event"].size,
        "trait": desc.constant("ABIO_TRAIT_OBJECT"),
        "fd": -1,
        "to": "driver",
    }
    return known.get(arg.name, 0)


def unknown_bit(desc: Description, group: str) -> int:
    """The lowest bit no constant of the group has."""
    total = 0
    if group != "NONE":
        for value in desc.group(group).values:
            total |= value.number
    return ~total & (total + 1)


def live(function: Function) -> str:
    handle = function.handle
    if handle is None:
        return "none"
    return handle.type.kind if handle.type.kind in ("driver", "buffer") else "io"


def handle_cases(function: Function) -> list[Case]:
    """What is wrong with the handle, or with who uses it."""
    handle = function.handle
    if handle is None:
        return []
    out: list[Case] = []

    def add(name: str, which: str, where: str, code: str, refused: bool = True) -> None:
        out.append(Case(function.name, name, which, where, "", "none", f"ABIO_E_{code}", refused))

    kind = handle.type.kind
    add("zero", "zero", "here", "HANDLE")
    add("random", "random", "here", "HANDLE")
    if kind in ("driver", "handle"):
        add("gone_driver", "gone_driver", "here", "HANDLE")
        add("shut_driver", "shut_driver", "here", "CLOSED", not function.closed_ok)
    if kind in ("io", "handle"):
        add("gone_io", "gone_io", "here", "HANDLE")
        add("closed_io", "closed_io", "here", "CLOSED", not function.closed_ok)
    if kind == "buffer":
        add("gone_buffer", "gone_buffer", "here", "HANDLE")
    if kind in ("driver", "buffer"):
        add("wrong_kind", "io", "here", "HANDLE")
    if kind == "io":
        add("wrong_kind", "driver", "here", "HANDLE")
    add("forked", live(function), "child", "FORKED", not function.forked)
    add("wrong_thread", live(function), "thread", "WRONG_THREAD", function.thread == "owner")
    if function.is_slot:
        add("unsupported", "lacking_io", "here", "UNSUPPORTED")
    return out


def changes(desc: Description, arg: Arg) -> list[tuple[str, str, bool]]:
    """What can be wrong with one argument: change, code, refused."""
    kind = arg.type
    bad = [("null", "ARGUMENT", True)]
    if kind.kind in POINTERS or kind.kind == "events":
        return bad
    if kind.kind in ("also_io", "also_buffer"):
        return [("no_handle", "HANDLE", True), ("other_kind", "HANDLE", True)]
    if kind.kind == "lent_struct":
        return [("empty", "ARGUMENT", True), ("short", "ARGUMENT", True)]
    if kind.kind == "in_struct":
        flags = any(field.name == "flags" for field in desc.structs[kind.of].fields)
        return (
            ([] if kind.optional else bad)
            + [("empty", "ARGUMENT", True), ("short", "ARGUMENT", True)]
            + [("dirty", "TOO_NEW", True), ("long", "TOO_NEW", False)]
            + ([("inner_flag", "ARGUMENT", True)] if flags else [])
        )
    if kind.kind == "out_struct":
        return bad + [
            ("empty", "ARGUMENT", True),
            ("short", "ARGUMENT", True),
            ("long", "TOO_NEW", False),
        ]
    if kind.kind == "flags":
        return [("flag", "ARGUMENT", True), ("high_flag", "ARGUMENT", True)]
    return []


def argument_cases(desc: Description, function: Function) -> list[Case]:
    out = []
    events = any(arg.type.kind == "events" for arg in function.args)
    for arg in function.args:
        found = changes(desc, arg)
        if events and arg.name == "stride":
            found = [("small", "ARGUMENT", True), ("odd", "ARGUMENT", True)]
        if events and arg.name == "capacity":
            found = [("no_room", "ARGUMENT", True)]
        for change, code, refused in found:
            out.append(
                Case(
                    function.name,
                    f"{change}_{arg.name}",
                    live(function),
                    "here",
                    arg.name,
                    change,
                    f"ABIO_E_{code}",
                    refused,
                )
            )
    return out


def cases(desc: Description) -> list[Case]:
    return [
        case
        for function in desc.functions
        for case in handle_cases(function) + argument_cases(desc, function)
    ]
