"""Random texts that are hard on tokenizers: mixed scripts, combining marks,
emoji, digits, white space, control characters, apostrophes, case changes,
special tokens, and (as bytes) what is not UTF-8."""
import random

SCRIPTS = [
    (0x41, 0x5A), (0x61, 0x7A), (0xC0, 0x24F), (0x370, 0x3FF), (0x400, 0x4FF), (0x530, 0x58F), (0x590, 0x5FF), (0x600, 0x6FF),
    (0x900, 0x97F), (0x980, 0x9FF), (0xE00, 0xE7F), (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1780, 0x17FF), (0x1E00, 0x1EFF),
    (0x1F00, 0x1FFF), (0x3040, 0x309F), (0x30A0, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xFF00, 0xFFEF), (0x1D400, 0x1D7FF),
    (0x20000, 0x2A6DF), (0x10400, 0x1044F), (0x1F000, 0x1FAFF), (0x2000, 0x206F), (0x20A0, 0x20CF), (0x2100, 0x214F), (0x2150, 0x218F),
    (0x2460, 0x24FF), (0x1C80, 0x1CBF), (0xA640, 0xA69F), (0xA720, 0xA7FF), (0x16100, 0x1613F), (0x11380, 0x113FF), (0x2C00, 0x2C7F),
]
MARKS = list(range(0x300, 0x370)) + list(range(0x610, 0x61B)) + list(range(0x64B, 0x660)) + [0x93C, 0x94D, 0x9BC, 0x9D7, 0xE31, 0x20DD, 0x1AB0, 0x1DC0, 0x11930, 0x345, 0x334, 0x8D3, 0x1DF6, 0xFE0F, 0x200D, 0x1F3FB]
SPACES = [" ", " ", " ", "  ", "   ", "\n", "\n\n", "\r\n", "\r", "\t", " \t", "\u00a0", "\u3000", "\u2028", "\x85", "\x0b", "\x0c", "\u2003", " \n ", "\u200b", "\ufeff", "\u1680"]
CONTRACTIONS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'LL", "'Ve", "'", "''", "\u2019s", "'\u017f", "'x", "n't", "'L"]
PUNCT = list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") + ["...", "::", "->", "//", "/*", "¿", "。", "、", "！", "«", "—", "‘", "€", "°", "§", "✓", "▁", "▁▁", "��"]
NUMBERS = ["0", "7", "12", "345", "1234", "99999", "1234567", "3.14", "1,000", "٣٤", "१२३", "Ⅷ", "²", "½", "①", "𝟙", "1e9", "0x1F"]
WORDS = "the of Hello WORLD camelCase HTTPServer naïve Straße İstanbul ǅungla façade Ａpple ﬁne Åse don't y'all I'll they've привет мир Ελλάδα ΣΊΣΥΦΟΣ 你好 世界 日本語 カタカナ 안녕 하세요 สวัสดี नमस्ते مرحبا שלום cafe\u0301 e\u0301a\u0308 \u1100\u1161\u11a8 für int64_t __init__ foo_bar x=y http://a.b/c?d=e&f self.assertEqual".split(" ")
EMOJI = ["😀", "👨‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪", "❤️", "🦙", "©", "™", "1️⃣"]
CONTROL = [chr(c) for c in list(range(0, 32)) + [0x7F, 0x80, 0x9F, 0xAD, 0x200E, 0x202E, 0x2060, 0xE000, 0xFFF9, 0xFFFD, 0xFFFF, 0x10FFFF, 0x378, 0xE0041]]
SPECIAL = ["<s>", "</s>", "<unk>", "<|endoftext|>", "<|im_start|>", "<think>", "<|assistant|>", "<|end|>", "<|pad|>", " <|end|> ", "single", " single ", "<0x41>", "<0xE4>"]
BROKEN = [b"\xff", b"\xfe", b"\x80", b"\xc3", b"\xe4\xbd", b"\xf0\x9f\x98", b"\xf0\x9f", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf8\x88\x80\x80\x80", b"\xe2\x96", b"\xf4\x90\x80\x80"]


def char(r):
    while True:
        k = r.random()
        if k < 0.85:
            c = r.randint(*r.choice(SCRIPTS))
        else:
            c = r.randrange(0x110000)
        if not 0xD800 <= c <= 0xDFFF:
            return chr(c)


def piece(r):
    k = r.random()
    if k < 0.25:
        return r.choice(WORDS)
    if k < 0.45:
        return r.choice(SPACES)
    if k < 0.53:
        return r.choice(PUNCT)
    if k < 0.60:
        return r.choice(NUMBERS)
    if k < 0.66:
        return r.choice(CONTRACTIONS)
    if k < 0.70:
        return r.choice(EMOJI)
    if k < 0.74:
        return chr(r.choice(MARKS))
    if k < 0.77:
        return r.choice(CONTROL)
    if k < 0.79:
        return r.choice(SPECIAL)
    if k < 0.81:
        return r.choice(["a", "A", " ", "\n", "0", "é", "你", "-", "\t", "▁"]) * r.randint(2, 70)
    if k < 0.92:
        lo, hi = r.choice(SCRIPTS)
        return "".join(chr(r.randint(lo, hi)) for _ in range(r.randint(1, 9)))
    return char(r)


def text(r):
    return "".join(piece(r) for _ in range(r.randint(1, 24)))


def raw(r):
    """bytes, one in five not UTF-8"""
    b = text(r).encode("utf-8")
    if r.random() < 0.2:
        for _ in range(r.randint(1, 4)):
            at = r.randint(0, len(b))
            b = b[:at] + r.choice(BROKEN) + b[at:]
    return b


def corpus(n, seed):
    r = random.Random(seed)
    return [raw(r) for _ in range(n)]
