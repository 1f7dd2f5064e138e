"""C++ over abio.h: examples/abio.hpp as C++17, examples/coroutines.cpp as C++20, on each backend."""
from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from snippets import ROOT

SECONDS = 60
WARN = "-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror".split()
# Before clang 15 the language is there, and only the macro that says so is not.
MACRO = "-D__cpp_impl_coroutine=201902L"
SANITIZE = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
TEXTS = {
    "nothing": (b"", 0),
    "lines": (b"".join(b"line %d\n" % number for number in range(50_000)), 50_000),
    "no end of the last line": (b"one\n" + b"x" * 300_000, 2),
}


def build(compiler: list[str], source: Path, out: Path) -> Path:
    subprocess.run(
        [*compiler, "-O1", *WARN, "-Iabi/generated", "-Iexamples", str(source)]
        + ["-o", str(out), "-Lbuild/lib", "-labio", f"-Wl,-rpath,{ROOT}/build/lib"],
        cwd=ROOT,
        check=True,
    )
    return out


def knows_coroutines(compiler: str) -> bool:
    asked = subprocess.run(
        [compiler, "-std=c++20", "-dM", "-E", "-x", "c++", "/dev/null"],
        capture_output=True,
        text=True,
        check=True,
    )
    return "__cpp_impl_coroutine" in asked.stdout


def run(program: Path, backend: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ABIO_BACKEND": backend}
    if backend == "auto":
        del environment["ABIO_BACKEND"]
    return subprocess.run(
        [program, *arguments], env=environment, capture_output=True, text=True, timeout=SECONDS
    )


@pytest.fixture(scope="module", params=["g++", "clang++", "g++ with sanitizers"])
def coroutines(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name, *sanitized = request.param.split(" ", 1)
    compiler = [name, "-std=c++20", *(SANITIZE if sanitized else [])]
    if not knows_coroutines(name):
        compiler.append(MACRO)
    out = tmp_path_factory.mktemp("cpp") / "coroutines"
    return build(compiler, ROOT / "examples/coroutines.cpp", out)


@pytest.mark.parametrize("backend", ["auto", "epoll"])
@pytest.mark.parametrize("name", TEXTS)
def test_a_file_is_served_fetched_and_counted(
    coroutines: Path, name: str, backend: str, tmp_path: Path
) -> None:
    text, lines = TEXTS[name]
    path = tmp_path / "text"
    path.write_bytes(text)
    done = run(coroutines, backend, str(path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"4 clients fetched {len(text)} bytes, {lines} lines",
        "after 3 lines the source threw: Input/output error",
    ]


@pytest.mark.parametrize("backend", ["auto", "epoll"])
def test_an_exception_says_what_went_wrong(
    coroutines: Path, backend: str, tmp_path: Path
) -> None:
    done = run(coroutines, backend, str(tmp_path / "missing"))
    assert (done.returncode, done.stderr) == (1, "No such file or directory\n")
    done = run(coroutines, backend, str(tmp_path))
    assert (done.returncode, done.stderr) == (1, "Is a directory\n")


CPP17 = r"""
#include "abio.hpp"
#include <cassert>
#include <cstdio>
#include <cstring>
#ifdef ABIO_COROUTINES
#error "this is to be C++17"
#endif

struct reading final : abio::operation {
	abio_event came = {};
	void ended(const abio_event &event) override { came = event; }
};

static abio_read_impl throws(int32_t (*slot)(void *, void *, uint32_t))
{
	abio_read_impl impl = {};
	impl.head.size = sizeof(impl);
	impl.head.trait = ABIO_TRAIT_READ;
	impl.try_read = slot;
	return impl;
}

static int64_t read_from(abio::driver &driver, int32_t (*slot)(void *, void *, uint32_t))
{
	abio_read_impl impl = throws(slot);
	const abio_table_head *impls[] = { &impl.head };
	abio::io io;
	reading operation;
	char byte;

	abio::check(abio_object_create(driver.get(), impls, 1, nullptr, 0, io.out()));
	abio::check(abio_read(io.get(), &byte, 1, 0, operation.token()));
	while (operation.came.token == 0)
		driver.poll();
	return operation.came.result;
}

int main()
{
	abio::driver driver;
	assert(read_from(driver, [](void *, void *, uint32_t) noexcept -> int32_t {
		return abio::guarded([]() -> int32_t {
			throw std::system_error(ENOSPC, std::generic_category()); });
	}) == -ENOSPC);
	assert(read_from(driver, [](void *, void *, uint32_t) noexcept -> int32_t {
		return abio::guarded([]() -> int32_t {
			throw std::system_error(ABIO_E_LIMIT, abio::errors()); });
	}) == ABIO_E_LIMIT);
	assert(read_from(driver, [](void *, void *, uint32_t) noexcept -> int32_t {
		return abio::guarded([]() -> int32_t { throw std::bad_alloc(); });
	}) == -ENOMEM);
	assert(read_from(driver, [](void *, void *, uint32_t) noexcept -> int32_t {
		return abio::guarded([]() -> int32_t { throw 42; });
	}) == ABIO_E_HOST);

	/* A moved handle is released once, by its new owner. */
	abio::buffer one = abio::make_buffer(16);
	uint64_t id = one.get();
	{
		abio::buffer other = std::move(one);
		assert(one.get() == 0 && other.get() == id);
		assert(abio::text(other).empty());
	}
	assert(abio_buffer_retain(id) == ABIO_E_HANDLE);

	try {
		abio::check(-ECONNREFUSED);
		assert(false);
	} catch (const std::system_error &error) {
		assert(error.code() == std::errc::connection_refused);
		assert(std::strcmp(error.code().category().name(), "abio") == 0);
	}
	std::error_code canceled(ABIO_E_CANCELED, abio::errors());
	assert(canceled == std::errc::operation_canceled);

	/* An operation in flight ends, at the latest when its driver does. */
	reading left;
	{
		abio::driver brief;
		abio::check(abio_timer(brief.get(), 3600000000000, 0, left.token()));
	}
	assert(left.came.result == ABIO_E_CANCELED);
	std::puts("fine");
}
"""


@pytest.mark.parametrize("backend", ["auto", "epoll"])
@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_everything_but_coroutines_is_cpp17(
    compiler: str, backend: str, tmp_path: Path
) -> None:
    source = tmp_path / "program.cpp"
    source.write_text(CPP17)
    program = build([compiler, "-std=c++17", *SANITIZE], source, tmp_path / "program")
    done = run(program, backend)
    assert (done.returncode, done.stdout, done.stderr) == (0, "fine\n", "")


def test_their_readme_tells_of_them() -> None:
    text = (ROOT / "examples/README.md").read_text(encoding="utf-8")
    assert "coroutines.cpp" in text and "abio.hpp" in text
