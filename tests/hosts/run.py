"""Runs the program of each foreign runtime against the library, and shows what each of them can do.

    run.py              all, each on the default backend and on epoll
    run.py --fast       those that need nothing but small Debian packages
    run.py NAME…        these

A host is a directory with a file `run`, started as `run LIBRARY GENERATED_DIRECTORY` in an empty
directory.  It prints one line `key: value` for each of KEYS, then `N passed, N failed`.  A value is
`yes`, `yes, how`, or `part: reason` or `no: reason`: a gap without a reason is a failure, and so are
rows of the manifest that are neither run nor explained.  Ends with a table and `N passed, N failed`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests/hosts"
LIBRARY = ROOT / "build/lib/libabio.so.0"
GENERATED = ROOT / "abi/generated"
LOGS = ROOT / "build/hosts/log"

# The runtimes that must be there, and the name a person knows each by.
HOSTS = {
    "c": "C, dlopen",
    "node": "Node.js, koffi",
    "ruby": "Ruby",
    "perl": "Perl, FFI::Platypus",
    "go": "Go, purego",
    "rust": "Rust, tokio",
    "java": "Java, JNA",
    "php": "PHP, FFI",
    "guile": "Guile",
}
FAST = ("c", "perl", "ruby", "php", "guile")
KEYS = ("loads", "manifest", "files", "sockets", "own loop", "cancel")
COLLECTING = {"node", "java"}  # those with a row `gc` too
BACKENDS = {"io_uring": {}, "epoll": {"ABIO_BACKEND": "epoll"}}
HANG_SECONDS = 600

VALUE = re.compile(r"(yes)(?:, .+)?|(part|no): \S.+")
MANIFEST = re.compile(r"(\d+) rows run, (\d+) failed(?:; left out: (.+))?")
LEFT_OUT = re.compile(r"(\d+) rows? [^()]*\([^()]+\)")
COUNT = re.compile(r"(\d+) passed, (\d+) failed")


@dataclass
class Report:
    """What one run of one host came to."""

    name: str
    backend: str
    values: dict[str, str] = field(default_factory=dict)
    passed: int = 0
    failed: int = 0
    problems: list[str] = field(default_factory=list)

    def fail(self, problem: str) -> None:
        self.problems.append(problem)
        self.failed += 1


def rows_of_manifest() -> int:
    return len(json.loads((GENERATED / "conformance.json").read_text())["rows"])


def check_manifest(value: str, rows: int) -> str | None:
    """What is wrong with the rows that were run and left out."""
    found = MANIFEST.fullmatch(value)
    if not found:
        return f"manifest: {value!r} is no count"
    run, failed, left = int(found[1]), int(found[2]), found[3] or ""
    explained = sum(int(count) for count in LEFT_OUT.findall(left))
    if failed:
        return f"manifest: {failed} rows failed"
    if run + explained != rows:
        return f"manifest: {rows - run - explained} of {rows} rows are not explained"
    return None


def judge(report: Report, output: str, status: int | None, rows: int) -> None:
    """Reads what a host printed."""
    lines = output.splitlines()
    said = dict(line.split(": ", 1) for line in lines if ": " in line)
    keys = KEYS + (("gc",) if report.name in COLLECTING else ())
    for key in keys:
        value = report.values[key] = said.get(key, "")
        if key == "manifest":
            problem = check_manifest(value, rows)
        else:
            problem = None if VALUE.fullmatch(value) else f"{key}: {value or 'not said'}"
        if problem:
            report.fail(problem)
    counts = [COUNT.fullmatch(line) for line in lines]
    last = next((found for found in reversed(counts) if found), None)
    if last:
        report.passed += int(last[1])
        report.failed += int(last[2])
    if not last or not int(last[1]):
        report.fail("printed no count")
    if status is None:
        report.fail(f"hung for {HANG_SECONDS} s")
    elif status and not report.failed:
        report.fail(f"exit status {status} although nothing failed")


def start(name: str, environment: dict[str, str], directory: str) -> tuple[int | None, str, str]:
    """Exit status (None: hung, and killed with all it started), output, and what it complained."""
    process = subprocess.Popen(
        [HERE / name / "run", LIBRARY, GENERATED],
        cwd=directory,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, complaint = process.communicate(timeout=HANG_SECONDS)
        return process.returncode, output, complaint
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, complaint = process.communicate()
        return None, output, complaint


def run_host(name: str, backend: str, rows: int) -> Report:
    report = Report(name, backend)
    with tempfile.TemporaryDirectory(prefix="abio-host-") as directory:
        try:
            status, output, complaint = start(name, BACKENDS[backend], directory)
        except OSError as error:
            report.fail(f"cannot be started: {error.strerror}")
            return report
    (LOGS / f"{name}-{backend}.log").write_text(f"{output}\n--- stderr\n{complaint}\n")
    judge(report, output, status, rows)
    return report


def prepare(names: list[str]) -> dict[str, str]:
    """Installs what each needs; the complaint of those that cannot be."""
    wrong = {}
    for name in names:
        last = "scripts/setup.sh failed"
        setup = [ROOT / "scripts/setup.sh", f"host-{name}"]
        with subprocess.Popen(setup, text=True, stderr=subprocess.PIPE) as process:
            assert process.stderr
            for line in process.stderr:
                # Installing takes minutes: it is shown as it goes.
                print(line, end="", file=sys.stderr, flush=True)
                last = line.strip() or last
        if process.returncode:
            wrong[name] = last
    return wrong


def cell(value: str) -> str:
    return re.split(r"[:,;] | run", value)[0] if value else "-"


def show(reports: list[Report]) -> None:
    keys = [*KEYS, "gc"]
    head = ["runtime", "backend", *keys]
    table = [head]
    for report in reports:
        cells = [cell(report.values.get(key, "")) for key in keys]
        table.append([HOSTS.get(report.name, report.name), report.backend, *cells])
    widths = [max(len(line[i]) for line in table) for i in range(len(head))]
    print()
    for line in table:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    print()


def explain(reports: list[Report]) -> None:
    """How and why, once for each host; what failed, for each run."""
    seen = set()
    for report in reports:
        for key, value in report.values.items():
            line = f"{HOSTS.get(report.name, report.name)}: {key}: {value}"
            if value != "yes" and line not in seen:
                seen.add(line)
                print(line)
    for report in reports:
        for problem in report.problems:
            log = LOGS / f"{report.name}-{report.backend}.log"
            where = f"  ({log.relative_to(ROOT)})" if log.exists() else ""
            print(f"FAILED  {report.name} ({report.backend}): {problem}{where}")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    names = arguments.names or list(FAST if arguments.fast else HOSTS)
    unknown = [name for name in names if name not in HOSTS]
    if unknown:
        parser.error(f"no host is named {unknown[0]}; there are: {' '.join(HOSTS)}")
    LOGS.mkdir(parents=True, exist_ok=True)
    rows = rows_of_manifest()
    wrong = prepare(names)
    reports = []
    for name in names:
        for backend in BACKENDS:
            if name in wrong:
                report = Report(name, backend)
                report.fail(f"cannot be prepared: {wrong[name]}")
            else:
                report = run_host(name, backend, rows)
            reports.append(report)
            counts = f"{report.passed} passed, {report.failed} failed"
            print(f"{name} ({backend}): {counts}", flush=True)
    show(reports)
    explain(reports)
    passed = sum(report.passed for report in reports)
    failed = sum(report.failed for report in reports)
    print(f"\n{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
