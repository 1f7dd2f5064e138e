"""Streams over streams: buffered, take, chain; and copying from one to another.

Each is the library's own adapter, so it works over anything that has a handle: sockets, files, what
Python implements, other adapters.  What a stream has read ahead here is put in front of what its
handle still has, so that nothing is lost or reordered.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import Any, Final, Optional, Union

from . import _errors, _host
from ._asyncio import LoopDriver, current
from ._buffer import Buffer
from ._channel import Below
from ._driver import Operation
from ._file import File
from ._host import Core
from ._library import ffi, lib
from ._opening import Opening
from ._reading import LINE_LIMIT
from ._receiver import ANY, Refiller, Slots
from ._stream import Stream

Source = Union[Stream, File, Any]

TO_THE_END: Final = (1 << 64) - 1


class Front:
    """Bytes that a stream has read ahead, to be read before the rest."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def try_read(self, buffer: memoryview) -> int:
        size = min(len(buffer), len(self.data))
        buffer[:size] = self.data[:size]
        self.data = self.data[size:]
        return size


def _stream(thing: Source) -> Union[Stream, File]:
    """A stream or file as it is; anything else by its methods, and its owner still closes it."""
    if isinstance(thing, File) and thing._stream is not None:
        return thing._stream
    if isinstance(thing, (Stream, File)):
        return thing
    return Stream.from_object(thing, close=False)


def _below(*sides: tuple[Union[Stream, File], Source]) -> Below:
    """What an adapter keeps alive, and closes where it made it itself."""
    return Below(
        sides, [ours for ours, given in sides if not isinstance(given, (Stream, File))]
    )


def _make(driver: LoopDriver, make: Callable[[Any], int], beneath: tuple[Any, ...]) -> int:
    made = ffi.new("abio_io *")
    code = make(made)
    if code < 0:
        raise _errors.stream_error(code)
    handle: int = made[0]
    driver.know(handle, beneath)
    return handle


async def _rest(inner: Union[Stream, File]) -> tuple[bytes, int]:
    """What was read ahead of a stream, and its handle, which is free to be read from now."""
    if isinstance(inner, File):
        return b"", await inner._share()
    await inner._quiet()
    return inner._receiver.take(ANY), inner._handle


# ---- buffered --------------------------------------------------------------------------------------


class Lines(Refiller):
    """A refiller that can also have the library look for the end of a line."""

    __slots__ = ("line",)

    def __init__(self, driver: Slots, handle: int) -> None:
        super().__init__(driver, handle)
        self.line: Optional[Buffer] = None

    def read_line(self, driver: Slots, into: Buffer) -> int:
        token = driver.enter(self)
        code: int = lib.abio_read_line(self.handle, into.handle, 0, token)
        if code < 0:
            driver.leave(token)
        else:
            self.token = token
            self.armed = True
            self.line = into
        return code

    def event(self, result: int, progress: int, handle: int, data: int, flags: int) -> None:
        line, self.line = self.line, None
        if line is None:
            super().event(result, progress, handle, data, flags)
            return
        piece = bytes(line)
        line.clear()
        if piece and (result >= 0 or result == lib.ABIO_E_LIMIT):
            self.bring(piece)
            return
        # What came before an error is the next reader's.
        self.give_back(piece)
        self.finish(min(result, 0))


class BufferedReader(Stream):
    """A stream read through a buffer of the library's; what it writes goes straight through.

    Its `readline` is the library's own read_line: the line is found in C.
    """

    __slots__ = ("_line",)

    def __init__(self, driver: LoopDriver, handle: int, below: Optional[Below] = None) -> None:
        super().__init__(driver, handle, below)
        self._receiver: Lines = Lines(driver, handle)
        self._line: Optional[Buffer] = None

    async def readline(self, limit: int = LINE_LIMIT) -> bytes:
        """One line with its newline; what is left, or b"", at the end of the stream.

        ValueError for a line longer than `limit`, of which nothing is taken.
        """
        receiver = self._receiver
        if receiver.reading or receiver.armed or receiver.pieces or receiver.ended:
            return await super().readline(limit)
        line, self._line = self._line, None
        if line is None or line.capacity != limit + 1:
            line = Buffer(limit + 1)
        code = receiver.read_line(self._driver, line)
        if code < 0:
            raise self._failed(code)
        receiver.direct = ANY
        receiver.need = 0
        receiver.reading = True
        receiver.waiter = waiter = self._make_waiter()
        try:
            piece: Optional[bytes] = await waiter
        except BaseException:
            self._leave(waiter)
            raise
        receiver.reading = False
        self._line = line
        if piece is None:
            return self._end()
        if not piece.endswith(b"\n"):
            # Too long, or the last: as if it had been read ahead.
            receiver.give_back(piece)
            return await super().readline(limit)
        return piece


def buffered(source: Source, size: int = 0) -> Opening[BufferedReader]:
    """A buffered reader with a buffer of `size` bytes (0: 8192) over a stream, file or object.

    Nobody else should read from the source meanwhile.  Closing the reader leaves it open.
    """
    return Opening(_buffered(source, size))


