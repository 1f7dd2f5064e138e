"""Objects that are dropped, loops that are closed, threads and forks."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import subprocess
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import LOOPS, Runner, demand_none_beyond, descriptors, pair

import abio
from abio import _asyncio


@contextlib.contextmanager
def unclosed(count: int = 1) -> Iterator[None]:
    """Demands so many ResourceWarnings of abio's."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        yield
        gc.collect()
    ours = [one for one in caught if "abio" in str(one.message)]
    assert len(ours) == count, [str(one.message) for one in caught]


async def gone(fd: int) -> None:
    """Waits until a descriptor is closed."""
    deadline = time.monotonic() + 10
    while fd in descriptors():
        assert time.monotonic() < deadline, f"descriptor {fd} stays open"
        await asyncio.sleep(0.002)


def new_loop(runner: Runner) -> asyncio.AbstractEventLoop:
    if runner.loop == "uvloop":
        import uvloop

        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        return loop
    return asyncio.new_event_loop()


def test_a_dropped_stream_is_closed_though_its_receive_is_armed(run: Runner) -> None:
    async def dropped() -> None:
        closed = asyncio.Event()

        async def handler(stream: abio.Stream) -> None:
            await stream.read()
            closed.set()

        async with abio.start_server(handler, "127.0.0.1", 0) as server:
            stream = await abio.connect(*server.address)
            reading = asyncio.create_task(stream.read(1))
            await asyncio.sleep(0.01)
            reading.cancel()
            await asyncio.wait([reading])
            del reading
            assert stream._receiver.armed
            gone = weakref.ref(stream)
            with unclosed():
                del stream
            assert gone() is None
            await asyncio.wait_for(closed.wait(), 10)

    run(dropped)


def test_a_dropped_file_is_closed(run: Runner, tmp_path: Path) -> None:
    async def main() -> None:
        f = await abio.open(tmp_path / "f", "wb")
        fd = f.fileno()
        with unclosed():
            del f
        await gone(fd)

    run(main)


def test_a_stream_is_not_collected_while_it_is_read(run: Runner) -> None:
    async def main() -> None:
        async def handler(stream: abio.Stream) -> None:
            await abio.sleep(0.02)
            await stream.write(b"late")

        async def read() -> bytes:
            stream = await abio.connect(*server.address)
            try:
                return await stream.read(10)
            finally:
                stream.close()

        async with abio.start_server(handler, "127.0.0.1", 0) as server:
            task = asyncio.create_task(read())
            await asyncio.sleep(0.01)
            gc.collect()
            assert await task == b"late"

    run(main)


def test_objects_dropped_in_another_thread(run: Runner, tmp_path: Path) -> None:
    async def main() -> None:
        held: list[Any] = [await abio.open(tmp_path / str(n), "wb") for n in range(20)]
        fds = [f.fileno() for f in held]
        with unclosed(20):
            thread = threading.Thread(target=held.clear)
            thread.start()
            thread.join()
        for fd in fds:
            await gone(fd)

    run(main)


def test_another_thread_gets_a_runtime_error(run: Runner, tmp_path: Path) -> None:
    async def main() -> None:
        f = await abio.open(tmp_path / "f", "w+b")
        errors: list[BaseException] = []

        def elsewhere() -> None:
            for call in (lambda: f.pwrite(b"x", 0), lambda: f.pread(1, 0), lambda: f.fsync()):
                coroutine = call()
                try:
                    coroutine.send(None)
                except RuntimeError as failure:
                    errors.append(failure)
                finally:
                    coroutine.close()

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        assert len(errors) == 3 and all("thread" in str(error) for error in errors)
        assert await f.write(b"still works") == 11
        await f.aclose()

    run(main)


def test_a_loop_in_another_thread_has_a_driver_of_its_own(run: Runner) -> None:
    async def nap() -> _asyncio.LoopDriver:
        await abio.sleep(0.001)
        return _asyncio.current()

    async def main() -> None:
        found: list[_asyncio.LoopDriver] = []
        thread = threading.Thread(target=lambda: found.append(LOOPS[run.loop](nap())))
        thread.start()
        while thread.is_alive():
            await abio.sleep(0.005)
        assert found[0] is not await nap()
        assert found[0].closed

    run(main)


