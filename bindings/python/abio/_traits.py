"""What a Python object may implement to be used as a stream, a file or a listener.

Nothing has to be inherited: an object is taken by the methods it has.  The protocols here are for
type checkers and readers; `Implementer` is a base class for those who tell when they are ready.

Each method comes in two styles.  The `try_` style acts now and answers None (or raises
BlockingIOError) when it cannot; the object says later, by `notify`, that it is worth trying again.
The other style is a coroutine function (or any function that does not block): it may take its time.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Final, Optional, Protocol, Union

from ._library import lib

if TYPE_CHECKING:
    from ._host import Core

READ: Final[int] = lib.ABIO_READY_READ
WRITE: Final[int] = lib.ABIO_READY_WRITE


class TryRead(Protocol):
    """Reading, now or not: a count, 0 at the end, None for nothing now."""

    def try_read(self, buffer: memoryview, /) -> Optional[int]: ...


class TryWrite(Protocol):
    """Writing, now or not: how many bytes were taken, at least 1; None for no room now."""

    def try_write(self, data: bytes, /) -> Optional[int]: ...


class AsyncRead(Protocol):
    """Reading: at least one and at most `n` bytes; b"" at the end.  Or `readinto(buffer)`."""

    def read(self, n: int, /) -> Union[bytes, Awaitable[bytes]]: ...


class AsyncReadInto(Protocol):
    """Reading into memory: a count, 0 at the end."""

    def readinto(self, buffer: memoryview, /) -> Union[int, Awaitable[int]]: ...


class AsyncWrite(Protocol):
    """Writing: how many bytes were taken, at least 1; None for all."""

    def write(self, data: bytes, /) -> Union[Optional[int], Awaitable[Optional[int]]]: ...


class ReadAt(Protocol):
    """Reading at an offset, any number at once."""

    def pread(self, n: int, offset: int, /) -> Union[bytes, Awaitable[bytes]]: ...


class WriteAt(Protocol):
    """Writing at an offset, any number at once: how many bytes were taken; None for all."""

    def pwrite(
        self, data: bytes, offset: int, /
    ) -> Union[Optional[int], Awaitable[Optional[int]]]: ...


class Accept(Protocol):
    """Handing out connections: streams, or objects that implement one."""

    def accept(self) -> Union[Any, Awaitable[Any]]: ...


class Implementer:
    """A base class, not required, for objects of the `try_` style: it gives them `notify`.

    class Queue(abio.Implementer):
        def try_read(self, buffer): ...
        def push(self, data):
            self.data += data
            self.notify(abio.READ)
    """

    _abio_core: Optional[Core] = None

    def notify(self, readiness: int) -> None:
        """Says that reading (abio.READ) or writing (abio.WRITE) is worth a try.

        From the loop's thread; from another by `loop.call_soon_threadsafe(self.notify, ...)`.
        Does nothing while nobody uses the object.
        """
        core = self._abio_core
        if core is not None:
            core.notify(readiness)
