"""A Python program of an old release: a cffi module compiled from the declarations that were recorded.

module.py build FOLDER RECORD LINK    compiles the module old_abio against a record
module.py run                         runs it with the library that the loader finds
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

passed = failed = 0


def check(what: str, good: bool) -> None:
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"{'ok' if good else 'not ok'} - {what}")


def build(folder: str, record: str, link: str) -> None:
    from cffi import FFI

    builder = FFI()
    builder.cdef((Path(record) / "abio.cdef").read_text())
    builder.set_source(
        "old_abio",
        "#include <abio.h>",
        include_dirs=[record],
        library_dirs=[link],
        libraries=["abio"],
        extra_compile_args=["-O0"],
    )
    builder.compile(tmpdir=folder)


class Driver:
    """One driver, and the events of its operations by token."""

    def __init__(self, ffi: Any, lib: Any) -> None:
        self.ffi, self.lib, self.token = ffi, lib, 0
        options = ffi.new("struct abio_driver_options *")
        options.size = ffi.sizeof("struct abio_driver_options")
        handle = ffi.new("abio_driver *")
        check("driver_create", lib.abio_driver_create(options, handle) == 0)
        self.handle = handle[0]

    def wait(self, token: int) -> Any:
        events = self.ffi.new("struct abio_event[4]")
        while True:
            count = self.lib.abio_driver_wait(
                self.handle, events, self.ffi.sizeof("struct abio_event"), 1, -1
            )
            assert count == 1, count
            if events[0].token == token:
                return events[0]

    def run(self, start: Any, *arguments: Any) -> Any:
        self.token += 1
        code = start(*arguments, self.token)
        assert code == 0, code
        # A copy: the array goes away.
        event = self.wait(self.token)
        return event.result, event.handle


def files(driver: Driver) -> None:
    ffi, lib = driver.ffi, driver.lib
    options = ffi.new("struct abio_open_options *")
    options.size = ffi.sizeof("struct abio_open_options")
    options.flags, options.access = (
        lib.ABIO_OPEN_CREATE,
        lib.ABIO_ACCESS_READ | lib.ABIO_ACCESS_WRITE,
    )
    code, file = driver.run(lib.abio_open, driver.handle, b"old.txt", 7, options)
    check("open", code >= 0 and file != 0)
    check("write_at_all", driver.run(lib.abio_write_at_all, file, b"module", 6, 0, 0)[0] == 6)
    memory = ffi.new("char[16]")
    check("read_at", driver.run(lib.abio_read_at, file, memory, 16, 1, 0)[0] == 5)
    check("its bytes", ffi.buffer(memory, 5)[:] == b"odule")
    check("close", driver.run(lib.abio_close, file, 0)[0] == 0)
    check("release", lib.abio_release(file) >= 0)
    Path("old.txt").unlink()


def streams(driver: Driver) -> None:
    ffi, lib = driver.ffi, driver.lib
    ends = ffi.new("abio_io[2]")
    check("pipe", lib.abio_pipe(driver.handle, 0, ends, ends + 1) == 0)
    memory = ffi.new("char[16]")
    check("read", lib.abio_read(ends[0], memory, 16, 0, 99) == 0)
    check("cancel", lib.abio_cancel(ends[0], 99) == 1)
    check("cancelled", driver.wait(99).result == lib.ABIO_E_CANCELED)
    check("put", lib.abio_put(ends[1], b"later", 5) == 5)
    check("read", driver.run(lib.abio_read_exact, ends[0], memory, 5, 0)[0] == 5)
    check("its bytes", ffi.buffer(memory, 5)[:] == b"later")
    check("releases", lib.abio_release(ends[0]) >= 0 and lib.abio_release(ends[1]) >= 0)


def tables(ffi: Any, lib: Any) -> None:
    api = lib.abio_api(0)
    check("the root table reaches as far", api.head.size >= ffi.sizeof("struct abio_api_table"))
    check("a slot is the function", api.error_kind(lib.ABIO_E_BUSY) == lib.ABIO_CLASS_USAGE)
    check("an unknown major has none", lib.abio_api(1) == ffi.NULL)
    size = ffi.sizeof("struct abio_abi")
    memory = ffi.new("uint8_t[]", b"\x5a" * (size + 64))
    abi = ffi.cast("struct abio_abi *", memory)
    abi.size = size
    check("abio_abi_info", lib.abio_abi_info(abi) == 0 and abi.minor >= 1)
    check("it writes no further", ffi.buffer(memory + size, 64)[:] == b"\x5a" * 64)


def run() -> int:
    from old_abio import ffi, lib

    tables(ffi, lib)
    driver = Driver(ffi, lib)
    files(driver)
    streams(driver)
    check("shutdown", lib.abio_driver_shutdown(driver.handle) >= 0)
    check("close", lib.abio_driver_close(driver.handle) == 0)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1] == "build":
        build(*sys.argv[2:])
    else:
        sys.exit(run())
