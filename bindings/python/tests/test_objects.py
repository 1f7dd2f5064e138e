"""Objects that Python implements: what their methods may answer, what they raise, and their end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import io
import os
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

import pytest
from conftest import LOOPS, Runner, pair

import abio
from abio import _asyncio, _host


class Answers(abio.Implementer):
    """A reader and writer whose answers a test decides."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.calls = 0

    def _next(self, memory: Any) -> Any:
        self.calls += 1
        answer = self.answer
        if isinstance(answer, BaseException):
            raise answer
        return answer(memory) if callable(answer) else answer


class Tries(Answers):
    def try_read(self, buffer: memoryview) -> Any:
        return self._next(buffer)

    def try_write(self, data: bytes) -> Any:
        return self._next(data)


class Reads(Answers):
    def read(self, n: int) -> Any:
        return self._next(n)

    def write(self, data: bytes) -> Any:
        return self._next(data)


class Coroutines(Answers):
    async def read(self, n: int) -> Any:
        await asyncio.sleep(0)
        return self._next(n)

    async def write(self, data: bytes) -> Any:
        await asyncio.sleep(0)
        return self._next(data)


class ReadsInto(Answers):
    async def readinto(self, buffer: memoryview) -> Any:
        await asyncio.sleep(0)
        return self._next(buffer)

    async def write(self, data: bytes) -> Any:
        return self._next(data)


STYLES = [Tries, Reads, Coroutines, ReadsInto]


class Strange(Exception):
    """An exception that abio has never heard of."""


def failures() -> list[Exception]:
    """New ones for each test: an exception keeps what its traceback knows."""
    return [
        Strange("mine"),
        ValueError("a value"),
        OSError(errno.ENOSPC, "no space"),
        ConnectionResetError(errno.ECONNRESET, "reset"),
        BrokenPipeError("without a number"),
        EOFError("cut off"),
        MemoryError("too much"),
        KeyError("a key"),
    ]


@pytest.mark.parametrize("style", STYLES)
def test_a_reader_gets_the_very_exception(run: Runner, style: type[Answers]) -> None:
    async def main() -> None:
        for failure in failures():
            target = style(failure)
            async with abio.Stream.from_object(target) as stream:
                for read in (
                    lambda: stream.read(10),
                    lambda: stream.readline(),
                    lambda: stream.readexactly(3),
                    lambda: stream.read(),
                    lambda: stream.readinto(bytearray(5)),
                    lambda: stream.peek(),
                ):
                    with pytest.raises(type(failure)) as caught:
                        await read()
                    assert caught.value is failure
                target.answer = b"on" if style in (Reads, Coroutines) else fill(b"on")
                assert await stream.read(10) == b"on"

    run(main)


def fill(data: bytes) -> Callable[[memoryview], int]:
    def into(buffer: memoryview) -> int:
        buffer[: len(data)] = data
        return len(data)

    return into


@pytest.mark.parametrize("style", STYLES)
def test_a_writer_gets_the_very_exception(run: Runner, style: type[Answers]) -> None:
    async def main() -> None:
        for failure in failures():
            async with abio.Stream.from_object(style(failure)) as stream:
                with pytest.raises(type(failure)) as caught:
                    await stream.write(b"data")
                    await stream.flush()
                assert caught.value is failure
                with pytest.raises(type(failure)) as caught:
                    await stream.write(bytes(100_000))
                assert caught.value is failure

    run(main)


@pytest.mark.parametrize("style", STYLES)
def test_an_exception_passes_through_adapters(run: Runner, style: type[Answers]) -> None:
    async def main() -> None:
        failure = Strange("beneath")
        async with abio.Stream.from_object(style(failure)) as stream:
            async with abio.take(stream, 100) as part:
                with pytest.raises(Strange) as caught:
                    await part.read(10)
                assert caught.value is failure
            async with abio.chain(stream, stream) as both:
                with pytest.raises(Strange) as caught:
                    await both.readline()
                assert caught.value is failure

    run(main)


