"""The reading side of a stream: an armed receive, and the bytes that no reader has taken yet.

A `Receiver` is what the driver's table of slots holds, so that a stream nobody refers to can be
collected while its receive is armed.  It owns the order of bytes: what a tick hands to a waiting
reader, what is stored, and what a cancelled reader gives back to the front.
It holds the peer back above a high-water mark by pausing the receive.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable
from typing import Any, Final, Optional, Protocol

from ._library import ffi, lib

HIGH_WATER: Final = 256 * 1024
LOW_WATER: Final = 64 * 1024
PART: Final = 64 * 1024
NEVER: Final = -1
ANY: Final = 1 << 62

# Not cleared: only what the system has written is ever looked at.
_memory = ffi.new_allocator(should_clear_after_alloc=False)

_MORE: Final[int] = lib.ABIO_EVENT_MORE
_CANCELED: Final[int] = lib.ABIO_E_CANCELED
_UNSUPPORTED: Final[int] = lib.ABIO_E_UNSUPPORTED


class Waiter(Awaitable[Any], Protocol):
    """What a coroutine awaits and a tick resolves."""

    def done(self) -> bool: ...

    def set_result(self, value: Any, /) -> None: ...


class Slots(Protocol):
    """The driver's table of tokens."""

    def enter(self, slot: Any) -> int: ...

    def leave(self, token: int) -> None: ...


class Receiver:
    """At most one reader: `reading` says so.  A reader that found too little leaves a `waiter`:

    direct  a piece of at most `direct` bytes is handed over without being stored;
    need    otherwise it is woken when so many bytes are stored.
    """

    __slots__ = (
        "handle",
        "token",
        "armed",
        "stopping",
        "gone",
        "reading",
        "waiter",
        "direct",
        "need",
        "pieces",
        "head",
        "stored",
        "paused",
        "ended",
        "failure",
    )

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self.token = 0
        self.armed = False
        self.stopping = False  # the receive was asked to end, and the stream goes on
        self.gone = False  # the stream is closed: views may be gone with it
        self.reading = False
        self.waiter: Optional[Waiter] = None
        self.direct = NEVER
        self.need = 0
        self.pieces: deque[bytes] = deque()
        self.head = 0  # bytes of the first piece that are taken already
        self.stored = 0
        self.paused = False
        self.ended = False
        self.failure = 0

    def event(self, result: int, progress: int, handle: int, data: int, flags: int) -> None:
        """A large piece (small ones come through the driver's tick), or the end."""
        if flags & _MORE:
            piece = ffi.unpack(ffi.cast("char *", data), result)
            waiter = self.waiter
            if waiter is not None and result <= self.direct and not waiter.done():
                self.waiter = None
                waiter.set_result(piece)
            else:
                self.piece(piece)
            return
        self.finish(result)

    def finish(self, result: int) -> None:
        """The operation that reads has ended: so has the stream, unless it was asked to stop."""
        self.armed = False
        if not self.stopping or result != _CANCELED:
            self.ended = True
            self.failure = result
        self.stopping = False
        waiter = self.waiter
        self.waiter = None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def piece(self, piece: bytes) -> None:
        """Bytes have come that could not be handed over directly."""
        self.pieces.append(piece)
        self.stored += len(piece)
        if self.stored < self.need:
            return
        waiter = self.waiter
        if waiter is not None:
            self.waiter = None
            if not waiter.done():
                waiter.set_result(None)
        if self.stored >= HIGH_WATER and not self.paused:
            self.paused = lib.abio_receive_pause(self.handle) == 0

    def arm(self, driver: Slots) -> int:
        """Starts the receive: 0 or a code."""
        token = driver.enter(self)
        code: int = lib.abio_receive(self.handle, 0, token)
        if code < 0:
            driver.leave(token)
        else:
            self.token = token
            self.armed = True
        return code

    def failed(self) -> int:
        """The code that ended the stream, or 0."""
        return self.failure

    def look(self, limit: int) -> bytes:
        """As take, and leaves them where they are."""
        if self.pieces and len(self.pieces[0]) - self.head < min(limit, self.stored):
            self._join()
        return self.pieces[0][self.head : self.head + limit] if self.pieces else b""

    def adopt(self, other: Receiver) -> None:
        """Takes over what another has stored and nobody has taken."""
        data = other.take(ANY)
        if data:
            self.pieces.append(data)
            self.stored += len(data)

    def resume(self) -> None:
        """Lets a paused receive go on."""
        self.paused = False
        if not self.ended:
            lib.abio_receive_resume(self.handle)

    def give_back(self, piece: bytes) -> None:
        """Bytes a cancelled reader had been handed: they are the next reader's."""
        if piece:
            if self.head:
                self.pieces[0] = self.pieces[0][self.head :]
                self.head = 0
            self.pieces.appendleft(piece)
            self.stored += len(piece)

    def take(self, limit: int) -> bytes:
        """At most `limit` of the stored bytes, as many as there are."""
        pieces = self.pieces
        if not pieces:
            return b""
        piece = pieces[0]
        head = self.head
        size = len(piece) - head
        if size > limit:
            self.head = head + limit
            self.stored -= limit
            piece = piece[head : head + limit]
        else:
            pieces.popleft()
            self.head = 0
            if head:
                piece = piece[head:]
            self.stored -= size
            if pieces and size < limit:
                piece = self._gather(piece, limit)
        if self.paused and self.stored <= LOW_WATER:
            self.resume()
        return piece

    def _gather(self, piece: bytes, limit: int) -> bytes:
        pieces = self.pieces
        parts = [piece]
        room = limit - len(piece)
        while pieces and room > 0:
            part = pieces[0]
            if len(part) > room:
                self.head = room
                part = part[:room]
            else:
                pieces.popleft()
            parts.append(part)
            room -= len(part)
            self.stored -= len(part)
        return b"".join(parts)

    def take_into(self, memory: memoryview) -> int:
        """Copies stored bytes into `memory`, as many as fit."""
        room = len(memory)
        filled = 0
        pieces = self.pieces
        while pieces and filled < room:
            piece = pieces[0]
            head = self.head
            size = min(len(piece) - head, room - filled)
            memory[filled : filled + size] = memoryview(piece)[head : head + size]
            filled += size
            if head + size == len(piece):
                pieces.popleft()
                self.head = 0
            else:
                self.head = head + size
        self.stored -= filled
        if self.paused and self.stored <= LOW_WATER:
            self.resume()
        return filled

    def find(self, separator: bytes, start: int) -> int:
        """Where `separator` begins among the stored bytes, searched from `start`; -1: nowhere."""
        pieces = self.pieces
        if not pieces:
            return -1
        if start < len(pieces[0]) - self.head:
            at = pieces[0].find(separator, self.head + start)
            if at >= 0:
                return at - self.head
        return -1 if len(pieces) == 1 else self._join().find(separator, start)

    def _join(self) -> bytes:
        """Makes one piece of all that are stored."""
        pieces = self.pieces
        pieces[0] = pieces[0][self.head :]
        self.head = 0
        whole = b"".join(pieces)
        pieces.clear()
        pieces.append(whole)
        return whole


