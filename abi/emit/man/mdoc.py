"""Texts of the description as mdoc(7): escaping, and marking up what a text names.

Knows nothing of what a page says.  A text names things by convention: `name` is an argument or a
field, abio_name a function or a type, ABIO_NAME a constant, -ENAME an error of the system, name(2)
another manual page.  Everything else is words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

WIDTH = 78

TOKEN = re.compile(
    r'"[^"]*"'
    r"|`[^`]+`"
    r"|struct abio_[a-z_0-9]+"
    r"|abio_[a-z_0-9]+\.[a-z_0-9]+"
    r"|abio_[a-z_0-9]+\([37]\)|abio_[a-z_0-9]+(?![<*])"
    r"|\b[a-z_]+\([0-9]\)"
    r"|ABIO_[A-Z_0-9]+\*?"
    r"|(?<![\w-])-E[A-Z0-9]+\b"
    r"|(?<!\w)-[0-9]+\b"
    r"|\b(?:NULL|EINTR|POLL[A-Z]+|SIG[A-Z]+|(?:CLOCK|O|TCP|SO)_[A-Z_]+)\b"
)
CLOSING = re.compile(r"[.,:;?!)]+")


@dataclass
class Names:
    """What there are pages of, by name; and whose page this is."""

    pages: set[str] = field(default_factory=set)
    # Of those, the ones that are types; the handles' too.
    types: set[str] = field(default_factory=set)
    own: str = ""

    def of(self, own: str) -> Names:
        return Names(self.pages, self.types, own)


def escape(text: str) -> str:
    """Characters that roff would take for its own."""
    text = text.replace("\\", "\\e").replace("^", "\\(ha").replace("~", "\\(ti")
    return text.replace("`", "\\(ga")


def line(text: str) -> str:
    """A text line: a control character at its start is only a character."""
    return f"\\&{text}" if text.startswith((".", "'")) else text


def literal(text: str) -> list[str]:
    """Program text as it stands."""
    rows = [line(escape(row)).replace("-", "\\-") for row in text.rstrip("\n").split("\n")]
    return [".Bd -literal -offset indent", *rows, ".Ed"]


def macro(token: str, names: Names) -> str:
    """The macro of one thing that a text names, without what follows it."""
    if token.startswith("`"):
        inner = token[1:-1]
        if re.fullmatch(r"[a-z_0-9.]+", inner):
            return f"Fa {inner}"
        return f"Ql {quoted(inner)}"
    if token.startswith("struct "):
        return f"Vt {quoted(token)}"
    if token.startswith("abio_") and "." in token:
        return f"Va {token}"
    if token.startswith("ABIO_E_"):
        return f"Er {token}"
    if token.startswith("-"):
        number = token[1].isdigit()
        return f"{'Li' if number else 'Er'} \\{token}"
    page = re.fullmatch(r"([a-z_0-9]+)(?:\(([0-9])\))?", token)
    if page and page[2]:
        return f"Xr {page[1]} {page[2]}"
    if page and token == names.own:
        return f"{'Vt' if token in names.types else 'Fn'} {token}"
    if page and token in names.pages:
        return f"Xr {token} 3"
    return f"Fn {token}" if page else f"Dv {token}"


def quoted(argument: str) -> str:
    """One argument of a macro."""
    text = escape(argument).replace('"', "\\(dq")
    return f'"{text}"' if " " in text or not text else text


def wrap(text: str) -> list[str]:
    """Words on lines; no line begins with a character that would make it a request."""
    out: list[str] = []
    for word in text.split():
        if out and len(out[-1]) + 1 + len(word) <= WIDTH:
            out[-1] += " " + word
        else:
            out.append(word)
    return [line(row) for row in out]


def groups(sentence: str) -> list[str]:
    """The sentence in pieces: parentheses that hold something to mark up stand alone."""
    pieces, start, depth, opened = [], 0, 0, 0
    for index, char in enumerate(sentence):
        if char == "(":
            depth += 1
            opened = index if depth == 1 else opened
        elif char == ")" and depth:
            depth -= 1
            before = sentence[opened - 1 : opened]
            if depth == 0 and TOKEN.search(sentence[opened : index + 1]) and not before.isalnum():
                pieces += [sentence[start:opened], sentence[opened : index + 1]]
                start = index + 1
    return [*pieces, sentence[start:]]


def marked(text: str, names: Names) -> list[str]:
    """Words and macros, each macro on a line of its own with the punctuation that follows."""
    out: list[str] = []
    words, position = "", 0
    for found in TOKEN.finditer(text):
        if found.start() < position or found[0].startswith('"'):
            continue
        words += text[position : found.start()]
        position = found.end()
        ahead = re.search(r"\S+\Z", words)
        glue = ahead[0] if ahead else ""
        head = wrap(escape(words[: len(words) - len(glue)]))
        out += head
        row = (
            f".No {quoted(glue)} Ns {macro(found[0], names)}"
            if glue
            else f".{macro(found[0], names)}"
        )
        closing = CLOSING.match(text, position)
        if closing:
            row += "".join(f" {mark}" for mark in closing[0])
            position = closing.end()
        rest = re.match(r"[^\s]+", text[position:])
        if rest:
            row += f" Ns {quoted(rest[0])}"
            position += len(rest[0])
        out.append(row)
        words = ""
    return out + wrap(escape(words + text[position:]))


def sentence(text: str, names: Names) -> list[str]:
    out: list[str] = []
    pieces = groups(text)
    for index, piece in enumerate(pieces):
        if index % 2 == 0:
            closing = re.match(r"[.,:;?!]+(?=\s|\Z)", piece) if index else None
            if closing:
                out[-1] += "".join(f" {mark}" for mark in closing[0])
                piece = piece[closing.end() :]
            out += marked(piece, names)
        else:
            out += [".Po", *marked(piece[1:-1], names), ".Pc"]
    return out


def prose(text: str, names: Names) -> list[str]:
    """One paragraph: every sentence begins a line."""
    out: list[str] = []
    for part in re.split(r"(?<=[.!?])  +", text.strip()):
        out += sentence(part, names)
    return out


def paragraphs(texts: list[str], names: Names) -> list[str]:
    out: list[str] = []
    for text in texts:
        out += [".Pp"] * bool(out) + prose(text, names)
    return out


def phrase(text: str) -> str:
    """A phrase as a sentence."""
    text = text.strip()
    text = (
        text[:1].upper() + text[1:] if re.match(r"(?!struct abio_)[a-z]+\b(?!_|\()", text) else text
    )
    return text if text.endswith((".", ":")) else text + "."


def listed(
    rows: list[tuple[str, str]], names: Names, width: str = "", compact: bool = False
) -> list[str]:
    """A list of terms, each with its text."""
    longest = width or "x" * max((len(term) for term, _ in rows), default=1)
    out = [f".Bl -tag -width {longest}{' -compact' if compact else ''}"]
    for term, text in rows:
        out += [f".It {macro(term, names)}", *prose(phrase(text), names)]
    return [*out, ".El"]


def see_also(pages: list[tuple[str, str]]) -> list[str]:
    """By section, then by name."""
    ordered = sorted(set(pages), key=lambda page: (page[1], page[0]))
    last = len(ordered) - 1
    return [
        f".Xr {name} {section}{' ,' if index < last else ''}"
        for index, (name, section) in enumerate(ordered)
    ]
