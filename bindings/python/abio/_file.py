"""Files: opened without blocking, read and written by explicit offsets.

The cursor of a File lives here and the system only ever gets offsets, so an operation that its
caller has left cannot move it behind anybody's back:
  a cancelled read    leaves the cursor where it was; nothing is lost;
  a cancelled write   has begun: it is finished in the background, and the cursor is behind it.
                      fsync and aclose wait for it first.
  a cancelled readinto takes the caller's memory back before it raises.
A FIFO, terminal or other character stream has no offsets; it is read and written as a stream.
A FIFO opens at once: for writing without a reader it fails with ENXIO.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import warnings
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Final, Optional

from . import _errors
from ._asyncio import current
from ._buffer import Buffer as LibraryBuffer
from ._driver import Making, Operation
from ._host import Core
from ._library import ffi, lib
from ._opening import Opening
from ._positional import LEND, MOST, Path, Positional
from ._reading import LINE_LIMIT
from ._receiver import ANY
from ._stream import Stream, adopted, shared
from ._writing import Buffer

CHUNK: Final = 256 * 1024

_ACCESS: Final[dict[str, tuple[int, int]]] = {
    "r": (lib.ABIO_ACCESS_READ, 0),
    "w": (lib.ABIO_ACCESS_WRITE, lib.ABIO_OPEN_CREATE | lib.ABIO_OPEN_TRUNCATE),
    "a": (lib.ABIO_ACCESS_WRITE, lib.ABIO_OPEN_CREATE | lib.ABIO_OPEN_APPEND),
    "x": (lib.ABIO_ACCESS_WRITE, lib.ABIO_OPEN_CREATE | lib.ABIO_OPEN_EXCLUSIVE),
}


def parse_mode(mode: str) -> tuple[int, int]:
    """Access and flags of a mode of the builtin open; ValueError for what is not binary."""
    letters = set(mode)
    if len(letters) != len(mode) or letters - set("rwaxb+t"):
        raise ValueError(f"invalid mode: {mode!r}")
    kinds = letters & set("rwax")
    if len(kinds) != 1:
        raise ValueError("must have exactly one of create/read/write/append mode")
    if "b" not in letters or "t" in letters:
        raise ValueError(f"abio.open is for bytes: use a binary mode such as 'rb', not {mode!r}")
    access, flags = _ACCESS[kinds.pop()]
    if "+" in letters:
        access = lib.ABIO_ACCESS_READ | lib.ABIO_ACCESS_WRITE
    return access, flags


class File(Positional):
    """An open file.  pread and pwrite any number at once; the cursor serves one task at a time."""

    __slots__ = ()

    @classmethod
    def from_object(
        cls, implementation: Any, name: Path = "", mode: str = "r+b", *, close: bool = True
    ) -> File:
        """A file over a Python object with pread and pwrite, or with read, write and seek."""
        driver = current()
        return cls(driver, Core(driver, implementation, close).create(), name, mode)

    @classmethod
    def from_handle(cls, handle: int, name: Path = "", mode: str = "r+b") -> File:
        """A file over a handle of this process, whoever made it; on a reference of its own."""
        file = cls(*shared(handle), name, mode)
        file._shared = file._stream is None and file._seeks
        return file

    @classmethod
    def from_fd(cls, fd: int, mode: str = "r+b", *, duplicate: bool = False) -> File:
        """A file over a descriptor, which is the file's from now on; or its duplicate is."""
        file = cls(*adopted(fd, lib.ABIO_KIND_AUTO, duplicate), fd, mode)
        file._shared = file._stream is None
        return file

    @property
    def handle(self) -> int:
        """The library's number for it, which every language of the process understands; 0: closed."""
        return self._handle

    # ---- at the cursor -----------------------------------------------------------------------------

    async def read(self, n: int = -1) -> bytes:
        """`n` bytes, less only at the end; all that is left when `n` is -1."""
        if self._stream is not None:
            return await self._stream.read(n)
        self._use()
        try:
            if self._shared:
                self._ask()
            if 0 <= n <= LEND:
                data = await self._read_once(n, self._cursor)
            else:
                data = await self._read_parts(n if n >= 0 else ANY, self._cursor)
            self._cursor += len(data)
            if self._shared:
                await self._tell_handle()
            return data
        finally:
            self._using = False

    async def _read_parts(self, n: int, offset: int) -> bytes:
        """As _read_once for any `n`, with no more memory than the file can fill.

        The size a file claims is believed only as far as that: some have none, some grow.
        """
        left = await self._length() - offset
        parts: list[bytes] = []
        while n > 0:
            # One more than is left: coming back short, it has seen the end.
            ask = min(n, left + 1 if left > 0 else CHUNK, MOST)
            part = await self._read_once(ask, offset)
            parts.append(part)
            if len(part) < ask:
                break
            offset += ask
            n -= ask
            left -= ask
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def readinto(self, buffer: Any) -> int:
        """Fills `buffer`, less only at the end; the number of bytes."""
        if self._stream is not None:
            return await self._stream.readinto(buffer)
        self._use()
        try:
            if self._shared:
                self._ask()
            got = await self.readinto_at(buffer, self._cursor)
            self._cursor += got
            if self._shared:
                await self._tell_handle()
            return got
        finally:
            self._using = False

    async def write(self, data: Buffer) -> int:
        """Writes all of `data` at the cursor (in append mode: at the end); the number of bytes."""
        if self._stream is not None:
            await self._stream.write(data)
            return memoryview(data).nbytes
        self._use()
        size = len(data) if type(data) is bytes else memoryview(data).nbytes
        try:
            if self._append and self._alone:
                # What a cancelled write still appends comes first.
                await self._settle()
            if self._shared:
                self._ask()
            at = self._cursor
            self._cursor = at + size
            try:
                await self.pwrite(data, at)
            except Exception:
                self._cursor = at
                raise
            if self._append:
                self._cursor = await self._length()
            if self._shared:
                await self._tell_handle()
            return size
        finally:
            self._using = False

    async def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Moves the cursor and returns where it is."""
        if whence not in (os.SEEK_SET, os.SEEK_CUR, os.SEEK_END):
            raise ValueError(f"invalid whence: {whence}")
        if self._stream is not None:
            return await self._seek_stream(self._stream, offset, whence)
        self._fileno()
        if self._shared:
            self._ask()
        base = self._cursor if whence == os.SEEK_CUR else 0
        to = offset + (await self._length() if whence == os.SEEK_END else base)
        if to < 0:
            raise ValueError(f"negative seek value {to}")
        self._cursor = to
        if self._shared:
            await self._tell_handle()
        return to

    async def _seek_stream(self, stream: Stream, offset: int, whence: int) -> int:
        """Seeks what can only be read and written where it stands."""
        async with stream._reading_alone():
            if whence == os.SEEK_CUR:
                offset -= stream._receiver.stored
            to = await self._seek_handle(whence, offset)
            stream._receiver.take(ANY)
            stream._receiver.ended = False
        return to

    async def tell(self) -> int:
        """Where the cursor is."""
        self._fileno()
        if self._stream is not None:
            return self._position() - self._stream._receiver.stored
        if self._shared:
            self._ask()
        return self._cursor

    async def size(self) -> int:
        """How long the file is, in bytes."""
        self._fileno()
        return await self._length()

    def _ask(self) -> None:
        self._cursor = self._position()

    async def _tell_handle(self) -> None:
        await self._seek_handle(lib.ABIO_SEEK_START, self._cursor)

    async def _share(self) -> int:
        """The handle, at this file's position, for something that reads or writes at it too."""
        if not self._handle:
            raise self._failed(_errors.CLOSED)
        if self._stream is not None:
            await self._stream._quiet()
        elif not self._shared and self._seeks:
            await self._tell_handle()
            self._shared = True
        self._page = (b"", 0)
        return self._handle

    @contextlib.asynccontextmanager
    async def _alone_at_cursor(self) -> AsyncIterator[int]:
        self._use()
        try:
            yield await self._share()
        finally:
            self._using = False

    _reading_alone = _writing_alone = _alone_at_cursor

    # ---- lines -------------------------------------------------------------------------------------

    async def readuntil(self, separator: bytes = b"\n", limit: int = LINE_LIMIT) -> bytes:
        """Bytes up to and including `separator`; what is left, or b"", at the end of the file.

        It reads ahead; the cursor moves by what it returns.  LimitOverrunError (nothing taken) when
        there is no separator within `limit` bytes.
        """
        if not separator:
            raise ValueError("Separator should be at least one-byte string")
        if self._stream is not None:
            try:
                return await self._stream.readuntil(separator, limit)
            except asyncio.IncompleteReadError as end:
                return end.partial
        self._use()
        try:
            if self._shared:
                self._ask()
            line = await self._find(separator, limit)
            self._cursor += len(line)
            if self._shared:
                await self._tell_handle()
            return line
        finally:
            self._using = False

    async def _find(self, separator: bytes, limit: int) -> bytes:
        searched = 0
        while True:
            page, at = self._page
            start = self._cursor - at
            if not 0 <= start <= len(page):
                page, at, start = b"", self._cursor, 0
            found = page.find(separator, start + max(0, searched - len(separator) + 1))
            if found - start > limit or (found < 0 and len(page) - start > limit):
                raise asyncio.LimitOverrunError(
                    "Separator is not found, and chunk exceed the limit", len(page) - start
                )
            if found >= 0:
                return page[start : found + len(separator)]
            searched = len(page) - start
            more = await self._read_once(LEND, at + len(page))
            if not more:
                return page[start:]
            self._page = (page[start:] + more, self._cursor)

    async def peek(self, n: int = 1) -> bytes:
        """Up to `n` bytes at the cursor, which stays where it is; b"" at the end."""
        if self._stream is not None:
            return await self._stream.peek(n)
        if self._shared:
            self._ask()
        page, at = self._page
        start = self._cursor - at
        if not 0 <= start < len(page):
            self._page = (await self._read_once(LEND, self._cursor), self._cursor)
            page, start = self._page[0], 0
        return page[start : start + n]

    async def readline(self, limit: int = LINE_LIMIT) -> bytes:
        """One line with its newline; what is left, or b"", at the end of the file.

        ValueError for a line longer than `limit`, of which nothing is taken.
        """
        try:
            return await self.readuntil(b"\n", limit)
        except asyncio.LimitOverrunError as overrun:
            raise ValueError(overrun.args[0]) from None

    def __aiter__(self) -> File:
        return self

    async def __anext__(self) -> bytes:
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line

    # ---- buffers of the library ----------------------------------------------------------------------

    async def read_owned(self, buffer: LibraryBuffer) -> int:
        """Reads at the cursor behind what `buffer` holds, without a copy; 0 at the end.

        The buffer is the library's meanwhile, and comes home in every case.
        """
        return await self._lend(
            buffer, lambda handle, token: lib.abio_read_owned(handle, buffer.handle, 0, token)
        )

    async def write_owned(self, buffer: LibraryBuffer) -> int:
        """Writes all that `buffer` holds at the cursor, without a copy; how many bytes."""
        return await self._lend(
            buffer,
            lambda handle, token: lib.abio_write_owned_all(handle, buffer.handle, 0, 0, token),
        )

    async def _lend(self, buffer: LibraryBuffer, start: Callable[[int, int], int]) -> int:
        async with self._alone_at_cursor() as handle:
            driver = self._driver
            operation = Operation(driver.make_waiter(), buffer)
            result = await driver.run_to_end(operation, lambda token: start(handle, token))
            if result < 0:
                raise self._failed(result)
            return result

    def _use(self) -> None:
        if self._using:
            raise RuntimeError("another coroutine is using the cursor of this file")
        self._using = True

    # ---- durability, the end -----------------------------------------------------------------------

    async def fsync(self) -> None:
        """Makes everything written durable."""
        await self._sync(0)

    async def fdatasync(self) -> None:
        """Makes what is needed to read the data back durable."""
        await self._sync(lib.ABIO_SYNC_DATA)

    async def _sync(self, flags: int) -> None:
        if self._alone:
            await self._settle()
        await self._run(lambda token: lib.abio_sync(self._handle, flags, token))

    @property
    def closed(self) -> bool:
        """Whether close or aclose has been called."""
        return self._handle == 0

    def fileno(self) -> int:
        """The system's descriptor, which stays the library's."""
        return self._fileno()

    def close(self) -> None:
        """Closes without waiting; operations in flight are cancelled, errors are not reported."""
        handle, self._handle = self._handle, 0
        if handle:
            if self._stream is not None:
                self._stream.close()
            else:
                self._driver.forget(handle)
                lib.abio_release(handle)

    async def aclose(self) -> None:
        """Closes; an error that the system reports only now is raised."""
        if not self._handle:
            return
        if self._stream is not None:
            self._handle = 0
            await self._stream.aclose()
            return
        try:
            if self._alone:
                await self._settle()
            if self._handle:
                await self._run(lambda token: lib.abio_close(self._handle, 0, token))
        finally:
            self.close()

    async def __aenter__(self) -> File:
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        handle = getattr(self, "_handle", 0)
        if handle:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self)
            self.close()

    def __repr__(self) -> str:
        state = " closed" if not self._handle else ""
        return f"<abio.File name={self.name!r} mode={self.mode!r}{state}>"


