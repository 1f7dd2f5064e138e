"""descriptors.h: how to call each function through libffi, for hosts without a C parser."""

from __future__ import annotations

from . import c
from .model import Arg, Description, Function

ABOUT = """descriptors.h: one row for each function, for calls through libffi.  Needs no other header.
`result` is i (int32_t) or z (static string).  `codes` has `count` letters; small is read by the
library, large is written: h handle (uint64_t), u uint32_t, i int32_t, q uint64_t, l int64_t;
b bytes, a array of struct abio_iovec, s struct, o struct or NULL; B bytes, S struct,
U I Q L the place of one number (Q also of a handle), P of an address, e array of struct abio_event;
p an address the library only passes on, t array of addresses of tables; r struct to be read and
written, n struct to be filled later or NULL.
For b, B, a and t `length` is the index of the argument that counts, else -1; for s, o, S, r and n `size` is
the sizeof the struct, for a and e of one element, for U I Q L of the number, else 0.
`calls_host`: may enter slots the host implements; `blocks`: may wait."""

PLAIN = {
    "u32": "u",
    "flags": "u",
    "i32": "i",
    "i64": "l",
    "u64": "q",
    "token": "q",
    "driver": "h",
    "io": "h",
    "handle": "h",
    "buffer": "h",
    "also_io": "h",
    "also_buffer": "h",
    "user": "p",
    "tables": "t",
    "in": "s",
    "inout": "r",
    "inout_array": "a",
    "lent_struct": "n",
    "in_bytes": "b",
    "out_bytes": "B",
    "in_array": "a",
    "out_struct": "S",
    "events": "e",
}
OUT = {"u32": "U", "i32": "I", "i64": "L", "u64": "Q", "io": "Q", "driver": "Q", "buffer": "Q", "ptr": "P", "cptr": "P"}
SIZE = {"U": 4, "I": 4, "Q": 8, "L": 8, "P": 8, "t": 8}
STRUCTS = ("in_struct", "lent_struct", "out_struct", "in_array", "inout_array", "in", "inout")


def code(arg: Arg) -> str:
    """The letter of an argument."""
    if arg.type.kind == "out":
        return OUT[arg.type.of]
    if arg.type.kind == "in_struct":
        return "o" if arg.type.optional else "s"
    return PLAIN[arg.type.kind]


def size(desc: Description, arg: Arg) -> int:
    if arg.type.kind in STRUCTS:
        return desc.structs[arg.type.of].size
    return desc.structs["event"].size if arg.type.kind == "events" else SIZE.get(code(arg), 0)


def row(desc: Description, function: Function) -> str:
    names = [arg.name for arg in function.args]
    lengths = [names.index(arg.type.length) if arg.type.length else -1 for arg in function.args]
    sizes = [size(desc, arg) for arg in function.args]
    pad = 6 - len(names)
    return (
        f'\t{{"abio_{function.name}", "{function.since}", '
        f"'{'z' if function.returns == 'cstr' else 'i'}', {len(names)}, "
        f'"{"".join(code(arg) for arg in function.args)}",\n'
        f"\t {{{', '.join(map(str, lengths + [-1] * pad))}}}, "
        f"{{{', '.join(map(str, sizes + [0] * pad))}}}, "
        f"{int(function.calls_host)}, {int(function.calls == 'blocks')}}},"
    )


def emit(desc: Description) -> str:
    rows = [row(desc, function) for function in desc.functions]
    return "\n".join(
        [
            c.banner(desc, ABOUT),
            "#ifndef ABIO_DESCRIPTORS_H",
            "#define ABIO_DESCRIPTORS_H",
            "",
            f'#define DESCRIPTOR_HASH "{desc.sha256}"',
            f"#define DESCRIPTOR_MAJOR {desc.major}",
            f"#define DESCRIPTOR_MINOR {desc.minor}",
            f"#define DESCRIPTOR_PATCH {desc.patch}",
            f"#define DESCRIPTOR_COUNT {len(rows)}",
            "",
            "struct descriptor {",
            "\tconst char *name;",
            "\tconst char *since;",
            "\tchar result;",
            "\tunsigned char count;",
            "\tchar codes[7];",
            "\tsigned char length[6];",
            "\tunsigned short size[6];",
            "\tunsigned char calls_host;",
            "\tunsigned char blocks;",
            "};",
            "",
            "static const struct descriptor descriptors[DESCRIPTOR_COUNT] = {",
            *rows,
            "};",
            "",
            "#endif",
            "",
        ]
    )
