"""What needs no IO: modes, errors, the order of received bytes, turns, and the identity check."""

from __future__ import annotations

import asyncio
import errno
import io
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import abio
from abio import _errors, _library
from abio._file import parse_mode
from abio._library import lib
from abio._lock import Turn
from abio._receiver import ANY, Receiver

READ, WRITE = lib.ABIO_ACCESS_READ, lib.ABIO_ACCESS_WRITE


@pytest.mark.parametrize(
    "mode, access, flags",
    [
        ("rb", READ, 0),
        ("br", READ, 0),
        ("r+b", READ | WRITE, 0),
        ("rb+", READ | WRITE, 0),
        ("wb", WRITE, lib.ABIO_OPEN_CREATE | lib.ABIO_OPEN_TRUNCATE),
        ("w+b", READ | WRITE, lib.ABIO_OPEN_CREATE | lib.ABIO_OPEN_TRUNCATE),
        ("ab", WRITE, lib.ABIO_OPEN_CREATE | lib.ABIO_OPEN_APPEND),
        ("xb", WRITE, lib.ABIO_OPEN_CREATE | lib.ABIO_OPEN_EXCLUSIVE),
    ],
)
def test_modes_are_those_of_the_builtin_open(mode: str, access: int, flags: int) -> None:
    assert parse_mode(mode) == (access, flags)


@pytest.mark.parametrize("mode", ["r", "w", "rt", "rbt", "", "b", "rwb", "rrb", "zb", "U"])
def test_other_modes_are_refused(mode: str) -> None:
    with pytest.raises(ValueError):
        parse_mode(mode)


@pytest.mark.parametrize("mode", ["r", "rt", "w"])
def test_open_refuses_text_at_once_and_says_so(mode: str) -> None:
    with pytest.raises(ValueError, match="binary"):
        abio.open("x", mode)


@pytest.mark.parametrize(
    "code, kind",
    [
        (-errno.ENOENT, FileNotFoundError),
        (-errno.EACCES, PermissionError),
        (-errno.ECONNRESET, ConnectionResetError),
        (-errno.EPIPE, BrokenPipeError),
        (-errno.ECONNREFUSED, ConnectionRefusedError),
        (-errno.EIO, OSError),
        (lib.ABIO_E_FORKED, RuntimeError),
        (lib.ABIO_E_WRONG_THREAD, RuntimeError),
        (lib.ABIO_E_BUSY, RuntimeError),
        (lib.ABIO_E_UNSUPPORTED, io.UnsupportedOperation),
        (lib.ABIO_E_CLOSED, ValueError),
        (lib.ABIO_E_HANDLE, ValueError),
        (lib.ABIO_E_ARGUMENT, ValueError),
        (lib.ABIO_E_NAME_NOT_FOUND, socket.gaierror),
        (lib.ABIO_E_WRITE_ZERO, OSError),
    ],
)
def test_codes_become_exceptions(code: int, kind: type[Exception]) -> None:
    failure = _errors.error(code)
    assert isinstance(failure, kind)
    if -4096 < code < 0:
        assert isinstance(failure, OSError) and failure.errno == -code


def test_resolver_codes_are_those_of_socket() -> None:
    assert _errors.error(lib.ABIO_E_NAME_NOT_FOUND).errno == socket.EAI_NONAME  # type: ignore[attr-defined]
    assert _errors.error(lib.ABIO_E_NAME_AGAIN).errno == socket.EAI_AGAIN  # type: ignore[attr-defined]


def test_closed_is_a_value_error_for_files_and_a_connection_error_for_streams() -> None:
    assert isinstance(_errors.file_error(lib.ABIO_E_CLOSED), ValueError)
    assert isinstance(_errors.stream_error(lib.ABIO_E_CLOSED), ConnectionError)


def test_the_very_same_description_is_accepted() -> None:
    _library.check(_library.VERSION, _library.HASH)


def test_a_newer_library_is_accepted() -> None:
    major, minor, patch = _library.BUILT_VERSION
    _library.check((major, minor + 1, 0), "ff" * 32)


def test_any_patch_of_the_very_same_description_is_accepted() -> None:
    major, minor, patch = _library.BUILT_VERSION
    _library.check((major, minor, patch + 1), _library.BUILT_HASH)


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ((0, 0, 9), "is older and may lack"),
        ((1, 0, 0), "has another ABI"),
        (_library.BUILT_VERSION, "one of the two is no release"),
        ((*_library.BUILT_VERSION[:2], 99), "one of the two is no release"),
    ],
)
def test_a_library_that_lacks_something_is_refused(version: tuple[int, int, int], why: str) -> None:
    with pytest.raises(ImportError, match=f"found libabio .*{why}"):
        _library.check(version, "ff" * 32)


