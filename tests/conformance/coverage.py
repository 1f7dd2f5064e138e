"""Shows that the conformance suite calls every function on every backend, and says where they differ.

Runs the programs of build/gcc/tests/conformance with ABIO_TEST_CALLS, adds up which functions were
called with success, and compares that with the description: every function on each driver variant,
and every slot of the traits a host can implement also on objects that a host implements.  Then
compares docs/backends.md with tests/harness/differences.h.  Each comparison is one test.

    coverage.py             ends with `N passed, N failed`
"""
from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAMS = ROOT / "build/gcc/tests/conformance"
VARIANTS = ("io_uring deferred", "io_uring cooperative", "epoll")
CASES_LEAST = 300  # what the suite promises
# What a suite over host-implemented objects cannot call, and why.
NOT_ON_HOSTS = {
    "abio_ready_fd": "there is no descriptor",
    "abio_receive": "a host's object is read ahead by abio_buf_reader",
    "abio_receive_pause": "see abio_receive",
    "abio_receive_resume": "see abio_receive",
    "abio_seek_relative": "see abio_receive",
    "abio_try_read_at": "a hint, which a host has no slot for",
    "abio_sync": "a host's object has no device to sync",
}
# What no case can call with success.
NEVER = {"abio_driver_abandon": "it ends in a child of the case, which reports nothing here"}


def run(program: Path, folder: str) -> tuple[str, int]:
    """What is wrong with a run, if anything, and how many cases it has."""
    done = subprocess.run(
        [str(program)],
        cwd=ROOT,
        env={**os.environ, "ABIO_TEST_CALLS": folder},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    cases = {re.sub(r" \[.*", "", name) for name in re.findall(r"RUN +\] (.*)", done.stdout + done.stderr)}
    return (f"{program.name}: exit status {done.returncode}" if done.returncode else ""), len(cases)


def called(folder: str) -> set[tuple[str, str, str]]:
    rows = set()
    for path in Path(folder).glob("*.txt"):
        for line in path.read_text().splitlines():
            variant, object_kind, function = line.split("\t")
            rows.add((variant, object_kind, function))
    return rows


def wanted() -> list[tuple[str, str, str]]:
    description = json.loads((ROOT / "abi/generated/abio.json").read_text())["description"]
    implemented = {impl["id"] for impl in description["impls"]}
    on_hosts = {
        f"abio_{slot}"
        for trait in description["traits"]
        if trait["id"] in implemented
        for slot in trait["slots"]
    }
    rows = []
    for function in description["functions"]:
        name = f"abio_{function['name']}"
        if function["returns"] != "i32" or name in NEVER:
            continue
        of = "host" if name.startswith("abio_object_") else "native"
        rows += [(variant, of, name) for variant in VARIANTS]
        if name in on_hosts and name not in NOT_ON_HOSTS:
            rows += [(variant, "host", name) for variant in VARIANTS]
    return rows


def complaints_about_differences() -> list[str]:
    table = (ROOT / "tests/harness/differences.h").read_text()
    stated = set(re.findall(r"^\t(DIFFERS_\w+),", table, re.MULTILINE))
    documented = set(re.findall(r"^\| `(DIFFERS_\w+)` \|", (ROOT / "docs/backends.md").read_text(), re.MULTILINE))
    found = [f"{name} is in one of differences.h and docs/backends.md alone" for name in stated ^ documented]
    for path in sorted((ROOT / "tests/conformance").glob("*.c")):
        text = path.read_text()
        if "test_is_uring" in text:
            found.append(f"{path.name} asks for the backend beside the table")
        stated -= set(re.findall(r"DIFFERS_\w+", text))
    return found + [f"{name} is used by no case" for name in stated]


def main() -> int:
    failures: list[str] = []
    cases = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        programs = sorted(PROGRAMS.glob("test_*"))
        for complaint, count in pool.map(lambda program: run(program, folder), programs):
            failures += [complaint] if complaint else []
            cases += count
        seen = called(folder)
    rows = wanted()
    failures += [f"{name} is never called with success: {kind}, {variant}"
                 for variant, kind, name in rows if (variant, kind, name) not in seen]
    if cases < CASES_LEAST:
        failures.append(f"{cases} cases, {CASES_LEAST} are promised")
    failures += complaints_about_differences()
    for failure in failures:
        print(f"FAILED  {failure}")
    passed = sum((variant, kind, name) in seen for variant, kind, name in rows) + len(programs)
    print(f"{cases} cases")
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
