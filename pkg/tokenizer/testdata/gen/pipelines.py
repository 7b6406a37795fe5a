"""The pipelines of the named models, as their tokenizer.json files have them."""

CONTR = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
TAIL = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = CONTR + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + TAIL
QWEN2 = CONTR + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*" + TAIL
QWEN35 = CONTR + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*" + TAIL
UP = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
LOW = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
O200K = UP + CONTR + "?|" + LOW + CONTR + r"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + TAIL
TEKKEN = UP + "|" + LOW + r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + TAIL
CL100K = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
V3 = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"
).replace('\\"', '"') + TAIL
# code points, since editors normalise some of these characters
LLM_RANGES = (
    "41-5a 61-7a b5 c0-d6 d8-f6 f8-1ba 1bc-1bf 1c4-293 295-2af 370-373 376 377 37b-37d 37f 386 388-38a 38c 38e-3a1 "
    "3a3-3f5 3f7-481 48a-52f 531-556 10a0-10c5 13a0-13f5 13f8-13fd 1c90-1cba 1cbd-1cbf 1d00-1d2b 1d6b-1d77 1d79-1d9a "
    "1e00-1f15 1f18-1f1d 1f20-1f45 1f48-1f4d 1f50-1f57 1f59 1f5b 1f5d 1f5f-1f7d 1f80-1fb4 1fb6-1fbc 1fbe 1fc2-1fc4 "
    "1fc6-1fcc 1fd0-1fd3 1fd6-1fdb 1fe0-1fec 1ff2-1ff4 1ff6-1ffc 2102 2107 210a-2113 2115 2119-211d 2124 2126 2128 "
    "212a-212d 212f-2134 2139 213c-213f 2145-2149 214e 2183 2184 2c00-2c7b 2c7e-2ce4 2ceb-2cee 2cf2 2cf3 a640-a66d "
    "a680-a69b a722-a76f a771-a787 a78b-a78e ab70-abbf fb00-fb06 fb13-fb17 ff21-ff3a ff41-ff5a 10400-1044f "
    "104b0-104d3 104d8-104fb 10c80-10cb2 10cc0-10cf2 118a0-118df 1e900-1e943"
)
LLM_LETTERS = r"\s?[" + "".join("-".join(chr(int(c, 16)) for c in r.split("-")) for r in LLM_RANGES.split()) + "]+"
LLM_PUNCT = r"\s?[!-/:-~！-／：-～‘-‟　-。]+"
CJK = "[一-龥ࠀ-一가-퟿]+"
CJK_V3 = "[一-龥぀-ゟ゠-ヿ]+"


def split(rx, behavior="Isolated", invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: rx}, "behavior": behavior, "invert": invert}


def seq(key, *steps):
    return {"type": "Sequence", key: list(steps)}


def pre(*steps):
    return seq("pretokenizers", *steps)


def byte_level(use_regex, prefix=False):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": False, "use_regex": use_regex}


def digits(individual):
    return {"type": "Digits", "individual_digits": individual}


NFC = {"type": "NFC"}
BYTES = byte_level(False)
BYTE_DECODER = byte_level(True)


def bl(pre_tokenizer, normalizer=None, **model):
    return {"kind": "byte", "normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "decoder": BYTE_DECODER, "model": model}


def replace(a, b):
    return {"type": "Replace", "pattern": {"String": a}, "content": b}


SPM_DECODER = seq("decoders", replace("▁", " "), {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0})
PLAIN_DECODER = seq("decoders", replace("▁", " "), {"type": "ByteFallback"}, {"type": "Fuse"})
PREPEND = {"type": "Prepend", "prepend": "▁"}


def metaspace(scheme, split_):
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split_}


def spm(normalizer, pre_tokenizer, decoder, added=None, **model):
    m = {"byte_fallback": True, "fuse_unk": True, "unk_token": "<unk>"}
    m.update(model)
    return {"kind": "spm", "normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "decoder": decoder, "model": m, "added": added}


PIPELINES = {
    "gpt2": bl(BYTE_DECODER),
    "gpt2-prefix": bl(byte_level(True, True)),
    "llama3": bl(pre(split(LLAMA3), BYTES), ignore_merges=True),
    "cl100k": bl(pre(split(CL100K), BYTES)),
    "qwen2": bl(pre(split(QWEN2), BYTES), NFC),
    "qwen35": bl(pre(split(QWEN35), BYTES), NFC),
    "o200k": bl(pre(split(O200K), BYTES)),
    "tekken": bl(pre(split(TEKKEN), BYTES), ignore_merges=True),
    "deepseek-llm": bl(pre(split("[\r\n]"), split(LLM_LETTERS), split(LLM_PUNCT), split(r"\s+$"), split(CJK), digits(True), BYTES)),
    "deepseek-coder": bl(pre(split("[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"), split(CJK), digits(True), BYTES)),
    "deepseek-v3": bl(pre(split(r"\p{N}{1,3}"), split(CJK_V3), split(V3), BYTES)),
    "falcon": bl(pre({"type": "Punctuation", "behavior": "Contiguous"}, BYTE_DECODER, digits(False), split("[0-9][0-9][0-9]"))),
    "starcoder": bl(pre(digits(True), BYTE_DECODER)),
    "regex": bl(pre(split(r"\d{1,3}(?=(?:\d{3})*\b)|\p{Lu}?\p{Ll}+|[^\s\p{L}]+(?=\s)"), BYTES)),
    "behaviors": bl(pre(split(" ", "MergedWithNext", False, "String"), split(r"\p{P}", "MergedWithPrevious"), split(r"\p{N}", "Contiguous"), split(r"\p{Lu}", "Removed"), BYTES)),
    "norms": bl(
        pre({"type": "Punctuation", "behavior": "Isolated"}, BYTE_DECODER),
        seq("normalizers", {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"}, {"type": "Strip", "strip_left": True, "strip_right": True}, replace("a", "bb")),
    ),
    "nfkc": bl(BYTE_DECODER, {"type": "NFKC"}),
    "nfd": bl(BYTE_DECODER, {"type": "NFD"}),
    "bytes-norm": {
        "kind": "byte", "normalizer": {"type": "ByteLevel"}, "pre_tokenizer": pre({"type": "WhitespaceSplit"}, {"type": "Whitespace"}),
        "decoder": BYTE_DECODER, "model": {},
    },
    "llama2": spm(seq("normalizers", PREPEND, replace(" ", "▁")), None, SPM_DECODER),
    "gemma": spm(replace(" ", "▁"), split(" ", "MergedWithPrevious", False, "String"), PLAIN_DECODER),
    "phi3": spm(
        seq("normalizers", PREPEND, replace(" ", "▁")), None, SPM_DECODER,
        added=[("<|assistant|>", dict(special=True, rstrip=True)), ("<|end|>", dict(special=True, rstrip=True)), ("<|pad|>", dict(special=True, lstrip=True)), ("<think>", dict(special=False))],
    ),
    "metaspace-first": spm(None, metaspace("first", False), {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}),
    "metaspace-split": spm(None, metaspace("always", True), {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}),
    "unk": spm(seq("normalizers", PREPEND, replace(" ", "▁")), None, PLAIN_DECODER, byte_fallback=False, fuse_unk=True),
    "unk-apart": spm(None, pre({"type": "Whitespace"}), PLAIN_DECODER, byte_fallback=False, fuse_unk=False),
}
