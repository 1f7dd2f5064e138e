"""A malformed description is refused by name, never by a traceback."""

from __future__ import annotations

import copy
import tomllib
import unittest
from typing import Any
from unittest import mock

from support import generate, mini_text, model, parse, real, scratch

# What is replaced in mini.toml, by what, and what the error must say.
BAD: list[tuple[str, str, str]] = [
    ("[abi]", "[abi", "description: is not TOML"),
    ('version = "0.1.0"', 'version = "0.1"', "abi: `version` must be three numbers"),
    ("minor = 1", "minor = 2", "abi: `major` and `minor` do not agree"),
    ("minor = 1", 'minor = "1"', "abi: `minor` must be an integer"),
    ("minor = 1", "minor = true", "abi: `minor` must be an integer"),
    ("soname =", "so_name =", "abi: unknown key `so_name`"),
    (
        '["BUSY", -4119,',
        '["CLOSED", -4119,',
        "constants ERROR.CLOSED: is already in constants ERROR",
    ),
    ('["BUSY", -4119,', '["BUSY", -4113,', "constants ERROR.BUSY: has the number -4113 of another"),
    (
        '["BUSY", -4119,',
        '["BUSY", 4294967296,',
        "constants ERROR.BUSY: must be a number of 32 bits",
    ),
    ('["BUSY", -4119,', '["busy", -4119,', "constants ERROR.busy: is not a usable upper-case name"),
    ('["BUSY", -4119, "busy"]', '["BUSY", -4119]', "constants ERROR: an entry of `values` must be"),
    ('["BUSY", -4119, "busy"]', '["BUSY", -4119, ""]', "constants ERROR.BUSY: needs a text"),
    (
        '["BUSY", -4119, "busy"]',
        '["BUSY", -4119, "a */ b"]',
        "constants ERROR.BUSY: its text must be ASCII",
    ),
    (
        '["BUSY", -4119, "busy"]',
        '["NEWCOMER", -4119, "new"]',
        "function read: unknown error 'BUSY'",
    ),
    ('  ["TOO_NEW", -4117, "too new"],\n', "", "constants ERROR: must have TOO_NEW"),
    (
        'slots = ["read", "readv"]',
        f"slots = {[f'slot{n}' for n in range(65)]}",
        "trait read: has 65 slots; abio_query tells of 64",
    ),
    ('group = "START"', 'group = "CAP"', "constants CAP: group is there twice"),
    (
        'name = "io"\ndoc = "A thing."',
        'name = "sock"\ndoc = "A thing."',
        "handle sock: is not in the closed set",
    ),
    (
        'name = "options"\nkind = "sized"',
        'name = "options"\nkind = "big"',
        "struct options: `kind` must be",
    ),
    (
        '["size", "u32", "sizeof"],\n  ["flags"',
        '["flags2", "u32", "x"],\n  ["flags"',
        "struct options: must begin with `size`",
    ),
    (
        '["base", "ptr", "start"],\n',
        '["base", "u32", "start"],\n',
        "struct iovec.length: at offset 4 needs implicit padding",
    ),
    (
        '["length", "u64", "bytes"],',
        '["length", "u64", "bytes"],\n  ["tail", "u32", "x"],',
        "struct iovec: its 20 bytes need implicit padding at the end",
    ),
    (
        '["length", "u64", "bytes"],',
        '["length", "float", "bytes"],',
        "struct iovec.length: unknown type 'float'",
    ),
    (
        '["length", "u64", "bytes"],',
        '["length", "struct later", "bytes"],',
        "struct iovec.length: unknown struct",
    ),
    (
        '["length", "u64", "bytes"],',
        '["length", "u64", "bytes", "0.2"],',
        "struct iovec: is frozen",
    ),
    (
        '["length", "u64", "bytes"],',
        '["base", "u64", "bytes"],',
        "struct iovec.base: is not a usable name",
    ),
    ('["result", "i64", "the result"],\n', "", "struct event: must be there and have 48 bytes"),
    ('id = "READ"', 'id = "OBJECT"', "trait read: its id 'OBJECT' is no free constant"),
    ('caps = ["VECTORED"]', 'caps = ["FLYING"]', "trait read: unknown capability 'FLYING'"),
    (
        'slots = ["read", "readv"]',
        'slots = ["read", "reads"]',
        "trait read: its slot 'reads' is no function",
    ),
    (
        'slots = ["read", "readv"]',
        'slots = ["read", "info"]',
        "trait read: its slot 'info' is not usable",
    ),
    (
        'slots = ["read", "readv"]',
        'slots = ["read", "driver_poll"]',
        "function driver_poll: is a slot of read, so its first argument must be an io",
    ),
    (
        'name = "retain"\nargs',
        'name = "Retain"\nargs',
        "function 'Retain': is not a usable lower-case name",
    ),
    (
        'name = "retain"\nargs',
        'name = "register"\nargs',
        "function 'register': is not a usable lower-case name",
    ),
    (
        'name = "retain"\nargs',
        'name = "state"\nargs',
        "trait object: its slot 'retain' is no function",
    ),
    (
        'name = "driver_create"',
        'name = "state"',
        "function state: abio_state is already the name of struct state",
    ),
    (
        'name = "driver_create"',
        'name = "read_table"',
        "trait read: abio_read_table is already the name of",
    ),
    (
        'name = "driver_create"',
        'name = "api"',
        "function api: is there twice, or a name of the generator's",
    ),
    (
        'thread = "any"\ncalls = "system"',
        'thread = "some"\ncalls = "system"',
        "function driver_create: `thread` must be owner or any",
    ),
    (
        'thread = "any"\ncalls = "system"',
        'calls = "system"',
        "function driver_create: has no `thread`",
    ),
    (
        'thread = "any"\ncalls = "system"',
        'thread = "any"\ncalls = "slow"',
        "function driver_create: `calls` must be one of",
    ),
    (
        'thread = "any"\ncalls = "system"',
        'thread = "owner"\ncalls = "system"',
        "function driver_create: only a function with a handle",
    ),
    ('["io", "io"], ["info"', '["io", "file"], ["info"', "function info(io): unknown type 'file'"),
    (
        '["io", "io"], ["info"',
        '["error", "io"], ["info"',
        "function info(error): is not a usable argument name",
    ),
    (
        '["io", "io"], ["info"',
        '["info", "io"], ["info"',
        "function info: two arguments have one name",
    ),
    (
        '"out_struct:state"',
        '"out_struct:options"',
        "function info(info): 'options' is not a struct of kind out",
    ),
    (
        '"in_struct?:options"',
        '"in_struct?:option"',
        "function driver_create(options): 'option' is not a struct",
    ),
    (
        '"in_array:iovec:count"',
        '"in_array:options:count"',
        "function readv(iovecs): 'options' is not a frozen struct",
    ),
    (
        '"in_array:iovec:count"',
        '"in_array:iovec:number"',
        "function readv(iovecs): its count 'number' is not a u32",
    ),
    (
        '"out_bytes:length"], ["length", "u32"], ["flags"',
        '"out_bytes:size"], ["length", "u32"], ["flags"',
        "function read(data): its length 'size' is not a u32",
    ),
    ('"flags:START"', '"flags:CLASS"', "function read(flags): the constants of CLASS are not bits"),
    (
        '"flags:START"',
        '"flags:NOTHING"',
        "function read(flags): there is no group of constants 'NOTHING'",
    ),
    ('"out:driver"', '"out:u8"', "function driver_create(driver): unknown type 'out:u8'"),
    (
        '["stride", "u32"], ["capacity", "u32"]',
        '["capacity", "u32"], ["stride", "u32"]',
        "function driver_poll(events): events must be followed by u32 stride",
    ),
    (
        '["flags", "flags:START"], ["token", "token"]',
        '["token", "token"], ["flags", "flags:START"]',
        "function read: starts something, so its last argument must be a token",
    ),
    (
        '["count", "u32"], ["flags", "flags:NONE"]',
        '["count", "u32"], ["a", "u32"], ["b", "u32"], ["flags", "flags:NONE"]',
        "function readv: has 7 arguments",
    ),
    (
        '["count", "u32"], ["flags", "flags:NONE"]',
        '["count", "u32"], ["other", "io"]',
        "function readv(other): a handle is the first argument",
    ),
    (
        '["count", "u32"], ["flags", "flags:NONE"]',
        '["count", "u32"], ["level", "u32"]',
        "function readv(level): needs a text",
    ),
    ('"also_buffer"', '"also_driver"', "function read_owned(into): unknown type 'also_driver'"),
    (
        '"lent_struct?:address"',
        '"lent_struct?:state"',
        "function read_from(from): 'state' is not a",
    ),
    ('"lent_struct?:address"', '"lent_struct:address"', "function read_from(from): unknown type"),
    ('"inout:readbuf"', '"inout:options"', "function peek_buf(buf): 'options' is not a frozen"),
    ('"in:readbuf"', '"in:nothing"', "function peek_buf(same): 'nothing' is not a frozen struct"),
    (
        '"inout_array:readbuf:count"',
        '"inout_array:readbuf:token"',
        "function peek_bufs(bufs): its count 'token' is not a u32",
    ),
    ('"tables:count"', '"tables:user"', "function object_create(impls): its count 'user' is not"),
    ('"out:cptr"', '"out:token"', "function buffer_info(view): unknown type 'out:token'"),
    (
        '["user", "user"], ["buffer", "out:buffer"]',
        '["user", "buffer"], ["buffer", "out:buffer"]',
        "function object_create(user): a handle is the first argument",
    ),
    (
        '[[impl]]\nname = "read"\nid = "READ"',
        '[[impl]]\nname = "read"\nid = "FLY"',
        "impl read: its id 'FLY' is no trait's",
    ),
    ('doc = "one of both is required."', 'docs = "x"', "impl read: unknown key `docs`"),
    (
        '[[impl.slots]]\nname = "try_read"',
        '[[impl.slots]]\nname = "start_seek"',
        "impl read.start_seek: is not usable, or there twice",
    ),
    (
        '[[impl.slots]]\nname = "try_read"',
        '[[impl.slots]]\nname = "head"',
        "impl read.head: is not usable, or there twice",
    ),
    (
        '["op", "u64", "the operation"], ["position", "out:u64"]',
        '["op", "token"], ["position", "out:u64"]',
        "impl read.start_seek(op): has a type that hosts do not implement",
    ),
    (
        '["op", "u64", "the operation"], ["position", "out:u64"]',
        '["user", "u64", "the operation"]',
        "impl read.start_seek: two arguments have one name",
    ),
    ('doc = "Moves.  > 0: done."', "", "impl read.start_seek: needs a text"),
    ('["-EIO", "event:', '["-EOI", "event:', "function read: unknown error '-EOI'"),
    ('["-EIO", "event:', '["WHAT", "event:', "function read: unknown error 'WHAT'"),
    (
        'closed_ok = true\ndoc = "Adds',
        'closed_ok = 1\ndoc = "Adds',
        "function retain: `closed_ok` must be true or false",
    ),
    (
        'closed_ok = true\ndoc = "Adds',
        'released_ok = "yes"\ndoc = "Adds',
        "function retain: `released_ok` must be true or false",
    ),
    (
        'closed_ok = true\ndoc = "Adds',
        'close_ok = true\ndoc = "Adds',
        "function retain: unknown key `close_ok`",
    ),
    (
        'closed_ok = true\ndoc = "Adds',
        'returns = "cstr"\ndoc = "Adds',
        "function retain: returns a string",
    ),
    (
        'doc = "Adds a reference."',
        'since = "soon"\ndoc = "x"',
        "function retain: `since` must be a version",
    ),
    ('doc = "Adds a reference."', 'doc = "caf\u00e9"', "function retain: its text must be ASCII"),
    ('["CANCELED", 2, "cancelled"],\n', "", "constants ERROR.CANCELED: has no class"),
]


