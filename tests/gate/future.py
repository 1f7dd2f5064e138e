"""A later release, made up: the real library of the next minor version, with something appended wherever
something may be.  Built below build/gate/future, where its description and header stay for others."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from world import ROOT, parse

FUTURE = ROOT / "build/gate/future"
PATCHED = ROOT / "build/gate/patched"
BROKEN = ROOT / "build/gate/broken"
PARTS = ("Makefile", "abi", "src", "scripts/setup.sh")

FUNCTIONS = """
[[function]]
name = "future_answer"
args = [["question", "u32", "any number"]]
thread = "any"
calls = "fast"
since = "{since}"
doc = "Answers."

[[function]]
name = "read_twice"
args = [["io", "io"], ["data", "out_bytes:length"], ["length", "u32"], ["flags", "flags:NONE"], ["token", "token"]]
start = true
thread = "owner"
calls = "fast"
since = "{since}"
doc = "A slot that no object of today has.  The event's result is the number of bytes."
"""

SOURCE = """\
#include "slots.h"

int32_t impl_future_answer(uint32_t question)
{
	return question == 6 ? 42 : 0;
}
"""


def append(text: str, item: str, key: str, entry: str) -> str:
    """An entry behind the last one of a list; `item` are the lines that begin its table."""
    assert text.count(f"]]\n{item}\n") == 1, f"{item!r} is not there once"
    begin = text.index(f"]]\n{item}\n")
    begin = text.index(f"\n{key} = [", begin) + len(f"\n{key} = [")
    depth, end = 1, begin
    for part in re.finditer(r'"[^"]*"|[][]', text[begin:]):
        depth += {"[": 1, "]": -1}.get(part[0], 0)
        if depth == 0:
            end = begin + part.start()
            break
    return text[:end].rstrip().rstrip(",") + f", {entry}\n" + text[end:]


def described(text: str) -> str:
    """The description of the next minor version."""
    desc = parse.parse(text)
    since = f"{desc.major}.{desc.minor + 1}"
    text = re.sub(r'(?m)^version = ".*"$', f'version = "{since}.0"', text, count=1)
    text = re.sub(r"(?m)^minor = \d+$", f"minor = {desc.minor + 1}", text, count=1)
    grown = [name for name, struct in desc.structs.items() if struct.kind != "frozen"]
    # A struct that is inside another one can never grow.
    inside = {
        f.type[7:] for s in desc.structs.values() for f in s.fields if f.type[:7] == "struct "
    }
    for name in grown:
        if name not in inside:
            entry = f'["future", "u64", "what came later", "{since}"]'
            text = append(text, f'name = "{name}"', "fields", entry)
    text = append(text, 'name = "read"\nid = "READ"\ncaps = ["VECTORED"]', "slots", '"read_twice"')
    text = append(text, 'group = "OPEN"', "values", f'["FUTURE", 1024, "comes later", "{since}"]')
    for impl in desc.impls:
        # The table's last slot is where the next table begins.
        head = text.index(f'[[impl]]\nname = "{impl.name}"\n')
        end = text.find("\n[[impl]]", head + 1)
        end = text.index("\n[[function]]", head) if end < 0 else end
        end = min(end, text.index("\n# ----", head)) if "\n# ----" in text[head:end] else end
        slot = f'\n[[impl.slots]]\nname = "future"\nargs = [["op", "u64"]]\nsince = "{since}"\ndoc = "New."\n'
        text = text[:end] + slot + text[end:]
    return text + FUNCTIONS.format(since=since)


def compiled(folder: Path, text: str) -> Path:
    """The real library, of another description."""
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.rmtree(folder / part, ignore_errors=True)
            shutil.copytree(ROOT / part, folder / part)
        else:
            (folder / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / part, folder / part)
    (folder / "abi/abio.toml").write_text(text)
    if "future_answer" in text:
        (folder / "src/core/future.c").write_text(SOURCE)
    target = "build/lib/libabio.so.0"
    for command in (
        [sys.executable, "abi/generate.py"],
        ["make", "-s", "-j2", "OPTIMIZE=-O0", "CFLAGS=", target],
    ):
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder / target


def build() -> Path:
    """The library of a later day, which only adds."""
    return compiled(FUTURE, described((ROOT / "abi/abio.toml").read_text(encoding="utf-8")))


def build_patched() -> Path:
    """The next patch of today's: another patch level, and a better word."""
    text = (ROOT / "abi/abio.toml").read_text(encoding="utf-8")
    text, count = re.subn(r'(?m)^(version = "\d+\.\d+)\.\d+"$', r'\1.77"', text, count=1)
    text, words = re.subn(r'(?m)^summary = "', 'summary = "better ', text, count=1)
    assert count == words == 1, "the head of the description is not what it was"
    return compiled(PATCHED, text)


def build_broken() -> Path:
    """The same with what no release may do, small as it is: two fields have changed places."""
    text = described((ROOT / "abi/abio.toml").read_text(encoding="utf-8"))
    fields = re.compile(
        r'(?<=name = "open_options"\n)(.*?)(  \["flags".*?\n)(  \["access".*?\n)', re.S
    )
    text, count = fields.subn(r"\1\3\2", text, count=1)
    assert count == 1, "struct open_options is not what it was"
    return compiled(BROKEN, text)


if __name__ == "__main__":
    print(build())
