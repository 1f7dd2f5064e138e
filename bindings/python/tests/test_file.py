"""Files: every method, every kind of error, and what a cancelled call leaves behind."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import Runner

import abio
from abio import _asyncio

DATA = random.Random(1).randbytes(3_000_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "data.bin"
    file.write_bytes(DATA)
    return file


def test_open_is_awaited_or_entered_or_a_task(run: Runner, path: Path) -> None:
    async def main() -> None:
        f = await abio.open(path, "rb")
        assert not f.closed and f.fileno() >= 0 and f.name == path and f.mode == "rb"
        await f.aclose()
        assert f.closed
        await f.aclose()
        async with abio.open(str(path)) as f:
            assert await f.read(3) == DATA[:3]
        assert f.closed
        g = await asyncio.create_task(abio.open(os.fsencode(path)))
        async with g:
            assert await g.read(1) == DATA[:1]

    run(main)


@pytest.mark.parametrize("n", [0, 1, 2, 100, 4096, 65536, 65537, 1 << 20, (1 << 20) + 1, 2_999_999])
def test_read_gives_exactly_what_was_asked(run: Runner, path: Path, n: int) -> None:
    async def main() -> None:
        async with abio.open(path) as f:
            assert await f.read(n) == DATA[:n]
            assert await f.tell() == n
            assert await f.read(n) == DATA[n : 2 * n]

    run(main)


def test_read_to_the_end_and_past_it(run: Runner, path: Path) -> None:
    async def main() -> None:
        async with abio.open(path) as f:
            assert await f.read() == DATA
            assert await f.read() == b"" and await f.read(10) == b""
            assert await f.seek(-5, os.SEEK_END) == len(DATA) - 5
            assert await f.read(10) == DATA[-5:]
            assert await f.seek(10) == 10 and await f.seek(5, os.SEEK_CUR) == 15
            assert await f.read(-1) == DATA[15:]
            with pytest.raises(ValueError):
                await f.seek(-1)
            with pytest.raises(ValueError):
                await f.seek(0, 9)
            assert await f.seek(5) == 5 and await f.read(1 << 40) == DATA[5:]
            assert await f.seek(1 << 40) == 1 << 40
            assert await f.read(5) == b"" and await f.read() == b""

    run(main)


def test_read_of_a_file_that_lies_about_its_size(run: Runner) -> None:
    async def main() -> None:
        async with abio.open("/proc/self/status") as f:
            assert (await f.read()).startswith(b"Name:")
        # More than any one chunk, of a file that says it is empty and stands still.
        child = subprocess.Popen(
            ["sh", "-c", "echo there; read line"],
            env={f"V{i}": "x" * 100_000 for i in range(15)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            assert child.stdout is not None and child.stdin is not None
            assert child.stdout.readline() == b"there\n"
            size = 15 * 100_000 // 2
            async with abio.open(f"/proc/{child.pid}/environ") as f:
                whole = Path(f"/proc/{child.pid}/environ").read_bytes()
                assert len(whole) > 15 * 100_000
                assert await f.read(size) == whole[:size]
                assert await f.read() == whole[size:]
        finally:
            child.communicate(b"\n")

    run(main)


@pytest.mark.parametrize("kind", ["bytearray", "memoryview", "array"])
def test_readinto_fills_memory_of_the_caller(run: Runner, path: Path, kind: str) -> None:
    import array

    async def main() -> None:
        memory: Any = bytearray(10_000)
        target = {
            "bytearray": lambda: memory,
            "memoryview": lambda: memoryview(memory)[:9_999],
            "array": lambda: array.array("H", bytes(10_000)),
        }[kind]()
        size = memoryview(target).nbytes
        async with abio.open(path) as f:
            assert await f.readinto(target) == size
            assert memoryview(target).cast("B")[:] == DATA[:size]
            assert await f.tell() == size
            assert await f.readinto_at(target, 5) == size
            assert memoryview(target).cast("B")[:] == DATA[5 : size + 5]
            assert await f.readinto_at(target, len(DATA) - 7) == 7
            assert await f.readinto_at(target, len(DATA)) == 0
            assert await f.readinto(bytearray(0)) == 0

    run(main)


@pytest.mark.parametrize("n", [1, 4096, 65536, 65537, 1 << 20])
def test_pread_is_positional_and_concurrent(run: Runner, path: Path, n: int) -> None:
    async def main() -> None:
        async with abio.open(path) as f:
            offsets = [random.Random(n).randrange(len(DATA)) for _ in range(50)]
            found = await asyncio.gather(*(f.pread(n, offset) for offset in offsets))
            assert found == [DATA[offset : offset + n] for offset in offsets]
            assert await f.tell() == 0
            assert await f.pread(n, len(DATA)) == b"" and await f.pread(0, 0) == b""
            with pytest.raises(ValueError):
                await f.pread(-1, 0)

    run(main)


def test_write_and_pwrite(run: Runner, tmp_path: Path) -> None:
    async def main() -> None:
        async with abio.open(tmp_path / "new", "w+b") as f:
            assert await f.write(b"0123456789") == 10
            assert await f.write(bytearray(b"abc")) == 3
            assert await f.write(memoryview(b"xdefx")[1:-1]) == 3
            assert await f.write(b"") == 0
            assert await f.tell() == 16
            assert await f.pwrite(b"PP", 4) == 2
            assert await f.pwrite(bytearray(DATA), 100) == len(DATA)
            assert await f.pwrite(DATA, 100 + len(DATA)) == len(DATA)
            assert await f.tell() == 16
            await f.fsync()
            await f.fdatasync()
            assert await f.pread(16, 0) == b"0123PP6789abcdef"
            assert await f.pread(100, 16) == bytes(84) + DATA[:16]
        assert (tmp_path / "new").read_bytes()[100:] == DATA + DATA

    run(main)


def test_append_goes_to_the_end(run: Runner, tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"first\n")

    async def main() -> None:
        async with abio.open(file, "ab") as f:
            await f.write(b"second\n")
            await f.write(b"third\n")
            assert await f.tell() == 19
        assert file.read_bytes() == b"first\nsecond\nthird\n"

    run(main)


def test_exclusive_truncating_and_updating_modes(run: Runner, tmp_path: Path) -> None:
    file = tmp_path / "x"

    async def main() -> None:
        async with abio.open(file, "xb", permissions=0o640) as f:
            await f.write(b"hello")
        assert file.stat().st_mode & 0o777 == 0o640 & ~_umask()
        with pytest.raises(FileExistsError) as caught:
            await abio.open(file, "xb")
        assert caught.value.filename == file
        async with abio.open(file, "r+b") as f:
            await f.write(b"J")
            assert await f.read() == b"ello"
        async with abio.open(file, "wb") as f:
            pass
        assert file.read_bytes() == b""

    run(main)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_errors_carry_the_filename(run: Runner, tmp_path: Path) -> None:
    async def main() -> None:
        missing = tmp_path / "missing"
        with pytest.raises(FileNotFoundError) as caught:
            await abio.open(missing)
        assert caught.value.filename == missing and str(missing) in str(caught.value)
        with pytest.raises(IsADirectoryError):
            await abio.open(tmp_path, "wb")
        with pytest.raises(NotADirectoryError):
            async with abio.open("/dev/null/x"):
                pass
        with pytest.raises(FileNotFoundError):
            await abio.open("")
        with pytest.raises(OSError, match="too long"):
            await abio.open("/" + "x" * 5000)
        with pytest.raises(ValueError):
            await abio.open("a\0b")
        with pytest.raises(TypeError):
            await abio.open(3)  # type: ignore[arg-type]
        async with abio.open(tmp_path / "w", "wb") as f:
            with pytest.raises(OSError) as bad:
                await f.read(1)
            assert bad.value.errno == 9
        async with abio.open("/dev/full", "wb") as f:
            with pytest.raises(OSError):
                await f.write(b"x" * 100)
                await f.aclose()

    run(main)


def test_a_closed_file_is_a_value_error(run: Runner, path: Path) -> None:
    async def main() -> None:
        f = await abio.open(path, "r+b")
        await f.aclose()
        for call in (
            lambda: f.read(1),
            lambda: f.read(),
            lambda: f.pread(1, 0),
            lambda: f.readinto(bytearray(1)),
            lambda: f.write(b"x"),
            lambda: f.pwrite(b"x", 0),
            lambda: f.fsync(),
            lambda: f.seek(0),
            lambda: f.tell(),
        ):
            with pytest.raises(ValueError, match="closed file"):
                await call()  # type: ignore[no-untyped-call]
        with pytest.raises(ValueError):
            f.fileno()

    run(main)


def test_the_cursor_serves_one_task_at_a_time(run: Runner, path: Path) -> None:
    async def main() -> None:
        async with abio.open(path) as f:
            first = asyncio.create_task(f.read(1 << 20))
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="another coroutine"):
                await f.read(1)
            assert await first == DATA[: 1 << 20]

    run(main)


def test_readinto_refuses_what_cannot_be_written(run: Runner, path: Path) -> None:
    async def main() -> None:
        async with abio.open(path) as f:
            for bad in (b"bytes", memoryview(b"x"), "text", 5):
                with pytest.raises((TypeError, BufferError, ValueError)):
                    await f.readinto(bad)
            with pytest.raises((TypeError, BufferError, ValueError)):
                await f.readinto(memoryview(bytearray(10))[::2])
            assert await f.read(1) == DATA[:1]

    run(main)


def test_memory_cannot_be_resized_while_it_is_lent_and_can_after(run: Runner, path: Path) -> None:
    async def main() -> None:
        async with abio.open(path) as f:
            memory = bytearray(1 << 20)
            task = asyncio.create_task(f.readinto(memory))
            await asyncio.sleep(0)
            assert not task.done()
            with pytest.raises(BufferError):
                memory.extend(b"more")
            assert await task == 1 << 20
            memory.extend(b"more")
            task = asyncio.create_task(f.readinto(memory))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
            memory.clear()
            del caught

    run(main)


def test_a_cancelled_read_leaves_the_cursor_and_loses_nothing(run: Runner, path: Path) -> None:
    async def main() -> None:
        async with abio.open(path) as f:
            at = 0
            for turn in range(300):
                task = asyncio.create_task(f.read(5000))
                for _ in range(turn % 5):
                    await asyncio.sleep(0)
                done = task.done()
                task.cancel()
                try:
                    part = await task
                    assert part == DATA[at : at + 5000]
                    at += 5000
                except asyncio.CancelledError:
                    assert not done
                assert await f.tell() == at
            assert await f.read(10) == DATA[at : at + 10]

    run(main)


def test_a_cancelled_readinto_never_writes_after_it_raised(run: Runner, path: Path) -> None:
    async def main() -> None:
        async with abio.open(path) as f:
            for turn in range(300):
                memory = bytearray(200_000)
                task = asyncio.create_task(f.readinto_at(memory, turn))
                for _ in range(turn % 4):
                    await asyncio.sleep(0)
                task.cancel()
                try:
                    await task
                except asyncio.CancelledError:
                    memory[:] = b"\xee" * len(memory)
                    memory.append(1)
                    await asyncio.sleep(0)
                    assert memory.count(b"\xee") == 200_000

    run(main)


def test_a_cancelled_write_is_finished_before_fsync_and_close(run: Runner, tmp_path: Path) -> None:
    async def main() -> None:
        for turn in range(40):
            file = tmp_path / f"w{turn}"
            f = await abio.open(file, "wb")
            task = asyncio.create_task(f.write(DATA))
            await asyncio.sleep(0)
            await asyncio.sleep(0) if turn % 2 else None
            done = task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert await f.tell() == len(DATA)
            await f.write(b"tail")
            if turn % 4 < 2:
                await f.fsync()
                assert file.stat().st_size == len(DATA) + 4
            await f.aclose()
            assert file.read_bytes() == DATA + b"tail", done

    run(main)


def test_several_wait_for_a_cancelled_write(run: Runner, tmp_path: Path) -> None:
    async def main() -> None:
        for turn in range(20):
            async with abio.open(tmp_path / "f", "wb") as f:
                task = asyncio.create_task(f.write(DATA))
                await asyncio.sleep(0)
                task.cancel()
                waiting = [asyncio.create_task(f.fsync()) for _ in range(4)]
                await asyncio.sleep(0)
                waiting[turn % 4].cancel()
                results = await asyncio.gather(*waiting, return_exceptions=True)
                assert results.count(None) >= 3
                assert (tmp_path / "f").stat().st_size == len(DATA)

    run(main)


def test_cancelled_appends_are_whole_and_in_order(run: Runner, tmp_path: Path) -> None:
    async def main() -> None:
        file = tmp_path / "log"
        async with abio.open(file, "ab") as f:
            for turn in range(100):
                task = asyncio.create_task(f.write(b"%03d" % turn * 2000))
                for _ in range(turn % 4):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                if turn % 4 == 3:
                    await f.fsync()
            await f.write(b"999" * 2000)
        # One that still waited for its turn was never begun.
        written = file.read_bytes()
        numbers = [int(written[at : at + 3]) for at in range(0, len(written), 6000)]
        assert written == b"".join(b"%03d" % number * 2000 for number in numbers)
        assert numbers == sorted(set(numbers)) and numbers[-1] == 999 and len(numbers) > 20

    run(main)


def test_a_cancelled_write_of_lent_memory_gives_it_back(run: Runner, tmp_path: Path) -> None:
    async def main() -> None:
        async with abio.open(tmp_path / "lent", "wb") as f:
            memory = bytearray(DATA)
            task = asyncio.create_task(f.pwrite(memory, 0))
            await asyncio.sleep(0)
            with pytest.raises(BufferError):
                memory.append(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            memory.append(1)

    run(main)


@pytest.mark.parametrize("turns", range(6))
def test_a_cancelled_open_leaks_no_descriptor(run: Runner, path: Path, turns: int) -> None:
    async def main() -> None:
        for _ in range(50):
            task = asyncio.create_task(abio.open(path))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            try:
                await (await task).aclose()
            except asyncio.CancelledError:
                pass

    run(main)


def test_a_fifo_is_read_and_written_as_a_stream(run: Runner, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    async def main() -> None:
        with pytest.raises(OSError) as nobody:
            await abio.open(fifo, "wb")
        assert nobody.value.errno == errno.ENXIO
        r = await abio.open(fifo, "rb")
        async with abio.open(fifo, "wb") as w:
            assert await w.write(b"through a pipe") == 14
            assert await r.read(7) == b"through"
            assert await r.read(100) == b" a pipe"
            task = asyncio.create_task(r.read(100))
            await asyncio.sleep(0)
            await w.write(b"late")
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await r.read(100) == b"late"
            with pytest.raises(OSError):
                await r.seek(0)
        assert await r.read() == b""
        await r.aclose()

    run(main)


def test_many_files_at_once(run: Runner, tmp_path: Path) -> None:
    async def one(number: int) -> None:
        file = tmp_path / str(number)
        async with abio.open(file, "wb") as f:
            await f.write(DATA[number : number + 10_000])
        async with abio.open(file) as f:
            assert await f.read() == DATA[number : number + 10_000]

    async def main() -> None:
        await asyncio.gather(*(one(number) for number in range(200)))
        assert _asyncio.current().state().in_flight == 0

    run(main)
