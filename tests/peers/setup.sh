#!/bin/sh
# What `make bench-peers` needs, into build/peers: a Python with the peers, BLAS programs, models of several types.
#
# usage: sh tests/peers/setup.sh        (from the root; needs python3-venv, and for two of the product rows libopenblas-dev, libblis-dev)
set -eu
place=build/peers
mkdir -p "$place/models"
[ -x "$place/venv/bin/python" ] || python3 -m venv "$place/venv"
"$place/venv/bin/python" -c 'import torch, transformers, peft, llama_cpp' 2>/dev/null || {
    "$place/venv/bin/pip" install --quiet --retries 0 torch --index-url https://download.pytorch.org/whl/cpu ||
        "$place/venv/bin/pip" install --quiet torch
    "$place/venv/bin/pip" install --quiet transformers peft llama-cpp-python
}
${CC:-cc} -O2 -march=native -pthread tests/peers/peak.c -o "$place/peak"
for library in openblas blis; do
    ${CC:-cc} -O2 tests/peers/products.c -l$library -o "$place/products_$library" 2>/dev/null ||
        echo "setup: no $library here (Debian: lib$library-dev); its products are left out" >&2
done
# The types that are compared, made from the shared model.
source=${RLCD_SHARED:+$RLCD_SHARED/models/smollm2-135m-instruct.Q4_1.gguf}
if [ -n "$source" ] && [ -f "$source" ]; then
    [ -e "$place/models/q4_1.gguf" ] || ln -s "$(readlink -f "$source")" "$place/models/q4_1.gguf"
    for type in q8_0 bf16 f32; do
        [ -e "$place/models/$type.gguf" ] || build/rlcd convert "$source" --type $type --out "$place/models/$type.gguf" --quiet
    done
else
    echo "setup: RLCD_SHARED names no model; rows of the 135M model are left out" >&2
fi
