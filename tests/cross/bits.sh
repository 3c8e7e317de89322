#!/bin/sh
# The same bits from every compiler and level (numerics.md, Proofs): builds the program with each into build/bits-NAME, runs the
# recipe of the command-line tests with scalar and with native kernels, and compares with tests/golden/hashes.txt.
#
# usage: sh tests/cross/bits.sh [NAME ...]      (from the root; names as below, all that are installed when none is given)
# Prints a table; exits 1 when a hash differs or a build fails, 2 when a named compiler is missing.
set -eu
all="gcc-O0 gcc-O2 gcc-O3 clang-O0 clang-O2 clang-O3 musl-O2"
status=0
printf '%-10s %-8s %8s  %s\n' build kernels seconds result
for name in ${*:-$all}; do
    compiler=${name%-*} level=-${name##*-} flags=
    if [ "$compiler" = musl ]; then compiler=musl-gcc flags=-static; fi
    if ! command -v "$compiler" >/dev/null; then
        printf '%-10s %-8s %8s  %s\n' "$name" - - "$compiler is not installed"
        if [ $# -gt 0 ]; then status=2; fi
        continue
    fi
    build=build/bits-$name
    if ! make -s -j2 CC="$compiler" BUILD="$build" CFLAGS="$level" LDFLAGS="$flags" "$build/rlcd" >"build/bits-$name.log" 2>&1; then
        printf '%-10s %-8s %8s  %s\n' "$name" - - "does not build: see build/bits-$name.log"
        status=1
        continue
    fi
    for kernels in scalar native; do
        begun=$(date +%s)
        found=$(RLCD_ISA=$kernels sh tests/golden/make_hashes.sh "$build/rlcd" || echo failed)
        if [ "$found" = "$(cat tests/golden/hashes.txt)" ]; then
            result=equal
        else
            result=$(printf '%s\n' "$found" | grep -vxF -f tests/golden/hashes.txt | sed 's/.*  //' | tr '\n' ' ')
            result="DIFFERENT: $result"
            status=1
        fi
        printf '%-10s %-8s %8s  %s\n' "$name" "$kernels" $(($(date +%s) - begun)) "$result"
    done
done
exit $status
