"""Streams: connected TCP and Unix sockets, and pipes.  Here: their end, and what they are."""

from __future__ import annotations

import warnings
from types import TracebackType
from typing import Any, Optional

from . import _errors
from ._address import Address, from_struct
from ._driver import Operation
from ._library import ffi, lib
from ._reading import ReadingSide
from ._writing import WritingSide


class Stream(ReadingSide, WritingSide):
    """A connected stream of bytes.  One task reads at a time; writers take turns."""

    __slots__ = ()

    def is_closing(self) -> bool:
        """Whether close or aclose has been called."""
        return self._handle == 0

    def close(self) -> None:
        """Closes without waiting: what was written is still sent, errors are not reported."""
        handle, self._handle = self._handle, 0
        if handle:
            lib.abio_release(handle)

    async def aclose(self) -> None:
        """Sends what was written, closes, and raises an error that no write has raised before.

        Cancelling it drops what is not sent yet and closes at once.
        """
        handle, self._handle = self._handle, 0
        if not handle:
            return
        try:
            writing = self._writing
            if writing is not None and not writing.done and writing.ended is not None:
                # A cancelled write is still on its way out: closing now would tear it.
                writing.waiter = self._make_waiter()
                await writing.waiter
            result = await self._driver.run(
                Operation(self._make_waiter()), lambda token: lib.abio_close(handle, 0, token)
            )
        finally:
            lib.abio_release(handle)
        if result < 0 and result not in (self._told, _errors.CANCELED, _errors.CLOSED):
            raise _errors.stream_error(result)

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        if kind is None:
            await self.aclose()
        else:
            # The body failed or was cancelled: do not wait for a peer that may never read.
            self.close()

    def __del__(self) -> None:
        handle = getattr(self, "_handle", 0)
        if handle:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self)
            lib.abio_release(handle)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """'peername' and 'sockname' as the socket module gives them; else `default`."""
        info = self._look()
        if info is None or name not in ("peername", "sockname"):
            return default
        value = info[0] if name == "peername" else info[1]
        return default if value is None else value

    def fileno(self) -> int:
        """The system's descriptor, which stays the library's; -1 when closed."""
        info = self._look() if self._handle else None
        return info[2] if info is not None else -1

    def _look(self) -> Optional[tuple[Optional[Address], Optional[Address], int]]:
        if self._info is None and self._handle:
            info = io_info(self._handle)
            if info is not None:
                self._info = (from_struct(info.peer), from_struct(info.local), info.fd)
        return self._info

    def __repr__(self) -> str:
        return "<abio.Stream closed>" if not self._handle else f"<abio.Stream {self._handle:#x}>"


def io_info(handle: int) -> Any:
    """The library's struct abio_io_info, or None when the io is closed."""
    info = ffi.new("struct abio_io_info *", {"size": ffi.sizeof("struct abio_io_info")})
    return info if lib.abio_info(handle, info) >= 0 else None
