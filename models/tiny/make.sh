#!/bin/sh
# How the embedded base was made: corpus, tokenizer, pre-training in two phases (docs/07-training.md). The same bits on any machine.
#
#   sh models/tiny/make.sh            trains it and writes models/tiny (minutes on two cores)
#   sh models/tiny/make.sh --check    trains it and compares with SHA256SUMS
#   sh models/tiny/make.sh --first    the first steps alone, compared with SHA256SUMS (seconds)
#
# RLCD names the program, WORK the folder for what is made on the way (both phases can be resumed there).
set -eu
cd "$(dirname "$0")/../.."
RLCD=${RLCD:-build/rlcd}
WORK=${WORK:-build/base}

# The recipe. Phase 1 teaches grammar and copying; phase 2 begins warm, with a fresh schedule and more weight on the judges.
SEED=1
VOCABULARY=1024 PRETOKENIZER=llama-bpe
TOKENS_1=9000000 JUDGE_1=0.4 ANSWER_1=15
TOKENS_2=6000000 JUDGE_2=0.5 ANSWER_2=30
FIRST_TOKENS=20000
FILES="config.json generation_config.json model.safetensors tokenizer.json tokenizer_config.json"

sums() {
    if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi
}

# make_base FOLDER TOKENS_1 TOKENS_2: leaves the model in FOLDER/2/model.
make_base() {
    mkdir -p "$1"
    "$RLCD" world corpus --seed "$SEED" --tokens "$2" --p-judge "$JUDGE_1" --answer-weight "$ANSWER_1" --out "$1/1.jsonl"
    "$RLCD" world corpus --seed $((SEED + 1)) --tokens "$3" --p-judge "$JUDGE_2" --answer-weight "$ANSWER_2" --out "$1/2.jsonl"
    "$RLCD" tokenizer train --text "$1/1.jsonl" --vocab "$VOCABULARY" --pretokenizer "$PRETOKENIZER" --special '<eos>' --out "$1/tokenizer"
    "$RLCD" pretrain --text "$1/1.jsonl" --tokenizer "$1/tokenizer" --config-model tiny --tokens "$2" --seed "$SEED" --out "$1/1"
    "$RLCD" pretrain --text "$1/2.jsonl" --model "$1/1/model" --tokens "$3" --seed $((SEED + 1)) --out "$1/2"
}

mkdir -p "$WORK/out/first-steps"
make_base "$WORK/first-steps" "$FIRST_TOKENS" "$FIRST_TOKENS"
cp "$WORK/first-steps/2/model/model.safetensors" "$WORK/out/first-steps/"
if [ "${1:-}" = --first ]; then
    (cd "$WORK/out" && sums first-steps/model.safetensors) | grep -F -x -f models/tiny/SHA256SUMS || {
        echo "models/tiny/make.sh: the first steps give another model" >&2
        exit 1
    }
    exit 0
fi

make_base "$WORK" "$TOKENS_1" "$TOKENS_2"
for file in $FILES; do cp "$WORK/2/model/$file" "$WORK/out/"; done
(cd "$WORK/out" && sums $FILES first-steps/model.safetensors) > "$WORK/SHA256SUMS"
if [ "${1:-}" = --check ]; then
    cmp "$WORK/SHA256SUMS" models/tiny/SHA256SUMS
    echo "models/tiny is what its recipe makes"
    exit 0
fi
for file in $FILES; do cp "$WORK/out/$file" models/tiny/; done
cp "$WORK/SHA256SUMS" models/tiny/
