"""The generated dispatch against the generated misuse rows, over a core that does nothing.

Neither is trusted: breaking a check in the dispatch must turn up as a wrong row.
"""

from __future__ import annotations

import re
import unittest
from pathlib import Path

from emit import c, slots

from support import (
    COMPILERS,
    HERE,
    cases,
    generate,
    model,
    parse,
    real,
    real_text,
    run,
    scratch,
    write_all,
)

HEADER = """#ifndef STUB_DISPATCH_H
#define STUB_DISPATCH_H
#include "slots.h"
enum { DISPATCH_CLOSED_OK = 1, DISPATCH_FORKED_OK = 2, DISPATCH_RELEASED_OK = 4 };
enum { DISPATCH_DRIVER = 1, DISPATCH_IO = 2, DISPATCH_BUFFER = 4 };
struct object_class {
%s
};
struct object {
	const struct object_class *class;
};
int32_t dispatch_io(uint64_t handle, uint32_t how, struct object **self);
int32_t dispatch_driver(uint64_t handle, uint32_t how, struct driver **self);
int32_t dispatch_any(uint64_t handle, uint32_t kinds);
int32_t dispatch_struct(const void *given, void *local, uint32_t size, uint32_t minimum, int optional);
int32_t dispatch_out(const void *given, uint32_t minimum);
void dispatch_fill(void *given, const void *full, uint32_t size);
#endif
"""

KINDS = {
    "stream": {"ready", "read", "write", "buf_read", "buf_write"},
    "file": {"read", "write", "read_at", "write_at"},
    "listener": {"ready", "accept"},
    "datagram": {"ready", "read", "write", "datagram"},
}

# A check of the dispatch, what it is broken into, and a row that must then be wrong.
BREAKS = [
    ("(length && !data) || (flags & ~(uint32_t)ABIO_MASK_START)", "length && !data", "flag_flags"),
    ("(length && !data) || (flags", "(0 && !data) || (flags", "null_data"),
    (
        "error = dispatch_io(io, 0, &self);\n\tif (error)\n\t\treturn error;\n\tslots = self->class->read;",
        "error = dispatch_io(io, DISPATCH_CLOSED_OK, &self);\n\tif (error)\n\t\treturn error;\n"
        "\tslots = self->class->read;",
        "closed_io",
    ),
    ("return ABIO_E_UNSUPPORTED", "return ABIO_E_ARGUMENT", "unsupported"),
    ("(uint32_t)sizeof(struct abio_address), 0)", "1, 0)", "short_address"),
    ("flags || !accepted", "flags", "null_accepted"),
    ("stride % 8", "0", "odd_stride"),
    ("stride < sizeof(struct abio_event)", "0", "small_stride"),
    (" || !capacity", "", "no_room_capacity"),
    ("dispatch_fill(info,", "dispatch_fill(&full_info,", "long_info"),
    (
        "error = dispatch_out(info, (uint32_t)sizeof(struct abio_io_info));",
        "error = dispatch_out(info, 4);",
        "short_info",
    ),
    ("if (!now_ns)", "*now_ns = 0;\n\tif (0)", "null_now_ns"),
    ("error = worse(error, ", "error = worse(0, ", "null_address"),
    ("error = dispatch_any(into, DISPATCH_BUFFER);", "error = 0;", "no_handle_into"),
    ("dispatch_any(sink, DISPATCH_IO)", "dispatch_any(sink, 3)", "other_kind_sink"),
    ("!impls || !io", "!io", "null_impls"),
    ("if (!buf || flags)", "if (flags)", "null_buf"),
    ("from ? dispatch_out(from, (uint32_t)sizeof(struct abio_address)) : 0", "0", "short_from"),
]

# A function and a trait nobody has thought of.
NEWCOMER = """
[[trait]]
name = "novelty"
id = "NOVELTY"
doc = "New."
slots = ["novel"]

[[function]]
name = "novel"
args = [["io", "io"], ["data", "in_bytes:length"], ["length", "u32"], ["options", "in_struct:listen_options"], ["into", "also_buffer"], ["token", "token"]]
start = true
thread = "owner"
calls = "fast"
doc = "New.  An event comes."
"""


