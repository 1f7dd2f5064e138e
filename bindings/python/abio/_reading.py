"""The reading side of a stream.

It rides on one armed receive: bytes are copied out of the library's memory in the tick that brings
them, and handed to the reader that waits or kept for the next one.  So a cancelled read never loses
a byte: it drops its waiter, and what it had been handed goes back to the front.
Only `readinto` on a stream that has no armed receive lends the caller's memory to the system; its
cancellation waits until the system has let go.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, Optional, Union

from . import _errors
from ._asyncio import settled
from ._channel import Channel
from ._driver import Reading
from ._library import ffi, lib
from ._receiver import ANY, NEVER, Receiver, Refiller

LINE_LIMIT: Final = 64 * 1024
MOST: Final = 0x7FFFF000


class ReadingSide(Channel):
    """Everything that reads."""

    __slots__ = ()

    async def read(self, n: int = -1) -> bytes:
        """Up to `n` bytes as soon as there are any; all until the end when `n` is -1.

        b"" is the end of the stream (or n == 0).  Cancelling it loses nothing.
        """
        receiver = self._receiver
        if receiver.reading:
            raise _busy()
        if n <= 0:
            return await self._read_all() if n < 0 else b""
        while True:
            if receiver.pieces:
                return receiver.take(n)
            if receiver.ended:
                return self._end()
            if not receiver.armed:
                receiver = self._arm()
            receiver.direct = n
            receiver.need = 0
            receiver.reading = True
            receiver.waiter = waiter = self._make_waiter()
            try:
                piece: Optional[bytes] = await waiter
            except BaseException:
                self._leave(waiter)
                raise
            receiver.reading = False
            if piece is not None:
                return piece

    async def readexactly(self, n: int) -> bytes:
        """Exactly `n` bytes; asyncio.IncompleteReadError when the stream ends before.

        A cancelled call takes nothing.
        """
        if n < 0:
            raise ValueError("readexactly size can not be less than zero")
        receiver = self._receiver
        if receiver.reading:
            raise _busy()
        if receiver.stored < n and not await self._more(n):
            self._raise_failure()
            raise asyncio.IncompleteReadError(self._receiver.take(ANY), n)
        return self._receiver.take(n)

    async def readuntil(self, separator: bytes = b"\n", limit: int = LINE_LIMIT) -> bytes:
        """Bytes up to and including `separator`.

        As asyncio's: IncompleteReadError at the end of the stream, LimitOverrunError (nothing
        taken) when there is no separator within `limit` bytes.
        """
        if not separator:
            raise ValueError("Separator should be at least one-byte string")
        receiver = self._receiver
        if receiver.reading:
            raise _busy()
        searched = 0
        while True:
            receiver = self._receiver
            at = receiver.find(separator, max(0, searched - len(separator) + 1))
            if at >= 0:
                if at > limit:
                    raise asyncio.LimitOverrunError(
                        "Separator is found, but chunk is longer than limit", at
                    )
                return receiver.take(at + len(separator))
            searched = receiver.stored
            if searched > limit:
                raise asyncio.LimitOverrunError(
                    "Separator is not found, and chunk exceed the limit", searched
                )
            if not await self._more(searched + 1):
                self._raise_failure()
                raise asyncio.IncompleteReadError(self._receiver.take(ANY), None)

    async def peek(self, n: int = 1) -> bytes:
        """Up to `n` bytes as soon as there are any, without taking them; b"" at the end."""
        if self._receiver.reading:
            raise _busy()
        if n <= 0:
            return b""
        if not self._receiver.stored and not await self._more(1):
            self._raise_failure()
        return self._receiver.look(n)

    async def readline(self, limit: int = LINE_LIMIT) -> bytes:
        """One line with its newline; what is left, or b"", at the end of the stream.

        ValueError for a line longer than `limit`, of which nothing is taken.
        """
        try:
            return await self.readuntil(b"\n", limit)
        except asyncio.IncompleteReadError as end:
            return end.partial
        except asyncio.LimitOverrunError as overrun:
            raise ValueError(overrun.args[0]) from None

    def __aiter__(self) -> ReadingSide:
        return self

    async def __anext__(self) -> bytes:
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line

    async def readinto(self, buffer: Union[bytearray, memoryview, Any]) -> int:
        """Reads at least one byte into `buffer` and returns how many; 0 is the end.

        On a stream that is only read this way the system writes straight into `buffer`, which
        cannot be resized meanwhile (BufferError).  Cancelling waits until the system has let go of
        it; bytes that were won go to the next read.
        """
        receiver = self._receiver
        if receiver.reading:
            raise _busy()
        with memoryview(buffer) as whole, whole.cast("B") as view:
            if view.readonly:
                raise TypeError("readinto needs a writable buffer")
            if not view:
                return 0
            if receiver.stored:
                return receiver.take_into(view)
            if receiver.armed or receiver.ended:
                if not await self._more(1):
                    self._raise_failure()
                    return 0
                return self._receiver.take_into(view)
        return await self._read_direct(buffer)

    async def _read_direct(self, buffer: Any) -> int:
        receiver = self._receiver
        driver = self._driver
        export = ffi.from_buffer("char[]", buffer, require_writable=True)
        operation = Reading(self._make_waiter(), export)
        try:
            operation.token = token = driver.enter(operation)
            code = lib.abio_read(self._handle, export, min(len(export), MOST), 0, token)
            if code < 0:
                driver.leave(token)
                raise self._failed(code)
            receiver.reading = True
            try:
                await operation.waiter
            except BaseException as leaving:
                await self._take_back(operation, leaving)
                raise
            finally:
                receiver.reading = False
        finally:
            if not operation.abandoned:
                ffi.release(export)
        if operation.result < 0:
            raise self._failed(operation.result)
        receiver.ended = operation.result == 0
        return operation.result

    async def _take_back(self, operation: Reading, leaving: BaseException) -> None:
        """The reader leaves: the memory comes back, and the next read gets what it won."""
        receiver = self._receiver
        if operation.done:
            if operation.progress:
                receiver.give_back(bytes(ffi.buffer(operation.export, operation.progress)))
        else:
            operation.abandoned = True
            self._driver.cancel(operation)
            if isinstance(leaving, GeneratorExit):
                # Nothing can be awaited any more: the memory stays lent until the event comes.
                return
            await settled(operation, self._make_waiter)
            receiver.give_back(operation.won)
        receiver.ended = operation.result == 0

    async def _read_all(self) -> bytes:
        while await self._more(ANY):
            pass
        self._raise_failure()
        return self._receiver.take(ANY)

    async def _more(self, need: int) -> bool:
        """Waits until `need` bytes are stored; False when the stream ends before."""
        receiver = self._receiver
        while receiver.stored < need:
            if receiver.ended:
                return False
            if not receiver.armed:
                receiver = self._arm()
            receiver.direct = NEVER
            receiver.need = need
            receiver.reading = True
            if receiver.paused:
                receiver.resume()
            receiver.waiter = waiter = self._make_waiter()
            try:
                await waiter
            except BaseException:
                self._leave(waiter)
                raise
            receiver.reading = False
            receiver.need = 0
        return True

    def _arm(self) -> Receiver:
        """Starts to receive; over a handle that cannot, to read each time that somebody waits."""
        receiver = self._receiver
        code = receiver.arm(self._driver)
        if code == _errors.UNSUPPORTED and type(receiver) is Receiver:
            self._receiver = refiller = Refiller(self._driver, self._handle)
            refiller.adopt(receiver)
            receiver = refiller
            code = receiver.arm(self._driver)
        if code < 0:
            raise self._failed(code)
        return receiver

    async def _quiet(self) -> None:
        """Ends what reads ahead, so that others may read from the handle; nothing is lost."""
        receiver = self._receiver
        if receiver.reading:
            raise _busy()
        if receiver.armed:
            receiver.stopping = True
            lib.abio_cancel(self._handle, receiver.token)
        while receiver.armed:
            receiver.direct = NEVER
            receiver.need = ANY
            receiver.reading = True
            receiver.waiter = waiter = self._make_waiter()
            try:
                await waiter
            except BaseException:
                self._leave(waiter)
                raise
            receiver.reading = False
            receiver.need = 0

    def _leave(self, waiter: Any) -> None:
        """A reader is cancelled: what it was handed a moment ago is the next reader's."""
        receiver = self._receiver
        receiver.reading = False
        receiver.waiter = None
        receiver.need = 0
        if waiter.done() and not waiter.cancelled():
            piece = waiter.result()
            if piece is not None:
                receiver.give_back(piece)

    def _end(self) -> bytes:
        """The stream has no more: b"", or the error that ended it."""
        self._raise_failure()
        return b""

    def _raise_failure(self) -> None:
        code = self._receiver.failed()
        if code < 0:
            raise self._failed(code)


def _busy() -> RuntimeError:
    return RuntimeError("another coroutine is already reading this stream")
