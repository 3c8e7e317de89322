"""Writes tests/golden/tiny_chat/ (a Hugging Face folder) and tests/golden/tiny_chat.gguf: one tiny LLaMA in two formats.

usage: python tests/golden/make_tiny_chat.py        (from the root; needs numpy, gguf, safetensors; made with gguf 0.19, numpy 2.4)

Weights are random, but one channel of the embedding is a constant that no layer writes to, and the head turns it into the
frequency of each token in tests/golden/tiny_hh.jsonl: what is sampled is babble of valid text that also ends. The GGUF holds
Q8_0, Q4_1 and F32 tensors with q and k permuted as llama.cpp wants them; the folder holds exactly what they expand to, so
both formats give the same bits wherever the contract promises it (numerics.md, M2).
"""
import json
import pathlib
import shutil

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf.quants import dequantize, quantize
from safetensors.numpy import save_file
from tokenizers import Tokenizer

here = pathlib.Path(__file__).resolve().parent
V, D, L, H, K, S, F, CONTEXT = 600, 32, 2, 4, 2, 8, 64, 256
THETA, EPS, BOS, EOS = 10000.0, 1e-5, 1, 2
draw = np.random.Generator(np.random.PCG64(20240923))
folder = here / "tiny_chat"
folder.mkdir(exist_ok=True)

# The tokenizer is the one of tests/golden/tokenizer_smollm.json.
shutil.copyfile(here / "tokenizer_smollm.json", folder / "tokenizer.json")
source = json.loads((here / "tokenizer_smollm.json").read_text(encoding="utf-8"))
tokenizer = Tokenizer.from_file(str(here / "tokenizer_smollm.json"))
vocabulary = source["model"]["vocab"]
tokens = sorted(vocabulary, key=vocabulary.get)
assert len(tokens) == V and [vocabulary[t] for t in tokens] == list(range(V))

# Frequencies: tokens of the dialogues, a few more ends of text and sentences, every other token seldom, broken bytes hardly ever.
counts = np.full(V, 0.02)
for line in (here / "tiny_hh.jsonl").read_text(encoding="utf-8").splitlines():
    for side in ("chosen", "rejected"):
        for part in json.loads(line)[side].replace("\n\nHuman:", "\n\nAssistant:").split("\n\nAssistant:"):
            for token in tokenizer.encode(part).ids:
                counts[token] += 1
            counts[EOS] += 1.5
for token, text in enumerate(tokens):
    if "\ufffd" in tokenizer.decode([token], skip_special_tokens=False):
        counts[token] = 1e-3
counts[[0, 1]] = 1e-3
prior = np.log(counts / counts.sum())


def normal(rows, columns, deviation):
    return draw.normal(0, deviation, (rows, columns)).astype(np.float32)


def stored(values, kind):
    """What a tensor of this type expands to."""
    return values if kind == Type.F32 else dequantize(quantize(values, kind), kind)


# The constant channel 0: 2 for every token; o_proj and down_proj never write to it.
embedding, head = normal(V, D, 0.6), normal(V, D, 0.15)
embedding[:, 0] = 2
head[:, 0] = prior / 1.6
model = [("model.embed_tokens", "token_embd", embedding, Type.Q8_0), ("lm_head", "output", head, Type.Q8_0),
         ("model.norm", "output_norm", draw.normal(1, 0.05, D).astype(np.float32), Type.F32)]
for l in range(L):
    ours, theirs = f"model.layers.{l}.", f"blk.{l}."
    o, down = normal(D, H * S, 0.08), normal(D, F, 0.08)
    o[0] = down[0] = 0
    model += [(ours + "self_attn.q_proj", theirs + "attn_q", normal(H * S, D, 0.3), Type.Q4_1),
              (ours + "self_attn.k_proj", theirs + "attn_k", normal(K * S, D, 0.3), Type.Q4_1),
              (ours + "self_attn.v_proj", theirs + "attn_v", normal(K * S, D, 0.3), Type.Q8_0),
              (ours + "self_attn.o_proj", theirs + "attn_output", o, Type.Q4_1),
              (ours + "mlp.gate_proj", theirs + "ffn_gate", normal(F, D, 0.3), Type.Q4_1),
              (ours + "mlp.up_proj", theirs + "ffn_up", normal(F, D, 0.3), Type.Q4_1),
              (ours + "mlp.down_proj", theirs + "ffn_down", down, Type.Q8_0),
              (ours + "input_layernorm", theirs + "attn_norm", draw.normal(1, 0.1, D).astype(np.float32), Type.F32),
              (ours + "post_attention_layernorm", theirs + "ffn_norm", draw.normal(1, 0.1, D).astype(np.float32), Type.F32)]
model = [(ours, theirs, stored(values, kind), kind) for ours, theirs, values, kind in model]
save_file({ours + ".weight": np.ascontiguousarray(values) for ours, _, values, _ in model}, folder / "model.safetensors")
(folder / "model.safetensors").chmod(0o644)
config = {"architectures": ["LlamaForCausalLM"], "attention_bias": False, "bos_token_id": BOS, "eos_token_id": EOS, "head_dim": S,
          "hidden_act": "silu", "hidden_size": D, "intermediate_size": F, "max_position_embeddings": CONTEXT, "mlp_bias": False,
          "model_type": "llama", "num_attention_heads": H, "num_hidden_layers": L, "num_key_value_heads": K, "rms_norm_eps": EPS,
          "rope_theta": THETA, "tie_word_embeddings": False, "torch_dtype": "float32", "vocab_size": V}
(folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")

out = gguf.GGUFWriter(here / "tiny_chat.gguf", "llama")
out.add_name("tiny_chat")
out.add_vocab_size(V)
out.add_context_length(CONTEXT)
out.add_embedding_length(D)
out.add_block_count(L)
out.add_feed_forward_length(F)
out.add_head_count(H)
out.add_head_count_kv(K)
out.add_rope_dimension_count(S)
out.add_rope_freq_base(THETA)
out.add_layer_norm_rms_eps(EPS)
out.add_tokenizer_model("gpt2")
out.add_tokenizer_pre("smollm")
out.add_token_list(tokens)
special = {t["id"] for t in source["added_tokens"]}
out.add_token_types([gguf.TokenType.CONTROL if i in special else gguf.TokenType.NORMAL for i in range(V)])
out.add_token_merges([" ".join(pair) for pair in source["model"]["merges"]])
out.add_bos_token_id(BOS)
out.add_eos_token_id(EOS)
for ours, theirs, values, kind in model:
    # llama.cpp turns neighbouring pairs, Hugging Face the two halves of a head.
    heads = H if ours.endswith("q_proj") else K if ours.endswith("k_proj") else 0
    if heads:
        values = values.reshape(heads, 2, S // 2, D).swapaxes(1, 2).reshape(heads * S, D)
    raw = values if kind == Type.F32 else quantize(values, kind)
    assert kind == Type.F32 or np.array_equal(dequantize(raw, kind), values), theirs
    out.add_tensor(theirs + ".weight", raw, raw_dtype=kind)
out.write_header_to_file()
out.write_kv_data_to_file()
out.write_tensors_to_file()
out.close()
