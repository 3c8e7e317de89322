"""Golden values of training, made in float64 by PyTorch: run it in tests/golden with `python make_training.py`.

Needs torch, transformers, peft, safetensors. Inputs are float32 numbers, everything between is float64, results are rounded to
float32 once. The model is written out below; transformers, made to work in float64 throughout, must agree with it to 1e-12,
and torch's own AdamW and clipping must agree with the update written out here. README.md says what each tensor is.
"""
import json
import os

import peft
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch.nn.functional import logsigmoid

torch.set_num_threads(2)
FOLDER = os.path.dirname(os.path.abspath(__file__))
VOCABULARY, WIDTH, HEADS, KV_HEADS, HEAD_SIZE, HIDDEN, THETA, EPS = 67, 24, 4, 2, 6, 40, 10000.0, 1e-5
PROJECTIONS = {"self_attn": ["q_proj", "k_proj", "v_proj", "o_proj"], "mlp": ["gate_proj", "up_proj", "down_proj"]}
LORA_RANK, LORA_ALPHA = 4, 8.0
LR, BETA1, BETA2, ADAM_EPS, DECAY, MAX_NORM = 1e-2, 0.9, 0.999, 1e-8, 0.01, 1.0
LENGTHS = (19, 7, 12)


# ---- numbers: float32 values held in float64

def rounded(tensor):
    return tensor.to(torch.float32).to(torch.float64)


def normal(generator, *shape, scale=1.0):
    return rounded(torch.randn(*shape, generator=generator, dtype=torch.float64) * scale)


def shapes_of_model(layers, tied):
    shapes = {"model.embed_tokens.weight": (VOCABULARY, WIDTH)}
    out_in = {"q_proj": (HEADS * HEAD_SIZE, WIDTH), "k_proj": (KV_HEADS * HEAD_SIZE, WIDTH), "v_proj": (KV_HEADS * HEAD_SIZE, WIDTH),
              "o_proj": (WIDTH, HEADS * HEAD_SIZE), "gate_proj": (HIDDEN, WIDTH), "up_proj": (HIDDEN, WIDTH), "down_proj": (WIDTH, HIDDEN)}
    for layer in range(layers):
        prefix = f"model.layers.{layer}."
        shapes[prefix + "input_layernorm.weight"] = shapes[prefix + "post_attention_layernorm.weight"] = (WIDTH,)
        for block, names in PROJECTIONS.items():
            for name in names:
                shapes[f"{prefix}{block}.{name}.weight"] = out_in[name]
    shapes["model.norm.weight"] = (WIDTH,)
    if not tied:
        shapes["lm_head.weight"] = (VOCABULARY, WIDTH)
    return shapes


def make_weights(layers, tied, seed):
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in shapes_of_model(layers, tied).items():
        weights[name] = rounded(1 + 0.1 * normal(generator, *shape)) if len(shape) == 1 else normal(generator, *shape, scale=0.3)
    return weights


# ---- the model, written out

def rms_norm(x, weight):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + EPS) * weight


def rotation(count):
    """Cosine and sine [T, S/2] of fp32 angles: position times the fp32 frequency, one fp32 product (numerics.md, A3)."""
    frequency = (THETA ** (-torch.arange(0, HEAD_SIZE, 2, dtype=torch.float64) / HEAD_SIZE)).to(torch.float32)
    angle = (torch.arange(count, dtype=torch.float32)[:, None] * frequency[None, :]).to(torch.float64)
    return torch.cos(angle), torch.sin(angle)


