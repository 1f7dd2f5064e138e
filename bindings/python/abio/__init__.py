"""abio: asynchronous files and sockets beside the event loop you already run.

Works on stock asyncio and on uvloop; io_uring where the system has it, else epoll.

    async with abio.open("x.bin", "rb") as f:
        head = await f.read(4096)
    async with abio.connect("localhost", 80) as stream:
        await stream.write(b"GET / HTTP/1.0\\r\\n\\r\\n")
        answer = await stream.read()
"""

from __future__ import annotations

from ._adapters import BufferedReader, Copying, buffered, chain, copy, take
from ._buffer import Buffer
from ._connect import connect, connect_unix
from ._datagram import Datagram, open_datagram
from ._errors import ContractError
from ._file import File, open
from ._handles import driver, from_fd, from_handle, from_object, lend
from ._info import Info, info
from ._library import VERSION as _VERSION
from ._opening import Opening
from ._server import Server, start_server, start_unix_server
from ._sleep import sleep
from ._stream import Stream, pipe, stderr, stdin, stdout
from ._traits import (
    READ,
    WRITE,
    Accept,
    AsyncRead,
    AsyncReadInto,
    AsyncWrite,
    Implementer,
    ReadAt,
    TryRead,
    TryWrite,
    WriteAt,
)

__version__ = ".".join(map(str, _VERSION))

__all__ = [
    "READ",
    "WRITE",
    "Accept",
    "AsyncRead",
    "AsyncReadInto",
    "AsyncWrite",
    "Buffer",
    "BufferedReader",
    "ContractError",
    "Copying",
    "Datagram",
    "File",
    "Implementer",
    "Info",
    "Opening",
    "ReadAt",
    "Server",
    "Stream",
    "TryRead",
    "TryWrite",
    "WriteAt",
    "__version__",
    "buffered",
    "chain",
    "connect",
    "connect_unix",
    "copy",
    "driver",
    "from_fd",
    "from_handle",
    "from_object",
    "info",
    "lend",
    "open",
    "open_datagram",
    "pipe",
    "sleep",
    "start_server",
    "start_unix_server",
    "stderr",
    "stdin",
    "stdout",
    "take",
]

for _name in __all__:
    if isinstance(globals()[_name], type):
        globals()[_name].__module__ = "abio"
del _name
