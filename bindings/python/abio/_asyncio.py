"""The asyncio side: one driver per running loop, its waiters, and its end.

This is the whole of what a loop must give: a future to wait with, a watch on one descriptor, a way
to start a task, and a moment to close.  The driver is owned by the loop: by the watch on its
descriptor while it lives, and at the end by an asynchronous generator that
`loop.shutdown_asyncgens()` (which asyncio.run and uvloop.run call) closes.
"""

from __future__ import annotations

import asyncio
import warnings
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from typing import Any, Optional

from ._driver import Driver, Operation

PATIENCE_NS = 1_000_000_000


class LoopDriver(Driver):
    """A driver that rides on one asyncio event loop."""

    __slots__ = ("loop", "_keeper", "_turn")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.loop = loop
        self._turn: Optional[asyncio.Future[None]] = None
        self._keeper = _keep(weakref.ref(self))
        # One step without suspension, up to its yield: from here the loop knows it.
        try:
            self._keeper.__anext__().send(None)
        except StopIteration:
            pass
        loop.add_reader(self.fd, self.tick)

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs a coroutine beside the others."""
        return self.loop.create_task(coroutine)

    async def run_to_end(self, operation: Operation, start: Callable[[int], int]) -> int:
        """As run; cancelled, it returns only when the operation has ended: what it had is home."""
        operation.token = token = self.enter(operation)
        code = start(token)
        if code < 0:
            self.leave(token)
            return code
        try:
            await operation.waiter
        except BaseException as leaving:
            if not operation.done:
                self.cancel(operation)
                if not isinstance(leaving, GeneratorExit):
                    await settled(operation, self.make_waiter)
            operation.abandon()
            raise
        return operation.result

    async def aclose(self) -> None:
        """Ends what is in flight, hands out its events, and closes the driver."""
        if self.closed:
            return
        self.shutdown()
        self.loop.add_reader(self.fd, self._last_ticks)
        try:
            while True:
                while self.tick_later() > 0:
                    pass
                if self.close():
                    break
                self._turn = self.loop.create_future()
                await self._turn
        finally:
            self.loop.remove_reader(self.fd)
            if not self.closed:
                self.finish(PATIENCE_NS)

    def _last_ticks(self) -> None:
        self.tick_later()
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)

    def __del__(self) -> None:
        if not getattr(self, "closed", True):
            warnings.warn(
                "abio: the event loop was closed without shutdown_asyncgens(), "
                "which closes its driver",
                ResourceWarning,
                source=self,
            )
            self.finish(PATIENCE_NS)


async def _keep(reference: weakref.ref[LoopDriver]) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        driver = reference()
        if driver is not None:
            await driver.aclose()


# Weak on both sides: the loop's watch on the descriptor is what keeps a driver alive.
_drivers: weakref.WeakKeyDictionary[
    asyncio.AbstractEventLoop, weakref.ref[LoopDriver]
] = weakref.WeakKeyDictionary()


def current() -> LoopDriver:
    """The driver of the running loop, made at first use."""
    loop = asyncio.get_running_loop()
    reference = _drivers.get(loop)
    driver = reference() if reference is not None else None
    if driver is None or driver.closed:
        driver = LoopDriver(loop)
        _drivers[loop] = weakref.ref(driver)
    return driver


def running() -> Optional[LoopDriver]:
    """The driver of the running loop if there is a loop and it has one."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    reference = _drivers.get(loop)
    return reference() if reference is not None else None


async def settled(operation: Operation, make_waiter: Callable[[], Awaitable[Any]]) -> None:
    """Waits for the terminal event whatever is done to this task.

    Only for the moment between asking the system to let go of the caller's memory and its doing
    so; the caller raises the CancelledError that it already holds afterwards.
    """
    while not operation.done:
        operation.waiter = make_waiter()
        try:
            await operation.waiter
        except asyncio.CancelledError:
            continue
