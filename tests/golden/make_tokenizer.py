"""Writes tests/golden/tokenizer_{gpt2,smollm,llama3,qwen2}.json, a small tokenizer for each pre-tokeniser, and
tokenizer_golden.json, the ids that the `tokenizers` library gives for some 300 texts under each and under SmolLM2's.

usage: python tests/golden/make_tokenizer.py RLCD_SHARED HF_DIR       (HF_DIR: folder with SmolLM2's tokenizer.json)

Training text: the first 150 dialogues of HH harmless (MIT) and the words of tests/cross/tokenizer_texts.py."""
import gzip
import json
import pathlib
import random
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "cross"))
import tokenizer_texts as texts  # noqa: E402

shared, hf = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


def split(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated", False),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
rules = {"gpt2": byte_level, "smollm": pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level]),
         "llama3": split(LLAMA3), "qwen2": split(QWEN2)}

rows = [json.loads(line) for line in gzip.open(shared / "data/hh-harmless-dev.jsonl.gz", "rt", encoding="utf-8")]
corpus = [row["chosen"] for row in rows[:150]]
corpus += ["  ".join(" " + word + mark for mark in ("", "'s", "\n\n", " 12", " 1234", "\t\t")) for word in texts.WORDS] * 8
corpus += texts.EMOJI * 20


def train(name):
    tokenizer = Tokenizer(models.BPE(ignore_merges=name == "llama3"))
    tokenizer.pre_tokenizer = rules[name]
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=600, special_tokens=special, show_progress=False,
                                                              initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    if name == "gpt2":
        # Every kind of added token: white space on either side, normalised or not, one the beginning of another.
        tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False),
                                      AddedToken("<pad>", rstrip=True, normalized=False)])
        tokenizer.add_tokens([AddedToken("foo", normalized=True), AddedToken("foo bar", normalized=True),
                              AddedToken("bar b", normalized=False), AddedToken("Ġx", normalized=False)])
    data = json.loads(tokenizer.to_str())
    if name == "gpt2":
        data["model"]["merges"] = [" ".join(pair) for pair in data["model"]["merges"]]
    if name == "llama3":
        # ignore_merges shows only where a token cannot be reached by merges.
        reachable = {a + b for a, b in data["model"]["merges"]}
        gone = sorted(t for t in ("Ġthe", "Ġthat", "you") if t in reachable)
        assert gone
        data["model"]["merges"] = [pair for pair in data["model"]["merges"] if "".join(pair) not in gone]
        users = {token for token in data["model"]["vocab"] if token not in gone}
        data["model"]["merges"] = [pair for pair in data["model"]["merges"] if pair[0] in users and pair[1] in users]
    path = here / f"tokenizer_{name}.json"
    path.write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    return Tokenizer.from_file(str(path))


def sentence(text):
    """The first sentence of the first turn, short."""
    return text.replace("\n\nHuman: ", "", 1).split(". ")[0].split("\n\n")[0][:70]


draw = random.Random(7)
golden = ["", " ", "  ", "\n", "a", " a", "a ", "a  b", "a   1", "it's", "IT'S", "I'LL I'll we'Ve", "12345", " 12345 6", "1st 2nd", "½²Ⅷ1",
          "e\u0301", "\u0301", "a\u0301\u0301b", "\r\n\r\n", " \n \n x", "x\n\n\ny", "x!\n\n", "x !\r\ny", "<|im_end|>", "a<|im_end|>b",
          "<|im_start|>user\nHi<|im_end|>\n", "<|im_end|><|im_end|>", "<|im_<|im_end|>", " <mask>  <pad>  x", "foo bar", "foo bar b", "Ġx",
          "ends in spaces   ", "\t\tcode();\n    return 1;\n", "don't can't won't", "'S'ſ'T", "日本語のテキスト", "ไทย ภาษา", "नमस्ते दुनिया",
          "שלום עולם", "\u200b\u200d\ufeff", "\u2028\u2029\u3000x", "a\u0085b\u00a0c", "\x04", "a\x00b", "\U00040000",
          "𝟘𝟙𝟚 𐵀", "\U00011de0\U00011de1"]
golden += [sentence(row["chosen"]) for row in rows[150:270]]
golden += ["".join(texts.part(draw) for _ in range(4)) for _ in range(130)]

out = {"texts": golden}
real = Tokenizer.from_file(str(hf / "tokenizer.json"))
# SmolLM2 has no token for these bytes, and the library drops them: expected to be refused, written null.
missing = {4, 6, 0x13, 0x14, 0x16, 0x1D, 0xF1, 0xF2}
out["smollm2"] = [None if missing & set(t.encode()) else real.encode(t, add_special_tokens=False).ids for t in golden]
for name in rules:
    tokenizer = train(name)
    out[name] = [tokenizer.encode(t, add_special_tokens=False).ids for t in golden]
lines = ",\n".join(json.dumps(key) + ":[\n" + ",\n".join(json.dumps(v, separators=(",", ":")) for v in out[key]) + "\n]" for key in out)
(here / "tokenizer_golden.json").write_text("{\n" + lines + "\n}\n", encoding="utf-8")
print(len(golden), "texts,", sum(v is None for v in out["smollm2"]), "refused")
