"""An installed copy is enough: programs are built from it and run, in a folder and an environment that
know nothing of this tree.  Ends with `N passed, N failed`.

    installcheck.py                                  installs copies of its own, checks and removes them
    installcheck.py --destdir=D --pkgconfigdir=P     the copy that is there
"""
from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import support
from support import ROOT, Checks, Failed, Skipped, clean, equal, holds, refused, run

PROGRAMS = Path(__file__).resolve().parent
VENV_PYTHON = ROOT / "build/venv/bin/python"
VERSION = support.version()
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
LANGUAGES = {
    "C, gcc": ["gcc", "-std=c11", *STRICT],
    "C, clang": ["clang", "-std=c11", *STRICT],
    "C++, g++": ["g++", "-std=c++17", *STRICT, "-x", "c++"],
    "C++, clang++": ["clang++", "-std=c++17", *STRICT, "-x", "c++"],
}
# How a program is told to take which library; the words go around those of pkg-config.
LINKED = {
    "shared": (["--cflags", "--libs"], [], []),
    "static library": (["--static", "--cflags", "--libs"], ["-Wl,-Bstatic"], ["-Wl,-Bdynamic"]),
    "static program": (["--static", "--cflags", "--libs"], ["-static"], []),
}


@dataclass
class Copy:
    """An installed library, known by where its abio.pc lies."""

    destdir: str
    pkgconfigdir: str
    work: Path

    def environment(self, **more: str) -> dict[str, str]:
        pc = {
            "PKG_CONFIG_LIBDIR": self.destdir + self.pkgconfigdir,
            "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1",
            "PKG_CONFIG_ALLOW_SYSTEM_LIBS": "1",
        }
        if self.destdir:
            pc["PKG_CONFIG_SYSROOT_DIR"] = self.destdir
        return clean(self.work, **pc, **more)

    def ask(self, *words: str) -> str:
        """What pkg-config says, and nothing but of this copy."""
        return run(["pkg-config", *words, "abio"], self.work, self.environment()).strip()

    def place(self, variable: str) -> Path:
        """A variable of abio.pc; pkgconf of some ages adds the sysroot itself."""
        said = self.ask(f"--variable={variable}")
        return Path(said if said.startswith(self.destdir) else self.destdir + said)

    @property
    def libdir(self) -> Path:
        return self.place("libdir")

    @property
    def library(self) -> Path:
        return self.libdir / "libabio.so.0"

    def flags(self, *words: str) -> list[str]:
        return self.ask(*words).split()

    def build(self, source: Path, compiler: list[str], linked: str) -> Path:
        words, before, after = LINKED[linked]
        flags = self.flags(*words)
        program = self.work / "program"
        argv = [*compiler, str(source), "-o", str(program), *before, *flags, *after]
        for place in ("abi", "build/lib"):
            holds(str(ROOT / place) not in " ".join(flags), f"the flags name the source tree: {flags}")
        run(argv, self.work, self.environment())
        return program


def promised() -> set[str]:
    text = re.sub(r"/\*.*?\*/", "", (ROOT / "abi/generated/abio.map").read_text(), flags=re.S)
    return set(re.findall(r"\b(abio_\w+);", text))


def needed(program: Path) -> list[str]:
    said = subprocess.run(["readelf", "-d", program], capture_output=True, text=True, check=True)
    return re.findall(r"\(NEEDED\).*\[(.*)\]", said.stdout)


# ---- what lies there ------------------------------------------------------------------------------


def library_is_versioned(copy: Copy) -> None:
    real = copy.libdir / f"libabio.so.{VERSION}"
    holds(real.is_file() and not real.is_symlink(), f"no {real}")
    for name in ("libabio.so.0", "libabio.so"):
        link = copy.libdir / name
        equal(link.resolve(), real.resolve(), name)
        holds("/" not in os.readlink(link), f"{name} is a link that names a folder")


def pkg_config_tells_the_version(copy: Copy) -> None:
    equal(copy.ask("--modversion"), VERSION, "version")
    environment = copy.environment()
    run(["pkg-config", "--exists", f"abio = {VERSION}"], copy.work, environment)
    refused(["pkg-config", "--print-errors", "--exists", "abio >= 99"], copy.work, environment, "99")


