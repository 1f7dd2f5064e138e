"""From the library's codes to Python's exceptions: the only place that knows the mapping.

Codes -1 to -4095 are the system's errno and become the OSError subclass that `OSError` itself
chooses.  The library's own codes say that the program is wrong (ValueError, RuntimeError), that a
name is unknown (socket.gaierror), or that an object was closed under an operation.
"""

from __future__ import annotations

import errno
import io
import os
import socket
from typing import Final, Optional

from ._library import ffi, lib

class ContractError(RuntimeError):
    """An object that Python (or another language) implements has broken the rules of its methods."""


WOULD_BLOCK: Final[int] = lib.ABIO_WOULD_BLOCK
HANDLE: Final[int] = lib.ABIO_E_HANDLE
CLOSED: Final[int] = lib.ABIO_E_CLOSED
FORKED: Final[int] = lib.ABIO_E_FORKED
WRONG_THREAD: Final[int] = lib.ABIO_E_WRONG_THREAD
BUSY: Final[int] = lib.ABIO_E_BUSY
CANCELED: Final[int] = lib.ABIO_E_CANCELED
UNEXPECTED_EOF: Final[int] = lib.ABIO_E_UNEXPECTED_EOF
UNSUPPORTED: Final[int] = lib.ABIO_E_UNSUPPORTED
HOST: Final[int] = lib.ABIO_E_HOST

_RESOLVER: Final[dict[int, int]] = {
    lib.ABIO_E_NAME_NOT_FOUND: socket.EAI_NONAME,
    lib.ABIO_E_NAME_AGAIN: socket.EAI_AGAIN,
    lib.ABIO_E_NAME_FAILED: socket.EAI_FAIL,
    lib.ABIO_E_NAME_FAMILY: socket.EAI_FAMILY,
}

_RUNTIME: Final[dict[int, str]] = {
    FORKED: "this object was made before fork() and belongs to the parent process",
    WRONG_THREAD: "this object belongs to an event loop that runs in another thread",
    BUSY: "another coroutine is already doing this on the same object",
    lib.ABIO_E_REENTERED: "the driver was entered from inside one of its own calls",
}


def text(code: int) -> str:
    """The library's own phrase for a code."""
    return bytes(ffi.string(lib.abio_error_text(code))).decode()


def error(code: int, filename: Optional[object] = None) -> Exception:
    """The exception for a negative code of an operation; `filename` goes into an OSError."""
    if -4096 < code < 0:
        if filename is None:
            return OSError(-code, os.strerror(-code))
        return OSError(-code, os.strerror(-code), filename)
    if code in _RESOLVER:
        return socket.gaierror(_RESOLVER[code], text(code))
    if code in _RUNTIME:
        return RuntimeError(_RUNTIME[code])
    if code == HOST:
        return ContractError(text(code))
    if code == UNSUPPORTED:
        return io.UnsupportedOperation(text(code))
    if code == CANCELED:
        return OSError(errno.ECANCELED, "the operation was cancelled by closing")
    if code in (CLOSED, HANDLE, lib.ABIO_E_ARGUMENT):
        return ValueError(text(code))
    if code == lib.ABIO_E_WRITE_ZERO:
        return OSError(errno.EIO, text(code))
    return RuntimeError(text(code))


def file_error(code: int, filename: Optional[object] = None) -> Exception:
    """As `error`, for an operation on a file that may be closed."""
    if code in (CLOSED, HANDLE, CANCELED):
        return ValueError("I/O operation on closed file")
    return error(code, filename)


def stream_error(code: int) -> Exception:
    """As `error`, for an operation on a stream that may be closed."""
    if code in (CLOSED, HANDLE, CANCELED):
        return ConnectionAbortedError(errno.ECONNABORTED, "the stream was closed")
    return error(code)
