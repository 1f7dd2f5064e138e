"""Python and Lua in one process and one thread: each uses by its number what the other implements.

The loop is asyncio's; Lua is a host within it: its driver's descriptor is watched, and stepped when
it is readable.  Lua is driven through its own C API, so that nothing but liblua5.4 is needed.
"""
from __future__ import annotations

import asyncio
import ctypes
import gc
import os
from typing import Any

import pytest

from snippets import ROOT

abio = pytest.importorskip("abio")

MODULE = ROOT / "build/lua5.4/abio/core.so"

PRELUDE = """
local abio = require "abio"
state = state or { lines = {} }
local driver = abio.driver()
"""


class Lua:
    """A Lua state that rides on the running loop."""

    def __init__(self) -> None:
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
        self.api.lua_close.argtypes = [pointer]
        self.state = self.api.luaL_newstate()
        self.api.luaL_openlibs(self.state)
        room = ROOT / "bindings/lua"
        self.run(
            f'package.path = "{room}/?.lua;{room}/?/init.lua"; '
            f'package.cpath = "{ROOT}/build/lua5.4/?.so"'
        )
        self.watched = int(self.run(PRELUDE + "return driver:fd()"))
        self.number = int(self.run(PRELUDE + "return driver.handle"))
        asyncio.get_running_loop().add_reader(self.watched, self.step)

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

    def step(self) -> None:
        self.run("require('abio').driver():step()")

    async def until(self, condition: str) -> None:
        """Returns when a Lua expression is true."""
        for _ in range(500):
            if self.run(f"return ({condition}) and 'yes' or ''"):
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"never: {condition}")

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.watched)
        self.run("require('abio').driver():close()")
        self.api.lua_close(self.state)


class Counting:
    """Lines from Python, one by one, and what was written to it."""

    def __init__(self) -> None:
        self.number = 0
        self.written = b""
        self.ended = self.closed = False

    async def read(self, n: int) -> bytes:
        await asyncio.sleep(0.001)
        self.number += 1
        return b"line %d from Python\n" % self.number if self.number <= 3 else b""

    async def write(self, data: bytes) -> int:
        await asyncio.sleep(0)
        self.written += data[:7]
        return min(7, len(data))

    async def write_eof(self) -> None:
        self.ended = True

    async def aclose(self) -> None:
        await asyncio.sleep(0)
        self.closed = True


LUA_READS = """
state.done = false
driver:spawn(function()
    local stream = assert(abio.from_handle(%d, true))
    for line in stream:lines("L") do
        state.lines[#state.lines + 1] = line
    end
    assert(stream:write("written by Lua"))
    assert(stream:flush())
    assert(stream:shutdown())
    assert(stream:close())
    state.done = true
end)
driver:step()
"""

LUA_IMPLEMENTS = """
local number = 0
local implementation = {}
function implementation:read(count)
    abio.sleep(0.001)
    number = number + 1
    if number > 3 then return nil end
    return ("line %d from Lua\\n"):format(number)
end
function implementation:write(bytes)
    state.written = (state.written or "") .. bytes:sub(1, 5)
    return math.min(5, #bytes)
end
function implementation:shutdown() state.ended = true return true end
function implementation:close() abio.sleep(0) state.closed = true return true end
return assert(driver:lend(implementation, NUMBER))
"""


@pytest.fixture(params=["uring", "epoll"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ABIO_BACKEND", request.param)
    from pathlib import Path

    monkeypatch.setenv("ABIO_LIBRARY", str(Path(abio.__file__).parent / "libabio.so.0"))
    if not MODULE.exists():
        pytest.skip("the C module of the Lua binding is not built")
    done = asyncio.run(_backend())
    if done != request.param:
        pytest.skip(f"no {request.param} here")
    return str(request.param)


async def _backend() -> str:
    return str(abio.info().backend)


def together(main: Any) -> None:
    async def whole() -> None:
        lua = Lua()
        try:
            await asyncio.wait_for(main(lua), 30)
        finally:
            lua.close()

    before = len(os.listdir("/proc/self/fd"))
    asyncio.run(whole())
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before
    from abio import _host

    assert not _host._cores


def test_both_have_the_same_copy_of_the_library(backend: str) -> None:
    async def main(lua: Lua) -> None:
        from abio import _library

        abi = _library.ffi.new("struct abio_abi *", {"size": _library.ffi.sizeof("struct abio_abi")})
        assert _library.lib.abio_abi_info(abi) == 0
        with open("/proc/self/maps") as maps:
            copies = {line.split()[-1] for line in maps if "libabio" in line}
        assert len(copies) == 1

    together(main)


def test_lua_reads_and_writes_what_python_implements(backend: str) -> None:
    async def main(lua: Lua) -> None:
        counting = Counting()
        number = abio.lend(counting, lua.number)
        lua.run(PRELUDE + LUA_READS % number)
        await lua.until("state.done")
        assert lua.run("return table.concat(state.lines)") == "".join(
            f"line {number} from Python\n" for number in (1, 2, 3)
        )
        assert counting.written == b"written by Lua" and counting.ended and counting.closed

    together(main)


def test_python_reads_and_writes_what_lua_implements(backend: str) -> None:
    async def main(lua: Lua) -> None:
        number = int(lua.run(PRELUDE + LUA_IMPLEMENTS.replace("NUMBER", str(abio.driver()))))
        async with abio.from_handle(number, take=True) as stream:
            lines = [line async for line in stream]
            assert lines == [b"line %d from Lua\n" % number for number in (1, 2, 3)]
            await stream.write(b"written by Python")
            await stream.write_eof()
            assert lua.run("return state.written") == "written by Python"
            assert lua.run("return tostring(state.ended)") == "true"
        assert lua.run("return tostring(state.closed)") == "true"

    together(main)


def test_a_stream_of_python_goes_to_lua_and_comes_back(backend: str) -> None:
    """A socket of Python's, used by Lua, whose stream is used by Python."""

    async def main(lua: Lua) -> None:
        import socket

        near, far = socket.socketpair()
        inner = abio.from_fd(far.detach())
        number = abio.lend(inner, lua.number)
        back = lua.run(PRELUDE + f"return driver:lend(abio.from_handle({number}, true), {abio.driver()})")
        async with abio.from_handle(int(back), take=True) as stream, abio.from_fd(near.detach()) as end:
            await stream.write(b"there")
            assert await end.readexactly(5) == b"there"
            await end.write(b"and back\n")
            assert await stream.readline() == b"and back\n"

    together(main)


def test_an_exception_on_one_side_is_an_error_on_the_other(backend: str) -> None:
    class Fails:
        async def read(self, n: int) -> bytes:
            raise OSError(28, "no space")

    async def main(lua: Lua) -> None:
        number = abio.lend(Fails(), lua.number)
        lua.run(PRELUDE + f"""
            driver:spawn(function()
                local stream = abio.from_handle({number}, true)
                local bytes, message, code = stream:read(10)
                state.failure = tostring(bytes) .. " " .. tostring(code)
                stream:close()
            end)
            driver:step()
        """)
        await lua.until("state.failure")
        assert lua.run("return state.failure") == "nil 28"
        number = int(lua.run(PRELUDE + f"""
            return driver:lend({{ try_read = function() error("in Lua") end }}, {abio.driver()})
        """))
        async with abio.from_handle(number, take=True) as stream:
            with pytest.raises(abio.ContractError):
                await stream.read(10)

    together(main)
