"""What the shared library shows and needs: only abio_ symbols, exactly those of the version script;
libc and nothing else at run time; the right soname; never unloaded.  Also that each of these checks
can fail.  Ends with `N passed, N failed`."""
from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "build/lib/libabio.so.0"
MAP = ROOT / "abi/generated/abio.map"
LIBC = re.compile(r"^(libc\.so\.6|ld-linux[-\w]*\.so\.\d+|libc\.musl-\w+\.so\.1)$")


def output(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def exported(nm: str) -> set[str]:
    """Defined dynamic symbols, without the version nodes, which nm lists as absolute."""
    fields = [line.split() for line in nm.splitlines()]
    return {f[-1].split("@")[0] for f in fields if len(f) == 3 and f[1] != "A"}


def promised(version_script: str) -> set[str]:
    text = re.sub(r"/\*.*?\*/|#.*", "", version_script, flags=re.S)
    return set(re.findall(r"\b(abio_\w+);", text))


def check_symbols(nm: str, version_script: str) -> str | None:
    have, want = exported(nm), promised(version_script)
    if not want:
        return "the version script promises nothing"
    foreign = sorted(name for name in have if not name.startswith("abio_"))
    if foreign:
        return f"exports foreign symbols: {foreign}"
    if have != want:
        return f"missing: {sorted(want - have)}, not promised: {sorted(have - want)}"
    return None


def check_needed(dynamic: str) -> str | None:
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
    extra = [name for name in needed if not LIBC.match(name)]
    return f"needs {extra}" if extra else None


def check_soname(dynamic: str) -> str | None:
    soname = re.findall(r"\(SONAME\).*\[(.*)\]", dynamic)
    return None if soname == ["libabio.so.0"] else f"soname is {soname}"


def check_nodelete(dynamic: str) -> str | None:
    return None if re.search(r"\(FLAGS_1\).*\bNODELETE\b", dynamic) else "is not nodelete"


def check_initialisers(sections: str) -> str | None:
    """No constructors and destructors of ours: one entry of the compiler's own is allowed."""
    columns = r"(\.init_array|\.fini_array)\s+\S+\s+\S+\s+\S+\s+(\S+)"
    sizes = {name: int(size, 16) for name, size in re.findall(columns, sections)}
    more = sorted(name for name, size in sizes.items() if size > 8)
    return f"has more than the compiler's own entry in {more}" if more else None


def main() -> int:
    nm = output("nm", "-D", "--defined-only", str(LIBRARY))
    dynamic = output("readelf", "-dW", str(LIBRARY))
    sections = output("readelf", "-SW", str(LIBRARY))
    version_script = MAP.read_text()
    first = sorted(promised(version_script))[0]

    def must_fail(check: Callable[[], str | None]) -> Callable[[], str | None]:
        return lambda: None if check() else "a deliberate fault was not seen"

    checks: dict[str, Callable[[], str | None]] = {
        "exports exactly the version script's symbols": lambda: check_symbols(nm, version_script),
        "needs only libc": lambda: check_needed(dynamic),
        "has the soname libabio.so.0": lambda: check_soname(dynamic),
        "is never unloaded": lambda: check_nodelete(dynamic),
        "has no constructors": lambda: check_initialisers(sections),
        "a foreign symbol is seen": must_fail(
            lambda: check_symbols(nm + "\n0 T io_uring_setup", version_script)
        ),
        "a symbol too many is seen": must_fail(
            lambda: check_symbols(nm + "\n0 T abio_not_promised", version_script)
        ),
        "a missing symbol is seen": must_fail(
            lambda: check_symbols(re.sub(rf".* {first}(@.*)?\n", "", nm), version_script)
        ),
        "a foreign library is seen": must_fail(
            lambda: check_needed(dynamic + " (NEEDED) Shared library: [liburing.so.2]")
        ),
        "a wrong soname is seen": must_fail(lambda: check_soname(dynamic.replace("so.0", "so.1"))),
        "a missing nodelete is seen": must_fail(
            lambda: check_nodelete(dynamic.replace("NODELETE", ""))
        ),
    }
    failed = 0
    for name, check in checks.items():
        problem = check()
        failed += problem is not None
        print(f"ok - {name}" if problem is None else f"not ok - {name}: {problem}")
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