def test_a_missing_library_is_a_clear_import_error(tmp_path: Path) -> None:
    code = (
        "import sys, types\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'abio._abio':\n"
        "            raise ImportError('libabio.so.0: cannot open shared object file')\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "import abio\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode != 0
    assert "abio: the native library could not be loaded" in done.stderr


class FakeWaiter:
    """A waiter that remembers."""

    def __init__(self) -> None:
        self.value: Any = self
        self.gone = False

    def done(self) -> bool:
        return self.gone or self.value is not self

    def set_result(self, value: Any) -> None:
        assert not self.done()
        self.value = value


def received(*pieces: bytes) -> Receiver:
    receiver = Receiver(0)
    for piece in pieces:
        receiver.piece(piece)
    return receiver


def test_take_gives_bytes_in_order_whatever_the_pieces() -> None:
    data = bytes(range(256)) * 3
    for size in (1, 2, 3, 7, 64, 255, 256, 257, 1000):
        for limit in (1, 2, 5, 64, 300, 10_000):
            receiver = received(*(data[at : at + size] for at in range(0, len(data), size)))
            out = b""
            while receiver.stored:
                part = receiver.take(limit)
                assert 0 < len(part) <= limit
                assert len(part) == limit or not receiver.stored
                out += part
            assert out == data and receiver.take(limit) == b"" and receiver.head == 0


def test_take_into_fills_what_fits_and_keeps_the_rest() -> None:
    receiver = received(b"abc", b"defg", b"hi")
    memory = bytearray(5)
    with memoryview(memory) as view:
        assert receiver.take_into(view) == 5 and bytes(memory) == b"abcde"
        assert receiver.take_into(view[:1]) == 1 and memory[0:1] == b"f"
        assert receiver.take_into(view) == 3 and bytes(memory[:3]) == b"ghi"
        assert receiver.take_into(view) == 0 and receiver.stored == 0


def test_give_back_goes_to_the_front() -> None:
    receiver = received(b"abcdef", b"ghi")
    first = receiver.take(2)
    receiver.give_back(first)
    assert receiver.stored == 9 and receiver.take(ANY) == b"abcdefghi"
    receiver.give_back(b"")
    assert not receiver.pieces and receiver.stored == 0


def test_find_sees_separators_across_pieces() -> None:
    data = b"one\r\ntwo\r\n\r\nthree"
    for size in range(1, len(data) + 1):
        for skip in range(0, 4):
            receiver = received(*(data[at : at + size] for at in range(0, len(data), size)))
            receiver.take(skip)
            assert receiver.find(b"\r\n\r\n", 0) == data.find(b"\r\n\r\n") - skip
            assert receiver.find(b"nowhere", 0) == -1
            assert receiver.take(ANY) == data[skip:]


def test_a_reader_is_woken_only_by_as_much_as_it_needs() -> None:
    receiver = Receiver(0)
    receiver.need = 5
    receiver.waiter = waiter = FakeWaiter()  # type: ignore[assignment]
    receiver.piece(b"1234")
    assert not waiter.done()
    receiver.piece(b"5")
    assert waiter.done() and receiver.waiter is None and receiver.stored == 5


def test_a_turn_is_first_come_first_served() -> None:
    async def main() -> None:
        turn = Turn()
        order: list[int] = []
        future = asyncio.get_running_loop().create_future

        async def take(number: int) -> None:
            await turn.acquire(future)
            order.append(number)
            await asyncio.sleep(0)
            turn.release()

        await asyncio.gather(*(take(number) for number in range(10)))
        assert order == list(range(10)) and not turn.held

    asyncio.run(main())


@pytest.mark.parametrize("steps", range(6))
def test_a_turn_survives_cancellation_at_any_moment(steps: int) -> None:
    async def main() -> None:
        turn = Turn()
        future = asyncio.get_running_loop().create_future
        await turn.acquire(future)
        waiting = [asyncio.create_task(turn.acquire(future)) for _ in range(3)]
        await asyncio.sleep(0)
        for _ in range(steps):
            if steps % 2:
                await asyncio.sleep(0)
        turn.release()
        if steps > 2:
            await asyncio.sleep(0)
        had = waiting[0].done()
        waiting[0].cancel()
        waiting[2].cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if had:
            turn.release()
        await asyncio.wait_for(waiting[1], 5)
        turn.release()
        await asyncio.wait_for(turn.acquire(future), 5)
        turn.release()
        assert not turn.held

    asyncio.run(main())
