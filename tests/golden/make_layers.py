"""Writes layers.bin: inputs in float32 and what PyTorch computes from them in float64, for the tests of nn/.

Run: python tests/golden/make_layers.py   (torch and transformers; the file is kept in the repository)
Format: tests/golden_file.h.
"""
import os

import numpy
import torch
import torch.nn.functional as F
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

torch.manual_seed(20240607)
arrays = []


def put(name, value, kind):
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    data = numpy.ascontiguousarray(value, dtype={"f32": "<f4", "f64": "<f8", "i32": "<i4"}[kind]).reshape(-1)
    arrays.append((name, kind, data))


def given(name, *shape, spread=1.0):
    """A float32 input, as float64 that wants a gradient."""
    value = (torch.randn(*shape) * spread).float()
    put(name, value, "f32")
    return value.double().requires_grad_()


def answer(layer, y, **inputs):
    """y, a random dy and the gradients of the inputs."""
    put(f"{layer}.y", y, "f64")
    dy = torch.randn(y.shape).float()
    put(f"{layer}.dy", dy, "f32")
    grads = torch.autograd.grad(y, list(inputs.values()), dy.double())
    for name, grad in zip(inputs, grads):
        put(f"{layer}.d{name}", grad, "f64")


# linear, lora
x, w, b = given("linear.x", 5, 7), given("linear.w", 9, 7), given("linear.b", 9)
answer("linear", F.linear(x, w, b), x=x, w=w, b=b)
x, w, a, b = given("lora.x", 6, 11), given("lora.w", 10, 11), given("lora.a", 3, 11), given("lora.b", 10, 3)
answer("lora", F.linear(x, w) + 1.75 * F.linear(F.linear(x, a), b), x=x, w=w, a=a, b=b)

# embedding
ids = torch.tensor([3, 0, 3, 12, 5, 3, 12], dtype=torch.int32)
put("embedding.ids", ids, "i32")
w = given("embedding.w", 13, 5)
answer("embedding", F.embedding(ids.long(), w), w=w)

# rmsnorm
x, w = given("rmsnorm.x", 6, 37), given("rmsnorm.w", 37)
answer("rmsnorm", F.rms_norm(x, (37,), w, 1e-5), x=x, w=w)

# rope: inverse frequencies of three rules, then a rotation of rows with positions in any order
rules = {
    "default": dict(rope_type="default", rope_theta=10000.0),
    "linear": dict(rope_type="linear", rope_theta=10000.0, factor=4.0),
    "llama3": dict(rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                   original_max_position_embeddings=8192),
}
for rule, parameters in rules.items():
    config = LlamaConfig(hidden_size=64, num_attention_heads=1, head_dim=64, max_position_embeddings=131072, rope_parameters=parameters)
    if rule == "default":
        inv_freq = 1.0 / (10000.0 ** (torch.arange(0, 64, 2, dtype=torch.float64) / 64))
    else:
        inv_freq, _ = ROPE_INIT_FUNCTIONS[rule](config, "cpu")
    put(f"rope.inv_freq.{rule}", inv_freq, "f64")
position = torch.tensor([0, 1, 2, 3, 40, 41, 700], dtype=torch.int32)
put("rope.position", position, "i32")
x = given("rope.x", 7, 3 * 10)
# Angles as the contract forms them: one float32 product.
inv_freq = (1.0 / (10000.0 ** (torch.arange(0, 10, 2, dtype=torch.float64) / 10))).float()
angle = (position.float()[:, None] * inv_freq[None, :]).double()
angle = torch.cat([angle, angle], dim=-1)
q, _ = apply_rotary_pos_emb(x.view(1, 7, 3, 10).transpose(1, 2), x.view(1, 7, 3, 10).transpose(1, 2), angle.cos()[None], angle.sin()[None])
answer("rope", q.transpose(1, 2).reshape(7, 30), x=x)

# attention: three sequences, 6 heads over 2 kv heads
offsets = [0, 5, 6, 23]
put("attention.offsets", numpy.array(offsets), "i32")
H, K, S = 6, 2, 8
q, k, v = given("attention.q", 23, H * S), given("attention.k", 23, K * S), given("attention.v", 23, K * S)
parts = []
for start, end in zip(offsets, offsets[1:]):
    heads = [t[start:end].view(end - start, n, S).transpose(0, 1)[None] for t, n in ((q, H), (k, K), (v, K))]
    y = F.scaled_dot_product_attention(*heads, is_causal=True, enable_gqa=True)
    parts.append(y[0].transpose(0, 1).reshape(end - start, H * S))
answer("attention", torch.cat(parts), q=q, k=k, v=v)

# swiglu
g, u = given("swiglu.g", 5, 19, spread=3.0), given("swiglu.u", 5, 19)
answer("swiglu", F.silu(g) * u, g=g, u=u)

# logprob at temperature 0.75, with what the sampler sees
target = torch.tensor([0, 40, 7, 7, 22, 13], dtype=torch.int32)
put("logprob.target", target, "i32")
x, w = given("logprob.x", 6, 9), given("logprob.w", 41, 9)
z = F.linear(x, w) / 0.75
logp = F.log_softmax(z, dim=-1)
put("logprob.entropy", -(logp.exp() * logp).sum(-1), "f64")
put("logprob.max", z.max(-1).values, "f64")
put("logprob.total", (z - z.max(-1, keepdim=True).values).exp().sum(-1), "f64")
answer("logprob", logp.gather(1, target.long()[:, None])[:, 0], x=x, w=w)

# log_sigmoid from end to end
x = torch.tensor([-90.0, -20.0, -3.5, -0.25, 0.0, 0.25, 3.5, 9.0, 17.0, 20.0, 60.0], dtype=torch.float64).requires_grad_()
put("log_sigmoid.x", x, "f32")
answer("log_sigmoid", F.logsigmoid(x), x=x)

# adamw with clipping: the constants as float32 holds them
single = lambda value: float(numpy.float32(value))
w = torch.nn.Parameter(given("adamw.w", 33).detach())
optimizer = torch.optim.AdamW([w], lr=single(0.01), betas=(single(0.9), single(0.999)), eps=single(1e-8), weight_decay=single(0.1))
norms = []
for step in range(6):
    w.grad = given(f"adamw.grad{step}", 33).detach()
    norms.append(torch.nn.utils.clip_grad_norm_([w], 5.5))
    optimizer.step()
put("adamw.w6", w, "f64")
put("adamw.norms", torch.stack(norms), "f64")

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "layers.bin")
with open(path, "wb") as file:
    file.write(b"golden 1\n")
    for name, kind, data in arrays:
        file.write(f"{name} {kind} {data.size}\n".encode() + data.tobytes() + b"\n")
print(path, os.path.getsize(path), "bytes,", len(arrays), "arrays")
