"""Prints a gzip file, or standard input: a gzip reader as a Python object over an abio stream.

    python examples/gzip_read.py file.gz
    python examples/gzip_read.py < file.gz

With -l it prints lines with their numbers, to show that such a reader has all that streams have.
"""

from __future__ import annotations

import asyncio
import sys
import zlib
from typing import Union

import abio

PART = 64 * 1024
GZIP = 31  # what zlib calls a window of 32 KiB with gzip's header and checksum


class GzipReader:
    """The decompressed bytes of `inner`, which it closes when it is closed."""

    def __init__(self, inner: Union[abio.Stream, abio.File]) -> None:
        self.inner = inner
        self.inflater = zlib.decompressobj(GZIP)
        self.tail = b""  # compressed bytes that were read and not decompressed yet
        self.inside = False  # a member has begun and not ended

    async def read(self, n: int) -> bytes:
        """At least one byte, at most `n`; b"" at the end."""
        while True:
            data = self.inflater.decompress(self.tail, n)
            self.tail = self.inflater.unconsumed_tail
            if self.inflater.eof:
                # A gzip file is one member after the other.
                self.tail = self.inflater.unused_data
                self.inflater = zlib.decompressobj(GZIP)
                self.inside = False
            if data:
                return data
            if not self.tail:
                self.tail = await self.inner.read(PART)
                if not self.tail:
                    if self.inside:
                        raise EOFError("the gzip file ends before its end marker")
                    return b""
            self.inside = True

    async def aclose(self) -> None:
        await self.inner.aclose()


def gunzip(inner: Union[abio.Stream, abio.File]) -> abio.Stream:
    """A stream of what is compressed in `inner`."""
    return abio.Stream.from_object(GzipReader(inner))


async def main(arguments: list[str]) -> int:
    numbered = "-l" in arguments
    names = [argument for argument in arguments if argument != "-l"]
    source = await abio.open(names[0]) if names else abio.stdin()
    async with gunzip(source) as plain, abio.stdout() as out:
        if not numbered:
            await abio.copy(plain, out)
        else:
            number = 0
            async for line in plain:
                number += 1
                await out.write(b"%6d  " % number + line)
        await out.flush()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
