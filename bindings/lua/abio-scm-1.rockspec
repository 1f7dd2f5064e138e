-- Run in the top folder of the source tree: luarocks make bindings/lua/abio-scm-1.rockspec
-- The shared library itself is not part of the rock: it is found at load (see README.md).
-- The C module needs libffi with its header where the compiler looks by itself, as most systems have
-- it: LuaRocks would miss those of Debian, which lie in a folder for the machine.
-- LuaJIT also does without the C module: install the Lua files, with abio.cdef and constants.lua
-- beside them.
rockspec_format = "3.0"
package = "abio"
version = "scm-1"
source = { url = "file://." }
description = {
	summary = "Asynchronous files and sockets over io_uring and epoll",
	detailed = "Coroutines on libabio, with a scheduler of its own or inside the loop of a host.",
	license = "MIT",
}
dependencies = { "lua >= 5.1, < 5.5" }
build = {
	type = "builtin",
	modules = {
		["abio.core"] = {
			sources = {
				"bindings/lua/src/call.c", "bindings/lua/src/core.c", "bindings/lua/src/host.c",
			},
			incdirs = { "abi/generated" },
			libraries = { "ffi" },
		},
		["abio"] = "bindings/lua/abio/init.lua",
		["abio.adapters"] = "bindings/lua/abio/adapters.lua",
		["abio.address"] = "bindings/lua/abio/address.lua",
		["abio.await"] = "bindings/lua/abio/await.lua",
		["abio.blocks"] = "bindings/lua/abio/blocks.lua",
		["abio.buffer"] = "bindings/lua/abio/buffer.lua",
		["abio.constants"] = "abi/generated/constants.lua",
		["abio.datagram"] = "bindings/lua/abio/datagram.lua",
		["abio.driver"] = "bindings/lua/abio/driver.lua",
		["abio.errors"] = "bindings/lua/abio/errors.lua",
		["abio.file"] = "bindings/lua/abio/file.lua",
		["abio.generated"] = "bindings/lua/abio/generated.lua",
		["abio.guest"] = "bindings/lua/abio/guest.lua",
		["abio.native"] = "bindings/lua/abio/native.lua",
		["abio.object"] = "bindings/lua/abio/object.lua",
		["abio.open"] = "bindings/lua/abio/open.lua",
		["abio.puller"] = "bindings/lua/abio/puller.lua",
		["abio.reader"] = "bindings/lua/abio/reader.lua",
		["abio.receiver"] = "bindings/lua/abio/receiver.lua",
		["abio.stream"] = "bindings/lua/abio/stream.lua",
		["abio.task"] = "bindings/lua/abio/task.lua",
	},
}
test = {
	type = "command",
	script = "bindings/lua/tests/run.lua",
}
