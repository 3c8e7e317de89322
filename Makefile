# rlcd: one binary from C11, libc and pthreads. No configure step.
#
#   make            build build/rlcd                    make test     unit and command-line tests (needs Check)
#   make check      the same under ASan and UBSan     make house    the rules of the house that a script can check
#   make install    PREFIX=/usr/local DESTDIR=        make fuzz     libFuzzer targets (needs clang)
#
# CC, CFLAGS, LDFLAGS are respected; BUILD names the folder of object files, RLCD the program.

CFLAGS  ?= -O2 -g
PREFIX  ?= /usr/local
BUILD   ?= build
RLCD    ?= build/rlcd
VERSION := 0.1.0

# The numeric contract (numerics.md, A4) needs these whatever CFLAGS says.
CONTRACT := -std=c11 -ffp-contract=off -fno-fast-math -fno-math-errno
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla
ALL      := -I. -D_GNU_SOURCE -D_DARWIN_C_SOURCE -DRLCD_VERSION='"$(VERSION)"' -DRLCD_PREFIX='"$(PREFIX)"' $(WARN) $(CFLAGS) $(CONTRACT) -pthread
LIBS     := -lm

# Instruction-set flags belong to their kernel folder alone; the choice is made at start (tensor/kernels/kernels.c).
MACHINE := $(shell $(CC) -dumpmachine)
ifneq (,$(findstring x86_64,$(MACHINE)))
ISA := avx2
endif
ifneq (,$(filter aarch64% arm64%,$(MACHINE)))
ISA := neon
endif
FLAGS_avx2 := -mavx2 -mfma -mf16c
FLAGS_neon :=
ALL += $(foreach isa,$(ISA),-DKERNELS_$(shell echo $(isa) | tr a-z A-Z))

CORE  := $(wildcard tensor/base/*.c tensor/*.c tensor/kernels/*.c tensor/kernels/scalar/*.c nn/*.c llama/*.c rlcd/*.c) \
         $(foreach isa,$(ISA),$(wildcard tensor/kernels/$(isa)/*.c))
TOOLS := $(filter-out tools/main.c,$(wildcard tools/*.c))
TESTS := $(wildcard tests/test_*.c)
OBJ   := $(CORE:%.c=$(BUILD)/%.o) $(TOOLS:%.c=$(BUILD)/%.o)

$(RLCD): $(BUILD)/tools/main.o $(BUILD)/librlcd.a
	$(CC) $(ALL) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/librlcd.a: $(OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/tensor/kernels/avx2/%.o: tensor/kernels/avx2/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL) $(FLAGS_avx2) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL) -MMD -MP -c -o $@ $<

# Tests: every tests/test_NAME.c defines `Suite *suite_NAME(void)`; the list is made from the file names.
CHECK_FLAGS = $(shell pkg-config --cflags check 2>/dev/null)
CHECK_LIBS  = $(shell pkg-config --libs check 2>/dev/null || echo -lcheck)
TEST_OBJ := $(TESTS:%.c=$(BUILD)/%.o) $(BUILD)/tests/support.o $(BUILD)/tests/runner.o

$(BUILD)/tests/%.o: ALL += $(CHECK_FLAGS)
$(BUILD)/tests/runner.o: $(BUILD)/tests/suites.inc
$(BUILD)/tests/runner.o: ALL += -I$(BUILD)/tests
$(BUILD)/tests/suites.inc: $(TESTS) Makefile
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
	CK_TIMEOUT_MULTIPLIER=10 RLCD_BINARY=build/asan/rlcd build/asan/tests/all

house:
	@sh tests/house.sh

install: $(RLCD)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/rlcd
	install -m 755 $(RLCD) $(DESTDIR)$(PREFIX)/bin/rlcd
	cp -R rlcd/tasks models $(DESTDIR)$(PREFIX)/share/rlcd/

clean:
	rm -rf build

# Fuzz targets: tests/fuzz/fuzz_NAME.c -> build/fuzz/fuzz_NAME
FUZZ := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz: $(FUZZ)
build/fuzz/%: tests/fuzz/%.c
	$(MAKE) CC=clang BUILD=build/fuzz/lib RLCD=build/fuzz/rlcd CFLAGS="-O1 -g -fsanitize=fuzzer-no-link,address,undefined" build/fuzz/lib/librlcd.a
	clang -I. -D_GNU_SOURCE -std=c11 -O1 -g -fsanitize=fuzzer,address,undefined -o $@ $< build/fuzz/lib/librlcd.a -lm -pthread

-include $(OBJ:.o=.d) $(TEST_OBJ:.o=.d) $(BUILD)/tools/main.d

.PHONY: test unit check house install clean fuzz