def parts(desc: model.Description) -> str:
    """Implementations that succeed, and the slot tables."""
    out = []
    for function in desc.functions:
        prefix = f"slot_{function.name}" if function.is_slot else f"impl_{function.name}"
        static = "static " if function.is_slot else ""
        names = [
            "self" if a is function.handle and function.is_slot else a.name for a in function.args
        ]
        body = "".join(f"\t(void){name};\n" for name in names)
        for arg in function.args:
            # Flags inside of structs are the core's to check.
            names_in = [f.name for f in desc.structs[arg.type.of].fields] if arg.type.of in desc.structs else []
            if arg.type.kind == "in_struct" and "flags" in names_in:
                body += f"\tif ({arg.name}->flags >> 31)\n\t\treturn ABIO_E_ARGUMENT;\n"
        handle = function.handle
        if function.name == "query":
            body += "\tinfo->slots = ~(uint64_t)0;\n\treturn has(io->class, trait) ? 0 : ABIO_E_UNSUPPORTED;\n"
        elif function.returns == "cstr":
            body += '\treturn "";\n'
        elif handle and slots.inner_type(function, handle) == "uint64_t ":
            want = {"driver": 1, "io": 2, "handle": 3, "buffer": 4}[handle.type.kind]
            how = int(function.closed_ok) + 2 * int(function.forked)
            body += (
                f"\treturn look({handle.name}, {want}, {how}, {int(function.thread == 'owner')});\n"
            )
        else:
            body += "\treturn 0;\n"
        head = c.declare(c.result(function), prefix)
        out.append(f"{static}{head}({slots.inner_arguments(function)})\n{{\n{body}}}\n")
    traits = [t for t in desc.traits if t.name != "object"]
    for trait in traits:
        members = ", ".join(f".{name} = slot_{name}" for name in trait.slots)
        out.append(f"static const struct {trait.name}_slots all_{trait.name} = {{{members}}};\n")
    known = set().union(*KINDS.values())
    for kind, own in KINDS.items():
        mine = [
            t.name for t in traits if t.name in own or (kind == "stream" and t.name not in known)
        ]
        members = ", ".join(f".{name} = &all_{name}" for name in mine)
        out.append(f"static const struct object_class {kind}_class = {{{members}}};\n")
    tests = "".join(
        f"\tif (trait == ABIO_TRAIT_{t.id})\n\t\treturn class->{t.name} != NULL;\n" for t in traits
    )
    has = f"static int has(const struct object_class *class, uint32_t trait)\n{{\n{tests}\treturn trait == 1;\n}}\n"
    return has + "\n".join(out)


def build(desc: model.Description, folder: Path, compiler: str) -> Path:
    write_all(desc, folder)
    members = "\n".join(
        f"\tconst struct {t.name}_slots *{t.name};" for t in desc.traits if t.name != "object"
    )
    (folder / "dispatch.h").write_text(HEADER % members, encoding="utf-8")
    (folder / "stub_parts.h").write_text(parts(desc), encoding="utf-8")
    return compile_it(folder, compiler)


def compile_it(folder: Path, compiler: str) -> Path:
    program = folder / "rows"
    done = run(
        compiler,
        "-std=gnu11",
        "-g",
        "-O1",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-fsanitize=undefined",
        "-fno-sanitize-recover=undefined",
        f"-I{folder}",
        folder / "dispatch.c",
        HERE / "stub" / "core.c",
        "-o",
        program,
    )
    if done.returncode:
        raise AssertionError(done.stderr)
    return program


