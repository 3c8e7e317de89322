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

# The recipe is phase-1.yaml and phase-2.yaml beside this script, and the tokenizer's two numbers.
VOCABULARY=1024 PRETOKENIZER=llama-bpe
FIRST_TOKENS=20000
FILES="config.json generation_config.json model.safetensors tokenizer.json tokenizer_config.json"

sums() {
    if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi
}

# make_base FOLDER [TOKENS]: leaves the model in FOLDER/2/model; TOKENS of each phase instead of the recipe's.
make_base() {
    mkdir -p "$1"
    for phase in 1 2; do
        "$RLCD" world corpus --config "models/tiny/phase-$phase.yaml" ${2:+--tokens "$2"} --out "$1/$phase.jsonl"
    done
    "$RLCD" tokenizer train --text "$1/1.jsonl" --vocab "$VOCABULARY" --pretokenizer "$PRETOKENIZER" --special '<eos>' --out "$1/tokenizer"
    "$RLCD" pretrain --config models/tiny/phase-1.yaml ${2:+--tokens "$2"} --text "$1/1.jsonl" --tokenizer "$1/tokenizer" --out "$1/1"
    "$RLCD" pretrain --config models/tiny/phase-2.yaml ${2:+--tokens "$2"} --text "$1/2.jsonl" --model "$1/1/model" --out "$1/2"
}

mkdir -p "$WORK/out/first-steps"
make_base "$WORK/first-steps" "$FIRST_TOKENS"
cp "$WORK/first-steps/2/model/model.safetensors" "$WORK/out/first-steps/"
if [ "${1:-}" = --first ]; then
    (cd "$WORK/out" && sums first-steps/model.safetensors) | grep -F -x -f models/tiny/SHA256SUMS || {
        echo "models/tiny/make.sh: the first steps give another model" >&2
        exit 1
    }
    exit 0
fi

make_base "$WORK"
for file in $FILES; do cp "$WORK/2/model/$file" "$WORK/out/"; done
(cd "$WORK/out" && sums $FILES first-steps/model.safetensors) > "$WORK/SHA256SUMS"
if [ "${1:-}" = --check ]; then
    cmp "$WORK/SHA256SUMS" models/tiny/SHA256SUMS
    echo "models/tiny is what its recipe makes"
    exit 0
fi
for file in $FILES; do cp "$WORK/out/$file" models/tiny/; done
cp "$WORK/SHA256SUMS" models/tiny/
