#!/bin/sh
# The shortened demo in several ways, each against the hash in tests/golden/hashes.txt: sh tests/cross/demo.sh [PROGRAM]
#
# The unit tests run it with the best kernels; plain C takes minutes, so it stands here. WAYS chooses (default: all).
set -eu
program=${1:-build/rlcd}
place=$(mktemp -d "${TMPDIR:-/tmp}/rlcd-demo-XXXXXX")
trap 'rm -rf "$place"' EXIT
expected=$(sed -n 's/  demo\/short$//p' tests/golden/hashes.txt)
failed=0
for way in ${WAYS:---threads=1 --threads=2 --kernels=scalar}; do
    "$program" demo --quiet "$way" "out=$place/$way" demo.prompts=8 demo.held_out=8 ppo.steps=1 ppo.rollouts=4 ppo.minibatch=2 \
        ppo.samples=4 preference.batch=4 dpo.batch=4 preference.plain_limit=4 "run.methods=[base, rlcd, rlaif-novice, dpo]" >"$place/table"
    found=$(sed -n 's/^hash *//p' "$place/table")
    if [ "$found" = "$expected" ]; then
        echo "demo $way: $found"
    else
        echo "demo $way: expected $expected, found $found" >&2
        failed=1
    fi
done
exit $failed
