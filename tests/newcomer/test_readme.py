"""What the documents say is true: their programs run, their commands and files exist."""
from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from snippets import ROOT, blocks

LIBRARIES = ROOT / "build/lib"
SECONDS = 60
BACKENDS = ("auto", "epoll")


def environment(backend: str, **more: str) -> dict[str, str]:
    settings = {**os.environ, **more}
    settings.pop("ABIO_BACKEND", None)
    if backend != "auto":
        settings["ABIO_BACKEND"] = backend
    return settings


def run(argv: list[str], settings: dict[str, str]) -> str:
    done = subprocess.run(
        argv,
        cwd=ROOT,
        env=settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def only_block(language: str) -> str:
    found = blocks("README.md", language)
    assert len(found) == 1, f"the README has one {language} program"
    return found[0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_python_program_runs(tmp_path: Path, backend: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(only_block("python"))
    python = str(ROOT / "build/venv/bin/python")
    said = run([python, "-W", "error", str(program)], environment(backend))
    assert said == "b'HELLO FROM ABIO\\n'\n"


PYTHON_MORE = blocks("bindings/python/README.md", "python")


@pytest.mark.parametrize("number", range(len(PYTHON_MORE)))
def test_programs_of_the_python_readme_run(tmp_path: Path, number: int) -> None:
    program = tmp_path / "program.py"
    program.write_text(PYTHON_MORE[number])
    python = str(ROOT / "build/venv/bin/python")
    assert run([python, "-W", "error", str(program)], environment("auto"))


def test_the_python_readme_has_programs() -> None:
    assert PYTHON_MORE


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("lua", ["lua5.4", "luajit"])
def test_lua_program_runs(tmp_path: Path, lua: str, backend: str) -> None:
    program = tmp_path / "program.lua"
    program.write_text(only_block("lua"))
    settings = environment(
        backend,
        LUA_PATH=f"{ROOT}/bindings/lua/?.lua;{ROOT}/bindings/lua/?/init.lua;;",
        LUA_CPATH=f"{ROOT}/build/{lua}/?.so;;",
    )
    assert run([lua, str(program)], settings) == "HELLO FROM ABIO\n"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_c_program_builds_without_warnings_and_runs(
    tmp_path: Path, compiler: str, backend: str
) -> None:
    source = tmp_path / "program.c"
    program = tmp_path / "program"
    source.write_text(only_block("c"))
    command = [compiler, "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    command += [f"-I{ROOT}/abi/generated", str(source), "-o", str(program)]
    run([*command, f"-L{LIBRARIES}", "-labio"], environment(backend))
    said = run([str(program)], environment(backend, LD_LIBRARY_PATH=str(LIBRARIES)))
    assert said == (ROOT / "README.md").read_text()[:64]


def make_targets() -> set[str]:
    return set(re.findall(r"^([\w-]+):.*?## ", (ROOT / "Makefile").read_text(), re.M))


def test_every_make_command_named_is_a_target() -> None:
    targets = make_targets()
    assert {"check", "demo", "lib"} <= targets
    named: set[str] = set()
    for document in ("README.md", "CONTRIBUTING.md", "docs/abi.md", "examples/README.md"):
        text = (ROOT / document).read_text()
        named |= set(re.findall(r"(?:`|^ {4}|^)make ([a-z-]+)", text, re.M))
    assert named, "the documents name commands"
    assert named <= targets


def test_the_first_shell_block_is_two_make_commands() -> None:
    first = blocks("README.md", "sh")[0]
    assert first.splitlines() == ["make demo", "make check"]


def test_the_other_shell_blocks_are_of_installing_and_run_there() -> None:
    """tests/install/readme.py runs every one below that title."""
    before, title, after = (ROOT / "README.md").read_text().partition("## Install\n")
    assert title and before.count("```sh") == 1
    assert "```sh" not in after.partition("\n## ")[2]


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_files_that_are_named_exist(document: str) -> None:
    text = (ROOT / document).read_text()
    links = re.findall(r"\]\(([^)]+)\)", text)
    titles = {re.sub(r"\W+", "-", t.lower()) for t in re.findall(r"^## (.*)$", text, re.M)}
    assert {link[1:] for link in links if link.startswith("#")} <= titles
    links = [link for link in links if "://" not in link and not link.startswith("#")]
    paths = re.findall(r"`((?:abi|src|bindings|examples|tests|bench|scripts)/[\w./-]*)`", text)
    missing = [name for name in links + paths if not (ROOT / name).exists()]
    assert missing == []


def test_environment_variables_named_are_known_to_the_sources() -> None:
    text = "".join((ROOT / name).read_text() for name in ("README.md", "examples/README.md"))
    named = set(re.findall(r"\bABIO_BACKEND=(\w+)", text))
    assert named <= {"uring", "epoll"}
    sources = "".join(path.read_text() for path in (ROOT / "src").rglob("*.c"))
    assert '"ABIO_BACKEND"' in sources
