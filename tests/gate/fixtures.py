"""Every change that the gate must judge, with the verdict it must give and the steps that must give it.

A fixture changes the small description of tests/abi, or what is built from it, after 0.1.0 was recorded.
`fails` are the steps that must fail, all others must pass; none: the change is welcome.  Where a step that
one would expect is missing from `fails`, the fixture shows why the gate needs more than that step.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import abi_record
from abi_check import Tree
from world import Recipe, renew

Edit = tuple[str, str]


@dataclass(frozen=True)
class Fixture:
    name: str
    # The steps that fail, separated by blanks, and a word that one of them says.
    fails: str = ""
    says: str = ""
    edits: tuple[Edit, ...] = ()
    recipe: Recipe = Recipe()
    # What is done to the tree when it is built.
    afterwards: Callable[[Tree], None] | None = None


MINOR: tuple[Edit, ...] = (('"0.1.0"', '"0.2.0"'), ("minor = 1", "minor = 2"))
PATCH: tuple[Edit, ...] = (('"0.1.0"', '"0.1.1"'),)


def function(name: str, more: str = 'since = "0.2"') -> str:
    return f"""
[[function]]
name = "{name}"
args = [["io", "io"]]
thread = "owner"
calls = "fast"
doc = "Is new."
{more}
"""


LAST = 'doc = "The host implements it."'
SLOTS = 'slots = ["read", "readv"]'
FLAGS_FIELD = '["flags", "u32", "bits"],\n]\n\n[[struct]]\nname = "state"'
RETAIN = 'name = "retain"\nargs = [["io", "io"]]\nthread = "any"'
IMPL_END = 'doc = "Moves.  > 0: done."'
IMPL_SLOT = '\n\n[[impl.slots]]\nname = "start_skip"\nargs = [["op", "u64"]]\ndoc = "Skips."\n'
CHAIN = '[["io", "io"], ["next", "also_io"], ["made", "out:io"]]'
CAP_LAST = '["CALLS_HOST", 2, "may enter the host"],'
READ_ARGS = '["length", "u32"], ["flags", "flags:START"], ["token", "token"]]'


def append(text: str) -> Edit:
    return (LAST, LAST + "\n" + text)


def strip(tree: Tree) -> None:
    subprocess.run(["strip", "--strip-debug", str(tree.library)], check=True)
    renew(tree)


def edit_record(tree: Tree) -> None:
    path = tree.dumps / "0.1.0/abio.json"
    path.write_text(path.read_text().replace('"Reading."', '"Writing."'))


def add_to_record(tree: Tree) -> None:
    (tree.dumps / "0.1.0/notes").write_text("more\n")


def tag_record(tree: Tree) -> None:
    """As the release's commit does."""

    def git(*argv: str) -> None:
        who = ["-c", "user.name=x", "-c", "user.email=x", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(tree.dumps), *who, *argv]
        subprocess.run(command, check=True, capture_output=True)

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "release")
    git("tag", "v0.1.0")


def edit_tagged_record(tree: Tree) -> None:
    """Whoever edits a record may renew its checksums too: then the release's tag tells."""
    tag_record(tree)
    edit_record(tree)
    folder = tree.dumps / "0.1.0"
    abi_record.write(folder, {abi_record.SUMS: abi_record.sums(folder)})


def record_another(tree: Tree) -> None:
    abi_record.record(tree.dumps, "0.2.0", tree.generated, tree.library)


def rewrite_before_another(tree: Tree) -> None:
    """Nothing in a record tells that it was rewritten whole; the next one does."""
    record_another(tree)
    edit_record(tree)
    folder = tree.dumps / "0.1.0"
    abi_record.write(folder, {abi_record.SUMS: abi_record.sums(folder)})


def lose_before_another(tree: Tree) -> None:
    record_another(tree)
    forget_records(tree)


def forget_records(tree: Tree) -> None:
    for path in (tree.dumps / "0.1.0").iterdir():
        path.unlink()
    (tree.dumps / "0.1.0").rmdir()


def edit_generated(tree: Tree) -> None:
    path = tree.generated / "abio.cdef"
    path.write_text(path.read_text().replace("uint64_t", "uint32_t", 1))


