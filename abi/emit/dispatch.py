"""dispatch.c: the public functions, with every check a description can express, and the tables."""

from __future__ import annotations

from . import c
from .model import Arg, Description, Function, Trait

ABOUT = """dispatch.c: every public function.  It checks in this order: the handle (forked, handle, wrong
thread, closed), the other handles (forked, handle), the slot (unsupported), the structs (too new),
the other arguments (argument), and then calls what slots.h declares.  Nothing the host owns is
written on failure."""


def how(function: Function) -> str:
    bits = ["DISPATCH_CLOSED_OK"] if function.closed_ok else []
    bits += ["DISPATCH_FORKED_OK"] if function.forked else []
    bits += ["DISPATCH_RELEASED_OK"] if function.released_ok else []
    return " | ".join(bits) or "0"


def minimum(desc: Description, name: str) -> str:
    struct = desc.structs[name]
    for field in struct.fields:
        if field.since != struct.since:
            return f"(uint32_t)offsetof(struct abio_{name}, {field.name})"
    return f"(uint32_t)sizeof(struct abio_{name})"


def bad(arg: Arg) -> str:
    """The condition under which an argument is refused, or nothing."""
    kind = arg.type
    if kind.kind in ("in_bytes", "out_bytes", "in_array", "inout_array"):
        return f"({kind.length} && !{arg.name})"
    if kind.kind in ("out", "in", "inout", "tables"):
        return f"!{arg.name}"
    if kind.kind == "events":
        return f"!{arg.name} || stride < sizeof(struct abio_event) || stride % 8 || !capacity"
    if kind.kind == "flags":
        return f"({arg.name} & ~(uint32_t)ABIO_MASK_{kind.of})" if kind.of != "NONE" else arg.name
    return ""


ANY = {
    "driver": "DISPATCH_DRIVER",
    "io": "DISPATCH_IO",
    "buffer": "DISPATCH_BUFFER",
    "handle": "DISPATCH_DRIVER | DISPATCH_IO",
}


def looked_up(function: Function) -> bool:
    handle = function.handle
    return handle is not None and function.thread == "owner" and handle.type.kind != "handle"


def locals_of(function: Function) -> list[str]:
    lines = []
    if looked_up(function):
        kind = "driver" if function.args[0].type.kind == "driver" else "object"
        lines.append(f"\tstruct {kind} *self;")
    if function.is_slot:
        lines.append(f"\tconst struct {function.trait}_slots *slots;")
    for arg in function.args:
        if arg.type.kind == "in_struct":
            lines.append(f"\tstruct abio_{arg.type.of} full_{arg.name};")
        if arg.type.kind == "out_struct":
            lines.append(
                f"\tstruct abio_{arg.type.of} full_{arg.name} = {{.size = sizeof(full_{arg.name})}};"
            )
    return lines


def struct_checks(desc: Description, function: Function) -> list[str]:
    lines: list[str] = []
    calls = []
    for arg in function.args:
        least = minimum(desc, arg.type.of) if arg.type.kind in ("in_struct", "out_struct") else ""
        if arg.type.kind == "in_struct":
            calls.append(
                f"dispatch_struct({arg.name}, &full_{arg.name}, (uint32_t)sizeof(full_{arg.name}), "
                f"{least}, {int(arg.type.optional)})"
            )
        if arg.type.kind == "out_struct":
            calls.append(f"dispatch_out({arg.name}, {least})")
        if arg.type.kind == "lent_struct":
            least = minimum(desc, arg.type.of)
            calls.append(f"{arg.name} ? dispatch_out({arg.name}, {least}) : 0")
    for index, call in enumerate(calls):
        line = f"error = {call};" if not index else f"error = worse(error, {call});"
        lines.append(c.fold(line, "\t"))
    if calls:
        lines += ["\tif (error)", "\t\treturn error;"]
    return lines


def also(function: Function) -> list[str]:
    """Handles beside the first: live ones of their kind.  The implementation looks them up itself."""
    lines = []
    for arg in function.args[1:]:
        if arg.type.kind in ("also_io", "also_buffer"):
            kind = "DISPATCH_IO" if arg.type.kind == "also_io" else "DISPATCH_BUFFER"
            lines += [f"\terror = dispatch_any({arg.name}, {kind});", "\tif (error)", "\t\treturn error;"]
    return lines


def call(function: Function) -> str:
    names = []
    for arg in function.args:
        if arg is function.handle and looked_up(function):
            names.append("self")
        elif arg.type.kind in ("in_struct", "out_struct"):
            names.append(f"&full_{arg.name}")
        else:
            names.append(arg.name)
    target = f"slots->{function.name}" if function.is_slot else f"impl_{function.name}"
    return f"{target}({', '.join(names)})"


