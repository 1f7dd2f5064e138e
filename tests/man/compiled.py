"""What a page shows as C is C: every synopsis agrees with the header, every example works."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pages import GENERATED, LIBRARY, ROOT, Problem, Tree, blocks, scratch

WARN = "-Wall -Wextra -Werror".split()
FIELD = re.compile(r"(?:\(\*(\w+)\)\(|\b(\w+)(?:\[\d+\])?;)")
BACKENDS = ("auto", "epoll")
SECONDS = 60


def stem(path: str) -> str:
    return Path(path).stem


def struct_copy(name: str, text: str) -> str:
    """A struct of another name with the same fields, and that it is laid out as the header's."""
    copy = re.sub(rf"struct {name} {{", f"struct copy_of_{name} {{", text, count=1)
    rows = [
        copy,
        f'_Static_assert(sizeof(struct copy_of_{name}) == sizeof(struct {name}), "size");',
    ]
    body = re.sub(r"\s+", " ", text[text.index("{") + 1 : text.rindex("}")])
    for declaration in re.split(r"(?<=;)", body):
        found = FIELD.search(declaration)
        if not found:
            continue
        member = found[1] or found[2]
        of = f"(((struct {{}} *)0)->{member})"
        ours, theirs = of.format(f"copy_of_{name}"), of.format(name)
        rows.append(
            f"_Static_assert(__builtin_types_compatible_p(__typeof__{ours}, __typeof__{theirs}) && "
            f"__builtin_offsetof(struct copy_of_{name}, {member}) == "
            f'__builtin_offsetof(struct {name}, {member}), "{member}");'
        )
    return "\n".join(rows)


def declared(path: str, synopsis: str) -> str:
    """The synopsis as C that the compiler compares with the header."""
    text = synopsis.replace("#include <abio.h>", "", 1)
    if f"struct {stem(path)} {{" in text:
        text = struct_copy(stem(path), text)
    return f'#line 1 "{path}"\n{text}'


def synopses_agree_with_the_header(tree: Tree) -> Iterator[Problem | None]:
    """Declared again after the header: another type is an error of the compiler."""
    parts = {}
    for path, found in tree.rendered.items():
        synopsis = found.get("SYNOPSIS", "")
        if path.startswith("man3/"):
            parts[path] = declared(path, synopsis)
    source = "#include <abio.h>\n#include <stddef.h>\n" + "\n".join(parts.values()) + "\n"
    done = subprocess.run(
        ["gcc", "-std=gnu11", *WARN, f"-I{GENERATED}", "-fsyntax-only", "-x", "c", "-"],
        input=source,
        capture_output=True,
        text=True,
        check=False,
    )
    wrong: dict[str, str] = {}
    for path, text in re.findall(r"^(man3/\S+?):\d+:\d+: error: (.*)", done.stderr, re.M):
        wrong.setdefault(path, text)
    if done.returncode != 0 and not wrong:
        yield Problem("all", done.stderr)
    for path, text in parts.items():
        if path in wrong:
            yield Problem(path, wrong[path])
        elif not re.search(rf"\b{stem(path)}\b", text.split("\n", 1)[1]):
            yield Problem(path, "its SYNOPSIS does not declare it")
        elif "#include <abio.h>" not in tree.rendered[path]["SYNOPSIS"]:
            yield Problem(path, "its SYNOPSIS does not say what to include")
        else:
            yield None


def example(path: str, text: str, folder: Path) -> list[Problem | None]:
    """Compiles the program of a page, and runs it when it is one."""
    found = blocks(text)
    if not found or not found[0].startswith("#include"):
        return [Problem(path, "its EXAMPLES do not begin with a program")]
    source, binary = folder / f"{stem(path)}.c", folder / stem(path)
    source.write_text(found[0])
    whole = re.search(r"^int main\(", found[0], re.M) is not None
    link = (
        ["-o", binary, f"-L{LIBRARY}", "-labio", "-ldl", "-pthread"] if whole else ["-fsyntax-only"]
    )
    command = ["gcc", "-std=gnu11", *WARN, f"-I{GENERATED}", source, *link]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return [Problem(path, done.stderr)]
    if not whole:
        return [None]
    if len(found) != 2:
        return [Problem(path, "does not say what its program prints")]
    return [None, *(run(path, binary, found[1], backend, folder) for backend in BACKENDS)]


def run(path: str, binary: Path, expected: str, backend: str, folder: Path) -> Problem | None:
    """What a program prints is what the page says, on that backend."""
    environment = {**os.environ, "LD_LIBRARY_PATH": str(LIBRARY)}
    environment.pop("ABIO_BACKEND", None)
    if backend != "auto":
        environment["ABIO_BACKEND"] = backend
    place = folder / f"{binary.name}.{backend}"
    place.mkdir()
    try:
        done = subprocess.run(
            [binary],
            cwd=place,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Problem(path, f"hangs on {backend}")
    if (done.returncode, done.stdout, done.stderr) == (0, expected, ""):
        return None
    said = f"{done.stdout!r}, {done.stderr!r}, status {done.returncode}"
    return Problem(path, f"on {backend}: {said}, not {expected!r}")


def examples_work(tree: Tree) -> Iterator[Problem | None]:
    texts = {p: found["EXAMPLES"] for p, found in tree.rendered.items() if "EXAMPLES" in found}
    with scratch() as folder, ThreadPoolExecutor(2) as pool:
        for results in pool.map(lambda item: example(item[0], item[1], folder), texts.items()):
            yield from results


def programs_are_shown(tree: Tree) -> Iterator[Problem | None]:
    """Every program that lies among the sources stands on a page, word for word."""
    shown = [" ".join(found.get("EXAMPLES", "").split()) for found in tree.rendered.values()]
    for path in sorted((ROOT / "abi/man/examples").glob("*.c")):
        words = " ".join(path.read_text(encoding="utf-8").split("*/\n", 1)[1].split())
        there = any(words in text for text in shown)
        yield None if there else Problem(path.name, "stands on no page")


CHECKS = [synopses_agree_with_the_header, examples_work, programs_are_shown]
