"""Sleeping on the driver's own timers."""

from __future__ import annotations

from . import _errors
from ._asyncio import current
from ._driver import Operation
from ._library import lib


async def sleep(delay: float) -> None:
    """Returns after `delay` seconds, never earlier.  Cancelling it cancels the timer."""
    driver = current()
    after = max(0, round(delay * 1_000_000_000))
    result = await driver.run(
        Operation(driver.make_waiter()),
        lambda token: lib.abio_timer(driver.handle, after, 0, token),
    )
    if result < 0:
        raise _errors.error(result)
