"""descriptors.h: how to call each function through libffi, for hosts without a C parser."""

from __future__ import annotations

from . import c
from .model import Arg, Description

ABOUT = """descriptors.h: one row for each function, for calls through libffi.  Codes: p pointer,
u uint32_t, i int32_t, l int64_t, q uint64_t, h handle (a uint64_t), s static string (results only).
`since` is the release the function came with; `calls_host` says that it may enter slots the host
implements, `blocks` that it may wait."""

CODES = {"u32": "u", "flags": "u", "i32": "i", "i64": "l", "u64": "q", "token": "q",
         "driver": "h", "io": "h", "handle": "h"}


def code(arg: Arg) -> str:
    """The letter of an argument; whatever is no number is a pointer."""
    return CODES.get(arg.type.kind, "p")


def emit(desc: Description) -> str:
    out = [
        c.banner(desc, ABOUT),
        "#ifndef ABIO_DESCRIPTORS_H",
        "#define ABIO_DESCRIPTORS_H",
        "",
        "struct descriptor {",
        "\tconst char *name;",
        "\tconst char *since;",
        "\tchar result;",
        "\tconst char *arguments;",
        "\tunsigned char calls_host;",
        "\tunsigned char blocks;",
        "};",
        "",
        f'static const char descriptor_hash[] =\n\t"{desc.sha256}";',
        "",
        "static const struct descriptor descriptors[] = {",
    ]
    for function in desc.functions:
        result = "s" if function.returns == "cstr" else "i"
        letters = "".join(code(arg) for arg in function.args)
        out.append(
            f'\t{{"abio_{function.name}", "{function.since}", \'{result}\', "{letters}", '
            f"{int(function.calls_host)}, {int(function.calls == 'blocks')}}},"
        )
    out += ["};", "", "#endif", ""]
    return "\n".join(out)
