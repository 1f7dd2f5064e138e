"""A whole tree in small for the gate to judge: a description, what is generated from it, and a library
that has every symbol and does nothing.  The real one would only be slower: the gate reads what a library
shows, not what it does."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "abi"), str(ROOT / "scripts")]

import abi_check  # noqa: E402
import abi_record  # noqa: E402
import generate  # noqa: E402
from emit import c, model, parse  # noqa: E402

__all__ = [
    "ROOT",
    "Recipe",
    "abi_check",
    "abi_record",
    "build",
    "generate",
    "library",
    "model",
    "parse",
    "renew",
]

FLAGS = "-std=gnu11 -O0 -fPIC -shared -fvisibility=hidden".split()
LINK = "-Wl,-z,nodelete -Wl,-z,defs -Wl,--as-needed".split()


@dataclass(frozen=True)
class Recipe:
    """How a library is made, where that differs from what the description says."""

    source: str = ""
    link: tuple[str, ...] = ()
    # What replaces a part of the version script, and the soname.
    script: tuple[str, str] = ("", "")
    soname: str = ""
    nodelete: bool = True
    # Fields of the private struct behind the handles.
    private: str = "int one;"
    debug: bool = True


def body(function: model.Function, answers: dict[str, str]) -> str:
    default = 'return "";' if function.returns == "cstr" else "return 0;"
    used = "".join(f"\t(void){arg.name};\n" for arg in function.args)
    return (
        f"PUBLIC {c.prototype(function)}\n{{\n{used}\t{answers.get(function.name, default)}\n}}\n"
    )


def source(desc: model.Description, recipe: Recipe, answers: dict[str, str]) -> str:
    """Every symbol of the description, doing nothing."""
    head = f"{desc.major}, {desc.minor}"
    out = [
        "#include <stddef.h>\n#include <string.h>\n#include <abio.h>\n",
        '#define PUBLIC __attribute__((visibility("default")))',
        f"struct hidden {{ {recipe.private} }};",
        "static struct hidden hidden;",
        "void *hidden_address(void);\nvoid *hidden_address(void) { return &hidden; }\n",
        *[body(function, answers) for function in desc.functions],
    ]
    for trait in desc.traits:
        table = f"{trait.name}_table"
        slots = "".join(f"\t.{name} = abio_{name},\n" for name in trait.slots)
        out += [
            f"static const struct abio_{trait.name}_ops {table} = {{",
            f"\t.head = {{sizeof({table}), {head}, ABIO_TRAIT_{trait.id}, 0}},\n{slots}}};",
            f"PUBLIC {c.getter(trait)}\n{{\n\treturn &{table};\n}}\n",
        ]
    slots = "".join(f"\t.{name} = abio_{name},\n" for name, _ in desc.root())
    out += [
        f"static const struct abio_api_table api = {{\n\t.head = {{sizeof(api), {head}, 0, 0}},",
        f"{slots}}};",
        "PUBLIC const struct abio_api_table *abio_api(uint32_t major)",
        f"{{\n\treturn major == {desc.major} ? &api : NULL;\n}}\n",
        recipe.source,
    ]
    return "\n".join(out)


def library(
    desc: model.Description,
    generated: Path,
    target: Path,
    recipe: Recipe = Recipe(),
    answers: dict[str, str] | None = None,
) -> None:
    """Builds target; `answers` are bodies of functions, by name, for those that do something."""
    script = (generated / "abio.map").read_text()
    if recipe.script[0]:
        assert script.count(recipe.script[0]) == 1, (
            f"{recipe.script[0]!r} is not once in the script"
        )
        script = script.replace(*recipe.script)
    target.parent.mkdir(parents=True, exist_ok=True)
    map_file = target.with_suffix(".map")
    map_file.write_text(script)
    options = [*FLAGS, *(["-g"] if recipe.debug else [])]
    link = [part for part in LINK if recipe.nodelete or "nodelete" not in part]
    command = ["gcc", *options, f"-I{generated}", "-o", str(target), "-x", "c", "-", *link]
    soname = recipe.soname or desc.soname
    command += [f"-Wl,-soname,{soname}", f"-Wl,--version-script={map_file}", *recipe.link]
    text = source(desc, recipe, answers or {})
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def renew(tree: abi_check.Tree) -> None:
    """What `make abi-current` does."""
    shown = abi_record.shown(tree.debug_library, tree.generated)
    abi_record.write(tree.dumps / "current", shown)


def build(
    folder: Path, text: str, recipe: Recipe = Recipe(), dumps: Path | None = None
) -> abi_check.Tree:
    """The tree of a description, with the records of another one."""
    tree = abi_check.Tree(
        folder / "abio.toml",
        folder / "generated",
        folder / "lib/libabio.so.0",
        folder / "lib/libabio.so.0",
        folder / "abi-dump",
    )
    tree.generated.mkdir(parents=True)
    tree.toml.write_text(text)
    desc = parse.parse(text)
    for name, content in generate.render(desc).items():
        path = tree.generated / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    library(desc, tree.generated, tree.library, recipe)
    if dumps:
        shutil.copytree(dumps, tree.dumps)
    renew(tree)
    return tree
