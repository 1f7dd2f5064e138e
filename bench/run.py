"""Measures abio against its peers, in the same run, and writes build/bench/results.json.

Every round starts each participant once, in an order that moves by one from round to round, so
that a machine that gets slower or faster does so for all.  CPU time is the operating system's
account of the whole process in the measured window.  System calls are counted in a short extra
window, since counting costs time.

    run.py                  everything, in a fixed number of rounds
    run.py --quick          one short round: does it all work?
    run.py --only PATTERN   rows whose name contains PATTERN, or matches it as a shell pattern
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import shlex
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import participants
import report
from participants import OUT, READ_FILE, ROOT, Participant, Workload
from process import BenchError, Child, SystemCalls, choose_counter

HERE = Path(__file__).resolve().parent
BLOCK = 4096
READ_BYTES = 256 << 20
COUNT_SECONDS = 0.2  # how long the counting window would take at full speed
WARM_SECONDS = 0.3
MESSAGE = 1024

LIBRARY = ROOT / "build" / "lib"
PROGRAMS = {
    "load": (["load.c"], []),
    "count": (["count.c"], []),
    "echo_epoll": (["echo_epoll.c", "serve.c"], []),
    "echo_uring": (["echo_uring.c", "serve.c"], ["-l:liburing.a"]),
    "echo_uv": (["echo_uv.c", "serve.c"], ["-luv"]),
    "echo_abio": (
        ["echo_abio.c", "serve.c"],
        [f"-L{LIBRARY}", "-labio", f"-Wl,-rpath,{LIBRARY}"],
    ),
}
CFLAGS = ["-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", f"-I{ROOT / 'abi' / 'generated'}"]


def build_program(name: str) -> None:
    sources, libraries = PROGRAMS[name]
    if "-labio" in libraries and not (LIBRARY / "libabio.so").exists():
        raise BenchError(f"{LIBRARY / 'libabio.so'} is missing: run `make lib`")
    compiler = shlex.split(os.environ.get("CC", "gcc"))
    paths = [str(HERE / source) for source in sources]
    command = [*compiler, *CFLAGS, "-o", str(OUT / name), *paths, *libraries]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode:
        raise BenchError(f"cannot build {name}: {shlex.join(command)}\n{built.stderr}")


def build_programs(workloads: list[Workload]) -> None:
    wanted = {"count", "load"}
    for workload in workloads:
        wanted |= {Path(one.command[0]).name for one in workload.participants()}
    OUT.mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        if name in wanted:
            build_program(name)


def make_read_file() -> None:
    """Real blocks, each starting with its number; written once, read through before use."""
    if not READ_FILE.exists() or READ_FILE.stat().st_size != READ_BYTES:
        filler = os.urandom(BLOCK - 8)
        with READ_FILE.open("wb") as file:
            for block in range(READ_BYTES // BLOCK):
                file.write(block.to_bytes(8, "little") + filler)
    with READ_FILE.open("rb", buffering=0) as file:
        while file.read(1 << 20):
            pass


class Bench:
    """Runs participants, one at a time."""

    def __init__(self, seconds: float, counter: SystemCalls, cores: tuple[int, int]) -> None:
        self.seconds = seconds
        self.counter = counter
        self.cores = cores
        self.backends: set[str] = set()

    def start(self, participant: Participant) -> Child:
        command = [word.format(cpu=self.cores[0]) for word in participant.command]
        return Child(participant.name, command, participant.env)

    def note(self, answer: dict[str, object]) -> None:
        if answer.get("note"):
            self.backends.add(str(answer["note"]))

    def load(self, server: Child, port: int, connections: int, *window: str) -> Child:
        options = ["--port", str(port), "--connections", str(connections), "--size", str(MESSAGE)]
        pinned = ["--cpu", str(self.cores[1]), "--pid", str(server.pid)]
        return Child(f"load on {server.name}", [str(OUT / "load"), *options, *pinned, *window])

    def timed_echo(self, server: Child, port: int, connections: int) -> dict[str, float]:
        window = ("--warm", str(WARM_SECONDS), "--seconds", str(self.seconds))
        with self.load(server, port, connections, *window) as load:
            load.read_line()
            load.tell("go")
            result = load.read_json()
            load.finish()
        return result

    def counted_echo(self, server: Child, port: int, connections: int, ops: int) -> int:
        with self.load(server, port, connections, "--ops", str(ops)) as load:
            load.read_line()
            self.counter.start(server.pid)
            load.tell("go")
            load.read_json()
            calls = self.counter.stop()
            load.finish()
        return sum(calls.values())

    def echo(self, participant: Participant, connections: int) -> dict[str, float]:
        with self.start(participant) as server:
            hello = server.read_json()
            self.note(hello)
            port = int(hello["port"])
            timed = self.timed_echo(server, port, connections)
            ops = max(4 * connections, int(timed["ops"] / timed["seconds"] * COUNT_SECONDS))
            calls = self.counted_echo(server, port, connections, ops)
            server.terminate()
        return metrics(participant, timed, calls / ops)

    def read(self, participant: Participant, tasks: int) -> dict[str, float]:
        with self.start(participant) as child:
            self.note(child.read_json())
            for seconds in (WARM_SECONDS, self.seconds):
                child.tell(json.dumps({"seconds": seconds}))
                timed = child.read_json()
            ops = max(4 * tasks, int(timed["ops"] / timed["seconds"] * COUNT_SECONDS))
            self.counter.start(child.pid)
            child.tell(json.dumps({"ops": ops}))
            child.read_json()
            calls = sum(self.counter.stop().values())
            child.finish()
        return metrics(participant, timed, calls / ops)

    def measure(self, workload: Workload, rounds: int) -> report.Measured:
        run = self.echo if workload.kind == "echo" else self.read
        everyone = workload.participants()
        measured: dict[Participant, list[report.Round]] = {one: [] for one in everyone}
        for number in range(rounds):
            turn = number % len(everyone)
            for participant in everyone[turn:] + everyone[:turn]:
                measured[participant].append(run(participant, workload.load))
        return measured


def metrics(
    participant: Participant, timed: dict[str, float], syscalls_per_op: float
) -> dict[str, float]:
    if timed["ops"] <= 0 or timed["server_cpu_us"] <= 0:
        raise BenchError(f"{participant.name}: measured nothing: {timed}")
    return {
        "cpu_us_per_op": timed["server_cpu_us"] / timed["ops"],
        "syscalls_per_op": syscalls_per_op,
        "ops_per_s": timed["ops"] / timed["seconds"],
        "client_busy": timed.get("client_busy", 0.0),
    }


def select(workloads: list[Workload], pattern: str | None) -> list[Workload]:
    """Only the rows that match, and only the participants that they need."""
    if pattern is None:
        return workloads
    glob = pattern if any(sign in pattern for sign in "*?[") else f"*{pattern}*"
    chosen = []
    for workload in workloads:
        lines = []
        for line in workload.lines:
            peers = tuple(
                peer for peer in line.peers if fnmatch.fnmatch(f"{line.prefix}/{peer.name}", glob)
            )
            if peers:
                lines.append(replace(line, peers=peers))
        if lines:
            chosen.append(replace(workload, lines=tuple(lines)))
    if not chosen:
        raise BenchError(f"no row matches {pattern!r}")
    return chosen


def choose_cores() -> tuple[int, int]:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        print("only one core: the load generator shares it with the server", file=sys.stderr)
    return cores[0], cores[-1]


def run(options: argparse.Namespace) -> None:
    options.results.unlink(missing_ok=True)
    workloads = select(participants.all_workloads(), options.only)
    build_programs(workloads)
    if any(workload.kind == "read" for workload in workloads):
        make_read_file()
    cores = choose_cores()
    busy_before = os.getloadavg()[0]
    bench = Bench(options.seconds, choose_counter(OUT / "count"), cores)
    rows: list[report.Row] = []
    bound: list[str] = []
    for workload in workloads:
        start = time.monotonic()
        measured = bench.measure(workload, options.rounds)
        rows += report.rows_of(workload, measured)
        names = ", ".join(line.prefix for line in workload.lines)
        print(f"{names}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
        if busy := report.saturated(measured):
            bound.append(f"ops_per_s of {names} is the load generator's limit: {', '.join(busy)}")
    options.results.parent.mkdir(parents=True, exist_ok=True)
    options.results.write_text(json.dumps([row.as_json() for row in rows], indent=1) + "\n")
    print(report.table(rows), report.losing(rows), sep="\n\n", end="\n\n")
    surroundings = report.environment(bench.backends, bench.counter.how, cores, busy_before)
    print(*bound, surroundings, sep="\n")
    print(
        f"medians of {options.rounds} interleaved rounds of {options.seconds} s, "
        f"messages of {MESSAGE} bytes, reads of {BLOCK}; "
        "ratio: median of abio / peer, round by round"
    )
    print(f"rows: {options.results}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measures abio against its peers.")
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--only", metavar="PATTERN", help="only rows whose name matches")
    parser.add_argument("--rounds", type=int, help="counted rounds (5; quick: 1)")
    parser.add_argument("--seconds", type=float, help="measured time of each (1.0; quick: 0.2)")
    parser.add_argument("--backend", choices=["uring", "epoll"], help="for abio")
    parser.add_argument("--results", type=Path, default=OUT / "results.json")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.seconds = options.seconds or (0.2 if options.quick else 1.0)
    if options.backend:
        os.environ["ABIO_BACKEND"] = options.backend
    return options


def main() -> int:
    try:
        run(parse_arguments())
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
