"""Child processes of the bench: start, talk in lines, stop; and the counting of system calls."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

ANSWER_SECONDS = 30.0
NOT_HERE = 3  # exit code of bench/count.c


class BenchError(Exception):
    """A participant or a tool failed; the message says which and how."""


class Child:
    """A process that speaks lines.  Leaving the `with` block kills it when it still runs."""

    def __init__(
        self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.pending = b""
        self.errors = tempfile.TemporaryFile()
        self.popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env={**os.environ, **(env or {})},
            bufsize=0,
        )
        self.pid = self.popen.pid

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        for pipe in (self.popen.stdin, self.popen.stdout, self.errors):
            if pipe is not None:
                pipe.close()

    def fail(self, what: str) -> BenchError:
        self.errors.seek(0)
        said = self.errors.read().decode(errors="replace").strip()
        code = self.popen.poll()
        state = "still running" if code is None else f"exit code {code}"
        return BenchError(f"{self.name}: {what} ({state})" + (f"\n{said}" if said else ""))

    def read_line(self) -> str:
        assert self.popen.stdout is not None
        deadline = time.monotonic() + ANSWER_SECONDS
        while b"\n" not in self.pending:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self.popen.stdout], [], [], left)[0]:
                raise self.fail(f"no answer in {ANSWER_SECONDS:.0f} s")
            chunk = os.read(self.popen.stdout.fileno(), 65536)
            if not chunk:
                self.popen.wait()
                raise self.fail("ended without an answer")
            self.pending += chunk
        line, self.pending = self.pending.split(b"\n", 1)
        return line.decode()

    def read_json(self) -> dict[str, Any]:
        line = self.read_line()
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise self.fail(f"not an answer: {line!r}")
        return answer

    def tell(self, line: str) -> None:
        assert self.popen.stdin is not None
        try:
            self.popen.stdin.write(line.encode() + b"\n")
        except BrokenPipeError:
            self.popen.wait()
            raise self.fail("does not listen") from None

    def finish(self) -> None:
        """Ends its stdin and waits for a clean exit."""
        assert self.popen.stdin is not None
        self.popen.stdin.close()
        self.await_end()

    def terminate(self) -> dict[str, Any]:
        """Asks a server to end, and returns what it reports about itself."""
        self.popen.send_signal(signal.SIGTERM)
        report = self.read_json()
        self.await_end()
        return report

    def await_end(self) -> None:
        try:
            code = self.popen.wait(ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            raise self.fail("does not end") from None
        if code:
            raise self.fail("failed")


class SystemCalls:
    """Counts the system calls of a process between `start` and `stop`."""

    how = ""

    def start(self, pid: int) -> None:
        raise NotImplementedError

    def stop(self) -> dict[str, int]:
        raise NotImplementedError


class BpfCounter(SystemCalls):
    """bench/count.c: the process runs undisturbed."""

    how = "a BPF counter on sys_enter"

    def __init__(self, tool: Path) -> None:
        self.tool = tool

    def start(self, pid: int) -> None:
        self.child = Child("count", [str(self.tool), str(pid)])
        self.child.read_line()

    def stop(self) -> dict[str, int]:
        with self.child as child:
            child.tell("stop")
            calls = child.read_json()["calls"]
        return {str(name): int(count) for name, count in calls.items()}


class StraceCounter(SystemCalls):
    """strace: stops the process at each call, which lets more work pile up per wake-up."""

    how = "strace -c (it slows the server, so batching looks better than it is, for all)"
    row = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", re.MULTILINE)

    def start(self, pid: int) -> None:
        self.summary = tempfile.NamedTemporaryFile()
        self.child = Child(
            "strace", ["strace", "-f", "-c", "-o", self.summary.name, "-p", str(pid)]
        )
        deadline = time.monotonic() + ANSWER_SECONDS
        while b"attached" not in os.pread(self.child.errors.fileno(), 4096, 0):
            if self.child.popen.poll() is not None or time.monotonic() > deadline:
                raise self.child.fail("did not attach")
            time.sleep(0.01)

    def stop(self) -> dict[str, int]:
        with self.child as child, self.summary:
            child.popen.send_signal(signal.SIGINT)
            child.popen.wait(ANSWER_SECONDS)
            text = self.summary.read().decode()
        return {name: int(count) for count, name in self.row.findall(text) if name != "total"}


def choose_counter(tool: Path) -> SystemCalls:
    """The undisturbing counter where the system allows it, else strace, else an error."""
    probe = subprocess.run(
        [tool, str(os.getpid())], input=b"stop\n", capture_output=True, check=False
    )
    if probe.returncode == 0:
        return BpfCounter(tool)
    if probe.returncode != NOT_HERE:
        raise BenchError(f"count: {probe.stderr.decode().strip()}")
    if shutil.which("strace"):
        return StraceCounter()
    raise BenchError(
        "system calls cannot be counted: no privilege for BPF "
        f"({probe.stderr.decode().strip()}), and strace is not installed"
    )