BROKEN_READS: list[tuple[type[Answers], Any]] = [
    (Tries, lambda buffer: len(buffer) + 1),
    (Tries, -1),
    (Tries, -11),
    (Tries, 1 << 40),
    (Tries, 1.5),
    (Tries, "text"),
    (Tries, b"bytes"),
    (Reads, None),
    (Reads, lambda n: bytes(n + 1)),
    (Reads, 5),
    (Reads, "text"),
    (Coroutines, None),
    (Coroutines, lambda n: bytes(n + 1)),
    (Coroutines, 3),
    (Coroutines, object()),
    (ReadsInto, None),
    (ReadsInto, lambda buffer: len(buffer) + 1),
    (ReadsInto, -4096),
    (ReadsInto, b"bytes"),
]


@pytest.mark.parametrize("style, answer", BROKEN_READS)
def test_a_wrong_answer_to_a_read_is_a_contract_error(
    run: Runner, style: type[Answers], answer: Any
) -> None:
    async def main() -> None:
        async with abio.Stream.from_object(style(answer)) as stream:
            with pytest.raises(abio.ContractError, match="read"):
                await stream.read(10)
            with pytest.raises(abio.ContractError):
                await stream.readinto(bytearray(10))

    run(main)


BROKEN_WRITES: list[tuple[type[Answers], Any]] = [
    (Tries, 0),
    (Tries, -1),
    (Tries, lambda data: len(data) + 1),
    (Tries, "text"),
    (Tries, b"x"),
    (Reads, 0),
    (Reads, lambda data: len(data) + 1),
    (Reads, object()),
    (Coroutines, 0),
    (Coroutines, -4096),
    (Coroutines, lambda data: len(data) + 1),
]


@pytest.mark.parametrize("style, answer", BROKEN_WRITES)
def test_a_wrong_answer_to_a_write_is_a_contract_error(
    run: Runner, style: type[Answers], answer: Any
) -> None:
    async def main() -> None:
        async with abio.Stream.from_object(style(answer)) as stream:
            with pytest.raises(abio.ContractError, match="write"):
                await stream.write(b"data")
                await stream.flush()

    run(main)


def test_a_try_method_that_is_a_coroutine_is_told_apart(run: Runner) -> None:
    class Wrong:
        async def try_read(self, buffer: memoryview) -> int:
            return 1

    async def main() -> None:
        async with abio.Stream.from_object(Wrong()) as stream:
            with pytest.raises(abio.ContractError, match="coroutine"):
                await stream.read(10)

    run(main)


def test_zero_is_the_end_and_none_is_nothing_now(run: Runner) -> None:
    async def main() -> None:
        target = Tries(0)
        async with abio.Stream.from_object(target) as stream:
            assert await stream.read(10) == b""
        target = Tries(None)
        async with abio.Stream.from_object(target) as stream:
            reading = asyncio.create_task(stream.read(10))
            await asyncio.sleep(0.01)
            assert not reading.done() and target.calls == 1
            target.answer = BlockingIOError()
            target.notify(abio.READ)
            await asyncio.sleep(0.01)
            assert not reading.done() and target.calls == 2
            target.answer = fill(b"now")
            stream.notify(abio.READ)
            assert await reading == b"now"

    run(main)


def test_an_object_without_methods_is_refused_at_once(run: Runner) -> None:
    async def main() -> None:
        for nothing in (object(), 5, "text", None):
            with pytest.raises(TypeError, match="try_read"):
                abio.from_object(nothing)

    run(main)


def test_an_implementer_is_used_once_at_a_time(run: Runner) -> None:
    async def main() -> None:
        target = Tries(0)
        async with abio.Stream.from_object(target):
            with pytest.raises(ValueError):
                abio.Stream.from_object(target)
        await asyncio.sleep(0.01)
        async with abio.Stream.from_object(target):
            pass

    run(main)


# ---- what methods may do ---------------------------------------------------------------------------


def test_polling_from_inside_a_method_is_refused(run: Runner) -> None:
    async def main() -> None:
        driver = _asyncio.current()

        def poll(memory: Any) -> int:
            driver.tick_later()
            return 1

        for style in (Tries, Reads):
            async with abio.Stream.from_object(style(poll)) as stream:
                with pytest.raises(RuntimeError):
                    await stream.read(10)
        assert driver.state().in_flight == 0

    run(main)


