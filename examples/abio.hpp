/*
 * abio.h for C++: handles that release themselves, errors that are thrown, and, with C++20, start
 * functions that are awaited.  Copy it into a program and change it: it is an example, not an API.
 *
 * C++17 has everything but the last part: `handle`, `check`, `driver`, and an `operation` whose
 * `ended` is called when its event has come.
 *
 * An operation's address is its token, so an operation may be neither moved nor destroyed before
 * its event has come; the same is true of memory that it was lent.  A coroutine's frame holds both,
 * and is still there, because a suspended `task` is never destroyed: it runs to its end, which
 * always comes, as every operation ends, at the latest when the driver shuts down.
 */
#ifndef EXAMPLES_ABIO_HPP
#define EXAMPLES_ABIO_HPP

#include <abio.h>

#include <cerrno>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#if __has_include(<coroutine>) && defined(__cpp_impl_coroutine)
#include <coroutine>
#include <exception>
#define ABIO_COROUTINES
#endif

namespace abio
{

/* ---- errors ---------------------------------------------------------------------------------- */

/* A code of the library; e.code() == std::errc::connection_refused works, as codes know errno. */
class error_category final : public std::error_category
{
	const char *name() const noexcept override
	{
		return "abio";
	}
	std::string message(int code) const override
	{
		return abio_error_text(code);
	}
	std::error_condition default_error_condition(int code) const noexcept override
	{
		if (code == ABIO_E_CANCELED)
			return std::errc::operation_canceled;
		if (code < 0 && code > ABIO_WOULD_BLOCK)
			return { -code, std::generic_category() };
		return { code, *this };
	}
};

inline const std::error_category &errors()
{
	static const error_category category;
	return category;
}

inline int64_t check(int64_t result)
{
	if (result < 0)
		throw std::system_error(static_cast<int>(result), errors());
	return result;
}

/*
 * The body of a slot that the program implements.  C called it, so nothing may be thrown through
 * it: the exception becomes a code here, and whoever reads gets it thrown again.
 */
template <typename Body> int32_t guarded(Body &&body) noexcept
{
	try {
		return body();
	} catch (const std::system_error &error) {
		int code = error.code().value();

		return error.code().category() == errors() ? code : code > 0 ? -code : ABIO_E_HOST;
	} catch (const std::bad_alloc &) {
		return -ENOMEM;
	} catch (...) {
		return ABIO_E_HOST;
	}
}

/* ---- handles --------------------------------------------------------------------------------- */

/* One reference.  Released by whichever thread destroys it; 0 is none. */
template <int32_t (*Release)(uint64_t)> class handle
{
	uint64_t id = 0;

      public:
	handle() = default;
	explicit handle(uint64_t owned) noexcept : id(owned)
	{
	}
	handle(handle &&other) noexcept : id(std::exchange(other.id, 0))
	{
	}
	handle &operator=(handle &&other) noexcept
	{
		std::swap(id, other.id);
		return *this;
	}
	~handle()
	{
		if (id)
			Release(id);
	}
	uint64_t get() const noexcept
	{
		return id;
	}
	/* Where a function stores a handle. */
	uint64_t *out() noexcept
	{
		*this = handle();
		return &id;
	}
};

using io = handle<abio_release>;
using buffer = handle<abio_buffer_release>;

inline buffer make_buffer(uint32_t capacity)
{
	buffer made;

	check(abio_buffer_alloc(capacity, 0, 0, made.out()));
	return made;
}

inline io buffered_reader(const io &inner)
{
	io reader;

	check(abio_buf_reader(inner.get(), 0, 0, reader.out()));
	return reader;
}

inline std::string_view text(const buffer &from)
{
	abio_buffer_state state = {};

	state.size = sizeof(state);
	check(abio_buffer_info(from.get(), &state));
	return { static_cast<const char *>(state.data), state.filled };
}

/* ---- the driver ------------------------------------------------------------------------------ */

class operation
{
      public:
	operation() = default;
	operation(const operation &) = delete;
	operation &operator=(const operation &) = delete;
	virtual void ended(const abio_event &event) = 0;
	uint64_t token() const noexcept
	{
		return reinterpret_cast<uintptr_t>(this);
	}

