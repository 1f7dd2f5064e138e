"""Objects that Python implements: between the library's slots and an object's methods.

A `Core` stands for one handle made by abio_object_create.  The library calls the slots, which are
one C function each, with the core's number; no exception of an object ever passes through C: it is
kept here under the code that the library is told, and the consumer's stream raises it as it was.

An object never sees memory that is not Python's: it reads into a bytearray and writes from bytes,
so that whatever it keeps, and for how long, is harmless.
A coroutine runs as a task of the loop; its end, also by cancellation, completes the operation.
What must hold whatever an object does: every operation that was answered with PENDING is completed
once, and the object is dropped when the library says that it has died.
"""

from __future__ import annotations

import asyncio
import errno
import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, Optional

from . import _errors
from ._errors import ContractError
from ._library import ffi, lib
from ._tick import cores
from ._traits import Implementer

if TYPE_CHECKING:
    from ._asyncio import LoopDriver

PENDING: Final[int] = lib.ABIO_PENDING
WOULD_BLOCK: Final[int] = lib.ABIO_WOULD_BLOCK
HOST_EOF: Final[int] = lib.ABIO_HOST_EOF
E_HOST: Final[int] = lib.ABIO_E_HOST
CANCELED: Final[int] = lib.ABIO_E_CANCELED
OK: Final = 1

# Most bytes that pass between the library and an object in one call.
PART: Final = 256 * 1024

# Where a failure happened, to find it again; what was at an offset, by that.
READING, WRITING, SEEKING, ACCEPTING, CLOSING = range(-5, 0)
Where = int

# Most failures kept that nobody has asked for.
KEPT: Final = 64

# By number, what the library is to call.  It calls the slots of the last import of this package, for
# objects of earlier imports too, whose streams may still be alive: so all share one table.
_cores: dict[int, Core] = cores


