"""The driver layer: operations in flight, and where their events go.

Owns the driver's handle and the table of slots: a token is an index into that table, and a slot is
free again only when its terminal event has come, so a token can never name the wrong operation.
One `tick` reaps everything in one call; it is native, see native/tick.c.

This file knows no event loop.  What it needs of one is a *waiter*: an awaitable with `done()` and
`set_result(value)`.  An adapter calls `tick` when the descriptor is readable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Optional, Protocol

from . import _errors
from ._library import ffi, lib
from ._receiver import Waiter
from ._tick import Tick

WaiterMaker = Callable[[], Waiter]

MORE: Final[int] = lib.ABIO_EVENT_MORE
RELEASED: Final[int] = lib.ABIO_EVENT_RELEASED
STRIDE: Final[int] = ffi.sizeof("struct abio_event")

_release = lib.abio_release


class Slot(Protocol):
    """Where the events of one token go."""

    def event(self, result: int, progress: int, handle: int, data: int, flags: int) -> None: ...


class Operation:
    """One operation in flight: who waits for its terminal event, and what memory it uses.

    `keep` is memory of this package, dropped with the operation.  `lent` is an export of memory
    of the caller's, released the moment the memory is the caller's again.
    A waiter that is gone (cancelled) is simply not told: the operation ends alone.
    """

    __slots__ = ("waiter", "token", "keep", "lent", "done", "result", "progress", "ended")

    def __init__(self, waiter: Any, keep: object = None, lent: Any = None) -> None:
        self.waiter = waiter
        self.token = 0
        self.keep = keep
        self.lent = lent
        self.done = False
        self.result = 0
        self.progress = 0
        self.ended: Optional[Callable[[], None]] = None

    def event(self, result: int, progress: int, handle: int, data: int, flags: int) -> None:
        self.result = result
        self.progress = progress
        self.done = True
        if self.lent is not None:
            ffi.release(self.lent)
            self.lent = None
        self.keep = None
        if self.ended is not None:
            ended, self.ended = self.ended, None
            ended()
        waiter = self.waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def abandon(self) -> None:
        """The coroutine is leaving; the operation ends alone."""


class Making(Operation):
    """An operation that wins a handle; a handle nobody waits for any more is released."""

    __slots__ = ("handle", "abandoned")

    def __init__(self, waiter: Any) -> None:
        super().__init__(waiter)
        self.handle = 0
        self.abandoned = False

    def event(self, result: int, progress: int, handle: int, data: int, flags: int) -> None:
        waiter = self.waiter
        if handle and (self.abandoned or (waiter is not None and waiter.done())):
            _release(handle)
            handle = 0
        self.handle = handle
        super().event(result, progress, handle, data, flags)

    def abandon(self) -> None:
        """The coroutine is leaving without the handle."""
        self.abandoned = True
        if self.handle:
            _release(self.handle)
            self.handle = 0


class Reading(Operation):
    """A direct read of a stream into memory of the caller's.

    While its reader is there the reader gives the memory back, so that bytes handed over in one
    turn of the loop cannot change before the reader runs.  Once it has left, what is still won is
    copied out and the memory given back with the terminal event.
    """

    __slots__ = ("export", "abandoned", "won")

    def __init__(self, waiter: Any, export: Any) -> None:
        super().__init__(waiter)
        self.export = export
        self.abandoned = False
        self.won = b""

    def event(self, result: int, progress: int, handle: int, data: int, flags: int) -> None:
        if self.abandoned:
            if progress > 0:
                self.won = bytes(ffi.buffer(self.export, progress))
            ffi.release(self.export)
        super().event(result, progress, handle, data, flags)


class Driver:
    """One libabio driver: everything in flight on one event loop."""

    __slots__ = (
        "handle",
        "fd",
        "slots",
        "free",
        "make_waiter",
        "closed",
        "finishing",
        "beneath",
        "_tick",
        "__weakref__",
    )

    def __init__(self, loop: object = None, make_waiter: Optional[WaiterMaker] = None) -> None:
        """With an asyncio loop its waiters are native; any other loop gives its own."""
        self.closed = True
        made = ffi.new("abio_driver *")
        code = lib.abio_driver_create(ffi.NULL, made)
        if code < 0:
            raise _errors.error(code)
        self.handle: int = made[0]
        self.closed = False
        self.fd: int = lib.abio_driver_fd(self.handle)
        # Slot 0 is nobody's: a wake has token 0.
        self.slots: list[Any] = [None]
        self.free: list[int] = []
        # No event loop turns any more: nothing of an object's own can be run to its end.
        self.finishing = False
        # Of a handle that Python implements, or that stands over such: who knows of exceptions.
        self.beneath: dict[int, tuple[Any, ...]] = {}
        self._tick = Tick(self.handle, self.slots, self.free, loop)
        self.make_waiter: WaiterMaker = make_waiter or self._tick.waiter

    def enter(self, slot: Slot) -> int:
        """A token for an operation about to be started."""
        if self.free:
            token = self.free.pop()
            self.slots[token] = slot
            return token
        self.slots.append(slot)
        return len(self.slots) - 1

    def leave(self, token: int) -> None:
        """Takes a token back whose start was refused."""
        self.slots[token] = None
        self.free.append(token)

    def operations(self) -> int:
        """Tokens in use."""
        return len(self.slots) - 1 - len(self.free)

    def tick(self) -> int:
        """One turn: reaps what has finished, tells who waits for it, and runs the tasks it wakes.

        Only from a callback of the loop, never from inside a task.  Returns the number of events.
        """
        return self._checked(self._tick.run())

    def tick_later(self) -> int:
        """As tick, from anywhere: the tasks it wakes run in the loop's next turn."""
        return self._checked(self._tick.run_later())

    def _checked(self, count: int) -> int:
        if count < 0:
            raise _errors.error(count)
        return count

    def cancel(self, operation: Operation) -> None:
        """Asks an operation to end; its terminal event still comes."""
        if not operation.done:
            lib.abio_cancel(self.handle, operation.token)

    async def run(
        self, operation: Operation, start: Callable[[int], int], leave: bool = False
    ) -> int:
        """Starts an operation and waits for its end: its result, or the code of the refusal.

        When the caller is cancelled so is the operation, unless it is to be left to end alone.
        """
        operation.token = token = self.enter(operation)
        code = start(token)
        if code < 0:
            self.leave(token)
            return code
        try:
            await operation.waiter
        except BaseException:
            operation.abandon()
            if not leave:
                self.cancel(operation)
            raise
        return operation.result

    def know(self, handle: int, beneath: tuple[Any, ...]) -> None:
        """Remembers who knows of the exceptions behind a handle."""
        if beneath:
            self.beneath[handle] = beneath

    def forget(self, handle: int) -> None:
        """A handle that stood over others is gone; what Python implements says so itself."""
        beneath = self.beneath.get(handle)
        if beneath and beneath[0].handle != handle:
            del self.beneath[handle]

    def state(self) -> Any:
        """The library's struct abio_driver_state."""
        state = ffi.new("struct abio_driver_state *", {"size": ffi.sizeof("struct abio_driver_state")})
        code = lib.abio_driver_info(self.handle, state)
        if code < 0:
            raise _errors.error(code)
        return state

    def shutdown(self) -> None:
        """Refuses new work and asks everything in flight to end."""
        lib.abio_driver_shutdown(self.handle)

    def close(self) -> bool:
        """Frees the driver; False while something is still in flight."""
        if not self.closed:
            code = lib.abio_driver_close(self.handle)
            if code == _errors.BUSY:
                return False
            self.closed = True
        return True

    def finish(self, patience_ns: int) -> None:
        """Ends everything without an event loop: waits at most so long, then abandons."""
        if self.closed:
            return
        self.finishing = True
        if lib.abio_driver_shutdown(self.handle) >= 0:
            now = ffi.new("int64_t *")
            event = ffi.new("struct abio_event *")
            lib.abio_clock(now)
            deadline = now[0] + patience_ns
            while not self.close():
                lib.abio_clock(now)
                left = deadline - now[0]
                if left <= 0:
                    break
                if lib.abio_driver_wait(self.handle, event, STRIDE, 1, left) > 0:
                    self._forget(event)
        if not self.closed:
            # The kernel may still write to this package's memory: leak it with the driver.
            _abandoned.append(self.slots)
            lib.abio_driver_abandon(self.handle)
            self.closed = True

    def _forget(self, event: Any) -> None:
        """A terminal event after the loop is gone: gives memory and handles back, wakes nobody."""
        if event.flags & MORE or not event.token:
            return
        slot = self.slots[event.token]
        self.leave(event.token)
        if event.flags & RELEASED:
            slot.event(0, 0, 0, 0, event.flags)
        elif isinstance(slot, Operation):
            slot.waiter = None
            slot.ended = None
            if isinstance(slot, Making):
                slot.abandoned = True
            slot.event(event.result, event.progress, event.handle, event.data, event.flags)


_abandoned: list[object] = []
