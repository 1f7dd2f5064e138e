"""What is generated is what other tools accept: compilers, linker, cffi, LuaJIT, Lua, Python."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import json
import re
import shutil
import unittest
from pathlib import Path

from emit import errnos, parse

from support import (
    COMPILERS,
    CXX,
    GENERATED,
    ROOT,
    WARN,
    WARN_CXX,
    compiles,
    generate,
    mini_text,
    parse,
    real,
    run,
    scratch,
    write_all,
)
from test_dispatch import build


def layout(name: str) -> dict[str, int]:
    struct = real().structs[name]
    return {"": struct.size} | {field.name: field.offset for field in struct.fields}


def load_constants() -> object:
    spec = importlib.util.spec_from_file_location("abio_constants", GENERATED / "constants.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Compilers(unittest.TestCase):
    def test_the_header_stands_alone_as_c11(self) -> None:
        for compiler in COMPILERS:
            found = compiles(
                compiler,
                "-std=c11",
                *WARN,
                f"-I{GENERATED}",
                source='#include "abio.h"\n#include "abio.h"\n',
            )
            self.assertEqual(found, "", compiler)

    def test_the_header_stands_alone_as_cpp17(self) -> None:
        self.assertTrue(CXX)
        use = '#include "abio.h"\nint32_t use(abio_io io);\nint32_t use(abio_io io) { return abio_read(io, nullptr, 0, 0, 1); }\n'
        for compiler in CXX:
            found = compiles(
                compiler, "-std=c++17", *WARN_CXX, f"-I{GENERATED}", source=use, language="c++"
            )
            self.assertEqual(found, "", compiler)

    def test_the_header_has_no_macro_but_its_guard(self) -> None:
        lines = re.findall(r"^#.*", (GENERATED / "abio.h").read_text(), re.M)
        self.assertEqual(
            lines,
            [
                "#ifndef ABIO_H",
                "#define ABIO_H",
                "#include <stdint.h>",
                "#ifdef __cplusplus",
                "#endif",
                "#ifdef __cplusplus",
                "#endif",
                "#endif",
            ],
        )

    def test_the_other_headers_stand_alone(self) -> None:
        for name in ("slots.h", "errors.h", "descriptors.h", "misuse.h"):
            for compiler in COMPILERS:
                source = f'#include "{name}"\n'
                found = compiles(
                    compiler, "-std=gnu11", *WARN, "-Wno-unused", f"-I{GENERATED}", source=source
                )
                self.assertEqual(found, "", name)

    def test_the_promises_hold(self) -> None:
        for compiler in COMPILERS:
            source = (GENERATED / "asserts.c").read_text()
            self.assertEqual(
                compiles(compiler, "-std=gnu11", *WARN, f"-I{GENERATED}", source=source), ""
            )

    def test_no_struct_has_implicit_padding(self) -> None:
        source = '#include "abio.h"\n' + "".join(
            f"struct abio_{name} probe_{name};\n" for name in real().structs
        )
        for compiler in COMPILERS:
            found = compiles(
                compiler, "-std=gnu11", "-Wpadded", "-Werror", f"-I{GENERATED}", source=source
            )
            self.assertEqual(found, "", compiler)

    def test_old_promises_accept_growth_and_refuse_change(self) -> None:
        function = (
            '[[function]]\nname = "{0}"\nsince = "{1}"\nargs = [["io", "io"]]\nthread = "owner"\n'
            'calls = "fast"\ndoc = "New."\n\n'
        )
        text = mini_text()
        grown = (
            text.replace('slots = ["read", "readv"]', 'slots = ["read", "readv", "later"]')
            .replace(
                '[[function]]\nname = "driver_poll"',
                function.format("later", "0.2") + '[[function]]\nname = "driver_poll"',
            )
            .replace(
                '["kind", "u32", "kind"],',
                '["kind", "u32", "kind"],\n  ["more", "u32", "new", "0.2"],',
            )
        )
        changed = {
            "slot in the middle": text.replace(
                'slots = ["read", "readv"]', 'slots = ["read", "later", "readv"]'
            )
            + "\n"
            + function.format("later", "0.2"),
            "signature": text.replace('["flags", "flags:START"]', '["flags", "u64", "wide"]'),
            "field moved": text.replace(
                '["kind", "u32", "kind"],', '["other", "u32", "x"],\n  ["kind", "u32", "kind"],'
            ),
            "frozen grown": text.replace(
                '["base", "ptr", "start"],', '["base", "ptr", "start"],\n  ["x", "u64", "x"],'
            ),
            "number": text.replace('["BUSY", -4119,', '["BUSY", -4120,'),
            "root table reordered": text.replace(
                '[[function]]\nname = "driver_create"',
                function.format("early", "0.1") + '[[function]]\nname = "driver_create"',
            ),
        }
        old = generate.render(parse.parse(text))["asserts.c"]
        for compiler in COMPILERS:
            with scratch() as folder:
                write_all(parse.parse(grown), folder)
                self.assertEqual(compiles(compiler, "-std=gnu11", f"-I{folder}", source=old), "")
            for name, now in changed.items():
                with self.subTest(name), scratch() as folder:
                    self.assertNotEqual(now, text)
                    write_all(parse.parse(now), folder)
                    self.assertIn(
                        "assert", compiles(compiler, "-std=gnu11", f"-I{folder}", source=old)
                    )

    def test_the_library_shows_exactly_the_version_script(self) -> None:
        with scratch() as folder:
            build(real(), folder, COMPILERS[0])
            done = run(
                COMPILERS[0],
                "-shared",
                "-fPIC",
                "-fvisibility=hidden",
                "-Wl,--version-script=abio.map",
                "-I.",
                "dispatch.c",
                "-o",
                "t.so",
                cwd=folder,
            )
            self.assertEqual(done.returncode, 0, done.stderr)
            names = run("nm", "-D", "--defined-only", folder / "t.so").stdout.split()
            shown = {name for name in names if name.startswith("abio_")}
            self.assertEqual(shown, {f"{name}@@ABIO_0.1" for name in real().symbols()})
            self.assertEqual({n for n in names if "@@" in n}, shown)

    def test_the_tables_hold_the_functions(self) -> None:
        desc = real()
        checks = [
            f"CHECK(abio_{t.name}_table()->{s} == abio_{s});" for t in desc.traits for s in t.slots
        ]
        checks += [
            f"CHECK(abio_{t.name}_table()->head.trait == ABIO_TRAIT_{t.id});" for t in desc.traits
        ]
        checks += [
            f"CHECK(abio_{t.name}_table()->head.size == sizeof(struct abio_{t.name}_ops));"
            for t in desc.traits
        ]
        checks += [
            f"CHECK(abio_api({desc.major})->{name} == abio_{name});" for name, _ in desc.root()
        ]
        checks += [
            f"CHECK(!abio_api({desc.major + 1}));",
            "CHECK(abio_read_table()->head.caps == ABIO_CAP_VECTORED);",
        ]
        program = (
            '#include <stdio.h>\n#include "abio.h"\n#define CHECK(x) ((x) ? (void)0 : (void)puts(#x))\n'
            "int main(void)\n{\n\t" + "\n\t".join(checks) + "\n\treturn 0;\n}\n"
        )
        with scratch() as folder:
            build(desc, folder, COMPILERS[0])
            (folder / "main.c").write_text(program)
            core = folder / "core.c"
            core.write_text(
                (GENERATED.parents[1] / "tests/abi/stub/core.c")
                .read_text()
                .replace("int main(", "int rows(void);\nint rows(")
            )
            done = run(
                COMPILERS[0], "-I.", "dispatch.c", "core.c", "main.c", "-o", "tables", cwd=folder
            )
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(run(folder / "tables").stdout, "")


class Texts(unittest.TestCase):
    def test_every_output_carries_the_mark_and_the_hash(self) -> None:
        sha = real().sha256
        for name, text in generate.render(real()).items():
            # A page of the manual changes only when what it is about does.
            self.assertEqual(sha in text, not name.startswith("man/"), name)
            self.assertTrue("do not edit" in text or text.startswith(".so "), name)
            self.assertTrue(text.endswith("\n") and not text.endswith("\n\n"), name)

    def test_the_hash_is_that_of_the_json(self) -> None:
        document = json.loads((GENERATED / "abio.json").read_text())
        contract = parse.without_texts(document["description"])
        compact = json.dumps(contract, sort_keys=True, separators=(",", ":"))
        self.assertEqual(hashlib.sha256(compact.encode()).hexdigest(), document["sha256"])

    def test_c_lines_have_at_most_100_columns(self) -> None:
        for name in ("abio.h", "slots.h", "dispatch.c", "errors.h", "descriptors.h", "misuse.h"):
            for number, line in enumerate((GENERATED / name).read_text().splitlines(), 1):
                self.assertLessEqual(len(line.expandtabs(8)), 100, f"{name}:{number}")
                self.assertEqual(line, line.rstrip(), f"{name}:{number}")

    def test_each_function_has_its_whole_text(self) -> None:
        header = (GENERATED / "abio.h").read_text()
        for function in real().functions:
            found = re.search(
                rf"/\*\n \* abio_{function.name}: .*\n((?: \*.*\n)+) \*/\n[^;]*\babio_{function.name}\(",
                header,
            )
            self.assertIsNotNone(found, function.name)
            text = re.sub(r"\n \* +", " ", found[1]) if found else ""
            self.assertIn("Thread: ", text)
            self.assertIn("Cost: ", text)
            self.assertIn(f"Since {function.since}.", text)
            self.assertIn("Returns ", text, function.name)
            for arg in function.args:
                self.assertRegex(text, rf" {arg.name} +\S", f"{function.name} {arg.name}")
            for code, _ in function.errors:
                self.assertIn(code, text, f"{function.name} {code}")

    def test_the_program_in_the_header_works(self) -> None:
        essay = (GENERATED / "abio.h").read_text().split("*/")[0]
        start = essay.index("A WHOLE PROGRAM")
        lines = re.findall(r"^ \* \t(.*)$|^ \*$", essay[start:], re.M)
        program = "\n".join(lines) + "\n"
        self.assertIn("int main(void)", program)
        for compiler in COMPILERS:
            found = compiles(compiler, "-std=gnu11", *WARN, f"-I{GENERATED}", source=program)
            self.assertEqual(found, "")
        library = ROOT / "build" / "lib"
        if not (library / "libabio.so").exists():
            self.skipTest("the library is not built: compiled, not run")
        with scratch() as folder:
            (folder / "program.c").write_text(program)
            options = (f"-I{GENERATED}", f"-L{library}", "-labio", f"-Wl,-rpath,{library}")
            done = run(COMPILERS[0], "program.c", *options, "-o", "program", cwd=folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            done = run(folder / "program")
            self.assertEqual(done.stdout, Path("/etc/hostname").read_text()[:64], done.stderr)


class Hosts(unittest.TestCase):
    def test_cffi_reads_the_cdef(self) -> None:
        try:
            import cffi
        except ImportError:
            self.skipTest("cffi is not there")
        ffi = cffi.FFI()
        ffi.cdef((GENERATED / "abio.cdef").read_text())
        for name in real().structs:
            want = layout(name)
            self.assertEqual(ffi.sizeof(f"struct abio_{name}"), want.pop(""), name)
            for field, offset in want.items():
                self.assertEqual(
                    ffi.offsetof(f"struct abio_{name}", field), offset, f"{name}.{field}"
                )

    def test_rust_has_the_same_layout_and_constants(self) -> None:
        rustc = shutil.which("rustc")
        if not rustc:
            self.skipTest("rustc is not there")
        lines = [
            f'#[path = "{GENERATED / "abio.rs"}"] mod abio;',
            "use abio::*; use std::ptr::addr_of; use std::mem::{MaybeUninit, size_of};",
            "macro_rules! at { ($s:ty, $f:ident) => {{ let m = MaybeUninit::<$s>::uninit();",
            "  unsafe { addr_of!((*m.as_ptr()).$f) as usize - m.as_ptr() as usize } }} }",
            "fn main() {",
        ]
        want = []
        for name in real().structs:
            for field, number in layout(name).items():
                what = f"at!(abio_{name}, r#{field})" if field else f"size_of::<abio_{name}>()"
                lines.append(f'println!("{{}}", {what});')
                want.append(number)
        for index, (name, _) in enumerate(real().root()):
            lines.append(f'println!("{{}}", at!(abio_api_table, r#{name}));')
            want.append(16 + 8 * index)
        for name, number in generate.plainfiles.names(real()):
            lines.append(f'println!("{{}}", {name});')
            want.append(number)
        with scratch() as folder:
            (folder / "probe.rs").write_text("\n".join([*lines, "}"]))
            done = run(
                rustc, "--edition=2021", "-Dwarnings", "-Adead_code", "--out-dir", folder,
                folder / "probe.rs",
            )  # fmt: skip
            self.assertEqual(done.returncode, 0, done.stderr)
            done = run(folder / "probe")
        self.assertEqual([int(text) for text in done.stdout.split()], want)

    def test_luajit_reads_the_cdef(self) -> None:
        luajit = shutil.which("luajit")
        if not luajit:
            self.skipTest("luajit is not there")
        lines = [
            "local ffi = require 'ffi'",
            f"ffi.cdef(io.open('{GENERATED}/abio.cdef'):read('*a'))",
        ]
        want = []
        for name in real().structs:
            for field, number in layout(name).items():
                what = (
                    f"ffi.offsetof('struct abio_{name}', '{field}')"
                    if field
                    else f"ffi.sizeof('struct abio_{name}')"
                )
                lines.append(f"print({what})")
                want.append(str(number))
        for name, number in generate.plainfiles.names(real()):
            lines.append(f"print(ffi.C.{name})")
            want.append(str(number))
        done = run(luajit, "-", text="\n".join(lines))
        self.assertEqual(done.stdout.split(), want, done.stderr)

    def test_constants_of_python_and_lua_are_the_description(self) -> None:
        desc = real()
        module = load_constants()
        want = dict(generate.plainfiles.names(desc))
        self.assertEqual(module.CONSTANTS, want)
        self.assertEqual(module.SHA256, desc.sha256)
        self.assertEqual(module.ERROR_NAMES[want["ABIO_E_BUSY"]], "ABIO_E_BUSY")
        ran = 0
        for lua in filter(None, map(shutil.which, ("lua5.4", "luajit"))):
            script = (
                f"local c = dofile('{GENERATED}/constants.lua') local n = 0 "
                "for _ in pairs(c.constants) do n = n + 1 end "
                "print(n, c.constants.ABIO_E_BUSY, c.error_names[c.constants.ABIO_E_BUSY], c.sha256)"
            )
            done = run(lua, "-", text=script)
            self.assertEqual(
                done.stdout.split(),
                [str(len(want)), "-4119", "ABIO_E_BUSY", desc.sha256],
                done.stderr,
            )
            ran += 1
        if not ran:
            self.skipTest("no Lua is there")

    def test_errno_names_are_the_systems(self) -> None:
        rows = errnos.errnos()
        self.assertEqual(sorted(row[0] for row in rows), [row[0] for row in rows])
        kinds = {value.name for value in real().group("CLASS").values}
        for number, name, kind, phrase in rows:
            self.assertEqual(getattr(errno, name, number), number, name)
            self.assertIn(kind, kinds)
            self.assertTrue(phrase)

    def test_descriptors_follow_the_description(self) -> None:
        text = (GENERATED / "descriptors.h").read_text()
        self.assertIn(
            '{"abio_read", "0.1", \'i\', 5, "hBuuq",\n\t {-1, 2, -1, -1, -1, -1}, {0, 0, 0, 0, 0, 0}, 1, 0}',
            text,
        )
        self.assertIn(
            '{"abio_driver_wait", "0.1", \'i\', 5, "heuul",\n\t {-1, -1, -1, -1, -1, -1}, {0, 48, 0, 0, 0, 0}, 1, 1}',
            text,
        )
        for function in real().functions:
            self.assertIn(f'"abio_{function.name}", "{function.since}"', text)

    def test_conformance_names_only_what_exists(self) -> None:
        document = json.loads((GENERATED / "conformance.json").read_text())
        for row in document["rows"]:
            self.assertIn(row["function"], document["functions"])
            self.assertIn(row["handle"], document["handles"])
            self.assertIn(row["change"], document["changes"])
            self.assertIn(row["where"], document["where"])
            arguments = [a["name"] for a in document["functions"][row["function"]]["arguments"]]
            self.assertTrue(row["argument"] in arguments or row["change"] == "none", row)
        self.assertEqual(set(real().symbols()), set(document["functions"]))

    def test_conformance_asks_every_symbol(self) -> None:
        document = json.loads((GENERATED / "conformance.json").read_text())
        self.assertEqual(set(real().symbols()), {row["function"] for row in document["rows"]})

    def test_conformance_rows_can_be_made(self) -> None:
        document = json.loads((GENERATED / "conformance.json").read_text())
        recipes, functions = document["recipes"], document["functions"]
        steps = [step for recipe in recipes.values() for step in recipe["steps"]]
        calls = [(s["call"], s["arguments"]) for s in steps if "call" in s]
        calls += [(row["function"], row["arguments"]) for row in document["rows"]]
        for function, arguments in calls:
            types = functions[function]["types"]
            self.assertEqual(len(types), len(arguments), function)
            for kind, argument in zip(types, arguments, strict=True):
                self.assertTrue(kind == "ptr" or not isinstance(argument, dict), function)
        for row in document["rows"]:
            for name in row["needs"]:
                self.assertIn(name, recipes)
                self.assertIn(name, document["kinds"])