@pytest.mark.parametrize("style", STYLES)
def test_closing_from_inside_a_method_ends_the_read(run: Runner, style: type[Answers]) -> None:
    async def main() -> None:
        target = style()
        stream = abio.Stream.from_object(target)

        def close(memory: Any) -> Any:
            stream.close()
            return b"x" if style in (Reads, Coroutines) else fill(b"x")(memory)

        target.answer = close
        with contextlib.suppress(ConnectionAbortedError):
            assert await stream.read(10) in (b"x", b"")
        with pytest.raises((ConnectionAbortedError, ValueError)):
            await stream.read(10)

    run(main)


def test_a_coroutine_may_close_its_own_stream_and_wait_for_it(run: Runner) -> None:
    async def main() -> None:
        class Closes:
            stream: abio.Stream

            async def read(self, n: int) -> bytes:
                await self.stream.aclose()
                return b"never"

        target = Closes()
        target.stream = stream = abio.Stream.from_object(target)
        with pytest.raises(ConnectionAbortedError):
            await asyncio.wait_for(stream.read(10), 5)

    run(main)


def test_a_method_may_use_other_streams(run: Runner) -> None:
    async def main() -> None:
        async with pair() as (near, far):
            class Upper:
                async def read(self, n: int) -> bytes:
                    return (await far.read(n)).upper()

                def write(self, data: bytes) -> Any:
                    return far.write(data)

            async with abio.Stream.from_object(Upper()) as stream:
                await near.write(b"quiet\n")
                assert await stream.readline() == b"QUIET\n"
                await stream.write(b"back")
                assert await near.readexactly(4) == b"back"

    run(main)


def test_memory_that_an_object_keeps_is_harmless(run: Runner) -> None:
    async def main() -> None:
        kept: list[memoryview] = []

        def keep(buffer: memoryview) -> int:
            kept.append(buffer[:4])
            buffer[:4] = b"kept"
            return 4

        for style in (Tries, ReadsInto):
            async with abio.Stream.from_object(style(keep)) as stream:
                for _ in range(3):
                    assert await stream.readexactly(4) == b"kept"
                    kept[-1][:] = b"evil"
                assert await stream.readexactly(4) == b"kept"
        for view in kept[:-1]:
            assert len(view) == 4
            view[:] = b"late"

    run(main)


def test_a_coroutine_that_swallows_its_cancellation_still_ends(run: Runner) -> None:
    async def main() -> None:
        class Stubborn:
            async def read(self, n: int) -> bytes:
                try:
                    await asyncio.sleep(100)
                except asyncio.CancelledError:
                    return b"won all the same"
                return b""

        stream = abio.Stream.from_object(Stubborn())
        reading = asyncio.create_task(stream.readinto(bytearray(100)))
        await asyncio.sleep(0.01)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert await stream.readexactly(16) == b"won all the same"
        stream.close()

    run(main)


def test_a_coroutine_that_cancels_itself_is_no_cancellation_of_the_reader(run: Runner) -> None:
    async def main() -> None:
        async with abio.Stream.from_object(Coroutines(asyncio.CancelledError())) as stream:
            with pytest.raises(OSError):
                await stream.read(10)

    run(main)


def test_stop_iteration_does_not_end_the_readers_loop(run: Runner) -> None:
    async def main() -> None:
        for failure in (StopIteration("x"), StopAsyncIteration("y"), GeneratorExit()):
            async with abio.Stream.from_object(Tries(failure)) as stream:
                with pytest.raises(RuntimeError) as caught:
                    async for _ in stream:
                        pass
                assert caught.value.__cause__ is failure

    run(main)


def test_a_file_like_object_of_the_standard_library_serves(run: Runner) -> None:
    async def main() -> None:
        source, sink = io.BytesIO(b"one\ntwo\n"), io.BytesIO()
        async with abio.Stream.from_object(source) as stream:
            assert [line async for line in stream] == [b"one\n", b"two\n"]
        assert source.closed
        async with abio.Stream.from_object(sink, close=False) as stream:
            await stream.write(b"written")
        assert sink.getvalue() == b"written"

    run(main)


def test_an_asyncio_reader_serves(run: Runner) -> None:
    async def main() -> None:
        reader = asyncio.StreamReader()
        async with abio.Stream.from_object(reader) as stream:
            waiting = asyncio.create_task(stream.readline())
            await asyncio.sleep(0.005)
            reader.feed_data(b"by asyncio\nrest")
            reader.feed_eof()
            assert await waiting == b"by asyncio\n" and await stream.read() == b"rest"

    run(main)


