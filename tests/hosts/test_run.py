"""The runner of the hosts sees each gap that nobody explained.  Ends with `N passed, N failed`."""

from __future__ import annotations

import sys
import unittest

import run

GOOD = """loads: yes, libabio 0.1.0
manifest: 90 rows run, 0 failed; left out: 8 rows in a child (why), 2 rows on a thread (why else)
files: yes
sockets: yes
own loop: part: why
cancel: yes
7 passed, 0 failed
"""


def judged(output: str, status: int | None = 0, name: str = "c") -> run.Report:
    report = run.Report(name, "epoll")
    run.judge(report, output, status, 100)
    return report


class Judging(unittest.TestCase):
    def test_a_good_report_is_taken(self) -> None:
        report = judged(GOOD)
        self.assertEqual((report.passed, report.failed, report.problems), (7, 0, []))

    def refused(self, old: str, new: str, status: int | None = 0, name: str = "c") -> None:
        self.assertIn(old, GOOD)
        self.assertTrue(judged(GOOD.replace(old, new), status, name).problems)

    def test_a_missing_line(self) -> None:
        self.refused("files: yes\n", "")

    def test_a_gap_without_a_reason(self) -> None:
        self.refused("cancel: yes", "cancel: no")

    def test_rows_without_a_reason(self) -> None:
        self.refused("8 rows in a child (why)", "8 rows in a child")

    def test_rows_that_were_forgotten(self) -> None:
        self.refused("90 rows run", "89 rows run")

    def test_rows_that_failed(self) -> None:
        self.refused("0 failed; left", "3 failed; left")

    def test_no_count(self) -> None:
        self.refused("7 passed, 0 failed\n", "")

    def test_nothing_passed(self) -> None:
        self.refused("7 passed", "0 passed")

    def test_a_crash_after_the_count(self) -> None:
        self.refused("cancel: yes", "cancel: yes", -11)

    def test_a_hang(self) -> None:
        self.refused("cancel: yes", "cancel: yes", None)

    def test_a_collecting_runtime_says_that_it_survives(self) -> None:
        self.refused("cancel: yes", "cancel: yes", name="java")

    def test_every_runtime_has_a_program(self) -> None:
        missing = [name for name in run.HOSTS if not (run.HERE / name / "run").exists()]
        self.assertEqual(missing, [])


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed")
    sys.exit(1 if bad else 0)
