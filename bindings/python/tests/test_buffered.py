"""Buffered readers, and copying."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path

import pytest
from conftest import Runner, pair

import abio

DATA = random.Random(3).randbytes(1 << 20)
LINES = b"".join(b"line %d\n" % number for number in range(5000))


def test_buffered_has_everything(run: Runner, tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "lines"
        path.write_bytes(LINES)
        async with abio.open(path) as f:
            await f.seek(7)
            async with abio.buffered(f, 100) as reader:
                assert await reader.readline() == b"line 1\n"
                assert (await reader.peek(4)).startswith(b"l")
                assert await reader.readexactly(5) == b"line "
                rest = [line async for line in reader]
        assert b"line 0\nline 1\nline " + b"".join(rest) == LINES

    run(main)


def test_a_cancelled_line_of_a_buffered_reader_is_whole_later(run: Runner) -> None:
    async def main() -> None:
        dice = random.Random(7)
        async with pair() as (near, far), abio.buffered(far, 64) as reader:
            async def send() -> None:
                at = 0
                while at < len(LINES):
                    step = dice.randrange(1, 300)
                    await near.write(LINES[at : at + step])
                    at += step
                    if dice.random() < 0.5:
                        await asyncio.sleep(0)
                await near.write_eof()

            sending = asyncio.create_task(send())
            got = []
            while True:
                reading = asyncio.create_task(reader.readline())
                for _ in range(dice.randrange(4)):
                    await asyncio.sleep(0)
                if dice.random() < 0.3:
                    reading.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    line = await reading
                    if not line:
                        break
                    got.append(line)
            await sending
            assert b"".join(got) == LINES and all(line.endswith(b"\n") for line in got)

    run(main)


# ---- copy ------------------------------------------------------------------------------------------


def test_copy_between_files_sockets_and_objects(run: Runner, tmp_path: Path) -> None:
    async def main() -> None:
        source, sink = tmp_path / "source", tmp_path / "sink"
        source.write_bytes(DATA)
        async with abio.open(source) as f, abio.open(sink, "wb") as g:
            await f.seek(1000)
            assert await abio.copy(f, g, 5000) == 5000
            assert await f.tell() == 6000 and await g.tell() == 5000
            assert await f.read(4) == DATA[6000:6004]
            assert await abio.copy(f, g) == len(DATA) - 6004
        assert sink.read_bytes() == DATA[1000:6000] + DATA[6004:]
        async with abio.open(source) as f, pair() as (near, far):
            copying = asyncio.create_task(abio.copy(f, near))
            assert await far.readexactly(len(DATA)) == DATA
            assert await copying == len(DATA)
            await near.write(b"tail")
            await near.write_eof()
            async with abio.open(sink, "wb") as g:
                assert await abio.copy(far, g) == 4
        assert sink.read_bytes() == b"tail"

    run(main)


def test_a_cancelled_copy_says_how_far_it_came_and_loses_nothing(run: Runner) -> None:
    async def main() -> None:
        async with pair() as (near, far), pair() as (onto, end):
            await near.write(DATA[:50_000])
            copying = abio.copy(far, onto)
            task = asyncio.create_task(copying)
            got = await end.readexactly(50_000)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert copying.progress == 50_000 and got == DATA[:50_000]
            await near.write(DATA[50_000:60_000])
            assert await abio.copy(far, onto, 10_000) == 10_000
            assert await end.readexactly(10_000) == DATA[50_000:60_000]

    run(main)


def test_a_copy_raises_what_either_side_raises(run: Runner) -> None:
    class Source:
        async def read(self, n: int) -> bytes:
            raise KeyError("source")

    class Sink:
        async def write(self, data: bytes) -> int:
            raise IndexError("sink")

    async def main() -> None:
        async with pair() as (near, far):
            await near.write(b"data")
            with pytest.raises(KeyError):
                await abio.copy(Source(), near)
            with pytest.raises(IndexError):
                await abio.copy(far, Sink(), 4)

    run(main)
