"""Opens the folder that `rlcd pretrain` wrote with transformers: the log-probabilities of `--text`'s tokens against a pass of ours
through one more step of pretraining at rate 0, whose loss is their mean; and the tokenizer's ids.

usage: python tests/cross/pretrain_check.py MODEL FILE.jsonl        (from the root of the repository)

MODEL: RUN/model. FILE: rows {"text": ...}, at most 40 of them are used. Exit 0 when the mean loss agrees to 1e-5 and all ids are equal."""
import json
import os
import subprocess
import sys
import tempfile

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

model_path, rows_path = sys.argv[1:3]
with open(rows_path, encoding="utf-8") as f:
    texts = [json.loads(line)["text"] for _, line in zip(range(40), f)]
model = AutoModelForCausalLM.from_pretrained(model_path, dtype=torch.float32)
tokenizer = AutoTokenizer.from_pretrained(model_path)
context = model.config.max_position_embeddings
total, count, different = 0.0, 0, 0
for text in texts:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    encode = ["build/rlcd", "tokenizer", "encode", "--model", model_path]
    ours = subprocess.run(encode, input=text.encode(), stdout=subprocess.PIPE, check=True)
    different += ids != [int(x) for x in ours.stdout.split()]
    ids = ids + [tokenizer.eos_token_id]
    assert len(ids) <= context + 1, "a document longer than the context"
    with torch.no_grad():
        logp = torch.log_softmax(model(torch.tensor([ids[:-1]])).logits[0].double(), -1)
    total -= sum(logp[t, ids[t + 1]].item() for t in range(len(ids) - 1))
    count += len(ids) - 1

with tempfile.TemporaryDirectory() as folder:
    rows, run = os.path.join(folder, "rows.jsonl"), os.path.join(folder, "run")
    with open(rows, "w", encoding="utf-8") as f:
        f.writelines(json.dumps({"text": text}) + "\n" for text in texts)
    subprocess.run(["build/rlcd", "pretrain", "--text", rows, "--model", model_path, "--tokens", "1", "--batch", "1000000", "--lr", "0",
                    "--out", run, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as f:
        loss = json.loads(f.readline())["loss"]
print(f"{count} tokens: transformers {total / count:.7f}, rlcd {loss:.7f}; {different} of {len(texts)} texts with other ids")
sys.exit(abs(total / count - loss) > 1e-5 * loss or different > 0)
