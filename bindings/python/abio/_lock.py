"""A first-come, first-served lock that a tick may release."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Optional

from ._receiver import Waiter


class Turn:
    """Whose turn it is: held by a coroutine, or by an operation that its coroutine has left."""

    __slots__ = ("held", "_line", "_next")

    def __init__(self) -> None:
        self.held = False
        self._line: deque[Waiter] = deque()
        self._next: Optional[Waiter] = None

    async def acquire(self, make_waiter: Callable[[], Any]) -> None:
        if not self.held:
            self.held = True
            return
        waiter = make_waiter()
        self._line.append(waiter)
        try:
            await waiter
        except BaseException:
            if self._next is waiter:
                self.release()
            elif waiter in self._line:
                self._line.remove(waiter)
            raise
        self._next = None

    def release(self) -> None:
        """Hands the turn to the next in line that still wants it."""
        self._next = None
        while self._line:
            waiter = self._line.popleft()
            if not waiter.done():
                self._next = waiter
                waiter.set_result(None)
                return
        self.held = False
