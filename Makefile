# rlcd: one binary from C11, libc and pthreads. No configure step.
#
#   make            build build/rlcd                  make demo     build it and run the embedded demo (two minutes)
#   make deps       install Check, the library of the tests, if it is missing
#   make test       unit and command-line tests       make check    ASan, UBSan, a process a suite
#   make unit       unit tests alone                  make house    the rules of the house that a script can check
#   make fuzz       libFuzzer targets (needs clang)   make fuzz-run each for SECONDS=60, seeded by the hostile cases
#   make torture    every call to the system fails in turn, kills at every change of a file and KILLS=200 at random times
#   make install    PREFIX=/usr/local DESTDIR=
#   make bench-peers  speed against PyTorch, llama.cpp, TRL and BLAS (hours; needs PyPI)
#   make base       makes models/tiny anew from its recipe (minutes; BASE=--check compares, BASE=--first proves the first steps)
#   make clean      removes the build folder          make help     prints this
#
# MPI=1 builds for several ranks, through mpicc (MPICC names another): docs/cluster.md.
# CC, AR, CFLAGS, LDFLAGS are respected; BUILD names the folder of object files, RLCD the program. CK_RUN_SUITE=name chooses
# one suite. Objects are made anew when compiler or flags change. V=1 shows every compiler call. Without -j: a job a processor.

