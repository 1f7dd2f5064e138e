#!/usr/bin/env python3
"""Turns abi/abio.toml into everything in abi/generated/.

    python3 abi/generate.py            writes what has changed
    python3 abi/generate.py --check    writes nothing; names each stale file and exits 1

Exit codes: 0 done, 1 stale, 2 the description is malformed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from emit import (
    asserts,
    calls,
    cdef,
    conformance,
    descriptors,
    dispatch,
    errors,
    header,
    man,
    misuse,
    model,
    parse,
    plainfiles,
    rust,
    slots,
    symbols,
)

HERE = Path(__file__).resolve().parent

EMITTERS: dict[str, Callable[[model.Description], str]] = {
    "abio.h": header.emit,
    "slots.h": slots.emit,
    "dispatch.c": dispatch.emit,
    "errors.h": errors.emit,
    "abio.map": symbols.emit,
    "abio.cdef": cdef.emit,
    "abio.json": plainfiles.document,
    "abio.rs": rust.emit,
    "asserts.c": asserts.emit,
    "calls.h": calls.emit,
    "conformance.json": conformance.emit,
    "constants.lua": plainfiles.lua,
    "constants.py": plainfiles.python,
    "descriptors.h": descriptors.emit,
    "libabio0.symbols": symbols.debian,
    "misuse.h": misuse.emit,
}

# Those that write a folder of files, by their paths below it.
FOLDERS: dict[str, Callable[[model.Description], dict[str, str]]] = {"man": man.pages}


def render(desc: model.Description) -> dict[str, str]:
    """Every output, by its path."""
    files = {name: emit(desc) for name, emit in EMITTERS.items()}
    for folder, emit in FOLDERS.items():
        files |= {f"{folder}/{name}": text for name, text in emit(desc).items()}
    return files


def stale(files: dict[str, str], folder: Path) -> list[str]:
    """What differs from the folder, and what lies there without being generated."""
    found = []
    for name, text in files.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != text.encode():
            found.append(name)
    there = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return found + sorted(name for name in there if name not in files)


def replace(path: Path, text: str) -> None:
    """All or nothing: a compiler running beside this never reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_bytes(text.encode())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Generate everything in abi/generated/.")
    parser.add_argument("--check", action="store_true", help="only say what is stale")
    parser.add_argument("--description", type=Path, default=HERE / "abio.toml")
    parser.add_argument("--output", type=Path, default=HERE / "generated")
    options = parser.parse_args(arguments)
    try:
        files = render(parse.parse(options.description.read_text(encoding="utf-8")))
    except (model.Bad, OSError, UnicodeDecodeError) as error:
        print(f"{options.description.name}: {error}", file=sys.stderr)
        return 2
    changed = stale(files, options.output)
    if options.check:
        for name in changed:
            print(f"stale: {name} (run abi/generate.py)", file=sys.stderr)
        return 1 if changed else 0
    for name in changed:
        if name in files:
            replace(options.output / name, files[name])
            print(f"wrote {name}")
        else:
            print(f"not generated: {name}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
