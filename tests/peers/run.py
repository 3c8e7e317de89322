"""Speed against the peers, paired: peer, ours, peer, ours, ... in one run; prints a Markdown table and writes JSON Lines.

usage: run.py [--pairs 5] [--threads 2] [--rows NAMES] [--list] [--models DIR] [--trl PYTHON] [--out FILE]
`make bench-peers` calls it with a Python of its own (tests/peers/setup.sh). MODELS holds GGUF files of one 135M LLaMA, TYPE.gguf each
(setup.sh makes them with `rlcd convert` from RLCD_SHARED's); rows whose model or peer is missing are named, not dropped in silence.
A ratio above 1 means that ours is faster (or needs less memory). It is the median over the pairs of ours / peer."""
import argparse, json, os, re, subprocess, sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
parser = argparse.ArgumentParser()
parser.add_argument("--pairs", type=int, default=5)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--repeat", type=int, default=3)
parser.add_argument("--rows", default="", help="regular expression over names")
parser.add_argument("--list", action="store_true")
parser.add_argument("--program", default=os.path.join(ROOT, "build/rlcd"))
parser.add_argument("--models", default=os.path.join(ROOT, "build/peers/models"))
parser.add_argument("--trl", default="", help="a Python with TRL 0.24.0 and transformers 4.57.6")
parser.add_argument("--out", default=os.path.join(ROOT, "build/peers/results.jsonl"))
a = parser.parse_args()
T, R = str(a.threads), str(a.repeat)


def torch(work, *more):
    return [sys.executable, f"{HERE}/peer_torch.py", work, "--threads", T, "--repeat", R, *more]


def llama(work, kind, *more):
    return [sys.executable, f"{HERE}/peer_llamacpp.py", work, f"{a.models}/{kind}.gguf", "--threads", T, "--repeat", R, *more]


def trl(work):
    return [a.trl or "python-with-trl", f"{HERE}/peer_trl.py", work, "--threads", T, "--steps", "1" if work == "ppo" else R]


def blas(library, shape, layout):
    return [f"{ROOT}/build/peers/products_{library}", shape, layout, R]


def ours(part, kind="q4_1", *more):
    model = kind if "/" in kind else f"{a.models}/{kind}.gguf"
    return [a.program, "bench", "--model", model, "--parts", part, "--threads", T, "--repeat", R, "--json", "--quiet", "--scratch",
            f"{ROOT}/build/peers/scratch", *more]


def our_product(dtype, shape, layout):
    return ours("shapes", f"{ROOT}/models/tiny", "--shape", f"{dtype} {shape} {layout}")


# name, peers (the best of them counts), ours, targets of speed and of memory (None: none)
ROWS = []
for shape in ("512x512x512", "1024x1024x1024", "2048x2048x2048", "512x1536x576", "512x11008x4096", "1x4096x4096"):
    for layout in ("NN", "NT", "TN"):
        peers = [torch("product", "--shape", shape, "--layout", layout), blas("openblas", shape, layout), blas("blis", shape, layout)]
        ROWS.append((f"product fp32 {shape} {layout}", peers, our_product("fp32", shape, layout), 1.0, None))
        if not shape.startswith("1x"):
            ROWS.append((f"product bf16 {shape} {layout}", [torch("product", "--shape", shape, "--layout", layout, "--dtype", "bf16")],
                         our_product("bf16", shape, layout), 0.95, None))
for dtype, full, lora, tiny, reward in (("fp32", 1.5, 1.2, 1.6, 1.25), ("bf16", 1.7, 1.6, 2.0, 1.9)):
    p = ["--precision", dtype]
    ROWS += [
        (f"train 135M all {dtype}", [torch("train-135m", "--dtype", dtype)], ours("train", "q4_1", *p), full, 0.55),
        (f"train 135M adapter {dtype}", [torch("lora-135m", "--dtype", dtype)], ours("lora", "q4_1", *p), lora, 0.4),
        (f"train 1M {dtype}", [torch("train-tiny", "--dtype", dtype, "--batch", "32", "--tokens", "128")],
         ours("train", f"{ROOT}/models/tiny", *p, "--train-batch", "32", "--train-tokens", "128", "--rows", "4096"), tiny, 0.15),
        (f"preference 135M {dtype}, PyTorch", [torch("preference-135m", "--dtype", dtype)], ours("preference-all", "q4_1", *p),
         reward, 0.4),
    ]
