"""Lua as a guest on the driver of a Python loop: each uses by its number what the other implements.

Python polls, under asyncio, and hands Lua its events; Lua asks Python for tokens.  See
bindings/lua/abio/guest.lua.
"""
from __future__ import annotations

import asyncio
import ctypes
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from snippets import ROOT

abio = pytest.importorskip("abio")

from abio._asyncio import current  # noqa: E402

CORE = ROOT / "build/lua5.4/abio/core.so"
SECONDS = 20
LUA_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)

# What a task returned, as JSON: numbers, strings and nil.
PRELUDE = r"""
abio = require("abio")
guest = abio.attach(%d, { enter = host_enter, leave = host_leave, schedule = host_schedule })
function show(...)
    local parts = { ... }
    for index = 1, select("#", ...) do
        local value = parts[index]
        parts[index] = value == nil and "null" or type(value) == "number" and tostring(value)
            or ('"%%s"'):format(tostring(value):gsub('[%%c"\\]', function(byte)
                return ("\\u%%04x"):format(byte:byte())
            end))
    end
    return "[" .. table.concat(parts, ",") .. "]"
end
function start(fn, ...)
    guest:spawn(function(...)
        answer = show(pcall(fn, ...))
        host_done()
    end, ...)
end
"""


class LuaOperation:
    """The slot of a token that Lua was given: its events go to Lua as they are."""

    waiter = None
    direct = 0

    def __init__(self, lua: Lua) -> None:
        self.lua = lua
        self.token = 0

    def event(self, *numbers: int) -> None:
        self.lua.run(f"guest.deliver({self.token}, {', '.join(map(str, numbers))})")

    def piece(self, _data: bytes) -> None:
        raise AssertionError("a guest of this test receives nothing by pieces")


class Lua:
    """A Lua state, driven through its own C API, that works on the running loop's driver."""

    def __init__(self) -> None:
        if not CORE.exists():
            pytest.skip("the Lua module is not built")
        try:
            self.api = ctypes.CDLL("liblua5.4.so.0", mode=ctypes.RTLD_GLOBAL)
        except OSError as failure:
            pytest.skip(str(failure))
        pointer = ctypes.c_void_p
        self.api.luaL_newstate.restype = pointer
        self.api.lua_tolstring.restype = ctypes.c_char_p
        self.api.lua_tolstring.argtypes = [pointer, ctypes.c_int, pointer]
        self.api.luaL_openlibs.argtypes = [pointer]
        self.api.luaL_loadstring.argtypes = [pointer, ctypes.c_char_p]
        self.api.lua_pcallk.argtypes = [pointer, *[ctypes.c_int] * 3, ctypes.c_ssize_t, pointer]
        self.api.lua_settop.argtypes = [pointer, ctypes.c_int]
        self.api.lua_pushcclosure.argtypes = [pointer, LUA_FUNCTION, ctypes.c_int]
        self.api.lua_setglobal.argtypes = [pointer, ctypes.c_char_p]
        self.api.lua_pushinteger.argtypes = [pointer, ctypes.c_longlong]
        self.api.lua_tointegerx.argtypes = [pointer, ctypes.c_int, pointer]
        self.api.lua_tointegerx.restype = ctypes.c_longlong
        self.api.lua_close.argtypes = [pointer]
        self.driver, self.loop = current(), asyncio.get_running_loop()
        self.done: asyncio.Event = asyncio.Event()
        self.state = self.api.luaL_newstate()
        self.api.luaL_openlibs(self.state)
        self.functions = [
            self.give(name, function)
            for name, function in (
                ("host_enter", self.enter),
                ("host_leave", self.leave),
                ("host_schedule", self.schedule),
                ("host_done", self.finished),
            )
        ]
        room = ROOT / "bindings/lua"
        self.run(
            f'package.path = "{room}/?.lua;{room}/?/init.lua"; '
            f'package.cpath = "{ROOT}/build/lua5.4/?.so"'
        )
        self.run(PRELUDE % self.driver.handle)

    def give(self, name: str, function: Callable[[int], int]) -> Any:
        made = LUA_FUNCTION(function)
        self.api.lua_pushcclosure(self.state, made, 0)
        self.api.lua_setglobal(self.state, name.encode())
        return made

    # What Lua asks of whoever polls.

    def enter(self, state: int) -> int:
        operation = LuaOperation(self)
        operation.token = self.driver.enter(operation)
        self.api.lua_pushinteger(state, operation.token)
        return 1

    def leave(self, state: int) -> int:
        self.driver.leave(self.api.lua_tointegerx(state, 1, None))
        return 0

    def schedule(self, _state: int) -> int:
        self.loop.call_soon(self.run, "guest.run_soon()")
        return 0

    def finished(self, _state: int) -> int:
        self.done.set()
        return 0

    def run(self, code: str) -> str:
        """Runs a chunk; what it returns, as a string."""
        failed = self.api.luaL_loadstring(self.state, code.encode()) or self.api.lua_pcallk(
            self.state, 0, 1, 0, 0, None
        )
        answer = (self.api.lua_tolstring(self.state, -1, None) or b"").decode()
        self.api.lua_settop(self.state, -2)
        if failed:
            raise RuntimeError(answer)
        return answer

    async def task(self, body: str, *arguments: int) -> list[Any]:
        """Runs the body of a function as a task of the guest and waits for what it returns."""
        self.done.clear()
        self.run(f"start(function(...) {body} end{''.join(f', {value}' for value in arguments)})")
        await asyncio.wait_for(self.done.wait(), SECONDS)
        worked, *values = json.loads(self.run("return answer"))
        assert worked == "true", values
        return values

    async def close(self) -> None:
        """What is in flight works on memory of the state: it ends first."""
        for _ in range(1000):
            if self.run("return tostring(guest:close())") == "0":
                break
            await asyncio.sleep(0.001)
        else:
            raise AssertionError("the guest does not end")
        await asyncio.sleep(0)  # a run_soon that was asked for meanwhile
        self.api.lua_close(self.state)


