"""Every case of stream_cases.py over every kind of ends, on every loop and backend."""

from __future__ import annotations

import pytest
from conftest import Runner
from stream_cases import CASES
from stream_ends import KINDS

PAIRS = [
    pytest.param(kind, name, id=f"{kind}-{name}")
    for kind in KINDS
    for name in CASES
    if KINDS[kind].duplex or not CASES[name].duplex
]


@pytest.mark.parametrize("kind, name", PAIRS)
def test_stream(run: Runner, kind: str, name: str) -> None:
    async def main() -> None:
        async with KINDS[kind].make() as ends:
            await CASES[name].run(ends)

    run(main)


def test_the_table_is_whole() -> None:
    assert len(CASES) >= 30 and len(PAIRS) >= 300
