"""asserts.c: the promises about layout, numbers and signatures, checked by compiling."""

from __future__ import annotations

from . import c
from .model import Description, Function, slot_offset

ABOUT = """asserts.c: compiles only where abio.h keeps what this release promises: sizes, offsets,
numbers, and the type of every function and table slot.  Sizes of structs and tables may grow, except
of frozen ones.  Offsets are those of platforms with 64-bit pointers."""


def structs(desc: Description) -> list[str]:
    lines = []
    for struct in desc.structs.values():
        tag = f"struct abio_{struct.name}"
        relation = "==" if struct.kind == "frozen" else ">="
        lines.append(f"SAME(sizeof({tag}) {relation} {struct.size});")
        lines += [f"SAME(offsetof({tag}, {f.name}) == {f.offset});" for f in struct.fields]
        for f in struct.fields:
            kind = c.field_declaration(f.type, "").replace(" [", "[").strip()
            typed = f"__typeof__((({tag} *)0)->{f.name})"
            lines.append(c.fold(f"SAME(__builtin_types_compatible_p({typed}, {kind}));"))
            if f.type.startswith("struct "):
                lines.append(f"SAME(sizeof((({tag} *)0)->{f.name}) == {f.size});")
    return lines


def slot(table: str, name: str, item: Function | None, index: int) -> list[str]:
    tag = f"struct abio_{table}"
    lines = [f"SAME(offsetof({tag}, {name}) == {slot_offset(index)});"]
    if item is not None:
        kinds = ", ".join(c.arg_type(arg).strip() for arg in item.args) or "void"
        lines.append(
            c.fold(
                f"SAME(__builtin_types_compatible_p(__typeof__((({tag} *)0)->{name}), "
                f"{c.result(item)} (*)({kinds})));"
            )
        )
    else:
        trait = name.removesuffix("_table")
        lines.append(
            c.fold(
                f"SAME(__builtin_types_compatible_p(__typeof__((({tag} *)0)->{name}), "
                f"const struct abio_{trait}_ops *(*)(void)));"
            )
        )
    return lines


def tables(desc: Description) -> list[str]:
    lines = []
    for trait in desc.traits:
        tag = f"{trait.name}_ops"
        lines.append(f"SAME(sizeof(struct abio_{tag}) >= {slot_offset(len(trait.slots))});")
        for index, name in enumerate(trait.slots):
            lines += slot(tag, name, desc.function(name), index)
    for impl in desc.impls:
        tag = f"struct abio_{impl.name}_impl"
        lines.append(f"SAME(sizeof({tag}) >= {slot_offset(len(impl.slots))});")
        for index, own in enumerate(impl.slots):
            kinds = ", ".join(c.arg_type(arg).strip() for arg in own.args)
            typed = f"__typeof__((({tag} *)0)->{own.name})"
            lines += [
                f"SAME(offsetof({tag}, {own.name}) == {slot_offset(index)});",
                c.fold(f"SAME(__builtin_types_compatible_p({typed}, int32_t (*)({kinds})));"),
            ]
    for index, (name, item) in enumerate(desc.root()):
        function = item if isinstance(item, Function) else None
        lines += slot("api_table", name, function, index)
        typed = f"*((struct abio_api_table *)0)->{name}"
        lines.append(
            c.fold(
                f"SAME(__builtin_types_compatible_p(__typeof__({typed}), __typeof__(abio_{name})));"
            )
        )
    return lines


def emit(desc: Description) -> str:
    numbers = [f"SAME({g.prefix}{v.name} == {v.number});" for g in desc.constants for v in g.values]
    return "\n".join(
        [
            c.banner(desc, ABOUT),
            "#include <stddef.h>",
            "",
            "/* By -I alone: where this is recorded, the header of its own day lies beside it. */",
            "#include <abio.h>",
            "",
            "#define SAME(condition) _Static_assert(condition, #condition)",
            "",
            *numbers,
            "",
            *structs(desc),
            "",
            *tables(desc),
            "",
        ]
    )
