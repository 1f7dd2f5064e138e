"""Pages broken on purpose: what each check must notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import compiled
import form
import lookup
import truth
from pages import Problem, Tree

READ = "man3/abio_read.3"
EVENT = "man3/abio_event.3"
HELLO = "man7/abio.7"
TRAITS = "man7/abio_traits.7"
ALIAS = "man3/abio_read_ops.3"

Check = Callable[[Tree], Iterator[Problem | None]]


@dataclass
class Case:
    what: str
    page: str
    check: Check
    tree: Tree


# For each check: what is broken, on which page, the text there, and what stands there instead.
Change = tuple[str, str, str, str]
CHANGES: list[tuple[Check, list[Change]]] = [
    (
        form.lint_is_silent,
        [
            ("an unknown macro", READ, ".Sh EVENTS", ".Xx\n.Sh EVENTS"),
            ("a line that is too long", READ, ".Sh EVENTS", f"{'x ' * 50}\n.Sh EVENTS"),
            ("sections out of order", READ, ".Sh HISTORY", ".Sh LIBRARY"),
        ],
    ),
    (
        form.sections_are_there,
        [
            ("no EVENTS", READ, ".Sh EVENTS", ".Sh OTHER"),
            ("an empty section", READ, ".Sh THREADS\n", ".Sh THREADS\n.Sh OTHER\n"),
        ],
    ),
    (
        form.sections_say_what_they_are_for,
        [
            ("no word on the event", READ, ".Sh EVENTS\n", ".Sh EVENTS\nNothing.\n"),
            ("no word on the result", READ, "VALUES\n", "VALUES\nNothing.\n"),
        ],
    ),
    (
        form.names_are_phrases,
        [("a NAME that is a sentence", READ, ".Nd ", ".Nd x. " + "long " * 20)],
    ),
    (
        lookup.references_lead_somewhere,
        [
            ("a reference to no page", READ, ".Xr abio 7", ".Xr abio_no 3"),
            ("a reference to another section", READ, ".Xr abio 7", ".Xr abio 3"),
        ],
    ),
    (
        lookup.aliases_lead_somewhere,
        [("an alias of no page", ALIAS, "abio_read_table", "abio_read_tables")],
    ),
    (
        lookup.names_exist,
        [
            ("no function", READ, "Reads at least", "As abio_read_some, at least"),
            ("no function in a program", HELLO, "abio_driver_close(", "abio_driver_end("),
        ],
    ),
    (
        lookup.constants_exist,
        [
            ("no code of the library", READ, "ABIO_E_BUSY", "ABIO_E_BUSIER"),
            ("no code of the system", READ, "ENOMEM", "ENOMEMORY"),
            ("no constant", READ, "ABIO_START_INLINE", "ABIO_START_NOW"),
        ],
    ),
    (
        compiled.synopses_agree_with_the_header,
        [
            ("another type", READ, '"uint32_t length"', '"uint64_t length"'),
            ("another result", READ, ".Ft int32_t", ".Ft int64_t"),
            ("an argument less", READ, '.Fa "uint32_t flags"\n', ""),
            ("another function", READ, ".Fo abio_read", ".Fo abio_readable"),
            ("no header", READ, ".In abio.h\n", ""),
            ("another field", EVENT, "int64_t result", "int32_t result"),
            ("a field less", EVENT, "\tuint64_t data;\n", ""),
            ("fields in another order", EVENT, "uint64_t token;", "uint64_t data;"),
            ("another slot", "man3/abio_read_impl.3", "void *data", "char *data"),
            ("another handle", "man3/abio_io.3", "uint64_t", "uint32_t"),
            ("another table", "man3/abio_read_table.3", "abio_read_ops *", "abio_seek_ops *"),
        ],
    ),
    (
        compiled.examples_work,
        [
            ("an example that is not C", HELLO, "return got;", "return got"),
            ("an example that warns", HELLO, "abio_io file;", "abio_io file, more;"),
            ("an example that prints something else", HELLO, "hello, file\\en", "hello, you\\en"),
            ("an example that fails", HELLO, "return got < 0;", "return got >= 0;"),
            ("an example without what it prints", HELLO, "It prints:\n", "It prints:\n.ig\n"),
            ("an example that is none", HELLO, "#include <abio.h>\n#include <stdio.h>", "nothing"),
        ],
    ),
    (
        truth.traits_are_what_the_library_has,
        [
            ("a trait that is not there", TRAITS, "file Ta \\(en", "file Ta yes"),
            ("an io that is not told of", TRAITS, ".It listener Ta yes", ".It listen Ta yes"),
        ],
    ),
]


def cases(tree: Tree) -> Iterator[Case]:
    for check, changes in CHANGES:
        for what, page, old, new in changes:
            yield Case(what, page, check, tree.changed(page, old, new))
    missing = tree.without(READ)
    yield Case("that it is missing", "abio_read", lookup.found_by_name, missing)
    yield Case("that nobody shows", "abio_read", compiled.programs_are_shown, missing)
    stray = tree.sources | tree.changed(READ, ".Nm abio_read", ".Nm abio_reads").sources
    tree = Tree(stray, tree.known)
    yield Case("that it has another name", "abio_read", lookup.found_by_name, tree)