def test_interest_is_told(run: Runner) -> None:
    class Interested(Tries):
        def __init__(self) -> None:
            super().__init__(None)
            self.told: list[int] = []

        def interest(self, interest: int) -> None:
            self.told.append(interest)

    async def main() -> None:
        target = Interested()
        async with abio.Stream.from_object(target) as stream:
            reading = asyncio.create_task(stream.read(5))
            await asyncio.sleep(0.01)
            assert target.told == [abio.READ]
            target.answer = fill(b"x")
            target.notify(abio.READ)
            assert await reading == b"x"

    run(main)


# ---- files -----------------------------------------------------------------------------------------


class Positions:
    """A file in memory."""

    def __init__(self, data: bytes = b"", fail: Optional[BaseException] = None) -> None:
        self.data = bytearray(data)
        self.fail = fail
        self.most = 7  # at most so many bytes at once

    async def pread(self, n: int, offset: int) -> bytes:
        await asyncio.sleep(0)
        if self.fail is not None:
            raise self.fail
        return bytes(self.data[offset : offset + min(n, self.most)])

    async def pwrite(self, data: bytes, offset: int) -> int:
        await asyncio.sleep(0)
        data = data[: self.most]
        self.data[offset : offset + len(data)] = data
        return len(data)


def test_a_file_of_an_object_with_pread_and_pwrite(run: Runner) -> None:
    async def main() -> None:
        target = Positions(b"0123456789abcdef\nsecond\n")
        async with abio.File.from_object(target, "memory") as f:
            assert await f.pread(3, 4) == b"456"
            assert await asyncio.gather(*(f.pread(1, at) for at in range(10))) == [
                b"%d" % at for at in range(10)
            ]
            memory = bytearray(16)
            assert await f.readinto_at(memory, 0) == 16 and memory == b"0123456789abcdef"
            assert await f.pwrite(b"ABCDEFGHIJKL", 2) == 12
            assert await f.readline() == b"01ABCDEFGHIJKLef\n"
            assert await f.read() == b"second\n" and await f.tell() == 24
            assert await f.seek(3) == 3 and await f.read(4) == b"BCDE"
            target.fail = Strange("at an offset")
            with pytest.raises(Strange):
                await f.pread(4, 0)
            with pytest.raises(Strange):
                await f.read(4)

    run(main)


def test_concurrent_failures_go_to_their_own_readers(run: Runner) -> None:
    class Fails(Positions):
        async def pread(self, n: int, offset: int) -> bytes:
            await asyncio.sleep(0.001 * (offset % 7))
            raise Strange(offset)

    async def main() -> None:
        async with abio.File.from_object(Fails()) as f:
            asked = [offset * 100 for offset in range(20)]
            failures = await asyncio.gather(
                *(f.pread(10, offset) for offset in asked), return_exceptions=True
            )
            assert [failure.args[0] for failure in failures] == asked  # type: ignore[union-attr]

    run(main)


def test_a_file_of_an_object_that_seeks(run: Runner) -> None:
    async def main() -> None:
        target = io.BytesIO(b"0123456789\nline\n")
        async with abio.File.from_object(target) as f:
            assert await f.read(4) == b"0123"
            assert await f.tell() == 4
            assert await f.seek(2) == 2 and await f.read(3) == b"234"
            assert await f.seek(1, os.SEEK_CUR) == 6 and await f.readline() == b"6789\n"
            assert await f.seek(-5, os.SEEK_END) == 11 and await f.read() == b"line\n"
            assert await f.size() == 16
            await f.seek(0)
            await f.write(b"ABC")
            await f.seek(0)
            assert await f.read(5) == b"ABC34"

    run(main)


# ---- listeners -------------------------------------------------------------------------------------


