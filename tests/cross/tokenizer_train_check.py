"""Trains tokenizers with `rlcd tokenizer train` and with the `tokenizers` library on the same texts: the same vocabulary and merges,
and the same ids for random strings.

usage: python tests/cross/tokenizer_train_check.py FILE... [--vocab N] [--strings N]        (from the root of the repository)

FILE: plain text, documents divided by blank lines. Exit 0 when nothing differs."""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import tokenizer_texts  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("files", nargs="+")
parser.add_argument("--vocab", type=int, default=3000)
parser.add_argument("--strings", type=int, default=300)
a = parser.parse_args()
folder = tempfile.TemporaryDirectory()
level = pre_tokenizers.ByteLevel
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def split(digits):
    pieces = pre_tokenizers.Split(Regex(LLAMA3 % digits), "isolated")
    return pre_tokenizers.Sequence([pieces, level(add_prefix_space=False, use_regex=False)])


RULES = {
    "gpt-2": level(add_prefix_space=False),
    "smollm": pre_tokenizers.Sequence([pre_tokenizers.Digits(True), level(add_prefix_space=False)]),
    "llama-bpe": split("{1,3}"),
    "qwen2": split(""),
}


def documents():
    for name in a.files:
        held = []
        with open(name, encoding="utf-8", newline="\n") as f:
            for line in list(f) + [""]:
                line = line.rstrip("\n").removesuffix("\r")
                if line:
                    held.append(line)
                elif held:
                    yield "\n".join(held)
                    held = []


def ours_encode(path, text):
    encode = ["build/rlcd", "tokenizer", "encode", "--tokenizer", path]
    out = subprocess.run(encode, input=text.encode(), stdout=subprocess.PIPE, check=True)
    return [int(x) for x in out.stdout.split()]


different = 0
for name, rule in RULES.items():
    theirs = Tokenizer(models.BPE())
    theirs.pre_tokenizer = rule
    begun = time.time()
    theirs.train_from_iterator(documents(), trainers.BpeTrainer(
        vocab_size=a.vocab, special_tokens=["<eos>"], initial_alphabet=level.alphabet(), show_progress=False))
    between = time.time()
    path = os.path.join(folder.name, name + ".json")
    texts = [x for f in a.files for x in ("--text", f)]
    subprocess.run(["build/rlcd", "tokenizer", "train", *texts, "--vocab", str(a.vocab), "--pretokenizer", name, "--out", path],
                   check=True, stdout=subprocess.DEVNULL)
    ended = time.time()
    want = json.loads(theirs.to_str())["model"]
    found = json.load(open(path, encoding="utf-8"))["model"]
    merges = [m if isinstance(m, str) else " ".join(m) for m in want["merges"]]
    same = want["vocab"] == found["vocab"] and merges == found["merges"]
    # The library reads our file, and both give the same ids.
    again = Tokenizer.from_file(path)
    wrong = 0
    for text in tokenizer_texts.random_texts(1, a.strings):
        wrong += again.encode(text, add_special_tokens=False).ids != ours_encode(path, text)
    print(f"{name}: {len(merges)} merges {'equal' if same else 'DIFFERENT'}, {wrong} of {a.strings} strings differ; "
          f"library {between - begun:.2f} s, rlcd {ended - between:.2f} s")
    different += (not same) + wrong
sys.exit(different > 0)
