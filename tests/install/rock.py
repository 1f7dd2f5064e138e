"""LuaRocks builds and installs the Lua binding from a fresh copy of the sources, for each Lua.  Ends
with `N passed, N failed`."""
from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import installcheck
import support
from support import ROOT, Checks, Skipped, clean, equal, holds, refused, run

ROCKSPEC = "bindings/lua/abio-scm-1.rockspec"
NUMBERS = ("5.1", "5.2", "5.3", "5.4")


def every_file_is_named() -> None:
    text = (ROOT / ROCKSPEC).read_text(encoding="utf-8")
    there = {p.relative_to(ROOT).as_posix() for p in (ROOT / "bindings/lua").glob("abio/*.lua")}
    there |= {p.relative_to(ROOT).as_posix() for p in (ROOT / "bindings/lua").glob("src/*.c")}
    named = set(re.findall(r'"(bindings/lua/[\w/]+\.(?:lua|c))"', text))
    # Only LuaJIT without a C module has use for it, and the rock has the module.
    there.remove("bindings/lua/abio/core_ffi.lua")
    equal(named - {"bindings/lua/tests/run.lua"}, there, "files in the rockspec")


def luarocks_makes_it(clone: Path, folder: Path, number: str) -> None:
    tree = folder / number
    argv = ["luarocks", f"--lua-version={number}", f"--tree={tree}"]
    run([*argv, "make", ROCKSPEC], clone, clean(folder))
    holds((tree / f"lib/lua/{number}/abio/core.so").exists(), "no C module")


def works(folder: Path, number: str, lua: str, library: Path) -> None:
    (folder / "given.txt").write_text("read by a rock\n")
    (folder / "program.lua").write_text(installcheck.LUA)
    tree = folder / number
    found = {
        "LUA_PATH": f"{tree}/share/lua/{number}/?.lua;{tree}/share/lua/{number}/?/init.lua",
        "LUA_CPATH": f"{tree}/lib/lua/{number}/?.so",
    }
    argv = [lua, "program.lua", "given.txt"]
    lines = run(argv, folder, clean(folder, LD_LIBRARY_PATH=str(library), **found)).splitlines()
    equal(lines[0], "read by a rock", "text")
    equal(Path(lines[1]).resolve().parent, library.resolve(), "folder of the library")
    refused(argv, folder, clean(folder, ABIO_LIBRARY="/nowhere/libabio.so.0", **found),
            "the shared library cannot be loaded")


def goes(folder: Path, number: str) -> None:
    argv = ["luarocks", f"--lua-version={number}", f"--tree={folder / number}", "remove", "abio"]
    run(argv, folder, clean(folder))
    equal([p for p in (folder / number).rglob("*") if p.suffix in (".lua", ".so")], [], "left")


def main() -> int:
    checks = Checks()

    def here() -> None:
        if not shutil.which("luarocks"):
            raise Skipped("no luarocks here")

    checks.run("the rockspec names every file", every_file_is_named)
    checks.run("luarocks is here", here)
    with support.scratch("rock") as folder:
        clone = folder / "clone"
        if not checks.skipped:
            support.fresh_copy(clone)
            support.make("install", f"DESTDIR={folder}/stage", "PREFIX=/usr", "libdir=/lib")
        for number in NUMBERS if not checks.skipped else ():
            checks.run(f"luarocks makes it for Lua {number}",
                       luarocks_makes_it, clone, folder, number)
            for lua in (f"lua{number}", *(["luajit"] if number == "5.1" else [])):
                checks.run(f"it works in {lua}",
                           works, folder, number, lua, folder / "stage/lib")
            checks.run(f"luarocks removes it for Lua {number}", goes, folder, number)
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
