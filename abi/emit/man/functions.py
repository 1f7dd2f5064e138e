"""The page of a function: abio_NAME(3)."""

from __future__ import annotations

from .. import c, functiontext
from ..model import Description, Function
from . import mdoc, page, related
from .mdoc import Names


def brief(function: Function) -> str:
    """The line of NAME: its own phrase, or the first words of its text."""
    return function.brief or function.doc.split(". ")[0].split("\n")[0].rstrip(".")


def prototype(result: str, name: str, arguments: list[str]) -> list[str]:
    out = [f".Ft {mdoc.quoted(result)}", f".Fo {name}"]
    return [*out, *[f".Fa {mdoc.quoted(a)}" for a in arguments or ["void"]], ".Fc"]


def synopsis(function: Function) -> list[str]:
    own = prototype(c.result(function), f"abio_{function.name}", c.arguments(function))
    return [".Sh SYNOPSIS", ".In abio.h", *own]


def description(desc: Description, function: Function, names: Names) -> list[str]:
    out = [".Sh DESCRIPTION", *mdoc.paragraphs(functiontext.described(function), names)]
    rows = [(f"`{a.name}`", functiontext.parameter(desc, function, a)) for a in function.args]
    if rows:
        width = "x" * max(len(a.name) for a in function.args)
        out += [".Pp", "The arguments are:", *mdoc.listed(rows, names, width)]
    texts = [text for _, text in rows] + [function.doc]
    out += page.constants_of(desc, texts, names)
    where = functiontext.place(desc, function)
    return out + [line for text in where for line in (".Pp", *mdoc.prose(text, names))]


def returned(function: Function, names: Names) -> list[str]:
    texts = functiontext.returned(function) + functiontext.returns(function)
    if function.returns != "cstr":
        texts.append(functiontext.REFUSED if function.start else functiontext.FAILED)
    return [".Sh RETURN VALUES", *mdoc.paragraphs(texts, names)]


def events(desc: Description, function: Function, names: Names) -> list[str]:
    if not function.start:
        return []
    out = [".Sh EVENTS", *mdoc.paragraphs(functiontext.event_lines(function), names)]
    flags = functiontext.event_flags(desc, function)
    if flags:
        out += [".Pp", "Its", ".Fa flags", "can have:", *mdoc.listed(flags, names)]
    return out


def threads(function: Function, names: Names) -> list[str]:
    return [".Sh THREADS", *mdoc.paragraphs(functiontext.thread_lines(function), names)]


def ownership(function: Function, names: Names) -> list[str]:
    texts = functiontext.ownership(function)
    return [".Sh OWNERSHIP", *mdoc.paragraphs(texts, names)] if texts else []


def errors(desc: Description, function: Function, names: Names) -> list[str]:
    refused = functiontext.refusals(desc, function)
    later = functiontext.event_errors(function)
    if not refused and not later:
        return []
    out = [".Sh ERRORS"]
    if refused:
        out += ["The call itself answers with:", *mdoc.listed(refused, names)]
    if later:
        out += [".Pp", "The result of the terminal event can be:", *mdoc.listed(later, names)]
    return out


def emit(desc: Description, function: Function, names: Names) -> str:
    name = f"abio_{function.name}"
    own = names.of(name)
    return page.text_of(
        [
            *page.head(desc, name, "3", "abi/abio.toml"),
            *page.names_section([name], brief(function)),
            *page.library(),
            *synopsis(function),
            *description(desc, function, own),
            *returned(function, own),
            *events(desc, function, own),
            *ownership(function, own),
            *threads(function, own),
            *page.example(name, own),
            *errors(desc, function, own),
            ".Sh SEE ALSO",
            *mdoc.see_also(related.of_function(desc, function, names.pages)),
            *page.history(name, function.since),
        ]
    )
