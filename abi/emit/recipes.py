"""The concrete half of conformance.json: how each handle of a row is made, and the memory of each
argument, as data.  A test in any language needs a small interpreter and no knowledge of abio.

Memory is `{"memory": bytes}`, zero but for what is listed: `u32` at offsets, `text` at offsets, and
`points`, the address of other memory at offsets.
"""

from __future__ import annotations

from typing import Any

from . import c, cases
from .model import HANDLES, Arg, Bad, Description, Function, Type

Value = int | str | dict[str, Any]

TOKEN = 1
BUFFER_SIZE = 64
RANDOM = 0x12345
LOOPBACK = "\x7f\0\0\x01"
IPV4_LENGTH = 4
UNKNOWN = 1 << 31
ROOM = 8  # a value, a handle, a byte

# Whose trait is asked for, and who lacks it: idle objects that every backend has.  A reader is a
# buffered reader over a file; it alone has the slots in READERS.
WITH = {
    "read_at": "file",
    "write_at": "file",
    "seek": "file",
    "accept": "listener",
    "datagram": "datagram",
}
READERS = ("seek_relative",)
LACKING = {"read_at": "stream", "write_at": "stream", "accept": "stream", "seek": "stream"}
KINDS = {
    "driver": "driver",
    "shut_driver": "driver",
    "gone_driver": "driver",
    "file": "io",
    "under": "io",
    "reader": "io",
    "listener": "io",
    "stream": "io",
    "datagram": "io",
    "closed_io": "io",
    "gone_io": "io",
    "buffer": "buffer",
    "gone_buffer": "buffer",
}


def memory(size: int, **contents: list[list[Any]]) -> dict[str, Any]:
    return {"memory": size, **{kind: items for kind, items in contents.items() if items}}


def offset(desc: Description, struct: str, field: str) -> int:
    for item in desc.structs[struct].fields:
        if item.name == field:
            return item.offset
    raise Bad(f"struct {struct}", f"has no member {field}")


class Recipes:
    """Writes the steps of one description; offsets and numbers come from it, never from here."""

    def __init__(self, desc: Description) -> None:
        self.desc = desc

    def struct(self, name: str, **fields: int) -> dict[str, Any]:
        size = self.desc.structs[name].size
        words = [[0, size]] + [[offset(self.desc, name, field), fields[field]] for field in fields]
        return memory(size, u32=words)

    def loopback(self) -> dict[str, Any]:
        family = self.desc.constant("ABIO_FAMILY_IPV4")
        out = self.struct("address", family=family, length=IPV4_LENGTH)
        return out | {"text": [[offset(self.desc, "address", "data"), LOOPBACK]]}

    def open_file(self, name: str, path: str) -> list[dict[str, Any]]:
        access = self.desc.constant("ABIO_ACCESS_READ") | self.desc.constant("ABIO_ACCESS_WRITE")
        options = self.struct(
            "open_options", access=access, flags=self.desc.constant("ABIO_OPEN_CREATE")
        )
        text = memory(len(path), text=[[0, path]])
        return [
            call("open", "driver", text, len(path), options, TOKEN),
            {"finish": "driver", "token": TOKEN, "as": name},
        ]

    def closed(self, name: str) -> list[dict[str, Any]]:
        return [
            *self.open_file(name, "manifest-closed"),
            call("close", name, 0, TOKEN),
            {"finish": "driver", "token": TOKEN},
        ]

    def all(self) -> dict[str, dict[str, Any]]:
        event = self.desc.structs["event"].size
        info = self.struct("io_info") | {"as": "info"}
        address = {"inside": "info", "offset": offset(self.desc, "io_info", "local")}
        out: dict[str, tuple[list[str], list[dict[str, Any]]]] = {
            "driver": (
                [],
                [
                    call("driver_create", self.struct("driver_options"), keep("driver")),
                    # Pins it to this thread.
                    call("driver_poll", "driver", memory(event), event, 1),
                ],
            ),
            "shut_driver": (
                [],
                [
                    call("driver_create", self.struct("driver_options"), keep("shut_driver")),
                    call("driver_shutdown", "shut_driver"),
                ],
            ),
            "gone_driver": (
                [],
                [
                    call("driver_create", self.struct("driver_options"), keep("gone_driver")),
                    call("driver_close", "gone_driver"),
                ],
            ),
            "file": (["driver"], self.open_file("file", "manifest-file")),
            "under": (["driver"], self.open_file("under", "manifest-reader")),
            "reader": (["under"], [call("buf_reader", "under", 0, 0, keep("reader"))]),
            "listener": (
                ["driver"],
                [call("listen", "driver", self.loopback(), 0, keep("listener"))],
            ),
            "stream": (
                ["listener"],
                [
                    call("info", "listener", info),
                    call("connect", "driver", address, 0, TOKEN),
                    {"finish": "driver", "token": TOKEN, "as": "stream"},
                ],
            ),
            "datagram": (
                ["driver"],
                [call("datagram", "driver", self.loopback(), 0, 0, keep("datagram"))],
            ),
            "closed_io": (["driver"], self.closed("closed_io")),
            "gone_io": (["driver"], [*self.closed("gone_io"), call("release", "gone_io")]),
            "buffer": ([], [call("buffer_alloc", BUFFER_SIZE, 0, 0, keep("buffer"))]),
            "gone_buffer": (
                [],
                [
                    call("buffer_alloc", BUFFER_SIZE, 0, 0, keep("gone_buffer")),
                    call("buffer_release", "gone_buffer"),
                ],
            ),
        }
        return {name: {"needs": needs, "steps": steps} for name, (needs, steps) in out.items()}


