"""slots.h: what the core must provide behind the dispatch."""

from __future__ import annotations

from . import c
from .model import Arg, Description, Function

ABOUT = """slots.h: what stands behind the generated dispatch.  A <trait>_slots table is filled by every
resource that has the trait; an impl_ function is written once in the core.  The dispatch has
checked: handle, thread, closed, slot, structs (complete local copies, never NULL), pointers and
flag bits.  Where the first argument is a plain number (thread `any`, or `handle`) the
implementation looks it up itself.  Structs to fill are complete and zeroed but for size."""


def inner_type(function: Function, arg: Arg) -> str:
    """The C type of an argument on the inner side of the dispatch."""
    if arg is function.handle:
        if function.is_slot:
            return "struct object *"
        if function.thread == "any" or arg.type.kind == "handle":
            return "uint64_t "
        return "struct driver *" if arg.type.kind == "driver" else "struct object *"
    return c.arg_type(arg)


def inner_arguments(function: Function) -> str:
    names = []
    for arg in function.args:
        name = "self" if arg is function.handle and function.is_slot else arg.name
        kind = inner_type(function, arg).strip()
        names.append(c.declare(kind, name))
    return ", ".join(names) or "void"


def masks(desc: Description) -> list[str]:
    lines = ["\tABIO_MASK_NONE = 0,"]
    for group in desc.constants:
        if group.bits:
            total = 0
            for value in group.values:
                total |= value.number
            lines.append(f"\tABIO_MASK_{group.group} = {total:#x},")
    return lines


def emit(desc: Description) -> str:
    out = [
        c.banner(desc, ABOUT),
        "#ifndef ABIO_SLOTS_H",
        "#define ABIO_SLOTS_H",
        "",
        '#include "abio.h"',
        "",
        "struct object;",
        "struct driver;",
        "",
        "/* Every bit that is known today, per group of flags. */",
        "enum {",
        *masks(desc),
        "};",
        "",
        "enum {",
        f"\tABIO_VERSION_MAJOR = {desc.major},",
        f"\tABIO_VERSION_MINOR = {desc.minor},",
        f"\tABIO_VERSION_PATCH = {desc.patch},",
        "};",
        "",
        "/* SHA-256 of the description, as abio_abi_info gives it. */",
        "extern const uint8_t description_hash[32];",
        "",
    ]
    for trait in desc.traits:
        if trait.name == "object":
            continue
        out.append(f"struct {trait.name}_slots {{")
        for name in trait.slots:
            function = desc.function(name)
            out.append(c.fold(f"int32_t (*{name})({inner_arguments(function)});", "\t"))
        out += ["};", ""]
    for function in desc.functions:
        if not function.is_slot:
            name = c.declare(c.result(function), f"impl_{function.name}")
            out.append(c.fold(f"{name}({inner_arguments(function)});"))
    out += ["", "#endif", ""]
    return "\n".join(out)
