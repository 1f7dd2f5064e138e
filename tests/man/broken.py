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
ALIAS = "man3/abio_read_ops.3"


@dataclass
class Case:
    what: str
    page: str
    check: Callable[[Tree], Iterator[Problem | None]]
    tree: Tree


def changes() -> list[tuple[str, str, Callable[[Tree], Iterator[Problem | None]], str, str]]:
    """What, on which page, noticed by whom; and the text that is replaced, and by what."""
    return [
        ("an unknown macro", READ, form.lint_is_silent, ".Sh EVENTS", ".Xx\n.Sh EVENTS"),
        ("a line that is too long", READ, form.lint_is_silent, ".Sh EVENTS", f"{'x ' * 50}\n.Sh EVENTS"),
        ("sections out of order", READ, form.lint_is_silent, ".Sh HISTORY", ".Sh LIBRARY"),
        ("no EVENTS", READ, form.sections_are_there, ".Sh EVENTS", ".Sh OTHER"),
        ("an empty section", READ, form.sections_are_there, ".Sh THREADS\n", ".Sh THREADS\n.Sh OTHER\n"),
        ("no word on the event", READ, form.sections_say_what_they_are_for, ".Sh EVENTS\n", ".Sh EVENTS\nNothing.\n"),
        ("no word on the result", READ, form.sections_say_what_they_are_for, "VALUES\n", "VALUES\nNothing.\n"),
        ("a NAME that is a sentence", READ, form.names_are_phrases, ".Nd ", ".Nd x. " + "long " * 20),
        ("a reference to no page", READ, lookup.references_lead_somewhere, ".Xr abio 7", ".Xr abio_no 3"),
        ("a reference to another section", READ, lookup.references_lead_somewhere, ".Xr abio 7", ".Xr abio 3"),
        ("an alias of no page", ALIAS, lookup.aliases_lead_somewhere, "abio_read_table", "abio_read_tables"),
        ("no code of the library", READ, lookup.constants_exist, "ABIO_E_BUSY", "ABIO_E_BUSIER"),
        ("no code of the system", READ, lookup.constants_exist, "ENOMEM", "ENOMEMORY"),
        ("no constant", READ, lookup.constants_exist, "ABIO_START_INLINE", "ABIO_START_NOW"),
        ("another type", READ, compiled.synopses_agree_with_the_header, '"uint32_t length"', '"uint64_t length"'),
        ("another result", READ, compiled.synopses_agree_with_the_header, ".Ft int32_t", ".Ft int64_t"),
        ("an argument less", READ, compiled.synopses_agree_with_the_header, '.Fa "uint32_t flags"\n', ""),
        ("another function", READ, compiled.synopses_agree_with_the_header, ".Fo abio_read", ".Fo abio_readable"),
        ("no header", READ, compiled.synopses_agree_with_the_header, ".In abio.h\n", ""),
        ("another field", EVENT, compiled.synopses_agree_with_the_header, "int64_t result", "int32_t result"),
        ("a field less", EVENT, compiled.synopses_agree_with_the_header, "\tuint64_t data;\n", ""),
        ("fields in another order", EVENT, compiled.synopses_agree_with_the_header, "uint64_t token;", "uint64_t data;"),
        ("another slot", "man3/abio_read_impl.3", compiled.synopses_agree_with_the_header, "void *data", "char *data"),
        ("another handle", "man3/abio_io.3", compiled.synopses_agree_with_the_header, "uint64_t", "uint32_t"),
        ("another table", "man3/abio_read_table.3", compiled.synopses_agree_with_the_header, "abio_read_ops *", "abio_seek_ops *"),
        ("an example that is not C", HELLO, compiled.examples_work, "return got;", "return got"),
        ("an example that warns", HELLO, compiled.examples_work, "abio_io file;", "abio_io file, more;"),
        ("an example that prints something else", HELLO, compiled.examples_work, "hello, file\\en", "hello, you\\en"),
        ("an example that fails", HELLO, compiled.examples_work, "return got < 0;", "return got >= 0;"),
        ("an example that does not say what it prints", HELLO, compiled.examples_work, "It prints:\n", "It prints:\n.ig\n"),
        ("an example that is none", HELLO, compiled.examples_work, "#include <abio.h>\n#include <stdio.h>", "nothing"),
        ("another table of traits", "man7/abio_traits.7", truth.traits_are_what_the_library_has, "file Ta \\(en", "file Ta yes"),
        ("a trait that is there", "man7/abio_traits.7", truth.traits_are_what_the_library_has, ".It listener Ta yes", ".It listen Ta yes"),
    ]


def cases(tree: Tree) -> Iterator[Case]:
    for what, page, check, old, new in changes():
        yield Case(what, page, check, tree.changed(page, old, new))
    missing = tree.without("man3/abio_read.3")
    yield Case("that it is missing", "abio_read", lookup.found_by_name, missing)
    stray = Tree(tree.sources | tree.changed(READ, ".Nm abio_read", ".Nm abio_reads").sources, tree.known)
    yield Case("that it has another name", "abio_read", lookup.found_by_name, stray)
