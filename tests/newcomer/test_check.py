"""scripts/check.py notices what it must: a failure, silence, a crash, a hang, a missing suite."""
from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from snippets import ROOT


@pytest.fixture
def check(tmp_path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_under_test", ROOT / "scripts/check.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    module.LOGS = tmp_path
    return module


def outcome(check: ModuleType, script: str, counts: bool = True) -> tuple[int, int, int]:
    suite = check.Suite("suite", [check.Command(["sh", "-c", script], counts=counts)])
    check.run_all([suite])
    return suite.passed, suite.failed, suite.skipped


def test_the_last_count_is_taken(check: ModuleType) -> None:
    assert outcome(check, "echo 9 passed, 9 failed; echo; echo 3 passed, 0 failed") == (3, 0, 0)


def test_skipped_are_counted(check: ModuleType) -> None:
    assert outcome(check, "echo 3 passed, 0 failed, 2 skipped") == (3, 0, 2)


def test_pytest_errors_are_failures(check: ModuleType) -> None:
    assert outcome(check, "echo 1 failed, 3 passed, 2 errors in 0.1s; exit 1") == (3, 3, 0)


def test_failures_are_counted(check: ModuleType) -> None:
    assert outcome(check, "echo 3 passed, 2 failed; exit 1") == (3, 2, 0)


def test_a_failure_counts_even_with_exit_status_0(check: ModuleType) -> None:
    assert outcome(check, "echo 3 passed, 2 failed") == (3, 2, 0)


def test_silence_is_a_failure(check: ModuleType) -> None:
    assert outcome(check, "echo all is well") == (0, 1, 0)


def test_counting_nothing_is_a_failure(check: ModuleType) -> None:
    assert outcome(check, "echo 0 passed, 0 failed") == (0, 1, 0)


def test_skipping_everything_is_a_failure(check: ModuleType) -> None:
    assert outcome(check, "echo 0 passed, 0 failed, 5 skipped") == (0, 1, 5)


def test_a_fault_of_the_check_itself_is_a_failure(
    check: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "last_count", lambda output: 1 / 0)
    assert outcome(check, "echo 3 passed, 0 failed") == (0, 1, 0)


def test_a_crash_after_the_count_is_a_failure(check: ModuleType) -> None:
    assert outcome(check, "echo 3 passed, 0 failed; kill -SEGV $$") == (3, 1, 0)


def test_a_hang_is_a_failure_and_leaves_nothing_behind(check: ModuleType) -> None:
    check.HANG_SECONDS = 1
    assert outcome(check, "sleep 1000 & sleep 1000") == (0, 1, 0)


def test_a_suite_without_tests_is_a_failure(check: ModuleType) -> None:
    suite = check.Suite("suite", [])
    check.run_all([suite])
    assert suite.failed == 1


def test_a_program_that_is_not_there_is_a_failure(check: ModuleType) -> None:
    suite = check.Suite("suite", [check.Command(["./no-such-program"])])
    check.run_all([suite])
    assert suite.failed == 1


def test_an_exit_status_is_one_test_where_nothing_counts(check: ModuleType) -> None:
    assert outcome(check, "true", counts=False) == (1, 0, 0)
    assert outcome(check, "false", counts=False) == (0, 1, 0)


def test_every_suite_that_was_promised_is_there(check: ModuleType) -> None:
    names = " ".join(suite.name for suite in check.everything())
    rooms = ("unit", "conformance", "counts", "fault", "soak", "deliberate faults")
    builds = ("asan-gcc", "asan-clang", "tsan", "EPERM", "ENOSYS")
    others = ("asyncio", "uvloop", "lua5.4", "luajit", "library", "contract", "newcomer")
    for word in (*rooms, *builds, *others):
        assert word in names
