"""The wheel: built from a fresh copy of the sources, it carries the library, and works where there is
no compiler and no liburing.  Ends with `N passed, N failed`.

The bare place is a folder with Python, what Python itself loads, cffi and the wheel: a program is
run in it by chroot, as root or in a user namespace.
"""
from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import support
from support import ROOT, Checks, Skipped, attempt, clean, equal, holds, refused, run

VENV = ROOT / "build/venv"
VERSION = support.version()
# Of Python's own library what only its developers need.
LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3",
    "site-packages", "dist-packages", "config-*", "pydoc_data", "*.h",
)

PROGRAM = """
import asyncio, ctypes, abio

async def shout(stream):
    while data := await stream.read(65536):
        await stream.write(data.upper())

async def main():
    async with abio.open("/given.txt", "rb") as file:
        text = await file.read()
    async with abio.start_server(shout, "127.0.0.1", 0) as server:
        async with abio.connect(*server.address) as stream:
            await stream.write(text)
            print((await stream.readexactly(len(text))).decode(), abio.info().version)

asyncio.run(main())
library = ctypes.CDLL(abio.__path__[0] + "/libabio.so.0")
library.abio_api.restype = ctypes.c_void_p
print(bool(library.abio_api(0)))
"""


def build_wheel(clone: Path, wheels: Path) -> Path:
    """By the tools of build/venv, so without any package index."""
    argv = [str(VENV / "bin/pip"), "wheel", "--quiet", "--disable-pip-version-check"]
    argv += ["--no-build-isolation", "--no-deps", "--wheel-dir", str(wheels), "."]
    run(argv, clone, clean(wheels))
    found = sorted(wheels.glob("*.whl"))
    equal(len(found), 1, "wheels")
    return found[0]


# ---- what it holds --------------------------------------------------------------------------------


def dynamic(path: Path) -> str:
    return subprocess.run(["readelf", "-d", path], capture_output=True, text=True, check=True).stdout


