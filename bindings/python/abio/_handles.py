"""From a descriptor, a number or an object to what one reads and writes by: which class it is."""

from __future__ import annotations

import os
import stat
from typing import Any, Union

from . import _errors
from ._file import File
from ._library import lib
from ._stream import Stream, io_info


def from_handle(handle: int) -> Union[Stream, File]:
    """A stream, or for what has a position a file, over a handle that was made elsewhere.

    It adds a reference of its own.  The handle must belong to the running loop's driver.
    """
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
