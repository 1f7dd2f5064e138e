"""The package as it is installed, its annotations, and the programs of its README."""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import BACKENDS

import abio
from abio import _abio

ROOM = Path(__file__).resolve().parents[1]
PACKAGE = Path(abio.__file__).parent


def test_the_library_lies_beside_the_extension_and_is_the_one_loaded() -> None:
    beside = PACKAGE / "libabio.so.0"
    assert beside.exists()
    maps = Path("/proc/self/maps").read_text()
    loaded = {Path(name).resolve() for name in re.findall(r"\S*/libabio\.so\S*", maps)}
    assert loaded == {beside.resolve()}


@pytest.mark.skipif(shutil.which("readelf") is None, reason="no readelf here")
def test_the_extension_finds_it_by_its_soname_at_origin() -> None:
    shown = subprocess.run(
        ["readelf", "-d", _abio.__file__, str(PACKAGE / "libabio.so.0")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "Shared library: [libabio.so.0]" in shown
    assert "Library soname: [libabio.so.0]" in shown
    assert re.search(r"Library r(un)?path: \[.*\$ORIGIN.*\]", shown)


def test_it_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").exists()


@pytest.mark.parametrize("name", sorted(set(abio.__all__) - {"__version__"}))
def test_every_public_thing_is_annotated_and_documented(name: str) -> None:
    thing = getattr(abio, name)
    if isinstance(thing, int):
        return
    assert thing.__doc__ and thing.__module__.split(".")[0] == "abio"
    functions = [thing] if inspect.isfunction(thing) else []
    if inspect.isclass(thing):
        members = inspect.getmembers(thing, inspect.isfunction)
        functions = [
            member
            for key, member in members
            if member.__module__.startswith("abio") and (not key.startswith("_") or key == "__init__")
        ]
    for function in functions:
        signature = inspect.signature(function)
        assert signature.return_annotation is not inspect.Signature.empty, function
        for parameter in signature.parameters.values():
            assert parameter.name == "self" or parameter.annotation is not parameter.empty, function


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="no mypy here")
def test_mypy_has_nothing_to_say() -> None:
    command = [sys.executable, "-m", "mypy", "--cache-dir", os.devnull]
    done = subprocess.run(command, cwd=ROOM.parents[1], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def programs() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOM / "README.md").read_text(), re.DOTALL)


OUTPUTS = [
    "b'456'\n4 bytearray(b'0123')\n",
    "b'HELLO\\n' b'WORLD\\n'\n",
    "b'HEAD 5\\n'\n5\nb'TAIL'\n",
    "b'HELLO, WORLD\\n'\n",
    "b'answer to question'\n",
    "8192\n8192 255 8192\n",
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("number, output", list(enumerate(OUTPUTS)))
def test_the_programs_of_the_readme_run(number: int, output: str, backend: str) -> None:
    assert len(programs()) == len(OUTPUTS)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", programs()[number]],
        capture_output=True,
        text=True,
        env={**os.environ, "ABIO_BACKEND": backend},
        timeout=60,
    )
    assert (done.stdout, done.stderr) == (output, "")
