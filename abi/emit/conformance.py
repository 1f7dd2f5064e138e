"""conformance.json: the misuse of every function as data, for the tests of any binding."""

from __future__ import annotations

import json

from . import cases
from .model import Description

ABOUT = (
    "Make a fresh set of `handles` for every row, call the function with its `good` arguments, the "
    "row's handle and the row's one `change`, at the place the row says, and compare: `refused` "
    "true means the answer must be `code`, false that it must be anything else.  Where the answer "
    "is negative, no memory of the caller may have been written.  Good arguments are numbers or: "
    "handle (the row's), driver (the live driver), also_io and also_buffer (another live handle), "
    "user (NULL), tables (one pointer to a table of the trait Object with no slots), memory (one byte or more, zero-terminated), "
    "array:S and struct:S (one S; of a struct, size set and the rest zero), out:T and events "
    "(memory to be filled).  Memory must live until the driver is closed."
)


def emit(desc: Description) -> str:
    rows = [
        {
            "function": f"abio_{case.function}",
            "case": case.name,
            "handle": case.handle,
            "where": case.where,
            "argument": case.argument,
            "change": case.change,
            "code": desc.constant(case.code),
            "code_name": case.code,
            "refused": case.refused,
        }
        for case in cases.cases(desc)
    ]
    functions = {
        f"abio_{f.name}": {
            "returns": f.returns,
            "start": f.start,
            "slot": f.slot if f.is_slot else -1,
            "trait": next(
                (
                    desc.constant(f"ABIO_TRAIT_{t.id}")
                    for t in desc.traits
                    if f.is_slot and t.name == f.trait
                ),
                0,
            ),
            "arguments": [
                {"name": a.name, "good": cases.good(desc, a)}
                | (
                    {"unknown_bit": cases.unknown_bit(desc, a.type.of)}
                    if a.type.kind == "flags"
                    else {}
                )
                for a in f.args
            ],
        }
        for f in desc.functions
    }
    document = {
        "generated": "by abi/generate.py from abi/abio.toml: do not edit",
        "sha256": desc.sha256,
        "about": ABOUT,
        "handles": cases.HANDLES,
        "changes": cases.CHANGES,
        "where": cases.WHERE,
        "functions": functions,
        "rows": [],
    }
    # One line for each row: a change of the description is then a readable difference.
    lines = ",\n".join("  " + json.dumps(row, sort_keys=True) for row in rows)
    text = json.dumps(document, indent=1, sort_keys=True)
    return text.replace('"rows": []', f'"rows": [\n{lines}\n ]', 1) + "\n"