def pkg_config_asks_for_no_liburing(copy: Copy) -> None:
    said = copy.ask("--static", "--libs", "--cflags")
    holds("uring" not in said and "-labio" in said, said)


def static_library_shows_only_the_contract(copy: Copy) -> None:
    archive = str(copy.libdir / "libabio.a")
    argv = ["nm", "-g", archive]
    lines = [line.split() for line in run(argv, copy.work, copy.environment()).splitlines()]
    defined = {words[2] for words in lines if len(words) == 3}
    equal(defined, promised(), "symbols of libabio.a")
    wanted = {words[1] for words in lines if len(words) == 2 and words[0] == "U"}
    foreign = {name for name in wanted if name.startswith(("io_uring", "__io_uring", "abio_"))}
    equal(foreign, set(), "what libabio.a asks of others")


def data_is_that_of_the_library(copy: Copy) -> None:
    """For hosts that load the library: described by abio.json, whose hash the library answers."""
    folder = copy.place("pkgdatadir")
    equal(sorted(p.name for p in folder.iterdir()), ["abio.cdef", "abio.json", "conformance.json"],
          "data")
    code = (
        "import ctypes, sys\n"
        "abi = (ctypes.c_uint32 * 64)(256)\n"
        "assert ctypes.CDLL(sys.argv[1]).abio_abi_info(abi) == 0\n"
        "print(bytes(abi).hex())\n"
    )
    said = run([sys.executable, "-c", code, str(copy.library)], copy.work, clean(copy.work))
    digest = json.loads((folder / "abio.json").read_text())["sha256"]
    holds(digest in said, "abio.json is of another description than the library")


def man_pages_are_all_there(copy: Copy) -> None:
    pages = {page.name for page in (ROOT / "abi/generated/man").rglob("*.[1-9]")}
    if not pages:
        raise Skipped("there are no man pages")
    found = {}
    for page in copy.place("mandir").glob("man[1-9]/abio*"):
        name = page.name.removesuffix(".gz")
        equal(page.parent.name, "man" + name[-1], name)
        found[name] = page
    equal(set(found), pages, "man pages")


# ---- programs -------------------------------------------------------------------------------------


def neighbour_runs(copy: Copy, compiler: list[str], linked: str) -> None:
    if not shutil.which(compiler[0]):
        raise Skipped(f"no {compiler[0]} here")
    program = copy.build(PROGRAMS / "neighbour.c", compiler, linked)
    loads = "libabio.so.0" in needed(program)
    equal(loads, linked == "shared", "needs libabio.so.0")
    given = copy.work / "given.txt"
    given.write_text("a line of a file")
    for backend in ({}, {"ABIO_BACKEND": "epoll"}):
        more = {"LD_LIBRARY_PATH": str(copy.libdir)} if loads else {}
        environment = clean(copy.work, **backend, **more)
        said = run([str(program), str(given)], copy.work, environment)
        equal(said, f"{VERSION} a line of a file", "output")


def example_runs(copy: Copy) -> None:
    """A program of examples/, out of the tree."""
    source = copy.work / "rot13.c"
    shutil.copy(ROOT / "examples/rot13.c", source)
    program = copy.build(source, LANGUAGES["C, gcc"], "shared")
    environment = clean(copy.work, LD_LIBRARY_PATH=str(copy.libdir))
    equal(run([str(program)], copy.work, environment, "Hello\n"), "1\tUryyb\n", "output")


def the_installed_copy_is_the_one_used(copy: Copy) -> None:
    """Without its folder the loader finds no libabio, so no other was at work before."""
    program = copy.build(PROGRAMS / "neighbour.c", LANGUAGES["C, gcc"], "shared")
    if "libabio.so.0 => /" in run(["ldd", str(program)], copy.work, clean(copy.work)):
        raise Skipped("the loader searches there by itself")
    refused([str(program), "x"], copy.work, clean(copy.work), "libabio.so.0")


