"""The Debian packages of build/deb are installed, used and removed again, by dpkg, on an overlay of this
machine that is forgotten afterwards.  With --readme the commands of README.md are done too.  Ends with
`N passed, N failed`."""
from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import installcheck
import readme
import support
from support import ROOT, Checks, attempt, clean, equal, holds, refused, run

PACKAGES = ("libabio0", "libabio-dev", "python3-abio", "lua-abio")
LUAS = ("lua5.1", "lua5.2", "lua5.3", "lua5.4", "luajit")
INSIDE = "--inside"


def archives() -> list[str]:
    found = sorted(ROOT.glob("build/deb/*.deb"))
    names = {path.name.split("_")[0]: str(path) for path in found}
    missing = [name for name in PACKAGES if name not in names]
    equal(missing, [], "packages that are not built")
    return [names[name] for name in PACKAGES]


def field(archive: str, name: str) -> str:
    said = subprocess.run(["dpkg-deb", "--field", archive, name], capture_output=True, text=True)
    return said.stdout.strip()


def versions_agree() -> None:
    for archive in archives():
        equal(field(archive, "Version").rsplit("-", 1)[0], support.version(), archive)


def dependencies_are_stated() -> None:
    depends = {field(a, "Package"): field(a, "Depends") for a in archives()}
    holds("uring" not in str(depends), f"liburing is needed: {depends}")
    equal(re.sub(r" \(.*?\)", "", depends["libabio0"]), "libc6", "what libabio0 needs")
    for name in PACKAGES[1:]:
        holds("libabio0" in depends[name], f"{name} does not need libabio0: {depends[name]}")


def symbols_are_the_contract() -> None:
    said = subprocess.run(["dpkg-deb", "--ctrl-tarfile", archives()[0]], capture_output=True)
    shown = subprocess.run(["tar", "-xO", "./symbols"], input=said.stdout, capture_output=True)
    names = set(re.findall(r"^ (abio_\w+)@", shown.stdout.decode(), re.M))
    equal(names, installcheck.promised(), "symbols of libabio0")


# ---- on the overlay -------------------------------------------------------------------------------


def dpkg(*words: str) -> None:
    run(["dpkg", *words], Path("/"), clean(Path("/root"), DEBIAN_FRONTEND="noninteractive"))


def loaded_where(argv: list[str], work: Path, program: str, text: str) -> None:
    given = work / "given.txt"
    given.write_text("read by a package\n")
    (work / "program").write_text(program)
    lines = run([*argv, "program", str(given)], work, clean(work)).splitlines()
    equal(lines[0], text, "text")
    holds(re.fullmatch(r"(/usr)?/lib/[^/]+/libabio\.so\.0\.1\.0", lines[1]), lines[1])


def python_works(work: Path) -> None:
    argv = ["/usr/bin/python3", "-W", "error"]
    loaded_where(argv, work, installcheck.PYTHON, "read by a package")
    files = run(["dpkg", "--listfiles", "python3-abio"], work, clean(work))
    holds("libabio.so" not in files, "python3-abio has a library of its own")


def lua_works(work: Path, lua: str) -> None:
    loaded_where([lua], work, installcheck.LUA, "read by a package")


def luajit_works_by_its_ffi(work: Path) -> None:
    (work / "program").write_text(installcheck.LUA + '\nassert(abio.info().calls == "luajit")')
    environment = clean(work, ABIO_LUA_FFI="1")
    equal(run(["luajit", "program", str(work / "given.txt")], work, environment).splitlines()[0],
          "read by a package", "text")


def pages_are_there(work: Path) -> None:
    files = run(["dpkg", "--listfiles", "libabio-dev"], work, clean(work)).split()
    holds("/usr/share/man/man3/abio_open.3.gz" in files, "no page of abio_open")
    run(["dpkg", "--verify", *PACKAGES], work, clean(work))


def others_hold_the_library(work: Path) -> None:
    refused(["dpkg", "--remove", "libabio0"], work, clean(work), "depends on libabio0")


def nothing_is_left(work: Path) -> None:
    said = attempt(["find", "/usr/lib", "/usr/share", "/usr/include", "/var/lib/dpkg/info",
                    "-iname", "*abio*"], work, clean(work))
    equal(said.stdout, "", "left by dpkg --purge")
    refused(["/usr/bin/python3", "-c", "import abio"], work, clean(work), "No module named")


def check_inside(checks: Checks) -> None:
    triplet = subprocess.run(["dpkg-architecture", "-qDEB_HOST_MULTIARCH"], capture_output=True,
                             text=True, check=True).stdout.strip()
    with support.scratch("deb") as work:
        checks.run("dpkg installs them", dpkg, "--install", *archives())
        checks.run("Python imports it", python_works, work)
        for lua in LUAS:
            checks.run(f"{lua} requires it", lua_works, work, lua)
        checks.run("luajit does without the C module", luajit_works_by_its_ffi, work)
        checks.run("the pages are there, and every file is whole", pages_are_there, work)
        copy = installcheck.Copy("", f"/usr/lib/{triplet}/pkgconfig", work)
        installcheck.check_copy(checks, copy, "libabio-dev")
        checks.run("the library cannot go while others need it",
                   others_hold_the_library, work)
        checks.run("dpkg removes them", dpkg, "--purge", *reversed(PACKAGES))
        checks.run("nothing is left", nothing_is_left, work)


def main() -> int:
    checks = Checks()
    if INSIDE in sys.argv:
        check_inside(checks)
        return checks.close()
    checks.run("the packages have the version of the library", versions_agree)
    if checks.failed:
        return checks.close()
    checks.run("what they need is stated, and no liburing", dependencies_are_stated)
    checks.run("the list of symbols is the contract", symbols_are_the_contract)
    argv = ["/usr/bin/python3", "-B", str(Path(__file__).resolve()), INSIDE]
    checks.run("the checks on an overlay were made",
               support.count_on_overlay, checks, argv, clean(Path("/root")))
    if "--readme" in sys.argv:
        readme.check(checks)
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