def forget_current(tree: Tree) -> None:
    """What one sees who changed the contract and did not renew the dump of today."""
    recorded = tree.dumps / "0.1.0"
    for name in ("symbols", "library.abi"):
        (tree.dumps / "current" / name).write_text((recorded / name).read_text())


def other_compiler(tree: Tree) -> None:
    """Bytes of another compiler's dump say nothing; symbols still do."""
    current = tree.dumps / "current"
    (current / "tools").write_text("gcc 99\n")
    (current / "library.abi").write_text("<!-- as gcc 99 writes it -->\n")


WELCOME = [
    Fixture("nothing is changed"),
    Fixture(
        "a text is better, in a patch release",
        edits=(*PATCH, ('doc = "Reads.  ', 'doc = "Reads more.  ')),
    ),
    Fixture(
        "a list of errors is longer",
        edits=(
            *PATCH,
            (
                '["-EIO", "event: the device failed"]',
                '["-EIO", "event: failed"], ["-ENOMEM", "no memory"]',
            ),
        ),
    ),
    Fixture("a minor is raised, and nothing comes with it", edits=MINOR),
    Fixture("a function is appended", edits=(*MINOR, append(function("sync")))),
    Fixture(
        "a slot is appended",
        edits=(*MINOR, (SLOTS, 'slots = ["read", "readv", "skip"]'), append(function("skip"))),
    ),
    Fixture(
        "a trait is appended",
        edits=(
            *MINOR,
            (
                '["OWNED_READ", 7, "reading into buffers"],',
                '["OWNED_READ", 7, "into buffers"], ["SEEK", 9, "moving", "0.2"],',
            ),
            (
                "[[impl]]",
                '[[trait]]\nname = "seek"\nid = "SEEK"\nsince = "0.2"\ndoc = "Moving."\nslots = ["rewind"]\n\n[[impl]]',
            ),
            append(function("rewind")),
        ),
    ),
    Fixture(
        "a constant is added, wherever",
        edits=(*MINOR, (CAP_LAST, '["FAST", 4, "is fast", "0.2"],\n  ' + CAP_LAST)),
    ),
    Fixture(
        "a group of constants is added",
        edits=(
            *MINOR,
            (
                '[[handle]]\nname = "driver"',
                '[[constants]]\ngroup = "MODE"\nprefix = "ABIO_MODE_"\ntext = "Modes."\nvalues = [["A", 1, "a", "0.2"]]\n\n[[handle]]\nname = "driver"',
            ),
        ),
    ),
    Fixture(
        "a sized struct grows at its end",
        edits=(
            *MINOR,
            (
                FLAGS_FIELD,
                FLAGS_FIELD.replace("],\n]", '],\n  ["limit", "u64", "most", "0.2"],\n]', 1),
            ),
        ),
    ),
    Fixture(
        "a host's table grows at its end",
        edits=(*MINOR, (IMPL_END, IMPL_END + IMPL_SLOT + 'since = "0.2"')),
    ),
    Fixture("two releases are recorded", edits=MINOR, afterwards=record_another),
    Fixture("what is private grows", recipe=Recipe(private="int one; void *two;")),
    Fixture("another compiler writes another dump", afterwards=other_compiler),
]

