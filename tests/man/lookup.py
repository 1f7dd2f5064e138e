"""Every name of the header is found by `man`, and every reference leads somewhere."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from pages import ALIAS, Problem, Tree, described, errnos, scratch

# Of the system: what the pages may refer to beside themselves.
SYSTEM = {("poll", "2"), ("dlopen", "3"), ("dlsym", "3")}
OVERVIEWS = (
    "abio abio_operations abio_ownership abio_cancellation abio_errors abio_traits abio_embedding "
    "abio_threads abio_backends abio_implementing abio_versions"
).split()


def names() -> list[str]:
    """Functions, structs, tables, traits and handles."""
    desc = described()
    found = [*OVERVIEWS, "abio_api", "abio_api_table"]
    found += [f"abio_{f.name}" for f in desc.functions]
    found += [f"abio_{name}" for name in desc.structs]
    found += [f"abio_{name}" for name, _ in desc.handles]
    found += [f"abio_{impl.name}_impl" for impl in desc.impls]
    for trait in desc.traits:
        found += [f"abio_{trait.name}{end}" for end in ("", "_table", "_ops")]
    return list(dict.fromkeys(found))


def found_by_name(tree: Tree) -> Iterator[Problem | None]:
    """As mandoc's man finds them, in a folder with its index."""
    with scratch() as folder:
        tree.write(folder)
        subprocess.run(["makewhatis", folder], check=True, capture_output=True)
        for name in names():
            done = subprocess.run(
                ["mman", "-M", folder, "-w", name], capture_output=True, text=True, check=False
            )
            path = Path(done.stdout.strip() or "none")
            if done.returncode != 0 or not path.is_file():
                yield Problem(name, "man does not find it")
            elif not says(tree, path, name):
                yield Problem(name, f"{path.name} does not name it")
            else:
                yield None


def says(tree: Tree, path: Path, name: str) -> bool:
    """Whether the page, or the one it points to, has the name in its NAME section."""
    source = path.read_text(encoding="utf-8")
    alias = ALIAS.match(source)
    if alias:
        source = tree.sources.get(alias[1], "")
    return bool(re.search(rf"^\.Nm {name}( ,)?$", source, re.M))


def aliases_lead_somewhere(tree: Tree) -> Iterator[Problem | None]:
    for path, source in tree.sources.items():
        alias = ALIAS.match(source)
        if alias or source.startswith(".so"):
            target = (Path(alias[1]).stem, "3") if alias else None
            yield None if target in tree.known else Problem(path, "points to no page")


def references_lead_somewhere(tree: Tree) -> Iterator[Problem | None]:
    for path, source in tree.pages.items():
        lost = [
            f"{name}({section})"
            for name, section in re.findall(r"\bXr (\w+) (\w)", source)
            if (name, section) not in tree.known | SYSTEM
        ]
        yield Problem(path, f"refers to {', '.join(lost)}") if lost else None


def names_exist(tree: Tree) -> Iterator[Problem | None]:
    """Every name of the library that a page speaks of, in programs too."""
    known = set(names()) | {"abio_"}
    for path, source in tree.pages.items():
        named = set(re.findall(r"\babio_[a-z0-9_]+(?![\w<*])", source))
        lost = {name for name in named - known if not name.endswith("_")}
        yield Problem(path, f"no {', '.join(sorted(lost))}") if lost else None


def constants_exist(tree: Tree) -> Iterator[Problem | None]:
    """Every code and constant that a page names, in its macros and in its text."""
    desc = described()
    known = {g.prefix + v.name for g in desc.constants for v in g.values} | {"ABIO_BACKEND"}
    known |= {g.prefix for g in desc.constants}
    system = {name for _, name, _, _ in errnos.errnos()}
    for path, source in tree.pages.items():
        named = set(re.findall(r"\bABIO_[A-Z0-9_]+", source)) - {"ABIO_UNKNOWN"}
        lost = {name for name in named if name not in known and not heading(source, name)}
        for error in re.findall(r"\bEr \\?-?(\w+)", source):
            if not error.startswith("ABIO_") and error not in system | {"errno"}:
                lost.add(error)
        yield Problem(path, f"no constant {', '.join(sorted(lost))}") if lost else None


def heading(source: str, name: str) -> bool:
    """A page's title is its name in capitals."""
    return f".Dt {name} " in source


CHECKS = [
    found_by_name,
    aliases_lead_somewhere,
    references_lead_somewhere,
    names_exist,
    constants_exist,
]
