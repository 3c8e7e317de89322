#!/bin/sh
# Each fuzz target for some seconds over the hostile cases of tests/test_hostile.c and its own seeds: sh tests/fuzz/run.sh SECONDS
#
# TARGETS are the programs (all that are built), TESTS the program of the tests. Prints a table: format, inputs, crashes; a crash
# leaves its input in build/fuzz/found, and the exit status is 1.
set -eu
seconds=${1:-60}
tests=${TESTS:-build/tests/all}
found=build/fuzz/found
seeds=$(mktemp -d "${TMPDIR:-/tmp}/rlcd-seeds-XXXXXX")
trap 'rm -rf "$seeds"' EXIT
mkdir -p "$found"
RLCD_SEEDS=$seeds CK_RUN_SUITE=hostile "$tests" >"$seeds/log" 2>&1 || { cat "$seeds/log"; exit 1; }

bad=0
printf '%-16s %12s %8s\n' format inputs crashes
for target in ${TARGETS:-build/fuzz/fuzz_*}; do
    if [ ! -x "$target" ] || [ -d "$target" ]; then continue; fi
    name=${target##*/}
    # What is found grows in a folder of its own; the seeds of the repository are only read.
    mkdir -p "$seeds/$name" "$seeds/new_$name"
    set -- "$seeds/new_$name" "$seeds/$name"
    if [ -d "tests/fuzz/seeds/$name" ]; then set -- "$@" "tests/fuzz/seeds/$name"; fi
    code=0
    "$target" -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=10 -print_final_stats=1 -artifact_prefix="$found/$name-" "$@" \
        >"$seeds/log" 2>&1 || code=$?
    inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$seeds/log")
    printf '%-16s %12s %8d\n' "${name#fuzz_}" "${inputs:-0}" $((code != 0))
    if [ "$code" != 0 ]; then
        bad=1
        grep -m 3 -E 'ERROR|SUMMARY|runtime error|rlcd:' "$seeds/log" | sed 's/^/  /' >&2 || :
    fi
done
exit $bad
