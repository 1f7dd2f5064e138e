"""Random 4 KiB reads of a page-cached file, by `--tasks` tasks at once, one way per `--kind`.

Protocol with run.py: prints a JSON line when the file is open and checked; then each line on stdin
asks for a window, {"seconds": s} or {"ops": n} (exactly n reads), and is answered by a JSON line
with the count, the time, and the CPU time of the process in that window (getrusage).
The file is made by run.py: each 4 KiB block starts with its number.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

BLOCK = 4096
OFFSETS = 65536
CHECKED = 64
CLOCK_EVERY = 64

Read = Callable[[int], Awaitable[bytes]]
Request = dict[str, float]


@asynccontextmanager
async def open_abio(path: str) -> AsyncIterator[Callable[[], Awaitable[Read]]]:
    import abio

    async with abio.open(path, "rb") as file:

        async def reader() -> Read:
            return lambda offset: file.pread(BLOCK, offset)

        yield reader


@asynccontextmanager
async def open_executor(path: str) -> AsyncIterator[Callable[[], Awaitable[Read]]]:
    loop = asyncio.get_running_loop()
    fd = os.open(path, os.O_RDONLY)

    async def reader() -> Read:
        return lambda offset: loop.run_in_executor(None, os.pread, fd, BLOCK, offset)

    yield reader
    os.close(fd)


@asynccontextmanager
async def open_aiofiles(path: str) -> AsyncIterator[Callable[[], Awaitable[Read]]]:
    """A handle per task, since a handle has one cursor; unbuffered, so that 4 KiB are read."""
    import aiofiles

    handles = []

    async def reader() -> Read:
        handle = await aiofiles.open(path, "rb", buffering=0)
        handles.append(handle)

        async def read(offset: int) -> bytes:
            await handle.seek(offset)
            data: bytes = await handle.read(BLOCK)
            return data

        return read

    yield reader
    for handle in handles:
        await handle.close()


KINDS = {"abio": open_abio, "aiofiles": open_aiofiles, "executor-pread": open_executor}


class Window:
    """The reads of all tasks together, and when they end: after so many, or at a time."""

    def __init__(self, seconds: float, ops: int) -> None:
        self.started = 0
        self.open = True
        self.limit = ops or sys.maxsize
        self.deadline = sys.maxsize if ops else time.monotonic() + seconds

    def start(self) -> None:
        """Counts a read.  Looks at the clock itself: reads that never suspend starve timers."""
        self.started += 1
        if self.started % CLOCK_EVERY == 0 and time.monotonic() >= self.deadline:
            self.open = False
        if self.started >= self.limit:
            self.open = False


async def read_many(read: Read, offsets: list[int], position: int, window: Window) -> None:
    while window.open:
        window.start()
        data = await read(offsets[position])
        if len(data) != BLOCK:
            raise RuntimeError(f"short read of {len(data)} bytes")
        position = (position + 1) % OFFSETS


async def check(read: Read, offsets: list[int]) -> None:
    for offset in offsets[:CHECKED]:
        data = await read(offset)
        if len(data) != BLOCK or int.from_bytes(data[:8], "little") != offset // BLOCK:
            raise RuntimeError(f"wrong data at {offset}")


def cpu_us() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return (usage.ru_utime + usage.ru_stime) * 1e6


async def measure(readers: list[Read], offsets: list[int], request: Request) -> dict[str, float]:
    stride = OFFSETS // len(readers)
    cpu, start = cpu_us(), time.monotonic()
    window = Window(request.get("seconds", 0.0), int(request.get("ops", 0)))
    await asyncio.gather(
        *(
            read_many(read, offsets, number * stride, window)
            for number, read in enumerate(readers)
        )
    )
    return {
        "ops": window.started,
        "seconds": time.monotonic() - start,
        "server_cpu_us": cpu_us() - cpu,
    }


def backend_of(kind: str) -> str:
    if kind != "abio":
        return ""
    import abio

    return abio.info().reason


async def run(options: argparse.Namespace) -> None:
    blocks = os.stat(options.file).st_size // BLOCK
    chosen = random.Random(1)
    offsets = [chosen.randrange(blocks) * BLOCK for _ in range(OFFSETS)]
    async with KINDS[options.kind](options.file) as make_reader:
        readers = [await make_reader() for _ in range(options.tasks)]
        await check(readers[0], offsets)
        print(json.dumps({"note": backend_of(options.kind)}), flush=True)
        for line in sys.stdin:
            print(json.dumps(await measure(readers, offsets, json.loads(line))), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kind", choices=sorted(KINDS), required=True)
    parser.add_argument("--file", required=True)
    parser.add_argument("--tasks", type=int, default=1)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
