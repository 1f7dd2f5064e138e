"""Fetches a file over HTTPS: Python's TLS over abio's sockets, read line by line in C.

    python examples/https_fetch.py https://localhost:8443/file --ca certificate.pem -o file

The TLS stream is a Python object (tls_stream.py); `abio.buffered` puts the library's buffered reader
over it, whose read_line finds the ends of the header's lines; the body is copied to a file.
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import sys
from typing import Optional
from urllib.parse import urlsplit

import tls_stream

import abio


class HttpError(Exception):
    """The server answered something else than 200, or something that is not HTTP."""


async def read_head(reader: abio.BufferedReader) -> tuple[int, dict[str, str]]:
    """The status and the headers, by their lower-case names."""
    parts = (await reader.readline()).split(None, 2)
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/1."):
        raise HttpError("the server does not speak HTTP/1")
    headers: dict[str, str] = {}
    async for line in reader:
        if line in (b"\r\n", b"\n"):
            return int(parts[1]), headers
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    raise HttpError("the answer ends in its head")


async def fetch(url: str, into: abio.Stream | abio.File, ca: Optional[str] = None) -> int:
    """Copies what is at `url` to `into`; how many bytes.  Trusts `ca` alone where it is given."""
    where = urlsplit(url)
    if where.scheme != "https" or not where.hostname:
        raise HttpError(f"not an https URL: {url}")
    context = ssl.create_default_context(cafile=ca)
    async with await tls_stream.connect(where.hostname, where.port or 443, context) as stream:
        path = where.path or "/"
        request = f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\nConnection: close\r\n\r\n"
        await stream.write(request.encode())
        async with abio.buffered(stream) as reader:
            status, headers = await read_head(reader)
            if status != 200:
                raise HttpError(f"the server answered {status}")
            length = int(headers["content-length"]) if "content-length" in headers else None
            got = await abio.copy(reader, into, length)
            if length is not None and got < length:
                raise HttpError(f"{got} of {length} bytes came")
            return got


async def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--ca", help="file with the certificate to trust; default: the system's")
    parser.add_argument("-o", "--output", help="default: standard output")
    options = parser.parse_args(arguments)
    out = await abio.open(options.output, "wb") if options.output else abio.stdout()
    try:
        async with out:
            await fetch(options.url, out, options.ca)
    except (OSError, HttpError) as failure:
        print(f"https_fetch: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
