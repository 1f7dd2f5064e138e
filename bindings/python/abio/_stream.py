"""Streams: connected sockets, pipes, what Python implements, and what stands over such.

Here: how they come to be and end, and what they are.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import warnings
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Optional

from . import _errors
from ._address import Address, from_struct
from ._asyncio import LoopDriver, current
from ._buffer import Buffer
from ._channel import CLOSING
from ._driver import Operation
from ._host import Core
from ._library import ffi, lib
from ._reading import ReadingSide
from ._writing import WritingSide


class Stream(ReadingSide, WritingSide):
    """A stream of bytes.  One task reads at a time; writers take turns."""

    __slots__ = ()

    @classmethod
    def from_object(cls, implementation: Any, *, close: bool = True) -> Stream:
        """A stream over a Python object with methods to read or write by, see abio.AsyncRead & co.

        Closing the stream closes the object (`aclose` or `close`, if it has one and `close` is true).
        """
        driver = current()
        return cls(driver, Core(driver, implementation, close).create())

    @classmethod
    def from_handle(cls, handle: int) -> Stream:
        """A stream over a handle of this process, whoever made it; on a reference of its own.

        The handle belongs to the running loop's driver.  `close` lets go of the reference, `aclose`
        closes what is behind it for all who have one.
        """
        return cls(*shared(handle))

    @classmethod
    def from_fd(cls, fd: int, *, duplicate: bool = False) -> Stream:
        """A stream over a descriptor, which is the stream's from now on; or its duplicate is."""
        return cls(*adopted(fd, lib.ABIO_KIND_AUTO, duplicate))

    @property
    def handle(self) -> int:
        """The library's number for it, which every language of the process understands; 0: closed.

        What this stream has read ahead is not behind the handle: give away what was not read from.
        """
        return self._handle

    def give_handle(self) -> int:
        """Lets go of the handle without closing it; who gets it has the stream's reference."""
        receiver = self._receiver
        if receiver.armed or receiver.stored or self._turn.held:
            raise RuntimeError("a stream that is in use cannot be given away")
        handle, self._handle = self._handle, 0
        if not handle:
            raise _errors.stream_error(_errors.CLOSED)
        return handle

    def notify(self, readiness: int) -> None:
        """The object behind it is ready: to be read (abio.READ), written to (abio.WRITE)."""
        code = lib.abio_object_notify(self._handle, readiness)
        if code < 0:
            raise _errors.stream_error(code)

    @contextlib.asynccontextmanager
    async def _reading_alone(self) -> AsyncIterator[int]:
        """The handle, for something else than this stream to read from; nobody reads meanwhile."""
        await self._quiet()
        receiver = self._receiver
        receiver.reading = True
        try:
            yield self._handle
        finally:
            receiver.reading = False

    @contextlib.asynccontextmanager
    async def _writing_alone(self) -> AsyncIterator[int]:
        """The handle, for something else than this stream to write to; nobody writes meanwhile."""
        await self._turn.acquire(self._make_waiter)
        try:
            yield self._handle
        finally:
            self._turn.release()

    async def split(self) -> tuple[Stream, Stream]:
        """Its reading and its writing half, which live and close apart; the stream is spent.

        Closing the writing half tells the peer that no more comes.
        """
        async with self._reading_alone(), self._writing_alone():
            reading, writing = ffi.new("abio_io *"), ffi.new("abio_io *")
            code = lib.abio_split(self._handle, reading, writing)
            if code < 0:
                raise self._failed(code)
        halves = []
        for made in (reading, writing):
            self._driver.know(made[0], self._beneath)
            half = Stream(self._driver, made[0])
            half._info = self._look()
            halves.append(half)
        halves[0]._receiver.adopt(self._receiver)
        halves[0]._receiver.ended = self._receiver.ended
        self.close()
        return halves[0], halves[1]

    async def read_owned(self, buffer: Buffer) -> int:
        """Reads behind what `buffer` holds, without a copy; how many bytes, 0 at the end.

        The buffer is the library's meanwhile, and comes home in every case.
        """
        async with self._reading_alone() as handle:
            if self._receiver.stored:
                return buffer.append(self._receiver.take(buffer.capacity - len(buffer)))
            if self._receiver.ended:
                return len(self._end())
            result = await self._lend(
                buffer, lambda token: lib.abio_read_owned(handle, buffer.handle, 0, token)
            )
        if result < 0:
            raise self._failed(result)
        return result

    async def write_owned(self, buffer: Buffer) -> int:
        """Writes all that `buffer` holds, without a copy; how many bytes."""
        async with self._writing_alone() as handle:
            result = await self._lend(
                buffer, lambda token: lib.abio_write_owned_all(handle, buffer.handle, 0, 0, token)
            )
        if result < 0:
            raise self._write_failed(result)
        return result

    async def _lend(self, buffer: Buffer, start: Any) -> int:
        # The operation keeps the buffer alive until it comes home.
        return await self._driver.run_to_end(Operation(self._make_waiter(), buffer), start)

    async def write_eof(self) -> None:
        """Sends what is written, then tells the peer that no more comes; reading goes on.

        The writing end of a pipe, which does nothing else, is closed by it.
        """
        await super().write_eof()
        info = io_info(self._handle) if self._handle else None
        if info is not None and info.kind == lib.ABIO_KIND_PIPE:
            if fcntl.fcntl(info.fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY:
                self.close()

    def is_closing(self) -> bool:
        """Whether close or aclose has been called."""
        return self._handle == 0

    def close(self) -> None:
        """Closes without waiting: what was written is still sent, errors are not reported."""
        handle, self._handle = self._handle, 0
        if handle:
            self._let_go(handle)

    def _let_go(self, handle: int) -> None:
        self._receiver.gone = True
        self._driver.forget(handle)
        lib.abio_release(handle)
        below, self._below = self._below, None
        if below is not None:
            for made in below.closed:
                made.close()

    async def aclose(self) -> None:
        """Sends what was written, closes, and raises an error that no write has raised before.

        Cancelling it drops what is not sent yet and closes at once.
        """
        handle, self._handle = self._handle, 0
        if not handle:
            return
        self._receiver.gone = True
        try:
            writing = self._writing
            if writing is not None and not writing.done and writing.ended is not None:
                # A cancelled write is still on its way out: closing now would tear it.
                writing.waiter = self._make_waiter()
                await writing.waiter
            result = await self._driver.run(
                Operation(self._make_waiter()), lambda token: lib.abio_close(handle, 0, token)
            )
        finally:
            self._let_go(handle)
        if result < 0 and result not in (self._told, _errors.CANCELED, _errors.CLOSED):
            raise self._failure(CLOSING, result)

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        if kind is None:
            await self.aclose()
        else:
            # The body failed or was cancelled: do not wait for a peer that may never read.
            self.close()

    def __del__(self) -> None:
        handle = getattr(self, "_handle", 0)
        if handle:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self)
            self.close()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """'peername' and 'sockname' as the socket module gives them; else `default`."""
        info = self._look()
        if info is None or name not in ("peername", "sockname"):
            return default
        value = info[0] if name == "peername" else info[1]
        return default if value is None else value

    def fileno(self) -> int:
        """The system's descriptor, which stays the library's; -1 when closed."""
        info = self._look() if self._handle else None
        return info[2] if info is not None else -1

    def _look(self) -> Optional[tuple[Optional[Address], Optional[Address], int]]:
        if self._info is None and self._handle:
            info = io_info(self._handle)
            if info is not None:
                self._info = (from_struct(info.peer), from_struct(info.local), info.fd)
        return self._info

    def __repr__(self) -> str:
        return "<abio.Stream closed>" if not self._handle else f"<abio.Stream {self._handle:#x}>"


