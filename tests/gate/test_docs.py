#!/usr/bin/env python3
"""docs/abi.md names a test for every promise: each of them is there, and no fixture is left out.
Ends with `N passed, N failed`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from world import ROOT  # first: it makes the generator and the gate importable
from abi_record import BEFORE, PARTS, SUMS
from fixtures import ALL, BUILT, DESCRIBED, KEPT
from emit import parse

HERE = Path(__file__).resolve().parent
TEXT = (ROOT / "docs/abi.md").read_text(encoding="utf-8")
# Ways to break what a line already speaks of.
ALSO = {
    "the version goes back",
    "the linker is told another soname",
    "a symbol is not exported",
    "a struct is read where it was filled",
}


def problems() -> dict[str, str]:
    found = {}
    names = {fixture.name for fixture in ALL}
    said = set(re.findall(r"(?<!\*)\*([^*\n]+)\*(?!\*)", TEXT)) - {"italics"}
    found["every fixture that is named exists"] = str(sorted(said - names) or "")
    bad = {fixture.name for fixture in (*DESCRIBED, *BUILT, *KEPT)}
    found["every way to break a promise is named"] = str(sorted(bad - said - ALSO) or "")
    programs = set(re.findall(r"`((?:old|new)/[\w.]+)`", TEXT))
    lost = [name for name in programs if not (HERE / name).is_file()]
    found["every program that is named exists"] = str(lost or "")
    targets = set(re.findall(r"make ([a-z-]+)", TEXT))
    makefile = (ROOT / "Makefile").read_text()
    lost = [name for name in targets if not re.search(rf"(?m)^{name}:", makefile)]
    found["every make target that is named exists"] = str(lost or "")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", TEXT) if "://" not in link]
    lost = [link for link in links if not (ROOT / "docs" / link).exists()]
    found["every link leads somewhere"] = str(lost or "")
    files = {*PARTS, "symbols", "library.abi", "tools", BEFORE, SUMS}
    rows = set(re.findall(r"`([\w.]+)`", TEXT.split("| file |")[1].split("\n\n")[0]))
    found["every file of a record is told"] = str(sorted(files ^ rows) or "")
    desc = parse.parse((ROOT / "abi/abio.toml").read_text(encoding="utf-8"))
    frozen = {f"abio_{name}" for name, struct in desc.structs.items() if struct.kind == "frozen"}
    line = next(line for line in TEXT.splitlines() if line.startswith("| frozen structs"))
    told = set(re.findall(r"`(abio_\w+)`", line))
    found["every frozen struct is told"] = str(sorted(frozen ^ told) or "")
    return found


def main() -> int:
    found = problems()
    failed = sum(bool(problem) for problem in found.values())
    for promise, problem in found.items():
        print(f"not ok - {promise}: {problem}" if problem else f"ok - {promise}")
    print(f"{len(found) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
