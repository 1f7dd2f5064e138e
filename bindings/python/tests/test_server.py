"""Servers: connections, the life of handlers, and every way to stop."""

from __future__ import annotations

import asyncio
import resource
import socket
from pathlib import Path
from typing import Any

import pytest
from conftest import Runner

import abio


async def echo(stream: abio.Stream) -> None:
    while data := await stream.read(65536):
        await stream.write(data)


async def ask(server: abio.Server, message: bytes) -> bytes:
    async with abio.connect(*server.address) as stream:  # type: ignore[arg-type]
        await stream.write(message)
        return await stream.readexactly(len(message))


def test_many_connections_at_once(run: Runner) -> None:
    async def main() -> None:
        async with abio.start_server(echo, "127.0.0.1", 0) as server:
            answers = await asyncio.gather(*(ask(server, b"%d" % n * 50) for n in range(200)))
            assert answers == [b"%d" % n * 50 for n in range(200)]
            assert server.is_serving() and server.get_loop() is asyncio.get_running_loop()
        assert not server.is_serving()

    run(main)


def test_addresses_sockets_and_all_interfaces(run: Runner) -> None:
    async def main() -> None:
        async with abio.start_server(echo, None, 0) as server:
            assert len(server.sockets) >= 1
            for listener, address in zip(server.sockets, server.addresses):
                assert listener.getsockname() == address and listener.fileno() >= 0
                family = socket.AF_INET6 if len(address) == 4 else socket.AF_INET
                with socket.socket(family) as probe:
                    probe.connect(("::1" if len(address) == 4 else "127.0.0.1", address[1]))
        assert all(listener.fileno() == -1 for listener in server.sockets)
        async with abio.start_server(echo, ["127.0.0.1", "127.0.0.1"], 0) as server:
            assert len(server.sockets) == 1

    run(main)


def test_a_taken_port_is_an_error_and_leaks_nothing(run: Runner) -> None:
    async def main() -> None:
        async with abio.start_server(echo, "127.0.0.1", 0) as server:
            with pytest.raises(OSError, match="in use"):
                await abio.start_server(echo, *server.address)  # type: ignore[misc]
        with pytest.raises(socket.gaierror):
            await abio.start_server(echo, "no-such-host.invalid", 0)

    run(main)


def test_the_stream_is_closed_when_the_handler_returns_or_fails(run: Runner) -> None:
    async def main() -> None:
        caught: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: caught.append(context))
        streams: list[abio.Stream] = []

        async def handler(stream: abio.Stream) -> None:
            streams.append(stream)
            await stream.write(b"bye")
            if len(streams) == 2:
                raise KeyError("handler")

        async with abio.start_server(handler, "127.0.0.1", 0) as server:
            for _ in range(2):
                async with abio.connect(*server.address) as stream:
                    assert await stream.read() == b"bye"
        assert all(stream.is_closing() for stream in streams)
        assert [type(context["exception"]) for context in caught] == [KeyError]

    run(main)


def test_leaving_cancels_the_handlers_and_waits(run: Runner) -> None:
    async def main() -> None:
        started = []
        ended = []

        async def handler(stream: abio.Stream) -> None:
            started.append(stream)
            try:
                await stream.read()
            finally:
                await asyncio.sleep(0.01)
                ended.append(stream)

        async with abio.start_server(handler, "127.0.0.1", 0) as server:
            streams = [await abio.connect(*server.address) for _ in range(10)]
            while len(started) < 10:
                await asyncio.sleep(0.001)
        assert len(ended) == 10 and all(stream.is_closing() for stream in ended)
        for stream in streams:
            assert await stream.read() == b""
            await stream.aclose()

    run(main)


def test_close_lets_connections_go_on_and_wait_closed_waits(run: Runner) -> None:
    async def main() -> None:
        server = await abio.start_server(echo, "127.0.0.1", 0)
        stream = await abio.connect(*server.address)
        await stream.write(b"one")
        assert await stream.readexactly(3) == b"one"
        server.close()
        server.close()
        waiting = asyncio.create_task(server.wait_closed())
        await stream.write(b"two")
        assert await stream.readexactly(3) == b"two"
        assert not waiting.done()
        with pytest.raises(ConnectionRefusedError):
            await abio.connect(*server.address)
        await stream.aclose()
        await waiting
        await server.wait_closed()

    run(main)


def test_serve_forever_until_cancelled(run: Runner) -> None:
    async def main() -> None:
        server = await abio.start_server(echo, "127.0.0.1", 0)
        serving = asyncio.create_task(server.serve_forever())
        assert await ask(server, b"hello") == b"hello"
        with pytest.raises(RuntimeError):
            await server.serve_forever()
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        assert not server.is_serving()
        with pytest.raises(RuntimeError):
            await server.serve_forever()

    run(main)


def test_a_connection_in_the_moment_of_closing_leaks_nothing(run: Runner) -> None:
    async def main() -> None:
        for turns in range(30):
            server = await abio.start_server(echo, "127.0.0.1", 0)
            with socket.create_connection(server.address):  # type: ignore[arg-type]
                for _ in range(turns % 5):
                    await asyncio.sleep(0)
                await server.aclose()

    run(main)


def test_out_of_descriptors_the_server_goes_on_afterwards(run: Runner) -> None:
    async def main() -> None:
        async with abio.start_server(echo, "127.0.0.1", 0) as server:
            assert await ask(server, b"before") == b"before"
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            clients = [socket.socket() for _ in range(40)]
            used = max(client.fileno() for client in clients)
            resource.setrlimit(resource.RLIMIT_NOFILE, (used + 5, hard))
            try:
                for client in clients:
                    client.setblocking(False)
                    client.connect_ex(server.address)  # type: ignore[arg-type]
                await asyncio.sleep(0.2)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            loop = asyncio.get_running_loop()
            for client in clients:
                await asyncio.wait_for(loop.sock_sendall(client, b"x"), 10)
                assert await asyncio.wait_for(loop.sock_recv(client, 1), 10) == b"x"
                client.close()

    run(main)


def test_a_unix_path_that_is_taken(run: Runner, tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "socket"
        async with abio.start_unix_server(echo, path):
            with pytest.raises(OSError, match="in use"):
                await abio.start_unix_server(echo, path)

    run(main)
