"""Take, chain, split, pipes, descriptors and handles; lines of files, buffers, datagrams."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Runner, pair

import abio

DATA = random.Random(3).randbytes(1 << 20)
LINES = b"".join(b"line %d\n" % number for number in range(5000))


def test_the_halves_live_and_close_apart(run: Runner) -> None:
    async def main() -> None:
        async with pair() as (near, far):
            await far.write(b"ahead")
            assert await near.peek() != b""
            reader, writer = await near.split()
            assert near.is_closing()
            with pytest.raises((ConnectionAbortedError, ValueError)):
                await near.read(1)
            reading = asyncio.create_task(reader.readexactly(9))
            await writer.write(b"by the half")
            assert await far.readexactly(11) == b"by the half"
            await writer.aclose()
            assert await far.read() == b""
            await far.write(b"more")
            assert await reading == b"aheadmore"
            await reader.aclose()

    run(main)


def test_take_reads_no_further(run: Runner) -> None:
    async def main() -> None:
        async with pair() as (near, far):
            await near.write(b"0123456789abcdef")
            assert await far.peek() != b""
            for size, expected in ((3, b"012"), (0, b""), (5, b"34567"), (4, b"89ab")):
                async with abio.take(far, size) as part:
                    assert await part.read() == expected
            assert await far.readexactly(4) == b"cdef"
            with pytest.raises(ValueError):
                abio.take(far, -1)

    run(main)


def test_chain_reads_one_after_the_other(run: Runner) -> None:
    async def main() -> None:
        async with pair() as (near, far), pair() as (other, there):
            await near.write(b"first ")
            await near.write_eof()
            await other.write(b"second")
            await other.write_eof()
            assert await there.peek(6) != b""
            assert await far.peek(3) != b""
            async with abio.chain(far, there) as both:
                assert await both.read() == b"first second"

    run(main)


# ---- descriptors and handles -----------------------------------------------------------------------


def test_a_pipe_and_adopted_descriptors(run: Runner, tmp_path: Path) -> None:
    async def main() -> None:
        reader, writer = await abio.pipe()
        async with reader, writer:
            await writer.write(b"through\n")
            assert await reader.readline() == b"through\n"
        ends = os.pipe()
        async with abio.from_fd(ends[0]) as reader, abio.from_fd(ends[1], duplicate=True) as writer:
            await writer.write(b"dup")
            await writer.flush()
            os.write(ends[1], b"licate")
            os.close(ends[1])
            await writer.aclose()
            assert await reader.read() == b"duplicate"
        path = tmp_path / "file"
        path.write_bytes(b"0123456789")
        fd = os.open(path, os.O_RDWR)
        async with abio.from_fd(fd) as f:
            assert isinstance(f, abio.File)
            assert await f.read(3) == b"012" and await f.pread(2, 8) == b"89"

    run(main)


def test_a_handle_gives_another_stream_on_the_same_object(run: Runner, tmp_path: Path) -> None:
    async def main() -> None:
        async with pair() as (near, far):
            async with abio.from_handle(near.handle) as again:
                await again.write(b"by its number")
                assert await far.readexactly(13) == b"by its number"
                near.close()
                await far.write(b"still open")
                assert await again.readexactly(10) == b"still open"
        path = tmp_path / "file"
        path.write_bytes(b"0123456789")
        async with abio.open(path, "r+b") as f:
            again = abio.from_handle(f.handle)
            assert isinstance(again, abio.File)
            assert await again.read(2) == b"01"
            again.close()
            assert await f.read(2) == b"01"
        for wrong in (0, 5, near.handle, 1 << 52):
            with pytest.raises(ValueError):
                abio.from_handle(wrong)

    run(main)


PROGRAM = """
import asyncio, abio
async def main():
    async with abio.stdin() as source, abio.stdout() as sink:
        async for line in source:
            await sink.write(line.upper())
        await sink.flush()