DESCRIBED = [
    Fixture(
        "a slot is inserted",
        "description asserts",
        "trait read: readv was moved",
        (*MINOR, (SLOTS, 'slots = ["read", "skip", "readv"]'), append(function("skip"))),
    ),
    Fixture(
        "slots change places",
        "description asserts dump",
        "trait read: read was moved",
        (*MINOR, (SLOTS, 'slots = ["readv", "read"]')),
    ),
    Fixture(
        "a slot is taken away, and its function stays",
        "description asserts dump",
        "trait read: readv is gone",
        (*MINOR, (SLOTS, 'slots = ["read"]')),
    ),
    Fixture(
        "a function is taken away",
        "description asserts symbols dump",
        "function chain: is gone",
        (*MINOR, ('name = "chain"', 'name = "link"\nsince = "0.2"')),
    ),
    Fixture(
        "functions change places in the root table",
        "description asserts dump",
        "the root table: buffer_info was moved",
        (
            *MINOR,
            ('name = "buffer_info"', 'name = "x"'),
            ('name = "object_create"', 'name = "buffer_info"'),
            ('name = "x"', 'name = "object_create"'),
        ),
    ),
    Fixture(
        "a signature changes",
        "description asserts dump",
        "function chain: `args` was",
        (*MINOR, (CHAIN, CHAIN.replace("out:io", "out:u32"))),
    ),
    Fixture(
        "a signature changes beside an addition",
        "description asserts",
        "function chain: `args` was",
        (*MINOR, (CHAIN, CHAIN.replace("out:io", "out:u32")), append(function("sync"))),
    ),
    Fixture(
        "a number means something else",
        "description asserts",
        "constant ABIO_E_BUSY: `number` was -4119 and is -4120",
        (*MINOR, ('["BUSY", -4119,', '["BUSY", -4120,')),
    ),
    Fixture(
        "two numbers are exchanged",
        "description asserts",
        "constant ABIO_CAP_VECTORED: `number` was 1 and is 2",
        (
            *MINOR,
            ('["VECTORED", 1,', '["VECTORED", 2,'),
            ('["CALLS_HOST", 2,', '["CALLS_HOST", 1,'),
        ),
    ),
    Fixture(
        "a constant is taken away",
        "description asserts",
        "constant CAP VECTORED: is gone",
        (*MINOR, ('  ["VECTORED", 1, "vectored"],\n', ""), ('caps = ["VECTORED"]\n', "")),
    ),
    Fixture(
        "flags stop being bits",
        "description",
        "constants CAP: `bits` was True",
        (*MINOR, (CAP_LAST, CAP_LAST + '\n  ["BOTH", 3, "both", "0.2"],')),
    ),
    Fixture(
        "a constant is new and says it is old",
        "description",
        "constant CAP FAST: is new and says `since` 0.1",
        (*MINOR, (CAP_LAST, CAP_LAST + '\n  ["FAST", 4, "is fast"],')),
    ),
    Fixture(
        "a function is new and says it is old",
        "description asserts dump",
        "function sync: is new and says `since` 0.1",
        (*MINOR, append(function("sync", ""))),
    ),
    Fixture(
        "something is new and the version stays",
        "description",
        "says `since` 0.2, which is later than the version of today",
        (append(function("sync")),),
    ),
    Fixture(
        "something is new in a patch release",
        "description",
        "`minor` must be raised",
        (*PATCH, append(function("sync"))),
    ),
    Fixture(
        "an old function says it is new",
        "description asserts symbols dump",
        "function chain: `since` was '0.1'",
        (*MINOR, ('name = "chain"', 'name = "chain"\nsince = "0.2"')),
    ),
    Fixture(
        "a sized struct grows in its middle",
        "description asserts",
        "struct options: flags was moved",
        (
            *MINOR,
            (
                '["flags", "u32", "bits"],\n]\n\n[[struct]]\nname = "state"',
                '["mode", "u32", "how"],\n  ["flags", "u32", "bits"],\n  ["rest", "u32", "0"],\n]\n\n[[struct]]\nname = "state"',
            ),
            append(function("sync")),
        ),
    ),
    Fixture(
        "a sized struct grows and asks all callers for more",
        "description dump",
        "struct options: `minimum` was 8 and is 16",
        (
            *MINOR,
            (FLAGS_FIELD, FLAGS_FIELD.replace("],\n]", '],\n  ["limit", "u64", "most"],\n]', 1)),
        ),
    ),
    Fixture(
        "a frozen struct grows",
        "description asserts dump",
        "struct readbuf: is frozen and got the field",
        (
            *MINOR,
            (
                '["filled", "u32", "bytes"],',
                '["filled", "u32", "bytes"],\n  ["more", "u64", "bytes"],',
            ),
        ),
    ),
    Fixture(
        "a struct shrinks",
        "description asserts dump",
        "struct state: kind is gone",
        (*MINOR, ('  ["kind", "u32", "kind"],\n', "")),
    ),
    Fixture(
        "a field has another type of the same size",
        "description asserts dump",
        "struct state.kind: `type` was 'u32' and is 'i32'",
        (*MINOR, ('["kind", "u32", "kind"]', '["kind", "i32", "kind"]')),
    ),
    Fixture(
        # libabigail takes that for harmless.
        "a field has another name",
        "description asserts",
        "struct state: kind is gone: sort is at its place 1",
        (*MINOR, ('["kind", "u32", "kind"]', '["sort", "u32", "kind"]')),
    ),
    Fixture(
        "a struct is read where it was filled",
        "description",
        "struct state: `kind` was 'out' and is 'sized'",
        (
            *MINOR,
            ('name = "state"\nkind = "out"', 'name = "state"\nkind = "sized"'),
            ('["info", "out_struct:state"]', '["info", "lent_struct?:state"]'),
        ),
    ),
    Fixture(
        # No exported function leads to a host's tables: libabigail cannot see them.
        "a slot is inserted in a table that is only a void pointer",
        "description asserts",
        "impl read: try_read was moved",
        (
            *MINOR,
            (
                '[[impl.slots]]\nname = "try_read"',
                '[[impl.slots]]\nname = "first"\ndoc = "New."\nsince = "0.2"\n\n[[impl.slots]]\nname = "try_read"',
            ),
        ),
    ),
    Fixture(
        "a host's slot has another signature",
        "description asserts",
        "impl read.start_seek: `args` was",
        (*MINOR, ('["position", "out:u64"]', '["position", "out:u32"]')),
    ),
    Fixture(
        "another thread is asked for",
        "description",
        "function retain: `thread` was 'any' and is 'owner'",
        (*MINOR, (RETAIN, RETAIN.replace("any", "owner"))),
    ),
    Fixture(
        "a call may block that did not",
        "description",
        "function buffer_info: `calls` was 'fast' and is 'blocks'",
        (
            *MINOR,
            (
                '["view", "out:cptr"]]\nthread = "any"\ncalls = "fast"',
                '["view", "out:cptr"]]\nthread = "any"\ncalls = "blocks"',
            ),
        ),
    ),
    Fixture(
        "memory is kept that was only lent",
        "description",
        "function read_from: `args` was",
        (
            *MINOR,
            (
                '["data", "out_bytes:length"], ["length", "u32"], ["from"',
                '["data", "user"], ["length", "u32"], ["from"',
            ),
        ),
    ),
    Fixture(
        "a handle is no longer looked up",
        "description",
        "function read_owned: `args` was",
        (*MINOR, ('["into", "also_buffer"]', '["into", "u64", "a number"]')),
    ),
    Fixture(
        "a flag is refused that was taken",
        "description",
        "function read: `args` was",
        (*MINOR, (READ_ARGS, READ_ARGS.replace("START", "NONE"))),
    ),
    Fixture(
        "a closed object is refused where it was not",
        "description",
        "function driver_poll: `closed_ok` was True",
        (
            *MINOR,
            (
                '["capacity", "u32"]]\nthread = "owner"\ncalls = "system"\nclosed_ok = true',
                '["capacity", "u32"]]\nthread = "owner"\ncalls = "system"',
            ),
        ),
    ),
    Fixture(
        "a trait cannot do what it could",
        "description",
        "trait read: `caps` was ['VECTORED']",
        (*MINOR, ('caps = ["VECTORED"]\n', "")),
    ),
    Fixture(
        "a list of errors is shorter",
        "description",
        "function driver_create: no longer lists the error -ENOMEM",
        (*PATCH, ('errors = [["-ENOMEM", "no memory"]]', "")),
    ),
    Fixture(
        "the version goes back",
        "description",
        "is older than the released 0.1.0",
        (('"0.1.0"', '"0.0.9"'), ("minor = 1", "minor = 0")),
    ),
    Fixture(
        "another major keeps the soname",
        "description",
        "another major must have another soname",
        (('"0.1.0"', '"1.0.0"'), ("major = 0", "major = 1"), ("minor = 1", "minor = 0")),
    ),
    Fixture(
        "the soname changes",
        "description dump",
        "abi: `soname` was 'libabio.so.0' and is 'libabio.so.7'",
        (*MINOR, ("libabio.so.0", "libabio.so.7")),
    ),
]