async def _buffered(source: Source, size: int) -> BufferedReader:
    inner = _stream(source)
    driver = inner._driver
    front, handle = await _rest(inner)
    made = _make(
        driver, lambda io: lib.abio_buf_reader(handle, size, 0, io), inner._beneath
    )
    reader = BufferedReader(driver, made, _below((inner, source)))
    reader._receiver.give_back(front)
    return reader


# ---- take and chain --------------------------------------------------------------------------------


def take(source: Source, limit: int) -> Opening[Stream]:
    """A stream of at most the next `limit` bytes of a stream, file or object.

    The source goes on behind them when they are read to their end.
    """
    if limit < 0:
        raise ValueError("negative limit")
    return Opening(_take(source, limit))


async def _take(source: Source, limit: int) -> Stream:
    inner = _stream(source)
    driver = inner._driver
    front = b""
    if isinstance(inner, File):
        handle = await inner._share()
    else:
        await inner._quiet()
        front, handle = inner._receiver.take(limit) if limit else b"", inner._handle
    rest = limit - len(front)
    made = _make(driver, lambda io: lib.abio_take(handle, rest, 0, io), inner._beneath)
    stream = Stream(driver, made, _below((inner, source)))
    stream._receiver.give_back(front)
    return stream


def chain(first: Source, *others: Source) -> Opening[Stream]:
    """A stream that reads `first` to its end and then the others, one after the other."""
    return Opening(_chain(first, others))


async def _chain(first: Source, others: tuple[Source, ...]) -> Stream:
    driver = current()
    inner = _stream(first)
    front, handle = await _rest(inner)
    beneath = inner._beneath
    sides = [(inner, first)]
    made = 0
    try:
        for other in others:
            following = _stream(other)
            ahead, after = await _rest(following)
            beneath += following._beneath
            sides.append((following, other))
            parts = [after]
            if ahead:
                core = Core(driver, Front(ahead))
                parts.insert(0, core.create())
            for part in parts:
                longer = _make(driver, lambda io: lib.abio_chain(handle, part, 0, io), beneath)  # noqa: B023
                if made:
                    driver.forget(made)
                    lib.abio_release(made)
                handle = made = longer
            if ahead:
                lib.abio_release(parts[0])
    except BaseException:
        if made:
            lib.abio_release(made)
        raise
    if not made:
        made = _make(driver, lambda io: lib.abio_take(handle, TO_THE_END, 0, io), beneath)
    stream = Stream(driver, made, _below(*sides))
    stream._receiver.give_back(front)
    return stream


# ---- copy ------------------------------------------------------------------------------------------


class Copying(Coroutine[Any, Any, int]):
    """A copy on its way: await it for the number of bytes; `progress` is exact whatever happens."""

    __slots__ = ("_coroutine", "_before", "_operation")

    def __init__(self, source: Source, sink: Source, limit: Optional[int]) -> None:
        if limit is not None and limit < 0:
            raise ValueError("negative limit")
        self._before = 0
        self._operation: Optional[Operation] = None
        self._coroutine = self._copy(source, sink, limit)

    @property
    def progress(self) -> int:
        """Bytes that the sink has taken."""
        return self._before + (self._operation.progress if self._operation is not None else 0)

    def send(self, value: Any) -> Any:
        return self._coroutine.send(value)

    def throw(self, *arguments: Any) -> Any:
        return self._coroutine.throw(*arguments)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, int]:
        return self._coroutine.__await__()

    async def _copy(self, source: Source, sink: Source, limit: Optional[int]) -> int:
        reading, writing = _stream(source), _stream(sink)
        try:
            async with reading._reading_alone() as handle:
                most = TO_THE_END if limit is None else limit
                if isinstance(reading, Stream):
                    ahead = reading._receiver.take(min(most, ANY)) if most else b""
                    if ahead:
                        self._before = len(ahead)
                        await writing.write(ahead)
                        most -= 0 if limit is None else len(ahead)
                    if most and reading._receiver.ended:
                        reading._end()
                        most = 0
                if most:
                    await self._copy_rest(reading, handle, writing, most)
            return self.progress
        finally:
            for ours, given in ((reading, source), (writing, sink)):
                if not isinstance(given, (Stream, File)):
                    await ours.aclose()

    async def _copy_rest(
        self, reading: Union[Stream, File], handle: int, writing: Union[Stream, File], most: int
    ) -> None:
        async with writing._writing_alone() as onto:
            driver = reading._driver
            self._operation = operation = Operation(driver.make_waiter(), (reading, writing))
            result = await driver.run_to_end(
                operation, lambda token: lib.abio_copy(handle, onto, most, 0, token)
            )
        if result >= 0:
            return
        for side, where in ((reading, _host.READING), (writing, _host.WRITING)):
            for core in side._beneath:
                failure = core.failure(where, result) or core.failure_at(result, 0, TO_THE_END)
                if failure is not None:
                    raise failure
        raise _errors.stream_error(result)


def copy(source: Source, sink: Source, limit: Optional[int] = None) -> Copying:
    """Copies until the source's end, or `limit` bytes; by the system alone where it can.

    Returns the number of bytes when awaited.  The sink is neither flushed nor closed.  Cancelled or
    failed, `progress` of what this returned is exact, and no byte is lost: what was not written is
    still there to be read.
    """
    return Copying(source, sink, limit)


__all__ = ["BufferedReader", "Copying", "buffered", "chain", "copy", "take"]
