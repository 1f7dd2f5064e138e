"""Python and Lua in one process and thread, on one driver: each uses by its number what the other
implements.  Python polls, under asyncio; Lua works as a guest (bindings/lua/abio/guest.lua)."""
from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from snippets import ROOT

lupa = pytest.importorskip("lupa")
# Its Lua has to be found by what Lua loads.
with lupa.allow_lua_module_loading():
    from lupa import lua54  # noqa: E402

import abio  # noqa: E402
from abio._asyncio import current  # noqa: E402
from abio._library import lib  # noqa: E402

CORE = ROOT / "build/lua5.4/abio/core.so"
SECONDS = 20


class LuaOperation:
    """The slot of a token that Lua was given: its events go to Lua as they are."""

    waiter = None
    direct = 0

    def __init__(self, deliver: Callable[..., None]) -> None:
        self.deliver = deliver
        self.token = 0

    def event(self, result: int, progress: int, handle: int, data: int, flags: int) -> None:
        self.deliver(self.token, result, progress, handle, data, flags)

    def piece(self, _data: bytes) -> None:
        raise AssertionError("a guest of this test receives nothing by pieces")


def make_lua() -> Any:
    if not CORE.exists():
        pytest.skip("the Lua module is not built")
    lua = lua54.LuaRuntime(encoding="latin-1", unpack_returned_tuples=True)
    lua.execute(
        f"""
        package.path = "{ROOT}/bindings/lua/?.lua;{ROOT}/bindings/lua/?/init.lua;" .. package.path
        package.cpath = "{ROOT}/build/lua5.4/?.so;" .. package.cpath
        abio = require("abio")
        """
    )
    return lua


def attach(lua: Any) -> Any:
    """Lua's `guest`: a driver over the running loop's."""
    driver, loop = current(), asyncio.get_running_loop()

    def enter() -> int:
        operation = LuaOperation(deliver)
        operation.token = driver.enter(operation)
        return operation.token

    host = lua.table_from(
        {"enter": enter, "leave": driver.leave, "schedule": lambda: loop.call_soon(run_soon)}
    )
    lua.globals()["guest"] = lua.eval("abio.attach")(driver.handle, host)
    deliver, run_soon = lua.eval("guest.deliver"), lua.eval("guest.run_soon")
    return lua


async def task(lua: Any, body: str, *arguments: Any) -> Any:
    """Runs the body of a Lua function as a task of the guest and waits for what it returns."""
    done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    lua.execute(
        """
        function start(done, fn, ...)
            guest:spawn(function(...)
                done(pcall(fn, ...))
            end, ...)
        end
        """
    )

    def finish(ok: bool, *values: Any) -> None:
        if ok:
            done.set_result(values[0] if len(values) == 1 else values)
        else:
            done.set_exception(RuntimeError(str(values[0])))

    lua.globals()["start"](finish, lua.eval(f"function(...) {body} end"), *arguments)
    return await asyncio.wait_for(done, SECONDS)


def run(main: Callable[[Any], Any]) -> None:
    async def whole() -> None:
        current()  # loads the library before Lua looks for it
        await main(attach(make_lua()))

    asyncio.run(whole())


def test_both_have_one_copy_of_the_library() -> None:
    async def main(lua: Any) -> None:
        from abio._library import ffi

        info = ffi.new("struct abio_abi *", {"size": ffi.sizeof("struct abio_abi")})
        lib.abio_abi_info(info)
        assert lua.eval('require("abio.native").instance') == f"{info.instance:016x}"
        assert "guest" in lua.eval("tostring(guest)")

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
    async def main(lua: Any) -> None:
        stream = abio.Stream.from_object(Upper())
        got = await task(
            lua,
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
        assert got == ("HELLO", "FROM LUA\n", "X", None)
        await stream.aclose()

    run(main)


def test_an_exception_of_python_is_an_error_in_lua() -> None:
    class Broken:
        async def read(self, _limit: int) -> bytes:
            raise ConnectionResetError(104, "gone")

    async def main(lua: Any) -> None:
        stream = abio.Stream.from_object(Broken())
        value, message, code = await task(
            lua, "return guest:from_handle(...):read(1)", stream.handle
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
    async def main(lua: Any) -> None:
        handle = await task(lua, IMPLEMENTED % names)
        stream = abio.Stream.from_handle(int(handle))
        await stream.write(b"olleh")
        assert await asyncio.wait_for(stream.readexactly(5), SECONDS) == b"hello"
        reader = asyncio.create_task(stream.read(100))
        await asyncio.sleep(0.002)
        await stream.write(b"kcab")
        assert await asyncio.wait_for(reader, SECONDS) == b"back"
        await stream.aclose()
        lua.execute("kept = nil collectgarbage()")

    run(main)


def test_an_error_of_lua_is_an_exception_in_python() -> None:
    async def main(lua: Any) -> None:
        handle = await task(
            lua,
            """
            kept = guest:object({ try_read = function() error("boom") end })
            return kept.handle
            """,
        )
        stream = abio.Stream.from_handle(int(handle))
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

    async def main(lua: Any) -> None:
        stream = abio.Stream.from_object(Source())
        total, other = await task(
            lua,
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
    async def main(lua: Any) -> None:
        for what in ("step", "run", "close"):
            with pytest.raises(lua54.LuaError, match="another language polls"):
                lua.eval(f"guest:{what}(print)")
        with pytest.raises(lua54.LuaError, match="outside of a task"):
            lua.eval("guest:sleep(0)")

    run(main)


def test_a_task_of_lua_is_cancelled_and_others_go_on() -> None:
    async def main(lua: Any) -> None:
        code, value = await task(
            lua,
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
