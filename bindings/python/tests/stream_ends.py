"""Every kind of stream there is, as pairs of connected ends: what stream_cases.py runs over."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import ssl
import subprocess
import sys
import tempfile
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, NamedTuple, Optional

from conftest import pair

import abio

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "examples"))

import gzip_read  # noqa: E402
import tls_stream  # noqa: E402

ROOM = 64 * 1024


class Ends(NamedTuple):
    """What is written to `near` is read from `far`; and the other way round where it is duplex."""

    near: abio.Stream
    far: abio.Stream
    below: Optional[abio.Stream] = None  # what `far` stands over


# ---- sockets and pipes -----------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def tcp() -> AsyncIterator[Ends]:
    async with pair() as (near, far):
        yield Ends(near, far)


@contextlib.asynccontextmanager
async def unix() -> AsyncIterator[Ends]:
    import socket

    one, other = socket.socketpair()
    async with abio.Stream.from_fd(one.detach()) as near, abio.Stream.from_fd(other.detach()) as far:
        yield Ends(near, far)


@contextlib.asynccontextmanager
async def pipe() -> AsyncIterator[Ends]:
    reader, writer = await abio.pipe()
    async with reader, writer:
        yield Ends(writer, reader)


@contextlib.asynccontextmanager
async def halves() -> AsyncIterator[Ends]:
    """The writing half of one end of a connection, and the reading half of the other."""
    async with pair() as (near, far):
        near_reader, near_writer = await near.split()
        far_reader, far_writer = await far.split()
        async with near_reader, near_writer, far_reader, far_writer:
            yield Ends(near_writer, far_reader)


# ---- objects of Python's ---------------------------------------------------------------------------


class Tube:
    """Bytes on their way from one object to another; who waits is told."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.ended = False
        self.broken = False
        self.tell: Callable[[], None] = lambda: None

    def put(self, data: bytes) -> Optional[int]:
        if self.broken or self.ended:
            raise BrokenPipeError("nobody reads any more")
        taken = min(len(data), ROOM - len(self.data))
        self.data += data[:taken]
        self.tell()
        return taken or None

    def get(self, n: int) -> Optional[bytes]:
        if not self.data:
            return b"" if self.ended else None
        taken = bytes(self.data[:n])
        del self.data[:n]
        self.tell()
        return taken


class TryEnd(abio.Implementer):
    """An end in the try_ style."""

    def __init__(self, here: Tube, there: Tube) -> None:
        self.here = here
        self.there = there

    def try_read(self, buffer: memoryview) -> Optional[int]:
        data = self.here.get(len(buffer))
        if data is None:
            return None
        buffer[: len(data)] = data
        return len(data)

    def try_write(self, data: bytes) -> Optional[int]:
        return self.there.put(data)

    def write_eof(self) -> None:
        self.there.ended = True
        self.there.tell()

    def close(self) -> None:
        self.there.ended = True
        self.here.broken = True
        self.there.tell()
        self.here.tell()


class CoroutineEnd:
    """An end whose methods are coroutines."""

    def __init__(self, here: Tube, there: Tube, changed: asyncio.Event) -> None:
        self.here = here
        self.there = there
        self.changed = changed

    async def read(self, n: int) -> bytes:
        while (data := self.here.get(n)) is None:
            await self._change()
        return data

    async def write(self, data: bytes) -> int:
        while (taken := self.there.put(data)) is None:
            await self._change()
        return taken

    async def flush(self) -> None:
        await asyncio.sleep(0)

    async def write_eof(self) -> None:
        self.there.ended = True
        self.there.tell()

    async def aclose(self) -> None:
        self.there.ended = True
        self.here.broken = True
        self.there.tell()

    async def _change(self) -> None:
        self.changed.clear()
        await self.changed.wait()


class ReadIntoEnd(CoroutineEnd):
    """The same with memory given to read into."""

    read = None  # type: ignore[assignment]

    async def readinto(self, buffer: memoryview) -> int:
        data = await CoroutineEnd.read(self, len(buffer))
        buffer[: len(data)] = data
        return len(data)


class FillEnd(TryEnd):
    """An end that shows what it has in memory."""

    def try_fill_buf(self) -> Optional[bytes]:
        if not self.here.data:
            return b"" if self.here.ended else None
        return bytes(self.here.data[:5000])

    def consume(self, count: int) -> None:
        self.here.get(count)


@contextlib.asynccontextmanager
async def try_style(kind: type[TryEnd] = TryEnd) -> AsyncIterator[Ends]:
    one, other = Tube(), Tube()
    ends = kind(one, other), kind(other, one)

    def tell() -> None:
        for end in ends:
            end.notify(abio.READ | abio.WRITE)

    one.tell = other.tell = tell
    near, far = map(abio.Stream.from_object, ends)
    async with near, far:
        yield Ends(near, far)


def filling() -> AbstractAsyncContextManager[Ends]:
    return try_style(FillEnd)


