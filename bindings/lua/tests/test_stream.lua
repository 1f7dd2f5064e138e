-- test_stream.lua: sockets and pipes: formats, flow control, ends, errors, cancellation.

local harness = require("harness")
local abio = require("abio")

local test, equal, raises, fails, ok = harness.test, harness.equal, harness.raises, harness.fails, harness.ok
local codes = abio.codes
local MEGA = 1048576
-- The mark where a stream is paused, and what one poll may have delivered before it is.
local BUFFERED_MAX = 6 * MEGA

-- Both ends of a TCP connection.
local function connection()
	local listener = ok(abio.listen("127.0.0.1", 0))
	local _, port = listener:local_address()
	local client = ok(abio.connect("127.0.0.1", port))
	local server = ok(listener:accept())
	listener:close()
	return client, server
end

test("connect, accept, addresses, echo", function()
	local listener = ok(abio.listen("127.0.0.1", 0))
	equal(abio.type(listener), "listener")
	local host, port = listener:local_address()
	equal(host, "127.0.0.1")
	ok(port > 0)
	abio.run(function()
		local server = abio.spawn(function()
			local stream = ok(listener:accept())
			harness.each(function(line)
				ok(stream:write(line))
			end, stream:lines("L"))
			stream:close()
		end)
		local client = ok(abio.connect("127.0.0.1", port))
		equal(select(2, client:peer_address()), port)
		equal(client:local_address(), "127.0.0.1")
		equal(client:write("a\n", 1, "\n"), client)
		equal(client:read("l"), "a")
		equal(client:read("n"), 1)
		equal(client:close_write(), client)
		equal(client:read("a"), "\n")
		equal(client:read("l"), nil)
		client:close()
		server:join()
	end)
	listener:close()
	equal(abio.type(listener), "closed listener")
end)

test("Unix sockets, by path and by abstract name", function()
	for _, path in ipairs({ harness.path("socket"), "\0abio-test-" .. tostring({}) }) do
		local listener = ok(abio.listen_unix(path))
		equal(listener:local_address(), path)
		local client = ok(abio.connect_unix(path))
		local server = ok(listener:accept())
		client:write("ping")
		equal(server:read(4), "ping")
		server:write("pong")
		server:close()
		equal(client:read("a"), "pong")
		client:close()
		listener:close()
	end
	os.remove(harness.path("socket"))
end)

test("names are resolved", function()
	local listener = ok(abio.listen("localhost", 0))
	local _, port = listener:local_address()
	local client = ok(abio.connect("localhost", port))
	client:close()
	listener:close()
	fails(codes.NAME_NOT_FOUND, abio.connect("name.invalid", 1))
end)

test("a pipe", function()
	local input, output = abio.pipe()
	equal(output:write("through the pipe\nrest"), output)
	equal(input:read("l"), "through the pipe")
	output:close()
	equal(input:read("a"), "rest")
	input:close()
end)

test("read_some and read_until on what arrives", function()
	local client, server = connection()
	client:write("HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody")
	equal(server:read_until("\r\n\r\n"), "HTTP/1.1 200 OK\r\nA: b\r\n\r\n")
	equal(server:read_some(2), "bo")
	equal(server:read_some(), "dy")
	client:close()
	equal(server:read_some(), nil)
	equal(server:read_until("x"), nil)
	server:close()
end)

test("64 MiB each way at once, with slow readers", function()
	local client, server = connection()
	local chunk = harness.pattern(MEGA)
	local count = 64
	local function send(stream)
		for _ = 1, count do
			equal(stream:write(chunk), stream)
		end
		equal(stream:close_write(), stream)
	end
	-- Pauses between reads, so that the stream's mark and the sender's are reached again and again.
	local function receive(stream)
		local total = 0
		while true do
			local text = stream:read(MEGA)
			if not text then
				return total
			end
			total = total + #text
			ok(text == chunk, "content differs")
			ok(stream.buffer.size <= BUFFERED_MAX, "too much is buffered: " .. stream.buffer.size)
			for _ = 1, 10 do
				abio.pause()
			end
		end
	end
	abio.run(function()
		abio.spawn(send, client)
		abio.spawn(send, server)
		local one, two = abio.spawn(receive, client), abio.spawn(receive, server)
		equal(select(2, one:join()), count * MEGA)
		equal(select(2, two:join()), count * MEGA)
	end)
	client:close()
	server:close()
end)

