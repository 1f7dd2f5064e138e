r"""The overview pages of section 7: abi/man/NAME.7, written by hand in mdoc, with lists filled in.

A source begins at `.Sh NAME`.  A line `.\"= WORD …` is replaced:
    program NAME        the program abi/man/examples/NAME.c, and what it prints
    functions           every function, by what it belongs to
    traits              every trait with its functions
    codes               every code of the library: its cause, and who answers it
    constants GROUP     the constants of a group
"""

from __future__ import annotations

import re

from .. import errnos, functiontext
from ..model import Bad, Description, Function
from . import mdoc, page
from .functions import brief
from .mdoc import Names

DIRECTIVE = re.compile(r'\.\\"= (\w+) ?(\w*)\Z')
# Codes that so many functions answer that a list of them says nothing.
MANY = 16


def program(_: Description, name: str, names: Names) -> list[str]:
    path = page.EXAMPLES / f"{name}.c"
    if not path.is_file():
        raise Bad(f"example {name}", "there is no such program")
    return [*mdoc.literal(page.parted(path.read_text(encoding="utf-8"))[1]), *page.printed(name)]


def constants(desc: Description, group: str, names: Names) -> list[str]:
    found = [g for g in desc.constants if g.group == group]
    return [line for g in found for line in page.constant_list(g, names)]


def listed(functions: list[Function], names: Names) -> list[str]:
    rows = [(f"abio_{f.name}", brief(f)) for f in functions]
    return mdoc.listed(rows, names, "abio_driver_shutdown(3)", compact=True)


def belongs(function: Function) -> str:
    """The heading a function without a trait stands under."""
    handle = function.handle.type.kind if function.handle else ""
    if function.name.startswith("driver_"):
        return "The driver"
    if function.name.startswith("buffer_"):
        return "Buffers"
    if function.name.startswith("object_"):
        return "Objects that a host implements"
    return {"driver": "Making ios, and time", "io": "Adapters, copying, moving"}.get(
        handle, "The library itself"
    )


def functions(desc: Description, _: str, names: Names) -> list[str]:
    out: list[str] = []
    heads = (
        "The library itself",
        "The driver",
        "Making ios, and time",
        "Adapters, copying, moving",
        "Buffers",
        "Objects that a host implements",
    )
    for head in heads:
        found = [f for f in desc.functions if not f.trait and belongs(f) == head]
        if found:
            out += [f".Ss {head}", *listed(found, names)]
    for trait in desc.traits:
        found = [desc.function(slot) for slot in trait.slots]
        out += [f".Ss Trait {trait.name}", *listed(found, names)]
    return out


def traits(desc: Description, _: str, names: Names) -> list[str]:
    out = [".Bl -tag -width owned_write"]
    for trait in desc.traits:
        out += [f".It Sy {trait.name}", *mdoc.prose(trait.doc, names)]
        slots = ", ".join(f"abio_{slot}" for slot in trait.slots)
        out += [".br", *mdoc.prose(f"{slots}; abio_{trait.name}_table.", names)]
    return [*out, ".El"]


def answered(desc: Description, code: str) -> str:
    """Who answers a code, where that is worth a list."""
    who = []
    for function in desc.functions:
        codes = functiontext.refusals(desc, function) + functiontext.event_errors(function)
        if code in [found for found, _ in codes]:
            who.append(f"abio_{function.name}")
    return f"  From {', '.join(who)}." if 0 < len(who) <= MANY else ""


def codes(desc: Description, _: str, names: Names) -> list[str]:
    kinds = {name: kind for _, name, kind, _ in errnos.own(desc)}
    out = [".Bl -tag -width Ds"]
    for group in (desc.group("CODE"), desc.group("ERROR")):
        for value in group.values:
            name = group.prefix + value.name
            text = f"{mdoc.phrase(value.text)}{answered(desc, name)}  Class {kinds[name]}."
            out += [f".It {mdoc.macro(name, names)} Pq \\{value.number}", *mdoc.prose(text, names)]
    return [*out, ".El"]


FILL = {
    "program": program,
    "functions": functions,
    "traits": traits,
    "codes": codes,
    "constants": constants,
}


def emit(desc: Description, name: str, source: str, names: Names) -> str:
    own = names.of(name)
    out = page.head(desc, name, "7", f"abi/man/{name}.7")
    for line in source.rstrip("\n").split("\n"):
        found = DIRECTIVE.match(line)
        if found and found[1] not in FILL:
            raise Bad(f"page {name}", f"nothing fills in {found[1]!r}")
        out += FILL[found[1]](desc, found[2], own) if found else [line]
    return page.text_of(out)


def sources() -> dict[str, str]:
    """Every source, by the name of its page."""
    return {
        path.stem: path.read_text(encoding="utf-8") for path in sorted(page.SOURCES.glob("*.7"))
    }