@contextlib.asynccontextmanager
async def coroutines(kind: type[CoroutineEnd] = CoroutineEnd) -> AsyncIterator[Ends]:
    one, other = Tube(), Tube()
    changed = asyncio.Event()
    one.tell = other.tell = changed.set
    near = abio.Stream.from_object(kind(one, other, changed))
    far = abio.Stream.from_object(kind(other, one, changed))
    async with near, far:
        yield Ends(near, far)


def readinto() -> AbstractAsyncContextManager[Ends]:
    return coroutines(ReadIntoEnd)


# ---- TLS and gzip ----------------------------------------------------------------------------------


@functools.lru_cache
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """For a client and a server that trust one certificate made for this run."""
    with tempfile.TemporaryDirectory() as place:
        key, certificate = os.path.join(place, "key.pem"), os.path.join(place, "certificate.pem")
        make_certificate(key, certificate)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(certificate, key)
        return ssl.create_default_context(cafile=certificate), server


def make_certificate(key: str, certificate: str) -> None:
    """A self-signed certificate for localhost."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        + ["-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost"]
        + ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True,
        capture_output=True,
    )


@contextlib.asynccontextmanager
async def tls() -> AsyncIterator[Ends]:
    client, server = contexts()
    async with pair() as (near, far):
        near, far = await asyncio.gather(
            tls_stream.wrap(near, client, server_hostname="localhost"),
            tls_stream.wrap(far, server, server_side=True),
        )
        async with near, far:
            yield Ends(near, far)


class GzipWriter:
    """Compresses what is written, so that each write can be read on the other side at once."""

    def __init__(self, inner: abio.Stream) -> None:
        self.inner = inner
        self.deflater = zlib.compressobj(wbits=gzip_read.GZIP)
        self.ended = False

    async def write(self, data: bytes) -> int:
        packed = self.deflater.compress(data) + self.deflater.flush(zlib.Z_SYNC_FLUSH)
        await self.inner.write(packed)
        return len(data)

    async def write_eof(self) -> None:
        if not self.ended:
            self.ended = True
            await self.inner.write(self.deflater.flush())
            await self.inner.write_eof()

    async def aclose(self) -> None:
        with contextlib.suppress(OSError):
            await self.write_eof()
        await self.inner.aclose()


@contextlib.asynccontextmanager
async def gzip() -> AsyncIterator[Ends]:
    async with pair() as (near, far):
        writer = abio.Stream.from_object(GzipWriter(near))
        async with writer, gzip_read.gunzip(far) as reader:
            yield Ends(writer, reader)


# ---- adapters over all of them ---------------------------------------------------------------------


def over(
    make: Callable[[], AbstractAsyncContextManager[Any]], wrap: Callable[[Any], Any]
) -> Callable[[], AbstractAsyncContextManager[Ends]]:
    """The same ends, the far one read through an adapter."""

    @contextlib.asynccontextmanager
    async def wrapped() -> AsyncIterator[Ends]:
        async with make() as (near, far, *_):
            async with wrap(far) as outer:
                yield Ends(near, outer, far)

    return wrapped


def small_buffer(stream: abio.Stream) -> Any:
    return abio.buffered(stream, 1000)


def take_all(stream: abio.Stream) -> Any:
    return abio.take(stream, 1 << 60)


def chain_empty(stream: abio.Stream) -> Any:
    return abio.chain(Nothing(), stream)


class Nothing:
    """A stream that is at its end from the start."""

    def try_read(self, buffer: memoryview) -> int:
        return 0


class Kind(NamedTuple):
    make: Callable[[], AbstractAsyncContextManager[Any]]
    duplex: bool = True  # both ends read and write
    writes: bool = True  # the far end writes too
    kernel: bool = True  # the system holds the bytes: it buffers as much as it likes


PLAIN: dict[str, Kind] = {
    "tcp": Kind(tcp),
    "unix": Kind(unix),
    "pipe": Kind(pipe, duplex=False),
    "halves": Kind(halves, duplex=False),
    "try": Kind(try_style, kernel=False),
    "coroutines": Kind(coroutines, kernel=False),
    "readinto": Kind(readinto, kernel=False),
    "filling": Kind(filling, kernel=False),
    "tls": Kind(tls),
    "gzip": Kind(gzip, duplex=False),
}

KINDS = dict(PLAIN)
for _name, _kind in PLAIN.items():
    KINDS[f"buffered-{_name}"] = _kind._replace(make=over(_kind.make, abio.buffered))
KINDS["small-tcp"] = Kind(over(tcp, small_buffer))
KINDS["small-coroutines"] = Kind(over(coroutines, small_buffer), kernel=False)
KINDS["take-tcp"] = Kind(over(tcp, take_all), duplex=False)
KINDS["take-try"] = Kind(over(try_style, take_all), duplex=False, kernel=False)
KINDS["chain-tcp"] = Kind(over(tcp, chain_empty), duplex=False)
KINDS["chain-coroutines"] = Kind(over(coroutines, chain_empty), duplex=False, kernel=False)
