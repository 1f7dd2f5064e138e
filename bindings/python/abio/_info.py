"""What abio runs on: the backend, why it was chosen, and which library this is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import _errors
from ._asyncio import running
from ._library import HASH, VERSION, ffi, lib


@dataclass(frozen=True)
class Info:
    """`backend` is "uring" (io_uring) or "epoll"; `reason` says in words why.

    `fallback_error` is the code that ruled io_uring out, or 0.  The counts are those of the running
    loop's driver, and 0 without one.
    """

    backend: str
    reason: str
    fallback_error: int
    version: str
    description: str
    in_flight: int
    undelivered: int


def info() -> Info:
    """Of the running loop's driver; without one, of a driver made for the question."""
    driver = running()
    if driver is not None and not driver.closed:
        return _info(driver.state())
    made = ffi.new("abio_driver *")
    code = lib.abio_driver_create(ffi.NULL, made)
    if code < 0:
        raise _errors.error(code)
    try:
        state = ffi.new("struct abio_driver_state *")
        state.size = ffi.sizeof("struct abio_driver_state")
        code = lib.abio_driver_info(made[0], state)
        if code < 0:
            raise _errors.error(code)
        return _info(state)
    finally:
        lib.abio_driver_close(made[0])


def _info(state: Any) -> Info:
    return Info(
        backend="uring" if state.backend == lib.ABIO_BACKEND_URING else "epoll",
        reason=bytes(ffi.string(ffi.cast("char *", state.reason), 104)).decode("utf-8", "replace"),
        fallback_error=state.fallback_error,
        version=".".join(map(str, VERSION)),
        description=HASH,
        in_flight=state.in_flight,
        undelivered=state.undelivered,
    )