def check_contents(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(folder)
    copies = [name for name in names if "libabio" in name]
    equal(copies, ["abio/libabio.so.0"], "copies of the library")
    strange = [n for n in names if not re.match(r"abio/[\w.]+$|abio-[\w.]+\.dist-info/", n)]
    equal(strange, [], "files that are none of the package's")
    holds("Library soname: [libabio.so.0]" in dynamic(folder / copies[0]), "the soname is changed")
    extensions = sorted((folder / "abio").glob("_*.so"))
    equal(len(extensions), 2, "extensions")
    for extension in extensions:
        shown = dynamic(extension)
        holds("[libabio.so.0]" in shown, f"{extension.name} does not load libabio.so.0")
        holds(re.search(r"r(un)?path: \[\$ORIGIN\]", shown), f"{extension.name}: not from $ORIGIN")


def check_metadata(folder: Path) -> None:
    """One version, that of the description; one wheel for every later Python."""
    info = next(folder.glob("abio-*.dist-info"))
    metadata = Parser().parsestr((info / "METADATA").read_text(encoding="utf-8"))
    equal(metadata["Version"], VERSION, "version of the wheel")
    holds(any(line.startswith("cffi") for line in metadata.get_all("Requires-Dist", [])), "no cffi")
    holds("abi3" in (info / "WHEEL").read_text(), "it is of one Python alone")


# ---- a clean environment --------------------------------------------------------------------------


def pip_installs_it(clone: Path, folder: Path) -> None:
    """`pip install .` as the README says it, with what pip itself brings."""
    python = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
    # A package index may be reached by the caller's own settings alone.
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    environment.pop("MAKEFLAGS", None)
    run([python, "-m", "venv", str(folder / "venv")], folder, environment)
    pip = str(folder / "venv/bin/pip")
    if attempt([pip, "install", "--quiet", "--retries", "1", "cffi"], folder, environment).returncode:
        raise Skipped("no package index is within reach")
    run([pip, "install", "--quiet", "."], clone, environment)
    (folder / "given.txt").write_text("installed by pip")
    program = folder / "program.py"
    program.write_text(PROGRAM.replace("/given.txt", str(folder / "given.txt")))
    said = run([str(folder / "venv/bin/python"), "-W", "error", str(program)], folder, clean(folder))
    equal(said, f"INSTALLED BY PIP {VERSION}\nTrue\n", "output")
    run([pip, "uninstall", "--quiet", "--yes", "abio"], folder, environment)
    left = [p for p in (folder / "venv").rglob("*abio*") if "__pycache__" not in p.parts]
    equal(left, [], "left by pip uninstall")


def building_without_tools_says_so(clone: Path, folder: Path) -> None:
    """No make, no liburing, and no headers of Python: each is named."""
    code = f"import sys; sys.path.insert(0, {str(clone / 'bindings/python')!r}); import build_backend; "
    python = str(VENV / "bin/python")
    empty = folder / "empty"
    empty.mkdir()
    argv = [python, "-c", code + "build_backend.make_library()"]
    refused(argv, folder, {"PATH": str(empty)}, "apt install build-essential")
    make = shutil.which("make")
    for name in ("make", "cc"):
        (empty / name).write_text(f"#!/bin/sh\n[ {name} = cc ] || echo gone\nexit 1\n")
        (empty / name).chmod(0o755)
    holds(make, "no make here")
    refused(argv, folder, {"PATH": f"{empty}:/bin"}, "apt install liburing-dev")
    code += f"build_backend.sysconfig.get_path = lambda name: {str(empty)!r}; "
    code += "build_backend.make_library = lambda: None; build_backend._build(lambda *_: 1 / 0, '.', None)"
    refused([python, "-c", code], folder, {}, "apt install python3-dev")


# ---- where there is nothing else ------------------------------------------------------------------


def loaded_by(path: Path) -> set[Path]:
    """What the loader brings in for a program or a module."""
    said = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
    return {Path(name) for name in re.findall(r"(/\S+) \(0x", said)}


class Bare:
    """A folder to be the root of a process, with Python and no tools."""

    def __init__(self, root: Path) -> None:
        self.root = root
        ask = (
            "import sys, sysconfig, json, os, _cffi_backend as c, cffi; "
            "print(json.dumps([os.path.realpath(sys.executable), sysconfig.get_path('stdlib'), "
            "c.__file__, os.path.dirname(cffi.__file__)]))"
        )
        said = run([str(VENV / "bin/python"), "-c", ask], root, clean(root))
        interpreter, library, backend, cffi = map(Path, json.loads(said))
        self.python = interpreter
        self.packages = root / "packages"
        self.packages.mkdir()
        shutil.copytree(library, self.within(library), ignore=LEFT_OUT)
        self.add(interpreter)
        shutil.copytree(cffi, self.packages / "cffi", ignore=LEFT_OUT)
        shutil.copy(backend, self.packages)
        bundled = cffi.parent / "cffi.libs"
        if bundled.is_dir():
            shutil.copytree(bundled, self.packages / "cffi.libs")
        for module in [backend, *library.glob("lib-dynload/*.so")]:
            for path in loaded_by(module):
                if "site-packages" not in path.parts:
                    self.add(path)
        (root / "given.txt").write_text("in a bare place")
        (root / "tmp").mkdir()

    def within(self, path: Path) -> Path:
        return self.root / str(path).lstrip("/")

    def add(self, path: Path) -> None:
        """A file and what it loads, under the names that it is looked for."""
        for each in {path, *loaded_by(path)}:
            there = self.within(each)
            if not there.exists():
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(each, there)

    def argv(self, *words: str) -> list[str]:
        enter = ["chroot", str(self.root)]
        if os.geteuid() != 0:
            enter = ["unshare", "-r", *enter]
        return [*enter, *words]

    def enter(self) -> None:
        """Skipped where nobody may."""
        done = attempt(self.argv(str(self.python), "-c", "pass"), self.root, clean(self.root))
        if done.returncode:
            raise Skipped(f"no chroot here: {done.stderr.strip()}")

    def run(self, code: str, **more: str) -> str:
        environment = {"PYTHONPATH": "/packages", "PATH": "/nowhere", "LC_ALL": "C.UTF-8", **more}
        argv = self.argv(str(self.python), "-W", "error", "-c", code)
        return run(argv, self.root, {**environment, "PATH": os.environ["PATH"]})


def nothing_else_is_there(bare: Bare) -> None:
    names = [p.name for p in bare.root.rglob("*") if not p.is_dir()]
    tools = re.compile(r"^(cc|gcc.*|clang.*|ld|as|make|sh|bash)$|uring|\.(h|a|pc|c)$")
    equal([name for name in names if tools.search(name)], [], "tools")
    equal([name for name in names if "libabio" in name], ["libabio.so.0"], "libraries")


def the_wheel_works_there(bare: Bare, backend: str) -> None:
    bare.enter()
    more = {"ABIO_BACKEND": backend} if backend else {}
    equal(bare.run(PROGRAM, **more), f"IN A BARE PLACE {VERSION}\nTrue\n", "output")


def without_its_library_it_says_so(bare: Bare) -> None:
    bare.enter()
    library = bare.packages / "abio/libabio.so.0"
    away = library.with_name("away")
    library.rename(away)
    try:
        said = bare.run("try: import abio\nexcept ImportError as error: print(error)")
    finally:
        away.rename(library)
    holds("it lies beside this package as libabio.so.0" in said, said)


def a_c_program_works_there(bare: Bare, folder: Path) -> None:
    """The installed library needs libc and nothing else."""
    bare.enter()
    support.make("install", f"DESTDIR={folder}/stage", "PREFIX=/usr", "libdir=/usr/lib")
    program = folder / "neighbour"
    source = str(Path(__file__).with_name("neighbour.c"))
    stage = folder / "stage/usr"
    run(["gcc", source, f"-I{stage}/include", f"-L{stage}/lib", "-labio", "-o", str(program)],
        folder, clean(folder))
    shutil.copy(program, bare.root / "program")
    shutil.copy(stage / "lib/libabio.so.0", bare.root / "tmp/libabio.so.0")
    argv = bare.argv("/program", "/given.txt")
    refused(argv, folder, clean(folder), "libabio.so.0")
    said = run(argv, folder, clean(folder, LD_LIBRARY_PATH="/tmp"))
    equal(said, f"{VERSION} in a bare place", "output")


def main() -> int:
    checks = Checks()
    with support.scratch("wheel") as folder:
        clone, wheels, unpacked = (folder / name for name in ("clone", "wheels", "unpacked"))
        for each in (wheels, unpacked, folder / "bare"):
            each.mkdir()
        support.fresh_copy(clone)
        made: dict[str, Path] = {}
        bare: dict[str, Bare] = {}

        def build() -> None:
            made["wheel"] = build_wheel(clone, wheels)
            check_contents(made["wheel"], unpacked)

        def furnish() -> None:
            bare["place"] = Bare(folder / "bare")
            for each in unpacked.iterdir():
                shutil.copytree(each, bare["place"].packages / each.name)
            nothing_else_is_there(bare["place"])

        checks.run("it carries the library beside the extensions", build)
        checks.run("it says its version and what it needs", check_metadata, unpacked)
        checks.run("building without tools says what is missing",
                   building_without_tools_says_so, clone, folder)
        checks.run("pip installs it from a fresh copy, and removes it",
                   pip_installs_it, clone, folder)
        checks.run("a bare place has no compiler and no liburing", furnish)
        if checks.failed:
            return checks.close()
        for backend in ("", "epoll"):
            label = backend or "the backend chosen"
            checks.run(f"it works there ({label})",
                       the_wheel_works_there, bare["place"], backend)
        checks.run("without its library it says so",
                   without_its_library_it_says_so, bare["place"])
        checks.run("a C program works there with the installed library",
                   a_c_program_works_there, bare["place"], folder)
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
