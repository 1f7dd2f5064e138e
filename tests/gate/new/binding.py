"""The Python binding at work, with the library that lies beside it: a file, lines, a stream, a cancel."""

import asyncio

import abio
from abio import _library


async def echo(stream: abio.Stream) -> None:
    async for line in stream:
        await stream.write(line.upper())


async def main() -> int:
    async with abio.open("binding.bin", "w+b") as file:
        await file.write(b"0123456789")
        assert await file.pread(3, 4) == b"456"
    async with abio.start_server(echo, "127.0.0.1", 0) as server:
        async with abio.connect(*server.address) as stream:
            waiting = asyncio.create_task(stream.readline())
            await abio.sleep(0)
            waiting.cancel()
            assert (await asyncio.gather(waiting, return_exceptions=True))[0].__class__ is (
                asyncio.CancelledError
            )
            await stream.write(b"hello\n")
            assert await stream.readline() == b"HELLO\n"
    return 2


print("works with", ".".join(map(str, _library.VERSION)), asyncio.run(main()))
