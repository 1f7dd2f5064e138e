"""Cancellation at every await: no byte lost, no memory touched afterwards, no handle leaked."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from conftest import Runner, pair

import abio

ROUNDS = 3000
DATA = random.Random(4).randbytes(1 << 20)


class Reader:
    """Reads one way or another, cancelled at random, and collects what it got."""

    def __init__(self, stream: abio.Stream, seed: int) -> None:
        self.stream = stream
        self.random = random.Random(seed)
        self.got = bytearray()
        self.cancelled = 0

    async def read(self) -> bytes:
        return await self.stream.read(self.random.choice([1, 10, 1000, 100_000]))

    async def readexactly(self) -> bytes:
        return await self.stream.readexactly(self.random.choice([1, 7, 100]))

    async def readinto(self) -> bytes:
        memory = bytearray(self.random.choice([1, 10, 1000, 100_000]))
        try:
            n = await self.stream.readinto(memory)
        except BaseException:
            # The memory is ours again: it can be resized, and nobody writes to it.
            memory[:] = b"\xee" * len(memory)
            memory.append(0)
            memory.clear()
            raise
        memory.append(0)
        return bytes(memory[:n])

    async def turn(self, start: Callable[[], Awaitable[bytes]]) -> bool:
        """One read, cancelled after a random number of turns; False at the end of the stream."""
        task = asyncio.ensure_future(start())
        for _ in range(self.random.choice([0, 0, 1, 1, 2, 3, 5])):
            await asyncio.sleep(0)
        if self.random.random() < 0.3:
            await asyncio.sleep(0.0003)
        task.cancel()
        if self.random.random() < 0.3:
            task.cancel()
        try:
            part = await task
        except asyncio.CancelledError:
            self.cancelled += 1
            return True
        except asyncio.IncompleteReadError as end:
            self.got += end.partial
            return bool(end.partial)
        self.got += part
        return bool(part)


async def write_at_random(peer: socket.socket, seed: int, stop: asyncio.Event) -> bytes:
    """A racing writer that knows nothing of abio; what it sent."""
    loop = asyncio.get_running_loop()
    chance = random.Random(seed)
    sent = bytearray()
    while not stop.is_set():
        part = chance.randbytes(chance.choice([1, 5, 100, 3000, 30_000]))
        await loop.sock_sendall(peer, part)
        sent += part
        for _ in range(chance.choice([0, 1, 2, 8])):
            await asyncio.sleep(0)
    peer.shutdown(socket.SHUT_WR)
    return bytes(sent)


@pytest.mark.parametrize("how", ["read", "readexactly", "readinto", "mixed"])
def test_no_byte_is_lost_with_a_racing_writer(run: Runner, how: str) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            async with abio.connect(*listener.getsockname()) as stream:
                peer, _ = listener.accept()
                peer.setblocking(False)
                stop = asyncio.Event()
                writing = asyncio.create_task(write_at_random(peer, 5, stop))
                reader = Reader(stream, 6)
                ways = [reader.read, reader.readexactly, reader.readinto]
                if how != "mixed":
                    ways = [getattr(reader, how)]
                for _ in range(ROUNDS):
                    assert await reader.turn(reader.random.choice(ways))
                stop.set()
                while True:
                    try:
                        part = await asyncio.wait_for(stream.read(100_000), 10)
                    except asyncio.CancelledError:
                        continue
                    if not part:
                        break
                    reader.got += part
                sent = await writing
                peer.close()
                assert reader.cancelled > ROUNDS // 20
                assert len(reader.got) == len(sent)
                assert bytes(reader.got) == sent

    run(main)


@pytest.mark.parametrize("kind", [bytes, bytearray])
@pytest.mark.parametrize("size", [1000, 65_536, 500_000])
def test_a_cancelled_write_is_whole_or_not_there(
    run: Runner, kind: Callable[[bytes], Any], size: int
) -> None:
    """Immutable data is never torn; lent memory may be cut only where it was taken back."""

    async def main() -> None:
        async with pair() as (near, far):
            chance = random.Random(size)

            async def write() -> None:
                for number in range(150):
                    message = kind(number.to_bytes(4, "big") + size.to_bytes(4, "big") + DATA[:size])
                    task = asyncio.create_task(near.write(message))
                    for _ in range(chance.choice([0, 1, 2, 3])):
                        await asyncio.sleep(0)
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
                    if kind is bytearray:
                        message.append(0)
                        message[:] = b"\xee" * len(message)
                await near.write_eof()

            writing = asyncio.create_task(write())
            if kind is bytearray and size >= 65_536:
                # Cut messages are allowed; bytes that were given back are not.
                assert b"\xee" * 64 not in await far.read()
            else:
                last = -1
                while head := await far.read(1):
                    head += await far.readexactly(7)
                    number = int.from_bytes(head[:4], "big")
                    assert number > last
                    last = number
                    assert await far.readexactly(size) == DATA[:size]
                assert last >= 0
            await writing

    run(main)


def test_waiting_for_the_turn_to_write_can_be_cancelled(run: Runner) -> None:
    async def main() -> None:
        async with pair() as (near, far):
            first = asyncio.create_task(near.write(bytes(30_000_000)))
            await asyncio.sleep(0.01)
            others = [asyncio.create_task(near.write(b"x" * size)) for size in (1, 100_000) * 5]
            await asyncio.sleep(0.01)
            for other in others[:-1]:
                other.cancel()
            await asyncio.gather(*others[:-1], return_exceptions=True)
            assert all(other.cancelled() for other in others[:-1])
            assert await far.readexactly(30_000_000) == bytes(30_000_000)
            await asyncio.gather(first, others[-1])
            assert await far.readexactly(100_000) == b"x" * 100_000

    run(main)


def test_a_cancelled_flush_or_write_eof_or_aclose(run: Runner) -> None:
    async def main() -> None:
        for how in ("flush", "write_eof", "aclose"):
            async with pair() as (near, far):
                for _ in range(200):
                    if near._turn.held:
                        break
                    task = asyncio.create_task(near.write(DATA[:60_000]))
                    await asyncio.sleep(0.001)
                    if not task.done():
                        break
                ending = asyncio.create_task(getattr(near, how)())
                await asyncio.sleep(0.01)
                assert not ending.done(), how
                ending.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await ending
                reading = asyncio.create_task(far.read())
                await asyncio.gather(task, return_exceptions=True)
                near.close()
                got = await asyncio.gather(reading, return_exceptions=True)
                assert isinstance(got[0], (bytes, ConnectionError))

    run(main)


@pytest.mark.parametrize("turns", range(7))
def test_a_cancelled_connect_leaks_nothing(run: Runner, turns: int) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
            for _ in range(40):
                task = asyncio.create_task(abio.connect(*listener.getsockname()))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                try:
                    (await task).close()
                except asyncio.CancelledError:
                    pass

    run(main)


def test_a_cancelled_look_up_leaks_nothing(run: Runner) -> None:
    async def main() -> None:
        for turns in range(20):
            task = asyncio.create_task(abio.connect("localhost", 9))
            for _ in range(turns % 4):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises((asyncio.CancelledError, ConnectionRefusedError)):
                await task

    run(main)


@pytest.mark.parametrize("turns", range(4))
def test_a_cancelled_start_server_leaks_nothing(run: Runner, turns: int) -> None:
    async def handler(stream: abio.Stream) -> None:
        pass

    async def main() -> None:
        for _ in range(20):
            task = asyncio.create_task(abio.start_server(handler, "127.0.0.1", 0))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            try:
                await (await task).aclose()
            except asyncio.CancelledError:
                pass

    run(main)


def test_timeouts_around_reads(run: Runner) -> None:
    async def main() -> None:
        async with pair() as (near, far):
            for start in (
                lambda: far.read(5),
                lambda: far.readexactly(5),
                lambda: far.read(),
                lambda: far.readline(),
                lambda: far.readinto(bytearray(5)),
            ):
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(start(), 0.005)
            await near.write(b"still here\n")
            assert await far.readline() == b"still here\n"
        async with pair() as (near, far):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(far.readinto(bytearray(5)), 0.005)
            await near.write(b"still here\n")
            assert await far.readline() == b"still here\n"

    run(main)


def test_cancelling_twice_while_memory_is_taken_back(run: Runner) -> None:
    async def main() -> None:
        async with pair() as (near, far):
            for _ in range(200):
                memory = bytearray(100)
                task = asyncio.create_task(far.readinto(memory))
                await asyncio.sleep(0)
                while not task.done():
                    task.cancel()
                    await asyncio.sleep(0)
                assert task.cancelled()
                memory.clear()
            await near.write(b"x")
            assert await far.read(5) == b"x"

    run(main)
