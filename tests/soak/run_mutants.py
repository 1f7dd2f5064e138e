"""Shows that the soak can fail: each mutant is the library with one deliberate fault, and is caught.

A mutant is a sed script in mutants/; its first lines name the file it changes, the program that must
catch it (test_soak where none is named), the kind of host it must be caught by (level), and the word.  Its edit is applied to a copy of src/, the file is compiled as build/flags says, and
linked with the soak and the rest of the library.  An edit that changes nothing is a failure.

    run_mutants.py          all
    run_mutants.py NAME…    some
"""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).resolve().parent
BUILD = ROOT / "build"
LIMIT_SECONDS = 80
DEADLINE_MS = "500"
HOST = "level"  # one kind of host is enough here
PROGRAMS = ("test_soak", "test_cancel_race", "test_composites")


@dataclass
class Mutant:
    name: str
    script: Path
    file: str
    program: str
    host: str
    expect: list[str]


@dataclass
class Verdict:
    name: str
    good: bool
    text: str


def load(script: Path) -> Mutant:
    head = dict(re.findall(r"^# (file|program|host|expect): (.+)$", script.read_text(), re.MULTILINE))
    return Mutant(
        script.stem,
        script,
        head.get("file", ""),
        head.get("program", PROGRAMS[0]),
        head.get("host", HOST),
        head.get("expect", "").split(),
    )


def run(
    argv: list[str], seconds: float, environment: dict[str, str] | None = None
) -> tuple[int | None, str]:
    """Exit status (None: hung) and output."""
    try:
        done = subprocess.run(
            argv,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as hung:
        output = hung.stdout or b""
        return None, output.decode(errors="replace") if isinstance(output, bytes) else output
    return done.returncode, done.stdout


def soak_objects(program: str) -> list[str]:
    """What a program is linked of, without the other programs of its directory."""
    objects = sorted((BUILD / "obj/tests/soak").glob("*.o"))
    return [str(o) for o in objects if not o.name.startswith("test_") or o.stem == program]


def mutate(mutant: Mutant, room: Path) -> tuple[Path, str]:
    """The changed file below `room`, and what is wrong with the mutant, if anything."""
    shutil.rmtree(room, ignore_errors=True)
    shutil.copytree(ROOT / "src", room / "src")
    target = room / mutant.file
    if not mutant.file.startswith("src/") or not target.is_file() or not mutant.expect:
        return target, "names no file of src/ or no word"
    before = target.read_text()
    status, output = run(["sed", "-i", "-f", str(mutant.script), str(target)], 10)
    if status != 0:
        return target, output.strip()
    if target.read_text() == before:
        return target, "its edit no longer applies"
    return target, ""


def compile_mutant(mutant: Mutant, target: Path, room: Path) -> tuple[Path, str]:
    flags = (BUILD / "flags").read_text().split()
    program, built = room / mutant.program, room / "mutant.o"
    # The mutant's object stands before the archive, whose own is then not taken.
    compile_line = [*flags, "-Wno-error", "-c", "-o", str(built), str(target)]
    rest = [str(BUILD / "lib/libabio-internal.a"), "-l:liburing.a", "-pthread"]
    objects = [*soak_objects(mutant.program), str(built)]
    link_line = [flags[0], "-o", str(program), *objects, *rest]
    for line in (compile_line, link_line):
        status, output = run(line, 60)
        if status != 0:
            return program, output.strip()
    return program, ""


def soak(program: Path, host: str) -> tuple[int | None, str, float]:
    begin = time.monotonic()
    environment = {
        "ABIO_SOAK": "first",
        "ABIO_SOAK_DEADLINE_MS": DEADLINE_MS,
        "ABIO_SOAK_ONLY": f"/{host}",
    }
    status, output = run([str(program)], LIMIT_SECONDS, environment)
    failures = [line for line in output.splitlines() if line.startswith("FAILED")]
    return status, failures[0] if failures else "", time.monotonic() - begin


def judge(mutant: Mutant) -> Verdict:
    room = BUILD / "mutants" / mutant.name
    target, trouble = mutate(mutant, room)
    if trouble:
        return Verdict(mutant.name, False, trouble)
    program, trouble = compile_mutant(mutant, target, room)
    if trouble:
        return Verdict(mutant.name, False, f"does not build: {trouble}")
    status, failure, seconds = soak(program, mutant.host)
    shutil.rmtree(room / "src", ignore_errors=True)
    if status is None:
        return Verdict(mutant.name, False, f"the soak hung for {LIMIT_SECONDS} s")
    if status == 0:
        return Verdict(mutant.name, False, f"survived {seconds:.0f} s of soak")
    if not any(f": {word}: " in failure for word in mutant.expect):
        return Verdict(mutant.name, False, f"expected {mutant.expect}: {failure or status}")
    return Verdict(mutant.name, True, f"{seconds:.1f} s, {failure[8:]}")


def control(name: str) -> Verdict:
    """The library as it is passes: what the mutants are caught by is not the soak itself."""
    status, failure, seconds = soak(BUILD / "tests/soak" / name, HOST)
    return Verdict(f"(no fault) {name}", status == 0, f"{seconds:.1f} s {failure}")


def main() -> int:
    targets = [str(BUILD.relative_to(ROOT) / "tests/soak" / name) for name in PROGRAMS]
    status, output = run(["make", "-j2", "lib", *targets], 300)
    if status != 0:
        print(output)
        print("0 passed, 1 failed")
        return 1
    words = sys.argv[1:]
    mutants = [load(script) for script in sorted((HERE / "mutants").glob("*.sed"))]
    chosen = [m for m in mutants if not words or m.name in words]
    passed = failed = 0
    with ThreadPoolExecutor(2) as pool:
        waiting = [] if words else [pool.submit(control, name) for name in PROGRAMS]
        waiting += [pool.submit(judge, mutant) for mutant in chosen]
        for verdict in (future.result() for future in waiting):
            passed, failed = passed + verdict.good, failed + (not verdict.good)
            word = "ok     " if verdict.good else "FAILED "
            print(f"{word} {verdict.name}: {verdict.text}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
