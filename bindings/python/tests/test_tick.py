"""The native turn and its waiters: how tasks see them, and that a turn survives what tasks do."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import subprocess
import sys
from typing import Any

import pytest
from conftest import BACKENDS, Runner, pair

import abio
from abio import _asyncio
from abio._tick import Tick, Waiter

variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)


def test_a_waiter_is_a_future_to_asyncio(run: Runner) -> None:
    async def main() -> None:
        make = _asyncio.current().make_waiter
        waiter: Any = make()
        assert asyncio.isfuture(waiter) and not waiter.done() and not waiter.cancelled()
        with pytest.raises(asyncio.InvalidStateError):
            waiter.result()
        assert waiter.get_loop() is asyncio.get_running_loop()
        waiter.set_result((1, 2))
        assert waiter.done() and waiter.result() == (1, 2) and await waiter == (1, 2)
        with pytest.raises(asyncio.InvalidStateError):
            waiter.set_result(3)
        assert not waiter.cancel() and not waiter.cancelled()
        # A value that StopIteration would take apart, or be.
        for value in (None, (), (1,), StopIteration(4), ValueError("value")):
            waiter = make()
            asyncio.get_running_loop().call_soon(waiter.set_result, value)
            assert await waiter is value

    run(main)


def test_a_waiter_can_be_cancelled_itself_or_with_its_task(run: Runner) -> None:
    async def main() -> None:
        make = _asyncio.current().make_waiter

        async def wait(waiter: Any) -> Any:
            return await waiter

        for how in ("task", "waiter"):
            waiter: Any = make()
            task = asyncio.create_task(wait(waiter))
            await asyncio.sleep(0)
            assert not task.done()
            assert (task if how == "task" else waiter).cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert waiter.cancelled() and waiter.done()
            with pytest.raises(asyncio.CancelledError):
                waiter.result()
            with pytest.raises(asyncio.CancelledError):
                await waiter

    run(main)


def test_a_waiter_takes_only_tasks_of_its_own_loop(run: Runner) -> None:
    async def main() -> None:
        other: Any = _asyncio.current().make_waiter()
        failures: list[BaseException] = []

        def elsewhere() -> None:
            async def borrow() -> None:
                await other

            try:
                asyncio.run(borrow())
            except RuntimeError as failure:
                failures.append(failure)

        await asyncio.to_thread(elsewhere)
        assert len(failures) == 1 and "different loop" in str(failures[0])

    run(main)


def test_tasks_run_by_a_turn_have_their_own_context_and_name(run: Runner) -> None:
    async def main() -> None:
        async with pair() as (near, far):
            async def read(number: int) -> None:
                variable.set(number)
                for _ in range(20):
                    await abio.sleep(0.001)
                    assert variable.get() == number
                    current = asyncio.current_task()
                    assert current is not None and current.get_name() == f"reader {number}"

            tasks = [asyncio.create_task(read(n), name=f"reader {n}") for n in range(30)]
            await asyncio.gather(*tasks)
            assert variable.get() == 0
            shared = contextvars.copy_context()
            if sys.version_info >= (3, 11):
                both = [asyncio.create_task(abio.sleep(0.01), context=shared) for _ in range(9)]
                await asyncio.gather(*both)

    run(main)


def test_a_task_can_cancel_others_that_the_same_turn_has_woken(run: Runner) -> None:
    async def main() -> None:
        for _ in range(50):
            tasks: list[asyncio.Task[None]] = []

            async def nap(number: int) -> None:
                await abio.sleep(0.0005)
                for task in tasks:
                    if task is not asyncio.current_task():
                        task.cancel()

            tasks += [asyncio.create_task(nap(number)) for number in range(8)]
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert results.count(None) >= 1
            assert all(r is None or isinstance(r, asyncio.CancelledError) for r in results)

    run(main)


def test_no_waiter_is_left(run: Runner) -> None:
    async def main() -> None:
        async with pair() as (near, far):
            for _ in range(300):
                reading = asyncio.create_task(far.read(10))
                await asyncio.sleep(0)
                await near.write(b"x")
                await reading
                reading = asyncio.create_task(far.read(10))
                await asyncio.sleep(0)
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
            await abio.sleep(0)
        gc.collect()
        left = [one for one in gc.get_objects() if type(one) is Waiter]
        # The one of the server's and the one of this test's own wait at most.
        assert len(left) <= 2, left

    run(main)


def test_an_exception_in_a_turn_does_not_lose_the_other_events(run: Runner) -> None:
    class Bad:
        def event(self, *arguments: int) -> None:
            raise KeyError("bad slot")

    async def main() -> None:
        caught: list[Any] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: caught.append(context.get("exception")))
        driver = _asyncio.current()
        from abio._library import lib

        naps = [asyncio.create_task(abio.sleep(0.001)) for _ in range(5)]
        await asyncio.sleep(0)
        assert lib.abio_timer(driver.handle, 1_000_000, 0, driver.enter(Bad())) == 0
        naps += [asyncio.create_task(abio.sleep(0.001)) for _ in range(5)]
        await asyncio.gather(*naps)
        await abio.sleep(0.005)
        assert [type(one) for one in caught] == [KeyError]

    run(main)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", ["KeyboardInterrupt", "SystemExit"])
def test_an_interrupt_in_a_task_ends_the_program_as_always(backend: str, kind: str) -> None:
    code = f"""
import asyncio, abio
async def main():
    try:
        await asyncio.gather(abio.sleep(0.01), stop(), abio.sleep(100))
    finally:
        print("ended")
async def stop():
    await abio.sleep(0.005)
    raise {kind}(5)
try:
    asyncio.run(main())
except KeyboardInterrupt as caught:
    print("caught", caught.args)
"""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", code],
        env={"ABIO_BACKEND": backend, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    if kind == "SystemExit":
        assert done.returncode == 5 and done.stdout == "ended\n", done.stderr
    else:
        assert done.stdout == "ended\ncaught (5,)\n", done.stderr


def test_misuse_of_the_module_is_an_exception() -> None:
    with pytest.raises(TypeError):
        Waiter()
    for arguments in ((), (1, [], []), ("x", [], [], None), (1, (), [], None)):
        with pytest.raises((TypeError, OverflowError)):
            Tick(*arguments)  # type: ignore[arg-type]
    tick = Tick(12345, [None], [], None)
    assert tick.run() < 0 and tick.run_later() < 0
    waiter = tick.waiter()
    with pytest.raises(TypeError):
        waiter.add_done_callback()  # type: ignore[attr-defined]
    waiter.set_result(1)
    assert waiter.__await__().__next__ is not None
    with pytest.raises(StopIteration) as stopped:
        next(waiter.__await__())
    assert stopped.value.value == 1
