"""The tree that the demo serves: real files of this machine, many small, some large, one of at
least 256 MB.  It is made once and kept; a manifest of SHA-256 sums stands beside it."""
from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

SOURCES = ("/usr/share", "/usr/include", "/usr/lib", "/usr/bin", "/etc")
SMALL_COUNT = 4000
SMALL_LIMIT = 256 << 10
LARGE_COUNT = 60
LARGE_LIMIT = 16 << 20
LARGE_TOTAL = 160 << 20
GREAT_BYTES = 256 << 20
GREAT_NAME = "great/libraries.bin"
# Names that a server and a client get wrong when they are careless about URLs.
ODD_NAMES = ("odd/two words.txt", "odd/100% of it?.txt", "odd/grüße #1.txt", "odd/a+b&c=d;e.txt")

Say = Callable[[str], None]


def regular_files() -> Iterator[tuple[Path, int]]:
    """Readable regular files below SOURCES with their sizes; no links, each inode once."""
    seen: set[tuple[int, int]] = set()
    for source in SOURCES:
        for directory, names, files in os.walk(source):
            names.sort()
            for name in sorted(files):
                path = Path(directory, name)
                try:
                    state = path.lstat()
                except OSError:
                    continue
                key = (state.st_dev, state.st_ino)
                is_file = (state.st_mode & 0o170000) == 0o100000
                if not is_file or key in seen or "\n" in name or not os.access(path, os.R_OK):
                    continue
                try:
                    name.encode("utf-8")
                except UnicodeEncodeError:
                    continue
                seen.add(key)
                yield path, state.st_size


def choose(files: list[tuple[Path, int]], rng: random.Random) -> list[Path]:
    """Some thousand small files and some dozens of large ones."""
    small: list[Path] = []
    large: list[tuple[Path, int]] = []
    for path, size in files:
        if size <= SMALL_LIMIT:
            small.append(path)
        elif size <= LARGE_LIMIT:
            large.append((path, size))
    rng.shuffle(small)
    rng.shuffle(large)
    chosen = small[:SMALL_COUNT]
    total = 0
    for path, size in large[:LARGE_COUNT]:
        if total + size <= LARGE_TOTAL:
            total += size
            chosen.append(path)
    return chosen


def write_great_file(target: Path, files: list[tuple[Path, int]], rng: random.Random) -> None:
    """Shared libraries one after the other, in a new order each time round, until it is large."""
    libraries = [path for path, size in files if ".so" in path.name and size > 65536]
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with target.open("wb") as out:
        while written < GREAT_BYTES:
            rng.shuffle(libraries)
            for library in libraries:
                with library.open("rb") as source:
                    shutil.copyfileobj(source, out, 1 << 20)
                written = out.tell()
                if written >= GREAT_BYTES:
                    break


def write_manifest(tree: Path, manifest: Path) -> None:
    names = sorted(str(p.relative_to(tree)) for p in tree.rglob("*") if p.is_file())
    with manifest.open("wb") as out:
        subprocess.run(
            ["xargs", "-0", "sha256sum", "--binary", "--"],
            input="\0".join(names).encode(),
            stdout=out,
            cwd=tree,
            check=True,
        )


def make_tree(tree: Path, manifest: Path, say: Say) -> None:
    """Makes the tree and its manifest, which is written last, unless it is there."""
    if manifest.exists():
        say("the tree is there already")
        return
    rng = random.Random(1)
    shutil.rmtree(tree, ignore_errors=True)
    files = list(regular_files())
    chosen = choose(files, rng)
    for number, source in enumerate(chosen, 1):
        target = tree / source.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        if number % 1000 == 0:
            say(f"copied {number} of {len(chosen)} files")
    for name in ODD_NAMES:
        target = tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(rng.choice(chosen), target)
    say(f"writing one file of {GREAT_BYTES >> 20} MB")
    write_great_file(tree / GREAT_NAME, files, rng)
    say("summing")
    unfinished = manifest.with_suffix(".new")
    write_manifest(tree, unfinished)
    unfinished.replace(manifest)
