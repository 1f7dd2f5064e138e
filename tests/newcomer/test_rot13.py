"""The stream that examples/rot13.c implements works from a pipe and from a file, on each backend."""
from __future__ import annotations

import codecs
import os
import subprocess
from pathlib import Path

import pytest

from snippets import ROOT

SECONDS = 60
WARN = "-Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Werror".split()
TEXTS = {
    "nothing": "",
    "two lines": "Hello, World\nabc xyz 123\n",
    "no end of the last line": "one\ntwo",
    "a long line": "x" * 100_000 + "\n" + "y\n" * 1000,
}


@pytest.fixture(scope="module", params=["gcc", "clang"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rot13") / "rot13"
    subprocess.run(
        [request.param, "-std=c11", "-O1", *WARN, "-Iabi/generated", "examples/rot13.c"]
        + ["-o", str(out), "-Lbuild/lib", "-labio", f"-Wl,-rpath,{ROOT}/build/lib"],
        cwd=ROOT,
        check=True,
    )
    return out


def expected(text: str) -> str:
    lines = codecs.encode(text, "rot13").splitlines(keepends=True)
    return "".join(f"{number}\t{line}" for number, line in enumerate(lines, 1))


@pytest.mark.parametrize("backend", ["auto", "epoll"])
@pytest.mark.parametrize("kind", ["pipe", "file"])
@pytest.mark.parametrize("name", TEXTS)
def test_lines_are_turned(
    program: Path, name: str, kind: str, backend: str, tmp_path: Path
) -> None:
    environment = {**os.environ, **({"ABIO_BACKEND": backend} if backend != "auto" else {})}
    if backend == "auto":
        environment.pop("ABIO_BACKEND", None)
    path = tmp_path / "text"
    path.write_text(TEXTS[name])
    with path.open("rb") as file:
        given = {"input": path.read_bytes()} if kind == "pipe" else {"stdin": file}
        done = subprocess.run(  # type: ignore[call-overload]
            [program], env=environment, capture_output=True, timeout=SECONDS, **given
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode() == expected(TEXTS[name])


def test_its_readme_tells_of_it() -> None:
    assert "rot13.c" in (ROOT / "examples/README.md").read_text(encoding="utf-8")
