"""The tables that a host fills: emitted alike in every output, and promised like the others."""

from __future__ import annotations

import json
import unittest

from support import (
    COMPILERS,
    CXX,
    GENERATED,
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

# A host in C++ and in C: every slot of a table can be given, `user` first.
HOST = """
#include "abio.h"
static int32_t fill(void *user, void *data, uint32_t length)
{
	(void)user; (void)data;
	return (int32_t)length;
}
int32_t use(abio_driver driver, void *user, abio_io *io);
int32_t use(abio_driver driver, void *user, abio_io *io)
{
	struct abio_read_impl impl = %s;
	const struct abio_table_head *impls[1];

	impl.head.size = sizeof(impl);
	impl.head.trait = ABIO_TRAIT_READ;
	impl.try_read = fill;
	impls[0] = &impl.head;
	return abio_object_create(driver, impls, 1, user, 7, io);
}
"""


class Impls(unittest.TestCase):
    def test_header_and_cdef_declare_the_same_slots(self) -> None:
        out = generate.render(parse.parse(mini_text()))
        head = "struct abio_read_impl {\n\tstruct abio_table_head head;\n"
        slots = [
            "int32_t (*try_read)(void *user, void *data, uint32_t length);",
            "int32_t (*start_seek)(void *user, uint64_t op, uint64_t *position);",
        ]
        for name in ("abio.h", "abio.cdef"):
            self.assertIn(head, out[name], name)
            body = out[name].split(head)[1].split("};")[0]
            self.assertEqual(
                [line.strip() for line in body.splitlines() if "(*" in line], slots, name
            )

    def test_the_header_tells_what_each_slot_does(self) -> None:
        header = (GENERATED / "abio.h").read_text(encoding="utf-8")
        text = " ".join(header.replace("\n\t * ", " ").split())
        for impl in real().impls:
            self.assertIn(f"Implementing {impl.name}: ", header)
            for slot in impl.slots:
                self.assertIn(" ".join(slot.doc.split()), text, f"{impl.name}.{slot.name}")

    def test_json_carries_them_and_they_are_in_the_hash(self) -> None:
        plain = parse.parse(mini_text()).plain
        self.assertEqual(
            json.loads(generate.render(parse.parse(mini_text()))["abio.json"])["description"],
            plain,
        )
        slot = plain["impls"][0]["slots"][1]
        self.assertEqual(
            [(a["name"], a["type"]) for a in slot["args"]],
            [("user", "user"), ("op", "u64"), ("position", "out:u64")],
        )
        changed = mini_text().replace('["position", "out:u64"]', '["position", "out:i64"]')
        self.assertNotEqual(parse.parse(changed).sha256, parse.parse(mini_text()).sha256)

    def test_old_promises_accept_a_new_slot_and_refuse_another_type(self) -> None:
        more = mini_text().replace(
            '[[impl.slots]]\nname = "start_seek"',
            '[[impl.slots]]\nname = "%s"\ndoc = "New."\n\n[[impl.slots]]\nname = "start_seek"',
        )
        last = mini_text().replace(
            'doc = "Moves.  > 0: done."',
            'doc = "Moves.  > 0: done."\n\n[[impl.slots]]\nname = "newcomer"\ndoc = "New."',
        )
        other = mini_text().replace('["position", "out:u64"]', '["position", "out:i64"]')
        for text, good in ((last, True), (more % "newcomer", False), (other, False)):
            with scratch() as folder:
                write_all(parse.parse(text), folder)
                source = generate.render(parse.parse(mini_text()))["asserts.c"]
                found = compiles(
                    COMPILERS[0], "-std=gnu11", *WARN, f"-I{folder}", source=source
                )
                self.assertEqual(found == "", good, found)

    def test_c_and_cpp_hosts_can_fill_them(self) -> None:
        for compiler in COMPILERS:
            found = compiles(
                compiler, "-std=c11", *WARN, f"-I{GENERATED}", source=HOST % "{{0, 0, 0, 0, 0}, 0, 0, 0}"
            )
            self.assertEqual(found, "", compiler)
        for compiler in CXX:
            found = compiles(
                compiler, *WARN_CXX, f"-I{GENERATED}", source=HOST % "{}", language="c++"
            )
            self.assertEqual(found, "", compiler)

    def test_every_output_of_the_small_description_compiles(self) -> None:
        with scratch() as folder:
            write_all(parse.parse(mini_text()), folder)
            # Not misuse.h: its frame calls functions that this description does not have.
            for name in ("asserts.c", "slots.h", "descriptors.h"):
                for compiler in COMPILERS:
                    source = f'#include "{folder / name}"\n'
                    found = compiles(
                        compiler, "-std=gnu11", *WARN, "-Wno-unused", f"-I{folder}", source=source
                    )
                    self.assertEqual(found, "", f"{name} {compiler}")

    def test_luajit_and_cffi_can_make_a_table(self) -> None:
        ran = 0
        with scratch() as folder:
            script = (
                f'local f = io.open("{GENERATED / "abio.cdef"}"); local t = f:read("*a"); f:close()\n'
                'local ffi = require("ffi"); ffi.cdef(t)\n'
                'local impl = ffi.new("struct abio_read_impl")\n'
                'impl.try_read = ffi.cast("int32_t (*)(void *, void *, uint32_t)", '
                "function(_, _, n) return n end)\n"
                "print(impl.try_read(nil, nil, 7), ffi.sizeof(impl))\n"
            )
            (folder / "make.lua").write_text(script, encoding="utf-8")
            done = run("sh", "-c", f"command -v luajit >/dev/null && luajit {folder / 'make.lua'}")
            size = 16 + 8 * len(next(i for i in real().impls if i.name == "read").slots)
            if done.returncode == 0:
                self.assertEqual(done.stdout.split(), ["7", str(size)], done.stderr)
                ran += 1
        if not ran:
            self.skipTest("no LuaJIT is there")


if __name__ == "__main__":
    unittest.main()