def internals_are_refused(copy: Copy, linked: str) -> None:
    """What is not in the contract cannot be linked with."""
    source = copy.work / "inside.c"
    words, before, after = LINKED[linked]
    for name in ("handle_find", "io_uring_queue_exit", "abio_not_there"):
        source.write_text(f"void {name}(void);\nint main(void) {{ {name}(); return 0; }}\n")
        argv = ["gcc", str(source), "-o", str(copy.work / "inside"), *before, *copy.flags(*words)]
        refused([*argv, *after], copy.work, copy.environment(), name)


def an_empty_place_is_refused(copy: Copy) -> None:
    empty = copy.work / "empty"
    empty.mkdir(exist_ok=True)
    environment = clean(copy.work, PKG_CONFIG_LIBDIR=str(empty))
    refused(["pkg-config", "--print-errors", "--exists", "abio"], copy.work, environment, "abio")


# ---- bindings -------------------------------------------------------------------------------------

LUA = """
local abio = require("abio")
abio.run(function()
  local file = assert(abio.open(arg[1]))
  io.write(assert(file:read("a")))
  file:close()
end)
for line in io.lines("/proc/self/maps") do
  local path = line:match("(/%S*libabio%S*)")
  if path then print(path) break end
end
"""

PYTHON = """
import abio, asyncio, sys
async def main():
    async with abio.open(sys.argv[1], "rb") as file:
        print((await file.read()).decode(), end="")
asyncio.run(main())
with open("/proc/self/maps") as maps:
    print(sorted({line.split()[-1] for line in maps if "/libabio" in line}).pop())
"""


def is_current(module: Path) -> bool:
    """Built from the description that the library is of: its hash stands in the module."""
    digest = json.loads((ROOT / "abi/generated/abio.json").read_text())["sha256"]
    return module.exists() and digest.encode() in module.read_bytes()


def loads_and_reads(copy: Copy, argv: list[str], environment: dict[str, str]) -> None:
    given = copy.work / "given.txt"
    given.write_text("read by a binding\n")
    lines = run([*argv, str(given)], copy.work, environment).splitlines()
    equal(lines[0], "read by a binding", "text")
    equal(Path(lines[1]).resolve(), copy.library.resolve(), "loaded library")


def lua_loads_it(copy: Copy, lua: str, by: str) -> None:
    module = ROOT / "build" / lua / "abio/core.so"
    if not shutil.which(lua) or not is_current(module):
        raise Skipped(f"the module for {lua} is not built, or is older")
    modules = copy.work / f"modules-{lua}"
    (modules / "abio").mkdir(parents=True, exist_ok=True)
    shutil.copy(module, modules / "abio/core.so")
    room = ROOT / "bindings/lua"
    (copy.work / "program.lua").write_text(LUA)
    environment = clean(
        copy.work,
        LUA_PATH=f"{room}/?.lua;{room}/?/init.lua;;",
        LUA_CPATH=f"{modules}/?.so;;",
        **({"ABIO_LIBRARY": str(copy.library)} if by == "name" else
           {"LD_LIBRARY_PATH": str(copy.libdir)}),
    )
    loads_and_reads(copy, [lua, "program.lua"], environment)


def python_loads_it(copy: Copy) -> None:
    if not any(map(is_current, (ROOT / "build/venv/lib").glob("*/site-packages/abio/_abio.*.so"))):
        raise Skipped("the Python binding is not built, or is older")
    (copy.work / "program.py").write_text(PYTHON)
    environment = clean(copy.work, LD_LIBRARY_PATH=str(copy.libdir))
    loads_and_reads(copy, [str(VENV_PYTHON), "program.py"], environment)


def any_language_loads_it(copy: Copy) -> None:
    """By its soname and one symbol."""
    code = "import ctypes; print(bool(ctypes.CDLL('libabio.so.0').abio_api(0)))"
    environment = clean(copy.work, LD_LIBRARY_PATH=str(copy.libdir))
    equal(run([sys.executable, "-c", code], copy.work, environment).strip(), "True", "abio_api(0)")


