"""Everything is collected while streams are alive and reads in flight, in any order and at any moment.

Each case is a program in a process of its own, for a crash takes the process: it must end with the
status it is to end with, and print what it is to print.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import BACKENDS, LOOPS

LIBRARY = Path(__file__).resolve().parents[3] / "build/lib/libabio.so.0"
CDEF = Path(__file__).resolve().parents[3] / "abi/generated/abio.cdef"

# Streams of each kind, each with a read in flight, in a cycle with all that waits for them.
PRELUDE = """
import asyncio, faulthandler, gc, os, sys, threading, warnings
import abio
faulthandler.enable()
warnings.simplefilter("ignore", ResourceWarning)
DATA = os.path.join(os.getcwd(), "data")

def new_loop():
    if LOOP == "uvloop":
        import uvloop
        return uvloop.new_event_loop()
    return asyncio.new_event_loop()

class Cycle:
    pass

class Silent:
    async def read(self, count):
        await asyncio.sleep(1000)
    async def write(self, data):
        await asyncio.sleep(1000)

async def drain(stream):
    try:
        await stream.read()
    except (OSError, ValueError):
        pass

async def busy(abio):
    it = Cycle()
    it.itself = it
    it.server = await abio.start_server(drain, "127.0.0.1", 0).__aenter__()
    it.stream = await abio.connect(*it.server.address)
    it.other = await abio.connect(*it.server.address)
    it.file = await abio.open(DATA, "w+b")
    it.memory = bytearray(1000)
    it.tasks = [
        asyncio.ensure_future(it.stream.read(1)),
        asyncio.ensure_future(it.other.readinto(it.memory)),
        asyncio.ensure_future(it.file.pwrite(bytes(300000), 0)),
        asyncio.ensure_future(it.file.pread(300000, 0)),
        asyncio.ensure_future(it.stream.write(bytes(5000000))),
        asyncio.ensure_future(abio.sleep(1000)),
    ]
    it.object = abio.Stream.from_object(Silent())
    it.tasks.append(asyncio.ensure_future(it.object.read(1)))
    for task in it.tasks:
        task.add_done_callback(lambda task, it=it: task.cancelled() or task.exception())
        task._log_destroy_pending = False
    await asyncio.sleep(0)
    await asyncio.sleep(0.001)
    return it

async def whole(abio):
    async with abio.start_server(echo, "127.0.0.1", 0) as server:
        async with abio.connect(*server.address) as stream:
            await stream.write(b"one\\n")
            assert await stream.readline() == b"one\\n"

async def echo(stream):
    await stream.write(await stream.readline())

def forget():
    for name in [name for name in sys.modules if name.split(".")[0] == "abio"]:
        del sys.modules[name]
"""


def program(
    environment: str, script: str, folder: Path, prelude: str = PRELUDE
) -> tuple[int, str, str]:
    loop, backend = environment.split("-")
    done = subprocess.run(
        [sys.executable, "-c", f"LOOP = {loop!r}\n{prelude}\n{script}"],
        cwd=folder,
        env={**os.environ, "ABIO_BACKEND": backend},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


def fine(environment: str, script: str, folder: Path, prelude: str = PRELUDE) -> None:
    status, out, err = program(environment, script + "\nprint('fine')\n", folder, prelude)
    assert (status, out) == (0, "fine\n"), err
    assert "Traceback" not in err, err


@pytest.fixture(params=[f"{loop}-{backend}" for loop in LOOPS for backend in BACKENDS])
def where(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_crash_is_seen(where: str, tmp_path: Path) -> None:
    status, _, _ = program(where, "os.kill(os.getpid(), 11)", tmp_path)
    assert status == -signal.SIGSEGV


def test_the_module_is_dropped_and_imported_again_many_times(where: str, tmp_path: Path) -> None:
    fine(
        where,
        """
def turn(number):
    global abio
    loop = new_loop()
    it = loop.run_until_complete(busy(abio))
    if number % 3 == 0:
        it = None
    abio = None
    forget()
    gc.collect()
    import abio
    loop.run_until_complete(whole(abio))
    if number % 2:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

for number in range(20):
    turn(number)
    gc.collect()
""",
        tmp_path,
    )


def test_objects_outlive_the_module_that_made_them(where: str, tmp_path: Path) -> None:
    fine(
        where,
        """
