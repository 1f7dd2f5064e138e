"""What abi-dump/ holds: how a record is written, found and read back.

A record is everything that a program of its day was built from, and what the gate compares.  Nobody edits
one: `sums` holds the checksum of every file, `before` of a later record that of each earlier `sums`, and
once the release is tagged, git holds the rest.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import abi_library

ROOT = Path(__file__).resolve().parent.parent
GENERATED = ROOT / "abi/generated"
DUMPS = ROOT / "abi-dump"
LIBRARY = ROOT / "build/abi/lib/libabio.so.0"
# Of the generated files: what programs are built from, and what the gate compares.
PARTS = ("abio.json", "abio.h", "abio.cdef", "asserts.c", "conformance.json")
SUMS = "sums"
BEFORE = "before"


@dataclass(frozen=True)
class Release:
    """A record, read back."""

    folder: Path
    document: dict[str, Any]

    @property
    def description(self) -> dict[str, Any]:
        described: dict[str, Any] = self.document["description"]
        return described

    @property
    def version(self) -> str:
        return self.folder.name


def releases(dumps: Path) -> list[Release]:
    """Every record, oldest first."""
    if not dumps.is_dir():
        return []
    folders = [path for path in dumps.iterdir() if re.fullmatch(r"\d+\.\d+\.\d+", path.name)]
    folders.sort(key=lambda folder: [int(part) for part in folder.name.split(".")])
    return [Release(folder, json.loads((folder / "abio.json").read_text())) for folder in folders]


def shown(library: Path, headers: Path) -> dict[str, str]:
    """What is read out of a built library, by file name."""
    return {
        "symbols": "".join(f"{name}\n" for name in sorted(abi_library.exported(library))),
        "library.abi": abi_library.dump(library, headers),
        "tools": abi_library.tools(),
    }


def write(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def sums(folder: Path) -> str:
    """One line for each file of a record but this one, as sha256sum writes and reads them."""
    names = sorted(path.name for path in folder.iterdir() if path.name != SUMS)
    digests = [(hashlib.sha256((folder / name).read_bytes()).hexdigest(), name) for name in names]
    return "".join(f"{digest}  {name}\n" for digest, name in digests)


def before(dumps: Path) -> str:
    """The checksums of all records there are: what the next one knows of them."""
    digests = [(release.folder / SUMS).read_bytes() for release in releases(dumps)]
    names = [f"{release.version}/{SUMS}" for release in releases(dumps)]
    lines = [f"{hashlib.sha256(d).hexdigest()}  {name}\n" for d, name in zip(digests, names)]
    return "".join(lines)


def record(dumps: Path, version: str, generated: Path, library: Path) -> Path:
    """Writes dumps/version, all or nothing, and refuses one that is there."""
    folder = dumps / version
    if folder.exists():
        raise SystemExit(f"{version} is recorded already, and a record is never changed")
    described = json.loads((generated / "abio.json").read_text())["description"]["abi"]["version"]
    if described != version:
        raise SystemExit(f"abi/abio.toml describes {described}, not {version}")
    part = dumps / f".{version}"
    shutil.rmtree(part, ignore_errors=True)
    write(part, {name: (generated / name).read_text() for name in PARTS})
    write(part, shown(library, generated))
    if earlier := before(dumps):
        write(part, {BEFORE: earlier})
    write(part, {SUMS: sums(part)})
    part.rename(folder)
    return folder


def git(folder: Path, *argv: str) -> str:
    """What git says in a folder; nothing where there is no git or it fails."""
    command = ["git", "-C", str(folder), *argv]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def tag_of(folder: Path) -> str | None:
    """The tag of a record, where it has one."""
    tag = f"v{folder.name}"
    return tag if git(folder.parent, "rev-parse", "--verify", f"refs/tags/{tag}") else None
