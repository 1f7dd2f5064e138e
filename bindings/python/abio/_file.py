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

import errno
import os
import warnings
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, Final, Optional, Union

from . import _errors
from ._asyncio import LoopDriver, current, settled
from ._driver import Making, Operation
from ._library import ffi, lib
from ._opening import Opening
from ._receiver import ANY, Waiter
from ._stream import Stream, io_info
from ._writing import Buffer

Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]

MOST: Final = 0x7FFFF000
CHUNK: Final = 256 * 1024
LEND: Final = 64 * 1024

# Not cleared: only what the system has written is ever looked at.
_memory = ffi.new_allocator(should_clear_after_alloc=False)
_CHARS = ffi.typeof("char[]")
_unpack = ffi.unpack
_read_at = lib.abio_read_at

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


class File:
    """An open file.  pread and pwrite any number at once; the cursor serves one task at a time."""

    __slots__ = (
        "name",
        "mode",
        "_driver",
        "_handle",
        "_fd",
        "_cursor",
        "_using",
        "_append",
        "_stream",
        "_alone",
        "_settling",
        "__weakref__",
    )

    def __init__(self, driver: LoopDriver, handle: int, name: Path, mode: str) -> None:
        self.name = name
        self.mode = mode
        self._driver = driver
        self._handle = handle
        self._cursor = 0
        self._using = False
        self._append = "a" in mode
        self._alone: list[Operation] = []
        self._settling: list[Waiter] = []
        info = io_info(handle)
        self._fd: int = info.fd
        positional = info.kind == lib.ABIO_KIND_FILE
        self._stream: Optional[Stream] = None if positional else Stream(driver, handle)

    # ---- at an offset ------------------------------------------------------------------------------

    async def pread(self, n: int, offset: int) -> bytes:
        """At most `n` bytes at `offset`; less only at the end (or past 1 MiB).  Like os.pread."""
        if n <= 0:
            if n < 0:
                raise ValueError("pread needs a length")
            return b""
        if n > MOST:
            n = MOST
        memory = _memory(_CHARS, n)
        driver = self._driver
        operation = Operation(driver.make_waiter(), memory)
        token = driver.enter(operation)
        code = _read_at(self._handle, memory, n, offset, 0, token)
        if code < 0:
            driver.leave(token)
            raise self._failed(code)
        await operation.waiter
        result = operation.result
        if result < 0:
            raise self._failed(result)
        return _unpack(memory, result) if result else b""

    async def pwrite(self, data: Buffer, offset: int) -> int:
        """Writes all of `data` at `offset`; the number of bytes.

        Cancelled, it is finished in the background (mutable memory: stopped and given back).
        """
        if type(data) is not bytes:
            with memoryview(data) as view:
                if view.nbytes >= LEND:
                    return await self._write_lent(data, offset)
                data = bytes(view)
        done = 0
        size = len(data)
        start = ffi.from_buffer(_CHARS, data)
        driver = self._driver
        while done < size:
            operation = Operation(driver.make_waiter(), (data, self))
            length = min(size - done, MOST)
            self._start_write(operation, start + done, length, offset + done)
            try:
                await operation.waiter
            except BaseException:
                if not operation.done:
                    self._alone.append(operation)
                    operation.ended = partial(self._ended_alone, operation)
                raise
            if operation.result < 0:
                raise self._failed(operation.result)
            done += length
        return size

    async def _write_lent(self, data: Any, offset: int) -> int:
        export = ffi.from_buffer(_CHARS, data)
        size = len(export)
        done = 0
        try:
            while done < size:
                operation = Operation(self._driver.make_waiter())
                length = min(size - done, MOST)
                self._start_write(operation, export + done, length, offset + done)
                try:
                    await operation.waiter
                except BaseException as leaving:
                    export = await self._let_go(operation, export, leaving)
                    raise
                if operation.result < 0:
                    raise self._failed(operation.result)
                done += length
        finally:
            if export is not None:
                ffi.release(export)
        return size

    async def readinto_at(self, buffer: Any, offset: int) -> int:
        """Fills `buffer` from `offset`, straight from the system; less only at the end.

        The buffer cannot be resized meanwhile; a cancelled call gives it back before it raises.
        """
        driver = self._driver
        export = ffi.from_buffer(_CHARS, buffer, require_writable=True)
        size = len(export)
        done = 0
        try:
            while done < size:
                operation = Operation(driver.make_waiter())
                length = min(size - done, MOST)
                operation.token = token = driver.enter(operation)
                code = lib.abio_read_at_exact(
                    self._handle, export + done, length, offset + done, 0, token
                )
                if code < 0:
                    driver.leave(token)
                    raise self._failed(code)
                try:
                    await operation.waiter
                except BaseException as leaving:
                    export = await self._let_go(operation, export, leaving)
                    raise
                done += operation.progress
                if operation.result == _errors.UNEXPECTED_EOF:
                    break
                if operation.result < 0:
                    raise self._failed(operation.result)
        finally:
            if export is not None:
                ffi.release(export)
        return done

    async def _let_go(self, operation: Operation, export: Any, leaving: BaseException) -> Any:
        """Cancels an operation on lent memory; the export that is left to release, if any."""
        if operation.done:
            return export
        self._driver.cancel(operation)
        if isinstance(leaving, GeneratorExit):
            # Nothing can be awaited any more: the memory stays lent until the event comes.
            operation.lent = export
            return None
        await settled(operation, self._driver.make_waiter)
        return export

    def _start_write(self, operation: Operation, start: Any, length: int, offset: int) -> None:
        driver = self._driver
        operation.token = token = driver.enter(operation)
        code = lib.abio_write_at_all(self._handle, start, length, offset, 0, token)
        if code < 0:
            driver.leave(token)
            raise self._failed(code)

    # ---- at the cursor -----------------------------------------------------------------------------

    async def read(self, n: int = -1) -> bytes:
        """`n` bytes, less only at the end; all that is left when `n` is -1."""
        if self._stream is not None:
            return await self._stream.read(n)
        self._use()
        try:
            if 0 <= n <= LEND:
                data = await self._read_once(n, self._cursor)
            else:
                data = await self._read_parts(n if n >= 0 else ANY, self._cursor)
            self._cursor += len(data)
            return data
        finally:
            self._using = False

    async def _read_once(self, n: int, offset: int) -> bytes:
        """`n` bytes by one operation; less only at the end."""
        if n == 0:
            return b""
        memory = _memory(_CHARS, n)
        driver = self._driver
        operation = Operation(driver.make_waiter(), memory)
        token = driver.enter(operation)
        code = lib.abio_read_at_exact(self._handle, memory, n, offset, 0, token)
        if code < 0:
            driver.leave(token)
            raise self._failed(code)
        await operation.waiter
        if operation.result < 0 and operation.result != _errors.UNEXPECTED_EOF:
            raise self._failed(operation.result)
        return _unpack(memory, operation.progress) if operation.progress else b""

    async def _read_parts(self, n: int, offset: int) -> bytes:
        """As _read_once for any `n`, with no more memory than the file can fill.

        The size a file claims is believed only as far as that: some have none, some grow.
        """
        left = os.fstat(self._fileno()).st_size - offset
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
            got = await self.readinto_at(buffer, self._cursor)
            self._cursor += got
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
            at = self._cursor
            self._cursor = at + size
            try:
                await self.pwrite(data, at)
            except Exception:
                self._cursor = at
                raise
            if self._append:
                self._cursor = os.fstat(self._fileno()).st_size
            return size
        finally:
            self._using = False

    async def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Moves the cursor and returns where it is."""
        if self._stream is not None:
            raise _errors.error(lib.ABIO_E_UNSUPPORTED)
        size = os.fstat(self._fileno()).st_size
        bases = {os.SEEK_SET: 0, os.SEEK_CUR: self._cursor, os.SEEK_END: size}
        if whence not in bases:
            raise ValueError(f"invalid whence: {whence}")
        to = bases[whence] + offset
        if to < 0:
            raise ValueError(f"negative seek value {to}")
        self._cursor = to
        return to

    async def tell(self) -> int:
        """Where the cursor is."""
        self._fileno()
        return self._cursor

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

    async def _run(self, start: Callable[[int], int]) -> None:
        driver = self._driver
        result = await driver.run(Operation(driver.make_waiter()), start)
        if result < 0:
            raise self._failed(result)

    async def _settle(self) -> None:
        """Waits for the writes whose callers have left."""
        while self._alone:
            waiter = self._driver.make_waiter()
            self._settling.append(waiter)
            await waiter

    def _ended_alone(self, operation: Operation) -> None:
        self._alone.remove(operation)
        if not self._alone:
            settling, self._settling = self._settling, []
            for waiter in settling:
                if not waiter.done():
                    waiter.set_result(None)

    @property
    def closed(self) -> bool:
        """Whether close or aclose has been called."""
        return self._handle == 0

    def fileno(self) -> int:
        """The system's descriptor, which stays the library's."""
        return self._fileno()

    def _fileno(self) -> int:
        if not self._handle:
            raise ValueError("I/O operation on closed file")
        return self._fd

    def close(self) -> None:
        """Closes without waiting; operations in flight are cancelled, errors are not reported."""
        handle, self._handle = self._handle, 0
        if handle:
            if self._stream is not None:
                self._stream.close()
            else:
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

    def _failed(self, code: int) -> Exception:
        return _errors.file_error(code, self.name if -4096 < code < 0 else None)


def open(path: Path, mode: str = "rb", *, permissions: int = 0o666) -> Opening[File]:
    """Opens a file for bytes: `f = await open(p)` or `async with open(p) as f`.

    Modes are those of the builtin open, always with a 'b'.
    """
    access, flags = parse_mode(mode)
    return Opening(_open(path, mode, access, flags, permissions))


async def _open(path: Path, mode: str, access: int, flags: int, permissions: int) -> File:
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
