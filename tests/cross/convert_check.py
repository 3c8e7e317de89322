"""What `rlcd convert` writes, in the hands of the field's readers: llama.cpp, the gguf package, transformers.

usage: python tests/cross/convert_check.py FOLDER [TYPE ...]        (from the root of the repository; build/rlcd is made)

FOLDER: a Hugging Face folder of a LLaMA with tokenizer.json. TYPE: what GGUFs are written as (default: f32 bf16 q8_0 q4_0 q4_1).
1. The GGUF's tensors are the gguf package's own conversion of the folder's: every byte; of block types the share of bytes that
   differ is printed (a rounding tie of the product, numerics.md M2), at most 1 in 100,000.
2. llama.cpp replies to 20 prompts greedily with the tokens that rlcd gives, 64 of them, from the F32 file; of the other types
   (where llama.cpp rounds activations as well) the number of equal replies and the mean length of the common beginning are printed.
3. The folder written back from the F32 GGUF has the source's tensors bit by bit, and transformers gives its logits.
Exit 0 when all of this holds."""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
from gguf import GGMLQuantizationType, GGUFReader, quantize
from llama_cpp import Llama
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

PROMPTS = ["Human: How do I keep bread fresh?\n\nAssistant:", "Once upon a time", "The capital of France is", "def add(a, b):\n",
           "1, 2, 3, 4,", "Human: Tell me a joke.\n\nAssistant:", "In the year 1969", "Water boils at", "Dear Sir or Madam,",
           "The quick brown fox", "Roses are red,", "Human: What is a cat?\n\nAssistant:", "import numpy as", "She opened the door and",
           "The best way to learn", "A recipe for soup:", "Human: Why is the sky blue?\n\nAssistant:", "E = mc", "To be or not to be",
           "Bonjour, je"]
TOKENS = 64
folder, types = sys.argv[1], sys.argv[2:] or ["f32", "bf16", "q8_0", "q4_0", "q4_1"]
subprocess.run(["make", "-s", "build/rlcd"], check=True, stdout=subprocess.DEVNULL)
faults = 0


def rlcd(*arguments):
    run = subprocess.run(["build/rlcd", *arguments, "--quiet"], check=True, stdout=subprocess.PIPE)
    return run.stdout


def load_folder(path):
    tensors = {}
    for name in sorted(os.listdir(path)):
        if name.endswith(".safetensors"):
            tensors.update(load_file(os.path.join(path, name)))
    return tensors


PARTS = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
         "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm",
         "ffn_norm": "post_attention_layernorm"}
WHOLE = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight", "output.weight": "lm_head.weight"}


def compare_bytes(path, source, config):
    """Bytes that differ from the gguf package's quantisation of the folder's numbers, and bytes in all."""
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config.get("num_key_value_heads") or config["num_attention_heads"]}
    differ = total = 0
    for t in GGUFReader(path).tensors:
        name, part = WHOLE.get(t.name), None
        if name is None:
            _, layer, part, _ = t.name.split(".")
            name = f"model.layers.{layer}.{PARTS[part]}.weight"
        x = source[name].float().numpy()
        if part in heads:
            h = heads[part]
            x = x.reshape(h, 2, x.shape[0] // h // 2, -1).swapaxes(1, 2).reshape(x.shape)
        want = np.ascontiguousarray(quantize(x, GGMLQuantizationType(t.tensor_type))).view(np.uint8).reshape(-1)
        have = np.ascontiguousarray(t.data).view(np.uint8).reshape(-1)
        differ += int((want != have).sum()) if want.size == have.size else want.size
        total += have.size
    return differ, total


def common(a, b):
    n = 0
    while n < len(a) and n < len(b) and a[n] == b[n]:
        n += 1
    return n


with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
    config = json.load(f)
source = load_folder(folder)
with tempfile.TemporaryDirectory() as work:
    for kind in types:
        path = os.path.join(work, kind + ".gguf")
        rlcd("convert", folder, "--out", path, "--type", kind)
        differ, total = compare_bytes(path, source, config)
        faults += differ > (0 if kind in ("f32", "f16", "bf16") else total / 1e5)
        llama = Llama(model_path=path, n_ctx=256, type_k=0, type_v=0, n_threads=2, verbose=False)
        equal = 0
        lengths = []
        for prompt in PROMPTS:
            # Ours as text; llama.cpp's as tokens until end-of-text.
            words = ["--prompt", prompt.replace("\n", "\\n"), "--temperature", "0", "--max-new", str(TOKENS)]
            ours = rlcd("generate", "--model", path, *words)
            ids = llama.tokenize(prompt.encode(), add_bos=False, special=True)
            llama.reset()
            reply = []
            for token in llama.generate(ids, top_k=1, temp=0.0, repeat_penalty=1.0):
                if token == llama.token_eos() or len(reply) == TOKENS:
                    break
                reply.append(token)
            theirs = b"".join(llama.detokenize([t], special=True) for t in reply)
            ours = ours[:-1] if ours.endswith(b"\n") else ours
            n = common(ours, theirs)
            equal += ours == theirs
            lengths.append(n / max(len(theirs), 1))
        if kind == "f32":
            faults += equal < len(PROMPTS)
        print(f"{kind}: {differ} of {total} bytes differ from the gguf package's; llama.cpp: {equal} of {len(PROMPTS)} replies of {TOKENS} "
              f"tokens equal, common beginning {100 * sum(lengths) / len(lengths):.1f} %")
        del llama

    path, back = os.path.join(work, "f32.gguf"), os.path.join(work, "back")
    rlcd("convert", folder, "--out", path, "--force")
    rlcd("convert", path, "--out", back, "--shard-size", "100M")
    written = load_folder(back)
    same = written.keys() == {k for k in source if "inv_freq" not in k and not (config.get("tie_word_embeddings") and "lm_head" in k)}
    same = same and all(torch.equal(written[k], source[k]) and written[k].dtype == source[k].dtype for k in written)
    one, two = (AutoModelForCausalLM.from_pretrained(p, dtype=torch.float32) for p in (folder, back))
    tokenizer = AutoTokenizer.from_pretrained(back)
    tokenizer_source = AutoTokenizer.from_pretrained(folder)
    largest, ids_equal = 0.0, True
    for prompt in PROMPTS:
        ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        ids_equal = ids_equal and ids == tokenizer_source(prompt, add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            largest = max(largest, (one(torch.tensor([ids])).logits - two(torch.tensor([ids])).logits).abs().max().item())
    print(f"back to a folder: tensors {'equal bit by bit' if same else 'DIFFER'}, ids {'equal' if ids_equal else 'DIFFER'}, "
          f"transformers' logits differ by {largest:g} at most")
    faults += (not same) + (not ids_equal) + (largest > 0)
sys.exit(faults > 0)
