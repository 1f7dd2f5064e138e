"""Servers: listening sockets, accepts that re-arm themselves in the tick, and a task per connection.

The handler's stream is closed when the handler returns: without waiting when it failed.  Leaving
`async with server` stops listening, cancels the handlers that still run, and waits for them.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Final, Optional, Union

from . import _errors
from ._address import Address, from_struct, unix_address
from ._asyncio import LoopDriver, current
from ._connect import resolve
from ._driver import Operation
from ._host import ACCEPTING, Core
from ._library import ffi, lib
from ._opening import Opening
from ._stream import Stream, io_info

Handler = Callable[[Stream], Awaitable[object]]

# Connections taken in one turn of the loop.
ACCEPTS: Final = 16
PAUSE_NS: Final = 100_000_000


class Listener:
    """One listening socket: what `Server.sockets` holds."""

    __slots__ = ("_handle", "_address", "_fd")

    def __init__(self, handle: int) -> None:
        info = io_info(handle)
        self._handle = handle
        self._address = from_struct(info.local)
        self._fd: int = info.fd

    def getsockname(self) -> Address:
        """The address it listens on, as the socket module gives it."""
        return self._address if self._address is not None else ""

    def fileno(self) -> int:
        """The system's descriptor, which stays the library's; -1 when closed."""
        return self._fd if self._handle else -1

    def _close(self) -> None:
        handle, self._handle = self._handle, 0
        if handle:
            lib.abio_release(handle)

    def __repr__(self) -> str:
        return f"<abio.Listener {self._address!r}>"


class Accepting:
    """A slot that accepts for ever: each event brings a connection and starts the next accept."""

    __slots__ = ("server", "listener", "waiting")

    def __init__(self, server: Server, listener: Listener) -> None:
        self.server = server
        self.listener = listener
        self.waiting = False

    def start(self) -> int:
        """Starts an accept: 0 or a code."""
        driver = self.server._driver
        token = driver.enter(self)
        code: int = lib.abio_accept(self.listener._handle, 0, token)
        if code < 0:
            driver.leave(token)
        else:
            self.server._accepting += 1
        return code

    def event(self, result: int, progress: int, handle: int, data: int, flags: int) -> None:
        server = self.server
        if self.waiting:
            self.waiting = False
        else:
            server._accepting -= 1
            if handle:
                server._serve(handle)
        if server._closed:
            server._check_end()
        elif result >= 0 or result == -errno.ECONNABORTED:
            self.start()
        elif server._report(result):
            self.pause()
        elif result > -4096:
            # Out of descriptors or memory: connections wait in the system meanwhile.
            self.pause()

    def pause(self) -> None:
        """Tries again after a while."""
        driver = self.server._driver
        token = driver.enter(self)
        if lib.abio_timer(driver.handle, PAUSE_NS, 0, token) < 0:
            driver.leave(token)
        else:
            self.waiting = True


class Server:
    """Listening sockets and the tasks of their connections."""

    def __init__(self, driver: LoopDriver, handler: Handler, handles: Sequence[int]) -> None:
        self._driver = driver
        self._handler = handler
        self._closed = False
        self._accepting = 0
        self._beneath: tuple[Any, ...] = ()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: Optional[asyncio.Future[None]] = None
        self._forever: Optional[asyncio.Future[None]] = None
        self.sockets: tuple[Listener, ...] = tuple(map(Listener, handles))

    @property
    def addresses(self) -> list[Address]:
        """The addresses listened on."""
        return [listener.getsockname() for listener in self.sockets]

    @property
    def address(self) -> Address:
        """The first of them: for a TCP server, what `connect` takes."""
        return self.sockets[0].getsockname()

    def is_serving(self) -> bool:
        """Whether new connections are taken."""
        return not self._closed

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop it runs on."""
        return self._driver.loop

    @classmethod
    def from_object(cls, handler: Handler, implementation: Any, *, close: bool = True) -> Server:
        """A server of the connections that a Python object accepts: `accept` or `try_accept`.

        What it returns is a Stream, or an object that implements one.
        """
        driver = current()
        server = cls(driver, handler, [Core(driver, implementation, close).create()])
        server._beneath = driver.beneath[server.sockets[0]._handle]
        try:
            server._listen()
        except BaseException:
            server.close()
            raise
        return server

    def _report(self, code: int) -> bool:
        """Tells the loop of an exception of what Python implements; False when it was none."""
        for core in self._beneath:
            failure = core.failure(ACCEPTING, code)
            if failure is not None:
                self._driver.loop.call_exception_handler(
                    {"message": "Unhandled exception while accepting", "exception": failure}
                )
                return True
        return False

    def _listen(self) -> None:
        for listener in self.sockets:
            # One at a time of an object of Python's: it need not know how to do more.
            for _ in range(1 if self._beneath else ACCEPTS):
                code = Accepting(self, listener).start()
                if code < 0:
                    raise _errors.error(code)

    def _serve(self, handle: int) -> None:
        stream = Stream(self._driver, handle)
        if self._closed:
            stream.close()
            return
        task = self._driver.spawn(self._handle(stream))
        self._tasks.add(task)
        task.add_done_callback(partial(self._task_done, stream))

    async def _handle(self, stream: Stream) -> None:
        async with stream:
            await self._handler(stream)

    def _task_done(self, stream: Stream, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        # Of a task that was cancelled before its first step.
        stream.close()
        if not task.cancelled():
            failure = task.exception()
            if failure is not None:
                self._driver.loop.call_exception_handler(
                    {
                        "message": "Unhandled exception in the handler of a connection",
                        "exception": failure,
                        "task": task,
                    }
                )
        if self._closed:
            self._check_end()

    def _check_end(self) -> None:
        if not self._tasks and not self._accepting:
            if self._ended is not None and not self._ended.done():
                self._ended.set_result(None)

    def close(self) -> None:
        """Stops listening; connections that are open go on."""
        if self._closed:
            return
        self._closed = True
        for listener in self.sockets:
            listener._close()
        if self._forever is not None and not self._forever.done():
            self._forever.cancel()
        self._check_end()

    def close_clients(self) -> None:
        """Cancels the handlers that still run."""
        for task in self._tasks:
            task.cancel()

    async def wait_closed(self) -> None:
        """Returns when the server is closed and its last handler has ended."""
        while not self._closed or self._tasks or self._accepting:
            if self._ended is None or self._ended.done():
                self._ended = self._driver.loop.create_future()
            await asyncio.shield(self._ended)

    async def aclose(self) -> None:
        """Stops listening, cancels the handlers that still run, and waits for them."""
        self.close()
        self.close_clients()
        await self.wait_closed()

    async def serve_forever(self) -> None:
        """Serves until it is cancelled, and closes then."""
        if self._forever is not None:
            raise RuntimeError(f"server {self!r} is already being awaited on serve_forever()")
        if self._closed:
            raise RuntimeError(f"server {self!r} is closed")
        self._forever = self._driver.loop.create_future()
        try:
            await self._forever
        finally:
            self._forever = None
            await self.aclose()

    async def __aenter__(self) -> Server:
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<abio.Server {'closed' if self._closed else self.addresses}>"


def start_server(
    handler: Handler,
    host: Union[str, None, Sequence[str]] = None,
    port: int = 0,
    *,
    backlog: int = 0,
    reuse_port: bool = False,
) -> Opening[Server]:
    """Listens on a TCP port and runs `handler(stream)` in a task for each connection.

    `host` None is every address of this machine; port 0 is one the system picks (see
    Server.addresses).  `s = await start_server(...)` or `async with start_server(...) as s`.
    """
    return Opening(_start(handler, host, port, backlog, reuse_port))


def start_unix_server(
    handler: Handler, path: Union[str, bytes, os.PathLike[str]], *, backlog: int = 0
) -> Opening[Server]:
    """Listens on a Unix socket, whose path is left where it is at the end."""
    return Opening(_start_unix(handler, path, backlog))


async def _start(
    handler: Handler,
    host: Union[str, None, Sequence[str]],
    port: int,
    backlog: int,
    reuse_port: bool,
) -> Server:
    driver = current()
    hosts = [host] if host is None or isinstance(host, str) else list(host)
    addresses: list[Any] = []
    for name in hosts:
        found = await resolve(driver, name or None, port, lib.ABIO_RESOLVE_PASSIVE)
        seen = {from_struct(address) for address in addresses}
        addresses += [address for address in found if from_struct(address) not in seen]
    flags = lib.ABIO_LISTEN_REUSE_PORT if reuse_port else 0
    return _serve_on(driver, handler, addresses, flags, backlog)


async def _start_unix(
    handler: Handler, path: Union[str, bytes, os.PathLike[str]], backlog: int
) -> Server:
    return _serve_on(current(), handler, [unix_address(path)], 0, backlog)


def _serve_on(
    driver: LoopDriver, handler: Handler, addresses: Sequence[Any], flags: int, backlog: int
) -> Server:
    handles: list[int] = []
    made = ffi.new("abio_io *")
    options = ffi.new("struct abio_listen_options *")
    options.size = ffi.sizeof("struct abio_listen_options")
    options.backlog = backlog
    try:
        for address in addresses:
            only_v6 = lib.ABIO_LISTEN_ONLY_IPV6 if address.family == lib.ABIO_FAMILY_IPV6 else 0
            options.flags = flags | only_v6
            code = lib.abio_listen(driver.handle, address, options, made)
            if code < 0:
                raise _errors.error(code, str(from_struct(address)) if code > -4096 else None)
            handles.append(made[0])
        server = Server(driver, handler, handles)
        server._listen()
    except BaseException:
        for handle in handles:
            lib.abio_release(handle)
        raise
    return server
