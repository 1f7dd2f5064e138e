"""What is at an offset of a file, and what its cursor shares with others.

The lower half of a File: the transfers that name their offset, the length, and the position of the
handle.  The cursor itself, lines and the end are in abio._file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Optional, Union

from . import _errors, _host
from ._asyncio import LoopDriver, settled
from ._driver import Operation
from ._library import ffi, lib
from ._receiver import Waiter
from ._stream import Stream, io_info
from ._writing import Buffer

Path = Union[str, bytes, int, "os.PathLike[str]", "os.PathLike[bytes]"]

MOST: Final = 0x7FFFF000
LEND: Final = 64 * 1024
WHERES: Final = (_host.READING, _host.WRITING, _host.SEEKING, _host.CLOSING)

# Not cleared: only what the system has written is ever looked at.
_memory = ffi.new_allocator(should_clear_after_alloc=False)
_CHARS = ffi.typeof("char[]")
_unpack = ffi.unpack
_read_at = lib.abio_read_at


class Positional:
    """A handle with offsets, or what stands in for one, and the state of the cursor over it."""

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
        "_page",
        "_shared",
        "_seeks",
        "_beneath",
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
        # Read ahead for lines: bytes, and the offset of the first.
        self._page: tuple[bytes, int] = (b"", 0)
        # Something else moves the position of the handle too: it is asked and told each time.
        self._shared = False
        self._beneath: tuple[Any, ...] = driver.beneath.get(handle, ()) if driver.beneath else ()
        info = io_info(handle)
        self._fd: int = info.fd
        self._seeks = info.kind == lib.ABIO_KIND_FILE or _has(handle, lib.ABIO_TRAIT_SEEK)
        positional = info.kind == lib.ABIO_KIND_FILE or (
            info.kind == lib.ABIO_KIND_HOST
            and (_has(handle, lib.ABIO_TRAIT_READ_AT) or _has(handle, lib.ABIO_TRAIT_WRITE_AT))
        )
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
            raise self._failed(result, offset, n)
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
                raise self._failed(operation.result, offset, size)
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
                    raise self._failed(operation.result, offset, size)
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
                    raise self._failed(operation.result, offset, size)
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
        self._page = (b"", 0)
        operation.token = token = driver.enter(operation)
        code = lib.abio_write_at_all(self._handle, start, length, offset, 0, token)
        if code < 0:
            driver.leave(token)
            raise self._failed(code)

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
            raise self._failed(operation.result, offset, n)
        return _unpack(memory, operation.progress) if operation.progress else b""

    # ---- the position of the handle ---------------------------------------------------------------

    async def _length(self) -> int:
        if self._fd >= 0:
            return os.fstat(self._fileno()).st_size
        if not self._seeks:
            return 0
        driver = self._driver
        result = await driver.run(
            Operation(driver.make_waiter()),
            lambda token: lib.abio_stream_len(self._handle, 0, token),
        )
        if result < 0:
            raise self._failed(result)
        return result

    def _position(self) -> int:
        """The position of the handle."""
        position = ffi.new("uint64_t *")
        code = lib.abio_stream_position(self._handle, position)
        if code < 0:
            raise self._failed(code)
        return int(position[0])

    async def _seek_handle(self, whence: int, offset: int) -> int:
        """Moves the position of the handle."""
        driver = self._driver
        result = await driver.run(
            Operation(driver.make_waiter()),
            lambda token: lib.abio_seek(self._handle, whence, offset, 0, token),
        )
        if result == lib.ABIO_E_ARGUMENT:
            raise ValueError(f"negative seek value {offset}")
        if result < 0:
            raise self._failed(result)
        return result

    # ---- the rest ------------------------------------------------------------------------------------

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

    def _fileno(self) -> int:
        if not self._handle:
            raise ValueError("I/O operation on closed file")
        return self._fd

    def _failed(self, code: int, offset: int = 0, length: int = MOST) -> BaseException:
        for core in self._beneath:
            failure: Optional[BaseException] = core.failure_at(code, offset, length)
            for where in WHERES:
                failure = failure or core.failure(where, code)
            if failure is not None:
                return failure
        return _errors.file_error(code, (self.name or None) if -4096 < code < 0 else None)


def _has(handle: int, trait: int) -> bool:
    info = ffi.new("struct abio_trait_info *", {"size": ffi.sizeof("struct abio_trait_info")})
    return bool(lib.abio_query(handle, trait, info) >= 0)
