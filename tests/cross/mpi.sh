#!/bin/sh
# The same bits from any number of ranks (numerics.md, G2 and G3), and what ranks do when something is wrong: sh tests/cross/mpi.sh
#
# Builds with MPI=1 into build/mpi-NAME for openmpi and mpich (MPIS chooses), runs the recipe of the command-line tests and every method
# side by side with RANKS (default 1 2 3 4; of the second library 2 and 3), and compares with tests/golden/hashes.txt. KILLS (default 2)
# is how often one of four ranks is killed at work, after which the run goes on with another number of ranks. The suite `comm`
# runs over ranks with the first library.
set -eu
ranks=${RANKS:-1 2 3 4} kills=${KILLS:-2} suite=1
# Open MPI: as root, in a container, with more ranks than cores.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none
place=$(mktemp -d "${TMPDIR:-/tmp}/rlcd-mpi-XXXXXX")
trap 'rm -rf "$place"' EXIT
failed=0

# Every run.json below a folder against the golden hash of SET/STAGE.
compare() {
    for card in $(cd "$place/$1" && find . -name run.json | LC_ALL=C sort); do
        stage=${card#./}
        stage=$2/${stage%/run.json}
        found=$(sed 's/.*"sha256":"\([0-9a-f]*\)","wall_s".*/\1/' "$place/$1/$card")
        if ! grep -qx "$found  $stage" tests/golden/hashes.txt; then
            echo "$mpi, $3: $stage differs: $found" >&2
            failed=1
        fi
    done
    echo "$mpi, $3: $2 compared"
}

# A refusal: the exit code of a command, and a piece of what it says.
refused() {
    code=$1 part=$2
    shift 2
    status=0
    "$@" >"$place/out" 2>&1 || status=$?
    if [ "$status" != "$code" ] || ! grep -q "$part" "$place/out"; then
        echo "$mpi: expected $code and \"$part\", found $status and:" >&2
        cat "$place/out" >&2
        failed=1
    fi
}

head -n 20 tests/golden/tiny_hh.jsonl >"$place/other.jsonl"
tiny="run tests/golden/tiny.yaml --quiet threads=1"
for mpi in ${MPIS:-openmpi mpich}; do
    if ! command -v "mpicc.$mpi" >/dev/null; then
        echo "mpicc.$mpi is not installed" >&2
        exit 2
    fi
    program=build/mpi-$mpi/rlcd start="mpirun.$mpi -n"
    # shellcheck disable=SC2046
    make -j2 MPI=1 MPICC="mpicc.$mpi" BUILD="build/mpi-$mpi" CFLAGS="-O2 -g -Werror" "$program" \
        $([ -z "$suite" ] || echo "build/mpi-$mpi/tests/all") >"$place/build" 2>&1 || { cat "$place/build" >&2; exit 1; }
    for n in $ranks; do
        rm -rf "${place:?}/$n"
        # shellcheck disable=SC2086
        $start "$n" "$program" $tiny "out=$place/$n" >"$place/table"
        compare "$n" tiny_chat "$n ranks"
        rm -rf "$place/matrix" "$place/killed"
        $start "$n" "$program" run tests/golden/tiny_matrix.yaml --quiet threads=1 "out=$place/matrix" >"$place/table"
        compare matrix tiny_matrix "$n ranks"
        [ -z "$suite" ] || CK_FORK=no CK_RUN_SUITE=comm $start "$n" "build/mpi-$mpi/tests/all" >"$place/suite" 2>&1 ||
            { cat "$place/suite" >&2; failed=1; }
    done

    # One of four ranks is killed in the middle of a stage; the others end within 30 s, and the run goes on with three ranks.
    for k in $(seq "$kills"); do
        stage=preference
        [ $((k % 2)) = 1 ] || stage=ppo
        rm -rf "$place/killed"
        # shellcheck disable=SC2086
        $start 4 "$program" $tiny "out=$place/killed" >"$place/out" 2>&1 &
        launcher=$! waited=0
        until [ -e "$place/killed/$stage/metrics.jsonl" ] || ! kill -0 "$launcher" 2>/dev/null; do sleep 0.02; done
        victim=$(pgrep -f "^$program run .*out=$place/killed" | sed -n "$((1 + k % 4))p")
        kill -KILL "$victim" || failed=1
        while kill -0 "$launcher" 2>/dev/null && [ "$waited" -lt 30 ]; do
            sleep 1
            waited=$((waited + 1))
        done
        status=0
        wait "$launcher" || status=$?
        if [ "$waited" -ge 30 ] || [ "$status" = 0 ] || [ ! -s "$place/out" ]; then
            echo "$mpi: a rank killed in $stage: the others ended with $status after $waited s" >&2
            failed=1
        fi
        # shellcheck disable=SC2086
        $start 3 "$program" $tiny "out=$place/killed" >"$place/table"
        compare killed tiny_chat "a rank killed in $stage, resumed with 3 ranks"
    done

    # Ranks that disagree, a launcher of another MPI, a build without MPI.
    # shellcheck disable=SC2086
    refused 1 "rank 1 of 2: its verb or recipe differs" $start 1 "$program" $tiny "out=$place/odd" : \
        -n 1 "$program" $tiny seed=8 "out=$place/odd"
    # shellcheck disable=SC2086
    refused 1 "rank 1 of 2: its .* differs from rank 0" $start 1 "$program" $tiny "out=$place/odd" : \
        -n 1 "$program" $tiny "data.prompts=$place/other.jsonl" "out=$place/odd"
    refused 2 "it found no other: this program was built with" env PMI_SIZE=2 OMPI_COMM_WORLD_SIZE=2 "$program" generate
    refused 2 "was built without MPI" env OMPI_COMM_WORLD_SIZE=2 build/rlcd generate
    ranks=${RANKS:-2 3} suite=
done
exit $failed