class Numbers:
    def __init__(self):
        self.asked = 0
    async def read(self, count):
        self.asked += 1
        await asyncio.sleep(0)
        return b"%d\\n" % self.asked

async def main(number):
    first, second = abio, None
    numbers = Numbers()
    old = first.Stream.from_object(numbers)
    assert await old.readline() == b"1\\n"
    forget()
    import abio as second
    assert second is not first
    new = second.Stream.from_object(Numbers())
    for line in (b"1\\n", b"2\\n", b"3\\n"):
        assert await new.readline() == line
    assert await old.readline() == b"2\\n"
    silent = first.Stream.from_object(Silent())
    reading = asyncio.ensure_future(silent.read(1))
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait([reading])
    await old.aclose()
    await new.aclose()
    await silent.aclose()
    return second

for number in range(5):
    loop = new_loop()
    abio = loop.run_until_complete(main(number))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    gc.collect()
""",
        tmp_path,
    )


def test_collecting_at_every_allocation(where: str, tmp_path: Path) -> None:
    fine(
        where,
        """
async def main():
    gc.freeze()
    gc.set_threshold(7, 2, 2)
    for number in range(5):
        await whole(abio)
        it = await busy(abio)
        for task in it.tasks[number % 2 :: 2]:
            task.cancel()
        await asyncio.sleep(0)
        del it, task
        await whole(abio)
    gc.set_threshold(700, 10, 10)

loop = new_loop()
loop.run_until_complete(main())
loop.run_until_complete(loop.shutdown_asyncgens())
loop.close()
""",
        tmp_path,
    )


def test_loops_dropped_with_everything_in_flight(where: str, tmp_path: Path) -> None:
    fine(
        where,
        """
for number in range(12):
    loop = new_loop()
    it = loop.run_until_complete(busy(abio))
    if number % 4 == 1:
        loop.close()
    if number % 4 == 2:
        it.__dict__.clear()
        gc.collect()
    if number % 4 == 3:
        gc.disable()
    it = loop = None
    gc.enable()
    gc.collect()
assert abio.info().backend == os.environ["ABIO_BACKEND"]
""",
        tmp_path,
    )


ENDS = {
    "the end of the program": ("", 0),
    "sys.exit in a task": ("async def end(): sys.exit(5)\nloop.run_until_complete(end())", 5),
    "an exception": ("raise SystemExit(5)", 5),
    "os._exit": ("sys.stdout.flush(); os._exit(5)", 5),
    "an interrupt": (
        "import signal\nasync def end(): os.kill(os.getpid(), signal.SIGINT); await abio.sleep(9)\n"
        "try: loop.run_until_complete(end())\nexcept KeyboardInterrupt: sys.exit(5)",
        5,
    ),
    "modules without the package": ("forget()", 0),
    "modules without anything": ("sys.modules.clear()", 0),
    "a module that kept everything": ("import types; kept = types.ModuleType('kept')\n"
        "sys.modules['kept'] = kept; kept.it = it; kept.loop = loop; del it, loop, abio", 0),
    "the library's names deleted": (
        "import abio._library, abio._driver; abio._library.__dict__.clear(); "
        "abio._driver.__dict__.clear(); abio.__dict__.clear()", 0),
    "a thread that runs a loop": (
        "def other():\n    it2 = (l := new_loop()).run_until_complete(busy(abio))\n    ready.set()\n"
        "    l.run_forever()\nready = threading.Event()\n"
        "threading.Thread(target=other, daemon=True).start()\nready.wait()", 0),
    "a thread that has ended": (
        "def other():\n    global kept\n    l = new_loop()\n    kept = l, l.run_until_complete(busy(abio))\n"
        "t = threading.Thread(target=other)\nt.start()\nt.join()", 0),
    "functions that run at exit": (
        "import atexit\ndef last():\n    async def use():\n        await whole(abio)\n        await it.file.fsync()\n"
        "    loop.run_until_complete(use())\n    print('used')\natexit.register(last)", 0),
    "a forked child": (
        "pid = os.fork()\nif pid == 0: sys.exit(6)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 6", 0),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_program_ends_with_everything_in_flight(where: str, name: str, tmp_path: Path) -> None:
    script, wanted = ENDS[name]
    status, out, err = program(
        where,
        "loop = new_loop()\nit = loop.run_until_complete(busy(abio))\nprint('begun', flush=True)\n"
        + script,
        tmp_path,
    )
    assert (status, out.split()[0]) == (wanted, "begun"), err
    assert "Fatal" not in err and "Segmentation" not in err, err
    if "at exit" in name:
        assert out == "begun\nused\n", err


def test_finalizers_of_the_programs_own_use_what_was_finalized(where: str, tmp_path: Path) -> None:
    """When the interpreter ends, in whatever order it takes modules and cycles apart."""
    status, out, err = program(
        where,
        """