def call(function: str, *arguments: Value) -> dict[str, Any]:
    return {"call": f"abio_{function}", "arguments": list(arguments)}


def keep(name: str) -> dict[str, Any]:
    return memory(ROOM) | {"keep": name}


def recipes(desc: Description) -> dict[str, dict[str, Any]]:
    """Nothing for a description without the functions that make handles, such as a test's."""
    if not {"connect", "buf_reader"} <= {f.name for f in desc.functions}:
        return {}
    return Recipes(desc).all()


# ---- the arguments of a row --------------------------------------------------------------------


def handle(function: Function, which: str) -> Value:
    """The name of the row's handle, or a number that is none."""
    if which in ("none", "zero"):
        return 0
    if which == "random":
        return RANDOM
    if which == "io":
        return "reader" if function.name in READERS else WITH.get(function.trait, "stream")
    if which == "lacking_io":
        return LACKING.get(function.trait, "file" if function.trait == "ready" else "listener")
    return which


def changed_struct(desc: Description, kind: Type, change: str) -> dict[str, Any]:
    struct = desc.structs[kind.of]
    size = {"empty": 0, "short": struct.minimum - 1}.get(change, struct.size)
    if change in ("dirty", "long"):
        size += 8
    words, text = [[0, size]], []
    if change == "inner_flag":
        words.append([offset(desc, kind.of, "flags"), UNKNOWN])
    if change == "dirty":
        text.append([size - 1, "\x01"])
    return memory(max(size, struct.size), u32=words, text=text)


def pointer(desc: Description, arg: Arg) -> dict[str, Any]:
    """Good memory of an argument that is a pointer and no struct with a size."""
    kind = arg.type
    if kind.kind == "in_bytes":
        return memory(ROOM, text=[[0, "x"]])
    if kind.kind == "tables":
        trait = desc.constant("ABIO_TRAIT_OBJECT")
        head = desc.structs["table_head"]
        at = offset(desc, "table_head", "trait")
        table = memory(head.size, u32=[[0, head.size], [at, trait]])
        return memory(ROOM, points=[[0, table]])
    if kind.kind in ("in_array", "inout_array", "in", "inout"):
        # The first two members are where the memory is and how long.
        size = desc.structs[kind.of].size
        return memory(size, u32=[[8, 1]], points=[[0, memory(ROOM)]])
    if kind.kind == "events":
        return memory(desc.structs["event"].size)
    if kind.kind == "out" and kind.of in HANDLES:
        return keep(f"made_{arg.name}")
    return memory(ROOM)


def argument(desc: Description, function: Function, arg: Arg, case: cases.Case) -> Value:
    change = case.change if arg.name == case.argument else "none"
    kind = arg.type
    good = cases.good(desc, arg)
    if good == "handle":
        return handle(function, case.handle)
    if good == "driver":
        return "driver"
    if change in ("null", "no_handle"):
        return 0
    if kind.kind in ("also_io", "also_buffer"):
        other = "file" if kind.kind == "also_io" else "buffer"
        return "driver" if change == "other_kind" else other
    if kind.kind == "user":
        return 0
    if kind.kind in ("in_struct", "out_struct", "lent_struct"):
        return changed_struct(desc, kind, change)
    if isinstance(good, str):
        return pointer(desc, arg)
    return {
        "flag": good | cases.unknown_bit(desc, kind.of) if kind.kind == "flags" else good,
        "high_flag": good | UNKNOWN,
        "small": good - 8,
        "odd": good + 4,
        "no_room": 0,
    }.get(change, good)


def arguments(desc: Description, case: cases.Case) -> list[Value]:
    function = desc.function(case.function)
    return [argument(desc, function, arg, case) for arg in function.args]


def needs(values: list[Value]) -> list[str]:
    """The handles that must be made before the call, in the order of the arguments."""
    return list(dict.fromkeys(value for value in values if isinstance(value, str)))


def kinds(desc: Description) -> dict[str, str]:
    """What each name that can be kept is, so that a test can end it."""
    made = {
        f"made_{arg.name}": arg.type.of
        for function in desc.functions
        for arg in function.args
        if arg.type.kind == "out" and arg.type.of in HANDLES
    }
    return KINDS | made


def spell(arg: Arg) -> str:
    """How an argument crosses a foreign function interface."""
    text = c.arg_type(arg)
    if text.endswith("*"):
        return "ptr"
    integers = {name: short for short, name in c.INTEGER.items()}
    return integers.get(text, "u64")
