"""Runs every suite, shows a table, and ends with `N passed, N failed`.

A suite is built by make, then run; each of its commands must print a line that counts, and one that
prints none, hangs or dies counts as a failure.  Logs stand in build/check/.

    check.py            everything `make check` promises
    check.py --soak     the long randomised tests only
    check.py NAME…      the suites whose name contains one of these words
"""
from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "build/check"
VENV_PYTHON = str(ROOT / "build/venv/bin/python")
PYTEST = [VENV_PYTHON, "-m", "pytest", "-q"]
REFUSE = "build/tools/refuse_uring"
# Those that must be there; a directory of tests that is new is run as well.
TEST_ROOMS = ("unit", "conformance", "counts", "fault", "soak")
VARIANTS = ("gcc", "asan-gcc", "asan-clang")
CONFORMANCE = sorted(ROOT.glob("tests/conformance/test_*.c"))
# What several threads do to one library, under the thread sanitizer.
THREADED = ("test_threads", "test_moves")
DEBIAN = "Debian packages, README"
HANG_SECONDS = 600
RUNNERS = (os.cpu_count() or 1) + 1
COUNT = re.compile(r"(\d+) (passed|failed|skipped|errors?)\b")
BAD = {"failed", "error", "errors"}


@dataclass
class Command:
    argv: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    # What cannot count itself, such as a generator's --check: its exit status is one test.
    counts: bool = True


@dataclass
class Suite:
    name: str
    commands: list[Command]
    targets: list[str] = field(default_factory=list)
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    remarks: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def log(self) -> Path:
        name = re.sub(r"[^a-z0-9.]+", "-", self.name.lower()).strip("-")
        return LOGS / f"{name}.log"

    def add(self, counts: dict[str, int], remark: str = "") -> None:
        """Commands of a suite run at the same time."""
        with self.lock:
            self.passed += counts.get("passed", 0)
            self.skipped += counts.get("skipped", 0)
            self.failed += sum(number for word, number in counts.items() if word in BAD)
            if remark:
                self.remarks.append(remark)

    def fail(self, remark: str) -> None:
        self.add({"failed": 1}, remark)


def c_rooms() -> list[str]:
    return sorted({program.parent.name for program in ROOT.glob("tests/*/test_*.c")})


def c_suites(variant: str, rooms: tuple[str, ...], wrap: tuple[str, ...] = ()) -> list[Suite]:
    """One suite per directory of C tests; `wrap` is put before each program."""
    build = f"build/{variant}"
    suites = []
    for room in rooms:
        programs = sorted(ROOT.glob(f"tests/{room}/test_*.c"))
        binaries = [f"{build}/tests/{room}/{program.stem}" for program in programs]
        label = f"{variant}, io_uring refused by {wrap[1]}" if wrap else variant
        suites.append(
            Suite(
                f"C {room} ({label})",
                [Command([*wrap, binary]) for binary in binaries],
                [*binaries, "lib", f"VARIANT={variant}"],
            )
        )
    return suites


def freestanding_suite(variant: str) -> Suite:
    """core/ and traits/ without an operating system: see tests/freestanding/needs.txt."""
    build = f"build/{variant}/freestanding"
    commands = [
        Command([f"{build}/conformance"]),
        Command(["python3", "tests/freestanding/symbols.py", build]),
    ]
    return Suite(f"C freestanding ({variant})", commands, ["freestanding", f"VARIANT={variant}"])


def thread_suite() -> Suite:
    binaries = [f"build/tsan/tests/fault/{name}" for name in THREADED]
    return Suite("C threads (tsan)", [Command([b]) for b in binaries], [*binaries, "VARIANT=tsan"])


def python_suites() -> list[Suite]:
    tests = [*PYTEST, "bindings/python/tests"]
    present = any((ROOT / "bindings/python/tests").glob("test_*.py"))
    refused = [REFUSE, "EPERM"]
    plain, uvloop = {"ABIO_TEST_LOOP": "asyncio"}, {"ABIO_TEST_LOOP": "uvloop"}
    cases = [
        ("Python (asyncio)", tests, plain),
        ("Python (uvloop)", tests, uvloop),
        ("Python (io_uring refused)", refused + tests, plain),
    ]
    return [
        Suite(name, [Command(argv, env)] if present else [], ["python", REFUSE])
        for name, argv, env in cases
    ]


