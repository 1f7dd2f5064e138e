#!/usr/bin/env python3
"""The generator's tests.  Runs all of tests/abi and ends with `N passed, N failed, N skipped`.

python3 tests/abi/test_generate.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True

from support import (
    ABI,
    GENERATED,
    HERE,
    files_below,
    generate,
    mini_text,
    real,
    real_text,
    run,
    scratch,
)  # noqa: E402

COMMAND = ABI / "generate.py"


class Generate(unittest.TestCase):
    def test_what_is_committed_is_fresh(self) -> None:
        done = run(sys.executable, COMMAND, "--check")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_the_same_description_gives_the_same_bytes(self) -> None:
        with scratch() as folder:
            for seed, place, locale in (("0", "/", "C"), ("77", str(folder), "C.UTF-8")):
                out = folder / seed
                environment = os.environ | {
                    "PYTHONHASHSEED": seed,
                    "LC_ALL": locale,
                    "TZ": f"X{seed}",
                }
                subprocess.run(
                    [sys.executable, COMMAND, "--output", out],
                    cwd=place,
                    env=environment,
                    check=True,
                    capture_output=True,
                )
                for name, text in generate.render(real()).items():
                    self.assertEqual((out / name).read_bytes(), text.encode(), name)

    def test_check_names_each_stale_file_and_writes_nothing(self) -> None:
        with scratch() as folder:
            description = folder / "abio.toml"
            description.write_text(mini_text(), encoding="utf-8")
            options = ("--description", description, "--output", folder / "out")
            self.assertEqual(run(sys.executable, COMMAND, *options).returncode, 0)
            self.assertEqual(run(sys.executable, COMMAND, "--check", *options).returncode, 0)
            edited = folder / "out" / "slots.h"
            edited.write_text(edited.read_text().replace("struct", "strict", 1))
            (folder / "out" / "abio.map").unlink()
            (folder / "out" / "extra.h").write_text("/* nobody generates this */\n")
            (folder / "out" / "man/man3/abio_extra.3").write_text("nobody generates this\n")
            before = {name: (folder / "out" / name).read_bytes() for name in files_below(folder / "out")}
            done = run(sys.executable, COMMAND, "--check", *options)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(
                [line.split()[1] for line in done.stderr.splitlines()],
                ["slots.h", "abio.map", "extra.h", "man/man3/abio_extra.3"],
            )
            after = {name: (folder / "out" / name).read_bytes() for name in files_below(folder / "out")}
            self.assertEqual(after, before)

    def test_a_change_of_the_contract_makes_everything_stale(self) -> None:
        text = real_text().replace('calls = "fast"', 'calls = "system"', 1)
        self.assertNotEqual(text, real_text())
        with scratch() as folder:
            (folder / "abio.toml").write_text(text, encoding="utf-8")
            done = run(sys.executable, COMMAND, "--check", "--description", folder / "abio.toml")
            self.assertEqual(done.returncode, 1)
            stale = {line.split()[1] for line in done.stderr.splitlines()}
            self.assertLessEqual(set(generate.EMITTERS), stale)
            # But for the manuals: only the page of what has changed.
            self.assertEqual(len(stale - set(generate.EMITTERS)), 1, stale)

    def test_writing_again_writes_nothing(self) -> None:
        with scratch() as folder:
            first = run(sys.executable, COMMAND, "--output", folder / "out")
            again = run(sys.executable, COMMAND, "--output", folder / "out")
            names = sorted(generate.render(real()))
            self.assertEqual(sorted(l.split()[1] for l in first.stdout.splitlines()), names)
            self.assertEqual(again.stdout, "")
            self.assertEqual(files_below(folder / "out"), names)

    def test_nothing_else_lies_among_the_generated(self) -> None:
        self.assertEqual(files_below(GENERATED), sorted(generate.render(real())))


class Tally(unittest.TextTestResult):
    """Counts what passed, each failing part of a test as one."""

    passed = 0

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        self.passed += 1


def main() -> int:
    suite = unittest.TestSuite()
    for path in sorted(HERE.glob("test_*.py")):
        name = "__main__" if path.stem == "test_generate" else path.stem
        suite.addTests(unittest.defaultTestLoader.loadTestsFromName(name))
    runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=1, resultclass=Tally)
    result = runner.run(suite)
    failed = len(result.failures) + len(result.errors)
    skipped = f", {len(result.skipped)} skipped" if result.skipped else ""
    sys.stdout.flush()
    print(f"{result.passed} passed, {failed} failed{skipped}")
    return 1 if failed or not result.passed else 0


if __name__ == "__main__":
    sys.exit(main())
