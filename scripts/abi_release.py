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
from abi_record import DUMPS, GENERATED, LIBRARY


def put_aside(version: str) -> Path | None:
    """Takes a record out of the way, where it can still be put back."""
    folder, aside = DUMPS / version, LIBRARY.parent / version
    if not folder.exists():
        return None
    if tag := abi_record.tag_of(folder):
        raise SystemExit(f"{version} has the tag {tag}: what it promised stands")
    shutil.rmtree(aside, ignore_errors=True)
    return folder.rename(aside)


def record(version: str) -> bool:
    findings = [f for f in abi_check.judge(abi_check.REAL) if f.promise != abi_check.COMPARABLE]
    for finding in findings:
        if finding.problem:
            print(f"not ok - {finding.step}: {finding.promise}: {finding.problem}")
    if any(finding.problem for finding in findings):
        print(f"{version} is not recorded")
        return False
    print(f"recorded {abi_record.record(DUMPS, version, GENERATED, LIBRARY).name}")
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description="Write abi-dump/.")
    parser.add_argument("version", nargs="?")
    parser.add_argument("--again", action="store_true")
    options = parser.parse_args()
    abi_record.write(abi_record.CURRENT, abi_record.shown(LIBRARY, GENERATED))
    print("wrote abi-dump/current")
    if not options.version:
        return 0
    aside = put_aside(options.version) if options.again else None
    done = False
    try:
        done = record(options.version)
    finally:
        if aside and not done:
            aside.rename(DUMPS / options.version)
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
