#!/usr/bin/env python3
"""Old meets new.  Programs that were built against each recorded release run with the library of today and
with a later one that is made up (future.py); a program of that later day runs with today's; bindings
work with the later one and refuse, in words, one that lacks what they need.

What is built stands below build/gate.  Ends with `N passed, N failed`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import world  # first: it makes the generator and the gate importable
import abi_rules
import future
from world import ROOT, abi_record, generate, parse

HERE = Path(__file__).resolve().parent
BUILD = ROOT / "build/gate"
TODAY = ROOT / "build/lib/libabio.so.0"
PYTHON = ROOT / "build/venv/bin/python"
WARN = "-Wall -Wextra -Wshadow -Wconversion -Werror".split()
BACKENDS = ("", "epoll")
SECONDS = 120
COUNT = re.compile(r"^(\d+) passed, (\d+) failed", re.M)


@dataclass
class Tally:
    """Counts, and says what failed."""

    passed: int = 0
    failed: int = 0
    scratch: Path = field(default_factory=Path)

    def expect(self, what: str, good: bool, words: str = "") -> None:
        self.passed, self.failed = self.passed + good, self.failed + (not good)
        print(f"ok - {what}" if good else f"not ok - {what}: {words.strip()[-2000:]}", flush=True)

    def run(self, *command: str | Path, **environment: str) -> tuple[int, str]:
        """In an empty folder; a hang is a failure."""
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            try:
                done = subprocess.run(
                    [str(part) for part in command],
                    cwd=folder,
                    env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} | environment,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return -1, f"hangs for {SECONDS} s"
        return done.returncode, done.stdout + done.stderr

    def counted(self, what: str, *command: str | Path, **environment: str) -> None:
        """A program that counts its own checks: they are ours."""
        status, words = self.run(*command, **environment)
        found = COUNT.findall(words)
        passed, failed = map(int, found[-1]) if found else (0, 0)
        self.passed, self.failed = self.passed + passed, self.failed + failed
        good = status == 0 and passed > 0 and failed == 0
        if not good and not failed:
            self.failed += 1
        bad = "\n".join(
            line for line in words.splitlines() if line.startswith(("not ok", "FAILED"))
        )
        print(
            f"ok - {what}: {passed}" if good else f"not ok - {what}: {bad or words.strip()[-2000:]}"
        )


def compile_c(target: Path, include: Path, sources: list[Path], *options: str | Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    command = ["gcc", "-std=gnu11", "-O1", *WARN, f"-I{include}", "-o", target, *sources, *options]
    subprocess.run([str(part) for part in command], check=True)


def names_of(release: abi_record.Release, folder: Path) -> Path:
    """What a program of a release was linked with: its symbols in their nodes, and nothing behind."""
    nodes: dict[str, list[str]] = {}
    for symbol in (release.folder / "symbols").read_text().split():
        name, node = symbol.split("@@")
        nodes.setdefault(node, []).append(name)
    folder.mkdir(parents=True, exist_ok=True)
    script, source = folder / "names.map", folder / "names.c"
    script.write_text(
        "".join(f"{node} {{ global: {'; '.join(names)}; }};\n" for node, names in nodes.items())
    )
    source.write_text(
        "".join(
            f"void {name}(void);\nvoid {name}(void) {{}}\n" for n in nodes.values() for name in n
        )
    )
    soname = release.description["abi"]["soname"]
    link = [f"-Wl,-soname,{soname}", f"-Wl,--version-script={script}"]
    compile_c(folder / "libabio.so", folder, [source], "-shared", "-fPIC", *link)
    return folder


def manifest_of(tally: Tally, generated: Path, dropped: tuple[str, ...]) -> Path:
    """A folder to give to a host: the manifest without the cases that begin so."""
    folder = Path(tempfile.mkdtemp(dir=tally.scratch))
    shutil.copy2(generated / "abio.json", folder)
    manifest = json.loads((generated / "conformance.json").read_text())
    rows = manifest["rows"]
    kept = [row for row in rows if not f"{row['function']} {row['case']}".startswith(dropped)]
    manifest["rows"] = [row for row in kept if not row["case"].startswith(dropped)]
    assert not dropped or len(rows) > len(manifest["rows"]) > len(rows) // 2
    (folder / "conformance.json").write_text(json.dumps(manifest))
    return folder


# ---- programs of a release, with later libraries -------------------------------------------------

# A later library may know a flag, or what lies behind a struct, that nobody knew on that day.
UNKNOWN_THEN = ("dirty_", "flag_", "high_flag_", "inner_flag_")


def old_programs(
    tally: Tally, release: abi_record.Release, libraries: dict[str, Path], broken: Path
) -> None:
    record, version = release.folder, release.version
    folder = BUILD / version
    link = names_of(release, folder / "link")
    program = folder / "program"
    compile_c(program, record, [HERE / "old/program.c"], f"-L{link}", "-labio")
    module = HERE / "old/module.py"
    subprocess.run([PYTHON, module, "build", folder, record, link], check=True)
    manifest = folder / "manifest"
    hosts = sorted((ROOT / "tests/hosts/c").glob("*.c"))
    compile_c(manifest, record, hosts, "-ljansson", "-lffi", "-ldl", "-pthread")
    status, words = tally.run(program, LD_LIBRARY_PATH=str(broken.parent))
    what = f"a C program of {version} notices a library that broke a promise"
    tally.expect(what, status == 1 and "not ok - " in words, words)
    for name, library in libraries.items():
        cases = manifest_of(tally, record, () if library == TODAY else UNKNOWN_THEN)
        where = {"LD_LIBRARY_PATH": str(library.parent)}
        for backend in BACKENDS:
            also = f", {backend}" if backend else ""
            chosen = {"ABIO_BACKEND": backend} if backend else {}
            about = f"of {version} with the library of {name}{also}"
            tally.counted(f"a C program {about}", program, **where, **chosen)
            python = {"PYTHONPATH": str(folder)}
            tally.counted(
                f"a cffi module {about}", PYTHON, module, "run", **where, **python, **chosen
            )
            lua = ("luajit", HERE / "old/program.lua", record, library)
            tally.counted(f"a LuaJIT program {about}", *lua, **chosen)
            what = f"the manifest and the C host {about}"
            tally.counted(what, manifest, library, cases, **chosen)


# ---- a program of a later day --------------------------------------------------------------------


def new_programs(tally: Tally, later: Path, libraries: dict[str, Path]) -> None:
    generated = future.FUTURE / "abi/generated"
    program = BUILD / "future/program"
    compile_c(program, generated, [HERE / "new/program.c"], "-Wno-pedantic", "-ldl")
    for name, library in libraries.items():
        tally.counted(f"a program of a later day with the library of {name}", program, library)
    host = BUILD / "future/host"
    sources = sorted((ROOT / "tests/hosts/c").glob("*.c"))
    compile_c(host, generated, sources, "-ljansson", "-lffi", "-ldl", "-pthread")
    # No object has the slot that was made up, so its arguments are never looked at.
    cases = manifest_of(tally, generated, ("abio_read_twice ",))
    tally.counted("the manifest of a later day with its library", host, later, cases)
    status, words = tally.run(host, TODAY, generated)
    tally.expect(
        "a C host that needs a later library refuses today's",
        status != 0 and "is older than this program" in words,
        words,
    )


def linked_program(tally: Tally, later: Path) -> None:
    """One that needs a function of a later day does not even start."""
    program, source = BUILD / "future/linked", BUILD / "future/linked.c"
    source.write_text("#include <abio.h>\nint main(void) { return abio_future_answer(6) != 42; }\n")
    options = (f"-L{later.parent}", "-l:libabio.so.0")
    compile_c(program, future.FUTURE / "abi/generated", [source], *options)
    status, words = tally.run(program, LD_LIBRARY_PATH=str(later.parent))
    tally.expect("a program that is linked with a later library runs with it", status == 0, words)
    status, words = tally.run(program, LD_LIBRARY_PATH=str(TODAY.parent))
    good = status != 0 and re.search(r"version `ABIO_\d+\.\d+' not found", words) is not None
    tally.expect("and with today's the loader says which version is missing", good, words)


# ---- the bindings --------------------------------------------------------------------------------


def installed_package() -> Path:
    command = [str(PYTHON), "-c", "import abio; print(abio.__path__[0])"]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


def python_with(tally: Tally, library: Path) -> tuple[int, str]:
    """The package as it is installed, with another library beside its extension."""
    with tempfile.TemporaryDirectory(dir=tally.scratch) as folder:
        package = Path(folder) / "abio"
        shutil.copytree(installed_package(), package)
        beside = package / "libabio.so.0"
        assert beside.exists(), "the package has no library beside it"
        beside.unlink()
        shutil.copy2(library, beside)
        return tally.run(PYTHON, HERE / "new/binding.py", PYTHONPATH=folder)


LUAS = {
    "Lua 5.1": ("lua5.1", "lua5.1", {}),
    "Lua 5.4": ("lua5.4", "lua5.4", {}),
    "LuaJIT": ("luajit", "luajit", {}),
    "LuaJIT by its FFI": ("luajit", "luajit", {"ABIO_LUA_FFI": "1"}),
}


def lua_with(tally: Tally, name: str, library: Path) -> tuple[int, str]:
    interpreter, build, more = LUAS[name]
    folder = ROOT / "bindings/lua"
    return tally.run(
        interpreter,
        HERE / "new/binding.lua",
        LUA_PATH=f"{folder}/?.lua;{folder}/?/init.lua;;",
        LUA_CPATH=f"{ROOT}/build/{build}/?.so;;",
        ABIO_LIBRARY=str(library),
        **more,
    )


def all_bindings(tally: Tally, library: Path) -> dict[str, tuple[int, str]]:
    answers = {name: lua_with(tally, name, library) for name in LUAS}
    return {"Python": python_with(tally, library)} | answers


def bindings_work(tally: Tally, libraries: dict[str, Path]) -> None:
    for name, library in libraries.items():
        for binding, (status, words) in all_bindings(tally, library).items():
            what = f"{binding} works with the library of {name}"
            tally.expect(what, status == 0 and "works with" in words, words)


def without(text: str, name: str) -> str:
    """The description without one function."""
    blocks = re.split(r"(?m)^(?=\[\[function\]\]$)", text)
    kept = [block for block in blocks if f'[[function]]\nname = "{name}"\n' not in block]
    assert len(kept) == len(blocks) - 1, f"{name} is not there once"
    return "".join(kept)


def lacking(folder: Path, text: str, version: str, digest: str) -> Path:
    """A library that has the symbols of a description, and says to be a version; it does nothing else."""
    desc = parse.parse(text)
    generated = folder / "generated"
    generated.mkdir(parents=True)
    for name in ("abio.h", "abio.map"):
        (generated / name).write_text(generate.EMITTERS[name](desc))
    major, minor, patch = version.split(".")
    answer = (
        f"info->major = {major}; info->minor = {minor}; info->patch = {patch}; "
        f"memset(info->hash, {digest}, sizeof(info->hash)); return 0;"
    )
    target = folder / "libabio.so.0"
    world.library(desc, generated, target, answers={"abi_info": answer})
    return target


def bindings_refuse(tally: Tally) -> None:
    text = (ROOT / "abi/abio.toml").read_text(encoding="utf-8")
    today = json.loads((ROOT / "abi/generated/abio.json").read_text())["description"]["abi"]
    version = today["version"]
    # What is wrong with the library, what it is, and what Python and Lua must say.
    cases = [
        (
            "is older",
            text,
            "0.0.9",
            "found libabio 0.0.9.*is older",
            "is version 0.0.9, and .* needs",
        ),
        ("has another contract", text, version, "another description", "another description"),
        ("lacks a function", without(text, "timer"), version, "abio_timer", "has no abio_timer"),
    ]
    for index, (what, described, said, python, lua) in enumerate(cases):
        library = lacking(tally.scratch / f"lacking{index}", described, said, "0xff")
        for binding, (status, words) in all_bindings(tally, library).items():
            want = python if binding == "Python" else lua
            good = status != 0 and re.search(want, words, re.S) is not None
            tally.expect(f"{binding} refuses a library that {what}", good, words)


def main() -> int:
    BUILD.mkdir(parents=True, exist_ok=True)
    later, broken = future.build(), future.build_broken()
    described = json.loads((future.FUTURE / "abi/generated/abio.json").read_text())
    libraries = {"today": TODAY, "a later day": later}
    releases = abi_record.releases(abi_record.DUMPS)
    with tempfile.TemporaryDirectory(prefix="old-new-", dir=ROOT / "build") as scratch:
        tally = Tally(scratch=Path(scratch))
        tally.expect("there is a record to build against", bool(releases))
        for release in releases:
            breaks = abi_rules.broken(release.document, described)
            what = f"the made-up release only adds to {release.version}"
            tally.expect(what, not breaks, "; ".join(breaks))
            old_programs(tally, release, libraries, broken)
        new_programs(tally, later, libraries)
        linked_program(tally, later)
        bindings_work(tally, libraries | {"a later patch": future.build_patched()})
        bindings_refuse(tally)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
