"""Buffered readers."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path

from conftest import Runner, pair

import abio

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
