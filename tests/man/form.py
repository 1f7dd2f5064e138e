"""Pages are well-formed mdoc and have the sections they must have."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

from pages import Problem, Tree, described, scratch

# References are looked up by lookup.py; mandoc would look for them on this machine.
ELSEWHERE = re.compile(r"referenced manual not found|outdated mandoc\.db")
COMPLAINT = re.compile(r"mandoc: (\S+?):(\d+:\d+: .*)")


def lint_is_silent(tree: Tree) -> Iterator[Problem | None]:
    """In its strictest mode, on every page that is not only another name."""
    with scratch() as folder:
        tree.write(folder)
        done = subprocess.run(
            ["mandoc", "-T", "lint", "-W", "style", *tree.pages],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    complaints: dict[str, str] = {}
    for row in (done.stdout + done.stderr).splitlines():
        found = COMPLAINT.search(row)
        if found and not ELSEWHERE.search(row):
            complaints.setdefault(found[1], found[2])
    for path in tree.pages:
        yield Problem(path, complaints[path]) if path in complaints else None


def sections_are_there(tree: Tree) -> Iterator[Problem | None]:
    """What a reader looks for on the page of a function stands under its heading."""
    desc = described()
    for function in desc.functions:
        path = f"man3/abio_{function.name}.3"
        if path not in tree.rendered:
            continue
        needed = ["NAME", "LIBRARY", "SYNOPSIS", "DESCRIPTION", "RETURN VALUES", "THREADS"]
        needed += ["EVENTS"] if function.start else []
        needed += ["ERRORS"] if function.args and function.returns != "cstr" else []
        needed += ["SEE ALSO", "HISTORY"]
        there = tree.rendered[path]
        lost = [name for name in needed if not there.get(name)]
        if function.name.startswith("error_"):
            lost = [name for name in lost if name != "ERRORS"]
        yield Problem(path, f"has no {', '.join(lost)}") if lost else None


def sections_say_what_they_are_for(tree: Tree) -> Iterator[Problem | None]:
    """A function's own text tells what it returns, and what its event brings."""
    for path, found in tree.rendered.items():
        events = found.get("EVENTS", "The event")
        returns = found.get("RETURN VALUES", "Returns")
        if not re.match(r"The (terminal )?event\b|The result and progress\b", events):
            yield Problem(path, "EVENTS does not begin with what the event brings")
        elif path.startswith("man3/") and not re.match(r"Returns|The table|A slot", returns):
            yield Problem(path, "RETURN VALUES does not begin with what it returns")
        else:
            yield None


def names_are_phrases(tree: Tree) -> Iterator[Problem | None]:
    """The line under NAME fits a list of search results."""
    for path, found in tree.rendered.items():
        brief = found.get("NAME", "").partition(" - ")[2]
        good = 0 < len(brief) <= 80 and not brief.endswith(".")
        yield None if good else Problem(path, f"its NAME is {brief!r}")


CHECKS = [lint_is_silent, sections_are_there, sections_say_what_they_are_for, names_are_phrases]
