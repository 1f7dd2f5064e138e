"""Requirement R1 of docs/specification.md: asynchronous IO reads as synchronous IO does."""
from __future__ import annotations

import ast
import asyncio
import inspect
import socket
import textwrap
import threading
from collections import Counter
from typing import Any

import abio


def echo_twin(stream: Any) -> None:
    while data := stream.recv(4096):
        stream.sendall(data)
    stream.close()


async def echo(stream: Any) -> None:
    while data := await stream.read(4096):
        await stream.write(data)
    await stream.aclose()


def shape(function: Any) -> Counter[str]:
    """What a function is made of, but for `async`, `await` and names; and its lines."""
    source = textwrap.dedent(inspect.getsource(function))
    kinds = Counter(type(node).__name__ for node in ast.walk(ast.parse(source)))
    kinds["FunctionDef"] += kinds.pop("AsyncFunctionDef", 0)
    kinds.pop("Await", None)
    kinds["lines"] = len(source.splitlines())
    return kinds


def exchange(connection: socket.socket) -> bytes:
    got = b""
    for number in range(10):
        connection.sendall(b"word %d " % number)
    connection.shutdown(socket.SHUT_WR)
    while data := connection.recv(4096):
        got += data
    return got


def test_r1_an_echo_reads_as_its_synchronous_twin() -> None:
    assert shape(echo) == shape(echo_twin)
    wanted = b"".join(b"word %d " % number for number in range(10))

    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=echo_twin, args=(theirs,))
    thread.start()
    assert exchange(ours) == wanted
    thread.join()
    ours.close()

    async def serve() -> bytes:
        async with abio.start_server(echo, "127.0.0.1", 0) as server:
            port = server.address[1]
            with socket.create_connection(("127.0.0.1", port), 60) as connection:
                return await asyncio.to_thread(exchange, connection)

    assert asyncio.run(serve()) == wanted
