"""Describes the extension to cffi: the generated declarations and the shared library behind them."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from cffi import FFI

ROOT = Path(__file__).resolve().parent.parent.parent
GENERATED = ROOT / "abi" / "generated"

IDENTITY = """
static char *const ABIO_PY_HASH;
static const int ABIO_PY_MAJOR, ABIO_PY_MINOR, ABIO_PY_PATCH;
"""


def describe() -> Any:
    """The builder of abio._abio."""
    constants = runpy.run_path(str(GENERATED / "constants.py"))
    major, minor, patch = constants["VERSION"].split(".")
    builder = FFI()
    builder.cdef((GENERATED / "abio.cdef").read_text())
    builder.cdef(IDENTITY)
    builder.set_source(
        "abio._abio",
        f"""
        #include "abio.h"
        static char *const ABIO_PY_HASH = "{constants["SHA256"]}";
        #define ABIO_PY_MAJOR {major}
        #define ABIO_PY_MINOR {minor}
        #define ABIO_PY_PATCH {patch}
        """,
        include_dirs=[str(GENERATED)],
        library_dirs=[str(ROOT / "build" / "lib")],
        libraries=["abio"],
        runtime_library_dirs=["$ORIGIN"],
        extra_compile_args=["-O2", "-fvisibility=hidden"],
    )
    return builder


ffi = describe()
