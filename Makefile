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
SETUP_CLANG := $(if $(findstring clang,$(VARIANT)),setup-clang)
AR ?= ar
OBJCOPY ?= objcopy

OPTIMIZE ?= $(if $(findstring san,$(VARIANT)),-O1,-O2)
SANITIZE_asan := -fsanitize=address -fsanitize=undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
SANITIZE_tsan := -fsanitize=thread -fno-omit-frame-pointer
SANITIZE := $(SANITIZE_$(firstword $(subst -, ,$(VARIANT))))

# ---- flags --------------------------------------------------------------------------------------

WERROR ?= -Werror
WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wundef -Wimplicit-fallthrough $(WERROR)
comma := ,
ROOMS := core traits backend resource sys
INCLUDE := -Iabi/generated -Isrc $(addprefix -Isrc/,$(ROOMS))

# Every variant that has a name checks its own invariants.
DEBUG := $(if $(VARIANT),-DABIO_DEBUG)
CFLAGS ?= -g
ABIO_CFLAGS = -std=gnu11 -D_GNU_SOURCE $(OPTIMIZE) $(WARN) $(SANITIZE) $(DEBUG) -fPIC \
	-fvisibility=hidden -pthread $(CPPFLAGS) $(INCLUDE) -MMD -MP
# clang gives the sanitizer's symbols to the program alone.
DEFS := $(if $(findstring san-clang,$(VARIANT)),,-Wl$(comma)-z$(comma)defs)
LIB_LDFLAGS = -shared -Wl,-soname,$(SONAME) -Wl,-z,nodelete $(DEFS) \
	-Wl,--version-script=abi/generated/abio.map -Wl,--exclude-libs,ALL -Wl,--as-needed
LIBURING := -l:liburing.a

# ---- the library --------------------------------------------------------------------------------

DISPATCH := abi/generated/dispatch.c
SOURCES := $(sort $(wildcard src/*.c src/*/*.c))
OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(SOURCES) $(DISPATCH))
LIBRARY_VERSION := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' abi/abio.toml)
SUMMARY := $(shell sed -n 's/^summary = "\(.*\)"$$/\1/p' abi/abio.toml)
SONAME := libabio.so.0
LIBRARY := $(BUILD)/lib/$(SONAME)
STATIC := $(BUILD)/lib/libabio.a
ARCHIVE := $(BUILD)/lib/libabio-internal.a

.PHONY: lib
lib: $(BUILD)/lib/libabio.so $(STATIC) $(ARCHIVE) ## build the library, shared and static (default)

$(BUILD)/lib/libabio.so: $(LIBRARY)
	@ln -sf $(SONAME) $@

$(LIBRARY): $(OBJECTS) abi/generated/abio.map | setup-build
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) $(LIB_LDFLAGS) -o $@ $(OBJECTS) $(LIBURING) -pthread

# For users: one object, liburing inside, and only the version script's symbols are seen, so that
# nothing of it meets a program's own names.
$(STATIC): $(OBJECTS) abi/generated/abio.map Makefile
	@mkdir -p $(@D)
	@echo "  AR      $@"
	@sed -n 's/^\t\t\(abio_[a-z0-9_]*\);$$/\1/p' abi/generated/abio.map >$@.symbols
	@$(CC) -r -nostdlib $(if $(findstring -flto,$(CFLAGS)),$(CFLAGS) -flinker-output=nolto-rel) -o $@.o \
		$(OBJECTS) $(LIBURING)
	@$(OBJCOPY) --keep-global-symbols=$@.symbols $@.o
	@rm -f $@ && cp $@.o $(@D)/abio.o && $(AR) rcs $@ $(@D)/abio.o
	@rm -f $@.symbols $@.o $(@D)/abio.o

# All internal symbols, for the tests.
$(ARCHIVE): $(OBJECTS)
	@mkdir -p $(@D)
	@echo "  AR      $@"
	@rm -f $@ && $(AR) rcs $@ $(OBJECTS)

$(BUILD)/obj/%.o: %.c $(BUILD)/flags | setup-build $(SETUP_CLANG)
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

$(FREE)/%.o: %.c $(BUILD)/flags | setup-build $(SETUP_CLANG)
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
LUA_MODULES := $(patsubst %,build/%/abio/core.so,lua5.1 lua5.2 lua5.3 lua5.4 luajit)
lua: lib $(LUA_MODULES) ## build the C modules of the Lua binding