def test_a_server_of_connections_that_an_object_accepts(run: Runner) -> None:
    class Mouth:
        def __init__(self) -> None:
            self.waiting: asyncio.Queue[Any] = asyncio.Queue()
            self.closed = False

        async def accept(self) -> Any:
            given = await self.waiting.get()
            if isinstance(given, Exception):
                raise given
            return given

        async def aclose(self) -> None:
            self.closed = True

    async def main() -> None:
        mouth = Mouth()
        reported: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: reported.append(what))

        async def echo(stream: abio.Stream) -> None:
            await stream.write(await stream.readline())

        async with abio.Server.from_object(echo, mouth):
            async with pair() as (near, far):
                mouth.waiting.put_nowait(abio.Stream.from_object(Through(far)))
                await near.write(b"hello\n")
                assert await near.readline() == b"hello\n"
            mouth.waiting.put_nowait(Strange("no more"))
            mouth.waiting.put_nowait(io.BytesIO(b"one line\n"))
            while not mouth.waiting.empty():
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.01)
        assert mouth.closed
        assert [type(what.get("exception")) for what in reported][:1] == [Strange]

    run(main)


class Through:
    def __init__(self, inner: abio.Stream) -> None:
        self.inner = inner

    async def read(self, n: int) -> bytes:
        return await self.inner.read(n)

    async def write(self, data: bytes) -> None:
        await self.inner.write(data)


# ---- the end ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
def test_a_closed_stream_drops_its_object(run: Runner, style: type[Answers]) -> None:
    async def main() -> None:
        target = style(None)
        reference = weakref.ref(target)
        stream = abio.Stream.from_object(target)
        del target
        gc.collect()
        assert reference() is not None
        await stream.aclose()
        for _ in range(20):
            await asyncio.sleep(0.001)
        gc.collect()
        assert reference() is None

    run(main)


def test_a_dropped_stream_closes_and_drops_its_object(run: Runner) -> None:
    class Closes(Tries):
        def close(self) -> None:
            closed.append(True)

    closed: list[bool] = []

    async def main() -> None:
        target = Closes(None)
        reference = weakref.ref(target)
        stream = abio.Stream.from_object(target)
        del target
        with pytest.warns(ResourceWarning):
            del stream
            gc.collect()
        for _ in range(20):
            await asyncio.sleep(0.001)
        gc.collect()
        assert reference() is None and closed == [True]

    run(main)


def test_a_read_in_flight_ends_when_its_stream_is_closed(run: Runner) -> None:
    async def main() -> None:
        for style in (Tries, Coroutines):
            target = style(None)
            if style is Coroutines:
                target.read = lambda n: asyncio.sleep(100)  # type: ignore[attr-defined]
            stream = abio.Stream.from_object(target)
            reading = asyncio.create_task(stream.read(10))
            await asyncio.sleep(0.005)
            await stream.aclose()
            with pytest.raises(ConnectionAbortedError):
                await reading

    run(main)


def test_what_is_open_at_the_end_of_the_loop_is_closed_and_dropped(run: Runner) -> None:
    references: list[Any] = []
    streams: list[Any] = []

    async def main() -> None:
        for style in STYLES:
            target = style(None)
            if style is not Tries:
                target.aclose = lambda: asyncio.sleep(0)  # type: ignore[attr-defined]
            references.append(weakref.ref(target))
            streams.append(abio.Stream.from_object(target))
            if style is Tries:
                reading = asyncio.create_task(streams[-1].read(10))
        await asyncio.sleep(0.01)
        reading.cancel()

    LOOPS[run.loop](main())
    for stream in streams:
        stream.close()
    streams.clear()
    gc.collect()
    assert not [reference for reference in references if reference() is not None]
    assert not _host._cores


def test_a_loop_that_is_closed_without_ceremony_hurts_nobody(tmp_path: Path) -> None:
    loop = asyncio.new_event_loop()

    async def main() -> None:
        for style in STYLES:
            target = style(None)
            target.aclose = lambda: asyncio.sleep(100)  # type: ignore[attr-defined]
            kept.append(abio.Stream.from_object(target))
        tasks.append(asyncio.create_task(kept[1].read(5)))
        await asyncio.sleep(0.01)

    kept: list[abio.Stream] = []
    tasks: list[Any] = []
    loop.run_until_complete(main())
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.close()
    with pytest.warns(ResourceWarning):
        driver = kept[0]._driver
        driver.finish(10_000_000)
        del driver
        for stream in kept:
            stream.close()
        kept.clear()
        tasks.clear()
        gc.collect()
        import warnings

        warnings.warn("seen", ResourceWarning)
    assert not _host._cores
