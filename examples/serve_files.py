"""An HTTP/1.1 file server on asyncio, its files and sockets by abio.

    python examples/serve_files.py ROOT [--host 127.0.0.1] [--port 0] [--stats FILE]

GET and HEAD, keep-alive, single ranges, conditional requests, directory listings.  A second task,
plain asyncio, measures how late its 10 ms tick ever runs: the loop stays free while files move.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import html
import json
import mimetypes
import os
import re
import signal
import stat
import sys
from dataclasses import dataclass, field
from email.utils import formatdate, parsedate_to_datetime
from http import HTTPStatus
from typing import Optional
from urllib.parse import quote, unquote_to_bytes

import abio

CHUNK = 256 * 1024
WITH_HEAD = 32 * 1024
HEAD_LIMIT = 16 * 1024
TICK = 0.01
GRACE = 5.0
OTHER_METHODS = {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"}
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.IGNORECASE)


class Refusal(Exception):
    """An answer that is not the file: a status, and headers that go with it."""

    def __init__(self, status: HTTPStatus, headers: Optional[dict[str, str]] = None) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers or {}


@dataclass
class Request:
    """The head of a request."""

    method: str = "GET"
    path: bytes = b"/"
    version: str = "HTTP/1.1"
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def keeps_alive(self) -> bool:
        wish = self.headers.get("connection", "").lower()
        return "close" not in wish if self.version == "HTTP/1.1" else "keep-alive" in wish


def parse_head(head: bytes) -> Request:
    """The request of a head; Refusal for what this server cannot or will not do."""
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not TOKEN.fullmatch(parts[0]):
        raise Refusal(HTTPStatus.BAD_REQUEST)
    method, target, version = parts
    if not re.fullmatch(r"HTTP/\d\.\d", version):
        raise Refusal(HTTPStatus.BAD_REQUEST)
    if version not in ("HTTP/1.0", "HTTP/1.1"):
        raise Refusal(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
    headers: dict[str, str] = {}
    for line in lines[1:]:
        if not line:
            continue
        name, colon, value = line.partition(":")
        if not colon or not TOKEN.fullmatch(name):
            raise Refusal(HTTPStatus.BAD_REQUEST)
        headers[name.lower()] = value.strip(" \t")
    if version == "HTTP/1.1" and "host" not in headers:
        raise Refusal(HTTPStatus.BAD_REQUEST)
    if method in OTHER_METHODS:
        raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET, HEAD"})
    if method not in ("GET", "HEAD"):
        raise Refusal(HTTPStatus.NOT_IMPLEMENTED)
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        # A body nobody asked for: answered, and the connection not used again.
        headers["connection"] = "close"
    return Request(method, parse_target(target), version, headers)


def parse_target(target: str) -> bytes:
    """The decoded path of a request target; Refusal for one that is none, or leaves the root."""
    absolute = re.match(r"https?://[^/?#]*", target, re.IGNORECASE)
    if absolute:
        target = target[absolute.end() :] or "/"
    path = unquote_to_bytes(target.partition("?")[0].partition("#")[0])
    if not path.startswith(b"/") or b"\0" in path:
        raise Refusal(HTTPStatus.BAD_REQUEST)
    if b".." in path.split(b"/"):
        raise Refusal(HTTPStatus.FORBIDDEN)
    return path


def parse_range(value: str, size: int) -> Optional[tuple[int, int]]:
    """First byte and one past the last; None for what is to be ignored; Refusal 416."""
    match = RANGE.fullmatch(value.replace(" ", ""))
    if match is None or match.group(1) == match.group(2) == "":
        return None
    first, last = match.group(1), match.group(2)
    if not first:
        start, end = max(0, size - int(last)), size
        satisfiable = int(last) > 0 and size > 0
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
        satisfiable = start < size
    if not satisfiable:
        raise Refusal(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, {"Content-Range": f"bytes */{size}"}
        )
    return start, end


def same_or_older(modified: int, header: Optional[str]) -> bool:
    """Whether a file has not changed since the date of a header."""
    if header is None:
        return False
    try:
        return modified <= parsedate_to_datetime(header).timestamp()
    except (TypeError, ValueError, OverflowError):
        return False


def content_type(path: bytes) -> str:
    """By the name, as browsers expect it."""
    kind, encoding = mimetypes.guess_type(os.fsdecode(path))
    if encoding is not None:
        return {"gzip": "application/gzip", "bzip2": "application/x-bzip2"}.get(
            encoding, "application/octet-stream"
        )
    return kind or "application/octet-stream"


def response_head(status: HTTPStatus, headers: dict[str, str], keep: bool) -> bytes:
    """The status line and headers, with the empty line."""
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", f"Date: {formatdate(usegmt=True)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines.append(f"Connection: {'keep-alive' if keep else 'close'}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def listing(directory: bytes, shown: bytes) -> bytes:
    """The page of a directory without an index.html."""
    title = html.escape(os.fsdecode(shown), quote=False).encode("utf-8", "surrogateescape")
    rows = [b'<li><a href="../">../</a></li>'] if shown != b"/" else []
    with os.scandir(directory) as entries:
        found = sorted((entry.name, entry.is_dir()) for entry in entries)
    for name, is_directory in found:
        name += b"/" if is_directory else b""
        text = html.escape(os.fsdecode(name), quote=False).encode("utf-8", "surrogateescape")
        rows.append(b'<li><a href="./%s">%s</a></li>' % (quote(name).encode(), text))
    return b"<!DOCTYPE html><meta charset=utf-8><title>%s</title><h1>%s</h1><ul>%s</ul>\n" % (
        title,
        title,
        b"\n".join(rows),
    )


class FileServer:
    """Serves the files below one directory, and counts."""

    def __init__(self, root: str) -> None:
        self.root = os.fsencode(os.path.realpath(root))
        self.requests = 0
        self.bytes = 0
        self.stopping = False
        self.idle: set[asyncio.Task[object]] = set()

    async def connection(self, stream: abio.Stream) -> None:
        """One connection: requests one after the other until either side has had enough."""
        task = asyncio.current_task()
        assert task is not None
        keep = True
        try:
            while keep and not self.stopping:
                self.idle.add(task)
                try:
                    head = await stream.readuntil(b"\r\n\r\n", HEAD_LIMIT)
                except asyncio.IncompleteReadError:
                    return
                except asyncio.LimitOverrunError:
                    head = None
                finally:
                    self.idle.discard(task)
                keep = await self.answer(stream, head)
        except ConnectionError:
            pass

    async def answer(self, stream: abio.Stream, head: Optional[bytes]) -> bool:
        """Answers one request; whether the connection can be used again."""
        self.requests += 1
        request = Request()
        keep = False
        try:
            if head is None:
                raise Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            request = parse_head(head)
            keep = request.keeps_alive and not self.stopping
            return await self.send_path(stream, request, keep) and keep
        except Refusal as refusal:
            await self.send_refusal(stream, request, refusal, keep)
            return keep
        except OSError as failure:
            if isinstance(failure, ConnectionError):
                raise
            await self.send_refusal(stream, request, Refusal(status_of(failure)), keep)
            return keep

    async def send_refusal(
        self, stream: abio.Stream, request: Request, refusal: Refusal, keep: bool
    ) -> None:
        status = refusal.status
        headers = dict(refusal.headers)
        body = b""
        if status is not HTTPStatus.NOT_MODIFIED:
            body = f"{status.value} {status.phrase}\n".encode()
            headers["Content-Type"] = "text/plain; charset=utf-8"
            headers["Content-Length"] = str(len(body))
        await self.send_small(stream, request, response_head(status, headers, keep), body)

    async def send_small(
        self, stream: abio.Stream, request: Request, head: bytes, body: bytes
    ) -> None:
        if request.method == "HEAD":
            body = b""
        await stream.write(head + body)
        self.bytes += len(body)

    def demand_inside(self, real: bytes) -> None:
        """Links may lead anywhere below the root, and nowhere else."""
        if real != self.root and not real.startswith(self.root.rstrip(b"/") + b"/"):
            raise Refusal(HTTPStatus.FORBIDDEN)

    async def send_path(self, stream: abio.Stream, request: Request, keep: bool) -> bool:
        """Answers with a file or a directory; whether all that was promised was sent."""
        name = self.root + request.path
        status = os.stat(name)
        if stat.S_ISDIR(status.st_mode):
            if not request.path.endswith(b"/"):
                raise Refusal(HTTPStatus.MOVED_PERMANENTLY, {"Location": self.slashed(request)})
            try:
                status = os.stat(name + b"index.html")
                name += b"index.html"
            except FileNotFoundError:
                await self.send_listing(stream, request, keep, name)
                return True
        if not stat.S_ISREG(status.st_mode):
            raise Refusal(HTTPStatus.FORBIDDEN)
        async with abio.open(name, "rb") as file:
            # Asked of the open file: what a path names can change between two looks.
            self.demand_inside(os.readlink(b"/proc/self/fd/%d" % file.fileno()))
            return await self.send_file(stream, request, keep, file, name)

    async def send_listing(
        self, stream: abio.Stream, request: Request, keep: bool, directory: bytes
    ) -> None:
        self.demand_inside(os.path.realpath(directory))
        page = listing(directory, request.path)
        headers = {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(page))}
        await self.send_small(stream, request, response_head(HTTPStatus.OK, headers, keep), page)

    def slashed(self, request: Request) -> str:
        # One slash at the front: two would name another host.
        return "/" + quote(request.path.strip(b"/")) + "/"

    async def send_file(
        self, stream: abio.Stream, request: Request, keep: bool, file: abio.File, name: bytes
    ) -> bool:
        status = os.fstat(file.fileno())
        modified = int(status.st_mtime)
        date = formatdate(modified, usegmt=True)
        if same_or_older(modified, request.headers.get("if-modified-since")):
            raise Refusal(HTTPStatus.NOT_MODIFIED, {"Last-Modified": date})
        headers = {
            "Content-Type": content_type(name),
            "Last-Modified": date,
            "Accept-Ranges": "bytes",
        }
        start, end = 0, status.st_size
        answer = HTTPStatus.OK
        wanted = request.headers.get("range")
        if wanted is not None and request.headers.get("if-range", date) == date:
            part = parse_range(wanted, end)
            if part is not None:
                start, end = part
                answer = HTTPStatus.PARTIAL_CONTENT
                headers["Content-Range"] = f"bytes {start}-{end - 1}/{status.st_size}"
        headers["Content-Length"] = str(end - start)
        head = response_head(answer, headers, keep)
        if request.method == "HEAD":
            end = start
        if 0 < end - start <= WITH_HEAD:
            # Small files leave in one piece with their head.
            body = await file.pread(end - start, start)
            await stream.write(head + body)
            self.bytes += len(body)
            return len(body) == end - start
        await stream.write(head)
        while start < end:
            chunk = await file.pread(min(CHUNK, end - start), start)
            if not chunk:
                # Cut while it was being sent: the length is promised, so only closing is honest.
                return False
            await stream.write(chunk)
            start += len(chunk)
            self.bytes += len(chunk)
        return True


def status_of(failure: OSError) -> HTTPStatus:
    """What a failure of the file system means to a client."""
    if failure.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
        return HTTPStatus.NOT_FOUND
    if failure.errno in (errno.EACCES, errno.EPERM):
        return HTTPStatus.FORBIDDEN
    if failure.errno == errno.ENAMETOOLONG:
        return HTTPStatus.REQUEST_URI_TOO_LONG
    return HTTPStatus.INTERNAL_SERVER_ERROR


class Ticker:
    """How late a plain asyncio task ever wakes."""

    def __init__(self) -> None:
        self.worst = 0.0
        self.ticks = 0

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + TICK
            await asyncio.sleep(TICK)
            self.worst = max(self.worst, loop.time() - due)
            self.ticks += 1


async def serve(root: str, host: str, port: int, stats: Optional[str]) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    files = FileServer(root)
    ticker = Ticker()
    ticking = loop.create_task(ticker.run())
    async with abio.start_server(files.connection, host, port) as server:
        address = server.addresses[0]
        shown = f"[{address[0]}]" if ":" in str(address[0]) else address[0]
        backend = abio.info().backend
        print(f"listening on http://{shown}:{address[1]} backend={backend}", flush=True)
        await stop.wait()
        # Answers under way are finished; connections that wait for a request are not.
        files.stopping = True
        server.close()
        for task in list(files.idle):
            task.cancel()
        try:
            await asyncio.wait_for(server.wait_closed(), GRACE)
        except asyncio.TimeoutError:
            pass
    ticking.cancel()
    if stats is not None:
        report = {
            "backend": backend,
            "requests": files.requests,
            "bytes": files.bytes,
            "worst_tick_ms": round(ticker.worst * 1000, 3),
            "ticks": ticker.ticks,
        }
        async with abio.open(stats, "wb") as file:
            await file.write(json.dumps(report).encode() + b"\n")


def main() -> int:
    parser = argparse.ArgumentParser(description="Serve the files below ROOT over HTTP.")
    parser.add_argument("root")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--stats", metavar="FILE")
    options = parser.parse_args()
    if not os.path.isdir(options.root):
        print(f"{options.root}: not a directory", file=sys.stderr)
        return 2
    asyncio.run(serve(options.root, options.host, options.port, options.stats))
    return 0


if __name__ == "__main__":
    sys.exit(main())
