"""Paths, the generator as a module, and compilers, for the tests of the generator."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ABI = ROOT / "abi"
GENERATED = ABI / "generated"
BUILD = ROOT / "build"

sys.path.insert(0, str(ABI))

import generate  # noqa: E402
from emit import cases, model, parse  # noqa: E402

__all__ = ["ABI", "GENERATED", "HERE", "ROOT", "cases", "files_below", "generate", "model", "parse"]

WARN = (
    "-Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef "
    "-Wimplicit-fallthrough -Wpedantic -Werror"
).split()
WARN_CXX = "-Wall -Wextra -Wpedantic -Werror".split()
COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]
CXX = [name for name in ("g++", "clang++") if shutil.which(name)]


def real() -> model.Description:
    return parse.parse(real_text())


def real_text() -> str:
    return (ABI / "abio.toml").read_text(encoding="utf-8")


def mini_text() -> str:
    return (HERE / "mini.toml").read_text(encoding="utf-8")


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory below build/ that goes away."""
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="abi-test-", dir=BUILD) as folder:
        yield Path(folder)


def run(
    *command: str | Path, cwd: Path | None = None, text: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


def compiles(compiler: str, *options: str | Path, source: str, language: str = "c") -> str:
    """The compiler's complaints, empty when there are none."""
    done = run(compiler, *options, "-fsyntax-only", "-x", language, "-", text=source)
    return "" if done.returncode == 0 else done.stderr or "failed"


def write_all(desc: model.Description, folder: Path) -> None:
    for name, text in generate.render(desc).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def files_below(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
