"""Who takes part in which bench, and how each is started."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
OUT = ROOT / "build" / "bench"
READ_FILE = OUT / "random-reads.data"

C_CONNECTIONS = (1, 64, 1000)
PY_CONNECTIONS = (1, 64, 500)
READ_TASKS = (1, 64)

# glibc gives each 256 KiB buffer that asyncio reads into its own mmap; these two keep it on the
# heap.  Stock asyncio is what people have, tuned asyncio is what they could have.
TUNED_MALLOC = {"MALLOC_MMAP_THRESHOLD_": "16777216", "MALLOC_TRIM_THRESHOLD_": "67108864"}


@dataclass(frozen=True)
class Participant:
    """A server, or a process that does its own reads; `{cpu}` is put in when it is started."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, hash=False, compare=False)


@dataclass(frozen=True)
class Line:
    """Rows `prefix/peer`: one way of using abio against each peer."""

    prefix: str
    abio: Participant
    peers: tuple[Participant, ...]


@dataclass(frozen=True)
class Workload:
    """What is measured together, interleaved."""

    kind: str  # "echo" or "read"
    load: int  # connections, or tasks
    lines: tuple[Line, ...]

    def participants(self) -> list[Participant]:
        """Each once; abio's stand first."""
        found: dict[Participant, None] = {}
        for line in self.lines:
            found[line.abio] = None
        for line in self.lines:
            for peer in line.peers:
                found[peer] = None
        return list(found)


def c_server(name: str, program: str, *arguments: str) -> Participant:
    return Participant(name, (str(OUT / program), "--cpu", "{cpu}", *arguments))


def python_server(name: str, kind: str, env: Mapping[str, str] | None = None) -> Participant:
    script = str(HERE / "echo_server.py")
    return Participant(name, (sys.executable, script, "--cpu", "{cpu}", "--kind", kind), env or {})


def reader(name: str, tasks: int) -> Participant:
    arguments = ("--kind", name, "--tasks", str(tasks), "--file", str(READ_FILE))
    return Participant(name, (sys.executable, str(HERE / "pread.py"), *arguments))


def c_echo(connections: int) -> Workload:
    peers = (
        c_server("epoll", "echo_epoll"),
        c_server("liburing", "echo_uring"),
        c_server("libuv", "echo_uv"),
    )
    ways = {"": "receive", "-read": "read", "-wait": "wait"}
    lines = tuple(
        Line(
            f"c-echo{suffix}-{connections}",
            c_server(f"abio{suffix}", "echo_abio", "--mode", mode),
            peers,
        )
        for suffix, mode in ways.items()
    )
    return Workload("echo", connections, lines)


def python_echo(connections: int) -> Workload:
    asyncio_peers = (
        python_server("asyncio-streams", "asyncio-streams"),
        python_server("asyncio-streams-tuned-malloc", "asyncio-streams", TUNED_MALLOC),
        python_server("asyncio-buffered-protocol", "asyncio-buffered-protocol"),
    )
    uvloop_peers = (
        python_server("uvloop-streams", "uvloop-streams"),
        python_server("uvloop-protocol", "uvloop-protocol"),
    )
    on_asyncio = python_server("abio", "abio")
    on_uvloop = python_server("abio-uvloop", "abio-uvloop")
    return Workload(
        "echo",
        connections,
        (
            Line(f"py-echo-{connections}", on_asyncio, asyncio_peers + uvloop_peers),
            Line(f"py-echo-uvloop-{connections}", on_uvloop, uvloop_peers),
        ),
    )


def python_read(tasks: int) -> Workload:
    peers = (reader("aiofiles", tasks), reader("executor-pread", tasks))
    return Workload("read", tasks, (Line(f"py-pread-{tasks}", reader("abio", tasks), peers),))


def all_workloads() -> list[Workload]:
    return [
        *(c_echo(connections) for connections in C_CONNECTIONS),
        *(python_echo(connections) for connections in PY_CONNECTIONS),
        *(python_read(tasks) for tasks in READ_TASKS),
    ]
