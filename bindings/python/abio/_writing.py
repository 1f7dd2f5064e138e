"""The writing side of a stream.

Small writes are copied into the library (`put`), which sends all of a turn of the loop at once: no
future, nothing awaited.  Large ones, and what does not fit any more, are written straight from the
caller's immutable bytes.  A write that has begun is finished even when its caller is cancelled, so
that what is on the wire is never torn; the turn passes on when it has ended.
Only large mutable buffers are lent, and a cancelled write takes them back before it returns.
"""

from __future__ import annotations

from typing import Any, Final, Union

from . import _errors
from ._asyncio import settled
from ._channel import Channel
from ._driver import Operation
from ._library import ffi, lib

Buffer = Union[bytes, bytearray, memoryview]

LARGE: Final = 64 * 1024
MOST: Final = 0x7FFFF000

_put = lib.abio_put
_WOULD_BLOCK: Final[int] = _errors.WOULD_BLOCK


class WritingSide(Channel):
    """Everything that writes."""

    __slots__ = ()

    async def write(self, data: Buffer) -> None:
        """Writes all of `data`: returns when the library has it, or the system has taken it.

        Waits only while the peer is slow.  Several tasks may write: each write goes out whole, in
        the order of the calls.  An error of the transport is raised by a later write, flush or
        aclose.
        """
        if type(data) is bytes and not self._turn.held:
            size = len(data)
            if size < LARGE:
                taken: int = _put(self._handle, data, size)
                if taken != size:
                    await self._write_rest(data, taken)
                return
        await self._write_slowly(data)

    async def _write_slowly(self, data: Buffer) -> None:
        if type(data) is bytes:
            size = len(data)
        else:
            with memoryview(data) as view:
                size = view.nbytes
                if size < LARGE:
                    data = bytes(view)
        turn = self._turn
        if turn.held:
            await turn.acquire(self._make_waiter)
            turn.held = False
        if type(data) is not bytes:
            turn.held = True
            await self._write_lent(data)
        elif size >= LARGE:
            await self._write_rest(data, 0)
        else:
            taken = _put(self._handle, data, size)
            if taken == size:
                turn.release()
            else:
                await self._write_rest(data, taken)

    async def _write_rest(self, data: bytes, done: int) -> None:
        """Writes data[done:] from the bytes themselves; `done` may be what put has answered.

        Takes the turn, which is free here and now, and gives it up when the last of it has ended.
        """
        if done < 0:
            if done not in (_WOULD_BLOCK, _errors.UNSUPPORTED):
                self._turn.release()
                raise self._write_failed(done)
            done = 0
        self._turn.held = True
        start = ffi.from_buffer("char[]", data)
        left = False
        try:
            while done < len(data):
                operation = Operation(self._make_waiter(), data)
                length = min(len(data) - done, MOST)
                self._start_write(operation, start + done, length)
                try:
                    await operation.waiter
                except BaseException:
                    left = not operation.done
                    raise
                if operation.result < 0:
                    raise self._write_failed(operation.result)
                done += length
        finally:
            if left:
                operation.ended = self._turn.release
            else:
                self._turn.release()

    async def _write_lent(self, data: Any) -> None:
        """Writes from the caller's mutable memory, which is the caller's again at the end."""
        done = 0
        try:
            export = ffi.from_buffer("char[]", data)
            size = len(export)
            try:
                while done < size:
                    operation = Operation(self._make_waiter())
                    length = min(size - done, MOST)
                    self._start_write(operation, export + done, length)
                    try:
                        await operation.waiter
                    except BaseException as leaving:
                        if not operation.done:
                            self._driver.cancel(operation)
                            if isinstance(leaving, GeneratorExit):
                                operation.lent, export = export, None
                            else:
                                await settled(operation, self._make_waiter)
                        raise
                    if operation.result < 0:
                        raise self._write_failed(operation.result)
                    done += length
            finally:
                if export is not None:
                    ffi.release(export)
        finally:
            self._turn.release()

    def _start_write(self, operation: Operation, start: Any, length: int) -> None:
        operation.token = token = self._driver.enter(operation)
        code = lib.abio_write_all(self._handle, start, length, 0, token)
        if code < 0:
            self._driver.leave(token)
            raise self._write_failed(code)
        self._writing = operation

    async def flush(self) -> None:
        """Returns when everything written before has reached the system."""
        turn = self._turn
        if turn.held:
            await turn.acquire(self._make_waiter)
            turn.release()
        result = await self._driver.run(
            Operation(self._make_waiter()), lambda token: lib.abio_flush(self._handle, 0, token)
        )
        # What cannot be flushed holds nothing back either.
        if result < 0 and result != _errors.UNSUPPORTED:
            raise self._write_failed(result)

    async def write_eof(self) -> None:
        """Sends what is written, then tells the peer that no more comes; reading goes on."""
        turn = self._turn
        await turn.acquire(self._make_waiter)
        try:
            result = await self._driver.run(
                Operation(self._make_waiter()),
                lambda token: lib.abio_shutdown(self._handle, 0, token),
                leave=True,
            )
        finally:
            turn.release()
        if result < 0:
            raise self._write_failed(result)

    def can_write_eof(self) -> bool:
        """True: every stream can end its writing side."""
        return True
