"""The build backend that pyproject.toml at the root names: setuptools, run from this directory.

Before a wheel is built it runs the repository's own `make lib`, so that the wheel carries the very
library every other language of the process loads.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Optional

import build_library
from setuptools import build_meta

ROOM = Path(__file__).resolve().parent
ROOT = ROOM.parent.parent
Settings = Optional[dict[str, Any]]


def _has_liburing() -> bool:
    compiler = os.environ.get("CC", "cc").split()
    try:
        return not subprocess.run(
            [*compiler, "-E", "-"],
            input=b"#include <liburing.h>\n",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ).returncode
    except OSError:
        return False


def make_library() -> None:
    """Builds build/lib/libabio.so.0; SystemExit with what is missing."""
    if build_library.SYSTEM:
        return
    environment = {key: value for key, value in os.environ.items() if key != "MAKEFLAGS"}
    try:
        failed = subprocess.run(["make", "lib"], cwd=ROOT, env=environment).returncode
    except FileNotFoundError:
        sys.exit("abio: building needs make and a C compiler (Debian: apt install build-essential)")
    if failed:
        if not _has_liburing():
            sys.exit(
                "abio: building needs the headers and static library of liburing "
                "(Debian: apt install liburing-dev)"
            )
        sys.exit("abio: `make lib` failed; its messages are above")


@contextlib.contextmanager
def _in_room() -> Iterator[None]:
    before = os.getcwd()
    (ROOT / "build" / "python").mkdir(parents=True, exist_ok=True)
    os.chdir(ROOM)
    try:
        yield
    finally:
        os.chdir(before)


def _build(build: Callable[..., str], directory: str, config_settings: Settings) -> str:
    """The library, then the package; SystemExit with what is missing."""
    make_library()
    directory = os.path.abspath(directory)
    with _in_room():
        try:
            return str(build(directory, config_settings, None))
        except (Exception, SystemExit):
            if not (Path(sysconfig.get_path("include")) / "Python.h").exists():
                sys.exit("abio: building needs Python's headers (Debian: apt install python3-dev)")
            raise


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    """Nothing beyond what pyproject.toml says."""
    return []


get_requires_for_build_editable = get_requires_for_build_wheel


def prepare_metadata_for_build_wheel(directory: str, config_settings: Settings = None) -> str:
    """Metadata alone, without building the library."""
    directory = os.path.abspath(directory)
    with _in_room():
        return str(build_meta.prepare_metadata_for_build_wheel(directory, config_settings))


prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel


def build_wheel(
    directory: str, config_settings: Settings = None, metadata: Optional[str] = None
) -> str:
    """The wheel: package, extension, and libabio.so.0 beside it."""
    return _build(build_meta.build_wheel, directory, config_settings)


def build_editable(
    directory: str, config_settings: Settings = None, metadata: Optional[str] = None
) -> str:
    """An editable install: extension and library are put beside the sources."""
    return _build(build_meta.build_editable, directory, config_settings)