class Refiller(Receiver):
    """A receiver over a handle without `receive`: one read for each time that a reader waits.

    It looks into the buffer of a handle that has one, and reads into memory of its own elsewhere.
    A read whose reader has left goes on, and the next reader gets what it brings.  An error is told
    once, the end for ever.
    """

    __slots__ = ("driver", "memory", "fills")

    def __init__(self, driver: Slots, handle: int) -> None:
        super().__init__(handle)
        self.driver = driver
        self.memory: Any = None
        self.fills = True

    def arm(self, driver: Slots) -> int:
        token = driver.enter(self)
        code = _UNSUPPORTED
        if self.fills:
            code = lib.abio_fill_buf(self.handle, 0, token)
            self.fills = code != _UNSUPPORTED
        if not self.fills:
            if self.memory is None:
                self.memory = _memory("char[]", PART)
            code = lib.abio_read(self.handle, self.memory, PART, 0, token)
        if code < 0:
            driver.leave(token)
        else:
            self.token = token
            self.armed = True
        return code

    def event(self, result: int, progress: int, handle: int, data: int, flags: int) -> None:
        if result <= 0:
            self.finish(result)
            return
        if self.fills and self.gone:
            # The view went with the stream.
            self.finish(_CANCELED)
            return
        if self.fills:
            piece = ffi.unpack(ffi.cast("char *", data), result)
            lib.abio_consume(self.handle, result)
        else:
            piece = ffi.unpack(self.memory, result)
        self.bring(piece)

    def bring(self, piece: bytes) -> None:
        """A read has brought bytes: to the reader that waits, or the store; on if it is too little."""
        stopping, self.armed, self.stopping = self.stopping, False, False
        waiter = self.waiter
        if waiter is not None and not waiter.done() and len(piece) <= self.direct:
            self.waiter = None
            waiter.set_result(piece)
            return
        self.piece(piece)
        waiter = self.waiter
        if waiter is None or waiter.done():
            return
        if stopping:
            self.waiter = None
            waiter.set_result(None)
            return
        code = self.arm(self.driver)
        if code < 0:
            self.finish(code)

    def failed(self) -> int:
        failure, self.failure = self.failure, 0
        if failure < 0:
            self.ended = False
        return failure
