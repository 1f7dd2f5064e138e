# abio: how everything is built, tested and shown.  `make help` lists what a person can do.
#
#   BUILD     where outputs go                        (build, or build/$(VARIANT))
#   VARIANT   gcc, clang, asan-gcc, asan-clang, tsan  (none: the library people use, by gcc)
#   WERROR=   empty: warnings are only shown
#
# Sources and tests are found by wildcard: a new file needs no change here.

MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := lib
SHELL := /bin/sh
export PYTHONDONTWRITEBYTECODE := 1

# ---- variants -----------------------------------------------------------------------------------

VARIANTS := gcc clang asan-gcc asan-clang tsan
VARIANT ?=
ifneq ($(filter-out $(VARIANTS),$(VARIANT)),)
$(error VARIANT is one of: $(VARIANTS))
endif

BUILD ?= $(if $(VARIANT),build/$(VARIANT),build)
ifeq ($(origin CC),default)
CC := $(if $(findstring clang,$(VARIANT)),clang,gcc)
endif
AR ?= ar

OPTIMIZE ?= $(if $(findstring san,$(VARIANT)),-O1,-O2)
SANITIZE_asan := -fsanitize=address -fsanitize=undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
SANITIZE_tsan := -fsanitize=thread -fno-omit-frame-pointer
SANITIZE := $(SANITIZE_$(firstword $(subst -, ,$(VARIANT))))

# ---- flags --------------------------------------------------------------------------------------

WERROR ?= -Werror
WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wundef -Wimplicit-fallthrough $(WERROR)
ROOMS := core traits backend resource sys
INCLUDE := -Iabi/generated -Isrc $(addprefix -Isrc/,$(ROOMS))

# Every variant that has a name checks its own invariants.
DEBUG := $(if $(VARIANT),-DABIO_DEBUG)
CFLAGS ?= -g
ABIO_CFLAGS = -std=gnu11 -D_GNU_SOURCE $(OPTIMIZE) $(WARN) $(SANITIZE) $(DEBUG) -fPIC \
	-fvisibility=hidden -pthread $(INCLUDE) -MMD -MP
LIB_LDFLAGS = -shared -Wl,-soname,libabio.so.0 -Wl,-z,nodelete -Wl,-z,defs \
	-Wl,--version-script=abi/generated/abio.map -Wl,--exclude-libs,ALL -Wl,--as-needed
LIBURING := -l:liburing.a

# ---- the library --------------------------------------------------------------------------------

DISPATCH := abi/generated/dispatch.c
SOURCES := $(sort $(wildcard src/*.c src/*/*.c))
OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(SOURCES) $(DISPATCH))
LIBRARY := $(BUILD)/lib/libabio.so.0
ARCHIVE := $(BUILD)/lib/libabio.a

.PHONY: lib archive
lib: $(BUILD)/lib/libabio.so $(ARCHIVE) ## build the shared library (default)
archive: $(ARCHIVE)

$(BUILD)/lib/libabio.so: $(LIBRARY)
	@ln -sf libabio.so.0 $@

$(LIBRARY): $(OBJECTS) abi/generated/abio.map | setup-build
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) $(LIB_LDFLAGS) -o $@ $(OBJECTS) $(LIBURING) -pthread

# All internal symbols, for the tests.
$(ARCHIVE): $(OBJECTS)
	@mkdir -p $(@D)
	@echo "  AR      $@"
	@rm -f $@ && $(AR) rcs $@ $(OBJECTS)

$(BUILD)/obj/%.o: %.c $(BUILD)/flags | setup-build
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) $(ABIO_CFLAGS) $(CFLAGS) -c -o $@ $<

# Objects are rebuilt when the compiler or its flags change.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(ABIO_CFLAGS) $(CFLAGS)' | cmp -s - $@ || echo '$(CC) $(ABIO_CFLAGS) $(CFLAGS)' >$@

.PHONY: FORCE
FORCE:

# ---- the C tests: every tests/*/test_*.c is a program, the other .c files beside it are linked in ---

