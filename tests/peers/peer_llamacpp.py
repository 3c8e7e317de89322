"""What llama.cpp (through llama-cpp-python) reaches; prints one JSON line like `rlcd bench --json`.

usage: peer_llamacpp.py prefill|decode MODEL.gguf [--threads N] [--repeat N] [--batch B] [--context T] [--steps N]
decode: B sequences behind a shared context, N single steps; no sampling."""
import argparse, ctypes, json, resource, time
import llama_cpp as lib
import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("work", choices=["prefill", "decode"])
parser.add_argument("model")
for name, default in (("threads", 2), ("repeat", 3), ("batch", 1), ("context", 128), ("steps", 32), ("tokens", 512)):
    parser.add_argument("--" + name, type=int, default=default)
a = parser.parse_args()

silent = lib.llama_log_callback(lambda level, text, data: None)
lib.llama_log_set(silent, ctypes.c_void_p(0))
lib.llama_backend_init()
model = lib.llama_model_load_from_file(a.model.encode(), lib.llama_model_default_params())
vocabulary = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(model))
random = np.random.default_rng(0)


def batch_of(tokens, positions, sequences, wanted):
    batch = lib.llama_batch_init(len(tokens), 0, 1)
    batch.n_tokens = len(tokens)
    for i, (token, position, sequence, want) in enumerate(zip(tokens, positions, sequences, wanted)):
        batch.token[i], batch.pos[i], batch.n_seq_id[i] = int(token), position, 1
        batch.seq_id[i][0], batch.logits[i] = sequence, want
    return batch


params = lib.llama_context_default_params()
params.n_seq_max = a.batch
params.n_ctx = a.batch * (a.context + a.steps + 32) if a.work == "decode" else 2 * a.tokens
params.n_batch, params.n_ubatch = 2048, 512
params.n_threads = params.n_threads_batch = a.threads
context = lib.llama_init_from_model(model, params)
memory = lib.llama_get_memory(context)


def timed(run, amount):
    start = time.perf_counter()
    run()
    lib.llama_synchronize(context)
    return amount / (time.perf_counter() - start)


def decode(batch):
    if lib.llama_decode(context, batch) != 0:
        raise SystemExit("llama_decode failed")


if a.work == "prefill":
    batch = batch_of(random.integers(100, vocabulary, a.tokens), range(a.tokens), [0] * a.tokens, [0] * (a.tokens - 1) + [1])

    def run():
        lib.llama_memory_clear(memory, True)
        decode(batch)

    rates = [timed(run, a.tokens) for _ in range(a.repeat + 1)][1:]
else:
    n = a.context
    decode(batch_of(random.integers(100, vocabulary, n), range(n), [0] * n, [0] * (n - 1) + [1]))
    for s in range(1, a.batch):
        lib.llama_memory_seq_cp(memory, 0, s, -1, -1)
    tokens = random.integers(100, vocabulary, (a.steps, a.batch))

    def run():
        for step in range(a.steps):
            decode(batch_of(tokens[step], [n + step] * a.batch, range(a.batch), [1] * a.batch))

    rates = []
    for _ in range(a.repeat + 1):
        for s in range(a.batch):
            lib.llama_memory_seq_rm(memory, s, n, -1)
        rates.append(timed(run, a.batch * a.steps))
    rates = rates[1:]
rates.sort()
print(json.dumps(dict(part="llama.cpp " + a.work, unit="tok/s", min=rates[0], median=rates[len(rates) // 2], max=rates[-1],
                      peak_rss_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)))
