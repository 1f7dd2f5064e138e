"""Datagram sockets, UDP and Unix: each message whole, with the address it came from or goes to.

A receive whose caller has left may still win a datagram: the next receive gets it.
"""

from __future__ import annotations

import os
import socket
import warnings
from collections import deque
from types import TracebackType
from typing import Any, Final, Optional, Union

from . import _errors
from ._address import ADDRESS_SIZE, Address, from_struct, unix_address
from ._asyncio import LoopDriver, current
from ._connect import resolve
from ._driver import Operation
from ._library import ffi, lib
from ._opening import Opening
from ._stream import io_info

# (host, port), or the path of a Unix socket.
Place = Union[tuple[Any, ...], str, bytes, "os.PathLike[str]"]

LONGEST: Final = 65536

_memory = ffi.new_allocator(should_clear_after_alloc=False)


class Receiving(Operation):
    """A receive: its memory, the sender, and whether the rest did not fit."""

    __slots__ = ("data", "sender", "truncated", "kept")

    def __init__(self, waiter: Any, length: int) -> None:
        super().__init__(waiter)
        self.data = _memory("char[]", max(length, 1))
        self.sender = ffi.new("struct abio_address *", {"size": ADDRESS_SIZE})
        self.truncated = False
        self.kept: Optional[deque[Receiving]] = None  # where it goes when nobody waits any more

    def event(self, result: int, progress: int, handle: int, data: int, flags: int) -> None:
        self.truncated = bool(flags & lib.ABIO_EVENT_TRUNCATED)
        super().event(result, progress, handle, data, flags)
        if self.kept is not None and result >= 0:
            self.kept.append(self)


class Datagram:
    """A datagram socket.  Any number of tasks may send and receive."""

    __slots__ = ("_driver", "_handle", "_kept", "_info", "__weakref__")

    def __init__(self, driver: LoopDriver, handle: int) -> None:
        self._driver = driver
        self._handle = handle
        self._kept: deque[Receiving] = deque()
        info = io_info(handle)
        self._info = (from_struct(info.peer), from_struct(info.local), info.fd)

    async def receive_from(self, n: int = LONGEST) -> tuple[bytes, Optional[Address]]:
        """The next datagram, and who sent it (None: a Unix socket without a name).

        What is longer than `n` bytes is cut off.  Cancelling it loses nothing.
        """
        if n < 0:
            raise ValueError("negative length")
        if self._kept:
            return self._give(self._kept.popleft(), n)
        driver = self._driver
        receiving = Receiving(driver.make_waiter(), n)
        receiving.token = token = driver.enter(receiving)
        code = lib.abio_receive_from(
            self._handle, receiving.data, n, receiving.sender, 0, token
        )
        if code < 0:
            driver.leave(token)
            raise _errors.stream_error(code)
        try:
            await receiving.waiter
        except BaseException:
            if receiving.done:
                if receiving.result >= 0:
                    self._kept.append(receiving)
            else:
                receiving.kept = self._kept
                driver.cancel(receiving)
            raise
        return self._give(receiving, n)

    def _give(self, receiving: Receiving, n: int) -> tuple[bytes, Optional[Address]]:
        if receiving.result < 0:
            raise _errors.stream_error(receiving.result)
        data = bytes(ffi.unpack(receiving.data, receiving.result)) if receiving.result else b""
        return data[:n], from_struct(receiving.sender)

    async def receive(self, n: int = LONGEST) -> bytes:
        """The next datagram."""
        return (await self.receive_from(n))[0]

    async def send_to(self, data: Union[bytes, bytearray, memoryview], to: Place) -> int:
        """Sends one datagram to an address: (host, port), or a path.  The number of bytes.

        A name is looked up each time; a numeric address is not.
        """
        return await self._send(data, await address_of(self._driver, to, self._family()))

    async def send(self, data: Union[bytes, bytearray, memoryview]) -> int:
        """Sends one datagram to the peer that the socket is connected to."""
        return await self._send(data, ffi.NULL)

    async def _send(self, data: Union[bytes, bytearray, memoryview], to: Any) -> int:
        whole = bytes(data)
        driver = self._driver
        operation = Operation(driver.make_waiter(), whole)
        start = ffi.from_buffer("char[]", whole)
        result = await driver.run(
            operation,
            lambda token: lib.abio_send_to(self._handle, start, len(whole), to, 0, token),
            leave=True,
        )
        if result < 0:
            raise _errors.stream_error(result)
        return result

    def _family(self) -> int:
        local = self._info[1]
        if isinstance(local, tuple):
            return int(lib.ABIO_RESOLVE_IPV6 if len(local) == 4 else lib.ABIO_RESOLVE_IPV4)
        return 0

    @property
    def handle(self) -> int:
        """The library's number for it; 0 when closed."""
        return self._handle

    @property
    def address(self) -> Address:
        """Its own address."""
        return self._info[1] if self._info[1] is not None else ""

    @property
    def peer(self) -> Optional[Address]:
        """The address it is connected to."""
        return self._info[0]

    def fileno(self) -> int:
        """The system's descriptor, which stays the library's; -1 when closed."""
        return self._info[2] if self._handle else -1

    def close(self) -> None:
        """Closes at once; what waits ends."""
        handle, self._handle = self._handle, 0
        if handle:
            lib.abio_release(handle)

    async def aclose(self) -> None:
        """Closes, and returns when it is closed."""
        handle = self._handle
        if handle:
            try:
                await self._driver.run(
                    Operation(self._driver.make_waiter()),
                    lambda token: lib.abio_close(handle, 0, token),
                )
            finally:
                self.close()

    async def __aenter__(self) -> Datagram:
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if getattr(self, "_handle", 0):
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self)
            self.close()

    def __repr__(self) -> str:
        return f"<abio.Datagram {self._info[1]!r}>" if self._handle else "<abio.Datagram closed>"


