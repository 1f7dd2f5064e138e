"""Connecting: by host and port, or by the path of a Unix socket."""

from __future__ import annotations

import os
from typing import Any, Optional, Union

from . import _errors
from ._address import Resolving, from_struct, unix_address
from ._asyncio import LoopDriver, current
from ._driver import Making
from ._library import ffi, lib
from ._opening import Opening
from ._stream import Stream

Host = Optional[Union[str, bytes]]


def connect(host: str, port: int) -> Opening[Stream]:
    """Connects to a TCP port: `s = await connect(...)` or `async with connect(...) as s`.

    A name with several addresses is tried address by address.
    """
    return Opening(_connect(host, port))


def connect_unix(path: Union[str, bytes, os.PathLike[str]]) -> Opening[Stream]:
    """Connects to a Unix stream socket; a path that begins with a zero byte is an abstract name."""
    return Opening(_connect_unix(path))


async def _connect(host: str, port: int) -> Stream:
    driver = current()
    failures: list[OSError] = []
    for address in await resolve(driver, host, port, 0):
        try:
            return await _connect_to(driver, address)
        except OSError as failure:
            failures.append(failure)
    if len({failure.errno for failure in failures}) == 1:
        # All for the same reason: that is what the caller wants to catch.
        raise failures[0]
    raise OSError("Multiple exceptions: " + ", ".join(map(str, failures)))


async def _connect_unix(path: Union[str, bytes, os.PathLike[str]]) -> Stream:
    return await _connect_to(current(), unix_address(path))


async def _connect_to(driver: LoopDriver, address: Any) -> Stream:
    making = Making(driver.make_waiter())
    result = await driver.run(
        making, lambda token: lib.abio_connect(driver.handle, address, ffi.NULL, token)
    )
    if result < 0:
        raise _errors.error(result, _shown(address) if result > -4096 else None)
    return Stream(driver, making.handle)


def _shown(address: Any) -> str:
    found = from_struct(address)
    return f"{found[0]} port {found[1]}" if isinstance(found, tuple) else str(found)


async def resolve(driver: LoopDriver, host: Host, port: int, flags: int) -> list[Any]:
    """The struct abio_address of a name, at least one; socket.gaierror when there is none."""
    if not isinstance(port, int) or not 0 <= port <= 65535:
        raise OverflowError("port must be 0-65535.")
    name = b"" if host is None else host if isinstance(host, bytes) else _encoded(host)
    resolving = Resolving(driver.make_waiter())
    result = await driver.run(
        resolving,
        lambda token: lib.abio_resolve(driver.handle, name, len(name), port, flags, token),
    )
    if result == lib.ABIO_E_ARGUMENT:
        result = lib.ABIO_E_NAME_NOT_FOUND
    if result < 0:
        raise _errors.error(result)
    return resolving.addresses


def _encoded(host: str) -> bytes:
    try:
        return host.encode("ascii")
    except UnicodeEncodeError:
        return host.encode("idna")
