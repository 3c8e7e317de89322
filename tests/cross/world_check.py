"""The small world against the reference's Python: the same oracle on the same replies, sound and broken ones.

    python tests/cross/world_check.py build/rlcd ../shared/peers/tinyworld [ROWS]

The reference writes a blank around every mark; our text is written as people write. Replies of the reference's grammar, half of them
broken word by word, are written in our form and scored by `rlcd world score`; replies of our corpus are written in the reference's
form and scored by its oracle. Score, tone, length, sentences and well-formed sentences must agree on every row.
"""
import json
import random
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
program, folder = sys.argv[1], sys.argv[2]
rows = int(sys.argv[3]) if len(sys.argv) > 3 else 6000
sys.path.insert(0, folder)
import world as reference  # noqa: E402


def attach(text):
    """The reference's form to ours."""
    text = re.sub(r" ([.,?:)])", r"\1", text)
    return re.sub(r"\( ", "(", text)


def space(text):
    """Our form to the reference's."""
    return " ".join(re.sub(r"([.,?:()])", r" \1 ", text).split())


def break_reply(r, text):
    """One to three accidents that a model could have."""
    words = text.split()
    for _ in range(r.randint(1, 3)):
        if not words:
            break
        kind, at = r.randrange(8), r.randrange(len(words))
        if kind == 0:
            del words[at]
        elif kind == 1:
            words[at] = r.choice(words)
        elif kind == 2:
            words[at] = r.choice(VOCABULARY)
        elif kind == 3:
            words = words[:at]
        elif kind == 4:
            words.insert(at, r.choice(VOCABULARY))
        elif kind == 5:
            words = words + words[at:]
        elif kind == 6 and words[-1] == ".":
            words.pop()
        else:
            sentences = re.findall(r"[^.]+\.", " ".join(words))
            r.shuffle(sentences)
            words = " ".join(sentences).split()
    return " ".join(words)


VOCABULARY = [w for w in reference.Tokenizer(reference.Knobs()).words if w.strip() and w != "<eos>" and w not in "()"]
REQUESTS = [(task, re.compile("^" + re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(ask)) + "$"))
            for task, asks in reference.ASK.items() for ask in asks]


def find_topic(request):
    for task, form in REQUESTS:
        match = form.match(request)
        if match and match.groupdict() in reference.all_topics(task):
            return task, match.groupdict()
    raise ValueError(request)


def score_ours(made):
    """Rows of (prompt, reply) through the program."""
    with tempfile.TemporaryDirectory() as place:
        source, out = place + "/rows.jsonl", place + "/oracle.jsonl"
        with open(source, "w") as f:
            for prompt, reply in made:
                f.write(json.dumps({"prompt": prompt, "reply": reply}) + "\n")
        subprocess.run([program, "world", "score", source, "--out", out], check=True, stdout=subprocess.DEVNULL)
        return [json.loads(line)["reply"] for line in open(out)]


def compare(name, made, wanted):
    """The figures of both sides, row by row."""
    differing = 0
    for (prompt, reply), ours, theirs in zip(made, score_ours(made), wanted):
        same = (abs(ours["score"] - theirs["score"]) < 1e-12 and abs(ours["tone"] - theirs["tone"]) < 1e-12
                and ours["words"] == theirs["len"] and ours["sentences"] == theirs["n"]
                and ours["well_formed"] == round(theirs["ok"] * theirs["n"]))
        if not same and differing < 5:
            print("differs:", repr(prompt), repr(reply), ours, theirs)
        differing += not same
    formed = sum(t["n"] and t["ok"] == 1 for t in wanted)
    print(f"{name}: {len(made)} replies, {formed} of them wholly well-formed, {differing} differ")
    return differing


def reference_rows():
    r, knobs, made, wanted = random.Random(1), reference.Knobs(), [], []
    for i in range(rows):
        task = r.choice(list(reference.TASKS))
        topic = r.choice(reference.all_topics(task))
        reply = reference.draw(r, knobs, task, topic, r.choice([-1, 0, 1]))
        if i % 2:
            reply = break_reply(r, reply)
        request = attach(r.choice(reference.ASK[task]).format(**topic))
        made.append((f"\n\nHuman: {request}\n\nAssistant:", " " + attach(reply)))
        wanted.append(reference.oracle(task, topic, reply))
    return made, wanted


def our_rows():
    made, wanted = [], []
    with tempfile.TemporaryDirectory() as place:
        path = place + "/corpus.jsonl"
        subprocess.run([program, "world", "corpus", "--documents", str(rows), "--p-judge", "0", "--p-closing", "0", "--seed", "7",
                        "--out", path], check=True, stdout=subprocess.DEVNULL)
        for line in open(path):
            text = json.loads(line)["text"]
            head, human, rest = text.rpartition("\n\nHuman: ")
            request, _, answer = rest.partition("\n\nAssistant")
            reply = answer[answer.index(":") + 1:]
            task, topic = find_topic(space(request))
            made.append((head + human + request + "\n\nAssistant:", reply))
            wanted.append(reference.oracle(task, topic, space(reply)))
            if wanted[-1]["ok"] != 1:
                print("ours is not well-formed for the reference:", repr(text))
    return made, wanted


bad = compare("replies of the reference", *reference_rows()) + compare("replies of our corpus", *our_rows())
sys.exit(bad != 0)
