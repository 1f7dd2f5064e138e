"""`make demo`: a Python asyncio server and a Lua client move real files over real sockets, through
io_uring and through epoll, and every byte is checked.  Ends with a table.

Needs what `make python lua` builds.  Uses the standard library, curl, sha256sum and strace; abio is
used by the two programs it runs, serve_files.py and fetch_files.lua.
"""
from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import quote

import demo_tree

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build/demo"
TREE = WORK / "tree"
MANIFEST = WORK / "tree.sha256"
PYTHON = str(ROOT / "build/venv/bin/python")
LUA = "lua5.4"
LUA_PATH = f"{ROOT}/bindings/lua/?.lua;{ROOT}/bindings/lua/?/init.lua;;"
LUA_CPATH = f"{ROOT}/build/lua5.4/?.so;;"
BACKENDS = ("uring", "epoll")
JOBS = 32
CURL_FILES = 200
# System calls are the difference of two runs under strace, so that start and end do not count.
TRACED_FEW, TRACED_MANY = 100, 400
STEP_SECONDS = 120


class Failure(Exception):
    """Something that the demo promises did not happen."""


@dataclass
class Row:
    backend: str
    files: int = 0
    bytes: int = 0
    seconds: float = 0.0
    calls_per_file: float | None = None
    worst_tick_ms: float = 0.0
    notes: list[str] = field(default_factory=list)


def say(text: str) -> None:
    print(f"  {text}", flush=True)


def environment(backend: str) -> dict[str, str]:
    return {**os.environ, "ABIO_BACKEND": backend, "LUA_PATH": LUA_PATH, "LUA_CPATH": LUA_CPATH}


def run(*argv: str, cwd: Path = ROOT, **more: object) -> subprocess.CompletedProcess[str]:
    """Runs a program that must succeed."""
    name = Path(argv[0]).name
    try:
        done: subprocess.CompletedProcess[str] = subprocess.run(  # type: ignore[call-overload]
            argv, cwd=cwd, stdin=subprocess.DEVNULL, text=True, timeout=STEP_SECONDS, **more
        )
    except subprocess.TimeoutExpired:
        raise Failure(f"{name} did not end within {STEP_SECONDS} s") from None
    if done.returncode != 0:
        raise Failure(f"{name} ended with status {done.returncode}")
    return done


@dataclass
class Server:
    url: str
    backend: str
    statistics: dict[str, float] = field(default_factory=dict)


