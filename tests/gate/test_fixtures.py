#!/usr/bin/env python3
"""Runs the gate over every fixture: each gets the verdict, and from the steps, that it says.
Ends with `N passed, N failed`."""

from __future__ import annotations

import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from collections.abc import Callable
from pathlib import Path

import world  # first: it makes the generator and the gate importable
import abi_release
from fixtures import ALL, Fixture, tag_record
from world import ROOT, abi_check, abi_record


def small_description() -> str:
    return (ROOT / "tests/abi/mini.toml").read_text(encoding="utf-8")


def edited(fixture: Fixture) -> str:
    text = small_description()
    for old, new in fixture.edits:
        # A change that changes nothing, or more than it means to, would prove nothing.
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in the description"
        text = text.replace(old, new)
    return text


def verdict(fixture: Fixture, folder: Path, dumps: Path) -> str | None:
    """What is wrong with the gate's verdict."""
    tree = world.build(folder, edited(fixture), fixture.recipe, dumps)
    if fixture.afterwards:
        fixture.afterwards(tree)
    problems = [finding for finding in abi_check.judge(tree) if finding.problem]
    steps = {finding.step for finding in problems}
    said = [f"{finding.step}: {finding.problem}" for finding in problems]
    if steps != set(fixture.fails.split()):
        return f"expected {fixture.fails.split()}, got {sorted(steps)}: {said}"
    if fixture.says and not any(fixture.says in text for text in said):
        return f"nobody says {fixture.says!r}: {said}"
    return None


def judged(fixture: Fixture, folder: Path, dumps: Path) -> str | None:
    try:
        return verdict(fixture, folder, dumps)
    except Exception as error:  # noqa: BLE001  one broken fixture does not hide the others
        return f"{type(error).__name__}: {error}"


def refused(call: Callable[[], object], words: str) -> str | None:
    """The problem, unless the call gives up with these words."""
    try:
        answer = call()
    except SystemExit as error:
        return None if words in str(error) else f"says {error}"
    return None if answer is False and not words else f"answers {answer!r}"


def recording(folder: Path, dumps: Path) -> dict[str, str | None]:
    """What `make abi-release` does and refuses, on a tree of its own."""
    text = small_description()
    tree = world.build(folder / "same", text, dumps=dumps)
    record = tree.dumps / "0.1.0/library.abi"
    found = {
        "what is recorded is not recorded over": refused(
            lambda: abi_release.release(tree, "0.1.0", False), "is recorded already"
        ),
        "a version that is not described is refused": refused(
            lambda: abi_release.release(tree, "0.3.0", False), "describes 0.1.0, not 0.3.0"
        ),
    }
    again = abi_release.release(tree, "0.1.0", True) and record.is_file()
    found["a record without a tag is made anew"] = None if again else "it is not"
    (tree.generated / "abio.cdef").unlink()
    problem = refused(lambda: abi_release.release(tree, "0.1.0", True), "")
    kept = None if record.is_file() else "the old record is gone"
    found["what the gate does not pass is not recorded"] = problem or kept
    tagged = world.build(folder / "tagged", text, dumps=dumps)
    tag_record(tagged)
    found["a record with a tag stands"] = refused(
        lambda: abi_release.release(tagged, "0.1.0", True), "has the tag v0.1.0"
    )
    return found


def main() -> int:
    words = sys.argv[1:]
    chosen = [f for f in ALL if not words or any(word in f.name for word in words)]
    assert len({fixture.name for fixture in ALL}) == len(ALL), "two fixtures have one name"
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gate-", dir=ROOT / "build") as scratch:
        base = world.build(Path(scratch) / "base", small_description())
        abi_record.record(base.dumps, "0.1.0", base.generated, base.library)
        folders = [Path(scratch) / str(index) for index in range(len(chosen))]
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            found = list(pool.map(judged, chosen, folders, [base.dumps] * len(chosen)))
        others = {} if words else recording(Path(scratch) / "recording", base.dumps)
    failed = 0
    for promise, problem in others.items():
        failed += problem is not None
        print(f"not ok - {promise}: {problem}" if problem else f"ok - {promise}")
    for fixture, problem in zip(chosen, found):
        failed += problem is not None
        verdicts = fixture.fails or "welcome"
        print(
            f"not ok - {fixture.name}: {problem}" if problem else f"ok - {fixture.name}: {verdicts}"
        )
    print(f"{len(chosen) + len(others) - failed} passed, {failed} failed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