TEST_PROGRAMS := $(sort $(wildcard tests/*/test_*.c))
TEST_DIRS := $(sort $(dir $(TEST_PROGRAMS)))
TESTS := $(TEST_PROGRAMS:%.c=$(BUILD)/%)
HARNESS := $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard tests/harness/*.c)))
TEST_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard $(TEST_DIRS:%=%*.c))))
helpers = $(filter-out $(BUILD)/obj/$(1)/test_%,$(filter $(BUILD)/obj/$(1)/%,$(TEST_OBJECTS)))

$(HARNESS) $(TEST_OBJECTS): ABIO_CFLAGS += -Itests/harness
$(HARNESS) $(TEST_OBJECTS): | setup-test

.PHONY: tests
tests: $(TESTS) ## build the C test programs of the variant

.SECONDEXPANSION:
$(TESTS): $(BUILD)/%: $(BUILD)/obj/%.o $$(call helpers,$$(subst $$(BUILD)/,,$$(@D))) $(HARNESS) $(ARCHIVE)
	@mkdir -p $(@D)
	@echo "  LINK    $@"
	@$(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) -o $@ $(filter %.o,$^) $(ARCHIVE) \
		-lcmocka -lseccomp $(LIBURING) -pthread

# ---- without an operating system: what tests/freestanding/program supplies is all there is ---------

# core/ and traits/ see no header but the compiler's own and the one string.h of the test.
FREE := $(BUILD)/freestanding
FREE_PARTS := $(sort $(wildcard src/core/*.c src/traits/*.c src/resource/host*.c)) $(DISPATCH) \
	$(sort $(wildcard tests/freestanding/program/*.c))
FREE_OBJECTS := $(FREE_PARTS:%.c=$(FREE)/%.o)
FREE_CFLAGS = -std=gnu11 $(OPTIMIZE) $(WARN) $(DEBUG) -ffreestanding -fno-builtin -nostdinc \
	-isystem $(shell $(CC) -print-file-name=include) -fno-stack-protector \
	-Itests/freestanding/program/include -Itests/freestanding/program -Iabi/generated \
	-Isrc/core -Isrc/traits -Isrc/backend -Isrc/resource -MMD -MP

.PHONY: freestanding
freestanding: $(FREE)/conformance ## build core and traits with a program that has no system

$(FREE)/%.o: %.c $(BUILD)/flags | setup-build
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) $(FREE_CFLAGS) $(CFLAGS) -c -o $@ $<

$(FREE)/conformance: $(FREE_OBJECTS)
	@echo "  LINK    $@"
	@$(CC) $(CFLAGS) -nostdlib -static -o $@ $^

# Runs a command with io_uring refused, as a sandbox would.
REFUSE := build/tools/refuse_uring
$(REFUSE): scripts/refuse_uring.c | setup-test
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@gcc -std=gnu11 -O2 $(WARN) -o $@ $< -lseccomp

# ---- the bindings ---------------------------------------------------------------------------------

VENV := build/venv
PYTHON := $(VENV)/bin/python

.PHONY: python lua
python: $(VENV)/abio.installed ## install the Python binding into build/venv

PYTHON_SOURCES := pyproject.toml abi/generated/abio.cdef \
	$(wildcard bindings/python/*.* $(addsuffix /*.*,$(filter-out %/tests,$(wildcard bindings/python/*))))
$(VENV)/abio.installed: $(PYTHON_SOURCES) build/lib/libabio.so | setup-python
	@echo "  PIP     $(VENV)"
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps \
		--force-reinstall . </dev/null
	@touch $@

# One C module for each interpreter.  Lua's own symbols come from the interpreter that loads it; a
# second copy of Lua must not.  It loads libabio itself.
LUA_SOURCES := $(sort $(wildcard bindings/lua/src/*.c))
LUA_HEADERS := $(wildcard bindings/lua/src/*.h abi/generated/*.h)
LUA_MODULES := $(patsubst %,build/%/abio/core.so,lua5.4 luajit)
lua: lib $(LUA_MODULES) ## build the C modules of the Lua binding

$(LUA_MODULES): build/%/abio/core.so: $(LUA_SOURCES) $(LUA_HEADERS) | setup-lua
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@gcc -std=gnu11 -O2 $(WARN) -fPIC -fvisibility=hidden $(CFLAGS) -shared -Iabi/generated \
		$$(pkg-config --cflags $*) -o $@ $(LUA_SOURCES) -lffi -ldl

# ---- what a person does -----------------------------------------------------------------------------

.PHONY: check soak hosts bench demo generate format clean help
check: setup-check ## test everything; ends with a table and `N passed, N failed`
	@python3 scripts/check.py

soak: setup-test ## the long randomised tests of the truthful fd and of cancel
	@python3 scripts/check.py --soak

hosts: lib setup-generate ## run the library under nine foreign runtimes: a table of what each can do
	@python3 tests/hosts/run.py $(HOSTS)

bench: setup-bench ## measure against peers: build/bench/results.json
	@$(MAKE) python
	@$(PYTHON) bench/run.py

demo: setup-demo ## a Python server and a Lua client move real files, on each backend
	@$(MAKE) lua python
	@$(PYTHON) examples/demo.py

generate: setup-generate ## write abi/generated/ from abi/abio.toml
	@python3 abi/generate.py

format: setup-format ## clang-format all C
	@clang-format -i $$(git ls-files '*.c' '*.h' ':!abi/generated')

clean: ## remove build/
	@rm -rf build

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile
	@echo "  VARIANT=gcc|clang|asan-gcc|asan-clang|tsan with lib and tests builds in build/<variant>/"

# ---- what the machine needs: Debian packages and build/venv, only what is missing --------------------

setup-%:
	@scripts/setup.sh $*

.PRECIOUS: $(BUILD)/obj/%.o
-include $(shell find $(BUILD)/obj $(FREE) -name '*.d' 2>/dev/null)