test("a reader that stops makes the writer wait", function()
	local client, server = connection()
	abio.run(function()
		server:write("x")
		equal(client:read(1), "x")
		local taken = 0
		local writer = abio.spawn(function()
			for _ = 1, 64 do
				ok(server:write(("y"):rep(MEGA)))
				taken = taken + 1
			end
		end)
		abio.sleep(0.2)
		ok(taken < 64, "nothing held the writer back")
		ok(client.buffer.size <= BUFFERED_MAX, "too much is buffered: " .. client.buffer.size)
		local count = 0
		while count < 64 * MEGA do
			count = count + #client:read_some()
		end
		writer:join()
	end)
	client:close()
	server:close()
end)

test("writers in several tasks do not tear each other's writes", function()
	local client, server = connection()
	abio.run(function()
		for index = 1, 8 do
			abio.spawn(function()
				for _ = 1, 4 do
					ok(client:write(string.char(64 + index):rep(300000), "\n"))
				end
			end)
		end
		for _ = 1, 32 do
			local line = server:read("l")
			equal(#line, 300000)
			equal(line, line:sub(1, 1):rep(300000))
			abio.pause()
		end
	end)
	client:close()
	server:close()
end)

test("half closed: one side ends, the other goes on", function()
	local client, server = connection()
	client:write("request")
	equal(client:shutdown("send"), client)
	equal(server:read("a"), "request")
	server:write("answer")
	equal(client:read(6), "answer")
	-- A write only hands over; its failure sticks and is told by the next.
	local taken, message = client:write("more")
	ok(taken == client, message)
	fails(32, client:flush())
	fails(32, client:write("more"))
	raises("'send' expected", client.shutdown, client, "both")
	server:close()
	equal(client:read(1), nil)
	client:close()
end)

test("a refused connection", function()
	local listener = ok(abio.listen("127.0.0.1", 0))
	local _, port = listener:local_address()
	listener:close()
	local stream, message, number = abio.connect("127.0.0.1", port)
	equal(stream, nil)
	equal(message, ("connect 127.0.0.1:%d: Connection refused"):format(port))
	equal(number, 111)
	fails(2, abio.connect_unix(harness.path("nobody")))
	listener = ok(abio.listen("127.0.0.1", 0))
	_, port = listener:local_address()
	fails(98, abio.listen("127.0.0.1", port))
	listener:close()
end)

test("a peer that dies: an error or the end, then writing fails", function()
	local client, server = connection()
	server:write("unread")
	client:write("unread")
	abio.sleep(0.05)
	client:close()
	local text, message = server:read("a")
	ok(text == "unread" or message, "neither data nor an error")
	local result, _, number
	for _ = 1, 100 do
		result, _, number = server:write("x")
		if not result then
			break
		end
		abio.sleep(0.01)
	end
	ok(number == 32 or number == 104, "errno " .. tostring(number))
	server:close()
end)

test("closing ends those who wait", function()
	local client, server = connection()
	local listener = ok(abio.listen("127.0.0.1", 0))
	abio.run(function()
		local reader = abio.spawn(function()
			return client:read(10)
		end)
		local acceptor = abio.spawn(function()
			return listener:accept()
		end)
		local writer = abio.spawn(function()
			return client:write(("z"):rep(32 * MEGA))
		end)
		abio.sleep(0.02)
		client:settimeout(0.05)
		client:close()
		listener:close()
		fails(codes.CLOSED, select(2, reader:join()))
		fails(codes.CLOSED, select(2, acceptor:join()))
		local _, result, _, number, count = writer:join()
		equal(result, nil)
		equal(number, codes.CLOSED)
		ok(count > 0 and count < 32 * MEGA, "taken " .. tostring(count))
	end)
	raises("closed abio.stream", client.read, client)
	raises("closed abio.stream", client.write, client, "x")
	raises("closed abio.listener", listener.accept, listener)
	server:close()
end)

test("a second reader is misuse", function()
	local client, server = connection()
	abio.run(function()
		local reader = abio.spawn(function()
			return client:read("l")
		end)
		abio.pause()
		raises("already reading", client.read, client)
		raises("already reading", client.read_some, client)
		raises("already reading", client.read_until, client, "x")
		server:write("line\n")
		equal(select(2, reader:join()), "line")
	end)
	raises("string expected", client.write, client, {})
	raises("bad argument #2", client.write, client, "x", true)
	raises("abio.stream expected", client.read, 5)
	raises("non%-empty string", client.read_until, client, "")
	raises("positive count", client.read_some, client, 0)
	raises("port expected", abio.connect, "127.0.0.1", 70000)
	raises("port expected", abio.connect, "127.0.0.1", "http")
	raises("string expected", abio.connect, nil, 1)
	client:close()
	server:close()
end)

test("a cancelled read loses no byte", function()
	local client, server = connection()
	abio.run(function()
		for round = 1, 50 do
			local reader = abio.spawn(function()
				return client:read(6)
			end)
			server:write("abc")
			for _ = 1, round % 5 do
				abio.pause()
			end
			reader:cancel()
			fails(codes.CANCELED, select(2, reader:join()))
			server:write("def")
			equal(client:read(6), "abcdef")
		end
	end)
	client:close()
	server:close()
end)

test("timeouts say so, and the stream goes on", function()
	local client, server = connection()
	local listener = ok(abio.listen("127.0.0.1", 0))
	equal(client:settimeout(0.02), client)
	server:write("ab")
	fails(110, client:read(3))
	server:write("c")
	equal(client:read(3), "abc")
	listener:settimeout(0.02)
	fails(110, listener:accept())
	server:settimeout(0.05)
	local result, _, number, taken = server:write(("x"):rep(64 * MEGA))
	equal(result, nil)
	equal(number, 110)
	ok(taken > 0 and taken < 64 * MEGA)
	client:settimeout(nil)
	raises("seconds expected", client.settimeout, client, "1")
	client:close()
	server:close()
	listener:close()
end)

test("adopt and detach: descriptors come and go with what was read", function()
	local helper = harness.helper()
	local one, two = helper.pair()
	local first, second = ok(abio.adopt(one)), ok(abio.adopt(two, true))
	equal(abio.type(first), "stream")
	helper.close(two)
	first:write("line\nrest")
	equal(second:read("l"), "line")
	local fd, rest = second:detach()
	equal(rest, "rest")
	equal(abio.type(second), "closed stream")
	second = ok(abio.adopt(fd))
	first:write("again")
	equal(second:read(5), "again")
	second:close()
	equal(first:read(1), nil)
	first:close()
	fails(9, abio.adopt(9999))
	raises("descriptor expected", abio.adopt, "x")
end)

test("500 connections, each with a task at both ends", function()
	local listener = ok(abio.listen("127.0.0.1", 0))
	local _, port = listener:local_address()
	local done = 0
	abio.run(function()
		local acceptor = abio.spawn(function()
			while true do
				local stream = listener:accept()
				if not stream then
					return
				end
				abio.spawn(function()
					harness.each(function(line)
						stream:write(line)
					end, stream:lines("L"))
					stream:close()
				end)
			end
		end)
		local tasks = {}
		for index = 1, 500 do
			tasks[index] = abio.spawn(function()
				local stream = ok(abio.connect("127.0.0.1", port))
				for round = 1, 5 do
					local line = ("task %d round %d"):format(index, round)
					stream:write(line, "\n")
					equal(stream:read("l"), line)
				end
				stream:close()
				done = done + 1
			end)
		end
		for _, task in ipairs(tasks) do
			task:join()
		end
		acceptor:cancel()
	end)
	equal(done, 500)
	listener:close()
end)
