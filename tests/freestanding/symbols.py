"""What the freestanding rooms ask of the machine is what needs.txt says, and no more.

symbols.py DIRECTORY    where the freestanding objects are; ends with `N passed, N failed`
"""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# Of the compiler's own, on some machines.
IGNORED = {"_GLOBAL_OFFSET_TABLE_"}
# A compiler may or may not call these.
OPTIONAL = {"memchr", "memcmp", "memcpy", "memmove", "memset"}


def symbols(objects: list[Path], option: str) -> set[str]:
    done = subprocess.run(
        ["nm", option, *map(str, objects)], capture_output=True, text=True, check=True
    )
    return {line.split()[-1] for line in done.stdout.splitlines() if len(line.split()) > 1}


def main() -> int:
    build = Path(sys.argv[1])
    objects = sorted(build.glob("src/core/*.o")) + sorted(build.glob("src/traits/*.o"))
    objects.append(build / "abi/generated/dispatch.o")
    sources = list(ROOT.glob("src/core/*.c")) + list(ROOT.glob("src/traits/*.c"))
    lines = (HERE / "needs.txt").read_text(encoding="utf-8").splitlines()
    listed = {word for line in lines if not line.startswith("#") for word in line.split()}
    wanted = symbols(objects, "-u") - symbols(objects, "--defined-only") - IGNORED
    checks = {
        "every source was compiled": len(objects) == len(sources) + 1,
        f"nothing else is asked for: {sorted(wanted - listed)}": wanted <= listed,
        f"all that is listed is asked for: {sorted(listed - wanted)}": listed - wanted <= OPTIONAL,
    }
    for text, passed in checks.items():
        if not passed:
            print(f"FAILED {text}")
    failed = sum(not passed for passed in checks.values())
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