def lua_suites() -> list[Suite]:
    runner = "bindings/lua/tests/run.lua"
    present = (ROOT / runner).exists()
    cases = [
        ("Lua (lua5.1)", ["lua5.1", runner], {}),
        ("Lua (lua5.2)", ["lua5.2", runner], {}),
        ("Lua (lua5.3)", ["lua5.3", runner], {}),
        ("Lua (lua5.4)", ["lua5.4", runner], {}),
        ("Lua (lua5.4, epoll)", ["lua5.4", runner], {"ABIO_BACKEND": "epoll"}),
        ("Lua (luajit)", ["luajit", runner], {}),
        ("Lua (luajit, epoll)", ["luajit", runner], {"ABIO_BACKEND": "epoll"}),
        ("Lua (luajit by its FFI alone)", ["luajit", runner], {"ABIO_LUA_FFI": "1"}),
        ("Lua (io_uring refused)", [REFUSE, "EPERM", "lua5.4", runner], {}),
    ]
    return [
        Suite(name, [Command(argv, env)] if present else [], ["lua", REFUSE])
        for name, argv, env in cases
    ]


def everything() -> list[Suite]:
    generated = Command(["python3", "abi/generate.py", "--check"], counts=False)
    suites = [
        Suite("contract is generated", [generated]),
        Suite("contract", [Command([VENV_PYTHON, "tests/abi/test_generate.py"])]),
        Suite("library and its gate", [Command(["python3", "scripts/abi_check.py"])], ["lib", "abi-library"]),
        Suite(
            "the gate judges rightly",
            [
                Command([VENV_PYTHON, "tests/gate/test_fixtures.py"]),
                Command([VENV_PYTHON, "tests/gate/test_rules.py"]),
                Command([VENV_PYTHON, "tests/gate/test_docs.py"]),
            ],
        ),
        Suite(
            "old meets new",
            [Command([VENV_PYTHON, "tests/gate/test_old_new.py"])],
            ["lib", "python", "lua"],
        ),
    ]
    rooms = tuple(dict.fromkeys((*TEST_ROOMS, *c_rooms())))
    suites += c_suites("gcc", rooms)
    mutants = Command(["python3", "tests/soak/run_mutants.py"])
    suites.append(Suite("C soak finds deliberate faults", [mutants]))
    coverage = Command(["python3", "tests/conformance/coverage.py"])
    programs = [f"build/gcc/{path.relative_to(ROOT).with_suffix('')}" for path in CONFORMANCE]
    suites.append(Suite("conformance covers every slot", [coverage], [*programs, "VARIANT=gcc"]))
    for error in ("EPERM", "ENOSYS"):
        suites += c_suites("gcc", ("conformance",), (REFUSE, error))
    suites += python_suites()
    suites += lua_suites()
    hosts = [["tests/hosts/test_run.py"], ["tests/hosts/run.py", "--fast"]]
    suites.append(Suite("hosts", [Command(["python3", *argv]) for argv in hosts], ["lib"]))
    manuals = Command(["python3", "tests/man/run.py"])
    suites.append(Suite("manual pages", [manuals], ["lib", "setup-man"]))
    newcomer = Command([*PYTEST, "tests/newcomer"])
    suites.append(Suite("newcomer", [newcomer], ["lib", "python", "lua"]))
    installed = Command(["python3", "tests/install/installcheck.py"])
    suites.append(Suite("installed copy", [installed], ["lib", "python", "lua"]))
    wheel = Command(["python3", "tests/install/wheel.py"])
    versions = Command(["python3", "tests/install/versions.py"])
    suites.append(Suite("wheel", [wheel, versions], ["lib", "python"]))
    rock = Command(["python3", "tests/install/rock.py"])
    suites.append(Suite("rock", [rock], ["lib"]))
    packages = "python3 scripts/deb.py && python3 tests/install/deb.py --readme"
    needed = ["lib", "python", "lua"]
    suites.append(Suite(DEBIAN, [Command(["sh", "-c", packages])], needed))
    suites += [thread_suite(), freestanding_suite("gcc"), freestanding_suite("clang")]
    for variant in VARIANTS[1:]:
        suites += c_suites(variant, rooms)
    return suites