      protected:
	~operation() = default;
};

class driver
{
	abio_driver id = 0;

	void deliver(const abio_event *events, int64_t count)
	{
		for (int64_t i = 0; i < count; i++)
			if (events[i].token && !(events[i].flags & ABIO_EVENT_MORE))
				reinterpret_cast<operation *>(
					static_cast<uintptr_t>(events[i].token))
					->ended(events[i]);
	}

      public:
	explicit driver(const abio_driver_options *options = nullptr)
	{
		check(abio_driver_create(options, &id));
	}
	driver(const driver &) = delete;
	driver &operator=(const driver &) = delete;
	/* Everything in flight ends, and is told so, before the driver is gone. */
	~driver()
	{
		abio_event event;

		abio_driver_shutdown(id);
		while (abio_driver_close(id) == ABIO_E_BUSY)
			deliver(&event, abio_driver_wait(id, &event, sizeof(event), 1, -1));
	}
	abio_driver get() const noexcept
	{
		return id;
	}
	/* What a loop watches for reading. */
	int fd() const
	{
		return static_cast<int>(check(abio_driver_fd(id)));
	}
	/* What a loop calls when it is readable.  The last poll, which gives none, makes it quiet.
	 */
	void poll()
	{
		abio_event events[64];
		int64_t count;

		do {
			count = check(abio_driver_poll(id, events, sizeof(*events), 64));
			deliver(events, count);
		} while (count > 0);
	}
};

#ifdef ABIO_COROUTINES

/* ---- coroutines ------------------------------------------------------------------------------ */

/* co_await of a start function: the event, or what went wrong, thrown. */
template <typename Start> class awaited final : operation
{
	Start start;
	abio_event event = {};
	std::coroutine_handle<> waiting;

	void ended(const abio_event &came) override
	{
		event = came;
		waiting.resume();
	}

      public:
	explicit awaited(Start call) : start(std::move(call))
	{
	}
	bool await_ready() const noexcept
	{
		return false;
	}
	bool await_suspend(std::coroutine_handle<> coroutine)
	{
		waiting = coroutine;
		event.result = start(token());
		return event.result >= 0; /* a start that is refused has no event */
	}
	abio_event await_resume() const
	{
		check(event.result);
		return event;
	}
};

/*
 * A coroutine that has begun.  Whoever awaits it gets its exception.  One whose task is destroyed
 * goes on by itself, and nobody hears how it ended.  As every coroutine it must take what it needs
 * by value, or by reference to what outlives it.
 */
class task
{
      public:
	struct promise_type {
		std::coroutine_handle<> waiting = std::noop_coroutine();
		std::exception_ptr error;
		bool held = true;

		struct last : std::suspend_always {
			using handle = std::coroutine_handle<promise_type>;
			std::coroutine_handle<> await_suspend(handle ended) const noexcept
			{
				promise_type &promise = ended.promise();
				std::coroutine_handle<> next = promise.waiting;

				if (!promise.held)
					ended.destroy();
				return next;
			}
		};
		task get_return_object()
		{
			return task(std::coroutine_handle<promise_type>::from_promise(*this));
		}
		std::suspend_never initial_suspend() const noexcept
		{
			return {};
		}
		last final_suspend() const noexcept
		{
			return {};
		}
		void return_void() const noexcept
		{
		}
		void unhandled_exception() noexcept
		{
			error = std::current_exception();
		}
	};

	task(task &&other) noexcept : coroutine(std::exchange(other.coroutine, nullptr))
	{
	}
	~task()
	{
		if (coroutine && done())
			coroutine.destroy();
		else if (coroutine)
			coroutine.promise().held = false;
	}
	bool done() const noexcept
	{
		return coroutine.done();
	}
	bool await_ready() const noexcept
	{
		return done();
	}
	void await_suspend(std::coroutine_handle<> waiting) noexcept
	{
		coroutine.promise().waiting = waiting;
	}
	void await_resume() const
	{
		if (coroutine.promise().error)
			std::rethrow_exception(coroutine.promise().error);
	}

      private:
	explicit task(std::coroutine_handle<promise_type> begun) : coroutine(begun)
	{
	}
	std::coroutine_handle<promise_type> coroutine;
};

#endif

} // namespace abio

#endif