BUILT = [
    Fixture(
        "a symbol leaks",
        "symbols dump",
        "not promised: ['abio_secret@@ABIO_0.1']",
        recipe=Recipe(
            source="PUBLIC int abio_secret(void);\nPUBLIC int abio_secret(void) { return 1; }",
            script=("global:", "global:\n\t\tabio_secret;"),
        ),
    ),
    Fixture(
        "a symbol of a linked library leaks",
        "symbols dump",
        "exports foreign symbols: ['io_uring_setup@@ABIO_0.1']",
        recipe=Recipe(
            source="PUBLIC int io_uring_setup(void);\nPUBLIC int io_uring_setup(void) { return 1; }",
            script=("global:", "global:\n\t\tio_uring_setup;"),
        ),
    ),
    Fixture(
        "data is exported",
        "symbols dump",
        "exports what is no function: ['abio_limit@@ABIO_0.1']",
        recipe=Recipe(
            source="PUBLIC int abio_limit = 7;", script=("global:", "global:\n\t\tabio_limit;")
        ),
    ),
    Fixture(
        "a symbol is not exported",
        "symbols dump",
        "missing: ['abio_chain@@ABIO_0.1']",
        recipe=Recipe(script=("\t\tabio_chain;\n", "")),
    ),
    Fixture(
        "a symbol moves to another version node",
        "symbols dump",
        "no longer has ['abio_chain@@ABIO_0.1']",
        recipe=Recipe(
            script=(
                "ABIO_0.1 {\n\tglobal:\n\t\tabio_api;",
                "ABIO_0.0 {\n\tglobal:\n\t\tabio_chain;\n};\nABIO_0.1 {\n\tglobal:\n\t\tabio_api;",
            )
        ),
    ),
    Fixture(
        "the linker is told another soname",
        "loaded dump",
        "soname is ['libabio.so.1']",
        recipe=Recipe(soname="libabio.so.1"),
    ),
    Fixture(
        "the library can be unloaded", "loaded", "is not nodelete", recipe=Recipe(nodelete=False)
    ),
    Fixture(
        "the library needs another one",
        "loaded",
        "needs ['libm.so.6']",
        recipe=Recipe(link=("-Wl,--no-as-needed", "-lm")),
    ),
    Fixture(
        "the library runs code when it is loaded",
        "loaded",
        "has more than the compiler's own entry in ['.init_array']",
        recipe=Recipe(
            source="__attribute__((constructor)) static void begin(void) { hidden.one = 1; }"
        ),
    ),
    # A stripped library compares as equal to anything: that it says nothing must be seen.
    Fixture(
        "the library is stripped",
        "dump",
        "the library has no debug info",
        afterwards=strip,
    ),
    Fixture(
        "the library was built without debug info",
        "dump",
        "the library has no debug info",
        recipe=Recipe(debug=False),
    ),
]

KEPT = [
    Fixture(
        "a record is edited",
        "recorded",
        "was edited after it was recorded: ['abio.json']",
        afterwards=edit_record,
    ),
    Fixture("a record gets another file", "recorded", "['notes']", afterwards=add_to_record),
    Fixture(
        "a record is edited with its checksums",
        "recorded",
        "is not what v0.1.0 holds",
        afterwards=edit_tagged_record,
    ),
    Fixture(
        "a record is rewritten that has a successor",
        "recorded",
        "is not what it was, or gone: ['0.1.0/sums']",
        MINOR,
        afterwards=rewrite_before_another,
    ),
    Fixture(
        "a record is lost that has a successor",
        "recorded",
        "is not what it was, or gone: ['0.1.0/sums']",
        MINOR,
        afterwards=lose_before_another,
    ),
    Fixture("there is no record", "recorded", "there is no record", afterwards=forget_records),
    Fixture(
        "a generated file is edited", "generated", "stale: abio.cdef", afterwards=edit_generated
    ),
    Fixture(
        "the dump of today is stale",
        "dump",
        "make abi-current",
        (*MINOR, append(function("sync"))),
        afterwards=forget_current,
    ),
]

ALL = [*WELCOME, *DESCRIBED, *BUILT, *KEPT]
