"""The pages of the traits' tables and of the root table: abio_read_table(3), abio_api(3)."""

from __future__ import annotations

from .. import typetext
from ..model import Description, Trait
from . import mdoc, page
from .functions import brief, prototype
from .mdoc import Names

ROOT = """
Gives every function of the library to a host that looks up one symbol, by dlopen(3) and dlsym(3) or what its language has for them.  After the head come pointers to all functions and to the getter of each trait's table, in the order in which the header declares struct abio_api_table and abio.json lists `root`; each is named as the function, without abio_.
A pointer is there when `head.size` reaches past it: a host that needs a newer function than the library has finds the table too short and says so.  The table is constant and the same for the life of the process; it is only ever grown at its end.
`major` is the major version that the host was made for, of abio_abi_info: 0 today.
"""


def aliases(desc: Description, trait: Trait) -> list[str]:
    """Every name the page is found by: also the trait's, where no function has it."""
    names = [f"abio_{trait.name}_table", f"abio_{trait.name}_ops"]
    taken = {f.name for f in desc.functions}
    return names if trait.name in taken else [*names, f"abio_{trait.name}"]


def trait_page(desc: Description, trait: Trait, names: Names) -> str:
    all_names = aliases(desc, trait)
    own = names.of(all_names[0])
    rows = [(f"abio_{slot}", brief(desc.function(slot))) for slot in trait.slots]
    impl = next((i for i in desc.impls if i.id == trait.id), None)
    about = [trait.doc, *typetext.table_rule(trait)]
    caps = [(v.name, v.text) for v in desc.group("CAP").values if v.name in trait.caps]
    caps = [(f"ABIO_CAP_{name}", text) for name, text in caps]
    can = [".Pp", "Capabilities that an object can have here:", *mdoc.listed(caps, own)]
    also = [(f"abio_{i.name}_impl", "3") for i in [impl] if i]
    also += [(name, "3") for name, _ in rows] + [("abio_query", "3"), ("abio_table_head", "3")]
    return page.text_of(
        [
            *page.head(desc, all_names[0], "3", "abi/abio.toml"),
            *page.names_section(all_names, f"the trait {trait.name} and its table"),
            *page.library(),
            ".Sh SYNOPSIS",
            ".In abio.h",
            *prototype(f"const struct abio_{trait.name}_ops *", all_names[0], []),
            ".Sh DESCRIPTION",
            *mdoc.paragraphs(about, own),
            ".Pp",
            "The slots, in the order of the table:",
            *mdoc.listed(rows, own),
            *(can if caps else []),
            ".Sh RETURN VALUES",
            *mdoc.prose(
                "The table, never NULL: constant, and the same for the life of the process.", own
            ),
            ".Sh THREADS",
            *mdoc.prose(typetext.ANYWHERE, own),
            ".Sh SEE ALSO",
            *mdoc.see_also([*also, ("abio_traits", "7"), ("abio_versions", "7")]),
            *page.history(all_names[0], trait.since),
        ]
    )


def api_page(desc: Description, names: Names) -> str:
    own = names.of("abio_api")
    return page.text_of(
        [
            *page.head(desc, "abio_api", "3", "abi/emit/man/tables.py"),
            *page.names_section(["abio_api", "abio_api_table"], "every function in one table"),
            *page.library(),
            ".Sh SYNOPSIS",
            ".In abio.h",
            *prototype("const struct abio_api_table *", "abio_api", ["uint32_t major"]),
            ".Sh DESCRIPTION",
            *mdoc.paragraphs(ROOT.strip().split("\n"), own),
            ".Sh RETURN VALUES",
            *mdoc.prose(
                "The table, or NULL for a major version that this library does not know.", own
            ),
            ".Sh THREADS",
            *mdoc.prose(typetext.ANYWHERE, own),
            *page.example("abio_api", own),
            ".Sh SEE ALSO",
            *mdoc.see_also(
                [
                    ("abio_abi_info", "3"),
                    ("abio_table_head", "3"),
                    ("dlopen", "3"),
                    ("dlsym", "3"),
                    ("abio", "7"),
                    ("abio_versions", "7"),
                ]
            ),
            *page.history("abio_api", "0.1"),
        ]
    )