class Core:
    """One Python object behind one handle."""

    __slots__ = (
        "object",
        "driver",
        "number",
        "handle",
        "pending",
        "failures",
        "spare",
        "view",
        "keep",
        "closes",
        "lent",
    )

    def __init__(self, driver: LoopDriver, target: Any, closes: bool = True) -> None:
        self.object = target
        self.driver = driver
        self.number = id(self)
        self.handle = 0
        # Operations answered with PENDING, and what completes them.
        self.pending: dict[int, Optional[asyncio.Task[Any]]] = {}
        self.failures: dict[tuple[Where, int], tuple[BaseException, Any]] = {}
        self.spare: Optional[bytearray] = None
        self.view: Any = None  # what try_fill_buf has shown and is not consumed
        self.keep: Any = None
        self.closes = closes
        self.lent = False

    def __repr__(self) -> str:
        return f"<{type(self.object).__qualname__} object behind handle {self.handle:#x}>"

    # ---- its life ------------------------------------------------------------------------------------

    def create(self, elsewhere: int = 0) -> int:
        """Makes the handle, `elsewhere` on a driver of another language of the process.

        TypeError for an object without any of the methods.
        """
        tables = _tables(self.object)
        driver = self.driver
        impls = ffi.new("struct abio_table_head *[]", [head for head, _ in tables])
        made = ffi.new("abio_io *")
        if isinstance(self.object, Implementer):
            if self.object._abio_core is not None:
                raise ValueError("this object is in use already")
            self.object._abio_core = self
        _cores[self.number] = self
        self.lent = elsewhere != 0
        # The last word of another's driver is not heard here: having been closed has to do.
        token = 0 if self.lent else driver.enter(self)
        code = lib.abio_object_create(
            elsewhere or driver.handle,
            impls,
            len(tables),
            ffi.cast("void *", self.number),
            token,
            made,
        )
        if code < 0:
            if token:
                driver.leave(token)
            self._drop()
            raise _errors.error(code)
        self.handle = made[0]
        driver.beneath[self.handle] = (self,)
        return self.handle

    def event(self, result: int, progress: int, handle: int, data: int, flags: int) -> None:
        """The library's last word: nothing is called any more."""
        self._drop()

    def _drop(self) -> None:
        _cores.pop(self.number, None)
        self.driver.beneath.pop(self.handle, None)
        if isinstance(self.object, Implementer):
            self.object._abio_core = None
        self.object = self.view = self.keep = self.spare = None

    def notify(self, readiness: int) -> None:
        """The object is worth a try."""
        code = lib.abio_object_notify(self.handle, readiness)
        if code < 0 and code not in (_errors.CLOSED, _errors.HANDLE):
            raise _errors.error(code)

    # ---- failures ------------------------------------------------------------------------------------

    def fail(self, where: Where, failure: BaseException) -> int:
        """Keeps an exception for whoever reads or writes; the code that the library is told."""
        if isinstance(failure, asyncio.CancelledError):
            return CANCELED
        if isinstance(failure, (StopIteration, StopAsyncIteration, GeneratorExit)):
            # What would end the consumer's own loops must not reach them as it is.
            wrapped = RuntimeError(f"{self!r} raised {type(failure).__name__}")
            wrapped.__cause__ = failure
            failure = wrapped
        code = code_of(failure)
        self.failures.pop((where, code), None)
        self.failures[where, code] = (failure, failure.__traceback__)
        if len(self.failures) > KEPT:
            del self.failures[next(iter(self.failures))]
        return code

    def broken(self, where: Where, text: str) -> int:
        """The object broke its contract."""
        return self.fail(where, ContractError(f"{self!r}: {text}"))

    def failure(self, where: Where, code: int) -> Optional[BaseException]:
        """The exception behind a code that the library gave."""
        kept = self.failures.get((where, code))
        return None if kept is None else kept[0].with_traceback(kept[1])

    def failure_at(self, code: int, offset: int, length: int) -> Optional[BaseException]:
        """The same for a transfer at an offset."""
        for where, kept in self.failures:
            if kept == code and offset <= where <= offset + length:
                return self.failure(where, code)
        return None

    # ---- calling -------------------------------------------------------------------------------------

    def call(
        self,
        where: Where,
        op: int,
        method: Callable[..., Any],
        arguments: tuple[Any, ...],
        finish: Callable[[Any], tuple[int, int]],
    ) -> tuple[int, int]:
        """Calls a method that may be a coroutine function: PENDING, or its code and value."""
        if self.driver.finishing or self.driver.closed:
            return CANCELED, 0
        try:
            answer = method(*arguments)
            if not isinstance(answer, Awaitable):
                return finish(answer)
            if not inspect.iscoroutine(answer):
                answer = _wait(answer)
            task = self.driver.loop.create_task(answer)
        except BaseException as failure:
            return self.fail(where, failure), 0
        self.pending[op] = task
        task.add_done_callback(lambda done: self._done(where, op, done, finish))
        return PENDING, 0

    def _done(
        self,
        where: Where,
        op: int,
        task: asyncio.Task[Any],
        finish: Callable[[Any], tuple[int, int]],
    ) -> None:
        failure = None if task.cancelled() else task.exception()
        if op not in self.pending:
            return  # completed by cancel: the memory is gone
        del self.pending[op]
        value = 0
        if task.cancelled():
            code = CANCELED
        elif failure is not None:
            code = self.fail(where, failure)
        else:
            try:
                code, value = finish(task.result())
            except BaseException as raised:
                code = self.fail(where, raised)
        lib.abio_object_complete(self.handle, op, code, value)
        if where == CLOSING and self.lent:
            self._drop()

    def cancel(self, op: int) -> None:
        """Asks an operation to end; without a loop that turns it ends at once."""
        task = self.pending.get(op)
        if task is None:
            return
        if self.driver.finishing:
            del self.pending[op]
            lib.abio_object_complete(self.handle, op, CANCELED, 0)
        else:
            task.cancel()

    # ---- counts --------------------------------------------------------------------------------------

    def count(self, where: Where, name: str, answer: Any, most: int) -> int:
        """An answer that must be a number of bytes from 0 to `most`; else a code < 0."""
        if not isinstance(answer, int):
            return self.broken(where, f"{name} returned {_shown(answer)}, not a number of bytes")
        if not 0 <= answer <= most:
            return self.broken(where, f"{name} returned {answer} where at most {most} were asked for")
        return int(answer)

    def took(self, where: Where, name: str, answer: Any, most: int) -> int:
        """How many bytes a write took: None is all, none is an error."""
        taken = most if answer is None else self.count(where, name, answer, most)
        if taken == 0:
            return self.broken(where, f"{name} took no byte of {most}")
        return taken

    def gave(self, where: Where, name: str, answer: Any, most: int, data: Any) -> int:
        """Copies the bytes that a read returned to where the library wants them."""
        try:
            with memoryview(answer) as view, view.cast("B") as octets:
                size = len(octets)
                if size > most:
                    text = f"{name} returned {size} bytes where at most {most} were asked for"
                    return self.broken(where, text)
                ffi.memmove(data, octets, size)
        except TypeError:
            return self.broken(where, f"{name} returned {_shown(answer)}, not bytes")
        return size or HOST_EOF

    def borrow(self, size: int) -> memoryview:
        """Memory for an object to read into."""
        spare, self.spare = self.spare, None
        if spare is None or len(spare) < size:
            spare = bytearray(max(size, 4096))
        with memoryview(spare) as whole:
            return whole[:size]

    def filled(self, where: Where, name: str, answer: Any, view: memoryview, data: Any) -> int:
        """Copies what an object has put into borrowed memory."""
        got = self.count(where, name, answer, len(view))
        if got > 0:
            ffi.memmove(data, view, got)
        return HOST_EOF if got == 0 else got

    def take_back(self, view: memoryview) -> None:
        """Borrowed memory is used again, unless the object has kept a part of it."""
        memory = view.obj
        assert isinstance(memory, bytearray)
        try:
            view.release()
            memory.append(0)  # refused while any view of it is left
        except BufferError:
            return
        memory.pop()
        self.spare = memory


