"""Golden values of tools/stats.c, tools/judge_compare.c, tools/self_bleu.c: `python make_stats.py` in tests/golden writes stats.json.

Needs numpy, statsmodels and nltk. Kappa and its standard error are statsmodels' cohens_kappa, the regression its GLM with HC0 errors,
the quantiles of the bootstrap numpy's, over places drawn by Philox4x32-10 as tensor/base/rng.h says, written anew here. Self-BLEU is the
mean of nltk's sentence_bleu (method 1 of its smoothing) of each text against all others, texts without words left out.
"""
import hashlib
import json
import struct

import numpy
import statsmodels.api as sm
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.proportion import proportion_confint


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k[1], p0 & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c[0]


def bootstrap(x, replicates, seed):
    key = struct.unpack("<2I", hashlib.sha256(struct.pack("<Q", seed) + b"judge.bootstrap").digest()[:8])
    n = len(x)
    means = []
    for r in range(replicates):
        places = [philox((r, 0, i, 0), key) * n >> 32 for i in range(n)]
        means.append(numpy.mean([x[p] for p in places]))
    return [float(v) for v in numpy.quantile(means, [0.025, 0.975])]


def kappas(table):
    out = {"table": [int(v) for row in table for v in row], "K": len(table), "kappa": [], "error": []}
    for kind in (None, "linear", "quadratic"):
        r = cohens_kappa(numpy.array(table), wt=kind)
        out["kappa"].append(float(r.kappa))
        out["error"].append(float(r.std_kappa))
    return out


def regression(x, y):
    r = sm.GLM(numpy.array(y), sm.add_constant(numpy.array(x)), family=sm.families.Binomial()).fit(cov_type="HC0", tol=1e-14, maxiter=200)
    return {"x": x, "y": y, "weights": [float(v) for v in r.params], "errors": [float(v) for v in r.bse]}


def self_bleu(texts, order):
    smooth = SmoothingFunction().method1
    words = [t.split() for t in texts if t]
    values = [sentence_bleu(words[:i] + words[i + 1:], words[i], [1 / order] * order, smooth) for i in range(len(words))]
    return float(numpy.mean(values))


def comparison(n, replicates, seed):
    """A judge who likes length, asked about n pairs in both orders: what `rlcd judge compare` must say."""
    a, b = draw.integers(5, 200, n), draw.integers(5, 150, n)
    lean = 0.6 + 0.012 * (a - b) + draw.normal(0, 1, n)
    wins = []
    for i in range(n):
        for place in (0.5, -0.5):
            x = lean[i] + place + draw.normal(0, 0.3)
            wins.append(0.5 if abs(x) < 0.3 else float(x > 0))
    value = [(wins[2 * i] + wins[2 * i + 1]) / 2 for i in range(n)]
    apart = (a - b).astype(float)
    fit = regression(numpy.tanh(apart / apart.std(ddof=1)).tolist(), value)
    theta, error = fit["weights"][0], fit["errors"][0]
    logistic = lambda x: float(1 / (1 + numpy.exp(-x)))  # noqa: E731
    consistent = sum(wins[2 * i] == wins[2 * i + 1] for i in range(n))
    return {"a": a.tolist(), "b": b.tolist(), "wins": wins, "replicates": replicates, "seed": seed, "win_rate": float(numpy.mean(value)),
            "interval": bootstrap(value, replicates, seed), "controlled": logistic(theta),
            "controlled_interval": [logistic(theta - 1.959963984540054 * error), logistic(theta + 1.959963984540054 * error)],
            "length_effect": fit["weights"][1], "consistent": consistent,
            "swap_interval": [float(v) for v in proportion_confint(consistent, n, method="wilson")]}


draw = numpy.random.default_rng(1)
five = draw.integers(0, 9, (5, 5)) + numpy.diag([6, 3, 9, 2, 5])
eight = draw.integers(0, 3, (8, 8)) + numpy.diag([2, 1, 4, 0, 3, 2, 1, 6])
# Hours of study and whether the examination was passed: the textbook's twenty students (1.5046 and -4.0777).
hours = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 1.75, 2, 2.25, 2.5, 2.75, 3, 3.25, 3.5, 4, 4.25, 4.5, 4.75, 5, 5.5]
passed = [0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1]
apart = [float(v) for v in numpy.round(numpy.tanh(draw.normal(0, 1, 90)), 6)]
shares = [float(v) for v in draw.choice([0, 0.25, 0.5, 0.75, 1], 90, p=[0.2, 0.1, 0.2, 0.2, 0.3])]
outcomes = [float(v) for v in draw.choice([0, 0.5, 1], 61, p=[0.3, 0.2, 0.5])]
TEXTS = ["the cat sat on the mat and looked at me", "the cat sat on the mat", "a dog sat on the mat and looked at the cat",
         "please do not do it , it is wrong .", "please do not do it .", "no", "", "the the the the the the the the",
         "the cat sat on the mat and looked at me", "do it , please , it is the cat"]
quantiles = [3.25, -1.0, 4.5, 0.0, 7.75, 7.75, 2.5]
golden = {
    "kappa": [kappas([[75, 1, 4], [5, 4, 1], [0, 0, 10]]), kappas([[20, 5], [10, 15]]), kappas(five.tolist()), kappas(eight.tolist())],
    "logistic": [regression(hours, [float(v) for v in passed]), regression(apart, shares)],
    "bootstrap": [{"x": outcomes, "replicates": r, "seed": s, "interval": bootstrap(outcomes, r, s)} for r, s in ((1000, 0), (200, 7))],
    "quantile": {"x": sorted(quantiles), "p": [0, 0.025, 0.3, 0.5, 0.975, 1],
                 "value": [float(v) for v in numpy.quantile(quantiles, [0, 0.025, 0.3, 0.5, 0.975, 1])]},
    "compare": comparison(57, 400, 5),
    "self_bleu": {"texts": TEXTS, "order": [1, 2, 3, 4], "value": [self_bleu(TEXTS, n) for n in (1, 2, 3, 4)]},
}
with open("stats.json", "w") as file:
    json.dump(golden, file)
    file.write("\n")
