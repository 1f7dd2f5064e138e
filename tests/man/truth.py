"""The table of abio_traits(7) is what the library answers."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from pages import GENERATED, LIBRARY, Problem, Tree, scratch

PROGRAM = Path(__file__).with_name("what_has_which.c")
PAGE = "man7/abio_traits.7"


def told(source: str) -> dict[str, list[str]]:
    """The rows of the page's table."""
    rows = re.findall(r"^\.It (?!Em)(.+ Ta .+)$", source, re.M)
    cells = [[cell.strip().replace("\\(en", "-") for cell in row.split(" Ta ")] for row in rows]
    return {name: values for name, *values in cells}


def answered() -> dict[str, list[str]]:
    """The same, by asking."""
    with scratch() as folder:
        binary = folder / "what"
        options = [f"-I{GENERATED}", f"-L{LIBRARY}", "-labio", "-o", str(binary)]
        subprocess.run(["gcc", "-std=gnu11", "-Wall", "-Wextra", PROGRAM, *options], check=True)
        environment = {**os.environ, "LD_LIBRARY_PATH": str(LIBRARY)}
        done = subprocess.run([binary], env=environment, capture_output=True, text=True, check=True)
    lines = [line.split("|") for line in done.stdout.splitlines()]
    return {name: values for name, *values in lines}


def traits_are_what_the_library_has(tree: Tree) -> Iterator[Problem | None]:
    page = told(tree.sources.get(PAGE, ""))
    library = answered()
    for name in library.keys() | page.keys():
        same = page.get(name) == library.get(name)
        yield None if same else Problem(PAGE, f"{name}: {page.get(name)}, not {library.get(name)}")


CHECKS = [traits_are_what_the_library_has]