class Last:
    def __init__(self, it, loop):
        self.it, self.loop, self.itself = it, loop, self
        self.print, self.errors = os.write, (Exception, GeneratorExit)
    def __del__(self):
        for thing in list(self.it.__dict__.values()):
            for name in ("close", "aclose", "read", "readinto", "write", "flush", "fsync", "fileno"):
                try:
                    made = getattr(thing, name)()
                    if hasattr(made, "send"):
                        made.send(None)
                except self.errors:
                    pass
        for task in self.it.tasks:
            task.cancel()
        try:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        except self.errors:
            pass
        self.print(1, b"used\\n")

loop = new_loop()
last = Last(loop.run_until_complete(busy(abio)), loop)
collected = Last(loop.run_until_complete(busy(abio)), loop)
del collected
gc.collect()
sys.modules["kept"] = last
""",
        tmp_path,
    )
    assert (status, out) == (0, "used\nused\n"), err
    assert "Fatal" not in err, err


BARE = {
    "ctypes": """
import ctypes, _ctypes
library = ctypes.CDLL(LIBRARY)
library.abio_api.restype = ctypes.c_void_p
api = library.abio_api(0)
def function(index, result, *arguments):
    address = ctypes.c_void_p.from_address(api + OFFSETS[index]).value
    return ctypes.CFUNCTYPE(result, *arguments)(address)
def drop():
    global library
    _ctypes.dlclose(library._handle)
    library = None
""",
    "cffi": """
import ctypes
from cffi import FFI
ffi = FFI()
ffi.cdef(open(CDEF).read())
library = ffi.dlopen(LIBRARY)
api = int(ffi.cast("uintptr_t", library.abio_api(0)))
def function(index, result, *arguments):
    address = ctypes.c_void_p.from_address(api + OFFSETS[index]).value
    return ctypes.CFUNCTYPE(result, *arguments)(address)
def drop():
    global library, ffi
    ffi.dlclose(library)
    library = ffi = None
""",
}

IN_FLIGHT = """
import gc, json
u64, u32, i64, ptr = ctypes.c_uint64, ctypes.c_uint32, ctypes.c_int64, ctypes.c_void_p
create = function("driver_create", ctypes.c_int32, ptr, ptr)
pipe = function("pipe", ctypes.c_int32, u64, u32, ptr, ptr)
read = function("read", ctypes.c_int32, u64, ptr, u32, u32, u64)
put = function("put", ctypes.c_int32, u64, ptr, u32)
wait = function("driver_wait", ctypes.c_int32, u64, ptr, u32, u32, i64)
driver, reader, writer = u64(), u64(), u64()
assert create(None, ctypes.byref(driver)) == 0
assert pipe(driver, 0, ctypes.byref(reader), ctypes.byref(writer)) == 0
data, event = ctypes.create_string_buffer(1), (u64 * 6)()
assert read(reader, data, 1, 0, 7) == 0
drop()
gc.collect()
assert "libabio" in open("/proc/self/maps").read(), "unloaded"
assert put(writer, b"z", 1) == 1
while event[0] != 7:
    assert wait(driver, event, 48, 1, -1) == 1
assert event[1] == 1 and data.value == b"z"
"""


@pytest.mark.parametrize("name", BARE)
def test_the_library_stays_when_who_loaded_it_is_gone(
    where: str, name: str, tmp_path: Path
) -> None:
    import json

    manifest = json.loads((CDEF.parent / "conformance.json").read_text())["functions"]
    offsets = {key[5:]: entry["offset"] for key, entry in manifest.items()}
    prelude = f"LIBRARY, CDEF, OFFSETS = {str(LIBRARY)!r}, {str(CDEF)!r}, {offsets!r}\n"
    fine(where, IN_FLIGHT, tmp_path, prelude + BARE[name])
