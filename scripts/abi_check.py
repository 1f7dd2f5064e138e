"""The gate: whether the tree keeps what every release in abi-dump/ has promised.  docs/abi.md tells why.

The steps, each of its own: nothing generated is stale; no record was edited; the description adds and
changes nothing; the frozen asserts of every release compile against the header of today; the library shows
exactly its symbols; libabigail, as a second witness, sees no more than the description says.
Ends with `N passed, N failed`.  `make abi-check` builds what it needs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import abi_library
import abi_record
import abi_rules
from abi_record import ROOT, Release

COMPILERS = ("gcc", "clang")
COMPARABLE = "there is a release to compare with"


@dataclass(frozen=True)
class Finding:
    """One promise, and how it is broken if it is."""

    step: str
    promise: str
    problem: str | None


@dataclass(frozen=True)
class Tree:
    """What is judged.  The fixtures of tests/gate judge others than the real one."""

    toml: Path
    generated: Path
    # What people use, and the same built by gcc with -O0 -g for libabigail.
    library: Path
    debug_library: Path
    dumps: Path

    def document(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads((self.generated / "abio.json").read_text())
        return read

    def description(self) -> dict[str, Any]:
        described: dict[str, Any] = self.document()["description"]
        return described


REAL = Tree(
    ROOT / "abi/abio.toml",
    abi_record.GENERATED,
    ROOT / "build/lib/libabio.so.0",
    abi_record.LIBRARY,
    abi_record.DUMPS,
)


def generated(tree: Tree) -> Iterator[Finding]:
    options = ["--description", str(tree.toml), "--output", str(tree.generated)]
    command = [sys.executable, str(ROOT / "abi/generate.py"), "--check", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    problem = (done.stderr or "it fails").strip() if done.returncode else None
    yield Finding("generated", "nothing generated is stale", problem)


def edited(release: Release) -> str | None:
    """Against the checksums, and against the tag of the release where there is one."""
    found = abi_record.sums(release.folder)
    kept = release.folder / abi_record.SUMS
    recorded = kept.read_text() if kept.is_file() else ""
    if found != recorded:
        names = {
            line.split()[1] for line in set(found.split("\n")) ^ set(recorded.split("\n")) if line
        }
        return f"was edited after it was recorded: {sorted(names)}"
    tag = abi_record.tag_of(release.folder)
    if tag and abi_record.git(release.folder, "diff", "--stat", tag, "--", "."):
        return f"is not what {tag} holds"
    return None


def forgotten(tree: Tree, release: Release) -> str | None:
    """Against what the record knows of those before it."""
    path = release.folder / abi_record.BEFORE
    known = path.read_text().splitlines() if path.is_file() else []
    today = abi_record.before(tree.dumps).splitlines()
    gone = [line.split()[1] for line in known if line not in today]
    return f"is not what it was, or gone: {gone}" if gone else None


def recorded(tree: Tree) -> Iterator[Finding]:
    found = abi_record.releases(tree.dumps)
    problem = None if found else "there is no record"
    yield Finding("recorded", COMPARABLE, problem)
    for release in found:
        promise = f"the record of {release.version} was never edited"
        yield Finding("recorded", promise, edited(release))
        promise = f"what was recorded before {release.version} is there as it was"
        yield Finding("recorded", promise, forgotten(tree, release))


def described(tree: Tree) -> Iterator[Finding]:
    today = tree.document()
    for release in abi_record.releases(tree.dumps):
        breaks = abi_rules.broken(release.document, today)
        promise = f"the description keeps what {release.version} promised"
        yield Finding("description", promise, "; ".join(breaks) or None)


def compiled(tree: Tree) -> Iterator[Finding]:
    sources = [(release.version, release.folder) for release in abi_record.releases(tree.dumps)]
    for version, folder in [*sources, ("today", tree.generated)]:
        for compiler in COMPILERS:
            command = [
                compiler,
                "-std=gnu11",
                f"-I{tree.generated}",
                "-fsyntax-only",
                "-x",
                "c",
                "-",
            ]
            source = (folder / "asserts.c").read_text()
            done = subprocess.run(
                command, input=source, capture_output=True, text=True, check=False
            )
            errors = [line for line in done.stderr.splitlines() if "error" in line]
            problem = "; ".join(errors[:3]) or f"{compiler} fails" if done.returncode else None
            promise = f"the asserts of {version} hold in the header of today, says {compiler}"
            yield Finding("asserts", promise, problem)


def symbols(tree: Tree) -> Iterator[Finding]:
    have = abi_library.exported(tree.library)
    want = abi_library.promised((tree.generated / "abio.map").read_text())
    checks = {
        "exports exactly the version script's symbols": abi_library.check_symbols(have, want),
        "exports only names of abio's": abi_library.check_names(have),
        "exports only functions": abi_library.check_objects(have),
    }
    for release in abi_record.releases(tree.dumps):
        text = (release.folder / "symbols").read_text()
        promise = f"has every symbol of {release.version} in its version node"
        checks[promise] = abi_library.check_released(have, text)
    for promise, problem in checks.items():
        yield Finding("symbols", f"the library {promise}", problem)


def loaded(tree: Tree) -> Iterator[Finding]:
    dynamic = abi_library.output("readelf", "-dW", tree.library)
    sections = abi_library.output("readelf", "-SW", tree.library)
    soname = tree.description()["abi"]["soname"]
    checks = {
        "needs only libc": abi_library.check_needed(dynamic),
        f"has the soname {soname}": abi_library.check_soname(dynamic, soname),
        "is never unloaded": abi_library.check_nodelete(dynamic),
        "has no relocations in its code": abi_library.check_relocations(dynamic),
        "has no constructors": abi_library.check_initialisers(sections),
    }
    for promise, problem in checks.items():
        yield Finding("loaded", f"the library {promise}", problem)


def stale_current(tree: Tree, shown: dict[str, str]) -> str | None:
    """Bytes are compared where the tools are the recorded ones, meanings where they are not."""
    current = tree.dumps / "current"
    if any(not (current / name).is_file() for name in shown):
        return "is not there: make abi-current"
    same_tools = (current / "tools").read_text() == shown["tools"]
    names = [name for name in shown if name == "symbols" or same_tools]
    stale = [name for name in names if (current / name).read_text() != shown[name]]
    return f"is stale in {stale}: make abi-current, and look at what changed" if stale else None


def witnessed(tree: Tree) -> Iterator[Finding]:
    today = tree.description()
    shown = abi_record.shown(tree.debug_library, tree.generated)
    tables = [f"abio_{trait['name']}_ops" for trait in today["traits"]] + ["abio_api_table"]
    problem = abi_library.check_dump(shown["library.abi"], tables)
    yield Finding("dump", "libabigail sees every table", problem)
    yield Finding("dump", "abi-dump/current is the library of today", stale_current(tree, shown))
    after = tree.debug_library.with_name("library.abi")
    after.write_text(shown["library.abi"])
    for release in abi_record.releases(tree.dumps):
        additions = bool(abi_rules.additions(release.description, today))
        status, words = abi_library.difference(release.folder / "library.abi", after)
        problem = abi_library.check_difference(status, words, additions)
        promise = f"libabigail sees no more change since {release.version} than the description has"
        yield Finding("dump", promise, problem)


STEPS = (generated, recorded, described, compiled, symbols, loaded, witnessed)


def judge(tree: Tree) -> list[Finding]:
    return [finding for step in STEPS for finding in step(tree)]


def main() -> int:
    findings = judge(REAL)
    for finding in findings:
        if finding.problem:
            print(f"not ok - {finding.step}: {finding.promise}: {finding.problem}")
        else:
            print(f"ok - {finding.step}: {finding.promise}")
    failed = sum(finding.problem is not None for finding in findings)
    print(f"{len(findings) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
