#!/bin/sh
# Runs the whole test set as several processes, a suite each, and sums Check's totals into one last line of Check's own form.
#
# usage: [BUILD=build] [JOBS=n] sh tests/parallel.sh [PREFIX...] RUNNER      (from the root; PREFIX: an emulator, for example)
# The list of suites is $BUILD/tests/suites.inc, CK_RUN_SUITE chooses one of it; JOBS: processes at a time, else one a processor.
# Each suite's output is shown whole when it ends. Exits 1 when a suite fails, ends without a total, or was not run.
set -eu
LC_ALL=C
export LC_ALL

# With --one this is a process of xargs below: it runs one suite and says that it has ended.
if [ "${1:-}" = --one ]; then
    work=$2 suite=$3
    shift 3
    begin=$(date +%s) status=0
    CK_RUN_SUITE=$suite "$@" >"$work/$suite.log" 2>&1 </dev/null || status=$?
    times >"$work/$suite.times"
    echo "$suite $status $(($(date +%s) - begin))"
    exit 0
fi

[ $# -gt 0 ] || { echo "usage: sh tests/parallel.sh [PREFIX...] RUNNER" >&2; exit 2; }
list=${BUILD:-build}/tests/suites.inc
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)}
work=$(mktemp -d "${TMPDIR:-/tmp}/rlcd-parallel-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

# The slowest suites go first, so that none of them is left to run alone; the order changes no result.
slow="cli_matrix cli_bits cli_retrain theory gemm cli_demo bf16 str cli_stop model tokenizer world_predict report pretrain ppo pretoken
world json results_read lines cli_manners cli_bad preference sft kernels"
sed -n 's/^SUITE(\(.*\))$/\1/p' "$list" >"$work/known"
if [ -n "${CK_RUN_SUITE:-}" ]; then
    grep -Fx -e "$CK_RUN_SUITE" "$work/known" >"$work/suites" || { echo "$list has no suite $CK_RUN_SUITE" >&2; exit 1; }
else
    cp "$work/known" "$work/suites"
fi
[ -s "$work/suites" ] || { echo "$list names no suite" >&2; exit 1; }
for suite in $slow; do grep -Fx -e "$suite" "$work/suites" || true; done >"$work/first"
{ cat "$work/first"; grep -vFx -f "$work/first" "$work/suites" || true; } >"$work/order"

# One reader shows what ends, so that no two outputs mix.
: >"$work/ended"
xargs -P "$jobs" -I @SUITE@ sh "$0" --one "$work" @SUITE@ "$@" <"$work/order" | while read -r suite status seconds; do
    cat "$work/$suite.log"
    processor=$(awk 'NR == 2 { split($0, t, /[ms ]+/); print t[1] * 60 + t[2] + t[3] * 60 + t[4] }' "$work/$suite.times")
    echo "-- $suite: $seconds s, processor $processor s"
    echo "$suite $status" >>"$work/ended"
done

# A suite counts when it ended well, the runner knew it, and Check's total stands at its end.
checks=0 failures=0 errors=0 bad=0
while read -r suite; do
    status=$(sed -n "s/^$suite //p" "$work/ended")
    total=$(grep -E '[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+$' "$work/$suite.log" 2>/dev/null | tail -n 1 |
        sed 's/.*Checks: \([0-9]*\), Failures: \([0-9]*\), Errors: \([0-9]*\)$/\1 \2 \3/')
    if [ -z "$status" ]; then
        why="was not run"
    elif [ -z "$total" ]; then
        why="ended with $status and without a total"
    elif ! grep -q "^Running suite(s): $suite\$" "$work/$suite.log"; then
        why="is not known to the runner"
    elif [ "$status" != 0 ]; then
        why="ended with $status"
    elif [ "${total%% *}" = 0 ]; then
        why="checked nothing"
    else
        why=
    fi
    if [ -n "$why" ]; then
        echo "parallel: suite $suite $why" >&2
        bad=1
    fi
    # shellcheck disable=SC2086 # three numbers
    set -- ${total:-0 0 0}
    checks=$((checks + $1)) failures=$((failures + $2)) errors=$((errors + $3))
done <"$work/suites"

# Check's percentage: whole, cut off; all of nothing is 100.
good=$((checks - failures - errors)) percent=100
if [ "$checks" -gt 0 ]; then percent=$((100 * good / checks)); fi
[ "$bad" = 0 ] || echo "parallel: failed, see above" >&2
echo "$percent%: Checks: $checks, Failures: $failures, Errors: $errors"
[ "$bad" = 0 ] && [ $((failures + errors)) = 0 ]
