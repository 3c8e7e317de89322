#!/bin/sh
# Prints tests/golden/hashes.txt as the given program makes it: sh tests/golden/make_hashes.sh [PROGRAM] > tests/golden/hashes.txt
#
# Lines are "SHA-256  SET/STAGE" (numerics.md, F3): SET tiny_chat is tests/golden/tiny.yaml, tiny_chat_all the same with all
# weights trained, tiny_bf16 and tiny_bf16_all the two in bf16 (M3), tiny_matrix tests/golden/tiny_matrix.yaml. They change only
# with a decision that changes bits, which docs/decisions.md then tells.
set -eu
program=${1:-build/rlcd}
place=$(mktemp -d "${TMPDIR:-/tmp}/rlcd-hashes-XXXXXX")
trap 'rm -rf "$place"' EXIT
for set in tiny_chat tiny_chat_all tiny_bf16 tiny_bf16_all; do
    options=
    case $set in *_all) options="preference.train=all ppo.train=all" ;; esac
    case $set in *bf16*) options="$options precision=bf16" ;; esac
    # shellcheck disable=SC2086
    "$program" run tests/golden/tiny.yaml --quiet "out=$place/$set" $options >"$place/table"
    for stage in simulate preference ppo eval; do
        printf '%s  %s/%s\n' "$(sed 's/.*"sha256":"\([0-9a-f]*\)","wall_s".*/\1/' "$place/$set/$stage/run.json")" "$set" "$stage"
    done
done
"$program" run tests/golden/tiny_matrix.yaml --quiet "out=$place/tiny_matrix" >"$place/table"
(cd "$place" && find tiny_matrix -name run.json | LC_ALL=C sort) | while read -r card; do
    printf '%s  %s\n' "$(sed 's/.*"sha256":"\([0-9a-f]*\)","wall_s".*/\1/' "$place/$card")" "${card%/run.json}"
done
"$program" generate --model tests/golden/tiny_chat --prompts tests/golden/tiny_hh.jsonl --n 2 --max-new 24 --seed 7 --top-k 100 \
    --top-p 0.95 --stop '\n\nHuman:' --quiet >"$place/replies"
printf '%s  tiny_chat/generate\n' "$(sha256sum <"$place/replies" | cut -d' ' -f1)"
"$program" world corpus --documents 300 --seed 1 --out "$place/corpus.jsonl" --quiet >"$place/table"
printf '%s  world/corpus\n' "$(sha256sum <"$place/corpus.jsonl" | cut -d' ' -f1)"
printf '%s  demo/short\n' "$("$program" demo --quiet "out=$place/demo" demo.prompts=8 demo.held_out=8 ppo.steps=1 ppo.rollouts=4 \
    ppo.minibatch=2 ppo.samples=4 preference.batch=4 dpo.batch=4 preference.plain_limit=4 \
    "run.methods=[base, rlcd, rlaif-novice, dpo]" | sed -n 's/^hash *//p')"
