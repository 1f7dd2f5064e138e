"""The example programs do what examples/README.md says, on each backend."""
from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from snippets import ROOT

PYTHON = str(ROOT / "build/venv/bin/python")
SECONDS = 60
NAMES = {
    "plain.txt": b"plain\n",
    "empty": b"",
    "deep/er/large.bin": bytes(range(256)) * 12345,
    "two words, 100% & grüße?#.txt": b"odd\n",
}


def environment(backend: str) -> dict[str, str]:
    settings = {
        **os.environ,
        "LUA_PATH": f"{ROOT}/bindings/lua/?.lua;{ROOT}/bindings/lua/?/init.lua;;",
        "LUA_CPATH": f"{ROOT}/build/lua5.4/?.so;;",
    }
    settings.pop("ABIO_BACKEND", None)
    if backend != "auto":
        settings["ABIO_BACKEND"] = backend
    return settings


@pytest.fixture(params=["auto", "epoll"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, content in NAMES.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "tree"


@dataclass
class Server:
    process: subprocess.Popen[str]
    url: str
    backend: str

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


@pytest.fixture
def server(tree: Path, backend: str) -> Iterator[Server]:
    process = subprocess.Popen(
        [PYTHON, "examples/serve_files.py", str(tree), "--stats", str(tree.parent / "stats")],
        cwd=ROOT,
        env=environment(backend),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        expected = r"listening on (http://127\.0\.0\.1:\d+) backend=(uring|epoll)\n"
        found = re.fullmatch(expected, line)
        assert found, line
        assert backend == "auto" or found[2] == backend
        yield Server(process, found[1], found[2])
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def fetch(server: Server, paths: list[str], out: Path) -> subprocess.CompletedProcess[str]:
    listing = out.parent / "list"
    listing.write_text("".join(f"{path}\n" for path in paths))
    return subprocess.run(
        ["lua5.4", "examples/fetch_files.lua", "--url", server.url, "--list", str(listing),
         "--out", str(out), "--jobs", "3"],
        cwd=ROOT,
        env=environment(server.backend),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )  # fmt: skip


def curl(*argv: str) -> bytes:
    command = ["curl", "--silent", "--show-error", "--max-time", str(SECONDS), *argv]
    return subprocess.run(command, check=True, capture_output=True, timeout=SECONDS).stdout


def test_every_file_arrives_whole(server: Server, tmp_path: Path) -> None:
    done = fetch(server, [f"/{quote(name)}" for name in NAMES], tmp_path / "out")
    assert done.returncode == 0, done.stderr
    for name, content in NAMES.items():
        assert (tmp_path / "out" / name).read_bytes() == content
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["files"] == len(NAMES)
    assert said["bytes"] == sum(map(len, NAMES.values()))
    assert said["backend"] == server.backend


def test_a_file_that_is_not_there_fails_the_client(server: Server, tmp_path: Path) -> None:
    done = fetch(server, ["/plain.txt", "/no/such/file"], tmp_path / "out")
    assert done.returncode == 1
    assert not (tmp_path / "out/no/such/file").exists()


def test_nobody_serving_fails_the_client(tmp_path: Path, backend: str) -> None:
    chosen = "epoll" if backend == "auto" else backend
    nobody = Server(subprocess.Popen(["true"], text=True), "http://127.0.0.1:1", chosen)
    nobody.process.wait()
    assert fetch(nobody, ["/plain.txt"], tmp_path / "out").returncode == 1


def test_curl_gets_head_and_ranges(server: Server) -> None:
    name = "deep/er/large.bin"
    url = f"{server.url}/{name}"
    content = NAMES[name]
    assert curl(url) == content
    assert curl("--range", "1000-1999", url) == content[1000:2000]
    assert curl("--range", "-10", url) == content[-10:]
    head = curl("--head", url).decode().lower()
    assert head.startswith("http/1.1 200 ")
    assert f"content-length: {len(content)}\r\n" in head


@pytest.mark.parametrize(
    ("arguments", "path", "status"),
    [
        ([], "/no/such/file", "404"),
        (["--range", "99999999-"], "/plain.txt", "416"),
        (["--range", "0-0"], "/plain.txt", "206"),
        (["--request", "DELETE"], "/plain.txt", "405"),
    ],
)
def test_status_codes(server: Server, arguments: list[str], path: str, status: str) -> None:
    got = curl("--output", os.devnull, "--write-out", "%{http_code}", *arguments, server.url + path)
    assert got.decode() == status


def test_a_path_outside_the_tree_is_refused(server: Server, tree: Path) -> None:
    (tree.parent / "secret").write_text("secret")
    for path in ("/../secret", "/deep/../../secret", "/%2e%2e/secret"):
        assert b"secret" not in curl("--path-as-is", server.url + path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_statistics_are_written_at_the_end(
    server: Server, tree: Path, number: signal.Signals
) -> None:
    assert curl(f"{server.url}/plain.txt") == NAMES["plain.txt"]
    assert server.end(number) == 0
    said = json.loads((tree.parent / "stats").read_text())
    assert said["backend"] == server.backend
    assert (said["requests"], said["bytes"]) == (1, len(NAMES["plain.txt"]))
    assert said["ticks"] >= 0
    assert said["worst_tick_ms"] >= 0
