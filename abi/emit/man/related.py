"""Which pages a reader of a page wants next."""

from __future__ import annotations

import re

from ..model import Description, Function

# Functions that are read together, beside those of one trait.
FAMILIES = [
    "abi_info api",
    "error_name error_text error_kind",
    "clock timer driver_wait",
    "open connect listen resolve adopt pipe datagram accept",
    "adopt detach move",
    "buf_reader buf_writer take chain split copy",
    "object_create object_notify object_complete",
    "retain release close",
    "buffer_retain buffer_release",
]
MEMORY = ("in_bytes", "out_bytes", "in_array", "inout_array", "in", "inout", "also_buffer")
STRUCTS = ("in_struct", "out_struct", "lent_struct", "in", "inout", "in_array", "inout_array")
MANUAL = re.compile(r"\b([a-z_]+)\(([0-9])\)")


def overviews(function: Function) -> list[str]:
    """Pages of section 7."""
    found = ["abio", "abio_errors"]
    if function.start:
        found.append("abio_operations")
    if function.start or function.name in ("cancel", "release", "driver_shutdown", "driver_close"):
        found.append("abio_cancellation")
    if any(arg.type.kind in MEMORY for arg in function.args) or "_VIEW" in function.doc:
        found.append("abio_ownership")
    if function.name.startswith("driver_"):
        found += ["abio_embedding", "abio_threads"]
    if function.name in ("driver_create", "driver_info"):
        found.append("abio_backends")
    if function.name in ("abi_info",):
        found.append("abio_versions")
    if function.name.startswith("object_"):
        found.append("abio_implementing")
    if function.trait or function.name == "query":
        found.append("abio_traits")
    return found


def companions(desc: Description, function: Function) -> set[str]:
    """Functions of the same trait or family, without the prefix."""
    found: set[str] = set()
    for trait in desc.traits:
        if function.name in trait.slots:
            found |= set(trait.slots)
    for family in FAMILIES:
        if function.name in family.split():
            found |= set(family.split())
    for prefix in ("driver_", "buffer_"):
        if function.name.startswith(prefix):
            found |= {f.name for f in desc.functions if f.name.startswith(prefix)}
    if function.start:
        found |= {"cancel", "driver_poll"}
    return found - {function.name}


def of_function(desc: Description, function: Function, pages: set[str]) -> list[tuple[str, str]]:
    names = {f"abio_{name}" for name in companions(desc, function)}
    texts = [function.doc, *[text for _, text in function.errors], *[a.text for a in function.args]]
    names |= set(re.findall(r"\babio_[a-z_0-9]+", " ".join(texts)))
    names |= {f"abio_{a.type.of}" for a in function.args if a.type.kind in STRUCTS}
    if function.trait:
        names.add(f"abio_{function.trait}_table")
    if function.start or any(a.type.kind == "events" for a in function.args):
        names.add("abio_event")
    names = (names & pages) - {f"abio_{function.name}"}
    found = [(name, "3") for name in names]
    found += [(name, "7") for name in overviews(function)]
    return found + MANUAL.findall(function.doc)
