"""The four echo servers of examples/memory hold as much memory as they say, on each backend."""
from __future__ import annotations

import os
import re
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from snippets import ROOT

SECONDS = 60
CONNECTIONS = 40
WARN = "-Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Werror".split()
# How many buffers there are at most: of those just in time, as many as talk at once.
MOST = {"just_in_time": 2, "shared": 1, "pool": 4, "embedded": 40}


def build(name: str, folder: Path) -> Path:
    program = folder / name
    subprocess.run(
        ["gcc", "-std=c11", "-O1", *WARN, "-Iabi/generated", f"examples/memory/{name}.c"]
        + ["-o", str(program), "-Lbuild/lib", "-labio", f"-Wl,-rpath,{ROOT}/build/lib"],
        cwd=ROOT,
        check=True,
    )
    return program


def receive(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        piece = connection.recv(length - len(data))
        assert piece
        data += piece
    return data


@pytest.mark.parametrize("backend", ["auto", "epoll"])
@pytest.mark.parametrize("name", MOST)
def test_echo(name: str, backend: str, tmp_path: Path) -> None:
    environment = {**os.environ, **({"ABIO_BACKEND": backend} if backend != "auto" else {})}
    if backend == "auto":
        environment.pop("ABIO_BACKEND", None)
    program = build(name, tmp_path)
    with subprocess.Popen(
        [program, str(CONNECTIONS)], env=environment, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        found = re.fullmatch(r"listening on (127\.0\.0\.1):(\d+)\n", server.stdout.readline())
        assert found
        address = (found[1], int(found[2]))
        idle = [socket.create_connection(address, SECONDS) for _ in range(CONNECTIONS)]
        sent = 0
        try:
            for number, connection in enumerate(idle):
                connection.sendall(b"hello %d" % number)
                text = b"hello %d" % number
                assert receive(connection, len(text)) == text
                sent += len(text)
            # All at once: a pool serves them one after the other.
            busy = idle[:2] if name == "just_in_time" else idle
            for number, connection in enumerate(busy):
                connection.sendall(bytes([number]) * 400)
            for number, connection in enumerate(busy):
                assert receive(connection, 400) == bytes([number]) * 400
            sent += 400 * len(busy)
            # More than the sockets hold: the server has to wait for us, too.
            blob = bytes(range(256)) * 32768
            sender = threading.Thread(target=idle[0].sendall, args=(blob,))
            sender.start()
            assert receive(idle[0], len(blob)) == blob
            sender.join()
            sent += len(blob)
        finally:
            for connection in idle:
                connection.close()
        rest = server.stdout.read()
        assert server.wait(SECONDS) == 0
    found = re.fullmatch(r"(\d+) bytes, at most (\d+) buffers, (\d+) left\n", rest)
    assert found, rest
    assert int(found[1]) == sent
    assert int(found[2]) <= MOST[name]
    assert int(found[3]) == 0


@pytest.mark.parametrize("name", MOST)
def test_its_readme_tells_of_it(name: str) -> None:
    assert f"memory/{name}.c" in (ROOT / "examples/README.md").read_text(encoding="utf-8")
