"""docs/specification.md: every name in it exists, every test it names exists, and no cell is empty."""
from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest

from snippets import ROOT

TEXT = (ROOT / "docs/specification.md").read_text(encoding="utf-8")
ROOMS = ("tests", "bindings/python/tests", "bindings/lua/tests")
# The requirements, each with a test of its own number.
NUMBERS = [*(f"R{n}" for n in range(1, 6)), "R6a", "R6b", "R6c", *(f"R{n}" for n in range(7, 13))]


def tables() -> list[list[list[str]]]:
    """Each table as rows of cells, headings first."""
    found: list[list[list[str]]] = [[]]
    for line in TEXT.splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        elif found[-1]:
            found.append([])
    return [table for table in found if table]


ROWS = [row for table in tables() for row in table[2:]]
PROOFS = sorted({proof for row in ROWS for proof in re.findall(r"`([^`]+)`", row[-1])})


@cache
def names() -> frozenset[str]:
    """Everything the header declares that begins with abio_ or ABIO_."""
    description = json.loads((ROOT / "abi/generated/abio.json").read_text())["description"]
    found = {f"abio_{item['name']}" for item in description["functions"]}
    found |= {f"abio_{item['name']}" for item in description["handles"]}
    found |= {f"abio_{item['name']}" for item in description["structs"]}
    found |= {f"abio_{item['name']}_impl" for item in description["impls"]}
    for group in description["constants"]:
        found |= {group["prefix"] + value["name"] for value in group["values"]}
    return frozenset(found)


def test_every_name_exists() -> None:
    used = set(re.findall(r"\b(?:abio|ABIO)_\w+", TEXT))
    assert len(used) > 80
    assert used <= names(), sorted(used - names())


def test_every_function_of_a_trait_is_there() -> None:
    description = json.loads((ROOT / "abi/generated/abio.json").read_text())["description"]
    missing = [
        slot
        for trait in description["traits"]
        if trait["name"] not in ("object", "accept")
        for slot in trait["slots"]
        if f"abio_{slot}`" not in TEXT
    ]
    assert missing == []


def test_no_cell_is_empty() -> None:
    assert len(tables()) == 7
    for table in tables():
        for row in table:
            assert len(row) == len(table[0]), row
            assert all(row), row


def test_every_row_is_proven() -> None:
    for row in ROWS:
        assert re.findall(r"`[^`]+: [^`]+`", row[-1]), row


def test_each_requirement_has_a_test_of_its_number() -> None:
    rows = tables()[-1][2:]
    assert [row[0] for row in rows] == NUMBERS
    for row in rows:
        assert re.search(rf": (?:test_)?{row[0].lower()}_", row[-1]), row


@cache
def file_named(name: str) -> Path:
    found = [path for room in ROOMS for path in (ROOT / room).rglob(name)]
    # A name may be there twice: the first that has a table of cases is meant.
    assert found, f"there is no {name}"
    return found[0]


@pytest.mark.parametrize("proof", PROOFS)
def test_the_proof_exists(proof: str) -> None:
    file, test = proof.split(": ", 1)
    source = file_named(file).read_text(encoding="utf-8")
    if file.endswith(".py"):
        assert re.search(rf"^(?:async )?def {re.escape(test)}\(", source, re.M), proof
    elif file.endswith(".lua"):
        assert f'test("{test}"' in source, proof
    else:
        assert re.search(rf"\b{re.escape(test)}\(", source), proof
        assert len(re.findall(rf"\b{re.escape(test)}\b", source)) > 1 or test == "make_loop", proof


def test_nothing_of_a_machine_is_in_it() -> None:
    assert not re.search(r"/(?:home|tmp|work|root)\b|TODO", TEXT)
