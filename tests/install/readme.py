"""What README.md says on installing is done word by word, on an overlay of this machine that is forgotten
afterwards.  `make deb` alone is not done there: the suite that this belongs to has done just that.  Ends
with `N passed, N failed`."""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import installcheck
import support
from support import ROOT, Checks, Failed, Skipped, attempt, equal, holds, run

INSIDE = "--inside"
CLONE = Path("/tmp/abio-clone")
FENCE = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)


def section() -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.partition("## Install\n")[2].partition("\n## ")[0]


def commands() -> list[list[str]]:
    return [block.splitlines() for block in FENCE.findall(section())]


def environment(**more: str) -> dict[str, str]:
    """A person's, who has just logged in; pip may have its index from there."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "ABIO", "PYTHON", "LUA"))}
    return {**kept, "DEBIAN_FRONTEND": "noninteractive", "PIP_ROOT_USER_ACTION": "ignore", **more}


def do(line: str, **more: str) -> None:
    run(["sh", "-c", line], CLONE, environment(**more))


def c_program() -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return str(re.findall(r"^```c\n(.*?)^```$", text, re.M | re.S)[0])


def hello_works(static: bool) -> None:
    """The program and the two commands as they stand there."""
    (CLONE / "hello.c").write_text(c_program())
    lines = re.findall(r"`(gcc [^`]*pkg-config[^`]*)`", section())
    equal(len(lines), 2, "commands that build the program")
    do(lines[static])
    equal("-static" in lines[static], static, "it is static")
    said = run(["./hello"], CLONE, environment())
    equal(said, (ROOT / "README.md").read_text(encoding="utf-8")[:64], "output")


def data_is_there() -> None:
    [line] = re.findall(r"`(pkg-config --variable[^`]*)`", section())
    folder = Path(run(["sh", "-c", line], CLONE, environment()).strip())
    holds((folder / "abio.json").exists() and (folder / "abio.cdef").exists(), str(folder))


def binding_works(argv: list[str], program: str, **more: str) -> None:
    given = CLONE / "given.txt"
    given.write_text("as the README says\n")
    (CLONE / "program").write_text(program)
    said = run([*argv, "program", str(given)], Path("/tmp/abio-clone"), environment(**more))
    equal(said.splitlines()[0], "as the README says", "output")


def check_c(checks: Checks, lines: list[str]) -> None:
    for line in lines:
        checks.run(line, do, line)
    checks.run("the program of the README builds and runs", hello_works, False)
    checks.run("it builds and runs with the library inside", hello_works, True)
    checks.run("the description is where pkg-config says", data_is_there)
    checks.run("make uninstall", do, "make uninstall")
    checks.run("without it there is no program", fails, hello_works, False)


def fails(what: Callable[..., object], *words: object) -> None:
    try:
        what(*words)
    except Failed:
        return
    raise Failed("succeeded")


def check_debian(checks: Checks, lines: list[str]) -> None:
    equal(lines[0], "make deb", "first command")
    (CLONE / "build").mkdir(exist_ok=True)
    shutil.copytree(ROOT / "build/deb", CLONE / "build/deb", dirs_exist_ok=True)
    for line in lines[1:]:
        checks.run(line, do, line)
    checks.run("the program of the README builds and runs", hello_works, False)
    checks.run("Python imports it", binding_works, ["/usr/bin/python3"], installcheck.PYTHON)
    checks.run("Lua requires it", binding_works, ["lua5.4"], installcheck.LUA)
    names = "libabio0 libabio-dev python3-abio lua-abio"
    checks.run("apt-get removes them", do, f"apt-get purge -y {names}")


def check_pip(checks: Checks, lines: list[str]) -> None:
    venv = Path("/tmp/abio-environment")
    run(["/usr/bin/python3", "-m", "venv", str(venv)], CLONE, environment())
    path = f"{venv}/bin:{os.environ['PATH']}"

    def there() -> None:
        argv = [f"{venv}/bin/pip", "download", "--quiet", "--no-deps", "--dest", "/tmp/cffi", "cffi"]
        if attempt(argv, CLONE, environment()).returncode:
            raise Skipped("no package index is within reach")

    before = checks.skipped
    checks.run("there is a package index", there)
    for line in lines if checks.skipped == before else ():
        checks.run(line, do, line, PATH=path)
        checks.run("Python imports it",
                   binding_works, [f"{venv}/bin/python"], installcheck.PYTHON)


def check_lua(checks: Checks, lines: list[str]) -> None:
    do("make install")
    number = run(["luarocks", "config", "lua_version"], CLONE, environment()).strip()
    checks.run(lines[0], do, lines[0])
    checks.run(f"Lua {number} requires it",
               binding_works, [f"lua{number}"], installcheck.LUA)
    do("luarocks remove abio")
    checks.run("removed, it is not found",
               fails, binding_works, [f"lua{number}"], installcheck.LUA)
    checks.run(lines[1], do, lines[1])
    lua = lines[1].rpartition("LUA=")[2]
    checks.run(f"{lua} requires it", binding_works, [lua], installcheck.LUA)


def check_inside(checks: Checks) -> None:
    blocks = commands()
    equal(len(blocks), 4, "blocks of commands")
    support.fresh_copy(CLONE)
    for check, lines in zip((check_c, check_debian, check_pip, check_lua), blocks):
        check(checks, lines)


def deb_is_what_was_done() -> None:
    """make deb builds and tries the packages, which is how they came to build/deb."""
    said = subprocess.run(["make", "--dry-run", "deb"], cwd=ROOT, capture_output=True, text=True,
                          env=environment(), check=True).stdout
    for script in ("scripts/deb.py", "tests/install/deb.py"):
        holds(f"python3 {script}" in said, f"make deb does not do {script}")


def check(checks: Checks) -> None:
    checks.run("README: make deb", deb_is_what_was_done)
    argv = ["/usr/bin/python3", "-B", str(Path(__file__).resolve()), INSIDE]
    checks.run("README: the commands were given on an overlay",
               support.count_on_overlay, checks, argv, environment())


def main() -> int:
    checks = Checks()
    (check_inside if INSIDE in sys.argv else check)(checks)
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
