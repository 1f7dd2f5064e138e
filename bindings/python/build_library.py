"""Which libabio the extensions are linked with.

The tree's own, which then lies beside them; or, with ABIO_SYSTEM_LIBRARY=1, the one that pkg-config
knows, which a distribution has in a package of its own.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
SYSTEM = os.environ.get("ABIO_SYSTEM_LIBRARY") == "1"
LIBRARY = ROOT / "build" / "lib" / "libabio.so.0"


def _told(word: str) -> list[str]:
    argv = ["pkg-config", word, "abio"]
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout.split()


def options() -> dict[str, Any]:
    """For the extensions of setuptools and of cffi."""
    if SYSTEM:
        return {"extra_compile_args": _told("--cflags"), "extra_link_args": _told("--libs")}
    return {
        "include_dirs": [str(ROOT / "abi" / "generated")],
        "library_dirs": [str(LIBRARY.parent)],
        "libraries": ["abio"],
        "runtime_library_dirs": ["$ORIGIN"],
        "extra_compile_args": [],
    }