def code_of(failure: BaseException) -> int:
    """The code that tells others of an exception; the system's errno only where it is one."""
    if isinstance(failure, OSError):
        number = failure.errno
        if isinstance(number, int) and 0 < number < 4096:
            if type(failure) is type(OSError(number, "")):
                return -number
        elif number is None:
            for kind, number in _KINDS.items():
                if isinstance(failure, kind):
                    return -number
    return E_HOST


_KINDS: Final[dict[type[OSError], int]] = {
    ConnectionResetError: errno.ECONNRESET,
    ConnectionAbortedError: errno.ECONNABORTED,
    ConnectionRefusedError: errno.ECONNREFUSED,
    BrokenPipeError: errno.EPIPE,
    TimeoutError: errno.ETIMEDOUT,
    FileNotFoundError: errno.ENOENT,
    PermissionError: errno.EACCES,
}


def _shown(answer: Any) -> str:
    return "None" if answer is None else f"a {type(answer).__qualname__}"


async def _wait(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


# ---- tables --------------------------------------------------------------------------------------


def _tables(target: Any) -> list[tuple[Any, Any]]:
    """The tables of the traits that an object's methods make: heads, and what keeps them alive."""
    slots: dict[str, dict[str, Any]] = {}

    def give(trait: str, slot: str, *names: str) -> bool:
        if any(callable(getattr(target, name, None)) for name in names):
            slots.setdefault(trait, {})[slot] = getattr(lib, f"host_{slot}")
            return True
        return False

    give("read", "try_read", "try_read") or give("read", "start_read", "readinto", "read")
    if give("write", "try_write", "try_write") or give("write", "start_write", "write"):
        give("write", "try_flush", "try_flush") or give("write", "start_flush", "flush")
        give("write", "start_shutdown", "write_eof", "shutdown")
    if callable(getattr(target, "consume", None)) and give("buf_read", "try_fill_buf", "try_fill_buf"):
        give("buf_read", "consume", "consume")
    give("seek", "start_seek", "seek")
    give("read_at", "start_read_at", "readinto_at", "pread")
    give("write_at", "start_write_at", "pwrite")
    give("accept", "try_accept", "try_accept") or give("accept", "start_accept", "accept")
    if not slots.keys() - {"seek"}:
        raise TypeError(
            f"{type(target).__qualname__} object has no method to read, write or accept by "
            "(try_read, read, readinto, try_write, write, pread, pwrite, try_accept, accept)"
        )
    give("object", "interest", "interest")
    slots.setdefault("object", {}).update(cancel=lib.host_cancel, close=lib.host_close)
    tables = []
    for trait, functions in slots.items():
        table = ffi.new(f"struct abio_{trait}_impl *", functions)
        table.head.size = ffi.sizeof(f"struct abio_{trait}_impl")
        table.head.trait = getattr(lib, f"ABIO_TRAIT_{trait.upper()}")
        tables.append((ffi.addressof(table.head), table))
    return tables


# ---- slots ---------------------------------------------------------------------------------------


def _core(user: Any) -> Core:
    return _cores[int(ffi.cast("uintptr_t", user))]


def _slot(function: Callable[..., int]) -> Callable[..., int]:
    """A slot: what it lets through, the interrupt key between two lines, is the contract broken."""
    ffi.def_extern(name=f"host_{function.__name__[1:]}", error=E_HOST)(function)
    return function


def _try(core: Core, where: Where, method: Callable[..., Any], *arguments: Any) -> tuple[int, Any]:
    """Calls a method of the try_ style: its answer, or a code < 0 that says what came instead."""
    if core.driver.finishing:
        return CANCELED, None
    try:
        answer = method(*arguments)
    except BlockingIOError:
        return WOULD_BLOCK, None
    except BaseException as failure:
        return core.fail(where, failure), None
    if inspect.iscoroutine(answer):
        answer.close()
        return core.broken(where, f"{method.__name__} is a coroutine: {_HOW}"), None
    return (WOULD_BLOCK if answer is None else OK), answer


_HOW: Final = "the try_ methods act at once"


@_slot
def _try_read(user: Any, data: Any, length: int) -> int:
    core = _core(user)
    view = core.borrow(min(length, PART))
    code, answer = _try(core, READING, core.object.try_read, view)
    if code == OK:
        code = core.filled(READING, "try_read", answer, view, data)
    core.take_back(view)
    return code


@_slot
def _start_read(user: Any, op: int, data: Any, length: int) -> int:
    return _read(_core(user), READING, op, data, length, ("readinto", "read"), ())


@_slot
def _start_read_at(user: Any, op: int, data: Any, length: int, offset: int) -> int:
    return _read(_core(user), offset, op, data, length, ("readinto_at", "pread"), (offset,))


def _read(
    core: Core,
    where: Where,
    op: int,
    data: Any,
    length: int,
    names: tuple[str, str],
    more: tuple[int, ...],
) -> int:
    size = min(length, PART)
    into, plain = names
    method = getattr(core.object, into, None)
    if callable(method):
        view = core.borrow(size)

        def finish(answer: Any) -> tuple[int, int]:
            code = core.filled(where, into, answer, view, data)
            core.take_back(view)
            return code, 0

        return core.call(where, op, method, (view, *more), finish)[0]
    return core.call(
        where,
        op,
        getattr(core.object, plain),
        (size, *more),
        lambda answer: (core.gave(where, plain, answer, size, data), 0),
    )[0]


@_slot
def _try_write(user: Any, data: Any, length: int) -> int:
    core = _core(user)
    part = ffi.unpack(ffi.cast("char *", data), min(length, PART))
    code, answer = _try(core, WRITING, core.object.try_write, part)
    return core.took(WRITING, "try_write", answer, len(part)) if code == OK else code


@_slot
def _start_write(user: Any, op: int, data: Any, length: int) -> int:
    return _write(_core(user), WRITING, op, data, length, "write", ())


@_slot
def _start_write_at(user: Any, op: int, data: Any, length: int, offset: int) -> int:
    return _write(_core(user), offset, op, data, length, "pwrite", (offset,))


def _write(
    core: Core, where: Where, op: int, data: Any, length: int, name: str, more: tuple[int, ...]
) -> int:
    part = ffi.unpack(ffi.cast("char *", data), min(length, PART))
    return core.call(
        where,
        op,
        getattr(core.object, name),
        (part, *more),
        lambda answer: (core.took(where, name, answer, len(part)), 0),
    )[0]


@_slot
def _try_flush(user: Any) -> int:
    core = _core(user)
    code, answer = _try(core, WRITING, core.object.try_flush)
    if code == OK and not isinstance(answer, bool):
        return core.broken(WRITING, f"try_flush returned {_shown(answer)}, not True or False")
    return OK if answer else WOULD_BLOCK if code == OK else code


@_slot
def _start_flush(user: Any, op: int) -> int:
    core = _core(user)
    return core.call(WRITING, op, core.object.flush, (), _whatever)[0]


@_slot
def _start_shutdown(user: Any, op: int) -> int:
    core = _core(user)
    method = getattr(core.object, "write_eof", None)
    return core.call(WRITING, op, method or core.object.shutdown, (), _whatever)[0]


def _whatever(answer: Any) -> tuple[int, int]:
    return OK, 0


@_slot
def _try_fill_buf(user: Any, data: Any) -> int:
    core = _core(user)
    if core.view is None:
        code, answer = _try(core, READING, core.object.try_fill_buf)
        if code != OK:
            return code
        try:
            part = bytes(memoryview(answer)[:PART])
        except TypeError:
            return core.broken(READING, f"try_fill_buf returned {_shown(answer)}, not bytes")
        if not part:
            return HOST_EOF
        core.view, core.keep = part, ffi.from_buffer("char[]", part)
    data[0] = core.keep
    return len(core.view)


@_slot
def _consume(user: Any, count: int) -> int:
    core = _core(user)
    core.view = core.keep = None
    try:
        core.object.consume(count)
    except BaseException as failure:
        return core.fail(READING, failure)
    return OK


@_slot
def _start_seek(user: Any, op: int, whence: int, offset: int, position: Any) -> int:
    core = _core(user)

    def finish(answer: Any) -> tuple[int, int]:
        if not isinstance(answer, int) or not 0 <= answer < 1 << 63:
            return core.broken(SEEKING, f"seek returned {answer!r}, not the new position"), 0
        return OK, answer

    code, value = core.call(SEEKING, op, core.object.seek, (offset, whence), finish)
    if code == OK:
        position[0] = value
    return code


@_slot
def _try_accept(user: Any, accepted: Any) -> int:
    core = _core(user)
    code, answer = _try(core, ACCEPTING, core.object.try_accept)
    if code == OK:
        code, accepted[0] = _connection(core, "try_accept", answer)
    return code


@_slot
def _start_accept(user: Any, op: int, accepted: Any) -> int:
    core = _core(user)
    code, value = core.call(
        ACCEPTING, op, core.object.accept, (), lambda answer: _connection(core, "accept", answer)
    )
    if code == OK:
        accepted[0] = value
    return code


def _connection(core: Core, name: str, answer: Any) -> tuple[int, int]:
    """The handle of a connection that an object hands out: it goes to whoever accepts."""
    from ._stream import Stream

    try:
        if answer is None:
            raise TypeError
        stream = answer if isinstance(answer, Stream) else Stream.from_object(answer)
    except TypeError:
        return core.broken(ACCEPTING, f"{name} returned {_shown(answer)}, not a stream"), 0
    except Exception as failure:
        return core.fail(ACCEPTING, failure), 0
    try:
        return OK, stream.give_handle()
    except Exception as failure:
        return core.fail(ACCEPTING, failure), 0


@_slot
def _close(user: Any, op: int) -> int:
    core = _core(user)
    code = OK
    if core.closes:
        method = getattr(core.object, "aclose", None) or getattr(core.object, "close", None)
        if callable(method):
            code = core.call(CLOSING, op, method, (), _whatever)[0]
    if code != PENDING and core.lent:
        core._drop()
    return code


@_slot
def _cancel(user: Any, op: int) -> int:
    _core(user).cancel(op)
    return OK


@_slot
def _interest(user: Any, interest: int) -> int:
    core = _core(user)
    if not core.driver.finishing:
        try:
            core.object.interest(interest)
        except Exception as failure:
            core.driver.loop.call_exception_handler(
                {"message": f"Unhandled exception in interest() of {core!r}", "exception": failure}
            )
    return OK


__all__ = ["ACCEPTING", "CLOSING", "Core", "READING", "SEEKING", "WRITING", "code_of"]