# As many jobs as there are processors, unless -j says otherwise.
ifeq (,$(findstring -j,$(MAKEFLAGS)))
MAKEFLAGS += -j$(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
endif

CFLAGS  ?= -O2 -g
PREFIX  ?= /usr/local
BUILD   ?= build

# Ranks: one file of two knows whether there is MPI; all is then compiled by the library's wrapper.
MPICC   ?= mpicc
ifneq (,$(filter-out 0,$(MPI)))
override CC := $(MPICC)
NO_COMM := tensor/base/comm_single.c
else
NO_COMM := tensor/base/comm_mpi.c
endif

RLCD    ?= $(BUILD)/rlcd
VERSION := 0.1.0
# Objects stand apart from the program, for a source folder has its name.
O := $(BUILD)/obj

# The numeric contract (numerics.md, A4) needs these whatever CFLAGS says.
CONTRACT := -std=c11 -ffp-contract=off -fno-fast-math -fno-math-errno
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla
ALL      := -I. -D_GNU_SOURCE -D_DARWIN_C_SOURCE $(WARN) $(CFLAGS) $(CONTRACT) -pthread
LIBS     := -lm

# Instruction-set flags belong to their kernel folder alone; the choice is made at start (tensor/kernels/kernels.c).
MACHINE := $(shell $(CC) -dumpmachine)
ifneq (,$(findstring x86_64,$(MACHINE)))
ISA := avx2 avx512
endif
ifneq (,$(filter aarch64% arm64%,$(MACHINE)))
ISA := neon
endif
# Loops of a few instructions are up to 1.8 times slower where they cross a line of the instruction cache.
FLAGS_avx2 := -mavx2 -mfma -mf16c -falign-loops=32
FLAGS_avx512 := $(FLAGS_avx2) -mavx512f -mavx512bw -mavx512vl -mavx512dq
FLAGS_neon :=
ALL += $(foreach isa,$(ISA),-DKERNELS_$(shell echo $(isa) | tr a-z A-Z))

# Version and place are known to tools alone: nothing below writes them into a file.
TOOL_FLAGS := -DRLCD_VERSION='"$(VERSION)"' -DRLCD_PREFIX='"$(PREFIX)"'

CORE  := $(filter-out $(NO_COMM),$(wildcard tensor/base/*.c)) \
         $(wildcard tensor/*.c tensor/kernels/*.c tensor/kernels/scalar/*.c nn/*.c llama/*.c rlcd/*.c) \
         $(foreach isa,$(ISA),$(wildcard tensor/kernels/$(isa)/*.c))
TOOLS := $(filter-out tools/main.c,$(wildcard tools/*.c))
TESTS := $(wildcard tests/test_*.c)
OBJ   := $(CORE:%.c=$(O)/%.o) $(TOOLS:%.c=$(O)/%.o)

$(RLCD): $(O)/tools/main.o $(BUILD)/librlcd.a
	$(CC) $(ALL) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/librlcd.a: $(OBJ) $(BUILD)/stamp.sources
	@rm -f $@
	$(AR) rcs $@ $(OBJ)

# One recipe for every object; what differs between folders stands in EXTRA.
COMPILE = @mkdir -p $(@D) && echo "$(CC) $<" && $(if $(V),set -x;) $(CC) $(ALL) $(EXTRA) -MMD -MP -c -o $@ $<
$(O)/tools/%.o: tools/%.c $(BUILD)/stamp.flags $(BUILD)/stamp.tools
	$(COMPILE)
$(O)/%.o: %.c $(BUILD)/stamp.flags
	$(COMPILE)
$(O)/tensor/kernels/avx2/%.o: EXTRA = $(FLAGS_avx2) $(KERNEL_FLAGS)
$(O)/tensor/kernels/avx512/%.o: EXTRA = $(FLAGS_avx512) $(KERNEL_FLAGS)
$(O)/tools/%.o: EXTRA = $(TOOL_FLAGS)
$(O)/tests/%.o: EXTRA = -Wno-missing-prototypes $(CHECK_FLAGS) -I$(BUILD)/tests
$(O)/tests/avx512_emulated.o: EXTRA = $(if $(filter avx512,$(ISA)),$(FLAGS_avx2) -Wno-psabi)

# Stamps change when what they hold changes: compiler and flags, tools' own flags, the list of sources.
STAMP = @mkdir -p $(@D) && printf '%s\n' $(foreach word,$(1),'$(subst ','\'',$(word))') | cmp -s - $@ \
    || printf '%s\n' $(foreach word,$(1),'$(subst ','\'',$(word))') > $@
$(BUILD)/stamp.flags: FORCE
	$(call STAMP,$(CC) $(MACHINE) $(shell $(CC) -dumpversion) $(AR) $(ALL) $(LDFLAGS) $(FLAGS_avx512))
$(BUILD)/stamp.tools: FORCE
	$(call STAMP,$(TOOL_FLAGS))
$(BUILD)/stamp.sources: FORCE
	$(call STAMP,$(CORE) $(TOOLS))
$(BUILD)/stamp.tests: FORCE
	$(call STAMP,$(TESTS))

# Tests: every tests/test_NAME.c defines `Suite *suite_NAME(void)`; the list is made from the file names.
CHECK_FLAGS = $(shell pkg-config --cflags check 2>/dev/null)
CHECK_LIBS  = $(shell pkg-config --libs check 2>/dev/null || echo -lcheck)
TEST_OBJ := $(TESTS:%.c=$(O)/%.o) $(patsubst %.c,$(O)/%.o,$(filter-out $(TESTS),$(wildcard tests/*.c)))

$(O)/tests/runner.o: $(BUILD)/tests/suites.inc
$(BUILD)/tests/suites.inc: $(BUILD)/stamp.tests
	@mkdir -p $(@D)
	@for t in $(TESTS:tests/test_%.c=%); do echo "SUITE($$t)"; done > $@

$(BUILD)/tests/all: $(TEST_OBJ) $(BUILD)/librlcd.a
	$(CC) $(ALL) $(LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(LIBS)

test: $(RLCD) $(BUILD)/tests/all house
	RLCD_BINARY=$(RLCD) $(BUILD)/tests/all

unit: $(BUILD)/tests/all
	$(BUILD)/tests/all

SANITIZE := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
check:
	$(MAKE) BUILD=build/asan RLCD=build/asan/rlcd CFLAGS="$(SANITIZE)" build/asan/tests/all build/asan/rlcd
	BUILD=build/asan CK_TIMEOUT_MULTIPLIER=10 RLCD_BINARY=build/asan/rlcd sh tests/parallel.sh build/asan/tests/all

house:
	@sh tests/house.sh
	@sh tests/house_test.sh
	@sh tests/parallel_test.sh

# Check by whatever installs packages here; as another user than root through sudo. Nothing happens when it is there.
SUDO = $$(test "$$(id -u)" = 0 || echo sudo)
deps:
	@if pkg-config --exists check 2>/dev/null; then :; \
	elif command -v apt-get >/dev/null; then \
	    $(SUDO) apt-get update && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y check pkg-config; \
	elif command -v dnf >/dev/null; then $(SUDO) dnf install -y check-devel pkgconf-pkg-config; \
	elif command -v pacman >/dev/null; then $(SUDO) pacman -Sy --noconfirm --needed check pkgconf; \
	elif command -v zypper >/dev/null; then $(SUDO) zypper --non-interactive install check-devel pkg-config; \
	elif command -v apk >/dev/null; then $(SUDO) apk add check-dev pkgconf; \
	elif command -v brew >/dev/null; then brew install check pkg-config; \
	else echo "make deps: found none of apt-get, dnf, pacman, zypper, apk, brew; install Check (libcheck.github.io/check)" \
	    "and pkg-config by hand" >&2; exit 1; fi
# `make -j deps test`: tests wait for what deps installs.
ifneq (,$(filter deps,$(MAKECMDGOALS)))
$(TEST_OBJ): | deps
endif

# The main job on the embedded small world.
demo: $(RLCD)
	$(RLCD) demo

install: $(RLCD)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/rlcd
	install -m 755 $(RLCD) $(DESTDIR)$(PREFIX)/bin/rlcd
	cp -R rlcd/tasks models $(DESTDIR)$(PREFIX)/share/rlcd/

# Speed against PyTorch, llama.cpp, TRL and BLAS libraries in pairs (tests/peers; hours). PEERS chooses options of run.py.
bench-peers: $(RLCD)
	sh tests/peers/setup.sh
	build/peers/venv/bin/python tests/peers/run.py $(PEERS)

# The embedded base from its recipe.
base: $(RLCD)
	RLCD=$(RLCD) sh models/tiny/make.sh $(BASE)

clean:
	rm -rf build

# Fuzz targets: tests/fuzz/fuzz_NAME.c -> build/fuzz/fuzz_NAME, over a library with the same sanitizers.
FUZZ_CC  ?= clang
SPY      := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ     := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_LIB := build/fuzz/lib/librlcd.a
fuzz: $(FUZZ)
# The inner make has the plain rule for this file.
ifneq ($(BUILD),build/fuzz/lib)
$(FUZZ_LIB): FORCE
	$(MAKE) CC=$(FUZZ_CC) BUILD=build/fuzz/lib CFLAGS="$(SPY) -fsanitize=fuzzer-no-link" KERNEL_FLAGS=-fno-sanitize=all $@
endif
build/fuzz/%: tests/fuzz/%.c $(FUZZ_LIB)
	$(FUZZ_CC) -I. -D_GNU_SOURCE $(CONTRACT) $(SPY) -fsanitize=fuzzer -MMD -MP -o $@ $< $(FUZZ_LIB) -lm -pthread

# Every target for SECONDS each over the hostile cases that the tests make; crashes stay in build/fuzz.
SECONDS = 60
fuzz-run: fuzz $(BUILD)/tests/all $(RLCD)
	sh tests/fuzz/run.sh $(SECONDS)

# Failing calls and kills (tests/torture.sh); the library is preloaded, so that the program is the one that is installed.
KILLS = 200
torture: $(RLCD) $(BUILD)/fault.so
	RLCD=$(RLCD) FAULT=$(BUILD)/fault.so sh tests/torture.sh $(KILLS)
$(BUILD)/fault.so: tests/fault/fault.c $(BUILD)/stamp.flags
	$(CC) $(ALL) $(LDFLAGS) -Wno-missing-prototypes -fPIC -shared -o $@ $< -ldl

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

-include $(OBJ:.o=.d) $(TEST_OBJ:.o=.d) $(O)/tools/main.d $(FUZZ:=.d)

FORCE:
.PHONY: demo bench-peers test unit check house deps install base clean fuzz fuzz-run torture help FORCE