def run_to_end(command: Command, log: Path) -> tuple[int | None, str]:
    """Exit status (None: hung, and killed with all it started) and output."""
    environment = {**os.environ, **command.environment}
    process = subprocess.Popen(
        command.argv,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    status: int | None
    try:
        output, _ = process.communicate(timeout=HANG_SECONDS)
        status = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        status = None
    with log.open("a") as file:
        file.write(f"$ {' '.join(command.argv)}\n{output}\n")
    return status, output


def last_count(output: str) -> dict[str, int] | None:
    """The counts on the last line that counts."""
    for line in reversed(output.splitlines()):
        found = COUNT.findall(line)
        if found:
            return {word: int(number) for number, word in found}
    return None


def run_command(suite: Suite, command: Command) -> None:
    name = Path(command.argv[-1]).name
    try:
        status, output = run_to_end(command, suite.log)
    except OSError as error:
        suite.fail(f"{name}: {error.strerror}")
        return
    if status is None:
        suite.fail(f"{name}: hung for {HANG_SECONDS} s")
        return
    if not command.counts:
        counts: dict[str, int] | None = {"passed": int(status == 0), "failed": int(status != 0)}
    else:
        counts = last_count(output)
    if counts is None or not any(counts.values()):
        suite.fail(f"{name}: printed no count, exit status {status}")
        return
    bad = sum(number for word, number in counts.items() if word in BAD)
    suite.add(counts, f"{name}: {bad} failed" if bad else "")
    if status != 0 and not bad:
        suite.fail(f"{name}: exit status {status} although nothing failed")


def build(suite: Suite) -> None:
    suite.log.unlink(missing_ok=True)
    if not suite.commands:
        suite.fail("has no tests")
    elif suite.targets:
        status, _ = run_to_end(Command(["make", "-k", "-j2", *suite.targets]), suite.log)
        if status != 0:
            suite.fail("does not build")


def run_all(suites: list[Suite]) -> None:
    """Builds one suite after the other, and runs what is built meanwhile; most tests wait a lot."""
    start = time.monotonic()

    def finish(suite: Suite, runs: list[Future[None]]) -> None:
        wait(runs)
        for error in filter(None, (run.exception() for run in runs)):
            suite.fail(repr(error))
        if not suite.passed and not suite.failed:
            suite.fail("nothing passed")
        seconds = time.monotonic() - start
        counts = f"{suite.passed} passed, {suite.failed} failed"
        print(f"{seconds:5.0f} s  {suite.name}: {counts}", flush=True)

    with ThreadPoolExecutor(RUNNERS) as runners, ThreadPoolExecutor(len(suites)) as finishers:
        for suite in suites:
            build(suite)
            runs = [runners.submit(run_command, suite, command) for command in suite.commands]
            finishers.submit(finish, suite, runs)


def show(suites: list[Suite]) -> None:
    width = max(len(suite.name) for suite in suites)
    print(f"\n{'suite':<{width}}  {'passed':>7}  {'failed':>7}  {'skipped':>7}")
    for suite in suites:
        print(f"{suite.name:<{width}}  {suite.passed:>7}  {suite.failed:>7}  {suite.skipped:>7}")
    for suite in suites:
        for remark in suite.remarks:
            print(f"FAILED  {suite.name}: {remark}  ({suite.log.relative_to(ROOT)})")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--soak", action="store_true")
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()

    LOGS.mkdir(parents=True, exist_ok=True)
    # The make that runs this keeps its options and its job server to itself.
    os.environ.pop("MAKEFLAGS", None)
    if arguments.soak:
        os.environ["ABIO_SOAK"] = "long"
        suites = c_suites("gcc", ("soak",))
    else:
        suites = everything()
    if arguments.words:
        suites = [s for s in suites if any(word in s.name for word in arguments.words)]
    if not suites:
        print("no suite has such a name")
        return 2
    # The slowest first: they would hold up the end.
    run_all(sorted(suites, key=lambda suite: suite.name != DEBIAN and "asan" not in suite.name))
    show(suites)
    passed = sum(suite.passed for suite in suites)
    failed = sum(suite.failed for suite in suites)
    print(f"\n{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
