"""What every stream does, whatever is behind it: one table, run over every kind of ends.

A case gets two connected ends: what is written to `near` is read from `far`.  Those marked duplex
use both directions.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest
from stream_ends import Ends

import abio

DATA = random.Random(5).randbytes(1 << 20)
BIG = DATA + DATA


class Case(NamedTuple):
    run: Callable[[Ends], Awaitable[None]]
    duplex: bool


CASES: dict[str, Case] = {}


def case(
    run: Callable[[Ends], Awaitable[None]], duplex: bool = False
) -> Callable[[Ends], Awaitable[None]]:
    CASES[run.__name__] = Case(run, duplex)
    return run


def duplex(run: Callable[[Ends], Awaitable[None]]) -> Callable[[Ends], Awaitable[None]]:
    return case(run, True)


async def waiting(task: asyncio.Task[bytes]) -> None:
    """Lets a reader run until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)
    assert not task.done()


async def cancelled(task: asyncio.Task[bytes]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# ---- whole and in parts ----------------------------------------------------------------------------


@case
async def a_read_gives_what_was_written(ends: Ends) -> None:
    await ends.near.write(b"hello")
    assert await ends.far.readexactly(5) == b"hello"


@case
async def a_read_waits_for_data(ends: Ends) -> None:
    reading = asyncio.create_task(ends.far.read(100))
    await waiting(reading)
    await ends.near.write(b"late")
    assert await reading == b"late"


@case
async def a_short_read_leaves_the_rest(ends: Ends) -> None:
    await ends.near.write(b"abcdefgh")
    assert await ends.far.readexactly(3) == b"abc"
    assert await ends.far.readexactly(1) == b"d"
    assert await ends.far.readexactly(4) == b"efgh"


@case
async def a_read_is_never_longer_than_asked(ends: Ends) -> None:
    await ends.near.write(DATA[:1000])
    await ends.near.write_eof()
    out = b""
    while part := await ends.far.read(7):
        assert len(part) <= 7
        out += part
    assert out == DATA[:1000]


@case
async def writes_arrive_in_order(ends: Ends) -> None:
    for number in range(200):
        await ends.near.write(b"%d," % number)
    await ends.near.write_eof()
    assert await ends.far.read() == b"".join(b"%d," % number for number in range(200))


@case
async def a_read_of_nothing_gives_nothing_and_is_not_the_end(ends: Ends) -> None:
    assert await ends.far.read(0) == b"" and await ends.far.readexactly(0) == b""
    await ends.near.write(b"x")
    assert await ends.far.read(0) == b""
    assert await ends.far.read(9) == b"x"


@case
async def a_write_of_nothing_does_nothing(ends: Ends) -> None:
    await ends.near.write(b"")
    await ends.near.write(b"after")
    await ends.near.write(b"")
    await ends.near.write_eof()
    assert await ends.far.read() == b"after"


@case
async def every_kind_of_memory_can_be_written(ends: Ends) -> None:
    await ends.near.write(bytearray(b"one "))
    await ends.near.write(memoryview(b"..two..")[2:5])
    await ends.near.write(b" three")
    assert await ends.far.readexactly(13) == b"one two three"


@case
async def a_flush_returns_when_all_is_out(ends: Ends) -> None:
    await ends.near.write(b"flushed")
    await ends.near.flush()
    await ends.near.flush()
    assert await ends.far.readexactly(7) == b"flushed"


# ---- the end ---------------------------------------------------------------------------------------


@case
async def the_end_is_empty_and_stays(ends: Ends) -> None:
    await ends.near.write(b"last")
    await ends.near.write_eof()
    assert await ends.far.readexactly(4) == b"last"
    for _ in range(3):
        assert await ends.far.read(10) == b""
    assert await ends.far.read() == b""


@case
async def an_empty_stream_ends_at_once(ends: Ends) -> None:
    await ends.near.write_eof()
    assert await ends.far.read(1) == b""
    assert await ends.far.readline() == b""


@case
async def the_end_comes_to_a_reader_that_waits(ends: Ends) -> None:
    reading = asyncio.create_task(ends.far.read(10))
    await waiting(reading)
    await ends.near.write_eof()
    assert await reading == b""


@case
async def closing_is_an_end_for_the_peer(ends: Ends) -> None:
    await ends.near.write(b"bye")
    await ends.near.aclose()
    assert await ends.far.read() == b"bye"


@case
async def reading_to_the_end_gives_all(ends: Ends) -> None:
    async def send() -> None:
        for at in range(0, 300_000, 9_973):
            await ends.near.write(DATA[at : min(at + 9_973, 300_000)])
        await ends.near.write_eof()

    sending = asyncio.create_task(send())
    assert await ends.far.read() == DATA[:300_000]
    await sending


@case
async def an_exact_read_that_the_end_cuts_off_says_so(ends: Ends) -> None:
    await ends.near.write(b"short")
    await ends.near.write_eof()
    with pytest.raises(asyncio.IncompleteReadError) as caught:
        await ends.far.readexactly(6)
    assert caught.value.partial == b"short" and caught.value.expected == 6
    assert await ends.far.read(1) == b""


@case
async def an_exact_read_gathers_parts(ends: Ends) -> None:
    reading = asyncio.create_task(ends.far.readexactly(10))
    for part in (b"a", b"bcd", b"efghi", b"jk"):
        await waiting(reading)
        await ends.near.write(part)
    assert await reading == b"abcdefghij"
    assert await ends.far.readexactly(1) == b"k"


# ---- lines -----------------------------------------------------------------------------------------


@case
async def lines_come_one_by_one(ends: Ends) -> None:
    await ends.near.write(b"one\ntwo\n\nfour")
    await ends.near.write_eof()
    assert [line async for line in ends.far] == [b"one\n", b"two\n", b"\n", b"four"]
    assert await ends.far.readline() == b""


@case
async def a_line_may_come_in_parts(ends: Ends) -> None:
    reading = asyncio.create_task(ends.far.readline())
    for part in (b"a ", b"long ", b"li"):
        await ends.near.write(part)
        await waiting(reading)
    await ends.near.write(b"ne\nnext\n")
    assert await reading == b"a long line\n"
    assert await ends.far.readline() == b"next\n"


@case
async def lines_and_reads_mix(ends: Ends) -> None:
    await ends.near.write(b"head: 5\n\nbody!tail\n")
    assert await ends.far.readline() == b"head: 5\n"
    assert await ends.far.readline() == b"\n"
    assert await ends.far.readexactly(5) == b"body!"
    assert await ends.far.readline() == b"tail\n"


@case
async def a_separator_may_be_long_and_split(ends: Ends) -> None:
    reading = asyncio.create_task(ends.far.readuntil(b"\r\n\r\n"))
    for part in (b"GET /\r", b"\nHost: x\r\n", b"\r", b"\nrest"):
        await waiting(reading)
        await ends.near.write(part)
    assert await reading == b"GET /\r\nHost: x\r\n\r\n"
    assert await ends.far.readexactly(4) == b"rest"


@case
async def a_line_that_is_too_long_is_refused_and_kept(ends: Ends) -> None:
    await ends.near.write(b"x" * 100 + b"\n")
    with pytest.raises(ValueError):
        await ends.far.readline(50)
    assert await ends.far.readline(1000) == b"x" * 100 + b"\n"


@case
async def many_lines_arrive_whole(ends: Ends) -> None:
    lines = [b"%d " % number + DATA[number : number + number % 90].replace(b"\n", b"") + b"\n"
             for number in range(3000)]

    async def send() -> None:
        whole = b"".join(lines)
        for at in range(0, len(whole), 4099):
            await ends.near.write(whole[at : at + 4099])
        await ends.near.write_eof()

    sending = asyncio.create_task(send())
    assert [line async for line in ends.far] == lines
    await sending


@case
async def a_peek_takes_nothing(ends: Ends) -> None:
    await ends.near.write(b"peeked")
    assert b"peeked".startswith(await ends.far.peek(3))
    assert (await ends.far.peek(1)) == b"p"
    assert await ends.far.readexactly(6) == b"peeked"
    await ends.near.write_eof()
    assert await ends.far.peek(5) == b""


# ---- reading into memory ---------------------------------------------------------------------------


@case
async def a_read_into_memory_fills_what_there_is(ends: Ends) -> None:
    await ends.near.write(b"into")
    memory = bytearray(b".......")
    got = await ends.far.readinto(memory)
    assert 0 < got <= 4 and memory[:got] == b"into"[:got] and memory[got:] == b"." * (7 - got)


@case
async def a_read_into_memory_waits_and_ends(ends: Ends) -> None:
    memory = bytearray(10)
    reading = asyncio.create_task(ends.far.readinto(memory))
    await waiting(reading)  # type: ignore[arg-type]
    await ends.near.write(b"abc")
    assert await reading == 3 and memory[:3] == b"abc"
    await ends.near.write_eof()
    assert await ends.far.readinto(memory) == 0
    assert await ends.far.readinto(bytearray()) == 0


@case
async def reads_of_both_sorts_mix(ends: Ends) -> None:
    memory = bytearray(4)
    await ends.near.write(b"0123456789")
    assert await ends.far.readexactly(2) == b"01"
    done = 0
    with memoryview(memory) as view:
        while done < 4:
            done += await ends.far.readinto(view[done:])
    assert memory == b"2345"
    assert await ends.far.readexactly(4) == b"6789"


# ---- cancelling ------------------------------------------------------------------------------------


@case
async def a_cancelled_read_loses_nothing(ends: Ends) -> None:
    reading = asyncio.create_task(ends.far.read(10))
    await waiting(reading)
    await cancelled(reading)
    await ends.near.write(b"still here")
    assert await ends.far.readexactly(10) == b"still here"


@case
async def a_cancelled_read_with_data_on_its_way_loses_nothing(ends: Ends) -> None:
    for turns in range(12):
        reading = asyncio.create_task(ends.far.readexactly(6))
        await waiting(reading)
        await ends.near.write(b"abc")
        for _ in range(turns):
            await asyncio.sleep(0)
        await cancelled(reading)
        await ends.near.write(b"def")
        assert await ends.far.readexactly(6) == b"abcdef"


@case
async def a_cancelled_line_loses_nothing(ends: Ends) -> None:
    for turns in range(8):
        reading = asyncio.create_task(ends.far.readline())
        await ends.near.write(b"half a ")
        await waiting(reading)
        for _ in range(turns):
            await asyncio.sleep(0.001)
        await cancelled(reading)
        await ends.near.write(b"line\n")
        assert await ends.far.readline() == b"half a line\n"


@case
async def a_read_into_memory_that_is_cancelled_gives_the_memory_back(ends: Ends) -> None:
    memory = bytearray(10)
    reading = asyncio.create_task(ends.far.readinto(memory))
    await waiting(reading)  # type: ignore[arg-type]
    await cancelled(reading)  # type: ignore[arg-type]
    memory += b"it can be resized"
    await ends.near.write(b"more")
    assert await ends.far.readexactly(4) == b"more"


@case
async def a_read_can_time_out_again_and_again(ends: Ends) -> None:
    for number in range(5):
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(ends.far.read(10), 0.001)
        await ends.near.write(b"%d" % number)
        assert await ends.far.read(10) == b"%d" % number


@case
async def random_cancels_lose_double_and_reorder_nothing(ends: Ends) -> None:
    dice = random.Random(11)
    size = 60_000

    async def send() -> None:
        at = 0
        while at < size:
            step = min(dice.randrange(1, 4000), size - at)
            await ends.near.write(DATA[at : at + step])
            at += step
            if dice.random() < 0.3:
                await asyncio.sleep(0)
        await ends.near.write_eof()

    sending = asyncio.create_task(send())
    out = b""
    while True:
        want = dice.randrange(1, 3000)
        reading = asyncio.create_task(ends.far.read(want))
        for _ in range(dice.randrange(4)):
            await asyncio.sleep(0)
        if dice.random() < 0.5:
            reading.cancel()
        try:
            part = await reading
        except asyncio.CancelledError:
            continue
        if not part:
            break
        out += part
    await sending
    assert out == DATA[:size]


# ---- who may ---------------------------------------------------------------------------------------


@case
async def a_second_reader_is_refused(ends: Ends) -> None:
    reading = asyncio.create_task(ends.far.read(10))
    await waiting(reading)
    with pytest.raises(RuntimeError):
        await ends.far.read(10)
    with pytest.raises(RuntimeError):
        await ends.far.readline()
    await ends.near.write(b"first")
    assert await reading == b"first"


@case
async def writers_take_turns(ends: Ends) -> None:
    parts = [bytes([65 + number]) * 50_000 for number in range(8)]
    writing = [asyncio.create_task(ends.near.write(part)) for part in parts]
    assert await ends.far.readexactly(400_000) == b"".join(parts)
    await asyncio.gather(*writing)


# ---- large, and against a slow reader --------------------------------------------------------------


@case
async def a_big_transfer_arrives_whole(ends: Ends) -> None:
    async def send() -> None:
        await ends.near.write(BIG)
        await ends.near.write_eof()

    sending = asyncio.create_task(send())
    assert await ends.far.read() == BIG
    await sending


@case
async def a_big_mutable_write_arrives_whole(ends: Ends) -> None:
    memory = bytearray(DATA)
    sending = asyncio.create_task(ends.near.write(memory))
    assert await ends.far.readexactly(len(DATA)) == DATA
    await sending
    memory += b"and is ours again"


@case
async def a_writer_waits_for_a_slow_reader(ends: Ends) -> None:
    async def send() -> int:
        for _ in range(8):
            await ends.near.write(BIG)
        return 8

    sending = asyncio.create_task(send())
    await asyncio.sleep(0.02)
    assert not sending.done()
    for _ in range(8):
        assert await ends.far.readexactly(len(BIG)) == BIG
    assert await sending == 8


# ---- both directions -------------------------------------------------------------------------------


@duplex
async def both_directions_are_independent(ends: Ends) -> None:
    await ends.near.write(b"ping")
    assert await ends.far.readexactly(4) == b"ping"
    await ends.far.write(b"pong")
    assert await ends.near.readexactly(4) == b"pong"


@duplex
async def a_write_goes_through_while_a_read_waits(ends: Ends) -> None:
    reading = asyncio.create_task(ends.far.readexactly(3))
    await waiting(reading)
    await ends.far.write(b"not held up")
    assert await ends.near.readexactly(11) == b"not held up"
    await ends.near.write(b"now")
    assert await reading == b"now"


@duplex
async def much_goes_both_ways_at_once(ends: Ends) -> None:
    """More than the system holds: who waits for its writes before it reads never ends."""

    async def send(stream: abio.Stream) -> None:
        for _ in range(8):
            await stream.write(BIG)
        await stream.write_eof()

    forth = asyncio.create_task(ends.far.read())
    back = asyncio.create_task(ends.near.read())
    await asyncio.sleep(0)
    await asyncio.gather(send(ends.near), send(ends.far))
    assert await forth == BIG * 8 and await back == BIG * 8


@duplex
async def a_half_closed_stream_can_still_be_read(ends: Ends) -> None:
    await ends.near.write(b"question")
    await ends.near.write_eof()
    assert await ends.far.read() == b"question"
    await ends.far.write(b"answer")
    await ends.far.write_eof()
    assert await ends.near.read() == b"answer"


@duplex
async def an_echo_of_many_small_messages(ends: Ends) -> None:
    async def echo() -> None:
        while data := await ends.far.read(100):
            await ends.far.write(data)

    echoing = asyncio.create_task(echo())
    for number in range(100):
        message = b"message %d" % number
        await ends.near.write(message)
        assert await ends.near.readexactly(len(message)) == message
    await ends.near.write_eof()
    await echoing


@duplex
async def writing_to_a_peer_that_is_gone_fails(ends: Ends) -> None:
    await ends.far.aclose()
    if ends.below is not None:
        await ends.below.aclose()
    with pytest.raises(OSError):
        for _ in range(200):
            await ends.near.write(DATA[:50_000])
            await ends.near.flush()
            await asyncio.sleep(0.001)
    ends.near.close()


# ---- copying ---------------------------------------------------------------------------------------


@case
async def a_copy_goes_to_the_end(ends: Ends) -> None:
    into = Collector()

    async def send() -> None:
        await ends.near.write(DATA)
        await ends.near.write_eof()

    sending = asyncio.create_task(send())
    assert await ends.far.peek(1) == DATA[:1]
    assert await abio.copy(ends.far, into) == len(DATA)
    await sending
    assert into.data == DATA


@case
async def a_copy_with_a_limit_leaves_the_rest(ends: Ends) -> None:
    into = Collector()
    await ends.near.write(b"0123456789")
    assert await abio.copy(ends.far, into, 4) == 4
    assert into.data == b"0123"
    assert await ends.far.readexactly(6) == b"456789"


class Collector:
    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> None:
        self.data += data
