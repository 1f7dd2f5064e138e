"""conformance.json: how every function answers misuse, as data, for the tests of any binding.

A row stands twice: in words (handle, argument, change), for a test that makes things in its own
language's way, and as the very call to make (needs, arguments), for one that knows nothing of abio.
"""

from __future__ import annotations

import errno
import json
from typing import Any

from . import cases, recipes
from .model import Description, Function, slot_offset

ABOUT = [
    "Every row is one call.  Make a fresh set of handles, make the call, compare, end the handles.",
    "In words: call `function` with its `good` arguments, the row's `handle` and the row's one "
    "`change` of an `argument`, at the place `where` says.  Good arguments are numbers or: handle "
    "(the row's), driver (the live driver), also_io and also_buffer (another live handle), user "
    "(NULL), tables (one pointer to a table of the trait Object with no slots), memory (one byte or "
    "more, zero-terminated), array:S and struct:S (one S; of a struct, size set and the rest zero), "
    "out:T and events (memory to be filled).",
    "As data, first: make the handles in `needs` by `recipes`, what those need before them.  A step "
    "`call` must answer >= 0; a step `finish` waits on that driver for the event with the token and "
    "without MORE, whose result must be >= 0, and keeps its handle `as` a name.",
    "Then: the function stands at `offset` in the table that abio_api(0) returns (0: it is abio_api "
    "itself), takes `types` and gives a `result`.",
    "An argument is a number (0 for a pointer: NULL); or a string, the handle of that name; or "
    "`memory`, a pointer to so many zero bytes with these written in: `u32` [offset, value], `text` "
    "[offset, ASCII], `points` [offset, the memory whose address is written]; or a pointer `inside` "
    "the memory that another argument named by `as`, at an `offset`.  With `keep` the u64 at its "
    "start is a handle of that name after a call that was not refused.",
    "What must come: `code`, where `refused` is true; anything but `code`, where it is false; the "
    "`text` at the pointer returned; a table of at least `head.size` bytes (u32 at 0) and of "
    "`head.trait` (u32 at 8); NULL, where `null` is true.  Where the answer is negative, no memory "
    "of the caller may have been written.",
    "At the end, by `kinds`, drivers first: shut each down and wait on it until its close is not "
    "ABIO_E_BUSY; release each io and buffer until that is refused.  Memory must live until then.  "
    "Files are made in the current directory.",
]


def described(desc: Description, function: Function, index: int) -> dict[str, Any]:
    trait = next(
        (t for t in desc.traits if function.is_slot and t.name == function.trait),
        None,
    )
    return {
        "returns": function.returns,
        "start": function.start,
        "slot": function.slot if function.is_slot else -1,
        "trait": desc.constant(f"ABIO_TRAIT_{trait.id}") if trait else 0,
        "offset": slot_offset(index),
        "result": "ptr" if function.returns == "cstr" else "i32",
        "types": [recipes.spell(arg) for arg in function.args],
        "arguments": [
            {"name": a.name, "good": cases.good(desc, a)}
            | ({"unknown_bit": cases.unknown_bit(desc, a.type.of)} if a.type.kind == "flags" else {})
            for a in function.args
        ],
    }


def getter(index: int) -> dict[str, Any]:
    return {
        "returns": "table",
        "start": False,
        "slot": -1,
        "trait": 0,
        "offset": slot_offset(index),
        "result": "ptr",
        "types": [],
        "arguments": [],
    }


def functions(desc: Description) -> dict[str, dict[str, Any]]:
    """Every symbol the library has."""
    out = {}
    for index, (name, item) in enumerate(desc.root()):
        out[f"abio_{name}"] = (
            described(desc, item, index) if isinstance(item, Function) else getter(index)
        )
    api = [{"name": "major", "good": desc.major}]
    out["abio_api"] = getter(0) | {"offset": 0, "types": ["u32"], "arguments": api}
    return out


def misuse(desc: Description, case: cases.Case) -> dict[str, Any]:
    arguments = recipes.arguments(desc, case)
    return {
        "function": f"abio_{case.function}",
        "case": case.name,
        "handle": case.handle,
        "where": case.where,
        "argument": case.argument,
        "change": case.change,
        "code": desc.constant(case.code),
        "code_name": case.code,
        "refused": case.refused,
        "needs": recipes.needs(arguments),
        "arguments": arguments,
    }


def answer(function: str, case: str, arguments: list[Any], **expected: Any) -> dict[str, Any]:
    """A call of what takes no handle."""
    place = {"handle": "none", "where": "here", "argument": "", "change": "none", "needs": []}
    return {"function": f"abio_{function}", "case": case, "arguments": arguments} | place | expected


def answers(desc: Description) -> list[dict[str, Any]]:
    """What the functions that refuse nothing say."""
    rows = [
        answer("api", "unknown_major", [desc.major + 1], null=True),
        answer("api", "huge_major", [recipes.UNKNOWN], null=True),
    ]
    for trait in desc.traits:
        head = {"size": slot_offset(len(trait.slots))}
        head["trait"] = desc.constant(f"ABIO_TRAIT_{trait.id}")
        rows.append(answer(f"{trait.name}_table", "head", [], head=head))
    return rows + errors(desc)


# Function, case, the code asked about, what is said of it.
SAID = [
    ("error_name", "own", "ABIO_E_BUSY", "ABIO_E_BUSY"),
    ("error_name", "system", -errno.ENOENT, "ENOENT"),
    ("error_name", "unknown", -4000, "ABIO_UNKNOWN"),
    ("error_text", "system", -errno.ENOENT, "No such file or directory"),
    ("error_kind", "own", "ABIO_E_BUSY", "ABIO_CLASS_USAGE"),
    ("error_kind", "system", -errno.ENOENT, "ABIO_CLASS_NOT_FOUND"),
    ("error_kind", "success", 1, "ABIO_CLASS_NONE"),
]


def errors(desc: Description) -> list[dict[str, Any]]:
    rows = []
    known = {function.name for function in desc.functions}
    for function, case, about, said in SAID:
        if function not in known:
            continue
        code = about if isinstance(about, int) else desc.constant(about)
        if function == "error_kind":
            expected = {"code": desc.constant(said), "code_name": said, "refused": True}
        else:
            expected = {"text": said}
        rows.append(answer(function, case, [code], **expected))
    return rows


def emit(desc: Description) -> str:
    rows = [misuse(desc, case) for case in cases.cases(desc)] + answers(desc)
    document = {
        "generated": "by abi/generate.py from abi/abio.toml: do not edit",
        "sha256": desc.sha256,
        "about": ABOUT,
        "handles": cases.HANDLES,
        "changes": cases.CHANGES,
        "where": cases.WHERE,
        "functions": functions(desc),
        "kinds": recipes.kinds(desc),
        "recipes": recipes.recipes(desc),
        "rows": [],
    }
    # One line for each row: a change of the description is then a readable difference.
    lines = ",\n".join("  " + json.dumps(row, sort_keys=True) for row in rows)
    text = json.dumps(document, indent=1, sort_keys=True)
    return text.replace('"rows": []', f'"rows": [\n{lines}\n ]', 1) + "\n"
