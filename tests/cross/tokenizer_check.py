"""Compares our tokenizer with the `tokenizers` library: same ids, same text back, over HH dialogues and random Unicode.

usage: python tests/cross/tokenizer_check.py HF_DIR [COUNT] [SEED]        (from the root of the repository)

HF_DIR holds SmolLM2's tokenizer.json; RLCD_SHARED the GGUF and the dialogues. COUNT random texts (default 10,000). Models:
SmolLM2 from tokenizer.json and from the GGUF, the four small ones of tests/golden, and the same four written as GGUF.
Exit 0 when nothing differs. Ends with the speed of both on the dialogues, one thread."""
import gzip
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
import gguf  # noqa: E402
import numpy  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import tokenizer_texts  # noqa: E402

hf = pathlib.Path(sys.argv[1])
count = int(sys.argv[2]) if len(sys.argv) > 2 else 10000
seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
shared = pathlib.Path(os.environ["RLCD_SHARED"])
folder = tempfile.TemporaryDirectory()
work = pathlib.Path(folder.name)
driver = work / "tokenizer_driver"
subprocess.run(["make", "-s", "build/librlcd.a"], check=True)
subprocess.run(["cc", "-std=c11", "-O2", "-I.", "-D_GNU_SOURCE", "-o", driver, "tests/cross/tokenizer_driver.c",
                "build/librlcd.a", "-lm", "-pthread"], check=True)


def records(texts):
    return b"".join(struct.pack("<I", len(b)) + b for b in (t.encode() for t in texts))


def ours(model, texts):
    """(ids or None, decoded bytes or the refusal) of each text."""
    out = subprocess.run([driver, model], input=records(texts), stdout=subprocess.PIPE, check=True).stdout
    at, answers = 0, []
    for _ in texts:
        n, = struct.unpack_from("<i", out, at)
        ids = list(struct.unpack_from(f"<{max(n, 0)}i", out, at + 4))
        at += 4 + 4 * len(ids)
        size, = struct.unpack_from("<I", out, at)
        answers.append((ids if n >= 0 else None, out[at + 4:at + 4 + size]))
        at += 4 + size
    assert at == len(out)
    return answers


def written_gguf(name):
    """A small tokenizer as a GGUF with the pre-tokeniser's name; only possible where all added tokens are special."""
    data = json.loads(pathlib.Path(f"tests/golden/tokenizer_{name}.json").read_text(encoding="utf-8"))
    vocab = dict(data["model"]["vocab"])
    types = {}
    for token in data["added_tokens"]:
        vocab[token["content"]] = token["id"]
        types[token["id"]] = gguf.TokenType.CONTROL if token["special"] else gguf.TokenType.USER_DEFINED
    tokens = sorted(vocab, key=vocab.get)
    path = str(work / f"{name}.gguf")
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre({"gpt2": "gpt-2", "llama3": "llama-bpe"}.get(name, name))
    writer.add_token_list(tokens)
    writer.add_token_types([types.get(i, gguf.TokenType.NORMAL) for i in range(len(tokens))])
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in data["model"]["merges"]])
    writer.add_tensor("token_embd.weight", numpy.zeros((1, 32), dtype=numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def missing_bytes(tokenizer):
    """Bytes of valid UTF-8 that the vocabulary has no token for: the library drops them, we refuse."""
    direct = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {b: chr(b) for b in direct}
    for k, b in enumerate(b for b in range(256) if b not in letters):
        letters[b] = chr(256 + k)
    return {b for b in range(256) if tokenizer.token_to_id(letters[b]) is None}


def compare(label, model, reference, texts, exact):
    """`exact`: no added token takes white space, so that decoding gives the text itself, else what the library decodes."""
    missing = missing_bytes(reference)
    differ = refused = 0
    for text, (ids, back) in zip(texts, ours(model, texts)):
        raw = text.encode()
        lost = [i for i, b in enumerate(raw) if b in missing]
        expected = reference.encode(text, add_special_tokens=False).ids
        if lost:
            refused += 1
            good = ids is None and back.decode().startswith(f"text, byte {lost[0]}: ")
        else:
            good = ids == expected and back == (raw if exact else reference.decode(expected, skip_special_tokens=False).encode())
        if not good:
            differ += 1
            if differ <= 5:
                print(f"  {label}: {text!r}\n    ours    {ids} {back!r}\n    library {expected}")
    print(f"{label}: {len(texts)} texts, {differ} differ, {refused} hold bytes without a token and are refused", flush=True)
    return differ


dialogues = []
for line in gzip.open(shared / "data/hh-harmless-dev.jsonl.gz", "rt", encoding="utf-8"):
    row = json.loads(line)
    dialogues += [row["chosen"], row["rejected"]]
texts = tokenizer_texts.random_texts(seed, count)
real = Tokenizer.from_file(str(hf / "tokenizer.json"))
gguf_path = str(shared / "models/smollm2-135m-instruct.Q4_1.gguf")
total = 0
for label, model in (("SmolLM2 tokenizer.json", str(hf)), ("SmolLM2 GGUF", gguf_path)):
    total += compare(label + ", dialogues", model, real, dialogues, True)
    total += compare(label + ", random", model, real, texts, True)
for name in ("gpt2", "smollm", "llama3", "qwen2"):
    path = f"tests/golden/tokenizer_{name}.json"
    small = Tokenizer.from_file(path)
    total += compare(f"small {name}, dialogues", path, small, dialogues[:200], name != "gpt2")
    total += compare(f"small {name}, random", path, small, texts, name != "gpt2")
    if name != "gpt2":
        total += compare(f"small {name} as GGUF, random", written_gguf(name), small, texts, True)

size = sum(len(t.encode()) for t in dialogues)
subprocess.run([driver, gguf_path, "--time"], input=records(dialogues), check=True)
begin = time.perf_counter()
for text in dialogues:
    real.encode(text, add_special_tokens=False)
print(f"tokenizers: {size / 1e6 / (time.perf_counter() - begin):.2f} MB/s one text a call")
begin = time.perf_counter()
real.encode_batch(dialogues, add_special_tokens=False)
print(f"tokenizers: {size / 1e6 / (time.perf_counter() - begin):.2f} MB/s in a batch, parallelism off")
sys.exit(total != 0)