async def address_of(driver: LoopDriver, place: Place, family: int, passive: bool = False) -> Any:
    """The struct abio_address of a (host, port) or a path."""
    if isinstance(place, tuple):
        flags = family | (lib.ABIO_RESOLVE_PASSIVE if passive else 0)
        for host_family, flag in (
            (socket.AF_INET, lib.ABIO_RESOLVE_IPV4),
            (socket.AF_INET6, lib.ABIO_RESOLVE_IPV6),
        ):
            if family == flag:
                try:
                    packed = socket.inet_pton(host_family, place[0])
                except (OSError, TypeError):
                    continue
                return _numeric(packed, flag, place)
        return (await resolve(driver, place[0] or None, place[1], flags))[0]
    return unix_address(place)


def _numeric(packed: bytes, flag: int, place: tuple[Any, ...]) -> Any:
    address = ffi.new("struct abio_address *", {"size": ADDRESS_SIZE})
    v6 = flag == lib.ABIO_RESOLVE_IPV6
    address.family = lib.ABIO_FAMILY_IPV6 if v6 else lib.ABIO_FAMILY_IPV4
    address.length = len(packed)
    address.port = place[1]
    if v6 and len(place) > 3:
        address.scope = place[3]
    ffi.memmove(address.data, packed, len(packed))
    return address


def open_datagram(
    local: Optional[Place] = None,
    peer: Optional[Place] = None,
    *,
    reuse_port: bool = False,
    broadcast: bool = False,
) -> Opening[Datagram]:
    """A datagram socket bound to `local` (port 0: one the system picks), connected to `peer`.

    One of the two is needed: (host, port) for UDP, a path for a Unix socket.
    """
    flags = lib.ABIO_DATAGRAM_REUSE_PORT if reuse_port else 0
    flags |= lib.ABIO_DATAGRAM_BROADCAST if broadcast else 0
    return Opening(_open(local, peer, flags))


async def _open(local: Optional[Place], peer: Optional[Place], flags: int) -> Datagram:
    driver = current()
    none = ffi.NULL
    to = none if peer is None else await address_of(driver, peer, 0)
    family = 0
    if to != none and to.family != lib.ABIO_FAMILY_UNIX:
        v4 = to.family == lib.ABIO_FAMILY_IPV4
        family = lib.ABIO_RESOLVE_IPV4 if v4 else lib.ABIO_RESOLVE_IPV6
    here = none if local is None else await address_of(driver, local, family, passive=True)
    made = ffi.new("abio_io *")
    code = lib.abio_datagram(driver.handle, here, to, flags, made)
    if code < 0:
        raise _errors.error(code)
    return Datagram(driver, made[0])