def run(main: Callable[[Lua], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        lua = Lua()
        try:
            await main(lua)
        finally:
            await lua.close()

    asyncio.run(whole())


def test_both_have_one_copy_of_the_library() -> None:
    async def main(lua: Lua) -> None:
        from abio._library import ffi, lib

        info = ffi.new("struct abio_abi *", {"size": ffi.sizeof("struct abio_abi")})
        lib.abio_abi_info(info)
        assert lua.run('return require("abio.native").instance') == f"{info.instance:016x}"
        assert "guest" in lua.run("return tostring(guest)")

    run(main)


class Upper:
    """Answers in capitals; each method waits a little."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes] = asyncio.Queue()

    async def read(self, _limit: int) -> bytes:
        return await self.queue.get()

    async def write(self, data: bytes) -> int:
        await asyncio.sleep(0.001)
        await self.queue.put(bytes(data).upper())
        return len(data)

    async def shutdown(self) -> None:
        await self.queue.put(b"")


def test_lua_uses_what_python_implements() -> None:
    async def main(lua: Lua) -> None:
        stream = abio.Stream.from_object(Upper())
        got = await lua.task(
            """
            local stream = guest:from_handle(...)
            assert(stream:write("hello\\n", "from Lua\\n"))
            local first = stream:read("l")
            local second = stream:read("L")
            stream:write("x"):close_write()
            local rest = stream:read("a")
            return first, second, rest, stream:read(1)
            """,
            stream.handle,
        )
        assert got == ["HELLO", "FROM LUA\n", "X", None]
        await stream.aclose()

    run(main)


def test_an_exception_of_python_is_an_error_in_lua() -> None:
    class Broken:
        async def read(self, _limit: int) -> bytes:
            raise ConnectionResetError(104, "gone")

    async def main(lua: Lua) -> None:
        stream = abio.Stream.from_object(Broken())
        value, message, code = await lua.task(
            "return guest:from_handle(...):read(1)", stream.handle
        )
        assert value is None and "reset" in message and code == 104
        await stream.aclose()

    run(main)


IMPLEMENTED = """
    local implementation = { queue = {} }
    function implementation:%(read)s(count)
        while #self.queue == 0 do
            if self.ended then return nil end
            %(wait)s
        end
        return table.remove(self.queue, 1)
    end
    function implementation:%(write)s(bytes)
        table.insert(self.queue, (bytes:reverse()))
        abio.notify(self, "r")
        return #bytes
    end
    function implementation:shutdown()
        self.ended = true
        abio.notify(self, "r")
    end
    kept = guest:object(implementation)
    return kept.handle
"""


@pytest.mark.parametrize(
    "names",
    [
        {"read": "try_read", "write": "try_write", "wait": "if true then return false end"},
        {"read": "read", "write": "write", "wait": "guest:sleep(0.001)"},
    ],
    ids=["try", "waiting"],
)
def test_python_uses_what_lua_implements(names: dict[str, str]) -> None:
    async def main(lua: Lua) -> None:
        [handle] = await lua.task(IMPLEMENTED % names)
        stream = abio.Stream.from_handle(handle)
        await stream.write(b"olleh")
        assert await asyncio.wait_for(stream.readexactly(5), SECONDS) == b"hello"
        reader = asyncio.create_task(stream.read(100))
        await asyncio.sleep(0.002)
        await stream.write(b"kcab")
        assert await asyncio.wait_for(reader, SECONDS) == b"back"
        await stream.aclose()
        lua.run("kept = nil collectgarbage()")

    run(main)


def test_an_error_of_lua_is_an_exception_in_python() -> None:
    async def main(lua: Lua) -> None:
        [handle] = await lua.task(
            """
            kept = guest:object({ try_read = function() error("boom") end })
            return kept.handle
            """,
        )
        stream = abio.Stream.from_handle(handle)
        with pytest.raises((OSError, RuntimeError)):
            await stream.read(1)
        await stream.aclose()

    run(main)


def test_lua_copies_a_stream_of_python_into_one_of_its_own() -> None:
    size = 1 << 20

    class Source:
        left = size

        def try_read(self, buffer: memoryview) -> int:
            count = min(len(buffer), self.left, 10_000)
            self.left -= count
            buffer[:count] = b"p" * count
            return count

    async def main(lua: Lua) -> None:
        stream = abio.Stream.from_object(Source())
        total, other = await lua.task(
            """
            local source = guest:from_handle(...)
            local total, other = 0, 0
            local sink = guest:object({ write = function(_, bytes)
                total = total + #bytes
                other = other + #bytes:gsub("p", "")
                return #bytes
            end })
            while true do
                local bytes, why = source:read_some()
                assert(bytes or not why, why)
                if not bytes then break end
                assert(sink:write(bytes))
            end
            assert(sink:flush())
            sink:close()
            return total, other
            """,
            stream.handle,
        )
        assert (total, other) == (size, 0)
        await stream.aclose()

    run(main)


def test_what_only_a_poller_does_is_refused() -> None:
    async def main(lua: Lua) -> None:
        for what in ("step", "run"):
            with pytest.raises(RuntimeError, match="another language polls"):
                lua.run(f"guest:{what}(print)")
        with pytest.raises(RuntimeError, match="outside of a task"):
            lua.run("guest:sleep(0)")

    run(main)


def test_a_task_of_lua_is_cancelled_and_others_go_on() -> None:
    async def main(lua: Lua) -> None:
        code, value = await lua.task(
            """
            local sleeper = guest:spawn(function()
                local _, _, code = guest:sleep(1000)
                return code
            end)
            guest:sleep(0.001)
            sleeper:cancel()
            local _, code = sleeper:join()
            return code, abio.codes.CANCELED
            """,
        )
        assert code == value

    run(main)
