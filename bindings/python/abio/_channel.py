"""What both sides of a stream share: the handle, the driver, and who writes."""

from __future__ import annotations

from typing import Optional

from . import _errors
from ._address import Address
from ._asyncio import LoopDriver
from ._driver import Operation
from ._lock import Turn
from ._receiver import Receiver


class Channel:
    """The state of a stream; its behaviour is in the reading and the writing side.

    `_handle` is 0 once the stream is closed.  `_told` is the last error a write has reported, so
    that closing does not report it again.  `_writing` is the last write that took the long way.
    """

    __slots__ = (
        "_handle",
        "_driver",
        "_make_waiter",
        "_receiver",
        "_turn",
        "_writing",
        "_told",
        "_info",
        "__weakref__",
    )

    def __init__(self, driver: LoopDriver, handle: int) -> None:
        self._handle = handle
        self._driver = driver
        self._make_waiter = driver.make_waiter
        self._receiver = Receiver(handle)
        self._turn = Turn()
        self._writing: Optional[Operation] = None
        self._told = 0
        self._info: Optional[tuple[Optional[Address], Optional[Address], int]] = None

    def _failed(self, code: int) -> Exception:
        return _errors.stream_error(code)

    def _write_failed(self, code: int) -> Exception:
        self._told = code
        return _errors.stream_error(code)
