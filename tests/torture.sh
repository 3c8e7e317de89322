#!/bin/sh
# Every call to the system made to fail in turn, kills at every change of a file and at random times: sh tests/torture.sh [KILLS]
#
# RLCD is the program, FAULT the library to preload (tests/fault/fault.c), FIRST..LAST and STEP thin the sweeps. A run with a fault
# ends with 0 and the bits of the sound run, or with 1..125 and a sentence; a run that was killed or stopped goes on to the sound
# run's bits. Prints a table: promise, tries, failures; exits 1 when there is a failure. Linux with glibc.
set -eu
kills=${1:-200}
program=${RLCD:-build/rlcd}
fault=${FAULT:-build/fault.so}
step=${STEP:-1}
place=$(mktemp -d "${TMPDIR:-/tmp}/rlcd-torture-XXXXXX")
trap 'rm -rf "$place"' EXIT
tiny=tests/golden
total=0

row() {
    printf '%-58s %6d %6d\n' "$1" "$2" "$3"
    total=$((total + $3))
}
complain() { echo "  $*" >&2; }

# What a run directory is worth: the hash in its card.
worth() { sed -n 's/.*"sha256":"\([0-9a-f]*\)","wall_s".*/\1/p' "$1"/run.json 2>/dev/null || true; }

# The fault N, N+1, ... of one command until none is met; FAULT_EVER or FAULT_CALL may be set by the caller.
sweep() { # NAME COMMAND...
    name=$1
    shift
    rm -rf "$place/run"
    "$program" "$@" >"$place/sound" 2>"$place/err" || { complain "$name: does not run: $(cat "$place/err")"; row "$name" 1 1; return; }
    sound=$(worth "$place/run")
    n=1 tries=0 bad=0
    while :; do
        rm -rf "$place/run" "$place/met"
        code=0
        timeout 60 env LD_PRELOAD="$fault" FAULT_AT=$n FAULT_MET="$place/met" "$program" "$@" >"$place/out" 2>"$place/err" || code=$?
        [ -e "$place/met" ] || break
        tries=$((tries + 1))
        wrong=
        if [ $code = 0 ]; then
            [ "$(worth "$place/run")" = "$sound" ] || wrong="exit 0 with other bits"
            [ -n "$sound" ] || cmp -s "$place/out" "$place/sound" || wrong="exit 0 with another output"
        elif [ $code -gt 125 ] || [ $code = 124 ]; then
            wrong="exit $code"
        elif [ -s "$place/err" ] && ! grep -q '^rlcd: ' "$place/err"; then
            wrong="no sentence: $(head -1 "$place/err")"
        elif [ -n "$sound" ]; then
            # The same command without a fault goes on to the same bits.
            "$program" "$@" >"$place/out" 2>"$place/err" && [ "$(worth "$place/run")" = "$sound" ] ||
                wrong="does not go on: $(head -1 "$place/err")"
            find "$place/run" -name '*.tmp' | grep -q . && wrong="a temporary is left" || :
        fi
        [ -z "$wrong" ] || { bad=$((bad + 1)); complain "$name, fault $n ($(cat "$place/met")): $wrong"; }
        n=$((n + step))
    done
    row "$name" "$tries" "$bad"
}

train="preference --model $tiny/tiny_chat --pairs $tiny/tiny_hh.jsonl --out $place/run --batch 12 --rank 1
    --checkpoint-every 1 --max-tokens 200 --threads 2 --quiet"

printf '%-58s %6s %6s\n' promise tries failures
for ever in "" 1; do
    [ -z "$ever" ] || export FAULT_EVER=1
    word=${ever:+, and all later}
    sweep "P5 load GGUF: each call fails$word" generate --model $tiny/tiny_chat.gguf --prompt x --max-new 2 --threads 2 --quiet
    sweep "P5 load safetensors: each call fails$word" generate --model $tiny/tiny_chat --prompt x --max-new 2 --threads 2 --quiet
    # shellcheck disable=SC2086
    sweep "P5 train and save: each call fails$word" $train
done
unset FAULT_EVER
# shellcheck disable=SC2086
{ FAULT_CALL=fsync && export FAULT_CALL && sweep "P2 train and save: each fsync fails" $train; }
unset FAULT_CALL
FAULT_KIND="kill" && export FAULT_KIND

# A kill in front of every call that changes a file; the next run goes on to the sound bits.
kill_all() {
    rm -rf "$place/run"
    # shellcheck disable=SC2086
    FAULT_KIND='' "$program" $train >/dev/null 2>&1
    sound=$(worth "$place/run")
    n=1 tries=0 bad=0
    while :; do
        rm -rf "$place/run" "$place/met"
        # shellcheck disable=SC2086
        (LD_PRELOAD=$fault FAULT_AT=$n FAULT_MET=$place/met "$program" $train >/dev/null 2>&1) 2>/dev/null || :
        [ -e "$place/met" ] || break
        tries=$((tries + 1))
        # shellcheck disable=SC2086
        "$program" $train >/dev/null 2>"$place/err" && [ "$(worth "$place/run")" = "$sound" ] ||
            { bad=$((bad + 1)); complain "kill $n: $(head -1 "$place/err")"; }
        n=$((n + step))
    done
    row "P1 killed at each change of a file, then gone on" "$tries" "$bad"
}
kill_all
unset FAULT_KIND

# Kills at random times of a whole recipe, up to three a chain, then the end: the hashes of the sound run.
random_kills() {
    recipe="run $tiny/tiny.yaml --quiet --threads=1"
    # shellcheck disable=SC2086
    "$program" $recipe "out=$place/sound_run" >"$place/sound" 2>&1
    tries=0 bad=0 chain=0
    while [ "$tries" -lt "$kills" ]; do
        chain=$((chain + 1))
        rm -rf "$place/run"
        for link in 1 2 3; do
            pause=$(awk -v seed="$((chain * 3 + link))" 'BEGIN { srand(seed); printf "%.3f", 0.005 + 0.6 * rand() }')
            # shellcheck disable=SC2086
            (timeout -s KILL "$pause" "$program" $recipe "out=$place/run" >/dev/null 2>&1) 2>/dev/null || tries=$((tries + 1))
        done
        # shellcheck disable=SC2086
        "$program" $recipe "out=$place/run" >"$place/out" 2>"$place/err" || { bad=$((bad + 1)); complain "$(head -1 "$place/err")"; }
        for stage in simulate preference ppo eval; do
            [ "$(worth "$place/run/$stage")" = "$(worth "$place/sound_run/$stage")" ] ||
                { bad=$((bad + 1)); complain "chain $chain: $stage has other bits"; }
        done
    done
    row "P1 killed at random times, up to 3 a chain" "$tries" "$bad"
}
[ "$kills" = 0 ] || random_kills
[ "$total" = 0 ]