def open(
    path: Path, mode: str = "rb", *, permissions: int = 0o666, direct: bool = False
) -> Opening[File]:
    """Opens a file for bytes: `f = await open(p)` or `async with open(p) as f`.

    Modes are those of the builtin open, always with a 'b'.  `direct` bypasses the page cache: what
    is read into or written from, how much and where must be aligned then (abio.Buffer).
    """
    access, flags = parse_mode(mode)
    if direct:
        flags |= lib.ABIO_OPEN_DIRECT
    return Opening(_open(path, mode, access, flags, permissions))


async def _open(path: Path, mode: str, access: int, flags: int, permissions: int) -> File:
    if isinstance(path, int):
        raise TypeError("abio.open needs a path; for a descriptor there is abio.File.from_fd")
    name = os.fsencode(path)
    if b"\0" in name:
        raise ValueError("embedded null byte")
    driver = current()
    options = ffi.new("struct abio_open_options *")
    options.size = ffi.sizeof("struct abio_open_options")
    options.flags = flags
    options.access = access
    options.mode = permissions
    making = Making(driver.make_waiter())
    result = await driver.run(
        making,
        lambda token: lib.abio_open(driver.handle, name, len(name), options, token),
    )
    if result == lib.ABIO_E_ARGUMENT:
        result = -errno.ENAMETOOLONG if name else -errno.ENOENT
    if result < 0:
        raise _errors.error(result, path)
    return File(driver, making.handle, path, mode)
