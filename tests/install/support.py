"""Checks that count themselves, and commands in an environment that knows nothing of this tree."""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 500


class Failed(Exception):
    """What was wanted and what was found."""


class Skipped(Exception):
    """What is not here."""


class Checks:
    """Runs named checks and prints one line for each."""

    def __init__(self) -> None:
        self.passed = self.failed = self.skipped = 0

    def run(
        self, name: str, check: Callable[..., object], *words: object, **settings: object
    ) -> None:
        """check(*words, **settings) has passed when it returns."""
        try:
            check(*words, **settings)
        except Skipped as reason:
            self.skipped += 1
            print(f"skip - {name}: {reason}", flush=True)
        except Exception as error:
            self.failed += 1
            if not isinstance(error, Failed):
                traceback.print_exc()
            print(f"not ok - {name}: {error}", flush=True)
        else:
            self.passed += 1
            print(f"ok - {name}", flush=True)

    def close(self) -> int:
        """Prints the count; the exit status."""
        more = f", {self.skipped} skipped" if self.skipped else ""
        print(f"{self.passed} passed, {self.failed} failed{more}")
        return 1 if self.failed or not self.passed else 0


def equal(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise Failed(f"{what}: wanted {wanted!r}, found {found!r}")


def holds(condition: object, what: str) -> None:
    if not condition:
        raise Failed(what)


def clean(home: Path, **more: str) -> dict[str, str]:
    """No variable of the caller's but the search path."""
    path = os.environ.get("PATH", "/usr/bin:/bin")
    return {"PATH": path, "HOME": str(home), "TMPDIR": str(home), "LC_ALL": "C", **more}


def attempt(
    argv: list[str], folder: Path, environment: Mapping[str, str], text: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, cwd=folder, env=environment, input=text, capture_output=True, text=True,
        timeout=SECONDS,
    )


def run(argv: list[str], folder: Path, environment: Mapping[str, str], text: str = "") -> str:
    """What it prints; Failed, with its words, when it fails."""
    done = attempt(argv, folder, environment, text)
    if done.returncode:
        raise Failed(f"{' '.join(argv)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def refused(argv: list[str], folder: Path, environment: Mapping[str, str], words: str) -> None:
    """It must fail, and say why."""
    done = attempt(argv, folder, environment)
    said = done.stdout + done.stderr
    holds(done.returncode != 0, f"succeeded: {' '.join(argv)}")
    holds(words in said, f"failed without a word of {words!r}: {said}")


def on_overlay(argv: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs it on a machine that looks like this one, where whatever it changes is forgotten."""
    script = """
        set -e
        space=$1; here=$2; shift 2
        mount -t tmpfs tmpfs "$space"
        mkdir "$space/upper" "$space/work" "$space/root"
        mount -t overlay overlay -o "lowerdir=/,upperdir=$space/upper,workdir=$space/work" "$space/root"
        for each in /proc /dev /sys; do mount --rbind $each "$space/root$each"; done
        [ -e "$space/root$here/Makefile" ] || mount --rbind "$here" "$space/root$here"
        exec chroot "$space/root" "$@"
    """
    apart = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    with scratch("overlay") as space:
        return attempt([*apart, "sh", "-c", script, "sh", str(space), str(ROOT), *argv], ROOT,
                       environment)


def count_on_overlay(checks: Checks, argv: list[str], environment: Mapping[str, str]) -> None:
    """The checks of a program that runs there are counted here."""
    if on_overlay(["true"], environment).returncode:
        raise Skipped("no overlay of this machine can be made here")
    done = on_overlay(argv, environment)
    print(done.stdout, done.stderr, sep="", end="")
    found = re.search(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", done.stdout, re.M)
    if not found:
        raise Failed("it said no count")
    checks.passed += int(found[1])
    checks.failed += int(found[2])
    checks.skipped += int(found[3] or 0)


def make(*words: str) -> str:
    """make in this tree, without the words of a make that runs this."""
    kept = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    for name in ("DESTDIR", "PREFIX", "prefix", "libdir", "CFLAGS"):
        kept.pop(name, None)
    return run(["make", *words], ROOT, kept)


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """A new folder outside of the source tree, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f"abio-{name}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def version() -> str:
    """The one place where the version stands."""
    for line in (ROOT / "abi/abio.toml").read_text(encoding="utf-8").splitlines():
        if line.startswith("version = "):
            return line.split('"')[1]
    raise Failed("abi/abio.toml has no version")


def fresh_copy(folder: Path) -> None:
    """What a clone of this tree would have, with what is not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True,
    )
    if listed.returncode:
        leave = shutil.ignore_patterns("build", "__pycache__", ".git")
        shutil.copytree(ROOT, folder, ignore=leave, symlinks=True)
        return
    for name in filter(None, listed.stdout.split("\0")):
        source, there = ROOT / name, folder / name
        if source.is_symlink() or source.is_file():
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, there, follow_symlinks=False)
