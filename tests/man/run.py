#!/usr/bin/env python3
"""Tests the manual pages: every check over every page, and over pages that are broken on purpose,
which it must notice.  Ends with `N passed, N failed`.

    python3 tests/man/run.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

sys.dont_write_bytecode = True

import broken  # noqa: E402
import compiled  # noqa: E402
import form  # noqa: E402
import lookup  # noqa: E402
import truth  # noqa: E402
from pages import Problem, Tree  # noqa: E402

Check = Callable[[Tree], Iterator[Problem | None]]
CHECKS: list[Check] = [*form.CHECKS, *lookup.CHECKS, *compiled.CHECKS, *truth.CHECKS]


def main() -> int:
    tree = Tree.real()
    passed = failed = 0
    for check in CHECKS:
        results = list(check(tree))
        problems = [result for result in results if result is not None]
        for problem in problems:
            print(f"FAILED {check.__name__}: {problem.page}: {problem.text}")
        if not results:
            print(f"FAILED {check.__name__}: looked at nothing")
        failed += len(problems) or not results
        passed += len(results) - len(problems)
    seen: set[str] = set()
    for case in broken.cases(tree):
        seen.add(case.check.__name__)
        if any(case.page in problem.page for problem in case.check(case.tree) if problem):
            passed += 1
        else:
            failed += 1
            print(f"FAILED {case.check.__name__} does not notice {case.what} in {case.page}")
    for name in sorted({check.__name__ for check in CHECKS} - seen):
        failed += 1
        print(f"FAILED nothing shows that {name} can fail")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