@contextmanager
def serving(backend: str, wrap: tuple[str, ...] = ()) -> Iterator[Server]:
    """serve_files.py in a process of its own; its statistics are there after the block."""
    statistics = WORK / "statistics.json"
    statistics.unlink(missing_ok=True)
    # The shell leaves the server's own process id: `wrap` may stand between it and us.
    noted = WORK / "server.pid"
    note = ("sh", "-c", 'echo $$ >"$0"; exec "$@"', str(noted))
    argv = (PYTHON, "examples/serve_files.py", str(TREE), "--stats", str(statistics))
    process = subprocess.Popen(
        [*wrap, *note, *argv],
        cwd=ROOT,
        env=environment(backend),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        listening = re.match(r"listening on (\S+) backend=(\w+)", line)
        if not listening:
            raise Failure(f"the server did not say where it listens but {line!r}")
        server = Server(listening[1], listening[2])
        if server.backend != backend:
            raise Failure(f"the server runs on {server.backend}, not on {backend}")
        yield server
        os.kill(int(noted.read_text()), signal.SIGTERM)
        try:
            process.wait(timeout=STEP_SECONDS)
        except subprocess.TimeoutExpired:
            raise Failure(f"the server did not end within {STEP_SECONDS} s") from None
        if not statistics.exists():
            raise Failure("the server wrote no statistics")
        server.statistics = json.loads(statistics.read_text())
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.stdout.close()


def all_names() -> list[str]:
    return sorted(str(path.relative_to(TREE)) for path in TREE.rglob("*") if path.is_file())


@contextmanager
def indented(quiet: bool) -> Iterator[int | IO[bytes] | None]:
    """Where a program's progress goes to stand in line with ours."""
    if quiet:
        yield subprocess.DEVNULL
        return
    with subprocess.Popen(["sed", "-u", "s/^/    /"], stdin=subprocess.PIPE) as lines:
        yield lines.stdin


def fetch(server: Server, backend: str, names: list[str], out: Path, quiet: bool = False) -> Row:
    """Fetches names with the Lua client; the row has what it measured itself."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    listing = WORK / "list.txt"
    listing.write_text("".join(f"/{quote(name)}\n" for name in names))
    with indented(quiet) as progress:
        done = run(
            LUA, "examples/fetch_files.lua", "--url", server.url, "--list", str(listing),
            "--out", str(out), "--jobs", str(JOBS),
            env=environment(backend),
            stdout=subprocess.PIPE,
            stderr=progress,
        )  # fmt: skip
    said = json.loads(done.stdout.splitlines()[-1])
    if said["backend"] != backend:
        raise Failure(f"the client ran on {said['backend']}, not on {backend}")
    if said["files"] != len(names):
        raise Failure(f"the client fetched {said['files']} of {len(names)} files")
    return Row(backend, said["files"], said["bytes"], said["seconds"])


def verify(out: Path, names: list[str]) -> None:
    """Exactly these files are below out, and each has the sum of the original."""
    present = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    if present != sorted(names):
        raise Failure(f"{len(present)} files arrived, {len(names)} were asked for")
    if len(names) == len(all_names()):
        manifest = MANIFEST
    else:
        manifest = WORK / "part.sha256"
        sums = [line for line in MANIFEST.read_text().splitlines() if line[66:] in set(names)]
        if len(sums) != len(names):
            raise Failure("the manifest does not have every name")
        manifest.write_text("".join(f"{line}\n" for line in sums))
    run("sha256sum", "--check", "--strict", "--quiet", str(manifest), cwd=out)


def curl(*argv: str) -> str:
    return run("curl", "--silent", "--show-error", *argv, stdout=subprocess.PIPE).stdout


def curl_status(*argv: str, into: Path = Path(os.devnull)) -> int:
    return int(curl("--output", str(into), "--write-out", "%{http_code}", *argv))


def check_with_curl(server: Server, names: list[str], out: Path) -> str:
    """A part of the tree by another client over one connection; then HEAD, ranges, refusals."""
    shutil.rmtree(out, ignore_errors=True)
    config = WORK / "curl.config"
    lines = []
    for name in names:
        target = str(out / name).replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'url = "{server.url}/{quote(name)}"\noutput = "{target}"\n')
    config.write_text("".join(lines))
    curl("--fail", "--create-dirs", "--config", str(config))
    verify(out, [name for name in names if (TREE / name).stat().st_size] + keep_empty(out, names))

    great = TREE / demo_tree.GREAT_NAME
    url = f"{server.url}/{quote(demo_tree.GREAT_NAME)}"
    size = great.stat().st_size
    head = curl("--head", url)
    if not re.match(r"HTTP/1\.1 200 ", head) or f"content-length: {size}\n" not in head.lower():
        raise Failure(f"HEAD said {head!r}")
    check_ranges(url, great, size, out)
    expect = {
        404: (f"{server.url}/no/such/file",),
        416: ("--range", f"{size + 1}-", url),
    }
    for status, arguments in expect.items():
        got = curl_status(*arguments)
        if got != status:
            raise Failure(f"curl {' '.join(arguments)} got {got}, not {status}")
    outside = curl_status("--path-as-is", f"{server.url}/../../../../../../../etc/passwd")
    if outside < 400:
        raise Failure(f"a path outside the tree got {outside}")
    return f"{len(names)} files with curl, HEAD, ranges, 404 and 416 are right"


def keep_empty(out: Path, names: list[str]) -> list[str]:
    """curl makes no file of an empty body: those are checked by size and made here."""
    empty = [name for name in names if not (TREE / name).stat().st_size]
    for name in empty:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).touch()
    return empty


def check_ranges(url: str, great: Path, size: int, out: Path) -> None:
    """The large file in five pieces, the last by its distance from the end."""
    piece = size // 5 + 1
    bounds = [f"{start}-{start + piece - 1}" for start in range(0, piece * 4, piece)]
    bounds.append(f"-{size - 4 * piece}")
    whole = out / "pieces.bin"
    with whole.open("wb") as joined:
        for number, bound in enumerate(bounds):
            part = out / f"piece{number}"
            status = curl_status("--range", bound, url, into=part)
            if status != 206:
                raise Failure(f"range {bound} got {status}")
            with part.open("rb") as source:
                shutil.copyfileobj(source, joined, 1 << 20)
    run("cmp", str(whole), str(great))


def count_calls(backend: str, names: list[str]) -> tuple[float | None, str]:
    """System calls of the server per small file, by strace."""
    totals = []
    summary = WORK / "strace.txt"
    for count in (TRACED_FEW, TRACED_MANY):
        summary.unlink(missing_ok=True)
        wrap = ("strace", "--follow-forks", "--summary-only", "--output", str(summary))
        try:
            with serving(backend, wrap) as server:
                fetch(server, backend, names[:count], WORK / "traced", quiet=True)
        except Failure as failure:
            return None, f"system calls were not counted: {failure}"
        total = re.search(r"^100\.00\s+\S+\s+(?:\S+\s+)?(\d+)\s+(?:\d+\s+)?total$",
                          summary.read_text(), re.M)  # fmt: skip
        if not total:
            return None, "system calls were not counted: strace printed no total"
        totals.append(int(total[1]))
    return (totals[1] - totals[0]) / (TRACED_MANY - TRACED_FEW), ""


def why_no_uring() -> str | None:
    """Why io_uring does not work on this machine; None when it does."""
    settings = environment("")
    del settings["ABIO_BACKEND"]
    program = "import abio; i = abio.info(); print(i.backend, i.reason, sep=': ')"
    said = run(PYTHON, "-c", program, env=settings, stdout=subprocess.PIPE).stdout.strip()
    return None if said.startswith("uring") else said


def demonstrate(backend: str, names: list[str], rng: random.Random) -> Row:
    print(f"\n{backend}", flush=True)
    out = WORK / "fetched"
    with serving(backend) as server:
        say(f"serving on {server.url}; fetching {len(names)} files, {JOBS} at a time")
        row = fetch(server, backend, names, out)
        say(f"fetched in {row.seconds:.1f} s; summing")
        verify(out, names)
        say("every file has the right sum")
        sample = rng.sample(names, CURL_FILES) + list(demo_tree.ODD_NAMES)
        say(check_with_curl(server, sorted(set(sample)), WORK / "curled"))
    row.worst_tick_ms = server.statistics["worst_tick_ms"]
    small = [name for name in names if (TREE / name).stat().st_size <= 64 << 10]
    row.calls_per_file, note = count_calls(backend, rng.sample(small, TRACED_MANY))
    if note:
        row.notes.append(note)
    for directory in ("fetched", "curled", "traced"):
        shutil.rmtree(WORK / directory, ignore_errors=True)
    return row


def show(rows: list[Row]) -> None:
    heads = ("backend", "files", "bytes", "MB/s", "calls/file", "worst tick")
    print("\n" + "  ".join(f"{head:>11}" for head in heads))
    for row in rows:
        calls = "-" if row.calls_per_file is None else f"{row.calls_per_file:.1f}"
        cells = (
            row.backend,
            str(row.files),
            str(row.bytes),
            f"{row.bytes / row.seconds / 1e6:.0f}",
            calls,
            f"{row.worst_tick_ms:.1f} ms",
        )
        print("  ".join(f"{cell:>11}" for cell in cells))
    print(
        "\ncalls/file: system calls of the server for one file of at most 64 KiB, counted by strace in\n"
        f"a pass of its own ({TRACED_MANY} files less {TRACED_FEW} files).\n"
        "worst tick: how late a 10 ms tick of plain asyncio in the server's loop ever ran, over all\n"
        "of the above but the counting; whatever else the machine does at the time is in it."
    )
    for row in rows:
        for note in row.notes:
            print(f"{row.backend}: {note}")


def main() -> int:
    start = time.monotonic()
    WORK.mkdir(parents=True, exist_ok=True)
    print("a tree of real files", flush=True)
    demo_tree.make_tree(TREE, MANIFEST, say)
    names = all_names()
    rng = random.Random(2)
    reason = why_no_uring()
    backends = BACKENDS if reason is None else BACKENDS[1:]
    rows = [demonstrate(backend, names, rng) for backend in backends]
    show(rows)
    if reason is not None:
        print(f"io_uring does not work on this machine; instead it would take {reason}")
    print(f"\nall {len(names)} files arrived whole through {', '.join(r.backend for r in rows)}"
          f"  ({time.monotonic() - start:.0f} s)")  # fmt: skip
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"\nthe demo failed: {failure}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
