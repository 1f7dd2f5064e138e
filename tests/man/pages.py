"""The manual pages as a reader sees them: names, rendered text, sections, blocks of code."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
GENERATED = ROOT / "abi/generated"
LIBRARY = BUILD / "lib"
ALIAS = re.compile(r"\.so (man3/\w+\.3)\n\Z")

sys.path.insert(0, str(ROOT / "abi"))

from emit import errnos, model, parse  # noqa: E402

__all__ = [
    "BUILD",
    "GENERATED",
    "LIBRARY",
    "ROOT",
    "Problem",
    "Tree",
    "described",
    "errnos",
    "model",
    "scratch",
]


@dataclass(frozen=True)
class Problem:
    """What is wrong, and on which page."""

    page: str
    text: str


def described() -> model.Description:
    return parse.parse((ROOT / "abi/abio.toml").read_text(encoding="utf-8"))


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory below build/ that goes away."""
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="man-test-", dir=BUILD) as folder:
        yield Path(folder)


def sections(text: str) -> dict[str, str]:
    """The parts of a rendered page, by their headings, without the indentation of text."""
    found: dict[str, list[str]] = {}
    now: list[str] = []
    for row in text.splitlines()[1:-1]:
        if row and not row.startswith(" "):
            now = found.setdefault(row, [])
        else:
            now.append(row[5:])
    return {name: "\n".join(rows).strip("\n") for name, rows in found.items()}


def blocks(text: str) -> list[str]:
    """What stands indented in a section: programs, and what they print."""
    out: list[list[str]] = []
    inside = False
    for row in text.splitlines():
        if row.startswith("      "):
            if not inside:
                out.append([])
            out[-1].append(row[6:])
            inside = True
        elif row.strip():
            inside = False
        elif inside:
            out[-1].append("")
    return ["\n".join(rows).strip("\n") + "\n" for rows in out]


@dataclass
class Tree:
    """Sources of pages by their path, such as man3/abio_read.3."""

    sources: dict[str, str]
    # Every name that a page may refer to: more than `sources` when only some are looked at.
    known: set[tuple[str, str]] = field(default_factory=set)

    @classmethod
    def real(cls) -> Tree:
        man = GENERATED / "man"
        paths = sorted(p for p in man.glob("man*/*") if p.is_file())
        tree = cls({p.relative_to(man).as_posix(): p.read_text(encoding="utf-8") for p in paths})
        tree.known = {(Path(path).stem, path[-1]) for path in tree.sources}
        return tree

    def changed(self, page: str, old: str, new: str) -> Tree:
        """That page alone, with something else at one place."""
        source = self.sources[page]
        assert old in source, f"{page} has no {old!r}"
        return Tree({page: source.replace(old, new, 1)}, self.known)

    def without(self, page: str) -> Tree:
        return Tree({p: s for p, s in self.sources.items() if p != page}, self.known)

    @property
    def pages(self) -> dict[str, str]:
        """Those that are not only another name."""
        return {path: text for path, text in self.sources.items() if not ALIAS.match(text)}

    def write(self, folder: Path) -> None:
        for path, text in self.sources.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")

    @cached_property
    def rendered(self) -> dict[str, dict[str, str]]:
        """The sections of every page."""
        with ThreadPoolExecutor(4) as pool:
            texts = pool.map(render, self.pages.values())
            return {path: sections(text) for path, text in zip(self.pages, texts)}


def render(source: str) -> str:
    done = subprocess.run(
        ["mandoc", "-T", "ascii", "-O", "width=180"],
        input=source,
        capture_output=True,
        text=True,
        check=False,
    )
    return re.sub(".\b", "", done.stdout)
