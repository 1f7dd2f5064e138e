"""From a descriptor, a number or an object to what one reads and writes by: which class it is."""

from __future__ import annotations

import os
import stat
from typing import Any, Union

from . import _errors
from ._asyncio import current
from ._file import File
from ._host import Core
from ._library import lib
from ._stream import Stream, io_info


class Passing:
    """The methods of a stream, for a driver that is not its own."""

    def __init__(self, stream: Stream) -> None:
        self.read = stream.read
        self.write = stream.write
        self.flush = stream.flush
        self.write_eof = stream.write_eof
        self.aclose = stream.aclose


def driver() -> int:
    """The number of the running loop's driver, for another language to lend an object to."""
    return current().handle


def lend(thing: Any, driver: int) -> int:
    """The number of an object for another language of the process, on that one's driver.

    `thing` is a stream, which nobody else uses from now on, or an object that implements one.  Its
    methods run in this loop, whose thread is also that of the driver; who gets the number has the
    object's reference.
    """
    implementation = Passing(thing) if isinstance(thing, Stream) else thing
    return Core(current(), implementation).create(driver)


def from_handle(handle: int, *, take: bool = False) -> Union[Stream, File]:
    """A stream, or for what has a position a file, over a handle that was made elsewhere.

    It adds a reference of its own, or takes over the caller's.  The handle must belong to the running
    loop's driver: another language lends it there.
    """
    found = _from_handle(handle)
    if take:
        lib.abio_release(handle)
    return found


def _from_handle(handle: int) -> Union[Stream, File]:
    info = io_info(handle)
    if info is None:
        raise _errors.error(_errors.HANDLE)
    if info.kind == lib.ABIO_KIND_FILE:
        return File.from_handle(handle)
    return Stream.from_handle(handle)


def from_fd(fd: int, *, duplicate: bool = False) -> Union[Stream, File]:
    """A file for the descriptor of a regular file or block device, a stream for others."""
    mode = os.fstat(fd).st_mode
    if stat.S_ISREG(mode) or stat.S_ISBLK(mode):
        return File.from_fd(fd, duplicate=duplicate)
    return Stream.from_fd(fd, duplicate=duplicate)


def from_object(implementation: Any, *, close: bool = True) -> Union[Stream, File]:
    """A file for an object with `pread` or `pwrite`, a stream for one that reads or writes."""
    if hasattr(implementation, "pread") or hasattr(implementation, "pwrite"):
        return File.from_object(implementation, close=close)
    return Stream.from_object(implementation, close=close)
