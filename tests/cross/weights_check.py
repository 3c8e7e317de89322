"""Every weight of a GGUF, expanded to fp32 by us, against the gguf package and against a Hugging Face folder of the same model.

usage: python tests/cross/weights_check.py MODEL.gguf HF_FOLDER     (needs numpy, gguf, safetensors; build/librlcd.a is made)
Compares by SHA-256 of the fp32 bits: ours from the GGUF, ours from the folder, the gguf package's (q and k un-permuted
here) and the folder's own tensors. Prints the number of tensors compared; exits 1 at the first difference.
"""
import glob, hashlib, subprocess, sys
import numpy as np
from gguf import GGUFReader, dequantize
from safetensors import safe_open

gguf_path, folder = sys.argv[1:3]
binary = "build/weights_dump"
subprocess.run(["make", "-s", "build/librlcd.a"], check=True, stdout=subprocess.DEVNULL)
compiler = "cc -I. -D_GNU_SOURCE -std=c11 -O2 -o".split()
subprocess.run([*compiler, binary, "tests/cross/weights_dump.c", "build/librlcd.a", "-lm", "-pthread"], check=True)


def ours(model):
    """name -> (rows, columns, hash) as the C reader sees it."""
    lines = subprocess.run([binary, model], check=True, capture_output=True, text=True).stdout.splitlines()
    print("\n".join(line for line in lines if line.startswith("#")))
    fields = (line.split() for line in lines if line[0] != "#")
    return {name: (int(rows), int(columns), digest) for name, rows, columns, digest in fields}


def entry(array):
    array = np.ascontiguousarray(array, dtype=np.float32)
    rows, columns = array.shape if array.ndim == 2 else (0, array.shape[0])
    return rows, columns, hashlib.sha256(array.tobytes()).hexdigest()


PARTS = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
         "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm",
         "ffn_norm": "post_attention_layernorm"}
WHOLE = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight", "output.weight": "lm_head.weight"}


def package(path):
    reader = GGUFReader(path)
    counts = {"attn_q": "llama.attention.head_count", "attn_k": "llama.attention.head_count_kv"}
    heads = {part: reader.fields[key].contents() for part, key in counts.items()}
    result = {}
    for t in reader.tensors:
        values = dequantize(t.data, t.tensor_type)
        name = WHOLE.get(t.name)
        if name is None:
            _, layer, part, _ = t.name.split(".")
            name = f"model.layers.{layer}.{PARTS[part]}.weight"
            if part in heads:
                h = heads[part]
                values = values.reshape(h, values.shape[0] // h // 2, 2, -1).swapaxes(1, 2).reshape(values.shape)
        result[name] = entry(values)
    return result


def stored(path):
    result = {}
    for name in sorted(glob.glob(path + "/*.safetensors")):
        with safe_open(name, "np") as f:
            result.update({key: entry(f.get_tensor(key)) for key in f.keys()})
    return result


sources = {"ours from the GGUF": ours(gguf_path), "ours from the folder": ours(folder), "gguf package": package(gguf_path),
           "folder": stored(folder)}
first_name, first = next(iter(sources.items()))
for label, table in sources.items():
    assert table.keys() == first.keys(), (label, sorted(table.keys() ^ first.keys())[:4])
    for name in first:
        if table[name] != first[name]:
            sys.exit(f"{name}: {first_name} {first[name]} != {label} {table[name]}")
print(f"{len(first)} tensors equal in all of: {', '.join(sources)}")
