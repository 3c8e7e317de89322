"""What PyTorch (with transformers and PEFT) reaches on one kind of work; prints one JSON line like `rlcd bench --json`.

usage: peer_torch.py WORK [--threads N] [--repeat N] [--dtype fp32|bf16] [--batch B] [--tokens T] [--shape MxNxK] [--layout NN|NT|TN]
WORK: product | train-135m | lora-135m | train-tiny | train-gpt2 | preference-135m | prefill | generate
Weights are random: speed does not depend on them. bf16 is autocast over fp32 weights (product: bf16 tensors)."""
import argparse, json, resource, time
import torch

SHAPES = {
    "135m": dict(vocab_size=49152, hidden_size=576, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
                 intermediate_size=1536, tie_word_embeddings=True, rope_theta=100000.0),
    "tiny": dict(vocab_size=512, hidden_size=128, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=4,
                 intermediate_size=344, tie_word_embeddings=True),
    # As wide, deep and large as GPT-2 124M, in LLaMA's form: three matrices of 2048 in place of two of 3072.
    "gpt2": dict(vocab_size=50257, hidden_size=768, num_hidden_layers=12, num_attention_heads=12, num_key_value_heads=12,
                 intermediate_size=2048, tie_word_embeddings=True),
}


def model_of(shape, **more):
    from transformers import LlamaConfig, LlamaForCausalLM
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(max_position_embeddings=2048, use_cache=False, **SHAPES[shape], **more))


def measure(work, repeat, amount):
    """Rates of `repeat` calls behind one that warms up."""
    work()
    rates = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        rates.append(amount / (time.perf_counter() - start))
    return sorted(rates)


def product(a):
    m, n, k = map(int, a.shape.split("x"))
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[a.dtype]
    left = torch.randn(k, m).to(dtype).t() if a.layout == "TN" else torch.randn(m, k).to(dtype)
    right = torch.randn(n, k).to(dtype).t() if a.layout == "NT" else torch.randn(k, n).to(dtype)
    out, loops = torch.empty(m, n, dtype=dtype), int(2e9 / (2 * m * n * k)) + 1
    return measure(lambda: [torch.matmul(left, right, out=out) for _ in range(loops)], a.repeat, 2e-9 * m * n * k * loops), "GFLOP/s"


def train(a, shape, lora=False, preference=False):
    if preference:
        from transformers import LlamaConfig, LlamaForSequenceClassification
        model = LlamaForSequenceClassification(LlamaConfig(max_position_embeddings=2048, num_labels=1, pad_token_id=0, **SHAPES[shape]))
    else:
        model = model_of(shape)
    model.train()
    if lora:
        from peft import LoraConfig, get_peft_model
        model = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules=["q_proj", "k_proj", "v_proj", "o_proj"]))
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    rows = 2 * a.batch if preference else a.batch
    ids = torch.randint(1, SHAPES[shape]["vocab_size"], (rows, a.tokens))

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=a.dtype == "bf16"):
            if preference:
                score = model(input_ids=ids).logits[:, 0]
                loss = -torch.nn.functional.logsigmoid(score[::2] - score[1::2]).mean()
            else:
                loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return measure(step, a.repeat, rows * a.tokens), "tok/s"


@torch.no_grad()
def prefill(a):
    model = model_of("135m").eval()
    ids = torch.randint(0, 49152, (1, a.tokens))

    def work():
        with torch.autocast("cpu", torch.bfloat16, enabled=a.dtype == "bf16"):
            model.lm_head(model.model(ids).last_hidden_state[:, -1:])

    return measure(work, a.repeat, a.tokens), "tok/s"


@torch.no_grad()
def generate(a):
    model = model_of("135m").eval()
    model.config.use_cache = model.generation_config.use_cache = True
    ids, new = torch.randint(0, 49152, (a.batch, 128)), a.tokens

    def run(count):
        start = time.perf_counter()
        model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=True, min_new_tokens=count, max_new_tokens=count,
                       pad_token_id=0, use_cache=True)
        return time.perf_counter() - start

    run(2)
    # Decoding alone: a run with `new` tokens more, less a run with one.
    return sorted(a.batch * new / max(1e-9, run(new + 1) - run(1)) for _ in range(a.repeat)), "tok/s"


WORKS = {"product": product, "prefill": prefill, "generate": generate,
         "train-135m": lambda a: train(a, "135m"), "lora-135m": lambda a: train(a, "135m", lora=True),
         "train-tiny": lambda a: train(a, "tiny"), "train-gpt2": lambda a: train(a, "gpt2"),
         "preference-135m": lambda a: train(a, "135m", preference=True)}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=WORKS)
    for name, default in (("threads", 2), ("repeat", 3), ("batch", 4), ("tokens", 256)):
        parser.add_argument("--" + name, type=int, default=default)
    parser.add_argument("--dtype", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--shape", default="512x512x512")
    parser.add_argument("--layout", default="NT", choices=["NN", "NT", "TN"])
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    rates, unit = WORKS[a.work](a)
    print(json.dumps(dict(part="torch " + a.work, unit=unit, min=rates[0], median=rates[len(rates) // 2], max=rates[-1],
                          peak_rss_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)))
