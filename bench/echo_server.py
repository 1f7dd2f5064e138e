"""Python echo servers of the bench, one per `--kind`, each written the way its users are told to.

Protocol with run.py, on stdout: a JSON line with the port when the server listens, and one with
the CPU time of the process (getrusage) after SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Protocol, cast

READ_SIZE = 65536
BACKLOG = 4096


class Server(Protocol):
    """What the servers of all kinds have in common."""

    def close(self) -> object: ...


async def echo_streams(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The documented way with asyncio's streams, on any loop."""
    try:
        while data := await reader.read(READ_SIZE):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


class EchoProtocol(asyncio.Protocol):
    """The callback way: no task, no buffer between the socket and the reply."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def pause_writing(self) -> None:
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.transport.resume_reading()


class EchoBufferedProtocol(asyncio.BufferedProtocol):
    """asyncio's fastest: the socket is read straight into one buffer of the protocol."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.view = memoryview(bytearray(READ_SIZE))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.view

    def buffer_updated(self, nbytes: int) -> None:
        self.transport.write(self.view[:nbytes])
        if self.transport.get_write_buffer_size():
            # Later Pythons keep the view itself until it is sent: leave it alone.
            self.view = memoryview(bytearray(READ_SIZE))

    def pause_writing(self) -> None:
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.transport.resume_reading()


def listening_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


def announce(port: int, note: str = "") -> None:
    print(json.dumps({"port": port, "note": note}), flush=True)


async def serve_streams() -> Server:
    sock = listening_socket()
    server = await asyncio.start_server(echo_streams, sock=sock, backlog=BACKLOG)
    announce(sock.getsockname()[1])
    return server


def serve_protocol(factory: Callable[[], asyncio.BaseProtocol]) -> Callable[[], Awaitable[Server]]:
    async def serve() -> Server:
        sock = listening_socket()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(factory, sock=sock, backlog=BACKLOG)
        announce(sock.getsockname()[1])
        return server

    return serve


async def serve_abio() -> Server:
    import abio

    async def echo(stream: abio.Stream) -> None:
        try:
            while data := await stream.read(READ_SIZE):
                await stream.write(data)
        except ConnectionError:
            pass

    server = await abio.start_server(echo, "127.0.0.1", 0, backlog=BACKLOG)
    announce(int(server.sockets[0].getsockname()[1]), abio.info().reason)
    return server


KINDS: dict[str, tuple[str, Callable[[], Awaitable[Server]]]] = {
    "asyncio-streams": ("asyncio", serve_streams),
    "asyncio-buffered-protocol": ("asyncio", serve_protocol(EchoBufferedProtocol)),
    "uvloop-streams": ("uvloop", serve_streams),
    "uvloop-protocol": ("uvloop", serve_protocol(EchoProtocol)),
    "abio": ("asyncio", serve_abio),
    "abio-uvloop": ("uvloop", serve_abio),
}


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    if name == "uvloop":
        import uvloop

        return uvloop.new_event_loop
    return asyncio.new_event_loop


async def serve_until_terminated(start: Callable[[], Awaitable[Server]]) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = await start()
    await stop.wait()
    server.close()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    report = {
        "user_us": round(usage.ru_utime * 1e6),
        "system_us": round(usage.ru_stime * 1e6),
        "max_rss_kib": usage.ru_maxrss,
    }
    print(json.dumps(report), flush=True)
    # The connections are dropped with the process; an orderly end of a thousand tasks says nothing.
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kind", choices=sorted(KINDS), required=True)
    parser.add_argument("--cpu", type=int)
    options = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    if options.cpu is not None:
        os.sched_setaffinity(0, {options.cpu})
    loop_name, start = KINDS[options.kind]
    with asyncio.Runner(loop_factory=loop_factory(loop_name)) as runner:
        runner.run(serve_until_terminated(start))


if __name__ == "__main__":
    main()
