"""examples/serve_files.py, end to end, as another process that a plain HTTP client talks to."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any, Optional

import pytest
from conftest import BACKENDS

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "serve_files.py"
BIG = random.Random(9).randbytes(5_000_000)


class Server:
    """The example, running."""

    def __init__(self, root: Path, backend: str, stats: Path) -> None:
        self.stats = stats
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", str(EXAMPLE), str(root), "--stats", str(stats)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "ABIO_BACKEND": backend},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+) backend=(\w+)\n", line)
        assert found, line
        self.port, self.backend = int(found.group(1)), found.group(2)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def get(
        self, path: str, headers: Optional[dict[str, str]] = None, method: str = "GET"
    ) -> tuple[int, dict[str, str], bytes]:
        connection = self.connect()
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def raw(self, request: bytes) -> bytes:
        """What comes back for bytes that are no proper request, until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as sock:
            sock.sendall(request)
            sock.shutdown(socket.SHUT_WR)
            answer = b""
            while part := sock.recv(65536):
                answer += part
            return answer

    def stop(self) -> dict[str, Any]:
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=30)
        assert self.process.returncode == 0 and out == "" and err == "", (out, err)
        report: dict[str, Any] = json.loads(self.stats.read_text())
        return report


@pytest.fixture(scope="module", params=BACKENDS)
def server(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("root")
    (root / "hello.txt").write_bytes(b"hello, world\n")
    (root / "empty").write_bytes(b"")
    (root / "big.bin").write_bytes(BIG)
    (root / "a b & <ü>.html").write_bytes(b"odd name")
    (root / "page").mkdir()
    (root / "page" / "index.html").write_bytes(b"<p>index")
    (root / "list").mkdir()
    (root / "list" / "x y.txt").write_bytes(b"x")
    (root / "list" / "sub").mkdir()
    (root / "archive.tar.gz").write_bytes(b"z")
    (root / "inside").symlink_to("hello.txt")
    (root / "outside").symlink_to("/etc/passwd")
    (root / "away").symlink_to("/etc")
    os.mkfifo(root / "fifo")
    server = Server(root, request.param, root.parent / f"stats-{request.param}.json")
    yield server
    if server.process.poll() is None:
        server.stop()


def test_get(server: Server) -> None:
    status, headers, body = server.get("/hello.txt")
    assert (status, body) == (200, b"hello, world\n")
    assert headers["content-type"] == "text/plain" and headers["content-length"] == "13"
    assert headers["accept-ranges"] == "bytes" and headers["last-modified"].endswith("GMT")
    assert server.get("/empty")[0::2] == (200, b"")
    assert server.get("/inside")[0::2] == (200, b"hello, world\n")
    assert server.get("/archive.tar.gz")[1]["content-type"] == "application/gzip"


def test_get_a_large_file(server: Server) -> None:
    status, headers, body = server.get("/big.bin")
    assert status == 200 and body == BIG
    assert headers["content-type"] == "application/octet-stream"


def test_percent_decoding_and_absolute_targets(server: Server) -> None:
    assert server.get("/a%20b%20%26%20%3C%C3%BC%3E.html")[0::2] == (200, b"odd name")
    assert server.get("/hello%2Etxt?query=1")[0] == 200
    answer = server.raw(
        b"GET http://example.org/hello.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"hello, world\n")


def test_head_has_the_headers_and_no_body(server: Server) -> None:
    for path in ("/hello.txt", "/big.bin", "/page/", "/list/", "/missing"):
        got = server.get(path)
        head = server.get(path, method="HEAD")
        assert head[0] == got[0] and head[2] == b""
        assert head[1]["content-length"] == got[1]["content-length"] == str(len(got[2]))


@pytest.mark.parametrize(
    "wanted, start, end",
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-4", 0, 5),
        ("bytes=4999999-", 4_999_999, 5_000_000),
        ("bytes=100-1000099", 100, 1_000_100),
        ("bytes=-7", 4_999_993, 5_000_000),
        ("bytes=-99999999", 0, 5_000_000),
        ("bytes=4999990-99999999", 4_999_990, 5_000_000),
        ("Bytes=10-19", 10, 20),
    ],
)
def test_ranges(server: Server, wanted: str, start: int, end: int) -> None:
    status, headers, body = server.get("/big.bin", {"Range": wanted})
    assert status == 206 and body == BIG[start:end]
    assert headers["content-range"] == f"bytes {start}-{end - 1}/5000000"
    assert headers["content-length"] == str(end - start)


@pytest.mark.parametrize("wanted", ["bytes=5000000-", "bytes=9999999-99999999", "bytes=-0"])
def test_ranges_that_cannot_be_satisfied(server: Server, wanted: str) -> None:
    status, headers, _ = server.get("/big.bin", {"Range": wanted})
    assert status == 416 and headers["content-range"] == "bytes */5000000"


@pytest.mark.parametrize("wanted", ["bytes=5-2", "bytes=a-b", "lines=1-2", "bytes=0-1,5-6", "bytes=-"])
def test_ranges_that_are_ignored(server: Server, wanted: str) -> None:
    status, _, body = server.get("/hello.txt", {"Range": wanted})
    assert (status, body) == (200, b"hello, world\n")


def test_a_range_of_an_empty_file(server: Server) -> None:
    assert server.get("/empty", {"Range": "bytes=0-"})[0] == 416


def test_conditional_requests(server: Server) -> None:
    date = server.get("/hello.txt")[1]["last-modified"]
    status, headers, body = server.get("/hello.txt", {"If-Modified-Since": date})
    assert (status, body) == (304, b"") and "content-length" not in headers
    assert server.get("/hello.txt", {"If-Modified-Since": formatdate(0, usegmt=True)})[0] == 200
    assert server.get("/hello.txt", {"If-Modified-Since": "nonsense"})[0] == 200
    assert server.get("/hello.txt", {"Range": "bytes=0-1", "If-Range": date})[0] == 206
    assert server.get("/hello.txt", {"Range": "bytes=0-1", "If-Range": '"tag"'})[0] == 200


def test_directories(server: Server) -> None:
    assert server.get("/page/")[0::2] == (200, b"<p>index")
    status, headers, _ = server.get("/page")
    assert status == 301 and headers["location"] == "/page/"
    assert server.get("//page")[1]["location"] == "/page/"
    status, headers, body = server.get("/list/")
    assert status == 200 and headers["content-type"].startswith("text/html")
    assert b'href="./x%20y.txt"' in body and b'href="./sub/"' in body and b'href="../"' in body
    page = server.get("/")[2].decode()
    assert "a b &amp; &lt;ü&gt;.html" in page and "../" not in page


@pytest.mark.parametrize(
    "path, status",
    [
        ("/missing", 404),
        ("/hello.txt/", 404),
        ("/hello.txt/more", 404),
        ("/page/missing", 404),
        ("/../etc/passwd", 403),
        ("/page/../hello.txt", 403),
        ("/%2e%2e/etc/passwd", 403),
        ("/..%2fetc/passwd", 403),
        ("/outside", 403),
        ("/away/", 403),
        ("/away/passwd", 403),
        ("/fifo", 403),
        ("/%00", 400),
        ("/" + "x" * 300, 414),
    ],
)
def test_refused_paths(server: Server, path: str, status: int) -> None:
    assert server.get(path)[0] == status


@pytest.mark.parametrize(
    "request_line, status",
    [
        (b"POST / HTTP/1.1", 405),
        (b"DELETE /hello.txt HTTP/1.1", 405),
        (b"BREW / HTTP/1.1", 501),
        (b"GET / HTTP/2.0", 505),
        (b"GET / HTTP/1", 400),
        (b"GET /", 400),
        (b"GET  / HTTP/1.1", 400),
        (b"GET hello.txt HTTP/1.1", 400),
        (b"G@T / HTTP/1.1", 400),
        (b"", 400),
    ],
)
def test_requests_that_are_not_answered_with_a_file(
    server: Server, request_line: bytes, status: int
) -> None:
    answer = server.raw(request_line + b"\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert (b"Allow: GET, HEAD\r\n" in answer) == (status == 405)


def test_bad_heads(server: Server) -> None:
    assert server.raw(b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert server.raw(b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert server.raw(b"GET / HTTP/1.1\r\nHost : x\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert server.raw(b"GET /hel").startswith(b"") and server.raw(b"") == b""
    assert server.raw(b"x" * 20_000).startswith(b"HTTP/1.1 431 ")


def test_keep_alive_and_its_end(server: Server) -> None:
    connection = server.connect()
    for path in ("/hello.txt", "/big.bin", "/missing", "/empty", "/hello.txt"):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        assert answer.getheader("Connection") == "keep-alive"
    first = connection.sock
    connection.request("GET", "/hello.txt", headers={"Connection": "close"})
    assert connection.sock is first
    answer = connection.getresponse()
    assert answer.read() == b"hello, world\n" and answer.getheader("Connection") == "close"
    connection.close()
    assert b"Connection: close" in server.raw(b"GET /hello.txt HTTP/1.0\r\n\r\n")
    kept = server.raw(b"GET /empty HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert b"Connection: keep-alive" in kept


def test_pipelined_requests(server: Server) -> None:
    request = b"GET /hello.txt HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /hello.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert server.raw(request * 9 + last).count(b"hello, world\n") == 10


def test_a_client_that_leaves_in_the_middle_disturbs_nobody(server: Server) -> None:
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.port)) as sock:
            sock.sendall(b"GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
            sock.recv(1000)
    assert server.get("/hello.txt")[0] == 200


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_curl_can_use_it(server: Server, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{server.port}/big.bin"
    out = tmp_path / "out"
    whole = hashlib.sha256(BIG).digest()
    subprocess.run(["curl", "-sSf", "-o", out, url], check=True)
    assert hashlib.sha256(out.read_bytes()).digest() == whole
    out.write_bytes(BIG[:1_234_567])
    subprocess.run(["curl", "-sSf", "-C", "-", "-o", out, url], check=True)
    assert hashlib.sha256(out.read_bytes()).digest() == whole


def test_it_finishes_what_it_sends_and_reports(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "big").write_bytes(BIG * 8)
    server = Server(root, BACKENDS[0], tmp_path / "stats.json")
    idle = socket.create_connection(("127.0.0.1", server.port))
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        got = bytearray(sock.recv(100))
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        while part := sock.recv(65536):
            got += part
    assert got.partition(b"\r\n\r\n")[2] == BIG * 8
    assert idle.recv(1) == b""
    idle.close()
    report = server.stop() if server.process.poll() is None else json.loads(server.stats.read_text())
    assert set(report) == {"backend", "requests", "bytes", "worst_tick_ms", "ticks"}
    assert report["backend"] == server.backend == BACKENDS[0]
    assert report["requests"] == 1 and report["bytes"] == 8 * len(BIG)
    assert report["ticks"] >= 0 and report["worst_tick_ms"] >= 0


def test_a_root_that_is_none(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), str(tmp_path / "none")], capture_output=True, text=True
    )
    assert done.returncode == 2 and "not a directory" in done.stderr
