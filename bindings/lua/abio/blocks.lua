-- blocks.lua: memory that reads fill, kept by each driver for the next one.
--
-- A block is a power of two from 64 KiB to 1 MiB long.  Whoever takes one gives it back when the
-- operation that fills it has ended, never before.

local core = require("abio.native").core

local BLOCK = 65536
local BLOCK_MAX = 1048576
local POOL_MAX = 16

-- The size of the block for `count` bytes; larger reads are made in steps.
local function size_for(count)
	local size = BLOCK
	while size < count and size < BLOCK_MAX do
		size = size * 2
	end
	return size
end

local function take(driver, size)
	local blocks = driver.blocks
	if not blocks then
		blocks = {}
		driver.blocks = blocks
	end
	local list = blocks[size]
	if list and #list > 0 then
		return table.remove(list)
	end
	return core.memory(size)
end

local function give(driver, size, block)
	local list = driver.blocks[size]
	if not list then
		list = {}
		driver.blocks[size] = list
	end
	if #list < POOL_MAX then
		list[#list + 1] = block
	end
end

return { BLOCK = BLOCK, BLOCK_MAX = BLOCK_MAX, size_for = size_for, take = take, give = give }
