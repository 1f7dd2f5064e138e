"""The manual pages: section 3 from the description, section 7 from abi/man/.

One page for each function, struct, table and handle; a name that shares a page is a file that only
points there.  No page carries the hash of the description: a change shows in the pages it is about.
"""

from __future__ import annotations

from ..model import Description
from . import functions, overviews, tables, types
from .mdoc import Names


def all_names(desc: Description) -> Names:
    """What there is a page of in section 3."""
    pages = {f"abio_{f.name}" for f in desc.functions} | {f"abio_{s}" for s in desc.structs}
    pages |= {f"abio_{i.name}_impl" for i in desc.impls} | {"abio_api", "abio_api_table"}
    for trait in desc.traits:
        pages |= set(tables.aliases(desc, trait))
    types = {f"abio_{name}" for name in [*desc.structs, *(name for name, _ in desc.handles)]}
    return Names(pages | {f"abio_{name}" for name, _ in desc.handles}, types)


def pages(desc: Description) -> dict[str, str]:
    """Every page, by its path below the folder of manuals."""
    names = all_names(desc)
    found = {
        f"man7/{name}.7": overviews.emit(desc, name, source, names)
        for name, source in overviews.sources().items()
    }
    third = {f"abio_{f.name}": functions.emit(desc, f, names) for f in desc.functions}
    for struct in desc.structs.values():
        third[f"abio_{struct.name}"] = types.struct_page(desc, struct, names)
    for impl in desc.impls:
        third[f"abio_{impl.name}_impl"] = types.impl_page(desc, impl, names)
    for name, doc in desc.handles:
        third[f"abio_{name}"] = types.handle_page(desc, name, doc, names)
    for trait in desc.traits:
        first, *others = tables.aliases(desc, trait)
        third[first] = tables.trait_page(desc, trait, names)
        third |= {name: f".so man3/{first}.3\n" for name in others}
    third["abio_api"] = tables.api_page(desc, names)
    third["abio_api_table"] = ".so man3/abio_api.3\n"
    return found | {f"man3/{name}.3": text for name, text in third.items()}
