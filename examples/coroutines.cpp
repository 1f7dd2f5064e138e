/*
 * C++20 coroutines over abio, in a poll(2) loop of the program's own.
 *
 * Serves a file on a port of this machine, fetches it with several clients at once, counts its
 * lines, and reads from a stream whose code is C++ and which throws.  What is thin over the library
 * is in abio.hpp; it says what of it C++17 has.
 */
#include "abio.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iostream>
#include <vector>

using abio::awaited, abio::check, abio::task;

constexpr int clients = 4;
constexpr uint64_t to_the_end = UINT64_MAX;

/* ---- the server ------------------------------------------------------------------------------ */

static task serve_one(abio_driver driver, abio::io stream)
{
	abio::io reader = abio::buffered_reader(stream);
	abio::buffer line = abio::make_buffer(4096);

	co_await awaited(
		[&](uint64_t token) { return abio_read_line(reader.get(), line.get(), 0, token); });
	std::string name(abio::text(line));
	name.pop_back();
	abio::io file((co_await awaited([&](uint64_t token) {
			      return abio_open(driver, name.data(),
					       static_cast<uint32_t>(name.size()), nullptr, token);
		      })).handle);
	co_await awaited([&](uint64_t token) {
		return abio_copy(file.get(), stream.get(), to_the_end, 0, token);
	});
	co_await awaited([&](uint64_t token) { return abio_shutdown(stream.get(), 0, token); });
}

/* Until the listener is closed.  Connections go on by themselves: their clients see how they end.
 */
static task serve(abio_driver driver, abio::io listener)
{
	try {
		for (;;) {
			abio::io stream((co_await awaited([&](uint64_t token) {
						return abio_accept(listener.get(), 0, token);
					})).handle);
			serve_one(driver, std::move(stream));
		}
	} catch (const std::system_error &error) {
		if (error.code() != std::errc::operation_canceled)
			throw;
	}
}

/* ---- the client ------------------------------------------------------------------------------ */

static task fetch(abio_driver driver, const abio_address &from, std::string name, std::string &into)
{
	std::string request = std::move(name) + "\n";
	std::vector<char> chunk(65536);
	int64_t count;

	abio::io stream((co_await awaited([&](uint64_t token) {
				return abio_connect(driver, &from, nullptr, token);
			})).handle);
	co_await awaited([&](uint64_t token) {
		return abio_write_all(stream.get(), request.data(),
				      static_cast<uint32_t>(request.size()), 0, token);
	});
	do {
		abio_event event = co_await awaited([&](uint64_t token) {
			return abio_read(stream.get(), chunk.data(),
					 static_cast<uint32_t>(chunk.size()), 0, token);
		});
		count = event.result;
		into.append(chunk.data(), static_cast<size_t>(count));
	} while (count > 0);
}

static task count_lines(const abio::io &stream, unsigned int &lines)
{
	abio::io reader = abio::buffered_reader(stream);
	abio::buffer line = abio::make_buffer(1 << 20);

	for (;;) {
		abio_event event = co_await awaited([&](uint64_t token) {
			return abio_read_line(reader.get(), line.get(), 0, token);
		});
		if (event.result == 0)
			co_return;
		lines++;
		check(abio_buffer_set(line.get(), 0, 0));
	}
}

/* Waits for each, so that what they refer to may go; then throws what the first of them threw. */
static task all(std::vector<task> tasks)
{
	std::exception_ptr first;

	for (task &one : tasks) {
		try {
			co_await one;
		} catch (...) {
			if (!first)
				first = std::current_exception();
		}
	}
	if (first)
		std::rethrow_exception(first);
}

/* ---- a stream of the program's own -------------------------------------------------------------
 */

/* Three lines, then an exception.  The library tells by an event when it lets go of it. */
class source final : abio::operation
{
	int left = 3;

	void ended(const abio_event &) override
	{
		delete this;
	}
	int32_t read(char *data, uint32_t length)
	{
		const std::string line = "a line\n";

		if (left-- == 0)
			throw std::system_error(EIO, std::generic_category());
		length = std::min(length, static_cast<uint32_t>(line.size()));
		std::memcpy(data, line.data(), length);
		return static_cast<int32_t>(length);
	}
	static int32_t try_read(void *user, void *data, uint32_t length) noexcept
	{
		return abio::guarded([&] {
			return static_cast<source *>(user)->read(static_cast<char *>(data), length);
		});
	}

      public:
	static abio::io make(abio_driver driver)
	{
		abio_read_impl impl = {};
		const std::array<const abio_table_head *, 1> impls = { &impl.head };
		source *made = new source;
		abio::io io;

		impl.head.size = sizeof(impl);
		impl.head.trait = ABIO_TRAIT_READ;
		impl.try_read = try_read;
		int32_t code = abio_object_create(driver, impls.data(), impls.size(), made,
						  made->token(), io.out());
		if (code < 0)
			delete made;
		check(code);
		return io;
	}
};

/* ---- the program ----------------------------------------------------------------------------- */

static task program(abio_driver driver, std::string name)
{
	std::array<std::string, clients> fetched;
	abio_address address = {};
	abio_io_info info = {};
	abio::io listener;
	unsigned int lines = 0;

	address.size = sizeof(address);
	address.family = ABIO_FAMILY_IPV4;
	address.length = 4;
	address.data[0] = 127;
	address.data[3] = 1;
	info.size = sizeof(info);
	check(abio_listen(driver, &address, nullptr, listener.out()));
	check(abio_info(listener.get(), &info));
	info.local.size = sizeof(info.local);

	abio_io door = listener.get();
	task server = serve(driver, std::move(listener));
	std::vector<task> fetching;
	for (std::string &into : fetched)
		fetching.push_back(fetch(driver, info.local, name, into));
	co_await all(std::move(fetching));
	co_await awaited([&](uint64_t token) { return abio_close(door, 0, token); });
	co_await server;

	abio::io file((co_await awaited([&](uint64_t token) {
			      return abio_open(driver, name.data(),
					       static_cast<uint32_t>(name.size()), nullptr, token);
		      })).handle);
	co_await count_lines(file, lines);
	bool same = std::all_of(fetched.begin(), fetched.end(),
				[&](const std::string &one) { return one == fetched[0]; });
	std::cout << clients << " clients fetched " << fetched[0].size() << " bytes"
		  << (same ? "" : ", and not the same") << ", " << lines << " lines\n";

	abio::io own = source::make(driver);
	lines = 0;
	try {
		co_await count_lines(own, lines);
	} catch (const std::system_error &error) {
		std::cout << "after " << lines << " lines the source threw: "
			  << error.code().default_error_condition().message() << "\n";
	}
}

int main(int count, char **arguments)
{
	if (count != 2) {
		std::cerr << "usage: " << arguments[0] << " FILE\n";
		return 2;
	}
	try {
		abio::driver driver;
		task running = program(driver.get(), arguments[1]);

		while (!running.done()) {
			pollfd watched = { driver.fd(), POLLIN, 0 };

			if (poll(&watched, 1, -1) > 0)
				driver.poll();
		}
		running.await_resume();
	} catch (const std::exception &error) {
		std::cerr << error.what() << "\n";
		return 1;
	}
}
