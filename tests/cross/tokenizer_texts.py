"""Texts that are hard to tokenise, drawn from a seed; used by tokenizer_check.py and tests/golden/make_tokenizer.py."""
import random

SPACES = [chr(c) for c in (9, 10, 11, 12, 13, 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)]
NOT_SPACES = [chr(c) for c in (0x180E, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x1C, 0x1F, 0x00)]
CONTRACTIONS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'RE", "'Ve", "'lL", "'ſ", "’s", "'", "''s", "'l", "'r", "'L", "'ſs"]
DIGITS = [chr(base + k) for base in (0x30, 0x660, 0x6F0, 0x966, 0xE50, 0xFF10, 0x1D7CE, 0x10D40, 0x11DE0) for k in range(10)]
NUMBERS = list("²³¹¼½¾٣Ⅷⅻↁ①⑳❿㈠㊿〇〇") + [chr(c) for c in (0x10107, 0x1F100, 0x16FF4, 0x9F4, 0xBF0, 0x2CFD, 0x10140)]
MARKS = [chr(c) for c in (0x300, 0x301, 0x308, 0x323, 0x5B4, 0x64B, 0x93F, 0x94D, 0xE31, 0x20DD, 0x20E3, 0xFE0F, 0xE0100, 0x1F3FD)]
EMOJI = ["😀", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "❤️", "1️⃣", "☺", "🏴\U000e0067\U000e0062\U000e007f"]
WORDS = ["the", "Hello", "world", "don", "können", "Straße", "naïve", "été", "привет", "Ελλάδα", "שלום", "مرحبا", "नमस्ते", "ไทย",
         "日本語", "中文", "한국어", "ひらがな", "カタカナ", "ქართული", "አማርኛ", "ǅ", "ʰ", "ª", "º", "𐐷", "𝒜", "ﬁ", "İ", "ß", "K", "ſ",
         "Human:", "Assistant:", "e.g.", "x_1", "HTTP", "iPhone", "\U00020000", "\u1c89", "\U000323b0"]
SIGNS = list("!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~¡¿«»“”„–—…·•€£¥§©®™°±×÷→∞≠√∑、。「」！？") + ["...", "--", "?!", "://", "/*", "```"]
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>", "<|im_", "<|", "|>", "<|im_end", "<|endoftext|", "<mask>", "<pad>",
           "foo", "foo bar", "foo bar baz", "<filename", "<empty_output>"]
CONTROLS = [chr(c) for c in (*range(0, 9), *range(14, 32), 0x7F, *range(0x80, 0xA0), 0xAD, 0x202E, 0xFFFD, 0xFFFE, 0x10FFFF, 0xE000)]


def any_character(draw):
    """A code point of any plane, surrogates apart, the lower planes more often."""
    top = draw.choice((0x800, 0x3000, 0x10000, 0x20000, 0x110000))
    while True:
        c = draw.randrange(top)
        if not 0xD800 <= c < 0xE000:
            return chr(c)


def part(draw):
    kind = draw.randrange(14)
    pick = draw.choice
    if kind <= 2:
        return pick(("", " ", " ")) + pick(WORDS)
    if kind == 3:
        return pick(WORDS) + pick(CONTRACTIONS) + pick(("", "x", " ", "é"))
    if kind == 4:
        return "".join(pick(SPACES) for _ in range(draw.randrange(1, 5)))
    if kind == 5:
        return pick((" ", "  ", "\n", "\n\n", "\r\n", " \n", "\n ", "\t", "   ")) * draw.randrange(1, 3)
    if kind == 6:
        return pick(("", " ")) + "".join(pick(DIGITS) for _ in range(draw.randrange(1, 6)))
    if kind == 7:
        return pick(NUMBERS) + pick(("", pick(NUMBERS), pick(DIGITS)))
    if kind == 8:
        return pick(WORDS) + pick(MARKS) * draw.randrange(1, 3) + pick(("", pick(WORDS)))
    if kind == 9:
        return pick(EMOJI) + pick(("", " ", pick(EMOJI)))
    if kind == 10:
        return pick(("", " ")) + "".join(pick(SIGNS) for _ in range(draw.randrange(1, 4))) + pick(("", "\n", "\r\n\n"))
    if kind == 11:
        return pick(("", " ", "  ", "\n")) + pick(SPECIAL) + pick(("", " ", "\t ", "x"))
    if kind == 12:
        return pick((pick(CONTROLS), pick(NOT_SPACES), pick(CONTRACTIONS)))
    return "".join(any_character(draw) for _ in range(draw.randrange(1, 5)))


def random_text(draw):
    return "".join(part(draw) for _ in range(draw.randrange(1, 13)))


def random_texts(seed, count):
    draw = random.Random(seed)
    return [random_text(draw) for _ in range(count)]
