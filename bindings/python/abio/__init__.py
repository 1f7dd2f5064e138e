"""abio: asynchronous files and sockets beside the event loop you already run.

Works on stock asyncio and on uvloop; io_uring where the system has it, else epoll.

    async with abio.open("x.bin", "rb") as f:
        head = await f.read(4096)
    async with abio.connect("localhost", 80) as stream:
        await stream.write(b"GET / HTTP/1.0\\r\\n\\r\\n")
        answer = await stream.read()
"""

from __future__ import annotations

from ._connect import connect, connect_unix
from ._file import File, open
from ._info import Info, info
from ._library import VERSION as _VERSION
from ._opening import Opening
from ._server import Server, start_server, start_unix_server
from ._sleep import sleep
from ._stream import Stream

__version__ = ".".join(map(str, _VERSION))

__all__ = [
    "File",
    "Info",
    "Opening",
    "Server",
    "Stream",
    "__version__",
    "connect",
    "connect_unix",
    "info",
    "open",
    "sleep",
    "start_server",
    "start_unix_server",
]

for _name in ("File", "Info", "Opening", "Server", "Stream"):
    globals()[_name].__module__ = "abio"
del _name
