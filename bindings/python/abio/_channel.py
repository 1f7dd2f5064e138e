"""What both sides of a stream share: the handle, the driver, and who writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Optional

from . import _errors, _host
from ._address import Address
from ._asyncio import LoopDriver
from ._driver import Operation
from ._lock import Turn
from ._receiver import Receiver


READING: Final = (_host.READING,)
WRITING: Final = (_host.WRITING,)
CLOSING: Final = (_host.WRITING, _host.CLOSING)


class Below(NamedTuple):
    """What a stream stands over: kept alive with it, and what is closed with it."""

    kept: Any
    closed: Sequence[Any]


class Channel:
    """The state of a stream; its behaviour is in the reading and the writing side.

    `_handle` is 0 once the stream is closed.  `_told` is the last error a write has reported, so
    that closing does not report it again.  `_writing` is the last write that took the long way.
    `_beneath` knows the exceptions of what Python implements.
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
        "_beneath",
        "_below",
        "__weakref__",
    )

    def __init__(self, driver: LoopDriver, handle: int, below: Optional[Below] = None) -> None:
        self._handle = handle
        self._driver = driver
        self._make_waiter = driver.make_waiter
        self._receiver = Receiver(handle)
        self._turn = Turn()
        self._writing: Optional[Operation] = None
        self._told = 0
        self._info: Optional[tuple[Optional[Address], Optional[Address], int]] = None
        self._beneath: tuple[Any, ...] = driver.beneath.get(handle, ()) if driver.beneath else ()
        self._below = below

    def _failed(self, code: int) -> BaseException:
        return self._failure(READING, code)

    def _write_failed(self, code: int) -> BaseException:
        self._told = code
        return self._failure(WRITING, code)

    def _failure(self, wheres: tuple[int, ...], code: int) -> BaseException:
        """The exception of a code: the one that what Python implements has raised, if it was that."""
        for core in self._beneath:
            for where in wheres:
                failure: Optional[BaseException] = core.failure(where, code)
                if failure is not None:
                    return failure
        return _errors.stream_error(code)
