"""errors.h: name, phrase and class of every code, for the core's error functions."""

from __future__ import annotations

from . import c, errnos
from .model import Description

ABOUT = """errors.h: what a code is called, in one phrase, and of which class.  `error_codes` has the
library's own codes, `error_system` the system's as -errno, both by falling code.  Included by the
core's error.c alone."""


def table(name: str, rows: list[tuple[int, str, str, str]]) -> list[str]:
    lines = [f"static const struct error_row {name}[] = {{"]
    for number, code, kind, phrase in sorted(rows, reverse=True):
        line = f'\t{{{number}, ABIO_CLASS_{kind}, "{code}", "{phrase}"}},'
        if len(line.expandtabs(8)) > c.WIDTH:
            # Adjacent literals are one; the space between goes with the first.
            text = ' "\n\t "'.join(c.wrap(phrase, c.WIDTH - 16))
            line = f'\t{{{number}, ABIO_CLASS_{kind}, "{code}",\n\t "{text}"}},'
        lines.append(line)
    return lines + ["};", ""]


def emit(desc: Description) -> str:
    system = [(-number, name, kind, phrase) for number, name, kind, phrase in errnos.errnos()]
    return "\n".join(
        [
            c.banner(desc, ABOUT),
            "#ifndef ABIO_ERRORS_H",
            "#define ABIO_ERRORS_H",
            "",
            '#include "abio.h"',
            "",
            "struct error_row {",
            "\tint32_t code;",
            "\tint32_t kind;",
            "\tconst char *name;",
            "\tconst char *text;",
            "};",
            "",
            *table("error_codes", errnos.own(desc)),
            *table("error_system", system),
            "#endif",
            "",
        ]
    )