def body(desc: Description, function: Function) -> list[str]:
    lines: list[str] = []
    if looked_up(function):
        kind = "driver" if function.args[0].type.kind == "driver" else "io"
        lines += [
            f"\terror = dispatch_{kind}({function.args[0].name}, {how(function)}, &self);",
            "\tif (error)",
            "\t\treturn error;",
        ]
    elif function.handle is not None and len(function.args) > 1:
        # The function looks the handle up itself; here it only comes before the other arguments.
        lines += [
            f"\terror = dispatch_any({function.handle.name}, {ANY[function.handle.type.kind]});",
            "\tif (error)",
            "\t\treturn error;",
        ]
    lines += also(function)
    if function.is_slot:
        lines += [
            f"\tslots = self->class->{function.trait};",
            f"\tif (!slots || !slots->{function.name})",
            "\t\treturn ABIO_E_UNSUPPORTED;",
        ]
    lines += struct_checks(desc, function)
    conditions = [text for text in (bad(arg) for arg in function.args) if text]
    if conditions:
        test = " || ".join(conditions)
        if len(conditions) == 1 and test.startswith("("):
            test = test[1:-1]
        lines += [f"\tif ({test})", "\t\treturn ABIO_E_ARGUMENT;"]
    fills = [arg for arg in function.args if arg.type.kind == "out_struct"]
    uses_error = any(line.lstrip().startswith("error =") for line in lines) or fills
    if fills:
        lines.append(f"\terror = {call(function)};")
        lines.append("\tif (error < 0)")
        lines.append("\t\treturn error;")
        for arg in fills:
            lines.append(
                f"\tdispatch_fill({arg.name}, &full_{arg.name}, (uint32_t)sizeof(full_{arg.name}));"
            )
        lines.append("\treturn error;")
    else:
        lines.append(f"\treturn {call(function)};")
    declared = locals_of(function) + (["\tint32_t error;"] if uses_error else [])
    return [*declared, *([""] if declared else []), *lines]


def table(desc: Description, trait: Trait) -> list[str]:
    caps = " | ".join(f"ABIO_CAP_{cap}" for cap in trait.caps) or "0"
    return [
        f"static const struct abio_{trait.name}_ops {trait.name}_table = {{",
        f"\t.head = {{(uint32_t)sizeof(struct abio_{trait.name}_ops), ABIO_VERSION_MAJOR,",
        f"\t\t ABIO_VERSION_MINOR, ABIO_TRAIT_{trait.id}, {caps}}},",
        *[f"\t.{name} = abio_{name}," for name in trait.slots],
        "};",
        "",
        f"PUBLIC {c.getter(trait)}",
        "{",
        f"\treturn &{trait.name}_table;",
        "}",
        "",
    ]


def root(desc: Description) -> list[str]:
    return [
        "static const struct abio_api_table api_table = {",
        "\t.head = {(uint32_t)sizeof(struct abio_api_table), ABIO_VERSION_MAJOR,",
        "\t\t ABIO_VERSION_MINOR, 0, 0},",
        *[f"\t.{name} = abio_{name}," for name, _ in desc.root()],
        "};",
        "",
        "PUBLIC const struct abio_api_table *abio_api(uint32_t major)",
        "{",
        "\treturn major == ABIO_VERSION_MAJOR ? &api_table : NULL;",
        "}",
        "",
    ]


def hash_bytes(desc: Description) -> list[str]:
    numbers = [f"0x{desc.sha256[i : i + 2]}" for i in range(0, 64, 2)]
    rows = [", ".join(numbers[i : i + 8]) for i in range(0, 32, 8)]
    return ["const uint8_t description_hash[32] = {", *[f"\t{row}," for row in rows], "};", ""]


def emit(desc: Description) -> str:
    out = [
        c.banner(desc, ABOUT),
        '#include "dispatch.h"',
        '#include "slots.h"',
        "",
        "#include <stddef.h>",
        "",
        '#define PUBLIC __attribute__((visibility("default")))',
        "",
        *hash_bytes(desc),
        "/* TOO_NEW is answered before ARGUMENT, whichever struct has it. */",
        "static int32_t worse(int32_t one, int32_t other)",
        "{",
        "\treturn one == ABIO_E_TOO_NEW || !other ? one : other;",
        "}",
        "",
    ]
    for function in desc.functions:
        out.append(c.fold(f"PUBLIC {c.prototype(function)}"))
        out += ["{", *body(desc, function), "}", ""]
    for trait in desc.traits:
        out += table(desc, trait)
    out += root(desc)
    return "\n".join(out)
