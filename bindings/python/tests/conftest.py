"""Runs each test's coroutine on every event loop and backend that is here, and counts what it left.

`run` is the fixture: it runs a coroutine function to its end under a deadline, then demands that no
operation is in flight and no descriptor is open that was not before.
ABIO_TEST_LOOP=asyncio|uvloop chooses one loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

import abio
from abio import _asyncio

DEADLINE = float(os.environ.get("ABIO_TEST_DEADLINE", 120))


def _can(backend: str) -> bool:
    """Whether a driver of this backend can be made here."""
    code = "import abio, sys; sys.exit(abio.info().backend != sys.argv[1])"
    environment = {**os.environ, "ABIO_BACKEND": backend}
    done = subprocess.run([sys.executable, "-c", code, backend], env=environment, stderr=-3)
    return done.returncode == 0


def _loops() -> dict[str, Callable[[Any], Any]]:
    loops: dict[str, Callable[[Any], Any]] = {"asyncio": asyncio.run}
    with contextlib.suppress(ImportError):
        import uvloop

        def run_uvloop(main: Any) -> Any:
            loop = uvloop.new_event_loop()
            try:
                return loop.run_until_complete(main)
            finally:
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.close()

        loops["uvloop"] = run_uvloop
        # libuv opens one pipe for the life of the process: not a leak of any test.
        run_uvloop(asyncio.sleep(0))
    chosen = os.environ.get("ABIO_TEST_LOOP")
    if chosen:
        if chosen not in loops:
            raise pytest.UsageError(f"ABIO_TEST_LOOP={chosen}: not here")
        return {chosen: loops[chosen]}
    return loops


LOOPS = _loops()
BACKENDS = [name for name in ("uring", "epoll") if _can(name)]
ENVIRONMENTS = [f"{loop}-{backend}" for loop in LOOPS for backend in BACKENDS]


def descriptors() -> dict[int, str]:
    """Every open descriptor and what it is."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
    return found


def demand_none_beyond(before: dict[int, str]) -> None:
    """Demands that every other descriptor is closed: soon, for a worker may still hold its own."""
    gc.collect()
    deadline = time.monotonic() + 5
    while left := {fd: name for fd, name in descriptors().items() if fd not in before}:
        assert time.monotonic() < deadline, f"descriptors left open: {left}"
        time.sleep(0.005)


async def settle(driver: _asyncio.LoopDriver) -> None:
    """Waits until nothing is in flight; what was dropped or released may take a few turns."""
    deadline = time.monotonic() + 10
    while driver.operations() or driver.state().in_flight:
        if time.monotonic() > deadline:
            held = [slot for slot in driver.slots if slot is not None]
            raise AssertionError(f"still in flight: {driver.state().in_flight}, slots {held}")
        gc.collect()
        await asyncio.sleep(0.002)


Run = Callable[[Callable[[], Awaitable[Any]]], Any]


class Runner:
    """One event loop and one backend."""

    def __init__(self, name: str) -> None:
        self.loop, self.backend = name.split("-")

    def __call__(self, main: Callable[[], Awaitable[Any]]) -> Any:
        async def whole() -> Any:
            result = await asyncio.wait_for(main(), DEADLINE)
            driver = _asyncio.running()
            if driver is not None and not driver.closed:
                await settle(driver)
            return result

        gc.collect()
        before = descriptors()
        with warnings.catch_warnings():
            warnings.simplefilter("error", ResourceWarning)
            result = LOOPS[self.loop](whole())
        demand_none_beyond(before)
        return result


@pytest.fixture(params=ENVIRONMENTS)
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    runner = Runner(request.param)
    monkeypatch.setenv("ABIO_BACKEND", runner.backend)
    yield runner


@pytest.fixture(autouse=True)
def unraisable(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """An exception that Python could only print is a failure of the test."""
    caught: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", caught.append)
    yield caught
    gc.collect()
    assert not caught, [(one.exc_value, one.object) for one in caught]


@contextlib.asynccontextmanager
async def pair() -> Any:
    """Two connected abio streams."""
    served: asyncio.Future[abio.Stream] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def handler(stream: abio.Stream) -> None:
        served.set_result(stream)
        await over.wait()

    async with abio.start_server(handler, "127.0.0.1", 0) as server:
        async with abio.connect(*server.address) as near:
            far = await served
            try:
                yield near, far
            finally:
                over.set()
        await server.wait_closed() if not server.is_serving() else None


def pytest_terminal_summary(terminalreporter: Any) -> None:
    count = {key: len(terminalreporter.stats.get(key, [])) for key in ("passed", "failed", "skipped")}
    count["failed"] += len(terminalreporter.stats.get("error", []))
    terminalreporter.write_line(
        f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped"
    )


def pytest_collection_finish() -> None:
    # What lives for the whole session need not be walked by every collection.
    gc.collect()
    gc.freeze()
