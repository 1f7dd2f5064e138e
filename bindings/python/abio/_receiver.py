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
NEVER: Final = -1
ANY: Final = 1 << 62

_MORE: Final[int] = lib.ABIO_EVENT_MORE


class Waiter(Awaitable[Any], Protocol):
    """What a coroutine awaits and a tick resolves."""

    def done(self) -> bool: ...

    def set_result(self, value: Any, /) -> None: ...


class Receiver:
    """At most one reader: `reading` says so.  A reader that found too little leaves a `waiter`:

    direct  a piece of at most `direct` bytes is handed over without being stored;
    need    otherwise it is woken when so many bytes are stored.
    """

    __slots__ = (
        "handle",
        "armed",
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
        self.armed = False
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
        self.ended = True
        self.failure = result
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
        if len(pieces) == 1:
            return -1
        pieces[0] = pieces[0][self.head :]
        self.head = 0
        whole = b"".join(pieces)
        pieces.clear()
        pieces.append(whole)
        return whole.find(separator, start)