ROWS += [
    ("preference 135M fp32, TRL", [trl("reward")], ours("preference-all"), 1.25, 0.4),
    ("train GPT-2 size T=64", [torch("train-gpt2", "--tokens", "64")], ours("train", "gpt2", "--train-tokens", "64"), 1.2, None),
    ("train GPT-2 size T=256", [torch("train-gpt2")], ours("train", "gpt2"), 1.2, None),
    ("generate 32, transformers", [torch("generate", "--batch", "32", "--tokens", "32")], ours("batch"), 1.4, None),
    ("ppo step all, TRL", [trl("ppo")], ours("ppo-all"), 1.5, 0.45),
    ("ppo step adapters, TRL", [trl("ppo")], ours("ppo"), 1.5, 0.15),
    ("prefill 512, PyTorch fp32", [torch("prefill", "--tokens", "512")], ours("prefill"), 1.0, None),
]
for kind in ("q4_1", "q8_0", "bf16", "f32"):
    ROWS += [
        (f"decode 1 {kind}", [llama("decode", kind)], ours("decode", kind), 1.0, None),
        (f"decode 32 {kind}", [llama("decode", kind, "--batch", "32")], ours("batch", kind), 1.4, None),
        (f"prefill 512 {kind}", [llama("prefill", kind)], ours("prefill", kind), 1.1, None),
    ]


def run(command):
    """The JSON line of a command, or a sentence that says why there is none."""
    if not os.path.exists(command[0]) and "/" in command[0]:
        return f"{os.path.basename(command[0])} is not built"
    for word in command[1:]:
        if word.endswith(".gguf") and not os.path.exists(word):
            return f"{os.path.basename(word)} is not there"
    try:
        out = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OPENBLAS_NUM_THREADS": T, "BLIS_NUM_THREADS": T})
    except OSError as e:
        return str(e)
    lines = [json.loads(line) for line in out.stdout.splitlines() if line.startswith("{")]
    if out.returncode != 0 or not lines:
        return (out.stderr.strip().splitlines() or ["no output"])[-1][:200]
    return lines[-1]


def median(values):
    return sorted(values)[len(values) // 2]


def compare(row):
    """Both sides' lines by pair, and the ratios."""
    name, peers, command, speed, memory = row
    pairs, why = [], []
    for _ in range(a.pairs):
        theirs = [run(peer) for peer in peers]
        mine = run(command)
        why = [x for x in theirs if isinstance(x, str)] + ([mine] if isinstance(mine, str) else [])
        theirs = [x for x in theirs if not isinstance(x, str)]
        if not theirs or isinstance(mine, str):
            break
        lower = mine["unit"] == "s/step"
        best = min(theirs, key=lambda x: x["median"] if lower else -x["median"])
        pairs.append((best, mine, best["median"] / mine["median"] if lower else mine["median"] / best["median"]))
    return dict(name=name, target=speed, memory_target=memory, missing="; ".join(why), pairs=[p[:2] for p in pairs],
                ratio=median([p[2] for p in pairs]) if pairs else None)


def row_text(r):
    if r["ratio"] is None:
        return f"| {r['name']} | - | - | - | >= {r['target']} | not measured: {r['missing']} |"
    theirs, mine = median([p[0]["median"] for p in r["pairs"]]), median([p[1]["median"] for p in r["pairs"]])
    note = "missing: " + r["missing"] if r["missing"] else ""
    if "peak_rss_mib" in r["pairs"][0][0]:
        share = median([p[1]["peak_rss_mib"] / p[0]["peak_rss_mib"] for p in r["pairs"]])
        note += f"memory {share:.2f} of the peer's" + (f" (target {r['memory_target']})" if r["memory_target"] else "")
    verdict = "" if r["ratio"] >= r["target"] else " (missed)"
    return f"| {r['name']} | {theirs:.1f} | {mine:.1f} {r['pairs'][0][1]['unit']} | {r['ratio']:.2f} | >= {r['target']}{verdict} | {note} |"


rows = [r for r in ROWS if re.search(a.rows, r[0])]
if a.list:
    print("\n".join(r[0] for r in rows))
    sys.exit(0)
os.makedirs(os.path.dirname(a.out), exist_ok=True)
print(f"{a.pairs} pairs, {a.threads} threads\n\n| work | peer | ours | ratio | target | |\n|---|---|---|---|---|---|", flush=True)
with open(a.out, "a") as out:
    for r in rows:
        result = compare(r)
        out.write(json.dumps(result) + "\n")
        print(row_text(result), flush=True)