def rotate(x, cosine, sine):
    a, b = x[..., : HEAD_SIZE // 2], x[..., HEAD_SIZE // 2:]
    return torch.cat([a * cosine - b * sine, b * cosine + a * sine], -1)


def linear(weights, lora, name, x):
    y = x @ weights[name + ".weight"].T
    if lora is not None:
        y = y + (LORA_ALPHA / LORA_RANK) * ((x @ lora[name + ".lora_A.weight"].T) @ lora[name + ".lora_B.weight"].T)
    return y


def attend(weights, lora, prefix, x):
    count = x.shape[0]
    q, k, v = (linear(weights, lora, f"{prefix}self_attn.{name}", x).view(count, -1, HEAD_SIZE).transpose(0, 1)
               for name in ("q_proj", "k_proj", "v_proj"))
    cosine, sine = rotation(count)
    q, k = rotate(q, cosine, sine), rotate(k, cosine, sine)
    k, v = (t.repeat_interleave(HEADS // KV_HEADS, 0) for t in (k, v))
    score = q @ k.transpose(1, 2) / HEAD_SIZE ** 0.5
    future = torch.ones(count, count).triu(1).bool()
    mixed = score.masked_fill(future, float("-inf")).softmax(-1) @ v
    return linear(weights, lora, f"{prefix}self_attn.o_proj", mixed.transpose(0, 1).reshape(count, -1))


def hidden_states(weights, ids, lora=None):
    """Rows behind the final norm, [T, D]."""
    x = weights["model.embed_tokens.weight"][ids]
    layers = sum(name.endswith("input_layernorm.weight") for name in weights)
    for layer in range(layers):
        prefix = f"model.layers.{layer}."
        x = x + attend(weights, lora, prefix, rms_norm(x, weights[prefix + "input_layernorm.weight"]))
        h = rms_norm(x, weights[prefix + "post_attention_layernorm.weight"])
        gate, up = (linear(weights, lora, f"{prefix}mlp.{name}", h) for name in ("gate_proj", "up_proj"))
        x = x + linear(weights, lora, f"{prefix}mlp.down_proj", gate * torch.sigmoid(gate) * up)
    return rms_norm(x, weights["model.norm.weight"])


def logits_of(weights, ids, lora=None):
    head = weights.get("lm_head.weight", weights["model.embed_tokens.weight"])
    return hidden_states(weights, ids, lora) @ head.T


def token_loss(weights, sequences, lora=None):
    """Mean of -log p(next token) over all predictions of the batch."""
    terms = [logits_of(weights, ids, lora)[:-1].log_softmax(-1).gather(1, ids[1:, None]) for ids in sequences]
    return -torch.cat(terms).mean()


# ---- transformers in float64 throughout, as a second opinion

class ExactNorm(torch.nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def forward(self, x):
        return rms_norm(x, self.weight)


class ExactRotary(torch.nn.Module):
    def forward(self, x, position_ids):
        cosine, sine = rotation(position_ids.shape[-1])
        return torch.cat([cosine, cosine], -1)[None], torch.cat([sine, sine], -1)[None]


def reference_model(folder, exact=True):
    dtype = torch.float64 if exact else torch.float32
    model = transformers.LlamaForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa")
    if exact:
        # Its norms and its rotary table round to float32 inside; these do not.
        for layer in model.model.layers:
            layer.input_layernorm = ExactNorm(layer.input_layernorm.weight)
            layer.post_attention_layernorm = ExactNorm(layer.post_attention_layernorm.weight)
        model.model.norm = ExactNorm(model.model.norm.weight)
        model.model.rotary_emb = ExactRotary()
    return model


def reference_loss(model, sequences):
    # Its own loss rounds logits to float32; cross_entropy of torch does not.
    logits = torch.cat([model(input_ids=ids[None]).logits[0, :-1] for ids in sequences])
    return torch.nn.functional.cross_entropy(logits, torch.cat([ids[1:] for ids in sequences]))


def must_agree(what, a, b, tolerance=1e-12):
    error = (a.double() - b.double()).abs().max().item() / max(1.0, b.double().abs().max().item())
    assert error <= tolerance, f"{what}: {error:.3e} > {tolerance:.0e}"
    worst[tolerance] = max(worst.get(tolerance, 0.0), error)


worst = {}


# ---- one update, written out

def gradients(loss, tensors):
    return dict(zip(tensors, torch.autograd.grad(loss, list(tensors.values()))))


def trainable(tensors):
    return {name: value.clone().requires_grad_() for name, value in tensors.items()}


def adamw_steps(tensors, loss_of, steps):
    """The tensors after each step, and each step's norm before clipping."""
    tensors = {name: value.clone() for name, value in tensors.items()}
    first = {name: torch.zeros_like(value) for name, value in tensors.items()}
    second = {name: torch.zeros_like(value) for name, value in tensors.items()}
    history, norms = [], []
    for step in range(1, steps + 1):
        tensors = trainable(tensors)
        gradient = gradients(loss_of(tensors), tensors)
        norm = torch.sqrt(sum((g * g).sum() for g in gradient.values()))
        factor = min(1.0, MAX_NORM / (norm.item() + 1e-6))
        for name, w in tensors.items():
            g = gradient[name] * factor
            first[name] = BETA1 * first[name] + (1 - BETA1) * g
            second[name] = BETA2 * second[name] + (1 - BETA2) * g * g
            w = w.detach() - LR * DECAY * w.detach()
            m, v = first[name] / (1 - BETA1 ** step), second[name] / (1 - BETA2 ** step)
            tensors[name] = w - LR * m / (torch.sqrt(v) + ADAM_EPS)
        history.append(tensors)
        norms.append(norm)
    return history, torch.stack(norms)


def reference_steps(parameters, loss_of, steps):
    optimizer = torch.optim.AdamW(parameters, lr=LR, betas=(BETA1, BETA2), eps=ADAM_EPS, weight_decay=DECAY)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of().backward()
        torch.nn.utils.clip_grad_norm_(parameters, MAX_NORM)
        optimizer.step()


# ---- files

def store(name, tensors, note):
    def plain(value):
        value = value.detach()
        return value.to(torch.int32 if not value.is_floating_point() else torch.float32).contiguous()

    path = os.path.join(FOLDER, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    # One entry of metadata: the order of several would change from run to run.
    save_file({key: plain(value) for key, value in tensors.items()}, path, metadata={"note": note})
    os.chmod(path, 0o644)


def store_model(folder, weights, layers, tied):
    store(f"{folder}/model.safetensors", weights, "random weights")
    config = dict(architectures=["LlamaForCausalLM"], model_type="llama", vocab_size=VOCABULARY, hidden_size=WIDTH,
                  num_hidden_layers=layers, num_attention_heads=HEADS, num_key_value_heads=KV_HEADS, head_dim=HEAD_SIZE,
                  intermediate_size=HIDDEN, max_position_embeddings=64, rope_theta=THETA, rms_norm_eps=EPS, hidden_act="silu",
                  tie_word_embeddings=tied, attention_bias=False, mlp_bias=False, bos_token_id=1, eos_token_id=2, torch_dtype="float32")
    with open(os.path.join(FOLDER, folder, "config.json"), "w") as file:
        json.dump(config, file, indent=2, sort_keys=True)
        file.write("\n")


def prefixed(prefix, tensors):
    return {prefix + name: value for name, value in tensors.items()}


def make_sequences(seed, lengths):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(0, VOCABULARY, (n,), generator=generator) for n in lengths]


def stored_sequences(sequences):
    offsets = torch.tensor([0] + [len(ids) for ids in sequences]).cumsum(0)
    return {"ids": torch.cat(sequences), "offsets": offsets}


# ---- (a) all weights

def make_full(folder, layers, tied, seed, keep_after_1, keep_after_3):
    weights, sequences = make_weights(layers, tied, seed), make_sequences(seed + 1, LENGTHS)
    store_model(folder, weights, layers, tied)
    model = reference_model(os.path.join(FOLDER, folder))
    trained = trainable(weights)
    loss = token_loss(trained, sequences)
    gradient = gradients(loss, trained)
    logits = torch.cat([logits_of(weights, ids) for ids in sequences])

    # The second opinion: logits, loss, gradients, three updates.
    must_agree("logits", logits, torch.cat([model(input_ids=ids[None]).logits[0] for ids in sequences]))
    other = reference_loss(model, sequences)
    must_agree("loss", loss, other)
    other.backward()
    for name, parameter in model.named_parameters():
        must_agree("gradient of " + name, gradient[name], parameter.grad)
    plain = reference_model(os.path.join(FOLDER, folder), exact=False)
    other = torch.cat([plain(input_ids=ids[None]).logits[0] for ids in sequences])
    must_agree("logits of plain transformers in fp32", logits, other, 1e-5)

    history, norms = adamw_steps(weights, lambda w: token_loss(w, sequences), 3)
    reference_steps(list(model.parameters()), lambda: reference_loss(model, sequences), 3)
    for name, parameter in model.named_parameters():
        must_agree("three steps of " + name, history[2][name], parameter, 1e-10)
    assert norms[0] > MAX_NORM, "the clip must bind"

    store(f"training_{folder[5:]}.safetensors",
          {**stored_sequences(sequences), "logits": logits if not tied else logits[[18, 25, 37]], "loss": loss.reshape(1), "norms": norms,
           **prefixed("gradient/", gradient),
           **prefixed("after_1/", {name: history[0][name] for name in weights if keep_after_1(name)}),
           **prefixed("after_3/", {name: history[2][name] for name in weights if keep_after_3(name)})},
          "all weights trained; see README.md, (a)")
    print(f"{folder}: loss {loss.item():.6f}, norms {[round(n, 4) for n in norms.tolist()]}, "
          f"smallest |gradient| that is not 0: {min(g[g != 0].abs().min().item() for g in gradient.values()):.1e}")
    fp32_error(folder, weights, sequences, gradient, history)
    return weights, sequences


def fp32_error(folder, weights, sequences, gradient, history):
    """What plain fp32 loses against these values: the scale for a test's tolerance (largest difference over the norm)."""
    def off(a, b):
        return ((a.double() - b).abs().max() / b.norm()).item()

    model = reference_model(os.path.join(FOLDER, folder), exact=False)
    reference_loss(model, sequences).backward()
    loss = max(off(parameter.grad, gradient[name]) for name, parameter in model.named_parameters())
    reference_steps(list(model.parameters()), lambda: reference_loss(model, sequences), 3)
    drift = max(off(parameter, history[2][name]) for name, parameter in model.named_parameters())
    print(f"{folder}: torch in fp32 is off by {loss:.1e} (gradients), {drift:.1e} (weights after 3 steps)")


# ---- (b) adapters over frozen weights

def make_lora(weights, sequences):
    generator = torch.Generator().manual_seed(31)
    lora = {}
    for name, weight in weights.items():
        if name.endswith("_proj.weight"):
            stem = name[: -len(".weight")]
            lora[stem + ".lora_A.weight"] = normal(generator, LORA_RANK, weight.shape[1], scale=0.3)
            lora[stem + ".lora_B.weight"] = normal(generator, weight.shape[0], LORA_RANK, scale=0.05)
    store("tiny_lora/adapter_model.safetensors", prefixed("base_model.model.", lora), "random adapter")
    names = [name for block in PROJECTIONS.values() for name in block]
    config = dict(peft_type="LORA", task_type="CAUSAL_LM", base_model_name_or_path="tiny_untied", r=LORA_RANK,
                  lora_alpha=LORA_ALPHA, lora_dropout=0.0, bias="none", fan_in_fan_out=False, inference_mode=True, target_modules=names)
    with open(os.path.join(FOLDER, "tiny_lora", "adapter_config.json"), "w") as file:
        json.dump(config, file, indent=2, sort_keys=True)
        file.write("\n")

    trained = trainable(lora)
    loss = token_loss(weights, sequences, trained)
    gradient = gradients(loss, trained)
    history, norms = adamw_steps(lora, lambda tensors: token_loss(weights, sequences, tensors), 1)

    # The second opinion: peft over the exact transformers model.
    base = reference_model(os.path.join(FOLDER, "tiny_untied"))
    model = peft.PeftModel.from_pretrained(base, os.path.join(FOLDER, "tiny_lora"), is_trainable=True, autocast_adapter_dtype=False)
    parameters = {name.replace("base_model.model.", "").replace(".default", ""): parameter
                  for name, parameter in model.double().named_parameters() if parameter.requires_grad}
    assert sorted(parameters) == sorted(lora)
    other = reference_loss(model, sequences)
    must_agree("loss with an adapter", loss, other)
    other.backward()
    for name, parameter in parameters.items():
        must_agree("gradient of " + name, gradient[name], parameter.grad)
    reference_steps(list(parameters.values()), lambda: reference_loss(model, sequences), 1)
    for name, parameter in parameters.items():
        must_agree("a step of " + name, history[0][name], parameter, 1e-10)

    store("training_lora.safetensors",
          {**stored_sequences(sequences), "loss": loss.reshape(1), "norms": norms,
           "logits_last": logits_of(weights, sequences[0], lora)[-1:],
           **prefixed("gradient/", gradient), **prefixed("after_1/", history[0])},
          "adapters trained over frozen tiny_untied; see README.md, (b)")


# ---- (c) preference loss

def make_preference(weights):
    generator = torch.Generator().manual_seed(41)
    chosen, rejected = make_sequences(42, (9, 17)), make_sequences(43, (14, 6))
    tensors = trainable({**weights, "score.weight": normal(generator, 1, WIDTH, scale=0.3)})

    def score(ids):
        return (hidden_states(tensors, ids)[-1] * tensors["score.weight"][0]).sum()

    difference = torch.stack([score(a) - score(b) for a, b in zip(chosen, rejected)])
    hard = -logsigmoid(difference).mean()
    soft = (0.8 * -logsigmoid(difference) + 0.2 * -logsigmoid(-difference)).mean()
    gradient = gradients_kept(hard, tensors)
    gradient_soft = gradients_kept(soft, tensors)

    # The second opinion: the body of transformers, binary cross-entropy of torch.
    body = reference_model(os.path.join(FOLDER, "tiny_tied")).model
    head = tensors["score.weight"].detach().clone().requires_grad_()
    scores = [[(body(input_ids=ids[None]).last_hidden_state[0, -1] @ head[0]) for ids in side] for side in (chosen, rejected)]
    label = torch.full((2,), 0.8, dtype=torch.float64)
    other = torch.nn.functional.binary_cross_entropy_with_logits(torch.stack(scores[0]) - torch.stack(scores[1]), label)
    must_agree("preference loss", soft, other)
    other.backward()
    must_agree("gradient of the head", gradient_soft["score.weight"], head.grad)
    for name, parameter in body.named_parameters():
        must_agree("preference gradient of " + name, gradient_soft["model." + name], parameter.grad)

    keep = ("score.weight", "model.norm.weight")
    store("training_preference.safetensors",
          {**prefixed("chosen_", stored_sequences(chosen)), **prefixed("rejected_", stored_sequences(rejected)),
           "score.weight": tensors["score.weight"],
           "chosen_scores": torch.stack([score(ids) for ids in chosen]), "rejected_scores": torch.stack([score(ids) for ids in rejected]),
           "loss": hard.reshape(1), "loss_soft": soft.reshape(1), **prefixed("gradient/", gradient),
           **prefixed("gradient_soft/", {name: gradient_soft[name] for name in keep})},
          "scalar head over tiny_tied; label 1, and label 0.8 as soft; see README.md, (c)")


def gradients_kept(loss, tensors):
    return dict(zip(tensors, torch.autograd.grad(loss, list(tensors.values()), retain_graph=True)))


# ---- (f) context distillation and DPO: a policy that is not the base

FROM, DPO_BETA, DPO_SOFT = 4, 0.3, 0.8


def reply_logp(logits_for, ids):
    """Sum of the log-probabilities of the tokens from FROM on."""
    return logits_for(ids)[FROM - 1:-1].log_softmax(-1).gather(1, ids[FROM:, None]).sum()


def dpo_loss(policy, reference, chosen, rejected, label):
    margin = DPO_BETA * torch.stack([(reply_logp(policy, a) - reply_logp(reference, a)) - (reply_logp(policy, b) - reply_logp(reference, b))
                                     for a, b in zip(chosen, rejected)])
    return margin, (label * -logsigmoid(margin) + (1 - label) * -logsigmoid(-margin)).mean()


def ipo_loss(margin, label):
    """Azar et al., 2023, equation 17, in expectation over a label: with its probability chosen wins, else rejected does."""
    h, aim = margin / DPO_BETA, 1 / (2 * DPO_BETA)
    return (label * (h - aim) ** 2 + (1 - label) * (-h - aim) ** 2).mean()


def make_tune(base):
    chosen, rejected = make_sequences(42, (9, 17)), make_sequences(43, (14, 6))
    weights = {name: (value.to(torch.float32) * 1.05).to(torch.float64) for name, value in base.items()}
    tensors = trainable(weights)
    policy, reference = (lambda ids: logits_of(tensors, ids)), (lambda ids: logits_of(base, ids).detach())
    actions = sum(len(ids) - FROM for ids in chosen)
    sft = -sum(reply_logp(policy, ids) for ids in chosen) / actions
    margin, hard = dpo_loss(policy, reference, chosen, rejected, 1.0)
    _, soft = dpo_loss(policy, reference, chosen, rejected, DPO_SOFT)
    losses = {"sft": sft, "hard": hard, "soft": soft, "ipo": ipo_loss(margin, 1.0), "ipo_soft": ipo_loss(margin, DPO_SOFT)}
    gradient = {key: gradients_kept(loss, tensors) for key, loss in losses.items()}
    # (h - a)^2 with a = (label - 1/2) / beta differs from that expectation by what no weight moves.
    ipo = [(margin / DPO_BETA - (label - 0.5) / DPO_BETA).square().mean() for label in (1.0, DPO_SOFT)]
    must_agree("ipo loss", ipo[0], ipo_loss(margin, 1.0))
    for name, value in gradients_kept(ipo[1], tensors).items():
        must_agree("ipo gradient of " + name, value, gradient["ipo_soft"][name])

    # The second opinion: transformers, cross entropy and binary cross entropy of torch.
    models = [reference_model(os.path.join(FOLDER, "tiny_tied")) for _ in range(2)]
    with torch.no_grad():
        for name, parameter in models[0].named_parameters():
            parameter.copy_(weights[name])
    logits = [lambda ids, model=model: model(input_ids=ids[None]).logits[0] for model in models]
    rows = torch.cat([logits[0](ids)[FROM - 1:-1] for ids in chosen])
    other = torch.nn.functional.cross_entropy(rows, torch.cat([ids[FROM:] for ids in chosen]))
    must_agree("sft loss", sft, other)
    other_margin, _ = dpo_loss(logits[0], lambda ids: logits[1](ids).detach(), chosen, rejected, 1.0)
    label = torch.full((2,), DPO_SOFT, dtype=torch.float64)
    other_soft = torch.nn.functional.binary_cross_entropy_with_logits(other_margin, label)
    must_agree("dpo loss", soft, other_soft)
    for key, loss in (("sft", other), ("soft", other_soft)):
        for name, value in zip(dict(models[0].named_parameters()), torch.autograd.grad(loss, list(models[0].parameters()))):
            must_agree(f"{key} gradient of {name}", gradient[key][name], value)

    keep = ("model.norm.weight", "model.layers.0.self_attn.v_proj.weight")
    store("training_tune.safetensors",
          {"margin": margin, "sft_loss": sft.reshape(1), "loss": hard.reshape(1), "loss_soft": soft.reshape(1),
           "loss_ipo": ipo[0].reshape(1), "loss_ipo_soft": ipo[1].reshape(1),
           "logps": torch.stack([reply_logp(policy, ids) for ids in (*chosen, *rejected)]),
           **prefixed("sft_gradient/", gradient["sft"]), **prefixed("gradient/", gradient["hard"]),
           **{f"gradient_{key}/{name}": gradient[key][name] for key in ("soft", "ipo", "ipo_soft") for name in keep}},
          "policy 1.05 times tiny_tied; see README.md, (f)")


# ---- (d) advantages and whitening

def estimate(reward, value, gamma, lam):
    """The sum of discounted errors, written without recursion: A_t = sum_k (gamma lambda)^k delta_{t+k}."""
    count = len(reward)
    after = torch.cat([value[1:], torch.zeros(1, dtype=torch.float64)])
    delta = reward + gamma * after - value
    return torch.stack([sum((gamma * lam) ** (k - t) * delta[k] for k in range(t, count)) for t in range(count)])


def whiten(x, shift, inside):
    mean, variance = x.mean(), x.var(unbiased=False)
    scale = torch.sqrt(variance + 1e-8) if inside else torch.sqrt(variance) + 1e-8
    return (x - mean) / scale + (0 if shift else mean)


def make_advantages():
    generator = torch.Generator().manual_seed(51)
    lengths = (1, 2, 5, 17, 40)
    rewards = [normal(generator, n) for n in lengths]
    values = [normal(generator, n) for n in lengths]
    out = {"offsets": torch.tensor([0, *lengths]).cumsum(0), "rewards": torch.cat(rewards), "values": torch.cat(values)}
    for gamma in (1.0, 0.95):
        for lam in (1.0, 0.95):
            advantages = torch.cat([estimate(r, v, gamma, lam) for r, v in zip(rewards, values)])
            if lam == 1:
                # With lambda 1 the return is the discounted sum of rewards, whatever the values.
                sums = [sum(gamma ** (k - t) * r[k] for k in range(t, len(r))) for r in rewards for t in range(len(r))]
                must_agree("returns at lambda 1", advantages + out["values"], torch.stack(sums))
            key = f"gamma_{gamma:g}_lambda_{lam:g}/"
            out[key + "advantages"] = advantages
            out[key + "returns"] = advantages + out["values"]
    # Whitening over all tokens; the second input is so small that where 1e-8 is added can be seen.
    for name, x in (("rewards", out["rewards"] + 0.0), ("small", rounded(out["rewards"] * 1e-4))):
        out[f"whiten_{name}/x"] = x
        out[f"whiten_{name}/shifted"] = whiten(x, True, True)
        out[f"whiten_{name}/unshifted"] = whiten(x, False, True)
        out[f"whiten_{name}/unshifted_paper"] = whiten(x, False, False)
    store("training_gae.safetensors", out,
          "whiten: (x - mean) / sqrt(variance + 1e-8), variance over n; unshifted adds mean; paper: (x - mean) / (sqrt(variance) + 1e-8)")


# ---- (e) PPO

def make_ppo():
    generator = torch.Generator().manual_seed(61)
    count, clip = 64, 0.2
    old_logp = rounded(-normal(generator, count).abs() - 0.1)
    logp = rounded(old_logp + 0.4 * normal(generator, count)).requires_grad_()
    ref_logp = rounded(old_logp + 0.3 * normal(generator, count))
    advantages, returns, old_values = (normal(generator, count) for _ in range(3))
    values = rounded(old_values + 0.5 * normal(generator, count)).requires_grad_()

    ratio = torch.exp(logp - old_logp)
    plain, cut = -advantages * ratio, -advantages * ratio.clamp(1 - clip, 1 + clip)
    policy = torch.maximum(plain, cut)
    moved = old_values + (values - old_values).clamp(-clip, clip)
    value_plain, value_cut = (values - returns) ** 2, (moved - returns) ** 2
    value = 0.5 * torch.maximum(value_plain, value_cut)
    d_logp, = torch.autograd.grad(policy.mean(), logp)
    d_values, = torch.autograd.grad(value.mean(), values)

    # The derivatives by hand: a clipped term has none.
    hand = torch.where((cut > plain) & ((ratio < 1 - clip) | (ratio > 1 + clip)), 0.0, plain) / count
    must_agree("policy gradient by hand", d_logp, hand.detach())
    hand = torch.where((value_cut > value_plain) & ((values - old_values).abs() > clip), 0.0, values - returns) / count
    must_agree("value gradient by hand", d_values, hand.detach())
    edge = torch.cat([(ratio - 1).abs() - clip, (values - old_values).abs() - clip]).abs().min().item()
    assert edge > 1e-4, "a value on the border of the clip would make the counts a matter of rounding"

    moved_by = (logp - old_logp).detach()
    to_ref = (logp - ref_logp).detach()
    kl = {"clamp": to_ref.clamp(min=0), "k1": to_ref, "k2": to_ref ** 2 / 2, "k3": torch.exp(-to_ref) - 1 + to_ref}
    one = dict(policy_loss=policy.mean(), value_loss=value.mean(), policy_clipped=(cut > plain).double().mean(),
               policy_outside=((ratio - 1).abs() > clip).double().mean(), value_clipped=(value_cut > value_plain).double().mean(),
               approx_kl_k1=-moved_by.mean(), approx_kl_k2=(moved_by ** 2 / 2).mean(),
               approx_kl_k3=(torch.exp(moved_by) - 1 - moved_by).mean())
    assert min(one["policy_clipped"], one["value_clipped"]) > 0.1, one
    shaped = -0.05 * kl["clamp"]
    shaped = torch.cat([shaped[:-1], shaped[-1:] + 1.5])
    store("training_ppo.safetensors",
          {"old_logp": old_logp, "logp": logp, "ref_logp": ref_logp, "advantages": advantages, "old_values": old_values, "values": values,
           "returns": returns,
           "policy_losses": policy, "value_losses": value, "d_logp": d_logp, "d_values": d_values, "shaped_rewards": shaped,
           **prefixed("kl_", kl), **{name: number.reshape(1) for name, number in one.items()}},
          "clip 0.2 for both; see README.md, (e)")
    print("ppo:", {name: round(number.item(), 6) for name, number in one.items()})


# ---- (g) groups: RLOO and GRPO

def make_groups():
    generator = torch.Generator().manual_seed(72)
    lengths, clip, coef = (5, 1, 14, 12, 3, 9), 0.2, 0.04
    offsets, count = torch.tensor([0, *lengths]).cumsum(0), sum(lengths)
    returns = normal(generator, 3, 4)
    others = torch.stack([(row.sum() - row) / 3 for row in returns])
    mean, deviation = returns.mean(1, keepdim=True), torch.sqrt(returns.var(1, keepdim=True, unbiased=False) + 1e-8)
    must_agree("leave one out", returns - others, 4 / 3 * (returns - mean))

    old_logp = rounded(-normal(generator, count).abs() - 0.1)
    logp = rounded(old_logp + 0.15 * normal(generator, count)).requires_grad_()
    ref_logp = rounded(old_logp + 0.3 * normal(generator, count))
    advantages = normal(generator, len(lengths))
    by_action = torch.cat([a.expand(n) for a, n in zip(advantages, lengths)])

    # RLOO: one ratio for a reply, mean over replies.
    ratio = torch.stack([part.sum().exp() for part in torch.split(logp - old_logp, lengths)])
    plain, cut = -advantages * ratio, -advantages * ratio.clamp(1 - clip, 1 + clip)
    sequence = torch.maximum(plain, cut)
    d_sequence, = torch.autograd.grad(sequence.mean(), logp)
    hand = torch.where((cut > plain) & ((ratio - 1).abs() > clip), 0.0, plain) / len(lengths)
    must_agree("rloo gradient by hand", d_sequence, torch.cat([h.expand(n) for h, n in zip(hand.detach(), lengths)]))
    assert ((ratio - 1).abs() - clip).abs().min() > 1e-3 and 0 < (cut > plain).sum() < len(lengths)

    # GRPO: mean over a reply's actions, then over replies.
    ratio, l = torch.exp(logp - old_logp), logp - ref_logp
    action = torch.maximum(-by_action * ratio, -by_action * ratio.clamp(1 - clip, 1 + clip)) + coef * (torch.exp(-l) - 1 + l)
    weight = torch.cat([torch.full((n,), 1 / (n * len(lengths)), dtype=torch.float64) for n in lengths])
    d_action, = torch.autograd.grad((weight * action).sum(), logp)
    assert ((ratio - 1).abs() - clip).abs().min() > 1e-4 and ((ratio - 1).abs() > clip).sum() > 2
    store("training_groups.safetensors",
          {"returns": returns.flatten(), "leave_one_out": (returns - others).flatten(), "divided": ((returns - mean) / deviation).flatten(),
           "centred": (returns - mean).flatten(), "offsets": offsets, "old_logp": old_logp, "logp": logp, "ref_logp": ref_logp,
           "advantages": by_action, "sequence_losses": sequence, "d_sequence": d_sequence, "losses": action, "d_logp": d_action},
          "clip 0.2, KL 0.04; see README.md, (g)")


def main():
    # Not every tensor is kept after the steps: the files stay below 300 KB.
    untied, sequences = make_full("tiny_untied", 2, False, 11, lambda name: name in ("lm_head.weight", "model.norm.weight"),
                                  lambda name: "layers.1" not in name and name != "lm_head.weight")
    tied, _ = make_full("tiny_tied", 1, True, 21, lambda name: False,
                        lambda name: name in ("model.embed_tokens.weight", "model.norm.weight"))
    make_lora(untied, sequences)
    make_preference(tied)
    make_tune(tied)
    make_advantages()
    make_ppo()
    make_groups()
    print("largest disagreement with the second opinions, by tolerance:", {key: f"{value:.1e}" for key, value in worst.items()})
    total = 0
    for folder, _, files in sorted(os.walk(FOLDER)):
        for name in sorted(files):
            if folder != FOLDER and os.path.basename(folder).startswith("tiny_") or name.startswith("training_"):
                total += os.path.getsize(os.path.join(folder, name))
                if name.endswith(".safetensors"):
                    assert load_file(os.path.join(folder, name))
    print("bytes in all:", total)


main()
