#!/bin/sh
# tests/parallel.sh against runners that are broken in one way each: it must fail each time, and pass with the good one.
# shellcheck disable=SC2016 # the runners expand the texts below
set -eu
work=$(mktemp -d "${TMPDIR:-/tmp}/rlcd-parallel-XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/tests"
printf 'SUITE(a)\nSUITE(b)\nSUITE(c)\n' >"$work/tests/suites.inc"

# What a good runner does for any suite; b is the one that breaks.
good='echo "Running suite(s): $CK_RUN_SUITE"; echo "100%: Checks: 2, Failures: 0, Errors: 0"'
begin='echo "Running suite(s): b";'
failed=0

# expect NAME STATUS WORDS BODY-FOR-b: the runner does this for b; the script must end so and say this.
expect() {
    printf '#!/bin/sh\nif [ "$CK_RUN_SUITE" = b ]; then %s; exit; fi\n%s\n' "$4" "$good" >"$work/runner"
    chmod +x "$work/runner"
    status=0
    env -u CK_RUN_SUITE BUILD="$work" sh tests/parallel.sh "$work/runner" >"$work/out" 2>&1 || status=$?
    if [ "$status" != "$2" ] || ! grep -q -e "$3" "$work/out"; then
        echo "parallel_test: $1: ended with $status instead of $2, or did not say '$3'" >&2
        cat "$work/out" >&2
        failed=1
    fi
}

expect good 0 '^100%: Checks: 6, Failures: 0, Errors: 0$' "$good"
expect fails 1 '^71%: Checks: 7, Failures: 1, Errors: 1$' "$begin echo '33%: Checks: 3, Failures: 1, Errors: 1'; exit 1"
expect fails_quietly 1 'Failures: 1, Errors: 0$' "$begin echo '50%: Checks: 2, Failures: 1, Errors: 0'"
expect no_total 1 'suite b ended with 0 and without a total' "$begin exit 0"
expect killed 1 'suite b ended with 139 and without a total' "$begin"' kill -SEGV $$'
expect dies_late 1 'suite b ended with 3' "$good; exit 3"
expect unknown 1 'suite b is not known' 'echo "Running suite(s):100%: Checks: 0, Failures: 0, Errors: 0"'
expect empty 1 'suite b checked nothing' "$begin echo '100%: Checks: 0, Failures: 0, Errors: 0'"
exit "$failed"
