"""The pages of structs, of tables that a host fills, and of handles: abio_event(3) and so on."""

from __future__ import annotations

from .. import c, typetext
from ..model import Description, Impl, Struct
from . import mdoc, page
from .functions import brief
from .mdoc import Names

WIDTH = 66


def folded(declaration: str) -> list[str]:
    """A field, broken after commas where it is long."""
    rows = ["\t"]
    for index, piece in enumerate(declaration.split(", ")):
        glue = ", " if index else ""
        if index and len(rows[-1].expandtabs(8)) + len(glue + piece) > WIDTH:
            rows[-1] += ","
            rows.append("\t\t" + piece)
        else:
            rows[-1] += glue + piece
    return rows


def declared(name: str, fields: list[str]) -> list[str]:
    body = [row for field in fields for row in folded(field)]
    text = "\n".join([f"struct {name} {{", *body, "};"])
    return [".Sh SYNOPSIS", ".In abio.h", *mdoc.literal(text)]


def users(desc: Description, struct: Struct) -> list[tuple[str, str]]:
    """The functions that take it, for SEE ALSO."""
    found = [
        f"abio_{f.name}" for f in desc.functions if any(a.type.of == struct.name for a in f.args)
    ]
    if struct.name == "event":
        found += ["abio_driver_poll", "abio_driver_wait"]
    return [(name, "3") for name in found]


def overview(struct: Struct) -> str:
    return {
        "event": "abio_operations",
        "table_head": "abio_versions",
        "abi": "abio_versions",
        "driver_options": "abio_backends",
        "driver_state": "abio_backends",
        "trait_info": "abio_traits",
    }.get(struct.name, "abio_ownership")


def struct_page(desc: Description, struct: Struct, names: Names) -> str:
    name = f"abio_{struct.name}"
    own = names.of(name)
    added = {f.name: f"; since {f.since}" for f in struct.fields if f.since != struct.since}
    rows = [(f"`{f.name}`", f.text + added.get(f.name, "")) for f in struct.fields]
    texts = [struct.doc, *[text for _, text in rows]]
    return page.text_of(
        [
            *page.head(desc, name, "3", "abi/abio.toml"),
            *page.names_section([name], f"{typetext.noun(struct)}"),
            *page.library(),
            *declared(name, c.struct_body(struct)),
            ".Sh DESCRIPTION",
            *mdoc.prose(struct.doc, own),
            ".Pp",
            "The fields are:",
            *mdoc.listed(rows, own, "x" * max(len(f.name) for f in struct.fields)),
            *page.constants_of(desc, texts, own),
            ".Pp",
            *mdoc.prose(typetext.struct_rule(struct), own),
            *page.example(name, own),
            ".Sh SEE ALSO",
            *mdoc.see_also([*users(desc, struct), ("abio", "7"), (overview(struct), "7")]),
            ".Sh HISTORY",
            f".Vt {mdoc.quoted('struct ' + name)}",
            f"first appeared in abio {struct.since}.",
        ]
    )


def impl_page(desc: Description, impl: Impl, names: Names) -> str:
    name = f"abio_{impl.name}_impl"
    own = names.of(name)
    trait = next(t for t in desc.traits if t.id == impl.id)
    rows = []
    for slot in impl.slots:
        told = [f"`{a.name}`: {a.text}." for a in slot.args if a.text]
        rows.append((f"`{slot.name}`", "  ".join([mdoc.phrase(slot.doc), *told])))
    return page.text_of(
        [
            *page.head(desc, name, "3", "abi/abio.toml"),
            *page.names_section([name], f"table that a host fills to implement {trait.name}"),
            *page.library(),
            *declared(name, c.impl_body(impl)),
            ".Sh DESCRIPTION",
            *mdoc.prose(mdoc.phrase(impl.doc), own),
            ".Pp",
            *mdoc.paragraphs(typetext.IMPLS, own),
            ".Pp",
            "The slots are:",
            *mdoc.listed(rows, own, "x" * max(len(s.name) for s in impl.slots)),
            ".Sh RETURN VALUES",
            *mdoc.prose(typetext.IMPL_ANSWERS, own),
            *page.example(name, own),
            ".Sh SEE ALSO",
            *mdoc.see_also(
                [
                    ("abio_object_create", "3"),
                    ("abio_object_notify", "3"),
                    ("abio_object_complete", "3"),
                    ("abio_table_head", "3"),
                    (f"abio_{trait.name}_table", "3"),
                    *[(f"abio_{i.name}_impl", "3") for i in desc.impls if i is not impl],
                    ("abio_implementing", "7"),
                ]
            ),
            ".Sh HISTORY",
            f".Vt {mdoc.quoted('struct ' + name)}",
            f"first appeared in abio {impl.since}.",
        ]
    )


def handle_page(desc: Description, name: str, doc: str, names: Names) -> str:
    full = f"abio_{name}"
    own = names.of(full)
    users = [f for f in desc.functions if f.handle and f.handle.type.kind == name]
    if name == "io":
        users = [f for f in users if not f.is_slot]
    makers = [
        f
        for f in desc.functions
        if any(a.type.kind == "out" and a.type.of == name for a in f.args) and f not in users
    ]
    rows = [(f"abio_{f.name}", brief(f)) for f in [*makers, *users]]
    return page.text_of(
        [
            *page.head(desc, full, "3", "abi/abio.toml"),
            *page.names_section([full], typetext.HANDLES[name]),
            *page.library(),
            ".Sh SYNOPSIS",
            ".In abio.h",
            ".Pp",
            f".Vt typedef uint64_t {full} ;",
            ".Sh DESCRIPTION",
            *mdoc.paragraphs([doc, typetext.HANDLE_RULE], own),
            ".Pp",
            "The functions of its own are:",
            *mdoc.listed(rows, own),
            ".Sh SEE ALSO",
            *mdoc.see_also(
                [(f"abio_{n}", "3") for n, _ in desc.handles if n != name]
                + [("abio", "7"), ("abio_traits", "7"), ("abio_threads", "7")]
            ),
            ".Sh HISTORY",
            f".Vt {full}",
            "first appeared in abio 0.1.",
        ]
    )