def check_copy(checks: Checks, copy: Copy, label: str) -> None:
    def add(name: str, function: Callable[..., object], *words: object) -> None:
        checks.run(f"{label}: {name}", function, copy, *words)

    add("the library is installed under its version", library_is_versioned)
    add("pkg-config tells the version", pkg_config_tells_the_version)
    add("pkg-config asks for no liburing", pkg_config_asks_for_no_liburing)
    add("the static library shows only the contract", static_library_shows_only_the_contract)
    add("the description is that of the library", data_is_that_of_the_library)
    add("the man pages are all there", man_pages_are_all_there)
    for language, compiler in LANGUAGES.items():
        for linked in LINKED:
            add(f"a program runs ({language}, {linked})", neighbour_runs, compiler, linked)
    add("an example runs", example_runs)
    add("no other library was used", the_installed_copy_is_the_one_used)
    for linked in ("shared", "static library"):
        add(f"what is inside cannot be linked with ({linked})", internals_are_refused, linked)
    add("an empty place is refused", an_empty_place_is_refused)
    for lua in ("lua5.1", "lua5.2", "lua5.3", "lua5.4", "luajit"):
        add(f"{lua} loads it by ABIO_LIBRARY", lua_loads_it, lua, "name")
        add(f"{lua} loads it by the loader's path", lua_loads_it, lua, "path")
    add("Python loads it", python_loads_it)
    add("any language loads it", any_language_loads_it)


# ---- copies of our own ----------------------------------------------------------------------------


def files(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir()}


def directories_are_as_given(folder: Path) -> None:
    """GNU's names, each one moved elsewhere, and everything gone again afterwards."""
    words = [
        f"DESTDIR={folder}/stage", "PREFIX=/p", "libdir=/l/triplet", "includedir=/i",
        "mandir=/m", "docdir=/d", "datadir=/s", "pkgconfigdir=/pc",
    ]
    support.make("install", *words)
    stage = folder / "stage"
    found = files(stage)
    holds(not (stage / "p").exists(), "something went to the prefix all the same")
    for path in (
        f"l/triplet/libabio.so.{VERSION}", "l/triplet/libabio.a", "i/abio.h", "pc/abio.pc",
        "s/abio/abio.json", "d/README.md",
    ):
        holds(path in found, f"no {path} among {sorted(found)}")
    text = (stage / "pc/abio.pc").read_text()
    holds("libdir=/l/triplet\n" in text and "includedir=/i\n" in text, text)
    holds(str(stage) not in text and "@" not in text, text)
    (stage / "i/other.h").write_text("somebody else's")
    support.make("uninstall", *words)
    equal(files(stage), {"i/other.h"}, "left by uninstall")
    support.make("uninstall", *words)


def an_install_without_room_fails(folder: Path) -> None:
    """It must not pass over what it cannot write."""
    (folder / "file").write_text("not a folder")
    try:
        support.make("install", f"DESTDIR={folder}/file", "PREFIX=/usr")
    except Failed:
        return
    raise Failed("succeeded")


def check_ours(checks: Checks, folder: Path) -> None:
    checks.run("each directory is as given, and uninstall leaves what is not ours",
               directories_are_as_given, folder)
    checks.run("an install that cannot write fails", an_install_without_room_fails, folder)
    places = [
        ("staged", f"{folder}/root", "/usr", "/usr/lib/x86_64-linux-gnu"),
        ("in its place", "", f"{folder}/opt", f"{folder}/opt/lib"),
    ]
    for label, destdir, prefix, libdir in places:
        words = [f"DESTDIR={destdir}", f"PREFIX={prefix}", f"libdir={libdir}"]
        checks.run(f"{label}: it installs", support.make, "install", *words)
        work = folder / f"work-{prefix.strip('/').replace('/', '-')}"
        work.mkdir()
        check_copy(checks, Copy(destdir, f"{libdir}/pkgconfig", work), label)
        checks.run(f"{label}: it uninstalls", support.make, "uninstall", *words)
        left = files(Path(destdir or prefix))
        checks.run(f"{label}: nothing is left", equal, left, set(), "files")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--destdir", default="")
    parser.add_argument("--pkgconfigdir")
    options = parser.parse_args()
    checks = Checks()
    with support.scratch("installcheck") as folder:
        if options.pkgconfigdir:
            destdir = os.path.abspath(options.destdir) if options.destdir else ""
            check_copy(checks, Copy(destdir, options.pkgconfigdir, folder),
                       destdir + options.pkgconfigdir)
        else:
            check_ours(checks, folder)
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
