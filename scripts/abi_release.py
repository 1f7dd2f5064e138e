"""Writes abi-dump/: what the library of today shows, and what a release promises for ever.

    abi_release.py                     renews abi-dump/current from build/abi
    abi_release.py VERSION             also records VERSION, the one that abi/abio.toml describes
    abi_release.py VERSION --again     records anew what has no tag yet

Nothing is recorded that the gate does not pass.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import abi_check
import abi_record
from abi_check import Tree


def put_aside(tree: Tree, version: str) -> Path | None:
    """Takes a record out of the way, where it can still be put back."""
    folder, aside = tree.dumps / version, tree.debug_library.parent / version
    if not folder.exists():
        return None
    if tag := abi_record.tag_of(folder):
        raise SystemExit(f"{version} has the tag {tag}: what it promised stands")
    shutil.rmtree(aside, ignore_errors=True)
    return folder.rename(aside)


def record(tree: Tree, version: str) -> bool:
    findings = [f for f in abi_check.judge(tree) if f.promise != abi_check.COMPARABLE]
    for finding in findings:
        if finding.problem:
            print(f"not ok - {finding.step}: {finding.promise}: {finding.problem}")
    if any(finding.problem for finding in findings):
        print(f"{version} is not recorded")
        return False
    abi_record.record(tree.dumps, version, tree.generated, tree.debug_library)
    print(f"recorded {version}")
    return True


def release(tree: Tree, version: str, again: bool) -> bool:
    """Records a version; with `again` in place of a record that has no tag."""
    aside = put_aside(tree, version) if again else None
    done = False
    try:
        done = record(tree, version)
    finally:
        if aside and not done:
            aside.rename(tree.dumps / version)
    return done


def main() -> int:
    parser = argparse.ArgumentParser(description="Write abi-dump/.")
    parser.add_argument("version", nargs="?")
    parser.add_argument("--again", action="store_true")
    options = parser.parse_args()
    tree = abi_check.REAL
    shown = abi_record.shown(tree.debug_library, tree.generated)
    abi_record.write(tree.dumps / "current", shown)
    print("wrote abi-dump/current")
    if options.version:
        return 0 if release(tree, options.version, options.again) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
