"""Describes the extension to cffi: the generated declarations and the shared library behind them."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import build_library
from cffi import FFI

ROOT = Path(__file__).resolve().parent.parent.parent
GENERATED = ROOT / "abi" / "generated"

IDENTITY = """
static char *const ABIO_PY_HASH;
static const int ABIO_PY_MAJOR, ABIO_PY_MINOR, ABIO_PY_PATCH;
"""

# The slots of objects that Python implements: one function each, whatever the object (_host.py).
SLOTS = """
extern "Python" {
int32_t host_close(void *user, uint64_t op);
int32_t host_cancel(void *user, uint64_t op);
int32_t host_interest(void *user, uint32_t interest);
int32_t host_try_read(void *user, void *data, uint32_t length);
int32_t host_start_read(void *user, uint64_t op, void *data, uint32_t length);
int32_t host_try_write(void *user, const void *data, uint32_t length);
int32_t host_start_write(void *user, uint64_t op, const void *data, uint32_t length);
int32_t host_try_flush(void *user);
int32_t host_start_flush(void *user, uint64_t op);
int32_t host_start_shutdown(void *user, uint64_t op);
int32_t host_try_fill_buf(void *user, const void **data);
int32_t host_consume(void *user, uint32_t count);
int32_t host_start_seek(void *user, uint64_t op, uint32_t whence, int64_t offset,
			uint64_t *position);
int32_t host_start_read_at(void *user, uint64_t op, void *data, uint32_t length, uint64_t offset);
int32_t host_start_write_at(void *user, uint64_t op, const void *data, uint32_t length,
			    uint64_t offset);
int32_t host_try_accept(void *user, abio_io *accepted);
int32_t host_start_accept(void *user, uint64_t op, abio_io *accepted);
}
"""


def describe() -> Any:
    """The builder of abio._abio."""
    constants = runpy.run_path(str(GENERATED / "constants.py"))
    major, minor, patch = constants["VERSION"].split(".")
    builder = FFI()
    builder.cdef((GENERATED / "abio.cdef").read_text())
    builder.cdef(IDENTITY)
    builder.cdef(SLOTS)
    options = build_library.options()
    options["extra_compile_args"] += ["-O2", "-fvisibility=hidden"]
    builder.set_source(
        "abio._abio",
        f"""
        #include "abio.h"
        static char *const ABIO_PY_HASH = "{constants["SHA256"]}";
        #define ABIO_PY_MAJOR {major}
        #define ABIO_PY_MINOR {minor}
        #define ABIO_PY_PATCH {patch}
        """,
        **options,
    )
    return builder


ffi = describe()