class Dispatch(unittest.TestCase):
    def test_every_row_is_answered_as_documented(self) -> None:
        desc = real()
        for compiler in COMPILERS:
            with self.subTest(compiler), scratch() as folder:
                done = run(build(desc, folder, compiler))
                self.assertEqual(
                    done.stdout, f"{len(cases.cases(desc))} rows, 0 wrong\n", done.stderr
                )

    def test_each_broken_check_is_noticed(self) -> None:
        with scratch() as folder:
            build(real(), folder, COMPILERS[0])
            good = (folder / "dispatch.c").read_text(encoding="utf-8")
            for old, new, row in BREAKS:
                with self.subTest(row):
                    self.assertIn(old, good)
                    (folder / "dispatch.c").write_text(good.replace(old, new), encoding="utf-8")
                    done = run(compile_it(folder, COMPILERS[0]))
                    self.assertNotEqual(done.returncode, 0)
                    wrong = re.findall(r"^\S+ (\w+):", done.stdout, re.M)
                    self.assertTrue(
                        row in wrong or done.returncode < 0 or "runtime error" in done.stderr,
                        done.stdout,
                    )

    def test_a_new_function_and_trait_are_covered_by_themselves(self) -> None:
        text = real_text().replace('["DATAGRAM", 14,', '["NOVELTY", 99, "new"],\n  ["DATAGRAM", 14,')
        text = text.replace(
            "\n[[trait]]\n", NEWCOMER.split("\n[[function]]")[0] + "\n\n[[trait]]\n", 1
        )
        desc = parse.parse(text + "\n[[function]]" + NEWCOMER.split("\n[[function]]")[1])
        rows = {case.name for case in cases.cases(desc) if case.function == "novel"}
        self.assertEqual(
            rows,
            {
                "zero",
                "random",
                "gone_io",
                "closed_io",
                "wrong_kind",
                "forked",
                "wrong_thread",
                "unsupported",
                "null_data",
                "null_options",
                "empty_options",
                "short_options",
                "dirty_options",
                "long_options",
                "inner_flag_options",
                "no_handle_into",
                "other_kind_into",
            },
        )
        with scratch() as folder:
            done = run(build(desc, folder, COMPILERS[0]))
            self.assertEqual(done.stdout, f"{len(cases.cases(desc))} rows, 0 wrong\n", done.stderr)

    def test_only_some_take_a_handle_that_nobody_holds(self) -> None:
        desc = real()
        text = generate.render(desc)["dispatch.c"]
        for function in desc.functions:
            if function.is_slot or not function.handle or function.thread != "owner":
                continue
            body = text.split(f" abio_{function.name}(")[1].split("\n}\n")[0]
            self.assertEqual("DISPATCH_RELEASED_OK" in body, function.released_ok, function.name)

    def test_too_new_is_answered_before_argument(self) -> None:
        program = """
#include <stdio.h>
#include "abio.h"
int main(void)
{
	struct { struct abio_connect_options known; uint64_t more; } options = {{16, 0}, 1};
	struct abio_address none = {.size = 4};
	printf("%d\\n", abio_connect(1, &none, &options.known, 0) == ABIO_E_TOO_NEW);
	return 0;
}
"""
        with scratch() as folder:
            build(real(), folder, COMPILERS[0])
            core = (
                (HERE / "stub" / "core.c")
                .read_text(encoding="utf-8")
                .replace("int main(void)", "int rows(void);\nint rows(void)")
            )
            (folder / "core.c").write_text(core, encoding="utf-8")
            (folder / "main.c").write_text(program, encoding="utf-8")
            done = run(
                COMPILERS[0],
                f"-I{folder}",
                "core.c",
                "main.c",
                "dispatch.c",
                "-o",
                "order",
                cwd=folder,
            )
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(run(folder / "order").stdout, "1\n")

    def test_every_function_with_a_handle_or_a_pointer_has_rows(self) -> None:
        desc = real()
        rows = cases.cases(desc)
        for function in desc.functions:
            names = {case.name for case in rows if case.function == function.name}
            if function.handle:
                self.assertLessEqual(
                    {"zero", "random", "forked", "wrong_thread"}, names, function.name
                )
            for arg in function.args:
                kind = arg.type.kind
                if kind in cases.POINTERS or kind in ("out_struct", "events"):
                    self.assertIn(f"null_{arg.name}", names, function.name)
                if kind in ("also_io", "also_buffer"):
                    self.assertIn(f"no_handle_{arg.name}", names, function.name)
                if kind == "flags":
                    self.assertIn(f"flag_{arg.name}", names, function.name)