def test_fork_gives_the_child_an_error_and_leaves_the_parent_alone(
    run: Runner, tmp_path: Path
) -> None:
    async def main() -> None:
        (tmp_path / "f").write_bytes(b"0123456789")
        f = await abio.open(tmp_path / "f")
        async with pair() as (near, far):
            reading = asyncio.create_task(far.read(5))
            sleeping = asyncio.create_task(abio.sleep(0.05))
            await asyncio.sleep(0.01)
            pid = os.fork()
            if pid == 0:
                os._exit(in_child(f, near, tmp_path))
            while os.waitpid(pid, os.WNOHANG) == (0, 0):
                await asyncio.sleep(0.01)
            await near.write(b"alive")
            assert await reading == b"alive"
            await sleeping
            assert await f.read(4) == b"0123"
            assert (tmp_path / "verdict").read_text() == "ok"
        await f.aclose()

    def in_child(f: abio.File, stream: abio.Stream, where: Path) -> int:
        # Silent: what the child prints would be the test runner's.
        verdict = "no error"
        try:
            for call in (f.pread(1, 0), f.fsync(), stream.write(b"x"), stream.flush()):
                try:
                    call.send(None)
                except RuntimeError as failure:
                    if "fork" not in str(failure):
                        raise
                else:
                    raise AssertionError("accepted in the child")
            f.close()
            stream.close()

            async def own() -> bytes:
                async with abio.open(where / "f") as mine:
                    await abio.sleep(0.001)
                    return await mine.read()

            assert LOOPS[run.loop](own()) == b"0123456789"
            verdict = "ok"
        except BaseException as failure:
            verdict = repr(failure)
        (where / "verdict").write_text(verdict)
        return 0

    run(main)


def test_a_loop_closed_with_operations_in_flight(run: Runner, tmp_path: Path) -> None:
    before = descriptors()
    loop = new_loop(run)
    memory = bytearray(1000)

    async def main() -> list[asyncio.Task[Any]]:
        server = await abio.start_server(lambda stream: abio.sleep(1000), "127.0.0.1", 0)
        stream = await abio.connect(*server.address)
        kept.extend([server, stream, await abio.open(tmp_path / "f", "wb")])
        tasks = [
            asyncio.create_task(stream.readinto(memory)),
            asyncio.create_task(abio.sleep(1000)),
            asyncio.create_task(stream.write(bytes(20_000_000))),
        ]
        await asyncio.sleep(0.02)
        return tasks

    kept: list[Any] = []
    tasks = loop.run_until_complete(main())
    driver = _asyncio._drivers[loop]()
    assert driver is not None and driver.state().in_flight
    loop.run_until_complete(loop.shutdown_asyncgens())
    assert driver.closed
    # Whoever still waited was told, and the memory is its owner's again.
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    assert all(isinstance(task.exception(), (OSError, ValueError)) for task in tasks)
    memory.extend(b"x")
    with unclosed(0):
        kept[0].close()
        for one in kept[1:]:
            one.close()
        tasks.clear()
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()
    del loop, driver
    demand_none_beyond(before)


def test_a_loop_closed_without_shutdown_warns_and_leaks_nothing(run: Runner) -> None:
    before = descriptors()
    loop = new_loop(run)

    async def main() -> None:
        await abio.sleep(0.001)
        waiting.append(asyncio.create_task(abio.sleep(1000)))
        await asyncio.sleep(0.01)

    waiting: list[Any] = []
    loop.run_until_complete(main())
    reference = _asyncio._drivers[loop]
    with unclosed():
        loop.close()
        waiting.pop()._log_destroy_pending = False
        gc.collect()
        assert reference() is None
    del loop
    demand_none_beyond(before)


def test_one_driver_serves_several_runs_of_a_loop(run: Runner) -> None:
    loop = new_loop(run)

    async def current() -> _asyncio.LoopDriver:
        await abio.sleep(0)
        return _asyncio.current()

    first = loop.run_until_complete(current())
    assert loop.run_until_complete(current()) is first
    loop.run_until_complete(loop.shutdown_asyncgens())
    assert first.closed
    second = loop.run_until_complete(current())
    assert second is not first and not second.closed
    loop.run_until_complete(second.aclose())
    loop.close()


def test_without_a_loop_there_is_a_clear_error() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        abio.open("x").send(None)
    assert abio.info().in_flight == 0


def test_streams_outlive_their_driver_harmlessly(run: Runner) -> None:
    loop = new_loop(run)

    async def main() -> abio.Stream:
        async with abio.start_server(lambda stream: stream.read(), "127.0.0.1", 0) as server:
            return await abio.connect(*server.address)

    stream = loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_asyncgens())
    with pytest.raises(ConnectionAbortedError):
        loop.run_until_complete(stream.write(b"x"))
    with pytest.raises(ConnectionAbortedError):
        loop.run_until_complete(stream.read(1))
    loop.run_until_complete(stream.aclose())
    loop.close()


def test_a_program_that_ends_in_the_middle(run: Runner) -> None:
    code = """
import asyncio, abio, sys
async def main():
    async with abio.start_server(lambda s: s.read(), "127.0.0.1", 0) as server:
        global kept
        kept = await abio.connect(*server.address)
        kept2 = asyncio.ensure_future(kept.readinto(bytearray(10)))
        await abio.sleep(0.01)
        sys.exit(7)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 7 and "Fatal" not in done.stderr, done.stderr


def test_a_coroutine_closed_while_memory_is_lent(run: Runner) -> None:
    async def main() -> None:
        async with pair() as (near, far):
            memory = bytearray(100)
            coroutine = far.readinto(memory)
            coroutine.send(None)
            coroutine.close()
            deadline = asyncio.get_running_loop().time() + 10
            while True:
                try:
                    memory.append(0)
                    break
                except BufferError:
                    assert asyncio.get_running_loop().time() < deadline
                    await asyncio.sleep(0.001)

    run(main)
