"""calls.h: counts which functions a suite has called with success, without a change in its tests."""

from __future__ import annotations

from . import c
from .model import Description

ABOUT = """calls.h: every function as a macro around itself that tells the harness which one was called
and what it answered.  Included behind abio.h by tests alone."""


def emit(desc: Description) -> str:
    counted = [f for f in desc.functions if f.returns == "i32"]
    return "\n".join(
        [
            c.banner(desc, ABOUT),
            "#ifndef ABIO_CALLS_H",
            "#define ABIO_CALLS_H",
            "",
            "#include <stdint.h>",
            "",
            "int32_t test_called(uint32_t function, int32_t answer);",
            "",
            f"#define CALLS_COUNT {len(counted)}u",
            "#ifdef CALLS_NAMES",
            "static const char *const calls_names[CALLS_COUNT] = {",
            *[f'\t"abio_{f.name}",' for f in counted],
            "};",
            "#else",
            *[
                f"#define abio_{f.name}(...) test_called({index}, abio_{f.name}(__VA_ARGS__))"
                for index, f in enumerate(counted)
            ],
            "#endif",
            "",
            "#endif",
            "",
        ]
    )
