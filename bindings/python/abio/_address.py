"""Socket addresses: between struct abio_address and the tuples of Python's socket module."""

from __future__ import annotations

import os
import socket
from typing import Any, Final, Optional, Union

from ._driver import Making, Operation
from ._library import ffi, lib

# What socket.getpeername() gives: (host, port), (host, port, flow, scope), or a path.
Address = Union[tuple[str, int], tuple[str, int, int, int], str, bytes]

ADDRESS_SIZE: Final[int] = ffi.sizeof("struct abio_address")
_ROOM: Final = 108


def unix_address(path: Union[str, bytes, os.PathLike[str], os.PathLike[bytes]]) -> Any:
    """A Unix address; a path that begins with a zero byte is an abstract name."""
    name = os.fsencode(path)
    if not name:
        raise ValueError("empty path")
    if len(name) > _ROOM:
        raise OSError("AF_UNIX path too long")
    address = ffi.new("struct abio_address *")
    address.size = ADDRESS_SIZE
    address.family = lib.ABIO_FAMILY_UNIX
    address.length = len(name)
    ffi.memmove(address.data, name, len(name))
    return address


def from_struct(address: Any) -> Optional[Address]:
    """The tuple or path of a struct abio_address; None when it holds none."""
    data = bytes(ffi.buffer(address.data, address.length))
    if address.family == lib.ABIO_FAMILY_IPV4:
        return (socket.inet_ntop(socket.AF_INET, data[:4]), address.port)
    if address.family == lib.ABIO_FAMILY_IPV6:
        return (socket.inet_ntop(socket.AF_INET6, data[:16]), address.port, 0, address.scope)
    if address.family == lib.ABIO_FAMILY_UNIX:
        return data if data[:1] == b"\0" else os.fsdecode(data)
    return None


class Resolving(Operation):
    """A look-up: the addresses are copied out of the view in the tick that brings it."""

    __slots__ = ("addresses",)

    def __init__(self, waiter: Any) -> None:
        super().__init__(waiter)
        self.addresses: list[Any] = []

    def event(self, result: int, progress: int, handle: int, data: int, flags: int) -> None:
        if result > 0 and data:
            base = ffi.cast("char *", data)
            stride = ffi.cast("struct abio_address *", base).size
            for index in range(result):
                address = ffi.new("struct abio_address *")
                ffi.memmove(address, base + index * stride, min(stride, ADDRESS_SIZE))
                address.size = ADDRESS_SIZE
                self.addresses.append(address)
        super().event(result, progress, handle, data, flags)


__all__ = ["ADDRESS_SIZE", "Address", "Making", "Resolving", "from_struct", "unix_address"]
