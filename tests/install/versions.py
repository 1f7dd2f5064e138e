"""The version stands in abi/abio.toml, and whoever repeats it says the same.  Ends with
`N passed, N failed`."""
from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Callable

import support
from support import ROOT, Checks, equal, holds

VERSION = support.version()
MAJOR_MINOR = tuple(int(part) for part in VERSION.split(".")[:2])


def first(path: str, pattern: str) -> str:
    found = re.search(pattern, (ROOT / path).read_text(encoding="utf-8"), re.M)
    holds(found, f"{path} has no {pattern}")
    assert found
    return found[1]


def soname() -> str:
    return first("abi/abio.toml", r'^soname = "(.*)"')


# What each file says, with what it must be.
PLACES: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
    "the header": (
        lambda: first("abi/generated/abio.h", r"^ \* abio ([\d.]+): "), lambda: VERSION,
    ),
    "the Python package": (
        lambda: runpy.run_path(str(ROOT / "abi/generated/constants.py"))["VERSION"],
        lambda: VERSION,
    ),
    "the Lua module": (
        lambda: first("bindings/lua/abio/native.lua", r"^local MAJOR, MINOR = (.*)$"),
        lambda: ", ".join(map(str, MAJOR_MINOR)),
    ),
    "the Lua module's soname": (
        lambda: first("bindings/lua/abio/native.lua", r'^local SONAME = "(.*)"$'), soname,
    ),
    "the Makefile's soname": (lambda: first("Makefile", r"^SONAME := (.*)$"), soname),
    "the list of changes": (lambda: first("CHANGELOG.md", r"^## (\d+\.\d+\.\d+)"), lambda: VERSION),
    "the Debian package": (
        lambda: first("debian/changelog", r"\Aabio \((.*)-\d+\) "), lambda: VERSION,
    ),
}


def agrees(found: Callable[[], object], wanted: Callable[[], object]) -> None:
    equal(found(), wanted(), "version")


def main() -> int:
    checks = Checks()
    for name, (found, wanted) in PLACES.items():
        checks.run(f"{name} says the same", agrees, found, wanted)

    def differs() -> None:
        try:
            equal("0.0.0", VERSION, "version")
        except support.Failed:
            return
        raise support.Failed("another version is not seen")

    checks.run("another version is seen", differs)
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