def io_info(handle: int) -> Any:
    """The library's struct abio_io_info, or None when the io is closed."""
    info = ffi.new("struct abio_io_info *", {"size": ffi.sizeof("struct abio_io_info")})
    return info if lib.abio_info(handle, info) >= 0 else None


def shared(handle: int) -> tuple[LoopDriver, int]:
    """The running loop's driver, and one more reference on a handle of its; else ValueError."""
    driver = current()
    info = io_info(handle)
    if info is None:
        raise _errors.error(_errors.HANDLE)
    if info.driver != driver.handle:
        raise ValueError("the handle belongs to a driver of another loop or language")
    code = lib.abio_retain(handle)
    if code < 0:
        raise _errors.error(code)
    return driver, handle


def adopted(fd: int, kind: int, duplicate: bool) -> tuple[LoopDriver, int]:
    """The running loop's driver, and a handle for a descriptor."""
    driver = current()
    made = ffi.new("abio_io *")
    flags = lib.ABIO_ADOPT_DUPLICATE if duplicate else 0
    code = lib.abio_adopt(driver.handle, fd, kind, flags, made)
    if code < 0:
        raise _errors.error(code)
    return driver, made[0]


def stdin() -> Stream:
    """Standard input; the descriptor itself stays open when the stream is closed."""
    return Stream.from_fd(0, duplicate=True)


def stdout() -> Stream:
    """Standard output; what was written is out when `flush` or `aclose` has returned."""
    return Stream.from_fd(1, duplicate=True)


def stderr() -> Stream:
    """Standard error."""
    return Stream.from_fd(2, duplicate=True)


async def pipe() -> tuple[Stream, Stream]:
    """A pipe: what is written to the second is read from the first."""
    driver = current()
    reading, writing = ffi.new("abio_io *"), ffi.new("abio_io *")
    code = lib.abio_pipe(driver.handle, 0, reading, writing)
    if code < 0:
        raise _errors.error(code)
    return Stream(driver, reading[0]), Stream(driver, writing[0])