def build(text: str) -> None:
    generate.render(parse.parse(text))


def mutations(raw: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The description with each value in turn gone, or of another kind."""
    paths: list[tuple[Any, ...]] = []

    def walk(value: Any, path: tuple[Any, ...]) -> None:
        if path:
            paths.append(path)
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, (*path, key))
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                walk(inner, (*path, index))

    walk(raw, ())
    out = []
    for path in paths:
        for name, new in (
            ("gone", None),
            ("number", 7),
            ("text", "x"),
            ("list", []),
            ("rows", [[]]),
            ("table", {}),
            ("flag", True),
            ("nested", [[["x"]]]),
        ):
            changed = copy.deepcopy(raw)
            place = changed
            for step in path[:-1]:
                place = place[step]
            if new is None:
                del place[path[-1]]
            else:
                place[path[-1]] = new
            out.append((f"{path} {name}", changed))
    return out


class Description(unittest.TestCase):
    def test_the_small_description_is_good(self) -> None:
        build(mini_text())

    def test_bad_input_is_named(self) -> None:
        for old, new, message in BAD:
            with self.subTest(message):
                text = mini_text()
                self.assertIn(old, text)
                with self.assertRaises(model.Bad) as caught:
                    build(text.replace(old, new, 1))
                self.assertTrue(str(caught.exception).startswith(message), str(caught.exception))

    def test_no_mutation_is_a_traceback(self) -> None:
        raw = tomllib.loads(mini_text())
        refused = 0
        for name, changed in mutations(raw):
            with mock.patch.object(tomllib, "loads", return_value=changed):
                try:
                    build("")
                except model.Bad:
                    refused += 1
                except Exception as error:
                    self.fail(f"{name}: {type(error).__name__}: {error}")
        self.assertGreater(refused, 1000)

    def test_the_command_says_it_and_exits_2(self) -> None:
        from support import ABI, run

        with scratch() as folder:
            bad = folder / "bad.toml"
            bad.write_text(mini_text().replace('"out_bytes:length"', '"bytes"'), encoding="utf-8")
            done = run(
                "python3", ABI / "generate.py", "--description", bad, "--output", folder / "out"
            )
            self.assertEqual(done.returncode, 2)
            self.assertEqual(done.stderr, "bad.toml: function read(data): unknown type 'bytes'\n")
            self.assertFalse((folder / "out").exists())
            done = run("python3", ABI / "generate.py", "--description", folder / "none.toml")
            self.assertEqual(done.returncode, 2)
            self.assertNotIn("Traceback", done.stderr)

    def test_the_hash_is_of_the_contract_not_of_its_wording(self) -> None:
        one = parse.parse(mini_text())
        two = parse.parse("# a comment\n" + mini_text())
        three = parse.parse(mini_text().replace('"a read is in flight"', '"a read is there"'))
        four = parse.parse(mini_text().replace('"readv"', '"readw"'))
        self.assertEqual(one.sha256, two.sha256)
        self.assertNotEqual(one.plain, three.plain)
        self.assertEqual(one.sha256, three.sha256)
        self.assertNotEqual(one.sha256, four.sha256)
        patched = parse.parse(mini_text().replace('"0.1.0"', '"0.1.7"'))
        self.assertEqual(one.sha256, patched.sha256)
        minor = mini_text().replace('"0.1.0"', '"0.2.0"').replace("minor = 1", "minor = 2")
        self.assertNotEqual(one.sha256, parse.parse(minor).sha256)

    def test_what_came_later_says_so(self) -> None:
        old = '["CALLS_HOST", 2, "may enter the host"]'
        text = mini_text().replace(old, old[:-1] + ', "0.2"]')
        text = text.replace(
            'doc = "Moves.  > 0: done."', 'doc = "Moves.  > 0: done."\nsince = "0.2"'
        )
        desc = parse.parse(text)
        header = generate.render(desc)["abio.h"]
        self.assertIn("ABIO_CAP_CALLS_HOST = 2 /* may enter the host; since 0.2 */", header)
        self.assertEqual(header.count("Since 0.2."), 1)
        self.assertEqual([v.since for v in desc.group("CAP").values], ["0.1", "0.2"])
        self.assertEqual([s.since for s in desc.impls[0].slots], ["0.1", "0.2"])

    def test_what_is_new_comes_last_in_the_root_table(self) -> None:
        before = [name for name, _ in parse.parse(mini_text()).root()]
        text = mini_text().replace(
            '[[function]]\nname = "driver_poll"',
            '[[function]]\nname = "newcomer"\nsince = "0.2"\nargs = [["io", "io"]]\nthread = "any"\n'
            'calls = "fast"\ndoc = "New."\n\n[[function]]\nname = "driver_poll"',
        )
        self.assertEqual([name for name, _ in parse.parse(text).root()], [*before, "newcomer"])

    def test_a_new_field_does_not_raise_the_minimum(self) -> None:
        text = mini_text().replace(
            '["flags", "u32", "bits"],\n]\n\n[[struct]]\nname = "state"',
            '["flags", "u32", "bits"],\n  ["more", "u32", "new", "0.2"],\n]\n\n[[struct]]\nname = "state"',
        )
        struct = parse.parse(text).structs["options"]
        self.assertEqual((struct.size, struct.minimum), (12, 8))
        self.assertIn(
            "offsetof(struct abio_options, more)", generate.render(parse.parse(text))["dispatch.c"]
        )

    def test_every_start_tells_of_its_event(self) -> None:
        for function in real().functions:
            if function.start:
                self.assertRegex(
                    function.doc, r"(?i)\bevent|the .* as abio_|As abio_", function.name
                )
