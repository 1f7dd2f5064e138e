"""The generated manifest of misuse, by the root table alone: every function of the library, called
as `conformance.json` says, by a test that knows none of them by name.

Also the model for a host in another language: Manifest is all the interpreter it takes.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from abio._library import ffi, lib

GENERATED = Path(__file__).resolve().parents[3] / "abi/generated"
MANIFEST = json.loads((GENERATED / "conformance.json").read_text())
C = {"u64": "uint64_t", "u32": "uint32_t", "i64": "int64_t", "i32": "int32_t", "ptr": "char *"}
RELEASES_MAX = 8
SECONDS_MAX = 60


def bind(name: str) -> Any:
    """A function by its place in the root table."""
    function = MANIFEST["functions"][name]
    if not function["offset"]:
        return lib.abio_api
    table = ffi.cast("char *", lib.abio_api(0))
    address = ffi.cast("void **", table + function["offset"])[0]
    types = ", ".join(C[name] for name in function["types"]) or "void"
    return ffi.cast(f"{C[function['result']]} (*)({types})", address)


CALLS = {name: bind(name) for name in MANIFEST["functions"]}


class World:
    """The handles and the memory of one row."""

    def __init__(self) -> None:
        self.kept: dict[str, int] = {}
        self.named: dict[str, Any] = {}
        self.memory: list[Any] = []
        self.watched: list[tuple[Any, bytes]] = []

    def make(self, name: str) -> None:
        if name in self.kept:
            return
        recipe = MANIFEST["recipes"][name]
        for other in recipe["needs"]:
            self.make(other)
        for step in recipe["steps"]:
            if "call" in step:
                answer = self.call(step["call"], step["arguments"])
                assert answer >= 0, (name, step["call"], answer)
            else:
                self.finish(step)

    def finish(self, step: dict[str, Any]) -> None:
        event = ffi.new("struct abio_event *")
        while event.token != step["token"] or event.flags & lib.ABIO_EVENT_MORE:
            assert CALLS["abio_driver_wait"](
                self.kept[step["finish"]], ffi.cast("char *", event), ffi.sizeof(event[0]), 1, -1
            )
        assert event.result >= 0, (step, event.result)
        if "as" in step:
            self.kept[step["as"]] = event.handle

    def allocate(self, form: dict[str, Any]) -> Any:
        memory = ffi.new("char[]", max(form["memory"], 8))
        self.memory.append(memory)
        for offset, value in form.get("u32", []):
            ffi.cast("uint32_t *", memory + offset)[0] = value
        for offset, text in form.get("text", []):
            ffi.memmove(memory + offset, text.encode("ascii"), len(text))
        for offset, inner in form.get("points", []):
            ffi.cast("void **", memory + offset)[0] = self.allocate(inner)
        if "as" in form:
            self.named[form["as"]] = memory
        return memory

    def value(self, argument: Any, kind: str) -> Any:
        if isinstance(argument, str):
            return self.kept[argument]
        if isinstance(argument, int):
            return ffi.NULL if kind == "ptr" else argument
        if "inside" in argument:
            return self.named[argument["inside"]] + argument["offset"]
        memory = self.allocate(argument)
        self.watched.append((memory, ffi.buffer(memory)[:]))
        return memory

    def prepare(self, function: str, arguments: list[Any]) -> list[Any]:
        self.watched = []
        types = MANIFEST["functions"][function]["types"]
        return [self.value(a, kind) for a, kind in zip(arguments, types, strict=True)]

    def keep(self, arguments: list[Any], values: list[Any]) -> None:
        for argument, value in zip(arguments, values, strict=True):
            if isinstance(argument, dict) and "keep" in argument:
                self.kept[argument["keep"]] = ffi.cast("uint64_t *", value)[0]

    def call(self, function: str, arguments: list[Any]) -> Any:
        values = self.prepare(function, arguments)
        answer = CALLS[function](*values)
        self.keep(arguments, values)
        return answer

    def untouched(self) -> bool:
        return all(ffi.buffer(memory)[:] == before for memory, before in self.watched)

    def end(self) -> None:
        for kind in ("driver", "io", "buffer"):
            for name, handle in self.kept.items():
                if MANIFEST["kinds"][name] == kind and handle:
                    self.finish_with(kind, handle)

    def finish_with(self, kind: str, handle: int) -> None:
        if kind != "driver":
            release = CALLS["abio_release" if kind == "io" else "abio_buffer_release"]
            assert any(release(handle) < 0 for _ in range(RELEASES_MAX))
        elif CALLS["abio_driver_shutdown"](handle) >= 0:
            event = ffi.new("char[48]")
            while CALLS["abio_driver_close"](handle) == lib.ABIO_E_BUSY:
                CALLS["abio_driver_wait"](handle, event, 48, 1, -1)


def elsewhere(world: World, row: dict[str, Any]) -> Any:
    """The call where the row says it is made."""
    if row["where"] == "here":
        return world.call(row["function"], row["arguments"])
    answers: list[Any] = []
    if row["where"] == "thread":
        arguments = row["function"], row["arguments"]
        thread = threading.Thread(target=lambda: answers.append(world.call(*arguments)))
        thread.start()
        thread.join(SECONDS_MAX)
        return answers[0]
    values = world.prepare(row["function"], row["arguments"])
    child = os.fork()
    if child == 0:
        answer = CALLS[row["function"]](*values)
        os._exit(0 if (answer == row["code"]) == row["refused"] else 1)
    _, status = os.waitpid(child, 0)
    right = os.waitstatus_to_exitcode(status) == 0
    return row["code"] if right == row["refused"] else row["code"] + 1


def problem(row: dict[str, Any], answer: Any) -> str | None:
    if "text" in row:
        said = ffi.string(answer).decode()
        return None if said == row["text"] else f"says {said!r}"
    if "head" in row:
        words = ffi.cast("uint32_t *", answer)
        size, trait = words[0], words[2]
        right = size >= row["head"]["size"] and trait == row["head"]["trait"]
        return None if right else f"table of {trait} with {size} bytes"
    if "null" in row:
        return None if answer == ffi.NULL else "not NULL"
    return None if (answer == row["code"]) == row["refused"] else f"answers {answer}"


def run(row: dict[str, Any]) -> str | None:
    world = World()
    for name in row["needs"]:
        world.make(name)
    answer = elsewhere(world, row)
    found = problem(row, answer)
    if not found and isinstance(answer, int) and answer < 0 and not world.untouched():
        found = "refused, and memory was written"
    world.end()
    return found


@pytest.mark.parametrize("where", ["here", "thread", "child"])
def test_every_function_answers_misuse_as_the_manifest_says(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [row for row in MANIFEST["rows"] if row["where"] == where]
    wrong = {f"{row['function']} {row['case']}": found for row in rows if (found := run(row))}
    assert rows and wrong == {}


def test_the_manifest_asks_every_symbol() -> None:
    assert set(CALLS) == {row["function"] for row in MANIFEST["rows"]}


def test_a_wrong_answer_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    row = next(r for r in MANIFEST["rows"] if r["function"] == "abio_read" and r["case"] == "zero")
    assert run(row) is None
    assert run({**row, "code": row["code"] - 1}) is not None
    assert run({**row, "refused": False}) is not None
