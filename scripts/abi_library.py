"""What a built library shows of itself: symbols with their versions, dynamic section, libabigail's dump.

Each check takes what a tool printed and returns the problem, or None.  How libabigail is called, and what
its answers are worth, stands here alone: it sees no constants, no table that is only reached through a
`void *`, nothing at all in a stripped library, and its suppressions hide changed signatures; so both sides
are dumped by one command, compared with no options, and the result is a second witness, never the judge.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

LIBC = re.compile(r"^(libc\.so\.6|ld-linux[-\w]*\.so\.\d+|libc\.musl-\w+\.so\.1)$")
DUMP = (
    "abidw --drop-private-types --no-show-locs --no-corpus-path --no-comp-dir-path "
    "--type-id-style hash"
).split()
# Bits of abidiff's exit status: error, usage, some change, an incompatible change.
CHANGED = 4


def output(*argv: str | Path) -> str:
    command = [str(part) for part in argv]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


# ---- symbols -------------------------------------------------------------------------------------


def exported(library: Path) -> dict[str, str]:
    """Every defined dynamic symbol as nm spells it with its version node, and its type."""
    lines = output("nm", "-D", "--defined-only", "--with-symbol-versions", library).splitlines()
    fields = [line.split() for line in lines]
    # The nodes themselves are listed as absolute.
    return {f[-1]: f[1] for f in fields if len(f) == 3 and f[1] != "A"}


def promised(version_script: str) -> set[str]:
    """What a version script lists, spelled as nm does."""
    text = re.sub(r"/\*.*?\*/|#.*", "", version_script, flags=re.S)
    found = set()
    for node, body in re.findall(r"(\w[\w.]*)\s*\{(.*?)\}", text, flags=re.S):
        found |= {f"{name}@@{node}" for name in re.findall(r"\b(\w+);", body)}
    return found


def check_symbols(have: dict[str, str], want: set[str]) -> str | None:
    if not want:
        return "the version script promises nothing"
    missing, leaked = sorted(want - set(have)), sorted(set(have) - want)
    return f"missing: {missing}, not promised: {leaked}" if missing or leaked else None


def check_names(have: dict[str, str]) -> str | None:
    foreign = sorted(name for name in have if not name.startswith("abio_"))
    return f"exports foreign symbols: {foreign}" if foreign else None


def check_objects(have: dict[str, str]) -> str | None:
    """Data would be copied into programs, which freezes its size."""
    objects = sorted(name for name, kind in have.items() if kind != "T")
    return f"exports what is no function: {objects}" if objects else None


def check_released(have: dict[str, str], recorded: str) -> str | None:
    """Each symbol of a release is still there, in the same version node."""
    gone = sorted(set(recorded.split()) - set(have))
    return f"no longer has {gone}" if gone else None


# ---- the dynamic section -------------------------------------------------------------------------


def check_needed(dynamic: str) -> str | None:
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
    extra = [name for name in needed if not LIBC.match(name)]
    return f"needs {extra}" if extra else None


def check_soname(dynamic: str, want: str) -> str | None:
    soname = re.findall(r"\(SONAME\).*\[(.*)\]", dynamic)
    return None if soname == [want] else f"soname is {soname}, not {want}"


def check_nodelete(dynamic: str) -> str | None:
    return None if re.search(r"\(FLAGS_1\).*\bNODELETE\b", dynamic) else "is not nodelete"


def check_relocations(dynamic: str) -> str | None:
    return "has relocations in its code" if re.search(r"\bTEXTREL\b", dynamic) else None


def check_initialisers(sections: str) -> str | None:
    """No constructors and destructors of ours: one entry of the compiler's own is allowed."""
    columns = r"(\.init_array|\.fini_array)\s+\S+\s+\S+\s+\S+\s+(\S+)"
    sizes = {name: int(size, 16) for name, size in re.findall(columns, sections)}
    more = sorted(name for name, size in sizes.items() if size > 8)
    return f"has more than the compiler's own entry in {more}" if more else None


# ---- libabigail ----------------------------------------------------------------------------------


def dump(library: Path, headers: Path) -> str:
    """What libabigail reads out of a library that was built with -O0 -g.

    By folder: with --header-file and an absolute path 2.2 takes every type for a private one.
    """
    return output(*DUMP, "--headers-dir", headers, library)


def check_dump(text: str, tables: list[str]) -> str | None:
    """A stripped library gives a dump that compares as equal to anything."""
    if "<abi-instr" not in text:
        return "the library has no debug info"
    unseen = [name for name in tables if f"class-decl name='{name}' size-in-bits" not in text]
    return f"the dump does not show {unseen}" if unseen else None


def difference(before: Path, after: Path) -> tuple[int, str]:
    """Exit status and words of abidiff over two dumps; below 0 where a signal killed it."""
    done = subprocess.run(
        ["abidiff", str(before), str(after)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def check_difference(status: int, words: str, additions: bool) -> str | None:
    """Only what the description adds may differ: the description has said what that is."""
    if status == 0 or (status == CHANGED and additions):
        return None
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    return f"abidiff answers {status}: {'; '.join(lines[:4])}"


def tools() -> str:
    """The tools whose change may change a dump by itself."""
    first = [output(name, "--version").splitlines()[0] for name in ("gcc", "abidw")]
    return "\n".join([*first, output("gcc", "-dumpmachine").strip()]) + "\n"