$(LUA_MODULES): build/%/abio/core.so: $(LUA_SOURCES) $(LUA_HEADERS) | setup-lua
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@gcc -std=gnu11 -O2 $(WARN) -fPIC -fvisibility=hidden $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -shared \
		-Iabi/generated $$(pkg-config --cflags $*) -o $@ $(LUA_SOURCES) -lffi -ldl

# ---- installing -----------------------------------------------------------------------------------
#
#   make install DESTDIR=… PREFIX=…     the directories have GNU's names, and each may be given
#   make uninstall                      with the same words; other people's files stay
#
# The man pages are those of abi/generated/man.

PREFIX ?= /usr/local
prefix ?= $(PREFIX)
exec_prefix ?= $(prefix)
libdir ?= $(exec_prefix)/lib
includedir ?= $(prefix)/include
datarootdir ?= $(prefix)/share
datadir ?= $(datarootdir)
mandir ?= $(datarootdir)/man
docdir ?= $(datarootdir)/doc/abio
pkgconfigdir ?= $(libdir)/pkgconfig
INSTALL ?= install
INSTALL_DATA ?= $(INSTALL) -m 644
INSTALL_PROGRAM ?= $(INSTALL) -m 755

# What other languages load the library with.
SHARED_DATA := $(addprefix abi/generated/,abio.json abio.cdef conformance.json)
PAGES := $(wildcard $(addprefix abi/generated/man/,*.[1-9] man[1-9]/*.[1-9]))
DOCUMENTS := README.md CHANGELOG.md LICENSE $(wildcard docs/*.md)
page_path = man$(patsubst .%,%,$(suffix $1))/$(notdir $1)
# The soname's number and then the rest: libabio.so.0.1.0.
FULL := $(patsubst 0.%,%,$(LIBRARY_VERSION))
INSTALLED = $(addprefix $(libdir)/,$(SONAME).$(FULL) $(SONAME) libabio.so libabio.a) \
	$(includedir)/abio.h $(pkgconfigdir)/abio.pc \
	$(addprefix $(datadir)/abio/,$(notdir $(SHARED_DATA))) \
	$(foreach page,$(PAGES),$(mandir)/$(call page_path,$(page))) \
	$(addprefix $(docdir)/,$(notdir $(DOCUMENTS)))

# Lua's own folders, by the number of its language: LuaJIT's is 5.1.
LUA ?= lua5.4
lua_number = $(patsubst lua%,%,$(LUA:luajit=lua5.1))
LUA_FILES := $(wildcard bindings/lua/abio/*.lua) abi/generated/constants.lua abi/generated/abio.cdef

.PHONY: install install-lua uninstall uninstall-lua installcheck
install: lib ## install for C: library, header, pkg-config, man pages (DESTDIR, PREFIX, libdir …)
	@echo "  INSTALL $(DESTDIR)$(prefix)"
	@$(INSTALL) -d $(sort $(dir $(addprefix $(DESTDIR),$(INSTALLED))))
	@$(INSTALL_PROGRAM) $(LIBRARY) $(DESTDIR)$(libdir)/$(SONAME).$(FULL)
	@ln -sf $(SONAME).$(FULL) $(DESTDIR)$(libdir)/$(SONAME)
	@ln -sf $(SONAME) $(DESTDIR)$(libdir)/libabio.so
	@$(INSTALL_DATA) $(STATIC) $(DESTDIR)$(libdir)/libabio.a
	@$(INSTALL_DATA) abi/generated/abio.h $(DESTDIR)$(includedir)/abio.h
	@sed -e 's|@prefix@|$(prefix)|' \
		-e 's|@exec_prefix@|$(patsubst $(prefix)%,$${prefix}%,$(exec_prefix))|' \
		-e 's|@libdir@|$(patsubst $(exec_prefix)/%,$${exec_prefix}/%,$(libdir))|' \
		-e 's|@includedir@|$(patsubst $(prefix)/%,$${prefix}/%,$(includedir))|' \
		-e 's|@mandir@|$(patsubst $(prefix)/%,$${prefix}/%,$(mandir))|' \
		-e 's|@datadir@|$(patsubst $(prefix)/%,$${prefix}/%,$(datadir))|' \
		-e 's|@description@|$(SUMMARY)|' -e 's|@version@|$(LIBRARY_VERSION)|' abio.pc.in \
		>$(DESTDIR)$(pkgconfigdir)/abio.pc
	@chmod 644 $(DESTDIR)$(pkgconfigdir)/abio.pc
	@$(INSTALL_DATA) $(SHARED_DATA) $(DESTDIR)$(datadir)/abio
	@$(foreach page,$(PAGES),\
		$(INSTALL_DATA) $(page) $(DESTDIR)$(mandir)/$(call page_path,$(page)) &&) :
	@$(INSTALL_DATA) $(DOCUMENTS) $(DESTDIR)$(docdir)
	@[ -n "$(DESTDIR)" ] || [ "$$(id -u)" -ne 0 ] || ldconfig || :

install-lua: build/$(LUA)/abio/core.so ## install for Lua: LUA=lua5.1 … lua5.4, luajit
	@echo "  INSTALL $(DESTDIR)$(libdir)/lua/$(lua_number)"
	@$(INSTALL) -d $(DESTDIR)$(libdir)/lua/$(lua_number)/abio $(DESTDIR)$(datadir)/lua/$(lua_number)/abio
	@$(INSTALL_DATA) $< $(DESTDIR)$(libdir)/lua/$(lua_number)/abio
	@$(INSTALL_DATA) $(LUA_FILES) $(DESTDIR)$(datadir)/lua/$(lua_number)/abio

uninstall: ## remove what install puts there, by the same words
	@echo "  REMOVE  $(DESTDIR)$(prefix)"
	@rm -f $(addprefix $(DESTDIR),$(INSTALLED))
	@rmdir $(DESTDIR)$(datadir)/abio $(DESTDIR)$(docdir) 2>/dev/null || :

uninstall-lua: ## remove what install-lua puts there, by the same words
	@rm -f $(DESTDIR)$(libdir)/lua/$(lua_number)/abio/core.so \
		$(addprefix $(DESTDIR)$(datadir)/lua/$(lua_number)/abio/,$(notdir $(LUA_FILES)))
	@rmdir $(DESTDIR)$(libdir)/lua/$(lua_number)/abio $(DESTDIR)$(datadir)/lua/$(lua_number)/abio

# A place that is named is checked as it is; without one, copies are made below build/installcheck.
NAMED := $(if $(filter command environment,$(foreach word,DESTDIR PREFIX prefix,$(origin $(word)))),yes)
installcheck: $(if $(NAMED),,lib) | setup-installcheck ## build and run programs from an installed copy
	@python3 tests/install/installcheck.py \
		$(if $(NAMED),--destdir='$(DESTDIR)' --pkgconfigdir='$(pkgconfigdir)')

# ---- the contract's gate ----------------------------------------------------------------------------

# For libabigail: never optimised, and with debug info of the public functions alone, so that its dump
# does not change with what is private.
abi-library: | setup-abi
	@$(MAKE) BUILD=build/abi CC=gcc OPTIMIZE=-O0 CFLAGS= ABI_DEBUG=-g build/abi/lib/libabio.so.0

$(BUILD)/obj/$(DISPATCH:.c=.o): ABIO_CFLAGS += $(ABI_DEBUG)

.PHONY: abi-library abi-check abi-current abi-release
abi-check: lib abi-library ## judge the contract: nothing that a release promised is broken
	@python3 scripts/abi_check.py

abi-current: abi-library ## renew abi-dump/current after a change of the contract
	@python3 scripts/abi_release.py

abi-release: lib abi-library ## record a release: VERSION=1.2.3 (AGAIN=yes: anew, while it has no tag)
	@python3 scripts/abi_release.py $(VERSION) $(if $(AGAIN),--again)

.PHONY: deb
deb: | setup-deb ## build the Debian packages into build/deb, check and try them
	@python3 scripts/deb.py
	@python3 tests/install/deb.py

# ---- what a person does -----------------------------------------------------------------------------

.PHONY: check soak hosts bench demo generate format clean help
check: setup-check setup-deb ## test everything; ends with a table and `N passed, N failed`
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

format: setup-format ## clang-format all C that is written by hand
	@clang-format -i $$(git ls-files '*.c' '*.h' '*.cpp' '*.hpp' ':!abi/generated' ':!abi-dump')

clean: ## remove build/
	@rm -rf build

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile
	@echo "  VARIANT=gcc|clang|asan-gcc|asan-clang|tsan with lib and tests builds in build/<variant>/"

# ---- what the machine needs: Debian packages and build/venv, only what is missing --------------------

setup-%:
	@scripts/setup.sh $*

.PRECIOUS: $(BUILD)/obj/%.o
-include $(shell find $(BUILD)/obj $(FREE) -name '*.d' 2>/dev/null)
