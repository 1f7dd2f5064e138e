"""Streams: every method, the ends and the errors, back-pressure, and large transfers."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import time
from pathlib import Path

import pytest
from conftest import Runner, pair

import abio
from abio import _asyncio
from abio._receiver import HIGH_WATER

DATA = random.Random(2).randbytes(1 << 20)
TWICE = memoryview(DATA + DATA)


def test_read_write_both_ways(run: Runner) -> None:
    async def main() -> None:
        async with pair() as (near, far):
            await near.write(b"hello")
            assert await far.read(100) == b"hello"
            await far.write(bytearray(b"and "))
            await far.write(memoryview(b"back"))
            assert await near.readexactly(8) == b"and back"
            assert await near.read(0) == b""
            await near.write(b"")

    run(main)


def test_read_gives_at_most_n_and_keeps_the_rest(run: Runner) -> None:
    async def main() -> None:
        async with pair() as (near, far):
            reading = asyncio.create_task(far.read(3))
            await asyncio.sleep(0.01)
            await near.write(b"abcdefgh")
            assert await reading == b"abc"
            assert await far.read(2) == b"de" and await far.read(100) == b"fgh"

    run(main)


def test_read_to_the_end(run: Runner) -> None:
    async def main() -> None:
        async with pair() as (near, far):
            async def send() -> None:
                for at in range(0, len(DATA), 10_000):
                    await near.write(DATA[at : at + 10_000])
                await near.write_eof()

            sending = asyncio.create_task(send())
            assert await far.read() == DATA
            assert await far.read() == b"" and await far.read(5) == b""
            await sending
            await far.write(b"the other way still works")
            await far.write_eof()
            assert await near.read(-1) == b"the other way still works"
            with pytest.raises(BrokenPipeError):
                await near.write(b"after the end")
                await near.flush()

    run(main)


def test_readexactly_and_its_incomplete_read(run: Runner) -> None:
    async def main() -> None:
        async with pair() as (near, far):
            sending = asyncio.create_task(near.write(DATA))
            for size in (1, 1000, 500_000):
                assert len(await far.readexactly(size)) == size
            assert await far.readexactly(0) == b""
            rest = len(DATA) - 501_001
            assert await far.readexactly(rest) == DATA[501_001:]
            await sending
            await near.write(b"short")
            await near.write_eof()
            with pytest.raises(asyncio.IncompleteReadError) as caught:
                await far.readexactly(6)
            assert caught.value.partial == b"short" and caught.value.expected == 6
            with pytest.raises(ValueError):
                await far.readexactly(-1)

    run(main)


def test_lines(run: Runner) -> None:
    async def main() -> None:
        async with pair() as (near, far):
            await near.write(b"one\ntwo\n\nlast")
            await near.write_eof()
            assert await far.readline() == b"one\n"
            assert [line async for line in far] == [b"two\n", b"\n", b"last"]
            assert await far.readline() == b""
            await far.write(b"k: v\r\n\r\nbody" + b"x" * 100)
            assert await near.readuntil(b"\r\n\r\n") == b"k: v\r\n\r\n"
            with pytest.raises(asyncio.LimitOverrunError):
                await near.readuntil(b"|", 50)
            with pytest.raises(ValueError):
                await near.readline(50)
            assert await near.readexactly(104) == b"body" + b"x" * 100
            await far.write(b"abc|")
            with pytest.raises(asyncio.LimitOverrunError):
                await near.readuntil(b"|", 2)
            assert await near.readuntil(b"|", 3) == b"abc|"
            await far.write_eof()
            with pytest.raises(asyncio.IncompleteReadError):
                await near.readuntil(b"|")
            with pytest.raises(ValueError):
                await near.readuntil(b"")

    run(main)


def test_many_lines_in_odd_pieces(run: Runner) -> None:
    async def main() -> None:
        lines = [DATA[at : at + at % 97].replace(b"\n", b" ") + b"\n" for at in range(20_000)]
        whole = b"".join(lines)
        async with pair() as (near, far):
            async def send() -> None:
                at = 0
                step = random.Random(3)
                while at < len(whole):
                    size = step.randrange(1, 5000)
                    await near.write(whole[at : at + size])
                    at += size
                await near.write_eof()

            sending = asyncio.create_task(send())
            assert [line async for line in far] == lines
            await sending

    run(main)


def test_readinto_straight_and_from_what_is_stored(run: Runner) -> None:
    async def main() -> None:
        async with pair() as (near, far):
            memory = bytearray(10)
            await near.write(b"abc")
            assert await far.readinto(memory) == 3 and memory[:3] == b"abc"
            assert not far._receiver.armed
            await near.write(b"0123456789xyz")
            assert await far.readinto(memory) == 10 and memory == b"0123456789"
            assert await far.read(100) == b"xyz"
            assert far._receiver.armed
            await near.write(b"stored bytes")
            await asyncio.sleep(0.02)
            assert await far.readinto(memoryview(memory)[2:6]) == 4 and memory[2:6] == b"stor"
            assert await far.readinto(bytearray(0)) == 0
            assert await far.readexactly(8) == b"ed bytes"
            reading = asyncio.create_task(far.readinto(memory))
            await asyncio.sleep(0.01)
            await near.write(b"late")
            assert await reading == 4 and memory[:4] == b"late"
            await near.write_eof()
            assert await far.readinto(memory) == 0
            with pytest.raises(TypeError):
                await far.readinto(b"immutable")

    run(main)


def test_readinto_sees_the_end(run: Runner) -> None:
    async def main() -> None:
        async with pair() as (near, far):
            await near.write_eof()
            assert await far.readinto(bytearray(5)) == 0
            assert await far.readinto(bytearray(5)) == 0
            assert await far.read(5) == b"" and await far.read() == b""

    run(main)


def test_a_second_reader_is_refused_and_the_first_undisturbed(run: Runner) -> None:
    async def main() -> None:
        async with pair() as (near, far):
            for start in (lambda: far.readinto(bytearray(5)), lambda: far.read(5)):
                first = asyncio.create_task(start())
                await asyncio.sleep(0.01)
                for second in (
                    far.read(1),
                    far.read(),
                    far.readexactly(1),
                    far.readline(),
                    far.readinto(bytearray(1)),
                ):
                    with pytest.raises(RuntimeError, match="another coroutine"):
                        await second
                await near.write(b"12345")
                assert await first in (5, b"12345")

    run(main)


def test_writers_take_turns_and_each_write_is_whole(run: Runner) -> None:
    async def main() -> None:
        async with pair() as (near, far):
            sizes = [100, 70_000, 5, 300_000, 64 * 1024, 1000] * 6
            kinds = [bytes, bytearray, memoryview]
            writes = [
                near.write(kinds[number % 3](bytes([number]) * size))  # type: ignore[arg-type]
                for number, size in enumerate(sizes)
            ]
            writing = asyncio.gather(*writes)
            for number, size in enumerate(sizes):
                assert await far.readexactly(size) == bytes([number]) * size
            await writing

    run(main)


def test_back_pressure_stops_the_writer_and_bounds_what_is_stored(run: Runner) -> None:
    async def main() -> None:
        async with pair() as (near, far):
            sent = 0

            async def send() -> None:
                nonlocal sent
                while True:
                    await near.write(DATA[:50_000])
                    sent += 50_000

            assert await far.read(0) == b""
            first = asyncio.create_task(far.read(1))
            sending = asyncio.create_task(send())
            await first
            before = -1
            while before != sent:
                before = sent
                await asyncio.sleep(0.2)
            assert not sending.done()
            assert far._receiver.paused
            # What one turn brings at most, and the piece that may follow a pause.
            assert far._receiver.stored <= HIGH_WATER + (1 << 20) + (1 << 18)
            stopped = sent
            await far.readexactly(stopped // 2)
            while sent == stopped:
                await asyncio.sleep(0.01)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            # What is still on its way will be refused by a peer that closes first.
            near.close()

    run(main)


@pytest.mark.parametrize("step", [1 << 14, 1 << 16, 1 << 20])
def test_64_mib_both_ways_at_once_with_a_slow_reader(run: Runner, step: int) -> None:
    total = 64 << 20

    async def send(stream: abio.Stream) -> None:
        for at in range(0, total, step):
            await stream.write(DATA[at % len(DATA) : at % len(DATA) + step])
        await stream.write_eof()

    async def receive(stream: abio.Stream, slow: bool) -> None:
        got = 0
        while chunk := await stream.read(1 << 18):
            at = got % len(DATA)
            assert TWICE[at : at + len(chunk)] == chunk
            got += len(chunk)
            if slow and random.random() < 0.05:
                await asyncio.sleep(0.001)
        assert got == total

    async def main() -> None:
        async with pair() as (near, far):
            await asyncio.gather(
                send(near), send(far), receive(near, False), receive(far, True)
            )

    run(main)


def test_flush_and_addresses(run: Runner) -> None:
    async def main() -> None:
        async with pair() as (near, far):
            await near.write(b"x" * 1000)
            await near.flush()
            assert await far.readexactly(1000) == b"x" * 1000
            assert near.get_extra_info("peername") == far.get_extra_info("sockname")
            assert near.get_extra_info("sockname") == far.get_extra_info("peername")
            assert near.get_extra_info("sockname")[0] == "127.0.0.1"
            assert near.get_extra_info("nothing", 5) == 5
            assert near.fileno() >= 0 and near.can_write_eof()
            assert not near.is_closing()
            await near.aclose()
            assert near.is_closing() and near.fileno() == -1
            await near.aclose()
            assert await far.read() == b""

    run(main)


def test_a_closed_stream_answers_connection_aborted(run: Runner) -> None:
    async def main() -> None:
        async with pair() as (near, far):
            await near.aclose()
            for call in (
                near.read(1),
                near.read(),
                near.readinto(bytearray(1)),
                near.write(b"x"),
                near.write(b"x" * 100_000),
                near.flush(),
                near.write_eof(),
            ):
                with pytest.raises(ConnectionAbortedError):
                    await call

    run(main)


@pytest.mark.parametrize("how", ["aclose", "close"])
def test_closing_ends_a_waiting_reader(run: Runner, how: str) -> None:
    async def main() -> None:
        for direct in (False, True):
            async with pair() as (near, far):
                start = near.readinto(bytearray(5)) if direct else near.read(5)
                reading = asyncio.create_task(start)
                await asyncio.sleep(0.01)
                if how == "aclose":
                    await near.aclose()
                else:
                    near.close()
                with pytest.raises(ConnectionAbortedError):
                    await reading

    run(main)


@pytest.mark.parametrize("how", ["aclose", "close"])
def test_what_was_written_is_sent_before_the_close(run: Runner, how: str) -> None:
    async def main() -> None:
        async with pair() as (near, far):
            await near.write(DATA[:200_000])
            if how == "aclose":
                closing = asyncio.create_task(near.aclose())
                assert await far.read() == DATA[:200_000]
                await closing
            else:
                near.close()
                assert await far.read() == DATA[:200_000]

    run(main)


def test_leaving_by_an_exception_does_not_wait_for_the_peer(run: Runner) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with pytest.raises(KeyError):
                async with abio.connect(*listener.getsockname()) as stream:
                    peer, _ = listener.accept()
                    # More than the system takes while nobody reads.
                    task = asyncio.create_task(stream.write(bytes(30_000_000)))
                    await asyncio.sleep(0.05)
                    assert not task.done()
                    raise KeyError("body")
            with pytest.raises(ConnectionAbortedError):
                await task
            peer.close()

    run(main)


def test_a_reset_peer_is_a_connection_reset(run: Runner) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            stream = await abio.connect(*listener.getsockname())
            peer, _ = listener.accept()
            reading = asyncio.create_task(stream.read(5))
            await asyncio.sleep(0.01)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
            with pytest.raises(ConnectionResetError):
                await reading
            with pytest.raises(ConnectionError):
                await stream.read(5)
            with pytest.raises(ConnectionError):
                while True:
                    await stream.write(b"x" * 1000)
                    await stream.flush()
            await stream.aclose()

    run(main)


def test_an_error_no_write_has_reported_is_raised_by_aclose(run: Runner) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            stream = await abio.connect(*listener.getsockname())
            peer, _ = listener.accept()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
            await asyncio.sleep(0.05)
            with pytest.raises(ConnectionError):
                await stream.write(b"lost")
                await stream.aclose()
            stream.close()

    run(main)


def test_connect_errors(run: Runner, tmp_path: Path) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        with pytest.raises(ConnectionRefusedError):
            await abio.connect("127.0.0.1", port)
        # Whether it has one address or two, they all refuse.
        with pytest.raises(ConnectionRefusedError):
            await abio.connect("localhost", port)
        with pytest.raises(FileNotFoundError):
            await abio.connect_unix(tmp_path / "nobody")
        with pytest.raises(socket.gaierror):
            await abio.connect("no-such-host.invalid", 1)
        with pytest.raises(socket.gaierror):
            await abio.connect("x" * 300, 1)
        for bad in (-1, 65536, "http"):
            with pytest.raises((OverflowError, TypeError)):
                await abio.connect("127.0.0.1", bad)  # type: ignore[arg-type]
        with pytest.raises(OSError, match="too long"):
            await abio.connect_unix("x" * 200)
        with pytest.raises(ValueError):
            await abio.connect_unix("")

    run(main)


def test_connect_by_name(run: Runner) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            async with abio.connect("localhost", listener.getsockname()[1]) as stream:
                peer, _ = listener.accept()
                peer.sendall(b"hi")
                peer.close()
                assert await stream.read() == b"hi"

    run(main)


@pytest.mark.parametrize("abstract", [False, True])
def test_unix_streams(run: Runner, tmp_path: Path, abstract: bool) -> None:
    path = f"\0abio-test-{tmp_path.name}-{id(run)}" if abstract else str(tmp_path / "socket")

    async def main() -> None:
        async def handler(stream: abio.Stream) -> None:
            await stream.write((await stream.read()).upper())

        async with abio.start_unix_server(handler, path) as server:
            assert server.addresses == [path.encode() if abstract else path]
            async with abio.connect_unix(path) as stream:
                await stream.write(b"over unix")
                await stream.write_eof()
                assert await stream.read() == b"OVER UNIX"

    run(main)


def test_sleep_and_info(run: Runner) -> None:
    async def main() -> None:
        start = time.monotonic()
        await asyncio.gather(*(abio.sleep(0.02) for _ in range(50)))
        assert time.monotonic() - start >= 0.02
        await abio.sleep(0)
        task = asyncio.create_task(abio.sleep(100))
        await asyncio.sleep(0.01)
        assert abio.info().in_flight == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        info = abio.info()
        assert info.backend == run.backend and info.version == abio.__version__
        assert len(info.description) == 64 and info.reason
        assert _asyncio.current() is _asyncio.current()

    run(main)
