"""The TLS and gzip examples, as programs."""

from __future__ import annotations

import asyncio
import functools
import gzip
import hashlib
import random
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from conftest import BACKENDS
from stream_ends import make_certificate

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
DATA = random.Random(9).randbytes(3_000_000)
TEXT = b"".join(b"line %d of some text\n" % number for number in range(50_000))


def python(backend: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    import os

    return subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", *arguments],
        capture_output=True,
        env={**os.environ, "ABIO_BACKEND": backend},
        timeout=60,
        **options,
    )


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """An HTTPS server of the standard library; its certificate is beside the files it serves."""
    make_certificate(str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem"))
    (tmp_path / "file").write_bytes(DATA)
    (tmp_path / "empty").write_bytes(b"")
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path))
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"https://localhost:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_file_is_fetched_over_https(backend: str, site: str, tmp_path: Path) -> None:
    fetch = str(EXAMPLES / "https_fetch.py")
    trusted = ["--ca", str(tmp_path / "certificate.pem")]
    out = tmp_path / "out"
    done = python(backend, fetch, f"{site}/file", *trusted, "-o", str(out))
    assert (done.returncode, done.stderr) == (0, b"")
    assert hashlib.sha256(out.read_bytes()).digest() == hashlib.sha256(DATA).digest()
    done = python(backend, fetch, f"{site}/empty", *trusted)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    done = python(backend, fetch, f"{site}/missing", *trusted)
    assert done.returncode == 1 and b"404" in done.stderr
    done = python(backend, fetch, f"{site}/file")
    assert done.returncode == 1 and b"CERTIFICATE_VERIFY_FAILED" in done.stderr


@pytest.mark.parametrize("backend", BACKENDS)
def test_gzip_is_read_from_a_file_and_from_standard_input(backend: str, tmp_path: Path) -> None:
    read = str(EXAMPLES / "gzip_read.py")
    path = tmp_path / "text.gz"
    # Two members, as `cat a.gz b.gz` makes.
    path.write_bytes(gzip.compress(TEXT) + gzip.compress(b"and the end\n"))
    whole = TEXT + b"and the end\n"
    assert python(backend, read, str(path)).stdout == whole
    assert python(backend, read, input=path.read_bytes()).stdout == whole
    numbered = python(backend, read, "-l", str(path)).stdout.splitlines()
    assert numbered[41] == b"    42  line 41 of some text" and len(numbered) == 50_001
    path.write_bytes(gzip.compress(TEXT)[:-20])
    done = python(backend, read, str(path))
    assert done.returncode != 0 and b"EOFError" in done.stderr


def test_tls_refuses_what_is_not_trusted_and_survives_a_rude_peer() -> None:
    import stream_ends
    import tls_stream
    from conftest import pair

    async def main() -> None:
        _, server = stream_ends.contexts()
        async with pair() as (near, far):
            strangers = ssl.create_default_context()
            results = await asyncio.gather(
                tls_stream.wrap(near, strangers, server_hostname="localhost"),
                tls_stream.wrap(far, server, server_side=True),
                return_exceptions=True,
            )
            assert isinstance(results[0], ssl.SSLCertVerificationError)
            assert isinstance(results[1], (ssl.SSLError, OSError))
        client, server = stream_ends.contexts()
        async with pair() as (near, far):
            one, other = await asyncio.gather(
                tls_stream.wrap(near, client, server_hostname="localhost"),
                tls_stream.wrap(far, server, server_side=True),
            )
            await one.write(b"hello")
            assert await other.readexactly(5) == b"hello"
            await near.write_eof()  # without a goodbye
            with pytest.raises(ssl.SSLError):
                await other.read(1)
            one.close()
            other.close()

    asyncio.run(main())
