"""Builds the Debian packages with Debian's own tools, from what a clone of this tree would have.

build/deb/ gets the packages, their source package, and lintian's words in lintian.log.  Whatever
lintian says that debian/*.lintian-overrides does not explain is a failure.
"""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/install"))
import support  # noqa: E402

OUT = ROOT / "build/deb"


def environment() -> dict[str, str]:
    """Debian's Python, and none of the words of the make that runs this."""
    kept = {"HOME": str(OUT), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
    return kept | {key: os.environ[key] for key in ("TERM", "TZ") if key in os.environ}


def version() -> str:
    found = re.match(r"abio \((.*)\) ", (ROOT / "debian/changelog").read_text())
    assert found, "debian/changelog has no version"
    return found[1]


def run(argv: list[str], folder: Path, log: Path) -> int:
    with log.open("w") as file:
        return subprocess.run(
            argv, cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=file,
            stderr=subprocess.STDOUT,
        ).returncode


def make_source(upstream: str) -> Path:
    """The unpacked source package, and upstream's archive beside it."""
    folder = OUT / f"abio-{upstream}"
    support.fresh_copy(folder)
    archive = OUT / f"abio_{upstream}.orig.tar.xz"
    subprocess.run(
        ["tar", "--create", "--xz", f"--file={archive}", "--sort=name", "--owner=0", "--group=0",
         "--numeric-owner", "--mtime=@0", "--exclude=abio-*/debian", folder.name],
        cwd=OUT, check=True,
    )
    return folder


def build(folder: Path) -> None:
    log = OUT / "build.log"
    if run(["dpkg-buildpackage", "--no-sign", f"-j{os.cpu_count()}"], folder, log):
        print("".join(log.read_text().splitlines(keepends=True)[-40:]))
        sys.exit(f"deb: dpkg-buildpackage failed; the whole story is in {log}")


def check(changes: Path) -> None:
    log = OUT / "lintian.log"
    argv = ["lintian", "--allow-root", "--display-info", "--info", changes.name]
    failed = run(argv, OUT, log)
    said = log.read_text()
    if failed or re.search(r"^[EWI]: ", said, re.M):
        print(said)
        sys.exit(f"deb: lintian has something to say; see {log}")


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    whole = version()
    folder = make_source(whole.rsplit("-", 1)[0])
    build(folder)
    check(next(OUT.glob("*.changes")))
    shutil.rmtree(folder)
    for package in sorted(OUT.glob("*.deb")):
        print(f"  DEB     {package.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