asyncio.run(main())
"""


@pytest.mark.parametrize("kind", ["pipe", "file"])
def test_standard_input_and_output(kind: str, tmp_path: Path, run: Runner) -> None:
    path = tmp_path / "in"
    path.write_bytes(b"quiet\nplease\n")
    command = [sys.executable, "-W", "error", "-c", PROGRAM]
    if kind == "pipe":
        done = subprocess.run(command, input=path.read_bytes(), capture_output=True, timeout=60)
        out = done.stdout
    else:
        with path.open("rb") as source, (tmp_path / "out").open("wb") as sink:
            done = subprocess.run(command, stdin=source, stdout=sink, stderr=-1, timeout=60)
        out = (tmp_path / "out").read_bytes()
    assert (out, done.stderr) == (b"QUIET\nPLEASE\n", b"")


# ---- lines of files --------------------------------------------------------------------------------


def test_lines_of_a_file(run: Runner, tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(LINES + b"no newline")

    async def main() -> None:
        async with abio.open(path, "r+b") as f:
            assert [line async for line in f] == (LINES + b"no newline").splitlines(True)
            assert await f.readline() == b"" and await f.tell() == len(LINES) + 10
            await f.seek(7)
            assert await f.readline() == b"line 1\n" and await f.tell() == 14
            assert await f.read(5) == b"line " and await f.readline() == b"2\n"
            assert await f.peek(6) == b"line 3" and await f.tell() == 21
            await f.pwrite(b"LINE", 21)
            assert await f.readline() == b"LINE 3\n"
            with pytest.raises(ValueError):
                await f.readline(3)
            assert await f.readuntil(b"5\n") == b"line 4\nline 5\n"
            await f.seek(0, os.SEEK_END)
            await f.write(b"\nlast\n")
            await f.seek(-6, os.SEEK_CUR)
            assert await f.readline() == b"\n" and await f.readline() == b"last\n"

    run(main)


def test_a_cancelled_line_of_a_file_leaves_the_cursor(run: Runner, tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(LINES)

    async def main() -> None:
        async with abio.open(path) as f:
            for turns in range(4):
                reading = asyncio.create_task(f.readline())
                for _ in range(turns):
                    await asyncio.sleep(0)
                reading.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await reading
                    await f.seek(0)
                assert await f.tell() == 0
            assert b"".join([line async for line in f]) == LINES

    run(main)


# ---- buffers ---------------------------------------------------------------------------------------


def test_a_buffer_is_memory(run: Runner) -> None:
    for align in (0, 64, 4096):
        buffer = abio.Buffer(8192, align)
        assert len(buffer) == 0 and buffer.capacity == 8192
        if align:
            assert buffer.address % align == 0
        buffer.memory[:5] = b"hello"
        buffer.resize(5)
        assert bytes(buffer) == b"hello"
        assert buffer.append(b" you") == 4 and bytes(buffer) == b"hello you"
        with pytest.raises(ValueError):
            buffer.append(bytes(8192))
        with pytest.raises(ValueError):
            buffer.resize(8193)
        buffer.clear()
        assert len(buffer) == 0
    view = abio.Buffer(100).memory
    view[:] = b"x" * 100
    assert bytes(view) == b"x" * 100
    for wrong in ((0, 0), (1 << 31, 0), (10, 3)):
        with pytest.raises((ValueError, OverflowError)):
            abio.Buffer(*wrong)


def test_owned_reads_and_writes(run: Runner, tmp_path: Path) -> None:
    async def main() -> None:
        buffer = abio.Buffer(1 << 20)
        async with pair() as (near, far):
            buffer.append(DATA)
            sending = asyncio.create_task(near.write_owned(buffer))
            got = abio.Buffer(1 << 20)
            while len(got) < len(DATA):
                assert await far.read_owned(got) > 0
            assert await sending == len(DATA) and bytes(got) == DATA
            assert not buffer.lent and not got.lent
            got.clear()
            reading = asyncio.create_task(far.read_owned(got))
            await asyncio.sleep(0.005)
            assert got.lent
            with pytest.raises(BufferError):
                got.memory
            with pytest.raises(BufferError):
                got.clear()
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            assert not got.lent
            await near.write_eof()
            assert await far.read_owned(got) == 0

    run(main)


def test_direct_reads(run: Runner, tmp_path: Path) -> None:
    path = Path("/var/tmp") / f"abio-direct-{os.getpid()}"
    path.write_bytes(DATA[:65536])

    async def main() -> None:
        try:
            f = await abio.open(path, direct=True)
        except OSError as failure:
            pytest.skip(f"no direct IO here: {failure}")
        async with f:
            buffer = abio.Buffer(16384, 4096)
            assert await f.read_owned(buffer) == 16384
            assert bytes(buffer) == DATA[:16384]
            buffer.clear()
            assert await f.read_owned(buffer) == 16384 and await f.tell() == 32768
            assert bytes(buffer) == DATA[16384:32768]
            assert await f.readinto_at(buffer.memory, 49152) == 16384
            assert bytes(buffer.memory) == DATA[49152:65536]

    try:
        run(main)
    finally:
        path.unlink()


# ---- datagrams -------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_datagrams_have_an_address_each(run: Runner, host: str) -> None:
    async def main() -> None:
        async with abio.open_datagram((host, 0)) as one, abio.open_datagram((host, 0)) as two:
            waiting = [asyncio.create_task(two.receive_from()) for _ in range(3)]
            await asyncio.sleep(0.005)
            for number in range(3):
                assert await one.send_to(b"number %d" % number, two.address) == 8  # type: ignore
            got = [await task for task in waiting]
            assert sorted(data for data, _ in got) == [b"number 0", b"number 1", b"number 2"]
            assert {sender for _, sender in got} == {one.address}
            await two.send_to(b"", one.address)  # type: ignore[arg-type]
            assert await one.receive() == b""
            await two.send_to(b"too long", one.address)  # type: ignore[arg-type]
            assert await one.receive(3) == b"too"

    run(main)


def test_a_connected_datagram_socket(run: Runner, tmp_path: Path) -> None:
    async def main() -> None:
        async with abio.open_datagram(("127.0.0.1", 0)) as server:
            async with abio.open_datagram(peer=server.address) as client:  # type: ignore[arg-type]
                assert client.peer == server.address
                await client.send(b"question")
                data, sender = await server.receive_from()
                assert data == b"question"
                await server.send_to(b"answer", sender)  # type: ignore[arg-type]
                assert await client.receive() == b"answer"
        path = tmp_path / "socket"
        async with abio.open_datagram(str(path)) as server:
            async with abio.open_datagram(peer=str(path)) as client:
                await client.send(b"by name")
                assert await server.receive_from() == (b"by name", None)

    run(main)


def test_a_cancelled_receive_keeps_its_datagram(run: Runner) -> None:
    async def main() -> None:
        async with abio.open_datagram(("127.0.0.1", 0)) as one:
            for turns in range(10):
                reading = asyncio.create_task(one.receive_from())
                await asyncio.sleep(0)
                await one.send_to(b"kept %d" % turns, one.address)  # type: ignore[arg-type]
                for _ in range(turns % 5):
                    await asyncio.sleep(0)
                reading.cancel()
                result: Any = None
                with contextlib.suppress(asyncio.CancelledError):
                    result = (await reading)[0]
                if result is None:
                    result = await asyncio.wait_for(one.receive(), 5)
                assert result == b"kept %d" % turns
            with pytest.raises((ConnectionAbortedError, ValueError)):
                waiting = asyncio.create_task(one.receive())
                await asyncio.sleep(0.005)
                await one.aclose()
                await waiting
            one.close()

    run(main)
